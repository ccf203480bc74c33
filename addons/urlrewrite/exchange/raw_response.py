"""A reader of HTTP responses that were saved to a file: status line, fields, blank line, body."""

from __future__ import annotations

import re

from urlrewrite.engine.facts import ResponseFacts

_STATUS_LINE = re.compile(rb"HTTP/\d(?:\.\d)? (\d{3})(?: (.*))?")


def parse_response(data: bytes) -> tuple[ResponseFacts, bytes]:
    """Give head and body of a saved response; lines may end in CRLF or LF, as editors leave them.

    Chunks of a chunked body are put together. Content codings are left to the caller.

    Raises:
        ValueError: it does not begin with a status line, a field line has no colon, or the chunks are broken.
    """
    head, body = _split_head(data)
    lines = [line.rstrip(b"\r") for line in head.split(b"\n")]
    found = _STATUS_LINE.fullmatch(lines[0])
    if not found:
        raise ValueError(f"line 1: got {_text(lines[0][:60])!r}, expected a status line such as 'HTTP/1.1 200 OK'")
    fields = []
    for number, line in enumerate(lines[1:], 2):
        name, colon, value = line.partition(b":")
        if not colon or not name.strip():
            raise ValueError(f"line {number}: got {_text(line[:60])!r}, expected 'Name: value'")
        fields.append((_text(name.strip()), _text(value.strip())))
    if any(name.lower() == "transfer-encoding" and "chunked" in value.lower() for name, value in fields):
        body = _join_chunks(body)
    return ResponseFacts(int(found[1]), tuple(fields), _text(found[2] or b"")), body


def _split_head(data: bytes) -> tuple[bytes, bytes]:
    blank = re.search(rb"\r?\n\r?\n", data)
    return (data[: blank.start()], data[blank.end() :]) if blank else (data.rstrip(b"\r\n"), b"")


def _join_chunks(body: bytes) -> bytes:
    """Give the body of a chunked message; the bytes as they are if curl has put the chunks together already.

    Raises:
        ValueError: the chunks are broken.
    """
    if not re.match(rb"[0-9a-fA-F]{1,8}(?:;[^\r\n]*)?\r\n", body):
        return body
    joined = bytearray()
    position = 0
    while True:
        end = body.find(b"\r\n", position)
        try:
            size = int(body[position:end].split(b";")[0], 16)
        except ValueError:
            raise ValueError(f"the chunked body is broken at byte {position}") from None
        position = end + 2
        if size == 0:
            return bytes(joined)
        if position + size > len(body):
            raise ValueError(f"the chunked body ends within a chunk, at byte {len(body)}")
        joined += body[position : position + size]
        position += size + 2


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
