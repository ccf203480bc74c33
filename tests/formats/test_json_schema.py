"""The JSON Schema of rule files says what their reader says, as far as a schema can."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from formats.broken_files import broken, errors_of, parsed, written
from urlrewrite.cli.main import main
from urlrewrite.formats.wizards.parts import Parameters
from urlrewrite.formats.wizards.templates import write_template
from urlrewrite.formats.yaml import json_schema
from urlrewrite.formats.yaml.shapes import Shapes, Value

HERE = Path(__file__).parent
RULES = HERE.parents[1] / "rules"
FILES = [*sorted(RULES.rglob("*.yaml")), HERE / "every_key.yaml"]
SCHEMA = json.loads(json_schema.FILE.read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
WHOLE = parsed((HERE / "every_key.yaml").read_text(encoding="utf-8"))
BROKEN = parsed((HERE / "broken_files.yaml").read_text(encoding="utf-8"))


def test_it_is_what_the_reader_asks() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    where = json_schema.FILE.relative_to(RULES.parent)
    assert json_schema.FILE.read_text(encoding="utf-8") == json_schema.schema_text(), f"run: ./run.sh schema > {where}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_rule_files_are_valid(file: Path) -> None:
    found = VALIDATOR.iter_errors(parsed(file.read_text(encoding="utf-8")))
    assert [(error.json_path, error.message) for error in found] == []


@pytest.mark.parametrize("case", BROKEN["both"], ids=lambda case: json.dumps(case))
def test_what_the_reader_refuses_is_not_valid(case: list[Any]) -> None:
    tree = broken(WHOLE, *case)
    assert errors_of(written(tree))
    assert not VALIDATOR.is_valid(tree)


@pytest.mark.parametrize("case", BROKEN["reader only"], ids=lambda case: json.dumps(case))
def test_what_a_schema_cannot_say(case: list[Any]) -> None:
    tree = broken(WHOLE, *case)
    assert errors_of(written(tree))
    assert VALIDATOR.is_valid(tree)


def test_enough_is_broken() -> None:
    assert len(BROKEN["both"]) >= 200
    assert {case[1] for case in BROKEN["both"]} == {"gone", "misspelt", "is"}


@pytest.mark.parametrize("word", ["true", "Yes", "ON", "'off'", "no", "False"])
def test_booleans_in_every_spelling(word: str) -> None:
    text = f"public: https://a.example\nbackend: http://b\npreserveHostHeader: {word}\nlinks: 'OFF'\n"
    assert errors_of(text) == []
    assert VALIDATOR.is_valid(parsed(text))


def test_nothing_is_asked_of_no_value() -> None:
    """A reader that looks at a node without asking would leave a hole in the schema."""
    for name, table in Shapes().tables.items():
        for key, value in table.values.items():
            left: list[Value | None] = [value]
            while left:
                inner = left.pop()
                if inner:
                    assert inner.scalar or inner.item or inner.named or inner.table, f"{key} of {name}"
                    left += [inner.item, inner.named]


def test_a_template_is_valid() -> None:
    given = Parameters(public=("https://www.example.com",), backend="http://privateserver:8080")
    assert VALIDATOR.is_valid(parsed(write_template("reverse-proxy", given)))


def test_what_init_writes_names_it(capsys: pytest.CaptureFixture[str]) -> None:
    for form, named in (("yaml", True), ("tests", True), ("xml", False)):
        template = ["init", "--public", "https://www.example.com", "--backend", "http://b", "--format", form]
        assert main([*template, "--template", "lowercase"]) == 0
        first = capsys.readouterr().out.splitlines()[0]
        assert first.startswith("# yaml-language-server: $schema=/") is named
        assert not named or json.loads(Path(first.partition("=")[2]).read_text(encoding="utf-8")) == SCHEMA


def test_the_command_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == SCHEMA
