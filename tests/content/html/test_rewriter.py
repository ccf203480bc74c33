"""The HTML scanner and rewriter: tables of hazards, and what must hold for any input and any chunks."""

from __future__ import annotations

import html as entities
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import lxml.html
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counting import LINEAR, Reads, assert_linear
from urlrewrite.content.html import patterns
from urlrewrite.content.html.rewriter import RAW_KINDS, Attribute, HtmlRewriter, HtmlScanner, Token, TokenKind

TEXT, START, END, COMMENT, DOCTYPE = (
    TokenKind.TEXT,
    TokenKind.START_TAG,
    TokenKind.END_TAG,
    TokenKind.COMMENT,
    TokenKind.DOCTYPE,
)
RAW, RCDATA, CDATA, PI, IGNORED = (
    TokenKind.RAW_TEXT,
    TokenKind.RCDATA,
    TokenKind.CDATA,
    TokenKind.INSTRUCTION,
    TokenKind.IGNORED,
)

type RecordedExchange = list[tuple[TokenKind, bytes]]


def scan(data: bytes, cuts: list[int] | None = None, **options: Any) -> list[Token]:
    scanner = HtmlScanner(**options)
    tokens = []
    for chunk in cut(data, cuts or []):
        tokens += scanner.feed(chunk)
    return tokens + scanner.feed(b"", final=True)


def cut(data: bytes, cuts: list[int]) -> Iterator[bytes]:
    edges = [0, *sorted(min(place, len(data)) for place in cuts), len(data)]
    for start, end in pairwise(edges):
        yield data[start:end]


def seen(data: bytes, **options: Any) -> RecordedExchange:
    return [(token.kind, data[token.start : token.end]) for token in scan(data, **options)]


