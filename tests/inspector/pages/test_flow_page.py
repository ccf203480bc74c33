"""The page Flow as data: the list, and one exchange with all that is known of it."""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counting import assert_linear
from inspector.exchanges import BODIES, HTML, TRACES, seen_by, seen_with, snapshot
from rules_of import rules_of
from urlrewrite.engine.facts import ResponseFacts
from urlrewrite.inspector.pages import flow as page
from urlrewrite.inspector.pages import flow_list
from urlrewrite.inspector.pages.error import PageError
from urlrewrite.inspector.pages.flow import MAX_HUNKS
from urlrewrite.inspector.pages.flow_list import MARKS, MAX_FLOWS, MAX_LIMIT, SORTS

RULES = r"""
links: everywhere
rules:
  - name: articles
    match: ^/article/(\d+)
    action: {type: Rewrite, url: '/show?id={R:1}'}
  - name: old
    match: ^old/(\d+)
    conditions: [{input: '{QUERY_STRING}', pattern: '^$'}]
    action: {type: Rewrite, url: '/item/{R:1}'}
    stopProcessing: true
preConditions:
  html: [{input: '{RESPONSE_CONTENT_TYPE}', pattern: ^text/html$}]
outboundRules:
  - name: pages
    preCondition: html
    match: {filterByTags: [A], pattern: ^/x}
    action: {type: Rewrite, value: /y}
  - name: images
    match: {filterByTags: [Img], pattern: '^/(i)/(.*)'}
    action: {type: Rewrite, value: '/pictures/{R:2}'}
"""
PAGE = b"""<a href="/x">x</a>
<img src="/i/1.png">
<img src="http://privateserver:8080/2.png">
"""


def one(seen: Any, rules: Any = None, **asked: Any) -> dict[str, Any]:
    return page.data(snapshot(seen, rules=rules), {"flow": seen.flow_id, **asked})


def texts(entries: list[dict[str, Any]]) -> str:
    return "\n".join(f"{entry['text']} | {entry['note']}" for entry in entries)


def titles(nodes: list[dict[str, Any]], opened_only: bool = False) -> Iterator[str]:
    for node in nodes:
        if node["opened"] or not opened_only:
            yield node["title"]
            yield from titles(node["children"], opened_only)


def test_the_first_screen_names_what_went_wrong_and_why_rules_did_nothing() -> None:
    rules = rules_of(RULES)
    told = one(seen_by(rules, PAGE, status=404, url="https://www.example.com/article/5"), rules)
    assert "the backend answered 404 to http://privateserver:8080/article/5" in texts(told["wrong"])
    assert 'rule "articles" did not act: its pattern ^/article/(\\d+) requires a slash' in texts(told["why_not"])
    assert 'rule "pages" did not act: its precondition "html" does not hold' in texts(told["why_not"])
    assert 'rule "images" made 1 change in <img src> | /i/1.png → /pictures/1.png' in texts(told["done"])
    assert "1 link mapped in the body" in texts(told["done"])
    assert (told["target"], told["status"], told["site"]) == ("http://privateserver:8080/article/5", 404, "rules")


def test_a_leak_is_told_on_the_first_screen() -> None:
    rules = rules_of("links: off")
    told = one(seen_by(rules, b'<a href="http://privateserver:8080/x">'), rules)
    leaks = [entry for entry in told["wrong"] if entry["page"] == "leaks"]
    assert [entry["text"] for entry in leaks] == [
        "1 name of the backend left in the response: http://privateserver:8080 in <a href>"
    ]
    assert leaks[0]["note"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"failed": "Connection refused."}, "the exchange was broken off: Connection refused."),
        (
            {"trace": {"broken_off": "Client gone."}},
            "the client did not wait for the end of the response: Client gone.",
        ),
        ({"trace": {"leaks": 3}}, "3 names of the backend left in the response"),
        ({"trace": {"events": [{"event": "ERROR", "message": "no site"}]}}, "no site"),
        (
            {"trace": {"events": [{"event": "IIS_DIFFERS", "message": "m", "iis_status": "500.52"}]}},
            "m | IIS would respond with 500.52 here",
        ),
        ({"response": ResponseFacts(502), "original": ResponseFacts(502)}, "the backend answered 502"),
    ],
)
def test_what_is_wrong(changes: dict[str, Any], expected: str) -> None:
    assert expected in texts(one(replace(seen_with({}), **changes))["wrong"])


