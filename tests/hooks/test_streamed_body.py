"""Bodies that stream are rewritten in a thread, piece by piece and in their order, while other requests go on."""

from __future__ import annotations

import asyncio
import gzip
import threading
from pathlib import Path

import pytest

from hooks.backends import Answer, Http1Backend
from hooks.clients import Http1
from hooks.in_process import in_process
from urlrewrite.hooks.patches.backpressure import MAX_KEPT
from urlrewrite.hooks.streamed_body import MOST_AT_ONCE, MOST_CODED_AT_ONCE, PieceByPiece, StreamedBody
from urlrewrite.trace.reasons import Reason

RULES = """
public: http://localhost
backend: http://privateserver:8080
connect: 127.0.0.1:{port}
links: everywhere
"""
PAGE = "".join(f'<a href="http://privateserver:8080/{number}">{number}</a>\n' for number in range(20_000)).encode()
PUBLIC = PAGE.replace(b"http://privateserver:8080", b"http://localhost")
SMALL = b"<p>small"
PATIENCE = 30
"""Seconds after which a test that hangs ends."""


class Gate:
    """Keeps the first piece that is to be rewritten until it is opened; `pieces` are those that were, each with the
    name of the thread in which it was.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, is_open: bool = False) -> None:
        self.begun, self.open = threading.Event(), threading.Event()
        self.pieces: list[tuple[str, bytes]] = []
        if is_open:
            self.open.set()
        rewrite = PieceByPiece.rewrite

        def kept(body: PieceByPiece, piece: bytes) -> None:
            self.begun.set()
            assert self.open.wait(PATIENCE)
            self.pieces.append((threading.current_thread().name, piece))
            rewrite(body, piece)

        monkeypatch.setattr(PieceByPiece, "rewrite", kept)

    async def has_begun(self) -> None:
        assert await asyncio.to_thread(self.begun.wait, PATIENCE)


def backend(**answers: Answer) -> Http1Backend:
    return Http1Backend({"/small": Answer(body=SMALL), **{f"/{path}": answer for path, answer in answers.items()}})


async def test_other_requests_go_on_while_a_piece_is_rewritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(monkeypatch)
    async with (
        backend(page=Answer(body=PAGE)) as server,
        in_process(RULES.format(port=server.port), tmp_path) as proxy,
    ):
        long, small = await Http1.connect(proxy.port), await Http1.connect(proxy.port)
        long.send(path="/page")
        await gate.has_begun()
        for _ in range(3):
            assert (await small.ask(path="/small")).body == SMALL
        assert not gate.pieces
        gate.open.set()
        assert (await long.read()).body == PUBLIC
        # The connection goes on.
        assert (await long.ask(path="/small")).body == SMALL
        await long.close()
        await small.close()


@pytest.mark.parametrize(("coding", "most"), [("", MOST_AT_ONCE), ("gzip", MOST_CODED_AT_ONCE)])
async def test_pieces_are_small_and_rewritten_in_a_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, coding: str, most: int
) -> None:
    gate = Gate(monkeypatch, is_open=True)
    page = gzip.compress(PAGE) if coding else PAGE
    fields = [("Content-Type", "text/html"), *([("Content-Encoding", coding)] if coding else [])]
    fields.append(("X-Accel-Buffering", "no"))
    async with (
        backend(page=Answer(fields=fields, body=page)) as server,
        in_process(RULES.format(port=server.port), tmp_path) as proxy,
    ):
        client = await Http1.connect(proxy.port)
        got = await client.ask(path="/page")
        assert (gzip.decompress(got.body) if coding else got.body) == PUBLIC
        await client.close()
    assert b"".join(piece for _, piece in gate.pieces) == page
    assert gate.pieces[-1][1] == b""
    assert max(len(piece) for _, piece in gate.pieces) <= most
    assert {name.rpartition("_")[0] for name, _ in gate.pieces} == {"urlrewrite-stream"}


async def test_a_backend_waits_while_much_is_to_be_rewritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(monkeypatch)
    piece = b"x" * 2**18
    async with (
        backend(page=Answer(body=piece, repeat=128)) as server,
        in_process(RULES.format(port=server.port), tmp_path) as proxy,
    ):
        long, small = await Http1.connect(proxy.port), await Http1.connect(proxy.port)
        long.send(path="/page")
        await gate.has_begun()
        before = -1
        while (pieces := server.sent // len(piece)) > before:
            before = pieces
            for _ in range(20):
                assert (await small.ask(path="/small")).body == SMALL
        assert pieces * len(piece) < MAX_KEPT + 80 * len(piece)
        gate.open.set()
        came = 0
        async with asyncio.timeout(PATIENCE):
            while came < 128 * len(piece):
                came += len(await long.reader.read(len(piece)))
        await long.close()
        await small.close()


async def test_a_client_that_leaves_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(monkeypatch)
    async with (
        backend(page=Answer(body=PAGE)) as server,
        in_process(RULES.format(port=server.port), tmp_path) as proxy,
    ):
        long, small = await Http1.connect(proxy.port), await Http1.connect(proxy.port)
        long.send(path="/page")
        await gate.has_begun()
        await long.close()
        assert (await small.ask(path="/small")).body == SMALL
        gate.open.set()
        assert (await small.ask(path="/small")).body == SMALL
        await small.close()
        async with asyncio.timeout(PATIENCE):
            while proxy.state.live:  # noqa: ASYNC110 (nobody tells when an exchange is over)
                await asyncio.sleep(0.01)
        assert not any("crashed" in line or "Traceback" in line for line in proxy.log)


async def test_a_rewriter_that_fails_lets_the_rest_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(monkeypatch)
    async with (
        backend(page=Answer(body=PAGE)) as server,
        in_process(RULES.format(port=server.port), tmp_path) as proxy,
    ):
        client = await Http1.connect(proxy.port)
        client.send(path="/page")
        await gate.has_begun()
        (live,) = proxy.state.live.values()

        def fail(*_: object) -> bytes:
            raise RuntimeError("a fault of ours")

        body = proxy.flows[0].response
        assert body and isinstance(body.stream, StreamedBody)
        monkeypatch.setattr(body.stream, "_rewriter", type("Failing", (), {"feed": fail, "finish": fail})())
        gate.open.set()
        assert (await client.read()).body == PAGE
        assert Reason.REST_PASSED in [event.get("reason") for event in live.exchange.trace.events]
        await client.close()
    assert any("a fault of ours" in line for line in proxy.log)


async def test_other_requests_go_on_while_an_upload_is_rewritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch)
    monkeypatch.setattr("urlrewrite.hooks.patches.upload_bounds.UPLOAD_HELD", 1000)
    monkeypatch.setattr("urlrewrite.hooks.inbound.UPLOAD_HELD", 1000)
    body = b'{"a":"http://localhost/x","b":[' + b'"http://localhost/y",' * 20_000 + b"0]}"
    async with (
        backend(form=Answer(body=SMALL)) as server,
        in_process(f"{RULES.format(port=server.port)}linksAlso: requestBodies\n", tmp_path) as proxy,
    ):
        long, small = await Http1.connect(proxy.port), await Http1.connect(proxy.port)
        long.send("POST", "/form", body, fields="Content-Type: application/json\r\n")
        await gate.has_begun()
        assert (await small.ask(path="/small")).body == SMALL
        assert not gate.pieces
        gate.open.set()
        assert (await long.read("POST")).body == SMALL
        await long.close()
        await small.close()
    (asked,) = (asked for asked in server.asked if asked.body)
    assert asked.body == body.replace(b"http://localhost", b"http://privateserver:8080")
    assert b"".join(piece for _, piece in gate.pieces) == body
    assert {name.rpartition("_")[0] for name, _ in gate.pieces} == {"urlrewrite-stream"}
