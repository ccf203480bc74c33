"""Checks of inbound actions: what follows a rewrite, what is set for nothing, foreign targets."""

from __future__ import annotations

import re
from collections.abc import Iterator

from urlrewrite.engine.template import FUNCTIONS, BackReference, Call, Literal, Template, Variable
from urlrewrite.engine.template import Node as TemplateNode
from urlrewrite.engine.variables import HOST_VARIABLES, PATH_VARIABLES, URL_VARIABLES, normal_name
from urlrewrite.lint.registry import Finding, check
from urlrewrite.lint.shapes import flat, is_only
from urlrewrite.lint.views import ConditionView, InboundView, LevelView, place, quoted
from urlrewrite.model import ActionType
from urlrewrite.patterns import characters
from urlrewrite.patterns.tree import Chars, Group, Node, chars, children

_BEGINS_PATH = PATH_VARIABLES | URL_VARIABLES | {"CACHE_URL"}
_END_OF_HOST = re.compile(r"[/?#]")
_SAFE_VARIABLES = frozenset("SERVER_PORT SERVER_ADDR LOCAL_ADDR HTTPS INSTANCE_NAME REQUEST_SCHEME".split())
_HOST_VARIABLES = HOST_VARIABLES | {"CACHE_URL"}


@check(
    "UR150",
    "A request field set by its own name",
    InboundView,
    means="A server variable is set whose name looks like a request field but does not begin with `HTTP_`.",
    iis="Sets a variable of that name; the backend does not see it.",
    here="The same.",
    write="`HTTP_X_SCRIPT_NAME` for the field X-Script-Name.",
)
def field_without_prefix(view: InboundView) -> Iterator[Finding]:
    for item, _ in view.variables:
        name = normal_name(item.name)
        if name.startswith(("HTTP_", "RESPONSE_")):
            continue
        if "-" in item.name or name.startswith("X_"):
            yield Finding(
                f"the variable {quoted(item.name)} is not sent to the backend, by IIS or here, because its name does "
                f"not begin with HTTP_: write {quoted('HTTP_' + name)}",
                place(item, view),
            )


@check(
    "UR151",
    "A field of the response set by an inbound rule",
    InboundView,
    means="An inbound rule sets `RESPONSE_...`. There is no response yet, and the field is not changed later either.",
    iis="Sets a variable, which has no effect.",
    here="The same.",
    write="An outbound rule: `match: {serverVariable: RESPONSE_X, pattern: .*}` with the action Rewrite.",
)
def response_set_inbound(view: InboundView) -> Iterator[Finding]:
    for item, _ in view.variables:
        if normal_name(item.name).startswith("RESPONSE_"):
            yield Finding(
                f"{quoted(item.name)} has no effect in an inbound rule, in IIS as here, because there is no response "
                f"yet: write an outbound rule with serverVariable {item.name}",
                place(item, view),
            )


@check(
    "UR170",
    "A rewrite to another host, and then more rules",
    LevelView,
    means="A rule rewrites to an absolute URL and does not stop; the rules after it are compared with the path of that "
    "URL, and may change it or respond to it.",
    iis="Goes on with the next rule; what then becomes of the URL is not documented. All its wizards set "
    "stopProcessing.",
    here="Goes on with the path of the new URL; the host stays the one that the rule named.",
    write="`stopProcessing: true`.",
)
def goes_on_after_proxying(view: LevelView) -> Iterator[Finding]:
    for at, rule in enumerate(view.inbound):
        if rule.item.action.type is not ActionType.REWRITE or rule.ends or not _is_absolute(rule.url):
            continue
        later = next((other for other in view.inbound[at + 1 :] if not _does_nothing(other)), None)
        if later:
            yield Finding(
                f"rewrites to {quoted(rule.url.source)} and does not stop, so that in IIS, and here, the path of that "
                f"URL is given to the rules after it, first {quoted(later.rule)}: set stopProcessing to true",
                rule.source,
                rule.rule,
            )


@check(
    "UR174",
    "A redirect or rewrite to a host that the request names",
    InboundView,
    means="The host of the action's URL is taken from the path, the query or a field of the request. Whoever makes the "
    "link chooses where a visitor is sent, or where the proxy forwards the request.",
    iis="Redirects there (an open redirect), or proxies there.",
    here="Redirects there. A rewrite to a host that no rule file names, or back to the site's own name, is refused "
    "with 500; one that can reach any host is UR128.",
    write="A rewrite map from what the request may say to the hosts that you know, or the literal host.",
)
def foreign_host(view: InboundView) -> Iterator[Finding]:
    if view.item.action.type not in (ActionType.REWRITE, ActionType.REDIRECT):
        return
    redirects = view.item.action.type is ActionType.REDIRECT
    if not redirects and _is_own_name(view.url):
        yield Finding(
            f"{quoted(view.url.source)} has the name that the client asked for, so that the request would come back "
            "here, and from IIS to IIS: it gets 500; write the host or the port of the backend"
        )
        return
    for node in _authority(view):
        tail = _is_tail(node, view)
        if not redirects and not tail:
            # The compiler knows whether that can be any host.
            continue
        if reason := _tainted(node, view):
            done = (
                "IIS, and this proxy, redirect there"
                if redirects
                else "IIS proxies there, this proxy only if a rule file names it"
            )
            write = "put a slash before it" if tail else "write the host, or take it from a rewrite map"
            yield Finding(
                f"the host of {quoted(view.url.source)} comes from {reason}, so that whoever makes the link chooses "
                f"it; {done}: {write}"
            )
            return


