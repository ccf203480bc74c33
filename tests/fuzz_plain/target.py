"""The way of the automaton through a page beside that of `re`: what they take, and what becomes of the page."""

from __future__ import annotations

import random
import re
from functools import cache
from typing import NamedTuple
from unittest import mock

from fuzz_plain.pages import all_cuts, chunkings, page
from urlrewrite.content.carriers import URL_ATTRIBUTES
from urlrewrite.content.changes import Links
from urlrewrite.content.html import markup, plain_linear
from urlrewrite.content.html.attributes import NAMES_NOT_LINKS
from urlrewrite.content.html.markup import Markup
from urlrewrite.content.html.plain_language import plain_language
from urlrewrite.content.kinds import Kind
from urlrewrite.content.links.link_map import LinkMap, Pair
from urlrewrite.model.origin import Origin

HERE, THERE = Origin("http", "privateserver", 8080), Origin("http", "10.0.0.7", 80)
LINK_MAP = LinkMap(
    [Pair(HERE, Origin("https", "www.example.com", 443)), Pair(THERE, Origin("https", "app.example.com", 8443))]
)
_MORE = [Pair(Origin("http", f"srv{n}.corp.lan", 80), Origin("https", f"s{n}.example", 443)) for n in range(5)]
MANY = LinkMap([*LINK_MAP.pairs, *_MORE])

_NEVER = frozenset({b"srcdoc", b"integrity", b"http-equiv"})
_LANGUAGES = ((NAMES_NOT_LINKS, False), (frozenset(URL_ATTRIBUTES), True))


class Outcome(NamedTuple):
    """A page as it is sent, and how many links were mapped in it."""

    body: bytes
    links: int


@cache
def _expressions() -> list[tuple[re.Pattern[bytes], plain_linear.Plain]]:
    found = []
    for names, are_links in _LANGUAGES:
        if made := plain_linear.automaton(names, are_links=are_links, never=_NEVER):
            language = plain_language(names, are_links=are_links, never=_NEVER)
            found.append((re.compile(language), made))
    return found


def check(rng: random.Random, *, every_cut: bool = False) -> int:
    """Makes a page, and compares; returns how many tokens it was made of."""
    data, tokens = page(rng)
    spans(data, rng)
    everywhere = rng.random() < 0.7
    link_map = MANY if rng.random() < 0.2 else LINK_MAP
    with mock.patch.object(markup, "automaton", lambda *args, **more: None):
        expected = rewritten([data], link_map, everywhere)
    for pieces in ([data], *(all_cuts(data) if every_cut else chunkings(data, rng))):
        found = rewritten(pieces, link_map, everywhere)
        assert found == expected, (pieces, found, expected)
    return tokens


def spans(data: bytes, rng: random.Random) -> None:
    """Compares what an expression takes from some places with what its automaton takes."""
    for position in (0, rng.randint(0, len(data)), data.find(b">", rng.randint(0, len(data))) + 1):
        for by_re, by_automaton in _expressions():
            taken, also = by_re.match(data, position), by_automaton.match(data, position)
            assert taken
            assert also
            assert taken.end() == also.end(), (data, position, taken.end(), also.end())


def rewritten(pieces: list[bytes], link_map: LinkMap, everywhere: bool) -> Outcome:
    count = 0

    def one(*change: object) -> None:
        nonlocal count
        count += 1

    def more(number: int) -> None:
        nonlocal count
        count += number

    document = Markup(Kind.HTML, Links(link_map, everywhere, one, more))
    body = b"".join([*map(document.feed, pieces), document.finish()])
    hosts = link_map.table.search
    if document.took_all_hosts(pieces[0] if len(pieces) == 1 else b"".join(pieces)):
        assert not hosts.occurs(body.lower()), (pieces, body)
    return Outcome(body, count)
