"""Hooks for which nobody waits make no task; the others do what they do with mitmproxy's own way."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
from mitmproxy import http
from mitmproxy.connection import Server
from mitmproxy.proxy import commands
from mitmproxy.proxy.layers.http import HttpRequestHook
from mitmproxy.proxy.mode_servers import ProxyConnectionHandler
from mitmproxy.test import taddons, tflow
from mitmproxy.utils import asyncio_utils

from hooks.backends import Answer, Http1Backend
from hooks.clients import Http1
from hooks.in_process import InProcess, in_process, is_sound
from hooks.patches.rules import rules_for
from urlrewrite.hooks.patches import hooks_at_once
from urlrewrite.hooks.patches.hooks_at_once import HooksAtOnce

HOOKS = ("requestheaders", "request", "responseheaders", "response", "update")


@pytest.fixture(params=["mitmproxy's", "ours"])
async def proxy(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[InProcess]:
    """A proxy that calls hooks by either way."""
    page = Answer(body=b"<a href=http://inner.example/x>")
    async with Http1Backend({"/": page}) as backend, in_process(rules_for(backend), tmp_path) as proxy:
        if request.param == "mitmproxy's":
            del ProxyConnectionHandler.handle_client
        yield proxy
        assert is_sound(proxy)


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The names of the tasks of hooks."""
    names: list[str] = []
    create = asyncio_utils.create_task

    def created(*args: Any, name: str, **more: Any) -> Any:
        names.append(name)
        return create(*args, name=name, **more)

    monkeypatch.setattr(asyncio_utils, "create_task", created)
    yield names


class Tells:
    """Tells of the hooks of flows, and has some of them wait."""

    def __init__(self, told: list[str], wait: str) -> None:
        self.told, self.wait = told, wait
        for name in HOOKS:
            setattr(self, name, self.slow(name) if name == wait else lambda _, name=name: told.append(name))

    def slow(self, name: str) -> Any:
        async def slow(_: Any) -> None:
            async with asyncio.timeout(30):
                await asyncio.sleep(0.001)
            self.told.append(name)

        return slow


@pytest.mark.parametrize("wait", ["", *HOOKS])
async def test_hooks_come_in_their_order(proxy: InProcess, wait: str) -> None:
    told: list[str] = []
    proxy.master.addons.add(Tells(told, wait))
    client = await Http1.connect(proxy.port)
    for _ in range(2):
        assert (await client.ask()).status == 200
    await client.close()
    assert told == [name for hook in HOOKS[:-1] for name in (hook, "update")] * 2


async def test_a_flow_that_is_intercepted_waits(proxy: InProcess) -> None:
    flows: list[http.HTTPFlow] = []

    class Intercepts:
        def request(self, flow: http.HTTPFlow) -> None:
            flow.intercept()
            flows.append(flow)

    proxy.master.addons.add(Intercepts())
    client = await Http1.connect(proxy.port)
    asked = asyncio.create_task(client.ask())
    async with asyncio.timeout(30):
        while not flows:  # noqa: ASYNC110 (nobody tells)
            await asyncio.sleep(0.001)
    await asyncio.sleep(0.01)
    assert not flows[0].response
    flows[0].resume()
    assert (await asked).status == 200
    await client.close()


async def test_streams_side_by_side(proxy: InProcess) -> None:
    told: list[str] = []
    proxy.master.addons.add(Tells(told, "request"))
    client = await Http1.connect(proxy.port)
    others = [await Http1.connect(proxy.port) for _ in range(5)]
    got = await asyncio.gather(*(each.ask() for each in (client, *others)))
    assert [each.status for each in got] == [200] * 6
    for each in (client, *others):
        await each.close()
    assert len(told) == 6 * 8


async def test_an_addon_that_fails(proxy: InProcess) -> None:
    class Fails:
        def request(self, flow: http.HTTPFlow) -> None:
            raise ValueError("broken addon")

    proxy.master.addons.add(Fails())
    client = await Http1.connect(proxy.port)
    assert (await client.ask()).status == 200
    await client.close()
    (line,) = [line for line in proxy.log if "Addon error: broken addon" in line]
    proxy.log.remove(line)


