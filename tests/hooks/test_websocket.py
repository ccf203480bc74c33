"""The WebSocket hooks, flow by flow."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from mitmproxy import http
from mitmproxy.websocket import WebSocketData, WebSocketMessage
from wsproto.frame_protocol import Opcode

from hooks.support import answer, request_flow, state_of
from urlrewrite.hooks.inbound import Inbound
from urlrewrite.hooks.outbound import Outbound
from urlrewrite.hooks.recorder import Recorder
from urlrewrite.hooks.state import State
from urlrewrite.hooks.websocket import WebSocket
from urlrewrite.inspector.leaks.watch import message_excerpts
from urlrewrite.inspector.traces.report import render
from urlrewrite.trace.reasons import Reason

ON = "linksAlso: webSocketMessages"
B, P = b'{"u":"http://privateserver:8080/x"}', b'{"u":"https://www.example.com/x"}'


class Open:
    """A WebSocket that was opened through all hooks."""

    def __init__(self, hook: WebSocket, flow: http.HTTPFlow, state: State) -> None:
        self.hook, self.flow, self.state = hook, flow, state

    def send(self, content: bytes, *, from_client: bool = False, kind: Opcode = Opcode.TEXT) -> bytes:
        """What the other side gets."""
        assert self.flow.websocket
        message = WebSocketMessage(kind, from_client, content)
        self.flow.websocket.messages.append(message)
        self.hook.websocket_message(self.flow)
        return message.content

    @property
    def trace(self) -> dict[str, Any]:
        data: dict[str, Any] = self.flow.metadata["urlrewrite"]
        return data


async def opened(text: str) -> Open:
    state = state_of(text)
    flow = request_flow(Connection="Upgrade", Upgrade="websocket", Origin="https://www.example.com")
    hook, outbound = WebSocket(state), Outbound(state)
    await Inbound(state).requestheaders(flow)
    answer(flow, b"", 101, Connection="Upgrade", Upgrade="websocket")
    await outbound.responseheaders(flow)
    flow.websocket = WebSocketData()
    await outbound.response(flow)
    hook.response(flow)
    Recorder(state).response(flow)
    assert not state.live
    return Open(hook, flow, state)


async def test_messages_are_mapped_out_and_back_and_counted() -> None:
    socket = await opened(ON)
    assert socket.send(B) == P
    assert socket.send(P, from_client=True) == B
    assert socket.send(b"ping") == b"ping"
    assert socket.trace["websocket"] == {
        "from client": {"messages": 1, "changed": 1, "left_alone": 0},
        "to client": {"messages": 2, "changed": 1, "left_alone": 0},
    }
    told = [event for event in socket.trace["events"] if event["event"] == "MESSAGE_CHANGE"]
    assert [event["where"] for event in told] == ["to client", "from client"]
    report = render(socket.trace, "response")
    assert "from client 1 messages, 1 changed, 0 left alone" in " ".join(report.split())
    assert "http://privateserver:8080 → https://www.example.com" in report


@pytest.mark.parametrize("text", ["", "linksAlso: webSocketMessages\nlinks: off"])
async def test_messages_pass_where_nobody_asks_for_more(text: str) -> None:
    socket = await opened(text)
    assert socket.send(B) == B
    assert "websocket" not in socket.trace


async def test_a_backend_that_knows_its_public_name_gets_messages_as_they_are() -> None:
    socket = await opened(ON + "\npreserveHostHeader: true")
    assert socket.send(P, from_client=True) == P
    assert socket.send(B) == P


async def test_binary_and_broken_messages_pass() -> None:
    socket = await opened(ON)
    assert socket.send(B, kind=Opcode.BINARY) == B
    assert socket.send(b"\xff\xfe") == b"\xff\xfe"
    wrapped = b'a["SEND\\ncontent-length:26\\n\\nhttp://privateserver:8080/x"]'
    assert socket.send(wrapped) == wrapped
    assert socket.send(wrapped) == wrapped
    assert socket.trace["websocket"]["to client"]["left_alone"] == 2
    assert [event["reason"] for event in socket.trace["events"] if event["event"] == "WARNING"] == [Reason.LENGTH_TOLD]


async def test_a_failure_passes_the_message(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def fail(*_: object) -> None:
        raise ValueError

    socket = await opened(ON)
    monkeypatch.setattr("urlrewrite.exchange.websocket.map_message", fail)
    assert socket.send(B) == B
    assert "could not be rewritten" in caplog.text


async def test_what_has_ended_is_forgotten() -> None:
    socket = await opened(ON)
    socket.hook.websocket_end(socket.flow)
    assert socket.send(B) == B


def leaks_of(socket: Open) -> list[tuple[str, int]]:
    return [(one["label"], one["count"]) for one in socket.trace.get("websocket_leaks", {"found": []})["found"]]


@pytest.mark.parametrize("text", ["", ON, "links: off"])
async def test_names_that_the_client_gets_are_counted(text: str) -> None:
    socket = await opened(text)
    assert socket.send(b"ping") == b"ping"
    assert "websocket_leaks" not in socket.trace
    assert socket.send(B, kind=Opcode.BINARY) == B
    socket.send(B, from_client=True)
    mapped = socket.send(B) == P
    assert mapped == (text == ON)
    count = 1 if mapped else 2
    assert leaks_of(socket) == [("binary WebSocket message", 1), ("WebSocket message", 1)][:count]
    assert (socket.trace["leaks"], socket.flow.metadata["urlrewrite.leaks"]) == (count, count)
    assert ("1 leak" if count == 1 else "2 leaks") in socket.flow.comment
    figures = socket.state.statistics.figures()
    assert (figures.leaks, figures.leaking) == (count, 1)


async def test_a_comment_of_a_person_stays() -> None:
    socket = await opened("")
    socket.flow.comment = "mine"
    socket.send(B)
    assert (socket.flow.comment, socket.trace["leaks"]) == ("mine", 1)


async def test_long_messages_are_looked_at_in_a_thread() -> None:
    socket = await opened("")
    long = b" " * 2**20 + B
    assert socket.send(long) == long
    assert "websocket_leaks" not in socket.trace
    async with asyncio.timeout(30):
        while not leaks_of(socket):  # noqa: ASYNC110 (there is no event)
            await asyncio.sleep(0.01)
    assert len(socket.trace["websocket_leaks"]["found"][0]["text"]) < 600


async def test_short_messages_wait_for_a_long_one_that_the_thread_looks_at(monkeypatch: pytest.MonkeyPatch) -> None:
    socket = await opened("")
    may_go_on, threads = threading.Event(), []

    def kept(*args: Any, **named: Any) -> None:
        assert may_go_on.wait(30)
        threads.append(threading.current_thread())
        message_excerpts(*args, **named)

    monkeypatch.setattr("urlrewrite.hooks.websocket.message_excerpts", kept)
    for message in (b" " * 2**15 + B, B, B):
        assert socket.send(message) == message
    may_go_on.set()
    async with asyncio.timeout(30):
        while not leaks_of(socket):  # noqa: ASYNC110 (there is no event)
            await asyncio.sleep(0.01)
    assert leaks_of(socket) == [("WebSocket message", 3)]
    assert len(threads) == 3
    assert threading.current_thread() not in threads
    socket.send(B)
    assert threads[-1] is threading.current_thread()


async def test_a_message_that_cannot_be_looked_at_passes(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ValueError

    socket = await opened("")
    monkeypatch.setattr("urlrewrite.hooks.websocket.message_excerpts", fail)
    assert socket.send(B) == B
    assert "could not be counted" in caplog.text
