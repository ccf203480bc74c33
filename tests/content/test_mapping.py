"""Where links are mapped in each kind of content, and where never."""

from __future__ import annotations

import html

import pytest

from urlrewrite.content.changes import AttributeRewrites, Links
from urlrewrite.content.kinds import Kind, content_kind, sniff_kind
from urlrewrite.content.links.link_map import LinkMap, Pair
from urlrewrite.content.mapping import rewrite_content
from urlrewrite.content.stream import Lines
from urlrewrite.model.origin import Origin

B = "http://privateserver:8080"
P = "https://www.example.com"
LINK_MAP = LinkMap([Pair(Origin("http", "privateserver", 8080), Origin("https", "www.example.com", 443))])


def links(*, everywhere: bool, told: list[tuple[str, int, bytes, bytes]] | None = None) -> Links:
    return Links(LINK_MAP, everywhere, lambda *change: told.append(change) if told is not None else None)


EVERYWHERE = [
    (Kind.HTML, f'<a href="{B}/x">', f'<a href="{P}/x">'),
    (Kind.HTML, f"<A HREF='{B}/x'>", f"<A HREF='{P}/x'>"),
    (Kind.HTML, f"<a href={B}/x>", f"<a href={P}/x>"),
    (Kind.HTML, f'<img srcset="{B}/1 1x, {B}/2 2x">', f'<img srcset="{P}/1 1x, {P}/2 2x">'),
    (
        Kind.HTML,
        f'<div data-url="{B}/x" style="background:url({B}/y)">',
        f'<div data-url="{P}/x" style="background:url({P}/y)">',
    ),
    (Kind.HTML, f"<p onclick=\"go('{B}/x')\">", f"<p onclick=\"go('{P}/x')\">"),
    (Kind.HTML, "<p onclick=\"go('privateserver:8080')\">", "<p onclick=\"go('www.example.com')\">"),
    (Kind.HTML, "<p title='privateserver:8080'>", "<p title='privateserver:8080'>"),
    (
        Kind.HTML,
        f"<script>u='{B}/x'; h='privateserver:8080'</script>",
        f"<script>u='{P}/x'; h='www.example.com'</script>",
    ),
    (Kind.HTML, f"<style>a{{b:url({B}/x)}}</style>", f"<style>a{{b:url({P}/x)}}</style>"),
    (
        Kind.HTML,
        f'<iframe srcdoc="&lt;a href=&quot;{B}/x&quot;&gt;">',
        f'<iframe srcdoc="&lt;a href=&quot;{P}/x&quot;&gt;">',
    ),
    (Kind.HTML, f"<p>{B}/x</p>", f"<p>{B}/x</p>"),
    (Kind.HTML, f"<!-- {B}/x -->", f"<!-- {B}/x -->"),
    (Kind.HTML, f"<title>{B}/x</title>", f"<title>{B}/x</title>"),
    (Kind.HTML, f'<html xmlns="{B}/ns" xmlns:x="{B}/ns">', f'<html xmlns="{B}/ns" xmlns:x="{B}/ns">'),
    (Kind.HTML, f'<!DOCTYPE html SYSTEM "{B}/dtd">', f'<!DOCTYPE html SYSTEM "{B}/dtd">'),
    (Kind.HTML, f'<svg><use xlink:href="{B}/x"/></svg>', f'<svg><use xlink:href="{P}/x"/></svg>'),
    (Kind.HTML, f'<link integrity="sha256-x" href="{B}/x">', f'<link integrity="sha256-x" href="{P}/x">'),
    (Kind.XHTML, f'<html xmlns="{B}/ns"><a href="{B}/x"/>{B}', f'<html xmlns="{B}/ns"><a href="{P}/x"/>{B}'),
    (
        Kind.SVG,
        f'<svg><image href="{B}/x"/><text>{B}</text></svg>',
        f'<svg><image href="{P}/x"/><text>{B}</text></svg>',
    ),
    (Kind.XML, f'<rss xmlns="{B}/ns"><link>{B}/x</link></rss>', f'<rss xmlns="{B}/ns"><link>{P}/x</link></rss>'),
    (Kind.SVG, f'<?xml-stylesheet href="{B}/x"?><?php {B} ?>', f'<?xml-stylesheet href="{P}/x"?><?php {B} ?>'),
    (Kind.HTML, f"<svg><style>a{{b:url({B})}}</style>{B}</svg>", f"<svg><style>a{{b:url({P})}}</style>{B}</svg>"),
    (Kind.HTML, f"<xmp>{B}</xmp>", f"<xmp>{B}</xmp>"),
    (
        Kind.SVG,
        f"<svg><style>/*{B}*/a{{b:url({B})}}</style></svg>",
        f"<svg><style>/*{B}*/a{{b:url({P})}}</style></svg>",
    ),
    (Kind.SVG, "<svg><script>'privateserver:8080'</script></svg>", "<svg><script>'www.example.com'</script></svg>"),
    (Kind.XML, f"<a><![CDATA[{B}/x]]></a>", f"<a><![CDATA[{P}/x]]></a>"),
    (Kind.CSS, f"a{{b:url({B}/x)}} @import '{B}/y';", f"a{{b:url({P}/x)}} @import '{P}/y';"),
    (Kind.CSS, f"/* {B} */ @namespace url({B}/ns);", f"/* {B} */ @namespace url({B}/ns);"),
    (Kind.CSS, f"/*# sourceMappingURL={B}/x.map */", f"/*# sourceMappingURL={P}/x.map */"),
    (Kind.CSS, f"a[b='/*']{{c:url({B})}}/*{B}*/", f"a[b='/*']{{c:url({P})}}/*{B}*/"),
    (Kind.CSS, f"@import url(/x/*.css);a{{b:url({B})}}", f"@import url(/x/*.css);a{{b:url({P})}}"),
    (Kind.JAVASCRIPT, f"fetch('{B}/x')", f"fetch('{P}/x')"),
    (Kind.JSON, r'{"u":"http:\/\/privateserver:8080\/x"}', r'{"u":"https:\/\/www.example.com\/x"}'),
    (Kind.EVENT_STREAM, f"data: {B}/x\n\n", f"data: {P}/x\n\n"),
    (Kind.OTHER_TEXT, f"{B}/x", f"{B}/x"),
    (Kind.BINARY, f"{B}/x", f"{B}/x"),
]