def test_a_client_that_left_is_no_fault() -> None:
    seen = replace(
        seen_with({"broken_off": "stream reset by client (CANCEL)"}), failed="stream reset by client (CANCEL)"
    )
    assert {entry["kind"] for entry in one(seen)["wrong"]} == {"info"}
    (listed,) = page.data(snapshot(seen), {})["flows"]
    assert (listed["problems"], listed["summary"]) == (0, "broken off: stream reset by client (CANCEL)")


MODE_IIS = r"""
mode: iis
outboundRules:
  - name: pages
    match: {filterByTags: [A], pattern: ^/x}
    action: {type: Rewrite, value: /y}
"""


def test_an_error_of_ours_is_not_put_down_to_the_backend() -> None:
    rules = rules_of(MODE_IIS)
    told = one(seen_by(rules, gzip.compress(PAGE), fields=(*HTML, ("Content-Encoding", "gzip"))), rules)
    said = texts(told["wrong"])
    assert told["status"] == 500
    assert (
        "the response 500.52 is this proxy's own; the backend had answered 200 to http://privateserver:8080/page"
        in said
    )
    assert "the backend answered" not in said


def test_a_status_that_rules_made_is_told_with_the_backends() -> None:
    seen = replace(seen_with({"target": "http://privateserver:8080/a"}), response=ResponseFacts(503))
    said = texts(one(seen)["wrong"])
    assert said.startswith("the backend answered 200 to http://privateserver:8080/a, which the rules made 503")


def test_nothing_is_wrong_where_nothing_is() -> None:
    rules = rules_of(RULES)
    told = one(seen_by(rules, b"<p>hello</p>"), rules)
    assert told["wrong"] == []
    assert told["body"]["changes"] == 0


def test_the_tree_is_open_where_there_is_something_to_see() -> None:
    rules = rules_of(RULES)
    told = one(seen_by(rules, PAGE, url="https://www.example.com/old/7"), rules)
    shown = "\n".join(titles(told["tree"]["request"], opened_only=True))
    assert "old  (rules.yaml:" in shown
    assert "articles" not in shown
    assert "articles" in "\n".join(titles(told["tree"]["request"]))
    # The mark below an input stands where the pattern stopped.
    precondition = next(node for node in told["tree"]["response"] if node["title"] == "Preconditions")
    lines = precondition["children"][0]["lines"]
    at = next(index for index, line in enumerate(lines) if "↑" in line)
    assert lines[at - 1][lines[at].index("↑") :] == "; charset=utf-8"


def test_each_change_has_the_number_of_its_cause_and_what_is_known_of_it() -> None:
    rules = rules_of(RULES)
    told = one(seen_by(rules, PAGE), rules)
    pieces = [piece for hunk in told["body"]["hunks"] for piece in hunk["pieces"] if isinstance(piece, dict)]
    assert [[told["causes"][number]["label"] for number in piece["by"]] for piece in pieces] == [
        ['rule "images"'],
        ["links"],
    ]
    assert "captures   {R:0} /i/1.png  {R:1} i  {R:2} 1.png" in pieces[0]["tip"]
    assert [told["causes"][step["by"]]["label"] for step in told["steps"]["responses"]] == ['rule "images"', "links"]
    assert told["steps"]["note"] == told["body"]["by_trace"] == ""


def text_of(hunks: list[dict[str, Any]], key: str) -> str:
    return "".join(piece if isinstance(piece, str) else piece[key] for hunk in hunks for piece in hunk["pieces"])


