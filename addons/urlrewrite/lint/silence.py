"""Findings that a rule's author does not want: `silence` in YAML, a comment directive in XML.

The one place where warnings about rules, sites and directories are dropped, those of the readers, the compiler and the
linter alike. Errors cannot be silenced, but for UR026, which its check keeps to itself. Silence without a finding is
reported, so that it does not outlive its reason.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from urlrewrite.lint.checks.open_sites import OPEN_SITE, opened
from urlrewrite.lint.registry import DOCUMENTS, document
from urlrewrite.model import NOWHERE, InboundRule, OutboundRule, RuleSet, Section, Source
from urlrewrite.model.problems import Problem, Severity

type Rule = InboundRule | OutboundRule

_UNKNOWN = document(
    "UR188",
    "An unknown id is silenced",
    means="A rule or a site silences an id that no finding has.",
    iis="Has no such thing.",
    here="Nothing is silenced by it.",
    write="One of the ids of this list, as the finding shows it at its end.",
).id

_UNUSED = document(
    "UR189",
    "A finding is silenced that is not there",
    means="A rule silences an id, and no warning with this id is found in the rule; or a site or a directory does, and "
    "nothing of the kind is said of it. Errors cannot be silenced, but for UR026.",
    iis="Has no such thing.",
    here="Nothing is silenced by it.",
    write="The rule or the site without this id.",
).id


_BY_READERS = ("UR024", "UR025")
"""What is silenced of sections of XML its reader keeps to itself."""


@dataclass(frozen=True, slots=True)
class _Level:
    """The server, a site or a directory; `below` are the levels that inherit its silence about open sites."""

    name: str
    section: Section
    source: Source
    below: tuple[Section, ...]

    @property
    def places(self) -> frozenset[Source]:
        """Where what is silenced may be said."""
        redirect = self.section.web_server.http_redirect.source
        return frozenset({self.source} if redirect == NOWHERE else {self.source, redirect})

    @property
    def opened(self) -> bool:
        """Whether anything here is kept closed by IIS only."""
        return any(any(opened(section.web_server)) for section in (self.section, *self.below))


def without_silenced(rule_set: RuleSet, problems: Iterable[Problem]) -> list[Problem]:
    """Return the problems without those that their rules silence, and warnings of what is silenced in vain."""
    rules = list(_rules(rule_set))
    by_name: dict[str, list[Rule]] = {}
    for rule in rules:
        by_name.setdefault(rule.name, []).append(rule)
    levels = list(_levels(rule_set))
    of_levels = {(place, silenced) for level in levels for place in level.places for silenced in level.section.silenced}
    kept: list[Problem] = []
    used: set[tuple[int, str]] = set()
    used_at: set[tuple[Source, str]] = set()
    for problem in problems:
        owner = _owner(problem, by_name.get(problem.rule, ()))
        if owner and problem.severity is Severity.WARNING and problem.id in owner.silenced:
            used.add((id(owner), problem.id))
        elif problem.rule or problem.severity is Severity.ERROR or (problem.source, problem.id) not in of_levels:
            kept.append(problem)
        else:
            used_at.add((problem.source, problem.id))
    for level in levels:
        kept += _in_vain(level, used_at)
    for rule in rules:
        for silenced in rule.silenced:
            if silenced not in DOCUMENTS:
                kept.append(_warning(rule, _UNKNOWN, _told(silenced)))
            elif rule.enabled and (id(rule), silenced) not in used:
                message = f"got {silenced} to silence, but the rule has no such warning: remove it"
                kept.append(_warning(rule, _UNUSED, message))
    return kept


def _in_vain(level: _Level, used: Collection[tuple[Source, str]]) -> Iterator[Problem]:
    """Yield what a level silences that is not said of it."""
    for silenced in level.section.silenced:
        if silenced not in DOCUMENTS:
            yield Problem(level.source, _told(silenced), _UNKNOWN, severity=Severity.WARNING)
            continue
        is_used = level.opened if silenced == OPEN_SITE else any((place, silenced) in used for place in level.places)
        if not is_used and silenced not in _BY_READERS:
            message = f"got {silenced} to silence, but nothing of the kind is said of {level.name}: remove it"
            yield Problem(level.source, message, _UNUSED, severity=Severity.WARNING)


def _told(silenced: str) -> str:
    near = get_close_matches(silenced, DOCUMENTS, 1)
    hint = f": did you mean {near[0]}?" if near else ""
    return f"got {silenced} to silence, expected the id of a finding{hint}"


def _warning(rule: Rule, id: str, message: str) -> Problem:
    return Problem(rule.source, message, id, rule.name, Severity.WARNING)


def _owner(problem: Problem, rules: Iterable[Rule]) -> Rule | None:
    """Return the rule of this name that a problem is about: the last one that begins before it."""
    near = [rule for rule in rules if rule.source.file == problem.source.file]
    before = [rule for rule in near if rule.source.line <= problem.source.line]
    return max(before, key=lambda rule: rule.source.line, default=None)


def _levels(rule_set: RuleSet) -> Iterator[_Level]:
    of_sites = tuple(section for site in rule_set.sites for section in (site, *site.locations))
    yield _Level("the server", rule_set, NOWHERE, of_sites)
    for site in rule_set.sites:
        yield _Level(f'the site "{site.name}"', site, site.source, site.locations)
        for location in site.locations:
            yield _Level(f'the directory "{location.path}"', location, location.source, ())


def _rules(rule_set: RuleSet) -> Iterator[Rule]:
    yield from rule_set.global_rules
    for level in _levels(rule_set):
        yield from level.section.rules
        yield from level.section.outbound_rules
