"""All requests over HTTP/3 are answered where packets are lost, come twice and come late; `./run.sh measure http3`."""

from __future__ import annotations

from pathlib import Path

import pytest

from hooks.echo_backend import EchoBackend
from hooks.in_process import in_process
from http3.asking import answer, ask
from http3.lossy_relay import LossyRelay

NETWORKS = {
    "sound": {},
    "some packets are lost": {"loss": 0.02},
    "many packets are lost": {"loss": 0.15},
    "packets come twice": {"twice": 0.3},
    "packets come late": {"late": 0.3},
    "everything at once": {"loss": 0.05, "twice": 0.2, "late": 0.2},
}


@pytest.mark.parametrize("network", NETWORKS)
async def test_all_is_answered(network: str, tmp_path: Path) -> None:
    async with EchoBackend() as backend:
        backend.answer = answer
        rules = f"public: [http://localhost, https://localhost]\nbackend: http://127.0.0.1:{backend.port}\n"
        async with (
            in_process(rules, tmp_path, http3=True) as proxy,
            LossyRelay(proxy.port, 1, **NETWORKS[network]) as relay,
        ):
            tally = await ask(relay.port, 96, connections=3, at_once=8, seed=1)
            assert (tally.asked, tally.failed, tally.wrong) == (96, 0, 0), tally.why
            assert not any("crashed" in line or "Traceback" in line for line in proxy.log), proxy.log
