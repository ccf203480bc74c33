"""The table of the benchmark: what a request costs here beside other proxies, and many sites beside one.

Each row is data: what takes turns, and what is to be reached. The turns are interleaved, and of the ratios of each pair
the median counts. The result is printed, and written as JSON (`as_json` has its shape).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import statistics
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.against import HERE, compare
from bench.proxies import Bench, Missing
from bench.sides import AtRest, Engine, Load, OfSites, Proxied, Side
from bench.sites import ROWS as MANY

HISTORY = Path(__file__).with_name("history.jsonl")
RESULT = HERE / ".cache" / "bench.json"


class Unit(StrEnum):
    """What the figure of a row is; the first and the third are to be at least what is to be reached."""

    QUICKER = "times as quick"
    TIMES = "times the time"
    RATE = "MB/s"
    MEMORY = "kB each"


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table. `turns` bounds the pairs of turns of what takes long."""

    id: str
    work: str
    against: str
    here: Side
    there: Side | None
    unit: Unit
    goal: float
    turns: int = 99

    def is_met(self, value: float) -> bool:
        return value >= self.goal if self.unit in (Unit.QUICKER, Unit.RATE) else value <= self.goal


def _peer(id: str, work: str, peer: str, load: Load, goal: float, turns: int = 99) -> Row:
    tls = ", TLS" if load.streams else ""
    return Row(id, work, peer, Proxied(f"ours{tls}", load), Proxied(peer, load), Unit.QUICKER, goal, turns)


_1K = Load(1_000, 100)
_100K = Load(100_000, 20)
_1M = Load(1_000_000, 4)
_OF_WORKERS = Load(1_000, 160, connections=16)
"""The system spreads connections, not requests: of few, one worker may get all."""

