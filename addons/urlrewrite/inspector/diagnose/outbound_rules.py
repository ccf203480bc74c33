"""Outbound rules and one place: which rules are for it, what kept each of them from acting, and what is wrong
with a pattern.
"""

from __future__ import annotations

from collections.abc import Iterator

from urlrewrite.engine.compiled import CompiledInboundRule, CompiledOutboundRule
from urlrewrite.engine.variables import normal_name
from urlrewrite.inspector.diagnose.cause import Cause, cause
from urlrewrite.inspector.diagnose.exchange_case import ExchangeCase
from urlrewrite.inspector.diagnose.why import Why
from urlrewrite.patterns.pattern import PatternError, PatternTimeout, compile_pattern
from urlrewrite.trace.text import shown

_DEADLINE = 0.05
_MAX_LENGTH = 20_000
_OF_PATTERNS = frozenset({Why.PATTERN, Why.PATTERN_IN_PLACE, Why.NEGATED_PATTERN, Why.NOTHING_TO_EXAMINE})
_DOES_NOT_MATCH = _OF_PATTERNS | {Why.LETTER_CASE, Why.OTHER_SCHEME, Why.SLASH_BEHIND}


def rules_for(case: ExchangeCase, variable: str, pair: tuple[str, str] | None) -> Iterator[CompiledOutboundRule]:
    """Yield the outbound rules whose scope is a field, by the name of its variable, or a place, by tag and
    attribute.
    """
    for compiled in case.level.outbound_rules if case.level else ():
        match = compiled.rule.match
        if match.server_variable:
            concerned = bool(variable) and normal_name(match.server_variable) == normal_name(variable)
        else:
            concerned = pair is not None and (not match.filter_by_tags or pair in compiled.tags)
        if concerned:
            yield compiled


def kept_back(case: ExchangeCase, compiled: CompiledOutboundRule) -> Cause | None:
    """Return what kept a rule from changing anything, as far as rules and trace say."""
    if not compiled.rule.enabled:
        return cause(Why.DISABLED)
    miss = case.misses.get(compiled.rule.name)
    return miss.cause if miss else None


def kept_back_though_it_matches(case: ExchangeCase, compiled: CompiledOutboundRule) -> Cause | None:
    """Return what kept a rule whose pattern matches from acting: its precondition or a condition."""
    found = kept_back(case, compiled)
    return None if found is None or found.code in _OF_PATTERNS else found


def of_rule(found: Cause, compiled: CompiledOutboundRule) -> Cause:
    """Return the cause as a clause that names the rule."""
    verb = "was left out" if found.code is Why.PRECONDITION else "did not act"
    verb = "does not match it" if found.code in _DOES_NOT_MATCH else verb
    rule = compiled.rule
    why = f'the rule "{rule.name}" {verb}: {found.why}'
    return Cause(rule.name, str(rule.source), why, found.todo, found.code, found.values)


def matches(compiled: CompiledInboundRule | CompiledOutboundRule, value: str) -> bool:
    """Say whether a rule's pattern matches a value, within a short time limit."""
    try:
        return compiled.pattern.search(value[:_MAX_LENGTH], _DEADLINE) is not None
    except PatternTimeout:
        return False


def matches_in_other_case(pattern: str, syntax: str, value: str, *, substring: bool = False) -> bool:
    """Say whether a pattern would match if letter case did not count."""
    try:
        loose = compile_pattern(pattern, syntax, ignore_case=True, substring=substring)
        return loose.search(value[:_MAX_LENGTH], _DEADLINE) is not None
    except (PatternError, PatternTimeout):
        return False


def nearly(compiled: CompiledOutboundRule, value: str) -> Cause | None:
    """Return the one thing that keeps a pattern from matching a link, if it is a common mistake."""
    match, syntax = compiled.rule.match, str(compiled.rule.pattern_syntax)
    if not match.ignore_case and matches_in_other_case(match.pattern, syntax, value, substring=not compiled.tags):
        return cause(Why.LETTER_CASE)
    for before, after in (("http:", "https:"), ("https:", "http:")):
        if matches(compiled, value.replace(before, after)):
            return cause(Why.OTHER_SCHEME, before=before, after=after)
    return cause(Why.SLASH_BEHIND, value=shown(value, 80)) if matches(compiled, f"{value}/") else None