# Each case is written as the pieces the input must be cut into.
TOKENS: dict[str, RecordedExchange] = {
    "plain": [(TEXT, b"a"), (START, b"<p>"), (TEXT, b"b"), (END, b"</p>"), (TEXT, b"c")],
    "less-than signs that begin nothing": [(TEXT, b"a < b <3 <= <"), (START, b"<b>"), (TEXT, b"<")],
    "a solidus that begins nothing": [(START, b"<b>"), (TEXT, b"</")],
    "upper case and white space": [(START, b"<A\r\n\tHREF\f=\n'x'\r>"), (END, b"</A\t\n>")],
    "greater-than in quotes": [(START, b"""<a title="a>b" alt='c>d' href=x>"""), (TEXT, b"t")],
    "greater-than ends what is unquoted": [(START, b"""<a href=x"y>"""), (TEXT, b'">')],
    "a tag in a value": [(START, b"""<div title='<a href="x">'>"""), (START, b"<a>")],
    "odd names": [(START, b"""<a<b "x'=<y =z =>"""), (START, b"<x:y-1.\0\xff>")],
    "an end tag with attributes": [(END, b"""</a href=">" />"""), (TEXT, b"x")],
    "an end tag without a name": [(IGNORED, b"</>"), (TEXT, b"x")],
    "a tag that never ends": [(TEXT, b"x"), (IGNORED, b"""<a href="x><b>c</b>""")],
    "an end tag that never ends": [(TEXT, b"x"), (IGNORED, b"</a ")],
    "comments": [(COMMENT, b"<!-- <a href=x> -- > -->"), (COMMENT, b"<!---->"), (TEXT, b"-->")],
    "comments that end early": [(COMMENT, b"<!-->"), (COMMENT, b"<!--->"), (COMMENT, b"<!----!>"), (TEXT, b"x")],
    "comments that do not": [(COMMENT, b"<!--!> --! > -- > - -> --->"), (COMMENT, b"<!---!>-->")],
    "a comment in a comment": [(COMMENT, b"<!-- <!-- -->"), (TEXT, b" -->")],
    "a nested opening that closes": [(COMMENT, b"<!-- <!--!>"), (TEXT, b" -->")],
    "a comment that never ends": [(COMMENT, b"<!-- <a href=x>")],
    "conditional comments": [(COMMENT, b"<!--[if IE]><a href=x><![endif]-->"), (COMMENT, b"<![if !IE]>"), (TEXT, b"x")],
    "bogus comments": [
        (COMMENT, b"<?php '>"),
        (COMMENT, b"</ a>"),
        (COMMENT, b"</3>"),
        (COMMENT, b"<!>"),
        (COMMENT, b"<!-x>"),
    ],
    "a bogus comment that never ends": [(COMMENT, b"<!a")],
    "doctypes": [(DOCTYPE, b'<!doctype html PUBLIC "a>'), (TEXT, b'b">'), (DOCTYPE, b"<!DOCTYPE")],
    "CDATA in HTML is a comment": [(COMMENT, b"<![CDATA[ <a>"), (TEXT, b" ]]>")],
    "raw text": [(START, b"<style>"), (RAW, b"<a href=x> </b> </styles> <!--"), (END, b"</STYLE\n>"), (TEXT, b"x")],
    "all raw elements": [
        piece
        for name in (b"xmp", b"iframe", b"noembed", b"noframes", b"script", b"style")
        for piece in ((START, b"<%b>" % name), (RAW, b"<p>"), (END, b"</%b>" % name))
    ],
    "RCDATA": [
        piece
        for name in (b"title", b"textarea")
        for piece in ((START, b"<%b>" % name), (RCDATA, b"<p>&amp;<!--"), (END, b"</%b>" % name))
    ],
    "raw text is empty": [(START, b"<script src=x>"), (END, b"</script>")],
    "raw text, self-closing": [(START, b"<script/>"), (RAW, b"<a>"), (END, b"</script/>"), (START, b"<a>")],
    "raw text that never ends": [(START, b"<script>"), (RAW, b"'</scrip' </script")],
    "its end tag never ends": [(START, b"<title>"), (RCDATA, b"x"), (IGNORED, b"</title <a href=x")],
    "plaintext": [(START, b"<plaintext>"), (RAW, b"</plaintext><a href=x>")],
    "noscript is read": [(START, b"<noscript>"), (START, b"<img src=x>"), (END, b"</noscript>")],
    "escaped script": [(START, b"<script>"), (RAW, b"<!-- <script> </script> --> <script>"), (END, b"</script>")],
    "escaped script ends": [(START, b"<script>"), (RAW, b"<!-- <scripts> "), (END, b"</script>"), (TEXT, b" -->")],
    "escaped at once unescaped": [(START, b"<script>"), (RAW, b"<!--><script>"), (END, b"</script>"), (TEXT, b"-->")],
    "double escaped and back": [
        (START, b"<script>"),
        (RAW, b"<!--<script></script>"),
        (END, b"</script>"),
        (TEXT, b"-->"),
    ],
    "double escape ended by dashes": [
        (START, b"<script>"),
        (RAW, b"<!--<SCRIPT/--><script>"),
        (END, b"</script>"),
    ],
    "style has no escapes": [(START, b"<style>"), (RAW, b"<!--<style>"), (END, b"</style>"), (TEXT, b"-->")],
}

