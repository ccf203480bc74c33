"""`ProxyPassMatch`, which becomes a rule.

(Apache HTTP Server 2.4 documentation, "mod_proxy", ProxyPass and ProxyPassMatch: of both, the first one in the file
that fits counts.)
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from urlrewrite.formats.apache.parts import Directive, Host, RewriteCond, RewriteRule, ScopeKind
from urlrewrite.formats.apache.proxies import place_of
from urlrewrite.formats.apache.strings import parse_condition_pattern, parse_template
from urlrewrite.formats.apache.syntax import DirectiveError, Flag
from urlrewrite.formats.reports import ProblemId, Report
from urlrewrite.formats.wording import shown

_NOT_FORWARDED = ((Flag.REDIRECT, "404"), (Flag.LAST, ""))
_FORWARDED = ((Flag.PROXY, ""), (Flag.NO_ESCAPE, ""))


def add_matched_passes(host: Host, report: Report) -> None:
    """Add each ProxyPassMatch to the rules of its host: it is a RewriteRule with the flag P, behind all others.

    Without `$1` or the like in its URL, the whole path is added to that.
    """
    earlier: list[str] = []
    for item in host.beside:
        if item.name == "ProxyPass" and (path := place_of(item)[0]):
            earlier.append(path)
        if item.name != "ProxyPassMatch":
            continue
        pattern, words = _pattern_of(item)
        if pattern is None or not words:
            message = f"got {shown(item.text)}, expected a pattern and a URL, or a URL in <LocationMatch>"
            report.error(item.line, ProblemId.APACHE_NOT_CONVERTED, message)
            continue
        if "/" in earlier:
            message = f"{shown(item.text)} comes after ProxyPass /: Apache goes by the first one that fits"
            report.warning(item.line, ProblemId.APACHE_NO_EFFECT, message)
            continue
        url = words[0]
        try:
            target = None if url == "!" else parse_template(url if "$" in url else f"{url}%{{REQUEST_URI}}")
            not_earlier = _not_below(earlier, item.line)
        except DirectiveError as fault:
            report.error(item.line, ProblemId.APACHE_SYNTAX, str(fault))
            continue
        if target is None:
            message = f"got {shown(item.text)}: nothing is forwarded there, and what Apache serves is not here"
            report.warning(item.line, ProblemId.APACHE_NEAREST, message)
        flags = _FORWARDED if target else _NOT_FORWARDED
        host.own.rules.append(RewriteRule(item.line, pattern, False, target, flags, not_earlier, ""))
        host.own.engine = True if host.own.engine is None else host.own.engine


def _pattern_of(item: Directive) -> tuple[str | None, Sequence[str]]:
    """Return the pattern, that of `<LocationMatch>` where the directive stands in one, and the words after it."""
    match [scope.kind for scope in item.scopes]:
        case []:
            return (item.words[0], item.words[1:]) if item.words else (None, ())
        case [ScopeKind.LOCATION]:
            return f"^{re.escape(item.scopes[0].arguments[0])}", item.words
        case [ScopeKind.LOCATION_MATCH] if len(item.scopes[0].arguments) == 1:
            return item.scopes[0].arguments[0], item.words
    return None, ()


def _not_below(paths: Sequence[str], line: int) -> tuple[RewriteCond, ...]:
    """Return the condition that a request is not for a path that an earlier ProxyPass takes."""
    taken = "|".join(re.escape(path) + ("" if path.endswith("/") else "(?:/|$)") for path in paths)
    pattern = parse_condition_pattern(f"!^(?:{taken})")
    return (RewriteCond(line, parse_template("%{REQUEST_URI}"), pattern, ()),) if paths else ()
