"""What a person reads: exchanges as the engine traces them, and traces that no engine would write."""

from __future__ import annotations

import copy
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules_of import ask, rules_of
from urlrewrite.inspector.traces.report import log_line, render, summary
from urlrewrite.trace.events import Name

SOURCES = Path(__file__).parents[3] / "addons" / "urlrewrite"
HOSTILE = "\n── Response ──\x1b[2J\u202egnp.exe\u2028\udcff<script>"

RULES = r"""
links: everywhere
rewriteMaps:
  Moved: {/news/7: /archive/2007}
rules:
  - {name: off, enabled: false, match: x, action: None}
  - name: not for robots
    match: ^news/
    conditions:
      logicalGrouping: MatchAny
      add:
        - {input: '{HTTP_USER_AGENT}', pattern: curler}
        - {input: '{QUERY_STRING}', pattern: ^robot=1$}
    action: AbortRequest
  - name: news
    match: ^news/(\d+)$
    conditions:
      trackAllCaptures: true
      add:
        - {input: '{Moved:{PATH_INFO}}', pattern: '^/archive/(.+)'}
        - {input: '{QUERY_STRING}', pattern: '^draft=1$', negate: true}
        - {input: '{REQUEST_METHOD}', pattern: '^(GET|HEAD)$'}
    serverVariables:
      HTTP_X_YEAR: '{C:1}'
    action: {type: Rewrite, url: '/archive/{C:1}/{R:1}'}
  - name: slash
    match: {url: '.*/$', negate: true}
    action: None
  - name: no slash
    match: {url: '.*', negate: true}
    action: None
preConditions:
  is json:
    - {input: '{RESPONSE_CONTENT_TYPE}', pattern: ^application/json}
outboundRules:
  - name: json only
    preCondition: is json
    match: {filterByTags: None, pattern: a}
    action: {type: Rewrite, value: b}
  - name: short
    match: {filterByTags: [A, Img], pattern: '^http://privateserver:8080/x(\d)'}
    action: {type: Rewrite, value: '/y{R:1}'}
  - name: copyright
    match: {filterByTags: None, pattern: 'c(\d+)'}
    conditions: [{input: '{R:1}', pattern: '^2\d+$'}]
    action: {type: Rewrite, value: '{R:1} by us'}
  - name: version
    match: {serverVariable: RESPONSE_X_Version, pattern: .+}
    action: {type: Rewrite, value: ''}
  - name: same
    match: {serverVariable: RESPONSE_X_Same, pattern: .+}
    action: {type: Rewrite, value: '{R:0}'}
  - name: missing
    match: {serverVariable: RESPONSE_X_Missing, pattern: a}
    action: {type: Rewrite, value: b}
"""

INBOUND = r"""
  – off  (enabled: false)
  ✗ not for robots                         rules.yaml:10
      pattern    ^news/  matches, but none of these conditions holds:
        ✗ pattern            curler
          {HTTP_USER_AGENT}  curl
                                 ↑ the pattern asks for more
        ✗ pattern         ^robot=1$
          {QUERY_STRING}  draft=2
                          ↑ stopped matching here
  ✓ news                                   rules.yaml:18
      pattern    ^news/(\d+)$
      input      news/7
      query      draft=2
      captures   {R:0} news/7  {R:1} 7
      conditions MatchAll  · trackAllCaptures
          looked up  {Moved:/news/7} → /archive/2007
        ✓ pattern              ^/archive/(.+)
          {Moved:{PATH_INFO}}  /archive/2007
        ✓ pattern         ^draft=1$  · negated
          {QUERY_STRING}  draft=2
        ✓ pattern           ^(GET|HEAD)$
          {REQUEST_METHOD}  GET
      captures   {C:0} /archive/2007  {C:1} 2007  {C:2} GET
      set        + HTTP_X_YEAR: 2007
      rewrite    /archive/{C:1}/{R:1}  · query string appended
                 → /archive/2007/7?draft=2
  ✓ slash                                  rules.yaml:29
      pattern    .*/$  · negated
      input      archive/2007/7
      query      draft=2
      action     None: the URL stays
  ✗ no slash                               rules.yaml:32
      pattern    .*  · negated
      input      archive/2007/7
                 matches, and must not: the pattern is negated
"""

