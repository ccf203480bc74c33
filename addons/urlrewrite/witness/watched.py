"""The pages that are watched, and what was said of them: a bounded memory, which no sender of reports can outgrow.

A report counts where its address names a page that was given out, and the same client sends it from that page's own
origin, or from none, as a sandboxed page does. How many statements a page, and how many posts a client may make is
bounded; the oldest pages are forgotten first.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from urlrewrite.witness.statements import Statement, Subject

MAX_PAGES = 500
MAX_OF_PAGE = 200
"""Statements of one page that are kept."""

POSTS = 60
"""Posts that one page may make within `SECONDS`."""

SECONDS = 60.0

ROOT = "/.well-known/mitm-urlrewrite/"


class Refusal(StrEnum):
    """Why a report does not count."""

    ADDRESS = "address"
    """Its address was not given out in this run, or was forgotten."""
    CLIENT = "client"
    """Another client got the page."""
    ORIGIN = "origin"
    """Another site's page sent it."""
    RATE = "rate"
    """The page has made too many posts."""


@dataclass(slots=True)
class _Page:
    client: str
    origins: frozenset[str]
    said: dict[Statement, None] = field(default_factory=dict)
    since: float = 0.0
    posts: int = 0
    why_not: str = ""


class Watched:
    """What browsers said of pages, by the ids of the pages' traces.

    `key` is a secret of this run, of letters and digits; `clock` tells the time in seconds, and never goes back.
    """

    def __init__(self, key: str, clock: Callable[[], float]) -> None:
        self._key = key
        self._clock = clock
        self._pages: OrderedDict[str, _Page] = OrderedDict()
        self.refused: dict[Refusal, int] = dict.fromkeys(Refusal, 0)

    @property
    def root(self) -> str:
        """The path below which everything is for the collector."""
        return f"{ROOT}{self._key}/"

    def watch(self, trace_id: str, client: str, *origins: str) -> str:
        """Note that a client gets a page, and return the path that it reports to.

        `origins` are those that its browser may take it for: another proxy may have taken the TLS away.
        """
        self._keep(trace_id, _Page(client, frozenset(origins), since=self._clock()))
        return f"{self.root}{trace_id}"

    def leave(self, trace_id: str, why: str) -> None:
        """Note that a page is left as it is, though its client is to be watched."""
        self._keep(trace_id, _Page("", frozenset(), why_not=why))

    def left(self) -> Mapping[str, str]:
        """Return why pages were left as they are, by the ids of their traces."""
        return {trace_id: page.why_not for trace_id, page in self._pages.items() if page.why_not}

    def is_ours(self, path: str) -> bool:
        """Say whether a path is the collector's, in this run or another one: such a request is for no backend."""
        return path.startswith(ROOT)

    def judge(self, path: str, client: str, origin: str) -> Refusal | None:
        """Count a post, and say why it is refused; `origin` is its field Origin, "" where it has none."""
        page = self._pages.get(self._named(path))
        refusal = Refusal.ADDRESS if page is None else self._refusal(page, client, origin)
        if refusal:
            self.refused[refusal] += 1
        return refusal

    def add(self, path: str, statements: list[Statement]) -> None:
        """Keep what a page says that was not refused."""
        page = self._pages.get(self._named(path))
        if page is None:
            return
        _add(page, statements)

    def tell(self, trace_id: str, statements: list[Statement]) -> None:
        """Keep what is said of a page by somebody who is trusted, be it watched or not."""
        page = self._pages.get(trace_id)
        if page is None:
            self._keep(trace_id, page := _Page("", frozenset()))
        _add(page, statements)

    def said(self) -> Mapping[str, tuple[Statement, ...]]:
        """Return what was said, by the ids of traces; a page that said nothing yet has no entry."""
        return {trace_id: tuple(page.said) for trace_id, page in self._pages.items() if page.said}

    def _keep(self, trace_id: str, page: _Page) -> None:
        self._pages[trace_id] = page
        while len(self._pages) > MAX_PAGES:
            self._pages.popitem(last=False)

    def _named(self, path: str) -> str:
        path = path.partition("?")[0]
        return path.removeprefix(self.root) if path.startswith(self.root) else ""

    def _refusal(self, page: _Page, client: str, origin: str) -> Refusal | None:
        if client != page.client:
            return Refusal.CLIENT
        if origin not in ("", "null") and origin not in page.origins:
            return Refusal.ORIGIN
        now = self._clock()
        if now - page.since > SECONDS:
            page.since, page.posts = now, 0
        page.posts += 1
        return Refusal.RATE if page.posts > POSTS else None


def _add(page: _Page, statements: list[Statement]) -> None:
    for each in statements:
        if len(page.said) < MAX_OF_PAGE:
            page.said.setdefault(each)


def has_loaded(said: tuple[Statement, ...]) -> bool:
    """Say whether the page told that it was loaded to its end."""
    return any(each.subject is Subject.COOKIES for each in said)
