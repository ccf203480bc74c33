"""Tells browsers that they may ask over HTTP/3, by the field Alt-Svc (RFC 7838), where `urlrewrite_alt_svc` says so.

No browser does before. It is not the backend's to say, whose field is removed or gets the port of the listener from
mitmproxy. Ours is put in where the head leaves for the client, and names the port that the client used: it may be
another than the listener's, behind a firewall or in a container.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mitmproxy import ctx, exceptions, http
from mitmproxy.addonmanager import Loader
from mitmproxy.net.http.url import parse_authority
from mitmproxy.proxy import events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import http as http_layer
from mitmproxy.proxy.layers.http._base import ReceiveHttp
from mitmproxy.proxy.layers.http._events import RequestHeaders, ResponseHeaders

_HTTPS_PORT = 443


class AltSvc:
    """Puts layers of clients in place that tell. To be registered between what puts others there and `Goaway`."""

    def __init__(self) -> None:
        self._put: dict[str, tuple[Any, Any]] = {}
        """Ours and what was there before, by name."""

    def load(self, loader: Loader) -> None:
        """Put ours in place, each made of the one that is there."""
        del loader
        for name in ("Http1Server", "Http2Server", "Http3Server"):
            before = getattr(http_layer, name)
            self._put[name] = _telling(before), before
            setattr(http_layer, name, self._put[name][0])

    def done(self) -> None:
        """Put back what was there, unless somebody has done so."""
        for name, (ours, before) in self._put.items():
            if getattr(http_layer, name) is ours:
                setattr(http_layer, name, before)

    def configure(self, updated: set[str]) -> None:
        """Check the option."""
        if "urlrewrite_alt_svc" in updated and ctx.options.urlrewrite_alt_svc < 0:
            raise exceptions.OptionsError(
                f"urlrewrite_alt_svc: got {ctx.options.urlrewrite_alt_svc}, expected a number of seconds, or 0"
            )


def _telling(base: Any) -> Any:  # whatever is in place
    class Telling(base):  # type: ignore[misc]
        public_port = _HTTPS_PORT
        """The port that the client used, as far as its last request tells."""

        def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
            if isinstance(event, ResponseHeaders) and event.response.status_code >= 200:
                told = _with_field(event.response, self.context, self.public_port)
                event = event if told is event.response else replace(event, response=told)
            done = super()._handle_event(event)
            return self._seen(done) if self.context.client.tls else done

        def _seen(self, done: layer.CommandGenerator[None]) -> layer.CommandGenerator[None]:
            for command in done:
                if isinstance(command, ReceiveHttp) and isinstance(command.event, RequestHeaders):
                    self.public_port = _port(command.event.request)
                yield command

    Telling.__name__ = base.__name__
    return Telling


def _port(request: http.Request) -> int:
    """Return the port that a client has in its address bar."""
    _, port = parse_authority(request.authority or request.headers.get("host", ""), check=False)
    return port or _HTTPS_PORT


def _with_field(response: http.Response, context: Context, port: int) -> http.Response:
    """Return the response as it goes to the client."""
    seconds = ctx.options.urlrewrite_alt_svc
    listens = context.client.proxy_mode.transport_protocol == "both"  # TCP and UDP
    if not (seconds and listens and context.client.tls and ctx.options.http3) or ctx.options.urlrewrite_worker:
        return response
    own = response.copy()
    own.headers["alt-svc"] = f'h3=":{port}"; ma={seconds}'
    return own
