"""The page Try, asked as its script asks it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspector.exchanges import BODIES, HTML, TRACES, seen_by
from urlrewrite.exchange.rules_in_force import RulesInForce, Settings
from urlrewrite.inspector.figures.statistics import Statistics
from urlrewrite.inspector.pages import try_out
from urlrewrite.inspector.pages.error import PageError
from urlrewrite.inspector.recorded_exchange import Snapshot
from urlrewrite.loading.load import load_rules

BACKEND = "http://privateserver:8080"
TEXT = """\
public: https://www.example.com
backend: http://privateserver:8080
rules:
  - name: old
    match: ^old$
    action: {type: Redirect, url: /new}
"""
PAGE = f"<a href='{BACKEND}/1'>".encode()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rules.yaml"
    path.write_text(TEXT)
    return path


@pytest.fixture
def shown(file: Path) -> Snapshot:
    return snapshot(file)


def snapshot(file: Path) -> Snapshot:
    rules = RulesInForce(load_rules([file])[0], Settings())
    fields = (*HTML, ("Server", "x"))
    asked = (("Accept", "text/html"), ("Cookie", "a=b"))
    seen = seen_by(rules, PAGE, fields=fields, request_fields=asked)
    own = seen_by(rules, url="https://www.example.com/old", flow_id="own")
    return Snapshot((seen, own), rules, Statistics(), (str(file),))


def ask(shown: Snapshot, **asked: Any) -> dict[str, Any]:
    data = try_out.data(shown, asked)
    json.dumps(data, allow_nan=False)
    return data


def test_the_form_of_a_flow_asks_for_the_same_again(shown: Snapshot, file: Path) -> None:
    data = ask(shown, flow="flow-1")
    form = data["form"]
    assert data["files"] == [{"path": str(file), "text": TEXT, "stamp": data["files"][0]["stamp"], "note": ""}]
    assert (form["method"], form["url"]) == ("GET", "https://www.example.com/page")
    assert form["fields"] == "Accept: text/html\nCookie: a=b\n"
    assert form["response"]["body"] == PAGE.decode()
    assert form["response"]["fields"] == "Content-Type: text/html; charset=utf-8\nServer: x\n"
    again = ask(shown, **{name: form[name] for name in ("flow", "method", "url", "fields")})
    assert again["result"]["body"]["after"] == PAGE.decode().replace(BACKEND, "https://www.example.com")
    assert (again["loaded"], again["problems"]) == (True, [])
    written = ask(shown, **{name: form[name] for name in ("flow", "method", "url", "fields", "response")})
    for name in ("body", "status", "routing"):
        assert written["result"][name] == again["result"][name]


def test_the_form_without_a_flow(shown: Snapshot) -> None:
    assert ask(shown)["form"] == {
        "flow": "",
        "method": "GET",
        "url": "https://www.example.com/",
        "fields": "",
        "response": {"status": 200, "fields": "Content-Type: text/html; charset=utf-8\n", "body": "", "note": ""},
        "note": "",
    }
    assert ask(shown, flow="own")["form"]["note"] == "the recorded response was this proxy's own"


def test_an_edited_copy_counts_and_is_not_written(shown: Snapshot, file: Path) -> None:
    asked = {"url": "https://www.example.com/old", "method": "GET", "fields": ""}
    assert ask(shown, **asked)["result"]["routing"]["location"] == "https://www.example.com/new"
    edited = {str(file): TEXT.replace("/new", "/newer")}
    data = ask(shown, **asked, edited=edited)
    assert data["result"]["routing"]["location"] == "https://www.example.com/newer"
    assert file.read_text() == TEXT


def test_problems_of_the_edited_copy_have_their_place(shown: Snapshot, file: Path) -> None:
    data = ask(shown, url="https://www.example.com/", edited={str(file): TEXT.replace("^old$", "^(old$")})
    assert (data["loaded"], data["result"]) == (False, None)
    (problem,) = data["problems"]
    assert (problem["file"], problem["line"], problem["rule"], problem["severity"]) == (str(file), 5, "old", "error")
    assert problem["message"].endswith('unbalanced "("')
    warned = ask(shown, url="https://www.example.com/", edited={str(file): TEXT.replace("^old$", "^/old$")})
    assert warned["loaded"]
    assert [problem["severity"] for problem in warned["problems"]] == ["warning"]


ERRORS: list[tuple[dict[str, Any], str]] = [
    ({"url": "old"}, "expected an absolute http or https URL"),
    ({"url": "https://www.example.com/", "fields": "x"}, "headers, line 1"),
    ({"url": "https://www.example.com/", "fields": 3}, "headers: got int"),
    ({"url": "https://www.example.com/", "method": "A B"}, "got the method"),
    ({"url": "https://www.example.com/", "flow": "gone\x1b"}, "got the flow gone‹1B›, expected one that is still kept"),
    ({"flow": "gone"}, "expected one that is still kept"),
    ({"url": "https://www.example.com/", "response": 3}, "response: expected status"),
    ({"url": "https://www.example.com/", "response": {"status": "x"}}, "expected a status such as 200"),
    ({"url": "https://www.example.com/", "response": {"status": 7}}, "expected a number from 100 to 999"),
    ({"url": "https://www.example.com/", "response": {"fields": "x"}}, "headers of the response, line 1"),
    ({"url": "https://www.example.com/", "edited": {"/etc/passwd": ""}}, "expected one of the rule files in force"),
    ({"url": "https://www.example.com/", "edited": [1]}, "expected texts by the paths"),
    ({"url": "https://www.example.com/", "edited": {"a": 1}}, "expected texts by the paths"),
]


@pytest.mark.parametrize(("asked", "message"), ERRORS)
def test_what_cannot_be_tried_is_told(shown: Snapshot, asked: dict[str, Any], message: str) -> None:
    with pytest.raises(PageError, match=message):
        try_out.data(shown, asked)


def test_without_rules_it_says_so(shown: Snapshot) -> None:
    with pytest.raises(PageError, match="no rules are in force"):
        try_out.data(replace(shown, rules=None), {"url": "https://www.example.com/"})
    assert ask(replace(shown, rules=None))["form"]["url"] == "https://www.example.com/"


@given(trace=TRACES, body=BODIES, path=st.text(st.characters(exclude_categories=()), max_size=20))
def test_any_flow_has_a_form_that_can_be_tried(
    tmp_path_factory: pytest.TempPathFactory, trace: Any, body: bytes | None, path: str
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.yaml"
    file.write_text(TEXT)
    shown = snapshot(file)
    seen = replace(shown.exchanges[0], trace=trace, original_body=body, flow_id="any")
    seen = replace(seen, request=replace(seen.request, target=f"/{path}"))
    shown = replace(shown, exchanges=(seen,))
    form = ask(shown, flow="any")["form"]
    try:
        ask(shown, **{name: form[name] for name in ("flow", "method", "url", "fields")})
    except PageError as error:
        assert "URL" in str(error)
