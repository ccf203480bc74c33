"""The first screen of a flow: what went wrong, what kept rules from acting, and what rules did."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from urlrewrite.exchange.rules_in_force import RulesInForce
from urlrewrite.inspector.diagnose.rule_misses import Miss
from urlrewrite.inspector.diff.steps import url_steps
from urlrewrite.inspector.leaks.harm import Harm
from urlrewrite.inspector.leaks.search import find_leaks
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.inspector.text import counted, shortened
from urlrewrite.inspector.traces.changes import change_tally
from urlrewrite.inspector.traces.report import iis_instead
from urlrewrite.trace.events import Name
from urlrewrite.trace.reading import PROBLEMS, Event, Reading, flag, name_of, number, text
from urlrewrite.trace.text import shown, visible

MAX_REMARKS = 8
"""Remarks of one kind that are shown."""

type Remark = dict[str, Any]
"""`{"kind", "text", "note", "page"}`: err, warn, info or ok; a sentence; more of it, or ""; the page for it, or ""."""


def remark(kind: str, sentence: str, *, note: str = "", page: str = "") -> Remark:
    """Make a remark."""
    return {"kind": kind, "text": sentence, "note": note, "page": page}


def what_is_wrong(exchange: RecordedExchange, reading: Reading, rules: RulesInForce | None) -> list[Remark]:
    """Return what went wrong, the worst first."""
    found = []
    if exchange.given_up:
        why = text(reading.data, "broken_off") or exchange.failed
        found.append(remark("info", f"the client did not wait for the end of the response: {shown(why)}"))
    elif exchange.failed:
        found.append(remark("err", f"the exchange was broken off: {shown(exchange.failed)}"))
    return [*found, *_problems(reading), *_status(exchange, reading), *_leaks(exchange, reading, rules)]


def _status(exchange: RecordedExchange, reading: Reading) -> Iterator[Remark]:
    """Yield where a response comes from whose status is an error."""
    status = exchange.response.status if exchange.response else None
    if status is None or status < 400 or exchange.own:
        return
    target = shown(text(reading.data, "target"))
    theirs = exchange.original.status if exchange.original else None
    sub_status = number(reading.data, "sub_status")
    if sub_status is not None:
        # Only the proxy's own responses have one, be it 0; here one that replaced the backend's.
        ours = f"{status}.{sub_status}" if sub_status else str(status)
        before = f"; the backend had answered {theirs} to {target}" if theirs is not None else ""
        yield remark("info", f"the response {ours} is this proxy's own{before}")
    elif theirs is not None and theirs != status:
        yield remark("warn", f"the backend answered {theirs} to {target}, which the rules made {status}")
    else:
        yield remark("warn", f"the backend answered {status} to {target}")


def _problems(reading: Reading) -> list[Remark]:
    """Return errors, warnings, and where IIS would act differently; repeated ones are listed once."""
    differing = [event for event in reading.events if name_of(event) == Name.IIS_DIFFERS]
    found: dict[str, Remark] = {}
    for event in (*reading.problems(), *differing):
        name = name_of(event)
        value = shown(text(event, "value")) if text(event, "value") else ""
        kind = "err" if name == Name.ERROR else "warn" if name == Name.WARNING else "info"
        note = " · ".join(filter(None, [value, iis_instead(event)]))
        sentence = shortened(visible(text(event, "message")), 1000) or "(no message)"
        found.setdefault(f"{name in PROBLEMS} {sentence}", remark(kind, sentence, note=note))
    return _most(list(found.values()), "more problems, in the trace below")


def _leaks(exchange: RecordedExchange, reading: Reading, rules: RulesInForce | None) -> list[Remark]:
    counted_leaks = leaks_counted(reading)
    leaks = find_leaks(exchange, rules) if rules else []
    matter = [leak for leak in leaks if leak.harm is not Harm.INFORMATION]
    if not matter:
        sentence = f"{counted(counted_leaks, 'name')} of the backend left in the response"
        return [remark("warn", sentence, page="leaks")] if counted_leaks else []
    first = matter[0]
    total = sum(leak.count for leak in matter)
    sentence = f"{counted(total, 'name')} of the backend left in the response: {shown(first.written, 120)} in "
    return [remark("warn", sentence + shown(first.place, 80), note=visible(first.why), page="leaks")]


def leaks_counted(reading: Reading) -> int:
    """Return the leaks that were counted when the response went through."""
    found = reading.data.get("leaks")
    return len(found) if isinstance(found, list | tuple | dict) else max(number(reading.data, "leaks") or 0, 0)


def why_nothing(near: Iterable[Miss]) -> list[Remark]:
    """Return why rules that nearly matched did nothing."""
    entries = [remark("info", f'rule "{shortened(visible(miss.rule), 100)}" did not act: {miss.why}') for miss in near]
    return entries[:MAX_REMARKS]


def what_was_done(reading: Reading) -> list[Remark]:
    """Return what rules did, and what was mapped."""
    found = []
    for step in url_steps(reading):
        if step.acted:
            what = f" {shown(step.what)}" if step.what else " acted"
            found.append(
                remark("ok", f'rule "{shortened(visible(step.rule), 100)}"{what}', note=_stops(reading, step.rule))
            )
    found = _most(found, "more inbound rules")
    return [*found, *_most(list(_outbound(reading)), "more outbound rules"), *_links(reading)]


def _stops(reading: Reading, rule: str) -> str:
    for event in reading.request:
        if name_of(event) == Name.RULE_EVALUATION_END and text(event, "rule") == rule and flag(event, "succeeded"):
            return "stopProcessing: the rules after it were not tried" if flag(event, "stop_processing") else ""
    return ""


def _outbound(reading: Reading) -> Iterator[Remark]:
    first: dict[str, Event] = {}
    tallies: dict[str, Event] = {}
    for event in reading.response:
        if name_of(event) == Name.CONTENT_CHANGE and not flag(event, "link"):
            first.setdefault(text(event, "rule"), event)
        elif name_of(event) == Name.OUTBOUND_RULE_END and number(event, "changed"):
            tallies[text(event, "rule")] = event
    for rule in dict.fromkeys((*first, *tallies)):
        tally, change = tallies.get(rule, {}), first.get(rule, {})
        often = f"made {counted(number(tally, 'changed') or 1, 'change')}"
        where = f" in {shown(text(change, 'where'), 80)}" if change else ""
        note = f"{shown(text(change, 'before'), 160)} → {shown(text(change, 'after'), 160)}" if change else ""
        yield remark("ok", f'rule "{shortened(visible(rule), 100)}" {often}{where}', note=note)


def _links(reading: Reading) -> Iterator[Remark]:
    total = max(number(reading.data, "links") or 0, 0)
    if total:
        first: Event = next((event for event in reading.response if flag(event, "link")), {})
        note = f"{shown(text(first, 'before'), 160)} → {shown(text(first, 'after'), 160)}" if first else ""
        yield remark("ok", f"{change_tally(total, 0, 0)} mapped in the body", note=note)


def _most(found: list[Remark], rest: str) -> list[Remark]:
    return (
        [*found[:MAX_REMARKS], remark("info", f"and {len(found) - MAX_REMARKS:,} {rest}")]
        if len(found) > MAX_REMARKS
        else found
    )