OUTBOUND = r"""
  Preconditions
  ✗ is json
      conditions MatchAll
        ✗ pattern                  ^application/json
          {RESPONSE_CONTENT_TYPE}  text/html
                                   ↑ stopped matching here

  Outbound rules
  ✓ version                                1 examined, 1 matched, 1 changed
      pattern    .+
      in X-Version
        - 1
        + (empty)
      X-Version is left out, as its value is empty (IIS sends the field with an empty value)
  ✗ same                                   1 examined, 1 matched, 0 changed
      pattern    .+  matches 1
      and the value was that already, or the action is None
  ✗ missing                                1 examined, 0 matched, 0 changed
      in X-Missing
      pattern    a
      input      (empty)
                 ↑ the pattern asks for more
  ✓ short                                  3 examined, 1 matched, 1 changed
      pattern    ^http://privateserver:8080/x(\d)
      captures   {R:0} http://privateserver:8080/x1  {R:1} 1
      in <a href>
        - http://privateserver:8080/x1/tail
        + /y1
  ✓ copyright                              1 examined, 2 matched, 1 changed
      pattern    c(\d+)
      conditions MatchAll  · trackAllCaptures
        ✓ pattern    ^2\d+$
          {R:1}      2024
      in body, offset 14
        - c2024
        + 2024 by us
  – json only  (precondition "is json" does not hold)
"""

LINKS = """
  2 links mapped in the body
    <img src>
        1  http://privateserver:8080 → https://www.example.com  at 37
    <p title>
        1  http://privateserver:8080 → https://www.example.com  at 95"""

PAGE = b"""<a href="http://privateserver:8080/x1/tail">c2024</a><img src=http://privateserver:8080/z>\
<a href=/rel> c1999 <p title="http://privateserver:8080/">"""

FIELDS = [
    ("Content-Type", "text/html"),
    ("X-Version", "1"),
    ("X-Same", "1"),
    ("Location", "http://privateserver:8080/"),
    ("Set-Cookie", "a=1; Domain=privateserver"),
    ("Content-Encoding", "gzip"),
]


def exchange() -> dict[str, Any]:
    """The trace of an exchange in which much happens."""
    answer = (200, FIELDS, gzip.compress(PAGE, mtime=0))
    url = "https://www.example.com/news/7?draft=2"
    return ask(rules_of(RULES), url, ("User-Agent", "curl"), answer=answer).exchange.trace.data


def trace(*events: dict[str, Any], **data: Any) -> dict[str, Any]:
    line = {"method": "GET", "url": "https://www.example.com/a", "http_version": "HTTP/1.1"}
    return {"version": 1, "id": "1f", "events": list(events), "request": line, **data}


OUTBOUND_START = {"event": "URL_REWRITE_START", "type": "Outbound", "status": 200}


def test_a_whole_exchange_reads_like_this() -> None:
    report = render(exchange())
    assert report.startswith(
        "GET https://www.example.com/news/7?draft=2\n"
        "→ http://privateserver:8080/archive/2007/7?draft=2 200\n"
        '  rewritten by "news", "slash" · 2 links, 2 fields, 1 cookie\n'
        "  site rules · HTTP/1.1 · rules "
    )
    for part in (INBOUND, OUTBOUND, LINKS):
        assert part in report
    assert (
        "Fields of the response\n    URL of the backend mapped\n      - Location: http://privateserver:8080/\n"
        in report
    )
    assert "  sent to    http://privateserver:8080/archive/2007/7?draft=2\n" in report


def test_problems_come_before_all_the_rest() -> None:
    head, _, rest = render(exchange()).partition("── Request")
    assert '⚠ warning: rule "short" replaced the whole of <a href>' in head
    assert "IIS does the same" in head
    assert "≠ IIS would respond with 500.52 here:" in head
    assert "warning" not in rest


def test_each_side_by_itself_counts_the_warnings_of_the_other() -> None:
    request, response = render(exchange(), "request"), render(exchange(), "response")
    assert INBOUND in request
    assert "Outbound rules" not in request
    assert "(1 warning on the other side)" in request
    assert OUTBOUND in response
    assert "rules.yaml:" not in response
    follow = render(exchange(), "response", follow=True)
    assert follow.index("── Response") < follow.index("── Request")
    assert sorted(follow.splitlines()) == sorted(render(exchange()).splitlines())


