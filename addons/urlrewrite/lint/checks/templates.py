"""Checks of texts with `{...}`: names without braces, the references of other servers, unknown variables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches

from urlrewrite.engine.template import Call, Literal, Template, Variable
from urlrewrite.engine.variables import APACHE_VARIABLES, SERVER_VARIABLES, is_server_variable, normal_name
from urlrewrite.lint.registry import Finding, check
from urlrewrite.lint.views import ConditionsView, InboundView, place, quoted
from urlrewrite.model import ActionType, MatchType, Source

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_\-]*")
_OPENED = re.compile(r"\{[A-Za-z_][\w\-]*$")
_BARE_VALUE = re.compile(r"(?:HTTP|RESPONSE)_[A-Za-z0-9_\-]+", re.IGNORECASE)
_APACHE = re.compile(r"%\{[A-Za-z_:\-]+\}|(?<![\\\w])[$%]\d")
_FIELDS = frozenset(
    """ACCEPT ACCEPT_ENCODING ACCEPT_LANGUAGE AUTHORIZATION CACHE_CONTROL CONNECTION COOKIE HOST IF_MODIFIED_SINCE
    IF_NONE_MATCH ORIGIN RANGE REFERER REFERRER UPGRADE UPGRADE_INSECURE_REQUESTS USER_AGENT VIA""".split()
)
_ELSEWHERE = {
    "REQUEST_SCHEME": "{HTTPS}, which is 'on' or 'off'",
    "SCHEME": "{HTTPS}, which is 'on' or 'off'",
    "HOST": "{HTTP_HOST}",
    "THE_REQUEST": "{REQUEST_METHOD} and {REQUEST_URI}",
    "HTTP_REFERRER": "{HTTP_REFERER}",
    "REFERRER": "{HTTP_REFERER}",
}
_SET_BY_IIS = frozenset(("APP_WARMING_UP", "WARMUP_REQUEST", "SKIP_MANAGED_MODULES", "APPL_VIRTUAL_PATH"))
_NEAR = 0.75


@check(
    "UR130",
    "The name of a variable without braces",
    ConditionsView,
    means="A condition's input, or a value, is the bare name of a server variable. It is taken as that text, not as "
    "the variable's value. Guides on the web make this mistake.",
    iis="Compares with, or sets, the name itself.",
    here="The same.",
    write="`{HTTP_ACCEPT_ENCODING}` for `HTTP_ACCEPT_ENCODING`.",
)
def missing_braces(view: ConditionsView) -> Iterator[Finding]:
    for item in view.items:
        text = item.item.input.strip()
        if item.item.match_type is MatchType.PATTERN and _NAME.fullmatch(text) and is_server_variable(text):
            yield Finding(_literal("input", text), place(item.item, view))
    for template, source in view.templates:
        text = template.source.strip()
        if _BARE_VALUE.fullmatch(text):
            yield Finding(_literal("value", text), source)


def _literal(what: str, text: str) -> str:
    return (
        f"the {what} {quoted(text)} is this literal text, in IIS as here, and not the value of the variable: "
        f"write {quoted('{' + text + '}')}"
    )


@check(
    "UR131",
    "A condition whose input is always the same text",
    ConditionsView,
    means="The input of a condition has no `{...}` in it, so it says nothing about the request: the condition holds "
    "always or never. Often a brace is missing.",
    iis="Evaluates it all the same.",
    here="The same.",
    write="An input such as `{HTTP_HOST}` or `{QUERY_STRING}`, or no such condition.",
)
def constant_input(view: ConditionsView) -> Iterator[Finding]:
    for item in view.items:
        text = item.item.input.strip()
        if item.item.match_type is not MatchType.PATTERN or any(item.input.references()) or "{" in text:
            continue  # a brace is reported by itself
        if not (_NAME.fullmatch(text) and is_server_variable(text)):
            yield Finding(
                f"the input {quoted(text)} is the same for every request, in IIS as here, so the condition holds "
                "always or never: write a variable in braces, such as '{HTTP_HOST}'",
                place(item.item, view),
            )


@check(
    "UR132",
    "References in Apache's syntax",
    ConditionsView,
    means="`$1`, `%1` and `%{NAME}` are Apache's; here they are plain text, and a percent sign stays before the value.",
    iis="Writes them into the URL as they stand.",
    here="The same.",
    write="`{R:1}` for `$1`, `{C:1}` for `%1`, `{NAME}` for `%{NAME}`.",
)
def apache_references(view: ConditionsView) -> Iterator[Finding]:
    texts = [(item.input, place(item.item, view)) for item in view.items]
    if isinstance(view.owner, InboundView) and view.owner.item.action.type in (
        ActionType.REWRITE,
        ActionType.REDIRECT,
    ):
        texts.append((view.owner.url, view.source))
    for template, source in texts:
        found = _APACHE.search(template.source)
        if found and not _is_escape(template.source, found):
            sign, rest = found[0][0], found[0][1:].strip("{}")
            fixed = "{" + (f"{'R' if sign == '$' else 'C'}:{rest}" if rest.isdigit() else rest) + "}"
            yield Finding(
                f"{quoted(found[0])} in {quoted(template.source)} is Apache's syntax, and plain text in IIS and here: "
                f"write {quoted(fixed)}",
                source,
            )


def _is_escape(text: str, found: re.Match[str]) -> bool:
    """Say whether it is a percent-encoded octet such as %20."""
    return found[0][0] == "%" and re.match(r"%[0-9A-Fa-f]{2}", text[found.start() :]) is not None


@check(
    "UR152",
    "An unknown variable",
    ConditionsView,
    means="A name in braces is neither a server variable, nor a field (`HTTP_...`, `RESPONSE_...`), nor set by any "
    "rule.",
    iis="Takes it as empty and says nothing.",
    here="Takes it as empty; the trace warns.",
    write="The right name: `{HTTP_USER_AGENT}` for the field User-Agent, `{HTTPS}` (on or off) for the scheme.",
)
def unknown_variable(view: ConditionsView) -> Iterator[Finding]:
    reported = set()
    for template, source in _texts(view):
        for name in _variables(template):
            upper = normal_name(name)
            if is_server_variable(name) or upper in view.context.variables | _SET_BY_IIS or upper in reported:
                continue
            reported.add(upper)
            hint = _suggestion(upper)
            yield Finding(
                f"{{{name}}} in {quoted(template.source)} is not a server variable and set by no rule, so it is always "
                f"empty, in IIS as here{hint}",
                source,
            )


def _suggestion(name: str) -> str:
    if known := _ELSEWHERE.get(name):
        return f": write {known}"
    if name in _FIELDS or name.startswith("X_"):
        return f": write {{HTTP_{name}}} for the field of the request"
    near = get_close_matches(name, SERVER_VARIABLES, 1, _NEAR)
    return f": did you mean {{{near[0]}}}?" if near else ""


@check(
    "UR153",
    "A field of the response read by an inbound rule",
    ConditionsView,
    means="An inbound rule reads `{RESPONSE_...}`. It runs before the request is forwarded: there is no response yet.",
    iis="Takes it as empty.",
    here="Takes it as empty.",
    write="An outbound rule, or the field of the request: `{HTTP_...}`.",
)
def response_read_inbound(view: ConditionsView) -> Iterator[Finding]:
    if not isinstance(view.owner, InboundView):
        return
    for template, source in _texts(view):
        for name in _variables(template):
            if normal_name(name).startswith("RESPONSE_") and normal_name(name) not in view.context.variables:
                yield Finding(
                    f"{{{name}}} is empty in an inbound rule, in IIS as here, because there is no response yet: "
                    "write an outbound rule, or read a field of the request with {HTTP_...}",
                    source,
                )


@check(
    "UR154",
    "{HTTP_HOST} read by an outbound rule",
    ConditionsView,
    means="An outbound rule or a preCondition reads `{HTTP_HOST}` of a request that was forwarded to another host.",
    iis="Once a request has been proxied, `{HTTP_HOST}` is the backend's name, unless preserveHostHeader is on: the "
    "rule writes the very name that it should hide.",
    here="`{HTTP_HOST}` is the host that the client requested, as authors expect.",
    write="For both: keep the name in an inbound rule with `serverVariables: {ORIGINAL_HOST: '{HTTP_HOST}'}`, and read "
    "`{ORIGINAL_HOST}` in the outbound one. If the rules never go back to IIS, silence the finding.",
)
def host_read_outbound(view: ConditionsView) -> Iterator[Finding]:
    if isinstance(view.owner, InboundView) or not view.context.proxies or view.context.keeps_host:
        return
    for template, source in _texts(view):
        if "HTTP_HOST" in map(normal_name, _variables(template)):
            yield Finding(
                f"{{HTTP_HOST}} in {quoted(template.source)} is the backend's name by now in IIS, and the client's "
                "here; set ORIGINAL_HOST to '{HTTP_HOST}' in an inbound rule and write {ORIGINAL_HOST} to have the "
                "client's in both",
                source,
            )
            return


@check(
    "UR157",
    "An Apache variable",
    ConditionsView,
    means="`{TIME...}` or `{IPV6}`, as the import of an Apache file writes them. IIS has no such variable.",
    iis="Takes it as empty and says nothing.",
    here="Has Apache's value: the local time, and `on` or `off`.",
    write="Nothing, unless the rules are to go to IIS.",
)
def variable_of_apache(view: ConditionsView) -> Iterator[Finding]:
    for template, source in _texts(view):
        for name in _variables(template):
            if normal_name(name) in APACHE_VARIABLES - view.context.variables:
                yield Finding(
                    f"{{{name}}} in {quoted(template.source)} is an Apache variable: empty in IIS, known here",
                    source,
                )


@check(
    "UR156",
    "A brace that begins no reference",
    ConditionsView,
    means="A `{` or `}` in the input of a condition, or in the URL or a value of an inbound rule, belongs to none of "
    "`{NAME}`, `{R:n}`, `{C:n}`, `{function:text}` and `{Map:key}`. Most often the one that closes is missing.",
    iis="Not documented. ASP.NET Core, Microsoft's port, refuses the file.",
    here="It is a plain character.",
    write="`{HTTPS}` for `{HTTPS`; `%7B` for a brace that is meant to stand in a URL.",
)
def stray_brace(view: ConditionsView) -> Iterator[Finding]:
    texts = [(item.input, place(item.item, view)) for item in view.items]
    if isinstance(view.owner, InboundView):
        # The values of outbound rules are full of scripts.
        texts += view.templates
    for template, source in texts:
        if any(brace in text for text in _literals(template) for brace in "{}"):
            opened = _OPENED.search(template.source)
            write = "{NAME}, {R:1}, {C:1} or {function:text}, and close what is opened"
            write = quoted(template.source + "}") if opened else write
            yield Finding(
                f"a brace in {quoted(template.source)} belongs to no reference and is a plain character: write {write}",
                source,
            )


def _texts(view: ConditionsView) -> list[tuple[Template, Source]]:
    return [*((item.input, place(item.item, view)) for item in view.items), *view.templates]


def _variables(template: Template) -> Iterator[str]:
    for reference in template.references():
        if isinstance(reference, Variable):
            yield reference.name


def _literals(template: Template) -> Iterator[str]:
    for node in template.nodes:
        if isinstance(node, Literal):
            yield node.text
        elif isinstance(node, Call):
            yield from _literals(node.argument)
