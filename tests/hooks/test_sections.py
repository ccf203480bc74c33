"""The sections beside rules, on the whole bundle and real sockets, for each version of HTTP."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest

from hooks.backends import Answer, Http1Backend
from hooks.clients import Http1, Http2, Http3
from hooks.in_process import in_process
from hooks.patches.rules import rules_for

CLIENTS: dict[str, Any] = {"HTTP/1.1": Http1, "HTTP/2": Http2, "HTTP/3": Http3}
SECTIONS = """
security:
  requestFiltering:
    denyUrlSequences: [.git]
    verbs: {DELETE: false}
    requestLimits: {maxAllowedContentLength: 4}
httpProtocol: {customHeaders: {remove: [X-Powered-By], add: {X-Frame-Options: DENY}}}
locations:
  local: {security: {ipSecurity: {add: [{ipAddress: 127.0.0.1, allowed: false}]}}}
  gone: {security: {ipSecurity: {denyAction: AbortRequest, allowUnlisted: false}}}
  moved: {httpRedirect: {enabled: true, destination: 'https://new.example/'}}
"""
CAME = [("Content-Type", "text/plain"), ("X-Powered-By", "PHP"), ("X-Frame-Options", "ALLOWALL")]


@pytest.mark.parametrize("client", CLIENTS)
async def test_sections_over_every_version_of_http(client: str, tmp_path: Path) -> None:
    async with (
        Http1Backend({"/": Answer(fields=CAME, body=b"ok")}) as backend,
        in_process(
            rules_for(backend, SECTIONS), tmp_path, http3=client == "HTTP/3", connection_strategy="lazy"
        ) as proxy,
    ):

        async def ask(method: str, path: str, body: bytes = b"") -> Any:
            connection = await CLIENTS[client].connect(proxy.port)
            try:
                return await connection.ask(method, path, body)
            finally:
                await connection.close()

        got = await ask("GET", "/")
        assert (got.status, got.body, got.fields["x-frame-options"]) == (200, b"ok", "DENY")
        assert "x-powered-by" not in got.fields
        for method, path, body, status in (
            ("GET", "/.git/config", b"", 404),
            ("DELETE", "/", b"", 404),
            ("POST", "/", b"12345", 404),
            ("GET", "/local/x", b"", 403),
            ("GET", "/moved/x?y", b"", 302),
        ):
            got = await ask(method, path, body)
            assert (got.status, got.fields["x-frame-options"]) == (status, "DENY"), path
        assert got.fields["location"] == "https://new.example/x?y"
        assert (await ask("POST", "/", b"1234")).status == 200
        assert (await ask("GET", "/gone/x")).status == 0
        assert len(backend.asked) == 2


MEGABYTE = bytes(2**20)


@pytest.mark.parametrize(
    ("limit", "pieces", "status"),
    [
        (4, [b"1234"], 200),
        (4, [b"123", b"45"], 404),
        (4, [MEGABYTE] * 9, 404),
        (10 * 2**20, [MEGABYTE] * 10, 200),
        (10 * 2**20, [*[MEGABYTE] * 10, b"1"], 0),
    ],
    ids=["within", "held", "dropped", "streamed", "cut"],
)
async def test_a_body_that_does_not_say_its_length_is_counted(
    limit: int, pieces: list[bytes], status: int, tmp_path: Path
) -> None:
    rules = f"security: {{requestFiltering: {{requestLimits: {{maxAllowedContentLength: {limit}}}}}}}"
    async with (
        Http1Backend({"/": Answer(fields=CAME, body=b"ok")}) as backend,
        in_process(rules_for(backend, rules), tmp_path, connection_strategy="lazy") as proxy,
    ):
        client = await Http1.connect(proxy.port)
        client.writer.write(b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                client.writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                await client.writer.drain()
            client.writer.write(b"0\r\n\r\n")
        got = await client.read("POST")
        if not status:
            with contextlib.suppress(ConnectionError):
                async with asyncio.timeout(30):
                    await client.reader.read()
        await client.close()
        if status:
            assert got.status == status
        else:
            # What the client is told of the end depends on how far it is.
            assert got.status in (0, 400)
        whole = [asked for asked in backend.asked if len(asked.body) == sum(map(len, pieces))]
        assert len(whole) == (status == 200)
