"""Elements of `applicationHost.config` that are kept as they are (`webFarms`, `proxy`), from YAML."""

from __future__ import annotations

from collections.abc import Sequence as SequenceOf
from types import MappingProxyType

from urlrewrite.formats.reports import Report
from urlrewrite.formats.yaml.fields import table_of
from urlrewrite.formats.yaml.nodes import Node
from urlrewrite.model import ConfigElement

ELEMENT_KEYS = ("element", "attributes", "children")


def elements_of(nodes: SequenceOf[Node], report: Report, label: str) -> tuple[ConfigElement, ...]:
    """Read the elements of a list."""
    found = (element_of(node, report, f"{label}[{number}]") for number, node in enumerate(nodes, 1))
    return tuple(element for element in found if element)


def element_of(node: Node, report: Report, label: str, name: str = "") -> ConfigElement | None:
    """Read an element with all that is in it; `name` is what it is called where it does not say.

    Returns None, and reports an error, if the node is not a mapping.
    """
    table = table_of(node, ELEMENT_KEYS, report, label)
    if table is None:
        return None
    attributes = table.text_mapping("attributes")
    return ConfigElement(
        table.text("element") or name or table.trimmed("element", "the name of the element"),
        MappingProxyType(attributes),
        elements_of(table.nodes("children"), report, f"{label}.children"),
        report.source(node.line),
    )
