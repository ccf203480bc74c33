"""Messages of HTTP/1 and frames of HTTP/2 as they should be, from which the fuzzer makes others."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from aioquic.h3.connection import FrameType, encode_frame
from hpack import Encoder
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
ID = "{id}"
"""Stands for the id of the case, which has as many characters as `0123456789abcdef`."""

TOKENS = [
    *(b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b"\x0b", b"\x7f", b"\xff", b"\xc3\xa9", b":", b";", b",", b"\r\n\r\n"),
    *(b"0\r\n\r\n", b"0\r\n", b"5\r\nhello\r\n", b"ffffffffffffffff\r\n", b"-1\r\n", b"0x5\r\n", b"5;a=b\r\n", b"00"),
    *(b"Content-Length: 5\r\n", b"Content-Length: 0\r\n", b"Content-Length: -1\r\n", b"Content-Length: 9999999999\r\n"),
    *(b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip, chunked\r\n", b"transfer-encoding : chunked\r\n"),
    *(b"Connection: close\r\n", b"Connection: keep-alive, Content-Length\r\n", b"Connection: Upgrade\r\n"),
    *(
        b"Upgrade: websocket\r\n",
        b"Upgrade: h2c\r\n",
        b"Expect: 100-continue\r\n",
        b"Expect: x\r\n",
        b"TE: trailers\r\n",
    ),
    *(b"Host: localhost\r\n", b"Host: other.example\r\n", b"Host: \r\n", b"Trailer: X-T\r\n", b" folded\r\n"),
    *(b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b"HTTP/0.9", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 X\r\n\r\n"),
    *(
        b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b" 204 ",
        b" 304 ",
    ),
    *(
        b" 101 ",
        b" 999 ",
        b" 0 ",
        b"GET ",
        b"HEAD ",
        b"POST ",
        b"CONNECT ",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"OPTIONS ",
    ),
    *(b"Content-Encoding: gzip\r\n", b"Content-Encoding: br\r\n", b"Content-Type: text/event-stream\r\n", b"#", b"%00"),
    *(
        b"Content-Type: multipart/mixed; boundary=b\r\n",
        b"Content-Type: application/grpc\r\n",
        b"../",
        b"%2e%2e/",
        b"//",
    ),
    *(b"Location: http://inner.example/x\r\n", b"Set-Cookie: a=b; Domain=inner.example\r\n", b"\x16\x03\x01\x02\0\x01"),
    *(
        b"X-A: " + b"a" * 5000 + b"\r\n",
        b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
        b"Range: bytes=0-1\r\n",
        b"\x81\x05hello",
    ),
]
"""What is put into messages, for their readers are sensitive to it."""

_HOST = "Host: localhost\r\n"
REQUESTS = [
    f"GET /{ID} HTTP/1.1\r\n{_HOST}\r\n",
    f"GET /{ID}?a=b&c=%20 HTTP/1.1\r\n{_HOST}Accept-Encoding: gzip, br\r\nCookie: a=b; c=d\r\n\r\n",
    f"GET http://localhost/{ID} HTTP/1.1\r\n{_HOST}Connection: close\r\n\r\n",
    f"HEAD /{ID} HTTP/1.0\r\n{_HOST}\r\n",
    f"OPTIONS * HTTP/1.1\r\n{_HOST}\r\n",
    f"CONNECT localhost:443 HTTP/1.1\r\n{_HOST}\r\n",
    f"POST /{ID} HTTP/1.1\r\n{_HOST}Content-Type: text/plain\r\nContent-Length: 11\r\n\r\nhello world",
    f"POST /{ID} HTTP/1.1\r\n{_HOST}Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello",
    f"PUT /{ID} HTTP/1.1\r\n{_HOST}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;a=b\r\n world\r\n"
    "0\r\nX-T: t\r\n\r\n",
    f"POST /{ID} HTTP/1.1\r\n{_HOST}Content-Type: application/grpc\r\nTransfer-Encoding: chunked\r\n\r\n"
    "5\r\nhello\r\n0\r\n\r\n",
    f"GET /{ID} HTTP/1.1\r\n{_HOST}\r\nGET /{ID}/second HTTP/1.1\r\n{_HOST}\r\n",
    f"POST /{ID} HTTP/1.1\r\n{_HOST}Content-Length: 5\r\n\r\nhelloGET /{ID}/second HTTP/1.1\r\n{_HOST}\r\n",
    f"GET /{ID} HTTP/1.1\r\n{_HOST}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: eA==\r\n\r\n\x81\x85\0\0\0\0hello\x88\x82\0\0\0\0\x03\xe8",
    f"GET /{ID} HTTP/1.1\r\n{_HOST}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
    "HTTP2-Settings: AAMAAABk\r\n\r\n",
]
"""What clients of HTTP/1 send."""

_PAGE = f"<p>{ID}<a href='http://inner.example/x'>x</a>"
_HTML = f"X-Id: {ID}\r\nContent-Type: text/html\r\n"
RESPONSES = [
    f"HTTP/1.1 200 OK\r\n{_HTML}Content-Length: {len(_PAGE) + 12}\r\n\r\n{_PAGE}",
    f"HTTP/1.1 200 OK\r\n{_HTML}Transfer-Encoding: chunked\r\n\r\n{len(_PAGE) + 12:x}\r\n{_PAGE}\r\n"
    "0\r\nX-T: t\r\n\r\n",
    f"HTTP/1.1 200 OK\r\n{_HTML}\r\n{_PAGE}",
    f"HTTP/1.0 200 OK\r\n{_HTML}\r\n{_PAGE}",
    f"HTTP/1.1 302 Found\r\nX-Id: {ID}\r\nLocation: http://inner.example/x\r\nContent-Length: 0\r\n\r\n",
    f"HTTP/1.1 204 No Content\r\nX-Id: {ID}\r\n\r\n",
    f'HTTP/1.1 304 Not Modified\r\nX-Id: {ID}\r\nETag: "a"\r\n\r\n',
    f"HTTP/1.1 103 X\r\nLink: </a>; rel=preload\r\n\r\nHTTP/1.1 200 OK\r\n{_HTML}Content-Length: 2\r\n\r\nhi",
    f"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 X\r\n{_HTML}Content-Length: 2\r\n\r\nno",
    f"HTTP/1.1 101 X\r\nX-Id: {ID}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Accept: x\r\n\r\n\x81\x02hi",
    f"HTTP/1.1 200 OK\r\nX-Id: {ID}\r\nContent-Type: text/event-stream\r\n\r\ndata: http://inner.example/x\n\n",
    f"HTTP/1.1 200 OK\r\n{_HTML}Set-Cookie: a=b; Domain=inner.example; Path=/\r\nContent-Security-Policy: img-src "
    "http://inner.example\r\nContent-Length: 2\r\n\r\nhi",
    f"HTTP/1.1 401 X\r\nX-Id: {ID}\r\nWWW-Authenticate: Negotiate\r\nContent-Length: 2\r\n\r\nno",
    f"HTTP/1.1 206 X\r\nX-Id: {ID}\r\nContent-Range: bytes 0-1/9\r\nContent-Length: 2\r\n\r\nhi",
]
"""What backends of HTTP/1 send; ID is shorter than what it stands for by twelve characters."""


def _block(lines: Sequence[tuple[str, str]]) -> bytes:
    """Fields coded without a table: whatever becomes of other frames, they can be read."""
    return Encoder().encode([(name, value, True) for name, value in lines])


def _head(stream: int, lines: Sequence[tuple[str, str]], *flags: str) -> HeadersFrame:
    return HeadersFrame(stream, data=_block(lines), flags=["END_HEADERS", *flags])


def _asks(own_id: str, method: str = "GET", *more: tuple[str, str]) -> list[tuple[str, str]]:
    return [(":method", method), (":scheme", "https"), (":authority", "localhost"), (":path", f"/{own_id}"), *more]


def http2_requests(own_id: str) -> list[list[Frame]]:
    """What clients of HTTP/2 send behind the preface."""
    block = _block(_asks(own_id, "GET", ("cookie", "a=b"), ("accept-encoding", "gzip")))
    return [
        [SettingsFrame(0), _head(1, _asks(own_id), "END_STREAM")],
        [
            SettingsFrame(0, settings={SettingsFrame.INITIAL_WINDOW_SIZE: 10, SettingsFrame.HEADER_TABLE_SIZE: 0}),
            _head(1, _asks(own_id), "END_STREAM"),
            WindowUpdateFrame(1, window_increment=100_000),
            SettingsFrame(0, flags=["ACK"]),
        ],
        [
            SettingsFrame(0),
            _head(1, _asks(own_id, "POST", ("content-length", "11"))),
            DataFrame(1, b"hello "),
            DataFrame(1, b"world", flags=["END_STREAM", "PADDED"], pad_length=7),
            PingFrame(0, b"12345678"),
        ],
        [
            SettingsFrame(0),
            HeadersFrame(1, data=block[:10], flags=["END_STREAM"]),
            ContinuationFrame(1, block[10:20]),
            ContinuationFrame(1, block[20:], flags=["END_HEADERS"]),
        ],
        [
            SettingsFrame(0),
            _head(1, _asks(own_id, "POST", ("content-type", "application/grpc"), ("te", "trailers"))),
            DataFrame(1, b"hello"),
            _head(3, _asks(own_id), "END_STREAM"),
            HeadersFrame(1, data=_block([("x-t", "t")]), flags=["END_HEADERS", "END_STREAM"]),
        ],
        [
            SettingsFrame(0),
            _head(1, _asks(own_id), "END_STREAM"),
            _head(3, _asks(own_id), "END_STREAM"),
            RstStreamFrame(1, 8),
            PriorityFrame(3, depends_on=1, stream_weight=5),
            _head(5, _asks(own_id, "HEAD"), "END_STREAM"),
            GoAwayFrame(0, last_stream_id=0, error_code=0),
        ],
    ]


def http3_requests(own_id: str, block: Callable[[Sequence[tuple[bytes, bytes]]], bytes]) -> list[list[bytes]]:
    """Frames of a request of HTTP/3 on its stream; `block` codes fields."""

    def head(method: str, *more: tuple[str, str]) -> bytes:
        lines = [(name.encode(), value.encode()) for name, value in _asks(own_id, method, *more)]
        return encode_frame(FrameType.HEADERS, block(lines))

    return [
        [head("GET")],
        [head("POST", ("content-length", "11")), encode_frame(FrameType.DATA, b"hello world")],
        [
            head("POST", ("content-type", "application/grpc"), ("te", "trailers")),
            encode_frame(FrameType.DATA, b"hello"),
            encode_frame(FrameType.DATA, b""),
            encode_frame(FrameType.HEADERS, block([(b"x-t", b"t")])),
        ],
        [head("HEAD"), encode_frame(0x21, b"a frame that nobody knows")],
        [head("GET"), encode_frame(FrameType.SETTINGS, b""), encode_frame(FrameType.GOAWAY, b"\0")],
    ]


def http2_responses(own_id: str, stream: int) -> list[list[Frame]]:
    """What backends of HTTP/2 send to a request on a stream, behind their settings."""
    page = _PAGE.replace(ID, own_id).encode()
    html = [(":status", "200"), ("x-id", own_id), ("content-type", "text/html")]
    return [
        [_head(stream, [*html, ("content-length", str(len(page)))]), DataFrame(stream, page, flags=["END_STREAM"])],
        [
            _head(stream, [(":status", "103"), ("link", "</a>; rel=preload")]),
            _head(stream, html),
            DataFrame(stream, page[:9], flags=["PADDED"], pad_length=3),
            DataFrame(stream, page[9:]),
            HeadersFrame(stream, data=_block([("x-t", "t")]), flags=["END_HEADERS", "END_STREAM"]),
        ],
        [_head(stream, [(":status", "204"), ("x-id", own_id)], "END_STREAM"), PingFrame(0, b"12345678")],
        [_head(stream, html), DataFrame(stream, page), RstStreamFrame(stream, 2)],
        [_head(stream, html), GoAwayFrame(0, last_stream_id=stream), DataFrame(stream, page, flags=["END_STREAM"])],
    ]