SVG = (START, b"<svg>")
MATH = (START, b"<math>")
INNER = [(START, b"<a>"), (END, b"</a>")]
FOREIGN: dict[str, RecordedExchange] = {
    "style, script and title in svg": [
        SVG,
        *((START, b"<style>"), *INNER, (END, b"</style>")),
        *((START, b"<script>"), *INNER, (END, b"</script>")),
        *((START, b"<title>"), *INNER, (END, b"</title>")),
        (END, b"</svg>"),
        *((START, b"<style>"), (RAW, b"<a>"), (END, b"</style>")),
    ],
    "self-closing script in svg": [SVG, (START, b"<script/>"), *INNER],
    "self-closing svg": [(START, b"<svg/>"), (START, b"<style>"), (RAW, b"<a>"), (END, b"</style>")],
    "CDATA": [SVG, (CDATA, b"<![CDATA[ <a> > ]] > ]]>"), (TEXT, b"x"), (CDATA, b"<![CDATA[]]]>"), (END, b"</svg>")],
    "CDATA that never ends": [MATH, (CDATA, b"<![CDATA[ <a>")],
    "CDATA in lower case is a comment": [SVG, (COMMENT, b"<![cdata[>"), (TEXT, b"]]>")],
    "HTML in foreignObject": [
        *(SVG, (START, b"<foreignObject>"), (CDATA, b"<![CDATA[>]]>"), (START, b"<div>")),
        *((COMMENT, b"<![CDATA[>"), (TEXT, b"]]>"), (START, b"<style>"), (RAW, b"<a>"), (END, b"</style>")),
        *((END, b"</div>"), (END, b"</foreignObject>"), (START, b"<style>"), *INNER),
    ],
    "HTML in title and desc": [
        *(SVG, (START, b"<title>"), (START, b"<style>"), (RAW, b"<a>"), (END, b"</style>"), (END, b"</title>")),
        *((START, b"<desc>"), (START, b"<svg>"), (START, b"<style>"), *INNER),
    ],
    "HTML in MathML text": [
        *(MATH, (START, b"<mi>"), (START, b"<style>"), (RAW, b"<a>"), (END, b"</style>"), (END, b"</mi>")),
        *((START, b"<mi>"), (START, b"<mglyph>"), (START, b"<style>"), *INNER),
    ],
    "HTML in annotation-xml": [
        *(MATH, (START, b"<annotation-xml encoding=' Text/HTML'>"), (START, b"<style>"), *INNER, (END, b"</style>")),
        *((END, b"</annotation-xml>"), (START, b"<annotation-xml encoding=Text/HTML>"), (START, b"<style>")),
        *((RAW, b"<a>"), (END, b"</style>")),
    ],
    "svg in annotation-xml": [
        *(
            MATH,
            (START, b"<annotation-xml>"),
            SVG,
            (START, b"<desc>"),
            (START, b"<xmp>"),
            (RAW, b"<a>"),
            (END, b"</xmp>"),
        ),
    ],
    "an HTML element breaks out": [SVG, (START, b"<g>"), (START, b"<p>"), (START, b"<style>"), (RAW, b"<a></svg>")],
    "so does font with color": [SVG, (START, b"<font COLOR=red>"), (START, b"<style>"), (RAW, b"<a>")],
    "but not font without": [SVG, (START, b"<font id=x>"), (START, b"<style>"), *INNER],
    "so does </p>": [SVG, (END, b"</p>"), (START, b"<style>"), (RAW, b"<a>")],
    "an end tag of the outside: doubt": [
        *((START, b"<div>"), SVG, (START, b"<g>"), (END, b"</div>"), (START, b"<style>"), (RAW, b"<a>")),
        *((END, b"</style>"), (CDATA, b"<![CDATA[ > ]]>"), (END, b"</svg>"), (COMMENT, b"<![CDATA[>")),
    ],
    "HTML left open in foreignObject: doubt": [
        *(SVG, (START, b"<foreignObject>"), (START, b"<li>"), (END, b"</foreignObject>"), (START, b"<style>")),
        *((RAW, b"<a>"), (END, b"</style>"), (CDATA, b"<![CDATA[>]]>"), (END, b"</svg>"), (COMMENT, b"<![CDATA[>")),
    ],
    "deeper than browsers go: doubt": [
        *(SVG, *[(START, b"<g>")] * 600, (START, b"<style>"), (RAW, b"<a>"), (END, b"</style>"), (END, b"</svg>")),
        (COMMENT, b"<![CDATA[>"),
    ],
}

XML: dict[str, RecordedExchange] = {
    "no raw text": [
        (START, b"<script>"),
        (TEXT, b"a "),
        (START, b"<b/>"),
        (END, b"</script>"),
        (START, b"<plaintext/>"),
    ],
    "CDATA anywhere": [(START, b"<p>"), (CDATA, b"<![CDATA[ <a href='x'> ]] > ]]>"), (END, b"</p>")],
    "instructions": [(PI, b'<?xml-stylesheet href=">" ?>'), (TEXT, b"x"), (PI, b"<?x ?")],
    "comments end as in XML": [(COMMENT, b"<!--> --!> -->"), (TEXT, b"x")],
    "internal subset": [
        (DOCTYPE, b"""<!DOCTYPE svg [ <!ENTITY b "http://h]>"> <!-- ]> ' --> <?x ]>"?> <!ELEMENT a (b)> ] >"""),
        (START, b"<svg>"),
    ],
    "doctype with ids": [(DOCTYPE, b"""<!DOCTYPE a PUBLIC "x>" '[>'>"""), (TEXT, b"x")],
    "doctype that never ends": [(DOCTYPE, b"<!DOCTYPE a [ <!ENTITY b '>")],
    "names": [(START, b"<_a:b.c \xc3\xa9='>'/>"), (START, b"<\xc3\xa9>"), (TEXT, b"<1>")],
}


