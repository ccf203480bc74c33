"""The sections of a configuration that limit what stands in them to some requests."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence

from urlrewrite.formats.apache.expressions import read_expression
from urlrewrite.formats.apache.parts import Scope, ScopeKind
from urlrewrite.formats.apache.strings import Part, RuleGroup
from urlrewrite.formats.apache.syntax import DirectiveError
from urlrewrite.formats.reports import Report
from urlrewrite.model import Condition, Conditions, Match
from urlrewrite.patterns.spelling import ecmascript_literal, ecmascript_source

_ANCHOR = re.compile(r"(?<![\\[])\^")
_NAME_END = re.compile(r"(?<!\\)\$(?=[|)]|$)")
_EVERYTHING = frozenset((".*", "(.*)", "^", "^.*", "^.*$", "^(.*)$", ".?", "."))
_WILD = set("*?[")
_KINDS = {
    "location": ScopeKind.LOCATION,
    "locationmatch": ScopeKind.LOCATION_MATCH,
    "files": ScopeKind.FILES,
    "filesmatch": ScopeKind.FILES_MATCH,
    "limit": ScopeKind.LIMIT,
    "limitexcept": ScopeKind.LIMIT_EXCEPT,
    "proxy": ScopeKind.PROXY,
    "requireall": ScopeKind.REQUIRE_ALL,
    "requireany": ScopeKind.REQUIRE_ANY,
    "requirenone": ScopeKind.REQUIRE_NONE,
}
_EXPRESSIONS = {ScopeKind.LOCATION: ScopeKind.LOCATION_MATCH, ScopeKind.FILES: ScopeKind.FILES_MATCH}

CONTAINERS = frozenset({ScopeKind.REQUIRE_ALL, ScopeKind.REQUIRE_ANY, ScopeKind.REQUIRE_NONE})
"""Sections that group what is required, and limit nothing."""

LAST_SEGMENT = Match("([^/]*)$")
"""Gives the name of the file, as far as a URL tells it, as `{R:1}`: where `{URL}` alone does not do."""


def scope_of(words: Sequence[str], line: int, text: str) -> Scope:
    """Return the scope that a section opens; `words` are its name and what stands beside it."""
    kind = _KINDS.get(words[0].lower(), ScopeKind.OTHER)
    arguments = tuple(words[1:])
    if arguments[:1] == ("~",) and kind in _EXPRESSIONS:
        kind, arguments = _EXPRESSIONS[kind], arguments[1:]
    if kind is ScopeKind.LOCATION and (len(arguments) != 1 or _WILD & set(arguments[0])):
        kind = ScopeKind.OTHER
    if kind is ScopeKind.PROXY and arguments != ("*",):
        kind = ScopeKind.OTHER
    return Scope(kind, arguments, line, text)


def match_of(scopes: Sequence[Scope], report: Report) -> tuple[Match, Conditions] | None:
    """Return the match and conditions of a rule for the requests in all of the scopes; None if no rule can say that."""
    match, conditions = Match(".*"), list[Condition]()
    for scope in scopes:
        source = report.source(scope.line)
        match scope.kind:
            case ScopeKind.PROXY:
                pass
            case ScopeKind.LOCATION:
                path = scope.arguments[0].rstrip("/")
                end = "/" if scope.arguments[0].endswith("/") else "(?:/|$)"
                if path or end == "(?:/|$)":
                    pattern = f"^{ecmascript_literal(path)}{end}"
                    conditions.append(Condition("{URL}", pattern, ignore_case=False, source=source))
            case ScopeKind.LOCATION_MATCH if len(scope.arguments) == 1:
                pattern = ecmascript_source(read_expression(scope.arguments[0], scope.line, report).tree)
                conditions.append(Condition("{URL}", pattern, ignore_case=False, source=source))
            case ScopeKind.FILES | ScopeKind.FILES_MATCH if len(scope.arguments) == 1:
                pattern = _name_pattern(scope)
                if _ANCHOR.search(pattern.removeprefix("^")):
                    match, tested = LAST_SEGMENT, "{R:1}"
                else:
                    tested = "{URL}"
                    anywhere = "" if pattern.startswith("^") else "[^/]*?"
                    # What follows the name of a file is its path info: /xmlrpc.php/x is asked of xmlrpc.php. Without
                    # the files, a segment with an extension is taken for one.
                    name = _NAME_END.sub("(?=/|$)", pattern.removeprefix("^"))
                    pattern = f"/(?=[^/]*$|[^/]+\\.[^/]*/){anywhere}(?:{name})"
                pattern = ecmascript_source(read_expression(pattern, scope.line, report).tree)
                conditions.append(Condition(tested, pattern, ignore_case=False, source=source))
            case ScopeKind.LIMIT | ScopeKind.LIMIT_EXCEPT:
                methods = "|".join(map(ecmascript_literal, scope.arguments))
                if "GET" in scope.arguments:
                    methods += "|HEAD"
                negate = scope.kind is ScopeKind.LIMIT_EXCEPT
                pattern = f"^(?:{methods})$"
                conditions.append(
                    Condition("{REQUEST_METHOD}", pattern, ignore_case=False, negate=negate, source=source)
                )
            case _:
                return None
    return match, Conditions(tuple(conditions))


def _name_pattern(scope: Scope) -> str:
    """Return the expression for the name of a file; wildcards are those of the shell."""
    text = scope.arguments[0]
    if scope.kind is ScopeKind.FILES_MATCH:
        return text
    return "^" + fnmatch.translate(text).removeprefix("(?s:").rpartition(")")[0] + "$"


def is_one_location(scopes: Sequence[Scope], directory: str | None) -> bool:
    """Say whether scopes are a path of the server or of a virtual host, and nothing else."""
    return [scope.kind for scope in scopes] == [ScopeKind.LOCATION] and directory is None


def pattern_in_location(scope: Scope, pattern: str, negate: bool, substitution: Sequence[Part]) -> str:
    """Return the pattern, for the server, of a rule for everything in a `<Location>`.

    Raises:
        DirectiveError: it sees what only Apache knows: where the path of a file would be.
    """
    if pattern not in _EVERYTHING or negate or any(isinstance(part, RuleGroup) for part in substitution):
        raise DirectiveError(
            f"got a rule in {scope.text} whose pattern or $1 depends on the path of a file: write it outside"
        )
    path = scope.arguments[0].rstrip("/")
    return f"^{re.escape(path)}(?:/|$)" if path else "^"
