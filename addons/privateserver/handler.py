"""How the server responds over HTTP: methods, the check of Origin and Referer, validators, error pages."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Awaitable

from tornado.iostream import StreamClosedError
from tornado.web import HTTPError, RequestHandler

from privateserver.catalogue import HTML, ORIGIN, Page
from privateserver.markup import document, links

CHANGING = ("POST", "PUT", "PATCH", "DELETE")
PIECE = 16_384


def is_own(url: str) -> bool:
    """Say whether an Origin or a Referer names this server as it believes to be called."""
    return url == ORIGIN or url.startswith(ORIGIN + "/")


class PageHandler(RequestHandler):
    """What all handlers share. A subclass writes ``respond``, for HEAD as for GET: no body is sent then."""

    page: Page

    def initialize(self, page: Page) -> None:
        """Take the table's entry."""
        self.page = page

    def prepare(self) -> None:
        """Refuse other methods, and, as careful applications do, changes that other sites ask for."""
        method = str(self.request.method)
        if method not in (*self.page.methods, "HEAD"):
            self.set_header("Allow", ", ".join((*self.page.methods, "HEAD")))
            self.refuse(405)
            return
        # An echo changes nothing, and shall show the fields whatever they are.
        if method in CHANGING and not self.page.path.startswith("/echo"):
            for name in ("Origin", "Referer"):
                if not is_own(self.request.headers.get(name, ORIGIN)):
                    raise HTTPError(403, reason=f"{name} is not my own")

    def refuse(self, status: int) -> None:
        """Respond with an error page, and the fields set so far; tornado would drop them with an HTTPError."""
        self.set_status(status)
        self.write_error(status)

    @abstractmethod
    def respond(self) -> Awaitable[None] | None:
        """Write the response."""

    async def handle(self) -> None:
        """Respond, unless the client goes away meanwhile."""
        try:
            response = self.respond()
            if response is not None:
                await response
        except StreamClosedError:
            pass

    get = head = post = put = patch = delete = options = handle

    def compute_etag(self) -> str | None:
        """Compute no tag over the empty body of a response to HEAD, since only a GET would have the right one."""
        return super().compute_etag() if self._write_buffer else None

    def write_error(self, status_code: int, **kwargs: object) -> None:
        """Write an error page with links, as most applications do."""
        page = Page(
            path=self.page.path,
            title=f"{status_code} {self._reason}",
            problem="The backend refuses the request.",
            expect="The same status, with links to the public name.",
            serve=type(self),
        )
        self.set_header("Content-Type", HTML)
        self.finish(document(page, links()))


class Plain(PageHandler):
    """A page whose response is a function of the request."""

    async def respond(self) -> None:
        """Call the function and send what it return."""
        assert not isinstance(self.page.serve, type)
        reply = self.page.serve(self.page, self.request)
        self.set_status(reply.status or self.page.status)
        self.set_header("Content-Type", reply.content_type or self.page.content_type)
        for name, value in reply.headers:
            self.add_header(name, value)
        if self.get_status() == 200 and self.check_etag_header():
            self.set_status(304)
            return
        if reply.chunked:
            for start in range(0, len(reply.body), PIECE):
                self.write(reply.body[start : start + PIECE])
                await self.flush()
        elif reply.body:
            self.write(reply.body)


class Unknown(PageHandler):
    """Any path that is not in the table."""

    def initialize(self) -> None:  # type: ignore[override]
        """Take no entry of the table."""
        super().initialize(Page(path="", title="", problem="", expect="", serve=Unknown))

    def prepare(self) -> None:
        """Refuse, whatever the method."""
        raise HTTPError(404)
