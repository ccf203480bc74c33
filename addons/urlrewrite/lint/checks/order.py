"""Checks of the order of inbound rules: what an earlier rule leaves to a later one.

That a rule can never run is claimed only where it is proved: whatever reaches the later rule matches the pattern of the
earlier one, which ends the evaluation, and its conditions are among those of the later one.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from itertools import accumulate, product

from urlrewrite.engine.template import Variable
from urlrewrite.lint.registry import Finding, check
from urlrewrite.lint.shapes import first_characters, matches_everything, takes_all_after
from urlrewrite.lint.views import ConditionView, InboundView, LevelView, quoted
from urlrewrite.model import ActionType, LogicalGrouping
from urlrewrite.patterns.characters import Ranges

_COMPARED = 20  # rules alike with which a rule is compared


@check(
    "UR180",
    "A rule that an earlier rule makes unreachable",
    LevelView,
    means="Every request that this rule is for is taken by a rule before it, which ends the evaluation: by "
    "stopProcessing, or because it redirects, responds or aborts.",
    iis="Never runs the rule.",
    here="The same.",
    write="The special rule before the general one.",
)
def shadowed(view: LevelView) -> Iterator[Finding]:
    changes = [0, *accumulate(_changes(rule) for rule in view.inbound)]
    ending = _Ending()
    for at, rule in enumerate(view.inbound):
        later = _Rule.of(rule, at)
        for earlier in ending.likely(later):
            if _covers(earlier, later, unchanged=changes[at] == changes[earlier.at + 1]):
                name = f"{quoted(earlier.view.rule)} ({earlier.view.source})"
                yield Finding(
                    f"the rule never runs, in IIS as here: {name} takes every request that it is for, and ends the "
                    "evaluation; move this rule before it, or remove it",
                    rule.source,
                    rule.rule,
                )
                break
        if rule.ends and not rule.item.match.negate:
            ending.add(later)


@dataclass(frozen=True, slots=True)
class _Rule:
    """A rule, and what its pattern says of the texts that it matches."""

    view: InboundView
    at: int
    pattern: tuple[object, ...]
    fits_all: bool
    enough: list[Ranges] | None
    given: list[Ranges] | None

    @staticmethod
    def of(view: InboundView, at: int) -> _Rule:
        pattern, match = view.pattern, view.item.match
        written = (match.url, match.ignore_case, match.negate, view.item.pattern_syntax)
        if pattern is None:
            return _Rule(view, at, written, False, None, None)
        given = None if view.item.match.negate else first_characters(pattern)
        return _Rule(view, at, written, matches_everything(pattern), takes_all_after(pattern), given)


class _Ending:
    """Rules that end the evaluation, found by what a rule that they cover must have: an equal pattern or one that
    begins so, and one of their conditions. So a thousand rules are not compared with a thousand.
    """

    def __init__(self) -> None:
        self._rules: dict[Hashable, list[_Rule]] = {}

    def add(self, rule: _Rule) -> None:
        shapes: list[Hashable] = [rule.pattern]
        if rule.fits_all:
            shapes.append(())
        elif rule.enough is not None:
            shapes.append(tuple(rule.enough))
        keys: list[Hashable] = [_key(item) for item in rule.view.conditions]
        if rule.view.item.conditions.logical_grouping is LogicalGrouping.MATCH_ALL:
            keys = keys[:1]
        for shape, key in product(shapes, keys or [None]):
            alike = self._rules.setdefault((shape, key), [])
            if len(alike) < _COMPARED:
                alike.append(rule)

    def likely(self, rule: _Rule) -> Iterator[_Rule]:
        """Yield rules of which one may cover this one."""
        given = tuple(rule.given or ())
        shapes: list[Hashable] = [rule.pattern, *(given[:length] for length in range(len(given) + 1))]
        keys: list[Hashable] = [None, *(_key(item) for item in rule.view.conditions)]
        for shape, key in product(shapes, keys):
            yield from self._rules.get((shape, key), ())


def _changes(rule: InboundView) -> bool:
    """Say whether a rule can change the request for the rules after it: it does not stop, and sets URL or variables."""
    return not rule.ends and (rule.item.action.type is ActionType.REWRITE or bool(rule.variables))


def _covers(earlier: _Rule, later: _Rule, *, unchanged: bool) -> bool:
    """Say whether the earlier rule, whose pattern matches, takes all requests that the later one is for.

    `unchanged` says that no rule in between makes it see another request.
    """
    one, other = earlier.view, later.view
    if one.directory.lower() != other.directory.lower():
        return False
    if earlier.fits_all and not one.conditions:
        return True
    return unchanged and _covers_conditions(one, other, earlier.pattern == later.pattern)


def _covers_conditions(earlier: InboundView, later: InboundView, same_pattern: bool) -> bool:
    """Say whether the earlier rule's conditions hold wherever the later one's do."""
    if not earlier.conditions:
        return True
    if later.item.conditions.logical_grouping is LogicalGrouping.MATCH_ANY and len(later.conditions) > 1:
        return False
    given = [_key(item) for item in later.conditions]
    known = [
        _key(item) in given
        and earlier.item.pattern_syntax is later.item.pattern_syntax
        and (same_pattern or _is_independent(item))
        for item in earlier.conditions
    ]
    if earlier.item.conditions.logical_grouping is LogicalGrouping.MATCH_ANY:
        return any(known)
    return all(known)


def _key(item: ConditionView) -> tuple[str, str, str, bool, bool]:
    condition = item.item
    return condition.input, condition.pattern, condition.match_type, condition.ignore_case, condition.negate


def _is_independent(item: ConditionView) -> bool:
    """Say whether the input refers to no captures, which differ from rule to rule."""
    return all(isinstance(reference, Variable) for reference in item.input.references())
