"""The table of what is changed in a rule or a site's settings, one thing at a time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal

from urlrewrite.inspector.experiments.rule_places import Rule, with_item
from urlrewrite.model import (
    IN_BODIES,
    ActionType,
    Condition,
    InboundRule,
    LinkMode,
    LinkPlace,
    LogicalGrouping,
    OutboundRule,
    PatternSyntax,
    SetServerVariable,
    Site,
)
from urlrewrite.model.origin import Origin
from urlrewrite.patterns.pattern import PatternError, compile_pattern

type Side = Literal["request", "response"]

_REFERENCE = re.compile(r"\{([RC]):(\d+)\}")
_MAX_GROUPS = 9


class ChangeKind(StrEnum):
    """A kind of change, the smallest first: of two that help, the first one is proposed."""

    BACK_REFERENCE = "back-reference"
    GROUPING = "grouping"
    ANCHORED = "anchored"
    NOT_ANCHORED = "not-anchored"
    LETTER_CASE = "letter-case"
    QUERY_STRING = "query-string"
    TAG = "tag"
    CUSTOM_TAG = "custom-tag"
    RULE_ON = "rule-on"
    CONDITION_OFF = "condition-off"
    CONDITION_NEGATED = "condition-negated"
    PRE_CONDITION_OFF = "pre-condition-off"
    GOES_ON = "goes-on"
    HOST_KEPT = "host-kept"
    ROOT_PATH = "root-path"
    BACKEND_NAME = "backend-name"
    LINKS_ALSO = "links-also"
    LINKS = "links"
    RULE_OFF = "rule-off"


@dataclass(frozen=True, slots=True)
class Hints:
    """What the exchange has that a change could be for: links' tags and attributes, paths, origins."""

    tags: tuple[tuple[str, str], ...] = ()
    root_paths: tuple[str, ...] = ()
    backend_names: tuple[Origin, ...] = ()


NO_HINTS = Hints()


type Edit[T] = tuple[T, str, str]
"""The changed rule or site, what it was, and what it becomes."""


def _back_references(rule: Rule) -> Iterator[Edit[Rule]]:
    """Yield a rule with one of its references to another group: of the pattern, or of its conditions."""
    for text, put in _texts(rule):
        for found in _REFERENCE.finditer(text):
            for other in groups(rule):
                if other != found[0]:
                    yield put(text[: found.start()] + other + text[found.end() :]), found[0], other


def _texts(rule: Rule) -> Iterator[tuple[str, Callable[[str], Rule]]]:
    """Yield the texts that a rule writes and that may refer to groups, each with what puts another in its place."""
    if isinstance(rule, OutboundRule):
        yield rule.action.value, lambda text: replace(rule, action=replace(rule.action, value=text))
        return
    yield rule.action.url, lambda text: replace(rule, action=replace(rule.action, url=text))
    items = rule.server_variables
    for number, item in enumerate(items):

        def put(text: str, number: int = number, item: SetServerVariable = item) -> Rule:
            return replace(rule, server_variables=with_item(items, number, replace(item, value=text)))

        yield item.value, put


def groups(rule: Rule) -> Iterator[str]:
    """Yield the references that a rule's action may have: to groups of its pattern and of its conditions."""
    yield from (f"{{R:{number}}}" for number in range(_count(rule, _pattern(rule)) + 1))
    counts = [_count(rule, item.pattern) for item in rule.conditions.items]
    if counts:
        tracked = sum(counts) if rule.conditions.track_all_captures else max(counts)
        yield from (f"{{C:{number}}}" for number in range(min(tracked, _MAX_GROUPS) + 1))


def _count(rule: Rule, pattern: str) -> int:
    try:
        return min(compile_pattern(pattern, str(rule.pattern_syntax), ignore_case=True).groups, _MAX_GROUPS)
    except PatternError:
        return 0


def _pattern(rule: Rule) -> str:
    return rule.match.pattern if isinstance(rule, OutboundRule) else rule.match.url


def _with_pattern(rule: Rule, pattern: str) -> Rule:
    if isinstance(rule, OutboundRule):
        return replace(rule, match=replace(rule.match, pattern=pattern))
    return replace(rule, match=replace(rule.match, url=pattern))


def _grouping(rule: Rule) -> Iterator[Edit[Rule]]:
    was = rule.conditions.logical_grouping
    if len(rule.conditions.items) > 1:
        other = next(each for each in LogicalGrouping if each is not was)
        yield replace(rule, conditions=replace(rule.conditions, logical_grouping=other)), was, other


def _anchored(rule: Rule) -> Iterator[Edit[Rule]]:
    pattern = _pattern(rule)
    if rule.pattern_syntax is not PatternSyntax.ECMASCRIPT or not pattern:
        return
    begins, ends = pattern.startswith("^"), pattern.endswith("$") and not pattern.endswith("\\$")
    inner = f"(?:{pattern})" if "|" in pattern else pattern
    if not begins:
        yield _with_pattern(rule, f"^{inner}"), pattern, f"^{inner}"
    if not ends:
        yield _with_pattern(rule, f"{inner}$"), pattern, f"{inner}$"
    if not begins and not ends:
        yield _with_pattern(rule, f"^{inner}$"), pattern, f"^{inner}$"


def _not_anchored(rule: Rule) -> Iterator[Edit[Rule]]:
    pattern = _pattern(rule)
    if rule.pattern_syntax is not PatternSyntax.ECMASCRIPT or "|" in pattern:
        return
    if len(pattern) > 1 and pattern.startswith("^"):
        yield _with_pattern(rule, pattern[1:]), pattern, pattern[1:]
    if len(pattern) > 1 and pattern.endswith("$") and not pattern.endswith("\\$"):
        yield _with_pattern(rule, pattern[:-1]), pattern, pattern[:-1]