@pytest.mark.parametrize("pieces", [pytest.param(pieces, id=name) for name, pieces in {**TOKENS, **FOREIGN}.items()])
def test_tokens(pieces: RecordedExchange) -> None:
    assert seen(b"".join(piece for _, piece in pieces)) == pieces


@pytest.mark.parametrize("pieces", [pytest.param(pieces, id=name) for name, pieces in XML.items()])
def test_xml_tokens(pieces: RecordedExchange) -> None:
    assert seen(b"".join(piece for _, piece in pieces), xml=True) == pieces


# What stands between `<a` and `>`; name, raw value and quote of each attribute; self-closing.
ATTRIBUTES: list[tuple[bytes, list[tuple[bytes, bytes | None, bytes]], bool]] = [
    (b"", [], False),
    (b"/", [], True),
    (b" / ", [], False),
    (b" b", [(b"b", None, b"")], False),
    (b" b/", [(b"b", None, b"")], True),
    (b" b=", [(b"b", b"", b"")], False),
    (b" b= ", [(b"b", b"", b"")], False),
    (b" b=''", [(b"b", b"", b"'")], False),
    (b' b=""/', [(b"b", b"", b'"')], True),
    (b" b=/", [(b"b", b"/", b"")], False),
    (b" href=http://h/p/", [(b"href", b"http://h/p/", b"")], False),
    (b" href=http://h/p/ /", [(b"href", b"http://h/p/", b"")], True),
    (b" b=c/d=e", [(b"b", b"c/d=e", b"")], False),
    (b"/b/c='d'/e", [(b"b", None, b""), (b"c", b"d", b"'"), (b"e", None, b"")], False),
    (b" b=\"c\"d='e'f=g", [(b"b", b"c", b'"'), (b"d", b"e", b"'"), (b"f", b"g", b"")], False),
    (b"\tB\n=\r\fC\n", [(b"b", b"C", b"")], False),
    (b" b\x0b=c", [(b"b\x0b", b"c", b"")], False),
    (b" =b", [(b"=b", None, b"")], False),
    (b" =b=c", [(b"=b", b"c", b"")], False),
    (b" ==b", [(b"=", b"b", b"")], False),
    (b" b==c", [(b"b", b"=c", b"")], False),
    (b" b = = c", [(b"b", b"=", b""), (b"c", None, b"")], False),
    (b""" "b"='c' """, [(b'"b"', b"c", b"'")], False),
    (b""" b=c"d'e`f<g""", [(b"b", b"""c"d'e`f<g""", b"")], False),
    (b""" b='"' c="'" """, [(b"b", b'"', b"'"), (b"c", b"'", b'"')], False),
    (b" b='c\r\nd\0' ", [(b"b", b"c\r\nd\0", b"'")], False),
    (b" \xe9\xc9='&amp;&#x2f;'", [(b"\xe9\xc9", b"&amp;&#x2f;", b"'")], False),
    (
        b" @click=a :Src=b [x]=c (y)=d",
        [(b"@click", b"a", b""), (b":src", b"b", b""), (b"[x]", b"c", b""), (b"(y)", b"d", b"")],
        False,
    ),
    (b" xlink:HREF=x data-a.b_c=y", [(b"xlink:href", b"x", b""), (b"data-a.b_c", b"y", b"")], False),
]


@pytest.mark.parametrize(("inside", "expected", "self_closing"), ATTRIBUTES)
def test_attributes(inside: bytes, expected: list[tuple[bytes, bytes | None, bytes]], self_closing: bool) -> None:
    data = b"text<a%b>text" % inside
    (token,) = scan(data, kinds={START})
    assert (token.name, token.start, token.end, token.self_closing) == (b"a", 4, len(data) - 4, self_closing)
    assert [(a.name, a.value, a.quote) for a in token.attributes] == expected
    for attribute in token.attributes:
        assert data[attribute.name_start :].lower().startswith(attribute.name.lower())
        if attribute.value is None:
            assert (attribute.value_start, attribute.value_end) == (-1, -1)
        else:
            before = data[: attribute.value_start]
            assert data[attribute.value_start : attribute.value_end] == attribute.value
            assert before.endswith(attribute.quote or (b"=", b" ", b"\f"))


