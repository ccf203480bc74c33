"""Inbound rules: which rule fires, and what becomes of the request.

The walk is the one of the IIS URL Rewrite Module configuration reference, "Rules evaluation": the pattern first, then
the conditions, then server variables and action; a rewritten URL is the input of the next rule; stopProcessing ends the
set only where its rule acted; Redirect, CustomResponse and AbortRequest end it always.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from urlrewrite.engine.conditions import CompiledConditions, stopped_at
from urlrewrite.engine.decision import Decision, Outcome
from urlrewrite.engine.facts import one_line
from urlrewrite.engine.pattern import Captures, Pattern
from urlrewrite.engine.scope import Scope
from urlrewrite.engine.template import BackReference, Template
from urlrewrite.engine.trace import clip
from urlrewrite.engine.url_path import CookedPath, encode_url, split_target
from urlrewrite.engine.variables import field_name, normal_name
from urlrewrite.model import ActionType, InboundRule
from urlrewrite.origin import origin_of

_ABSOLUTE = re.compile(r"(https?|wss?)://([^/?#]*)([^#]*)", re.IGNORECASE | re.DOTALL)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)


class TargetError(Exception):
    """A rule asks for a target that the proxy will not, or cannot, send to."""


@dataclass(frozen=True, slots=True)
class CompiledVariable:
    """A `<set>` with its template ready."""

    name: str
    value: Template
    replace: bool


@dataclass(frozen=True, slots=True)
class CompiledInboundRule:
    """An inbound rule with patterns and templates ready."""

    rule: InboundRule
    pattern: Pattern
    conditions: CompiledConditions
    server_variables: tuple[CompiledVariable, ...]
    url: Template


def run_inbound(
    rules: tuple[CompiledInboundRule, ...],
    scope: Scope,
    decision: Decision,
    *,
    scope_name: str,
    allowed_hosts: frozenset[tuple[str, int]],
) -> None:
    """Runs one rule set on the scope's URL and writes what it decides into `decision`.

    `scope_name` is "Global" or "Distributed". `allowed_hosts` are the (host, port) pairs that requests may be sent to:
    those that the rule files name. A host that only the request named would make us an open proxy.

    Raises:
        PatternTimeout: a pattern took longer than the scope's deadline.
        TargetError: a rule rewrites to a host that no rule file names, or to no URL at all.
    """
    url = scope.variables.url
    scope.trace.add("URL_REWRITE_START", scope=scope_name, type="Inbound", url=url.target)
    for compiled in rules:
        rule = compiled.rule
        if not rule.enabled:
            scope.trace.add("RULE_DISABLED", rule=rule.name)
            continue
        succeeded = _run_rule(compiled, scope, decision, allowed_hosts)
        scope.trace.add(
            "RULE_EVALUATION_END",
            rule=rule.name,
            succeeded=succeeded,
            stop_processing=rule.stop_processing,
            url=url.target,
        )
        if succeeded and (rule.stop_processing or not decision.forwards):
            break
    scope.trace.add("URL_REWRITE_END", url=url.target)


def _run_rule(
    compiled: CompiledInboundRule, scope: Scope, decision: Decision, allowed_hosts: frozenset[tuple[str, int]]
) -> bool:
    rule, trace, path = compiled.rule, scope.trace, scope.variables.url.path
    scope.rule_name = rule.name
    captures = compiled.pattern.search(path.text, scope.deadline)
    matched = captures is not None
    succeeded = matched is not rule.match.negate
    if trace.on:
        trace.add(
            "RULE_EVALUATION_START",
            rule=rule.name,
            source=str(rule.source),
            input=clip(path.text),
            query_string=scope.variables["QUERY_STRING"],
            pattern_syntax=str(rule.pattern_syntax),
        )
        trace.add(
            "PATTERN_MATCH",
            pattern=rule.match.url,
            input=clip(path.text),
            negate=rule.match.negate,
            matched=matched,
            succeeded=succeeded,
            captures=list(captures.groups) if captures else [],
            **stopped_at(compiled.pattern, path.text, matched, scope),
        )
    if not succeeded:
        return False
    rule_captures = None if rule.match.negate else captures
    scope.start_rule(rule_captures)
    if not compiled.conditions.evaluate(scope):
        return False
    decision.rules.append(rule.name)
    for variable in compiled.server_variables:
        _set_variable(variable, scope, decision)
    _act(compiled, scope, decision, rule_captures, allowed_hosts)
    return True


def _set_variable(variable: CompiledVariable, scope: Scope, decision: Decision) -> None:
    """Sets a server variable; one named HTTP_* is a request field (2.0 reference, "Setting server variables")."""
    before = scope.variables[variable.name]
    if before and not variable.replace:
        scope.trace.add("SERVER_VARIABLE_KEPT", name=variable.name, value=before)
        return
    value = one_line(scope.expand(variable.value))
    scope.variables.assign(variable.name, value)
    if normal_name(variable.name).startswith("HTTP_"):
        # An empty value takes the field away: that is what every guide means by an empty HTTP_ACCEPT_ENCODING.
        decision.fields[field_name(variable.name)] = value or None
    scope.trace.add("SERVER_VARIABLE_SET", name=variable.name, before=before, after=value)


def _act(
    compiled: CompiledInboundRule,
    scope: Scope,
    decision: Decision,
    captures: Captures | None,
    allowed_hosts: frozenset[tuple[str, int]],
) -> None:
    action, trace = compiled.rule.action, scope.trace
    match action.type:
        case ActionType.NONE:
            trace.add("NONE_ACTION")
        case ActionType.REWRITE:
            _rewrite(compiled, scope, decision, captures, allowed_hosts)
        case ActionType.REDIRECT:
            decision.outcome = Outcome.REDIRECT
            decision.status = action.redirect_type.status
            decision.location = _redirect_location(compiled, scope, captures)
            trace.add(
                "REDIRECT_ACTION",
                substitution=action.url,
                location=decision.location,
                status=decision.status,
                append_query_string=action.append_query_string,
            )
        case ActionType.CUSTOM_RESPONSE:
            decision.outcome = Outcome.CUSTOM_RESPONSE
            decision.status, decision.sub_status = action.status_code, action.sub_status_code
            decision.reason, decision.description = action.status_reason, action.status_description
            trace.add(
                "CUSTOM_RESPONSE_ACTION",
                status=action.status_code,
                sub_status=action.sub_status_code,
                reason=action.status_reason,
                description=action.status_description,
            )
        case ActionType.ABORT_REQUEST:
            decision.outcome = Outcome.ABORT_REQUEST
            trace.add("ABORT_REQUEST_ACTION")


def _rewrite(
    compiled: CompiledInboundRule,
    scope: Scope,
    decision: Decision,
    captures: Captures | None,
    allowed_hosts: frozenset[tuple[str, int]],
) -> None:
    action, url = compiled.rule.action, scope.variables.url
    text = _expand_url(compiled.url, scope, captures)
    rest = text.partition("#")[0]
    if absolute := _ABSOLUTE.match(text):
        scheme, authority, rest = absolute.groups()
        origin = origin_of(scheme, authority)
        if origin is None:
            raise TargetError(f'rule "{compiled.rule.name}" rewrites to {text!r}, which names no host')
        if (origin.host, origin.port) not in allowed_hosts:
            raise TargetError(
                f'rule "{compiled.rule.name}" rewrites to {origin}, a host that no rule file names; '
                "write the host into the rule or into a rewrite map"
            )
        decision.origin = origin
    path, query = split_target(rest)
    if action.append_query_string and url.query:
        query = f"{query}&{url.query}" if query else url.query
    url.path, url.query = CookedPath(path), query
    decision.outcome, decision.target = Outcome.REWRITE, url.target
    scope.trace.add(
        "REWRITE_ACTION",
        substitution=action.url,
        rewrite_url=f"{decision.origin or ''}{url.target}",
        append_query_string=action.append_query_string,
    )


def _redirect_location(compiled: CompiledInboundRule, scope: Scope, captures: Captures | None) -> str:
    """The absolute Location: relative URLs begin at the site's root, by the name that the client used."""
    request, query = scope.variables.request, scope.variables.url.query
    location = _expand_url(compiled.url, scope, captures)
    if compiled.rule.action.append_query_string and query:
        base, mark, fragment = location.partition("#")
        location = f"{base}{'&' if '?' in base else '?'}{query}{mark}{fragment}"
    if location.startswith("//"):
        return f"{request.scheme}:{location}"
    if _SCHEME.match(location):
        return location
    return f"{request.scheme}://{request.host}/{location.removeprefix('/')}"


def _expand_url(template: Template, scope: Scope, captures: Captures | None) -> str:
    """The URL of an action. A back-reference to the rule's pattern gives what the client wrote, escapes included."""
    path = scope.variables.url.path
    parts = template.parts(scope.resolve, scope.call)
    for index, node in enumerate(template.nodes):
        if isinstance(node, BackReference) and node.kind == "R" and captures and node.number < len(captures.spans):
            start, end = captures.spans[node.number]
            parts[index] = path.raw_slice(start, end) if start >= 0 else ""
    return encode_url("".join(parts).strip())
