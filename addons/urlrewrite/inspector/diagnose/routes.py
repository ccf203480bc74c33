"""Why a request ended where it did: the rules that took it, and those that nearly did.

A rule that did not match is asked again with the one thing altered that people get wrong most often: letter case, the
slash at the beginning, the host or the query in the pattern, the slash at the end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from urlrewrite.engine.compiled import CompiledInboundRule
from urlrewrite.inspector.diagnose.addresses import doubled_prefix
from urlrewrite.inspector.diagnose.case import Case, path_of
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.model import ActionType
from urlrewrite.patterns.pattern import PatternError, PatternTimeout, compile_pattern
from urlrewrite.trace.events import Name
from urlrewrite.trace.reading import Block, Event, blocks, flag, name_of, number, text, texts
from urlrewrite.trace.text import shown

_MAX_RULES = 200
_DEADLINE = 0.02
_CASE_AND_ENDS = {
    "ignoring case": "the letter case differs, and ignoreCase is false",
    "slash at start": "its pattern begins with a slash, and rules see a URL without the slash at its beginning",
    "whole URL": "its pattern is written for a whole URL, and rules see the path alone (a condition on {HTTP_HOST} "
    "sees the host)",
    "query": "its pattern is written for the query, too, and rules see the path alone (a condition on {QUERY_STRING} "
    "sees the query)",
    "slash at end": "its pattern asks for a slash at the end, and the URL has none",
    "no slash at end": "its pattern allows no slash at the end, and the URL has one",
    "mount": "its pattern has the path below which the site is published, and rules see what comes after it",
    "as sent": "its pattern is written for the URL as it was sent, and rules see it decoded",
}


@dataclass(frozen=True, slots=True)
class RuleCause:
    """What one rule has to do with a failure: a sentence without the rule's name at its beginning."""

    rule: str
    source: str
    why: str
    todo: str = ""


def acting_blocks(case: Case, seen: RecordedExchange) -> list[Block]:
    """What the trace tells of the inbound rules that acted."""
    return [block for block in _rule_blocks(case, seen) if block.end is not None and flag(block.end, "succeeded")]


def _rule_blocks(case: Case, seen: RecordedExchange) -> list[Block]:
    events = case.reading(seen).request
    found = blocks(
        events, Name.RULE_EVALUATION_START, Name.RULE_EVALUATION_END, "rule", frozenset({Name.URL_REWRITE_END})
    )
    return [block for block in found if block.name]


def taken_by(case: Case, seen: RecordedExchange) -> RuleCause | None:
    """The inbound rule that made the URL what the backend was asked for, and what is wrong with that as far as it can
    be told; None where no rule changed it.
    """
    changing = [block for block in acting_blocks(case, seen) if block.first(Name.REWRITE_ACTION)]
    if not changing:
        return None
    last = changing[-1]
    action = last.first(Name.REWRITE_ACTION) or {}
    url = text(action, "rewrite_url")
    source = text(last.start, "source")
    for why, todo in _oddities(last, action):
        return RuleCause(last.name, source, why, todo)
    if len(changing) > 1:
        before = changing[-2]
        why = (
            f'it changed again what the rule "{before.name}" had made of the URL, which has no stopProcessing: '
            f"{shown(text(last.start, 'input'), 120)} became {shown(url, 120)}"
        )
        return RuleCause(last.name, source, why, f'Add stopProcessing: true to the rule "{before.name}".')
    return RuleCause(last.name, source, f"it sent the request to {shown(url, 160)}")


