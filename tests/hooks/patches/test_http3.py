"""What is kept of the requests of a client of HTTP/3."""

from __future__ import annotations

from pathlib import Path

from mitmproxy.proxy.layers.http._http3 import Http3Server

from hooks.backends import Answer, Http1Backend
from hooks.clients import Http3
from hooks.in_process import in_process
from hooks.patches.rules import rules_for
from urlrewrite.hooks.patches.goaway import http_of


async def test_nothing_is_kept_of_requests_that_are_over(tmp_path: Path) -> None:
    async with (
        Http1Backend({"/": Answer(body=b"<p>x")}) as behind,
        in_process(rules_for(behind), tmp_path, http3=True) as proxy,
    ):
        client = await Http3.connect(proxy.port)
        for _ in range(3):
            for got in await client.ask_all(["/"] * 10):
                assert (got.status, got.body) == (200, b"<p>x")
        left = client.begin("POST", ended=False)
        client.quic._quic.reset_stream(left, 0)
        assert (await client.ask("POST", body=b"x" * 1000)).status == 200
        assert (await client.ask()).status == 200
        [handler] = proxy.master.addons.get("proxyserver").connections.values()
        http = http_of(handler)
        assert http
        server = http.connections[handler.client]
        assert isinstance(server, Http3Server)
        # The streams of control and of fields have other numbers. Of requests, that before the newest may be under way.
        requests = [number for number in server.h3_conn._stream if number % 4 == 0]
        assert len(requests) <= 2
        assert max(requests) == 4 * 32
        await client.close()
        assert not any("crashed" in line or "Traceback" in line for line in proxy.log), proxy.log
