"""What was changed in a response and should not have been, as a breakage of the page that it belongs to."""

from __future__ import annotations

from collections.abc import Iterator

from urlrewrite.inspector.diagnose.breakage import Breakage, BreakageSeverity, Loss
from urlrewrite.inspector.diagnose.case import Case
from urlrewrite.inspector.leaks.harm import Harm
from urlrewrite.inspector.leaks.over_matches import OverMatch, by_url, find_over_matches
from urlrewrite.inspector.text import quoted_names, sentences
from urlrewrite.trace.text import shown

_TOLD_ELSEWHERE = frozenset({"broken integrity"})
_WHAT = {
    "broken JSON": "Invalid JSON",
    "a name that goes on": "Part of a longer host name was replaced",
    "two schemes": "An address has two schemes",
    "path twice": "A path appears twice",
}
"""What is said of each at the beginning of a sentence; for others it is what they are called."""

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
                what = _WHAT.get(match.what, match.what)
                place = "the body" if match.place == "body" else match.place
                by = (
                    f"{'the rule' if rule else 'the rules'} {quoted_names(list(match.rules))} changed it"
                    if match.rules
                    else ""
                )
                title = sentences(f"{what} in {place} of {shown(exchange.request.target, 80)}", match.why, by)
                source = case.rule_source(rule, exchange) if rule else ""
                yield Breakage(
                    "over-match",
                    _LOSS.get(match.what, Loss.PART),
                    title,
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