def _oddities(block: Block, action: Event) -> Iterator[tuple[str, str]]:
    """What looks wrong in how a rule made its URL, the surest first: a sentence, and what to do."""
    substitution, url = text(action, "substitution"), text(action, "rewrite_url")
    path = path_of(url) if "://" in url else url
    for lookup in block.all(Name.REWRITE_MAP_LOOKUP):
        if not text(lookup, "value"):
            name, key = text(lookup, "map"), text(lookup, "key")
            yield (
                f'the rewrite map "{name}" has no key {shown(key, 80)}, so nothing stands there in {shown(path)}',
                f'Add the key to the map "{name}", or give the map a defaultValue.',
            )
    match = block.first(Name.PATTERN_MATCH) or {}
    captures = texts(match, "captures")
    if not flag(action, "append_query_string") and text(block.start, "query_string"):
        query = text(block.start, "query_string")
        if query not in unquote(url) and query not in url:
            yield (
                f"it drops the query ?{shown(query, 80)}, since appendQueryString is false",
                "Remove appendQueryString: false, or write {QUERY_STRING} into the URL.",
            )
    if flag(action, "append_query_string") and (query := text(block.start, "query_string")) and url.count(query) > 1:
        yield (
            f"the query ?{shown(query, 80)} stands there twice: the URL of the rule has it, and it is appended as well",
            "Set appendQueryString: false.",
        )
    if doubled := doubled_prefix(path):
        yield f"{doubled} stands twice in {shown(path, 120)}", "Take the path out of the URL of the rule, or of {R:n}."
    for found in re.finditer(r"([^/{}=?&])\{(R|C):(\d+)\}", substitution):
        group = int(found[3])
        if found[2] == "R" and group < len(captures) and _is_segment(substitution, found, captures[group]):
            yield (
                f'no slash stands between "{_last_word(substitution[: found.start(2)])}" and {{R:{group}}} '
                f"({shown(captures[group], 60)}), so that the URL is {shown(path, 120)}",
                f"Write a slash before {{R:{group}}}.",
            )
    if "//" in path.partition("?")[0]:
        yield (
            f"two slashes follow one another in {shown(path, 120)}: one of the rule's URL, one of {{R:n}}",
            "Take one of them away.",
        )
    greedy = len(captures) > 2 and re.search(r"\(\.[*+]\)", text(match, "pattern"))
    for index, taken in enumerate(captures[1:], 1):
        if greedy and "/" in taken and f"{{R:{index}}}" in substitution:
            yield (
                f"its group {{R:{index}}} is greedy and took {shown(taken, 80)}, which holds a slash, of "
                f"{shown(text(match, 'input'), 80)}",
                "Write ([^/]+) for (.*) where one segment is meant.",
            )


def _is_segment(substitution: str, found: re.Match[str], group: str) -> bool:
    """Whether a group that follows a word at once was probably meant as a segment of its own."""
    before = substitution[: found.start(2) - 1]
    inside = before.partition("://")[2] or before
    return bool(group) and not group.startswith("/") and "?" not in before and inside[-1:].isalnum()


def _last_word(text_before: str) -> str:
    return text_before.removesuffix("{").rpartition("/")[2]


def near_misses(case: Case, seen: RecordedExchange) -> Iterator[RuleCause]:
    """The rules that would have changed the request if one thing were otherwise, in the order of the file."""
    level = case.level(seen)
    if level is None:
        return
    blocks_by_name = {block.name: block for block in _rule_blocks(case, seen)}
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
        why = _missed(case, seen, compiled, block, stopped)
        if why and not _is_for_all(compiled):
            yield RuleCause(rule.name, str(rule.source), *why)


def _missed(
    case: Case, seen: RecordedExchange, compiled: CompiledInboundRule, block: Block | None, stopped: str
) -> tuple[str, str] | None:
    """Why a rule did not act on a URL that it seems to be meant for, and what to do."""
    rule = compiled.rule
    found = block.first(Name.PATTERN_MATCH) if block else None
    if found is not None and flag(found, "matched"):
        return _condition_failed(block.events) if block else None
    shown_url = text(found, "input") if found else _relative(case, seen)
    if found is None:
        if not _matches(compiled, shown_url) or rule.match.url.strip("^$") in (".*", "(.*)", ""):
            return None
        if not rule.enabled:
            return "it matches, but is not enabled", "Remove enabled: false."
        if stopped:
            return (
                f'it matches, but comes after the rule "{stopped}", which took the request and ended the walk',
                f'Move it before the rule "{stopped}", or make the pattern of that one narrower.',
            )
        return None
    return _altered(case, seen, compiled, shown_url)


