"""What becomes of a request: it is forwarded, answered by a response of our own, or its connection is closed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from html import escape
from http import HTTPStatus

from urlrewrite.content.links.link_map import LinkMap, Pair
from urlrewrite.engine.decision import Decision, Outcome
from urlrewrite.fields.forwarding import MAPPED_BACK
from urlrewrite.model.farms import (
    DEFAULT_CONNECTIONS,
    DEFAULT_TIMEOUTS,
    DEFAULT_TLS,
    BackendTls,
    Connections,
    Farm,
    Server,
    Timeouts,
)
from urlrewrite.model.field_lines import FieldLine, FieldLines
from urlrewrite.model.origin import Origin


@dataclass(frozen=True, slots=True)
class Forward:
    """A request as it is forwarded to a backend.

    `connect` is the host and port to dial, None if they are the origin's own. `host` goes into Host or :authority,
    `target` is path and query. `fields` are all field lines, the client's Host line among them.
    """

    origin: Origin
    connect: tuple[str, int] | None
    host: str
    target: str
    fields: FieldLines
    timeouts: Timeouts = DEFAULT_TIMEOUTS
    """How long the backend is waited for."""

    tls: BackendTls = DEFAULT_TLS
    """How TLS to the backend is made; that to servers of a farm is the farm's."""

    connections: Connections = DEFAULT_CONNECTIONS
    """How connections to the backend are shared."""

    farm: Farm | None = None
    """The server farm that `origin` names; see `at`."""

    keep_alive: bool = True
    """Whether the connection may serve a further request."""

    def at(self, server: Server) -> Forward:
        """Return the request as it goes to a server of its farm.

        Its origin has the server's own name, which is the one for TLS. Where the client's host is not kept and no rule
        set another, it goes into Host, and the farm's name in the query and in fields that were mapped back becomes it.
        """
        origin = server.origin(self.origin.scheme)
        connect = server.address, origin.port
        if self.host != self.origin.authority:
            return replace(self, origin=origin, connect=connect)
        by_server = LinkMap([Pair(self.origin, origin)]).map_text
        fields = tuple(
            (name, by_server(value) if name.lower() in MAPPED_BACK and self.origin.host in value else value)
            for name, value in self.fields
        )
        path, mark, query = self.target.partition("?")
        if self.origin.host in query:
            query = by_server(query)
        target = path + mark + query
        return replace(self, origin=origin, connect=connect, host=origin.authority, target=target, fields=fields)

    @property
    def url(self) -> str:
        """The absolute URL at the backend."""
        return f"{self.origin}{self.target}"


@dataclass(frozen=True, slots=True)
class LocalResponse:
    """A response of our own. `sub_status` is IIS's number after the status (500.52), for the trace and the log.

    `is_error` says that it is an error that no rule asked for: the site's page for the status may take its place.
    """

    status: int
    fields: FieldLines = ()
    body: bytes = b""
    reason: str = ""
    sub_status: int = 0
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class Abort:
    """The connection is to be closed without a response."""


def reason_phrase(status: int) -> str:
    """Give the usual reason phrase of a status code; "" for one that is not registered."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _on_the_wire(reason: str) -> str:
    """Give a reason phrase as HTTP/1 can carry it (RFC 9112, 4): one line, and ? for what is not Latin-1."""
    return " ".join(reason.encode("latin-1", "replace").decode("latin-1").split())


def plain_response(status: int, text: str, trace_id: str = "") -> LocalResponse:
    """Make an error: a short text for a person, with the id under which the proxy keeps the trace."""
    trace = f"Trace id: {trace_id}\n" if trace_id else ""
    phrase = reason_phrase(status)
    body = f"{status} {phrase}\n\n{text}\n{trace}".encode()
    fields = _fields("text/plain", body, ("Cache-Control", "no-store"))
    return LocalResponse(status, fields, body, phrase, is_error=True)


def iis_response(code: str, message: str, trace_id: str = "", error_code: int = 0) -> LocalResponse:
    """Make IIS's error for a code such as "500.52", on a page like IIS's; `error_code` is Windows's, 0 for none."""
    status, _, sub_status = code.partition(".")
    phrase = _IIS_PHRASES.get(code) or reason_phrase(int(status))
    return replace(_iis_page(int(status), int(sub_status or 0), phrase, message, trace_id, error_code), is_error=True)