WARNED = [OUTBOUND_START, {"event": "WARNING", "message": "odd"}, {"event": "WARNING", "message": "odder"}]
LONG = {"event": "WARNING", "message": "word " * 100}
FAILED = {"event": "ERROR", "message": "no site is published under 'foo'"}
LOCATION = {"event": "GENERAL_SET_RESPONSE_HEADER", "name": "Location", "before": "a", "after": "b", "why": "w"}
COOKIE = {**LOCATION, "name": "set-cookie"}
LENGTH = {**LOCATION, "name": "Content-Length"}
BY_RULE = {"event": "CONTENT_CHANGE", "rule": "r", "where": "Server", "before": "a", "after": "b"}
IN_BODY = {**BY_RULE, "where": "body", "offset": 3}
IN_TAG = {**BY_RULE, "where": "<a href>"}
LINK = {"event": "CONTENT_CHANGE", "link": True, "where": "<a href>", "offset": 1, "before": "a", "after": "b"}
MOVED = {"event": "REDIRECT_ACTION", "location": "https://www.example.com/b", "status": 301}
PASSED = {"target": "http://backend/a", "action": "None", "status": 200}
REWRITTEN = {"target": "http://backend/b", "action": "Rewrite", "inbound_rules": ["old articles"], "status": 200}


@pytest.mark.parametrize(
    ("given_trace", "short", "line"),
    [
        (trace(**PASSED), "passed unchanged", "http://backend/a 200"),
        (trace(**REWRITTEN), 'rewritten by "old articles"', "http://backend/b 200 · rules: old articles"),
        (
            trace(site="shop", one_of_sites=True, **REWRITTEN),
            'shop → backend · rewritten by "old articles"',
            "http://backend/b 200 · rules: old articles",
        ),
        (
            trace(
                OUTBOUND_START, LOCATION, COOKIE, COOKIE, LENGTH, BY_RULE, IN_BODY, IN_TAG, LINK, **REWRITTEN, links=24
            ),
            'rewritten by "old articles" · 24 links, 2 fields, 2 cookies',
            "http://backend/b 200 · rules: old articles · 24 links, 2 fields, 2 cookies",
        ),
        (
            trace(**PASSED, inbound_rules=["a"], outbound_rules=["b", "c", "d"], way="whole", links=1),
            'forwarded with "a" · 1 link · response: "b", "c" and 1 more',
            "http://backend/a 200 · rules: a, b, c, d · 1 link · whole",
        ),
        (
            trace(MOVED, action="Redirect", inbound_rules=["r"], status=301),
            'redirected by "r"',
            "301 https://www.example.com/b · rules: r",
        ),
        (
            trace(action="CustomResponse", inbound_rules=["r"], status=403),
            'answered 403 by "r"',
            "403 · rules: r",
        ),
        (
            trace(action="AbortRequest", inbound_rules=["r"]),
            'aborted by "r"',
            "closed without a response · rules: r",
        ),
        (
            trace(*WARNED, **PASSED, links=2),
            "2 links · ⚠ odd (and 1 more)",
            "http://backend/a 200 · 2 links · ⚠ odd (and 1 more)",
        ),
        (
            trace(LONG, **PASSED),
            "⚠ " + ("word " * 12)[:59] + "…",
            "http://backend/a 200 · ⚠ " + ("word " * 40)[:199] + "…",
        ),
        (
            trace(LONG, FAILED, {"event": "ANSWERED", "status": 404}, action="None"),
            "✖ no site is published under 'foo' (and 1 more)",
            "404 · ✖ no site is published under 'foo' (and 1 more)",
        ),
        (
            trace(**PASSED, broken_off="Client disconnected."),
            "broken off: Client disconnected.",
            "http://backend/a 200 · broken off: Client disconnected.",
        ),
        (
            trace(FAILED, action="Rewrite", inbound_rules=["r"], status=500),
            "✖ no site is published under 'foo'",
            "500 · rules: r · ✖ no site is published under 'foo'",
        ),
        (trace(), "passed unchanged", "not decided"),
    ],
)
def test_one_line(given_trace: dict[str, Any], short: str, line: str) -> None:
    assert summary(given_trace) == short
    assert log_line(given_trace) == f"GET https://www.example.com/a -> {line}"
    # The same in the head of the report.
    assert line.partition(" · ")[0] in render(given_trace).splitlines()[1]


