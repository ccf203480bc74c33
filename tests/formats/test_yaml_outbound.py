from __future__ import annotations

import pytest

from formats.support import SITE, Expected, assert_told, in_site
from urlrewrite.model import (
    Condition,
    Conditions,
    CustomTags,
    LogicalGrouping,
    OutboundAction,
    OutboundActionType,
    OutboundMatch,
    PatternSyntax,
    PreCondition,
    Source,
)

NAMES = SITE + "preConditions: {is html: [{input: a, pattern: b}]}\ncustomTags: {lazy: [img/data-src]}\n"
RULE = NAMES + "outboundRules:\n  - name: r\n"
"""A rule without its match, in line 6; what a case adds begins in line 7."""


def rule(*lines: str) -> str:
    return RULE + "".join(f"    {line}\n" for line in lines)


MATCHES = [
    ("{pattern: a}", OutboundMatch("a")),
    ("{pattern: a, filterByTags: None}", OutboundMatch("a")),
    ("{pattern: a, filterByTags: 'a, FORM,iframe'}", OutboundMatch("a", filter_by_tags=("A", "Form", "IFrame"))),
    ("{pattern: a, filterByTags: [Img, Img, Link]}", OutboundMatch("a", filter_by_tags=("Img", "Link"))),
    (
        "{pattern: a, filterByTags: [A, CustomTags], customTags: LAZY}",
        OutboundMatch("a", filter_by_tags=("A", "CustomTags"), custom_tags="LAZY"),
    ),
    (
        "{pattern: a, serverVariable: RESPONSE_X-Powered-By, ignoreCase: false, negate: true}",
        OutboundMatch("a", "RESPONSE_X-Powered-By", ignore_case=False, negate=True),
    ),
    ("{pattern: a, occurrences: 9223372036854775807}", OutboundMatch("a", occurrences=2**63 - 1)),
]


@pytest.mark.parametrize(("text", "expected"), MATCHES)
def test_match(text: str, expected: OutboundMatch) -> None:
    rules = in_site(f"customTags: {{lazy: [img/data-src]}}\noutboundRules: [{{name: r, match: {text}}}]")
    assert rules.sites[0].outbound_rules[0].match == expected


ACTIONS = [
    ("None", OutboundAction()),
    ("{type: none}", OutboundAction()),
    ("{type: Rewrite, value: ''}", OutboundAction(OutboundActionType.REWRITE)),
    ("{type: Rewrite, value: off, replace: off}", OutboundAction(OutboundActionType.REWRITE, "off", replace=False)),
]


@pytest.mark.parametrize(("text", "expected"), ACTIONS)
def test_action(text: str, expected: OutboundAction) -> None:
    rules = in_site(f"outboundRules: [{{name: r, match: {{pattern: a}}, action: {text}}}]")
    assert rules.sites[0].outbound_rules[0].action == expected


def test_captures_of_all_conditions_are_tracked_by_default() -> None:
    (site,) = in_site(
        """
        outboundRules:
          - {name: a, match: {pattern: a}}
          - {name: b, match: {pattern: a}, conditions: [{input: a, pattern: b}]}
          - {name: c, match: {pattern: a}, conditions: {trackAllCaptures: false, add: [{input: a, pattern: b}]}}
        """
    ).sites
    assert [rule.conditions.track_all_captures for rule in site.outbound_rules] == [None, None, False]


def test_pre_conditions_long_and_short() -> None:
    (site,) = in_site(
        """preConditions:
  Is HTML: [{input: '{RESPONSE_CONTENT_TYPE}', pattern: ^text/html}]
  is text: {logicalGrouping: MatchAny, patternSyntax: wildcard, conditions: [{input: a, pattern: b}]}
outboundRules: [{name: r, preCondition: is html, match: {pattern: a}}]
"""
    ).sites
    first = Condition("{RESPONSE_CONTENT_TYPE}", "^text/html", source=Source("rules.yaml", 4))
    second = Condition("a", "b", source=Source("rules.yaml", 5))
    assert site.pre_conditions == {
        "Is HTML": PreCondition("Is HTML", (first,), source=Source("rules.yaml", 4)),
        "is text": PreCondition(
            "is text", (second,), LogicalGrouping.MATCH_ANY, PatternSyntax.WILDCARD, Source("rules.yaml", 5)
        ),
    }
    assert site.outbound_rules[0].pre_condition == "is html"  # as it is written; case does not count
    assert site.outbound_rules[0].conditions == Conditions()


TAGS = [
    ("[img/data-src]", (("img", "data-src"),)),
    ("[IMG / Data-Src, {Video: Poster}]", (("img", "data-src"), ("video", "poster"))),
    ("[{video: poster, source: srcset}]", (("video", "poster"), ("source", "srcset"))),
    ("[{name: meta, attribute: content}]", (("meta", "content"),)),
    ("[svg/xlink:href]", (("svg", "xlink:href"),)),
]


@pytest.mark.parametrize(("text", "expected"), TAGS)
def test_custom_tags(text: str, expected: tuple[tuple[str, str], ...]) -> None:
    (site,) = in_site(f"customTags: {{lazy: {text}}}").sites
    assert site.custom_tags == {"lazy": CustomTags("lazy", expected, Source("rules.yaml", 3))}


