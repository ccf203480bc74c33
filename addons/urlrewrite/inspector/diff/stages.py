"""The response after each of the rules that changed it, by applying only the first k of them to the backend's original.

A trace has only single changes, and only the first two hundred; what the text was between two rules it does not say.
But the rules in force are at hand, and evaluating an exchange takes milliseconds: with the first k of the rules that
acted, and without the link map, it gives the text as it was after rule k. The list is cut where rules are compiled
already, so that nothing is compiled again. All of them together must give what the client got: else these are not the
rules that made the response, and there are no stages.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from urlrewrite.engine.compile import CompiledLevel, CompiledSite
from urlrewrite.engine.compiled import CompiledOutboundRule
from urlrewrite.engine.facts import ResponseFacts
from urlrewrite.exchange.rule_tests import Evaluation, evaluate
from urlrewrite.exchange.rules_in_force import Recode, RulesInForce
from urlrewrite.inspector.diff.bodies_decoded import MAX_LENGTH, DecodedBody, decoded_body
from urlrewrite.inspector.diff.causes import LINKS, ChangeCause
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.model import LinkMode
from urlrewrite.model.field_lines import FieldLines
from urlrewrite.trace.trace import TraceLevel

MAX_STAGES = 16

_SECONDS = 5.0
"""After which no further stage is made."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What the response was after `cause`: its fields, and its body if that is text."""

    cause: ChangeCause
    fields: FieldLines
    text: str | None


class NoStages(Exception):  # noqa: N818
    """No stages can be shown; the message says why."""


def stages_of(
    exchange: RecordedExchange, rules: RulesInForce | None, original: DecodedBody, response: DecodedBody
) -> list[Stage]:
    """Return the stages of a response in the order in which they came about; the last one is the response.

    Raises:
        NoStages: the original was not kept, or the rules in force give another response.
    """
    if exchange.original is None:
        raise NoStages("there is no original response to go through the rules again")
    if rules is None:
        raise NoStages("no rules are in force")
    if exchange.trace.get("rules") != rules.fingerprint:
        raise NoStages("the rules have been changed since: those in force did not make this response")
    if exchange.original_body is None or len(exchange.original_body) > MAX_LENGTH:
        raise NoStages(original.note)
    until = time.monotonic() + _SECONDS
    settings = replace(rules.settings, trace=TraceLevel.OFF, recode=Recode.PLAIN)
    whole = _evaluated(exchange, replace(rules, settings=settings))
    result = _text(whole)
    if result != response.text:
        raise NoStages("going through the same rules again gives another body than the client got")
    stages: list[Stage] = []
    for rule in _acting(whole, rules)[:MAX_STAGES]:
        if time.monotonic() > until:
            raise NoStages(f"going through the rules again takes longer than {_SECONDS:g} seconds")
        cut = replace(rules.rules, sites=tuple(_cut(site, rule) for site in rules.rules.sites))
        evaluation = _evaluated(exchange, RulesInForce(cut, settings))
        stages.append(Stage(ChangeCause(rule), evaluation.fields or (), _text(evaluation)))
    return [*stages, Stage(LINKS, exchange.response.fields if exchange.response else (), response.text)]


def _evaluated(exchange: RecordedExchange, rules: RulesInForce) -> Evaluation:
    assert exchange.original is not None
    try:
        return evaluate(rules, exchange.request, exchange.original, exchange.original_body or b"")
    except Exception as error:
        # A saved flow may hold what no network would have let through.
        raise NoStages(f"this exchange cannot be gone through again: {error}") from error


def _text(evaluation: Evaluation) -> str | None:
    if evaluation.fields is None or evaluation.status is None:
        return None
    facts = ResponseFacts(evaluation.status, evaluation.fields)
    return decoded_body(facts, evaluation.body).text


def _acting(evaluation: Evaluation, rules: RulesInForce) -> list[str]:
    """Return the names of the rules that changed something, in the order in which they run."""
    acting = set(evaluation.exchange.trace.data.get("outbound_rules", []))
    levels = (level for site in rules.rules.sites for level in site.levels.values())
    ordered = (compiled.rule.name for level in levels for compiled in _as_they_run(level))
    return [name for name in dict.fromkeys(ordered) if name in acting]


def _as_they_run(level: CompiledLevel) -> list[CompiledOutboundRule]:
    """Return rules for fields run when the head of a response has come, the others when its body has."""
    return sorted(level.outbound_rules, key=lambda compiled: not compiled.rule.match.server_variable)


def _cut(site: CompiledSite, last: str) -> CompiledSite:
    """Return a site whose links are not mapped, and whose outbound rules end with the one of that name."""
    levels = {path: _cut_level(level, last) for path, level in site.levels.items()}
    # Without links, Location would be mapped as ARR does it.
    settings = replace(site.site.proxy_settings, reverse_rewrite_host_in_response_headers=False)
    return replace(site, site=replace(site.site, links=LinkMode.OFF, proxy_settings=settings), levels=levels)


def _cut_level(level: CompiledLevel, last: str) -> CompiledLevel:
    ordered = _as_they_run(level)
    end = next((at for at, compiled in enumerate(ordered, 1) if compiled.rule.name == last), len(ordered))
    kept = set(map(id, ordered[:end]))
    return replace(level, outbound_rules=tuple(rule for rule in level.outbound_rules if id(rule) in kept))