def test_the_whole_body_is_shown_if_it_is_asked_for() -> None:
    rules = rules_of(RULES)
    long = b"<p>line</p>\n" * 500
    seen = seen_by(rules, long + PAGE + long)
    clipped, whole = one(seen, rules)["body"], one(seen, rules, all="1")["body"]
    assert len(text_of(clipped["hunks"], "before")) < 400
    assert text_of(whole["hunks"], "before") == (long + PAGE + long).decode()
    assert seen.response_body is not None
    assert text_of(whole["hunks"], "after") == seen.response_body.decode()
    assert (clipped["whole"], whole["whole"]) == (False, True)


def linked(count: int) -> bytes:
    return b"".join(b'<a href="http://privateserver:8080/%d">text of this link</a>\n\n' % n for n in range(count))


def test_the_page_takes_steps_by_the_number_of_changes() -> None:
    rules = rules_of(RULES)

    def of(count: int) -> Callable[[], object]:
        seen = seen_by(rules, linked(count))
        return lambda: one(seen, rules)

    assert_linear(of, 600)


def test_of_thousands_of_changes_some_are_shown_and_the_others_counted() -> None:
    rules = rules_of(RULES)
    told = one(seen_by(rules, linked(8600)), rules)
    shown = sum(isinstance(piece, dict) for hunk in told["body"]["hunks"] for piece in hunk["pieces"])
    assert shown + told["body"]["more"] == told["body"]["changes"] == 8600
    assert len(told["body"]["hunks"]) <= MAX_HUNKS
    assert len(json.dumps(told)) < 2_000_000


def test_a_response_of_the_proxy_itself_is_shown_as_one() -> None:
    rules = rules_of("rules: [{name: gone, match: ^old, action: {type: Redirect, url: /new}}]")
    told = one(seen_by(rules, url="https://www.example.com/old"), rules)
    assert (told["own"], told["status"]) == (True, 301)
    assert "the proxy's own" in told["body"]["note"]
    assert 'rule "gone" redirects to https://www.example.com/new' in texts(told["done"])


# The list


def flows(number: int) -> Any:
    rules = rules_of(RULES)
    some = seen_by(rules, PAGE, url="https://www.example.com/old/7")
    return snapshot(*(replace(some, flow_id=f"f{n}") for n in range(number)), rules=rules)


def test_the_list_has_the_newest_first_and_as_many_as_are_wanted() -> None:
    shown = flows(MAX_FLOWS + 5)
    first = page.data(shown, {})
    assert (len(first["flows"]), first["more"], first["total"]) == (MAX_FLOWS, True, MAX_FLOWS + 5)
    more = page.data(shown, {"limit": str(MAX_FLOWS + 200)})
    assert [flow["id"] for flow in more["flows"]] == [f"f{n}" for n in range(MAX_FLOWS + 5)]
    assert not more["more"]


@pytest.mark.parametrize(
    ("wanted", "number"),
    [("", 2), ("OLD/7", 2), ("get", 2), ("200", 2), ('rewritten by "old"', 2), ("nothing of it", 0)],
)
def test_the_list_is_filtered_by_text(wanted: str, number: int) -> None:
    assert len(page.data(flows(2), {"filter": wanted})["flows"]) == number