def event(name: str, /, **fields: Any) -> dict[str, Any]:
    return {"event": name, **fields}


RULE = event("RULE_EVALUATION_START", rule="r", source="f:1", pattern_syntax="Wildcard", query_string="a=1")
MATCHED = event("PATTERN_MATCH", pattern="*x", input="ax", matched=True, succeeded=True, captures=["ax", "a"])
END = event("RULE_EVALUATION_END", rule="r", succeeded=True, stop_processing=True)
MISSED = event("PATTERN_MATCH", pattern="b", input="a" * 150, matched=False, succeeded=False, matched_up_to=140)
PLAN = event("BODY_PLAN", way="pass", why="the response is binary")


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([RULE, MATCHED, END], "pattern    *x  · Wildcard\n      input      ax\n      query      a=1\n"),
        ([RULE, MATCHED, END], "      stopProcessing: the rules after it were not tried"),
        ([RULE, MATCHED], "  … r                                      f:1"),
        ([RULE, MATCHED], "      was not finished"),
        ([RULE, MISSED, {**END, "succeeded": False}], "input      …" + "a" * 69 + "a" * 10 + "\n"),
        ([RULE, MATCHED, event("NONE_ACTION"), END], "action     None: the URL stays"),
        ([RULE, MATCHED, event("ABORT_REQUEST_ACTION"), END], "abort      the connection is closed without a response"),
        (
            [RULE, event("CUSTOM_RESPONSE_ACTION", status=403, sub_status=4, reason="No", description="Why"), END],
            "response   403.4 · No · Why",
        ),
        (
            [RULE, event("REDIRECT_ACTION", substitution="/b", location="http://a/b", status=302), END],
            "redirect   /b\n                 → 302 http://a/b",
        ),
        (
            [RULE, event("SERVER_VARIABLE_SET", name="HTTP_A", before="1", after=""), END],
            "set        - HTTP_A: 1\n                 + HTTP_A: (empty)",
        ),
        (
            [RULE, event("SERVER_VARIABLE_KEPT", name="HTTP_A", value="1"), END],
            "kept       HTTP_A: 1  (it has a value, and replace is false)",
        ),
        (
            [RULE, event("REWRITE_MAP_LOOKUP", map="M", key="k", value=""), END],
            "looked up  {M:k} → (empty)",
        ),
        (
            [
                RULE,
                MATCHED,
                event("CONDITIONS_EVALUATION_START", logical_grouping="MatchAll"),
                event("REWRITE_MAP_LOOKUP", map="M", key="k1", value="v"),
                event("CONDITION_EVALUATION", input="{M:{URL}}", expanded_input="v", pattern=".", succeeded=True),
                event("REWRITE_MAP_LOOKUP", map="M", key="k2", value=""),
                event("CONDITION_EVALUATION", input="{M:{C:0}}", expanded_input="", pattern=".", succeeded=False),
                event("CONDITIONS_EVALUATION_END", succeeded=False),
                {**END, "succeeded": False},
            ],
            "          looked up  {M:k2} → (empty)\n        ✗ pattern    .\n          {M:{C:0}}  (empty)",
        ),
        (
            [
                RULE,
                event("CONDITIONS_EVALUATION_START", logical_grouping="MatchAll"),
                event("CONDITION_EVALUATION", input="{REQUEST_FILENAME}", expanded_input="/a", match_type="IsFile"),
                event("CONDITIONS_EVALUATION_END", succeeded=False),
                END,
            ],
            "        ✗ is a file  /a\n          from       {REQUEST_FILENAME}",
        ),
        (
            [
                RULE,
                event("CONDITION_EVALUATION", input="{A}" * 20, expanded_input="1", pattern="^1$", succeeded=True),
                END,
            ],
            "        ✓ pattern    ^1$\n          input      1\n          from       {A}{A}",
        ),
        ([event("SITE_CHOSEN", site="s", public="https://a")], "site       s, published as https://a"),
        ([event("URL_REWRITE_START", scope="Global", type="Inbound", url="/a")], "Global rules, on /a"),
        ([event("ANSWERED", status=404)], "answered   404; the request was not forwarded"),
        (
            [event("QUERY_MAPPED_BACK", name="next", before="next=a", after="next=b", protocol="application")],
            "query      next (application) mapped back\n             - next=a\n             + next=b",
        ),
        (
            [event("QUERY_MAPPED_BACK", name="u", before="u=a", after="u=b", protocol="")],
            "query      u (linksAlso: queries) mapped back",
        ),
        (
            [event("SAML_LEFT", name="SAMLRequest", addresses=["https://a/acs", "b"])],
            "SAMLRequest is deflated and left as it is; it names https://a/acs, b",
        ),
        ([event("SAML_LEFT", name="SAMLRequest")], "it names nothing that can be read"),
        ([event("REQUEST_BODY", way="whole", kind="json", links=2)], "body       whole, json: 2 links mapped back"),
        ([event("REQUEST_BODY", way="stream", kind="xml")], "body       stream, xml"),
        (
            [event("REQUEST_BODY_CHANGE", where="json", offset=7, before="a", after="b")],
            "    json\n        1  a → b  at 7",
        ),
        ([event("REQUEST_ROUTED", url="http://b/", host="h", connect=["127.0.0.1", 9])], "by dialling 127.0.0.1:9"),
        ([event("ANSWERED", status=302), OUTBOUND_START], "response   200, our own; rules see its fields"),
        ([OUTBOUND_START, PLAN], "response   200, from the backend\n  body       pass: the response is binary"),
        (
            [event("BODY_DECODED", codings=[], charset="utf-8", charset_source="bom", bytes=1, decoded=1)],
            "not coded · utf-8 (by bom) · 1 byte",
        ),
        (
            [event("INTEGRITY", mended=2, kept=[])],
            "integrity  2 digests corrected to those of the files as they are sent",
        ),
        ([event("INTEGRITY", mended=0, kept=["https://a/b.js"])], "this file is left alone: https://a/b.js"),
        ([event("OUTBOUND_RULE_END", rule="r", examined=0)], "r                                      found nothing to"),
        ([event("OUTBOUND_PATTERN_MATCH", rule="r")], "✗ r                                      was not finished"),
        ([OUTBOUND_START, *[LINK] * 5], "5  a → b  at 1, 1, 1, 1, …"),
        (
            [{**LINK, "before": str(number)} for number in range(9)],
            "        1  5 → b  at 1\n        3  in 3 other spellings",
        ),
        ([IN_BODY] * 12, "and 2 more"),
        (
            [{**LOCATION, "before": ""}, {**LOCATION, "after": ""}, {**LOCATION, "after": "", "before": ""}],
            "    w\n      + Location: b\n      - Location: a\n      + Location: (empty)",
        ),
        ([FAILED, FAILED], "  ✖ ERROR: no site is published under 'foo'\n\n──"),
        ([event("WARNING", message="m", field="F", value="v", iis="looks")], "⚠ warning: m\n      v\n      IIS looks"),
        ([event("OF_ANOTHER_VERSION", a=1, b=["x"])], "  OF_ANOTHER_VERSION  a=1  b=['x']"),
        ([RULE, event("OF_ANOTHER_VERSION"), END], "      OF_ANOTHER_VERSION"),
        ([OUTBOUND_START, event("OF_ANOTHER_VERSION")], "  OF_ANOTHER_VERSION"),
    ],
)
def test_what_an_event_becomes(events: list[dict[str, Any]], expected: str) -> None:
    assert expected in render(trace(*events))


