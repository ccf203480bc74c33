from __future__ import annotations

import pytest

from formats.support import SITE, Expected, assert_told, in_site
from urlrewrite.model import Expectation, RuleTest, Source

HERE = Source("rules.yaml", 4)
URL = "https://www.example.com/a%2Fb?c=d&e=%20"
OK = Expectation(status=200)

TESTS = [
    (f"{{request: GET {URL}, expect: {{status: 200}}}}", RuleTest("GET", URL, OK)),
    (f"{{request: '{URL}', expect: {{status: 200}}}}", RuleTest("GET", URL, OK)),
    (f"{{name: a, request: {{url: '{URL}'}}, expect: {{status: 200}}}}", RuleTest("GET", URL, OK, name="a")),
    (
        f"{{request: {{method: M-SEARCH, url: '{URL}', headers: {{A: 1, b: [c, d], e: }}}}, expect: {{status: 200}}}}",
        RuleTest("M-SEARCH", URL, OK, (("A", "1"), ("b", "c"), ("b", "d"), ("e", ""))),
    ),
    (
        f"{{request: GET {URL}, response: {{}}, expect: {{status: 200}}}}",
        RuleTest("GET", URL, OK, response_status=200),
    ),
    (
        f"{{request: GET {URL}, response: {{status: 404, headers: {{Set-Cookie: [a, b]}}, body: c}}, "
        "expect: {status: 200}}",
        RuleTest(
            "GET",
            URL,
            OK,
            response_status=404,
            response_fields=(("Set-Cookie", "a"), ("Set-Cookie", "b")),
            response_body="c",
        ),
    ),
    (
        f"{{request: GET {URL}, expect: {{status: 301, location: a, url: b, action: redirect, site: rules, "
        "headers: {A: b, C: ~, D: 'null', E: ''}, request: {headers: {F: , G: h}}, "
        "body: {contains: a, lacks: [b, c]}}}",
        RuleTest(
            "GET",
            URL,
            Expectation(
                301,
                "a",
                "b",
                "Redirect",
                "rules",
                {"a": "b", "c": None, "d": "null", "e": ""},
                {"f": None, "g": "h"},
                ("a",),
                ("b", "c"),
            ),
        ),
    ),
    (f"{{request: GET {URL}, expect: {{action: None}}}}", RuleTest("GET", URL, Expectation(action="None"))),
]


@pytest.mark.parametrize(("text", "expected"), TESTS)
def test_test(text: str, expected: RuleTest) -> None:
    (found,) = in_site(f"tests:\n  - {text}\n").tests
    assert found.source == HERE
    assert RuleTest(*(getattr(found, name) for name in RuleTest.__slots__ if name != "source")) == expected


GOOD = "expect: {status: 200}"

WRONG: list[tuple[str, Expected]] = [
    ("a", [(4, "UR003", 'tests[1]: got "a", expected a mapping with name, request, response, expect')]),
    (f"{{{GOOD}}}", [(4, "UR006", "tests[1].request: got nothing, expected a request such as")]),
    (f"{{request: , {GOOD}}}", [(4, "UR006", "tests[1].request: got nothing")]),
    (f"{{request: /a, {GOOD}}}", [(4, "UR010", 'tests[1].request: got "/a", expected http:// or https:// and a host')]),
    (f"{{request: GET /a b, {GOOD}}}", [(4, "UR007", 'got "GET /a b", expected method and URL such as "GET https://')]),
    (f"{{request: 'G(T {URL}', {GOOD}}}", [(4, "UR007", 'got the method "G(T", expected one such as GET')]),
    (f"{{request: [a], {GOOD}}}", [(4, "UR003", "tests[1].request: got a list, expected a mapping with method, url")]),
    (f"{{request: {{method: GET}}, {GOOD}}}", [(4, "UR006", "tests[1].request.url: got nothing")]),
    (
        f"{{request: {{url: a, header: b}}, {GOOD}}}",
        [(4, "UR004", "did you mean headers?"), (4, "UR010", "request.url")],
    ),
    (f"{{request: {{url: '{URL}', headers: [a]}}, {GOOD}}}", [(4, "UR003", "headers: got a list, expected a mapping")]),
    (f"{{request: '{URL}'}}", [(4, "UR006", "tests[1].expect: got nothing, expected some of status, location, url")]),
    (f"{{request: '{URL}', expect: {{}}}}", [(4, "UR006", "tests[1].expect: got nothing")]),
    (f"{{request: '{URL}', expect: 200}}", [(4, "UR003", 'tests[1].expect: got "200", expected a mapping')]),
    (
        f"{{request: '{URL}', expect: {{status: OK}}}}",
        [(4, "UR007", 'expect.status: got "OK", expected a whole number')],
    ),
    (
        f"{{request: '{URL}', expect: {{action: Deny}}}}",
        [(4, "UR007", 'expect.action: got "Deny", expected one of None')],
    ),
    (
        f"{{request: '{URL}', expect: {{site: rule}}}}",
        [(4, "UR009", 'site: got "rule", expected rules, did you mean r')],
    ),
    (
        f"{{request: '{URL}', expect: {{headers: {{A: b, a: c}}}}}}",
        [(4, "UR005", "expect.headers.a: got the name again")],
    ),
    (f"{{request: '{URL}', expect: {{headers: {{A: [b]}}}}}}", [(4, "UR003", "expect.headers.A: got a list")]),
    (
        f"{{request: '{URL}', expect: {{body: a}}}}",
        [(4, "UR003", 'body: got "a", expected a mapping with contains, l')],
    ),
    (f"{{request: '{URL}', response: {{status: 99}}, {GOOD}}}", [(4, "UR007", "from 100 to 999")]),
    (f"{{request: '{URL}', response: a, {GOOD}}}", [(4, "UR003", 'tests[1].response: got "a"')]),
]


@pytest.mark.parametrize(("text", "expected"), WRONG)
def test_wrong(text: str, expected: Expected) -> None:
    assert_told(f"{SITE}tests:\n  - {text}\n", expected)
