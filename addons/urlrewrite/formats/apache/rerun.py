"""Rules of a directory that Apache would run a second time.

In a directory Apache starts again from the first rule when a rule has changed the URL, with [L] or without; only [END]
stops that. IIS and this proxy run the rules once. Mostly that is the same: the second run changes nothing. Where it
cannot be shown that it changes nothing, there is a warning.

What is shown: the result is a plain text, and the rules that would match it do nothing, were passed in the first run
by a condition that does not depend on the URL, or ask for files (a rule that leads to an existing file has asked).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from urlrewrite.formats.apache.classes import ExpressionError
from urlrewrite.formats.apache.parts import Context, RewriteCond, RewriteRule
from urlrewrite.formats.apache.pcre import Expression, parse_expression
from urlrewrite.formats.apache.strings import ServerVariable, Test, Text
from urlrewrite.formats.apache.syntax import Flag
from urlrewrite.formats.apache.tree import (
    END,
    START,
    Assertion,
    Chars,
    Choice,
    Group,
    Look,
    Node,
    Repeat,
    Sequence,
)
from urlrewrite.formats.apache.urls import Target
from urlrewrite.formats.reports import ProblemId, Report

_MAX_LENGTH = 80
_MAX_STEPS = 5_000  # for one pattern
_ALL_STEPS = 300_000  # for all patterns of a directory, some second
_OF_URL = frozenset("REQUEST_URI REQUEST_FILENAME SCRIPT_FILENAME PATH_INFO ENV:REDIRECT_URL".split())
_HOLE = "\ufffc"
_FIRST_RUN_ONLY = frozenset(("ENV:REDIRECT_STATUS", "THE_REQUEST"))


def warn_of_second_runs(context: Context, report: Report) -> None:
    """Warns of every rule after which a second run could change something."""
    run = _SecondRun(context.rules)
    for position, rule in enumerate(context.rules):
        target = _local_target(rule)
        if not target:
            continue
        path = "".join(part.text if isinstance(part, Text) else _HOLE for part in target.path)
        text = path.removeprefix(context.base).lstrip("/") if context.base else path.lstrip("/")
        try:
            other = run.acts_on(None if _HOLE in text else text, position, same_query=target.query is None)
        except _TooLong:
            message = "the rules from here on are too many to tell what Apache's second run of them would change"
            report.warning(rule.line, ProblemId.APACHE_RUNS_AGAIN, message)
            return
        if other:
            message = (
                "in a directory Apache runs the rules again on the result of this one, IIS and this proxy run them "
                f"once; line {other.line} may act on it: compare, or write [END] if once is meant"
            )
            report.warning(rule.line, ProblemId.APACHE_RUNS_AGAIN, message)


def _local_target(rule: RewriteRule) -> Target | None:
    """The substitution of a rule that changes the URL and lets Apache run the rules again."""
    if rule.substitution is None or rule.has(Flag.REDIRECT, Flag.PROXY, Flag.FORBIDDEN, Flag.GONE, Flag.END):
        return None
    target = Target.of(rule.substitution, last_mark=False, document_root="")
    return None if target.absolute else target


def _expression(rule: RewriteRule) -> Expression | None:
    try:
        return parse_expression(rule.pattern, ignore_case=rule.has(Flag.NO_CASE))
    except ExpressionError:
        return None


def _only_first(condition: RewriteCond) -> bool:
    """Whether a condition fails on what a rule made, as far as its author could know."""
    names = _names(condition)
    return condition.pattern.test is Test.PROPERTY or not names.isdisjoint(_FIRST_RUN_ONLY)


def _is_constant(condition: RewriteCond, *, same_query: bool) -> bool:
    """Whether a condition comes to the same in both runs."""
    names = _names(condition)
    if not names.isdisjoint(_OF_URL) or ("QUERY_STRING" in names and not same_query):
        return False
    return all(isinstance(part, Text | ServerVariable) for part in condition.test)


def _names(condition: RewriteCond) -> frozenset[str]:
    return frozenset(part.name.upper() for part in condition.test if isinstance(part, ServerVariable))


def _is_fixed(rule: RewriteRule) -> bool:
    """Whether it makes the same URL of its own result."""
    return all(isinstance(part, Text) for part in rule.substitution or ()) and not rule.has(Flag.QUERY_APPEND)


class _TooLong(Exception):  # noqa: N818 - an outcome
    """More steps than allowed, or something that is not looked into."""


class _SecondRun:
    """The rules of a directory, asked what they do to a URL that one of them made."""

    def __init__(self, rules: list[RewriteRule]) -> None:
        self.rules = rules
        self.expressions = [_expression(rule) for rule in rules]
        self.steps = 0

    def acts_on(self, text: str | None, position: int, *, same_query: bool) -> RewriteRule | None:
        """The first rule that may change something.

        Args:
            text: the URL's path in the directory, None where it is not known.
            position: of the rule that made it.
            same_query: whether the query string is the one that came.

        Raises:
            _TooLong: all the questions together take too long.
        """
        for index, (rule, expression) in enumerate(zip(self.rules, self.expressions, strict=True)):
            self.steps += 1
            if self.steps > _ALL_STEPS:
                raise _TooLong
            if any(_only_first(condition) for condition in rule.conditions):
                continue
            matched = None if text is None or expression is None else self.matches(expression, text)
            if matched is not None and matched is rule.negate:
                continue
            if index < position and expression and self.was_passed(rule, expression, same_query=same_query):
                continue
            if rule.substitution is None and not rule.has(Flag.FORBIDDEN, Flag.GONE, Flag.REDIRECT):
                if rule.has(Flag.LAST, Flag.END) and not rule.conditions and matched:
                    return None
                continue
            if index == position and _is_fixed(rule):
                return None  # Apache lets it be if nothing changes
            return rule
        return None

    def was_passed(self, rule: RewriteRule, expression: Expression, *, same_query: bool) -> bool:
        """Whether only conditions can have kept the first run from this rule, which are the same in the second."""
        if not rule.conditions or not all(_is_constant(item, same_query=same_query) for item in rule.conditions):
            return False
        return all(self.matches(expression, text) for text in ("", "a", "a/b.c"))

    def matches(self, expression: Expression, text: str) -> bool | None:
        """Whether the pattern is found in the text; None where that would take too long to say."""
        if len(text) > _MAX_LENGTH:
            return None
        matcher = _Matcher(text, ignore_case=expression.ignore_case)
        try:
            return any(matcher.match(expression.tree, at, lambda end: True) for at in range(len(text) + 1))
        except (_TooLong, RecursionError):
            return None
        finally:
            self.steps += matcher.steps


class _Matcher:
    """Backtracks over a tree, for a limited number of steps."""

    def __init__(self, text: str, *, ignore_case: bool) -> None:
        self.text = text
        self.flags = re.IGNORECASE if ignore_case else 0
        self.steps = 0

    def match(self, node: Node, at: int, then: Callable[[int], bool]) -> bool:
        self.steps += 1
        if self.steps > _MAX_STEPS:
            raise _TooLong
        match node:
            case Chars():
                found = at < len(self.text) and re.match(node.source, self.text[at], self.flags | re.DOTALL)
                return bool(found) and then(at + 1)
            case Assertion():
                if node in (START, END):
                    return at == (0 if node == START else len(self.text)) and then(at)
                raise _TooLong
            case Look() if "<" not in node.opening:
                ahead = self.match(node.body, at, lambda end: True)
                return ahead is (node.opening == "(?=") and then(at)
            case Group():
                return self.match(node.body, at, then)
            case Choice():
                return any(self.match(branch, at, then) for branch in node.branches)
            case Sequence():
                return self.sequence(node.items, 0, at, then)
            case Repeat():
                return self.repeat(node, 0, at, then)
            case _:
                raise _TooLong

    def sequence(self, items: tuple[Node, ...], index: int, at: int, then: Callable[[int], bool]) -> bool:
        if index == len(items):
            return then(at)
        return self.match(items[index], at, lambda end: self.sequence(items, index + 1, end, then))

    def repeat(self, node: Repeat, done: int, at: int, then: Callable[[int], bool]) -> bool:
        more = node.most is None or done < node.most

        def again(end: int) -> bool:
            return (end > at or done < node.least) and self.repeat(node, done + 1, end, then)

        return (more and self.match(node.body, at, again)) or (done >= node.least and then(at))
