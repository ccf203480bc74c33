"""Responses that arrive and cannot be used: a wrong coding or charset; and warnings."""

from __future__ import annotations

import re
from collections.abc import Iterator

from urlrewrite.content.coding.codings import parse_content_encoding
from urlrewrite.content.kinds import media_type
from urlrewrite.inspector.diagnose.breakage import Breakage, BreakageSeverity, Loss
from urlrewrite.inspector.diagnose.case import Case, field
from urlrewrite.inspector.diagnose.page_loads import request_field, response_field
from urlrewrite.inspector.diagnose.unmapped import field_cause
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.inspector.text import sentences
from urlrewrite.trace.events import Name
from urlrewrite.trace.reading import name_of, text
from urlrewrite.trace.text import shown

_CHARSET = re.compile(r";\s*charset\s*=\s*[\"']?([^\s;\"']+)", re.IGNORECASE)
_ZERO = re.compile(r";\s*q\s*=\s*0(?:\.0*)?\s*$", re.IGNORECASE)


def wrong_codings(case: Case) -> Iterator[Breakage]:
    """Yield content codings that the client did not accept, or that do not match the body."""
    for exchange in case.load.all:
        if exchange.response is None or exchange.request.method == "HEAD":
            continue
        codings = parse_content_encoding(field(exchange, "content-encoding"))
        if not codings:
            continue
        accepted = request_field(exchange, "accept-encoding")
        refused = [coding for coding in codings if not _accepts(accepted, coding)]
        cause = field_cause(case, exchange, "Content-Encoding")
        flows = (exchange.flow_id, case.page.flow_id)
        loss = Loss.PAGE if exchange is case.page else Loss.FUNCTION
        evidence = (("Content-Encoding", ", ".join(codings)), ("Accept-Encoding", accepted or "(missing)"))
        target = shown(exchange.request.target, 80)
        if refused and accepted:
            title = sentences(
                f"{target} comes in the content coding {refused[0]}, which the client did not accept", cause.why
            )
            yield Breakage("coding", loss, title, flows, evidence, **cause.concerned)
        elif _claims_in_vain(exchange, codings):
            title = sentences(f"{target} claims the content coding {codings[-1]}, but its body is not in it", cause.why)
            yield Breakage("coding", loss, title, flows, evidence, **cause.concerned)


def _accepts(accepted: str, coding: str) -> bool:
    weights = {part.partition(";")[0].strip().lower(): not _ZERO.search(part) for part in accepted.split(",")}
    if coding == "gzip" and "x-gzip" in weights:
        return weights["x-gzip"]
    return weights.get(coding, weights.get("*", False))


def _claims_in_vain(exchange: RecordedExchange, codings: tuple[str, ...]) -> bool:
    return (
        codings[-1] == "gzip"
        and bool(exchange.response_body)
        and not (exchange.response_body or b"").startswith(b"\x1f\x8b")
    )


def wrong_charsets(case: Case) -> Iterator[Breakage]:
    """Yield charsets that were removed from a field or changed, though the bytes are unchanged."""
    for exchange in case.load.all:
        before, after = (
            next(iter(field(exchange, "content-type", original=True)), ""),
            response_field(exchange, "content-type"),
        )
        if not before or before == after or media_type(before) != media_type(after):
            continue
        was, now = _CHARSET.search(before), _CHARSET.search(after)
        if was is None or (now and now[1].lower() == was[1].lower()):
            continue
        cause = field_cause(case, exchange, "Content-Type")
        now_is = f"charset={now[1]}" if now else "no charset"
        says = f"{shown(exchange.request.target, 80)} says {now_is}, and the backend said charset={was[1]}"
        title = sentences(says, cause.why)
        evidence = (("Content-Type of the backend", before), ("as sent", after))
        flows = (exchange.flow_id, case.page.flow_id)
        yield Breakage(
            "charset", Loss.PART, title, flows, evidence, severity=BreakageSeverity.WARNING, **cause.concerned
        )


def _asked_for(exchanges: list[RecordedExchange]) -> tuple[tuple[str, str], ...]:
    return tuple(("requested", exchange.request.url) for exchange in exchanges[:3])


def warnings(case: Case) -> Iterator[Breakage]:
    """Yield what the rules themselves warned of."""
    reported: dict[tuple[str, str, str], list[RecordedExchange]] = {}
    for exchange in case.load.all:
        for event in case.reading(exchange).problems():
            if name_of(event) == Name.WARNING and text(event, "message"):
                key = text(event, "message"), text(event, "rule"), text(event, "cause") or text(event, "reason")
                reported.setdefault(key, []).append(exchange)
    for (message, rule, code), exchanges in reported.items():
        source = case.rule_source(rule, exchanges[0]) if rule else ""
        flows = tuple(exchange.flow_id for exchange in exchanges)
        yield Breakage(
            "warning",
            Loss.HINT,
            message,
            flows,
            _asked_for(exchanges),
            rule,
            source,
            severity=BreakageSeverity.WARNING,
            count=len(exchanges),
            code=code,
        )
