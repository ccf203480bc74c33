"""Elements of IIS's configuration that are kept as they are, as the tree of a YAML file."""

from __future__ import annotations

from collections.abc import Mapping

from urlrewrite.formats.yaml.export_text import List, Map
from urlrewrite.model import ConfigElement


def element_table(element: ConfigElement) -> Map:
    """Write an element with all that is in it; its name comes first."""
    table = Map([("element", element.name, "")])
    if element.attributes:
        table.add("attributes", _attributes(element.attributes))
    if element.children:
        table.add("children", _elements(element.children))
    return table


def _elements(elements: tuple[ConfigElement, ...]) -> List:
    return List([(element_table(element), element.comment) for element in elements])


def _attributes(attributes: Mapping[str, str]) -> Map:
    return Map([(key, value, "") for key, value in attributes.items()])
