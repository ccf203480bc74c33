"""The sections beside rules, on the whole bundle and real sockets, for each version of HTTP."""

from __future__ import annotations

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
