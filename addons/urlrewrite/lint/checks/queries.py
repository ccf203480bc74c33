"""Checks of what is put into a URL twice: queries that are appended once more, escapes that are escaped again."""

from __future__ import annotations

from collections.abc import Iterator

from urlrewrite.engine.template import FUNCTIONS, BackReference, Call, Literal, Variable
from urlrewrite.engine.template import Node as TemplateNode
from urlrewrite.engine.variables import URL_VARIABLES, normal_name
from urlrewrite.lint.registry import Finding, check
from urlrewrite.lint.shapes import samples
from urlrewrite.lint.views import ConditionView, InboundView, quoted
from urlrewrite.model import ActionType

_WITH_QUERY = URL_VARIABLES | {"CACHE_URL"}
_SOME_QUERY = "?some=query"
_DEADLINE = 0.02


@check(
    "UR171",
    "A query string that is appended twice",
    InboundView,
    means="The URL of the action holds the query already, by `{REQUEST_URI}`, `{UNENCODED_URL}` or `{QUERY_STRING}`, "
    "and appendQueryString, which is true by default, appends it once more.",
    iis="Sends `/news?page=2&page=2`.",
    here="The same.",
    write="`appendQueryString: false`.",
)
def doubled_query(view: InboundView) -> Iterator[Finding]:
    action = view.item.action
    if action.type not in (ActionType.REWRITE, ActionType.REDIRECT) or not action.append_query_string:
        return
    before = ""
    for node in view.url.nodes:
        if isinstance(node, Literal):
            before += node.text
        elif holds := _query_in(node, before, view.conditions):
            yield Finding(
                f"{holds} in {quoted(view.url.source)} holds the query string, and appendQueryString appends it "
                "once more, in IIS as here: set appendQueryString to false"
            )
            return


def _query_in(node: TemplateNode, before: str, conditions: tuple[ConditionView, ...]) -> str:
    """Return the reference if it has the whole query string in it, "" if not; `before` is the plain text before it."""
    match node:
        case Variable(name) if normal_name(name) in _WITH_QUERY and "?" not in before:
            return f"{{{normal_name(name)}}}"
        case Variable(name) if normal_name(name) == "QUERY_STRING" and before and before[-1] in "?&":
            return "{QUERY_STRING}"
        case BackReference("C", number):
            return f"{{C:{number}}}" if any(_captures_query(item, number, before) for item in conditions) else ""
        case Call(name, argument) if name.lower() in FUNCTIONS and len(argument.nodes) == 1:
            return _query_in(argument.nodes[0], before, conditions)
        case _:
            return ""


def _captures_query(item: ConditionView, number: int, before: str) -> bool:
    """Say whether a condition captures a query string to its end in this group, found by trying it."""
    if item.captures < number or item.pattern is None or len(item.input.nodes) != 1:
        return False
    holds = _query_in(item.input.nodes[0], before, ())
    for text in samples(item.pattern) if holds else ():
        tried = f"{text}{_SOME_QUERY}"
        found = item.pattern.search(tried, _DEADLINE)
        # Of a query only the whole would be there twice.
        end = tried if holds == "{QUERY_STRING}" else _SOME_QUERY
        if found and found.groups[number].endswith(end):
            return True
    return False


@check(
    "UR172",
    "{UNENCODED_URL} encoded twice",
    InboundView,
    means="A rule rewrites to a URL with `{UNENCODED_URL}`, and useOriginalURLEncoding is not switched off.",
    iis="Encodes the URL once more: `%20` becomes `%2520`, `%2F` becomes `%252F`.",
    here="In the mode `iis` the same; in the mode `helpful` the URL is forwarded as the client sent it.",
    write='`useOriginalURLEncoding="false"` at `<rules>` (in YAML `useOriginalURLEncoding: false` beside the rules), '
    "or `{R:1}`.",
)
def doubled_encoding(view: InboundView) -> Iterator[Finding]:
    if view.item.action.type is not ActionType.REWRITE or not view.context.encodes_again:
        return
    if any(isinstance(n, Variable) and normal_name(n.name) == "UNENCODED_URL" for n in view.url.references()):
        here = (
            "this site, in mode iis, does so, too" if view.context.is_strict else "here the URL is forwarded as it came"
        )
        yield Finding(
            "IIS encodes {UNENCODED_URL} once more, so that %20 becomes %2520, unless useOriginalURLEncoding is false; "
            f"{here}: set useOriginalURLEncoding to false, or write {{R:1}}"
        )
