"""The planted faults put into rules, browsed, and told by their codes alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from inspector.browsing import Browser
from urlrewrite.engine.compile import compile_rules
from urlrewrite.exchange.rules_in_force import RulesInForce, Settings
from urlrewrite.formats.yaml.rules import parse
from urlrewrite.inspector.diagnose.rule_misses import misses
from urlrewrite.inspector.leaks.search import find_leaks
from urlrewrite.inspector.pages import broken
from urlrewrite.model.problems import RuleFileError
from urlrewrite.trace.reading import read

HERE = Path(__file__).parent
DEMO = (HERE.parents[1] / "rules" / "default.yaml").read_text(encoding="utf-8")
TABLE: dict[str, Any] = yaml.safe_load((HERE / "planted_faults.yaml").read_text(encoding="utf-8"))
CASES = [
    pytest.param(fault, variant, id=f"{fault['name']} {number}".replace(" ", "-"))
    for fault in TABLE["faults"]
    for number, variant in enumerate(fault["variants"], 1)
]


def rule_text(variant: Mapping[str, Any]) -> str:
    """The rule file with the fault in it: an edit of the demo's, or a small one."""
    text: str = DEMO.partition("\ntests:")[0] + "\n"
    if "base" in variant:
        text = TABLE["bases"][variant["base"]] + variant.get("rules", "")
    for edit in variant.get("edit", []):
        assert text.count(edit["from"]) == 1, edit
        text = text.replace(edit["from"], edit["to"])
    return text


def in_force(text: str) -> RulesInForce:
    rule_set, _ = parse(text, "faulty.yaml")
    return RulesInForce(compile_rules(rule_set)[0], Settings(body_deadline=0.2))


def browse(variant: Mapping[str, Any], port: int) -> Browser:
    """All the requests of a variant."""
    overlay = {
        path: (each.get("status", 200), list(each.get("fields", {}).items()), each.get("body", "").encode())
        for path, each in variant.get("backend", {}).items()
    }
    reload = variant.get("reload")
    browser = Browser(in_force(rule_text(variant)), 1 if variant.get("down") else port, overlay)
    if reload:
        try:
            in_force(rule_text(reload))
        except RuleFileError as error:
            browser.statistics.reload(False, 0.01, map(str, error.problems))
    for step in variant["visit"]:
        match step:
            case str(url):
                browser.load(url)
            case {"fetch": url, "from": page, **more}:
                browser.fetch(url, page, **more)
            case {"post": url, "body": body}:
                browser.load(url, method="POST", body=body.encode())
            case {"ask": url, **fields}:
                browser.load(url, fields=tuple(fields.items()))
            case _:
                raise AssertionError(f"got the step {step!r}, expected a URL, fetch, post or ask")
    return browser


def codes(browser: Browser) -> dict[str, Any]:
    """All that the inspector finds out, as codes and names, without one sentence."""
    keys = ("kind", "code", "severity", "rule", "source", "flows")
    found: dict[str, Any] = {
        "findings": [{key: each[key] for key in keys} for each in broken.data(browser.snapshot, {})["findings"]]
    }
    for seen in browser.seen:
        reading = read(seen.trace)
        told = [(miss.side, miss.rule, miss.cause.code) for miss in misses(reading)]
        leaks = {(leak.place, leak.cause.code, leak.harm, leak.remedy) for leak in find_leaks(seen, browser.rules)}
        told_of = [event for event in reading.events if "message" in event]
        reasons = [(event["event"], event["reason"], event.get("cause")) for event in told_of]
        found[seen.flow_id] = {"misses": told, "leaks": leaks, "reasons": reasons}
    return found
