"""Inbound rules: which rule fires, and what becomes of the request.

The walk is the one of the IIS URL Rewrite Module configuration reference, "Rules evaluation": the pattern first, then
the conditions, then server variables and action; a rewritten URL is the input of the next rule; stopProcessing ends the
set only where its rule acted; Redirect, CustomResponse and AbortRequest end it always. A rule that was written in a
directory sees the path relative to it, and its own relative URLs begin there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from time import perf_counter
from typing import TypedDict, Unpack

from urlrewrite.engine.compiled import CompiledInboundRule, CompiledVariable
from urlrewrite.engine.conditions import stopped_at
from urlrewrite.engine.decision import Decision, Outcome
from urlrewrite.engine.facts import one_line
from urlrewrite.engine.index.rule_index import RuleList
from urlrewrite.engine.scope import Scope
from urlrewrite.engine.targets import AllowedHosts
from urlrewrite.engine.template import BackReference, Variable
from urlrewrite.engine.url_path import CookedPath, encode_again, encode_url, split_target
from urlrewrite.engine.variables import PATH_VARIABLES, field_name, normal_name
from urlrewrite.model import ActionType, ResponseCacheDirective
from urlrewrite.model.origin import origin_of
from urlrewrite.patterns.pattern import Captures
from urlrewrite.trace import request_events as events
from urlrewrite.trace.reasons import Reason, Values, sentence
from urlrewrite.trace.trace import clip

_ABSOLUTE = re.compile(r"(https?|wss?)://([^/?#]*)([^#]*)", re.IGNORECASE | re.DOTALL)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)


class TargetError(Exception):
    """Raised for a rule that names a target to which the proxy will not, or cannot, forward.

    `values` are those of the sentence of the `reason`.
    """

    def __init__(self, reason: Reason, **values: Unpack[Values]) -> None:
        super().__init__(reason)
        self.reason = reason
        self.values = values

    def __str__(self) -> str:
        return sentence(self.reason, self.values)


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
    _act(_Firing(compiled, rules, scope, decision, rule_captures, offset), allowed_hosts)
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


@dataclass(frozen=True, slots=True)
class _Firing:
    """A rule whose pattern and conditions hold. `offset` is where its input begins in the path."""

    compiled: CompiledInboundRule
    rules: InboundSet
    scope: Scope
    decision: Decision
    captures: Captures | None
    offset: int

    def url_as_sent(self) -> str:
        """Return the action's URL; the path, or a part of it, stands there as the client wrote it, escapes included."""
        template, scope, captures = self.compiled.url, self.scope, self.captures
        path = scope.variables.url.path
        parts = template.parts(scope.resolve, scope.call)
        for index, node in enumerate(template.nodes):
            if isinstance(node, Variable):
                name = normal_name(node.name)
                if name in PATH_VARIABLES and name not in scope.variables.assigned:
                    parts[index] = path.raw
            elif (
                isinstance(node, BackReference) and node.kind == "R" and captures and node.number < len(captures.spans)
            ):
                start, end = captures.spans[node.number]
                parts[index] = path.raw_slice(start + self.offset, end + self.offset) if start >= 0 else ""
        return encode_url("".join(parts))

    def url_as_iis(self) -> str:
        """Return the URL of a Rewrite as IIS sends it: parts of the path come decoded, and the whole is encoded."""
        encode = encode_again if self.rules.original_url_encoding else encode_url
        return encode(self.scope.expand(self.compiled.url))


def _act(firing: _Firing, allowed_hosts: AllowedHosts) -> None:
    action, decision, trace = firing.compiled.rule.action, firing.decision, firing.scope.trace
    match action.type:
        case ActionType.NONE:
            trace.add(events.NONE_ACTION)
        case ActionType.REWRITE:
            _rewrite(firing, allowed_hosts)
        case ActionType.REDIRECT:
            decision.outcome = Outcome.REDIRECT
            decision.status = action.redirect_type.status
            decision.location = _redirect_location(firing)
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


def _rewrite(firing: _Firing, allowed_hosts: AllowedHosts) -> None:
    compiled, scope, decision = firing.compiled, firing.scope, firing.decision
    action, url = compiled.rule.action, scope.variables.url
    text = firing.url_as_iis() if scope.iis else firing.url_as_sent()
    more: _Logged = {}
    if scope.trace.on and not scope.iis and "%" in text:
        with scope.tracing(False):
            iis_url = firing.url_as_iis()
        if iis_url != text:
            more["iis_url"] = iis_url
    rest = text.partition("#")[0]
    if absolute := _ABSOLUTE.match(text):
        scheme, authority, rest = absolute.groups()
        origin = origin_of(scheme, authority)
        if origin is None:
            raise TargetError(Reason.NO_HOST, rule=compiled.rule.name, url=text)
        if not allowed_hosts.has(origin):
            raise TargetError(Reason.UNNAMED_HOST, rule=compiled.rule.name, origin=str(origin))
        decision.origin = origin
    elif not rest.startswith("/"):
        rest = _in_directory(compiled, url.path, rest)
    path, query = split_target(rest)
    if action.append_query_string and url.query:
        query = f"{query}&{url.query}" if query else url.query
    url.path, url.query = CookedPath(path), query
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


def _redirect_location(firing: _Firing) -> str:
    """Return the absolute Location: relative URLs begin in the rule's directory, by the name that the client used."""
    compiled, scope = firing.compiled, firing.scope
    request, query = scope.variables.request, scope.variables.url.query
    location = encode_url(scope.expand(compiled.url)) if scope.iis else firing.url_as_sent()
    if compiled.rule.action.append_query_string and query:
        base, mark, fragment = location.partition("#")
        location = f"{base}{'&' if '?' in base else '?'}{query}{mark}{fragment}"
    if location.startswith("//"):
        return f"{request.scheme}:{location}"
    if _SCHEME.match(location):
        return location
    if not location.startswith("/"):
        location = _in_directory(compiled, scope.variables.url.path, location)
    return f"{request.scheme}://{request.host}{location}"


def _in_directory(compiled: CompiledInboundRule, path: CookedPath, relative: str) -> str:
    """Return a URL relative to the rule's directory as a path from the root.

    `{R:1}` of `(.*)` must give what the client requested: an empty one is the directory itself, which ends in a slash
    only if the client wrote one.
    """
    asked_without_slash = compiled.directory and len(path.text) == len(compiled.directory)
    if asked_without_slash and relative[:1] in ("", "?", "#"):
        return compiled.base.removesuffix("/") + relative
    return compiled.base + relative
