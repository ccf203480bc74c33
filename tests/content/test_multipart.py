"""Batches and saved pages: each part has its own fields, kind and length."""

from __future__ import annotations

import pytest

from urlrewrite.content import multipart
from urlrewrite.content.changes import Links
from urlrewrite.content.kinds import Kind
from urlrewrite.content.links.link_map import LinkMap, Pair
from urlrewrite.content.mapping import content_rewriter, rewrite_content
from urlrewrite.model.origin import Origin

B = b"http://privateserver:8080"
P = b"https://www.example.com"
MAP = LinkMap([Pair(Origin("http", "privateserver", 8080), Origin("https", "www.example.com", 443))])


def mapped(body: bytes) -> bytes:
    told: list[tuple[int, bytes]] = []
    links = Links(MAP, True, lambda where, offset, before, after: told.append((offset, before)))
    changed = rewrite_content(body, Kind.MULTIPART, links=links)
    assert all(body.startswith(before, offset) for offset, before in told)
    return changed


def part(head: bytes, body: bytes, *, length: int | None = None) -> bytes:
    shown = b"" if length is None else b"\r\nContent-Length: %d" % length
    return b"--b_1\r\n" + head + shown + b"\r\n\r\n" + body + b"\r\n"


JSON = b"Content-Type: application/json"
HTML = b"Content-Type: text/html; charset=utf-8\r\nContent-Location: "
HTTP = b"Content-Type: application/http\r\nContent-Transfer-Encoding: binary"


def answer(url: bytes, *, length: int) -> bytes:
    head = b"HTTP/1.1 201 Created\r\nLocation: %b/1\r\nContent-Type: application/json\r\nContent-Length: %d"
    return head % (url, length) + b'\r\n\r\n{"@id":"%b/1"}' % url


def changeset(url: bytes, *, length: int) -> bytes:
    body = b"--c\r\n" + HTTP + b"\r\n\r\n" + answer(url, length=length) + b"\r\n--c--"
    return part(b"Content-Type: multipart/mixed; boundary=c", body)


CASES = [
    # what comes, and what is sent
    (part(JSON, b'{"u":"%b"}' % B, length=31), part(JSON, b'{"u":"%b"}' % P, length=29)),
    (part(JSON, b'{"u":"%b"}' % B), part(JSON, b'{"u":"%b"}' % P)),
    (
        part(HTML + B + b"/x", b"<a href='%b'>%b" % (B, B), length=58),
        part(HTML + P + b"/x", b"<a href='%b'>%b" % (P, B), length=56),
    ),
    (part(HTTP, answer(B, length=35)), part(HTTP, answer(P, length=33))),
    (changeset(B, length=35), changeset(P, length=33)),
    *((part(head, B), part(head, B)) for head in (b"Content-Type: text/plain", b"Content-Type: image/png", b"X: y")),
    *((part(JSON + coded, B), part(JSON + coded, B)) for coded in (b"\r\nContent-Transfer-Encoding: base64",)),
    *((part(JSON + coded, B), part(JSON + coded, B)) for coded in (b"\r\nContent-Encoding: gzip",)),
    (b"--b_1\r\n--b_1\r\n" + part(JSON, b'"%b"' % B), b"--b_1\r\n--b_1\r\n" + part(JSON, b'"%b"' % P)),
    (part(JSON, b'"%b"\r\n--b_12\r\n"%b"' % (B, B)), part(JSON, b'"%b"\r\n--b_12\r\n"%b"' % (P, P))),
    (b"no parts " + B, b"no parts " + B),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after"), CASES)
@pytest.mark.parametrize(
    "around", [(b"", b"--b_1--\r\n"), (b"preamble %b\r\n" % B, b"--b_1--\r\nepilogue"), (b"", b"")]
)
def test_parts(before: bytes, after: bytes, around: tuple[bytes, bytes]) -> None:
    start, end = around
    assert mapped(start + before + end) == start + after + end
    assert mapped((start + before + end).replace(b"\r\n", b"\n")) == (start + after + end).replace(b"\r\n", b"\n")


def test_a_part_in_an_encoding_of_its_own() -> None:
    head = b"Content-Type: text/html; charset=utf-16le"
    before, after = (f"<a href='{url.decode()}/x'>".encode("utf-16-le") for url in (B, P))
    links = Links(MAP, True, lambda *change: None)
    changed = rewrite_content(part(JSON, b'"%b"' % B) + part(head, before) + b"--b_1--", Kind.MULTIPART, links=links)
    assert changed == part(JSON, b'"%b"' % P) + part(head, after) + b"--b_1--"


def test_a_part_too_long_to_hold_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multipart, "_MAX_PART_LENGTH", 1000)
    rewriter = content_rewriter(Kind.MULTIPART, links=Links(MAP, True, lambda *change: None))
    assert rewriter is not None
    long = part(JSON, b'["%b"%b]' % (B, b" " * 2000))
    pieces = [
        rewriter.feed(long[:1500]),
        rewriter.feed(long[1500:]),
        rewriter.feed(part(JSON, b'"%b"' % B) + b"--b_1--"),
    ]
    assert b"".join([*pieces, rewriter.finish()]) == long + part(JSON, b'"%b"' % P) + b"--b_1--"


def nested(depth: int) -> bytes:
    """A link in so many parts inside of parts."""
    body = part(JSON, b'"%b"' % B).replace(b"b_1", b"b%d" % depth)
    for outer in reversed(range(depth)):
        body = b"--b%d\r\nContent-Type: multipart/mixed\r\n\r\n%b\r\n--b%d--" % (outer, body, outer)
    return body


@pytest.mark.parametrize(("depth", "looked_into"), [(multipart.MAX_DEPTH, True), (multipart.MAX_DEPTH + 1, False)])
def test_parts_inside_of_parts(depth: int, looked_into: bool) -> None:
    body = nested(depth)
    assert mapped(body) == (body.replace(B, P) if looked_into else body)
