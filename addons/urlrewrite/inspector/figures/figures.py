"""What was counted over many exchanges, as plain values."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from urlrewrite.trace.text import clipped

OTHER = "(other)"
"""Stands for names beyond what is kept apart."""

BUCKET_SECONDS = 10
BUCKETS = 360

DURATIONS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds, in seconds, of the classes of the histogram of durations."""

ACTIONS = ("None", "Rewrite", "Redirect", "CustomResponse", "AbortRequest")
WAYS = ("pass", "whole", "stream")

_RELOADS = 50
_NAME = 200


def name_kept(name: str) -> str:
    """Return a name as it is stored in the counters."""
    return clipped(name, _NAME)


class RuleKey(NamedTuple):
    """A rule: `side` is "inbound" or "outbound". Global rules are counted under the site of the request."""

    side: str
    site: str
    name: str


class LevelKey(NamedTuple):
    """A list of inbound rules: `scope` is "Global" or "Distributed", `location` the directory of a location."""

    site: str
    scope: str
    location: str


@dataclass(slots=True)
class RuleTally:
    """What one rule did, counted by exchanges, but for `changes`: what it set, replaced or decided.

    An inbound rule hits where its pattern and its conditions hold, an outbound rule where it changed something; one
    that matched and changed nothing is `unchanged`. `misses` were evaluated and did not match; `skipped` counts where
    something else kept the rule from being tried: a precondition, its directory, a response with nothing to examine.
    Misses, `unchanged`, `skipped` and `changes` are known only of full traces. `last_hit` is in seconds since the
    epoch, and `last_trace` the id of its trace. `seconds` is the time that it took in `timed` exchanges.
    """

    hits: int = 0
    misses: int = 0
    unchanged: int = 0
    skipped: int = 0
    changes: int = 0
    last_hit: float | None = None
    last_trace: str = ""
    seconds: float = 0.0
    timed: int = 0


@dataclass(slots=True)
class SiteTally:
    """The exchanges of one site; `statuses` by status code, 0 where no response came."""

    requests: int = 0
    errors: int = 0
    statuses: Counter[int] = field(default_factory=Counter)


@dataclass(slots=True)
class Bucket:
    """`BUCKET_SECONDS` of the last hour. `began` is in seconds since the epoch, `seconds` the sum of all durations."""

    began: float
    requests: int = 0
    errors: int = 0
    leaks: int = 0
    passed: int = 0
    whole: int = 0
    streamed: int = 0
    held: int = 0
    seconds: float = 0.0
    slowest: float = 0.0


@dataclass(frozen=True, slots=True)
class Reload:
    """One load of the rule files; `problems` are its problems, `more` the number of those that were not kept."""

    at: float
    ok: bool
    seconds: float
    problems: tuple[str, ...] = ()
    more: int = 0
    fingerprint: str = ""


@dataclass(slots=True)
class Figures:
    """All that was counted.

    `rules` are the tallies of the rules in force, since `rules_since`; `hits` are all since the start. There were
    `requests_now` exchanges under the rules in force, by site `sites_now`, and `full_now` with a trace that has
    every rule, as `full` of all. `ruled_out` holds for each list of rules and each rule how many runs of rules that an
    index left out began and ended with it. `looked` are the exchanges whose traces tell whether anything leaked,
    `leaking` those in which something did. `warnings`, `held` (bytes) and `links` are sums. `durations` has one class
    more than `DURATIONS`, for the longest.
    """

    started: float
    rules_since: float
    fingerprint: str = ""
    requests: int = 0
    requests_now: int = 0
    full: int = 0
    full_now: int = 0
    sites_now: Counter[str] = field(default_factory=Counter)
    errors: int = 0
    broken_off: int = 0
    warnings: int = 0
    looked: int = 0
    leaks: int = 0
    leaking: int = 0
    links: int = 0
    held: int = 0
    released: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    reloads_ok: int = 0
    reloads_failed: int = 0
    sites: dict[str, SiteTally] = field(default_factory=dict)
    actions: Counter[str] = field(default_factory=Counter)
    ways: Counter[str] = field(default_factory=Counter)
    rules: dict[RuleKey, RuleTally] = field(default_factory=dict)
    hits: Counter[RuleKey] = field(default_factory=Counter)
    ruled_out: dict[LevelKey, dict[str, tuple[int, int]]] = field(default_factory=dict)
    durations: list[int] = field(default_factory=lambda: [0] * (len(DURATIONS) + 1))
    reloads: deque[Reload] = field(default_factory=lambda: deque(maxlen=_RELOADS))
    buckets: deque[Bucket] = field(default_factory=lambda: deque(maxlen=BUCKETS))


def ruled_out(names: Iterable[str], runs: Mapping[str, tuple[int, int]]) -> Iterator[int]:
    """Yield for each rule of a list, in order, how often an index ruled it out; `runs` are those of the list."""
    inside = 0
    for name in names:
        began, ended = runs.get(name_kept(name), (0, 0))
        inside += began
        yield inside
        inside -= ended
