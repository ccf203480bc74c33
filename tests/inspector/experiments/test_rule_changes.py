"""Every change of rules changes one thing, and each kind of change is made."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules_of import rules_of
from urlrewrite.inspector.experiments.rule_changes import Change, changes
from urlrewrite.inspector.experiments.rule_edits import OF_RULES, OF_SITES, ChangeKind, Hints, Side
from urlrewrite.model import (
    Action,
    ActionType,
    Condition,
    Conditions,
    InboundRule,
    LogicalGrouping,
    Match,
    OutboundAction,
    OutboundActionType,
    OutboundMatch,
    OutboundRule,
    RuleSet,
    SetServerVariable,
    Site,
)
from urlrewrite.model.origin import Origin

HINTS = Hints((("img", "data-src"), ("img", "src")), ("/api",), (Origin("http", "inner", 81),))

KINDS: dict[ChangeKind, tuple[str, str, str]] = {
    ChangeKind.BACK_REFERENCE: (
        "rules: [{name: r, match: '^(a)$', action: {type: Rewrite, url: 'b{R:0}'}}]",
        "{R:0}",
        "{R:1}",
    ),
    ChangeKind.GROUPING: (
        "rules: [{name: r, match: a, conditions: [{input: '{URL}', pattern: x}, {input: '{URL}', pattern: y}], "
        "action: {type: Rewrite, url: b}}]",
        "MatchAll",
        "MatchAny",
    ),
    ChangeKind.ANCHORED: ("rules: [{name: r, match: 'a|b', action: {type: Rewrite, url: b}}]", "a|b", "^(?:a|b)"),
    ChangeKind.NOT_ANCHORED: ("rules: [{name: r, match: '^a', action: {type: Rewrite, url: b}}]", "^a", "a"),
    ChangeKind.LETTER_CASE: (
        "rules: [{name: r, match: {url: a, ignoreCase: false}, action: {type: Rewrite, url: b}}]",
        "ignoreCase: false",
        "ignoreCase: true",
    ),
    ChangeKind.QUERY_STRING: (
        "rules: [{name: r, match: a, action: {type: Rewrite, url: b}}]",
        "appendQueryString: true",
        "appendQueryString: false",
    ),
    ChangeKind.TAG: (
        "outboundRules: [{name: r, match: {filterByTags: [A], pattern: a}, action: {type: Rewrite, value: b}}]",
        "filterByTags: [A]",
        "filterByTags: [A, Img]",
    ),
    ChangeKind.CUSTOM_TAG: (
        "customTags: {lazy: [img/data-source]}\n"
        "outboundRules: [{name: r, match: {filterByTags: [CustomTags], customTags: lazy, pattern: a}, "
        "action: {type: Rewrite, value: b}}]",
        'customTags "lazy": img/data-source',
        'customTags "lazy": img/data-source, img/data-src',
    ),
    ChangeKind.RULE_ON: (
        "rules: [{name: r, match: a, enabled: false, action: {type: Rewrite, url: b}}]",
        "enabled: false",
        "enabled: true",
    ),
    ChangeKind.CONDITION_NEGATED: (
        "rules: [{name: r, match: a, conditions: [{input: '{URL}', pattern: x}], action: {type: Rewrite, url: b}}]",
        "{URL} x",
        "not {URL} x",
    ),
    ChangeKind.CONDITION_OFF: (
        "rules: [{name: r, match: a, conditions: [{input: '{URL}', pattern: x}], action: {type: Rewrite, url: b}}]",
        "{URL} x",
        "",
    ),
    ChangeKind.PRE_CONDITION_OFF: (
        "preConditions: {html: [{input: '{RESPONSE_CONTENT_TYPE}', pattern: html}]}\n"
        "outboundRules: [{name: r, preCondition: html, match: {pattern: a}, action: {type: Rewrite, value: b}}]",
        "html",
        "",
    ),
    ChangeKind.GOES_ON: (
        "rules: [{name: r, match: a, stopProcessing: true, action: {type: Rewrite, url: b}}]",
        "stopProcessing: true",
        "stopProcessing: false",
    ),
    ChangeKind.HOST_KEPT: ("", "preserveHostHeader: false", "preserveHostHeader: true"),
    ChangeKind.ROOT_PATH: ("rootPaths: [/x]", "rootPaths: [/x]", "rootPaths: [/x, /api]"),
    ChangeKind.BACKEND_NAME: ("", "backendNames: []", "backendNames: [http://inner:81]"),
    ChangeKind.LINKS_ALSO: ("", "linksAlso: []", "linksAlso: [comments]"),
    ChangeKind.LINKS: ("links: off", "links: off", "links: tags"),
    ChangeKind.RULE_OFF: (
        "rules: [{name: r, match: a, action: {type: Rewrite, url: b}}]",
        "enabled: true",
        "enabled: false",
    ),
}


def of_both(rule_set: RuleSet) -> Iterator[Change]:
    for side in get_args(Side.__value__):
        yield from changes(rule_set, rule_set.sites[0].name, side, HINTS)


def leaves(value: Any, at: tuple[object, ...] = ()) -> Iterator[tuple[tuple[object, ...], Any]]:
    """Every value in a rule set with the way to it; the order of what was added or taken away does not count."""
    if dataclasses.is_dataclass(value):
        for each in dataclasses.fields(value):
            if each.name != "source":
                yield from leaves(getattr(value, each.name), (*at, each.name))
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from leaves(each, (*at, key))
    elif isinstance(value, tuple) and at[-1] not in ("filter_by_tags", "tags", "items", "root_paths", "backend_names"):
        for number, each in enumerate(value):
            yield from leaves(each, (*at, number))
    else:
        yield at, value


def differences(one: RuleSet, other: RuleSet) -> list[tuple[Any, Any]]:
    before, after = dict(leaves(one)), dict(leaves(other))
    return [(before.get(at), after.get(at)) for at in {**before, **after} if before.get(at) != after.get(at)]


def is_one_thing(before: Any, after: Any) -> bool:
    """Say whether a value changed in one thing: another value, one more or one fewer of many, or one of them other."""
    if not isinstance(before, tuple | frozenset) or not isinstance(after, tuple | frozenset):
        return True
    if len(before) != len(after):
        fewer, more = sorted((Counter(before), Counter(after)), key=lambda each: each.total())
        return more.total() - fewer.total() == 1 and not fewer - more
    assert isinstance(before, tuple) and isinstance(after, tuple)
    return sum(one != other for one, other in zip(before, after, strict=True)) == 1


@pytest.mark.parametrize("kind", ChangeKind)
def test_each_kind(kind: ChangeKind) -> None:
    text, was, becomes = KINDS[kind]
    rule_set = rules_of(text).rules.rule_set
    made = [(change.was, change.becomes) for change in of_both(rule_set) if change.kind is kind]
    assert (was, becomes) in made


def test_the_tables_have_every_kind() -> None:
    of_links = {ChangeKind.TAG, ChangeKind.CUSTOM_TAG}
    assert OF_RULES.keys() | OF_SITES.keys() | of_links == set(ChangeKind)


PATTERNS = st.sampled_from(["^a(.*)$", "b", "^(x)/(y)", "a|b$", ""])
TEXTS = st.sampled_from(["/n/{R:1}", "{C:1}{R:0}", "plain", ""])
CONDITIONS = st.builds(
    Conditions,
    st.lists(st.builds(Condition, st.sampled_from(["{URL}", "{HTTP_HOST}"]), PATTERNS), max_size=3).map(tuple),
    st.sampled_from(LogicalGrouping),
)
INBOUND = st.builds(
    InboundRule,
    st.sampled_from("rst"),
    st.builds(Match, PATTERNS, st.booleans(), st.booleans()),
    CONDITIONS,
    st.lists(st.builds(SetServerVariable, st.just("HTTP_X"), TEXTS), max_size=2).map(tuple),
    action=st.builds(Action, st.sampled_from(ActionType), TEXTS, st.booleans()),
    enabled=st.booleans(),
    stop_processing=st.booleans(),
)
OUTBOUND = st.builds(
    OutboundRule,
    st.sampled_from("rst"),
    st.builds(OutboundMatch, PATTERNS, filter_by_tags=st.sampled_from([(), ("A",), ("Img", "CustomTags")])),
    st.sampled_from(["", "html"]),
    CONDITIONS,
    st.builds(OutboundAction, st.sampled_from(OutboundActionType), TEXTS),
    enabled=st.booleans(),
)
RULE_SETS = st.builds(
    lambda inbound, outbound, everywhere, **site: RuleSet(
        sites=(Site(name="s", rules=tuple(inbound), outbound_rules=tuple(outbound), **site),),
        global_rules=tuple(everywhere),
    ),
    st.lists(INBOUND, max_size=2),
    st.lists(OUTBOUND, max_size=2),
    st.lists(INBOUND, max_size=1),
    root_paths=st.sampled_from([(), ("/x",)]),
)


@given(RULE_SETS)
def test_a_change_changes_exactly_one_thing(rule_set: RuleSet) -> None:
    for change in of_both(rule_set):
        found = differences(rule_set, change.rule_set)
        assert len(found) == 1 and is_one_thing(*found[0]), change


@given(RULE_SETS)
def test_changes_come_in_order_of_kind(rule_set: RuleSet) -> None:
    for side in get_args(Side.__value__):
        made = list(changes(rule_set, "s", side, HINTS))
        kinds = list(ChangeKind)
        assert [kinds.index(each.kind) for each in made] == sorted(kinds.index(each.kind) for each in made)


def test_rules_of_other_sites_stay() -> None:
    rule_set = rules_of("rules: [{name: r, match: a, action: {type: Rewrite, url: b}}]").rules.rule_set
    assert not list(changes(rule_set, "another", "request"))
