"""What stands beside `<rewrite>` in IIS, from YAML: `security`, `httpProtocol`, `httpRedirect`, by IIS's names.

    security:
      access: {sslFlags: Ssl}
      ipSecurity: {allowUnlisted: false, add: [{ipAddress: 10.0.0.0, subnetMask: 255.0.0.0, allowed: true}]}
      requestFiltering: {denyUrlSequences: [.git], verbs: {TRACE: false}, requestLimits: {maxUrl: 2048}}
    httpProtocol: {customHeaders: {X-Frame-Options: DENY}}
    httpRedirect: {enabled: true, destination: 'https://www.example.org/'}
    handlers: [{name: no views, path: '*.cshtml', verb: '*', type: System.Web.HttpNotFoundHandler}]

A collection is a list of its entries or, where these have two attributes, a mapping; it stands under `add` beside
attributes, `remove` or `clear: true`. An entry with one attribute is a text. `authentication`, `authorization` and
`system.web` are kept as `proxy` is; `httpHandlers` of the last stands beside `handlers`.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType

from urlrewrite.formats.questions import Kind
from urlrewrite.formats.reports import Report
from urlrewrite.formats.web_server.reading import read_web_server
from urlrewrite.formats.web_server.shapes import BESIDE_REWRITE, IN_SYSTEM_WEB, KEPT, SECURITY, SYSTEM_WEB, Shape
from urlrewrite.formats.yaml.elements import element_of
from urlrewrite.formats.yaml.fields import Table, items_of, table_of, text_of
from urlrewrite.formats.yaml.nodes import Mapping, Node, Scalar, Sequence
from urlrewrite.model import ConfigElement
from urlrewrite.model.web_server import WebServer

WEB_SERVER_KEYS = ("security", *BESIDE_REWRITE, *IN_SYSTEM_WEB, SYSTEM_WEB)


def keys_of(shape: Shape) -> tuple[str, ...]:
    """Return the keys that an element of this shape may have as a mapping."""
    of_collection = ("add", "remove", "clear") if shape.entries else ()
    return (*shape.attributes, *shape.elements, *of_collection)


def web_server_of(table: Table) -> WebServer:
    """Read what a level says beside its rules."""
    return read_web_server([*_elements(table)], table.report.problems)


def _elements(table: Table) -> Iterator[ConfigElement]:
    if security := table.table("security", (*KEPT, *SECURITY)):
        label = security.path
        children = [*_kept(security, KEPT)]
        for name, shape in SECURITY.items():
            if node := security.get(name):
                children += _element(node, name, shape, table.report, f"{label}.{name}")
        yield ConfigElement("security", children=tuple(children), source=table.source("security"))
    for name, shape in BESIDE_REWRITE.items():
        if node := table.get(name):
            yield from _element(node, name, shape, table.report, table.label(name))
    for name, shape in IN_SYSTEM_WEB.items():
        if node := table.get(name):
            for element in _element(node, name, shape, table.report, table.label(name)):
                yield ConfigElement(SYSTEM_WEB, children=(element,), source=element.source)
    yield from _kept(table, (SYSTEM_WEB,))


def _kept(table: Table, names: tuple[str, ...]) -> Iterator[ConfigElement]:
    for name in names:
        node = table.get(name)
        if node and (element := element_of(node, table.report, table.label(name), name)):
            yield element


def _element(node: Node, name: str, shape: Shape, report: Report, label: str) -> Iterator[ConfigElement]:
    """Read an element; nothing if the node is of another kind, which is reported."""
    source = report.source(node.line)
    if shape.entries:
        report.ask(node, Kind.TABLE, keys=keys_of(shape))
    if shape.entries and (isinstance(node, Sequence) or _is_pairs(node, shape)):
        yield ConfigElement(name, children=tuple(_entries(node, shape, shape.entry, report, label)), source=source)
        return
    table = table_of(node, keys_of(shape), report, label)
    if table is None:
        return
    children: list[ConfigElement] = []
    for key, inner in shape.elements.items():
        if found := table.get(key):
            children += _element(found, key, inner, report, table.label(key))
    if shape.entries and table.boolean("clear", False):
        children.append(ConfigElement("clear", source=table.source("clear")))
    for key, entry in (("remove", "remove"), ("add", shape.entry)):
        if shape.entries and (found := table.get(key)):
            children += _entries(found, shape, entry, report, table.label(key))
    attributes = {key: _attribute(table, key) for key in shape.attributes if key in table}
    yield ConfigElement(name, MappingProxyType(attributes), tuple(children), source)


def _attribute(table: Table, key: str) -> str:
    """Read an attribute; words that IIS separates by commas may be a list."""
    node = table.get(key)
    return ", ".join(item.text for item in table.texts(key)) if isinstance(node, Sequence) else table.text(key)


def _is_pairs(node: Node, shape: Shape) -> bool:
    """Say whether a mapping has entries of two attributes, and not the keys of a collection."""
    if not isinstance(node, Mapping) or shape.entries is None or len(shape.entries.attributes) != 2:
        return False
    known = keys_of(shape)
    return not any(key.text in known for key, _ in node.entries)


def _entries(node: Node, shape: Shape, name: str, report: Report, label: str) -> Iterator[ConfigElement]:
    assert shape.entries is not None, "only collections have entries"
    attributes = shape.entries.attributes
    if isinstance(node, Mapping) and len(attributes) == 2:
        report.ask(node, Kind.NAMES)
        for key, value in node.entries:
            pair = {attributes[0]: key.text, attributes[1]: text_of(value, report, f"{label}.{key.text}")}
            yield ConfigElement(name, MappingProxyType(pair), source=report.source(key.line))
        return
    # One text may stand for the list of it.
    report.ask(node, Kind.LIST)
    for number, item in enumerate((node,) if isinstance(node, Scalar) else items_of(node, report, label), 1):
        if isinstance(item, Scalar) and (len(attributes) == 1 or name == "remove"):
            report.ask(item, Kind.TEXT)
            yield ConfigElement(name, MappingProxyType({attributes[0]: item.text}), source=report.source(item.line))
        else:
            yield from _element(item, name, shape.entries, report, f"{label}[{number}]")
