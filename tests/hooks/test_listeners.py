"""When which listeners are opened: mitmproxy's options are looked at, and nothing listens."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from mitmproxy.addons.readfile import ReadFile
from mitmproxy.test import taddons

from urlrewrite.hooks.listeners import Listeners
from urlrewrite.hooks.options import Options

LISTEN = ["http://127.0.0.1:1", "https://[::1]:2"]
MODES = ["reverse:http://127.0.0.1:1@127.0.0.1:1", "reverse:https://127.0.0.1:1@[::1]:2"]


@pytest.fixture
def context() -> Iterator[taddons.context]:
    with taddons.context(Options(), ReadFile()) as context:
        context.options.update(server=False, urlrewrite_listen=LISTEN)
        yield context


def test_they_are_opened_once_mitmproxy_runs(context: taddons.context) -> None:
    listeners = Listeners()
    context.master.addons.add(listeners)
    assert (context.options.server, context.options.mode) == (False, ["regular"])
    listeners.running()
    assert (context.options.server, context.options.mode) == (True, MODES)
    context.options.update(mode=["regular"])
    listeners.running()
    assert context.options.mode == ["regular"]


def test_changed_ones_are_opened_at_once_where_it_runs(context: taddons.context) -> None:
    listeners = Listeners()
    context.master.addons.add(listeners)
    context.options.update(urlrewrite_listen=LISTEN[:1])
    assert context.options.mode == ["regular"]
    listeners.running()
    context.options.update(urlrewrite_listen=LISTEN[1:])
    assert context.options.mode == MODES[1:]


def test_none_is_opened_where_saved_flows_are_looked_at(context: taddons.context, tmp_path: Path) -> None:
    context.options.update(rfile=str(tmp_path / "flows"), server=True)
    Listeners().running()
    assert (context.options.server, context.options.mode) == (False, ["regular"])


@pytest.mark.parametrize(
    ("modes", "warned"), [(["reverse:http://h:1"], ""), (["reverse:http://h:1", "socks5"], "socks5")]
)
def test_modes_that_somebody_chose_stay(
    context: taddons.context, modes: list[str], warned: str, caplog: pytest.LogCaptureFixture
) -> None:
    context.options.update(mode=modes)
    with caplog.at_level(logging.WARNING, "urlrewrite.listeners"):
        Listeners().running()
    assert context.options.mode == modes
    assert [record.getMessage().split()[1] for record in caplog.records] == ([warned] if warned else [])
