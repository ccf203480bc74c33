"""Responses that backends broke off in the middle, WebSockets that they left, and why a backend failed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from urlrewrite.inspector.diagnose.backend_words import protocol_of
from urlrewrite.inspector.diagnose.breakage import Breakage, Loss
from urlrewrite.inspector.diagnose.case import Case
from urlrewrite.inspector.diagnose.cause import Cause, cause
from urlrewrite.inspector.diagnose.page_loads import is_websocket
from urlrewrite.inspector.diagnose.why import Why
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.inspector.text import sentences
from urlrewrite.model.farms import RetryCause
from urlrewrite.trace.backend_faults import BackendFault
from urlrewrite.trace.events import Name
from urlrewrite.trace.reading import Reading, name_of, text
from urlrewrite.trace.text import shown

_WHY: Mapping[str, Why] = {
    RetryCause.CONNECT: Why.BACKEND_CONNECT,
    RetryCause.TLS: Why.BACKEND_TLS,
    RetryCause.TIMEOUT: Why.BACKEND_TIMEOUT,
    BackendFault.NO_HEAD: Why.BACKEND_NO_HEAD,
    BackendFault.H2C: Why.BACKEND_H2C,
    BackendFault.STATUS: Why.BACKEND_STATUS,
    BackendFault.UPGRADE: Why.BACKEND_UPGRADE,
    BackendFault.FIELDS: Why.BACKEND_FIELDS,
    BackendFault.OVERSIZED: Why.BACKEND_OVERSIZED,
    BackendFault.CUT: Why.BACKEND_CUT,
    BackendFault.RESET: Why.BACKEND_RESET,
    BackendFault.STALLED: Why.BACKEND_STALLED,
}
"""By the fault that SERVER_FAILED tells, or else its cause."""


def backend_failure(reading: Reading) -> Cause | None:
    """Return why the last backend that was asked failed; None where none did, or its trace is too old to say."""
    failed = [event for event in reading.events if name_of(event) == Name.SERVER_FAILED]
    why = _WHY.get(text(failed[-1], "fault") or text(failed[-1], "cause")) if failed else None
    if why is None:
        return None
    server, detail = shown(text(failed[-1], "server"), 60), text(failed[-1], "detail")
    if why is Why.BACKEND_NO_HEAD and (name := protocol_of(detail)):
        return cause(Why.BACKEND_PROTOCOL, server=server, name=name)
    return cause(why, server=server, detail=shown(detail, 200))


def cut_off(case: Case) -> Iterator[Breakage]:
    """Yield responses that began well and that the backend broke off: a browser shows what came, or nothing."""
    for exchange in case.load.all:
        if exchange.own or exchange.response is None or not exchange.failed or exchange.given_up:
            continue
        if found := backend_failure(case.reading(exchange)):
            title = sentences(f"{shown(exchange.request.target, 100)} is not whole", found.why)
            yield _breakage(case, exchange, "cut-off", Loss.PAGE if exchange is case.page else Loss.PART, title, found)


def lost_websockets(case: Case) -> Iterator[Breakage]:
    """Yield WebSockets whose backend was gone without closing them."""
    for exchange in case.load.all:
        if is_websocket(exchange) and (server := text(case.reading(exchange).data, "websocket_lost")):
            found = cause(Why.WEBSOCKET_LOST, server=shown(server, 60))
            title = sentences(f"The WebSocket {shown(exchange.request.target, 80)} broke off", found.why)
            yield _breakage(case, exchange, "websocket-lost", Loss.FUNCTION, title, found)


def _breakage(case: Case, exchange: RecordedExchange, kind: str, loss: Loss, title: str, found: Cause) -> Breakage:
    evidence = (("requested", exchange.request.url), ("requested from the backend", case.backend_url(exchange)))
    flows = (exchange.flow_id, case.page.flow_id)
    return Breakage(kind, loss, title, flows, evidence, **found.concerned)
