"""Responses that a rule chose by a field of the request, and that a browser may keep for requests with another value.

A cache goes by method and URL, and by the fields that Vary names (RFC 9111, 4.1). Where a rule asks for a cookie or a
language and the response may be kept without saying so, who logs in or changes the language sees the old page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from urlrewrite.inspector.diagnose.breakage import Breakage, BreakageSeverity, Knowledge, Loss
from urlrewrite.inspector.diagnose.browser_rules import BrowserRule
from urlrewrite.inspector.diagnose.case import Case, field
from urlrewrite.inspector.diagnose.routes import full_blocks
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.inspector.text import sentences
from urlrewrite.trace.events import Name
from urlrewrite.trace.reading import flag, text
from urlrewrite.trace.text import shown

_FIELDS = {
    "accept": "Accept",
    "accept_language": "Accept-Language",
    "authorization": "Authorization",
    "cookie": "Cookie",
    "x_requested_with": "X-Requested-With",
}
"""Fields of which one browser has several values in turn, by their server variables without HTTP_."""

_VARIABLE = re.compile(r"\{HTTP_(\w+)\}", re.IGNORECASE)
_AGE = re.compile(r"\bmax-age\s*=\s*\"?([1-9]\d*)", re.IGNORECASE)
_ASKS_FIRST = re.compile(r"\bno-(?:store|cache)\b", re.IGNORECASE)


def kept_for_others(case: Case) -> Iterator[Breakage]:
    """Yield responses that are kept without asking, though a rule decided by a field that their Vary does not name."""
    for exchange in case.load.all:
        if exchange.response is None or exchange.request.method != "GET" or not _is_kept(exchange):
            continue
        named = {word.strip().lower() for line in field(exchange, "vary") for word in line.split(",")}
        for rule, source, name in _deciding(case, exchange):
            if not named & {"*", name.lower()}:
                yield _breakage(case, exchange, rule, source, name)
                break


def _is_kept(exchange: RecordedExchange) -> bool:
    """Say whether a browser uses a response again without asking (RFC 9111, 4.2)."""
    directives = ", ".join(field(exchange, "cache-control"))
    return bool(_AGE.search(directives)) and not _ASKS_FIRST.search(directives)


def _deciding(case: Case, exchange: RecordedExchange) -> Iterator[tuple[str, str, str]]:
    """Yield the rules whose conditions asked for a field, with their position and the name of the field."""
    level = case.level(exchange)
    rules = level.inbound.rules if level else ()
    if not any(_fields_of(each.input) for compiled in rules for each in compiled.rule.conditions.items):
        return
    for block in full_blocks(case, exchange):
        match = block.first(Name.PATTERN_MATCH)
        for condition in block.all(Name.CONDITION_EVALUATION) if match and flag(match, "succeeded") else ():
            for name in _fields_of(text(condition, "input")):
                yield block.name, text(block.start, "source"), name


def _fields_of(template: str) -> list[str]:
    """Return the fields that the input of a condition has, of those that change."""
    return [_FIELDS[name.lower()] for name in _VARIABLE.findall(template) if name.lower() in _FIELDS]


def _breakage(case: Case, exchange: RecordedExchange, rule: str, source: str, name: str) -> Breakage:
    row = BrowserRule.VARY
    title = sentences(
        f"Browsers may show an old {shown(exchange.request.target, 80)} after {name} has changed",
        f'the rule "{rule}" decides by {name} what it is, and the Vary header does not name {name}, so browsers use '
        "the copy that they keep",
    )
    evidence = (
        ("Cache-Control", ", ".join(field(exchange, "cache-control"))),
        ("Vary", ", ".join(field(exchange, "vary")) or "(missing)"),
        row.evidence,
    )
    todo = f"Add {name} to Vary by an outbound rule for RESPONSE_Vary, or let it not be kept: Cache-Control: no-cache."
    return Breakage(
        "kept-for-others", Loss.HINT, title, (exchange.flow_id, case.page.flow_id), evidence, rule, source, todo,
        # Whether the value ever changes, nobody knows.
        severity=BreakageSeverity.WARNING, code=row.code, known=Knowledge.SPECIFICATION,
    )  # fmt: skip
