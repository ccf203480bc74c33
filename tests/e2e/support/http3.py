"""One HTTP/3 request over QUIC, made with aioquic."""

from __future__ import annotations

import asyncio
from pathlib import Path

from aioquic.asyncio.client import connect
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ConnectionTerminated, QuicEvent

from e2e.support.response import Response

TIMEOUT = 30.0


class _Client(QuicConnectionProtocol):
    def __init__(self, *args: object, **kwargs: object):
        super().__init__(*args, **kwargs)
        self._http = H3Connection(self._quic)
        self._head: list[tuple[bytes, bytes]] = []
        self._body = bytearray()
        self._answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()

    async def fetch(self, headers: list[tuple[bytes, bytes]]) -> Response:
        self._http.send_headers(self._quic.get_next_available_stream_id(), headers, end_stream=True)
        self.transmit()
        return await asyncio.wait_for(self._answer, TIMEOUT)

    def quic_event_received(self, event: QuicEvent) -> None:
        if isinstance(event, ConnectionTerminated) and not self._answer.done():
            self._answer.set_exception(EOFError(f"the connection ended: {event.reason_phrase}"))
        for part in self._http.handle_event(event):
            match part:
                case HeadersReceived():
                    self._head = self._head or part.headers
                case DataReceived():
                    self._body += part.data
            if getattr(part, "stream_ended", False) and not self._answer.done():
                status = int(dict(self._head)[b":status"])
                headers = [(name, value) for name, value in self._head if name != b":status"]
                self._answer.set_result(Response(status, headers, bytes(self._body)))


async def get(url_path: str, port: int, ca: Path) -> Response:
    """GET a path of https://localhost:PORT over HTTP/3."""
    configuration = QuicConfiguration(is_client=True, alpn_protocols=H3_ALPN, server_name="localhost")
    configuration.load_verify_locations(str(ca))
    async with connect("127.0.0.1", port, configuration=configuration, create_protocol=_Client) as client:
        assert isinstance(client, _Client)
        authority = f"localhost:{port}".encode()
        return await client.fetch(
            [(b":method", b"GET"), (b":scheme", b"https"), (b":authority", authority), (b":path", url_path.encode())]
        )
