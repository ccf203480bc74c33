"""Addresses whose parts stand apart, in JSON or in a script: a host that was mapped, beside a port that was not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from urlrewrite.inspector.diagnose.breakage import Breakage, BreakageSeverity, Loss
from urlrewrite.inspector.diagnose.case import Case
from urlrewrite.inspector.diagnose.link_groups import responses_with_links
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.model.origin import Origin
from urlrewrite.trace.text import shown

_MAX_LENGTH = 2**20
_OBJECT = re.compile(r"\{[^{}]{1,2000}\}")
_START = r"""["']?\b"""
_END = r"""["']?\s*[:=]\s*["']?"""
_HOST = re.compile(rf"{_START}(\w*(?:host|hostname|hostName|server|domain)){_END}([\w.-]+)", re.IGNORECASE)
_PORT = re.compile(rf"{_START}(\w*port){_END}(\d{{1,5}})\b", re.IGNORECASE)
_SCHEME = re.compile(rf"{_START}(\w*(?:scheme|protocol)){_END}(https?|wss?)\b", re.IGNORECASE)
_SECURE = {"https": True, "wss": True, "http": False, "ws": False}


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an address, by its name and its value as they are written."""

    name: str
    value: str

    def __str__(self) -> str:
        return f'"{self.name}": {self.value}'


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of an address in one object."""

    host: str
    port: Part | None
    scheme: Part | None


def parts_in(text: str) -> Iterator[Parts]:
    """Yield the addresses of a text that are written in parts."""
    for found in _OBJECT.finditer(text[:_MAX_LENGTH]):
        host, port, scheme = (each.search(found[0]) for each in (_HOST, _PORT, _SCHEME))
        if host and (port or scheme):
            yield Parts(host[2].lower(), *(Part(each[1], each[2]) if each else None for each in (port, scheme)))


def split_addresses(case: Case) -> Iterator[Breakage]:
    """Yield responses whose host is the public one, and was the backend's, beside a port or scheme of the backend."""
    for exchange in responses_with_links(case):
        before, after = case.body(exchange, original=True), case.body(exchange)
        if not before or not after or before == after:
            continue
        public, target = case.of(exchange).public, case.of(exchange).target
        olds, news = list(parts_in(before)), list(parts_in(after))
        if len(olds) != len(news):
            continue
        for old, new in zip(olds, news, strict=True):
            if old.host == target.host and new.host == public.host and (wrong := _wrong(new, public)):
                yield _breakage(case, exchange, public, new, wrong)
                break


def _wrong(parts: Parts, public: Origin) -> list[Part]:
    """Return what of the parts is not the public name's."""
    found = []
    if parts.port and int(parts.port.value) != public.port:
        found.append(parts.port)
    if parts.scheme and _SECURE[parts.scheme.value.lower()] != (public.scheme == "https"):
        found.append(parts.scheme)
    return found


def _breakage(case: Case, exchange: RecordedExchange, public: Origin, parts: Parts, wrong: list[Part]) -> Breakage:
    where = "this page" if exchange is case.page else shown(exchange.request.target, 80)
    verb = "was" if len(wrong) == 1 else "were"
    title = (
        f"In {where} the host was mapped to {parts.host}, and {' and '.join(map(str, wrong))} beside it {verb} not: a "
        f"script that puts the address together asks where nothing is published ({public} is)"
    )
    todo = (
        f"Write an outbound rule for that response which makes port {public.port} and scheme {public.scheme} of them, "
        "or let the application give whole URLs, or paths."
    )
    flows = (exchange.flow_id, case.page.flow_id)
    written = ", ".join(str(each) for each in (parts.port, parts.scheme) if each)
    return Breakage(
        "address-parts", Loss.FUNCTION, title, flows, (("written", written), ("host", parts.host)),
        todo=todo, severity=BreakageSeverity.WARNING,
    )  # fmt: skip
