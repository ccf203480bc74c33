"""Page loads: a document, the redirects that led to it, and what it loaded, put together from single exchanges.

A proxy sees requests, not pages. What belongs together follows from what browsers say (Sec-Fetch-Dest, Referer), and
where they do not say it, from the URLs that a page names and from time. Only exchanges of one client are put together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from urlrewrite.content.canonical_url import canonical_url
from urlrewrite.inspector.diagnose.page_references import body_text, is_html, references
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.model.field_lines import field_values
from urlrewrite.model.origin import origin_of

NEAR = 30.0
"""Seconds after the last exchange of a page load within which one without a Referer may belong to it."""

MAX_IN_A_LOAD = 1000

MAX_READ = 4 * 2**20
"""Bytes of documents, the newest first, that are read to learn which URLs they name: that takes a second or two. What
the others loaded is put to them by Referer and time alone.
"""

_DOCUMENTS = frozenset({"document", "iframe", "frame", "fencedframe"})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(slots=True)
class PageLoad:
    """A document and what came with it, each in the order of the requests.

    `redirects` led to the document; where they lead in a circle, the document is the last of them. A frame is both in
    the `resources` of the page that shows it and a page load of its own.
    """

    document: RecordedExchange
    redirects: list[RecordedExchange] = field(default_factory=list)
    resources: list[RecordedExchange] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The URL in the browser's address bar."""
        return self.document.request.url

    @property
    def first(self) -> RecordedExchange:
        """The exchange that began it."""
        return self.redirects[0] if self.redirects else self.document

    @property
    def all(self) -> list[RecordedExchange]:
        """Every exchange of it."""
        return [*self.redirects, self.document, *self.resources]

    def holds(self, flow_id: str) -> bool:
        """Say whether an exchange belongs to this page load, by the id of its flow or trace."""
        return any(flow_id in (exchange.flow_id, exchange.trace.get("id")) for exchange in self.all)


def page_loads(exchanges: Iterable[RecordedExchange]) -> list[PageLoad]:
    """Return the page loads in some exchanges, the newest first. The exchanges may come in any order."""
    ordered = sorted(exchanges, key=lambda one: one.began)
    gathering = _Gathering(_readable(ordered))
    for each in ordered:
        gathering.take(each)
    return gathering.loads[::-1]


def _readable(ordered: Sequence[RecordedExchange]) -> frozenset[int]:
    """Return the ids (as of `id`) of the newest exchanges whose bodies are together within `MAX_READ`."""
    left = MAX_READ
    found = set()
    for exchange in reversed(ordered):
        if is_html(exchange.response, exchange.response_body):
            left -= len(exchange.response_body or b"")
            if left < 0:
                break
            found.add(id(exchange))
    return frozenset(found)


def destination(exchange: RecordedExchange) -> str:
    """Return the destination that a browser declares (Fetch Metadata): "document", "script", ...; "" where it
    declares none.
    """
    return request_field(exchange, "sec-fetch-dest").lower()


def request_field(exchange: RecordedExchange, name: str) -> str:
    """Return the first value of a field of the request, "" without one."""
    return next(iter(field_values(exchange.request.fields, name)), "").strip()


def response_field(exchange: RecordedExchange, name: str) -> str:
    """Return the first value of a field of the response that the client got, "" without one."""
    return next(iter(field_values(exchange.response.fields, name)), "").strip() if exchange.response else ""


def is_websocket(exchange: RecordedExchange) -> bool:
    """Say whether it is a request for a WebSocket."""
    return request_field(exchange, "upgrade").lower() == "websocket" or destination(exchange) == "websocket"


def is_navigation(exchange: RecordedExchange) -> bool:
    """Say whether a browser requests a page, to show it in a window or frame."""
    if is_websocket(exchange):
        return False
    if stated := destination(exchange):
        return stated in _DOCUMENTS
    if request_field(exchange, "x-requested-with") or (
        request_field(exchange, "origin") and exchange.request.method == "GET"
    ):
        return False
    accept = request_field(exchange, "accept").lower()
    if "text/html" in accept:
        return True
    # Tools such as curl accept anything and follow no links: what responds with a page was requested as one.
    anything = accept in ("", "*/*") and not request_field(exchange, "referer")
    response = exchange.response
    # The pages of errors of this proxy are plain text.
    is_error = exchange.own and (exchange.status or 0) >= 500
    return anything and (
        response is None or is_error or is_redirect(exchange) or is_html(response, exchange.response_body)
    )


