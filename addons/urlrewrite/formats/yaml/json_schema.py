"""The JSON Schema (draft 2020-12) of rule files, for editors: completion, and mistakes shown while one types.

It says which keys there are, of which type, which words and numbers they take, and which must be there. What it cannot
say (whether a pattern, an address or a length of time is valid, whether a name is known) only the reader says.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from urlrewrite.formats.questions import Kind, Question
from urlrewrite.formats.yaml.defaults import default_text
from urlrewrite.formats.yaml.fields import Table
from urlrewrite.formats.yaml.reference import sentence
from urlrewrite.formats.yaml.rules import ONLY_IN_SITES
from urlrewrite.formats.yaml.shapes import Shapes, TableShape, Value

FILE = Path(__file__).with_name("schema.json")
"""The schema as a file, which rule files name; a test holds it equal to `json_schema`."""

HEADER = f"# yaml-language-server: $schema={FILE.as_posix()}\n"
"""The line that tells editors of the schema."""

_NULL = {"type": "null"}
_TEXT: dict[str, Any] = {"type": ["string", "number", "boolean"]}


def json_schema() -> dict[str, Any]:
    """Return the schema of a rule file."""
    shapes = Shapes()
    tables = {name: _table(name, shape, shapes) for name, shape in sorted(shapes.tables.items())}
    # What belongs to a site stands in one of the sites where there are several.
    elsewhere = {key: {**_NULL, "description": "stands in one of the sites"} for key in ONLY_IN_SITES}
    several = {"if": {"properties": {"sites": {"type": "array"}}, "required": ["sites"]}}
    tables[shapes.root].setdefault("allOf", []).append({**several, "then": {"properties": elsewhere}})
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Rule file of mitm-urlrewrite",
        "$ref": f"#/$defs/{shapes.root}",
        "$defs": {"boolean": _boolean(), **_each_once(tables)},
    }


def _each_once(tables: dict[str, Any]) -> dict[str, Any]:
    """Return definitions of which no two are the same: what is in several places has the shortest of their names."""
    names: dict[str, str] = {}
    for name in sorted(tables, key=lambda name: (len(name), name)):
        names.setdefault(json.dumps(tables[name]), name)
    instead = {f"#/$defs/{name}": f"#/$defs/{names[json.dumps(table)]}" for name, table in tables.items()}
    left = {name: _referring(table, instead) for name, table in tables.items() if name in names.values()}
    return left if len(left) == len(tables) else _each_once(left)


def _referring(schema: Any, instead: Mapping[str, str]) -> Any:
    """Return a schema with other references."""
    if isinstance(schema, list):
        return [_referring(each, instead) for each in schema]
    if not isinstance(schema, dict):
        return schema
    reference = schema.get("$ref")
    return {key: _referring(value, instead) for key, value in schema.items()} | (
        {"$ref": instead.get(reference, reference)} if isinstance(reference, str) else {}
    )


def schema_text() -> str:
    """Return the schema as the text of a file."""
    return f"{json.dumps(json_schema(), indent=1, ensure_ascii=False)}\n"


def _table(name: str, shape: TableShape, shapes: Shapes) -> dict[str, Any]:
    schema: dict[str, Any] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {key: _property(name, key, shape, shapes) for key in shape.values},
    }
    if shape.required:
        schema["required"] = sorted(shape.required)
    conditions = [_required_with(key, word, more, shape) for (key, word), more in shape.required_with.items()]
    if conditions:
        schema["allOf"] = conditions
    return schema


def _required_with(key: str, word: str, more: frozenset[str], shape: TableShape) -> dict[str, Any]:
    """Say that keys must be there if another key has this word, or would have it by default."""
    said: dict[str, Any] = {"properties": {key: _words((word,))}}
    if str(shape.defaults.get(key)) != word or key in shape.required:
        said["required"] = [key]
    return {"if": said, "then": {"required": sorted(more)}}


def _property(table: str, key: str, shape: TableShape, shapes: Shapes) -> dict[str, Any]:
    value = shape.values[key]
    options = _options(value, shapes)
    if key not in shape.required:
        options.append(_NULL)
    schema = {"description": sentence(table, key), **_any_of(options)}
    default = default_text(value.scalar, shape.defaults.get(key))
    return schema if default is None or key in shape.required else {**schema, "default": default}


def _within(value: Value | None, shapes: Shapes) -> dict[str, Any]:
    """Return the schema of an item or an entry, where null is an empty text, if texts may stand there."""
    assert value is not None, "there are items and entries"
    options = _options(value, shapes)
    return _any_of([*options, _NULL] if value.scalar and value.scalar.kind is Kind.TEXT else options)


def _options(value: Value, shapes: Shapes) -> list[dict[str, Any]]:
    options = []
    if value.scalar:
        options.append(_scalar(value.scalar))
    if value.item:
        options.append({"type": "array", "items": _within(value.item, shapes)})
    if value.table:
        options.append({"$ref": f"#/$defs/{value.table}"})
    if value.named:
        names: dict[str, Any] = {"type": "object", "additionalProperties": _within(value.named, shapes)}
        if value.names:
            names["propertyNames"] = _words(value.names)
        elif value.table:
            # One key of the table, and the mapping is taken for it.
            names["propertyNames"] = {"not": {"enum": sorted(shapes.tables[value.table].values)}}
        options.append(names)
    return options


def _any_of(options: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the schema of what fits one of the options, none of which is in another."""
    flat = [inner for option in options for inner in (option["anyOf"] if option.keys() == {"anyOf"} else (option,))]
    if len(flat) > 1 and _NULL in flat and _TEXT in flat:
        flat = [option for option in flat if option not in (_NULL, _TEXT)]
        flat.append({"type": [*_TEXT["type"], "null"]})
    return flat[0] if len(flat) == 1 else {"anyOf": flat}


def _scalar(question: Question) -> dict[str, Any]:
    match question.kind:
        case Kind.CHOICE:
            return _words(question.words)
        case Kind.BOOLEAN:
            return {"$ref": "#/$defs/boolean"}
        case Kind.INTEGER:
            accepted = question.accepted
            assert accepted is not None, "a number has bounds"
            number = {"type": "integer", "minimum": accepted.start, "maximum": accepted[-1]}
            return {"anyOf": [number, {"type": "string", "pattern": "^[0-9]{1,19}$"}]}
    return _TEXT


def _boolean() -> dict[str, Any]:
    spellings = "|".join(map(_in_any_case, Table.BOOLEANS))
    return {"anyOf": [{"type": "boolean"}, {"type": "string", "pattern": f"^({spellings})$"}]}


def _words(words: tuple[str, ...]) -> dict[str, Any]:
    """Return the schema of a choice: the words, which editors offer, in any case, and numbers as such, too."""
    plain = [str(word) for word in words]
    numbers = [int(word) for word in plain if word.isdigit()]
    spellings = "|".join(_in_any_case(word) for word in plain if not word.isdigit())
    options: list[dict[str, Any]] = [{"enum": [*plain, *numbers]}]
    if spellings:
        options.append({"type": "string", "pattern": f"^({spellings})$"})
    # YAML makes booleans of some words; so does an editor.
    booleans = [value for word in plain if (value := {"true": True, "false": False}.get(word)) is not None]
    return _any_of([*options, *({"const": value} for value in booleans)])


def _in_any_case(word: str) -> str:
    return "".join(f"[{letter.upper()}{letter.lower()}]" if letter.isalpha() else letter for letter in word)
