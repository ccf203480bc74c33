"""Responses that end with their connection, many of them, for clients of every version of HTTP."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from faults.asking import CLIENTS, Asking
from faults.raw_backend import RULES, RawBackend
from hooks.in_process import in_process, is_sound

PATIENT = RULES.replace("1s", "30s")
"""No time-out comes, however busy the machine is."""


@pytest.mark.parametrize("version", CLIENTS)
@pytest.mark.parametrize("size", [1, 40_000])
@pytest.mark.parametrize("backend_version", ["HTTP/1.0", "HTTP/1.1"])
async def test_responses_that_end_by_closing_leave_no_connection(
    backend_version: str, size: int, version: str, tmp_path: Path
) -> None:
    """Fifty in a row on one client connection, or three by each of 32 clients at once."""
    head = f"{backend_version} 200 OK\r\nContent-Type: text/html\r\n\r\n"
    in_a_row, at_once, each = (50, 32, 3) if size == 1 else (8, 4, 1)
    async with (
        RawBackend([head, ["<p>well</p>\n", size], "close"]) as backend,
        in_process(PATIENT.format(port=backend.port), tmp_path, http3=True) as proxy,
    ):

        async def ask(times: int) -> None:
            client = Asking(version, proxy.port)
            for _ in range(times):
                got = await client.ask()
                assert (got.status, got.cut, len(got.body)) == (200, False, 12 * size), proxy.log
            await backend.until_open(at_once)
            await client.close()

        await ask(in_a_row)
        await backend.until_open(0)
        await asyncio.gather(*(ask(each) for _ in range(at_once)))
        await backend.until_open(0)
        assert is_sound(proxy), proxy.log
