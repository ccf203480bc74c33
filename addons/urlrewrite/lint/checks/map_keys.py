"""Checks of rewrite maps: keys that can never equal what they are compared with."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from urlrewrite.engine.template import FUNCTIONS, BackReference, Call, Template, Variable
from urlrewrite.engine.url_path import encode_url
from urlrewrite.engine.variables import HOST_VARIABLES, PATH_VARIABLES, URL_VARIABLES, normal_name
from urlrewrite.lint.registry import Finding, check
from urlrewrite.lint.views import InboundView, LevelView, quoted
from urlrewrite.model import RewriteMap
from urlrewrite.patterns.tree import Anchor, Group, flat, is_any_run

_ESCAPE = re.compile("%[0-9A-Fa-f]{2}")

type _Test = Callable[[str], tuple[str, str] | None]
"""Says of a key why it cannot equal an input, and what to write, "" for nothing; None if it can."""


@check(
    "UR243",
    "A key that never equals its input",
    LevelView,
    means="A rewrite map has keys that its look-ups can never have as their input: `{REQUEST_URI}` begins with a "
    "slash and "
    "is percent-encoded, `{URL}` is decoded and has no query, `{R:1}` has no slash at its beginning.",
    iis="Gives the default value.",
    here="The same; the trace says which key was looked up.",
    write="The key as the input has it: `/my%20page` for `{REQUEST_URI}`, `/my page` for `{URL}`, `my page` for "
    "`{R:1}`.",
)
def dead_key(view: LevelView) -> Iterator[Finding]:
    asked: dict[str, dict[str, _Test | None]] = {}
    for rule in view.inbound:
        templates = (rule.url, *(item.input for item in rule.conditions), *(value for _, value in rule.variables))
        for name, argument in (pair for template in templates for pair in _lookups(template)):
            asked.setdefault(name, {})[argument.source] = _test_of(argument, rule)
    for name, tests in asked.items():
        found = view.context.effective.rewrite_maps.get(name)
        if found is None or any(test is None for test in tests.values()):
            continue
        yield from _of_map(found, {source: test for source, test in tests.items() if test})


def _lookups(template: Template) -> Iterator[tuple[str, Template]]:
    for node in template.references():
        if isinstance(node, Call) and node.name.lower() not in FUNCTIONS:
            yield node.name.lower(), node.argument


def _of_map(found: RewriteMap, tests: dict[str, _Test]) -> Iterator[Finding]:
    dead: list[tuple[str, str, str]] = []
    for key in found.entries:
        reasons = [test(key) for test in tests.values()]
        if reasons[0] and all(reasons):
            dead.append((key, *reasons[0]))
    if not dead:
        return
    key, why, write = dead[0]
    inputs = " or ".join(tests)
    more = f" (and {len(dead) - 1} more like it)" if len(dead) > 1 else ""
    hint = f"; write {quoted(write)}" if write else ""
    yield Finding(
        f"the key {quoted(key)} of the map {quoted(found.name)}{more} never equals {inputs}, in IIS as here: "
        f"{why}{hint}",
        found.source,
        "",
    )


def _test_of(argument: Template, rule: InboundView) -> _Test | None:
    """Return the test for the input of a look-up; None for one of which nothing is known."""
    if len(argument.nodes) != 1:
        return None
    node = argument.nodes[0]
    match node:
        case Variable(name):
            if normal_name(name) in rule.context.variables:
                return None
            return _OF_VARIABLES.get(normal_name(name))
        case BackReference("R", 0 | 1) if _is_whole_path(rule, node.number):
            return _relative
        case _:
            return None


def _is_whole_path(rule: InboundView, number: int) -> bool:
    """Say whether a group has all of the path."""
    if rule.pattern is None or rule.item.match.negate:
        return False
    parts = [part for part in flat(rule.pattern.tree) if not isinstance(part, Anchor)]
    if len(parts) != 1 or not is_any_run(parts[0]):
        return False
    return number == 0 or isinstance(parts[0], Group)


def _target(key: str) -> tuple[str, str] | None:
    if not key.startswith("/"):
        return "it begins with a slash", f"/{encode_url(key)}"
    encoded = encode_url(key)
    return None if encoded == key else ("it is percent-encoded", encoded)


def _path(key: str) -> tuple[str, str] | None:
    if not key.startswith("/"):
        return "it begins with a slash", f"/{key}"
    return _relative(key.removeprefix("/")) if not key.startswith("//") else None


def _relative(key: str) -> tuple[str, str] | None:
    if key.startswith("/"):
        return "it has no slash at its beginning", key.lstrip("/")
    if "?" in key:
        return "it has no query", ""
    if _ESCAPE.search(key):
        return "it is not percent-encoded", ""
    return None


def _query(key: str) -> tuple[str, str] | None:
    return ("it begins after the question mark", key[1:]) if key.startswith("?") else None


def _host(key: str) -> tuple[str, str] | None:
    return ("it is a name with perhaps a port", "") if "/" in key else None


def _switch(key: str) -> tuple[str, str] | None:
    return None if key.lower() in ("on", "off") else ("it is 'on' or 'off'", "")


_OF_VARIABLES: dict[str, _Test] = {
    **dict.fromkeys(URL_VARIABLES, _target),
    **dict.fromkeys(PATH_VARIABLES, _path),
    **dict.fromkeys(HOST_VARIABLES, _host),
    "QUERY_STRING": _query,
    "HTTPS": _switch,
}
