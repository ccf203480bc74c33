"""Why a request ended where it did: the rules that took it, and those that nearly did.

A rule that did not match is tried again with one thing altered that is often written wrong: letter case, the slash at
the beginning, the host or the query in the pattern, the slash at the end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from urllib.parse import unquote

from urlrewrite.engine.compiled import CompiledInboundRule
from urlrewrite.exchange.rule_tests import evaluate
from urlrewrite.inspector.diagnose.addresses import doubled_prefix
from urlrewrite.inspector.diagnose.case import Case, path_of
from urlrewrite.inspector.diagnose.cause import Cause, cause
from urlrewrite.inspector.diagnose.outbound_rules import matches, matches_in_other_case
from urlrewrite.inspector.diagnose.rule_misses import condition_cause, condition_failed
from urlrewrite.inspector.diagnose.why import Why
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.model import ActionType
from urlrewrite.trace.events import Name
from urlrewrite.trace.reading import Block, Event, flag, inbound_blocks, name_of, read, text, texts
from urlrewrite.trace.text import shown
from urlrewrite.trace.trace import TraceLevel

_MAX_RULES = 200
_TWICE = re.compile(r"%25[0-9a-f]{2}", re.IGNORECASE)
_LOCAL: dict[str, Why] = {
    Name.CUSTOM_RESPONSE_ACTION: Why.RESPONDS,
    Name.ABORT_REQUEST_ACTION: Why.CLOSES,
    Name.REDIRECT_ACTION: Why.REDIRECTS,
}


@dataclass(frozen=True, slots=True)
class ToldField:
    """A field of a request that a rule changed, and the rule with its position."""

    name: str
    before: str
    after: str
    rule: str
    source: str


def acting_blocks(case: Case, exchange: RecordedExchange) -> list[Block]:
    """Return the parts of the trace about the inbound rules that acted."""
    return [block for block in rule_blocks(case, exchange) if block.end is not None and flag(block.end, "succeeded")]


def rule_blocks(case: Case, exchange: RecordedExchange) -> list[Block]:
    """Return the parts of the trace about inbound rules, in their order."""
    return [block for block in inbound_blocks(case.reading(exchange).request) if block.name]


def full_blocks(case: Case, exchange: RecordedExchange) -> list[Block]:
    """Return the same; where the trace has decisions only, what the rules in force make of the request."""
    if exchange.trace.get("level") == TraceLevel.FULL or case.rules is None:
        return rule_blocks(case, exchange)
    again = evaluate(case.rules.traced(TraceLevel.FULL), exchange.request, None)
    return [block for block in inbound_blocks(read(again.exchange.trace.data).request) if block.name]


def told_by_rules(case: Case, exchange: RecordedExchange) -> Iterator[ToldField]:
    """Yield the fields of a request that rules have changed, in the order in which they did."""
    for block in full_blocks(case, exchange):
        for event in block.all(Name.SERVER_VARIABLE_SET):
            name, before, after = text(event, "name"), text(event, "before"), text(event, "after")
            if name.upper().startswith("HTTP_") and before != after:
                field = name[len("HTTP_") :].replace("_", "-").title()
                yield ToldField(field, before, after, block.name, text(block.start, "source"))


def taken_by(case: Case, exchange: RecordedExchange) -> Cause | None:
    """Return the inbound rule that decided the forwarded URL, and what is wrong with that as far as can be seen; None
    where no rule changed it.
    """
    changing = [block for block in acting_blocks(case, exchange) if block.first(Name.REWRITE_ACTION)]
    if not changing:
        return None
    last = changing[-1]
    action = last.first(Name.REWRITE_ACTION) or {}
    url = text(action, "rewrite_url")
    source = text(last.start, "source")
    for why, values in _oddities(last, action):
        return cause(why, last.name, source, **values)
    if len(changing) > 1:
        before = shown(text(last.start, "input"), 120)
        return cause(
            Why.CHANGED_AGAIN, last.name, source, other=changing[-2].name, before=before, value=shown(url, 120)
        )
    return cause(Why.SENT, last.name, source, value=shown(url, 160))


def _oddities(block: Block, action: Event) -> Iterator[tuple[Why, dict[str, object]]]:
    """Yield what looks wrong in how a rule made its URL, the surest first, with the values of the sentence."""
    substitution, url = text(action, "substitution"), text(action, "rewrite_url")
    path = path_of(url) if "://" in url else url
    for lookup in block.all(Name.REWRITE_MAP_LOOKUP):
        if not text(lookup, "value"):
            key = shown(text(lookup, "key"), 80)
            yield Why.MAP_KEY, {"name": text(lookup, "map"), "key": key, "value": shown(path)}
    match = block.first(Name.PATTERN_MATCH) or {}
    captures = texts(match, "captures")
    query = text(block.start, "query_string")
    if not flag(action, "append_query_string") and query and query not in unquote(url) and query not in url:
        yield Why.QUERY_DROPPED, {"query": shown(query, 80)}
    if flag(action, "append_query_string") and query and url.count(query) > 1:
        yield Why.QUERY_TWICE, {"query": shown(query, 80)}
    if _TWICE.search(path) and not _TWICE.search(text(block.start, "input")):
        yield Why.ENCODED_TWICE, {"value": shown(path, 120)}
    if doubled := doubled_prefix(path):
        yield Why.PATH_TWICE, {"name": doubled, "value": shown(path, 120)}
    for found in re.finditer(r"([^/{}=?&])\{(R|C):(\d+)\}", substitution):
        group = int(found[3])
        if found[2] == "R" and group < len(captures) and _is_segment(substitution, found, captures[group]):
            word, key = _last_word(substitution[: found.start(2)]), shown(captures[group], 60)
            yield Why.NO_SLASH_BETWEEN, {"name": word, "group": group, "key": key, "value": shown(path, 120)}
    if "//" in path.partition("?")[0]:
        yield Why.TWO_SLASHES, {"value": shown(path, 120)}
    greedy = len(captures) > 2 and re.search(r"\(\.[*+]\)", text(match, "pattern"))
    for index, taken in enumerate(captures[1:], 1):
        if greedy and "/" in taken and f"{{R:{index}}}" in substitution:
            value = shown(text(match, "input"), 80)
            yield Why.GREEDY_GROUP, {"group": index, "key": shown(taken, 80), "value": value}


def _is_segment(substitution: str, found: re.Match[str], group: str) -> bool:
    """Say whether a group that follows a word without a slash was probably meant as a segment of its own."""
    before = substitution[: found.start(2) - 1]
    inside = before.partition("://")[2] or before
    return bool(group) and not group.startswith("/") and "?" not in before and inside[-1:].isalnum()


def _last_word(text_before: str) -> str:
    return text_before.removesuffix("{").rpartition("/")[2]


def near_misses(case: Case, exchange: RecordedExchange) -> Iterator[Cause]:
    """Yield the rules that would have changed the request if one thing were different, in the order of the file."""
    level = case.level(exchange)
    if level is None:
        return
    blocks_by_name = {block.name: block for block in rule_blocks(case, exchange)}
    stopped = ""
    for compiled in list(level.inbound.rules)[:_MAX_RULES]:
        rule = compiled.rule
        block = blocks_by_name.get(rule.name)
        if block is not None and block.end is not None and flag(block.end, "succeeded"):
            if flag(block.end, "stop_processing") or not block.first(Name.REWRITE_ACTION):
                stopped = stopped or rule.name
            continue
        if rule.action.type is ActionType.NONE or rule.match.negate:
            continue
        missed = _missed(case, exchange, compiled, block, stopped)
        if missed and not _is_for_all(compiled):
            yield replace(missed, rule=rule.name, source=str(rule.source))


def _missed(
    case: Case, exchange: RecordedExchange, compiled: CompiledInboundRule, block: Block | None, stopped: str
) -> Cause | None:
    """Return why a rule did not act on a URL that it seems to be meant for."""
    rule = compiled.rule
    found = block.first(Name.PATTERN_MATCH) if block else None
    if found is not None and flag(found, "matched"):
        failed = condition_failed(block.events) if block else None
        return condition_cause(failed) if failed else None
    shown_url = text(found, "input") if found else _relative(case, exchange)
    if found is None:
        if not matches(compiled, shown_url) or rule.match.url.strip("^$") in (".*", "(.*)", ""):
            return None
        if not rule.enabled:
            return cause(Why.DISABLED)
        return cause(Why.COMES_AFTER, other=stopped) if stopped else None
    return _altered(case, exchange, compiled, shown_url)


def _is_for_all(compiled: CompiledInboundRule) -> bool:
    """Say whether a rule responds to every request itself: that it did not act is no loss for any one URL."""
    anything = matches(compiled, "") and matches(compiled, "an/address-that-nobody-has")
    return anything and compiled.rule.action.type is not ActionType.REWRITE


def _relative(case: Case, exchange: RecordedExchange) -> str:
    path = unquote(exchange.request.target.partition("?")[0]).lstrip("/")
    site = case.site(exchange)
    return path[len(site.directory) :].lstrip("/") if site and site.directory else path


def _altered(case: Case, exchange: RecordedExchange, compiled: CompiledInboundRule, value: str) -> Cause | None:
    """Return the one thing that keeps a pattern from matching, if it is a common mistake."""
    rule = compiled.rule
    site = case.site(exchange)
    query = exchange.request.target.partition("?")[2]
    variants = {
        Why.SLASH_AT_START: f"/{value}",
        Why.WHOLE_URL: exchange.request.url,
        Why.QUERY: f"{value}?{query}" if query else "",
        Why.SLASH_AT_END: f"{value}/",
        Why.NO_SLASH_AT_END: value.rstrip("/") if value.endswith("/") else "",
        Why.MOUNT: f"{site.directory}/{value}" if site and site.directory else "",
        Why.AS_SENT: exchange.request.target.partition("?")[0].lstrip("/"),
    }
    for why, variant in variants.items():
        if variant and variant != value and matches(compiled, variant):
            return cause(why, pattern=shown(rule.match.url, 120), value=shown(value, 120))
    syntax = str(rule.pattern_syntax)
    in_other_case = not rule.match.ignore_case and matches_in_other_case(rule.match.url, syntax, value)
    return cause(Why.LETTER_CASE) if in_other_case else None


def held_conditions(block: Block) -> list[str]:
    """Return the conditions by which a rule acted, as clauses."""
    clauses = []
    for event in block.all(Name.CONDITION_EVALUATION):
        if flag(event, "succeeded"):
            verb = "does not match" if flag(event, "negate") else "matches"
            negated = " (the condition is negated)" if flag(event, "negate") else ""
            value, pattern = shown(text(event, "expanded_input"), 80), shown(text(event, "pattern"), 80)
            clauses.append(f"{text(event, 'input')} is {value}, which {verb} {pattern}{negated}")
    return clauses


def local_response(case: Case, exchange: RecordedExchange) -> Cause | None:
    """Return the rule that responded, redirected or closed the connection itself; None where no rule did."""
    for block in reversed(acting_blocks(case, exchange)):
        for event in block.events:
            if (why := _LOCAL.get(name_of(event))) is None:
                continue
            value = shown(text(event, "location"), 160) if why is Why.REDIRECTS else text(event, "status")
            held = held_conditions(block)
            detail = f", because {held[0]}" if held else ""
            return cause(why, block.name, text(block.start, "source"), value=value, detail=detail)
    return None
