"""Mounts that rules make: `^apps/shiny/(.*)` to `http://host:8888/{R:1}` publishes a backend below a path.

What a rule hands on of the path is where its back-reference begins; what stands before that, here and at the backend,
is the public path and the one behind it. With an `http://host/scm/{R:1}` for `(.*)` the backend's `/scm` is the root.

A rule that acts is judged by its request, whatever its pattern is. Of the others only those are taken that are plain to
see: without conditions, with a literal host and a literal path.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from urlrewrite.engine.action_url import ActingRule, RewrittenUrl
from urlrewrite.engine.compiled import CompiledInboundRule
from urlrewrite.engine.template import BackReference, Literal, Template, Variable
from urlrewrite.engine.template import Node as TemplateNode
from urlrewrite.engine.url_path import CookedPath, split_target
from urlrewrite.engine.variables import PATH_VARIABLES, URL_VARIABLES, normal_name
from urlrewrite.model import ActionType, LogicalGrouping, Origin, PatternSyntax
from urlrewrite.model.origin import origin_of

# Letters that stand for themselves wherever a URL may stand: what a client asks for is written into pages.
_PLAIN_PATH = re.compile(r"(?:/(?!\.{1,2}(?:/|\Z))(?:[\w.~-]|%[0-9A-Fa-f]{2})+)*", re.ASCII)
_PREFIX = r"(?P<prefix>(?:[\w/~-]|\\[./_~-])*)"
_EXPRESSION = re.compile(rf"(?P<anchor>\^)?{_PREFIX}\((?P<slash>\\?/)?\.[*+]\??\)\??\$?")
_WILDCARD = re.compile(r"(?P<anchor>)(?P<prefix>[\w/.~-]*)(?P<slash>(?!))?\*")
_LITERAL_URL = re.compile(r"(?P<scheme>https?)://(?P<authority>[^/?#]+)(?P<path>/[^?#]*|)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RuleMount:
    """`base` at the backend is `path` in public; each is "" or a path without a slash at its end."""

    base: str
    path: str


@dataclass(frozen=True, slots=True)
class PublishedOrigin:
    """An origin that a rule publishes, and how."""

    origin: Origin
    mount: RuleMount


def mount_of(acting: ActingRule, rewritten: RewrittenUrl) -> RuleMount | None:
    """Return the mount that a rule makes by what it rewrites this request to; None for a rule that makes none."""
    requested = CookedPath(split_target(acting.scope.variables.request.target)[0]).raw
    handed_on = _handed_on(acting, requested)
    if handed_on is None:
        return None
    if not (requested.endswith(handed_on) and rewritten.path.endswith(handed_on)):
        return None
    before = requested[: len(requested) - len(handed_on)]
    behind = rewritten.path[: len(rewritten.path) - len(handed_on)]
    return _mount(behind, before, with_slash=not handed_on or handed_on.startswith("/"))


def _handed_on(acting: ActingRule, requested: str) -> str | None:
    """Return the end of the path that a rule hands on, as the client wrote it; None if it hands on none."""
    captures, path = acting.captures, acting.scope.variables.url.path
    match _last_of_path(acting.compiled.url):
        case BackReference("R", number) if captures and number < len(captures.spans):
            start, end = captures.spans[number]
            if start < 0:
                start = end = len(captures.text)
            if end < len(captures.text):
                return None
            return path.raw_slice(start + acting.offset, end + acting.offset)
        case BackReference("C", number):
            return _handed_on_by_condition(acting, number)
        case Variable(name) if _is_url(acting, name):
            return path.raw if normal_name(name) in PATH_VARIABLES else requested
    return None


def _handed_on_by_condition(acting: ActingRule, number: int) -> str | None:
    """Do so for a group of a condition on the URL, where it is certain that no other condition gave it."""
    conditions, scope = acting.compiled.conditions, acting.scope
    givers = [item for item in conditions.items if item.pattern and not item.condition.negate]
    if conditions.track_all_captures or conditions.logical_grouping is LogicalGrouping.MATCH_ANY:
        givers = givers if len(givers) == 1 else []
    match givers[-1].input.nodes if givers else ():
        case (Variable(name),) if _is_url(acting, name):
            pattern = givers[-1].pattern
        case _:
            return None
    captures = pattern.search(scope.variables[name], scope.deadline) if pattern else None
    if captures is None or number >= len(captures.spans):
        return None
    path, _, _ = captures.text.partition("?") if normal_name(name) in URL_VARIABLES else (captures.text, "", "")
    start, end = captures.spans[number]
    if start < 0:
        start = end = len(path)
    if start > len(path) or end < len(path):
        return None
    if normal_name(name) in URL_VARIABLES:
        return path[start:]
    # What is decoded has a slash before the text that a rule of the site sees.
    cooked = scope.variables.url.path
    return cooked.raw if start == 0 else cooked.raw_slice(start - 1, len(cooked.text))


def published_origins(rules: Iterable[CompiledInboundRule]) -> tuple[PublishedOrigin, ...]:
    """Return the origins that rules publish whatever else a request has."""
    return tuple(filter(None, map(_published, rules)))


def _published(compiled: CompiledInboundRule) -> PublishedOrigin | None:
    rule = compiled.rule
    if not rule.enabled or rule.action.type is not ActionType.REWRITE or rule.conditions.items or rule.match.negate:
        return None
    node, first = _last_of_path(compiled.url), compiled.url.nodes[0] if compiled.url.nodes else None
    url = _LITERAL_URL.fullmatch(first.text) if isinstance(first, Literal) else None
    if url is None or node is None or compiled.url.nodes.index(node) != 1:
        return None
    origin = origin_of(url["scheme"], url["authority"])
    directory = f"/{compiled.directory}" if compiled.directory else ""
    mount = None
    if isinstance(node, Variable):
        if _is_whole_path(node.name) and rule.match.url in (".*", "(.*)", "^.*$", "^(.*)$", "*"):
            mount = _mount(url["path"], "", with_slash=True)
    elif isinstance(node, BackReference) and node.kind == "R":
        is_wildcard = rule.pattern_syntax is PatternSyntax.WILDCARD
        found = _WILDCARD.fullmatch(rule.match.url) if is_wildcard else _EXPRESSION.fullmatch(rule.match.url)
        if found and node.number == 1 and (found["anchor"] is not None or not found["prefix"]):
            prefix = re.sub(r"\\(.)", r"\1", found["prefix"])
            mount = _mount(url["path"], f"{directory}/{prefix}", with_slash=bool(found["slash"]))
    return PublishedOrigin(origin, mount) if origin and mount else None


def _mount(behind: str, before: str, *, with_slash: bool) -> RuleMount | None:
    """Return the mount of two beginnings of paths; None where they do not end between two segments.

    `with_slash` says that what follows begins with a slash, or is nothing.
    """
    if behind.endswith("/") and before.endswith("/"):
        behind, before = behind[:-1], before[:-1]
    elif with_slash:
        behind, before = behind.removesuffix("/"), before.removesuffix("/")
    else:
        return None
    if not (_PLAIN_PATH.fullmatch(behind) and _PLAIN_PATH.fullmatch(before)):
        return None
    return RuleMount(behind, before)


def _last_of_path(url: Template) -> TemplateNode | None:
    """Return the last part of the path of a URL: what stands before the query."""
    last: TemplateNode | None = None
    for node in url.nodes:
        if isinstance(node, Literal) and ("?" in node.text or "#" in node.text):
            return last if node.text[0] in "?#" else None
        last = node
    return last


def _is_url(acting: ActingRule, name: str) -> bool:
    return _is_whole_path(name) and normal_name(name) not in acting.scope.variables.assigned


def _is_whole_path(name: str) -> bool:
    return normal_name(name) in PATH_VARIABLES | URL_VARIABLES
