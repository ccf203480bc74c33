"""A client that asks a backend once, within bounds, and past every rule and hook: for experiments on requests.

A replay of mitmproxy would go through the hooks, where rules act, and would stand in the list of flows.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Iterator

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h11

from urlrewrite.hooks.backend_tls import ssl_context
from urlrewrite.inspector.asking.answers import Answer
from urlrewrite.inspector.asking.request_changes import Sent, Version
from urlrewrite.model.field_lines import FieldLines

MAX_HEAD = 64 * 2**10
"""Bytes of the head of a response that are taken."""

_CLOSED = Answer(None, failure="it closed the connection without an answer")
_PIECE = 64 * 2**10
_ALPN = {Version.HTTP1: "http/1.1", Version.HTTP2: "h2"}


async def ask(sent: Sent, seconds: float) -> Answer:
    """Send a request and return the head of the answer, or why none came within some seconds; its body is not read."""
    try:
        async with asyncio.timeout(seconds):
            return await _ask(sent)
    except TimeoutError:
        return Answer(None, failure=f"no answer within {seconds:g} s")
    except ssl.SSLError as error:
        return Answer(None, failure=f"TLS failed: {getattr(error, 'verify_message', '') or error.reason or error}")
    except (h11.ProtocolError, h2.exceptions.ProtocolError) as error:
        return Answer(None, failure=f"no answer of {sent.version}: {error}")
    except (OSError, RuntimeError, ValueError, asyncio.IncompleteReadError) as error:
        return Answer(None, failure=str(error) or type(error).__name__)


async def _ask(sent: Sent) -> Answer:
    context = await asyncio.to_thread(ssl_context, sent.settings) if sent.tls else None
    if context is not None:
        context.set_alpn_protocols([_ALPN[sent.version]])
    host, port = sent.address
    reader, writer = await asyncio.open_connection(
        host, port, ssl=context, server_hostname=sent.name if context else None
    )
    try:
        return await (_by_http2 if sent.version is Version.HTTP2 else _by_http1)(sent, reader, writer)
    finally:
        # What the backend goes on to send is of no interest.
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def _by_http1(sent: Sent, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Answer:
    http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
    lines = [("Host", sent.host), *sent.fields, ("Connection", "close"), *_length(sent)]
    fields = [(_bytes(name), _bytes(value)) for name, value in lines]
    request = h11.Request(method=sent.method, target=_bytes(sent.target), headers=fields)
    writer.write(http.send(request) or b"")
    if sent.body:
        writer.write(http.send(h11.Data(data=sent.body)) or b"")
    writer.write(http.send(h11.EndOfMessage()) or b"")
    await writer.drain()
    while True:
        match http.next_event():
            case h11.NEED_DATA:
                data = await reader.read(_PIECE)
                if not data and not http.trailing_data[0]:
                    return _CLOSED
                http.receive_data(data)
            case h11.Response() as response:
                return Answer(response.status_code, _texts(response.headers.raw_items()))
            case h11.InformationalResponse():
                continue
            case _:
                return _CLOSED


async def _by_http2(sent: Sent, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Answer:
    config = h2.config.H2Configuration(header_encoding=None, validate_outbound_headers=True)
    http = h2.connection.H2Connection(config)
    http.initiate_connection()
    scheme = "https" if sent.tls else "http"
    pseudo = ((":method", sent.method), (":scheme", scheme), (":authority", sent.host), (":path", sent.target))
    lines = [*pseudo, *((name.lower(), value) for name, value in (*sent.fields, *_length(sent)))]
    http.send_headers(1, [(_bytes(name), _bytes(value)) for name, value in lines], end_stream=not sent.body)
    for piece in _pieces(sent.body, http):
        http.send_data(1, piece)
    if sent.body:
        http.end_stream(1)
    while True:
        writer.write(http.data_to_send())
        await writer.drain()
        data = await reader.read(_PIECE)
        if not data:
            return _CLOSED
        for event in http.receive_data(data):
            match event:
                case h2.events.ResponseReceived() as response:
                    fields = dict(response.headers)
                    status = int(fields[b":status"])
                    plain = [(name, value) for name, value in response.headers if not name.startswith(b":")]
                    return Answer(status, _texts(plain))
                case h2.events.StreamReset() | h2.events.ConnectionTerminated() as end:
                    return Answer(None, failure=f"it broke off by HTTP/2 ({end.error_code!r})")
                case _:
                    continue


def _pieces(body: bytes, http: h2.connection.H2Connection) -> Iterator[bytes]:
    """Yield a body in frames, as far as the backend's window goes before it has said anything."""
    room = http.local_flow_control_window(1) if body else 0
    if len(body) > room:
        raise ValueError(f"a body of {len(body):,} bytes is more than HTTP/2 takes at once ({room:,})")
    size = http.max_outbound_frame_size
    yield from (body[at : at + size] for at in range(0, len(body), size))


def _length(sent: Sent) -> FieldLines:
    needs_one = sent.body or sent.method not in ("GET", "HEAD", "OPTIONS")
    return (("Content-Length", str(len(sent.body))),) if needs_one else ()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _texts(lines: list[tuple[bytes, bytes]]) -> FieldLines:
    return tuple(tuple(part.decode("utf-8", "surrogateescape") for part in line) for line in lines)  # type: ignore[misc]
