"""The field that names, for a developer and nobody else, the flow of a response.

    X-Rewrite-Trace: "4f1c…"; rules="old articles"

The option `urlrewrite_trace_header` says who gets it: an address, a network, or whoever knows a secret. While it is
set, this field of requests is for us only: it is removed before any rule, any trace or the backend sees it. One that a
backend sends is removed, too, so that clients get ours or none.

Caches must not give one client's field to another. A cache that stands before this proxy makes all clients have its own
address, so for an address only the client's own cache matters. For a secret, a response that has the field gets `Vary:
X-Rewrite-Trace`, so that it is used again only for requests with the same secret; other responses do not get it, for a
cache that uses one of these where the secret is known does no harm. `Vary` does not help where a response makes a cache
update what it has stored for others: 304, 206 and responses to HEAD (RFC 9111, 3.4, 4.3.4 and 4.3.5). These never have
the field.

The value is an item of RFC 9651: the trace's id as a string, and as parameters the names of the rules that acted, each
percent-encoded and with commas between them, and as `more` how many did not fit. Of a response that streams, it names
the rules that have acted when its head is sent.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import quote
from weakref import WeakSet

from mitmproxy import ctx, exceptions, http

from urlrewrite.hooks.state import Live, State, Stream

FIELD = "X-Rewrite-Trace"
SECRET = "secret:"

_MAX_LENGTH = 1000
"""Characters of the names of rules; servers and browsers take 8 kB for all fields together."""

_PLAIN = " !#$&'()*+-./:;<=>?@[]^_`{|}~"
"""Characters beside letters and digits that a string of RFC 9651 may have; not `%`, `,`, `"` and the backslash."""


@dataclass(frozen=True, slots=True)
class Audience:
    """Who gets the field: clients of a network, or requests with a secret; one of them is None."""

    network: IPv4Network | IPv6Network | None = None
    secret: bytes | None = None

    def asks(self, client: str, fields: Iterable[bytes]) -> bool:
        """Say whether a request of the client at this address, with these lines of our field, gets the field."""
        if self.secret is not None:
            # Each line is compared, and all of it, so that the time it takes reveals nothing.
            return sum(hmac.compare_digest(field, self.secret) for field in fields) > 0
        try:
            address = ip_address(client.partition("%")[0])
        except ValueError:
            return False
        # A listener on all addresses sees clients of IPv4 as ::ffff:192.0.2.7.
        mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
        return self.network is not None and (mapped or address) in self.network


def parse_audience(text: str) -> Audience | None:
    """Parse the option; None where nobody gets the field.

    Raises:
        ValueError: it is neither an address nor a network nor a secret that a field can carry.
    """
    if not text:
        return None
    if text.startswith(SECRET):
        secret = text.removeprefix(SECRET)
        if not secret or not secret.isascii() or not secret.isprintable() or secret != secret.strip():
            # The text is not repeated: errors are logged.
            raise ValueError(f"got a secret that no field can carry, expected {SECRET} and visible ASCII characters")
        return Audience(secret=secret.encode())
    try:
        return Audience(network=ip_network(text, strict=False))
    except ValueError:
        raise ValueError(
            f"got {text!r}, expected an address (192.0.2.7), a network (192.0.2.0/24) or {SECRET}VALUE"
        ) from None


def field_value(trace_id: str, rules: Iterable[str]) -> str:
    """Return the field's value for the rules that have acted."""
    names = [quote(name, safe=_PLAIN, errors="backslashreplace") for name in rules]
    length = 0
    fitting = 0
    for name in names:
        length += len(name) + 1
        if length > _MAX_LENGTH:
            break
        fitting += 1
    value = f'"{trace_id}"; rules="{",".join(names[:fitting])}"'
    return f"{value}; more={len(names) - fitting}" if fitting < len(names) else value


class TraceAsked:
    """The addon that finds out who asks, and removes our field from requests. To be registered before `Inbound`.

    `flows` are those whose responses get the field.
    """

    def __init__(self) -> None:
        self.audience: Audience | None = None
        self.flows = WeakSet[http.HTTPFlow]()

    def configure(self, updated: set[str]) -> None:
        """Take the option.

        Raises:
            OptionsError: the option is invalid.
        """
        if "urlrewrite_trace_header" in updated:
            try:
                self.audience = parse_audience(ctx.options.urlrewrite_trace_header)
            except ValueError as error:
                raise exceptions.OptionsError(f"urlrewrite_trace_header: {error}") from error

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Remove the field, and remember whether it was the right one."""
        if self.audience is None or not (flow.live or flow.is_replay):
            return
        lines = [value for name, value in flow.request.headers.fields if name.lower() == FIELD.lower().encode()]
        flow.request.headers.pop(FIELD, None)
        if self.audience.asks(flow.client_conn.peername[0], lines):
            self.flows.add(flow)

    def request(self, flow: http.HTTPFlow) -> None:
        """Remove the field from the trailers, too."""
        if self.audience is not None and flow.live and flow.request.trailers:
            flow.request.trailers.pop(FIELD, None)


class TraceHeader:
    """The addon that adds the field. To be registered after `Outbound` and before the recorder."""

    def __init__(self, state: State, asked: TraceAsked) -> None:
        self._state = state
        self._asked = asked

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Put the field into a head that may be sent now, or once the body has been held long enough."""
        self._tell(flow)
        live = self._state.live.get(flow.id)
        if live and live.hold and self._asked.audience is not None:
            release = live.hold.release

            def release_and_tell(held: int) -> Stream:
                stream = release(held)
                self._tell(flow)
                return stream

            live.hold.release = release_and_tell

    def response(self, flow: http.HTTPFlow) -> None:
        """Put the field into a head that was kept until now, with the rules that have acted on the body."""
        if flow.response and not flow.response.stream:
            self._tell(flow)
        if self._asked.audience is not None and flow.live and flow.response and flow.response.trailers:
            flow.response.trailers.pop(FIELD, None)

    def _tell(self, flow: http.HTTPFlow) -> None:
        audience, response = self._asked.audience, flow.response
        if audience is None or response is None or not flow.live:
            return
        response.headers.pop(FIELD, None)
        live = self._state.live.get(flow.id)
        if live is None or flow not in self._asked.flows:
            return
        if audience.secret is not None and not _mark_varying(flow.request, response):
            return
        name = FIELD.lower() if flow.request.is_http2 or flow.request.is_http3 else FIELD
        response.headers[name] = _value(live)


def _mark_varying(request: http.Request, response: http.Response) -> bool:
    """Mark the response as dependent on the secret; say False where caches would use it for others all the same."""
    if response.status_code in (206, 304) or request.method == "HEAD":
        return False
    varies = [name.strip() for line in response.headers.get_all("vary") for name in line.split(",") if name.strip()]
    if "*" not in varies and FIELD.lower() not in map(str.lower, varies):
        response.headers["vary"] = ", ".join([*varies, FIELD])
    return True


def _value(live: Live) -> str:
    return field_value(live.exchange.trace.data["id"], live.exchange.acted)
