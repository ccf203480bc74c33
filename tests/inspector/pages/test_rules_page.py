"""The page Rules: what it says of rules that act, that never do, that cannot, and of files that are broken."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from urlrewrite.engine.facts import RequestFacts, ResponseFacts
from urlrewrite.exchange.rule_tests import evaluate, request_facts
from urlrewrite.exchange.rules_in_force import RulesInForce, Settings
from urlrewrite.inspector.figures.statistics import Statistics
from urlrewrite.inspector.pages import rules as page
from urlrewrite.inspector.pages.error import PageError
from urlrewrite.inspector.recorded_exchange import RecordedExchange, Snapshot
from urlrewrite.loading.load import load_rules

RULES = r"""
sites:
  - name: shop
    public: https://www.example.com
    backend: http://privateserver:8080
    rules:
      - name: old
        match: ^old/(\d+)$
        action: {type: Redirect, url: '/new/{R:1}'}

      # Never runs: the rule before it takes all that it is for.
      - name: shadowed
        match: ^old/(\d+)$
        action: {type: Rewrite, url: '/x'}
      - name: rare
        match: ^rare$
        action: {type: Rewrite, url: '/y'}
      - name: asleep
        enabled: false
        match: .*
        action: AbortRequest
      - name: last
        match: ^(?!old)
        conditions: [{input: '{QUERY_STRING}', pattern: ^end$}]
        action: {type: CustomResponse, statusCode: 404}
      - name: narrow
        match: ^old/.*x$
        action: None
    preConditions:
      pdf: [{input: '{RESPONSE_CONTENT_TYPE}', pattern: ^application/pdf}]
    outboundRules:
      - name: server
        match: {serverVariable: RESPONSE_Server, pattern: .+}
        action: {type: Rewrite, value: demo}
      - name: the same again
        match: {serverVariable: RESPONSE_Server, pattern: .+}
        action: {type: Rewrite, value: demo}
      - name: of documents
        preCondition: pdf
        match: {filterByTags: [A], pattern: ^http}
        action: {type: Rewrite, value: 'x'}
