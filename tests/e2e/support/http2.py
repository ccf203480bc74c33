"""One HTTP/2 connection over TLS with any number of GETs at once, made with the `h2` library."""

from __future__ import annotations

import socket
import ssl
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import h2.config
import h2.connection
import h2.events

from e2e.support.response import Response

TIMEOUT = 30.0


def fetch_all(port: int, ca: Path, requests: Sequence[Sequence[tuple[str, str]]]) -> list[Response]:
    """Send header lists (`:method`, `:path` ...) as streams of one connection; return their responses in that order."""
    context = ssl.create_default_context(cafile=str(ca))
    context.set_alpn_protocols(["h2"])
    with (
        socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT) as raw,
        context.wrap_socket(raw, server_hostname="localhost") as wire,
    ):
        assert wire.selected_alpn_protocol() == "h2"
        connection = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding=None))
        connection.initiate_connection()
        streams = [connection.get_next_available_stream_id() + 2 * index for index in range(len(requests))]
        for stream, headers in zip(streams, requests, strict=True):
            connection.send_headers(stream, list(headers), end_stream=True)
        wire.sendall(connection.data_to_send())
        answers = _receive(wire, connection, len(streams))
    return [answers[stream] for stream in streams]


def get(url_path: str, port: int, ca: Path) -> Response:
    """GET a path of https://localhost:PORT."""
    authority = f"localhost:{port}"
    request = [(":method", "GET"), (":scheme", "https"), (":authority", authority), (":path", url_path)]
    return fetch_all(port, ca, [request])[0]


def _receive(wire: ssl.SSLSocket, connection: h2.connection.H2Connection, count: int) -> dict[int, Response]:
    heads: dict[int, list[tuple[bytes, bytes]]] = {}
    bodies: defaultdict[int, bytearray] = defaultdict(bytearray)
    done: set[int] = set()
    while len(done) < count:
        data = wire.recv(65536)
        assert data, "the connection ended before every stream did"
        for event in connection.receive_data(data):
            match event:
                case h2.events.ResponseReceived():
                    heads[event.stream_id] = [(bytes(name), bytes(value)) for name, value in event.headers]
                case h2.events.DataReceived():
                    bodies[event.stream_id] += event.data
                    connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                case h2.events.StreamEnded():
                    done.add(event.stream_id)
                case h2.events.StreamReset():
                    raise AssertionError(f"stream {event.stream_id} was reset with error {event.error_code}")
        wire.sendall(connection.data_to_send())
    return {stream: _answer(head, bytes(bodies[stream])) for stream, head in heads.items()}


def _answer(head: list[tuple[bytes, bytes]], body: bytes) -> Response:
    status = int(dict(head)[b":status"])
    return Response(status, [(name, value) for name, value in head if name != b":status"], body)
