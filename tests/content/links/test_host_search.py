"""Many hosts are found as a look for each of them would find them, and at the cost of a few."""

from __future__ import annotations

import re
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from urlrewrite.content.links.any_of import any_of
from urlrewrite.content.links.host_search import FEW, MAX_MARKS, HostSearch
from urlrewrite.content.links.names_left import NamesLeft, NamesSought

LABELS, DOMAINS = [b"a", b"b1", b"b12", b"shop", b"10"], [b"", b".lan", b".b.lan", b".corp.lan", b".0.0.7", b".a"]
PIECES = st.sampled_from([*LABELS, *DOMAINS, b".", b"-", b"/", b"x", b" ", b"\xc3\xbc", b"7"])
HOSTS = st.frozensets(st.tuples(st.sampled_from(LABELS), st.sampled_from(DOMAINS)).map(b"".join), min_size=1)
TEXTS = st.lists(PIECES, max_size=30).map(b"".join)


def one_of(hosts: frozenset[bytes]) -> bytes:
    return b"|".join(map(re.escape, sorted(hosts, key=len, reverse=True)))


@given(HOSTS, TEXTS, st.integers(0, 40), st.integers(0, 60))
def test_hosts_are_found_as_by_an_expression_for_each(
    hosts: frozenset[bytes], text: bytes, start: int, end: int
) -> None:
    search, each = HostSearch(hosts), re.compile(one_of(hosts))
    spans = [found.span() for found in each.finditer(text, start, end)]
    assert [found.span() for found in search.finditer(text, start, end)] == spans
    first = search.search(text, start, end)
    assert (first and first.span()) == (spans[0] if spans else None)
    assert search.occurs(text) == any(host in text for host in hosts)
    assert not search.occurs(text) or any(sign in text for sign in search.signs)


@given(HOSTS, TEXTS, st.lists(st.sampled_from([b"shop.lan.example", b"b1.a", b"www"])))
def test_names_are_left_where_an_expression_for_each_finds_them(
    hosts: frozenset[bytes], text: bytes, public: list[bytes]
) -> None:
    sought = frozenset(host for host in hosts if not any(host in name for name in public))
    each = re.compile(rb"(?<![\w.-])(?:%b)(?![\w-]|\.\w)" % one_of(sought), re.IGNORECASE) if sought else None
    left = NamesLeft(NamesSought(hosts, public))
    left.look(text, final=True)
    assert left.count == (len(each.findall(text)) if each and any(host in text for host in sought) else 0)


KINDS = {
    "numbers": [b"srv%d.corp.example" % number for number in range(1000)],
    "words": [
        b"%b%b%d.corp.example" % (first, second, number)
        for first, second, number in product([b"shop", b"wiki", b"mail", b"docs"], [b"", b"-eu", b"-us"], range(100))
    ],
    "addresses": [b"10.%d.0.%d" % (number % 8, number) for number in range(1000)],
    "domains": [b"www.%d.%b.example" % (number, b"abcdefgh"[number % 8 :][:1]) for number in range(1000)],
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_is_searched_for_a_thousand_hosts_by_a_few_marks(kind: str) -> None:
    search = HostSearch(frozenset(KINDS[kind]))
    assert len(search.hosts) > FEW
    assert 0 < len(search.signs) <= MAX_MARKS
    assert not search.occurs(b"An ordinary page with words. " * 100)
    assert all(map(search.occurs, KINDS[kind]))


def test_an_expression_for_numbered_hosts_does_not_grow_with_them() -> None:
    assert len(any_of(KINDS["numbers"], exact=True)) < 200
