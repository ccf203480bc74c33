"""The reference of rule files: every key with its type and default, as the reader has them, and a sentence about it.

`reference.yaml` has the sentences, the order of the page, and the examples, which are tested.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from urlrewrite.formats.durations import parse_duration, parse_some_time
from urlrewrite.formats.farm_texts import parse_host, parse_share, parse_statuses
from urlrewrite.formats.questions import Kind, Question
from urlrewrite.formats.yaml.defaults import default_text
from urlrewrite.formats.yaml.shapes import Shapes, TableShape, Value

_PARTS = (".item", ".entry", ".add.item", ".remove.item")
"""Tables that are told of together with the one whose name this follows."""

_IN_ORDER = ("file", "sites.item", "locations")
"""A file can have what a site has, and a site what a section has."""

_FORMS: Mapping[Callable[[str], Any], str] = {
    parse_duration: "time",
    parse_some_time: "time, more than 0",
    parse_statuses: "statuses, such as `200-399`",
    parse_share: "percentage",
    parse_host: "host",
}

_HEAD = """\
# Rule files: every key

Made by `./run.sh schema --reference` of what the reader of rule files asks for, so it is complete, and the same as what
`./run.sh schema` says to editors. [messages.md](messages.md) has what `check` reports, [iis.md](iis.md) what IIS leaves
open, [examples](examples) a file for each task, [guides](guides) how to go about it, [api.md](api.md) how Python does.

- A **text** may need quotes in YAML: put what has `{`, `[`, `*`, `&`, `: ` or ` #` in it in single quotes.
- **True** and **false** may also be `yes` and `no`, `on` and `off`. Words are the same in upper and lower case.
- A **time** is a number of seconds, or `500ms`, `30s`, `2m`, `1h`, or IIS's `00:02:00`. 0 is for as long as it takes.
- What has no default in the table is inherited, or is none. The last column is what IIS calls it; where that is empty,
  IIS has no such thing. **Keys in bold** must be there.
"""


@dataclass(frozen=True, slots=True)
class Topic:
    """What is told of a table: its title, an introduction, IIS's name, sentences by key, and an example."""

    title: str
    about: str
    iis: str
    covers: tuple[str, ...]
    keys: Mapping[str, tuple[str, str | None]]
    example: str


@cache
def _told() -> Any:
    # With this loader `on` is a text, as it is in a rule file.
    return yaml.load(Path(__file__).with_name("reference.yaml").read_text(encoding="utf-8"), yaml.BaseLoader)


@cache
def topics() -> Mapping[str, Topic]:
    """Return all that is told, by table."""
    return {
        name: Topic(
            topic["title"],
            topic.get("about", ""),
            topic["iis"],
            tuple(topic.get("covers", ())),
            {key: _sentence(value) for key, value in topic["keys"].items()},
            topic.get("example", ""),
        )
        for name, topic in _told()["tables"].items()
    }


@cache
def _common() -> Mapping[str, tuple[str, str | None]]:
    return {key: _sentence(value) for key, value in _told()["common"].items()}


def _sentence(value: str | list[str]) -> tuple[str, str | None]:
    return (value, None) if isinstance(value, str) else (value[0], value[1])


@cache
def topic_of(table: str) -> str | None:
    """Return the table with which a table is told of; None if nothing is said of it."""
    told = topics()
    for name, topic in told.items():
        if table in {f"{whole}{part}" for whole in (name, *topic.covers) for part in ("", *_PARTS)}:
            return name
    return None


def _told_in(table: str, key: str) -> str:
    """Return the table with which a key is told of: what a file, a site and a section have in common is told once."""
    topic = topic_of(table) or ""
    places = _IN_ORDER[_IN_ORDER.index(topic) :] if topic in _IN_ORDER else (topic,)
    return next((place for place in places if key in topics()[place].keys), places[-1])


def sentence(table: str, key: str) -> str:
    """Return the sentence about a key, "" if there is none."""
    return _said(_told_in(table, key), key)[0] if topic_of(table) else ""


def _said(topic: str, key: str) -> tuple[str, str | None]:
    return topics()[topic].keys.get(key) or _common().get(key, ("", None))


def reference() -> str:
    """Return the page."""
    shapes = Shapes()
    parts = [_HEAD, _contents()]
    for name, topic in topics().items():
        parts.append(_section(name, topic, shapes))
    return "\n".join(parts)


def _contents() -> str:
    return "".join(f"- [{topic.title}](#{_anchor(name)})\n" for name, topic in topics().items())


def _section(name: str, topic: Topic, shapes: Shapes) -> str:
    lines = [f'## <a id="{_anchor(name)}"></a>{topic.title}', ""]
    if topic.about:
        lines += [*textwrap.wrap(topic.about, 120, break_on_hyphens=False, break_long_words=False), ""]
    rows: dict[str, str] = {}
    for table, shape in shapes.tables.items():
        if topic_of(table) in _IN_ORDER or topic_of(table) == name:
            for key, value in shape.values.items():
                if key not in rows and _told_in(table, key) == name:
                    rows[key] = _row(name, shape, key, value)
    lines += ["| Key | Type | Default | | In IIS |", "|---|---|---|---|---|", *rows.values(), ""]
    if topic.example:
        lines += ["```yaml", topic.example.rstrip(), "```", ""]
    return "\n".join(lines)


def _row(name: str, shape: TableShape, key: str, value: Value) -> str:
    says, iis = _said(name, key)
    default = None if key in shape.required else default_text(value.scalar, shape.defaults.get(key))
    default = str(default).lower() if isinstance(default, bool) else default
    topic = topics()[name]
    if iis is None and topic.iis:
        # An attribute of the element; where there are several, its name alone.
        one = topic.iis.endswith(">") and "," not in topic.iis
        iis = f"{topic.iis[:-1]} {key}>" if one else key
    cells = (
        f"**`{key}`**" if key in shape.required else f"`{key}`",
        _type(value),
        "" if default is None else f"`{default}`",
        says,
        f"`{iis}`" if iis else "",
    )
    return f"| {' | '.join(cells)} |"


def _type(value: Value) -> str:
    kinds = []
    if value.scalar:
        kinds.append(_scalar(value.scalar))
    if value.table:
        kinds.append(_link(value.table))
    if value.item and value.scalar and value.item.scalar == value.scalar:
        kinds.append("a list of them")
    elif value.item:
        kinds.append(f"list of {_type(value.item)}")
    if value.named:
        named = _type(value.named)
        kinds.append(f"names to ({named})" if "or " in named else f"names to {named}")
    return ", or ".join(dict.fromkeys(kinds))


def _link(table: str) -> str:
    topic = topic_of(table)
    title = topics()[topic].title if topic else table
    title = title if title[1:2].isupper() else f"{title[:1].lower()}{title[1:]}"
    return f"[{title}](#{_anchor(topic or table)})"


def _scalar(question: Question) -> str:
    match question.kind:
        case Kind.BOOLEAN:
            return "true, false"
        case Kind.INTEGER:
            accepted = question.accepted
            assert accepted is not None, "a number has bounds"
            most = accepted[-1]
            return f"number, {accepted.start} to {most}" if most < 10**6 else f"number from {accepted.start}"
        case Kind.CHOICE:
            return ", ".join(f"`{word}`" for word in question.words)
    return _FORMS.get(question.parse, "text") if question.parse else "text"


def _anchor(table: str) -> str:
    return table.replace(".", "-").lower()