def test_links_that_the_trace_only_counts() -> None:
    assert "1,302 links mapped in the body" in render(trace(OUTBOUND_START, LINK, links=1302))
    assert "    1,301  more, which the trace only counts" in render(trace(OUTBOUND_START, LINK, links=1302))


def test_the_nearest_miss_is_told() -> None:
    misses = [
        event("OUTBOUND_PATTERN_MATCH", rule="r", pattern="abc", input=text, matched_up_to=reach, where="<a href>")
        for text, reach in (("x", 0), ("abx", 2), ("ax", 1))
    ]
    report = render(trace(OUTBOUND_START, *misses))
    assert "input      abx\n                   ↑ stopped matching here" in report
    assert "input      ax" not in report


# Traces of unknown make


def with_texts(value: Any, text: str) -> Any:
    """The value with every text replaced, but for those that make an event what it is."""
    match value:
        case dict():
            kept = {"event", "type", "action"}
            return {key: item if key in kept else with_texts(item, text) for key, item in value.items()}
        case list():
            return [with_texts(item, text) for item in value]
        case str():
            return text
    return value


def test_no_value_can_write_a_line_of_its_own_or_reach_the_terminal() -> None:
    data = with_texts(exchange(), HOSTILE)
    report = render(data)
    assert [line for line in report.splitlines() if line.startswith("──")] == [
        line for line in render(exchange()).splitlines() if line.startswith("──")
    ]
    for text in (report.replace("\n", ""), summary(data), log_line(data)):
        assert not set(text) & set(HOSTILE) - set("── Response [2Jgnp.ex<script>")


