"""Checks of what outbound rules write: tails that are lost, prefixes that are written twice.

A rule for tags or fields replaces the whole value, not only what its pattern matches; and what one rule has written is
the input of the next. Both are tried out on texts that match the rule's own pattern.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from urlrewrite.engine.template import BackReference, Literal, Template, Variable
from urlrewrite.engine.variables import normal_name
from urlrewrite.lint.registry import Finding, check
from urlrewrite.lint.shapes import covers_end, samples
from urlrewrite.lint.views import LevelView, OutboundView, quoted
from urlrewrite.model import PatternSyntax, TagReplacement
from urlrewrite.patterns.tree import Concatenation, Group, Node, Repeat, is_any_run

_DEADLINE = 0.05
_COMPARED = 100  # rules before a rule whose output is tried on it
_URL_FIELDS = ("RESPONSE_LOCATION", "RESPONSE_CONTENT_LOCATION")
_COOKIE = "RESPONSE_SET_COOKIE"
_BARE_ORIGIN = re.compile(r"https?://[^/]*/?|/|(?:/[\w.\-]+)+/")


@check(
    "UR165",
    "The rest of the value is lost",
    OutboundView,
    means="A rule for tags, Location or Set-Cookie writes a new value without what stands after the part that its "
    "pattern is about: the path of a link, the attributes of a cookie.",
    iis="Replaces the whole value, not only what the pattern matches.",
    here="The same, and the trace warns. With the reading `tagReplacement: match` a tag rule replaces the match only.",
    write="`(.*)` at the end of the pattern, and its `{R:n}` at the end of the value: `^http://internal/(.*)` with "
    "`https://www.example.com/{R:1}`.",
)
def lost_tail(view: OutboundView) -> Iterator[Finding]:
    if not _is_whole_value(view) or view.pattern is None or view.item.pattern_syntax is not PatternSyntax.ECMASCRIPT:
        return
    site = view.context.site
    if view.tags and site and site.readings.tag_replacement is TagReplacement.MATCH:
        return
    value = view.value.source
    used = [node.number for node in view.value.references() if isinstance(node, BackReference) and node.kind == "R"]
    pattern = view.item.match.pattern
    if not covers_end(view.pattern):
        if not any(used) and not _BARE_ORIGIN.fullmatch(value):
            return
        fixed = f"{pattern}(.*)$"
        yield Finding(
            f"the pattern {quoted(pattern)} ends before the value does, and the whole value is replaced, in IIS as "
            f"here: the rest is lost; write {quoted(fixed)} and {quoted(value + f'{{R:{view.pattern.groups + 1}}}')}"
        )
        return
    last = _last_group(view.pattern.tree)
    if last and last not in used and 0 not in used and _BARE_ORIGIN.fullmatch(value) and "{" not in value:
        yield Finding(
            f"the value {quoted(value)} lacks {{R:{last}}}, and the whole value is replaced, in IIS as here: the rest "
            f"is lost; write {quoted(value + f'{{R:{last}}}')}"
        )


def _last_group(node: Node) -> int:
    """Return the number of the group at the pattern's end that takes any text, 0 if there is none."""
    while isinstance(node, Concatenation) and node.items:
        at = -2 if not isinstance(node.items[-1], Group | Repeat | Concatenation) and len(node.items) > 1 else -1
        node = node.items[at]
    return node.number if isinstance(node, Group) and is_any_run(node) else 0


def _is_whole_value(view: OutboundView) -> bool:
    """Say whether it is a rule that writes a link or a cookie as a whole."""
    links = bool(view.tags) or view.variable in (*_URL_FIELDS, _COOKIE)
    return links and view.rewrites and not view.item.match.negate


