"""What holds for every body: nothing else changes, there is a way back, twice is once, no view shows the backend."""

from __future__ import annotations

import html
import itertools
import pydoc
import re
import string
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote_to_bytes

import lxml.html
import pytest
from hypothesis import given
from hypothesis import strategies as st

from urlrewrite.content.changes import Links
from urlrewrite.content.html.rewriter import HtmlScanner
from urlrewrite.content.html.rewriter import TokenKind as Token
from urlrewrite.content.kinds import Kind
from urlrewrite.content.links.link_map import LinkMap, Pair
from urlrewrite.content.mapping import content_rewriter, rewrite_content
from urlrewrite.model.origin import Origin

B = b"http://privateserver:8080"
BACKEND, OTHER = Origin("http", "privateserver", 8080), Origin("http", "xn--bcher-kva.example", 80)
PUBLIC, APP = Origin("https", "www.example.com", 443), Origin("https", "app.example.com", 8443)
THERE = LinkMap([Pair(BACKEND, PUBLIC), Pair(OTHER, APP)])
BACK = LinkMap([Pair(PUBLIC, BACKEND), Pair(APP, OTHER)])
NOWHERE = LinkMap([])
KINDS = [kind for kind in Kind if kind not in (Kind.BINARY, Kind.PAGE_UPDATE)]


def rewritten(data: bytes, kind: Kind, link_map: LinkMap = THERE, *, text: bool = False) -> bytes:
    links = Links(link_map, True, lambda *change: None, visible_text=text, plain_text=True)
    return rewrite_content(data, kind, links=links)


ESCAPES = [
    # how a colon and a slash are written in one spelling
    *((b":", b"/"), (b":", rb"\/"), (rb"\:", rb"\/"), (rb"\u003a", rb"\u002f"), (rb"\x3A", rb"\x2F")),
    *((b"%3A", b"%2F"), (b"%253a", b"%252f"), (b"&#58;", b"&#47;"), (b"&#x3a;", b"&#x2f;"), (b"&colon;", b"&sol;")),
]


def spelled(escape: tuple[bytes, bytes], scheme: bytes, path: bytes) -> bytes:
    colon, slash = escape
    return scheme + (colon if scheme else b"") + slash * 2 + b"privateserver" + colon + b"8080" + slash + path


URLS = st.builds(
    spelled, st.sampled_from(ESCAPES), st.sampled_from([b"http", b"ws", b"HTTP"]), st.sampled_from([b"", b"x", b"a.b"])
)
PLACES = {
    Kind.HTML: [b'<a href="%b">', b"<img srcset='%b 1x'>", b"<p data-x='%b'>", b"<script>a='%b'</script>"],
    Kind.XML: [b"<a>%b</a>", b"<a b='%b'/>", b"<![CDATA[%b]]>"],
    Kind.CSS: [b"a{b:url(%b)}", b"@import '%b';"],
    Kind.JAVASCRIPT: [b"f('%b');", b"x = `%b`\n"],
    Kind.JSON: [b'{"a":"%b"}\n', b'["%b"]'],
    Kind.PLAYLIST: [b"#EXTM3U\n%b\n", b'#EXT-X-MAP:URI="%b"\n'],
    Kind.EVENT_STREAM: [b"data: %b\n\n"],
    Kind.OTHER_TEXT: [b"see %b ", b"<%b>"],
}
DOCUMENTS = st.sampled_from(sorted(PLACES)).flatmap(
    lambda kind: st.tuples(
        st.just(kind), st.lists(st.tuples(st.sampled_from(PLACES[kind]), URLS), max_size=4).map(
            lambda found: b" ".join(place % url for place, url in found)
        )
    )
)  # fmt: skip

ANY = st.lists(
    st.one_of(
        st.binary(max_size=6),
        st.sampled_from([B, b"<a href='", b'">', b"<!--", b"<script>", b"</", b"<![CDATA[", b"--b\r\n", b"\r\n\r\n"]),
        st.sampled_from([b"<iframe srcdoc='", b"http:\\\\", b"\\/\\/", b"&#47;", b"/*", b"url(", b"]>"]),
        st.sampled_from([b'"@context":[']),
        st.sampled_from([b"xsi:schemaLocation='", b"<!DOCTYPE a [<!ENTITY b '", b"<meta http-equiv=refresh content='"]),
    ),
    max_size=12,
).map(b"".join)  # fmt: skip


