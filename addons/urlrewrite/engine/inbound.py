"""Inbound rules: which rule fires, and what becomes of the request.

The walk is the one of the IIS URL Rewrite Module configuration reference, "Rules evaluation": the pattern first, then
the conditions, then server variables and action; a rewritten URL is the input of the next rule; stopProcessing ends the
set only where its rule acted; Redirect, CustomResponse and AbortRequest end it always. A rule that was written in a
directory sees the path relative to it, and its own relative URLs begin there.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from time import perf_counter
from typing import TypedDict

from urlrewrite.engine.action_url import ActingRule, TargetError, redirect_location, rewritten_url
from urlrewrite.engine.compiled import CompiledInboundRule, CompiledVariable
from urlrewrite.engine.conditions import stopped_at
from urlrewrite.engine.decision import Decision, Outcome
from urlrewrite.engine.facts import one_line
from urlrewrite.engine.index.rule_index import RuleList
from urlrewrite.engine.rule_mounts import mount_of
from urlrewrite.engine.scope import Scope
from urlrewrite.engine.targets import AllowedHosts
from urlrewrite.engine.url_path import CookedPath
from urlrewrite.engine.variables import field_name, normal_name
from urlrewrite.model import ActionType, ResponseCacheDirective
from urlrewrite.trace import request_events as events
from urlrewrite.trace.reasons import Reason
from urlrewrite.trace.trace import clip


@dataclass(frozen=True, slots=True)
class InboundSet:
    """The inbound rules of one level, in the order in which they run.

    `name` is "Global" or "Distributed". `allowed_variables` are the names in lower case that may be set, None for all.
    `original_url_encoding` is `useOriginalURLEncoding`.
    """

    name: str
    rules: RuleList
    allowed_variables: frozenset[str] | None = None
    original_url_encoding: bool = True
    directory: str = ""


def run_inbound(rules: InboundSet, scope: Scope, decision: Decision, *, allowed_hosts: AllowedHosts) -> None:
    """Run one rule set on the scope's URL and write what it decides into `decision`.

    `allowed_hosts` are those to which requests may be forwarded: those that the rule files name. A host that only the
    request named would make us an open proxy.

    Raises:
        PatternTimeout: a pattern took longer than the scope's deadline.
        TargetError: a rule rewrites to a host that no rule file names, or to what is not a URL.
        Failure: in mode iis, a rule sets a variable that may not be set.
    """
    url = scope.variables.url
    scope.is_global = rules.name == "Global"
    if rules.directory:
        scope.trace.add(
            events.URL_REWRITE_START, scope=rules.name, type="Inbound", url=url.target, location=rules.directory
        )
    else:
        scope.trace.add(events.URL_REWRITE_START, scope=rules.name, type="Inbound", url=url.target)
    for compiled in rules.rules.candidates(scope):
        rule = compiled.rule
        if not rule.enabled:
            scope.trace.add(events.RULE_DISABLED, rule=rule.name)
            continue
        offset = 0
        if compiled.directory and (offset := url.path.below(compiled.directory)) < 0:
            scope.trace.add(events.RULE_OUTSIDE_LOCATION, rule=rule.name, location=compiled.directory)
            continue
        began = perf_counter() if scope.trace.on else 0.0
        try:
            succeeded = _run_rule(compiled, offset, rules, scope, decision, allowed_hosts)
        finally:
            if scope.trace.on:
                scope.trace.spend("inbound", rule.name, began)
        scope.trace.add(
            events.RULE_EVALUATION_END,
            rule=rule.name,
            succeeded=succeeded,
            stop_processing=rule.stop_processing,
            url=url.target,
        )
        if succeeded and (rule.stop_processing or not decision.forwards):
            break
    scope.trace.add(events.URL_REWRITE_END, url=url.target)


def _run_rule(
    compiled: CompiledInboundRule,
    offset: int,
    rules: InboundSet,
    scope: Scope,
    decision: Decision,
    allowed_hosts: AllowedHosts,
) -> bool:
    """Run one rule; say whether it acted. `offset` is where its input begins in the path."""
    rule, trace, text = compiled.rule, scope.trace, scope.variables.url.path.text[offset:]
    scope.rule_name = rule.name
    captures = compiled.pattern.search(text, scope.deadline)
    matched = captures is not None
    succeeded = matched is not rule.match.negate
    if trace.on:
        trace.add(
            events.RULE_EVALUATION_START,
            rule=rule.name,
            source=str(rule.source),
            input=clip(text),
            query_string=scope.variables["QUERY_STRING"],
            pattern_syntax=str(rule.pattern_syntax),
        )
        trace.add(
            events.PATTERN_MATCH,
            pattern=rule.match.url,
            input=clip(text),
            negate=rule.match.negate,
            matched=matched,
            succeeded=succeeded,
            captures=list(captures.groups) if captures else [],
            **stopped_at(compiled.pattern, text, matched, scope),
        )
    if not succeeded:
        return False
    rule_captures = None if rule.match.negate else captures
    scope.start_rule(rule_captures)
    if not compiled.conditions.evaluate(scope):
        return False
    decision.rules.append(rule.name)
    if rule.response_cache_directive is not ResponseCacheDirective.AUTO:
        trace.add(events.RESPONSE_CACHE_DIRECTIVE, rule=rule.name, directive=str(rule.response_cache_directive))
    for variable in compiled.server_variables:
        _set_variable(variable, rules, scope, decision)
    acting = ActingRule(compiled, scope, rules.original_url_encoding, rule_captures, offset)
    _act(acting, decision, allowed_hosts)
    return True


def _set_variable(variable: CompiledVariable, rules: InboundSet, scope: Scope, decision: Decision) -> None:
    """Set a server variable; one named HTTP_* is a request field (2.0 reference, "Setting server variables")."""
    if rules.allowed_variables is not None and variable.name.lower() not in rules.allowed_variables:
        scope.iis_fails("500.50", Reason.VARIABLE_NOT_ALLOWED, name=variable.name)
    before = scope.variables[variable.name]
    if before and not variable.replace:
        scope.trace.add(events.SERVER_VARIABLE_KEPT, name=variable.name, value=before)
        return
    value = one_line(scope.expand(variable.value))
    scope.variables.assign(variable.name, value)
    if normal_name(variable.name).startswith("HTTP_"):
        # An empty value takes the field away: that is what every guide means by an empty HTTP_ACCEPT_ENCODING.
        decision.fields[field_name(variable.name)] = value or None
    scope.trace.add(events.SERVER_VARIABLE_SET, name=variable.name, before=before, after=value)


def _act(acting: ActingRule, decision: Decision, allowed_hosts: AllowedHosts) -> None:
    action, trace = acting.compiled.rule.action, acting.scope.trace
    match action.type:
        case ActionType.NONE:
            trace.add(events.NONE_ACTION)
        case ActionType.REWRITE:
            _rewrite(acting, decision, allowed_hosts)
        case ActionType.REDIRECT:
            decision.outcome = Outcome.REDIRECT
            decision.status = action.redirect_type.status
            decision.location = redirect_location(acting)
            trace.decided(
                events.REDIRECT_ACTION,
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
                events.CUSTOM_RESPONSE_ACTION,
                status=action.status_code,
                sub_status=action.sub_status_code,
                status_reason=action.status_reason,
                description=action.status_description,
            )
        case ActionType.ABORT_REQUEST:
            decision.outcome = Outcome.ABORT_REQUEST
            trace.add(events.ABORT_REQUEST_ACTION)


class _Logged(TypedDict, total=False):
    iis_url: str
    log_rewritten_url: str


def _rewrite(acting: ActingRule, decision: Decision, allowed_hosts: AllowedHosts) -> None:
    compiled, scope = acting.compiled, acting.scope
    action, url = compiled.rule.action, scope.variables.url
    text = acting.url_as_iis() if scope.iis else acting.url_as_sent()
    rewritten = rewritten_url(acting, text)
    more: _Logged = {}
    if scope.trace.on and not scope.iis and "%" in text:
        with scope.tracing(False), suppress(TargetError):
            iis_text = acting.url_as_iis()
            if iis_text != text:
                more["iis_url"] = str(rewritten_url(acting, iis_text))
    if rewritten.fragment:
        scope.trace.warn(Reason.FRAGMENT_LEFT_OUT, rule=compiled.rule.name, url=text)
    if rewritten.origin:
        if not allowed_hosts.has(rewritten.origin, scope.variables.request.local):
            raise TargetError(Reason.UNNAMED_HOST, rule=compiled.rule.name, origin=str(rewritten.origin))
        decision.origin = rewritten.origin
    decision.mount = mount_of(acting, rewritten) if rewritten.origin else None
    url.path, url.query = CookedPath(rewritten.path), rewritten.query
    decision.outcome, decision.target = Outcome.REWRITE, url.target
    if action.log_rewritten_url:
        more["log_rewritten_url"] = decision.logged_url = url.target
    scope.trace.add(
        events.REWRITE_ACTION,
        substitution=action.url,
        rewrite_url=f"{decision.origin or ''}{url.target}",
        append_query_string=action.append_query_string,
        **more,
    )
