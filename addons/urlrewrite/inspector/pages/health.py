"""The page Health: the proxy as a whole, now and over the last hour."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from urlrewrite.inspector.figures.figures import BUCKET_SECONDS, BUCKETS, DURATIONS, Bucket, Figures, Reload
from urlrewrite.inspector.recorded_exchange import Snapshot
from urlrewrite.inspector.text import counted

BARS = 60
"""Bars of a plot: one a minute."""

type _Json = dict[str, Any]


def data(snapshot: Snapshot, query: Mapping[str, Any]) -> _Json:
    """Return all figures; `query` is ignored."""
    figures = snapshot.statistics.figures()
    return {
        "causes": _causes(figures, in_force=snapshot.rules is not None),
        "started": figures.started,
        "fingerprint": snapshot.rules.fingerprint if snapshot.rules else "",
        "files": list(snapshot.files),
        "requests": figures.requests,
        "kept": len(snapshot.exchanges),
        "errors": figures.errors,
        "broken_off": figures.broken_off,
        "warnings": figures.warnings,
        "looked": figures.looked,
        "leaks": figures.leaks,
        "leaking": figures.leaking,
        "links": figures.links,
        "held": figures.held,
        "released": figures.released,
        "ways": dict(figures.ways),
        "actions": dict(figures.actions),
        "average": figures.seconds / figures.requests if figures.requests else None,
        "slowest": figures.slowest,
        "durations": _durations(figures),
        "sites": _sites(figures),
        "loads": {"ok": figures.reloads_ok, "failed": figures.reloads_failed},
        "reloads": [_reload(reload) for reload in reversed(figures.reloads)],
        "series": _series(figures.buckets, time.time()),
    }


def _causes(figures: Figures, *, in_force: bool) -> list[_Json]:
    """Return what is wrong, the worst first."""
    causes = []
    last = figures.reloads[-1] if figures.reloads else None
    if last and not last.ok:
        stay = "the last good rules stay in force" if in_force else "no rules are in force"
        first = f": {last.problems[0]}" if last.problems else ""
        causes.append(("err", f"The rule files were not loaded, {stay}{first}", "rules"))
    elif not in_force:
        causes.append(("err", "No rules are in force.", "rules"))
    if figures.errors:
        share = 100 * figures.errors / figures.requests
        text = f"{counted(figures.errors, 'exchange')} of {figures.requests:,} failed ({share:.1f} %)"
        causes.append(("err" if share >= 1 else "warn", text, "flow"))
    if figures.leaks:
        responses = counted(figures.leaking, "response")
        causes.append(("warn", f"{counted(figures.leaks, 'leak')} of a backend's name in {responses}", "leaks"))
    if figures.warnings:
        causes.append(("warn", f"{counted(figures.warnings, 'warning')} about what did not go as a rule asks", "flow"))
    return [{"kind": kind, "text": text, "page": page} for kind, text, page in causes]


def _durations(figures: Figures) -> list[_Json]:
    names = [*(f"≤ {_milliseconds(bound)}" for bound in DURATIONS), f"> {_milliseconds(DURATIONS[-1])}"]
    return [{"label": name, "number": number} for name, number in zip(names, figures.durations, strict=True)]


def _milliseconds(seconds: float) -> str:
    return f"{seconds:g} s" if seconds >= 1 else f"{seconds * 1000:g} ms"


def _sites(figures: Figures) -> list[_Json]:
    ranked = sorted(figures.sites.items(), key=lambda item: -item[1].requests)
    return [
        {
            "name": name,
            "requests": tally.requests,
            "errors": tally.errors,
            "statuses": {
                str(status) if status else "none": tally.statuses[status] for status in sorted(tally.statuses)
            },
        }
        for name, tally in ranked
    ]


def _reload(reload: Reload) -> _Json:
    return {
        "at": reload.at,
        "ok": reload.ok,
        "seconds": reload.seconds,
        "fingerprint": reload.fingerprint,
        "problems": list(reload.problems),
        "more": reload.more,
    }


def _series(buckets: Iterable[Bucket], now: float) -> _Json:
    """Return the last hour by the minute; minutes without any exchange are zeros.

    `began` is when the first minute began, in seconds since the epoch.
    """
    per_bar = BUCKETS // BARS
    width = per_bar * BUCKET_SECONDS
    last = int(now // width)
    series: dict[str, list[float]] = {
        name: [0] * BARS for name in ("requests", "errors", "leaks", "passed", "whole", "streamed", "held", "slowest")
    }
    seconds, requests = [0.0] * BARS, series["requests"]
    for bucket in buckets:
        at = int(bucket.began // width) - last + BARS - 1
        if 0 <= at < BARS:
            for name, values in series.items():
                if name == "slowest":
                    values[at] = max(values[at], bucket.slowest)
                else:
                    values[at] += getattr(bucket, name)
            seconds[at] += bucket.seconds
    average = [total / number if number else 0.0 for total, number in zip(seconds, requests, strict=True)]
    return {"began": (last - BARS + 1) * width, "width": width, "average": average, **series}