def test_duplicates_are_reported_and_marked() -> None:
    (token,) = scan(b"<a href=1 HREF=2 id=x href>")
    assert [(a.name, a.value, a.duplicate) for a in token.attributes] == [
        (b"href", b"1", False),
        (b"href", b"2", True),
        (b"id", b"x", False),
        (b"href", None, True),
    ]
    assert (token.get(b"href"), token.get(b"src")) == (b"1", None)
    assert scan(b"<a href>")[0].get(b"href") == b""


def test_xml_keeps_the_case_of_names() -> None:
    (token, *_) = scan(b"<linearGradient viewBox='1'/>", xml=True)
    assert (token.name, token.attributes[0].name, token.self_closing) == (b"linearGradient", b"viewBox", True)


def test_raw_text_knows_its_element() -> None:
    _, raw, end = scan(b"<SCRIPT Type=module>x</script>")
    assert (raw.kind, raw.name, raw.get(b"type"), end.name) == (RAW, b"script", b"module", b"script")


def test_offsets_and_bytes() -> None:
    scanner = HtmlScanner()
    assert scanner.feed(b"ab<a hre") == [Token(TEXT, 0, 2)]
    assert (scanner.position, scanner.slice(0, 2)) == (2, b"ab")
    assert scanner.feed(b"f=x") == []
    (token,) = scanner.feed(b"></", final=False)
    assert scanner.slice(token.start, token.end) == b"<a href=x>"
    with pytest.raises(IndexError):
        scanner.slice(0, 2)
    with pytest.raises(IndexError):
        scanner.slice(token.start, token.end + 1)
    assert scanner.feed(b"", final=True) == [Token(TEXT, 12, 14)]
    with pytest.raises(ValueError, match="final"):
        scanner.feed(b"")


# What a callback writes into `href` of the first, and what must come out.
WRITTEN: list[tuple[bytes, bytes, bytes]] = [
    (b'<A HREF="x"  id=1>', b"y", b'<A HREF="y"  id=1>'),
    (b'<a href="x">', b"it's", b'<a href="it\'s">'),
    (b'<a href="x">', b'a"b"', b'<a href="a&quot;b&quot;">'),
    (b'<a href="x">', b"a&b<c>&amp; \xff", b'<a href="a&b<c>&amp; \xff">'),
    (b'<a href="x">', b"", b'<a href="">'),
    (b"<a href='x'>", b"it's", b"<a href='it&#39;s'>"),
    (b"<a href='x'>", b'a"b', b"<a href='a\"b'>"),
    (b"<a href=x>", b"http://h/y/?a&b", b"<a href=http://h/y/?a&b>"),
    (b"<a href=x>", b"y/", b"<a href=y/>"),
    (b"<a href=x>", b"", b'<a href="">'),
    (b"<a href=x>", b"a b", b'<a href="a b">'),
    (b"<a href=x id=1>", b"?a=b", b'<a href="?a=b" id=1>'),
    (b"<a href=x/>", b'"', b'<a href="&quot;">'),
    (b"<a href=x>", b"it's", b'<a href="it\'s">'),
    (b"<a href=x>", b"a>b", b'<a href="a>b">'),
    (b"<a href=x>", b"a<b", b'<a href="a<b">'),
    (b"<a href=x>", b"a`b", b'<a href="a`b">'),
    (b"<a href=x>", b"a\nb", b'<a href="a\nb">'),
    (b"<a href= >", b"y", b"<a href= y>"),
    (b"<a href=>", b"a b", b'<a href="a b">'),
    (b"<a href>", b"y", b"<a href>"),
    (b"<a href='1' href=\"1\">", b"y", b"<a href='y' href=\"y\">"),
]


@pytest.mark.parametrize(("data", "value", "expected"), WRITTEN)
def test_written_values(data: bytes, value: bytes, expected: bytes) -> None:
    rewriter = HtmlRewriter(lambda tag, attribute, old: value if attribute.name == b"href" else None)
    assert rewriter.feed(b"x" + data + b"y", final=True) == b"x" + expected + b"y"


