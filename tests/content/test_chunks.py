"""Content that comes in chunks is rewritten as if it had come whole, however it is cut, and little is held back."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from urlrewrite.content.changes import Links
from urlrewrite.content.charset.stream import Transcoded, stream_view
from urlrewrite.content.charset.view import CannotEncode, detect
from urlrewrite.content.coding.codings import CorruptCoding, DecodedTooLarge, decode, encode
from urlrewrite.content.html.markup import Markup
from urlrewrite.content.kinds import Kind
from urlrewrite.content.links.link_map import LinkMap, Pair
from urlrewrite.content.mapping import content_rewriter, rewrite_content
from urlrewrite.content.stream import BodyRewriter, Chain, Coded
from urlrewrite.model.origin import Origin

B = b"http://privateserver:8080"
LINK_MAP = LinkMap(
    [
        Pair(Origin("http", "privateserver", 8080), Origin("https", "www.example.com", 443)),
        Pair(Origin("http", "privateserver.example", 80), Origin("https", "app.example.com", 8443)),
    ]
)
SPELLINGS = [
    *(B, B + b"/x", b"//privateserver:8080/", rb"http:\/\/privateserver:8080\/", b"http%3A%2F%2Fprivateserver%3A8080"),
    *(
        b"https://privateserver.example.evil/",
        b"http://privateserver.example",
        b"'privateserver:8080'",
        b"privateserver",
    ),
    *(b"http:&#47;&#47;privateserver:8080", rb"http\3a \2f\2fprivateserver:8080", b"ws://user@privateserver:8080"),
    *(rb"http:\u{2f}\u{2F}privateserver:8080/", b"'a; domain=privateserver'", b"domain=", b";"),
    *(b"'privateserver:8080'", b"'http://' + 'privateserver:8080'", b"://", b"http", b"privateserver:80801"),
]
KINDS = {
    Kind.JAVASCRIPT: [b" ", b"\n", b"'", b'"', b";\n", b"}\n", b"// ", b"a=", b"+", b"\\", b"\xff", b"x" * 300],
    Kind.JSON: [
        *(b'{"a":', b"}\n", b'"', b",", b"[", b"\n", b"\\u002f", b" " * 400, b":", b"]"),
        *(b'"@context"', b'{"@context":{'),
    ],
    Kind.CSS: [b"a{", b"}", b";", b"/*", b"*/", b"/*#", b'"', b"'", b"url(", b")", b"@namespace ", b"\n", b"\\", b"x}"],
    Kind.HTML: [
        *(b"<a href='", b'<a href="', b'"', b"'", b">", b"<", b"<script>", b"</script>", b"<!--", b"-->", b"<style>"),
        *(b"</style>", b"<svg>", b"</svg>", b" x=", b"<a srcdoc='&lt;a href="),
    ],
    Kind.XML: [b"<a>", b"</a>", b"<![CDATA[", b"]]>", b"<!--", b"-->", b"<?x ", b"?>", b' a="', b'"', b">", b"<"],
    Kind.PLAYLIST: [b"#EXTM3U\n", b'#EXT-X-KEY:URI="', b'"', b"\n", b"\r\n", b" "],
    Kind.OTHER_TEXT: [b" ", b"\n", b"<", b">", b"."],
    Kind.MULTIPART: [
        *(b"--b\r\n", b"\r\n--b\r\n", b"\n--b\n", b"\r\n--b--", b"--b", b"\r\n\r\n"),
        *(b"Content-Type: application/json\r\n\r\n", b"Content-Type: application/http\r\n\r\n"),
        b"Content-Type: text/html\r\nContent-Length: 30\r\n\r\n",
        *(b"HTTP/1.1 200 OK\r\nLocation: ", b"<a href='", b"'>"),
    ],
    Kind.EVENT_STREAM: [b"data: ", b"\n", b"\n\n", b"\r\n", b"event: x\n"],
}  # fmt: skip


def whole(data: bytes, kind: Kind) -> tuple[bytes, list[tuple[int, bytes, bytes]]]:
    told: list[tuple[int, bytes, bytes]] = []
    links = Links(LINK_MAP, True, lambda where, *change: told.append(change), comments=True, plain_text=True)
    return rewrite_content(data, kind, links=links), told


def in_chunks(data: bytes, kind: Kind, cuts: list[int]) -> tuple[bytes, list[tuple[int, bytes, bytes]]]:
    told: list[tuple[int, bytes, bytes]] = []
    links = Links(LINK_MAP, True, lambda where, *change: told.append(change), comments=True, plain_text=True)
    rewriter = content_rewriter(kind, links=links)
    assert rewriter is not None
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    pieces = [rewriter.feed(data[start:end]) for start, end in itertools.pairwise(places)]
    return b"".join([*pieces, rewriter.finish()]), told


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_any_chunking_gives_the_same(kind: Kind, data: st.DataObject) -> None:
    text = b"".join(data.draw(st.lists(st.sampled_from(KINDS[kind] + SPELLINGS), max_size=16)))
    cuts = data.draw(st.lists(st.integers(0, 5000), max_size=6))
    changed, told = in_chunks(text, kind, cuts)
    expected, expected_told = whole(text, kind)
    assert changed == expected
    assert sorted(told) == sorted(expected_told)


@pytest.mark.parametrize("kind", KINDS)
def test_byte_by_byte(kind: Kind) -> None:
    text = b"".join(KINDS[kind] + SPELLINGS) * 2
    assert in_chunks(text, kind, list(range(len(text)))) == whole(text, kind)


HELD = [
    # (kind, what comes in one piece, bytes of it that may be held back)
    (Kind.JSON, b'{"u":"' + B + b'/x"}\n', 0),
    (Kind.JAVASCRIPT, b"x" * 5000, 450),
    (Kind.CSS, b"a{b:c}\n", 1),
    (Kind.HTML, b'<p><a href="' + B + b'/x">text', 0),
    (Kind.EVENT_STREAM, b"data: " + B + b"\n\n", 0),
]


@pytest.mark.parametrize(("kind", "piece", "most"), HELD)
def test_what_is_complete_is_sent(kind: Kind, piece: bytes, most: int) -> None:
    rewriter = content_rewriter(kind, links=Links(LINK_MAP, True, lambda *change: None))
    assert rewriter is not None
    for _ in range(3):
        sent = rewriter.feed(piece)
    rest = rewriter.finish()
    assert sent
    assert len(rest) <= most


CODED = ["gzip", "deflate", "br", "zstd"]


@pytest.mark.parametrize("coding", CODED)
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_coded_body_in_chunks(coding: str, size: int) -> None:
    page = (b"<p>text <a href='" + B + b"/x'>" + bytes(range(256))) * 50
    rewriter = Coded([coding], Chain([markup()]))
    body = encode(page, [coding])
    pieces = [rewriter.feed(body[start : start + size]) for start in range(0, len(body), size)]
    sent = b"".join([*pieces, rewriter.finish()])
    assert decode(sent, [coding], limit=1 << 20) == page.replace(B, b"https://www.example.com")


def test_coded_body_that_stops_too_early() -> None:
    rewriter = Coded(["gzip"], markup())
    rewriter.feed(encode(b"<p>" * 100, ["gzip"])[:-9])
    with pytest.raises(CorruptCoding):
        rewriter.finish()


def test_a_bomb_is_stopped() -> None:
    rewriter = Coded(["gzip"], markup())
    with pytest.raises(DecodedTooLarge):
        rewriter.feed(encode(bytes(1 << 26), ["gzip"]))


ENCODINGS = ["utf-16-le", "utf-16-be", "utf-32-le", "shift_jis", "gb18030", "big5"]


@pytest.mark.parametrize("name", ENCODINGS)
@pytest.mark.parametrize("size", [1, 3, 100])
@pytest.mark.parametrize("bom", [True, False])
def test_encodings_in_chunks(name: str, size: int, bom: bool) -> None:
    text = "<p>表示 <a href='http://privateserver:8080/表'>中\n" * 20
    data = text.encode(name)
    if bom and name.startswith("utf"):
        data = "\ufeff".encode(name) + data
    charset = detect(data, f"text/html; charset={name.replace('-le', 'le').replace('-be', 'be')}", kind="html")
    view = stream_view(charset, escapes=True)
    assert view is not None and view.transcoded
    rewriter = Transcoded(charset, markup())
    pieces = [rewriter.feed(data[start : start + size]) for start in range(0, len(data), size)]
    changed = b"".join([*pieces, rewriter.finish()])
    assert changed == data.replace("http://privateserver:8080".encode(name), "https://www.example.com".encode(name))


def test_a_body_that_would_not_come_back_is_refused() -> None:
    rewriter = Transcoded(detect(b"\xff\xfe", None, kind="html"), markup())
    with pytest.raises(CannotEncode):
        rewriter.feed(b"\xff\xfe<\0a\0>\0")
        rewriter.feed(b"x")
        rewriter.finish()


def markup() -> BodyRewriter:
    return Markup(Kind.HTML, Links(LINK_MAP, True, lambda *change: None))