"""
SHOP = {"side": "inbound", "site": "shop", "location": ""}


class Shown:
    """The rules of a file, and exchanges under them."""

    def __init__(self, folder: Path, text: str = RULES) -> None:
        self.file = folder / "rules.yaml"
        self.file.write_text(text)
        self.statistics = Statistics()
        self.seen: list[RecordedExchange] = []
        self.rules = self.load()

    def load(self) -> RulesInForce:
        rules = RulesInForce(load_rules([self.file])[0], Settings())
        self.statistics.reload(True, 0.1, fingerprint=rules.fingerprint)
        return rules

    def visit(self, paths: Iterable[str]) -> Shown:
        for path in paths:
            request = request_facts("GET", f"https://www.example.com{path}")
            response = ResponseFacts(200, (("Content-Type", "text/html"), ("Server", "Kestrel")))
            trace = evaluate(self.rules, request, response, b"<p>x").exchange.trace.data
            number = len(self.seen)
            self.seen.insert(0, RecordedExchange(f"flow {number}", 1000.0 + number, trace, request))
        return self

    def count(self) -> Shown:
        for seen in reversed(self.seen):
            self.statistics.add(seen.trace, began=seen.began, seconds=0.1, site=seen.trace["site"])
        return self

    def ask(self, **asked: str) -> dict[str, Any]:
        shown = Snapshot(tuple(self.seen), self.rules, self.statistics, (str(self.file),))
        told = page.data(shown, asked)
        json.dumps(told, allow_nan=False)
        return told


def rows(told: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for group in told["groups"] for row in group["rules"]}


@pytest.fixture
def shown(tmp_path: Path) -> Shown:
    return Shown(tmp_path).visit(["/old/1", "/old/2", "/else", "/x?end"])


def test_the_rules_are_listed_in_the_order_in_which_they_run(shown: Shown) -> None:
    told = shown.count().ask()
    titles = [group["title"] for group in told["groups"]]
    assert titles == ["shop: requests", "shop: responses"]
    names = [[row["name"] for row in group["rules"]] for group in told["groups"]]
    assert names == [
        ["old", "shadowed", "rare", "asleep", "last", "narrow"],
        ["server", "the same again", "of documents"],
    ]
    assert told["exchanges"] == told["traced"] == 4
    assert not told["recorded"]


@pytest.mark.parametrize(
    ("name", "hits", "misses", "changes", "flow", "marks"),
    [
        ("old", 2, 2, 2, "flow 1", []),
        ("shadowed", 0, 2, 0, "", ["never runs", "never hit"]),
        ("rare", 0, 2, 0, "", ["never hit"]),
        ("asleep", 0, 0, 0, "", ["disabled"]),
        ("last", 1, 1, 1, "flow 3", []),
        ("narrow", 0, 1, 0, "", ["never hit"]),
        # The proxy's own responses have no such field.
        ("server", 1, 3, 1, "flow 2", []),
        ("the same again", 0, 3, 0, "", ["changed nothing"]),
        ("of documents", 0, 0, 0, "", ["never tried"]),
    ],
)
@pytest.mark.parametrize("counted", [True, False], ids=["live", "of a saved file"])
def test_what_each_rule_did(
    shown: Shown, counted: bool, name: str, hits: int, misses: int, changes: int, flow: str, marks: list[str]
) -> None:
    told = (shown.count() if counted else shown).ask()
    assert told["recorded"] is not counted
    row = rows(told)[name]
    got = (row["hits"], row["misses"], row["changes"], row["flow"])
    assert got == (hits, misses, changes, flow)
    assert [mark["text"] for mark in row["marks"] if "finding" not in mark["text"]] == marks


def test_the_causes_come_first_and_the_worst_one_leads(shown: Shown) -> None:
    causes = [cause["text"] for cause in shown.count().ask()["causes"]]
    assert causes[0] == '1 rule can never run, since a rule before takes all requests: "shadowed"'
    assert '1 rule matched and changed nothing: "the same again"' in causes


def test_one_rule_shows_its_lines_its_findings_and_its_flows(shown: Shown) -> None:
    told = shown.count().ask(**SHOP, rule="shadowed")
    marked = [line for line in told["excerpt"] if line["marked"]]
    assert [line["text"].strip() for line in marked] == ["- name: shadowed"]
    assert told["source"] == f"{shown.file}:{marked[0]['at']}"
    assert RULES.splitlines()[marked[0]["at"] - 1] == marked[0]["text"]
    assert "rare" not in "".join(line["text"] for line in told["excerpt"])
    assert [problem["id"] for problem in told["problems"]] == ["UR180"]
    assert told["list"] == []
    old = shown.ask(**SHOP, rule="old")
    assert [(flow["flow"], flow["url"], flow["status"]) for flow in old["list"]] == [
        ("flow 1", "https://www.example.com/old/2", 301),
        ("flow 0", "https://www.example.com/old/1", 301),
    ]


@pytest.mark.parametrize("place", [{"rule": "no such"}, {"rule": "old", "site": "other"}, {"rule": "old", "side": "x"}])
def test_a_rule_that_is_not_there_is_told(shown: Shown, place: dict[str, str]) -> None:
    with pytest.raises(PageError, match="There is no rule"):
        shown.ask(**{**SHOP, **place})


def test_a_broken_file_is_the_first_thing_that_is_told(shown: Shown) -> None:
    shown.count().file.write_text(RULES.replace("^rare$", "^rare($"))
    told = shown.ask()
    assert told["causes"][0]["kind"] == "err"
    assert told["causes"][0]["text"].startswith("The rule files have 1 error, so the last good rules stay in force: ")
    assert "^rare($" in told["causes"][0]["text"]
    assert told["files"] == "broken"
    assert len(rows(told)) == 9
    assert shown.ask(**SHOP, rule="old")["stale"]


def test_a_file_that_was_just_saved_is_told(shown: Shown) -> None:
    shown.file.write_text(RULES.replace("^rare$", "^rarer$"))
    assert shown.ask()["causes"][0]["text"].startswith("The files were saved a moment ago")


def test_new_rules_begin_at_zero(shown: Shown) -> None:
    shown.count().file.write_text(RULES.replace("^rare$", "^rarer$"))
    shown.rules = shown.load()
    told = shown.ask()
    assert told["causes"][-1]["text"] == "No exchange has come to an end under these rules yet."
    assert {(row["hits"], row["misses"], row["flows"]) for row in rows(told).values()} == {(0, 0, 0)}


def test_without_any_rules_it_says_why(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text("sites: [")
    told = page.data(Snapshot((), None, Statistics(), (str(file),)), {})
    assert told["causes"][0]["text"].startswith("The rule files have 1 error, so no rules are in force: ")
    gone = page.data(Snapshot((), None, Statistics(), (str(tmp_path / "gone.yaml"),)), {})
    assert "gone.yaml" in gone["causes"][0]["text"]


def test_rules_of_one_name_are_counted_together_and_it_says_so(tmp_path: Path) -> None:
    text = """
globalRules:
  - {name: same, match: ^a$, action: {type: Rewrite, url: /b}}
sites:
  - name: shop
    public: https://www.example.com
    backend: http://privateserver:8080
    rules:
      - {name: same, match: ^c$, action: {type: Rewrite, url: /d}}
"""
    shown = Shown(tmp_path, text).visit(["/a", "/c", "/c"]).count()
    hits = [row["hits"] for group in shown.ask()["groups"] for row in group["rules"]]
    assert hits == [3, 3]


def test_misses_are_unknown_without_full_traces(shown: Shown) -> None:
    for seen in shown.seen:
        seen.trace["events"].clear()
    told = shown.count().ask()
    assert told["traced"] == 0
    assert {row["misses"] for row in rows(told).values()} == {None}
    assert rows(told)["old"]["hits"] == 2


@pytest.mark.parametrize("trace", [{}, {"events": 7, "site": [], "inbound_rules": {"a": 1}}, {"rules": "\udc80"}])
def test_hostile_traces_are_shown(shown: Shown, trace: dict[str, Any]) -> None:
    request = RequestFacts("GET", "https", "www.example.com", "/<script>", ())
    shown.seen.insert(0, RecordedExchange("x", 1.0, {**trace, "inbound_rules": ["<script>"]}, request))
    shown.ask()
