"""Values that are replaced all at once become what they would become one by one, and none is left uncounted."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from urlrewrite.content.changes import AttributeRewrites, Shortcuts
from urlrewrite.content.html.markup_values import MarkupValues
from urlrewrite.content.kinds import Kind
from urlrewrite.content.links.any_of import any_of
from urlrewrite.content.mapping import rewrite_content

B = b"http://privateserver:8080/"
LINKS = Shortcuts(frozenset({B, b"/app/"}), frozenset({b"track"}), ((B, b"https://www.example.com/"), (b"/app/", b"/")))
OTHERS = Shortcuts(frozenset({b"/"}), frozenset(), ((b"/img/", b"/pictures/"), (b"/same/", b"/same/")))
WANTED = {
    b"a": frozenset({b"href"}),
    b"area": frozenset({b"href"}),
    b"img": frozenset({b"src", b"longdesc"}),
    b"script": frozenset({b"src"}),
    b"video": frozenset({b"poster", b"data-x"}),
}
KNOWN = {
    (b"a", b"href"): LINKS,
    (b"area", b"href"): LINKS,
    (b"img", b"src"): OTHERS,
    (b"img", b"longdesc"): LINKS,
    (b"script", b"src"): LINKS,
    (b"video", b"poster"): OTHERS,  # of data-x nothing is known
}
PRINTABLE = re.compile(rb"[ -~]*")

type Counts = Counter[tuple[int, bytes]]


def kind_of(tag: bytes, name: bytes, value: bytes) -> tuple[int, bytes]:
    known = KNOWN.get((tag, name))
    if known is None:
        return 0, b""
    found = (prefix for prefix, _ in known.prefixes if value.startswith(prefix) and PRINTABLE.fullmatch(value))
    return id(known), next(found, b"")


def by_rules(tag: bytes, name: bytes, value: bytes) -> bytes | None:
    """What rules do of which just that is known."""
    known = KNOWN.get((tag, name))
    if known is None:
        return value[::-1]
    lower = value.lower()
    for prefix, becomes in known.prefixes:
        if value.startswith(prefix) and PRINTABLE.fullmatch(value):
            return becomes + value[len(prefix) :]
    if not value.isascii() or lower.startswith(tuple(known.starts)) or any(part in lower for part in known.parts):
        return b'<rule\'s "work">' + value[2:]
    return None


class Run:
    """One pass over a page, with what was told and counted."""

    def __init__(self, page: bytes, *, known: bool, tell: int = 0, sizes: tuple[int, ...] = ()) -> None:
        self.counts: Counts = Counter()
        self.at_once = 0
        self.tell = tell
        values = AttributeRewrites(WANTED, self._on_value, KNOWN if known else {}, self._on_many, self._tells)
        if not sizes:
            self.page = rewrite_content(page, Kind.HTML, values=values)
            return
        rewriter = MarkupValues(Kind.HTML, values)
        pieces = []
        for size in sizes:
            pieces.append(rewriter.feed(page[:size]))
            page = page[size:]
        self.page = b"".join([*pieces, rewriter.feed(page), rewriter.finish()])

    def _on_value(self, tag: bytes, name: bytes, value: bytes) -> bytes | None:
        self.counts[kind_of(tag, name, value)] += 1
        self.tell -= 1
        return by_rules(tag, name, value)

    def _on_many(self, tag: bytes, name: bytes, prefix: bytes, number: int) -> None:
        self.counts[id(KNOWN[tag, name]), prefix] += number
        self.at_once += number

    def _tells(self, tag: bytes, name: bytes, prefix: bytes) -> bool:
        return self.tell > 0


PIECES = [
    *(b" ", b"\n", b"/", b">", b"<", b"=", b'"', b"'", b'="', b'" ', b"a", b"x=", b"<a ", b"<img ", b"</a>", b"</"),
    *(b" href=", b' HREF="', b' src="', b" src = ", b' longdesc="', b" href ", b' title="', b" poster='", b" data-x="),
    *(B, B.upper(), b"/app/", b"/img/", b"/IMG/", b"/same/", b"track", b"\xff", b"\x85", b"&quot;", b"\t", b"/x y"),
    *(b'<a href="' + B + b'x">', b"<A HREF=" + B + b">", b'<area href="/app/y" alt>', b"<a href='/app/y'>", b"<b c>"),
    *(b'<img alt="<" src="/img/1">', b'<img src="/img/1" longdesc="' + B + b'">', b'<img src="/same/" longdesc>'),
    *(b'<img class=c src="/img/2">', b"<a title=' href=\"" + B + b'\' href="/z">', b'<a id=i href = "/app/1">'),
    *(b'<video poster="/img/3">', b'<video data-x="/img/3">', b'<p>="/app/', b'<p q="/app/1">', b'href="' + B + b'"'),
    *(b"<script src='/app/'>", b"</script>", b"<!--", b"-->", b"<title>", b"</title>", b"<svg>", b"</svg>", b"<style>"),
]
SPELLINGS = st.sampled_from([b'%b="%b"', b'%b="%b"', b'%b="%b"', b"%b='%b'", b"%b=%b", b'%b = "%b"', b"%b %b"])
NAMES = st.sampled_from(b"href href HREF src longdesc poster data-x title id".split())
HEADS = st.sampled_from([b"", B, B, B.upper(), b"/app/", b"/img/", b"/same/", b"/", b"x", b"http:"])
TAILS = st.sampled_from(
    [b"", b"", b"y", b"track", b"TRACK", b"\xff", b"\n", b" ", b"a=b", B, b"'", b'"', b"<", b"&amp;"]
)
VALUES = st.tuples(HEADS, TAILS).map(b"".join)
ATTRIBUTES = st.tuples(SPELLINGS, NAMES, VALUES).map(lambda drawn: b" " + drawn[0] % drawn[1:])
TAGS = st.tuples(
    st.sampled_from(b"<a <A <img <area <video <p <b </a <script".split()),
    st.lists(ATTRIBUTES, max_size=3).map(b"".join),
    st.sampled_from([b">", b">", b">", b"/>", b" >", b"", b">text"]),
).map(b"".join)
PAGES = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=24).map(b"".join), st.lists(TAGS, max_size=12).map(b"".join)
)


@settings(max_examples=600)
@given(PAGES, st.sampled_from([0, 1, 3, 99]))
def test_same_as_one_by_one(page: bytes, tell: int) -> None:
    quick, slow = Run(page, known=True, tell=tell), Run(page, known=False)
    assert quick.page == slow.page
    assert +quick.counts == slow.counts


@given(PAGES, st.lists(st.integers(1, 40), min_size=1, max_size=6).map(tuple))
def test_same_in_chunks(page: bytes, sizes: tuple[int, ...]) -> None:
    in_chunks, whole = Run(page, known=True, sizes=sizes), Run(page, known=False)
    assert in_chunks.page == whole.page
    assert +in_chunks.counts == whole.counts


AT_ONCE = [
    # (page, how many values are counted without being looked at by themselves)
    (b'<a href="' + B + b'x"><a class=c href="/y"><a HREF="/z" id="i">', 3),
    (b"<a href='/y'><a href=/y><a href>", 2),
    (b'<img src="/img/1"><area href="/app/1">', 2),
    (b'<img src="/IMG/1">', 0),
    (b'<a href="HTTP://privateserver:8080/x">', 0),
    (b"<a href='" + B + b"x'>", 0),
    (b'<a href="' + B + b'\n">', 0),
    (b'<a href="/my-track">', 0),
    (b'<a href="/\xe9">', 0),
    (b'<a href="/y" href="/z">', 0),
    (b'<a href = "/app/1"><p>="/app/1"</p>', 0),
    (b'<!-- <a href="/y"> --><title><a href="/y"></title>', 0),
    (b'<script src="/y"></script><video poster="/y">', 0),
]


@pytest.mark.parametrize(("page", "expected"), AT_ONCE)
def test_what_is_replaced_at_once(page: bytes, expected: int) -> None:
    assert Run(page, known=True).at_once == expected


def test_long_pages_are_cut_between_tags() -> None:
    page = b"".join(b'<a href="%b%d">%b</a>' % (B, number, b"text " * (number % 50)) for number in range(5000))
    quick = Run(page, known=True)
    assert quick.page == page.replace(B, b"https://www.example.com/")
    assert quick.counts == {(id(LINKS), B): 5000}


@given(st.sets(st.text("abAB.-", min_size=1, max_size=5), max_size=8), st.text("abAB.-", max_size=7), st.booleans())
def test_any_of(texts: set[str], text: str, exact: bool) -> None:
    known = {each if exact else each.lower() for each in texts}
    found = re.compile(any_of(map(str.encode, texts), exact=exact)).match(text.encode())
    beginnings = [text[:length] for length in range(len(text) + 1)]
    expected = [each for each in beginnings if (each if exact else each.lower()) in known]
    assert (found[0].decode() if found else None) == (expected[-1] if expected else None)
