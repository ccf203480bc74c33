"""What tracing costs a headless proxy: the same rules at each level, by requests per second and processor time.

Three proxies run on one core, and take turns under load; a client and an nginx that serves the pages have the other.
Each turn is compared with the turn of `off` beside it, and the median of these ratios counts. Requests per second say
it as a user sees it; the processor's time that a request takes says the same of a proxy that has a core for itself, and
is not disturbed by what else the machine does. So it is what the limit is for.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.pages import BACKEND, dense
from bench.peers import PUBLIC, nginx, serves
from bench.programs import fetch, measure, pinned, processor
from e2e.support.service import RUN_SH, Service, free_ports, running

MAX_COUNT = 1.05
"""At most so much more time of the processor may a request take with the default than with no trace."""

OFF, DEFAULT, FULL = LEVELS = ("off", "decisions", "full")
SIZES = {"1 kB": 1_000, "10 kB": 10_000}

_RULES = f"""
public: {PUBLIC}
backend: {BACKEND}
connect: 127.0.0.1:PORT
rules:
  - {{name: to https, match: .*, conditions: [{{input: '{{HTTPS}}', pattern: ^never$}}], action: None}}
  - {{name: articles, match: '^article/(\\d+)$', action: {{type: Rewrite, url: 'show?id={{R:1}}'}}}}
  - {{name: old, match: '^old/(.*)', action: {{type: Redirect, url: 'new/{{R:1}}'}}}}
  - {{name: pages, match: '^([^/]+)\\.html$', action: {{type: Rewrite, url: '{{R:0}}'}}}}
outboundRules:
  - {{name: server, match: {{serverVariable: RESPONSE_Server, pattern: .+}}, action: {{type: Rewrite, value: w}}}}
  - {{name: images, match: {{filterByTags: Img, pattern: '^(.*)/i/(.*)'}},
     action: {{type: Rewrite, value: '{{R:1}}/j/{{R:2}}'}}}}
"""


@dataclass(frozen=True, slots=True)
class Traced:
    """A proxy with one level of tracing."""

    level: str
    port: int
    service: Service

    def turn(self, name: str, options: argparse.Namespace) -> tuple[float, float]:
        """Requests per second, and milliseconds of the processor that a request took."""
        before = processor(self.service.process.pid)
        rate = measure(self.port, name, coding="", seconds=options.seconds, connections=options.connections)
        return rate, (processor(self.service.process.pid) - before) / (rate * options.seconds) * 1000


@contextlib.contextmanager
def _traced(folder: Path) -> Iterator[list[Traced]]:
    root = folder / "pages"
    root.mkdir()
    for size in SIZES.values():
        (root / f"{size}.html").write_text(dense(size), encoding="utf-8")
    backend, *ports = free_ports(1 + len(LEVELS))
    rules = folder / "bench.yaml"
    rules.write_text(_RULES.replace("PORT", str(backend)), encoding="utf-8")
    found = []
    for level, port in zip(LEVELS, ports, strict=True):
        settings = [f"--set=confdir={folder / f'conf-{level}'}", f"--set=urlrewrite_trace={level}"]
        command = [RUN_SH, "proxy", str(rules), "--listen", f"http://127.0.0.1:{port}", "--", "-q", *settings]
        found.append(Traced(level, port, Service([*pinned(1), *command], folder / f"{level}.log")))
    with contextlib.ExitStack() as stack:
        origin = nginx(folder, "backend", 0, serves(backend, root))
        stack.enter_context(running(origin))
        origin.await_ports(backend)
        for traced in found:
            stack.enter_context(running(traced.service))
            traced.service.await_ports(traced.port)
        yield found


def print_table(options: argparse.Namespace) -> bool:
    """Prints what was measured; whether the default costs as little as it should."""
    print(
        f"what tracing costs: {options.turns} turns of {options.seconds:g} s, one core a proxy, no TLS;"
        " medians, and in brackets the median ratio to off in the same turn"
    )
    print(f"{'page':>8} " + "".join(f"{level:>36}" for level in LEVELS))
    worst = 0.0
    with tempfile.TemporaryDirectory(prefix="urlrewrite-bench-") as folder, _traced(Path(folder)) as found:
        for title, size in SIZES.items():
            worst = max(worst, _print_line(found, title, f"{size}.html", options))
    within = worst <= MAX_COUNT
    print(f"{DEFAULT} takes {worst:.3f} times the time of {OFF}: {'' if within else 'NOT '}at most {MAX_COUNT:g}")
    return within


def _print_line(found: list[Traced], title: str, name: str, options: argparse.Namespace) -> float:
    """The ratio of the processor's time that the default takes."""
    taken: dict[str, list[tuple[float, float]]] = {traced.level: [] for traced in found}
    for traced in found:
        # Expressions are compiled, and connections opened, when they are first needed.
        fetch(traced.port, name, "")
        traced.turn(name, options)
    for turn in range(options.turns):
        for traced in found if turn % 2 else reversed(found):
            taken[traced.level].append(traced.turn(name, options))
    cells, ratios = [], {}
    for level, turns in taken.items():
        rate, spent = (statistics.median(column) for column in zip(*turns, strict=True))
        faster, ratios[level] = (
            statistics.median(
                of_level[column] / of_off[column] for of_level, of_off in zip(turns, taken[OFF], strict=True)
            )
            for column in (0, 1)
        )
        cells.append(f"{rate:7.1f}/s ({faster:.3f})  {spent:5.3f} ms ({ratios[level]:.3f})")
    print(f"{title:>8} " + "".join(cell.rjust(36) for cell in cells), flush=True)
    return ratios[DEFAULT]
