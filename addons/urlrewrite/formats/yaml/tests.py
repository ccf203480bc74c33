"""The tests that a rule file carries, from YAML."""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from collections.abc import Sequence as SequenceOf
from types import MappingProxyType

from urlrewrite.formats.addresses import origin_of
from urlrewrite.formats.reports import ProblemId, Report
from urlrewrite.formats.wording import shown
from urlrewrite.formats.yaml.fields import Table, tables_of, text_of, texts_of
from urlrewrite.formats.yaml.nodes import Node, Scalar
from urlrewrite.model import ActionType, Expectation, RuleTest
from urlrewrite.model.field_lines import FieldLines, is_token

TEST_KEYS = ("name", "request", "response", "expect")
REQUEST_KEYS = ("method", "url", "headers")
RESPONSE_KEYS = ("status", "headers", "body")
EXPECT_KEYS = ("status", "location", "url", "action", "site", "headers", "request", "body")
EXPECT_BODY_KEYS = ("contains", "lacks")

_STATUS = range(100, 1000)


def read_tests(nodes: SequenceOf[Node], report: Report) -> tuple[RuleTest, ...]:
    """Read the tests of `tests`."""
    return tuple(_test(table) for table in tables_of(nodes, TEST_KEYS, report, "tests"))


def _test(table: Table) -> RuleTest:
    method, url, fields = _request(table)
    response = table.table("response", RESPONSE_KEYS)
    return RuleTest(
        method,
        url,
        _expectation(table),
        fields,
        response.integer("status", 200, _STATUS) if response else None,
        _fields(response) if response else (),
        response.text("body") if response else "",
        table.text("name"),
        table.source(),
    )


def _request(table: Table) -> tuple[str, str, FieldLines]:
    """Read method, URL and fields of `request`: `GET https://...`, the URL alone, or a mapping."""
    node = table.get("request")
    example = '"GET https://www.example.com/article/7"'
    if node is None:
        table.error("request", ProblemId.MISSING, f"got nothing, expected a request such as {example}")
        return "GET", "", ()
    if isinstance(node, Scalar):
        *method, url = table.text("request").split() or [""]
        if len(method) > 1:
            table.error(
                "request", ProblemId.BAD_VALUE, f"got {shown(node.text)}, expected method and URL such as {example}"
            )
            return "GET", "", ()
        return _method(table, "request", method[0] if method else "GET"), _url(table, "request", url), ()
    request = table.table("request", REQUEST_KEYS)
    if not request:
        return "GET", "", ()
    method_text = _method(request, "method", request.text("method", "GET"))
    return method_text, _url(request, "url", request.required("url", "an absolute URL")), _fields(request)


def _method(table: Table, key: str, method: str) -> str:
    if not is_token(method):
        table.error(key, ProblemId.BAD_VALUE, f"got the method {shown(method)}, expected one such as GET")
    return method


def _url(table: Table, key: str, url: str) -> str:
    try:
        if url:
            origin_of(url)
    except ValueError as error:
        table.error(key, ProblemId.BAD_ADDRESS, str(error))
    return url


def _fields(table: Table) -> FieldLines:
    """Read `headers` as lines in order; a list as a value makes one line of each item."""
    return tuple(
        (key.text, item.text)
        for key, value in table.mapping("headers")
        for item in texts_of(value, table.report, f"{table.label('headers')}.{key.text}")
    )


def _expectation(test: Table) -> Expectation:
    table = test.table("expect", EXPECT_KEYS)
    if table is None or not any(key in table for key in EXPECT_KEYS):
        if table is not None or "expect" not in test:
            test.error("expect", ProblemId.MISSING, f"got nothing, expected some of {', '.join(EXPECT_KEYS)}")
        return Expectation()
    request = table.table("request", ("headers",))
    body = table.table("body", EXPECT_BODY_KEYS)
    return Expectation(
        table.integer("status", 0, _STATUS) or None,
        _asked(table, "location"),
        _asked(table, "url"),
        str(table.choice("action", ActionType.NONE)) if "action" in table else None,
        _asked(table, "site"),
        _expected_fields(table),
        _expected_fields(request) if request else MappingProxyType({}),
        tuple(item.text for item in body.texts("contains")) if body else (),
        tuple(item.text for item in body.texts("lacks")) if body else (),
    )


def _asked(table: Table, key: str) -> str | None:
    return table.text(key) if key in table else None


def _expected_fields(table: Table) -> MappingOf[str, str | None]:
    """Read `headers` by lower-case name; null stands for "must be absent"."""
    found: dict[str, str | None] = {}
    for key, value in table.mapping("headers"):
        label = f"{table.label('headers')}.{key.text}"
        if key.text.lower() in found:
            table.report.error(key.line, ProblemId.DUPLICATE_KEY, f"{label}: got the name again, expected it once")
        absent = isinstance(value, Scalar) and value.is_null
        found[key.text.lower()] = None if absent else text_of(value, table.report, label)
    return MappingProxyType(found)
