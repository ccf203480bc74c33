"""Each of several requests on one connection is answered, whatever the backend does with the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from faults.raw_backend import RULES, RawBackend
from hooks.clients import STREAMING
from hooks.in_process import in_process, is_sound

FAULTS = {
    "closes before the head": (["close"], 502, False),
    "resets before the head": (["reset"], 502, False),
    "closes within the head": (["HTTP/1.1 200 OK\r\nContent-Le", "close"], 502, False),
    "stalls": (["stall"], 504, False),
    "closes within the body": (
        ["HTTP/1.1 200 OK\r\nContent-Length: 480001\r\n\r\n", ["<p>well</p>\n", 30000], "close"],
        200,
        True,
    ),
}


@pytest.mark.parametrize("version", STREAMING)
@pytest.mark.parametrize("fault", FAULTS)
async def test_the_others_are_answered(fault: str, version: str, tmp_path: Path) -> None:
    sends, status, cut = FAULTS[fault]
    async with (
        RawBackend(sends) as backend,
        in_process(RULES.format(port=backend.port), tmp_path, http3=True) as proxy,
    ):
        client = await STREAMING[version].connect(proxy.port)
        for _ in range(2):
            got = await client.ask_all(["/", "/well"] * 4)
            faulty, well = got[::2], got[1::2]
            assert [each.cut for each in faulty] == [cut] * 4, proxy.log
            # A stream that QUIC resets loses what was not sent yet, which may be all of it (RFC 9000, section 3.1).
            lost = {0} if cut and version == "HTTP/3" else set()
            assert {each.status for each in faulty} - lost <= {status}, proxy.log
            assert [(each.status, each.body) for each in well] == [(200, b"fine")] * 4, proxy.log
        await client.close()
        assert is_sound(proxy), proxy.log
