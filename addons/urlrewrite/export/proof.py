"""What should become of a request, what became of it, and how the two differ."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from urlrewrite.engine.facts import RequestFacts, ResponseFacts
from urlrewrite.exchange.responses import Abort, Forward
from urlrewrite.exchange.rule_tests import evaluate
from urlrewrite.exchange.rules_in_force import RulesInForce
from urlrewrite.export.requests import Probe
from urlrewrite.model.field_lines import FieldLines, field_values


class Agreement(StrEnum):
    """How far what became of a request is what should have."""

    SAME = "same"
    EQUIVALENT = "equivalent"
    """The same URL by RFC 3986, 6.2.2: escapes that need not be, or in other letters."""
    STRICTER = "the server is stricter"
    APPROXIMATE = "approximate"
    """A rule acted that is exported nearly."""
    REFUSED = "refused"
    """A rule is concerned that is not exported."""
    DIFFERENT = "different"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a request: it was forwarded (`origin` is not ""), answered (`status`), or broken off (neither).

    `fields` are those that rules set, by lower-case name, "" for one that is not there.
    """

    origin: str = ""
    method: str = ""
    target: str = ""
    host: str = ""
    fields: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    status: int = 0
    location: str = ""
    cookies: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.origin:
            more = "".join(f"; {name}: {value}" for name, value in self.fields.items())
            return f"{self.method} {self.origin}{self.target} with Host {self.host}{more}"
        if self.status:
            return f"{self.status} {'; '.join(filter(None, (self.location, *self.cookies)))}".strip()
        return "the connection is closed"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the engine does with a request, and the names of the rules that acted."""

    outcome: Outcome
    rules: tuple[str, ...]


def wanted(rules: RulesInForce, probe: Probe, fields: tuple[str, ...]) -> Wanted:
    """Return what the engine does with a request; `fields` are the names of those to compare."""
    response = ResponseFacts(302, probe.response) if probe.response else None
    result = evaluate(rules, _facts(probe), response)
    names = tuple(dict.fromkeys(result.exchange.decision.rules))
    routing = result.routing
    if isinstance(routing, Abort):
        return Wanted(Outcome(), names)
    if isinstance(routing, Forward) and probe.response:
        lines = result.fields or ()
        location = next(iter(field_values(lines, "location")), "")
        return Wanted(Outcome(status=302, location=location, cookies=cookies(lines)), names)
    if isinstance(routing, Forward):
        # Blanks at the ends of a value are no part of it (RFC 9110, 5.5).
        values = {name: ", ".join(field_values(routing.fields, name)).strip(" ") for name in fields}
        origin = str(routing.origin)
        return Wanted(Outcome(origin, probe.method, routing.target, routing.host, values), names)
    location = next(iter(field_values(routing.fields, "location")), "")
    return Wanted(Outcome(status=routing.status, location=location), names)


def cookies(lines: FieldLines) -> tuple[str, ...]:
    """Return the cookies of a response, without what browsers read in any spelling."""
    return tuple(
        re.sub("; *domain=", "; Domain=", value, flags=re.IGNORECASE) for value in field_values(lines, "set-cookie")
    )


def _facts(probe: Probe) -> RequestFacts:
    """Return the request as it is sent, whatever is wrong with it."""
    sni = host_of_tls(probe) if probe.scheme == "https" else ""
    fields = (("Host", probe.host), *probe.fields)
    return RequestFacts(
        probe.method, probe.scheme, probe.host, probe.target, fields, client=("127.0.0.1", 50000), sni=sni
    )


def host_of_tls(probe: Probe) -> str:
    """Return the name that a client gives in TLS."""
    return re.split("[:@ ]", probe.host)[0]


def compare(
    probe: Probe, want: Wanted, got: Outcome, approximate: frozenset[str], *, fenced: bool, plain: bool
) -> Agreement:
    """Say how what became of a request agrees with what should have.

    `approximate` are the rules that are exported nearly, `fenced` whether a rule is not exported at all, `plain`
    whether odd URLs get 400.
    """
    if got == want.outcome:
        return Agreement.SAME
    if _normal(got) == _normal(want.outcome):
        return Agreement.EQUIVALENT
    if got.status == 400 and (_is_stricter(probe) or (plain and _is_odd(probe))):
        return Agreement.STRICTER
    if got.status == 501 and fenced:
        return Agreement.REFUSED
    if approximate.intersection(want.rules):
        return Agreement.APPROXIMATE
    return Agreement.DIFFERENT


_ESCAPE = re.compile("%[0-9A-Fa-f]{2}")


def _normal(outcome: Outcome) -> tuple[object, ...]:
    url = _ESCAPE.sub(_normal_escape, outcome.target or outcome.location)
    return outcome.origin, outcome.method, url, outcome.host, dict(outcome.fields), outcome.status, outcome.cookies


def _normal_escape(found: re.Match[str]) -> str:
    char = chr(int(found[0][1:], 16))
    return char if re.fullmatch(r"[A-Za-z0-9._~-]", char) else found[0].upper()


def _is_stricter(probe: Probe) -> bool:
    """Say whether nginx refuses a request before any of its configuration is asked."""
    path = probe.target.partition("?")[0]
    if re.search("%(?![0-9A-Fa-f]{2})|%00", path) or ".." in probe.host:
        return True
    depth = 0
    for segment in path.replace("%2F", "/").replace("%2f", "/").replace("%2E", ".").replace("%2e", ".").split("/")[1:]:
        depth += -1 if segment == ".." else segment not in ("", ".")
        if depth < 0:
            return True
    return False


def _is_odd(probe: Probe) -> bool:
    path = probe.target.partition("?")[0]
    return bool(re.search(r"[%\\]|//|/\.{1,2}(?:[/;]|$)", path)) or not re.fullmatch(r"[!-~]*", probe.target)


@dataclass(frozen=True, slots=True)
class Compared:
    """A request with what should have become of it and what did."""

    probe: Probe
    want: Wanted
    got: Outcome
    agreement: Agreement


@dataclass(slots=True)
class Proof:
    """All that was compared for one file of rules."""

    compared: list[Compared] = field(default_factory=list)

    def count(self, agreement: Agreement) -> int:
        """Count the requests that agree so."""
        return sum(each.agreement is agreement for each in self.compared)

    def hits(self, rule: str) -> int:
        """Count the requests for which a rule acted."""
        return sum(rule in each.want.rules for each in self.compared)

    def differences(self) -> Iterator[Compared]:
        """Yield what is neither the same nor equivalent, what nobody can explain first."""
        told = [each for each in self.compared if each.agreement not in (Agreement.SAME, Agreement.EQUIVALENT)]
        yield from sorted(told, key=lambda each: each.agreement is not Agreement.DIFFERENT)

    @property
    def holds(self) -> bool:
        """Whether every difference is explained."""
        return not self.count(Agreement.DIFFERENT)
