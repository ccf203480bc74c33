"""A WebSocket through the running proxy: a real server, a real client, compression, and messages of many frames."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from mitmproxy.io import FlowReader
from tornado.httpclient import HTTPRequest
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application
from tornado.websocket import WebSocketClientConnection, WebSocketHandler, websocket_connect

from e2e.support.proxy import Proxy

pytestmark = pytest.mark.e2e

RULES = """
public: https://localhost:HTTPS_PORT
backend: http://privateserver:8080
connect: 127.0.0.1:BACKEND
linksAlso: webSocketMessages
"""
B = "http://privateserver:8080"


class Backend(WebSocketHandler):
    """Says what it got, and repeats it; a handshake from elsewhere is refused, as tornado does by itself."""

    got: list[str | bytes]

    def initialize(self, got: list[str | bytes]) -> None:
        self.got = got

    def get_compression_options(self) -> dict[str, int]:
        return {}

    def on_message(self, message: str | bytes) -> None:
        self.got.append(message)
        self.write_message(message, binary=isinstance(message, bytes))


@pytest.fixture
async def backend() -> AsyncIterator[tuple[int, list[str | bytes]]]:
    got: list[str | bytes] = []
    server = HTTPServer(Application([("/ws", Backend, {"got": got})]))
    socket, port = bind_unused_port()
    server.add_socket(socket)
    yield port, got
    server.stop()
    await server.close_all_connections()


async def connected(proxy: Proxy, *, compressed: bool) -> WebSocketClientConnection:
    request = HTTPRequest(
        f"wss://localhost:{proxy.https_port}/ws",
        headers={"Origin": proxy.https},
        ssl_options=ssl.create_default_context(cafile=str(proxy.ca)),
    )
    return await websocket_connect(request, compression_options={} if compressed else None)


@pytest.mark.parametrize("compressed", [False, True])
async def test_text_is_mapped_in_both_directions_and_binary_is_not(
    backend: tuple[int, list[str | bytes]], start_proxy: Callable[..., Proxy], tmp_path: Path, compressed: bool
) -> None:
    port, got = backend
    flows = tmp_path / "flows"
    # The proxy is started and stopped by calls that wait, and the backend answers in this very loop.
    proxy = await asyncio.to_thread(start_proxy, RULES.replace("BACKEND", str(port)), f"--set=save_stream_file={flows}")
    public = proxy.https
    messages: list[tuple[str | bytes, str | bytes]] = [
        (json.dumps({"u": f"{public}/x"}), json.dumps({"u": f"{B}/x"})),
        (f'42["go","{public}\\/é"]', f'42["go","{B}\\/é"]'),
        (json.dumps([f"{public}/{number}" for number in range(2000)]), json.dumps([f"{B}/{n}" for n in range(2000)])),
        ("ping", "ping"),
        (f"{public}/x".encode(), f"{public}/x".encode()),
    ]
    client = await connected(proxy, compressed=compressed)
    for sent, arrived in messages:
        await client.write_message(sent, binary=isinstance(sent, bytes))
        assert await asyncio.wait_for(client.read_message(), 20) == sent
        assert got[-1] == arrived
    client.close()
    assert await asyncio.wait_for(client.read_message(), 20) is None
    await asyncio.to_thread(proxy.service.stop)
    with flows.open("rb") as recording:
        [flow] = FlowReader(recording).stream()
    assert flow.metadata["urlrewrite"]["websocket"] == {
        "from client": {"messages": 4, "changed": 3, "left_alone": 0},
        "to client": {"messages": 4, "changed": 3, "left_alone": 0},
    }