@check(
    "UR166",
    "A prefix that is written twice",
    LevelView,
    means="What a rule writes matches the pattern of a rule after it, or its own: a link that has the prefix already "
    "gets it once more (`/app/app/page`), a cookie the same attribute once more.",
    iis="Rules chain: what one has written is the input of the next. And a page may have links that are already right.",
    here="The same.",
    write="A pattern that leaves out what has the prefix: `^/(?!app/)(.*)`; for cookies `^(?!.*;\\s*secure)(.+)$`.",
)
def written_twice(view: LevelView) -> Iterator[Finding]:
    rules = [rule for rule in view.outbound if _is_whole_value(rule) and not _is_guarded(rule)]
    written = [_written(rule) for rule in rules]
    for at, rule in enumerate(rules):
        earlier = zip(rules[max(0, at - _COMPARED) : at], written[max(0, at - _COMPARED) :], strict=False)
        before = next((other for other, texts in earlier if _follows(other, rule) and _doubles(texts, rule)), None)
        if before:
            cause = f"what the rule {quoted(before.rule)} writes matches the pattern of this rule, which puts"
        elif _doubles(written[at], rule):
            cause = "a value that is correct already matches the pattern, and the rule puts"
        else:
            continue
        prefix = _prefix(rule.value).lstrip("/")
        if rule.variable == _COOKIE:
            name = _added(rule).strip("; ").partition("=")[0]
            write = f"begin the pattern with {quoted(rf'^(?!.*;\s*{name})')}"
        elif rule.item.match.pattern.startswith("^/(") and prefix:
            write = f"write {quoted(f'^/(?!{_escaped(prefix)}){rule.item.match.pattern[2:]}')}"
        else:
            write = f"leave such values out with '(?!{_escaped(prefix)})' in the pattern"
        yield Finding(
            f"{cause} {quoted(_added(rule))} there once more, in IIS as here: {write}", rule.source, rule.rule
        )


def _is_guarded(rule: OutboundView) -> bool:
    """Say whether conditions look at the value, so that nothing can be said."""
    on_value = [item for item in rule.conditions if any(isinstance(n, BackReference) for n in item.input.references())]
    before = rule.pre_condition.conditions if rule.pre_condition else ()
    return bool(on_value) or any(_COOKIE in normal_name(item.item.input) for item in before)


def _follows(first: OutboundView, second: OutboundView) -> bool:
    """Say whether what the first rule writes is the input of the second."""
    same_scope = first.variable == second.variable and bool(first.variable or first.tags & second.tags)
    return same_scope and not first.item.stop_processing


def _written(rule: OutboundView) -> list[str]:
    """Return what the rule makes of texts that match its pattern."""
    texts = samples(rule.pattern) if rule.pattern else []
    return [text for text in (_applied(rule, text) for text in texts) if text]


def _doubles(texts: list[str], rule: OutboundView) -> bool:
    """Say whether a text that has the rule's addition gets it again."""
    added = _added(rule)
    for text in texts:
        if added and added in text and (twice := _applied(rule, text)) and twice.count(added) > text.count(added):
            return True
    return False


def _escaped(text: str) -> str:
    return re.sub(r"[.*+?^${}()|\[\]\\]", r"\\\g<0>", text)


def _prefix(value: Template) -> str:
    """Return the plain text that a value begins with, "" if a reference comes first."""
    first = value.nodes[0] if value.nodes else None
    return first.text if isinstance(first, Literal) and len(value.nodes) > 1 else ""


def _added(rule: OutboundView) -> str:
    """Return what the rule adds: before a link, after a cookie."""
    if rule.variable == _COOKIE:
        last = rule.value.nodes[-1] if len(rule.value.nodes) > 1 else None
        return last.text.strip() if isinstance(last, Literal) else ""
    prefix = _prefix(rule.value)
    return prefix.lstrip("/") if "://" not in prefix else ""


def _applied(rule: OutboundView, text: str) -> str | None:
    """Return the value that the rule writes for a text, unknown things as `v`; None if its pattern does not match."""
    found = rule.pattern.search(text, _DEADLINE) if rule.pattern else None
    if found is None:
        return None
    groups = found.groups

    def resolve(node: Variable | BackReference) -> str:
        if isinstance(node, BackReference) and node.kind == "R":
            return groups[node.number] if node.number < len(groups) else ""
        return "v"

    return rule.value.expand(resolve, lambda name, argument: argument)
