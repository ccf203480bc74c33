"""The page "Why is the page broken": the latest page loads with what is wrong in them, or one of them in full.

Without `flow` it lists page loads, the broken ones first, with the breakages of the latest broken one. With `flow` it
has those of the page load to which that flow belongs.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from itertools import islice
from typing import Any

from urlrewrite.exchange.rules_in_force import RulesInForce
from urlrewrite.inspector.asking.request_changes import SAFE_METHODS
from urlrewrite.inspector.broken import find_breakages
from urlrewrite.inspector.diagnose.breakage import Breakage, BreakageSeverity
from urlrewrite.inspector.diagnose.page_loads import PageLoad, load_of, page_loads
from urlrewrite.inspector.experiments.conclusions import can_be_asked
from urlrewrite.inspector.pages.error import PageError
from urlrewrite.inspector.recorded_exchange import RecordedExchange, Snapshot
from urlrewrite.inspector.rule_list import groups
from urlrewrite.inspector.text import counted
from urlrewrite.trace.reading import text
from urlrewrite.trace.text import shown, visible
from urlrewrite.witness.statements import Statement

MAX_LOADS = 40
"""Page loads that are examined for the list."""

SECONDS = 3.0
"""How long page loads are examined; the newest come first."""

_MAX_RESOURCES = 200
_EARLIER = 200
_LATER = 50


def data(snapshot: Snapshot, query: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the page shows.

    `{"cause", "headline", "problems", "loads": [load], "load": load | None, "findings": [breakage],
    "resources": [resource]}`, where `cause` is the worst breakage, `headline` says how many there are, and `problems`
    are those of the rule files. `at` of a breakage
    says where the page Rules shows its rule, None where that is unknown; `ask` says that its backend can be asked again
    with one thing changed (`{flow, method, safe, done}`), which a POST with the flow does; `more` are older page loads
    that were not examined. `probe` says whether pages are watched, and how much the browser said of this one
    or why it was left as it is (`{on, said, why_not}`); a POST with `probe` as true or false switches it.

    Raises:
        PageError: there is no such flow.
    """
    loads = page_loads(snapshot.exchanges)
    flow_id = str(query.get("flow") or "")
    if flow_id:
        load = load_of(loads, flow_id)
        if load is None:
            if snapshot.find(flow_id) is None:
                raise PageError(f"got the flow {shown(flow_id, 80)}, expected one of those that are kept")
            exchange = snapshot.find(flow_id)
            assert exchange is not None
            load = PageLoad(exchange)
        found = _breakages(snapshot, load, time.monotonic() + SECONDS)
        return {**_page(snapshot, load, found, [_summary(load, found)]), "more": 0}
    until = time.monotonic() + SECONDS
    examined: list[tuple[PageLoad, list[Breakage]]] = []
    for load in loads[:MAX_LOADS]:
        if time.monotonic() > until:
            break
        examined.append((load, _breakages(snapshot, load, until, in_list=True)))
    ranked = sorted(examined, key=lambda pair: _rank(pair[1]))
    first = next(iter(ranked), None)
    # Experiments take their time, and are for what is shown.
    found = _breakages(snapshot, first[0], time.monotonic() + SECONDS) if first else []
    summaries = [_summary(pair[0], found if pair is first else pair[1]) for pair in ranked]
    data = _page(snapshot, first[0] if first else None, found, summaries)
    return {**data, "more": len(loads) - len(examined)}


def _breakages(snapshot: Snapshot, load: PageLoad, until: float, *, in_list: bool = False) -> list[Breakage]:
    client, began, ended = load.first.request.client[0], load.first.began, load.document.began
    own = [each for each in snapshot.exchanges if each.request.client[0] == client]
    earlier = islice((each for each in own if each.began < began), _EARLIER)
    later = islice((each for each in reversed(own) if each.began > ended), _LATER)
    return find_breakages(
        load,
        snapshot.rules,
        tuple(earlier),
        seen=None if in_list else snapshot.exchanges,
        asked=snapshot.asked,
        until=until,
        later=tuple(later),
        said=_said(snapshot, load),
    )


def _said(snapshot: Snapshot, load: PageLoad) -> tuple[Statement, ...]:
    """Return what the browser said of the document of a page load."""
    return snapshot.said.get(text(load.document.trace, "id"), ())


