"""What other rules would have made of recorded exchanges: which responses change, which leaks go or come, what breaks.

Each exchange is evaluated twice, by the rules in force and by the others, and the two results are compared: so what
differs is due to the rules alone, and not to the connection at that time. It ends when its time is up, with a note of
how far it got.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from urlrewrite.content.asset_memory import AssetMemory
from urlrewrite.exchange.responses import Abort, Forward, LocalResponse
from urlrewrite.exchange.rule_tests import Evaluation, run_test
from urlrewrite.exchange.rules_in_force import RulesInForce
from urlrewrite.inspector.diff.bodies_decoded import decoded_body
from urlrewrite.inspector.diff.differences import FieldChange, field_changes
from urlrewrite.inspector.leaks.harm import Harm
from urlrewrite.inspector.leaks.over_matches import by_url, find_over_matches
from urlrewrite.inspector.leaks.search import Leak, find_leaks
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.inspector.trials.trying import Tried, body_hunks, try_recorded
from urlrewrite.model import RuleTest
from urlrewrite.model.field_lines import FieldLines, field_values
from urlrewrite.trace.events import Name
from urlrewrite.trace.trace import TraceLevel

SECONDS = 8.0
LAST = 200
MAX_LAST = 2000
MAX_CHANGES = 100
"""Changed responses that are shown in detail; the others are counted."""

EFFECTS = ("vanished", "appeared", "broken", "fixed")
"""The fields of `WhatIf` that are lists of effects: leaks that vanished or appeared, what was broken or fixed."""

MAX_EFFECTS = 100

_HUNKS = 3
_FRAMING = frozenset({"content-length"})
_ASSETS = ("javascript", "ecmascript", "text/css")


@dataclass(frozen=True, slots=True)
class Changed:
    """An exchange that would have gone differently.

    `what` are some of "target", "request", "status", "fields" and "body", in this order. Pairs are before and after;
    `request` are the fields that the backend gets. Of the body there are some hunks (`trying.body_hunks`) and the
    number of changed places. `note` says what cannot be known.
    """

    exchange: RecordedExchange
    what: tuple[str, ...]
    target: tuple[str, str] | None = None
    request: tuple[FieldChange, ...] = ()
    status: tuple[int | None, int | None] | None = None
    fields: tuple[FieldChange, ...] = ()
    body: tuple[dict[str, Any], ...] = ()
    body_changes: int = 0
    note: str = ""


@dataclass(slots=True)
class Effect:
    """A leak, an error, a warning or an over-match, with the exchanges that have it. `count` is the number of
    its places.
    """

    kind: str
    message: str
    harm: Harm
    place: str = ""
    why: str = ""
    count: int = 0
    flows: list[RecordedExchange] = field(default_factory=list)


@dataclass(slots=True)
class WhatIf:
    """The comparison. `left_out` exchanges were not reached in time; of `without` no response of the backend
    was kept.
    """

    looked: int = 0
    left_out: int = 0
    without: int = 0
    seconds: float = 0.0
    changed: int = 0
    changes: list[Changed] = field(default_factory=list)
    vanished: list[Effect] = field(default_factory=list)
    appeared: list[Effect] = field(default_factory=list)
    broken: list[Effect] = field(default_factory=list)
    fixed: list[Effect] = field(default_factory=list)
    tests: int = 0
    tests_failed: list[tuple[RuleTest, tuple[str, ...]]] = field(default_factory=list)
    tests_left_out: int = 0


def what_if(
    exchanges: Iterable[RecordedExchange],
    rules: RulesInForce,
    others: RulesInForce,
    *,
    last: int = LAST,
    seconds: float = SECONDS,
) -> WhatIf:
    """Compare what `rules` and `others` make of the `last` newest exchanges, which come first, within `seconds`.

    `others` should have the fingerprint of `rules` (`Loaded.in_force`); otherwise the marks in ETags differ everywhere.
    """
    return _Comparison(rules.traced(TraceLevel.FULL), others, time.monotonic(), seconds).run(exchanges, last)


class _Comparison:
    """One comparison under way."""

    def __init__(self, rules: RulesInForce, others: RulesInForce, began: float, seconds: float) -> None:
        self._rules, self._others = rules, others
        self._began, self._until = began, began + seconds
        self._memories = AssetMemory(), AssetMemory()
        self._same_names = _backends(rules) == _backends(others)
        self._assets: tuple[dict[str, RecordedExchange], dict[str, RecordedExchange]] = {}, {}
        self._asset_changed = False
        self._found: dict[str, dict[tuple[str, ...], Effect]] = {name: {} for name in EFFECTS}
        self._result = WhatIf()

    def run(self, exchanges: Iterable[RecordedExchange], last: int) -> WhatIf:
        """Return the result; the tests that the other rules have are run first."""
        result = self._result
        self._run_tests()
        recorded = list(exchanges)[:MAX_LAST]
        usable = [exchange for exchange in recorded if exchange.own or exchange.original is not None]
        result.without = len(recorded) - len(usable)
        usable = usable[:last]
        for exchange in usable:
            if time.monotonic() > self._until:
                break
            self._compare(exchange)
            result.looked += 1
        result.left_out = len(usable) - result.looked
        for name, found in self._found.items():
            effects = sorted(found.values(), key=lambda item: (item.harm.rank, -item.count))
            setattr(result, name, effects[:MAX_EFFECTS])
        result.seconds = time.monotonic() - self._began
        return result

    def _run_tests(self) -> None:
        tests = self._others.rules.rule_set.tests
        # Half of the time is for what was recorded.
        until = (self._began + self._until) / 2
        for number, test in enumerate(tests):
            if time.monotonic() > until:
                self._result.tests_left_out = len(tests) - number
                break
            self._result.tests += 1
            if failed := tuple(run_test(self._others, test)):
                self._result.tests_failed.append((test, failed))

    def _compare(self, exchange: RecordedExchange) -> None:
        before = try_recorded(self._rules, exchange, self._memories[0])
        after = try_recorded(self._others, exchange, self._memories[1])
        recorded_before, recorded_after = before.as_recorded(exchange), after.as_recorded(exchange)
        changed = _changed(exchange, before, after)
        if changed:
            self._result.changed += 1
            if len(self._result.changes) < MAX_CHANGES:
                self._result.changes.append(changed)
        self._compare_problems(exchange, before, after)
        if changed or not self._same_names:
            self._compare_leaks(exchange, recorded_before, recorded_after)
        is_asset = _is_asset(exchange)
        if changed or (self._asset_changed and not is_asset):
            self._compare_over_matches(exchange, recorded_before, recorded_after)
        self._asset_changed |= is_asset and changed is not None
        for assets, one in zip(self._assets, (recorded_before, recorded_after), strict=True):
            for url, asset in by_url([one]).items():
                assets.setdefault(url, asset)

    def _compare_problems(self, exchange: RecordedExchange, before: Tried, after: Tried) -> None:
        was, now = (_problems(tried.result) for tried in (before, after))
        for message, (kind, harm) in now.items():
            if message not in was:
                self._add("broken", Effect(kind, message, harm), exchange)
        for message, (kind, harm) in was.items():
            if message not in now:
                self._add("fixed", Effect(kind, message, harm), exchange)

    def _compare_leaks(self, exchange: RecordedExchange, before: RecordedExchange, after: RecordedExchange) -> None:
        was = _leaks(find_leaks(before, self._rules))
        now = _leaks(find_leaks(after, self._others))
        if not self._same_names:
            # A backend that the other rules do not name is one nevertheless.
            now = _leaks(find_leaks(after, self._rules)) | now
        for name, here, there in (("vanished", was, now), ("appeared", now, was)):
            for key, (leak, count) in here.items():
                more = count - (there[key][1] if key in there else 0)
                if more > 0:
                    effect = Effect("leak", leak.written, leak.harm, leak.place, leak.why)
                    self._add(name, effect, exchange, more)

    def _compare_over_matches(
        self, exchange: RecordedExchange, before: RecordedExchange, after: RecordedExchange
    ) -> None:
        was = find_over_matches(before, self._rules, self._assets[0])
        now = find_over_matches(after, self._others, self._assets[1])
        for name, here, there in (("broken", now, was), ("fixed", was, now)):
            known = {(match.what, match.place, match.why) for match in there}
            for match in here:
                if (match.what, match.place, match.why) not in known:
                    effect = Effect("over-match", match.what, match.harm, match.place, match.why)
                    self._add(name, effect, exchange, match.count)

    def _add(self, name: str, effect: Effect, exchange: RecordedExchange, count: int = 1) -> None:
        key = effect.kind, effect.message.lower(), effect.place
        known = self._found[name].setdefault(key, effect)
        known.count += count
        known.flows.append(exchange)


def _changed(exchange: RecordedExchange, before: Tried, after: Tried) -> Changed | None:
    """Return what differs between two evaluations of an exchange; None if nothing does."""
    was, now = before.result, after.result
    targets = _target(was), _target(now)
    what = ["target"] if targets[0] != targets[1] else []
    request: tuple[FieldChange, ...] = ()
    note = ""
    if isinstance(was.routing, Forward) and isinstance(now.routing, Forward):
        request = tuple(field_changes(_sent(was.routing), _sent(now.routing)))
        what += ["request"] if request else []
        if what[:1] == ["target"]:
            note = "the recorded response is that of the former target; another one may respond differently"
    statuses = was.status, now.status
    fields: tuple[FieldChange, ...] = ()
    hunks: list[dict[str, Any]] = []
    places = 0
    if isinstance(now.routing, Forward) and exchange.original is None:
        note = "it would now be forwarded to the backend, whose response was not recorded"
    else:
        what += ["status"] if statuses[0] != statuses[1] else []
        # If the proxy responds itself, head and body say no more than the target does.
        if type(was.routing) is type(now.routing) and (isinstance(now.routing, Forward) or "target" not in what):
            fields = tuple(field_changes(was.fields or (), now.fields or ()))
            changed_fields = tuple(change for change in fields if change.name.lower() not in _FRAMING)
            what += ["fields"] if changed_fields else []
            if was.body != now.body:
                bodies = [decoded_body(tried.response, tried.result.body) for tried in (before, after)]
                hunks, places = body_hunks(bodies[0], bodies[1], _HUNKS)
                what += ["body"]
            else:
                fields = changed_fields
    if not what:
        return None
    return Changed(
        exchange,
        tuple(what),
        targets if "target" in what else None,
        request,
        statuses if "status" in what else None,
        fields,
        tuple(hunks),
        places,
        note,
    )


def _target(result: Evaluation) -> str:
    """Return what becomes of the request, in a few words."""
    match result.routing:
        case Forward() as forward:
            dialled = f" (dialling {forward.connect[0]} port {forward.connect[1]})" if forward.connect else ""
            return f"{forward.url}{dialled}"
        case LocalResponse() as response:
            location = next(iter(field_values(response.fields, "location")), "")
            return f"answered {response.status}{f' to {location}' if location else ''}"
        case Abort():
            return "closed without a response"


def _sent(forward: Forward) -> FieldLines:
    fields = [line for line in forward.fields if line[0].lower() != "host"]
    return (("Host", forward.host), *fields)


def _problems(result: Evaluation) -> dict[str, tuple[str, Harm]]:
    """Return the errors and warnings of a trace by their messages, and a redirect that leads back to itself."""
    found = {}
    for event in result.exchange.trace.events:
        if event["event"] in (Name.ERROR, Name.WARNING):
            is_error = event["event"] == Name.ERROR
            found[str(event["message"])] = ("error", Harm.ERROR) if is_error else ("warning", Harm.WARNING)
    if isinstance(result.routing, LocalResponse):
        location = next(iter(field_values(result.routing.fields, "location")), "")
        if location == result.exchange.request.url:
            found[f"it redirects to itself, without end: {location}"] = "error", Harm.ERROR
    return found


def _leaks(leaks: Iterable[Leak]) -> dict[tuple[str, ...], tuple[Leak, int]]:
    """Return leaks by what and where they are, whatever their cause, with the number of their places."""
    found: dict[tuple[str, ...], tuple[Leak, int]] = {}
    for leak in leaks:
        key = leak.place, leak.spelling, leak.written.lower()
        first, count = found.get(key, (leak, 0))
        found[key] = first, count + leak.count
    return found


def _is_asset(exchange: RecordedExchange) -> bool:
    """Say whether this is a file whose digest a page may contain."""
    path = exchange.request.target.partition("?")[0].lower()
    types = field_values(exchange.original.fields, "content-type") if exchange.original else []
    return path.endswith((".js", ".mjs", ".css")) or any(kind in value.lower() for value in types for kind in _ASSETS)


def _backends(rules: RulesInForce) -> tuple[object, ...]:
    """Return everything that decides which names count as a backend's."""
    sites = [compiled.site for compiled in rules.rules.sites]
    named = [(site.name, site.backend, site.backend_names, site.connect, site.public, site.path) for site in sites]
    return named, rules.rules.allowed_hosts
