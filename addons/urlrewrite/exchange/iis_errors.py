"""Where IIS would send a request nowhere, apply no rule to a response, or refuse it.

A site in mode iis does as IIS does. One in mode helpful goes on, and the trace tells what IIS would have done.
"""

from __future__ import annotations

from urlrewrite.content.coding.codings import parse_content_encoding
from urlrewrite.engine.compile import CompiledLevel, CompiledRules
from urlrewrite.engine.facts import ResponseFacts
from urlrewrite.engine.failure import Failure
from urlrewrite.engine.outbound import OutboundRun
from urlrewrite.engine.scope import Scope
from urlrewrite.exchange.body.plan import has_body
from urlrewrite.exchange.gateway import NO_SERVER_MESSAGE
from urlrewrite.model.field_lines import field_values
from urlrewrite.model.origin import Origin
from urlrewrite.trace.reasons import Reason


def judge_target(rules: CompiledRules, scope: Scope, target: Origin) -> None:
    """Check where a request is sent; for a server farm IIS's proxy need not be enabled.

    Raises:
        Failure: in mode iis, IIS's proxy is not enabled, or the farm can have no server.
    """
    if farm := rules.farms.get(target.host):
        if not farm.enabled or not farm.servers:
            scope.iis_fails(
                "502.4",
                Reason.SERVER_FARM,
                message=NO_SERVER_MESSAGE,
                name=farm.name,
            )
        return
    if not rules.proxies:
        scope.iis_fails(
            "404.4",
            Reason.PROXY_OFF,
            message="The resource you are looking for does not have a handler associated with it.",
            origin=str(target),
        )


def applies_no_rule(level: CompiledLevel, scope: Scope, response: ResponseFacts) -> bool:
    """Say whether no outbound rule is applied: in mode iis, to a chunked response with rewriteBeforeCache."""
    if not (level.rewrite_before_cache and level.outbound_rules):
        return False
    if not any("chunked" in value.lower() for value in field_values(response.fields, "transfer-encoding")):
        return False
    scope.trace.warn(Reason.CHUNKED_LEFT if scope.iis else Reason.CHUNKED_REWRITTEN)
    return scope.iis


def judge_coding(level: CompiledLevel, run: OutboundRun, method: str, response: ResponseFacts) -> None:
    """Tell the trace that IIS cannot apply rules for bodies to a response under a content coding.

    Raises:
        Failure: in mode iis.
    """
    codings = parse_content_encoding(field_values(response.fields, "content-encoding"))
    if not codings or not run.body_passes or not has_body(method, response.status):
        return
    iis_status, coding = "500.53" if level.rewrite_before_cache else "500.52", ", ".join(codings)
    if run.scope.iis:
        raise Failure(iis_status, Reason.CONTENT_ENCODED, coding=coding)
    # Nothing is wrong: the body is decoded, rewritten and encoded again.
    run.scope.trace.iis_differs(Reason.CONTENT_ENCODED, iis_status, coding=coding)
