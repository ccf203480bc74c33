"""IIS XML to the model: where sections stand, and what their values mean."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from formats.xml_support import action, outbound, read, rule, site_of
from urlrewrite.formats.xml import rules as xml_rules
from urlrewrite.model import (
    Action,
    ActionType,
    Collection,
    Conditions,
    LinkMode,
    PatternSyntax,
    RedirectType,
    Removal,
    ResponseCacheDirective,
    Site,
)

SERVER = "<system.webServer><rewrite>{}</rewrite></system.webServer>"
ROOTS = [
    f"<configuration>{SERVER}</configuration>",
    f"<configuration><location path='.'>{SERVER}</location></configuration>",
    f"<configuration><location>{SERVER}</location></configuration>",
    f"<location path='/'>{SERVER}</location>",
    SERVER,
    "<rewrite>{}</rewrite>",
    "{}",
]


@pytest.mark.parametrize("root", ROOTS)
def test_pieces_of_a_web_config(root: str) -> None:
    rules = read(root.format("<rules><rule name='a'><match url='b'/></rule></rules>"), "shop.xml")
    (site,) = rules.sites
    assert (site.name, [rule.name for rule in site.rules], site.locations) == ("shop", ["a"], ())


PIECES = [
    (
        "<globalRules useOriginalURLEncoding='false'><rule name='a'><match url='b'/></rule></globalRules>",
        "global_rules",
    ),
    ("<outboundRules><rule name='a'><match pattern='b'/></rule></outboundRules>", "outbound_rules"),
    ("<preConditions><preCondition name='a'/></preConditions>", "pre_conditions"),
    ("<customTags><tags name='a'/></customTags>", "custom_tags"),
    ("<rewriteMaps><rewriteMap name='a'/></rewriteMaps>", "rewrite_maps"),
    ("<allowedServerVariables><add name='a'/></allowedServerVariables>", "allowed_server_variables"),
]


@pytest.mark.parametrize(("text", "name"), PIECES)
def test_every_section_can_stand_alone(text: str, name: str) -> None:
    rules = read(text)
    held = getattr(rules if name == "global_rules" else rules.sites[0], name)
    assert [getattr(item, "name", item) for item in held] == ["a"]
    assert rules.global_use_original_url_encoding is (False if name == "global_rules" else None)


SAME: list[tuple[str, str, str, Any]] = [
    ("enum without case", rule("patternSyntax='wildcard'"), "pattern_syntax", PatternSyntax.WILDCARD),
    ("boolean without case", rule("enabled='False'"), "enabled", False),
    ("blanks around values", rule("enabled=' false '"), "enabled", False),
    (
        "response cache",
        rule("responseCacheDirective='never'"),
        "response_cache_directive",
        ResponseCacheDirective.NEVER,
    ),
    ("no conditions", rule("", "<match url='b'/><conditions/>"), "conditions", Conditions()),
    (
        "captures",
        rule("", "<match url='b'/><conditions trackAllCaptures='false'/>"),
        "conditions",
        Conditions(track_all_captures=False),
    ),
    ("locks", rule("lockItem='true'"), "enabled", True),
    ("no action", rule(), "action", Action()),
    *(
        (f"redirect {word}", action(f"type='redirect' url='/' redirectType='{word}'"), "action.redirect_type", kind)
        for word, kind in [
            ("permanent", RedirectType.PERMANENT),
            ("301", RedirectType.PERMANENT),
            ("302", RedirectType.FOUND),
            ("SEEOTHER", RedirectType.SEE_OTHER),
            ("303", RedirectType.SEE_OTHER),
            ("307", RedirectType.TEMPORARY),
        ]
    ),
    (
        "redirect by comment",
        rule("", "<match url='b'/><!-- urlrewrite: redirectType=308 --><action type='Redirect' url='/'/>"),
        "action.redirect_type",
        RedirectType.PERMANENT_REDIRECT,
    ),
    ("abort", action("type='abortRequest'"), "action.type", ActionType.ABORT_REQUEST),
    ("every word", action("type='CustomResponse' statusCode='308'"), "action.status_code", 308),
]


@pytest.mark.parametrize(("text", "name", "value"), [case[1:] for case in SAME], ids=[case[0] for case in SAME])
def test_inbound_values(text: str, name: str, value: object) -> None:
    found: Any = site_of(text).rules[0]
    for part in name.split("."):
        found = getattr(found, part)
    assert found == value


OUTBOUND: list[tuple[str, str, Any]] = [
    ("filterByTags='None' pattern='a'", "filter_by_tags", ()),
    ("filterByTags='a , IMG,, script' pattern='a'", "filter_by_tags", ("A", "Img", "Script")),
    ("pattern=''", "pattern", ""),
    ("pattern='a' occurrences='9223372036854775807'", "occurrences", 2**63 - 1),
    ("pattern='a' serverVariable='RESPONSE_Set-Cookie'", "server_variable", "RESPONSE_Set-Cookie"),
]


@pytest.mark.parametrize(("attributes", "name", "value"), OUTBOUND)
def test_outbound_values(attributes: str, name: str, value: object) -> None:
    assert getattr(site_of(outbound(attributes)).outbound_rules[0].match, name) == value


COLLECTIONS = [
    ("<rules>{}</rules>", "<rule name='{}'><match url='x'/></rule>", Collection.RULES, "rules"),
    (
        "<outboundRules>{}</outboundRules>",
        "<rule name='{}'><match pattern='x'/></rule>",
        Collection.OUTBOUND_RULES,
        "outbound_rules",
    ),
    (
        "<outboundRules><preConditions>{}</preConditions></outboundRules>",
        "<preCondition name='{}'/>",
        Collection.PRE_CONDITIONS,
        "pre_conditions",
    ),
    (
        "<outboundRules><customTags>{}</customTags></outboundRules>",
        "<tags name='{}'/>",
        Collection.CUSTOM_TAGS,
        "custom_tags",
    ),
    ("<rewriteMaps>{}</rewriteMaps>", "<rewriteMap name='{}'/>", Collection.REWRITE_MAPS, "rewrite_maps"),
    (
        "<allowedServerVariables>{}</allowedServerVariables>",
        "<add name='{}'/>",
        Collection.ALLOWED_SERVER_VARIABLES,
        "allowed_server_variables",
    ),
]
REMOVALS: list[tuple[str, list[str], list[str]]] = [
    ("a b", ["a", "b"], []),
    ("-x a", ["a"], ["x"]),
    ("-x -X a", ["a"], ["x"]),
    ("a b -A", ["b"], []),
    ("a b -A a", ["b", "a"], []),
    ("a ! b", ["b"], [""]),
    ("-x a !", [], [""]),
    ("! -x a", ["a"], [""]),
    ("! !", [], [""]),
]
"""Entries, `-` for remove and `!` for clear; what is left, and what is not inherited."""


@pytest.mark.parametrize(("outer", "entry", "collection", "name"), COLLECTIONS)
@pytest.mark.parametrize(("script", "left", "removed"), REMOVALS)
def test_clear_and_remove(
    outer: str, entry: str, collection: Collection, name: str, script: str, left: list[str], removed: list[str]
) -> None:
    words = {"!": "<clear/>"}
    inner = "".join(
        words.get(word) or (f"<remove name='{word[1:]}'/>" if word[0] == "-" else entry.format(word))
        for word in script.split()
    )
    site = site_of(outer.format(inner))
    assert [getattr(item, "name", item) for item in getattr(site, name)] == left
    assert site.removals == tuple(Removal(collection, item) for item in removed)


def test_locations_are_told_apart_without_case_and_put_together() -> None:
    rules = "<rules><rule name='{}'><match url='x'/></rule></rules>"
    section = f"<location path='{{}}'>{SERVER.format(rules)}</location>"
    text = "<configuration>" + section.format(r"\Shop\cart/", "a") + section.format("other", "b") + "</configuration>"
    locations = read(text).sites[0].locations
    assert [(item.path, item.rules[0].name, item.source.line) for item in locations] == [
        ("Shop/cart", "a", 1),
        ("other", "b", 1),
    ]
    again = "<configuration>" + section.format("shop", "a") + section.format("SHOP", "b") + "</configuration>"
    rules, (warning,) = xml_rules.parse(again.encode(), "web.config")
    (location,) = rules.sites[0].locations
    assert [item.name for item in location.rules] == ["a", "b"]
    assert warning.id == "UR018"


def test_nothing_of_a_site_but_its_section_is_set() -> None:
    plain = Site(name="web", links=LinkMode.OFF, allowed_server_variables=None)
    (site,) = read("<rewrite/>", "web.xml").sites
    assert dataclasses.replace(site, source=plain.source) == plain
