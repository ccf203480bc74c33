"""The matrix: every fault of `cases/`, under every rule set, for clients of every version of HTTP.

Each request has an id of its own, which each response has to carry: in a field, and in its body where that is whole.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from faults.asking import CLIENTS, KINDS, Asking
from faults.raw_backend import Connection, RawBackend
from faults.rule_sets import RULE_SETS, page_after, rule_file
from faults.scripts import Step, Words, decoded
from hooks.clients import Got
from hooks.in_process import InProcess, in_process
from urlrewrite.inspector.diagnose.backend_failures import backend_failure
from urlrewrite.inspector.diagnose.why import Why
from urlrewrite.trace.reading import read

_BEFORE_THE_BODY = (
    Why.BACKEND_NO_HEAD,
    Why.BACKEND_H2C,
    Why.BACKEND_PROTOCOL,
    Why.BACKEND_STATUS,
    Why.BACKEND_UPGRADE,
    Why.BACKEND_FIELDS,
)
_IN_TIME = (Why.BACKEND_TIMEOUT, Why.BACKEND_STALLED)
"""Faults that show when a time is over."""

SHORT, LONG = "1s", "20s"
"""How long the proxy waits for a backend that is silent on purpose, and for any other."""

_PATIENCE = 5.0
"""Seconds after which what has not ended never does."""

_UNSOUND = ("crashed", "Traceback", "Client disconnected")
"""What stands in the log where a layer has crashed, or a client is said to have left that is still there."""

_AT_A_TIME = 8
"""Faults that wait, at a time."""

_REPEATED = ("GET", "HEAD")
"""What a farm sends to another server where one has failed."""

_KEYS = {*"sends asks gets cut body without why kept anonymous".split(), *RULE_SETS, *CLIENTS}


@dataclass(frozen=True)
class Fault:
    """A row of `cases/`: its kind is the file that it stands in."""

    kind: str
    name: str
    row: Mapping[str, Any]

    @property
    def title(self) -> str:
        return f"{self.kind}: {self.name}"

    @property
    def sends(self) -> list[Step]:
        return list(self.row["sends"])

    @property
    def asks(self) -> str:
        return str(self.row.get("asks", "GET"))

    @cached_property
    def waits(self) -> bool:
        """Whether it shows only when a time is over."""
        return any(self.expected(name, version).get("why") in _IN_TIME for name in RULE_SETS for version in CLIENTS)

    def expected(self, rule_set: str, version: str) -> dict[str, Any]:
        """What is to be seen of it: the keys of a row, those of the rule set and of the version laid over them."""
        expected = dict(self.row)
        if rule_set == "farm" and self.asks in _REPEATED:
            why = expected.get("why")
            if why in (*_BEFORE_THE_BODY, Why.BACKEND_TIMEOUT):
                expected |= {"gets": 200, "body": "fine {id}", "cut": False}
        for key in (rule_set, version):
            expected |= self.row.get(key, {})
        return expected


def faults() -> list[Fault]:
    """All rows.

    Raises:
        ValueError: a row has a key that nobody knows.
    """
    found = []
    for file in sorted(Path(__file__).with_name("cases").glob("*.yaml")):
        for name, row in yaml.safe_load(file.read_text(encoding="utf-8")).items():
            if unknown := row.keys() - _KEYS:
                raise ValueError(f"{file.name}, {name}: {unknown}")
            found.append(Fault(file.stem, str(name), row))
    return found


class FaultyBackend(RawBackend):
    """Does to `/N/ID` what the fault N does, and responds well with the id to any other path.

    `served` has the connections that each id came on.
    """

    def __init__(self, all_faults: Sequence[Fault]) -> None:
        super().__init__()
        self.faults = all_faults
        self.served: dict[str, list[Connection]] = {}

    def script(self, path: str, connection: Connection) -> tuple[list[Step], Words, asyncio.Event] | None:
        number, own_id = path.split("/")[1:3]
        self.served.setdefault(own_id, []).append(connection)
        if not number.isdigit():
            return None
        return self.faults[int(number)].sends, Words(own_id), self.begun

    def well(self, path: str) -> bytes:
        own_id = path.split("/")[2].encode()
        return b"HTTP/1.1 200 OK\r\nX-Id: %b\r\nContent-Length: %d\r\n\r\nfine %b" % (own_id, len(own_id) + 5, own_id)


@dataclass
class Tried:
    """A cell of the matrix, and what was seen that was not expected."""

    fault: Fault
    rule_set: str
    version: str
    seen: str = ""
    differences: list[str] = field(default_factory=list)

    @property
    def cell(self) -> str:
        return f"{self.fault.title}, {self.rule_set}, {self.version}"


class Matrix:
    """Tries faults at one proxy."""

    def __init__(self, backend: FaultyBackend, proxy: InProcess, rule_set: str) -> None:
        self._backend, self._proxy, self._rule_set = backend, proxy, rule_set
        self._ids = (f"id-{number:05}" for number in itertools.count())

    async def cells(self, chosen: Mapping[int, Sequence[str]]) -> list[Tried]:
        """Try faults, by their numbers, for some versions each, one after the other.

        A connection to the backend that one client leaves serves the next one. Those that wait are tried at a time.
        """
        began = len(self._proxy.log)
        cells = [(number, version) for number, versions in chosen.items() for version in versions]
        if all(self._backend.faults[number].waits for number in chosen):
            tried = await asyncio.gather(*(self._cell(*cell) for cell in cells))
        else:
            tried = [await self._cell(*cell) for cell in cells]
        lines = [line for line in self._proxy.log[began:] if any(word in line for word in _UNSOUND)]
        for each in tried:
            each.differences += [f"in the log: {line[-300:]}" for line in lines]
        self._proxy.flows.clear()
        self._proxy.log.clear()
        return tried

    async def _cell(self, number: int, version: str) -> Tried:
        tried = Tried(self._backend.faults[number], self._rule_set, version)
        client = Asking(version, self._proxy.port)
        try:
            await self._try(tried, client, number)
        except Exception as error:
            tried.differences.append(f"{type(error).__name__} {error}".strip())
        finally:
            await client.close()
        return tried

    async def _try(self, tried: Tried, client: Asking, number: int) -> None:
        fault, expected = tried.fault, tried.fault.expected(self._rule_set, tried.version)
        own_id = next(self._ids)
        got = await client.ask(f"/{number}/{own_id}", KINDS[fault.asks])
        tried.seen = seen(got)
        public = f"{'http' if 'HTTP/1' in tried.version else 'https'}://localhost"
        words = Words(own_id)
        words["page"] = page_after(words["page"], self._rule_set, public)
        tried.differences += compare(got, expected, words)
        first = self._backend.served[own_id][0]
        await self._within(first.done, "the backend waits for something", tried)
        # Whatever it was, the client's connection goes on, or the next one does.
        other = next(self._ids)
        well = await client.ask(f"/well/{other}")
        if (well.status, well.body, well.fields.get("x-id")) != (200, f"fine {other}".encode(), other):
            tried.differences.append(f"then, in place of a sound response: {seen(well)} {well.body[:100]!r}")
        if not expected.get("kept"):
            await self._within(first.ended, "the connection to the backend is still open", tried)
        elif expected["kept"] is True and first.ended.is_set():
            tried.differences.append("the connection to the backend was not kept")
        flow = next(flow for flow in self._proxy.flows if flow.request.path.endswith(own_id))
        failure = backend_failure(read(flow.metadata["urlrewrite"]))
        if (failure and failure.code) != expected.get("why"):
            tried.differences.append(f"Why broken says {failure and failure.code}, expected {expected.get('why')}")

    @staticmethod
    async def _within(event: asyncio.Event, otherwise: str, tried: Tried) -> None:
        try:
            async with asyncio.timeout(_PATIENCE):
                await event.wait()
        except TimeoutError:
            tried.differences.append(otherwise)


def seen(got: Got) -> str:
    """A response in a few words."""
    if not got.status:
        return "nothing" if not got.reset else "reset"
    return f"{got.status}{' cut' if got.cut else ''}"


def compare(got: Got, expected: Mapping[str, Any], words: Words) -> list[str]:
    """What of a response is not as expected."""
    has_no_body = expected.get("asks") == "HEAD"
    found = []
    status, cut = expected["gets"], expected.get("cut", False)
    if got.status != status or cut not in (got.cut, "any"):
        found.append(f"got {seen(got)}, expected {status}{' cut' if cut is True else ''}")
        return found
    own_id = got.fields.get("x-id")
    if is_own := status >= 500 and own_id is None:
        if b"Trace id" not in got.body and not has_no_body:
            found.append("an error without a trace id")
    elif own_id != words["id"] and not expected.get("anonymous"):
        found.append(f"the response to {own_id}, not to {words['id']}")
    if (name := expected.get("without")) in got.fields:
        found.append(f"{name}: {got.fields[name]}")
    if "body" in expected and not (is_own or got.cut or has_no_body):
        wanted = expected["body"]
        plain = decoded(got.body, got.fields.get("content-encoding", ""))
        if wanted == "damaged":
            if plain is not None:
                found.append("the damage of the body does not show")
        elif plain != words.text(wanted):
            found.append(f"the body {(plain or b'damaged')[:120]!r}, expected {words.text(wanted)[:120]!r}")
    return found


async def tries(
    rule_set: str, folder: Path, chosen: Mapping[int, Sequence[str]], all_faults: Sequence[Fault]
) -> AsyncIterator[list[Tried]]:
    """Try faults, by their numbers, for some versions each: at a proxy that waits long, and at one that does not."""
    for patience in (LONG, SHORT):
        numbers = [number for number in chosen if all_faults[number].waits == (patience == SHORT)]
        if not numbers:
            continue
        home = folder / f"{rule_set}-{patience}"
        home.mkdir()
        async with FaultyBackend(all_faults) as backend, FaultyBackend(()) as spare:
            rules = rule_file(rule_set, port=backend.port, spare=spare.port, patience=patience)
            options = RULE_SETS[rule_set][1]
            spare.faults = [Fault("", "", {"sends": [_FINE]})] * len(all_faults)
            async with in_process(rules, home, http3=True, **options) as proxy:
                matrix = Matrix(backend, proxy, rule_set)
                for some in itertools.batched(numbers, _AT_A_TIME if patience == SHORT else 1):
                    yield await matrix.cells({number: chosen[number] for number in some})


_FINE = "HTTP/1.1 200 OK\r\n{field}Content-Length: 13\r\n\r\nfine {id}"
"""What the server responds with that gets what another one failed at."""
