"""What a small request costs, counted in place of seconds: the whole proxy, with connections that are there already.

A number that rises is to be looked at: it is a request's price, paid by each. One that falls is to be written down.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import CodeType
from typing import Any

import mitmproxy
import pytest
from mitmproxy.utils import asyncio_utils

import urlrewrite
from counting import TOOL
from hooks.backends import Answer, Http1Backend
from hooks.clients import Http1
from hooks.in_process import InProcess, in_process
from hooks.patches.rules import rules_for

TURNS = 5
"""Requests of which the one with the least counts: what the loop does beside them takes some."""

LINK = '<p>words <a class="x" href="http://inner.example:{port}/{number}">x</a></p>\n'
LINKS = 16

ROOMS = {
    "ours": str(Path(urlrewrite.__file__).parent),
    "mitmproxy's": str(Path(mitmproxy.__file__).parent),
}

MOST = {
    "functions of ours": 910,
    "functions of mitmproxy's": 495,
    "generators resumed": 290,
    "names in lower case": 201,
    "tasks": 1,  # for the time that a body of unknown length is held
    "turns in threads": 0,
}
"""What a page of a kilobyte may take, request and response; a thirtieth more than it took at last."""


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Counts what this bundle and mitmproxy do, and nothing of the client and the backend in this process."""
    counts = Counter[str]()
    rooms: dict[CodeType, str] = {}

    def room(code: CodeType) -> str:
        if code not in rooms:
            rooms[code] = next((name for name, path in ROOMS.items() if code.co_filename.startswith(path)), "")
        return rooms[code]

    def start(code: CodeType, offset: int) -> None:
        if of := room(code):
            counts[f"functions of {of}"] += 1

    def resume(code: CodeType, offset: int) -> None:
        if room(code):
            counts["generators resumed"] += 1

    def call(code: CodeType, offset: int, called: object, argument: object) -> None:
        if called in _LOWER and room(code) == "ours":
            counts["names in lower case"] += 1

    events = sys.monitoring.events
    callbacks = {events.PY_START: start, events.PY_RESUME: resume, events.CALL: call}
    sys.monitoring.use_tool_id(TOOL, "counted calls")
    try:
        for event, callback in callbacks.items():
            sys.monitoring.register_callback(TOOL, event, callback)
        sys.monitoring.set_events(TOOL, sum(callbacks))
        yield counts
    finally:
        sys.monitoring.set_events(TOOL, 0)
        for event in callbacks:
            sys.monitoring.register_callback(TOOL, event, None)
        sys.monitoring.free_tool_id(TOOL)


_LOWER = (str.lower, bytes.lower)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts tasks of mitmproxy and turns in threads."""
    counts = Counter[str]()

    def counting(name: str, own: Callable[..., Any]) -> Callable[..., Any]:
        def called(*args: Any, **more: Any) -> Any:
            counts[name] += 1
            return own(*args, **more)

        return called

    monkeypatch.setattr(asyncio_utils, "create_task", counting("tasks", asyncio_utils.create_task))
    monkeypatch.setattr(ThreadPoolExecutor, "submit", counting("turns in threads", ThreadPoolExecutor.submit))
    return counts


async def test_a_small_page(tmp_path: Path, made: Counter[str]) -> None:
    page = Answer(fields=[("Content-Type", "text/html"), ("ETag", '"a"'), ("Server", "nginx")])
    async with (
        Http1Backend({"/": page}) as backend,
        in_process(rules_for(backend), tmp_path, urlrewrite_trace="decisions") as proxy,
    ):
        page.body = "".join(LINK.format(port=backend.port, number=number) for number in range(LINKS)).encode()
        least = await least_of(proxy, made)
    assert {name: count for name, count in least.items() if count > MOST[name]} == {}, least


async def least_of(proxy: InProcess, made: Counter[str]) -> dict[str, int]:
    client = await Http1.connect(proxy.port)
    assert (await client.ask()).status == 200
    found = []
    for _ in range(TURNS):
        made.clear()
        with counted() as counts:
            got = await client.ask()
        assert got.body.count(b"http://localhost/") == LINKS
        found.append({name: (counts + made)[name] for name in MOST})
    await client.close()
    return min(found, key=lambda counts: sum(counts.values()))
