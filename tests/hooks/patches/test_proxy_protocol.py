"""Who the client is, as a balancer says it: on the whole bundle, real sockets, with and without TLS."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from mitmproxy import exceptions

from hooks.clients import WITHIN, Http1, Http2
from hooks.in_process import InProcess, in_process
from urlrewrite.fields.proxy_protocol import SIGNATURE
from urlrewrite.hooks.patches import proxy_protocol

CLIENT = "8.8.4.4"
"""An address of the world's: such a client mitmproxy refuses, unless it is told not to, as run.sh does."""

LINE = f"PROXY TCP4 {CLIENT} 10.0.0.1 50000 443\r\n".encode()
BINARY = SIGNATURE + b"\x21\x11\0\x0c" + bytes([8, 8, 4, 4, 10, 0, 0, 1]) + struct.pack("!HH", 50000, 443)
SIX = SIGNATURE + b"\x21\x21\0\x24" + bytes.fromhex("20010db8" + "0" * 23 + "9") + bytes(15) + b"\1" + bytes(4)
LOCAL = SIGNATURE + b"\x20\0\0\0"
SITE = """
public: [http://localhost, https://localhost]
backend: http://127.0.0.1:PORT
links: off
"""
RULES = r"""
rules:
  - name: who
    match: .*
    action: None
    serverVariables:
      - {name: HTTP_X_WHO, value: '{REMOTE_ADDR} {REMOTE_PORT} {LOCAL_ADDR} {HTTPS}'}
"""

