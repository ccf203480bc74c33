"""Checks of rules that block paths: what a backend takes for the path, though the rule does not."""

from __future__ import annotations

from collections.abc import Iterator

from urlrewrite.lint.registry import Finding, check
from urlrewrite.lint.shapes import samples
from urlrewrite.lint.views import InboundView, LevelView, quoted
from urlrewrite.model import ActionType

_PARAMETER = ";x"
_DEADLINE = 0.02
_TRIED = 10_000  # some ten milliseconds; the rules after that are not tried


@check(
    "UR181",
    "A blocked path that a path parameter uncovers",
    LevelView,
    means="A rule blocks a path, and not the same path with a parameter, such as `/admin;x` or `/admin;x/page`. To IIS "
    "and most other servers that is another name, but servers of Java (Tomcat, Jetty, Spring) cut the parameter, and "
    "give what was to be blocked. The first such rule of a level is named.",
    iis="Does not block it, and sends it to the backend as it came.",
    here="The same. A dot segment with a parameter, `/..;/`, gets 400.",
    write="A pattern that takes a parameter at the end of each segment: `^admin(?=[;/]|$)` for `^admin(/|$)`, "
    "`^admin(;[^/]*)?/users` for `^admin/users`. Where no backend cuts parameters, silence the finding.",
)
def uncovered_by_parameter(view: LevelView) -> Iterator[Finding]:
    blocking = [rule for rule in view.inbound if _blocks(rule)]
    left = _TRIED
    for rule in blocking:
        for url in _with_parameter(rule):
            left -= len(blocking)
            if left < 0:
                return
            if not any(_takes(other, url) for other in blocking):
                yield Finding(
                    f"{quoted(f'/{url}')} is not blocked, in IIS as here, and a backend of Java would take it for "
                    f"{quoted('/' + url.replace(_PARAMETER, ''))}, which is: let the pattern take a ';' at the end of "
                    "a segment, or silence this if no backend is of that kind",
                    rule.source,
                    rule.rule,
                )
                return


def _blocks(rule: InboundView) -> bool:
    """Say whether a rule refuses whatever its pattern matches."""
    action = rule.item.action
    refuses = action.type is ActionType.ABORT_REQUEST or (
        action.type is ActionType.CUSTOM_RESPONSE and action.status_code >= 400
    )
    return refuses and not rule.conditions and not rule.item.match.negate and rule.pattern is not None


def _with_parameter(rule: InboundView) -> Iterator[str]:
    """Yield paths that the rule blocks, with a parameter behind one of their segments."""
    assert rule.pattern
    for text in samples(rule.pattern):
        segments = text.split("/")
        for at, segment in enumerate(segments):
            if segment and segment.isprintable():
                yield "/".join((*segments[:at], segment + _PARAMETER, *segments[at + 1 :]))


def _takes(rule: InboundView, url: str) -> bool:
    assert rule.pattern
    return url.startswith(f"{rule.directory}/" * bool(rule.directory)) and bool(rule.pattern.search(url, _DEADLINE))
