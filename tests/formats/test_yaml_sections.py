"""The keys that the server, a site and a location have in common, and those for what IIS keeps beside them."""

from __future__ import annotations

from pathlib import Path

import pytest

from formats.support import SITE, Expected, assert_told, in_site, read
from urlrewrite.formats import rule_files
from urlrewrite.model import (
    Collection,
    ConfigElement,
    LinkMode,
    Mode,
    Readings,
    Removal,
    ResponseCacheDirective,
    RuleSet,
    TagReplacement,
)
from urlrewrite.model.problems import RuleFileError, Severity

SITE_VALUES = [
    ("mode: iis", "mode", Mode.IIS),
    ("readings: {tagReplacement: match}", "readings", Readings(TagReplacement.MATCH)),
    ("readings: {outboundTrackAllCaptures: off}", "readings", Readings(outbound_track_all_captures=False)),
    ("useOriginalURLEncoding: false", "use_original_url_encoding", False),
    ("rewriteBeforeCache: true", "rewrite_before_cache", True),
    ("links: off", "use_original_url_encoding", None),
    ("remove: rules", "removals", (Removal(Collection.RULES),)),
    (
        "remove: [customTags, {rules: a, outboundRules: [b, c]}]",
        "removals",
        (
            Removal(Collection.CUSTOM_TAGS),
            Removal(Collection.RULES, "a"),
            Removal(Collection.OUTBOUND_RULES, "b"),
            Removal(Collection.OUTBOUND_RULES, "c"),
        ),
    ),
]


@pytest.mark.parametrize(("text", "attribute", "expected"), SITE_VALUES)
def test_a_value_of_a_site(text: str, attribute: str, expected: object) -> None:
    assert getattr(in_site(text).sites[0], attribute) == expected


def test_rules_have_silence_and_a_cache_directive() -> None:
    (site,) = in_site(
        """
        rules: [{name: a, match: b, silence: UR131, responseCacheDirective: notIfRuleMatched}]
        outboundRules: [{name: a, match: {pattern: b}, silence: [UR131, UR140]}]
        """
    ).sites
    assert site.rules[0].silenced == ("UR131",)
    assert site.rules[0].response_cache_directive is ResponseCacheDirective.NOT_IF_RULE_MATCHED
    assert site.outbound_rules[0].silenced == ("UR131", "UR140")


def test_names_may_have_line_ends_and_blanks_as_in_iis() -> None:
    (site,) = in_site('rules: [{name: " a\\nb ", match: .*}]').sites
    assert site.rules[0].name == " a\nb "


def test_locations_are_sections() -> None:
    (site,) = in_site(
        """
        locations:
          /shop/cart/: {remove: rules, rules: [{name: a, match: b}], rewriteMaps: {m: {c: d}}}
          wiki: [{allowedServerVariables: []}, {useOriginalURLEncoding: false}]
        """
    ).sites
    cart, first, second = site.locations
    assert (cart.path, cart.rules[0].name, [*cart.rewrite_maps]) == ("shop/cart", "a", ["m"])
    assert cart.removals == (Removal(Collection.RULES),)
    assert (first.path, first.allowed_server_variables) == ("wiki", ())
    assert (second.path, second.use_original_url_encoding) == ("wiki", False)


def test_beside_sites_stands_what_they_inherit() -> None:
    rules = read(
        """
        rules: [{name: a, match: b}]
        preConditions: {p: []}
        allowedServerVariables: HTTP_X
        globalUseOriginalURLEncoding: false
        remove: outboundRules
        sites:
          - {backend: http://b, outboundRules: [{name: c, preCondition: P, match: {pattern: d}}]}
        """
    )
    assert [rule.name for rule in rules.rules] == ["a"]
    assert rules.allowed_server_variables == ("HTTP_X",)
    assert rules.global_use_original_url_encoding is False
    assert rules.removals == (Removal(Collection.OUTBOUND_RULES),)
    assert rules.sites[0].outbound_rules[0].pre_condition == "P"
    assert (rules.sites[0].name, rules.sites[0].public) == ("", ())


def test_proxy_is_kept_and_so_is_what_farms_have_nothing_for() -> None:
    rules = in_site(
        """
        proxy: {attributes: {enabled: true}, children: [{element: cache, attributes: {enabled: false}}]}
        webFarms: {children: [{element: webFarm, attributes: {name: shop}, children: [{element: server}]}]}
        """
    )
    cache = ConfigElement("cache", {"enabled": "false"})
    assert rules.proxy == ConfigElement("proxy", {"enabled": "true"}, (cache,))
    farm = ConfigElement("webFarm", {"name": "shop"}, (ConfigElement("server"),))
    assert rules.web_farms == ConfigElement("webFarms", {}, (farm,))


def loaded(folder: Path, **files: str) -> RuleSet:
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text, encoding="utf-8")
    return rule_files.load([folder / "site.yaml"])[0]


def test_a_provider_answers_from_its_file(tmp_path: Path) -> None:
    provider = "{type: 'FileMapProvider, Microsoft.Web.Iis.Rewrite.Providers', settings: {FilePath: map.txt}}"
    rules = loaded(tmp_path, map_txt="/old\t/new\n", site_yaml=f"{SITE}providers: {{moved: {provider}}}\n")
    assert dict(rules.providers["moved"].entries) == {"/old": "/new"}
    assert str(tmp_path / "map.txt") in rules.files


