"""Everything that rewrites what a stranger may have written: each kind of body, field and message, as a function of it.

Bodies are rewritten whole, and as they come in small pieces; for a site at the root, for one below a path, and by rules
on attributes. Every kind of content and of field is here, which the test looks after; so a new one is tested by being
there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from itertools import product

from growth.samples import Text
from rules_of import ask, routed, rules_of
from urlrewrite.content import integrity
from urlrewrite.content.asset_memory import AssetMemory
from urlrewrite.content.changes import AttributeRewrites, Links, Shortcuts
from urlrewrite.content.charset.stream import Transcoded
from urlrewrite.content.charset.view import CannotEncode, View, detect
from urlrewrite.content.counted import counted
from urlrewrite.content.html.references import in_playlist
from urlrewrite.content.kinds import Kind
from urlrewrite.content.links.link_map import LinkMap, Pair
from urlrewrite.content.links.mounts import Mount
from urlrewrite.content.links.names_left import NamesLeft
from urlrewrite.content.mapping import content_rewriter, form_rewriter, rewrite_content
from urlrewrite.content.stream import BodyRewriter, Chain
from urlrewrite.content.websocket import map_message
from urlrewrite.exchange.body.stream import FailOpen
from urlrewrite.exchange.rules_in_force import RulesInForce
from urlrewrite.fields.urls import KINDS, FieldKind
from urlrewrite.fields.validators import after_rewrite
from urlrewrite.model.origin import Origin

BACKEND = "http://privateserver:8080"
HOSTS = (
    "//privateserver:8080", "http://privateserver:8080/x", "http:\\/\\/privateserver:8080", "privateserver",
    "'privateserver", "http%3A%2F%2Fprivateserver%3A8080", "domain=privateserver", "/api", '"/api',
)  # fmt: skip
"""The backend, in some of the ways in which it is named."""

CORE = (
    "a", " ", "\n", '"', "'", "\\", "/", ";", ":", ",", ".", "(", ")", "{", "}", "[", "]", "<", ">", "&", "#", "%",
    "=", "*", "/*", "*/", "<!--", "-->", "&#", "&quot;", "url(", '<a href="', "<a ", "</a>", "<script>",
    "</script>", "<style>", "<svg>",
)  # fmt: skip
"""What most languages are made of."""

MORE = (
    "0", "9", "\r\n", "\t", "`", "-", "--", "_", "@", "?", "!", "|", "~", "$", "+", "^", "..", "../", "\x00", "é",
    "\x81", "&amp;", "&#47;", "&lt;a href=&quot;", "%25", "%2F", "\\u002f", "\\u", '\\"', '="', "=a", "a=", " a=",
    " a", "?>", "<?", "/>", "</", "</a", "<a", "<![CDATA[", "]]>", "<!DOCTYPE ", '<!ENTITY a "', "<iframe srcdoc=",
    '<iframe srcdoc="', "</svg>", "<a href='", '<a href="/x">', "<math>", "<title>", "<textarea>", "<plaintext>",
    "</style>", "</title>", "<p>", "<b/>", ' srcset="', ' style="', " content=",
    "<meta http-equiv=refresh content=", '<link integrity="sha256-a" href="', '<base href="',
    "<meta http-equiv=content-security-policy content=", "<img src=x ", "<input value=", "<a b=c d", '@import "',
    "@namespace ", "image-set(", "image-set('", "/*#", "a{", "\\u{2f}", '{"a":"', '"@context"', '"@context":[',
    '"@context":"', "data: ", "#EXTM3U", 'URI="', "--b\r\n", "\r\n--b", "\r\n\r\n", "--b--", "a: b\r\n",
    "HTTP/1.1 200\r\n", "Content-Type: text/html\r\n\r\n", "Content-Type: multipart/mixed\r\n\r\n", "'sha256-",
    "sha256-a", 'fetch("', "href", "Content-Type: application/http\r\n\r\n", "max-age=", "*.", "[::", "https:",
    "report-uri ", "a=b; ", "; path=/", "sig1=(", "4:", "0:", "1:a,", "9999:", "1|hiddenField|a|b|",
    "?redirect_uri=", "SAMLRequest=", "&a=", "|",
)  # fmt: skip
"""What some languages are made of."""

PIECE = 200
"""Bytes that come at once where a body comes in pieces."""

_PAIRS = [Pair(Origin("http", "privateserver", 8080), Origin("https", "www.example.com", 443))]
_AT_ROOT = LinkMap(_PAIRS)
_BELOW = LinkMap(
    [Pair(Origin("http", "privateserver", 8080), Origin("https", "www.example.com", 443), "", "/app")],
    Mount("", "/app"),
    ["/api"],
)
_PUBLIC = Origin("https", "www.example.com", 443)
_OF_MANY = LinkMap(
    [Pair(Origin("http", f"srv{number}.corp.example", 80), _PUBLIC) for number in range(9)]
    + [Pair(Origin("http", "shop.corp.example", 80), _PUBLIC, f"/app{number}") for number in range(99)]
)
_EVERYWHERE = "links: everywhere\nlinksAlso: [comments, cookieValues, plainText, queries, reasonPhrase, visibleText]"
_MOUNTED = f"public: https://www.example.com/app\nbackend: {BACKEND}/base\n"


@dataclass(frozen=True, slots=True)
class Rewriter:
    """A name, and what is done to a text; `kind` is that of its content, None for what is no body."""

    name: str
    run: Callable[[bytes], object]
    kind: Kind | None = None


def _ignore(*_: object) -> None:
    """Nobody is told."""


def _links(link_map: LinkMap) -> Links:
    every = {"visible_text": True, "comments": True, "plain_text": True}
    return Links(link_map, True, _ignore, page="/a/b", **every)  # type: ignore[arg-type]


def _values() -> AttributeRewrites:
    shortcuts = Shortcuts(frozenset({b"http"}), frozenset({b"privateserver"}), ((b"http://privateserver:8080/", b"/"),))
    wanted = {b"a": frozenset({b"href"}), b"img": frozenset({b"src"}), b"input": frozenset({b"src", b"value"})}
    known = {(b"a", b"href"): shortcuts, (b"img", b"src"): shortcuts}
    return AttributeRewrites(wanted, lambda tag, name, value: value.replace(b"p", b"q"), known)


_NAMED = b"\n http://privateserver:8080/"
"""A content in which the backend is not named is not looked at any closer."""

WITHIN = (
    ('<a href="', '">'), ("<a b='", "'>"), ('<a onclick="', '">'), ('<a style="', '">'), ('<img srcset="', '">'),
    ('<a ping="', '">'), ('<iframe srcdoc="', '">'), ("<iframe srcdoc=", ">"), ("<meta ", ">"),
    ('<meta http-equiv=content-security-policy content="', '">'), ('<meta http-equiv=refresh content="', '">'),
    ("<script>", "</script>"), ("<style>", "</style>"), ("<!--", "-->"), ("<svg>", "</svg>"), ("<title>", "</title>"),
    ("<script type=importmap>", "</script>"), ("<script type=application/json>", "</script>"),
    ("<!--[if a]>", "<![endif]-->"), ("<!DOCTYPE a [", "]>"), ("<style><![CDATA[", "]]></style>"),
    ("<a xsi:schemaLocation='", "'/>"),
)  # fmt: skip
"""Places in markup in which another language is read."""


def _whole(
    kind: Kind, links: Links | None, values: AttributeRewrites | None, within: tuple[str, str] = ("", "")
) -> Callable[[bytes], object]:
    before, after = map(str.encode, within)
    return lambda data: rewrite_content(before + data + after + _NAMED, kind, links=links, values=values)


def in_pieces(rewriter: BodyRewriter | None, data: bytes) -> None:
    """Rewrites a body that comes in small pieces."""
    if rewriter is not None:
        stage = FailOpen(rewriter, _ignore)
        for start in range(0, len(data), PIECE):
            stage.feed(data[start : start + PIECE])
        stage.finish()


def _streamed(kind: Kind, links: Links | None, values: AttributeRewrites | None) -> Callable[[bytes], object]:
    return lambda data: in_pieces(content_rewriter(kind, links=links, values=values), data)


def bodies() -> Iterator[Rewriter]:
    """Each kind of content, in all the ways in which it is rewritten."""
    for kind in Kind:
        ways: dict[str, tuple[Links | None, AttributeRewrites | None]] = {
            "links": (_links(_AT_ROOT), None),
            "below a path": (_links(_BELOW), None),
        }
        if kind.is_markup:
            ways["values"] = (None, _values())
            ways["links, but in texts"] = (Links(_AT_ROOT, True, _ignore), None)
        for way, (links, values) in ways.items():
            yield Rewriter(f"{kind}, {way}", _whole(kind, links, values), kind)
            yield Rewriter(f"{kind}, {way}, in pieces", _streamed(kind, links, values), kind)
        for within in WITHIN if kind in (Kind.HTML, Kind.XML) else ():
            yield Rewriter(f"{kind}, below a path, in {within[0]}", _whole(kind, _links(_BELOW), None, within), kind)


def helpers() -> Iterator[Rewriter]:
    """What else looks through a body: its encoding, the hashes in it, the names that are left."""
    for charset in ("utf-8", "shift_jis", "gb18030", "utf-16le", "iso-2022-jp"):
        yield Rewriter(f"view of {charset}", _viewed(f"text/html; charset={charset}"))
    for kind in ("html", "xml", "css"):
        yield Rewriter(f"encoding of {kind}", lambda data, kind=kind: detect(data, None, kind=kind))  # type: ignore[misc]
    yield Rewriter("Content-Type", lambda data: detect(b"", data.decode("latin-1"), kind="html"))
    yield Rewriter("shift_jis in pieces", lambda data: in_pieces(_transcoded(data), data))
    yield Rewriter("names left", lambda data: _names_left().look(data, final=True))
    yield Rewriter("many hosts", lambda data: _OF_MANY.map(b" http://shop.corp.example/app1/" + data, bare=True))
    yield Rewriter("many plain links", lambda data: _OF_MANY.table.plain_in(b'="http://shop.corp.example/app1/' + data))
    yield Rewriter("integrity", lambda data: _integrity().whole(data), Kind.HTML)
    yield Rewriter("integrity, in pieces", lambda data: in_pieces(_integrity(), data), Kind.HTML)
    yield Rewriter("inline code", lambda data: integrity.changed_hashes(data, data + b" ", _text), Kind.HTML)
    yield Rewriter("policies in a page", lambda data: list(integrity.policies_in(data)), Kind.HTML)
    yield Rewriter("hashes in a policy", lambda data: integrity.allow_also(_text(data), {"sha256-a": "sha256-b"}))
    yield Rewriter("form", lambda data: in_pieces(form_rewriter(_links(_AT_ROOT)), data))
    for is_delta in (False, True):
        yield Rewriter(f"counted{', a delta' * is_delta}", lambda data, d=is_delta: counted(_text(data), is_delta=d))  # type: ignore[misc]
    yield Rewriter("playlist", lambda data: list(in_playlist(data)))
    yield Rewriter("WebSocket", lambda data: map_message(data, _AT_ROOT, _ignore))
    yield Rewriter("WebSocket, STOMP", lambda data: map_message(b"SEND\n" + data, _AT_ROOT, _ignore))


def _text(data: bytes) -> str:
    return data.decode("latin-1")


def _viewed(content_type: str) -> Callable[[bytes], object]:
    def view(data: bytes) -> None:
        found = View.of(data, detect(data, content_type, kind="html"), escapes=True)
        if found is not None:
            found.restore(found.data)
            with suppress(CannotEncode):
                found.encode_value(found.decode_value(data), html=True)

    return view


def _transcoded(data: bytes) -> BodyRewriter:
    return Transcoded(detect(data, "text/html; charset=shift_jis", kind="html"), Chain([]))


def _names_left() -> NamesLeft:
    return NamesLeft(_AT_ROOT.table.names_sought)


def _integrity() -> integrity.IntegrityAttributes:
    return integrity.IntegrityAttributes("https://www.example.com/", AssetMemory(), _text)


@cache
def _rules(mounted: bool) -> RulesInForce:
    return rules_of(_EVERYWHERE, site=_MOUNTED) if mounted else rules_of(_EVERYWHERE)


def fields() -> Iterator[Rewriter]:
    """Each kind of field of a response, and the fields and the URL of a request."""
    one_of_each: dict[FieldKind, str] = {kind: name for name, kind in reversed(KINDS.items())}
    one_of_each[FieldKind.GENERIC] = "x-anything"
    names = {*one_of_each.values(), "content-type", "etag", "digest", "content-encoding", "cache-control", "vary"}
    names |= {"signature-input", "report-to", "permissions-policy", "proxy-authenticate", "content-digest"}
    for mounted in (False, True):
        where = " below a path" if mounted else ""
        url = "https://www.example.com/app/x" if mounted else "https://www.example.com/x"
        for name in sorted(names):
            yield Rewriter(f"{name} of a response{where}", _answered(url, name, mounted))
        for name in sorted(_REQUEST_FIELDS):
            yield Rewriter(f"{name} of a request{where}", _requested(url, name, mounted))
        if not mounted:
            yield Rewriter("digest of a changed body", _digested)
        yield Rewriter(f"path of a request{where}", lambda data, m=mounted, u=url: _routed(f"{u}/{_text(data)}", m))  # type: ignore[misc]
        yield Rewriter(f"query of a request{where}", lambda data, m=mounted, u=url: _routed(f"{u}?{_text(data)}", m))  # type: ignore[misc]


_REQUEST_FIELDS = (
    *("accept", "accept-encoding", "cookie", "host", "origin", "referer", "te", "connection", "forwarded", "via"),
    *("x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "if-none-match", "if-match", "if-range", "range"),
    *("authorization", "destination", "sec-fetch-dest", "content-type", "signature-input", "max-forwards", "x-any"),
)


def _answered(url: str, name: str, mounted: bool) -> Callable[[bytes], object]:
    lines = () if name == "content-type" else (("Content-Type", "text/html"),)
    return lambda data: ask(_rules(mounted), url, answer=(200, [*lines, (name, _text(data))], b"<p>"))


def _requested(url: str, name: str, mounted: bool) -> Callable[[bytes], object]:
    return lambda data: routed(_rules(mounted), url, (name, _text(data)))


def _digested(data: bytes) -> None:
    """Has the digests of a body computed that grows with the field."""
    fields = (("Digest", _text(data)), ("Content-Digest", _text(data)))
    after_rewrite(fields, len(data), changed=True, body=data)


def _routed(url: str, mounted: bool) -> None:
    routed(_rules(mounted), url)


def texts(pieces: Iterable[str]) -> Iterator[Text]:
    """Each piece, each two in turns, each one behind many of another, and each one behind a single other one."""
    all_ = list(dict.fromkeys(pieces))
    yield from (Text("", (piece,)) for piece in all_)
    for first, second in product(all_, repeat=2):
        if first != second:
            yield from (Text("", (first + second,)), Text("", (first, second)), Text(first, (second,)))


def all_rewriters() -> list[Rewriter]:
    """All of them; `bodies` of a binary kind do nothing, and are there to be complete."""
    found = [*bodies(), *helpers(), *fields()]
    assert len({each.name for each in found}) == len(found)
    return found
