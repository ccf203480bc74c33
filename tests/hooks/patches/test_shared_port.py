"""Listeners that several workers share, with real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
from mitmproxy.addonmanager import Loader
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.proxy.mode_servers import AsyncioServerInstance, ServerInstance
from mitmproxy.test import taddons

from urlrewrite.hooks.options import Options
from urlrewrite.hooks.patches.shared_port import SharedPort

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux spreads connections over listeners")


@contextlib.asynccontextmanager
async def listening(worker: int, *modes: str) -> AsyncIterator[list[ServerInstance[Any]]]:
    """As many listeners as modes, as a worker opens them."""
    with taddons.context(Options(), Proxyserver()) as context:
        context.options.update(urlrewrite_worker=worker)
        patch = SharedPort()
        patch.load(Loader(context.master))
        instances = [ServerInstance.make(mode, context.master.addons.get("proxyserver")) for mode in modes]
        try:
            for instance in instances:
                await instance.start()
            yield instances
        finally:
            patch.done()
            for instance in instances:
                if instance.is_running:
                    await instance.stop()
            await asyncio.sleep(0)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@linux
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_workers_share_a_port(scheme: str) -> None:
    port = free_port()
    mode = f"reverse:{scheme}://127.0.0.1:1@127.0.0.1:{port}"
    async with listening(1, mode, mode) as instances:
        # For TCP alone: the packets of one QUIC connection would come to several workers.
        assert [instance.listen_addrs for instance in instances] == [(("127.0.0.1", port),)] * 2
        with pytest.raises(OSError), socket.create_server(("127.0.0.1", port)):
            pass


async def test_a_process_of_its_own_shares_nothing() -> None:
    port = free_port()
    mode = f"reverse:https://127.0.0.1:1@127.0.0.1:{port}"
    async with listening(0, mode) as (instance,):
        assert len(instance.listen_addrs) == 2
        other = ServerInstance.make(mode, instance.manager)
        with pytest.raises(OSError):
            await other.start()


async def test_where_a_port_cannot_be_shared_the_worker_has_it_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    start_server = asyncio.start_server

    async def cannot_share(*arguments: Any, reuse_port: bool = False) -> asyncio.Server:
        if reuse_port:
            raise ValueError("reuse_port not supported by socket module")
        return await start_server(*arguments)

    monkeypatch.setattr(asyncio, "start_server", cannot_share)
    port = free_port()
    with caplog.at_level(logging.WARNING, "urlrewrite.workers"):
        async with listening(1, f"reverse:http://127.0.0.1:1@127.0.0.1:{port}") as (instance,):
            assert instance.listen_addrs == (("127.0.0.1", port),)
    assert [record.getMessage() for record in caplog.records] == [
        f"port {port} is not shared with other workers: reuse_port not supported by socket module"
    ]


async def test_mitmproxys_own_is_put_back() -> None:
    before = AsyncioServerInstance.listen
    async with listening(1):
        assert AsyncioServerInstance.listen is not before
    assert AsyncioServerInstance.listen is before
