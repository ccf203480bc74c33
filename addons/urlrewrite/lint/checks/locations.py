"""Checks of `<location>`: its rules see the whole path, and not what is below it."""

from __future__ import annotations

from collections.abc import Iterator

from urlrewrite.lint.registry import Finding, check
from urlrewrite.lint.shapes import first_characters
from urlrewrite.lint.subjects import pattern_of
from urlrewrite.lint.views import SiteView, quoted
from urlrewrite.model import InboundRule
from urlrewrite.patterns import characters


@check(
    "UR147",
    "A pattern that leaves out the path of its <location>",
    SiteView,
    means='A rule in `<location path="sub">` has a pattern such as `^page`, which no URL below `sub` begins with.',
    iis="Has URLs relative to the application, also in a `<location>` (measured on IIS 10): the pattern sees "
    "`sub/page`, and never matches. The reference says otherwise.",
    here="The same.",
    write="`^sub/page`; or the rule in the `web.config` of that folder, where `^page` matches.",
)
def leaves_out_location(view: SiteView) -> Iterator[Finding]:
    for location in view.site.locations:
        if location.relative_to is None:
            continue
        path = location.path[len(location.relative_to) :].strip("/")
        for rule in location.rules:
            if rule.enabled and path and _never_begins_with(rule, path):
                text = rule.match.url
                yield Finding(
                    f"the pattern {quoted(text)} never matches, in IIS as here: rules of its <location> see "
                    f"'{path}/...', relative to the application; write {quoted(f'^{path}/{text[1:]}')}",
                    rule.source,
                    rule.name,
                )


def _never_begins_with(rule: InboundRule, path: str) -> bool:
    pattern = pattern_of(rule.match.url, rule.pattern_syntax, rule.match.ignore_case, dot_all=True)
    first = (first_characters(pattern) or []) if pattern and not rule.match.negate else []
    input_begins = f"{path}/"
    return any(
        not any(characters.contains(ranges, ord(each)) for each in {char, char.lower(), char.upper()})
        for ranges, char in zip(first, input_begins, strict=False)
    )
