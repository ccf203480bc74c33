"""The page "Why is the page broken" as data: the cause first, the broken page loads before the others."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given

from inspector.test_broken import EVERYWHERE, OFF, exchange, exchanges, resource
from rules_of import rules_of
from urlrewrite.inspector.asking.answers import Answer
from urlrewrite.inspector.asking.request_changes import AskedKind
from urlrewrite.inspector.experiments.judging import Seen
from urlrewrite.inspector.experiments.requests import asked_again
from urlrewrite.inspector.figures.statistics import Statistics
from urlrewrite.inspector.pages import broken
from urlrewrite.inspector.pages.error import PageError
from urlrewrite.inspector.recorded_exchange import RecordedExchange, Snapshot

PICTURE = "https://www.example.com/x.png"


def snapshot(*seen: RecordedExchange, rules: object = OFF) -> Snapshot:
    return Snapshot(seen[::-1], rules, Statistics(clock=lambda: 0.0))  # type: ignore[arg-type]


def broken_page() -> tuple[RecordedExchange, RecordedExchange]:
    page = exchange(OFF, body='<img src="/x.png">')
    return page, resource(OFF, PICTURE, "image", status=404, fields=[("Content-Type", "text/html")])


def test_nothing_yet() -> None:
    data = broken.data(snapshot(), {})
    assert data["load"] is None
    assert data["cause"].startswith("No page has been loaded yet")


def test_a_sound_page() -> None:
    data = broken.data(snapshot(exchange(OFF, body="<p>fine</p>")), {})
    assert data["cause"].startswith("Nothing was found to be broken in https://www.example.com/page")
    assert data["findings"] == []


def test_the_broken_page_comes_before_the_latest() -> None:
    fine = exchange(OFF, "https://www.example.com/fine", at=9.0)
    data = broken.data(snapshot(*broken_page(), fine), {})
    assert [load["url"] for load in data["loads"]] == ["https://www.example.com/page", "https://www.example.com/fine"]
    assert data["cause"] == data["findings"][0]["title"] == data["loads"][0]["worst"]
    assert "/x.png gets 404" in data["cause"]
    assert data["findings"][0]["flows"] == [PICTURE, "https://www.example.com/page"]
    assert [each["status"] for each in data["resources"]] == [200, 404]


@pytest.mark.parametrize("flow", [PICTURE, "https://www.example.com/page"])
def test_the_page_load_of_a_flow(flow: str) -> None:
    data = broken.data(snapshot(*broken_page()), {"flow": flow})
    assert data["load"]["url"] == "https://www.example.com/page"
    assert len(data["loads"]) == 1


def test_a_flow_that_is_not_there() -> None:
    with pytest.raises(PageError, match="got the flow nowhere, expected one of those that are kept"):
        broken.data(snapshot(*broken_page()), {"flow": "nowhere"})


def test_a_flow_of_no_page() -> None:
    alone = exchange(OFF, PICTURE, asked=[("Sec-Fetch-Dest", "image")], status=404)
    data = broken.data(snapshot(alone), {"flow": PICTURE})
    assert "gets 404" in data["cause"]


def test_the_rule_can_be_found_on_its_page() -> None:
    leak = exchange(
        EVERYWHERE,
        body='<img src="http://privateserver:8080/x.png">',
        changed='<img src="http://privateserver:8080/x.png">',
    )
    assert broken.data(snapshot(leak, rules=EVERYWHERE), {})["findings"][0]["at"] is None


def test_a_refused_reload_is_told() -> None:
    shown = snapshot(*broken_page())
    shown.statistics.reload(True, 0.1)
    assert broken.data(shown, {})["problems"] == []
    shown.statistics.reload(False, 0.1, ["portal.yaml:7: got a, expected b [UR100]"])
    problems = broken.data(shown, {})["problems"]
    assert "are not in force" in problems[0]
    assert problems[1].startswith("portal.yaml:7")


def test_hostile_texts_are_visible_and_clipped() -> None:
    url = "https://www.example.com/<script>alert(1)</script>\u202e" + "x" * 5000
    data = broken.data(snapshot(replace(exchange(OFF, url, status=500), flow_id="1")), {})
    text = json.dumps(data)
    assert "\u202e" not in data["cause"]
    assert max(map(len, text.split('"'))) < 1000


@given(exchanges(), exchanges())
def test_whatever_was_recorded_the_data_is_json(one: RecordedExchange, other: RecordedExchange) -> None:
    for asked in ({}, {"flow": one.flow_id}):
        json.dumps(broken.data(snapshot(one, other), asked))


@pytest.mark.parametrize(("method", "safe"), [("GET", True), ("HEAD", True), ("POST", False), ("DELETE", False)])
def test_a_backend_that_refused_can_be_asked_again(method: str, safe: bool) -> None:
    refused = exchange(OFF, status=500)
    refused = replace(refused, request=replace(refused.request, method=method))
    shown = snapshot(refused)
    (finding,) = broken.data(shown, {})["findings"]
    assert finding["ask"] == {"flow": refused.flow_id, "method": method, "safe": safe, "done": False}
    asked = asked_again(refused, OFF, Seen(()), math.inf)
    while (planned := asked.next()) is not None:
        asked.answers.append((planned, Answer(200 if planned.kind is AskedKind.OTHER_HOST else 500)))
    (finding,) = broken.data(replace(shown, asked={refused.flow_id: asked}), {})["findings"]
    assert finding["ask"]["done"] and finding["known"] == "experiment"
    assert finding["title"] == (
        "The page /page gets 500. The backend does not know the Host privateserver:8080: asked as www.example.com, it "
        "answers 200."
    )


def test_what_no_backend_refused_cannot_be_asked_again() -> None:
    rules = rules_of("rules: [{name: no, match: page, action: {type: CustomResponse, statusCode: 403}}]")
    (finding,) = broken.data(snapshot(exchange(rules), rules=rules), {})["findings"]
    assert finding["ask"] is None
    page = exchange(OFF, body="<script src='http://privateserver:8080/x.js'></script>")
    assert broken.data(snapshot(page), {})["findings"][0]["ask"] is None