ROWS = (
    _peer("1k", "1 kB, HTTP/1.1", "stock", _1K, 1.5),
    _peer("10k", "10 kB, 9 links per kB", "stock", Load(10_000, 100), 1.2),
    _peer("1k-http2", "1 kB, HTTP/2 over TLS, 4 streams", "stock", Load(1_000, 100, streams=4), 2.0),
    _peer("100k-stock", "100 kB dense", "stock", _100K, 0.9),
    _peer("100k-apache", "100 kB dense", "apache", _100K, 1.9),
    _peer("1m", "1 MB dense", "nginx", _1M, 0.5),
    _peer("10m", "10 MB dense", "nginx", Load(10_000_000, 1), 0.5, 7),
    _peer("1m-documentation", "1 MB documentation pages", "nginx", Load(1_000_000, 4, "documentation"), 0.3),
    _peer("1m-gzip", "1 MB gzip", "nginx", Load(1_000_000, 4, coding="gzip"), 0.6),
    *(
        Row(f"engine-{kind}", f"engine alone, 1 MB {kind}", "", Engine(kind), None, Unit.RATE, 280)
        for kind in ("dense", "documentation")
    ),
    *(
        Row(
            f"{row.many.sites}-sites-{row.many.rules}-rules-{row.size // 1000}k",
            f"{row.many}, {row.size // 1000} kB",
            str(row.few),
            OfSites(row.many, row.size),
            OfSites(row.few, row.size),
            Unit.TIMES,
            row.most,
        )
        for row in MANY
    ),
    Row(
        "workers", "2 workers, 1 kB", "1 worker",
        Proxied("two workers", _OF_WORKERS), Proxied("one worker", _OF_WORKERS), Unit.TIMES, 1.05,
    ),
    Row("at-rest", "10,000 idle keep-alive connections", "", AtRest(10_000), None, Unit.MEMORY, 24, 1),
    Row(
        "mitmweb", "mitmweb with full trace, 1 kB", "headless",
        Proxied("ours in mitmweb", _1K), Proxied("ours", _1K), Unit.TIMES, 1.2,
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Result:
    """The figure of a row, and milliseconds of the processor a request; None where that could not be measured.

    `why_not` says then what is not installed.
    """

    row: Row
    value: float | None = None
    here_ms: float | None = None
    there_ms: float | None = None
    why_not: str = ""

    @property
    def is_met(self) -> bool | None:
        return None if self.value is None else self.row.is_met(self.value)


def measure(row: Row, bench: Bench, pairs: int) -> Result:
    """Have the sides of a row take turns."""
    pairs = min(pairs, row.turns)
    try:
        there = row.there.turn(bench) if row.there else None
        here = row.here.turn(bench)
    except Missing as missing:
        return Result(row, why_not=str(missing))
    if there is None:
        return Result(row, statistics.median(here(row.id) for _ in range(pairs)))
    found = compare(row.id, here, there, pairs)
    value = 1 / found.ratio if row.unit is Unit.QUICKER else found.ratio
    return Result(row, value, found.here * 1e3, found.there * 1e3)


def machine() -> dict[str, Any]:
    """The kind of machine, and what runs here that figures depend on."""
    cpus = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    model = re.search(r"^model name\s*: (.+)$", cpus, re.MULTILINE)
    return {
        "processor": model[1] if model else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "mitmproxy": version("mitmproxy"),
    }


def as_json(results: list[Result], pairs: int) -> dict[str, Any]:
    """The result as JSON.

    `date` (of UTC), `commit` (None without git; with "+" where files are changed), `machine`, `pairs`, and `rows`: each
    with `id`, `work`, `against`, `unit`, `value`, `goal`, `met`, `here_ms`, `there_ms` (None where there is none) and
    `not_measured` (why, or None).
    """
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "commit": _commit(),
        "machine": machine(),
        "pairs": pairs,
        "rows": [
            {
                "id": each.row.id,
                "work": each.row.work,
                "against": each.row.against,
                "unit": str(each.row.unit),
                "value": _rounded(each.value),
                "goal": each.row.goal,
                "met": each.is_met,
                "here_ms": _rounded(each.here_ms),
                "there_ms": _rounded(each.there_ms),
                "not_measured": each.why_not or None,
            }
            for each in results
        ],
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")


def _commit() -> str | None:
    command = ["git", "-C", str(HERE), "describe", "--always", "--abbrev=10", "--dirty=+"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or None


def release_line(release: str, told: dict[str, Any]) -> str:
    """A line of `history.jsonl`: the release, its date, commit and machine, and figures by the ids of their rows."""
    kept = {name: told[name] for name in ("date", "commit", "machine", "pairs")}
    return json.dumps({"release": release, **kept, "values": {row["id"]: row["value"] for row in told["rows"]}}) + "\n"


def _lines(results: Iterator[Result]) -> Iterator[Result]:
    """Print each result as it comes."""
    print(f"{'work':>36}  {'against':>18}  {'here':>10}  {'there':>10}  {'figure':>22}  to reach")
    for each in results:
        row = each.row
        least = ">=" if row.unit in (Unit.QUICKER, Unit.RATE) else "<="
        times = "".join(f"  {f'{ms:.3f} ms' if ms is not None else '':>10}" for ms in (each.here_ms, each.there_ms))
        figure = "not measured" if each.value is None else f"{each.value:.4g} {row.unit}"
        told = each.why_not or f"{least} {row.goal:g}{'' if each.is_met else '  missed'}"
        print(f"{row.work:>36}  {row.against:>18}{times}  {figure:>22}  {told}", flush=True)
        yield each


def print_table(options: argparse.Namespace) -> bool:
    """Prints what was measured, and writes it; whether every row that was measured has reached what it is to."""
    print(f"processor time of the proxy a request: median of {options.pairs} interleaved pairs of turns, one core each")
    with Bench(options.limit) as bench:
        rows = (row for row in ROWS if options.rows in f"{row.id} {row.work} {row.against}")
        results = list(_lines(measure(row, bench, options.pairs) for row in rows))
    told = as_json(results, options.pairs)
    file = Path(options.json)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    print(f"written to {file}")
    if options.release:
        with HISTORY.open("a", encoding="utf-8") as history:
            history.write(release_line(options.release, told))
        print(f"a line for {options.release} was added to {HISTORY}")
    return all(each.is_met is not False for each in results)