@pytest.mark.parametrize(("kind", "before", "after"), EVERYWHERE)
def test_everywhere(kind: Kind, before: str, after: str) -> None:
    assert rewrite_content(before.encode(), kind, links=links(everywhere=True)) == after.encode()


TAGS = [
    (f'<a href="{B}/x">', f'<a href="{P}/x">'),
    (f'<img srcset="{B}/1 1x">', f'<img srcset="{P}/1 1x">'),
    (f'<div data-url="{B}/x">', f'<div data-url="{B}/x">'),
    (f"<script>u='{B}/x'</script>", f"<script>u='{B}/x'</script>"),
]


@pytest.mark.parametrize(("before", "after"), TAGS)
def test_tags(before: str, after: str) -> None:
    assert rewrite_content(before.encode(), Kind.HTML, links=links(everywhere=False)) == after.encode()


def test_the_place_and_offset_of_each_link_are_told() -> None:
    told: list[tuple[str, int, bytes, bytes]] = []
    page = f'<a href="{B}/x"><script>"{B}"</script>'.encode()
    rewrite_content(page, Kind.HTML, links=links(everywhere=True, told=told))
    assert [(where, page[offset : offset + len(before)] == before) for where, offset, before, _ in told] == [
        ("<a href>", True),
        ("<script>", True),
    ]


def test_rules_see_a_value_before_the_link_map() -> None:
    page = f'<a href="{B}/x"><a name=y>'.encode()

    def on_value(tag: bytes, attribute: bytes, value: bytes) -> bytes | None:
        assert (tag, attribute) == (b"a", b"href")
        return value + b"?seen"

    values = AttributeRewrites({b"a": frozenset({b"href"})}, on_value)
    changed = rewrite_content(page, Kind.HTML, links=links(everywhere=True), values=values)
    assert changed == f'<a href="{P}/x?seen"><a name=y>'.encode()


def test_a_page_without_the_name_is_not_even_copied() -> None:
    page = b"<a href='http://elsewhere/'>"
    assert rewrite_content(page, Kind.HTML, links=links(everywhere=True)) is page


KINDS = [
    ("text/html", Kind.HTML),
    ("TEXT/HTML; charset=utf-8", Kind.HTML),
    ("application/xhtml+xml", Kind.XHTML),
    ("image/svg+xml", Kind.SVG),
    ("application/atom+xml", Kind.XML),
    ("application/problem+json", Kind.JSON),
    ("application/vnd.api+json;v=1", Kind.JSON),
    ("text/csv", Kind.OTHER_TEXT),
    ("image/png", Kind.BINARY),
    ("", Kind.BINARY),
]


@pytest.mark.parametrize(("content_type", "kind"), KINDS)
def test_kinds(content_type: str, kind: Kind) -> None:
    assert content_kind(content_type) is kind


def test_a_body_without_a_type_is_html_if_it_looks_like_it() -> None:
    assert sniff_kind(b"\xef\xbb\xbf \n<!DOCTYPE html>") is Kind.HTML
    assert sniff_kind(b"\x89PNG") is Kind.BINARY


def test_lines_go_out_as_soon_as_they_are_complete() -> None:
    lines = Lines(lambda data, offset: data.upper())
    assert [lines.feed(b"da"), lines.feed(b"ta: x\n\nda"), lines.feed(b"ta"), lines.finish()] == [
        b"",
        b"DATA: X\n\n",
        b"",
        b"DATA",
    ]


@pytest.mark.parametrize("depth", [1, 4, 5, 9])
def test_links_in_documents_inside_of_documents(depth: int) -> None:
    """Those that are too deep to be read as documents are mapped as any other text is."""

    def page(host: str) -> bytes:
        inside = f"<a href='{host}/x'>"
        for _ in range(depth):
            inside = f'<iframe srcdoc="{html.escape(inside)}"></iframe>'
        return inside.encode()

    assert rewrite_content(page(B), Kind.HTML, links=links(everywhere=True)) == page(P)
