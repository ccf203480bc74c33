"""Warns of per-directory rules whose result Apache would rewrite once more.

In per-directory context Apache starts again from the first rule when a rule has changed the URL, with [L] or without;
only [END] stops that. IIS and this proxy run the rules once. Mostly the result is the same, since the second run
changes nothing. There is a warning where that cannot be shown.

It is shown where the result is a plain text and each rule that matches it does nothing, or has a condition that asks
for a file, or was kept from acting in the first run by conditions that do not depend on the URL.
"""

from __future__ import annotations

from urlrewrite.formats.apache.parts import Context, RewriteCond, RewriteRule
from urlrewrite.formats.apache.strings import ServerVariable, Test, Text
from urlrewrite.formats.apache.syntax import Flag
from urlrewrite.formats.apache.urls import Target
from urlrewrite.formats.reports import ProblemId, Report
from urlrewrite.patterns.pattern import Pattern, PatternError, PatternTimeout, compile_pattern
from urlrewrite.patterns.pcre import parse_pcre
from urlrewrite.patterns.spelling import ecmascript_source

_MAX_LENGTH = 80
_DEADLINE = 0.01  # seconds, for one pattern that is not known to be quick
_MAX_SEARCHES = 100_000  # for all patterns of a directory, some tenths of a second
_SEARCHES_OF_ONE_LATE = 1_000  # that one which was not done in time stands for
_OF_URL = frozenset("REQUEST_URI REQUEST_FILENAME SCRIPT_FILENAME PATH_INFO ENV:REDIRECT_URL".split())
_HOLE = "\ufffc"
_FIRST_RUN_ONLY = frozenset(("ENV:REDIRECT_STATUS", "THE_REQUEST"))


def warn_of_second_runs(context: Context, report: Report) -> None:
    """Warn of every rule after which a second run could change something."""
    run = _SecondRun(context.rules)
    for position, rule in enumerate(context.rules):
        target = _local_target(rule)
        if not target:
            continue
        path = "".join(part.text if isinstance(part, Text) else _HOLE for part in target.path)
        text = path.removeprefix(context.base).lstrip("/") if context.base else path.lstrip("/")
        try:
            other = run.acts_on(None if _HOLE in text else text, position, same_query=target.query is None)
        except _TooManyError:
            message = "there are too many rules from here on to tell what Apache's second run of them would change"
            report.warning(rule.line, ProblemId.APACHE_RUNS_AGAIN, message)
            return
        if other:
            message = (
                "in a directory Apache runs the rules again on the result of this one, IIS and this proxy run them "
                f"once; line {other.line} may act on it: compare, or write [END] if once is meant"
            )
            report.warning(rule.line, ProblemId.APACHE_RUNS_AGAIN, message)


def _local_target(rule: RewriteRule) -> Target | None:
    """Return the substitution of a rule after which Apache runs the rules again, None for any other rule."""
    if rule.substitution is None or rule.has(Flag.REDIRECT, Flag.PROXY, Flag.FORBIDDEN, Flag.GONE, Flag.END):
        return None
    target = Target.of(rule.substitution, last_mark=False, document_root="")
    return None if target.absolute else target


def _compiled(rule: RewriteRule) -> Pattern | None:
    try:
        found = parse_pcre(rule.pattern, ignore_case=rule.has(Flag.NO_CASE), dot_takes_line_ends=True)
        return compile_pattern(ecmascript_source(found.tree), "ECMAScript", ignore_case=found.ignore_case)
    except PatternError:
        return None


def _only_first(condition: RewriteCond) -> bool:
    """Tell whether a condition is meant to fail in the second run: it asks for a file or for the request line."""
    names = _names(condition)
    return condition.pattern.test is Test.PROPERTY or not names.isdisjoint(_FIRST_RUN_ONLY)


def _is_constant(condition: RewriteCond, *, same_query: bool) -> bool:
    """Tell whether a condition has the same outcome in both runs."""
    names = _names(condition)
    if not names.isdisjoint(_OF_URL) or ("QUERY_STRING" in names and not same_query):
        return False
    return all(isinstance(part, Text | ServerVariable) for part in condition.test)


def _names(condition: RewriteCond) -> frozenset[str]:
    return frozenset(part.name.upper() for part in condition.test if isinstance(part, ServerVariable))


def _is_fixed(rule: RewriteRule) -> bool:
    """Tell whether the rule turns its own result into the same URL again."""
    return all(isinstance(part, Text) for part in rule.substitution or ()) and not rule.has(Flag.QUERY_APPEND)


class _TooManyError(Exception):
    """More searches than allowed."""


class _SecondRun:
    """The rules of a directory, applied to a URL that one of them made."""

    def __init__(self, rules: list[RewriteRule]) -> None:
        self.rules = rules
        self.patterns = list(map(_compiled, rules))
        self.searches = 0

    def acts_on(self, text: str | None, position: int, *, same_query: bool) -> RewriteRule | None:
        """Find the first rule that may change something.

        Args:
            text: the URL's path in the directory, None where it is not known.
            position: of the rule that made it.
            same_query: whether the query string is the one that came.

        Raises:
            _TooManyError: all the questions together take too long.
        """
        for index, (rule, pattern) in enumerate(zip(self.rules, self.patterns, strict=True)):
            self.searches += 1
            if self.searches > _MAX_SEARCHES:
                raise _TooManyError
            if any(_only_first(condition) for condition in rule.conditions):
                continue
            matched = None if text is None or pattern is None else self.matches(pattern, text)
            if matched is not None and matched is rule.negate:
                continue
            if index < position and pattern and self.was_passed(rule, pattern, same_query=same_query):
                continue
            if rule.substitution is None and not rule.has(Flag.FORBIDDEN, Flag.GONE, Flag.REDIRECT):
                if rule.has(Flag.LAST, Flag.END) and not rule.conditions and matched:
                    return None
                continue
            if index == position and _is_fixed(rule):
                return None  # Apache lets it be if nothing changes
            return rule
        return None

    def was_passed(self, rule: RewriteRule, pattern: Pattern, *, same_query: bool) -> bool:
        """Tell whether conditions kept the rule from acting in the first run that will do so in the second."""
        if not rule.conditions or not all(_is_constant(item, same_query=same_query) for item in rule.conditions):
            return False
        return all(self.matches(pattern, text) for text in ("", "a", "a/b.c"))

    def matches(self, pattern: Pattern, text: str) -> bool | None:
        """Tell whether the pattern is found in the text; None where that would take too long."""
        if len(text) > _MAX_LENGTH:
            return None
        try:
            return pattern.search(text, _DEADLINE) is not None
        except PatternTimeout:
            self.searches += _SEARCHES_OF_ONE_LATE
            return None
