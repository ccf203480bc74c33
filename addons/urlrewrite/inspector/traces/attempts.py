"""The servers that one request was sent to, as its trace tells; and the servers that it could not have."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from urlrewrite.farms.choose import NoServer
from urlrewrite.farms.health_state import HealthReason
from urlrewrite.model.farms import RetryCause, ServerState
from urlrewrite.trace.events import Name
from urlrewrite.trace.reading import Event, flag, name_of, number, text

_CAUSES = {
    RetryCause.CONNECT: "no connection",
    RetryCause.TLS: "the TLS handshake failed",
    RetryCause.CLOSED: "it ended without a response",
    RetryCause.TIMEOUT: "no response in time",
}
_HEALTH = {
    HealthReason.UNTESTED: "not tested yet",
    HealthReason.TEST_PASSED: "the health test passes",
    HealthReason.TEST_STATUS: "the health test gets the status {detail}",
    HealthReason.TEST_BODY: "the response to the health test does not contain {detail!r}",
    HealthReason.TEST_TIMEOUT: "the health test gets no response within {detail}",
    HealthReason.TEST_CONNECT: "the health test cannot connect: {detail}",
    HealthReason.TEST_TLS: "the TLS handshake of the health test fails: {detail}",
    HealthReason.TEST_CLOSED: "the health test gets no whole response of HTTP: {detail}",
    HealthReason.LIVE_TRAFFIC: "too many requests failed",
    HealthReason.EJECTION_OVER: "let in again after its failed requests",
    HealthReason.SET_BY_HAND: "set by hand",
}
_STATES = {
    ServerState.AVAILABLE: "it is available",
    ServerState.DRAINING: "it is draining: it takes only clients that are bound to it",
    ServerState.STOPPING: "it was stopped",
    ServerState.OFFLINE: "it is offline",
}
_REFUSALS = {
    NoServer.FARM_OFFLINE: "the farm is offline",
    NoServer.ALL_AWAY: "no server is available and healthy",
    NoServer.ALL_TRIED: "every server that is available has failed the request",
    NoServer.ALL_FULL: "every server that is available has as many requests as it may have",
    NoServer.BOUND_SERVER_AWAY: "the client's server is away, and the farm gives it no other",
}


@dataclass(frozen=True, slots=True)
class Attempt:
    """One server that the request was sent to; `farm` and `why` are "" where the backend is no farm.

    `cause` is a code of `RetryCause`, "" where it did not fail; then there is no `detail`, and no time is known.
    """

    server: str
    farm: str = ""
    why: str = ""
    cause: str = ""
    detail: str = ""
    milliseconds: int | None = None


@dataclass(frozen=True, slots=True)
class ServerTold:
    """How a server was that the request could not have."""

    farm: str
    server: str
    state: str
    healthy: bool
    reason: str
    detail: str
    bound: bool

    @property
    def why(self) -> str:
        """Why it could not have it, as a clause."""
        if self.state != ServerState.AVAILABLE:
            return state_text(self.state)
        return health_text(self.reason, self.detail) if not self.healthy else "it is available and healthy"


def attempts_of(events: Iterable[Event]) -> list[Attempt]:
    """Return the servers that a request was sent to, in order."""
    found: list[Attempt] = []
    for event in events:
        match name_of(event):
            case Name.ARR_SERVER_ROUTED:
                found.append(Attempt(text(event, "server"), text(event, "farm"), text(event, "why")))
            case Name.SERVER_FAILED:
                failure = {
                    "cause": text(event, "cause"),
                    "detail": text(event, "detail"),
                    "milliseconds": number(event, "milliseconds") or 0,
                }
                if found and found[-1].farm and not found[-1].cause:
                    found[-1] = replace(found[-1], **failure)  # type: ignore[arg-type]
                else:
                    found.append(Attempt(text(event, "server"), **failure))  # type: ignore[arg-type]
    return found


def servers_told(events: Iterable[Event]) -> list[ServerTold]:
    """Return the servers of which a trace tells how they were."""
    return [
        ServerTold(
            farm=text(event, "farm"),
            server=text(event, "server"),
            state=text(event, "state"),
            healthy=flag(event, "healthy"),
            reason=text(event, "reason"),
            detail=text(event, "detail"),
            bound=flag(event, "bound"),
        )
        for event in events
        if name_of(event) == Name.SERVER_STATE
    ]


def cause_text(code: str) -> str:
    """Say why an attempt failed, as a clause; an unknown code stays as it is."""
    return next((sentence for cause, sentence in _CAUSES.items() if cause == code), code)


def state_text(code: str) -> str:
    """Say what was decided about a server, as a clause."""
    return next((sentence for state, sentence in _STATES.items() if state == code), code)


def health_text(code: str, detail: str) -> str:
    """Say why a server is held to be well or not, as a clause; `detail` is what its test got."""
    found = next((sentence for reason, sentence in _HEALTH.items() if reason == code), None)
    return code if found is None else found.format(detail=detail)


def refusal_text(code: str) -> str:
    """Say why no server of a farm was chosen, as a clause."""
    return next((sentence for refusal, sentence in _REFUSALS.items() if refusal == code), code)
