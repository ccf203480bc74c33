"""The same faults behind nginx's `proxy_pass`: what a client of HTTP/1.1 gets there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import yaml

from bench.peers import nginx
from e2e.support.service import free_ports, running
from faults.asking import KINDS, Asking
from faults.matrix import Fault, FaultyBackend
from hooks.clients import Got

VERSION = "HTTP/1.1"
RULE_SET = "streamed"
"""That of ours to which it is compared: nginx does not hold a body until it is whole."""

_LOCATION = """
server {{
  listen 127.0.0.1:{port};
  location / {{
    proxy_pass http://127.0.0.1:{backend};
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_request_buffering off;
    proxy_read_timeout {patience};
  }}
}}
"""
_AT_A_TIME = 8


async def opinions(all_faults: Sequence[Fault], chosen: Sequence[int], folder: Path) -> AsyncIterator[tuple[int, Got]]:
    """Try faults, by their numbers, behind an nginx that has to be there."""
    patient, impatient = free_ports(2)
    async with FaultyBackend(all_faults) as backend:
        blocks = (
            _LOCATION.format(port=port, backend=backend.port, patience=patience)
            for port, patience in ((patient, "20s"), (impatient, "1s"))
        )
        with running(nginx(folder, "nginx", 0, "".join(blocks))) as service:
            await asyncio.to_thread(service.await_ports, patient, impatient)
            at_a_time = asyncio.Semaphore(_AT_A_TIME)

            async def ask(number: int) -> tuple[int, Got]:
                fault = all_faults[number]
                client = Asking(VERSION, impatient if fault.waits else patient)
                async with at_a_time:
                    try:
                        return number, await client.ask(f"/{number}/id-{number:05}", KINDS[fault.asks])
                    except Exception:
                        return number, Got(cut=True)
                    finally:
                        await client.close()

            for asking in asyncio.as_completed([ask(number) for number in chosen]):
                yield await asking


def differs(fault: Fault, got: Got) -> bool:
    """Say whether a client gets something else by nginx: another class of status, or a cut that it sees or does not."""
    expected = fault.expected(RULE_SET, VERSION)
    cut = expected.get("cut", False)
    return expected["gets"] // 100 != got.status // 100 or cut not in (got.cut, "any")


def explained() -> dict[str, str]:
    """The faults of which nginx makes something else, as "kind: name", and why that is well."""
    listed = yaml.safe_load(Path(__file__).with_name("nginx.yaml").read_text(encoding="utf-8"))
    return {
        f"{kind}: {name}": each["because"]
        for each in listed
        for kind, names in each.items()
        if kind != "because"
        for name in names
    }
