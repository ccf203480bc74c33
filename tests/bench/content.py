"""What rewriting a page costs: one exchange after the other, without sockets and without mitmproxy.

The pages have 1 MB. Every case is an exchange as the live proxy drives it: the request is judged, the response's fields
and its body are rewritten, and the trace is kept. What is measured is the processor's time. The cases take turns, and
the best turn of each counts, because whatever else a machine does only makes a turn longer.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from time import process_time

from lxml import html

from bench.pages import BACKEND, dense, documentation
from rules_of import ask, rules_of
from urlrewrite.exchange.rules_in_force import RulesInForce

MAX_FOR_MANY_RULES = 2.0
"""At most so much longer with a hundred rules than with one."""

_SIZE = 1_000_000
_PUBLIC = "https://www.example.com"
_ELSEWHERE = "http://otherserver:8080"
_HTML = [("Content-Type", "text/html; charset=utf-8")]
_WIZARDS = "^http(s)?://{}/(.*)"


@dataclass(frozen=True, slots=True)
class Case:
    """Some rules, and how many MB/s they are to reach on the page that is dense with links; 0 for no target."""

    name: str
    rules: str
    target: int = 0
    backend: str = BACKEND
    coding: str = ""


def _tag_rules(*servers: str, tags: str = "A, Img", value: str = f"{_PUBLIC}/{{R:2}}", more: str = "") -> str:
    rules = (
        f"  - {{name: r{number}, match: {{filterByTags: '{tags}', pattern: '{_WIZARDS.format(server)}'}},"
        f" {more} action: {{type: Rewrite, value: '{value}'}}}}\n"
        for number, server in enumerate(servers)
    )
    return "outboundRules:\n" + "".join(rules)


_OFF = "links: off\n"
_HERE = "privateserver:8080"
_OTHERS = tuple(f"server{number}:8080" for number in range(99))
_CONDITION = "conditions: [{input: '{URL}', pattern: .}],"
_BODY = (
    f"outboundRules:\n  - {{name: r, match: {{pattern: '{BACKEND}'}}, action: {{type: Rewrite, value: '{_PUBLIC}'}}}}\n"
)

LINKS = Case("links, all mapped", "links: everywhere\n")
ONE, MANY = "one tag rule, every link", "100 tag rules, the last one"
CASES = [
    Case("links, nothing to map", "links: everywhere\n", 250, _ELSEWHERE),
    LINKS,
    Case("links, gzip", "links: everywhere\n", coding="gzip"),
    Case("one tag rule, no link", _OFF + _tag_rules("otherserver:8080"), 100),
    Case("one tag rule, half of them", _OFF + _tag_rules(_HERE, tags="Img"), 100),
    Case(ONE, _OFF + _tag_rules(_HERE), 100),
    Case("the same, with a condition", _OFF + _tag_rules(_HERE, more=_CONDITION)),
    Case("the same, to lower case", _OFF + _tag_rules(_HERE, value=f"{_PUBLIC}/{{ToLower:{{R:2}}}}")),
    Case("one tag rule, and links", "links: everywhere\n" + _tag_rules(_HERE)),
    Case("100 tag rules, none", _OFF + _tag_rules(*_OTHERS, "otherserver:8080")),
    Case(MANY, _OFF + _tag_rules(*_OTHERS, _HERE)),
    Case("a whole-body rule", _OFF + _BODY),
]


def print_table(turns: int) -> bool:
    """Prints what was measured; whether a hundred rules cost as little as they should."""
    pages = {"dense": dense(_SIZE).encode(), "pydoc": documentation(_SIZE).encode()}
    runs = {case.name: [exchange(case, page) for page in pages.values()] for case in CASES}
    runs["gzip alone, both ways"] = [_timed(_recoded, gzip.compress(page, 1)) for page in pages.values()]
    runs["lxml, as most would"] = [_timed(_naively, page) for page in pages.values()]
    best = {name: [min(column) for column in _turns(columns, turns)] for name, columns in runs.items()}
    targets = {case.name: case.target for case in CASES if case.target}
    print(f"a page of 1 MB rewritten, without sockets: MB/s, best of {turns} interleaved turns")
    print(f"{'':>28}  {'dense':>8}  {'pydoc':>8}  {'target':>8}")
    for name, seconds in best.items():
        rates = [len(page) / 1e6 / each for page, each in zip(pages.values(), seconds, strict=True)]
        told = f"{targets[name]:>8}{'' if rates[0] >= targets[name] else '  missed'}" if name in targets else ""
        print(f"{name:>28}  {rates[0]:>8.1f}  {rates[1]:>8.1f}  {told}".rstrip(), flush=True)
    ratio = best[MANY][0] / best[ONE][0]
    within = ratio <= MAX_FOR_MANY_RULES
    limit = f"{'' if within else 'NOT '}at most {MAX_FOR_MANY_RULES:g}"
    print(f"100 tag rules take {ratio:.2f} times as long as one: {limit}")
    return within


def _turns(columns: list[Callable[[], float]], turns: int) -> list[list[float]]:
    taken: list[list[float]] = [[] for _ in columns]
    for turn in range(turns + 1):
        for run, found in zip(columns, taken, strict=True):
            seconds = run()
            if turn:  # expressions are compiled when they are first needed
                found.append(seconds)
    return taken


def exchange(case: Case, page: bytes) -> Callable[[], float]:
    rules = rules_of(case.rules, site=f"public: {_PUBLIC}\nbackend: {case.backend}\n")
    body = gzip.compress(page, 1) if case.coding else page
    fields = [*_HTML, ("Content-Encoding", case.coding)] if case.coding else _HTML
    return _timed(lambda body: _ask(rules, fields, body), body)


def _ask(rules: RulesInForce, fields: list[tuple[str, str]], body: bytes) -> None:
    ask(rules, f"{_PUBLIC}/page", answer=(200, fields, body))


def _timed(work: Callable[[bytes], object], data: bytes) -> Callable[[], float]:
    def run() -> float:
        began = process_time()
        work(data)
        return process_time() - began

    return run


def _recoded(data: bytes) -> bytes:
    return gzip.compress(gzip.decompress(data), 1)


def _naively(data: bytes) -> bytes:
    page = html.fromstring(data)
    page.rewrite_links(lambda link: link.replace(BACKEND, _PUBLIC))
    return bytes(html.tostring(page))
