"""Every attribute of `carriers.yaml`, in every way in which the table of carriers is used.

A row that is missing in the table, one too many, and a column that says something else: each makes a test fail that
looks at bytes, not at the table.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from rules_of import ask, rules_of
from urlrewrite.content.carriers import CARRIERS, TAG_FLAGS
from urlrewrite.engine.compile import compile_rules
from urlrewrite.exchange.rules_in_force import RulesInForce, Settings
from urlrewrite.formats.vocabulary import FILTER_BY_TAGS
from urlrewrite.formats.xml import rules as xml_rules
from urlrewrite.formats.xml.export import to_web_config
from urlrewrite.formats.yaml import rules as yaml_rules
from urlrewrite.inspector.diagnose.page_references import references

KNOWN: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("carriers.yaml").read_text("utf-8"))
WAYS = ["tags", "everywhere", "iis tags", "iis everywhere"]
PUBLIC = {"host": "https://www.example.com", "mount": "https://www.example.com/app"}


@dataclass(frozen=True)
class Row:
    """An attribute of a tag, as `carriers.yaml` has it."""

    tag: str
    attribute: str
    value: str
    since: str
    use: str | None
    flag: str | None
    beside: str
    samples: str

    def __str__(self) -> str:
        return f"{self.tag} {self.attribute}"

    def element(self, text: str) -> str:
        """An element with that value."""
        name = "p" if self.tag == "*" else self.tag
        element = f'<{name} {self.beside}{self.attribute}="{text}"></{name}>'
        return f"<svg>{element}</svg>" if self.since == "SVG" else element


def _rows() -> Iterator[Row]:
    for attribute, all_of_it in KNOWN["attributes"].items():
        for each in all_of_it:
            beside = f"{each['with']} " if "with" in each else ""
            for tag in each["tags"].split():
                value = each["value"]
                like = each.get("like", value)
                yield Row(tag, attribute, value, each["since"], each.get("use"), each.get("flag"), beside, like)


ROWS = list(_rows())


@cache
def rules(way: str, where: str) -> RulesInForce:
    """A site with those links, as YAML says it or as IIS has it."""
    iis, _, links = way.rpartition(" ")
    text = f"public: {PUBLIC[where]}\nbackend: http://privateserver:8080\nlinks: {links}\n"
    rule_set, _ = yaml_rules.parse(text, "a.yaml")
    if iis:
        rule_set, _ = xml_rules.parse(to_web_config(rule_set)[0].encode(), "a.config")
    return RulesInForce(compile_rules(rule_set)[0], Settings())


def rewritten(page: str, in_force: RulesInForce, url: str) -> str:
    body = ask(in_force, url, answer=(200, [("Content-Type", "text/html; charset=utf-8")], page.encode())).body
    assert body is not None
    return body.decode()


def becomes(sample: dict[str, str], way: str) -> str:
    """What a text becomes in one of the ways."""
    both = sample.get("both", sample["text"]) if way in WAYS[:2] else sample["text"]
    return sample.get(way, sample.get("all", both))


@pytest.mark.parametrize("where", ["host", "mount"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_what_becomes_of_it(row: Row, way: str, where: str) -> None:
    for sample in KNOWN["values"][row.samples][where]:
        page = row.element(sample["text"])
        got = rewritten(page, rules(way, where), f"{PUBLIC[where]}/page")
        assert got == row.element(becomes(sample, way)), sample


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_what_the_diagnosis_sees(row: Row) -> None:
    use = "image" if row.value == "style" else row.use
    for text, urls in KNOWN["values"][row.value]["references"].items():
        page = row.element(text)
        found = references(page, "https://www.example.com/a/page")
        assert [(each.written, each.use) for each in found] == [(url, use) for url in urls if use], text
        assert {each.place.partition(" ")[2] for each in found} <= {f"{row.attribute}>"}


@pytest.mark.parametrize("flag", sorted({row.flag for row in ROWS if row.flag}))
def test_what_each_flag_of_iis_examines(flag: str) -> None:
    match = f"{{filterByTags: {flag}, pattern: ^OLD$}}"
    in_force = rules_of(f"outboundRules: [{{name: a, match: {match}, action: {{type: Rewrite, value: NEW}}}}]")
    got = rewritten("\n".join(row.element("OLD") for row in ROWS), in_force, "https://www.example.com/")
    assert got.split("\n") == [row.element("NEW" if row.flag == flag else "OLD") for row in ROWS]


def test_the_table_says_the_same() -> None:
    said = {
        (each.tag, each.attribute, each.value.name.lower(), each.since.name, each.use, each.flag) for each in CARRIERS
    }
    assert said == {(row.tag, row.attribute, row.value, row.since, row.use, row.flag) for row in ROWS}
    assert len(said) == len(CARRIERS)


def test_an_attribute_has_one_kind_of_value() -> None:
    """As bodies are mapped by the name of an attribute, whatever the tag."""
    assert len({(each.attribute, each.value) for each in CARRIERS}) == len({each.attribute for each in CARRIERS})


def test_the_flags_are_those_of_iis() -> None:
    """In the order of rewrite_schema.xml."""
    assert list(TAG_FLAGS) == "A Area Base Form Frame Head IFrame Img Input Link Script".split()
    assert list(FILTER_BY_TAGS) == ["None", *TAG_FLAGS, "CustomTags"]
