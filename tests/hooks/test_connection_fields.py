"""Rules that set fields of the connection, as lines of nginx's configuration do: a real client, proxy and backend."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler, websocket_connect

from hooks.in_process import in_process

RULES = """
public: http://localhost:1
backend: http://privateserver:8080
connect: 127.0.0.1:PORT
rules:
  - name: as in nginx
    match: .*
    serverVariables:
      HTTP_CONNECTION: upgrade
      HTTP_UPGRADE: websocket
      HTTP_TRANSFER_ENCODING: chunked
      HTTP_CONTENT_LENGTH: '1'
      HTTP_X_A: a
    action: None
"""
REASON = "field-of-connection"


class Echo(WebSocketHandler):
    def on_message(self, message: str | bytes) -> None:
        self.write_message(message)


class Told(RequestHandler):
    async def post(self) -> None:
        self.write({"fields": dict(self.request.headers.get_all()), "body": self.request.body.decode()})


@pytest.fixture
async def backend() -> AsyncIterator[int]:
    server = HTTPServer(Application([("/ws", Echo), ("/told", Told)]))
    socket, port = bind_unused_port()
    server.add_socket(socket)
    yield port
    server.stop()
    await server.close_all_connections()


async def test_they_are_left_as_they_are_and_told(backend: int, tmp_path: Path) -> None:
    async with in_process(RULES.replace("PORT", str(backend)), tmp_path) as proxy:
        name = {"Host": "localhost:1"}
        url = f"http://127.0.0.1:{proxy.port}/told"
        response = await AsyncHTTPClient().fetch(HTTPRequest(url, "POST", name, body="a body"))
        told = json.loads(response.body)
        assert told["body"] == "a body"
        assert told["fields"]["X-A"] == "a"
        assert not {"Upgrade", "Transfer-Encoding"} & set(told["fields"])
        assert told["fields"]["Content-Length"] == "6"
        events = proxy.flows[0].metadata["urlrewrite"]["events"]
        warned = [event["message"].split()[3].rstrip(",") for event in events if event.get("reason") == REASON]
        assert set(warned) == {"connection", "upgrade", "transfer-encoding", "content-length"}


async def test_a_websocket_is_passed_all_the_same(backend: int, tmp_path: Path) -> None:
    async with in_process(RULES.replace("PORT", str(backend)), tmp_path) as proxy:
        url = HTTPRequest(f"ws://127.0.0.1:{proxy.port}/ws", headers={"Host": "localhost:1"})
        client = await websocket_connect(url)
        await client.write_message("hello")
        assert await client.read_message() == "hello"
        client.close()
