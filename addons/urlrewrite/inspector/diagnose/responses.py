"""Answers that arrive and cannot be used: the wrong type, a coding or a charset that does not fit, warnings."""

from __future__ import annotations

import re
from collections.abc import Iterator

from urlrewrite.content.coding.codings import parse_content_encoding
from urlrewrite.content.kinds import Kind, content_kind, media_type, sniff_kind
from urlrewrite.inspector.diagnose.case import Case, field
from urlrewrite.inspector.diagnose.finding import Finding, Harm, Severity
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


def wrong_types(case: Case) -> Iterator[Finding]:
    """A page where a script or a style sheet was asked for: browsers refuse it."""
    for seen in case.load.resources:
        if seen.answer is None or seen.answer.status not in (200, 203):
            continue
        where = case.named(url_of(seen))
        use = destination(seen) or (where[1].use if where else "")
        declared = response_field(seen, "content-type")
        kind = content_kind(declared) if declared else sniff_kind(seen.response_body or b"")
        script, style = use in _SCRIPTS, use == "style"
        if not (script and kind in (Kind.HTML, Kind.XHTML)) and not (style and kind not in (Kind.CSS, Kind.BINARY)):
            continue
        cause, why = _type_cause(case, seen, declared)
        asked = "script" if script else "style sheet"
        title = (
            f"The {asked} {shown(seen.request.target, 100)} is answered with {media_type(declared) or 'a page'}: {why}"
        )
        evidence = (
            ("Content-Type", declared),
            ("asked for", seen.request.url),
            ("the backend was asked for", case.backend_url(seen)),
        )
        flows = (seen.flow_id, case.page.flow_id)
        harm = Harm.FUNCTION if script else Harm.LOOK
        yield Finding("wrong-type", harm, title, flows, evidence, **cause.concerned)


def _type_cause(case: Case, seen: RecordedExchange, declared: str) -> tuple[Cause, str]:
    before = next(iter(field(seen, "content-type", original=True)), "")
    if before and media_type(before) != media_type(declared):
        cause = field_cause(case, seen, "Content-Type")
        return cause, f"the backend sent {shown(before, 60)}; {cause.why}"
    if answered := local_response(case, seen):
        return answered, f'the rule "{answered.rule}" {answered.why}'
    if taken := taken_by(case, seen):
        return taken, f'the rule "{taken.rule}" took it: {taken.why}'
    for miss in near_misses(case, seen):
        return miss, f'the rule "{miss.rule}" did not take it: {miss.why}'
    return Cause("", "", ""), "the backend sends it so"


def wrong_codings(case: Case) -> Iterator[Finding]:
    """Content codings that the client did not ask for, or that do not fit the body."""
    for seen in case.load.all:
        if seen.answer is None or seen.request.method == "HEAD":
            continue
        codings = parse_content_encoding(field(seen, "content-encoding"))
        if not codings:
            continue
        accepted = request_field(seen, "accept-encoding")
        refused = [coding for coding in codings if not _accepts(accepted, coding)]
        cause = field_cause(case, seen, "Content-Encoding")
        flows = (seen.flow_id, case.page.flow_id)
        harm = Harm.PAGE if seen is case.page else Harm.FUNCTION
        evidence = (("Content-Encoding", ", ".join(codings)), ("Accept-Encoding", accepted or "(missing)"))
        if refused and accepted:
            title = (
                f"{shown(seen.request.target, 80)} comes in the content coding {refused[0]}, which the client did not "
                f"accept: {cause.why}"
            )
            yield Finding("coding", harm, title, flows, evidence, **cause.concerned)
        elif _claims_in_vain(seen, codings):
            title = (
                f"{shown(seen.request.target, 80)} claims the content coding {codings[-1]}, and its body is not of it: "
            )
            title += cause.why
            yield Finding("coding", harm, title, flows, evidence, **cause.concerned)


def _accepts(accepted: str, coding: str) -> bool:
    weights = {part.partition(";")[0].strip().lower(): not _ZERO.search(part) for part in accepted.split(",")}
    if coding == "gzip" and "x-gzip" in weights:
        return weights["x-gzip"]
    return weights.get(coding, weights.get("*", False))


def _claims_in_vain(seen: RecordedExchange, codings: tuple[str, ...]) -> bool:
    return (
        codings[-1] == "gzip" and bool(seen.response_body) and not (seen.response_body or b"").startswith(b"\x1f\x8b")
    )


def wrong_charsets(case: Case) -> Iterator[Finding]:
    """A charset that was taken away from a field or changed, though the bytes are what they were."""
    for seen in case.load.all:
        before, after = next(iter(field(seen, "content-type", original=True)), ""), response_field(seen, "content-type")
        if not before or before == after or media_type(before) != media_type(after):
            continue
        was, now = _CHARSET.search(before), _CHARSET.search(after)
        if was is None or (now and now[1].lower() == was[1].lower()):
            continue
        cause = field_cause(case, seen, "Content-Type")
        now_is = f"charset={now[1]}" if now else "no charset"
        title = f"{shown(seen.request.target, 80)} says {now_is}, and the backend said charset={was[1]}: {cause.why}"
        evidence = (("Content-Type of the backend", before), ("as sent", after))
        flows = (seen.flow_id, case.page.flow_id)
        yield Finding("charset", Harm.PART, title, flows, evidence, severity=Severity.WARNING, **cause.concerned)


def _asked_for(exchanges: list[RecordedExchange]) -> tuple[tuple[str, str], ...]:
    return tuple(("asked for", seen.request.url) for seen in exchanges[:3])


def warnings(case: Case) -> Iterator[Finding]:
    """What the rules themselves warned of."""
    told: dict[tuple[str, str, str], list[RecordedExchange]] = {}
    for seen in case.load.all:
        for event in case.reading(seen).problems():
            if name_of(event) == Name.WARNING and text(event, "message"):
                key = text(event, "message"), text(event, "rule"), text(event, "cause") or text(event, "reason")
                told.setdefault(key, []).append(seen)
    for (message, rule, _), exchanges in told.items():
        source = case.rule_source(rule, exchanges[0]) if rule else ""
        flows = tuple(seen.flow_id for seen in exchanges)
        yield Finding(
            "warning",
            Harm.HINT,
            message,
            flows,
            _asked_for(exchanges),
            rule,
            source,
            severity=Severity.WARNING,
            count=len(exchanges),
        )
