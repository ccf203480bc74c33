"""Browsers are told that they may ask over HTTP/3 where they can, and where that is wanted."""

from __future__ import annotations

from pathlib import Path

import pytest
from mitmproxy import exceptions
from mitmproxy.proxy.layers import http as http_layer
from mitmproxy.test import taddons

from hooks.backends import Answer, Http1Backend
from hooks.clients import EVERY
from hooks.in_process import in_process
from hooks.patches.rules import rules_for
from urlrewrite.hooks.options import Options
from urlrewrite.hooks.patches.alt_svc import AltSvc

RULE = """\
rules:
  - {name: away, match: ^away, action: {type: Redirect, url: 'https://localhost/x'}}
"""
ANSWERS = {
    "/": Answer(body=b"<p>x"),
    "/own": Answer(fields=[("Content-Type", "text/html"), ("Alt-Svc", 'h3=":1"')], body=b"<p>x"),
    "/long": Answer(body=b"<p>long " * 100_000),
}
CELLS = [
    ("HTTP/2", True, 60, "localhost", 'h3=":443"; ma=60'),
    ("HTTP/2", True, 60, "localhost:8443", 'h3=":8443"; ma=60'),
    ("HTTP/3", True, 86400, "localhost:8443", 'h3=":8443"; ma=86400'),
    ("HTTP/2", True, 0, "localhost", None),
    ("HTTP/3", True, 0, "localhost", None),
    # Without TLS, and where nothing listens for UDP.
    ("HTTP/1.1", True, 60, "localhost", None),
    ("HTTP/2", False, 60, "localhost", None),
]


@pytest.mark.parametrize(("client", "listens", "seconds", "host", "told"), CELLS)
async def test_who_is_told(
    client: str, listens: bool, seconds: int, host: str, told: str | None, tmp_path: Path
) -> None:
    async with (
        Http1Backend(ANSWERS) as behind,
        in_process(rules_for(behind, RULE), tmp_path, http3=listens, urlrewrite_alt_svc=seconds) as proxy,
    ):
        connection = await EVERY[client].connect(proxy.port)
        for path in (*ANSWERS, "/away"):
            got = await connection.ask(path=path, host=host)
            assert (got.status, got.cut) == (301 if path == "/away" else 200, False)
            assert got.fields.get("alt-svc") == told, path
        await connection.close()


async def test_nobody_is_told_with_http3_switched_off(tmp_path: Path) -> None:
    async with (
        Http1Backend(ANSWERS) as behind,
        in_process(rules_for(behind), tmp_path, http3=True, urlrewrite_alt_svc=60) as proxy,
    ):
        proxy.master.options.update(http3=False)
        connection = await EVERY["HTTP/2"].connect(proxy.port)
        assert "alt-svc" not in (await connection.ask()).fields
        await connection.close()


def test_less_than_no_time_is_refused() -> None:
    with (
        taddons.context(Options(), AltSvc(), loadcore=False) as context,
        pytest.raises(exceptions.OptionsError, match="urlrewrite_alt_svc: got -1"),
    ):
        context.options.update(urlrewrite_alt_svc=-1)


def test_it_is_put_in_place_and_taken_away_again() -> None:
    def in_place() -> list[object]:
        return [getattr(http_layer, name) for name in ("Http1Server", "Http2Server", "Http3Server")]

    before = in_place()
    ours = AltSvc()
    with taddons.context(Options(), ours, loadcore=False):
        assert not any(one is other for one, other in zip(in_place(), before, strict=True))
        ours.done()
    assert in_place() == before
