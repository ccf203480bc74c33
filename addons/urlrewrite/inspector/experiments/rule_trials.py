"""Runs what was recorded again under every change of its rules, one at a time, within a time and a number."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from urlrewrite.content.canonical_url import canonical_url
from urlrewrite.engine.compile import compile_rules
from urlrewrite.engine.facts import RequestFacts, ResponseFacts
from urlrewrite.exchange.responses import Forward, LocalResponse
from urlrewrite.exchange.rule_tests import evaluate, request_facts
from urlrewrite.exchange.rules_in_force import RulesInForce
from urlrewrite.inspector.diagnose.case import Case
from urlrewrite.inspector.diagnose.page_loads import url_of
from urlrewrite.inspector.diagnose.page_references import body_text, references
from urlrewrite.inspector.experiments.judging import (
    Grade,
    Routing,
    Seen,
    Verdict,
    judge_body,
    judge_circle,
    judge_links,
    judge_request,
    names_the_same,
    same_request,
)
from urlrewrite.inspector.experiments.rule_changes import Change, changes
from urlrewrite.inspector.experiments.rule_edits import NO_HINTS, Hints, Side
from urlrewrite.inspector.leaks.search import Leak, find_leaks
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.model.field_lines import field_values
from urlrewrite.model.problems import RuleFileError
from urlrewrite.trace.events import Name
from urlrewrite.trace.reading import flag, inbound_blocks, text
from urlrewrite.trace.trace import TraceLevel

MAX_CHANGES = 300
"""Changes that are tried on one breakage."""

MAX_BODY = 2**20
"""Bytes of a body that is rewritten again under every change."""

_MAX_HOPS = 10


@dataclass(frozen=True, slots=True)
class Trial:
    """A change and its verdict; `routing` is what became of the request, None where a response was tried."""

    change: Change
    verdict: Verdict
    routing: Routing | None = None


class RuleTrials:
    """Trials of one page load: `seen` is everything that was recorded. None is begun after `until`, a reading of the
    monotonic clock in seconds.
    """

    def __init__(self, case: Case, rules: RulesInForce, seen: Seen, until: float) -> None:
        self._case = case
        self._rules = rules.traced(TraceLevel.OFF)
        self._seen = seen
        self._until = until

    def control(self, exchange: RecordedExchange) -> Routing | None:
        """Return what the rules in force make of a request; None if that is not what was recorded, so that no trial
        would say anything about it.
        """
        routing = _route(self._rules, exchange.request)
        recorded = text(exchange.trace, "target")
        if isinstance(routing, Forward):
            return routing if routing.url == recorded else None
        status = exchange.response.status if exchange.response else None
        same = isinstance(routing, LocalResponse) and exchange.own and routing.status == status
        return routing if same else None

    def of_request(self, exchange: RecordedExchange) -> Iterator[Trial]:
        """Yield the changes under which something else becomes of a request, each with its verdict."""
        before = self.control(exchange)
        if before is None:
            return
        for change, rules in self._changed(exchange, "request"):
            after = _route(rules, exchange.request)
            if not same_request(before, after):
                yield Trial(change, judge_request(self._seen, exchange, before, after), after)

    def of_circle(self, circle: list[RecordedExchange]) -> Iterator[Trial]:
        """Yield the changes under which redirects no longer lead in a circle."""
        first = circle[0]
        answers = {
            target: each.original.status for each in circle if each.original and (target := text(each.trace, "target"))
        }
        if judge_circle(_hops(self._rules, first.request), answers).grade is not Grade.BAD:
            return
        for change, rules in self._changed(first, "request"):
            verdict = judge_circle(_hops(rules, first.request), answers)
            if verdict.grade is Grade.GOOD:
                yield Trial(change, verdict)

    def of_leak(self, exchange: RecordedExchange, leak: Leak) -> Iterator[Trial]:
        """Yield the changes under which a name of the backend becomes the public one, and nothing else changes."""
        mapping = leak.written, self._case.of(exchange).link_map.map_text(leak.written)
        now = self._rewritten(self._rules, exchange)
        is_long = len(exchange.original_body or b"") > MAX_BODY
        if now is None or is_long or mapping[0] == mapping[1] or _text(now) != _text(exchange):
            return
        where = leak.where
        hints = Hints(tags=((where.tag, where.attribute),) if where and where.attribute else ())
        for change, rules in self._changed(exchange, "response", hints):
            then = self._rewritten(rules, exchange)
            if then is None or judge_body(_text(now), _text(then), mapping) is not Grade.GOOD:
                continue
            if not any(each.place == leak.place and each.written == leak.written for each in find_leaks(then, rules)):
                yield Trial(change, Verdict(Grade.GOOD, mapping[1]))

    def of_links(self, exchange: RecordedExchange) -> Iterator[Trial]:
        """Yield the changes under which the links of a page that rules made wrong lead where the backend's page says,
        and no other link leads elsewhere.
        """
        twins = list(self._case.twins(exchange))
        now = [after.url for _, after in twins]
        right = {
            number: public
            for number, (before, after) in enumerate(twins)
            if before.written != after.written
            and (public := self._case.public_url(before.url, exchange))
            and canonical_url(public, public) != after.url
        }
        same = self._rewritten(self._rules, exchange)
        is_long = len(exchange.original_body or b"") > MAX_BODY
        if same is None or is_long or not right or self._urls(same) != now:
            return
        right = {number: canonical_url(url, url) for number, url in right.items()}
        for change, rules in self._changed(exchange, "response"):
            then = self._rewritten(rules, exchange)
            verdict = judge_links(now, self._urls(then), right) if then else Verdict(Grade.BAD)
            if verdict.grade is Grade.GOOD:
                yield Trial(change, verdict)

    def _urls(self, exchange: RecordedExchange) -> list[str]:
        """Return what a page names."""
        return [each.url for each in references(_text(exchange), url_of(exchange))]

    def _rewritten(self, rules: RulesInForce, exchange: RecordedExchange) -> RecordedExchange | None:
        """Return an exchange as it would have been; None where there would be no response of the backend."""
        if exchange.original is None or exchange.original_body is None:
            return None
        result = evaluate(rules, exchange.request, exchange.original, exchange.original_body)
        if result.status is None:
            return None
        response = ResponseFacts(result.status, result.fields or ())
        return replace(exchange, trace=result.exchange.trace.data, response=response, response_body=result.body)

    def _changed(
        self, exchange: RecordedExchange, side: Side, hints: Hints = NO_HINTS
    ) -> Iterator[tuple[Change, RulesInForce]]:
        """Yield the changes with the rules as they would be in force, as long as there is time."""
        compiled = self._case.site(exchange)
        name = compiled.site.name if compiled else ""
        for number, change in enumerate(self._likely_first(exchange, name, side, hints) if name else ()):
            if number >= MAX_CHANGES or time.monotonic() > self._until:
                return
            try:
                rules, _ = compile_rules(change.rule_set)
            except RuleFileError:
                continue
            yield change, RulesInForce(rules, self._rules.settings)

    def _likely_first(self, exchange: RecordedExchange, site: str, side: Side, hints: Hints) -> Iterator[Change]:
        """Yield first the changes of those rules that matched a request, then the others: a long file is not tried as a
        whole.
        """
        reading = self._case.reading(exchange)
        matched = {
            block.name
            for block in inbound_blocks(reading.request)
            if (found := block.first(Name.PATTERN_MATCH)) and flag(found, "succeeded")
        }
        rule_set = self._rules.rules.rule_set
        yield from changes(rule_set, site, side, hints, of=lambda rule: rule in matched)
        yield from changes(rule_set, site, side, hints, of=lambda rule: rule not in matched)


def _route(rules: RulesInForce, request: RequestFacts) -> Routing:
    return evaluate(rules, request, None).routing


def _hops(rules: RulesInForce, request: RequestFacts) -> Iterator[tuple[str, Routing]]:
    """Yield the URLs that a client asks for one after the other, and what becomes of each."""
    asked = request
    for _ in range(_MAX_HOPS):
        routing = _route(rules, asked)
        yield asked.url, routing
        location = (
            next(iter(field_values(routing.fields, "location")), "") if isinstance(routing, LocalResponse) else ""
        )
        url = canonical_url(location, asked.url) if location else ""
        if not url.startswith(("http://", "https://")):
            return
        lines = tuple(line for line in request.fields if line[0].lower() != "host")
        asked = replace(request_facts("GET", url, lines, client=request.client), received=request.received)


def _text(exchange: RecordedExchange) -> str:
    return body_text(exchange.response, exchange.response_body) or ""


def distance(exchange: RecordedExchange, trial: Trial) -> tuple[bool, bool, bool]:
    """Return how far a change is from what was probably meant: the same number, a group, what was asked for."""
    was, becomes = trial.change.was, trial.change.becomes
    same_number = was.rpartition(":")[2] == becomes.rpartition(":")[2]
    return not same_number, becomes.endswith(":0}"), not names_the_same(exchange.request.target, trial.verdict.url)
