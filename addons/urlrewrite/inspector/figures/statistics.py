"""Counters over all exchanges since the start: what the pages Rules and Health show, and what Prometheus scrapes.

Memory is bounded whatever traces say: names past a limit are counted under `OTHER`. Exchanges are added on the proxy's
loop, figures are read in other threads; a lock stands between them.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from urlrewrite.inspector.figures.figures import (
    ACTIONS,
    BUCKET_SECONDS,
    BUCKETS,
    DURATIONS,
    OTHER,
    WAYS,
    Bucket,
    Figures,
    LevelKey,
    Reload,
    RuleKey,
    RuleTally,
    SiteTally,
    name_kept,
)
from urlrewrite.trace.events import Name
from urlrewrite.trace.reading import Event, flag, name_of, number, text, texts
from urlrewrite.trace.text import clipped

MAX_RULES = 20_000
MAX_SITES = 200

NOTHING_SPENT: Mapping[tuple[str, str], float] = MappingProxyType({})

_PROBLEMS = 20
_PROBLEM = 1000
_EVALUATED = frozenset({Name.RULE_EVALUATION_END, Name.RULES_RULED_OUT, Name.OUTBOUND_RULE_END, Name.URL_REWRITE_START})
_HELD = frozenset({Name.BODY_DECODED, Name.BODY_RELEASED})
_ACTED = frozenset(
    {
        Name.REWRITE_ACTION,
        Name.REDIRECT_ACTION,
        Name.CUSTOM_RESPONSE_ACTION,
        Name.ABORT_REQUEST_ACTION,
        Name.SERVER_VARIABLE_SET,
    }
)


class Statistics:
    """Counters of exchanges and reloads; `figures` copies them. `clock` gives seconds since the epoch."""

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        started = clock()
        self._clock = clock
        self._lock = threading.Lock()
        self._figures = Figures(started, started)
        self.revision = 0
        """Another number as soon as something else is counted."""

    def add(
        self,
        trace: Mapping[str, Any],
        *,
        began: float,
        seconds: float,
        site: str,
        spent: Mapping[tuple[str, str], float] = NOTHING_SPENT,
    ) -> None:
        """Count one exchange that has ended, `seconds` after it `began` (in seconds since the epoch).

        `spent` are the seconds that rules took, by side and name, where that was measured. Whatever the trace holds,
        this raises nothing.
        """
        data: Mapping[str, Any] = trace if isinstance(trace, (dict, Mapping)) else {}
        raw = data.get("events")
        events = [event for event in raw if isinstance(event, (dict, Mapping))] if isinstance(raw, list | tuple) else []
        with self._lock:
            self.revision += 1
            _Exchange(self._figures, data, events, began, max(seconds, 0.0), site, spent).count()

    def more_leaks(self, count: int, *, first: bool) -> None:
        """Count leaks in messages of an exchange that was added before; `first` says that it had none then."""
        with self._lock:
            self.revision += 1
            self._figures.leaks += count
            self._figures.leaking += first and count > 0

    def reload(self, ok: bool, seconds: float, problems: Iterable[str] = (), *, fingerprint: str = "") -> None:
        """Count one load of the rule files, which took `seconds`; `fingerprint` is that of the rules now in force."""
        messages = tuple(problems)
        kept = tuple(clipped(problem, _PROBLEM) for problem in messages[:_PROBLEMS])
        now = self._clock()
        with self._lock:
            self.revision += 1
            figures = self._figures
            figures.reloads.append(Reload(now, ok, seconds, kept, len(messages) - len(kept), fingerprint))
            if not ok:
                figures.reloads_failed += 1
                return
            figures.reloads_ok += 1
            if fingerprint != figures.fingerprint:
                # What other rules of the same name did says nothing of these.
                figures.fingerprint, figures.rules_since = fingerprint, now
                figures.requests_now = figures.full_now = 0
                figures.sites_now, figures.rules, figures.ruled_out = Counter(), {}, {}

    def figures(self) -> Figures:
        """Return a copy of everything counted so far."""
        with self._lock:
            figures = self._figures
            return replace(
                figures,
                sites={name: replace(tally, statuses=tally.statuses.copy()) for name, tally in figures.sites.items()},
                sites_now=figures.sites_now.copy(),
                actions=figures.actions.copy(),
                ways=figures.ways.copy(),
                rules={key: replace(tally) for key, tally in figures.rules.items()},
                hits=figures.hits.copy(),
                ruled_out={key: dict(runs) for key, runs in figures.ruled_out.items()},
                durations=list(figures.durations),
                reloads=figures.reloads.copy(),
                buckets=deque((replace(bucket) for bucket in figures.buckets), maxlen=BUCKETS),
            )


@dataclass(slots=True)
class _Exchange:
    """One exchange to be counted."""

    figures: Figures
    data: Mapping[str, Any]
    events: list[Mapping[str, Any]]
    began: float
    seconds: float
    site: str
    spent: Mapping[tuple[str, str], float]

    def count(self) -> None:
        """Count it."""
        figures, data = self.figures, self.data
        self.site = self._site_kept()
        names = [name_of(event) for event in self.events]
        full = not _EVALUATED.isdisjoint(names)
        failed = Name.ERROR in names
        leaks = _count(data.get("leaks"))
        way = text(data, "way")
        held = 0 if _HELD.isdisjoint(names) else self._held(way)
        figures.requests += 1
        figures.full += full
        figures.errors += failed
        figures.broken_off += "broken_off" in data
        figures.warnings += names.count(Name.WARNING)
        figures.looked += "leaks" in data
        figures.leaks += leaks
        figures.leaking += leaks > 0
        figures.links += max(number(data, "links") or 0, 0)
        figures.held += held
        figures.seconds += self.seconds
        figures.slowest = max(figures.slowest, self.seconds)
        figures.durations[bisect_left(DURATIONS, self.seconds)] += 1
        action = text(data, "action")
        figures.actions[action if action in ACTIONS else OTHER] += 1
        if way:
            figures.ways[way if way in WAYS else OTHER] += 1
        self._count_site(failed)
        self._count_bucket(failed, leaks, way, held)
        self._count_rules(full)

    def _site_kept(self) -> str:
        name = name_kept(self.site)
        return name if name in self.figures.sites or len(self.figures.sites) < MAX_SITES else OTHER

    def _held(self, way: str) -> int:
        """Return the bytes of the body that were held back until it was complete, or until it was released."""
        held = 0
        for event in self.events:
            match name_of(event):
                case Name.BODY_DECODED if way == "whole":
                    held += max(number(event, "bytes") or 0, 0)
                case Name.BODY_RELEASED:
                    self.figures.released += 1
                    held += max(number(event, "held") or 0, 0)
        return held

    def _count_site(self, failed: bool) -> None:
        tally = self.figures.sites.setdefault(self.site, SiteTally())
        status = number(self.data, "status") or 0
        tally.requests += 1
        tally.errors += failed
        tally.statuses[status if 100 <= status <= 599 else 0] += 1

    def _count_bucket(self, failed: bool, leaks: int, way: str, held: int) -> None:
        ended = self.began + self.seconds
        buckets = self.figures.buckets
        start = ended - ended % BUCKET_SECONDS
        # Exchanges come in the order in which they end, but for those of a clock that was set back.
        if not buckets or start > buckets[-1].began:
            buckets.append(Bucket(start))
        bucket = buckets[-1]
        bucket.requests += 1
        bucket.errors += failed
        bucket.leaks += leaks
        bucket.passed += way == "pass"
        bucket.whole += way == "whole"
        bucket.streamed += way == "stream"
        bucket.held += held
        bucket.seconds += self.seconds
        bucket.slowest = max(bucket.slowest, self.seconds)

    def _count_rules(self, full: bool) -> None:
        figures, data = self.figures, self.data
        acted = [
            *(self._key("inbound", name) for name in dict.fromkeys(texts(data, "inbound_rules"))),
            *(self._key("outbound", name) for name in dict.fromkeys(texts(data, "outbound_rules"))),
        ]
        for key in acted:
            figures.hits[key if key in figures.hits or len(figures.hits) < MAX_RULES else _other(key)] += 1
        fingerprint = text(data, "rules")
        if figures.fingerprint and fingerprint != figures.fingerprint:
            return
        figures.requests_now += 1
        figures.sites_now[self.site] += 1
        for key in acted:
            tally = self._tally(key)
            tally.hits += 1
            tally.last_hit = self.began
            tally.last_trace = name_kept(text(data, "id"))
        for (side, name), seconds in self.spent.items():
            tally = self._tally(self._key(side, name))
            tally.seconds += seconds
            tally.timed += 1
        if full:
            figures.full_now += 1
            self._count_evaluations()

    def _count_evaluations(self) -> None:
        """Count what only a full trace has: rules that were tried and did not match, and what the others did."""
        level = LevelKey(self.site, "", "")
        outbound = False
        began = ""
        for event in self.events:
            name = name_of(event)
            match name:
                case Name.URL_REWRITE_START:
                    outbound = text(event, "type") == "Outbound"
                    level = LevelKey(self.site, name_kept(text(event, "scope")), name_kept(text(event, "location")))
                case Name.RULE_EVALUATION_START:
                    began = text(event, "rule")
                case Name.RULE_EVALUATION_END:
                    began = ""
                    if not flag(event, "succeeded"):
                        self._tally(self._key("inbound", text(event, "rule"))).misses += 1
                case Name.RULES_RULED_OUT:
                    self._count_ruled_out(level, event)
                case Name.RULE_OUTSIDE_LOCATION:
                    self._tally(self._key("inbound", text(event, "rule"))).skipped += 1
                case Name.OUTBOUND_RULE_SKIPPED:
                    self._tally(self._key("outbound", text(event, "rule"))).skipped += 1
                case Name.OUTBOUND_RULE_END:
                    self._count_outbound(event)
                case _ if began and not outbound and name in _ACTED:
                    self._tally(self._key("inbound", began)).changes += 1

    def _count_ruled_out(self, level: LevelKey, event: Event) -> None:
        figures = self.figures
        if level not in figures.ruled_out and len(figures.ruled_out) >= MAX_SITES:
            return
        runs = figures.ruled_out.setdefault(level, {})
        for at, key in enumerate(("first", "last")):
            name = name_kept(text(event, key))
            if name in runs or len(runs) < MAX_RULES:
                began, ended = runs.get(name, (0, 0))
                runs[name] = (began + (at == 0), ended + (at == 1))

    def _count_outbound(self, event: Event) -> None:
        tally = self._tally(self._key("outbound", text(event, "rule")))
        examined, matched, changed = (max(number(event, key) or 0, 0) for key in ("examined", "matched", "changed"))
        tally.changes += changed
        if not examined and not matched:
            tally.skipped += 1
        elif not matched:
            tally.misses += 1
        elif not changed:
            tally.unchanged += 1

    def _key(self, side: str, name: str) -> RuleKey:
        return RuleKey(side, self.site, name_kept(name))

    def _tally(self, key: RuleKey) -> RuleTally:
        rules = self.figures.rules
        if key not in rules and len(rules) >= MAX_RULES:
            key = _other(key)
        return rules.setdefault(key, RuleTally())


def _other(key: RuleKey) -> RuleKey:
    return key._replace(site=OTHER, name=OTHER)


def _count(leaks: object) -> int:
    """Return the number of leaks in a trace, which has their number or an entry for each."""
    if isinstance(leaks, list | tuple):
        return len(leaks)
    return max(number({"leaks": leaks}, "leaks") or 0, 0)
