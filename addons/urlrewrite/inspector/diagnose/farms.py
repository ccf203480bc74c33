"""What went wrong with server farms: nobody could take a request, every attempt failed, a client lost its server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from urlrewrite.farms.choose import ChoiceReason, NoServer
from urlrewrite.farms.health_state import HealthReason
from urlrewrite.inspector.diagnose.breakage import Breakage, BreakageSeverity, Loss
from urlrewrite.inspector.diagnose.case import Case
from urlrewrite.inspector.diagnose.cause import Cause
from urlrewrite.inspector.traces.attempts import (
    Attempt,
    ServerTold,
    attempts_of,
    cause_text,
    health_text,
    refusal_text,
    servers_told,
)
from urlrewrite.model.farms import RetryCause
from urlrewrite.trace.events import Name
from urlrewrite.trace.reading import Reading, name_of, text
from urlrewrite.trace.text import shown

MAX_SERVERS = 20
"""Servers that are listed as evidence."""

_REMEDIES: dict[str, str] = {
    NoServer.FARM_OFFLINE: "Remove enabled: false from the farm.",
    NoServer.ALL_AWAY: "Start a server on the page Farms, or mend what their health tests find.",
    NoServer.ALL_FULL: "Raise maxConnections of the servers, or add servers.",
    NoServer.BOUND_SERVER_AWAY: "Start the server again, or set ifUnavailable: reassign in the farm's affinity.",
    RetryCause.CONNECT: "Check whether the servers are running, and whether their addresses and ports are right.",
    RetryCause.TLS: "Check the servers' certificates against the farm's tls: (ca, name).",
    RetryCause.CLOSED: "Look into the servers' own logs.",
    RetryCause.TIMEOUT: "See what the servers do for so long, or raise response: in the farm's timeouts.",
}
"""What to do about a farm without a response."""

_TEST_REMEDIES: dict[str, str] = {
    HealthReason.TEST_STATUS: "Mend what answers there, or correct url: or status: in the farm's health.",
    HealthReason.TEST_BODY: "Mend what answers there, or correct match: in the farm's health.",
    HealthReason.TEST_TIMEOUT: "See what the server does for so long, or raise timeout: in the farm's health.",
    HealthReason.TEST_CONNECT: "Check whether the server is running, and whether its address and port are right.",
    HealthReason.TEST_TLS: "Check the server's certificate, and the farm's tls: (ca, name).",
    HealthReason.TEST_CLOSED: "Look into the server's own log, and check whether url: has the right scheme.",
}
"""What to do about a health test that fails."""


@dataclass(frozen=True, slots=True)
class FarmFailure:
    """Why a farm gave no response to a request: a kind of breakage, a sentence, and what to do."""

    kind: str
    why: str
    cause: Cause
    evidence: tuple[tuple[str, str], ...]


def farm_failure(reading: Reading) -> FarmFailure | None:
    """Return why a farm gave no response to a request; None where no farm was asked, or some server responded."""
    attempts, told = attempts_of(reading.events), servers_told(reading.events)
    tried = tuple((f"attempt {number}", _told(each)) for number, each in enumerate(attempts[:MAX_SERVERS], 1))
    refusal = next((event for event in reading.events if name_of(event) == Name.NO_SERVER), None)
    if refusal is not None and text(refusal, "why") != NoServer.ALL_TRIED:
        return _refused(text(refusal, "farm"), text(refusal, "why"), told, tried)
    if not attempts or not attempts[-1].farm or not all(each.cause for each in attempts):
        return None
    last = attempts[-1]
    many = "every attempt failed" if len(attempts) > 1 else "the only attempt failed"
    servers = ", ".join(f"{shown(each.server, 60)} ({cause_text(each.cause)})" for each in attempts[:MAX_SERVERS])
    why = f"the farm {shown(last.farm, 60)} gives no response, {many}: {servers}"
    return FarmFailure("attempts-failed", why, _cause(last.cause), tried)


def _refused(farm: str, code: str, told: list[ServerTold], tried: tuple[tuple[str, str], ...]) -> FarmFailure:
    servers = tuple((f"server {shown(each.server, 60)}", each.why) for each in told[:MAX_SERVERS])
    bound = next((each for each in told if each.bound), None)
    if code == NoServer.BOUND_SERVER_AWAY and bound is not None:
        why = (
            f"the client is bound to the server {shown(bound.server, 60)} of the farm {shown(farm, 60)}, which cannot "
            f"take requests ({bound.why}), and gets no other one"
        )
        return FarmFailure("sticky-server-gone", why, _cause(code), (*tried, (servers[told.index(bound)])))
    why = f"no server of the farm {shown(farm, 60)} can take the request: {refusal_text(code)}"
    return FarmFailure("farm-down", why, _cause(code), (*tried, *servers))


def _cause(code: str) -> Cause:
    # A recording may have codes of another version.
    return Cause("", "", "", _REMEDIES.get(code, ""), code=code)


def _told(attempt: Attempt) -> str:
    if not attempt.cause:
        return f"{attempt.server}: responded"
    return f"{attempt.server}: {cause_text(attempt.cause)} after {attempt.milliseconds or 0:,} ms ({attempt.detail})"


def sticky_servers_gone(case: Case) -> Iterator[Breakage]:
    """Yield which servers a client was bound to and lost, where it was given another: what they kept of it is gone."""
    lost: dict[tuple[str, str, str], list[str]] = {}
    for (farm, server), (told, flows) in _servers(case).items():
        if told.bound and flows.moved:
            lost[farm, server, told.why] = flows.moved
    for exchange in case.load.all:
        first, *others = attempts_of(case.reading(exchange).events) or [Attempt("")]
        moved = any(each.why == ChoiceReason.REASSIGNED for each in others)
        if moved and first.why == ChoiceReason.COOKIE and first.cause:
            lost.setdefault((first.farm, first.server, cause_text(first.cause)), []).append(exchange.flow_id)
    for (farm, server, why), flow_ids in lost.items():
        yield Breakage(
            "sticky-server-gone",
            Loss.HINT,
            f"The client was bound to the server {shown(server, 60)} of the farm {shown(farm, 60)} and got another, "
            f"since that one could not take the request ({why}): what it kept of the client, such as a login, is gone",
            tuple(flow_ids),
            todo="Start the server again, or keep such things where every server finds them.",
            severity=BreakageSeverity.NOTE,
            code=ChoiceReason.REASSIGNED,
        )


def failing_health_tests(case: Case) -> Iterator[Breakage]:
    """Yield the servers that a request could not have because their health test fails, each once."""
    for (farm, server), (told, flows) in _servers(case).items():
        if told.healthy or told.reason not in _TEST_REMEDIES:
            continue
        yield Breakage(
            "health-test",
            Loss.HINT if flows.moved else Loss.FUNCTION,
            f"The server {shown(server, 60)} of the farm {shown(farm, 60)} gets no requests: "
            f"{health_text(told.reason, shown(told.detail, 200))}",
            tuple(flows.all),
            todo=_TEST_REMEDIES[told.reason],
            severity=BreakageSeverity.NOTE if flows.moved else BreakageSeverity.WARNING,
            code=told.reason,
        )


@dataclass(frozen=True, slots=True)
class _Flows:
    """The flows that could not have a server; `moved` are those whose client was given another."""

    all: list[str]
    moved: list[str]


def _servers(case: Case) -> dict[tuple[str, str], tuple[ServerTold, _Flows]]:
    """Return the servers that requests could not have, by farm and name, as the first of them found each."""
    found: dict[tuple[str, str], tuple[ServerTold, _Flows]] = {}
    for exchange in case.load.all:
        events = case.reading(exchange).events
        refused = any(name_of(event) == Name.NO_SERVER for event in events)
        for told in servers_told(events):
            _, flows = found.setdefault((told.farm, told.server), (told, _Flows([], [])))
            flows.all.append(exchange.flow_id)
            if not refused:
                flows.moved.append(exchange.flow_id)
    return found