def _probe(snapshot: Snapshot, load: PageLoad | None) -> dict[str, Any]:
    why_not = snapshot.unwatched.get(text(load.document.trace, "id"), "") if load else ""
    return {"on": snapshot.is_probing, "said": len(_said(snapshot, load)) if load else 0, "why_not": why_not}


def _rank(breakages: list[Breakage]) -> int:
    """Return how badly a page load is broken, 0 for an error."""
    severities = list(BreakageSeverity)
    return min((severities.index(each.severity) for each in breakages), default=len(severities))


def _page(
    snapshot: Snapshot, load: PageLoad | None, breakages: list[Breakage], loads: list[dict[str, Any]]
) -> dict[str, Any]:
    places = _places(snapshot.rules)
    listed = [
        {**each.as_data(), "at": places.get((each.rule, each.source)), "ask": _ask(snapshot, load, each)}
        for each in breakages
    ]
    if load is None:
        cause = "No page has been loaded yet. Open one through the proxy, then come back."
    elif listed:
        cause = listed[0]["title"]
    else:
        cause = f"Nothing was found to be broken in {shown(load.url, 200)}."
    return {
        "cause": cause,
        "headline": _headline(load, breakages) or cause,
        "problems": _reload_problems(snapshot),
        "load": _summary(load, breakages) if load else None,
        "findings": listed,
        "resources": [_resource(exchange) for exchange in load.all[:_MAX_RESOURCES]] if load else [],
        "loads": loads,
        "probe": _probe(snapshot, load),
    }


def _headline(load: PageLoad | None, breakages: list[Breakage]) -> str:
    """Return how much is wrong with a page: what, its findings say. "" where nothing is."""
    severities = [each.severity for each in breakages]
    counts = [counted(severities.count(each), each) for each in BreakageSeverity if each in severities]
    if load is None or not counts:
        return ""
    of = shown(load.url, 200)
    if BreakageSeverity.ERROR in severities:
        worst = " The worst stands first." if len(severities) > 1 else ""
        return f"Broken: {' and '.join(counts)} on {of}.{worst}"
    return f"Not broken, as far as is known: {' and '.join(counts)} on {of}."


def _ask(snapshot: Snapshot, load: PageLoad | None, breakage: Breakage) -> dict[str, Any] | None:
    """Return how a backend can be asked again, with one thing changed; None where that is not possible."""
    flow = breakage.flows[0] if breakage.flows else ""
    exchange = next((each for each in load.all if each.flow_id == flow), None) if load else None
    if exchange is None or snapshot.rules is None or not can_be_asked(breakage, exchange):
        return None
    method = exchange.request.method
    return {"flow": flow, "method": visible(method), "safe": method in SAFE_METHODS, "done": flow in snapshot.asked}


def _places(rules: RulesInForce | None) -> dict[tuple[str, str], dict[str, str]]:
    """Return where the page Rules shows a rule, by its name and source."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for group in groups(rules) if rules else ():
        at = {"side": group.side, "site": group.site, "location": group.location}
        for rule in group.rules:
            found.setdefault((rule.name, str(rule.source)), {**at, "rule": rule.name})
    return found


def _reload_problems(snapshot: Snapshot) -> list[str]:
    """Return what keeps the rule files from coming into force, where the last reload was refused."""
    reloads = snapshot.statistics.figures().reloads
    if not reloads or reloads[-1].ok:
        return []
    last = reloads[-1]
    head = "The rule files were changed, and are not in force: the last good rules are. What is wrong with them:"
    return [head, *(shown(problem, 400) for problem in last.problems)]


def _summary(load: PageLoad, breakages: list[Breakage]) -> dict[str, Any]:
    return {
        "flow": load.document.flow_id,
        "url": shown(load.url, 300),
        "status": load.document.response.status if load.document.response else None,
        "began": load.first.began if math.isfinite(load.first.began) else 0.0,
        "redirects": len(load.redirects),
        "resources": len(load.resources),
        "errors": sum(each.severity is BreakageSeverity.ERROR for each in breakages),
        "findings": len(breakages),
        "worst": breakages[0].as_data()["title"] if breakages else "",
    }


def _resource(exchange: RecordedExchange) -> dict[str, Any]:
    return {
        "flow": exchange.flow_id,
        "method": visible(exchange.request.method),
        "url": shown(exchange.request.url, 300),
        "status": exchange.response.status if exchange.response else None,
        "failed": "" if exchange.given_up and exchange.response else visible(exchange.failed),
    }
