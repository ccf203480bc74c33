"""The sections beside `<rewrite>` of one level, ready to run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from urlrewrite.engine.facts import RequestFacts
from urlrewrite.engine.web_server.access import AddressGuard, refused_without_tls
from urlrewrite.engine.web_server.answer import SectionAnswer
from urlrewrite.engine.web_server.handlers import HandlerGuard
from urlrewrite.engine.web_server.redirect import Redirect
from urlrewrite.engine.web_server.request_filtering import RequestFilter
from urlrewrite.model.web_server import NOTHING_SAID, IpSecurity, RequestFiltering, WebServer


@dataclass(frozen=True, slots=True, eq=False)
class CompiledWebServer:
    """What is in force at one level."""

    said: WebServer
    addresses: AddressGuard
    filter: RequestFilter
    redirect: Redirect
    handlers: HandlerGuard
    http_handlers: HandlerGuard

    def refused_without_tls(self, request: RequestFacts) -> SectionAnswer | None:
        """Refuse what does not come over TLS."""
        return refused_without_tls(self.said.access, request)

    def refused(self, request: RequestFacts, addresses: Iterable[str]) -> SectionAnswer | None:
        """Refuse a request for its client's `addresses`, or for what it is like."""
        return self.addresses.refused(addresses) or self.filter.refused(request)

    def refused_by_handler(self, method: str, path: str, deadline: float) -> SectionAnswer | None:
        """Refuse what a handler would get that only refuses; see `HandlerGuard.refused`."""
        own = self.handlers.refused(method, path, deadline)
        return own or self.http_handlers.refused(method, path, deadline)

    def looked_at(self) -> Iterator[tuple[str, str]]:
        """Yield the sections that look at every request, each with where it was said."""
        if self.said.ip_security != IpSecurity():
            yield "security/ipSecurity", str(self.said.ip_security.source)
        if self.said.request_filtering != RequestFiltering():
            yield "security/requestFiltering", str(self.said.request_filtering.source)


def compile_web_server(said: WebServer, redirect_directory: str) -> CompiledWebServer | None:
    """Make what is in force ready to run; None where nothing is.

    `redirect_directory` is where `<httpRedirect>` was said, decoded and without slashes at its ends.
    """
    if said == NOTHING_SAID:
        return None
    return CompiledWebServer(
        said,
        AddressGuard(said.ip_security),
        RequestFilter(said.request_filtering),
        Redirect(said.http_redirect, redirect_directory),
        HandlerGuard("handlers", said.handlers),
        HandlerGuard("system.web/httpHandlers", said.http_handlers),
    )