type Backend = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A backend that responds with the head of the request."""
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % len(head) + head
            )
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


@contextlib.asynccontextmanager
async def proxied(folder: Path, *networks: str, site: str = "", backend: Backend = echo) -> AsyncIterator[InProcess]:
    server = await asyncio.start_server(backend, "127.0.0.1", 0)
    try:
        rules = SITE.replace("PORT", str(server.sockets[0].getsockname()[1])) + site + RULES
        async with in_process(rules, folder) as proxy:
            proxy.master.options.update(urlrewrite_proxy_protocol=list(networks), block_global=False)
            yield proxy
    finally:
        server.close()


async def connect(proxy: InProcess, header: bytes, client: str = "") -> Http1 | Http2:
    """A client behind a balancer, which puts a header before its first byte; over TLS where the client says h2."""
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(header)
    if client != "HTTP/2":
        return Http1(reader, writer)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    await writer.start_tls(context, server_hostname="localhost")
    return Http2(reader, writer)


async def told(connection: Http1 | Http2) -> dict[str, str]:
    """The fields that the backend gets."""
    got = await connection.ask()
    assert got.status == 200, got
    lines = got.body.decode().split("\r\n")[1:]
    return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}


@pytest.mark.parametrize("client", ["HTTP/1.1", "HTTP/2"])
@pytest.mark.parametrize(
    ("header", "address", "who"),
    [
        (LINE, CLIENT, f"{CLIENT} 50000 10.0.0.1"),
        (BINARY, CLIENT, f"{CLIENT} 50000 10.0.0.1"),
        (SIX, "2001:db8::9", "2001:db8::9 0 ::1"),
    ],
)
async def test_the_address_that_is_told_is_the_clients(
    header: bytes, address: str, who: str, client: str, tmp_path: Path
) -> None:
    async with proxied(tmp_path, "127.0.0.0/8") as proxy:
        connection = await connect(proxy, header, client)
        for _ in range(2):
            fields = await told(connection)
            assert fields["x-forwarded-for"] == address
            assert fields["x-who"] == f"{who} {'on' if client == 'HTTP/2' else 'off'}"
        await connection.close()
        (peer,) = {flow.client_conn.peername for flow in proxy.flows}
        assert peer[0] == address


@pytest.mark.parametrize("header", [LOCAL, b"PROXY UNKNOWN\r\n"])
async def test_a_header_that_tells_of_no_client_leaves_the_address(header: bytes, tmp_path: Path) -> None:
    async with proxied(tmp_path, "127.0.0.1") as proxy:
        connection = await connect(proxy, header)
        assert (await told(connection))["x-forwarded-for"] == "127.0.0.1"
        await connection.close()


@pytest.mark.parametrize("by_piece", [LINE, BINARY])
async def test_a_header_may_come_in_pieces_and_with_the_request(by_piece: bytes, tmp_path: Path) -> None:
    async with proxied(tmp_path, "127.0.0.1") as proxy:
        connection = await connect(proxy, b"")
        for byte in by_piece:
            connection.writer.write(bytes([byte]))
            await asyncio.sleep(0)
        assert (await told(connection))["x-forwarded-for"] == CLIENT
        await connection.close()


async def ended(connection: Http1 | Http2) -> bytes:
    """All that the proxy sends until it ends the connection, which it has to do."""
    async with asyncio.timeout(WITHIN):
        try:
            data = await connection.reader.read()
        except ConnectionError:
            data = b""
    await connection.close()
    return data


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "expected the header of the PROXY protocol"),
        (b"\x16\x03\x01\x02\x00", "expected the header of the PROXY protocol"),
        (b"PROXY TCP4 8.8.4.4 10.0.0.1 x 443\r\n", "expected a port"),
        (SIGNATURE + b"\x31\x11\0\0", "got version and command 0x31"),
        (LINE[:-3], "no whole header within"),
        (b"", "no whole header within"),
    ],
)
async def test_what_is_no_header_or_slow_is_dropped(
    sent: bytes, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert proxy_protocol.HEADER_SECONDS == 3.0
    monkeypatch.setattr(proxy_protocol, "HEADER_SECONDS", 0.2)
    async with proxied(tmp_path, "127.0.0.1") as proxy:
        connection = await connect(proxy, sent)
        assert await ended(connection) == b""
        assert [line for line in proxy.log if "was closed" in line and why in line]
        assert proxy.flows == []
        # The next one is not concerned.
        other = await connect(proxy, LINE)
        assert (await told(other))["x-forwarded-for"] == CLIENT
        await other.close()


async def test_one_that_ends_within_its_header_is_dropped(tmp_path: Path) -> None:
    async with proxied(tmp_path, "127.0.0.1") as proxy:
        connection = await connect(proxy, BINARY[:20])
        connection.writer.write_eof()
        assert await ended(connection) == b""
        assert any("was closed" in line for line in proxy.log)


async def test_a_port_that_is_only_tried_is_not_worth_a_line(tmp_path: Path) -> None:
    async with proxied(tmp_path, "127.0.0.1") as proxy:
        connection = await connect(proxy, b"")
        connection.writer.write_eof()
        assert await ended(connection) == b""
        assert not any("was closed" in line for line in proxy.log)


async def test_from_elsewhere_no_header_is_looked_for(tmp_path: Path) -> None:
    async with proxied(tmp_path, "192.0.2.0/24", "2001:db8::/32") as proxy:
        plain = await connect(proxy, b"")
        assert (await told(plain))["x-forwarded-for"] == "127.0.0.1"
        await plain.close()
        for header in (LINE, BINARY):
            spoofing = await connect(proxy, header)
            spoofing.writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            spoofing.writer.write_eof()
            assert b" 200 " not in await ended(spoofing)
        assert {flow.client_conn.peername[0] for flow in proxy.flows} == {"127.0.0.1"}


SPOOFED = {
    "X-Forwarded-For": "6.6.6.6",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Port": "6666",
    "Forwarded": "for=6.6.6.6;host=evil.example;proto=https",
    "X_Forwarded_Proto": "https",
    "X-Real-IP": "6.6.6.6",
}


@pytest.mark.parametrize("header", [b"", LINE])
async def test_a_client_that_is_no_trusted_proxy_spoofs_nothing(header: bytes, tmp_path: Path) -> None:
    """Not even behind a balancer that is trusted itself: who is judged is the client that the balancer tells of."""
    networks = ["127.0.0.1"] if header else []
    trusted = "trustedProxies: [127.0.0.0/8]\n" if header else "trustedProxies: [192.0.2.0/24]\n"
    async with proxied(tmp_path, *networks, site=trusted) as proxy:
        connection = await connect(proxy, header)
        assert isinstance(connection, Http1)
        got = await connection.ask(fields="".join(f"{name}: {value}\r\n" for name, value in SPOOFED.items()))
        client = CLIENT if header else "127.0.0.1"
        text = got.body.decode()
        assert f"X-Forwarded-For: {client}\r\n" in text
        assert "X-Forwarded-Proto: http\r\n" in text
        assert f"Forwarded: for={client};host=localhost;proto=http\r\n" in text
        assert " off\r\n" in text
        for word in ("6.6.6.6", "evil", "6666", "https"):
            assert word not in text
        await connection.close()


async def test_a_trusted_proxy_may_stand_before_the_balancer(tmp_path: Path) -> None:
    async with proxied(tmp_path, "127.0.0.1", site=f"trustedProxies: [{CLIENT}]\n") as proxy:
        connection = await connect(proxy, LINE)
        assert isinstance(connection, Http1)
        got = await connection.ask(fields="X-Forwarded-Proto: https\r\nX-Forwarded-For: 203.0.113.9\r\n")
        text = got.body.decode()
        assert f"X-Forwarded-For: 203.0.113.9, {CLIENT}\r\n" in text
        assert "X-Forwarded-Proto: https\r\n" in text
        assert f"Forwarded: for={CLIENT};host=localhost;proto=https\r\n" in text
        assert " on\r\n" in text
        await connection.close()


async def test_a_client_behind_a_balancer_sees_that_a_body_is_cut(tmp_path: Path) -> None:
    async def cuts(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
        await asyncio.sleep(0.1)
        writer.transport.abort()

    async with proxied(tmp_path, "127.0.0.1", backend=cuts) as proxy:
        connection = await connect(proxy, LINE + b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(connection.reader.read(), WITHIN)
        await connection.close()


async def test_what_is_no_network_is_refused(tmp_path: Path) -> None:
    async with proxied(tmp_path) as proxy:
        with pytest.raises(exceptions.OptionsError, match="urlrewrite_proxy_protocol"):
            proxy.master.options.update(urlrewrite_proxy_protocol=["10.0.0.0/99"])
