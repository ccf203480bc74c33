"""Farms under fire, for a short while; `./run.sh measure farms` does the same for as long as one likes."""

from __future__ import annotations

import asyncio
from pathlib import Path

from farms.under_fire import QUIET, under_fire

REQUESTS = 400


async def test_random_faults_and_clients_that_leave_give_nobody_what_is_anothers(tmp_path: Path) -> None:
    async with under_fire(tmp_path) as fire:
        await fire.clients(6, lambda: fire.outcome.counts.total() < REQUESTS, leaving=0.1)
        assert fire.outcome.wrong == []
        assert not any((await fire.at_rest()).values()), fire.left()
        assert fire.outcome.counts["200"] > REQUESTS / 2, fire.outcome.counts


async def test_no_request_fails_while_a_server_is_restarted(tmp_path: Path) -> None:
    async with under_fire(tmp_path, faults=QUIET, servers=2) as fire:
        asking = asyncio.ensure_future(
            fire.clients(4, lambda: fire.outcome.counts.total() < REQUESTS, methods=("GET",))
        )
        while not asking.done():
            await fire.servers[0].stop()
            await asyncio.sleep(0.1)
            await fire.servers[0].start()
            await asyncio.sleep(0.1)
        await asking
        counts = fire.outcome.counts
        assert (set(counts), fire.outcome.wrong) == ({"200"}, [])
        assert sum(load.requests for load in fire.farm.loads) <= 1.2 * counts.total() + 3