def several() -> Any:
    """Four exchanges, the newest first: a leak, a change by a rule, a redirect, and an error without a response."""
    rules = rules_of(RULES)
    leak = replace(seen_with({"id": "1", "site": "a", "leaks": 2, "events": []}), flow_id="leak", began=4.0)
    changed = replace(
        seen_by(rules, PAGE, url="https://www.example.com/old/7"), flow_id="changed", began=3.0, seconds=0.1
    )
    moved = replace(
        seen_with({"id": "3", "site": "b", "inbound_rules": ["moved"], "events": []}),
        flow_id="moved",
        began=2.0,
        response=ResponseFacts(302),
    )
    failed = replace(seen_with({"id": "4", "events": []}), flow_id="failed", began=1.0, response=None, failed="refused")
    return snapshot(leak, changed, moved, failed, rules=rules)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["leak", "changed", "moved", "failed"]),
        ({"site": "a"}, ["leak"]),
        ({"status": "2xx"}, ["leak", "changed"]),
        ({"status": "3xx"}, ["moved"]),
        ({"status": "none"}, ["failed"]),
        ({"rule": "moved"}, ["moved"]),
        ({"rule": "old"}, ["changed"]),
        ({"only": "changed"}, ["changed", "moved"]),
        ({"only": "problem"}, ["failed"]),
        ({"only": "leak"}, ["leak"]),
        ({"only": "leak,changed"}, []),
        ({"only": "changed", "status": "2xx", "filter": "old"}, ["changed"]),
        ({"sort": "time"}, ["failed", "moved", "changed", "leak"]),
        ({"sort": "-time"}, ["leak", "changed", "moved", "failed"]),
        ({"sort": "status"}, ["failed", "leak", "changed", "moved"]),
        ({"sort": "-problems"}, ["failed", "leak", "changed", "moved"]),
        ({"sort": "site"}, ["failed", "leak", "moved", "changed"]),
        ({"sort": "request"}, ["changed", "leak", "moved", "failed"]),
        ({"sort": "what", "limit": 1}, ["leak"]),
    ],
)
def test_the_list_is_chosen_and_sorted(query: dict[str, Any], expected: list[str]) -> None:
    told = page.data(several(), query)
    assert [flow["id"] for flow in told["flows"]] == expected
    assert told["found"] == (4 if "limit" in query else len(expected))


def test_the_list_says_what_it_can_be_chosen_by() -> None:
    facets = page.data(several(), {"filter": "nothing of it"})["facets"]
    assert facets["sites"] == [("a", 1), ("rules", 1), ("b", 1)]
    assert facets["statuses"] == [("2xx", 2), ("3xx", 1), ("none", 1)]
    assert dict(facets["rules"]) == {"old": 1, "images": 1, "moved": 1}
    assert facets["marks"] == {"changed": 2, "problem": 1, "leak": 1}
    assert facets["marks"].keys() == MARKS.keys()


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"sort": "size"}, f"sort: got size, expected one of {', '.join(SORTS)}"),
        ({"only": "leak,x"}, "only: got x, expected words of changed, problem, leak"),
        ({"limit": "0"}, f"limit: got 0, expected a number up to {MAX_LIMIT}"),
        ({"limit": "many"}, "limit: got many"),
    ],
)
def test_a_list_that_cannot_be_is_told(query: dict[str, Any], message: str) -> None:
    with pytest.raises(PageError, match=message):
        page.data(several(), query)


def test_an_entry_is_made_once_and_again_when_its_exchange_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    entry_of = flow_list._entry
    monkeypatch.setattr(flow_list, "_entry", lambda seen: (made.append(seen.flow_id), entry_of(seen))[1])
    trace: dict[str, Any] = {"id": "1", "events": []}
    seen = replace(seen_with(trace), flow_id="kept", seconds=1.0)
    for _ in range(3):
        page.data(snapshot(seen), {})
    assert made == ["kept"]
    # Leaks of a message that comes late are counted in the same trace.
    trace["leaks"] = 1
    assert page.data(snapshot(seen), {})["flows"][0]["leaks"] == 1
    changed = replace(seen, failed="refused")
    assert page.data(snapshot(changed), {})["flows"][0]["problems"] == 1
    under_way = replace(seen, seconds=None)
    for _ in range(2):
        page.data(snapshot(under_way), {})
    assert len(made) == 5


def test_a_flow_has_ended_if_it_is_whole_or_broken_off() -> None:
    seen = replace(seen_with({"id": "1"}), seconds=None)
    assert not one(seen)["ended"]
    assert one(replace(seen, seconds=0.0))["ended"]
    assert one(replace(seen, failed="refused"))["ended"]


