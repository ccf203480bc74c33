"""IIS's configuration schema, as far as it goes, for what we write."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from shared_folder import SHARED

SCHEMA = SHARED / "spec" / "rewrite_schema.xml"

_ADDED_IN_2_1 = {"rules": ["useOriginalURLEncoding"], "globalRules": ["useOriginalURLEncoding"]}
"""What rewrite_schema.xml, which is that of 2.0, does not have; a rule also has `responseCacheDirective`."""


class Schema:
    """Checks `<rewrite>` sections against rewrite_schema.xml."""

    def __init__(self) -> None:
        root = ElementTree.parse(SCHEMA).getroot()
        self._sections = {item.attrib["name"].rpartition("/")[2]: item for item in root.iter("sectionSchema")}

    def faults(self, text: str) -> list[str]:
        """What is wrong with a configuration, each with the place."""
        root = ElementTree.fromstring(text)
        found = []
        places = {child: parent for parent in root.iter() for child in parent}
        for rewrite in root.iter("rewrite"):
            assert places[rewrite].tag == "system.webServer"
            of_server = (
                places[places[rewrite]].tag == "configuration" and root.find("system.applicationHost") is not None
            )
            names = [section.tag for section in rewrite]
            found += [f"{name} twice" for name in set(names) if names.count(name) > 1]
            for section in rewrite:
                if section.tag == "globalRules" and not of_server:
                    found.append("globalRules outside of the server's section")
                if section.tag not in self._sections:
                    found.append(f"unknown section {section.tag}")
                    continue
                found += self._element(section, self._sections[section.tag], section.tag)
        return found

    def _element(self, element: Element, schema: Element, path: str) -> Iterator[str]:
        attributes = {item.attrib["name"]: item for item in schema.findall("attribute")}
        also = _ADDED_IN_2_1.get(element.tag, []) + (["responseCacheDirective"] if element.tag == "rule" else [])
        for name, value in element.attrib.items():
            if name not in attributes:
                if name not in also:
                    yield f"{path}: unknown attribute {name}"
                continue
            yield from (f"{path}@{name}: {fault}" for fault in _value_faults(value, attributes[name]))
        for name, item in attributes.items():
            if item.get("required") == "true" and name not in element.attrib:
                yield f"{path}: no {name}"
        yield from self._children(element, schema, path)

    def _children(self, element: Element, schema: Element, path: str) -> Iterator[str]:
        inner = {item.attrib["name"]: item for item in schema.findall("element")}
        collection = schema.find("collection")
        adds = collection.attrib["addElement"] if collection is not None else None
        keys: set[object] = set()
        seen: set[str] = set()
        for child in element:
            where = f"{path}/{child.tag}"
            if child.tag in inner:
                if child.tag in seen:
                    yield f"{where} twice"
                seen.add(child.tag)
                yield from self._element(child, inner[child.tag], where)
            elif collection is not None and child.tag == adds:
                yield from self._element(child, collection, where)
                key = _key(child, collection)
                if key and key in keys:
                    yield f"{where}: the key {key} twice"
                keys.add(key)
            elif collection is not None and child.tag == collection.get("clearElement"):
                yield from (f"{where}: attribute {name}" for name in child.attrib)
            elif collection is not None and child.tag == collection.get("removeElement"):
                if set(child.attrib) != {item.attrib["name"] for item in _key_attributes(collection)}:
                    yield f"{where}: not the key but {child.attrib}"
            else:
                yield f"{where}: unknown element"


def _key_attributes(collection: Element) -> list[Element]:
    attributes = collection.findall("attribute")
    return [item for item in attributes if "true" in (item.get("isUniqueKey"), item.get("isCombinedKey"))]


def _key(element: Element, collection: Element) -> tuple[str, ...]:
    found = []
    for item in _key_attributes(collection):
        value = element.get(item.attrib["name"], item.get("defaultValue", ""))
        found.append(value if item.get("caseSensitive") == "true" else value.casefold())
    return tuple(found)


def _value_faults(value: str, schema: Element) -> Iterator[str]:
    kind = schema.attrib["type"]
    if kind == "bool" and value not in ("true", "false"):
        yield f"no bool: {value!r}"
    if kind == "enum" and value not in {item.attrib["name"] for item in schema.findall("enum")}:
        yield f"no enum: {value!r}"
    if kind == "flags":
        flags = {item.attrib["name"] for item in schema.findall("flag")}
        yield from (f"no flag: {word!r}" for word in value.split(", ") if word not in flags)
    if kind in ("uint", "int64"):
        limit = 2**32 if kind == "uint" else 2**63
        if not (value.isascii() and value.isdigit() and int(value) < limit):
            yield f"no {kind}: {value!r}"
    match schema.get("validationType"):
        case "nonEmptyString" if not value:
            yield "empty"
        case "requireTrimmedString" if not value or value != value.strip():
            yield f"not trimmed: {value!r}"
        case "integerRange":
            low, high, *exclude = schema.attrib["validationParameter"].split(",")
            if (int(low) <= int(value) <= int(high)) is bool(exclude):
                yield f"out of range: {value}"
