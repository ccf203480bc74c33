"""Findings that a rule's author does not want: `silence` in YAML, a comment directive in XML.

The one place where warnings about rules, sites and directories are dropped, those of the readers, the compiler and the
linter alike. Errors cannot be silenced, but for UR026, which its check keeps to itself. A rule's silence without a
finding is reported, so that it does not outlive its reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches

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
    means="A rule silences an id, and no warning with this id is found in the rule. Errors cannot be silenced.",
    iis="Has no such thing.",
    here="Nothing is silenced by it.",
    write="The rule without this id.",
).id


def without_silenced(rule_set: RuleSet, problems: Iterable[Problem]) -> list[Problem]:
    """Return the problems without those that their rules silence, and warnings of what is silenced in vain."""
    rules = list(_rules(rule_set))
    by_name: dict[str, list[Rule]] = {}
    for rule in rules:
        by_name.setdefault(rule.name, []).append(rule)
    sections = list(_sections(rule_set))
    of_sections = {
        (place, silenced)
        for section, source in sections
        for place in (source, section.web_server.http_redirect.source)
        for silenced in section.silenced
    }
    kept: list[Problem] = []
    used: set[tuple[int, str]] = set()
    for problem in problems:
        owner = _owner(problem, by_name.get(problem.rule, ()))
        if owner and problem.severity is Severity.WARNING and problem.id in owner.silenced:
            used.add((id(owner), problem.id))
        elif problem.rule or problem.severity is Severity.ERROR or (problem.source, problem.id) not in of_sections:
            kept.append(problem)
    for section, source in sections:
        unknown = [silenced for silenced in section.silenced if silenced not in DOCUMENTS]
        kept += [Problem(source, _told(silenced), _UNKNOWN, severity=Severity.WARNING) for silenced in unknown]
    for rule in rules:
        for silenced in rule.silenced:
            if silenced not in DOCUMENTS:
                kept.append(_warning(rule, _UNKNOWN, _told(silenced)))
            elif rule.enabled and (id(rule), silenced) not in used:
                message = f"got {silenced} to silence, but the rule has no such warning: remove it"
                kept.append(_warning(rule, _UNUSED, message))
    return kept


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


def _sections(rule_set: RuleSet) -> Iterator[tuple[Section, Source]]:
    """Yield the server, the sites and their directories, each with where it was written."""
    yield rule_set, NOWHERE
    for site in rule_set.sites:
        yield site, site.source
        yield from ((location, location.source) for location in site.locations)


def _rules(rule_set: RuleSet) -> Iterator[Rule]:
    yield from rule_set.global_rules
    for section, _ in _sections(rule_set):
        yield from section.rules
        yield from section.outbound_rules
