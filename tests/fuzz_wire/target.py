"""Fuzzed exchanges with the whole bundle on real sockets, and what must hold of it whatever comes.

Nothing crashes; every connection ends, and with it all that was kept for it; no client gets what has another's id; what
comes to a backend of HTTP/1 is a request; afterwards sound requests of every version are answered.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from fuzz_wire.backends import FuzzBackend, Response
from fuzz_wire.material import ID, PREFACE, REQUESTS, RESPONSES, http2_requests, http3_requests
from fuzz_wire.mutations import frames, mutated, pieces
from hooks.clients import EVERY, Got, Http1, Http3
from hooks.in_process import InProcess, in_process

RULES = """\
public: [https://localhost, http://localhost]
backend: http://inner.example:{http1}
connect: 127.0.0.1:{http1}
connections: {{shared: false}}
timeouts: {{connect: 5s, response: 1s, idle: 1s}}
tls: {{verify: false}}
rules:
  - name: over HTTP/2
    match: ^h2/.*
    action: {{type: Rewrite, url: 'https://127.0.0.1:{http2}/{{R:0}}'}}
outboundRules:
  - name: tags
    match: {{filterByTags: A, pattern: '^(.*)/x$'}}
    action: {{type: Rewrite, value: '{{R:1}}/y'}}
"""
"""Connections are not shared: what a damaged response leaves on one would be the next client's response."""

PATIENCE = 20.0
"""Seconds after which what has not ended never does: many times what the time-outs above add up to."""

_PATIENCE_AT_REST = 120.0
"""The same for what is kept: of a connection of QUIC that has ended, some times as long as its packets took."""

_QUIET = 0.2
"""Seconds without a byte, after which a client has what it gets."""

_UNSOUND = re.compile(r"crashed|Traceback|Addon error|never retrieved|Client disconnected")
_AN_ID = re.compile(rb"[0-9a-f]{16}(?![0-9a-f])")


@dataclass(frozen=True)
class Case:
    """One exchange; its seed gives it again."""

    seed: str

    @property
    def kind(self) -> str:
        return list(KINDS)[Random(self.seed).randrange(len(KINDS))]

    def random(self) -> Random:
        random = Random(self.seed)
        random.randrange(len(KINDS))
        return random

    @property
    def own_id(self) -> str:
        """An id that no damage of another one gives."""
        return f"{Random(f'id of {self.seed}').getrandbits(64):016x}"


class Fuzz:
    """Sends cases to one proxy."""

    def __init__(self, proxy: InProcess, http1: FuzzBackend, http2: FuzzBackend) -> None:
        self._proxy, self._http1, self._http2 = proxy, http1, http2
        http1.response, http2.chance = self._response, self._chance
        self._responses: dict[str, Response] = {}
        self._chances: dict[str, Random] = {}
        self._ids = set[bytes]()
        self._numbers = iter(range(10**9))

    async def run(self, cases: Sequence[Case]) -> list[str]:
        """Send some at a time; what did not hold."""
        found: list[str] = []
        self._ids = {case.own_id.encode() for case in cases}
        began = len(self._proxy.log)
        for case, failed in zip(cases, await asyncio.gather(*map(self._run, cases)), strict=True):
            found += [f"{case.seed} ({case.kind}): {failed}"] if failed else []
        found += [f"left at rest: {left}"] if (left := await self._at_rest()) else []
        for version in EVERY:
            found += await self._well(version)
        found += [line for line in self._proxy.log[began:] if _UNSOUND.search(line)]
        for backend in (self._http1, self._http2):
            found += [f"a backend got what is no request: {wrong}" for wrong in backend.wrong]
            backend.wrong.clear()
        self._proxy.flows.clear()
        self._proxy.log.clear()
        self._responses.clear()
        self._chances.clear()
        return found

    async def _run(self, case: Case) -> str:
        """What did not hold of one case."""
        try:
            async with asyncio.timeout(PATIENCE):
                got = await KINDS[case.kind](self, case)
        except TimeoutError:
            return "it does not end"
        except (OSError, asyncio.IncompleteReadError, ssl.SSLError):
            return ""
        others = {*_AN_ID.findall(got)} & (self._ids - {case.own_id.encode()})
        return f"got what has the id of another: {got[:500]!r}" if others else ""

    # --- cases ------------------------------------------------------------------------------------------------------

    async def http1_request(self, case: Case) -> bytes:
        """A damaged request of HTTP/1."""
        random = case.random()
        data = mutated(random.choice(REQUESTS).replace(ID, case.own_id).encode("latin-1"), random)
        reader, writer = await asyncio.open_connection("127.0.0.1", self._proxy.port)
        try:
            await _send(writer, data, random)
            got = await _read_until_quiet(reader) if random.random() < 0.7 else b""
            if not reader.at_eof():
                writer.write_eof()
            # It ends whatever it was: nothing more comes.
            return got + await reader.read()
        finally:
            await _close(writer)

    async def http2_request(self, case: Case) -> bytes:
        """Damaged frames of a client of HTTP/2, over TLS, or at once."""
        random = case.random()
        made = random.choice(http2_requests(case.own_id))
        data = PREFACE + frames(made, random)
        if random.random() < 0.05:
            data = mutated(data, random, most=2)
        over_tls = random.random() < 0.8
        context = _context() if over_tls else None
        name = "localhost" if over_tls else None
        reader, writer = await asyncio.open_connection("127.0.0.1", self._proxy.port, ssl=context, server_hostname=name)
        try:
            await _send(writer, data, random)
            return await _read_until_quiet(reader)
        finally:
            await _close(writer)

    async def http3_request(self, case: Case) -> bytes:
        """A damaged stream of a client of HTTP/3, and now and then bytes on one that is for control."""
        random = case.random()
        client = await Http3.connect(self._proxy.port)
        try:
            quic, http = client.quic._quic, client.quic.http
            stream = quic.get_next_available_stream_id()
            made = random.choice(http3_requests(case.own_id, lambda lines: http._encode_headers(stream, lines)))
            if random.random() < 0.2:
                random.shuffle(made)
            client.got[stream] = Got()
            for piece in pieces(mutated(b"".join(made), random, most=3), random):
                quic.send_stream_data(stream, piece)
                client.quic.transmit()
                await asyncio.sleep(0)
            if random.random() < 0.1:
                control = random.choice((http._local_control_stream_id, http._local_encoder_stream_id))
                quic.send_stream_data(control, random.randbytes(random.randrange(1, 20)))
            if random.random() < 0.9:
                quic.send_stream_data(stream, b"", end_stream=True)
            client.quic.transmit()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_QUIET * 2):
                    while not (client.got[stream].ended or client.got[stream].cut):
                        await client.step()
            return _whole(client.got[stream])
        finally:
            await client.close()

    async def http1_response(self, case: Case) -> bytes:
        """A damaged response of HTTP/1, for a client of any version."""
        random = case.random()
        version = random.choice([*EVERY])
        data = mutated(random.choice(RESPONSES).replace(ID, case.own_id).encode("latin-1"), random)
        self._responses[case.own_id] = data, random
        return _whole(await self._ask(version, f"/{case.own_id}"))

    async def http2_response(self, case: Case) -> bytes:
        """Damaged frames of a backend of HTTP/2, for a client of HTTP/2 or 3."""
        random = case.random()
        version = random.choice(["HTTP/2", "HTTP/3"])
        self._chances[case.own_id] = random
        return _whole(await self._ask(version, f"/h2/{case.own_id}"))

    async def _ask(self, version: str, path: str) -> Got:
        client = await EVERY[version].connect(self._proxy.port)
        try:
            if isinstance(client, Http1):
                return await client.ask(path=path, version=version.removeprefix("HTTP/"))
            return await client.ask(path=path)
        except ValueError:
            # A proxy passes on what a client of ours cannot read, such as a text in chunks that says it is no such.
            return Got(cut=True)
        finally:
            await client.close()

    def _response(self, own_id: str) -> Response:
        return self._responses.get(own_id)

    def _chance(self, own_id: str) -> Random | None:
        return self._chances.get(own_id)

    # --- afterwards -------------------------------------------------------------------------------------------------

    async def _well(self, version: str) -> list[str]:
        own_id = f"well-{next(self._numbers)}"
        paths = [f"/{own_id}", *([f"/h2/{own_id}"] if version in ("HTTP/2", "HTTP/3") else [])]
        found = []
        for path in paths:
            try:
                got = await self._ask(version, path)
            except Exception as error:
                got = Got(fields={"error": repr(error)})
            if got.status != 200 or own_id.encode() not in got.body:
                found.append(f"a sound request of {version} to {path} got {got}")
        return found

    async def _at_rest(self) -> str:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE_AT_REST):
                while any(self._left().values()):  # noqa: ASYNC110 (nobody tells)
                    await asyncio.sleep(0.02)
        return ", ".join(f"{count} {name}" for name, count in self._left().items() if count)

    def _left(self) -> dict[str, int]:
        state = self._proxy.state
        clients = self._proxy.master.addons.get("proxyserver").connections
        return {"clients": len(clients), "exchanges": len(state.live), "attempts": len(state.attempts)}


