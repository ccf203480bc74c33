"""Checks of conditions: whose captures `{C:n}` gives, what can never hold, and files on a server without files."""

from __future__ import annotations

from collections.abc import Iterator

from urlrewrite.engine.template import BackReference, Template
from urlrewrite.engine.variables import HOST_VARIABLES, PATH_VARIABLES
from urlrewrite.lint.registry import Finding, check
from urlrewrite.lint.shapes import begins_with, cannot_begin_with, flat, is_only, sample_character
from urlrewrite.lint.views import ConditionsView, ConditionView, PreConditionView, place, quoted
from urlrewrite.model import LogicalGrouping, MatchType, PatternSyntax, Source
from urlrewrite.patterns import characters
from urlrewrite.patterns.pattern import Pattern
from urlrewrite.patterns.tree import Chars, Repeat

_DEADLINE = 0.05
_TARGETS = ("REQUEST_URI", "UNENCODED_URL", "HTTP_URL", "HTTP_X_ORIGINAL_URL")
_VALUES = {
    "HTTPS": ("on", "off"),
    "SERVER_PORT_SECURE": ("0", "1"),
    "RESPONSE_STATUS": tuple(map(str, range(100, 600))),
}
_DIGITS = "0123456789"
_KINDS = (
    (("REMOTE_PORT", "SERVER_PORT", "CONTENT_LENGTH"), "a number", _DIGITS),
    (("REMOTE_ADDR", "REMOTE_HOST", "LOCAL_ADDR", "SERVER_ADDR"), "an address", _DIGITS + "abcdef.:%"),
    (("REQUEST_METHOD", "HTTP_METHOD"), "a method", "ABCDEFGHIJKLMNOPQRSTUVWXYZ-_" + _DIGITS),
)
"""Variables with what their value is, and all characters that it can have. (Methods are in capitals.)"""


@check(
    "UR140",
    "{C:n} taken from the wrong condition",
    ConditionsView,
    means="`{C:n}` refers to a group that the last condition does not have, though an earlier one has it. Without "
    "trackAllCaptures only the condition that matched last is remembered.",
    iis="Gives an empty text.",
    here="The same.",
    write="`trackAllCaptures: true`, with the groups of all conditions numbered through; or the condition that "
    "captures as the last one.",
)
def not_the_last_condition(view: ConditionsView) -> Iterator[Finding]:
    capturing = [item for item in view.items if item.captures >= 0]
    if view.track or view.grouping is LogicalGrouping.MATCH_ANY or len(capturing) < 2:
        return
    last = capturing[-1]
    for number, template, source in _highest(view):
        meant = next((item for item in capturing if item.captures >= number), None)
        if last.captures < number and meant:
            at = sum(item.captures for item in capturing[: capturing.index(meant)]) + number
            yield Finding(
                f"{{C:{number}}} in {quoted(template.source)} is empty, in IIS as here: it comes from the condition "
                f"that matched last, on {last.item.input}, and not from that on {meant.item.input}; set "
                f"trackAllCaptures and write {{C:{at}}}, or put the condition on {meant.item.input} last",
                source,
            )


@check(
    "UR141",
    "{C:n} where no condition captures",
    ConditionsView,
    means="`{C:n}` is used, but every condition with a pattern is negated: where it holds, nothing has matched.",
    iis="Gives an empty text.",
    here="The same.",
    write="One more condition on the same input, not negated, with a pattern that captures: `(.*)`.",
)
def only_negated_conditions(view: ConditionsView) -> Iterator[Finding]:
    patterns = [item for item in view.items if item.pattern]
    if not patterns or any(item.captures >= 0 for item in view.items):
        return
    for number, template, source in _highest(view):
        yield Finding(
            f"{{C:{number}}} in {quoted(template.source)} is always empty, in IIS as here, because a negated condition "
            "captures nothing: add a condition on the same input that is not negated and captures",
            source,
        )


