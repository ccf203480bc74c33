"""Reports are read as what anybody may have written: bounded, and nothing of another form."""

from __future__ import annotations

import json
from dataclasses import astuple
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from urlrewrite.witness.statements import MAX_BODY, MAX_STATEMENTS, MAX_TEXT, Statement, Subject, read

REPORTS = "application/reports+json; charset=utf-8"


def posted(*said: Any, content_type: str = "text/plain;charset=UTF-8") -> list[Statement]:
    return read(json.dumps(said).encode(), content_type)


@pytest.mark.parametrize("kind", ["element", "error", "rejection", "policy", "frame", "socket", "resource", "cookies"])
def test_what_the_script_says(kind: str) -> None:
    texts = {name: f"a {name}" for name in ("url", "tag", "text", "directive", "policy", "source")}
    (found,) = posted({"kind": kind, **texts, "line": 3, "status": 404, "more": "x"})
    assert found == Statement(Subject(kind), **texts, line=3, status=404)


API: list[tuple[dict[str, Any], Statement]] = [
    (
        {"type": "csp-violation", "url": "u", "body": {
            "blockedURL": "b", "effectiveDirective": "img-src", "originalPolicy": "p", "sourceFile": "s",
            "lineNumber": 7, "sample": "t"}},
        Statement(Subject.POLICY, url="b", text="t", directive="img-src", policy="p", source="s", line=7),
    ),
    (
        {"type": "network-error", "url": "u", "body": {"type": "tcp.refused", "status_code": 0}},
        Statement(Subject.NETWORK, url="u", text="tcp.refused"),
    ),
    (
        {"type": "network-error", "url": "u", "body": {"type": "http.error", "status_code": 404}},
        Statement(Subject.RESOURCE, url="u", status=404),
    ),
    (
        {"type": "coep", "url": "u", "body": {"blockedURL": "b", "destination": "script", "type": "corp"}},
        Statement(Subject.ISOLATION, url="b", tag="script", text="corp"),
    ),
    (
        {"type": "coop", "url": "u", "body": {"openerURL": "o", "type": "navigation-to-response"}},
        Statement(Subject.ISOLATION, url="o", text="navigation-to-response"),
    ),
    (
        {"type": "intervention", "url": "u", "body": {"message": "m", "sourceFile": "s", "lineNumber": 1}},
        Statement(Subject.DEPRECATION, text="m", source="s", line=1),
    ),
    (
        {"type": "deprecation", "url": "u", "body": {"message": "m", "lineNumber": None}},
        Statement(Subject.DEPRECATION, text="m"),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("report", "statement"), API)
def test_what_the_reporting_api_says(report: dict[str, Any], statement: Statement) -> None:
    assert posted(report, content_type=REPORTS) == [statement]
    assert posted(report) == []


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"null", b"\xff", b"[" * MAX_BODY, b"[1, null, [], {}]", b'[{"kind": "network"}]', b'[{"kind": []}]',
     b'[{"type": {}, "body": {}}, {"type": "coep", "body": 1}, {"type": "crash", "body": {}}]',
     b'[{"type": "network-error", "url": "u", "body": {"type": "abandoned"}}]',
     b'[{"kind": "error"}]' + b" " * MAX_BODY],
)  # fmt: skip
@pytest.mark.parametrize("content_type", ["", "text/plain", REPORTS])
def test_other_forms_say_nothing(body: bytes, content_type: str) -> None:
    assert read(body, content_type) == []


def test_much_is_cut() -> None:
    found = posted(*({"kind": "error", "text": f"{number}{'x' * 600}"} for number in range(60)))
    assert len(found) == MAX_STATEMENTS
    assert {len(each.text) for each in found} == {MAX_TEXT}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(["kind", "type", "body", "url", "tag", "text", "line", "status", "message",
                                        "blockedURL", "lineNumber"]), VALUES | st.sampled_from([*map(str, Subject)])),
       st.sampled_from(["", REPORTS]))  # fmt: skip
def test_whatever_is_posted_is_plain_afterwards(said: dict[str, Any], content_type: str) -> None:
    for each in posted(said, content_type=content_type):
        for value in astuple(each):
            assert isinstance(value, str | int)
            assert not isinstance(value, str) or isinstance(value.encode(), bytes)
            assert not isinstance(value, int) or 0 <= value <= 10**7