def is_redirect(exchange: RecordedExchange) -> bool:
    """Say whether the client was sent elsewhere."""
    return bool(exchange.response and exchange.response.status in _REDIRECTS and response_field(exchange, "location"))


def redirect_target(exchange: RecordedExchange) -> str:
    """Return the absolute URL that a redirect leads to, "" if the response is not a redirect."""
    return canonical_url(response_field(exchange, "location"), exchange.request.url) if is_redirect(exchange) else ""


def url_of(exchange: RecordedExchange) -> str:
    """Return the URL of a request, spelled so that equal ones compare equal."""
    return canonical_url(exchange.request.url, exchange.request.url)


class _Gathering:
    """The page loads found so far; it takes exchanges in order of time."""

    def __init__(self, readable: frozenset[int]) -> None:
        self.loads: list[PageLoad] = []
        self._readable = readable
        self._read = 0
        self._redirected: dict[tuple[str, str], tuple[PageLoad, bool]] = {}
        self._by_url: dict[tuple[str, str], PageLoad] = {}
        self._last: dict[str, list[PageLoad]] = {}
        self._when: dict[int, float] = {}
        self._named: dict[int, frozenset[str]] = {}

    def take(self, exchange: RecordedExchange) -> None:
        """Put one exchange where it belongs."""
        client, url = exchange.request.client[0], url_of(exchange)
        follows, of_document = self._redirected.pop((client, url), (None, False))
        if follows and exchange.began - self._when[id(follows)] > NEAR:
            follows = None
        if is_navigation(exchange):
            load = follows if follows and of_document else None
            if load:
                load.redirects.append(load.document)
                load.document = exchange
            else:
                self._frame_of(exchange, client)
                load = PageLoad(exchange)
                self.loads.append(load)
                self._last.setdefault(client, []).append(load)
            self._by_url[client, url] = load
            self._note(load, exchange, of_document=True)
            return
        load = follows or self._owner(exchange, client)
        if load is None:
            return
        if len(load.resources) < MAX_IN_A_LOAD:
            load.resources.append(exchange)
        # Style sheets and scripts load more, and are named as its Referer.
        self._by_url.setdefault((client, url), load)
        self._note(load, exchange, of_document=False)

    def _note(self, load: PageLoad, exchange: RecordedExchange, *, of_document: bool) -> None:
        self._when[id(load)] = exchange.began
        if target := redirect_target(exchange):
            self._redirected[exchange.request.client[0], target] = load, of_document

    def _frame_of(self, exchange: RecordedExchange, client: str) -> None:
        """Add a frame to the page that shows it, too."""
        if destination(exchange) in ("iframe", "frame") and (owner := self._owner(exchange, client)):
            owner.resources.append(exchange)

    def _owner(self, exchange: RecordedExchange, client: str) -> PageLoad | None:
        referer = request_field(exchange, "referer")
        named = self._by_url.get((client, canonical_url(referer, referer))) if referer else None
        if named:
            return named
        asked_from = _origin(referer or request_field(exchange, "origin"))
        near = [load for load in self._near(exchange, client) if asked_from in (None, _origin(load.url))]
        url = url_of(exchange)
        return next((load for load in near if url in self._names(load)), None) or next(iter(near), None)

    def _near(self, exchange: RecordedExchange, client: str) -> Iterator[PageLoad]:
        """Page loads of the client that may still be going on, the latest first."""
        for load in reversed(self._last.get(client, [])):
            if exchange.began - self._when[id(load)] > NEAR:
                return
            yield load

    def _names(self, load: PageLoad) -> frozenset[str]:
        """Return the URLs that the document of a page load names."""
        key = id(load.document)
        if key not in self._named:
            may = key in self._readable and self._read <= MAX_READ
            page = body_text(load.document.response, load.document.response_body) if may else None
            # A compressed one may be a thousand times as long as what was counted before.
            self._read += len(page or "")
            found = references(page, load.url) if page else []
            self._named[key] = frozenset(each.url for each in found)
        return self._named[key]


def _origin(url: str) -> str | None:
    scheme, mark, rest = url.partition("://")
    if not mark or scheme.lower() not in ("http", "https"):
        return None
    origin = origin_of(scheme, rest.partition("/")[0])
    return str(origin) if origin else None


def load_of(loads: Sequence[PageLoad], flow_id: str) -> PageLoad | None:
    """Return the page load that an exchange belongs to; that of its own if it is a document."""
    own = (load for load in loads if flow_id in (load.document.flow_id, load.document.trace.get("id")))
    return next(own, None) or next((load for load in loads if load.holds(flow_id)), None)
