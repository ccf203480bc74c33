"""What was changed in a response and should not have been, as a breakage of the page that it belongs to."""

from __future__ import annotations

from collections.abc import Iterator

from urlrewrite.inspector.diagnose.breakage import Breakage, BreakageSeverity, Loss
from urlrewrite.inspector.diagnose.case import Case
from urlrewrite.inspector.leaks.harm import Harm
from urlrewrite.inspector.leaks.over_matches import OverMatch, by_url, find_over_matches
from urlrewrite.inspector.text import quoted_names
from urlrewrite.trace.text import shown

_TOLD_ELSEWHERE = frozenset({"broken integrity"})
_LOSS = {"broken JSON": Loss.FUNCTION, "changed identifier": Loss.LATER}


def over_matches(case: Case) -> Iterator[Breakage]:
    """Yield changed identifiers, stale digests and signatures, URLs with two schemes and the like."""
    if case.rules is None:
        return
    assets = by_url(case.load.all)
    for exchange in (case.page, *case.load.redirects, *case.load.resources):
        if exchange is not case.page and not case.in_time():
            return
        for match in find_over_matches(exchange, case.rules, assets):
            if match.what not in _TOLD_ELSEWHERE:
                rule = match.rules[0] if len(match.rules) == 1 else ""
                title = (
                    f"{match.what.capitalize()} in {match.place} of {shown(exchange.request.target, 80)}: {match.why}"
                )
                by = f" (rules that changed it: {quoted_names(list(match.rules))})" if match.rules else ""
                source = case.rule_source(rule, exchange) if rule else ""
                yield Breakage(
                    "over-match",
                    _LOSS.get(match.what, Loss.PART),
                    title + by,
                    (exchange.flow_id, case.page.flow_id),
                    tuple(_evidence(match)),
                    rule,
                    source,
                    "Make the pattern of the rule narrower." if match.rules else "",
                    BreakageSeverity.ERROR if match.harm is Harm.ERROR else BreakageSeverity.WARNING,
                    match.count,
                )


def _evidence(match: OverMatch) -> Iterator[tuple[str, str]]:
    if match.before:
        yield "before", match.before
    yield "after", match.after