KINDS: dict[str, Callable[[Fuzz, Case], Any]] = {
    "request of HTTP/1": Fuzz.http1_request,
    "request of HTTP/2": Fuzz.http2_request,
    "request of HTTP/3": Fuzz.http3_request,
    "response of HTTP/1": Fuzz.http1_response,
    "response of HTTP/2": Fuzz.http2_response,
}


@contextlib.asynccontextmanager
async def fuzzing(folder: Path) -> AsyncIterator[Fuzz]:
    """Run a proxy before two backends."""
    async with FuzzBackend(http2=False) as http1, FuzzBackend(http2=True) as http2:
        rules = RULES.format(http1=http1.port, http2=http2.port)
        async with in_process(rules, folder, http3=True) as proxy:
            yield Fuzz(proxy, http1, http2)


def _context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    return context


def _whole(got: Got) -> bytes:
    return "\n".join(f"{name}: {value}" for name, value in got.fields.items()).encode() + b"\n" + got.body


async def _send(writer: asyncio.StreamWriter, data: bytes, random: Random) -> None:
    for piece in pieces(data, random):
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0)


async def _read_until_quiet(reader: asyncio.StreamReader) -> bytes:
    got = b""
    with contextlib.suppress(TimeoutError):
        while True:
            async with asyncio.timeout(_QUIET):
                if not (more := await reader.read(65536)):
                    break
                got += more
    return got


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
