"""What is known of ARR's attributes, against a file that has each of them, and against ARR's own schema."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest

from shared_folder import SHARED, needs_shared
from urlrewrite.formats.xml import arr_schema
from urlrewrite.formats.xml import rules as xml_rules
from urlrewrite.formats.xml.farms import ALGORITHM_NUMBERS
from urlrewrite.lint.linter import judge
from urlrewrite.model.problems import Problem

DEFAULTS = Path(__file__).with_name("arr_defaults.config").read_bytes()
FARM = "webFarms/webFarm"
ROUTING = f"{FARM}/applicationRequestRouting"
PROTOCOL = f"{ROUTING}/protocol"
PROXY = "system.webServer/proxy"
KEPT = {
    FARM: arr_schema.FARM_KEPT,
    PROXY: arr_schema.PROXY_KEPT,
    **{f"{ROUTING}/{name}": kept for name, kept in arr_schema.KEPT.items()},
}


def said_of(element: str) -> dict[str, str]:
    found = ElementTree.fromstring(DEFAULTS).find(element)
    assert found is not None
    return found.attrib


def judged(text: bytes) -> list[Problem]:
    rules, problems = xml_rules.parse(text, "applicationHost.config")
    return [problem for problem in judge(rules, problems) if problem in problems or problem.id in ("UR207", "UR220")]


def test_all_attributes_are_known() -> None:
    assert tuple(said_of("webFarms")) == arr_schema.FARMS_READ
    assert said_of(FARM) == {"name": "shop", "enabled": "true", **arr_schema.FARM_KEPT}
    assert tuple(said_of(f"{FARM}/server")) == arr_schema.SERVER_READ
    names = {"hostName": "app1.lan", "healthCheckAlternateHostName": "app1.lan"}
    assert said_of(f"{FARM}/server/applicationRequestRouting") == {**arr_schema.SERVER_ROUTING_READ, **names}
    for name, read in arr_schema.READ.items():
        assert said_of(f"{ROUTING}/{name}") == {**read, **arr_schema.KEPT[name]}
    assert said_of(PROXY) == {"enabled": "true", **arr_schema.PROXY_KEPT}


def test_nothing_is_told_of_defaults() -> None:
    assert judged(DEFAULTS) == []


# A certificate in a store of Windows is refused by a farm.
@pytest.mark.parametrize(
    ("element", "name"),
    [pair for item, kept in KEPT.items() for key in kept if (pair := (item, key)) != (PROTOCOL, "clientCertHash")],
)
def test_what_is_kept_is_told_where_it_asks_for_something(element: str, name: str) -> None:
    root = ElementTree.fromstring(DEFAULTS)
    changed = root.find(element)
    assert changed is not None
    changed.set(name, "other")
    (problem,) = judged(ElementTree.tostring(root))
    assert f"{name}='other' of <{changed.tag}> is kept for IIS" in problem.message


@needs_shared("spec/arr_schema.xml")
def test_names_and_defaults_are_those_of_arr() -> None:
    schema = ElementTree.parse(SHARED / "spec" / "arr_schema.xml").getroot()
    farms = next(item for item in schema.iter("sectionSchema") if item.get("name") == "webFarms")
    assert tuple(_defaults(farms)) == arr_schema.FARMS_READ
    farm = next(item for item in farms.findall("collection") if item.get("addElement") == "webFarm")
    assert _defaults(farm) == arr_schema.FARM_KEPT
    server = next(item for item in farm.findall("collection") if item.get("addElement") == "server")
    assert _defaults(_element(server, arr_schema.ROUTING)) == arr_schema.SERVER_ROUTING_READ
    routing = _element(farm, arr_schema.ROUTING)
    known = {item.attrib["name"] for item in routing.findall("element")}
    assert known == {*arr_schema.READ, *arr_schema.KEPT_ELEMENTS[arr_schema.ROUTING]}
    for name in arr_schema.READ:
        element = _element(routing, name)
        assert _defaults(element) == {**arr_schema.READ[name], **arr_schema.KEPT[name]}
        inner = [item.attrib["name"] for item in element.findall("element")]
        inner += [item.attrib["addElement"] for item in element.findall("collection")]
        assert inner == list(arr_schema.KEPT_ELEMENTS.get(name, ()))
    algorithm = next(item for item in _element(routing, "loadBalancing") if item.get("name") == "algorithm")
    names = {item.attrib["value"]: item.attrib["name"] for item in algorithm.findall("enum")}
    assert names == {number: str(word) for number, word in ALGORITHM_NUMBERS.items()}


def _defaults(element: Element) -> dict[str, str]:
    return {item.attrib["name"]: item.get("defaultValue", "") for item in element.findall("attribute")}


def _element(element: Element, name: str) -> Element:
    return next(item for item in element.findall("element") if item.get("name") == name)
