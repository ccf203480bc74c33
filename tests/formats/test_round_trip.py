"""Rules of IIS go out as they came in: by way of our XML, and by way of our YAML."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given, settings

from formats.farm_models import farms_of_iis
from formats.models import quick, servers, web_configs
from formats.schema import Schema
from shared_folder import SHARED, needs_shared
from urlrewrite.formats.xml import rules as xml_rules
from urlrewrite.formats.xml.export import to_web_config
from urlrewrite.formats.xml.export_host import to_application_host
from urlrewrite.formats.yaml import rules as yaml_rules
from urlrewrite.formats.yaml.export import to_yaml
from urlrewrite.model import Collection, Location, RuleSet, Site
from urlrewrite.model.problems import RuleFileError

WEB_CONFIGS = sorted((SHARED / "conformance" / "webconfigs").glob("*.xml"))
needs_files = needs_shared("conformance/webconfigs", "spec/rewrite_schema.xml")


def imported(data: bytes, name: str = "shop.config") -> RuleSet:
    rules = replace(xml_rules.parse(data, name)[0], files=(), fingerprint="")
    # A site that says nothing of bindings is written with IIS's usual one.
    usual = (("http", 80),)
    return replace(
        rules, sites=tuple(replace(site, bound=None) if site.bound == usual else site for site in rules.sites)
    )


def comments(value: object) -> Iterator[tuple[str, str]]:
    """Every comment in a model, which does not count when models are compared, with where it stands."""
    if is_dataclass(value):
        for item in fields(value):
            inner = getattr(value, item.name)
            if item.name == "comment" and inner:
                yield type(value).__name__, inner
            elif item.name == "comments":
                yield from inner.items()
            else:
                yield from comments(inner)
    elif isinstance(value, tuple):
        for part in value:
            yield from comments(part)
    elif hasattr(value, "values"):
        for part in value.values():
            yield from comments(part)


def valid_fragments() -> list[Path]:
    valid = []
    for path in WEB_CONFIGS:
        try:
            xml_rules.parse(path.read_bytes(), path.name)
        except RuleFileError:
            continue
        valid.append(path)
    return valid


FRAGMENTS = valid_fragments()


@needs_files
def test_most_fragments_are_valid() -> None:
    assert len(FRAGMENTS) > 0.8 * len(WEB_CONFIGS)


@needs_files
@pytest.mark.parametrize("path", FRAGMENTS, ids=lambda path: path.stem)
def test_fragments_survive_xml(path: Path) -> None:
    rules = imported(path.read_bytes(), path.name)
    of_server = rules.global_rules or any(
        section.allowed_server_variables is not None for site in rules.sites for section in (site, *site.locations)
    )
    text, _ = to_application_host(rules) if of_server or rules.farms or rules.proxy else to_web_config(rules)
    again = imported(text.encode(), path.name)
    assert again == rules
    assert [*comments(again)] == [*comments(rules)]
    assert Schema().faults(text) == []


@needs_files
@pytest.mark.parametrize("path", FRAGMENTS, ids=lambda path: path.stem)
def test_fragments_survive_yaml(path: Path) -> None:
    rules = imported(path.read_bytes(), path.name)
    assert replace(yaml_rules.parse(to_yaml(rules), path.name)[0], files=(), fingerprint="") == rules


def without_variables[S: (Site, Location)](section: S) -> S:
    """A section without what only applicationHost.config may say."""
    left = tuple(item for item in section.removals if item.collection is not Collection.ALLOWED_SERVER_VARIABLES)
    return replace(section, allowed_server_variables=None, removals=left)


@settings(quick, max_examples=30)
@given(web_configs())
def test_any_site_survives_a_web_config(site: Site) -> None:
    locations = tuple(map(without_variables, site.locations))
    bare = replace(without_variables(site), name="shop", locations=locations)
    text, _ = to_web_config(RuleSet(sites=(bare,)))
    assert imported(text.encode()).sites == (bare,)


@settings(quick, max_examples=12)
@given(servers())
def test_any_server_survives_an_application_host(rules: RuleSet) -> None:
    text, _ = to_application_host(rules)
    assert imported(text.encode()) == rules


@settings(quick, max_examples=40)
@given(farms_of_iis())
def test_farms_of_iis_survive_xml_and_yaml(farms: dict[str, object]) -> None:
    rules = RuleSet(sites=(Site(name="shop"),), **farms)
    text, problems = to_application_host(rules)
    read = imported(text.encode())
    assert (read.farms, read.web_farms) == (rules.farms, rules.web_farms)
    by_yaml = yaml_rules.parse(to_yaml(rules), "shop.yaml")[0]
    assert (by_yaml.farms, by_yaml.web_farms) == (rules.farms, rules.web_farms)
    assert to_application_host(by_yaml)[0] == text
    assert all("ARR 3 balances by" in problem.message for problem in problems if "farm" in problem.message)
