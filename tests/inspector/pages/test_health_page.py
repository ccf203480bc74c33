"""The page Health: its figures, what it says first, and the last hour."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from urlrewrite.engine.compile import compile_rules
from urlrewrite.exchange.rules_in_force import RulesInForce, Settings
from urlrewrite.formats.yaml.rules import parse
from urlrewrite.inspector.figures.statistics import Statistics
from urlrewrite.inspector.pages import health as page
from urlrewrite.inspector.pages.health import BARS
from urlrewrite.inspector.recorded_exchange import Snapshot

ERROR = {"event": "ERROR", "message": "down"}


def rules() -> RulesInForce:
    text = "public: https://www.example.com\nbackend: http://privateserver:8080"
    return RulesInForce(compile_rules(parse(text, "rules.yaml")[0])[0], Settings())


def ask(counted: Statistics, *, in_force: bool = True) -> dict[str, Any]:
    told = page.data(Snapshot((), rules() if in_force else None, counted, ("rules.yaml",)), {})
    json.dumps(told, allow_nan=False)
    return told


def add(counted: Statistics, *, ago: float = 0.0, seconds: float = 0.0, **data: Any) -> None:
    site = data.get("site", "demo")
    counted.add({"status": 200, **data}, began=time.time() - ago - seconds, seconds=seconds, site=site)


def test_nothing_has_happened() -> None:
    told = ask(Statistics())
    assert told["causes"] == []
    assert told["requests"] == 0
    assert told["average"] is None
    assert sum(told["series"]["requests"]) == 0


@pytest.mark.parametrize(
    ("traces", "load", "causes"),
    [
        ([{}], None, []),
        ([{}] * 9 + [{"events": [ERROR]}], None, [("err", "1 exchange of 10 failed (10.0 %)")]),
        ([{}] * 199 + [{"events": [ERROR]}], None, [("warn", "1 exchange of 200 failed (0.5 %)")]),
        ([{"leaks": 2}, {"leaks": 1}], None, [("warn", "3 leaks of a backend's name in 2 responses")]),
        ([], ["rules.yaml:3: bad"], [("err", "The rule files were not loaded, the last good rules stay in force: ru")]),
        ([{"events": [{"event": "WARNING"}]}], None, [("warn", "1 warning about what did not go as a rule asks")]),
    ],
)
def test_what_is_wrong_comes_first(
    traces: list[dict[str, Any]], load: list[str] | None, causes: list[tuple[str, str]]
) -> None:
    counted = Statistics()
    for trace in traces:
        add(counted, **trace)
    if load:
        counted.reload(False, 0.1, load)
    told = ask(counted)["causes"]
    assert [cause["kind"] for cause in told] == [kind for kind, _ in causes]
    assert all(cause["text"].startswith(text) for cause, (_, text) in zip(told, causes, strict=True))


def test_no_rules_at_all() -> None:
    counted = Statistics()
    assert ask(counted, in_force=False)["causes"][0]["text"] == "No rules are in force."
    counted.reload(False, 0.1, ["rules.yaml: not there"])
    told = ask(counted, in_force=False)["causes"][0]["text"]
    assert told == "The rule files were not loaded, no rules are in force: rules.yaml: not there"


def test_the_figures() -> None:
    counted = Statistics()
    add(counted, seconds=0.02, way="whole", links=4, events=[{"event": "BODY_DECODED", "bytes": 2048}])
    add(counted, seconds=0.04, way="stream", site="other", status=404)
    add(counted, seconds=12.0, way="pass", status=200)
    counted.reload(True, 0.2, ["a warning"], fingerprint="abc")
    counted.reload(False, 0.1, ["an error"])
    told = ask(counted)
    assert told["ways"] == {"whole": 1, "stream": 1, "pass": 1}
    assert told["held"] == 2048
    assert told["slowest"] == pytest.approx(12.0)
    assert told["average"] == pytest.approx(12.06 / 3)
    assert {item["label"]: item["number"] for item in told["durations"] if item["number"]} == {
        "≤ 25 ms": 1,
        "≤ 50 ms": 1,
        "> 10 s": 1,
    }
    assert told["sites"] == [
        {"name": "demo", "requests": 2, "errors": 0, "statuses": {"200": 2}},
        {"name": "other", "requests": 1, "errors": 0, "statuses": {"404": 1}},
    ]
    assert told["loads"] == {"ok": 1, "failed": 1}
    assert [(load["ok"], load["problems"]) for load in told["reloads"]] == [
        (False, ["an error"]),
        (True, ["a warning"]),
    ]


def test_the_last_hour_by_the_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_700_000_030.0
    monkeypatch.setattr("time.time", lambda: now)
    counted = Statistics()
    for ago in (7000.0, 3000.0, 3000.0, 0.0):
        add(counted, ago=ago, leaks=1, way="pass")
    series = ask(counted)["series"]
    requests = series["requests"]
    assert len(requests) == BARS
    assert sum(requests) == 3
    assert requests[-1] + requests[-2] == 1
    # A minute may begin between the two of them.
    assert sum(requests[BARS - 53 : BARS - 48]) == 2
    assert series["leaks"] == series["passed"] == requests
    assert series["began"] + BARS * series["width"] > now
