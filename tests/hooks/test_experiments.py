"""Backends that are particular about one thing, asked again on real sockets: what it is comes out."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trustme

from hooks.backends import Answer as Page
from hooks.backends import Backend, Http2Backend
from hooks.clients import Http1
from hooks.in_process import InProcess, in_process
from urlrewrite.hooks.backend_client import ask
from urlrewrite.hooks.experiments import Experiments, run
from urlrewrite.hooks.flows import seen_of
from urlrewrite.inspector.asking.answers import MAX_ASKED, Asked
from urlrewrite.inspector.asking.request_changes import AskedKind, Planned, Sent, Version
from urlrewrite.inspector.broken import find_breakages
from urlrewrite.inspector.diagnose.breakage import Breakage, Knowledge
from urlrewrite.inspector.diagnose.page_loads import PageLoad
from urlrewrite.inspector.figures.statistics import Statistics
from urlrewrite.inspector.pages.error import PageError
from urlrewrite.inspector.recorded_exchange import RecordedExchange, Snapshot


@dataclass
class Request:
    """A request as a backend gets it; of fields that come twice the last one counts."""

    method: str
    target: str
    fields: dict[str, str]
    body: bytes


type Judge = Callable[[Request], int | tuple[int, str]]


@dataclass
class Particular(Backend):
    """A backend of HTTP/1 that answers each request with the status that `judge` gives it, or a redirect."""

    judge: Judge
    tls: ssl.SSLContext | None = None
    got: list[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__({})

    def _tls(self) -> ssl.SSLContext | None:
        return self.tls

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            first = await reader.readexactly(1)
            if first == b"\x16" and not self.tls:
                # A ClientHello, which has no end of a line.
                return
            head = (first + (await reader.readuntil(b"\r\n\r\n"))[:-4]).decode("latin-1").split("\r\n")
            if not head[0].endswith(" HTTP/1.1"):
                return
            lines = (line.partition(":")[::2] for line in head[1:])
            fields = {name.lower(): value.strip() for name, value in lines}
            body = await reader.readexactly(int(fields.get("content-length", "0")))
            method, target, _ = head[0].split()
            self.got.append(Request(method, target, fields, body))
            told = self.judge(self.got[-1])
            status, location = told if isinstance(told, tuple) else (told, "")
            more = f"Location: {location}\r\n" if location else ""
            writer.write(f"HTTP/1.1 {status} It Is So\r\n{more}Content-Length: 0\r\n\r\n".encode())
            await writer.drain()


def tls_of_nobody() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("privateserver").configure_cert(context)
    return context


class PlainHttp2(Http2Backend):
    """Speaks HTTP/2 without TLS, and nothing else."""

    def _tls(self) -> ssl.SSLContext | None:
        return None


SITE = "public: http://www.example.com\nbackend: http://privateserver:8080\n"


@contextlib.asynccontextmanager
async def proxy_for(backend: Backend, folder: Path, more: str = "") -> AsyncIterator[InProcess]:
    rules = f"{SITE}connect: 127.0.0.1:{backend.port}\n{more}"
    async with in_process(rules, folder) as proxy:
        yield proxy


def snapshot_of(proxy: InProcess) -> Snapshot:
    seen = tuple(each for flow in reversed(proxy.flows) if (each := seen_of(flow)))
    return Snapshot(seen, proxy.state.in_force, Statistics(), asked=dict(proxy.state.asked))


async def browse(proxy: InProcess, path: str = "/page", method: str = "GET", **fields: str) -> RecordedExchange:
    client = await Http1.connect(proxy.port)
    try:
        lines = "".join(f"{name}: {value}\r\n" for name, value in {"Sec-Fetch-Dest": "document", **fields}.items())
        await client.ask(method, path, b"a=1" if method == "POST" else b"", "www.example.com", lines)
    finally:
        await client.close()
    return snapshot_of(proxy).exchanges[0]


async def experiment(proxy: InProcess, exchange: RecordedExchange, *, confirmed: bool = False) -> Asked:
    async def current() -> Snapshot:
        return snapshot_of(proxy)

    await Experiments(proxy.state, current).act({"flow": exchange.flow_id, "confirmed": confirmed})
    found: Asked = proxy.state.asked[exchange.flow_id]
    return found


def worst(proxy: InProcess, exchange: RecordedExchange) -> Breakage:
    shown = snapshot_of(proxy)
    return find_breakages(PageLoad(exchange), shown.rules, seen=shown.exchanges, asked=shown.asked)[0]


PARTICULAR: Mapping[str, tuple[Judge, str, dict[str, str], str]] = {
    "a field of ours": (
        lambda asked: 500 if "forwarded" in asked.fields else 200,
        "",
        {},
        "The backend fails on the field Forwarded: asked without it, it answers 200",
    ),
    "its public name": (
        lambda asked: 200 if asked.fields["host"] == "www.example.com" else 404,
        "",
        {},
        "does not know the Host privateserver:8080: asked as www.example.com",
    ),
    "its own name": (
        lambda asked: (302, "/home") if asked.fields["host"] == "privateserver:8080" else 400,
        "preserveHostHeader: true\n",
        {},
        "does not know the Host www.example.com: asked as privateserver:8080, it answers 302",
    ),
    "the length of cookies": (
        lambda asked: 400 if len(asked.fields.get("cookie", "")) > 3000 else 200,
        "",
        {"Cookie": f"a={'x' * 2500}; b={'y' * 2500}"},
        "5.0 kB of cookies are too many for the backend: asked with 2.5 kB of them",
    ),
    "one cookie": (
        lambda asked: 500 if "old=" in asked.fields.get("cookie", "") else 200,
        "",
        {"Cookie": "sid=1; old=2"},
        "The backend fails on the cookie old",
    ),
    "codings": (
        lambda asked: 500 if "br" in asked.fields.get("accept-encoding", "") else 200,
        "",
        {"Accept-Encoding": "gzip, br"},
        "The backend fails on the field Accept-Encoding",
    ),
    "the scheme it is told": (
        lambda asked: (
            200 if asked.fields.get("x-forwarded-proto") == "https" else (302, "https://www.example.com/page")
        ),
        "",
        {},
        "told X-Forwarded-Proto: https in place of X-Forwarded-Proto: http, it answers 200",
    ),
    "a rule's group": (
        lambda asked: 200 if asked.target == "/items/7" else 404,
        "rules: [{name: items, match: '^page/(\\w+)/(\\d+)$', action: {type: Rewrite, url: 'items/{R:1}'}}]\n",
        {},
        'With {R:2} in place of {R:1} in the rule "items", the backend is asked for /items/7 and answers 200',
    ),
}


@pytest.mark.parametrize("about", PARTICULAR)
async def test_what_a_backend_is_particular_about_comes_out(about: str, tmp_path: Path) -> None:
    judge, rules, fields, said = PARTICULAR[about]
    async with Particular(judge) as backend, proxy_for(backend, tmp_path, rules) as proxy:
        path = "/page/item/7" if "rule" in about else "/page"
        exchange = await browse(proxy, path, **fields)
        if about == "the scheme it is told":
            exchange = await browse(proxy, path, **fields)
        asked = await experiment(proxy, exchange)
        found = worst(proxy, exchange)
        assert said in found.title and found.known is Knowledge.EXPERIMENT
        assert len(asked.answers) <= MAX_ASKED
        other_ways = {AskedKind.OTHER_TLS, AskedKind.OTHER_VERSION}
        by_http1 = [planned for planned, _ in asked.answers if planned.kind not in other_ways]
        assert len(backend.got) == len(proxy.flows) + len(by_http1)


async def test_the_server_of_a_farm_is_asked_by_its_own_address(tmp_path: Path) -> None:
    judge: Judge = lambda asked: 500 if "forwarded" in asked.fields else 200  # noqa: E731
    async with Particular(judge) as backend:
        farms = f"farms: {{shop: {{servers: ['127.0.0.1:{backend.port}']}}}}\n"
        rules = f"public: http://www.example.com\nbackend: http://shop\n{farms}"
        async with in_process(rules, tmp_path) as proxy:
            exchange = await browse(proxy)
            await experiment(proxy, exchange)
            assert "The backend fails on the field Forwarded" in worst(proxy, exchange).title
            assert {asked.fields["host"] for asked in backend.got} == {f"127.0.0.1:{backend.port}", "www.example.com"}


async def test_tls_that_a_backend_wants(tmp_path: Path) -> None:
    backend = Particular(lambda asked: 200, tls_of_nobody())
    async with backend, proxy_for(backend, tmp_path, "tls: {verify: false}\n") as proxy:
        exchange = await browse(proxy)
        await experiment(proxy, exchange)
        assert "The backend speaks https at this port, and not http: asked so, it answers 200" in (
            worst(proxy, exchange).title
        )


async def test_a_certificate_is_verified_as_the_rules_say(tmp_path: Path) -> None:
    backend = Particular(lambda asked: 200, tls_of_nobody())
    async with backend, proxy_for(backend, tmp_path) as proxy:
        exchange = await browse(proxy)
        asked = await experiment(proxy, exchange)
        (answer,) = (answer for planned, answer in asked.answers if planned.kind is AskedKind.OTHER_TLS)
        assert answer.status is None and answer.failure.startswith("TLS failed: unable to get local issuer")
        assert worst(proxy, exchange).known is not Knowledge.EXPERIMENT and not backend.got


async def test_a_version_that_a_backend_wants(tmp_path: Path) -> None:
    async with PlainHttp2({"/page": Page()}) as backend, proxy_for(backend, tmp_path) as proxy:
        exchange = await browse(proxy)
        await experiment(proxy, exchange)
        assert "The backend speaks HTTP/2 at this port: asked by it, it answers 200" in worst(proxy, exchange).title


async def test_what_makes_no_difference_is_told_as_that(tmp_path: Path) -> None:
    async with Particular(lambda asked: 404) as backend, proxy_for(backend, tmp_path) as proxy:
        exchange = await browse(proxy)
        before = worst(proxy, exchange)
        await experiment(proxy, exchange)
        after = worst(proxy, exchange)
        assert (after.title, after.code, after.known) == (before.title, before.code, before.known)
        told = dict(after.evidence)
        assert told["asked again"] == "as it was: 404" and told["asked with one thing changed"].endswith(
            "no better answer"
        )


async def test_what_fails_no_more_is_not_asked_further(tmp_path: Path) -> None:
    answers = iter([500])
    async with Particular(lambda asked: next(answers, 200)) as backend, proxy_for(backend, tmp_path) as proxy:
        exchange = await browse(proxy)
        await experiment(proxy, exchange)
        assert (
            dict(worst(proxy, exchange).evidence)["asked again"]
            == "as it was: 200, which is another answer than the one that was recorded"
        )
        assert len(backend.got) == 2


async def test_a_method_that_is_not_safe_is_confirmed_first(tmp_path: Path) -> None:
    judge: Judge = lambda asked: 200 if asked.fields.get("origin") == "http://www.example.com" else 403  # noqa: E731
    async with Particular(judge) as backend, proxy_for(backend, tmp_path) as proxy:
        exchange = await browse(proxy, method="POST", Origin="http://www.example.com")
        with pytest.raises(PageError, match="POST may change something at the backend"):
            await experiment(proxy, exchange)
        assert len(backend.got) == 1
        await experiment(proxy, exchange, confirmed=True)
        assert {(asked.method, asked.body) for asked in backend.got} == {("POST", b"a=1")}
        assert "The backend refuses the Origin http://privateserver:8080" in worst(proxy, exchange).title


async def test_the_newest_experiments_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("urlrewrite.hooks.experiments.MAX_KEPT", 2)
    async with Particular(lambda asked: 200) as backend, proxy_for(backend, tmp_path) as proxy:
        first, second, third = [await browse(proxy) for _ in range(3)]
        for exchange in (first, second, first, third):
            await experiment(proxy, exchange)
        assert list(proxy.state.asked) == [first.flow_id, third.flow_id]


async def test_no_flow_and_no_backend(tmp_path: Path) -> None:
    rules = "rules: [{name: no, match: no, action: {type: CustomResponse, statusCode: 403}}]\n"
    async with Particular(lambda asked: 200) as backend, proxy_for(backend, tmp_path, rules) as proxy:
        exchange = await browse(proxy, "/no")
        with pytest.raises(PageError, match="no backend would be asked"):
            await experiment(proxy, exchange)
        for asked in ({}, {"flow": "x"}, {"flow": ["x"]}):
            with pytest.raises(PageError, match="expected one of those that are kept"):
                await Experiments(proxy.state, lambda: _shown(proxy)).act(asked)
        assert not backend.got


async def _shown(proxy: Any) -> Snapshot:
    return snapshot_of(proxy)


def sent_to(port: int, **more: Any) -> Sent:
    return Sent("GET", ("127.0.0.1", port), "localhost", "localhost", "/page", (), **more)


async def test_a_backend_that_says_nothing_is_given_up() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        sent = sent_to(server.sockets[0].getsockname()[1])
        answers = [await ask(sent, 0.2), await ask(sent_to(sent.address[1], version=Version.HTTP2), 0.2)]
        assert [answer.failure for answer in answers] == ["no answer within 0.2 s"] * 2
        asked = Asked([Planned(AskedKind.AS_IT_WAS, sent), Planned(AskedKind.OTHER_TLS, sent)], None)
        await run(asked, seconds=0.0)
        assert not asked.answers


BAD = {
    b"": "it closed the connection without an answer",
    b"SSH-2.0-x\r\n\r\n": "no answer of HTTP/1.1",
    b"HTTP/1.1 200 OK\r\n" + b"x: " + b"y" * 70000: "no answer of HTTP/1.1",
}


@pytest.mark.parametrize("bytes_sent", BAD, ids=range(len(BAD)))
async def test_what_is_no_answer(bytes_sent: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(bytes_sent)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        answer = await ask(sent_to(server.sockets[0].getsockname()[1]), 10)
        assert answer.status is None and BAD[bytes_sent] in answer.failure


async def test_nobody_listens() -> None:
    async with await asyncio.start_server(lambda *_: None, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
    assert (await ask(sent_to(port), 10)).status is None
