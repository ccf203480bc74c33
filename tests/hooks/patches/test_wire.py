"""Early hints and trailers, for each version of HTTP on both sides, on the whole bundle and real sockets."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from hooks.backends import BACKENDS, Answer, Lines
from hooks.clients import EVERY, Got, Http1, Http2, Http3
from hooks.in_process import InProcess, in_process
from hooks.patches.rules import INNER, rules_for
from urlrewrite.trace.events import Name

CELLS = [
    (backend, client)
    for backend in BACKENDS
    for client in EVERY
    # The backend is offered what the client speaks.
    if backend == "HTTP/1.1" or client in ("HTTP/2", "HTTP/3")
]


class Asking:
    """A request on a connection of its own."""

    def __init__(self, connection: Http1 | Http2 | Http3, client: str, fields: Lines, path: str = "/") -> None:
        self.connection = connection
        if isinstance(connection, Http1):
            lines = "".join(f"{name}: {value}\r\n" for name, value in fields)
            connection.send(path=path, fields=lines, version=client.removeprefix("HTTP/"))
        else:
            self.stream = connection.begin(path=path, fields=tuple((name.lower(), value) for name, value in fields))

    async def first(self) -> Got:
        """The response as far as it is known when something of it has come."""
        if not isinstance(self.connection, Http1):
            return await self.connection.started(self.stream)
        self.got = Got()
        await self.connection.read_head(self.got)
        return self.got

    async def whole(self) -> Got:
        if isinstance(self.connection, Http1):
            got = await self.connection.read(got=getattr(self, "got", None))
        else:
            got = await self.connection.finish(self.stream)
        await self.connection.close()
        return got


def is_sound(proxy: InProcess) -> bool:
    return not any("crashed" in line or "Traceback" in line or "rror" in line for line in proxy.log)


NAVIGATES: Lines = [("Sec-Fetch-Mode", "navigate")]
HINTED: dict[str, tuple[str, Lines, frozenset[str]]] = {
    "a page": ("navigation", NAVIGATES, frozenset({"HTTP/2", "HTTP/3"})),
    "a picture": ("navigation", [("Sec-Fetch-Mode", "no-cors")], frozenset()),
    "no browser": ("navigation", [], frozenset()),
    "all": ("all", [], frozenset({"HTTP/1.1", "HTTP/2", "HTTP/3"})),
    "off": ("off", NAVIGATES, frozenset()),
}


@pytest.mark.parametrize("asked", HINTED)
@pytest.mark.parametrize(("backend", "client"), CELLS)
async def test_hints_come_before_the_head_with_the_public_name(
    backend: str, client: str, asked: str, tmp_path: Path
) -> None:
    setting, fields, who = HINTED[asked]
    gate = asyncio.Event()
    answer = Answer([(102, [])], body=b"<p>x", gate=gate)
    async with (
        BACKENDS[backend]({"/": answer}) as behind,
        in_process(rules_for(behind), tmp_path, http3=True, ssl_insecure=True, urlrewrite_early_hints=setting) as proxy,
    ):
        link = f"<{behind.scheme}://{INNER}:{behind.port}/a.css>; rel=preload; as=style"
        answer.interim.append((103, [("Link", link), ("Connection" if behind.scheme == "http" else "X-No", "X")]))
        asking = Asking(await EVERY[client].connect(proxy.port), client, fields)
        if client in who:
            first = await asking.first()
            assert (len(first.interim), first.status) == (1, 0)
        gate.set()
        got = await asking.whole()
        assert (got.status, got.body, got.cut) == (200, b"<p>x", False)
        scheme = "http" if client.startswith("HTTP/1") else "https"
        public = f"<{scheme}://localhost/a.css>; rel=preload; as=style"
        told = [hints["link"] for hints in got.interim]
        assert told == ([public] if client in who else [])
        assert all(hints[":status"] == "103" and "connection" not in hints for hints in got.interim)
        [event] = [
            event for event in proxy.flows[0].metadata["urlrewrite"]["events"] if event["event"] == Name.EARLY_HINTS
        ]
        assert event["forwarded"] is bool(told) is not bool(event["reason"])
        assert is_sound(proxy), proxy.log


TRAILERS: Lines = [
    ("Server-Timing", "db;dur=1"),
    ("X-Url", "INNER/x"),
    ("Content-Digest", "sha-256=:x:"),
    ("Content-Length", "3"),
    ("Set-Cookie", "a=1"),
    ("ETag", '"a"'),
]
TAKEN = {"server-timing": "db;dur=1", "x-url": "PUBLIC/x"}
OF_THE_BODY = {"content-digest": "sha-256=:x:", "etag": '"a"'}
BODIES = {
    "held": Answer(body=b"<p>x"),
    "held-and-rewritten": Answer(body=b'<a href="INNER/y">'),
    "streamed": Answer(body=b"<p>" + b"x" * 8000, repeat=64),
    "passed": Answer(fields=[("Content-Type", "image/png")], body=b"x" * 1000, repeat=2000),
    "empty": Answer(),
}


@pytest.mark.parametrize(("backend", "client"), CELLS)
@pytest.mark.parametrize("says_so", [True, False])
async def test_trailers_come_to_clients_that_take_them(
    backend: str, client: str, says_so: bool, tmp_path: Path
) -> None:
    async with BACKENDS[backend]({}) as behind:
        inner = f"{behind.scheme}://{INNER}:{behind.port}"
        trailers = [(name, value.replace("INNER", inner)) for name, value in TRAILERS]
        for path, answer in BODIES.items():
            body = answer.body.replace(b"INNER", inner.encode())
            behind.answers[f"/{path}"] = replace(answer, body=body, trailers=trailers)
        async with in_process(rules_for(behind), tmp_path, http3=True, ssl_insecure=True) as proxy:
            public = f"{'http' if client.startswith('HTTP/1') else 'https'}://localhost"
            wanted = {name: value.replace("PUBLIC", public) for name, value in TAKEN.items()}
            for path, answer in behind.answers.items():
                connection = await EVERY[client].connect(proxy.port)
                got = await Asking(connection, client, [("TE", "trailers")] if says_so else [], path).whole()
                assert (got.status, got.cut) == (200, False)
                assert got.body == (answer.body * answer.repeat).replace(inner.encode(), public.encode())
                taken = client in ("HTTP/2", "HTTP/3") or (client == "HTTP/1.1" and says_so)
                of_this = wanted | OF_THE_BODY if path == "/passed" else wanted
                assert got.trailers == (of_this if taken else {}), path
            told = {name.lower(): value for name, value in behind.asked[0].head}
            assert told.get("te") == ("trailers" if says_so else None)
            if backend == "HTTP/1.1":
                assert ("TE" in told.get("connection", "")) is says_so
            assert is_sound(proxy), proxy.log


CLAIMED = (("x-sum", "1"), ("x-forwarded-for", "192.0.2.1"), ("authorization", "x"), ("content-length", "3"))


UPLOADS = [
    (backend, client, length)
    for backend, client in CELLS
    if client != "HTTP/1.0"
    # The client of HTTP/3 would take its time for a long one.
    for length in ([0, 3] if client == "HTTP/3" else [0, 3, 9 * 2**20])
]


@pytest.mark.parametrize(("backend", "client", "length"), UPLOADS)
async def test_trailers_of_requests_come_to_the_backend_but_for_those_that_nobody_may_send(
    backend: str, client: str, length: int, tmp_path: Path
) -> None:
    body = b"x" * length
    async with (
        BACKENDS[backend]({"/": Answer(body=b"<p>x"), "/next": Answer(body=b"<p>next")}) as behind,
        in_process(rules_for(behind), tmp_path, http3=True, ssl_insecure=True) as proxy,
    ):
        connection = await EVERY[client].connect(proxy.port)
        if isinstance(connection, Http1):
            chunk = b"%x\r\n%b\r\n" % (length, body) if body else b""
            lines = "".join(f"{name}: {value}\r\n" for name, value in CLAIMED).encode()
            connection.send("POST", fields="Transfer-Encoding: chunked\r\n")
            connection.writer.write(chunk + b"0\r\n" + lines + b"\r\n")
            got = await connection.read()
        else:
            got = await connection.ask("POST", body=body, trailers=CLAIMED)
        assert (got.status, got.body) == (200, b"<p>x")
        assert (await connection.ask(path="/next")).body == b"<p>next"
        [asked, _] = behind.asked
        assert asked.body == body
        # A long upload is on its way before its trailers are known: with its length, where that was told.
        lost = length > 2**20 and backend == "HTTP/1.1" and client != "HTTP/1.1"
        assert asked.trailers == ([] if lost else [("x-sum", "1")])
        await connection.close()
        assert is_sound(proxy), proxy.log


async def test_a_response_can_follow_the_100_that_mitmproxy_sends(tmp_path: Path) -> None:
    async with (
        BACKENDS["HTTP/1.1"]({"/": Answer(body=b"<p>x")}) as behind,
        in_process(rules_for(behind), tmp_path, http3=True) as proxy,
    ):
        for client in (Http2, Http3):
            connection = await client.connect(proxy.port)
            got = await connection.ask("POST", body=b"abc", fields=(("expect", "100-continue"),))
            assert ([head[":status"] for head in got.interim], got.status, got.body) == (["100"], 200, b"<p>x")
            await connection.close()