@given(ANY, st.sampled_from(KINDS), st.lists(st.integers(0, 80), max_size=3))
def test_without_a_mapping_every_byte_stays(data: bytes, kind: Kind, cuts: list[int]) -> None:
    assert rewritten(data, kind, NOWHERE) == data
    other = LinkMap([Pair(Origin("http", "not-there.test", 80), PUBLIC)])
    rewriter = content_rewriter(kind, links=Links(other, True, lambda *change: None, plain_text=True))
    assert rewriter is not None
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    sent = [rewriter.feed(data[start:end]) for start, end in itertools.pairwise(places)]
    assert b"".join([*sent, rewriter.finish()]) == data


@given(ANY, st.sampled_from(KINDS))
def test_twice_is_once(data: bytes, kind: Kind) -> None:
    once = rewritten(data, kind)
    assert rewritten(once, kind) == once


@given(DOCUMENTS)
def test_there_and_back(document: tuple[Kind, bytes]) -> None:
    kind, data = document
    there = rewritten(data, kind)
    assert b"privateserver" not in there
    # A scheme comes back in lower case: it is written anew.
    assert rewritten(there, kind, BACK).lower() == data.lower()


def views(data: bytes) -> dict[str, bytes]:
    """A body as those read it who decode it: browsers, scripts, and servers that get a query."""
    text = data.decode("latin-1")
    unescaped = re.sub(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))", lambda part: _character(part), text)
    once = unquote_to_bytes(data)
    return {
        "bytes": data,
        "HTML": html.unescape(text).encode("utf-8", "replace"),
        "HTML in HTML": html.unescape(html.unescape(text)).encode("utf-8", "replace"),
        "script": unescaped.encode("utf-8", "replace"),
        "query": once,
        "query in a query": unquote_to_bytes(once),
    }


def _character(part: re.Match[str]) -> str:
    return chr(int(part[1] or part[2], 16)) if part[1] or part[2] else part[3]


@given(DOCUMENTS)
def test_no_view_of_what_is_sent_shows_the_backend(document: tuple[Kind, bytes]) -> None:
    kind, data = document
    sent = rewritten(data, kind)
    for view in views(sent).values():
        assert b"//privateserver" not in view.lower()


MODULES: list[ModuleType] = [re, string, html, pydoc]
MANUALS = {module.__name__: pydoc.html.page(module.__name__, pydoc.html.docmodule(module)) for module in MODULES}
PAGES = dict(MANUALS)
DEMO = Path(__file__).resolve().parents[2] / "addons" / "privateserver"
PAGES |= {path.name: path.read_text("utf-8") for path in sorted(DEMO.rglob("*.htm*"))}
SPOILT = '<p title=a>x<a href=/x?a=1&b=2 class="c" HREF=y><br/><img src=\'i.png\' alt><input value="a > b">'
PAGES["written by hand"] = SPOILT


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_attributes_are_those_that_another_parser_sees(page: str) -> None:
    data = page.encode()
    ours = [
        (tag.name.decode(), attribute.name.decode(), html.unescape((attribute.value or b"").decode()))
        for tag in HtmlScanner(kinds={Token.START_TAG}).feed(data, final=True)
        for attribute in tag.attributes
        if not attribute.duplicate
    ]
    document = lxml.html.document_fromstring(data, parser=lxml.html.HTMLParser(encoding="utf-8"))
    theirs = [
        (str(element.tag), str(name), str(value))
        for element in document.iter()
        if isinstance(element.tag, str)
        for name, value in element.attrib.items()
    ]
    assert sorted(ours) == sorted(theirs)
    assert ours


@pytest.mark.parametrize("page", MANUALS.values(), ids=MANUALS)
def test_real_pages(page: str) -> None:
    """Every link of a page is made one of the backend; all of them are mapped, and nothing else is."""
    links = re.compile(r'(href|src)="(?![#a-z]+:)/?([^"]*)"')
    of_backend = links.sub(r'\1="http://privateserver:8080/\2"', page).encode()
    assert rewritten(of_backend, Kind.HTML) == links.sub(r'\1="https://www.example.com/\2"', page).encode()
    assert rewritten(page.encode(), Kind.HTML, BACK) == page.encode()
