"""The list of the page Flow: the exchanges, chosen and sorted."""

from __future__ import annotations

import math
import operator
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Mapping
from threading import Lock
from typing import Any

from urlrewrite.inspector.pages.error import PageError
from urlrewrite.inspector.pages.flow_causes import leaks_counted
from urlrewrite.inspector.recorded_exchange import RecordedExchange, Snapshot
from urlrewrite.inspector.traces.report import summary, tally_of
from urlrewrite.trace.reading import Reading, number, read, text
from urlrewrite.trace.text import clipped, shown, visible

MAX_FLOWS = 200
"""Exchanges that are listed at first."""

MAX_LIMIT = 10_000
MAX_URL = 2000
MAX_RULES = 50
"""Rules of one exchange by which it can be chosen."""

_FILTERED = ("method", "url", "status", "summary", "trace_id")
_MAX_KEPT = 5000

type _Json = dict[str, Any]
type _Key = Callable[[_Json], Any]

MARKS: Mapping[str, Callable[[_Json], bool]] = {
    "changed": lambda entry: entry["changed"],
    "problem": lambda entry: entry["problems"] > 0,
    "leak": lambda entry: entry["leaks"] > 0,
}
"""What an exchange can be chosen by with one click."""

SORTS: Mapping[str, _Key] = {
    "time": lambda entry: entry["time"],
    "request": lambda entry: (entry["url"], entry["method"]),
    "status": lambda entry: entry["status"] or 0,
    "site": lambda entry: entry["site"],
    "what": lambda entry: entry["summary"],
    "problems": lambda entry: (entry["problems"], entry["leaks"]),
}
"""The columns by which the list can be sorted."""


def listed(snapshot: Snapshot, query: Mapping[str, Any]) -> _Json:
    """Return `{"flows": [...], "total", "found", "more", "facets"}`: the newest first, unless `sort` names a column.

    A `-` before the column turns the order round. `filter` chooses by a text in what is listed, `site`, `status` (`4xx`
    or `none`) and `rule` by what they say, and `only` by words of `MARKS` with commas between them. At most `limit` are
    returned, while `found` counts all; `facets` count what the exchanges could be chosen by.

    Raises:
        PageError: the column, the word or the limit is unknown.
    """
    entries = [_kept_entry(exchange) for exchange in snapshot.exchanges]
    choices = _choices(query)
    found = [entry for entry in entries if all(holds(entry) for holds in choices)]
    limit = _limit(query)
    return {
        "flows": _sorted(found, str(query.get("sort") or ""))[:limit],
        "total": len(entries),
        "found": len(found),
        "more": len(found) > limit,
        "facets": _facets(entries),
    }


def head(exchange: RecordedExchange, reading: Reading) -> _Json:
    """Return what an exchange is recognized by."""
    return {
        "id": exchange.flow_id,
        "time": exchange.began if math.isfinite(exchange.began) else 0,
        "method": visible(exchange.request.method),
        "url": clipped(visible(exchange.request.url), MAX_URL),
        "status": exchange.response.status if exchange.response else number(reading.data, "status"),
        "summary": f"✖ {shown(exchange.failed, 80)}"
        if exchange.failed and not exchange.given_up
        else summary(exchange.trace),
        "leaks": leaks_counted(reading),
    }


def _entry(exchange: RecordedExchange) -> _Json:
    reading = read(exchange.trace)
    rules = dict.fromkeys(reading.names("inbound_rules") + reading.names("outbound_rules"))
    return {
        **head(exchange, reading),
        "site": visible(text(reading.data, "site")),
        "rules": [shown(name, 200) for name in rules][:MAX_RULES],
        "changed": bool(rules or tally_of(reading)),
        "problems": len(reading.problems()) + bool(exchange.failed and not exchange.given_up),
        "links": max(number(reading.data, "links") or 0, 0),
        "trace_id": visible(text(reading.data, "id")),
    }


def _kept_entry(exchange: RecordedExchange) -> _Json:
    """Return an entry that was made before, if nothing of it has changed since: thousands are wanted twice a second.

    A trace stays the same object when it is closed, and when leaks are counted later.
    """
    now = exchange.trace, exchange.request, exchange.response, exchange.failed
    counted = len(exchange.trace), exchange.trace.get("leaks"), exchange.trace.get("status")
    with _lock:
        kept = _kept.get(exchange.flow_id)
    is_same = kept and all(map(operator.is_, kept[0], now)) and kept[1] == counted
    if kept and is_same and exchange.seconds is not None:
        return kept[2]
    entry = _entry(exchange)
    with _lock:
        _kept[exchange.flow_id] = now, counted, entry
        _kept.move_to_end(exchange.flow_id)
        while len(_kept) > _MAX_KEPT:
            _kept.popitem(last=False)
    return entry


def _choices(query: Mapping[str, Any]) -> list[Callable[[_Json], bool]]:
    wanted = {name: str(query.get(name) or "") for name in ("filter", "site", "status", "rule", "only")}
    words = wanted["filter"].strip().lower()
    choices: list[Callable[[_Json], bool]] = []
    if words:
        choices.append(lambda entry: any(words in str(entry[key]).lower() for key in _FILTERED))
    if site := wanted["site"]:
        choices.append(lambda entry: entry["site"] == site)
    if status := wanted["status"]:
        choices.append(lambda entry: _class_of(entry["status"]) == status)
    if rule := wanted["rule"]:
        choices.append(lambda entry: rule in entry["rules"])
    for mark in filter(None, wanted["only"].split(",")):
        if mark not in MARKS:
            raise PageError(f"only: got {shown(mark, 40)}, expected words of {', '.join(MARKS)}")
        choices.append(MARKS[mark])
    return choices


def _class_of(status: int | None) -> str:
    return f"{status // 100}xx" if status else "none"


def _sorted(entries: list[_Json], wanted: str) -> list[_Json]:
    if not wanted:
        return entries
    column = wanted.removeprefix("-")
    if column not in SORTS:
        raise PageError(f"sort: got {shown(column, 40)}, expected one of {', '.join(SORTS)}")
    return sorted(entries, key=SORTS[column], reverse=wanted.startswith("-"))


def _limit(query: Mapping[str, Any]) -> int:
    try:
        limit = int(query.get("limit") or MAX_FLOWS)
    except (TypeError, ValueError):
        limit = 0
    if not 0 < limit <= MAX_LIMIT:
        raise PageError(f"limit: got {shown(str(query.get('limit')), 40)}, expected a number up to {MAX_LIMIT}")
    return limit


def _facets(entries: Iterable[_Json]) -> _Json:
    """Return by what the exchanges could be chosen: `[name, count]`, the most frequent first, and counts of marks."""
    sites, statuses, rules, marks = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    for entry in entries:
        sites[entry["site"]] += 1
        statuses[_class_of(entry["status"])] += 1
        rules.update(entry["rules"])
        marks.update(mark for mark, holds in MARKS.items() if holds(entry))
    return {
        "sites": [item for item in sites.most_common(MAX_RULES) if item[0]],
        "statuses": sorted(statuses.items()),
        "rules": rules.most_common(MAX_RULES),
        "marks": {mark: marks[mark] for mark in MARKS},
    }


_kept: OrderedDict[str, tuple[tuple[object, ...], object, _Json]] = OrderedDict()
_lock = Lock()
