"""Other rules on recorded exchanges: what would change, leak, break; and that it always comes to an end."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspector.exchanges import BODIES, HTML, TRACES, seen_by
from rules_of import rules_of
from urlrewrite.engine.facts import ResponseFacts
from urlrewrite.exchange.rules_in_force import RulesInForce
from urlrewrite.inspector.pages.what_if import result_data
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.inspector.trials import what_if as trials
from urlrewrite.inspector.trials.edited_rules import Loaded
from urlrewrite.inspector.trials.what_if import MAX_CHANGES, WhatIf, what_if
from urlrewrite.inspector.trials.what_if_text import what_if_lines

BACKEND = "http://privateserver:8080"
PAGE = f"<a href='{BACKEND}/1'>".encode()
OLD = "rules: [{name: old, match: ^old$, action: {type: Redirect, url: /new}}]\n"
RULES = rules_of(OLD)


def others(text: str, site: str | None = None) -> RulesInForce:
    """Other rules, as an edited text gives them."""
    made = rules_of(text, site=site) if site is not None else rules_of(text)
    found = Loaded(made.rules, ()).in_force(made.settings, RULES.fingerprint)
    assert found
    return found


def compared(
    seen: list[RecordedExchange], text: str, rules: RulesInForce = RULES, site: str | None = None, **more: Any
) -> WhatIf:
    result = what_if(seen, rules, others(text, site), **more)
    json.dumps(result_data(result), allow_nan=False)
    assert what_if_lines(result)
    return result


def seen(path: str = "/a", body: bytes = PAGE, rules: RulesInForce = RULES, **more: Any) -> RecordedExchange:
    return seen_by(rules, body, url=f"https://www.example.com{path}", flow_id=path, **more)


OUTBOUND = "outboundRules: [{name: one, match: {%s}, action: {type: Rewrite, value: '%s'}}]"
ADD = OUTBOUND % ("serverVariable: RESPONSE_X_New, pattern: .*", "a")
CHANGES: list[tuple[str, str, tuple[str, ...]]] = [
    ("/a", OLD, ()),
    ("/a", OLD + "# only a comment\n", ()),
    ("/old", OLD, ()),
    ("/old", OLD.replace("/new", "/newer"), ("target",)),
    ("/old", "", ("target",)),
    ("/old", OLD.replace("Redirect", "Redirect, redirectType: Found"), ("target", "status")),
    ("/a", OLD.replace("^old", "^a"), ("target", "status")),
    ("/a", OLD + "links: off\n", ("fields", "body")),
    ("/a", OLD + ADD, ("fields",)),
    ("/a", OLD.replace("Redirect, url: /new", "AbortRequest").replace("^old", "^a"), ("target", "status")),
    ("/a", OLD.replace("Redirect, url: /new", "Rewrite, url: /b").replace("^old", "^a"), ("target",)),
]  # fmt: skip


@pytest.mark.parametrize(("path", "text", "what"), CHANGES)
def test_what_changes(path: str, text: str, what: tuple[str, ...]) -> None:
    result = compared([seen(path)], text)
    assert [tuple(item for item in change.what if item != "request") for change in result.changes] == (
        [what] if what else []
    )
    assert (result.looked, result.changed, result.left_out, result.without) == (1, len(result.changes), 0, 0)


def test_a_change_is_told_before_and_after() -> None:
    (change,) = compared([seen()], OLD + "links: off\n" + ADD).changes
    assert [(item.name, item.before, item.after) for item in change.fields if item.name == "X-New"] == [
        ("X-New", None, "a")
    ]
    (hunk,) = change.body
    assert "".join(text for text, _ in hunk["before"]) == "<a href='https://www.example.com/1'>"
    assert "".join(text for text, _ in hunk["after"]) == PAGE.decode()
    (moved,) = compared([seen("/old")], OLD.replace("/new", "/newer")).changes
    assert moved.target == (
        "answered 301 to https://www.example.com/new",
        "answered 301 to https://www.example.com/newer",
    )
    (freed,) = compared([seen("/old")], "").changes
    assert "whose response was not recorded" in freed.note
    (elsewhere,) = compared(
        [seen()], OLD.replace("Redirect, url: /new", "Rewrite, url: /b").replace("^old", "^a")
    ).changes
    assert "that of the former target" in elsewhere.note


def test_what_the_backend_gets_is_compared_too() -> None:
    text = OLD + "preserveHostHeader: true\n"
    (change,) = compared([seen()], text).changes
    assert change.what[0] == "request"
    assert ("Host", "privateserver:8080", "www.example.com") in {(i.name, i.before, i.after) for i in change.request}


def findings(result: WhatIf, name: str) -> list[tuple[str, str, str, int]]:
    return [(item.kind, item.message, item.place, item.count) for item in getattr(result, name)]


def test_leaks_that_vanish_and_that_appear() -> None:
    off = rules_of("links: off")
    body = PAGE + f"<p data-x='{BACKEND}/2'>".encode()
    exchanges = [seen(rules=off), seen("/b", body, rules=off)]
    result = compared(exchanges, "links: tags", off)
    assert findings(result, "vanished") == [("leak", BACKEND, "<a href>", 2)]
    assert findings(result, "appeared") == []
    assert len(result.vanished[0].flows) == 2
    tags = rules_of("links: tags")
    result = compared([seen(rules=tags)], "links: off", tags)
    assert findings(result, "appeared") == [("leak", BACKEND, "<a href>", 1)]
    assert "links: off" in result.appeared[0].why


def test_a_backend_that_is_no_longer_named_is_one_all_the_same() -> None:
    site = "public: https://www.example.com\nbackend: http://elsewhere:8080\n"
    result = compared([seen()], "", site=site)
    assert [item[:2] for item in findings(result, "appeared")] == [("leak", BACKEND)]


BREAKS = [
    (OLD.replace("Redirect, url: /new", "Redirect, url: /a").replace("^old", "^a"), "error", "redirects to itself"),
    (
        OLD.replace("Redirect, url: /new", "Rewrite, url: 'http://app:{HTTP_X}x/'").replace("^old", "^a"),
        "error",
        "host",
    ),
    ("outboundRules: [{name: b, match: {pattern: '^(a|aa)+$'}, action: {type: Rewrite, value: c}}]\n", None, ""),
]


@pytest.mark.parametrize(("text", "kind", "message"), BREAKS)
def test_what_breaks(text: str, kind: str | None, message: str) -> None:
    result = compared([seen()], text)
    assert [item.kind for item in result.broken] == ([kind] if kind else [])
    assert all(message in item.message for item in result.broken)
    # And the other way round it is fixed.
    if kind:
        made = rules_of(text)
        back = compared([seen(rules=made)], OLD, made)
        assert [item.kind for item in back.fixed] == [kind]


def test_an_over_match_breaks() -> None:
    rule = OUTBOUND % ("pattern: 'privateserver:8080'", "https://www.example.com")
    off = rules_of("links: off")
    result = compared([seen(rules=off)], f"links: off\n{rule}", off)
    assert [(item.kind, item.message) for item in result.broken] == [("over-match", "two schemes")]


def test_a_page_breaks_by_what_is_done_to_its_script() -> None:
    script = b"var a = 'http://privateserver:8080/x';"
    digest = base64.b64encode(hashlib.sha256(script).digest()).decode()
    page = f'<script src="/a.js" integrity="sha256-{digest}"></script>'.encode()
    off = rules_of("links: off")
    exchanges = [
        seen("/a.js", script, off, fields=(("Content-Type", "text/javascript"),)),
        seen("/p", page, off),
    ]
    rule = OUTBOUND % ("pattern: 'http://privateserver:8080'", "x")
    result = compared(exchanges, f"links: off\n{rule}", off)
    # The engine mends the digest of a page where it has seen the script: no finding means that it did.
    changed = {change.exchange.flow_id: change.what for change in result.changes}
    assert "body" in changed["/a.js"]
    assert ("body" in changed.get("/p", ())) != any(item.message == "broken integrity" for item in result.broken)


def test_tests_of_the_file_are_run() -> None:
    cases = """
    tests:
      - request: GET https://www.example.com/old
        expect: {status: 301}
      - name: wrong
        request: GET https://www.example.com/old
        expect: {status: 302}
    """
    result = compared([], OLD + cases.replace("\n    ", "\n"))
    assert (result.tests, len(result.tests_failed), result.tests_left_out) == (2, 1, 0)
    test, messages = result.tests_failed[0]
    assert (test.name, messages) == ("wrong", ("status: got 301, expected 302",))


def test_only_the_last_are_looked_at_and_only_as_long_as_there_is_time() -> None:
    exchanges = [seen(f"/{number}") for number in range(20)]
    result = compared(exchanges, "links: off", last=5)
    assert (result.looked, result.left_out, result.changes[0].exchange.flow_id) == (5, 0, "/0")
    tests = "tests: [{request: 'GET https://www.example.com/old', expect: {status: 301}}]\n"
    result = compared(exchanges, tests, seconds=-1.0)
    assert (result.looked, result.left_out, result.tests, result.tests_left_out) == (0, 20, 0, 1)


def test_what_was_not_kept_is_counted() -> None:
    lost = replace(seen(), original=None, own=False)
    no_body = replace(seen("/b"), original_body=None)
    result = compared([lost, no_body, seen("/c")], OLD + ADD)
    assert (result.looked, result.without, result.changed) == (2, 1, 2)


def test_patterns_that_take_forever_end_with_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = "rules: [{name: slow, match: '^(a+)+\\1$', action: {type: None}}]\n"
    exchanges = [seen(f"/{'a' * 60}b{number}") for number in range(200)]
    ticks = itertools.count()
    monkeypatch.setattr(trials, "time", SimpleNamespace(monotonic=lambda: next(ticks)))
    result = compared(exchanges, slow, seconds=2.0)
    assert (result.looked, result.left_out) == (2, 198)


def test_changes_are_counted_where_they_are_not_told() -> None:
    exchanges = [seen(f"/{number}") for number in range(MAX_CHANGES + 5)]
    result = compared(exchanges, "links: off")
    assert (result.changed, len(result.changes)) == (MAX_CHANGES + 5, MAX_CHANGES)


_TEXT = st.text(st.characters(exclude_categories=()), max_size=30)
_LINES = st.lists(st.tuples(_TEXT, _TEXT), max_size=3).map(tuple)


@given(trace=TRACES, body=BODIES, fields=_LINES, path=_TEXT, own=st.booleans())
def test_any_recorded_exchange_can_be_compared(
    trace: Any, body: bytes | None, fields: Any, path: str, own: bool
) -> None:
    one = seen()
    one = replace(
        one,
        trace=trace,
        request=replace(one.request, target=path, fields=fields),
        original=ResponseFacts(200, (*HTML, *fields)),
        original_body=body,
        own=own,
    )
    compared([one], "links: off\n" + ADD)
