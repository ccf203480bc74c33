"""Rules that did not act on a request, and nearly did: the pattern or condition to write."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from urlrewrite.formats.downlevel.links_as_rules import escaped
from urlrewrite.inspector.diagnose.why import Why
from urlrewrite.inspector.remedies import parts
from urlrewrite.inspector.remedies.judges import goes_elsewhere
from urlrewrite.inspector.remedies.parts import Change
from urlrewrite.inspector.remedies.proposal import About, Remedy
from urlrewrite.inspector.remedies.table import Maker
from urlrewrite.inspector.remedies.trying import Trying

_SLASH = re.compile(r"^(\^?)\\?/")
_WITH_HOST = re.compile(r"\^?https?\??:(?:\\?/){2}(?:[^/(\\]|\\[.-])+(?:\\?/)?", re.IGNORECASE)


def _pattern(change: Callable[[About, str], str], what: str) -> Maker:
    """Make the remedy that writes the pattern of a rule for requests otherwise."""

    def maker(about: About, trying: Trying) -> Iterator[Remedy]:
        rule = about.inbound
        pattern = change(about, rule.match.url) if rule else ""
        if rule and pattern and pattern != rule.match.url:
            edit = about.changed(parts.pattern_set(pattern))
            yield Remedy(f"{what} Set the pattern to {pattern}", edit, goes_elsewhere(trying, about))
            yield Remedy(f"{what} Set the pattern to {pattern}")

    return maker


def _changed(change: Change, todo: str) -> Maker:
    def maker(about: About, trying: Trying) -> Iterator[Remedy]:
        yield Remedy(todo, about.changed(change), goes_elsewhere(trying, about))

    return maker


def _without_mount(about: About, pattern: str) -> str:
    path = about.site.path.strip("/") if about.site else ""
    return pattern.replace(f"{escaped(path)}/", "", 1) if path else pattern


def _condition(about: About, trying: Trying) -> Iterator[Remedy]:
    rule = about.inbound
    host = about.exchange.request.host.partition(":")[0]
    for number, item in enumerate(rule.conditions.items if rule else ()):
        if item.input.upper() != "{HTTP_HOST}" or item.negate or host.lower() in item.pattern.replace("\\", "").lower():
            continue
        pattern = f"^{escaped(host)}(?::\\d+)?$" if ":" in about.exchange.request.host else f"^{escaped(host)}$"
        todo = f"Browsers ask by the public name. Set the pattern of the condition on {{HTTP_HOST}} to {pattern}"
        edit = about.changed(parts.condition_changed(number, pattern=pattern))
        yield Remedy(f"{todo}.", edit, goes_elsewhere(trying, about))
    if rule is not None:
        yield Remedy(
            "Correct the pattern of that condition so that it holds for this request, or remove the condition, if the "
            "rule is to act without it."
        )


NEAR_MISSES = (
    (Why.LETTER_CASE, _changed(parts.in_any_case, "Remove ignoreCase: false from the match of the rule.")),
    (Why.DISABLED, _changed(parts.switched_on, "Remove enabled: false from the rule.")),
    (
        Why.SLASH_AT_START,
        _pattern(lambda about, pattern: _SLASH.sub(r"\1", pattern), "Rules see the path without its slash."),
    ),
    (
        Why.SLASH_AT_END,
        _pattern(lambda about, pattern: re.sub(r"/(\$?)$", r"/?\1", pattern), "Let the slash at the end be optional."),
    ),
    (
        Why.NO_SLASH_AT_END,
        _pattern(lambda about, pattern: re.sub(r"(?<!\\)\$$", "/?$", pattern), "Let a slash at the end be allowed."),
    ),
    (
        Why.WHOLE_URL,
        _pattern(lambda about, pattern: _WITH_HOST.sub("^", pattern, 1), "Rules see the path alone, without a host."),
    ),
    (
        Why.QUERY,
        _pattern(
            lambda about, pattern: re.sub(r"\\\?.*$", "$", pattern),
            "Rules see the path without the query, for which there is a condition on {QUERY_STRING}.",
        ),
    ),
    (Why.MOUNT, _pattern(_without_mount, "Rules see what comes after the path of the site.")),
    (Why.CONDITION, _condition),
    (Why.NEGATED_CONDITION, _condition),
)  # fmt: skip
