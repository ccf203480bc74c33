"""A request takes as many steps with hundreds of sites or rules as with a few: the whole proxy, at each trace level."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from counting import counted_steps
from hooks.backends import Answer, Http1Backend
from hooks.clients import Http1
from hooks.in_process import in_process

TURNS = 5
"""Requests of which the one with the fewest steps counts: what the loop does beside them takes some."""

MORE = 250
"""Steps that may differ: data comes in pieces, and several sites are told apart once. One a site would be more."""

LINKS = "".join(f"<p>words <a href='http://srv7.corp.example:8080/{number}'>x</a></p>\n" for number in range(20))


def site(number: int, port: int, rules: int) -> dict[str, Any]:
    return {
        "name": f"s{number}",
        "public": [f"http://www{number}.example.com", f"https://www{number}.example.com"],
        "backend": f"http://srv{number}.corp.example:8080",
        "connect": f"127.0.0.1:{port}",
        "links": "everywhere",
        "rules": [
            {"name": f"r{rule}", "match": rf"^article/{rule}/(\d+)$", "action": {"type": "Rewrite", "url": "/x"}}
            for rule in range(rules)
        ],
    }


@asynccontextmanager
async def steps_of(sites: int, rules: int, folder: Path, **options: Any) -> AsyncIterator[Callable[[], Awaitable[int]]]:
    answer = Answer(fields=[("Content-Type", "text/html"), ("Location", "http://srv7.corp.example:8080/y")])
    answer.body = LINKS.encode()
    async with Http1Backend({"/x": answer}) as server:
        file = json.dumps({"sites": [site(number, server.port, rules) for number in range(7, 7 + sites)]})
        async with in_process(file, folder, **options) as proxy:
            client = await Http1.connect(proxy.port)

            async def ask() -> int:
                with counted_steps(loops=True) as count:
                    got = await client.ask(path="/article/3/1" if rules else "/x", host="www7.example.com")
                    taken = count()
                assert got.body == LINKS.replace("srv7.corp.example:8080", "www7.example.com").encode()
                return taken

            async def fewest() -> int:
                await ask()
                return min([await ask() for _ in range(TURNS)])

            try:
                yield fewest
            finally:
                await client.close()


CASES = {
    # few, and many: the number of sites, and of rules in each
    "sites": ((1, 0), (300, 0)),
    "rules in a site": ((1, 10), (1, 1000)),
    "sites with rules": ((1, 10), (300, 10)),
}


@pytest.mark.parametrize("level", ["off", "decisions", "full"])
@pytest.mark.parametrize("case", CASES)
async def test_a_request_takes_as_many_steps(case: str, level: str, tmp_path: Path) -> None:
    counts = []
    for sites, rules in CASES[case]:
        async with steps_of(sites, rules, tmp_path, urlrewrite_trace=level) as fewest:
            counts.append(await fewest())
    assert counts[1] <= counts[0] + MORE, counts