@given(value=st.binary(max_size=8), quote=st.sampled_from([b"", b"'", b'"']))
def test_a_written_value_is_read_again(value: bytes, quote: bytes) -> None:
    rewriter = HtmlRewriter(lambda tag, attribute, old: value if attribute.name == b"href" else None)
    page = rewriter.feed(b"<a href=%bx%b id=1>z" % (quote, quote), final=True)
    tag, text = scan(page)
    assert [a.name for a in tag.attributes] == [b"href", b"id"]
    assert (tag.get(b"href") or b"").replace(b"&quot;", b'"').replace(b"&#39;", b"'") == value.replace(
        b"&quot;", b'"'
    ).replace(b"&#39;", b"'")
    assert page[text.start :] == b"z"


def test_rewriter_asks_for_what_is_there() -> None:
    data = (
        b"<!doctype html><title>T</title>text<!--c--><script type=module src=s>code</script><svg><![CDATA[d]]></svg>"
        b"<a href=1 id=2 title>more < text</a>"
    )
    asked: list[tuple[str, bytes, bytes]] = []

    def on_attribute(tag: Token, attribute: Attribute, value: bytes) -> None:
        asked.append(("attribute", tag.name + b" " + attribute.name, value))

    def on_raw(token: Token, raw: bytes) -> bytes | None:
        assert token.kind in RAW_KINDS
        asked.append((token.kind.name, token.name, raw))
        return b"CODE" if token.kind is RAW else None

    def on_text(token: Token, text: bytes) -> bytes | None:
        asked.append(("text", token.name, text))
        return text.upper()

    rewriter = HtmlRewriter(on_attribute, on_raw, on_text)
    output = b"".join(rewriter.feed(data[i : i + 3]) for i in range(0, len(data), 3)) + rewriter.finish()
    assert asked == [
        ("DOCTYPE", b"", b"<!doctype html>"),
        ("RCDATA", b"title", b"T"),
        ("text", b"", b"text"),
        ("COMMENT", b"", b"<!--c-->"),
        ("attribute", b"script type", b"module"),
        ("attribute", b"script src", b"s"),
        ("RAW_TEXT", b"script", b"code"),
        ("CDATA", b"", b"<![CDATA[d]]>"),
        ("attribute", b"a href", b"1"),
        ("attribute", b"a id", b"2"),
        ("text", b"", b"more < text"),
    ]
    assert output == data.replace(b"text", b"TEXT").replace(b"more", b"MORE").replace(b"code", b"CODE")


@pytest.mark.parametrize("wanted", [{b"a": {b"href"}, b"script": {b"src"}}, None])
def test_wanted_pairs_only(wanted: dict[bytes, set[bytes]] | None) -> None:
    page = b"""<img src=1 title="<a href='no'>"><A id=2 HREF=3><area href=4>"""
    page += b"<script src=5>'<a href=no>'</script><a href=6>"
    asked: list[bytes] = []
    rewriter = HtmlRewriter(lambda tag, attribute, value: asked.append(value), wanted=wanted)
    assert rewriter.feed(page, final=True) == page
    assert asked == ([b"3", b"5", b"6"] if wanted else [b"1", b"<a href='no'>", b"2", b"3", b"4", b"5", b"6"])


def test_nothing_is_kept_waiting_that_nobody_asked_for() -> None:
    rewriter = HtmlRewriter(lambda tag, attribute, value: None)
    chunks = [b"<p>Work", b"ing..", b".<", b"/p>", b"<script>", b"0123456789abcdef"]
    assert [rewriter.feed(chunk) for chunk in chunks] == [b"<p>Work", b"ing..", b".", b"</p>", b"<script>", b"01234"]


HAZARDS = b"""< > / = ! ? - -- --> --!> <!-- <!--> <!--- ' " ` a B 1 & [ ]] ]]> <![CDATA[ <!DOCTYPE <? ?> </ /> <a </a>
    <a\thref= href='x' href="y" href=z <script> </script> </script <SCRIPT <style> </style> <title> </title> <textarea
    </textarea> <plaintext> <svg> </svg> <svg/> <math> </math> <mi> <foreignObject> </foreignObject> <desc> <p> </p>
    <div> </div> <annotation-xml <font color=x> <xmp> </xmp> <iframe> \xff \0""".split()
PIECES = st.sampled_from([*HAZARDS, b" ", b"\n", b"\r\n", b"\t", b"\f", b"\x0b"])
PAGES = st.lists(st.one_of(PIECES, PIECES, PIECES, st.binary(max_size=3)), max_size=25).map(b"".join)
CUTS = st.lists(st.integers(0, 120), max_size=12)


