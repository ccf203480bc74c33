"""Bodies that stream by are looked at for leaks: all bytes go on at once, as they came, and what was found is told."""

from __future__ import annotations

import asyncio
import gzip
import io
import threading
import zipfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from hooks.backends import Answer, Http1Backend
from hooks.clients import Http1
from hooks.in_process import InProcess, in_process
from urlrewrite.hooks import leak_watch
from urlrewrite.hooks.flows import seen_of
from urlrewrite.inspector.leaks.search import find_leaks
from urlrewrite.inspector.leaks.watch import Watch

RULES = """
public: http://localhost
backend: http://privateserver:8080
connect: 127.0.0.1:{port}
links: everywhere
"""
NAME = b"<img src='http://privateserver:8080/pic.png'>"
LONG = b"line of a log\n" * 100_000 + NAME + b"\nline of a log" * 100_000
PATIENCE = 30


def as_zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("word/document.xml", b"<w:t>see http://privateserver:8080/x</w:t>")
    return file.getvalue()


def plain(body: bytes, content_type: str = "text/plain", *more: tuple[str, str], **named: Any) -> Answer:
    return Answer(fields=[("Content-Type", content_type), *more], body=body, **named)


@asynccontextmanager
async def proxied(answer: Answer, folder: Path, **options: Any) -> AsyncIterator[tuple[InProcess, Http1]]:
    """A proxy before a backend with one answer, and a client of it."""
    async with (
        Http1Backend({"/x": answer}) as server,
        in_process(RULES.format(port=server.port), folder, **{"urlrewrite_trace": "full", **options}) as proxy,
    ):
        client = await Http1.connect(proxy.port)
        try:
            yield proxy, client
        finally:
            await client.close()


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110 (there is no event)
            await asyncio.sleep(0.01)


async def trace_of(proxy: InProcess) -> dict[str, Any]:
    flow = proxy.flows[-1]
    await until(lambda: "urlrewrite.links" in flow.metadata)
    trace: dict[str, Any] = flow.metadata["urlrewrite"]
    return trace


PASSED = [
    # the body, its type, other fields, the place that is told
    (NAME, "text/plain; charset=UTF-8", (), "plain text"),
    (LONG, "text/plain", (), "plain text"),
    (b"BEGIN:VCALENDAR\r\nURL:http://privates\r\n erver:8080/x\r\n", "text/calendar", (), "plain text"),
    (gzip.compress(LONG), "text/csv", (("Content-Encoding", "gzip"),), "plain text"),
    (LONG.replace(b"img src", b"img alt"), "text/html", (("Cache-Control", "no-transform"),), "<img alt>"),
    (as_zip(), "application/epub+zip", (), "word/document.xml in the document, text of <w:t>"),
]


@pytest.mark.parametrize(("body", "content_type", "fields", "place"), PASSED, ids=[row[1] for row in PASSED])
async def test_what_passes_is_looked_at(
    body: bytes, content_type: str, fields: tuple[tuple[str, str], ...], place: str, tmp_path: Path
) -> None:
    async with proxied(plain(body, content_type, *fields), tmp_path) as (proxy, client):
        got = await client.ask(path="/x")
        assert (got.body == body, got.ended) == (True, True)
        trace = await trace_of(proxy)
        assert (trace["way"], trace["leaks"]) == ("pass", 1)
        assert proxy.flows[-1].comment.count("1 leak") == 1
        seen = seen_of(proxy.flows[-1])
        assert seen
        leaks = find_leaks(seen, proxy.state.in_force)
        assert [leak.place for leak in leaks] == [place]
        assert "privates" in leaks[0].around


async def test_what_is_rewritten_as_it_comes_is_looked_at_as_the_client_gets_it(tmp_path: Path) -> None:
    page = b"<a href='http://privateserver:8080/a'>x</a>\n" * 40_000 + f"<p data-x='{NAME[10:35].hex()}'>".encode()
    async with proxied(plain(page, "text/html"), tmp_path) as (proxy, client):
        got = await client.ask(path="/x")
        assert got.body == page.replace(b"http://privateserver:8080", b"http://localhost")
        trace = await trace_of(proxy)
        assert (trace["way"], trace["leaks"], trace["links"]) == ("stream", 1, 40_000)
        (one,) = trace["excerpts"]["found"]
        assert one["label"] == "<p data-x>"


class Gate:
    """Keeps what looks at a body waiting until it is opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.open = threading.Event()
        feed = Watch.feed

        def kept(watch: Watch, piece: bytes) -> None:
            assert self.open.wait(PATIENCE)
            feed(watch, piece)

        monkeypatch.setattr(Watch, "feed", kept)


async def test_no_byte_waits_until_it_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(monkeypatch)
    monkeypatch.setattr(leak_watch, "MAX_WAITING", 10 * len(LONG))
    async with proxied(plain(LONG), tmp_path) as (proxy, client):
        client.send(path="/x")
        body = b""
        async with asyncio.timeout(PATIENCE):
            while len(body) < len(LONG):
                body += await client.reader.read(2**16)
        assert not gate.open.is_set()
        gate.open.set()
        assert (await trace_of(proxy))["leaks"] == 1


async def test_what_waits_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(monkeypatch)
    monkeypatch.setattr(leak_watch, "MAX_WAITING", 2**16)
    async with proxied(plain(LONG), tmp_path) as (proxy, client):
        asking = asyncio.create_task(client.ask(path="/x"))
        await until(lambda: proxy.flows and proxy.flows[-1].response)
        live = proxy.state.live[proxy.flows[-1].id]
        await until(lambda: live.watch and live.watch.given_up)
        gate.open.set()
        assert (await asking).body == LONG
        trace = await trace_of(proxy)
        assert (trace["leaks"], trace["excerpts"]["whole"]) == (0, False)
        assert trace["excerpts"]["seen"] < len(LONG)


async def test_time_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leak_watch, "MAX_SECONDS", -1.0)
    async with proxied(plain(LONG), tmp_path) as (proxy, client):
        assert (await client.ask(path="/x")).body == LONG
        assert (await trace_of(proxy))["excerpts"]["whole"] is False


async def test_a_watch_that_fails_harms_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise ValueError

    monkeypatch.setattr(Watch, "feed", fail)
    async with proxied(plain(LONG), tmp_path) as (proxy, client):
        assert (await client.ask(path="/x")).body == LONG
        await trace_of(proxy)
    assert "could not be looked at" in caplog.text


async def test_a_stream_that_its_client_leaves_is_told(tmp_path: Path) -> None:
    # As streams of events end: no end ever comes.
    async with proxied(plain(NAME + b" " * 40_000, repeat=100_000), tmp_path) as (proxy, client):
        client.send(path="/x")
        await client.reader.readexactly(100_000)
        await client.close()
        assert (await trace_of(proxy))["leaks"] > 0


async def test_below_the_level_full_nobody_looks(tmp_path: Path) -> None:
    async with proxied(plain(LONG), tmp_path, urlrewrite_trace="decisions") as (proxy, client):
        assert (await client.ask(path="/x")).body == LONG
        assert proxy.flows[-1].response
        assert proxy.flows[-1].response.stream is True
