"""What differs between the backend's response and the client's, and what made it: known for sure, or from the trace."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from counting import assert_linear
from inspector.exchanges import BODIES, HTML, TRACES, seen_by, seen_with
from rules_of import rules_of
from urlrewrite.engine.facts import ResponseFacts
from urlrewrite.exchange.rules_in_force import RulesInForce, Settings
from urlrewrite.inspector.diff.bodies_decoded import MAX_LENGTH, decoded_body
from urlrewrite.inspector.diff.differences import differences, field_changes
from urlrewrite.inspector.diff.spans import applied
from urlrewrite.inspector.diff.unified import original_text, unified
from urlrewrite.model.field_lines import FieldLines
from urlrewrite.trace.trace import MAX_CHANGES, TraceLevel

RULES = r"""
links: everywhere
outboundRules:
  - name: item
    match: {filterByTags: [A], pattern: '^/item/(\d+)$'}
    action: {type: Rewrite, value: '/things/{R:1}'}
  - name: things
    match: {filterByTags: [A], pattern: '^/things/(.*)'}
    conditions: [{input: '{R:1}', pattern: '^7'}]
    action: {type: Rewrite, value: '/lucky/{R:1}'}
  - name: year
    match: {filterByTags: None, pattern: '© (\d+)'}
    action: {type: Rewrite, value: '© {R:1} and later'}
  - name: server
    match: {serverVariable: RESPONSE_Server, pattern: .+}
    action: {type: Rewrite, value: 'nobody'}
  - name: powered
    match: {serverVariable: RESPONSE_X_Powered_By, pattern: .+}
    action: {type: Rewrite, value: ''}
