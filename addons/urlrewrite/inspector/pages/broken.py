"""The page "Why is the page broken": the latest page loads with what is wrong in them, or one of them in full.

Without `flow` it lists page loads, the broken ones first, and tells the findings of the latest broken one. With `flow`
it tells those of the page load which that flow belongs to.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from itertools import islice
from typing import Any

from urlrewrite.exchange.rules_in_force import RulesInForce
from urlrewrite.inspector.broken import find_breakages
from urlrewrite.inspector.diagnose.finding import Finding, Severity
from urlrewrite.inspector.diagnose.page_loads import PageLoad, load_of, page_loads
from urlrewrite.inspector.pages.error import PageError
from urlrewrite.inspector.recorded_exchange import RecordedExchange, Snapshot
from urlrewrite.inspector.rule_list import groups
from urlrewrite.trace.text import shown, visible

MAX_LOADS = 40
"""Page loads that are examined for the list."""

SECONDS = 3.0
"""How long page loads are examined; the newest come first."""

_MAX_RESOURCES = 200
_EARLIER = 20


def answer(shown_now: Snapshot, asked: Mapping[str, Any]) -> dict[str, Any]:
    """What the page shows.

    `{"cause", "problems", "loads": [load], "load": load | None, "findings": [finding], "resources": [resource]}`, where
    `cause` is the worst that was found, as one sentence, and `problems` are those of the rule files. `at` of a finding
    says where the page Rules shows its rule, None where that is not known; `more` are older page loads that were not
    examined.

    Raises:
        PageError: there is no such flow.
    """
    loads = page_loads(shown_now.seen)
    flow_id = str(asked.get("flow") or "")
    if flow_id:
        load = load_of(loads, flow_id)
        if load is None:
            if shown_now.find(flow_id) is None:
                raise PageError(f"got the flow {shown(flow_id, 80)}, expected one of those that are kept")
            seen = shown_now.find(flow_id)
            assert seen is not None
            load = PageLoad(seen)
        found = _findings(shown_now, load, time.monotonic() + SECONDS)
        return {**_page(shown_now, load, found, [_summary(load, found)]), "more": 0}
    until = time.monotonic() + SECONDS
    examined: list[tuple[PageLoad, list[Finding]]] = []
    for load in loads[:MAX_LOADS]:
        if time.monotonic() > until:
            break
        examined.append((load, _findings(shown_now, load, until)))
    ranked = sorted(examined, key=lambda pair: not _is_broken(pair[1]))
    first = next(iter(ranked), None)
    found = first[1] if first else []
    data = _page(shown_now, first[0] if first else None, found, [_summary(*pair) for pair in ranked])
    return {**data, "more": len(loads) - len(examined)}


def _findings(shown_now: Snapshot, load: PageLoad, until: float) -> list[Finding]:
    client, began = load.asked.request.client[0], load.asked.began
    earlier = (each for each in shown_now.seen if each.request.client[0] == client and each.began < began)
    return find_breakages(load, shown_now.rules, tuple(islice(earlier, _EARLIER)), until=until)


def _is_broken(findings: list[Finding]) -> bool:
    return any(each.severity is Severity.ERROR for each in findings)


def _page(
    shown_now: Snapshot, load: PageLoad | None, findings: list[Finding], loads: list[dict[str, Any]]
) -> dict[str, Any]:
    places = _places(shown_now.rules)
    told = [{**each.as_data(), "at": places.get((each.rule, each.source))} for each in findings]
    if load is None:
        cause = "No page has been loaded yet. Open one through the proxy, then come back."
    elif told:
        cause = told[0]["title"]
    else:
        cause = f"Nothing was found to be broken in {shown(load.url, 200)}."
    return {
        "cause": cause,
        "problems": _reload_problems(shown_now),
        "load": _summary(load, findings) if load else None,
        "findings": told,
        "resources": [_resource(seen) for seen in load.all[:_MAX_RESOURCES]] if load else [],
        "loads": loads,
    }


def _places(rules: RulesInForce | None) -> dict[tuple[str, str], dict[str, str]]:
    """Where the page Rules shows a rule, by its name and source."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for group in groups(rules) if rules else ():
        at = {"side": group.side, "site": group.site, "location": group.location}
        for rule in group.rules:
            found.setdefault((rule.name, str(rule.source)), {**at, "rule": rule.name})
    return found


def _reload_problems(shown_now: Snapshot) -> list[str]:
    """What keeps the rule files from being in force, where the last reload was refused."""
    reloads = shown_now.statistics.figures().reloads
    if not reloads or reloads[-1].ok:
        return []
    last = reloads[-1]
    head = "The rule files were changed, and are not in force: the last good rules are. What is wrong with them:"
    return [head, *(shown(problem, 400) for problem in last.problems)]


def _summary(load: PageLoad, findings: list[Finding]) -> dict[str, Any]:
    return {
        "flow": load.document.flow_id,
        "url": shown(load.url, 300),
        "status": load.document.answer.status if load.document.answer else None,
        "began": load.asked.began if math.isfinite(load.asked.began) else 0.0,
        "redirects": len(load.redirects),
        "resources": len(load.resources),
        "errors": sum(each.severity is Severity.ERROR for each in findings),
        "findings": len(findings),
        "worst": findings[0].as_data()["title"] if findings else "",
    }


def _resource(seen: RecordedExchange) -> dict[str, Any]:
    return {
        "flow": seen.flow_id,
        "method": visible(seen.request.method),
        "url": shown(seen.request.url, 300),
        "status": seen.answer.status if seen.answer else None,
        "failed": "" if seen.given_up and seen.answer else visible(seen.failed),
    }
