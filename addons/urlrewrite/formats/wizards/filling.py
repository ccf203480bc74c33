"""The texts of the wizards, beside this module in `texts/`, and how they are filled.

`@name` stands for a value. The lines between `#if name` and `#end name` (in XML `<?if name?>` and `<?end name?>`) stand
only where the value is true, those between `#each name` and `#end name` once for each row of a list.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from string import Template
from typing import Any
from xml.sax.saxutils import escape

from urlrewrite.formats.files_read import FilesRead
from urlrewrite.formats.xml import rules as xml_rules
from urlrewrite.formats.yaml import rules as yaml_rules
from urlrewrite.model import RuleTest, Section
from urlrewrite.model.problems import Problem

type Value = str | bool | Sequence[Values]
type Values = Mapping[str, Value]

_TEXTS = Path(__file__).parent / "texts"
_BLOCK = re.compile(r"^(?:#|<\?)(?:if|each) (\w+)(?:\?>)?\n(.*?)^(?:#|<\?)end \1(?:\?>)?\n", re.MULTILINE | re.DOTALL)


class _Template(Template):
    delimiter = "@"


def filled(file: str, values: Values) -> str:
    """Return a text with its values.

    In a YAML file they may stand plain if they are URLs, else in double quotes.

    Raises:
        KeyError: the text has a name that is not among the values.
    """
    text = (_TEXTS / file).read_text(encoding="utf-8")
    return _fill(text, values, _in_yaml if file.endswith(".yaml") else _in_xml)


def _fill(text: str, values: Values, quoted: Callable[[str], str]) -> str:
    texts = {name: quoted(value) for name, value in values.items() if isinstance(value, str)}
    parts, end = [], 0
    for block in _BLOCK.finditer(text):
        parts.append(_Template(text[end : block.start()]).substitute(texts))
        end, value = block.end(), values[block[1]]
        rows: Sequence[Values] = ({},) * bool(value) if isinstance(value, (str, bool)) else value
        parts += (_fill(block[2], {**values, **row}, quoted) for row in rows)
    return "".join([*parts, _Template(text[end:]).substitute(texts)])


def _in_yaml(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _in_xml(text: str) -> str:
    return escape(text, {'"': "&quot;"})


def section_and_tests(name: str, values: Values) -> tuple[dict[str, Any], tuple[RuleTest, ...]]:
    """Read the two texts of a wizard: the fields of a section out of `name.config`, the tests out of `name.yaml`."""
    problems: list[Problem] = []
    config = xml_rules.read(filled(f"{name}.config", values).encode(), f"{name}.config", problems, FilesRead())
    tests = yaml_rules.read(filled(f"{name}.yaml", values), f"{name}.yaml", problems, FilesRead()).tests
    assert not problems, problems
    (site,) = config.sites
    return {item.name: getattr(site, item.name) for item in fields(Section)}, tests
