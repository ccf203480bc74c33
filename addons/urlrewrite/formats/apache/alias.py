"""Redirect and RedirectMatch of mod_alias as rules of IIS."""

from __future__ import annotations

import re

from urlrewrite.formats.apache.actions import REDIRECTS, blocked, redirects
from urlrewrite.formats.apache.expressions import read_expression
from urlrewrite.formats.apache.parts import AliasRedirect
from urlrewrite.formats.apache.rules import Numbering
from urlrewrite.formats.apache.slash import without_slash
from urlrewrite.formats.reports import ProblemId, Report
from urlrewrite.model import Action, ActionType, Condition, Conditions, InboundRule, Match
from urlrewrite.patterns.spelling import ecmascript_literal, ecmascript_source, written_numbers

_REFERENCE = re.compile(r"\\(.)|\$([0-9])", re.DOTALL)


def convert_redirect(redirect: AliasRedirect, numbering: Numbering, report: Report) -> InboundRule | None:
    """Convert a redirect; None where it cannot be converted, which the report says then."""
    match, conditions, target = _matching(redirect, report) if redirect.regex else _prefix(redirect)
    if redirects(redirect.status) and redirect.status not in REDIRECTS:
        message = f"got a redirect with status {redirect.status}, expected one of {', '.join(map(str, REDIRECTS))}"
        report.error(redirect.line, ProblemId.APACHE_NOT_CONVERTED, message)
        return None
    if redirect.target:
        append = "?" not in redirect.target
        action = Action(ActionType.REDIRECT, target, append, REDIRECTS[redirect.status])
    else:
        action = blocked(redirect.status)
    return InboundRule(
        numbering.name(),
        match,
        conditions,
        action=action,
        stop_processing=True,
        source=report.source(redirect.line),
        comment=redirect.comment,
    )


def _prefix(redirect: AliasRedirect) -> tuple[Match, Conditions, str]:
    """Convert Redirect: it matches a path and everything below it, and appends the rest to the target."""
    path = redirect.path.strip("/")
    text = ecmascript_literal(path)
    if redirect.path.endswith("/"):
        pattern = f"^{text}{'/' if text else ''}(.*)$"
    else:
        pattern = f"^{text}(/.*)?$"
    return Match(pattern, ignore_case=False), Conditions(), f"{redirect.target}{{R:1}}"


def _matching(redirect: AliasRedirect, report: Report) -> tuple[Match, Conditions, str]:
    tree = read_expression(redirect.path, redirect.line, report, dot_takes_line_ends=not redirect.target).tree
    used = frozenset(int(found[2]) for found in _REFERENCE.finditer(redirect.target) if found[2])
    stripped = without_slash(tree, used)
    lost = stripped.groups if stripped else frozenset()
    numbers = written_numbers(stripped.tree if stripped else tree)
    kind = "R" if stripped else "C"

    def group(found: re.Match[str]) -> str:
        if found[1]:
            return found[1]
        number = int(found[2])
        return f"{'/' if number in lost else ''}{{{kind}:{numbers[number]}}}" if number in numbers else ""

    target = _REFERENCE.sub(group, redirect.target)
    if stripped:
        return Match(ecmascript_source(stripped.tree), ignore_case=False), Conditions(), target
    condition = Condition("{URL}", ecmascript_source(tree), ignore_case=False)
    return Match(".*", ignore_case=False), Conditions((condition,)), target
