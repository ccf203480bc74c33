"""A flow with its trace as one file to attach to a ticket: a page of HTML without scripts, or HAR 1.2.

Secrets are masked wherever they were found (see `masking`), in the trace, too. Bodies are left out: what is secret in
them nobody can know. What rules changed in them stands in the trace.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from html import escape
from typing import Any
from urllib.parse import parse_qsl

from urlrewrite.engine.facts import ResponseFacts
from urlrewrite.inspector.masking import MASK, Mask
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.inspector.traces.report import render, summary
from urlrewrite.model.field_lines import FieldLines
from urlrewrite.trace.text import visible

_FORM = "1"
"""The version of what is written here, as HAR wants it of its creator."""

_KNOWN_AGAIN = 4
"""Characters of a secret that is masked wherever it stands: in a ticket a word too many is better than a secret."""

_SECRET_VARIABLES = ("HTTP_COOKIE", "HTTP_AUTHORIZATION", "HTTP_PROXY_AUTHORIZATION")
_SAID_OF_VARIABLES = frozenset({"event", "rule", "input", "pattern", "type", "match_type", "action"})
"""Keys of an event about a variable with a secret whose values are the rule's own."""

_STYLE = (
    "body{font:14px/1.5 system-ui,sans-serif;max-width:1100px;margin:24px auto;padding:0 16px;color-scheme:light dark}"
    "pre{white-space:pre-wrap;overflow-wrap:anywhere;border:1px solid #8884;padding:10px}"
    "table{border-collapse:collapse}caption,th,td{text-align:left}"
    "th,td{vertical-align:top;padding:2px 12px 2px 0;overflow-wrap:anywhere}"
    "caption{font-weight:600;padding-top:12px}"
)


class Shared:
    """One exchange, its secrets masked."""

    def __init__(self, exchange: RecordedExchange) -> None:
        self._exchange = exchange
        self._mask = mask = Mask(known_again=_KNOWN_AGAIN)
        request = exchange.request
        # All that is masked by its name comes first: what was found there is known in every other text.
        self.asked = _shown(mask.fields(request.fields))
        self.original = _shown(mask.fields(exchange.original.fields)) if exchange.original else ()
        self.answered = _shown(mask.fields(exchange.response.fields)) if exchange.response else ()
        mask.url(request.url)
        self.url = self._text(request.url)
        self.trace = self._masked(exchange.trace)

    def _text(self, text: str) -> str:
        return visible(self._mask.text(self._mask.url(text)))

    def _masked(self, value: Any) -> Any:
        match value:
            case str():
                return self._mask.text(self._mask.url(value))
            case Mapping():
                return {key: self._of_event(value, key, item) for key, item in value.items()}
            case list() | tuple():
                return [self._masked(item) for item in value]
        return value

    def _of_event(self, event: Mapping[Any, Any], key: Any, value: Any) -> Any:
        if (
            isinstance(value, str)
            and key in ("before", "after", "value")
            and isinstance(name := event.get("name"), str)
        ):
            return self._mask.text(self._mask.field(name, value))
        said = " ".join(each for each in event.values() if isinstance(each, str)).upper()
        if key not in _SAID_OF_VARIABLES and any(name in said for name in _SECRET_VARIABLES):
            return value if isinstance(value, bool | int | float | None) else MASK
        return self._masked(value)

    def as_html(self) -> str:
        """Return one page, which loads nothing and runs nothing."""
        request, response = self._exchange.request, self._exchange.response
        title = f"{visible(request.method)} {self.url} → {response.status if response else 'no response'}"
        parts = [
            f"<h1>{escape(title)}</h1>",
            f"<p>{escape(self._text(summary(self.trace)))}</p>",
            f"<p>{escape(_moment(self._exchange.began))} · secrets are masked as {MASK}, bodies are left out</p>",
            _table("Fields of the request", self.asked),
            _table("Fields of the backend's response", self.original),
            _table("Fields that the client got", self.answered),
            f"<h2>Trace</h2><pre>{escape(render(self.trace))}</pre>",
        ]
        return (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
            f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n<body>\n"
            + "\n".join(parts)
            + "\n</body></html>\n"
        )

    def as_har(self) -> dict[str, Any]:
        """Return the log of one entry; its key `_urlrewrite` has the trace, `_backend` the backend's response."""
        exchange = self._exchange
        milliseconds = round((exchange.seconds or 0) * 1000, 3)
        request = {
            "method": visible(exchange.request.method),
            "url": self.url,
            "httpVersion": visible(exchange.request.http_version),
            "cookies": [],
            "headers": _pairs(self.asked),
            "queryString": _pairs(parse_qsl(self.url.partition("?")[2], keep_blank_values=True)),
            "headersSize": -1,
            "bodySize": len(exchange.upload) if exchange.upload is not None else -1,
        }
        entry = {
            "startedDateTime": _moment(exchange.began),
            "time": milliseconds,
            "request": request,
            "response": _response(exchange.response, self.answered, exchange.response_body),
            "cache": {},
            "timings": {"send": 0, "wait": milliseconds, "receive": 0},
            "comment": f"secrets are masked as {MASK}, bodies are left out",
            "_backend": _response(exchange.original, self.original, exchange.original_body)
            if exchange.original
            else None,
            "_urlrewrite": render(self.trace).splitlines(),
        }
        return {
            "log": {
                "version": "1.2",
                "creator": {"name": "mitm-urlrewrite", "version": _FORM},
                "entries": [entry],
            }
        }


def _response(facts: ResponseFacts | None, fields: FieldLines, body: bytes | None) -> dict[str, Any]:
    named = {name.lower(): value for name, value in fields}
    return {
        "status": facts.status if facts else 0,
        "statusText": visible(facts.reason) if facts else "",
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _pairs(fields),
        "content": {"size": len(body or b""), "mimeType": named.get("content-type", "")},
        "redirectURL": named.get("location", ""),
        "headersSize": -1,
        "bodySize": len(body) if body is not None else -1,
    }


def _shown(fields: FieldLines) -> FieldLines:
    return tuple((visible(name), visible(value)) for name, value in fields)


def _pairs(pairs: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in pairs]


def _moment(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC).isoformat()


def _table(caption: str, fields: FieldLines) -> str:
    rows = "".join(f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>' for name, value in fields)
    return f"<table><caption>{caption}</caption>{rows}</table>" if rows else ""