_REWRITE_ERROR = "URL Rewrite Module Error."
_IIS_PHRASES = {
    "500.19": "Internal Server Error",
    "500.50": _REWRITE_ERROR,
    "500.51": _REWRITE_ERROR,
    "500.52": _REWRITE_ERROR,
    "500.53": _REWRITE_ERROR,
}
_REQUEST_FILTERING = "RequestFilteringModule"
_IIS_MODULES = {
    "403.4": "IIS Web Core",
    "403.5": "IIS Web Core",
    "403.6": "IpRestrictionModule",
    **{f"404.{number}": _REQUEST_FILTERING for number in (5, 6, 7, 8, 10, 11, 12, 13, 14, 15, 18, 19)},
}
_IIS_NOTIFICATIONS = {
    **dict.fromkeys(_IIS_MODULES, "BeginRequest"),
    "500.19": "BeginRequest",
    "500.50": "BeginRequest",
    "500.51": "GlobalPreBeginRequest",
    "500.52": "SendResponse",
    "500.53": "ReleaseRequestState",
    "502.3": "ExecuteRequestHandler",
    "502.4": "ExecuteRequestHandler",
}


def _iis_page(
    status: int, sub_status: int, phrase: str, message: str, trace_id: str, error_code: int = 0
) -> LocalResponse:
    """Make an error page with the heading of IIS's, "HTTP Error 500.52 - URL Rewrite Module Error."."""
    code = f"{status}.{sub_status}"
    rows = [
        ("Module", "RewriteModule" if phrase == _REWRITE_ERROR else _IIS_MODULES.get(code, "")),
        ("Notification", _IIS_NOTIFICATIONS.get(code, "")),
        # An HRESULT of Windows, as IIS writes it.
        ("Error code", f"0x{0x80070000 | error_code:08x}" if error_code else ""),
        ("Trace id", trace_id),
    ]
    lines = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        f"<title>{escape(f'{code} - {phrase}')}</title>",
        f"<h1>HTTP Error {escape(f'{code} - {phrase}')}</h1>",
        f"<p>{escape(message)}</p>",
        "<table>",
        *(f"<tr><th>{name}</th><td>{escape(value)}</td></tr>" for name, value in rows if value),
        "</table>",
        "</html>",
        "",
    ]
    body = "\n".join(lines).encode("utf-8", "replace")
    fields = _fields("text/html", body, ("Cache-Control", "no-store"))
    return LocalResponse(status, fields, body, _on_the_wire(phrase), sub_status)


def decided_response(decision: Decision, *, iis: bool = False, trace_id: str = "") -> LocalResponse:
    """Make the response that a Redirect or CustomResponse action asks for; in mode iis, errors on a page like IIS's."""
    more: FieldLines = ()
    if decision.outcome is Outcome.REDIRECT:
        more = (("Location", decision.location),)
        text, reason = f"{decision.status} {decision.location}\n", reason_phrase(decision.status)
    else:
        reason = _on_the_wire(decision.reason) or reason_phrase(decision.status)
        if iis and decision.status >= 400:
            return _iis_page(decision.status, decision.sub_status, reason, decision.description, trace_id)
        sub_status = f".{decision.sub_status}" if decision.sub_status else ""
        text = f"{decision.description or f'{decision.status}{sub_status} {reason}'}\n"
    body = b"" if decision.status in (204, 304) else text.encode("utf-8", "replace")
    return LocalResponse(decision.status, _fields("text/plain", body, *more), body, reason, decision.sub_status)


def _fields(media_type: str, body: bytes, *more: FieldLine) -> FieldLines:
    """Give the fields of a response of our own; `more` stands between Content-Type and Content-Length."""
    return ("Content-Type", f"{media_type}; charset=utf-8"), *more, ("Content-Length", str(len(body)))
