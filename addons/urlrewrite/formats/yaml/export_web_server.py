"""What stands beside `<rewrite>` in IIS, as the tree of a YAML file; see `web_server.py` for its forms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from urlrewrite.formats.web_server.shapes import BESIDE_REWRITE, IN_SYSTEM_WEB, KEPT, SECURITY, Shape
from urlrewrite.formats.web_server.writing import elements_of
from urlrewrite.formats.yaml.export_elements import element_table
from urlrewrite.formats.yaml.export_text import List, Map, Node
from urlrewrite.formats.yaml.web_server import keys_of
from urlrewrite.model import ConfigElement
from urlrewrite.model.web_server import WebServer


def add_web_server(table: Map, said: WebServer) -> None:
    """Add what a level says beside its rules."""
    for element in elements_of(said):
        if element.name == "security":
            inside = Map(block=True)
            for child in element.children:
                inside.add(child.name, _kept(child) if child.name in KEPT else _element(child, SECURITY[child.name]))
            table.add("security", inside)
        elif shape := BESIDE_REWRITE.get(element.name):
            table.add(element.name, _element(element, shape))
        else:
            for child in element.children:
                if child.name in IN_SYSTEM_WEB:
                    table.add(child.name, _element(child, IN_SYSTEM_WEB[child.name]))
            kept = tuple(child for child in element.children if child.name in KEPT)
            if kept:
                table.add(element.name, _kept(replace(element, children=kept)))


def _kept(element: ConfigElement) -> Map:
    table = element_table(element)
    del table.entries[0]
    return table


def _element(element: ConfigElement, shape: Shape) -> Node:
    entries = [child for child in element.children if child.name == shape.entry] if shape.entries else []
    table = Map([(key, value, "") for key, value in element.attributes.items()])
    for child in element.children:
        if inner := shape.elements.get(child.name):
            table.add(child.name, _element(child, inner))
    if not shape.entries:
        return table
    removed = [child for child in element.children if child.name == "remove"]
    if any(child.name == "clear" for child in element.children):
        table.add("clear", "true")
    if removed:
        table.add("remove", List([(_removal(child, shape.entries), "") for child in removed]))
    if not table.entries:
        return _entries(entries, shape, alone=True)
    if entries:
        table.add("add", _entries(entries, shape))
    return table


def _removal(element: ConfigElement, shape: Shape) -> Node:
    """Write an entry that is not inherited: by its first attribute alone where that names it."""
    values = [*element.attributes.items()]
    return values[0][1] if len(values) == 1 and values[0][0] == shape.attributes[0] else _element(element, shape)


def _entries(entries: Sequence[ConfigElement], shape: Shape, *, alone: bool = False) -> Node:
    """Write entries: texts where they have one attribute, pairs where they have two; `alone` in place of `add`."""
    assert shape.entries is not None, "only collections have entries"
    names = shape.entries.attributes
    if len(names) == 1:
        return List([(entry.attributes[names[0]], "") for entry in entries])
    pairs = [(entry.attributes.get(names[0], ""), entry.attributes.get(names[1], ""), "") for entry in entries]
    keys = {key for key, *_ in pairs}
    reserved = keys_of(shape) if alone else ()
    if len(names) == 2 and len(keys) == len(pairs) and keys.isdisjoint(reserved):
        return Map([*pairs])
    return List([(_element(entry, shape.entries), "") for entry in entries])