async def test_a_request_makes_no_task_of_a_hook(tmp_path: Path, tasks: list[str]) -> None:
    """Counts, in place of seconds: mitmproxy makes four, and four more turns of the loop."""
    async with Http1Backend({"/": Answer()}) as backend, in_process(rules_for(backend), tmp_path) as proxy:
        client = await Http1.connect(proxy.port)
        assert (await client.ask()).status == 200
        tasks.clear()
        for _ in range(3):
            assert (await client.ask()).status == 200
        assert [name for name in tasks if name.startswith("handle_hook")] == []
        await client.close()


def tcp(name: str, protocol: str = "tcp") -> Server:
    return Server(address=(name, 1), transport_protocol=protocol)  # type: ignore[arg-type]


A, B, UDP = tcp("a"), tcp("b"), tcp("c", "udp")
LOG, LONG = commands.Log("a line"), b"x" * (hooks_at_once.MAX_JOINED + 1)

# what the layers send, and how it goes out
SENT: list[tuple[list[Any], list[Any]]] = [
    ([], []),
    ([(A, b"1")], [(A, b"1")]),
    ([(A, b"1"), (A, b"2"), (A, b"3")], [(A, b"123")]),
    ([(A, b"1"), (B, b"2"), (B, b"3"), (A, b"4")], [(A, b"1"), (B, b"23"), (A, b"4")]),
    ([(A, b"1"), LOG, (A, b"2")], [(A, b"1"), LOG, (A, b"2")]),
    ([(UDP, b"1"), (UDP, b"2")], [(UDP, b"1"), (UDP, b"2")]),
    ([(A, b"1"), (A, LONG), (A, b"2")], [(A, b"1"), (A, LONG), (A, b"2")]),
]


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize(("sent", "expected"), SENT)
def test_what_is_sent_together(sent: list[Any], expected: list[Any], fails: bool) -> None:
    def layers() -> Iterator[commands.Command]:
        for item in sent:
            yield item if item is LOG else commands.SendData(*item)
        if fails:
            raise ValueError("a layer fails")

    out: list[Any] = []
    with pytest.raises(ValueError, match="a layer fails") if fails else contextlib.nullcontext():
        for command in hooks_at_once._together(layers()):
            out.append((command.connection, command.data) if isinstance(command, commands.SendData) else command)
    assert out == expected


async def test_a_short_response_is_one_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with (
        Http1Backend({"/": Answer(body=b"short")}) as backend,
        in_process(rules_for(backend), tmp_path) as proxy,
    ):
        client = await Http1.connect(proxy.port)
        assert (await client.ask()).status == 200
        written: list[bytes] = []
        write = asyncio.StreamWriter.write
        monkeypatch.setattr(
            asyncio.StreamWriter, "write", lambda writer, data: written.append(data) or write(writer, data)
        )
        assert (await client.ask()).status == 200
        monkeypatch.undo()
        (whole,) = [data for data in written if b"short" in data and b"accept-ranges: none" in data.lower()]
        assert whole.startswith(b"HTTP/1.1 200")
        await client.close()


async def test_mitmproxy_goes_on_by_itself_where_it_has_changed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first, *rest = hooks_at_once.INTERNALS
    monkeypatch.setattr(hooks_at_once, "INTERNALS", (first._replace(known="other"), *rest))
    with taddons.context(HooksAtOnce(), loadcore=False):
        assert "handle_client" not in vars(ProxyConnectionHandler)
    assert "mitmproxy.proxy.server:ConnectionHandler.server_event is new" in caplog.text


async def test_what_is_no_exception_of_a_hook_is_its_task_s() -> None:
    handler, dispatch, hook = MagicMock(), MagicMock(), HttpRequestHook(tflow.tflow())
    dispatch.begin.side_effect = asyncio.CancelledError()
    assert not hooks_at_once.is_done(handler, dispatch, hook)
    await asyncio.sleep(0.001)
    handler.server_event.assert_not_called()