"""
PAGE = """<p>© 2024</p>
<a href="/item/1">one thing that is here</a> <a href="/item/7">another thing, a lucky one</a>
<img src="http://privateserver:8080/logo.png">
"""
FIELDS: FieldLines = (*HTML, ("Server", "IIS"), ("X-Powered-By", "ASP"), ("Location", "http://privateserver:8080/x"))
CHANGES = [
    ("© 2024", "© 2024 and later", ("year",)),
    ("/item/1", "/things/1", ("item",)),
    ("/item/7", "/lucky/7", ("item", "things")),
    ("http://privateserver:8080", "https://www.example.com", ("links",)),
]


def found(spans: Any, text: str) -> list[tuple[str, str, tuple[str, ...]]]:
    """The spans with all of a value around them, so that it does not matter how tightly they fit."""
    result = []
    for before, after, _ in CHANGES:
        start = text.index(before)
        inside = [span for span in spans if start <= span.start and span.end <= start + len(before)]
        moved = [span.moved(-start) for span in inside]
        assert applied(before, moved) == after
        result.append((before, after, tuple(dict.fromkeys(cause.name for span in inside for cause in span.by))))
    assert sum(len(before) for before, _, _ in CHANGES) >= sum(len(span.before) for span in spans)
    return result


def seen(codings: str = "", charset: str = "utf-8") -> tuple[Any, RulesInForce]:
    rules = rules_of(RULES)
    body = PAGE.encode(charset)
    fields: FieldLines = (("Content-Type", f"text/html; charset={charset}"), *FIELDS[1:])
    if codings:
        body, fields = gzip.compress(body, mtime=0), (*fields, ("Content-Encoding", codings))
    return seen_by(rules, body, fields=fields), rules


@pytest.mark.parametrize("codings", ["", "gzip"])
@pytest.mark.parametrize("charset", ["utf-8", "windows-1252", "utf-16"])
@pytest.mark.parametrize("known", [True, False], ids=["rules in force", "trace only"])
def test_every_change_of_the_body_has_its_cause(codings: str, charset: str, known: bool) -> None:
    exchange, rules = seen(codings, charset)
    result = differences(exchange, rules if known else None)
    assert result.original.text == PAGE
    assert applied(PAGE, result.spans) == result.response.text
    told = found(result.spans, PAGE)
    assert told == CHANGES
    assert bool(result.stages) is known
    assert [stage.cause.name for stage in result.stages] == (
        ["server", "powered", "item", "things", "year", "links"] if known else []
    )


def test_what_no_trace_tells_is_known_by_the_rules_in_force() -> None:
    rules = rules_of(RULES, settings=Settings(trace=TraceLevel.OFF))
    result = differences(seen_by(rules, PAGE.encode(), fields=FIELDS), rules)
    assert found(result.spans, PAGE) == CHANGES
    told = {change.name: [cause.name for cause in change.by] for change in result.fields}
    assert (told["Server"], told["X-Powered-By"], told["Location"]) == (["server"], ["powered"], [])
    # Without rules and without events there are differences, but nobody knows whose they are.
    blind = differences(seen_by(rules, PAGE.encode(), fields=FIELDS))
    assert applied(PAGE, blind.spans) == blind.response.text
    assert "no rules are in force" in blind.why_no_stages


def test_rules_that_were_changed_since_are_not_asked() -> None:
    exchange, _ = seen()
    other = rules_of(RULES.replace("/lucky/", "/unlucky/"))
    result = differences(exchange, other)
    assert result.why_no_stages == "the rules have been changed since: those in force did not make this response"
    assert found(result.spans, PAGE) == CHANGES


def test_a_response_that_the_rules_would_not_give_again_is_explained_by_its_trace() -> None:
    exchange, rules = seen()
    changed = replace(exchange, response_body=b"<p>something else</p>")
    result = differences(changed, rules)
    assert result.why_no_stages == "going through the same rules again gives another body than the client got"
    assert applied(PAGE, result.spans) == "<p>something else</p>"


def causes(exchange: Any, rules: RulesInForce | None = None) -> dict[str, tuple[str | None, str | None, list[str]]]:
    return {
        change.name: (change.before, change.after, [cause.label for cause in change.by])
        for change in differences(exchange, rules).fields
    }


def test_every_change_of_a_field_has_its_cause() -> None:
    exchange, rules = seen()
    told = causes(exchange, rules)
    assert told["Server"] == ("IIS", "nobody", ['rule "server"'])
    assert told["X-Powered-By"] == ("ASP", None, ['rule "powered"'])
    assert told["Location"] == (
        "http://privateserver:8080/x",
        "https://www.example.com/x",
        ["URL of the backend mapped"],
    )
    assert told["Accept-Ranges"][:2] == (None, "none")
    assert "Content-Type" not in told


def told_of(name: str, before: str, after: str, **more: Any) -> dict[str, Any]:
    return {"event": "GENERAL_SET_RESPONSE_HEADER", "name": name, "before": before, "after": after, **more}


@pytest.mark.parametrize(
    ("before", "after", "events", "expected"),
    [
        ((), (), (), []),
        ((("A", "1"),), (("a", "1"),), (), [("a", "1", "1", [])]),
        ((("A", "1"), ("A", "2")), (("A", "2"), ("A", "1")), (), []),
        ((("A", "1"), ("A", "2")), (("A", "2"), ("A", "3")), (), [("A", "1", "3", [])]),
        ((("A", "1"),), (), (told_of("a", "1", "", why=["gone"]),), [("A", "1", None, ["gone"])]),
        ((), (("A", "1"),), (told_of("A", "", "1", why=["new"]),), [("A", None, "1", ["new"])]),
        # Two lines of one field are two stories, and one value may be changed twice.
        (
            (("A", "1"), ("A", "5")),
            (("A", "3"), ("A", "6")),
            (
                told_of("A", "1", "2", why=["first"]),
                told_of("A", "5", "6", why=["other"]),
                {"event": "CONTENT_CHANGE", "rule": "r", "where": "A", "before": "2", "after": "3"},
            ),
            [("A", "1", "3", ["first", 'rule "r"']), ("A", "5", "6", ["other"])],
        ),
        # A chain that leads elsewhere: all that touched the field are named.
        ((("A", "1"),), (("A", "9"),), (told_of("A", "1", "2", why=["w"]),), [("A", "1", "9", ["w"])]),
    ],
)
def test_changes_of_fields(before: FieldLines, after: FieldLines, events: Any, expected: list[Any]) -> None:
    changes = field_changes(before, after, events)
    assert [(c.name, c.before, c.after, [cause.label for cause in c.by]) for c in changes] == expected


def linked(count: int, *, minified: bool) -> bytes:
    end = "x" * 60 if minified else "\n"
    lines = (f'<li><a href="http://privateserver:8080/p/{n}">text {n} and more</a></li>{end}' for n in range(count))
    return "".join(lines).encode()


@pytest.mark.parametrize("minified", [False, True])
@pytest.mark.parametrize("known", [True, False], ids=["rules in force", "trace only"])
def test_thousands_of_changes(minified: bool, known: bool) -> None:
    rules = rules_of(RULES)
    exchange = seen_by(rules, linked(8600, minified=minified))
    result = differences(exchange, rules if known else None)
    text = unified(exchange, rules if known else None)
    assert len(result.spans) == 8600 > MAX_CHANGES
    assert {cause.name for span in result.spans for cause in span.by} == {"links"}
    assert "more changes @@" in text
    assert max(map(len, text.splitlines())) < 600


@pytest.mark.parametrize("minified", [False, True])
@pytest.mark.parametrize("known", [True, False], ids=["rules in force", "trace only"])
@pytest.mark.parametrize("told", [differences, unified])
def test_changes_take_steps_by_their_number(told: Callable[..., object], minified: bool, known: bool) -> None:
    rules = rules_of(RULES)

    def of(count: int) -> Callable[[], object]:
        exchange = seen_by(rules, linked(count, minified=minified))
        return lambda: told(exchange, rules if known else None)

    assert_linear(of, 600)


def lines_of(text: str, *marks: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(marks)]


def test_a_unified_diff_heads_each_hunk_by_what_made_it() -> None:
    exchange, rules = seen("gzip")
    text = unified(exchange, rules)
    assert text.startswith(
        "--- the backend's response: 200\n+++ the client's response: 200\n@@ fields @@ rule \"server\"\n"
    )
    assert [line.partition("@@ body, ")[2] for line in lines_of(text, "@@ body")] == [
        'line 1 @@ rule "year"',
        'line 2 @@ rule "item", rule "things"',
        "line 3 @@ links",
    ]
    body = text[text.index("@@ body") :]
    assert lines_of(body, "-")[0] == "-<p>© 2024</p>"
    assert lines_of(body, "+")[0] == "+<p>© 2024 and later</p>"
    assert lines_of(body, "+")[-1] == '+<img src="https://www.example.com/logo.png">'


def test_of_a_minified_page_a_hunk_shows_little() -> None:
    rules = rules_of(RULES)
    filler = "".join(f"<span class=a{n}>word</span>" for n in range(5000))
    page = f'{filler}<img src="http://privateserver:8080/x">{filler}'
    text = unified(seen_by(rules, page.encode()), rules)
    body = text[text.index("@@ body") :]
    assert len(body) < 1500
    assert 6 <= len(lines_of(body, " ")) <= 8


ORIGINAL = ResponseFacts(200, HTML, "OK")
BINARY = ResponseFacts(200, (("Content-Type", "image/png"),))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"original": None}, "the backend's response was not kept"),
        ({"response": None}, "there is no response"),
        ({"original": None, "own": True}, "the proxy's own: the request was not forwarded"),
        ({"original_body": None}, "this body was not kept"),
        ({"response_body": None}, "this body was not kept"),
        (
            {"original": BINARY, "response": BINARY, "response_body": b"\x89PNG", "original_body": b"\x89PNG"},
            "this body is image/png, 4 bytes: not text; it is as the backend sent it",
        ),
        (
            {"original": ResponseFacts(200, (*HTML, ("Content-Encoding", "gzip")))},
            "this body cannot be decoded: gzip: ",
        ),
        (
            {"original": ResponseFacts(200, (*HTML, ("Content-Encoding", "compress")))},
            "this body cannot be decoded: content coding 'compress'",
        ),
        ({"original_body": b"a" * (MAX_LENGTH + 1)}, f"longer than the {MAX_LENGTH:,} bytes that are compared"),
    ],
)
def test_what_cannot_be_compared_is_said(changes: dict[str, Any], expected: str) -> None:
    exchange = replace(seen_with({}), **changes)
    result = differences(exchange)
    assert expected in result.note
    assert expected in unified(exchange)
    assert not result.spans


def test_a_bomb_is_not_decoded() -> None:
    bomb = gzip.compress(b"\0" * (MAX_LENGTH * 3), mtime=0)
    body = decoded_body(ResponseFacts(200, (*HTML, ("Content-Encoding", "gzip"))), bomb)
    assert body.text is None
    assert "longer than" in body.note


def test_the_original_is_shown_decoded_with_its_head() -> None:
    exchange, _ = seen("gzip")
    text = original_text(exchange)
    assert text.startswith("200\nContent-Type: text/html; charset=utf-8\nServer: IIS\n")
    assert "gzip · utf-8 (by header), decoded)" in text
    assert text.endswith(PAGE)
    assert "was not kept" in original_text(replace(exchange, original=None))
    assert "own" in original_text(replace(exchange, original=None, own=True))


HOSTILE = "<script>alert(1)</script>\x1b[2J\u202egnp.exe\u2028"


def test_no_text_can_act_on_its_reader() -> None:
    exchange = seen_with({}, original=f"a {HOSTILE} b".encode(), answer=f"c {HOSTILE} d".encode())
    for text in (unified(exchange), original_text(exchange)):
        assert not set(text) & {"\x1b", "\u202e", "\u2028"}
        assert "‹202E›gnp.exe" in text


@given(TRACES, BODIES, BODIES)
def test_whatever_was_recorded_it_is_compared(trace: Any, original: bytes | None, answer: bytes | None) -> None:
    rules = rules_of(RULES)
    for fingerprint in (None, rules.fingerprint):
        exchange = seen_with({**trace, "rules": fingerprint}, original=original, answer=answer)
        result = differences(exchange, rules)
        if result.original.text is not None and result.response.text is not None:
            assert applied(result.original.text, result.spans) == result.response.text
        for text in (unified(exchange, rules), original_text(exchange)):
            assert text.encode().decode() == text
