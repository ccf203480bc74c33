"""A short form of `./run.sh measure load`, in one process."""

from __future__ import annotations

from pathlib import Path

from hooks.echo_backend import EchoBackend
from hooks.in_process import in_process
from load.asking import CLIENTS, Load


async def test_nobody_gets_what_is_anothers(tmp_path: Path) -> None:
    async with EchoBackend() as backend:
        rules = f"public: [http://localhost, https://localhost]\nbackend: http://127.0.0.1:{backend.port}\n"
        async with in_process(rules, tmp_path, http3=True) as proxy:
            load = Load(proxy.port, proxy.port, seed=1)
            backend.take = load.tally.take
            await load.ask(600, {"HTTP/1.1": 4, "HTTP/2": 3, "HTTP/3": 2})
            assert load.tally.well, load.tally
            assert load.tally.aborted > 0
            assert load.tally.asked.keys() == CLIENTS.keys()
            crashed = [line for line in proxy.log if "crashed" in line or "Traceback" in line]
            assert not crashed, crashed