def _letter_case(rule: Rule) -> Iterator[Edit[Rule]]:
    was = rule.match.ignore_case
    words = _yes_or_no("ignoreCase", was)
    if isinstance(rule, OutboundRule):
        yield replace(rule, match=replace(rule.match, ignore_case=not was)), *words
    else:
        yield replace(rule, match=replace(rule.match, ignore_case=not was)), *words


def _yes_or_no(name: str, was: bool) -> tuple[str, str]:
    return f"{name}: {str(was).lower()}", f"{name}: {str(not was).lower()}"


def _query_string(rule: Rule) -> Iterator[Edit[Rule]]:
    if isinstance(rule, InboundRule) and rule.action.type in (ActionType.REWRITE, ActionType.REDIRECT):
        was = rule.action.append_query_string
        edited = replace(rule, action=replace(rule.action, append_query_string=not was))
        yield edited, *_yes_or_no("appendQueryString", was)


def _switched(rule: Rule, *, on: bool) -> Iterator[Edit[Rule]]:
    if rule.enabled is not on:
        yield replace(rule, enabled=on), *_yes_or_no("enabled", rule.enabled)


def _conditions_negated(rule: Rule) -> Iterator[Edit[Rule]]:
    items = rule.conditions.items
    for number, item in enumerate(items):
        other = replace(item, negate=not item.negate)
        edited = with_item(items, number, other)
        was, becomes = (f"{'not ' if each.negate else ''}{_condition(each)}" for each in (item, other))
        yield replace(rule, conditions=replace(rule.conditions, items=edited)), was, becomes


def _conditions_off(rule: Rule) -> Iterator[Edit[Rule]]:
    items = rule.conditions.items
    for number, item in enumerate(items):
        left = (*items[:number], *items[number + 1 :])
        yield replace(rule, conditions=replace(rule.conditions, items=left)), _condition(item), ""


def _condition(item: Condition) -> str:
    return f"{item.input} {item.pattern or item.match_type}"


def _pre_condition_off(rule: Rule) -> Iterator[Edit[Rule]]:
    if isinstance(rule, OutboundRule) and rule.pre_condition:
        yield replace(rule, pre_condition=""), rule.pre_condition, ""


def _goes_on(rule: Rule) -> Iterator[Edit[Rule]]:
    if rule.stop_processing:
        yield replace(rule, stop_processing=False), *_yes_or_no("stopProcessing", was=True)


OF_RULES: Mapping[ChangeKind, Callable[[Rule], Iterator[Edit[Rule]]]] = {
    ChangeKind.BACK_REFERENCE: _back_references,
    ChangeKind.GROUPING: _grouping,
    ChangeKind.ANCHORED: _anchored,
    ChangeKind.NOT_ANCHORED: _not_anchored,
    ChangeKind.LETTER_CASE: _letter_case,
    ChangeKind.QUERY_STRING: _query_string,
    ChangeKind.RULE_ON: lambda rule: _switched(rule, on=True),
    ChangeKind.CONDITION_NEGATED: _conditions_negated,
    ChangeKind.CONDITION_OFF: _conditions_off,
    ChangeKind.PRE_CONDITION_OFF: _pre_condition_off,
    ChangeKind.GOES_ON: _goes_on,
    ChangeKind.RULE_OFF: lambda rule: _switched(rule, on=False),
}
"""What each kind of change does to one rule."""


def _host_kept(site: Site, hints: Hints) -> Iterator[Edit[Site]]:
    was = bool(site.preserve_host_header)
    yield replace(site, preserve_host_header=not was), *_yes_or_no("preserveHostHeader", was)


def _root_paths(site: Site, hints: Hints) -> Iterator[Edit[Site]]:
    for path in hints.root_paths:
        if path not in site.root_paths:
            paths = (*site.root_paths, path)
            yield replace(site, root_paths=paths), *_lists("rootPaths", site.root_paths, paths)


def _backend_names(site: Site, hints: Hints) -> Iterator[Edit[Site]]:
    for origin in hints.backend_names:
        if origin not in site.backend_names and origin != site.backend:
            names = (*site.backend_names, origin)
            yield replace(site, backend_names=names), *_lists("backendNames", site.backend_names, names)


def _links_also(site: Site, hints: Hints) -> Iterator[Edit[Site]]:
    for place in sorted(set(LinkPlace) - site.links_also):
        if place in IN_BODIES and site.links is not LinkMode.EVERYWHERE:
            continue
        places = site.links_also | {place}
        yield replace(site, links_also=places), *_lists("linksAlso", sorted(site.links_also), sorted(places))


def _lists(name: str, was: Iterable[object], becomes: Iterable[object]) -> tuple[str, str]:
    return f"{name}: [{', '.join(map(str, was))}]", f"{name}: [{', '.join(map(str, becomes))}]"


def _links(site: Site, hints: Hints) -> Iterator[Edit[Site]]:
    modes = list(LinkMode)
    for mode in modes[modes.index(site.links) + 1 :]:
        yield replace(site, links=mode), f"links: {site.links}", f"links: {mode}"


OF_SITES: Mapping[ChangeKind, tuple[Side, Callable[[Site, Hints], Iterator[Edit[Site]]]]] = {
    ChangeKind.HOST_KEPT: ("request", _host_kept),
    ChangeKind.ROOT_PATH: ("response", _root_paths),
    ChangeKind.BACKEND_NAME: ("response", _backend_names),
    ChangeKind.LINKS_ALSO: ("response", _links_also),
    ChangeKind.LINKS: ("response", _links),
}
"""What each kind of change does to the settings of a site, and whether that is for requests or for responses."""
