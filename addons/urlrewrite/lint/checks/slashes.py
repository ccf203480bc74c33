"""Checks of slashes that stand twice in what a rule makes of a URL."""

from __future__ import annotations

from collections.abc import Iterator

from urlrewrite.engine.template import BackReference, Literal, Variable
from urlrewrite.engine.template import Node as TemplateNode
from urlrewrite.engine.variables import PATH_VARIABLES, URL_VARIABLES, normal_name
from urlrewrite.lint.registry import Finding, check
from urlrewrite.lint.shapes import begins_with, samples
from urlrewrite.lint.views import ConditionView, InboundView, quoted
from urlrewrite.model import ActionType
from urlrewrite.patterns.literals import captured

_BEGIN_WITH_SLASH = PATH_VARIABLES | URL_VARIABLES
_DEADLINE = 0.02


@check(
    "UR242",
    "Two slashes where one is meant",
    InboundView,
    means="The URL of an action has a slash before what begins with one: `https://www.example.com/{REQUEST_URI}` "
    "comes to "
    "`https://www.example.com//page`.",
    iis="Redirects or forwards there. What `//` means is up to whoever gets it: often 404.",
    here="The same.",
    write="No slash before `{REQUEST_URI}`, `{URL}` and the like; `{R:1}` of the rule's pattern has none of its own.",
)
def doubled_slash(view: InboundView) -> Iterator[Finding]:
    if view.item.action.type not in (ActionType.REWRITE, ActionType.REDIRECT):
        return
    before = ""
    for node in view.url.nodes:
        if isinstance(node, Literal):
            before += node.text
            continue
        if before.endswith("/") and not before.endswith("://") and "?" not in before and _begins_with_slash(node, view):
            yield Finding(
                f"{quoted(view.url.source)} comes to two slashes, in IIS as here, since {_written(node)} begins with "
                "one: remove the slash before it"
            )
            return
        before += "x"


def _begins_with_slash(node: TemplateNode, view: InboundView) -> bool:
    """Say whether what a reference gives is sure to begin with a slash."""
    match node:
        case Variable(name):
            return normal_name(name) in _BEGIN_WITH_SLASH
        case BackReference("R", number) if view.pattern is not None and not view.item.match.negate:
            found = captured(view.pattern.tree, number)
            return all(text.startswith("/") for text in (*found.texts, *found.beginnings))
        case BackReference("C", number):
            capturing = [item for item in view.conditions if item.captures >= number]
            return bool(capturing) and all(_captures_slash(item, number) for item in capturing)
        case _:
            return False


def _captures_slash(item: ConditionView, number: int) -> bool:
    if item.pattern is None:
        return False
    found = captured(item.pattern.tree, number)
    if all(text.startswith("/") for text in (*found.texts, *found.beginnings)):
        return True
    if not item.asks(*_BEGIN_WITH_SLASH) or begins_with(item.pattern, "/"):
        return False
    tried = [item.pattern.search(f"/{text.removeprefix('/')}x", _DEADLINE) for text in samples(item.pattern)]
    return bool(tried) and all(match is not None and match.groups[number].startswith("/") for match in tried)


def _written(node: TemplateNode) -> str:
    match node:
        case Variable(name):
            return f"{{{name}}}"
        case BackReference(kind, number):
            return f"{{{kind}:{number}}}"
        case _:
            return "it"