WRONG: list[tuple[str, Expected]] = [
    (SITE + "outboundRules: {rules: []}", [(3, "UR003", "outboundRules: got a mapping, expected a list")]),
    (SITE + "outboundRules: [{}]", [(3, "UR006", "outboundRules.name: got"), (3, "UR006", "outboundRules.match: got")]),
    (rule("enabled: true"), [(6, "UR006", 'rule "r": match: got nothing, expected a mapping with pattern')]),
    (rule("match: a"), [(7, "UR003", 'match: got "a", expected a mapping with serverVariable, filterByTags')]),
    (rule("match: {filterByTags: A}"), [(7, "UR006", "match.pattern: got nothing")]),
    (rule("match: {url: a}"), [(7, "UR004", 'match: got the key "url"'), (7, "UR006", "match.pattern: got nothing")]),
    (
        rule("match: {pattern: a, filterByTags: CustomTags}"),
        [(7, "UR006", "match.customTags: got nothing, expected a name out of the customTags of the site")],
    ),
    (
        rule("match: {pattern: a, filterByTags: A, customTags: lazy}"),
        [(7, "UR013", "match.customTags: has no effect without the flag CustomTags in filterByTags")],
    ),
    (
        rule("match: {pattern: a, filterByTags: 'A, Frm'}"),
        [(7, "UR007", 'match.filterByTags: got "Frm", expected one of None, A, Area, Base, Form, Frame, Head, IFrame')],
    ),
    (
        rule("match: {pattern: a, filterByTags: [[A]]}"),
        [(7, "UR003", "match.filterByTags: got a list, expected a text")],
    ),
    (
        rule("match: {pattern: a, filterByTags: A, serverVariable: RESPONSE_X}"),
        [(7, "UR013", 'warning: rule "r": match.filterByTags: has no effect, because serverVariable is given')],
    ),
    (
        rule("match: {pattern: a, serverVariable: '{RESPONSE_X}'}"),
        [(7, "UR007", 'match.serverVariable: got the name "{RESPONSE_X}", expected a bare name')],
    ),
    (
        rule("match: {pattern: '*'}", "patternSyntax: Wildcard"),
        [(8, "UR012", "patternSyntax: got Wildcard for the whole body, expected ECMAScript or ExactMatch")],
    ),
    (rule("match: {pattern: '*', filterByTags: A}", "patternSyntax: Wildcard"), []),
    (rule("match: {pattern: '*', serverVariable: A}", "patternSyntax: Wildcard"), []),
    (
        rule("match: {pattern: a, occurrences: -1}"),
        [(7, "UR007", 'match.occurrences: got "-1", expected a whole number')],
    ),
    (rule("match: {pattern: a}", "action: Rewrite"), [(8, "UR006", "expected a mapping with type and value")]),
    (
        rule("match: {pattern: a}", "action: Redirect"),
        [(8, "UR007", 'action: got "Redirect", expected one of None, R')],
    ),
    (rule("match: {pattern: a}", "action: [a]"), [(8, "UR003", "action: got a list")]),
    (
        rule("match: {pattern: a}", "action: {value: a}"),
        [(8, "UR006", "action.type: got nothing, expected one of None,")],
    ),
    (rule("match: {pattern: a}", "action: {type: Rewrite}"), [(8, "UR006", "action.value: got nothing")]),
    (
        rule("match: {pattern: a}") + "  - {name: R, match: {pattern: a}}\n",
        [(8, "UR008", 'rule "R": got the rule "R" again')],
    ),
    (
        SITE
        + "preConditions:\n  a: {logicalGrouping: MatchAny}\n  b: c\n  A: []\n  d: {conditions: [e]}\n  f: {add: []}\n",
        [
            (4, "UR006", "preConditions.a.conditions: got nothing, expected a list of conditions"),
            (5, "UR003", 'preConditions.b: got "c", expected a list'),
            (6, "UR008", 'got the preCondition "A" again'),
            (7, "UR003", 'preConditions.d.conditions[1]: got "e", expected a mapping'),
            (8, "UR004", 'preConditions.f: got the key "add"'),
            (8, "UR006", "preConditions.f.conditions: got nothing"),
        ],
    ),
    (SITE + "preConditions: [a]\n", [(3, "UR003", "preConditions: got a list, expected a mapping of names")]),
    (
        SITE + "customTags:\n  a: [img]\n  b: [{img: }]\n  c: [[img]]\n  d: img/src\n  A: [{}]\n  e: [img/]\n",
        [
            (4, "UR007", 'customTags.a: got "img", expected {tag: attribute} or tag/attribute'),
            (5, "UR007", "customTags.b: got a mapping"),
            (6, "UR007", "customTags.c: got a list"),
            (7, "UR003", 'customTags.d: got "img/src", expected a list'),
            (8, "UR007", "customTags.A: got a mapping"),
            (8, "UR008", 'got the customTags "A" again'),
            (9, "UR007", 'customTags.e: got "img/"'),
        ],
    ),
]


@pytest.mark.parametrize(("text", "expected"), WRONG)
def test_wrong(text: str, expected: Expected) -> None:
    assert_told(text, expected)