@check(
    "UR142",
    "{C:n} of conditions of which any suffices",
    ConditionsView,
    means="With MatchAny the first condition that holds ends the evaluation, and `{C:n}` comes from that one. Another "
    "condition of the rule does not have this group.",
    iis="Gives an empty text where the other condition was the one that held.",
    here="The same.",
    write="The same groups in every condition, or a rule for each.",
)
def any_condition(view: ConditionsView) -> Iterator[Finding]:
    if view.grouping is not LogicalGrouping.MATCH_ANY or len(view.items) < 2:
        return
    for number, template, source in _highest(view):
        lacking = next((item for item in view.items if item.captures < number), None)
        if lacking and number and any(item.captures >= number for item in view.items):
            yield Finding(
                f"{{C:{number}}} in {quoted(template.source)} is empty, in IIS as here, where the condition on "
                f"{lacking.item.input} is the one that holds: with MatchAny give every condition the same groups, or "
                "write a rule for each",
                source,
            )


@check(
    "UR143",
    "A back-reference in a condition that is always empty",
    ConditionsView,
    means="The input of a condition refers to a group that the rule's pattern does not have, or to a condition that "
    "comes later.",
    iis="Gives an empty text.",
    here="The same.",
    write="`{R:n}` with a group of the rule's own pattern, `{C:n}` with one of a condition that stands before. "
    "A preCondition has no `{R:n}`.",
)
def empty_reference_in_input(view: ConditionsView) -> Iterator[Finding]:
    tracked = -1
    for item in view.items:
        for reference in item.input.references():
            if not isinstance(reference, BackReference):
                continue
            limit = view.groups if reference.kind == "R" else tracked
            if reference.number > limit:
                why = "no condition before this one" if reference.kind == "C" else "the rule's pattern"
                why = "a preCondition" if reference.kind == "R" and isinstance(view.owner, PreConditionView) else why
                yield Finding(
                    f"{{{reference.kind}:{reference.number}}} in the input {quoted(item.item.input)} is always empty, "
                    f"in IIS as here, because {why} has {'no such group' if limit >= 0 else 'captured nothing'}",
                    place(item.item, view),
                )
        if item.captures >= 0:
            tracked = max(tracked, 0) + item.captures if view.track else item.captures


@check(
    "UR144",
    "A condition that never holds, or always",
    ConditionsView,
    means="The pattern of a condition matches none of the values that its input can have, or all of them: `{HTTPS}` is "
    "`on` or `off`, `{RESPONSE_STATUS}` a number, `{REQUEST_URI}`, `{URL}` and `{PATH_INFO}` begin with a slash, "
    "`{QUERY_STRING}` has no question mark before it, `{HTTP_HOST}` is a name with perhaps a port, a port is a number.",
    iis="Never runs the rule, or runs it always. (IIS's documents differ on whether it writes `on` or `ON`: do "
    "not set ignoreCase to false there.)",
    here="The same; HTTPS is `on` or `off` in lower case.",
    write="`^on$`, `^off$`; `^/api/` for `{REQUEST_URI}`; `^id=` for `{QUERY_STRING}`; `^www\\.example\\.com$` for "
    "`{HTTP_HOST}`.",
)
def never_holds(view: ConditionsView) -> Iterator[Finding]:
    for item in view.items:
        if item.pattern is None:
            continue
        if reason := _never_fits(item, item.pattern, view.syntax):
            result = "always holds" if item.item.negate else "never holds"
        elif reason := _always_fits(item, item.pattern):
            result = "never holds" if item.item.negate else "always holds"
        else:
            continue
        yield Finding(
            f"the condition on {item.item.input} with the pattern {quoted(item.item.pattern)} {result}, in IIS as "
            f"here: {reason}",
            place(item.item, view),
        )


def _never_fits(item: ConditionView, pattern: Pattern, syntax: PatternSyntax) -> str:
    for name, values in _VALUES.items():
        if item.asks(name) and not any(pattern.search(value, _DEADLINE) for value in values):
            return f"the value is {_listed(values)}"
    if item.asks(*PATH_VARIABLES, *_TARGETS) and cannot_begin_with(pattern, "/"):
        return "the value begins with a slash"
    if item.asks(*PATH_VARIABLES) and syntax is not PatternSyntax.WILDCARD and _needs(pattern, "?"):
        return "the value is the path alone; test the query in a condition on {QUERY_STRING}"
    if item.asks("QUERY_STRING") and begins_with(pattern, "?"):
        return "the value begins after the question mark"
    if item.asks(*HOST_VARIABLES) and _needs(pattern, "/"):
        return "the value is a name with perhaps a port, and has no slash"
    for names, kind, characters_of_it in _KINDS:
        if item.asks(*names) and (needed := _foreign(pattern, characters_of_it)):
            wildcard = (
                ", and in a Wildcard a dot is a dot" if needed == "." and syntax is PatternSyntax.WILDCARD else ""
            )
            return f"the value is {kind}, and has no {quoted(needed)}{wildcard}"
    return ""