@given(data=PAGES, cuts=CUTS, xml=st.booleans())
def test_any_chunks_give_the_same_tokens(data: bytes, cuts: list[int], xml: bool) -> None:
    whole = scan(data, xml=xml, whole_text=True)
    assert scan(data, cuts, xml=xml, whole_text=True) == whole
    assert merged(scan(data, cuts, xml=xml)) == merged(whole)


@given(data=PAGES, cuts=CUTS, xml=st.booleans(), limit=st.sampled_from([1, 5, 1000]))
def test_tokens_cover_the_input(data: bytes, cuts: list[int], xml: bool, limit: int) -> None:
    tokens = scan(data, cuts, xml=xml, limit=limit)
    assert [token.start for token in tokens] + [len(data)] == [0, *(token.end for token in tokens)][: len(tokens) + 1]
    assert all(token.start < token.end for token in tokens)


def merged(tokens: list[Token]) -> list[Token]:
    result: list[Token] = []
    for token in tokens:
        if token.kind is TEXT and result and result[-1].kind is TEXT:
            result[-1] = result[-1]._replace(end=token.end)
        else:
            result.append(token)
    return result


@given(
    data=PAGES,
    cuts=CUTS,
    xml=st.booleans(),
    raw=st.booleans(),
    text=st.booleans(),
    wanted=st.sampled_from([None, {}, {b"a": {b"href"}}]),
    limit=st.sampled_from([1, 5, 1000]),
)
def test_without_a_change_the_bytes_are_the_same(
    data: bytes, cuts: list[int], xml: bool, raw: bool, text: bool, wanted: Any, limit: int
) -> None:
    rewriter = HtmlRewriter(
        lambda tag, attribute, value: value if len(value) % 2 else None,
        (lambda token, bytes_: bytes_) if raw else None,
        (lambda token, bytes_: None) if text else None,
        xml=xml,
        wanted=wanted,
        limit=limit,
    )
    assert b"".join(map(rewriter.feed, cut(data, cuts))) + rewriter.finish() == data


@given(data=PAGES, cuts=CUTS, xml=st.booleans())
def test_changes_do_not_depend_on_chunks_or_on_what_is_wanted(data: bytes, cuts: list[int], xml: bool) -> None:
    def rewritten(cuts: list[int], wanted: dict[bytes, set[bytes]] | None) -> bytes:
        rewriter = HtmlRewriter(
            lambda tag, attribute, value: (
                b"<%d '%b'>" % (attribute.value_start, value) if (tag.name, attribute.name) == (b"a", b"href") else None
            ),
            xml=xml,
            wanted=wanted,
        )
        return b"".join(map(rewriter.feed, cut(data, cuts))) + rewriter.finish()

    whole = rewritten([], None)
    assert rewritten(cuts, None) == whole
    assert rewritten(cuts, {b"a": {b"href"}}) == whole


@given(
    data=PAGES,
    xml=st.booleans(),
    kinds=st.sets(st.sampled_from(TokenKind)),
    names=st.sets(st.sampled_from([b"a", b"p", b"svg"])),
)
def test_fewer_kinds_and_names_are_a_selection(
    data: bytes, xml: bool, kinds: set[TokenKind], names: set[bytes]
) -> None:
    def spans(tokens: list[Token]) -> list[tuple[TokenKind, int, int, bytes]]:
        return [(token.kind, token.start, token.end, token.name) for token in tokens]

    chosen = scan(data, xml=xml, kinds=kinds, wanted={name: {b"href"} for name in names})
    of_all = [t for t in scan(data, xml=xml) if t.kind in kinds and (t.kind is not START or t.name in names)]
    assert spans(chosen) == spans(of_all)
    for few, all_ in zip(chosen, of_all, strict=True):
        assert few.self_closing == all_.self_closing
        assert few.get(b"href") == all_.get(b"href")


def test_limit() -> None:
    script = b"<script>" + b"x" * 5000 + b"</script><a href=1>"
    pieces = scan(script, list(range(0, 5000, 100)), limit=1000)
    assert [token.kind for token in pieces[:3]] == [START, RAW, RAW]
    assert {t.kind for t in pieces[1:-2]} == {RAW}
    assert pieces[-1].get(b"href") == b"1"
    assert all(token.end - token.start < 1200 for token in pieces)
    tag = b"<p><a href='" + b"x" * 5000 + b"'><a href=1>"
    assert [token.kind for token in merged_ignored(scan(tag, list(range(0, 5000, 100)), limit=1000))] == [
        START,
        IGNORED,
    ]