def _authority(view: InboundView) -> list[TemplateNode]:
    """Return the references that are part of the host; none where `.example.com` behind them makes it safe."""
    nodes = view.url.nodes
    if len(nodes) == 1 and isinstance(nodes[0], BackReference):
        return [nodes[0]]  # {C:1} alone may be a whole URL, {R:1}/x is a path of this site
    found: list[TemplateNode] = []
    scheme, inside = "", False
    for node in nodes:
        if isinstance(node, Literal):
            text = node.text
            if not inside:
                scheme, mark, text = (scheme + text).partition("://")
                inside = bool(mark)
            if inside and text[:1] == "." and found and not any(_may_end_host(each, view) for each in found):
                return []
            if inside and _END_OF_HOST.search(text):
                break
        elif not inside:
            scheme += "?"
        elif _begins_path(node, view):
            break
        else:
            found.append(node)
    return found


def _begins_path(node: TemplateNode, view: InboundView) -> bool:
    """Say whether what a reference gives always begins with a slash."""
    match node:
        case Variable(name):
            return normal_name(name) in _BEGINS_PATH
        case BackReference("R", number):
            return view.pattern is not None and _slash_first(view.pattern.tree, number)
        case BackReference("C", number):
            capturing = [item for item in view.conditions if item.captures >= number and item.pattern]
            return bool(capturing) and all(
                item.pattern is not None and _slash_first(item.pattern.tree, number) for item in capturing
            )
        case _:
            return False


def _slash_first(tree: Node, number: int) -> bool:
    group = _group(tree, number) if number else tree
    first = flat(group)[:1] if group else []
    return any(isinstance(part, Chars) and is_only(part.ranges, "/") for part in first)


def _may_end_host(node: TemplateNode, view: InboundView) -> bool:
    """Say whether a reference to the path may hold a character that ends a host, so that what follows it is a path."""
    if isinstance(node, BackReference) and node.kind == "R" and view.pattern is not None:
        return any(_may_hold(view.pattern.tree, node.number, char) for char in "/?#\\")
    return not (isinstance(node, Variable) and normal_name(node.name) in _HOST_VARIABLES)


def _is_own_name(url: Template) -> bool:
    """Say whether the host of a URL is the one that the client asked for, with its port."""
    return re.search(r"://\{(?:HTTP_HOST|SERVER_NAME)\}(?!:\d)", url.source, re.IGNORECASE) is not None


def _is_tail(node: TemplateNode, view: InboundView) -> bool:
    """Say whether the reference stands right behind a host, where a slash is missing."""
    before = view.url.nodes[: view.url.nodes.index(node)]
    return bool(before) and not (isinstance(before[-1], Literal) and before[-1].text.endswith("://"))


def _tainted(node: TemplateNode, view: InboundView) -> str:
    """Return what in the request a reference comes from, "" if that is harmless."""
    alone = len(view.url.nodes) == 1
    safe = _SAFE_VARIABLES | view.context.variables
    if view.item.action.type is ActionType.REDIRECT:
        # A visitor's browser sends the name that it requested; another client may send any.
        safe |= _HOST_VARIABLES
    match node:
        case Variable(name) if normal_name(name) not in safe:
            return f"{{{name}}}"
        case BackReference("R", number):
            if view.pattern is None or alone or not _may_hold(view.pattern.tree, number, "."):
                return ""
            return f"the path ({{R:{number}}})"
        case BackReference("C", number):
            items = view.conditions
            return next((reason for item in items if (reason := _tainted_input(item, number, alone, safe))), "")
        case _:
            return ""


def _tainted_input(item: ConditionView, number: int, whole_url: bool, safe: frozenset[str]) -> str:
    looked_up = any(isinstance(node, Call) and node.name.lower() not in FUNCTIONS for node in item.input.nodes)
    if item.captures < max(number, 1) or item.pattern is None or looked_up:
        return ""
    if not _may_hold(item.pattern.tree, number, ":" if whole_url else "."):
        return ""
    names = (node.name for node in item.input.references() if isinstance(node, Variable))
    return next((f"{{{name}}} ({{C:{number}}})" for name in names if normal_name(name) not in safe), "")


def _may_hold(tree: Node, number: int, char: str) -> bool:
    """Say whether a group (0: the whole) can capture this character."""
    node = tree if number == 0 else _group(tree, number)
    return node is not None and characters.contains(chars(node), ord(char))


def _group(node: Node, number: int) -> Node | None:
    if isinstance(node, Group) and node.number == number:
        return node
    return next((found for child in children(node) if (found := _group(child, number))), None)


@check(
    "UR175",
    "A rule without any effect",
    InboundView,
    means="The action is None, no server variable is set, and stopProcessing is not set.",
    iis="Evaluates the rule, without any effect.",
    here="The same.",
    write="An action, a server variable or `stopProcessing: true`; or no such rule.",
)
def no_effect(view: InboundView) -> Iterator[Finding]:
    if _does_nothing(view):
        yield Finding(
            "the rule has no effect, in IIS as here: its action is None, it sets no server variable and does not stop "
            "the rules after it; give it an action, or remove it"
        )


def _does_nothing(view: InboundView) -> bool:
    return view.item.action.type is ActionType.NONE and not view.variables and not view.item.stop_processing


def _is_absolute(url: Template) -> bool:
    return re.match(r"\s*(?:https?|wss?|\{[^{}]+\}|https?\{[^{}]+\})://", url.source, re.IGNORECASE) is not None
