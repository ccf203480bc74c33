"""What the number of rules and of map entries costs: the engine alone, without a proxy around it.

Every case is asked for a request that only its last rule (or last key) matches. The sizes of a case take turns, and
the median is taken.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import perf_counter

from urlrewrite.engine.compile import CompiledRules, compile_rules
from urlrewrite.engine.decision import Decision
from urlrewrite.engine.facts import RequestFacts
from urlrewrite.engine.inbound import run_inbound
from urlrewrite.engine.scope import Scope
from urlrewrite.engine.variables import Variables
from urlrewrite.model import (
    Action,
    ActionType,
    Condition,
    Conditions,
    InboundRule,
    Match,
    PatternSyntax,
    RewriteMap,
    RuleSet,
    Site,
)
from urlrewrite.trace.trace import Trace

LIMIT = 3.0
"""At most so much longer than with the fewest rules; issue "Bring your web.config", 6."""

_HOST, _PATH = "www.example.com", "/section/articles/page.html?x=1"


@dataclass(frozen=True)
class Case:
    """Rules (or entries) by number, and the request that only the last one is for."""

    name: str
    sizes: tuple[int, ...]
    site: Callable[[int], Site]
    host: Callable[[int], str]
    target: Callable[[int], str]


def _rewriting(name: str, pattern: str, *conditions: Condition, syntax: str = "ECMAScript") -> InboundRule:
    return InboundRule(
        name,
        Match(pattern),
        Conditions(conditions),
        action=Action(ActionType.REWRITE, "/target/{R:0}"),
        pattern_syntax=PatternSyntax(syntax),
        stop_processing=True,
    )


def _paths(count: int) -> Site:
    return Site(name="s", rules=tuple(_rewriting(f"r{n}", f"^article/{n}/(.*)$") for n in range(count)))


def _hosts(count: int) -> Site:
    rules = (
        _rewriting(f"r{n}", ".*", Condition("{HTTP_HOST}", rf"^(www\.)?shop{n}\.example\.com$")) for n in range(count)
    )
    return Site(name="s", rules=tuple(rules))


def _substrings(count: int) -> Site:
    return Site(name="s", rules=tuple(_rewriting(f"r{n}", rf"(old|former)-page{n}\.aspx?") for n in range(count)))


def _mixed(count: int) -> Site:
    def rule(n: int) -> InboundRule:
        match n % 8:
            case 0:
                return _rewriting(f"r{n}", rf"^shop/(\d+)/item{n}(/|$)")
            case 1:
                return _rewriting(f"r{n}", f"*/legacy{n}/*", syntax="Wildcard")
            case 2:
                return _rewriting(f"r{n}", f"exact/page{n}.html", syntax="ExactMatch")
            case 3:
                return _rewriting(f"r{n}", ".*", Condition("{HTTP_HOST}", rf"^host{n}\."))
            case 4:
                return _rewriting(f"r{n}", "^index.php$", Condition("{QUERY_STRING}", rf"(^|&)id={n}(&|$)"))
            case 5:
                return _rewriting(f"r{n}", f"^(en|de|fr)/(news|blog)/post{n}")
            case 6:
                return _rewriting(f"r{n}", r"\.(gif|png)$", Condition("{HTTP_REFERER}", rf"^https?://thief{n}/"))
            case _:
                return _rewriting(f"r{n}", rf"^[a-z]{{2}}/.*/product-{n}\.html$")

    return Site(name="s", rules=tuple(map(rule, range(count))))


def _keys(count: int) -> Site:
    entries = {f"/old/page{n}.html": f"/new/{n}" for n in range(count)}
    rule = InboundRule(
        "by map",
        Match(".*"),
        Conditions((Condition("{Moved:{URL}}", "(.+)"),)),
        action=Action(ActionType.REWRITE, "{C:1}"),
    )
    return Site(name="s", rules=(rule,), rewrite_maps={"Moved": RewriteMap("Moved", entries)})


RULES = (10, 100, 1000)
CASES = [
    Case("paths", RULES, _paths, lambda n: _HOST, lambda n: f"/article/{n - 1}/a/b?x=1"),
    Case("hosts", RULES, _hosts, lambda n: f"shop{n - 1}.example.com", lambda n: _PATH),
    Case("substrings", RULES, _substrings, lambda n: _HOST, lambda n: f"/section/Old-Page{n - 1}.aspx?x=1"),
    # Of 10, 106 and 1002 rules the last one is of the same kind.
    Case("mixed", (10, 106, 1002), _mixed, lambda n: _HOST, lambda n: f"/section/legacy{n - 1}/page.html?x=1"),
    Case("map keys", (10, 100_000), _keys, lambda n: _HOST, lambda n: f"/old/page{n - 1}.html"),
]


def ask(rules: CompiledRules, request: RequestFacts, *, trace: bool) -> Decision:
    """One evaluation of the first site's inbound rules."""
    level = rules.sites[0].level_of("")
    decision = Decision(target=request.target)
    scope = Scope(Variables(request, site="s"), level.lookups, Trace("bench", on=trace), 1.0)
    run_inbound(level.inbound, scope, decision, allowed_hosts=rules.allowed_hosts)
    return decision


@dataclass(frozen=True)
class Measured:
    """Microseconds of one evaluation, and how much that is of what the smallest size takes."""

    case: str
    size: int
    trace: bool
    microseconds: float
    ratio: float


def measure(turns: int) -> Iterator[Measured]:
    """Each case with each of its sizes, with and without a trace."""
    for case in CASES:
        compiled = [compile_rules(RuleSet(sites=(case.site(size),)))[0] for size in case.sizes]
        requests = [
            RequestFacts("GET", "https", case.host(size), case.target(size), (("Host", case.host(size)),))
            for size in case.sizes
        ]
        for trace in (False, True):
            times: list[list[float]] = [[] for _ in case.sizes]
            for turn in range(turns + 1):
                for rules, request, taken in zip(compiled, requests, times, strict=True):
                    began = perf_counter()
                    for _ in range(_INNER):
                        decision = ask(rules, request, trace=trace)
                    if turn:  # patterns are compiled when they are first needed
                        taken.append((perf_counter() - began) / _INNER * 1e6)
                    assert decision.rules, f"{case.name}: the last rule must match"
            medians = list(map(statistics.median, times))
            for size, median in zip(case.sizes, medians, strict=True):
                yield Measured(case.name, size, trace, median, median / medians[0])


_INNER = 20


def print_table(turns: int) -> bool:
    """Prints what was measured; whether every ratio is within the limit."""
    print(f"engine alone, request for the last rule or key, median of {turns} interleaved turns of {_INNER}")
    print(f"{'case':>12}  {'number':>8}  {'trace':>5}  {'time':>11}  {'ratio':>6}")
    within = True
    for found in measure(turns):
        within = within and found.ratio <= LIMIT
        print(
            f"{found.case:>12}  {found.size:>8,}  {'on' if found.trace else 'off':>5}"
            f"  {found.microseconds:>8.1f} µs  {found.ratio:>6.2f}"
        )
    print(f"every ratio is within {LIMIT:g}" if within else f"NOT every ratio is within {LIMIT:g}")
    return within
