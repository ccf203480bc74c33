"""Saved responses, as people save them."""

from __future__ import annotations

import pytest

from urlrewrite.exchange.raw_response import parse_response

GOOD = [
    (b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nbody\r\n", 200, (("A", "b"),), b"body\r\n"),
    (b"HTTP/1.0 404 Not Found\nA:b\nC: d:e\n\nx\n\ny", 404, (("A", "b"), ("C", "d:e")), b"x\n\ny"),
    (b"HTTP/2 204\r\n\r\n", 204, (), b""),
    (b"HTTP/1.1 302 Found\r\nLocation: /x\r\n", 302, (("Location", "/x"),), b""),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n", 200, None, b"abcde"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n<p>joined", 200, None, b"<p>joined"),
]


@pytest.mark.parametrize(("data", "status", "fields", "body"), GOOD)
def test_good(data: bytes, status: int, fields: tuple[tuple[str, str], ...] | None, body: bytes) -> None:
    facts, got = parse_response(data)
    assert (facts.status, got) == (status, body)
    assert fields is None or facts.fields == fields


BAD = [
    (b"", "line 1"),
    (b"<html>", "status line"),
    (b"HTTP/1.1 200 OK\nno colon\n\n", "line 2"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc\r\n", "within a chunk"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n", "broken at byte"),
]


@pytest.mark.parametrize(("data", "word"), BAD)
def test_bad(data: bytes, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        parse_response(data)
