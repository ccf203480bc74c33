"""The page Leaks: names of the backend left in responses, the most harmful first, with what would remove each.

Its data is `{"flows": int, "more": int, "leaks": [...], "over": [...], "problem": str}`. A leak has `place spelling
written around why harm count offset line column authority kind flows flow_count proposal`; `flows` are the first few
`{"id", "url", "status"}`, `flow_count` is the number of all. `proposal` is `{"title", "why", "yaml", "xml", "site"}`.
`over` is what was changed and should not have been: `what place before after why harm rules offset count flows
flow_count`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from urlrewrite.exchange.rules_in_force import RulesInForce
from urlrewrite.inspector.leaks.over_matches import OverMatch, by_url, find_over_matches
from urlrewrite.inspector.leaks.proposals import proposal
from urlrewrite.inspector.leaks.search import Leak, find_leaks
from urlrewrite.inspector.pages.error import PageError
from urlrewrite.inspector.recorded_exchange import RecordedExchange, Snapshot
from urlrewrite.trace.text import visible

MAX_SHOWN = 200
MAX_FLOWS = 8

SECONDS = 3.0
"""Seconds for examining exchanges; the newest come first, and the number of those left out is shown."""


@dataclass(slots=True)
class _Group[Item]:
    """A finding that several exchanges have: the first of them, and all."""

    item: Item
    first: RecordedExchange
    count: int = 0
    flows: list[RecordedExchange] = field(default_factory=list)


def data(snapshot: Snapshot, query: Mapping[str, Any]) -> dict[str, Any]:
    """Return the leaks of all exchanges, or of the one whose flow is given (`flow`).

    Raises:
        PageError: there is no such flow.
    """
    rules = snapshot.rules
    if rules is None:
        return {"flows": 0, "more": 0, "leaks": [], "over": [], "problem": "No rules are in force."}
    flow = str(query.get("flow") or "")
    exchanges = snapshot.exchanges
    if flow:
        one = snapshot.find(flow)
        if one is None:
            raise PageError(f"got the flow {visible(flow)}, expected one that is still kept")
        exchanges = (one,)
    leaks: dict[tuple[object, ...], _Group[Leak]] = {}
    over: dict[tuple[object, ...], _Group[OverMatch]] = {}
    assets = by_url(snapshot.exchanges)
    until = time.monotonic() + SECONDS
    looked = 0
    for exchange in exchanges:
        if time.monotonic() > until:
            break
        looked += 1
        for leak in find_leaks(exchange, rules):
            key = (leak.harm, leak.place, leak.spelling, leak.written.lower(), *leak.cause.key)
            _add(leaks, key, leak, exchange, leak.count)
        for match in find_over_matches(exchange, rules, assets):
            _add(over, (match.what, match.place, match.why), match, exchange, match.count)
    groups = sorted(leaks.values(), key=lambda group: (group.item.harm.rank, -group.count))
    return {
        "flows": looked,
        "more": len(exchanges) - looked,
        "leaks": [_leak(group, rules) for group in groups[:MAX_SHOWN]],
        "over": [_over(group) for group in list(over.values())[:MAX_SHOWN]],
        "problem": "",
    }


def _add[Item](
    groups: dict[tuple[object, ...], _Group[Item]],
    key: tuple[object, ...],
    item: Item,
    exchange: RecordedExchange,
    count: int,
) -> None:
    group = groups.setdefault(key, _Group(item, exchange))
    group.count += count
    group.flows.append(exchange)


def _flows(flows: list[RecordedExchange]) -> dict[str, Any]:
    listed_flows = [
        {
            "id": exchange.flow_id,
            "url": visible(exchange.request.url),
            "status": exchange.response.status if exchange.response else None,
        }
        for exchange in flows[:MAX_FLOWS]
    ]
    return {"flows": listed_flows, "flow_count": len(flows)}


def _leak(group: _Group[Leak], rules: RulesInForce) -> dict[str, Any]:
    leak = group.item
    proposed = proposal(leak, group.first, rules)
    return {
        "place": visible(leak.place),
        "spelling": leak.spelling,
        "written": visible(leak.written),
        "around": visible(leak.around),
        "authority": visible(leak.authority),
        "why": visible(leak.why),
        "harm": str(leak.harm),
        "count": group.count,
        "offset": leak.offset,
        "line": leak.line,
        "column": leak.column,
        "kind": leak.kind,
        "proposal": {
            "title": visible(proposed.title),
            "why": visible(proposed.why),
            "yaml": proposed.yaml,
            "xml": proposed.xml,
            "site": proposed.site,
        },
        **_flows(group.flows),
    }


def _over(group: _Group[OverMatch]) -> dict[str, Any]:
    match = group.item
    return {
        **{name: visible(getattr(match, name)) for name in ("what", "place", "before", "after", "why")},
        "harm": str(match.harm),
        "rules": [visible(rule) for rule in match.rules],
        "offset": match.offset,
        "count": group.count,
        **_flows(group.flows),
    }