def test_the_list_is_filtered_by_trace_id() -> None:
    shown = flows(1)
    trace_id = str(shown.exchanges[0].trace["id"])
    assert len(page.data(shown, {"filter": trace_id.upper()})["flows"]) == 1


def test_an_entry_says_at_a_glance_what_happened() -> None:
    (entry,) = page.data(flows(1), {})["flows"]
    assert entry["summary"] == 'rewritten by "old" · 1 link · response: "images"'
    assert (entry["method"], entry["url"], entry["status"]) == ("GET", "https://www.example.com/old/7", 200)
    assert (entry["problems"], entry["links"], entry["leaks"]) == (0, 1, 0)


def test_a_flow_that_is_not_there_is_told() -> None:
    with pytest.raises(PageError, match="got the flow x<y, expected one of those that are kept"):
        page.data(flows(1), {"flow": "x<y"})


# Exchanges of unknown make


def check(told: Any) -> None:
    """It is JSON that a browser reads, and no text in it can act on its reader."""
    written = json.dumps(told, allow_nan=False)
    for char in ("\\u202e", "\\u001b", "\\u2028", "\\u0000"):
        assert char not in written


HOSTILE = "<script>alert(1)</script>\x1b[2J\u202egnp.exe\u2028\x00"


@given(TRACES, BODIES, BODIES, st.sampled_from([HTML, (), (("Content-Encoding", "gzip"),)]))
def test_whatever_was_recorded_it_is_told(trace: Any, original: Any, sent: Any, fields: Any) -> None:
    seen = replace(seen_with(trace, original=original, answer=sent, fields=fields), began=math.nan)
    rules = rules_of(RULES)
    json.dumps(one(seen, rules), allow_nan=False)
    json.dumps(page.data(snapshot(seen), {"filter": "a"}), allow_nan=False)


def test_hostile_texts_stay_texts() -> None:
    rules = rules_of(RULES)
    seen = seen_by(rules, PAGE + f"<a href='http://privateserver:8080/{HOSTILE}'>".encode())
    request = replace(seen.request, target=f"/{HOSTILE}", method=HOSTILE)
    fields = (*HTML, (HOSTILE, HOSTILE))
    trace = {
        **seen.trace,
        "events": [
            {
                key: value if key in ("event", "type") else HOSTILE if isinstance(value, str) else value
                for key, value in event.items()
            }
            for event in seen.trace["events"]
        ],
    }
    odd = replace(seen, request=request, original=ResponseFacts(200, fields), trace=trace, failed=HOSTILE)
    check(one(odd, rules))
    check(one(odd))
    check(page.data(snapshot(odd), {}))


def test_every_server_that_the_request_was_sent_to_is_listed() -> None:
    routed = {"event": "ARR_SERVER_ROUTED", "farm": "shop", "why": "balanced"}
    failed = {"event": "SERVER_FAILED", "server": "10.0.0.1:80", "cause": "timeout", "detail": "no\u202ebody"}
    events = [
        {**routed, "server": "app1", "attempt": 1},
        {**failed, "attempt": 1, "milliseconds": 2000},
        {**routed, "server": "app2", "attempt": 2},
    ]
    seen = seen_with({"id": "a", "events": events})
    first, second = one(seen)["attempts"]
    assert (first["farm"], first["server"], first["why"], first["milliseconds"]) == ("shop", "app1", "balanced", 2000)
    assert first["cause"] == "no response in time"
    assert "\u202e" not in first["detail"]
    assert (second["server"], second["cause"], second["milliseconds"]) == ("app2", "", None)
    # A backend that is no farm is told by where it was dialled.
    (alone,) = one(seen_with({"id": "a", "events": [{**failed, "cause": "<b>", "milliseconds": "x"}]}))["attempts"]
    assert (alone["farm"], alone["server"], alone["cause"]) == ("", "10.0.0.1:80", "<b>")
    assert one(seen_with({"id": "a", "events": []}))["attempts"] == []
