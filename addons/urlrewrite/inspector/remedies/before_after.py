"""What a rule changed, as the evidence shows it: the text before, and the text after."""

from __future__ import annotations

from collections.abc import Iterable

from urlrewrite.inspector.diagnose.breakage import Breakage
from urlrewrite.inspector.diagnose.case import Case
from urlrewrite.inspector.diagnose.cookies import without_value
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.trace.reading import text

_WAS, _BECAME = "before the rule", "after the rule"
_COOKIE = "set-cookie"


def before_and_after(
    case: Case, breakage: Breakage, exchanges: Iterable[RecordedExchange]
) -> tuple[tuple[str, str], ...]:
    """Return the evidence of a breakage, with what its rule has changed in the header that it is about.

    The values of cookies are masked: they may be sessions.
    """
    evidence = breakage.evidence
    headers = {label.lower() for label, _ in evidence}
    if breakage.kind in ("login-loop", "lost-cookie", "cookie"):
        headers.add(_COOKIE)
    for exchange in exchanges if breakage.rule else ():
        for event in case.changes(exchange):
            where = text(event, "where").lower()
            if text(event, "rule") == breakage.rule and where in headers:
                was, becomes = text(event, "before"), text(event, "after")
                if where == _COOKIE:
                    was, becomes = (without_value(each) if each else "" for each in (was, becomes))
                told = ((_WAS, was or f"(no {text(event, 'where')})"), (_BECAME, becomes or "(removed)"))
                kept = tuple(line for line in evidence if line[0].lower() != where or line[1] not in (was, becomes))
                return (*told, *kept)
    return evidence
