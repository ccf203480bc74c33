"""mitmproxy's own errors: what a client of HTTP/2 or 3 gets for a request that never becomes an exchange."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from mitmproxy import version
from mitmproxy.addonmanager import Loader
from mitmproxy.proxy.layers.http._http_h2 import BufferedH2Connection
from mitmproxy.proxy.layers.http._http_h3 import LayeredH3Connection

from hooks.clients import Http2
from hooks.in_process import in_process
from urlrewrite.hooks.patches import error_pages

RULES = "public: https://localhost\nbackend: http://127.0.0.1:1\n"
OWN = (b"server", version.MITMPROXY.encode())
BACKENDS = (b"server", b"nginx")


async def test_over_http2_a_refused_request_gets_a_page_that_names_nobody(tmp_path: Path) -> None:
    async with in_process(RULES, tmp_path) as proxy:
        connection = await Http2.connect(proxy.port)
        connection.h2.config.validate_outbound_headers = False
        connection.h2.config.normalize_outbound_headers = False
        got = await connection.ask(fields=[("content-length", "1"), ("content-length", "JUNK")])
        assert got.status == 400
        assert "server" not in got.fields
        assert "mitmproxy" not in f"{got}" and "JUNK" not in f"{got}"
        assert "Trace id: " in got.body.decode()
        await connection.close()


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[list[tuple[bytes, bytes]]]]:
    """The heads that connections send, beneath what is put in place."""
    heads: list[list[tuple[bytes, bytes]]] = []

    def send(connection: object, stream_id: int, headers: list[tuple[bytes, bytes]], end_stream: bool = False) -> None:
        heads.append(headers)

    monkeypatch.setattr(error_pages, "_CONNECTIONS", dict.fromkeys(error_pages._CONNECTIONS, send))
    for kind in error_pages._CONNECTIONS:
        monkeypatch.setattr(kind, "send_headers", send)
    pages = error_pages.ErrorPages()
    pages.load(Loader(None))  # type: ignore[arg-type]
    yield heads
    pages.done()
    assert all(kind.send_headers is send for kind in error_pages._CONNECTIONS)


@pytest.mark.parametrize("kind", [BufferedH2Connection, LayeredH3Connection])
def test_only_the_line_in_which_mitmproxy_names_itself_is_left_out(kind: type, sent: list[object]) -> None:
    connection = kind.__new__(kind)
    connection.send_headers(1, [(b":status", b"502"), OWN, BACKENDS], end_stream=True)
    connection.send_headers(1, head := [(b":status", b"200"), BACKENDS])
    assert sent == [[(b":status", b"502"), BACKENDS], head]
    assert sent[1] is head
