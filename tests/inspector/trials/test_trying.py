"""What one can try: requests and responses that somebody writes, and recorded ones, hostile ones among them."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspector.exchanges import BODIES, HTML, TRACES, seen_by
from rules_of import rules_of
from urlrewrite.engine.facts import ResponseFacts
from urlrewrite.exchange.rule_tests import request_facts
from urlrewrite.inspector.diff.bodies_decoded import decoded_body
from urlrewrite.inspector.trials.trying import (
    CannotTry,
    Trial,
    as_data,
    body_hunks,
    field_lines,
    field_text,
    trial_of,
    try_out,
    try_recorded,
    written_request,
    written_response,
)
from urlrewrite.model.field_lines import field_values

BACKEND = "http://privateserver:8080"
RULES = rules_of(
    """
    rules:
      - {name: old, match: ^old$, action: {type: Redirect, url: /new}}
      - {name: gone, match: ^gone$, action: {type: AbortRequest}}
      - {name: item, match: '^item/(.*)', action: {type: Rewrite, url: 'show?id={R:1}'}}
    outboundRules:
      - {name: server, match: {serverVariable: RESPONSE_Server, pattern: .+}, action: {type: Rewrite, value: demo}}
    """
)
PAGE = f"<p>one</p>\n<a href='{BACKEND}/1'>\n<p>two</p>\n".encode()

FIELDS = [
    ("", ()),
    ("A: b\n\n c : d:e \n", (("A", "b"), ("c", "d:e"))),
    ("A: b\r\nC:\r\n", (("A", "b"), ("C", ""))),
    ([["A", "b"], ("A", "c")], (("A", "b"), ("A", "c"))),
    ("A: \x85\u2028", (("A", ""),)),
]


@pytest.mark.parametrize(("written", "lines"), FIELDS)
def test_fields_are_read_as_they_are_written(written: Any, lines: Any) -> None:
    assert field_lines(written) == lines
    assert field_lines(field_text(lines)) == lines


NO_FIELDS = [
    ("no colon", 'line 1: got "no colon"'),
    ("A: b\na b: c", 'line 2: got "a b:  c"'),
    (3, "got int"),
    ([["A", 3]], 'got "A: 3"'),
    ([["A", "b\r\nC: d"]], "line 1"),
    (["A: b"], 'line 1: got "A: b"'),
    ("A: b\n" * 501, "more than 500"),
]


@pytest.mark.parametrize(("written", "message"), NO_FIELDS)
def test_what_are_no_fields_is_told(written: Any, message: str) -> None:
    with pytest.raises(CannotTry, match=message):
        field_lines(written)


NO_REQUESTS = [
    ("GET", "/a", "expected an absolute http or https URL"),
    ("GET", "ftp://a.example/", "expected an absolute http or https URL"),
    ("GET", "https://", "expected an absolute http or https URL"),
    ("GET", "https://[::1/", "URL"),
    ("GET", "https://a.example/ b", "with a blank"),
    ("GET", "https://a.example/\n", "with a blank"),
    ("GET", f"https://a.example/{'a' * 70_000}", "at most"),
    ("", "https://a.example/", "got the method ''"),
    ("G\nT", "https://a.example/", "got the method"),
]


@pytest.mark.parametrize(("method", "url", "message"), NO_REQUESTS)
def test_what_is_no_request_is_told(method: str, url: str, message: str) -> None:
    with pytest.raises(CannotTry, match=message):
        written_request(method, url, ())


def test_a_request_like_a_recorded_one_keeps_what_is_not_written() -> None:
    seen = seen_by(RULES)
    known = replace(seen.request, client=("10.0.0.9", 7), http_version="HTTP/2.0", sni="other.example.com")
    asked = written_request("POST", "https://www.example.com/b?c", (("A", "b"),), replace(seen, request=known))
    assert (asked.method, asked.target, asked.client, asked.http_version) == (
        "POST",
        "/b?c",
        ("10.0.0.9", 7),
        "HTTP/2.0",
    )
    assert asked.sni == "other.example.com"
    elsewhere = written_request("GET", "https://a.example/", (), replace(seen, request=known))
    assert (elsewhere.host, elsewhere.sni) == ("a.example", "a.example")


ANSWERS = [
    ("text/html; charset=utf-8", "é", "é".encode(), ()),
    ("text/html; charset=iso-8859-1", "é", b"\xe9", ()),
    ("text/html; charset=iso-8859-1", "€𝄞", None, ("it is taken to be UTF-8",)),
    ("application/json", '{"a": "é"}', '{"a": "é"}'.encode(), ()),
    ("", "é", "é".encode(), ()),
    ("text/html", "\udc80", b"\x80", ()),
    ("text/html", "\ud800", b"?", ()),
]


@pytest.mark.parametrize(("content_type", "body", "data", "notes"), ANSWERS)
def test_a_response_is_in_the_charset_that_it_declares(content_type: str, body: str, data: Any, notes: Any) -> None:
    facts, written, told = written_response(200, (("Content-Type", content_type),) if content_type else (), body)
    assert facts.status == 200
    assert data is None or written == data
    assert len(told) == len(notes)
    assert all(note in text for note, text in zip(notes, told, strict=True))


def test_a_response_that_is_written_has_no_coding() -> None:
    facts, _, notes = written_response(200, (*HTML, ("Content-Encoding", "gzip"), ("Content-Length", "3")), "<p>")
    assert facts.fields == HTML
    assert "Content-Encoding was left out" in notes[0]
    for status, body in ((99, ""), (1000, ""), (200, "x" * (4 * 2**20 + 1))):
        with pytest.raises(CannotTry, match="expected"):
            written_response(status, (), body)


def tried(path: str, body: bytes = b"", fields: Any = HTML, **more: Any) -> dict[str, Any]:
    request = request_facts("GET", f"https://www.example.com{path}")
    response = ResponseFacts(more.get("status", 200), fields) if more.get("answered", True) else None
    data = as_data(try_out(RULES, Trial(request, response, body)))
    json.dumps(data, allow_nan=False)
    return data


def test_the_whole_result_of_a_page() -> None:
    data = tried("/item/7", PAGE, (*HTML, ("Server", "x")))
    assert data["routing"]["kind"] == "forward"
    assert data["routing"]["url"] == f"{BACKEND}/show?id=7"
    assert data["routing"]["host"] == "privateserver:8080"
    assert ["X-Forwarded-Host", "www.example.com"] in data["routing"]["fields"]
    assert data["rules"] == {"inbound": ["item"], "outbound": ["server"]}
    assert (data["site"], data["action"], data["status"], data["backend_status"]) == ("rules", "Rewrite", 200, 200)
    assert {"name": "Server", "before": "x", "after": "demo", "by": ['rule "server"']} in data["field_changes"]
    assert data["body"]["changes"] == 1
    (hunk,) = data["body"]["hunks"]
    assert hunk["line"] == 2
    assert "".join(text for text, _ in hunk["before"]) == f"<a href='{BACKEND}/1'>"
    assert "".join(text for text, _ in hunk["after"]) == "<a href='https://www.example.com/1'>"
    assert ("<a href='", False) in hunk["after"]
    assert data["body"]["before"] == PAGE.decode()
    assert "── Request" in data["text"]
    assert data["trace"]["target"] == f"{BACKEND}/show?id=7"


OTHERS = [
    ("/old", True, {"kind": "response", "status": 301, "location": "https://www.example.com/new"}, 301),
    ("/gone", True, {"kind": "abort"}, None),
]


@pytest.mark.parametrize(("path", "answered", "routing", "status"), OTHERS)
def test_what_the_proxy_answers_itself(path: str, answered: bool, routing: dict[str, Any], status: int | None) -> None:
    data = tried(path, PAGE, answered=answered)
    assert (data["routing"], data["status"]) == (routing, status)
    # The response that was given is not the one that the client gets.
    assert data["body"]["before"] is None
    assert data["field_changes"] == [] or status == 301


def test_a_request_alone() -> None:
    data = tried("/a", answered=False)
    assert (data["status"], data["body"]["after"], data["fields"]) == (None, None, [])


def test_a_recorded_exchange_is_tried_with_its_own_response() -> None:
    coded = gzip.compress(PAGE)
    seen = seen_by(RULES, coded, fields=(*HTML, ("Content-Encoding", "gzip")))
    result = try_recorded(RULES, seen)
    assert result.response
    assert field_values(result.response.fields, "content-encoding") == ["gzip"]
    assert as_data(result)["body"]["after"] == PAGE.decode().replace(BACKEND, "https://www.example.com")
    again = result.as_recorded(seen)
    assert (again.response_body, again.own) == (result.result.body, False)


def test_what_was_not_kept_is_noted() -> None:
    seen = seen_by(RULES, PAGE)
    assert "not kept" in trial_of(replace(seen, original_body=None)).notes[0]
    assert "not kept" in trial_of(replace(seen, original=None)).notes[0]
    assert "proxy's own" in trial_of(replace(seen, original=None, own=True)).notes[0]
    assert trial_of(seen).notes == ()


def test_hunks_are_bounded() -> None:
    facts = ResponseFacts(200, HTML)
    before = decoded_body(facts, b"<p>\n<p>\n<a href=1>\n" * 500)
    after = decoded_body(facts, b"<p>\n<p>\n<a href=2>\n" * 500)
    told, places = body_hunks(before, after, 3)
    assert (len(told), places) == (3, 500)
    long = decoded_body(facts, b"x" * 100_000), decoded_body(facts, b"y" * 100_000)
    told, _ = body_hunks(*long)
    assert sum(len(text) for text, _ in told[0]["before"]) <= 4000


HOSTILE = "<script>alert(1)</script>\x1b[31m\u202e"


def test_nothing_hostile_is_left_as_it_is() -> None:
    data = tried(f"/a?{HOSTILE.replace(' ', '')}", HOSTILE.encode(), (*HTML, ("X-A", HOSTILE)))
    shown = json.dumps({key: value for key, value in data.items() if key != "trace"}, ensure_ascii=False)
    assert "\x1b" not in json.loads(shown)["body"]["after"]
    assert "\u202e" not in shown


_TEXT = st.text(st.characters(exclude_categories=()), max_size=30)
_LINES = st.lists(st.tuples(_TEXT, _TEXT), max_size=3).map(tuple)


@given(trace=TRACES, body=BODIES, fields=_LINES, path=_TEXT)
def test_any_recorded_exchange_can_be_tried(trace: Any, body: bytes | None, fields: Any, path: str) -> None:
    seen = seen_by(RULES)
    request = replace(seen.request, target=path, fields=fields)
    seen = replace(seen, trace=trace, request=request, original=ResponseFacts(200, fields), original_body=body)
    json.dumps(as_data(try_recorded(RULES, seen)), allow_nan=False)