def _is_for_all(compiled: CompiledInboundRule) -> bool:
    """Whether a rule answers or redirects whatever is asked for: that it did not act is no loss of any one address."""
    anything = _matches(compiled, "") and _matches(compiled, "an/address-that-nobody-has")
    return anything and compiled.rule.action.type is not ActionType.REWRITE


def _relative(case: Case, seen: RecordedExchange) -> str:
    path = unquote(seen.request.target.partition("?")[0]).lstrip("/")
    site = case.site(seen)
    return path[len(site.directory) :].lstrip("/") if site and site.directory else path


def _matches(compiled: CompiledInboundRule, value: str) -> bool:
    try:
        return compiled.pattern.search(value, _DEADLINE) is not None
    except PatternTimeout:
        return False


def _altered(case: Case, seen: RecordedExchange, compiled: CompiledInboundRule, value: str) -> tuple[str, str] | None:
    rule = compiled.rule
    site = case.site(seen)
    query = seen.request.target.partition("?")[2]
    variants = {
        "slash at start": f"/{value}",
        "whole URL": seen.request.url,
        "query": f"{value}?{query}" if query else "",
        "slash at end": f"{value}/",
        "no slash at end": value.rstrip("/") if value.endswith("/") else "",
        "mount": f"{site.directory}/{value}" if site and site.directory else "",
        "as sent": seen.request.target.partition("?")[0].lstrip("/"),
    }
    todo = f"Change the pattern {shown(rule.match.url, 120)} of the rule."
    for name, variant in variants.items():
        if variant and variant != value and _matches(compiled, variant):
            return f"{_CASE_AND_ENDS[name]}: the pattern is {shown(rule.match.url, 120)}", todo
    if not rule.match.ignore_case:
        try:
            loose = compile_pattern(rule.match.url, str(rule.pattern_syntax), ignore_case=True)
            if loose.search(value, _DEADLINE):
                return _CASE_AND_ENDS["ignoring case"], "Remove ignoreCase: false from the match of the rule."
        except (PatternError, PatternTimeout):
            return None
    return None


def _condition_failed(events: list[Event]) -> tuple[str, str] | None:
    """The condition that kept a rule from acting though its pattern matched."""
    for event in events:
        if name_of(event) == Name.CONDITION_EVALUATION and not flag(event, "succeeded"):
            return f"its pattern matches, but {condition_words(event)}", "Correct the condition, or remove it."
    return None


def condition_words(event: Event) -> str:
    """A condition that did not hold, as a clause."""
    condition, value = text(event, "input"), shown(text(event, "expanded_input"), 80)
    pattern = shown(text(event, "pattern"), 80)
    if flag(event, "negate"):
        return f"its negated condition does not hold: {condition} is {value}, which matches {pattern}, and must not"
    return f"its condition does not hold: {condition} is {value}, which does not match {pattern}"


def held_conditions(block: Block) -> list[str]:
    """The conditions by which a rule acted, as clauses."""
    told = []
    for event in block.all(Name.CONDITION_EVALUATION):
        if flag(event, "succeeded"):
            verb = "does not match" if flag(event, "negate") else "matches"
            negated = " (the condition is negated)" if flag(event, "negate") else ""
            value, pattern = shown(text(event, "expanded_input"), 80), shown(text(event, "pattern"), 80)
            told.append(f"{text(event, 'input')} is {value}, which {verb} {pattern}{negated}")
    return told


def local_response(case: Case, seen: RecordedExchange) -> RuleCause | None:
    """The rule that answered, redirected or closed the request itself; None where none did."""
    for block in reversed(acting_blocks(case, seen)):
        for event in block.events:
            said: dict[str, str] = {
                Name.CUSTOM_RESPONSE_ACTION: f"answers {number(event, 'status')} itself; the backend was not asked",
                Name.ABORT_REQUEST_ACTION: "closes the connection without a response",
                Name.REDIRECT_ACTION: f"redirects to {shown(text(event, 'location'), 160)}",
            }
            if words := said.get(name_of(event)):
                held = held_conditions(block)
                why = f"{words}, since {held[0]}" if held else words
                return RuleCause(block.name, text(block.start, "source"), why)
    return None
