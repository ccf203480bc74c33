"""The page Leaks: the most harmful first, over all flows or one, as plain data."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from inspector.leaking import B, P, exchange
from rules_of import rules_of
from urlrewrite.inspector.figures.statistics import Statistics
from urlrewrite.inspector.pages import leaks
from urlrewrite.inspector.pages.error import PageError
from urlrewrite.inspector.recorded_exchange import RecordedExchange, Snapshot

RULES = rules_of("links: off")


def snapshot(*seen: RecordedExchange) -> Snapshot:
    return Snapshot(seen, RULES, Statistics())


def flow(number: int, body: str, url: str = f"{P}/a") -> RecordedExchange:
    return replace(exchange(RULES, body, url=url), flow_id=f"f{number}")


def test_leaks_of_all_flows_the_most_harmful_first() -> None:
    shown = snapshot(
        flow(1, f"<!-- {B} -->" * 9), flow(2, f"<a href='{B}/1'><p data-x='{B}/'>"), flow(3, f"<a href='{B}/2'>")
    )
    data = leaks.data(shown, {})
    json.dumps(data)
    assert (data["flows"], data["more"], data["over"]) == (3, 0, [])
    assert [(leak["harm"], leak["place"], leak["count"]) for leak in data["leaks"]] == [
        ("error", "<a href>", 2),
        ("warning", "<p data-x>", 1),
        ("information", "comment", 9),
    ]
    first = data["leaks"][0]
    assert "links: off" in first["why"]
    assert [entry["id"] for entry in first["flows"]] == ["f2", "f3"]
    assert first["flow_count"] == 2
    assert first["proposal"]["yaml"] == "links: everywhere\n"
    assert first["proposal"]["xml"].startswith("<rewrite>")
    assert first["proposal"]["site"] == "rules"


def test_one_flow() -> None:
    shown = snapshot(flow(1, f"<a href='{B}/'>"), flow(2, "<p>"))
    assert leaks.data(shown, {"flow": "f2"})["leaks"] == []
    assert [leak["place"] for leak in leaks.data(shown, {"flow": "f1"})["leaks"]] == ["<a href>"]
    with pytest.raises(PageError, match="got the flow none, expected one that is still kept"):
        leaks.data(shown, {"flow": "none"})


def test_over_matches() -> None:
    rules = rules_of(
        "links: off\noutboundRules: [{name: r, match: {pattern: privateserver}, action: "
        "{type: Rewrite, value: www.example.com}}]"
    )
    data = leaks.data(Snapshot((exchange(rules, f"<a href='{B}/'>"),), rules, Statistics()), {})
    json.dumps(data)
    assert [(match["what"], match["rules"]) for match in data["over"]] == [
        ("the backend's port behind the public name", ["r"])
    ]


def test_no_rules_and_no_flows() -> None:
    assert leaks.data(Snapshot((), None, Statistics()), {})["problem"] == "No rules are in force."
    assert leaks.data(snapshot(), {})["leaks"] == []


def test_what_is_hostile_stays_text() -> None:
    shown = snapshot(flow(1, f"<a title='\x1b[31m\u202e<script>alert(1)</script>' href='{B}/'>", url=f"{P}/\u202e"))
    text = json.dumps(leaks.data(shown, {}), ensure_ascii=False)
    assert "\u202e" not in text
    assert "\x1b" not in text


def test_many_flows_are_looked_at_for_a_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaks, "SECONDS", -1.0)
    data = leaks.data(snapshot(flow(1, ""), flow(2, "")), {})
    assert (data["flows"], data["more"]) == (0, 2)
