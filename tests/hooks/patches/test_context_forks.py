"""A context is forked as mitmproxy does it, and without what mitmproxy throws away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mitmproxy.connection import Server
from mitmproxy.options import Options
from mitmproxy.proxy.context import Context
from mitmproxy.test import taddons, tflow

from hooks.backends import Answer, Http1Backend
from hooks.clients import Http1
from hooks.in_process import in_process
from hooks.patches.rules import rules_for
from urlrewrite.hooks.patches import context_forks
from urlrewrite.hooks.patches.context_forks import ContextForks


@pytest.fixture(params=["mitmproxy's", "ours"])
def forks(request: pytest.FixtureRequest) -> Iterator[None]:
    """Contexts are forked in either way."""
    own = Context.fork
    with taddons.context(*([ContextForks()] if request.param == "ours" else []), loadcore=False) as context:
        assert (Context.fork is own) is (request.param != "ours")
        yield
        context.master.addons.clear()
    assert Context.fork is own


@pytest.mark.usefixtures("forks")
def test_a_fork() -> None:
    context = Context(tflow.tclient_conn(), Options())
    context.server, layers = tflow.tserver_conn(), [object(), object()]
    context.layers.extend(layers)  # type: ignore[arg-type]
    fork = context.fork()
    assert type(fork) is Context
    assert set(vars(fork)) == set(vars(context))
    assert all(getattr(fork, name) is getattr(context, name) for name in ("client", "server", "options"))
    fork.layers.append(object())  # type: ignore[arg-type]
    assert context.layers == layers == fork.layers[:2]


async def test_a_request_makes_no_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts, in place of seconds: on connections that are there, mitmproxy makes one for each request."""
    async with Http1Backend({"/": Answer()}) as backend, in_process(rules_for(backend), tmp_path) as proxy:
        client = await Http1.connect(proxy.port)
        assert (await client.ask()).status == 200
        made: list[Server] = []
        own = Server.__init__

        def init(server: Server, **parts: Any) -> None:
            made.append(server)
            own(server, **parts)

        monkeypatch.setattr(Server, "__init__", init)
        for _ in range(3):
            assert (await client.ask()).status == 200
        assert made == []
        await client.close()


def test_mitmproxy_goes_on_by_itself_where_it_has_changed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (first,) = context_forks.INTERNALS
    monkeypatch.setattr(context_forks, "INTERNALS", (first._replace(known="other"),))
    own = Context.fork
    with taddons.context(ContextForks(), loadcore=False):
        assert Context.fork is own
    assert "mitmproxy.proxy.context:Context is new" in caplog.text
