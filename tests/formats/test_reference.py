"""The reference of rule files is what the reader asks and what is said of it; its examples are rule files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from formats.broken_files import parsed
from formats.support import SITE
from formats.test_json_schema import VALIDATOR
from urlrewrite.formats.yaml import rules as yaml_rules
from urlrewrite.formats.yaml.reference import reference, sentence, topic_of, topics
from urlrewrite.formats.yaml.shapes import Shapes
from urlrewrite.model.problems import Severity

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "rules" / "README.md").read_text(encoding="utf-8")
SHAPES = Shapes()


def test_the_page_is_what_is_printed() -> None:
    assert reference() == PAGE, "run: ./run.sh schema --reference > rules/README.md"


def test_every_key_has_a_sentence() -> None:
    keys = [(table, key) for table, shape in SHAPES.tables.items() for key in shape.values]
    assert [place for place in keys if not sentence(*place)] == []


def test_nothing_is_said_of_what_is_not_there() -> None:
    known: dict[str, set[str]] = {}
    for table, shape in SHAPES.tables.items():
        known.setdefault(topic_of(table) or "", set()).update(shape.values)
    assert [name for name, topic in topics().items() if not topic.keys.keys() <= known[name]] == []


def test_links_of_the_page_lead_somewhere() -> None:
    anchors = {*re.findall(r'<a id="([^"]+)"', PAGE)}
    assert {*re.findall(r"\(#([^)]+)\)", PAGE)} == anchors
    assert [file for file in re.findall(r"\]\(([^)#]+)\)", PAGE) if not (ROOT / "rules" / file).exists()] == []


EXAMPLES = {name: topic.example for name, topic in topics().items() if topic.example}


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_are_rule_files(name: str) -> None:
    example = EXAMPLES[name]
    whole = "public:" in example or "sites:" in example
    text = example if whole else SITE + example
    rules, warnings = yaml_rules.parse(text, "rules.yaml")
    assert rules.sites
    assert [problem for problem in warnings if problem.severity is Severity.ERROR] == []
    assert VALIDATOR.is_valid(parsed(text))
    # An example shows keys of the table that it is for.
    assert any(re.search(rf"\b{re.escape(key)}:", example) for key in topics()[name].keys) or not topics()[name].keys
