"""The tests of a rule file, as the tree of a YAML file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from urlrewrite.formats.yaml.export_rules import one_or_list, texts
from urlrewrite.formats.yaml.export_text import List, Map, Node, Null
from urlrewrite.model import Expectation, RuleTest


def tests_of(tests: Iterable[RuleTest]) -> List:
    """Write `tests`."""
    return List([(_test(test), "") for test in tests], spaced=True)


def _test(test: RuleTest) -> Map:
    table = Map(block=True)
    if test.name:
        table.add("name", test.name)
    table.add("request", _request(test))
    if test.response_status is not None:
        table.add("response", _response(test))
    table.add("expect", _expectation(test.expect))
    return table


def _request(test: RuleTest) -> Node:
    if not test.fields:
        return f"{test.method} {test.url}"
    return Map([("method", test.method, ""), ("url", test.url, ""), ("headers", _lines(test.fields), "")])


def _response(test: RuleTest) -> Map:
    table = Map()
    if test.response_status != 200:
        table.add("status", str(test.response_status))
    if test.response_fields:
        table.add("headers", _lines(test.response_fields))
    if test.response_body:
        table.add("body", test.response_body)
    return table


def _lines(fields: Iterable[tuple[str, str]]) -> Map:
    """Write field lines by name; those of one name stand together, which changes nothing (RFC 9110, section 5.3)."""
    by_name: dict[str, list[str]] = {}
    for name, value in fields:
        by_name.setdefault(name, []).append(value)
    return Map([(name, one_or_list(tuple(values)), "") for name, values in by_name.items()])


def _expectation(expect: Expectation) -> Map:
    table = Map()
    if expect.status is not None:
        table.add("status", str(expect.status))
    for key in ("location", "url", "action", "site"):
        if (value := getattr(expect, key)) is not None:
            table.add(key, value)
    if expect.fields:
        table.add("headers", _expected_fields(expect.fields))
    if expect.request_fields:
        table.add("request", Map([("headers", _expected_fields(expect.request_fields), "")]))
    if expect.body_has or expect.body_lacks:
        body = Map()
        for key, parts in (("contains", expect.body_has), ("lacks", expect.body_lacks)):
            if parts:
                body.add(key, parts[0] if len(parts) == 1 else texts(parts))
        table.add("body", body)
    return table


def _expected_fields(fields: Mapping[str, str | None]) -> Map:
    return Map([(name, Null() if value is None else value, "") for name, value in fields.items()])