WEB_CONFIG = """<configuration><system.webServer><rewrite><rules>
<rule name="a"><match url="b"/></rule></rules></rewrite></system.webServer>
<location path="shop"><system.webServer><rewrite><rules><clear/></rules></rewrite></system.webServer></location>
</configuration>"""


def test_a_web_config_gives_a_site_its_rules(tmp_path: Path) -> None:
    rules = loaded(tmp_path, web_config=WEB_CONFIG, site_yaml=f"{SITE}links: off\nwebConfig: web.config\n")
    (site,) = rules.sites
    assert ([rule.name for rule in site.rules], site.links, site.name) == (["a"], LinkMode.OFF, "site")
    assert [location.path for location in site.locations] == ["shop"]
    assert str(tmp_path / "web.config") in rules.files


def test_what_a_web_config_says_of_the_server_is_honoured(tmp_path: Path) -> None:
    """IIS has it in applicationHost.config only; two sites may name the same file."""
    rule = "<rule name='{}'><match url='a'/></rule>"
    section = f"<rewrite><globalRules useOriginalURLEncoding='false'>{rule.format('g')}</globalRules></rewrite>"
    config = f"<configuration><system.webServer><proxy enabled='false'/>{section}</system.webServer></configuration>"
    (tmp_path / "web.config").write_text(config)
    (tmp_path / "site.yaml").write_text(
        "globalRules: [{name: own, match: a}]\nsites:\n"
        + "".join(f"  - {{public: 'http://{name}', backend: 'http://b', webConfig: web.config}}\n" for name in "xy")
    )
    rules, warnings = rule_files.load([tmp_path / "site.yaml"])
    assert [rule.name for rule in rules.global_rules] == ["own", "g"]
    assert rules.global_use_original_url_encoding is False
    assert rules.proxy
    assert rules.proxy.attributes == {"enabled": "false"}
    assert {problem.id for problem in warnings} == {"UR018"}
    (tmp_path / "other.config").write_text(config.replace("'g'", "'G'"))
    text = (tmp_path / "site.yaml").read_text()
    (tmp_path / "site.yaml").write_text(text[: text.rindex("web.config")] + "other.config}\n")
    with pytest.raises(RuleFileError) as error:
        rule_files.load([tmp_path / "site.yaml"])
    errors = [problem.id for problem in error.value.problems if problem.severity is Severity.ERROR]
    assert errors == ["UR005", "UR008"]


NOT_USABLE = [
    ("webConfig: web.config\nrules: []\n", "rules: got rules beside webConfig, expected it in"),
    ("webConfig: none.config\n", 'webConfig: got "none.config" (No such file or directory), expected a web.config'),
    ("webConfig: two.config\n", 'webConfig: got "two.config" with 2 sites, expected a web.config'),
    ("webConfig: bad.config\n", "bad.config:1: "),
]
TWO = """<configuration><system.applicationHost><sites><site name="a"/><site name="b"/></sites></system.applicationHost>
</configuration>"""


@pytest.mark.parametrize(("text", "expected"), NOT_USABLE)
def test_a_web_config_that_cannot_be_used(text: str, expected: str, tmp_path: Path) -> None:
    with pytest.raises(RuleFileError) as error:
        loaded(tmp_path, web_config=WEB_CONFIG, two_config=TWO, bad_config="<a", site_yaml=SITE + text)
    assert expected in str(error.value)


WRONG: list[tuple[str, Expected]] = [
    (SITE + "mode: strict\n", [(3, "UR007", 'mode: got "strict", expected one of helpful, iis')]),
    (
        SITE + "readings: {tags: value}\n",
        [(3, "UR004", 'readings: got the key "tags", expected one of tagReplacement')],
    ),
    (SITE + "remove: rule\n", [(3, "UR007", 'remove: got "rule", expected one of rules, outboundRules')]),
    (SITE + "remove: {rules: ''}\n", [(3, "UR006", "remove.rules: got nothing, expected a name; to remove all of it")]),
    (SITE + "remove: [{rules: [{a: b}]}]\n", [(3, "UR003", "remove.rules: got a mapping, expected a text")]),
    (SITE + "locations: [a]\n", [(3, "UR003", "locations: got a list, expected a mapping of names")]),
    (SITE + "locations: {a: {backend: b}}\n", [(3, "UR004", 'locations.a: got the key "backend", expected one of')]),
    (SITE + "locations: {a: {rules: b}}\n", [(3, "UR003", 'locations.a.rules: got "b", expected a list')]),
    (SITE + "providers: {C: {type: a}}\n", [(3, "UR007", "providers.C: got"), (3, "UR020", 'provider "C": got "a"')]),
    (SITE + "providers: {a: b}\n", [(3, "UR003", 'providers.a: got "b", expected a mapping with type, settings')]),
    (SITE + "proxy: a\n", [(3, "UR003", 'proxy: got "a", expected a mapping with element, attributes, children')]),
    (SITE + "webFarms: {children: [{attributes: {a: b}}]}\n", [(3, "UR006", "webFarms.children[1].element: got")]),
    (
        SITE + "rules: [{name: r, match: a, silence: [R1, UR131]}]\n",
        [(3, "UR007", 'rule "r": silence: got "R1", expected the id of a finding such as UR131')],
    ),
    (
        "rules: []\nlocations: {}\nsites: [{backend: http://b}]\n",
        [(2, "UR004", "locations: got locations beside sites, expected it in one of the sites")],
    ),
]


@pytest.mark.parametrize(("text", "expected"), WRONG)
def test_wrong(text: str, expected: Expected) -> None:
    assert_told(text, expected)