def _foreign(pattern: Pattern, allowed: str) -> str:
    """Return a character that every match of the pattern needs and that is not among those allowed; "" for none."""
    for part in flat(pattern.tree):
        needed = part.body if isinstance(part, Repeat) and part.least > 0 else part
        if isinstance(needed, Chars) and not any(characters.contains(needed.ranges, ord(char)) for char in allowed):
            return sample_character(needed.ranges)
    return ""


def _always_fits(item: ConditionView, pattern: Pattern) -> str:
    for name in ("HTTPS", "SERVER_PORT_SECURE"):
        if item.asks(name) and not item.captures > 0 and all(pattern.search(v, _DEADLINE) for v in _VALUES[name]):
            return f"the value is {_listed(_VALUES[name])}"
    return ""


def _listed(values: tuple[str, ...]) -> str:
    return f"'{values[0]}' or '{values[1]}'" if len(values) == 2 else f"a number from {values[0]} to {values[-1]}"


def _needs(pattern: Pattern, char: str) -> bool:
    return any(isinstance(part, Chars) and is_only(part.ranges, char) for part in flat(pattern.tree))


@check(
    "UR145",
    "{CACHE_URL} without WebSockets",
    ConditionsView,
    means="A condition on `{CACHE_URL}` matches `http` or `https` only. For a request that opens a WebSocket the "
    "variable begins with `ws://` or `wss://`, so the rule does not run and the WebSocket is not proxied. The wizard "
    "of IIS Manager writes this condition.",
    iis="The same: WebSockets fail while pages work.",
    here="The same.",
    write="`^(.+)://` for `^(https?)://`. (permessage-deflate, which ARR cannot do, needs no rule here.)",
)
def no_websockets(view: ConditionsView) -> Iterator[Finding]:
    for item in view.items:
        if item.pattern is None or item.item.negate or not item.asks("CACHE_URL"):
            continue
        http, web_socket = (item.pattern.search(f"{s}://a.example:443/", _DEADLINE) for s in ("https", "wss"))
        if http and not web_socket:
            fixed = item.item.pattern.replace("https?", ".+")
            write = quoted(fixed) if fixed != item.item.pattern else "a pattern that matches ws:// and wss:// as well"
            yield Finding(
                f"the pattern {quoted(item.item.pattern)} for {{CACHE_URL}} leaves WebSockets out, in IIS as here: for "
                f"them it begins with ws:// or wss://; write {write}",
                place(item.item, view),
            )


@check(
    "UR146",
    "IsFile or IsDirectory without files",
    ConditionsView,
    means="A condition asks whether a file or a directory exists, but the site has no documentRoot, or the rule is a "
    "global one, which belongs to no site.",
    iis="Looks into the physical directory of the site. In global rules it does not allow such conditions.",
    here="There is no file: the condition is false, and true where it is negated. The trace warns.",
    write="`documentRoot:` (or `--document-root`) with the site's directory, a pattern for the path, or no such "
    "condition.",
)
def no_files(view: ConditionsView) -> Iterator[Finding]:
    site = view.context.site
    asking = [item.item for item in view.items if item.item.match_type is not MatchType.PATTERN]
    if not asking or not (view.context.is_global or (site and not site.document_root)):
        return
    results = " and ".join(
        dict.fromkeys(
            f"{item.match_type} with negate always holds" if item.negate else f"{item.match_type} never holds"
            for item in asking
        )
    )
    if view.context.is_global:
        why = "in global rules; IIS refuses it there: write the rule for a site, or test the path with a pattern"
    else:
        why = (
            "here, because the site has no documentRoot; IIS looks into the site's directory: set documentRoot "
            "(--document-root), or test the path with a pattern"
        )
    yield Finding(f"{results} {why}", place(asking[0], view))


def _highest(view: ConditionsView) -> Iterator[tuple[int, Template, Source]]:
    """Yield for each template of the action the highest `{C:n}` in it."""
    for template, source in view.templates:
        numbers = [r.number for r in template.references() if isinstance(r, BackReference) and r.kind == "C"]
        if numbers:
            yield max(numbers), template, source