def merged_ignored(tokens: list[Token]) -> list[Token]:
    return [t for i, t in enumerate(tokens) if i == 0 or t.kind is not IGNORED or tokens[i - 1].kind is not IGNORED]


NAMES = st.sampled_from(["href", "src", "title", "data-x", "alt", "class"])
VALUES = st.text(
    st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_characters="\x7f\x80\x85\xa0"), max_size=8
)


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, list[tuple[str, dict[str, str]]]]:
    """A well-formed page, and the tags with attributes in it."""
    tags = draw(
        st.lists(st.tuples(st.sampled_from("a img b span i".split()), st.dictionaries(NAMES, VALUES)), max_size=8)
    )
    body = []
    for name, attributes in tags:
        quote = draw(st.sampled_from("'\""))
        written = "".join(f" {key}={quote}{entities.escape(value)}{quote}" for key, value in attributes.items())
        body.append(f"<{name}{written}>" + ("" if name == "img" else f"{entities.escape(draw(VALUES))}</{name}>"))
    return f"<!DOCTYPE html><html><head><title>x</title></head><body><div>{''.join(body)}</div></body></html>", tags


@given(document=documents())
def test_attributes_are_those_that_lxml_sees(document: tuple[str, list[tuple[str, dict[str, str]]]]) -> None:
    page, tags = document
    seen_here = [
        (tag.name.decode(), {a.name.decode(): entities.unescape((a.value or b"").decode()) for a in tag.attributes})
        for tag in scan(page.encode(), kinds={START})
    ]
    tree = lxml.html.document_fromstring(page.encode(), parser=lxml.html.HTMLParser(encoding="utf-8"))
    assert seen_here == [(element.tag, dict(element.attrib)) for element in tree.iter()]
    assert seen_here[5:] == tags


MB = 1 << 20
HOSTILE = {
    "text of less-than signs": b"<" * MB,
    "a huge value": b"<img src='" + b"A" * MB + b"'>",
    "tags in a tag": b"<a " * (MB // 3),
    "quotes": b"<a \"='" * (MB // 6),
    "attributes": b"<a " + b"b=c " * (MB // 4) + b">",
    "values with greater-than": b"<a " + b"b='>' " * (MB // 6) + b">",
    "dashes": b"<!--" + b"-->!" * 2 + b"<!--" + b"- --" * (MB // 4),
    "a script of comments": b"<script>" + b"<!--<script>-->" * (MB // 15),
    "almost the end": b"<script>" + b"</script" * (MB // 8),
    "deep": b"<svg>" + b"<g>" * (MB // 3),
    "many scripts": b"<svg><style></svg><style></style>" * (MB // 33),
    "CDATA": b"<svg><![CDATA[" + b"]]]" * (MB // 3),
    "doctype": b"<!DOCTYPE a [" + b"<!ENTITY a '>" * (MB // 13),
}


@pytest.mark.parametrize("xml", [False, True])
@pytest.mark.parametrize("data", [pytest.param(data, id=name) for name, data in HOSTILE.items()])
def test_steps_grow_with_the_length_and_not_faster(data: bytes, xml: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def of(length: int) -> Callable[[], None]:
        return lambda: rewrite(data[:length])

    def rewrite(page: bytes) -> None:
        rewriter = HtmlRewriter(
            lambda tag, attribute, value: None, lambda token, raw: None, lambda token, text: None, xml=xml
        )
        pieces = [rewriter.feed(page[i : i + 1024]) for i in range(0, len(page), 1024)]
        assert b"".join([*pieces, rewriter.finish()]) == page

    assert_linear(of, MB // 32)
    # A tag of up to 256 kB that does not end is read again and again; a longer one ever more rarely.
    once, twice = Reads(), Reads()
    for reads, length in ((once, MB // 2), (twice, MB)):
        with monkeypatch.context() as patched:
            reads.of_module(patched, patterns)
            rewrite(data[:length])
    assert twice.count <= LINEAR * once.count