def test_long_values_neither_fill_the_view_nor_hide_their_end() -> None:
    data = with_texts(exchange(), "a" * 100_000 + "end")
    assert len(render(data)) < 300_000
    assert max(map(len, summary(data).split(" · "))) < 500
    assert "aend" in render(data)


KEYS = sorted({key for item in exchange()["events"] for key in item if key != "event"})
NAMES = sorted(
    {item["event"] for item in exchange()["events"]} | {"WARNING", "ERROR", "ANSWERED", "REDIRECT_ACTION", "X"}
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=()))
    | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=4,
)
EVENTS = st.builds(
    lambda name, fields: {**fields, **name},
    st.fixed_dictionaries({"event": st.sampled_from(NAMES)}) | st.fixed_dictionaries({}, optional={"event": VALUES}),
    st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=5),
)
DATA_KEYS = sorted({*exchange(), "broken_off"} - {"events"})
TRACES = VALUES | st.builds(
    lambda events, data: {"events": events, **data},
    st.lists(EVENTS | VALUES, max_size=12) | VALUES,
    st.dictionaries(st.sampled_from(DATA_KEYS), VALUES | st.sampled_from(["Redirect", "AbortRequest"]), max_size=5),
)


def check(data: Any) -> None:
    """Whatever it is, it is told, as text that can be shown."""
    for side in ("request", "response", "both"):
        report = render(data, side)
        assert report.encode().decode() == report
        assert all(line.isprintable() or not line for line in report.split("\n"))
    for text in (summary(data), log_line(data)):
        assert text.isprintable()
        assert text


@given(TRACES)
def test_whatever_a_trace_holds_it_is_told(data: Any) -> None:
    check(data)


@given(st.data())
def test_a_trace_with_a_piece_of_it_replaced_or_missing_is_told(data: st.DataObject) -> None:
    broken = copy.deepcopy(exchange())
    index = data.draw(st.integers(0, len(broken["events"]) - 1))
    key = data.draw(st.sampled_from(sorted(broken["events"][index])))
    if data.draw(st.booleans()):
        broken["events"][index][key] = data.draw(VALUES)
    else:
        del broken["events"][index][key]
    check(broken)


def test_odd_traces_are_told() -> None:
    endless: list[Any] = []
    for _ in range(100_000):
        endless = [endless]
    for value in (10**5000, endless, None, [], 1):
        check(value)
        check({"events": [{"event": "X", "a": value}, {**LINK, "offset": value}], "links": value, "site": value})


def test_a_trace_reads_the_same_after_it_was_saved() -> None:
    assert render(json.loads(json.dumps(exchange()))) == render(exchange())


# No event can be forgotten here


OUTBOUND_MATCH = event("OUTBOUND_PATTERN_MATCH", rule="r", succeeded=True)
PRECONDITION = event("PRECONDITION_EVALUATION_START", pre_condition="p")
PLACES = [[], [RULE], [PRECONDITION], [OUTBOUND_START], [OUTBOUND_START, OUTBOUND_MATCH]]


@pytest.mark.parametrize("name", Name)
def test_every_declared_event_has_a_form_here(name: str) -> None:
    # In a wrong place it may look like an unknown one, but there must be a place where it does not.
    reports = [render(trace(*before, event(str(name), rule="r"))) for before in PLACES]
    assert [report for report in reports if name not in report.split()]
    assert all("UNKNOWN" in render(trace(*before, event("UNKNOWN"))).split() for before in PLACES)
