"""Responses that arrive and cannot be used: the wrong type, a wrong coding or charset; and warnings."""

from __future__ import annotations

import re
from collections.abc import Iterator

from urlrewrite.content.coding.codings import parse_content_encoding
from urlrewrite.content.kinds import Kind, content_kind, media_type, sniff_kind
from urlrewrite.inspector.diagnose.breakage import Breakage, BreakageSeverity, Loss
from urlrewrite.inspector.diagnose.case import Case, field
from urlrewrite.inspector.diagnose.page_loads import destination, request_field, response_field, url_of
from urlrewrite.inspector.diagnose.routes import local_response, near_misses, taken_by
from urlrewrite.inspector.diagnose.unmapped import field_cause
from urlrewrite.inspector.diagnose.why import Cause
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.trace.events import Name
from urlrewrite.trace.reading import name_of, text
from urlrewrite.trace.text import shown

_SCRIPTS = frozenset({"script", "worker", "sharedworker", "serviceworker", "audioworklet", "paintworklet"})
_CHARSET = re.compile(r";\s*charset\s*=\s*[\"']?([^\s;\"']+)", re.IGNORECASE)
_ZERO = re.compile(r";\s*q\s*=\s*0(?:\.0*)?\s*$", re.IGNORECASE)


def wrong_types(case: Case) -> Iterator[Breakage]:
    """Yield pages that came where a script or a style sheet was requested: browsers refuse them."""
    for exchange in case.load.resources:
        if exchange.response is None or exchange.response.status not in (200, 203):
            continue
        where = case.named(url_of(exchange))
        use = destination(exchange) or (where[1].use if where else "")
        declared = response_field(exchange, "content-type")
        kind = content_kind(declared) if declared else sniff_kind(exchange.response_body or b"")
        script, style = use in _SCRIPTS, use == "style"
        if not (script and kind in (Kind.HTML, Kind.XHTML)) and not (style and kind not in (Kind.CSS, Kind.BINARY)):
            continue
        cause, why = _type_cause(case, exchange, declared)
        asked = "script" if script else "style sheet"
        comes_as = media_type(declared) or "a page"
        title = f"The {asked} {shown(exchange.request.target, 100)} comes as {comes_as}: {why}"
        evidence = (
            ("Content-Type", declared),
            ("requested", exchange.request.url),
            ("requested from the backend", case.backend_url(exchange)),
        )
        flows = (exchange.flow_id, case.page.flow_id)
        loss = Loss.FUNCTION if script else Loss.LOOK
        yield Breakage("wrong-type", loss, title, flows, evidence, **cause.concerned)


def _type_cause(case: Case, exchange: RecordedExchange, declared: str) -> tuple[Cause, str]:
    before = next(iter(field(exchange, "content-type", original=True)), "")
    if before and media_type(before) != media_type(declared):
        cause = field_cause(case, exchange, "Content-Type")
        return cause, f"the backend sent {shown(before, 60)}; {cause.why}"
    if answered := local_response(case, exchange):
        return answered, f'the rule "{answered.rule}" {answered.why}'
    if taken := taken_by(case, exchange):
        return taken, f'the rule "{taken.rule}" took it: {taken.why}'
    for miss in near_misses(case, exchange):
        return miss, f'the rule "{miss.rule}" did not take it: {miss.why}'
    return Cause("", "", ""), "that is how the backend sends it"


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
            title = f"{target} comes in the content coding {refused[0]}, which the client did not accept: {cause.why}"
            yield Breakage("coding", loss, title, flows, evidence, **cause.concerned)
        elif _claims_in_vain(exchange, codings):
            title = f"{target} claims the content coding {codings[-1]}, but its body is not in it: {cause.why}"
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
        title = (
            f"{shown(exchange.request.target, 80)} says {now_is}, and the backend said charset={was[1]}: {cause.why}"
        )
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
    for (message, rule, _), exchanges in reported.items():
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
        )
