"""One request and its answer: the object that the live proxy, `explain` and a rule file's own tests all drive.

    route()    judges the request:     a `Forward`, an `Answer` of our own, or an `Abort`
    receive()  takes the answer's head: its fields come back rewritten, with a plan for the body
    rewrite()  takes the whole body:   body and fields come back as they are to be sent

Where IIS would give up, a site in mode iis answers with IIS's error, and one in mode helpful goes on and tells.
Nothing here touches a network, logs or sleeps; what happened is in `trace`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

from urlrewrite.answers import Abort, Answer, Forward, decided_answer, iis_answer, plain_answer
from urlrewrite.body import BodyRewriting
from urlrewrite.body_plan import BodyPlan, Way
from urlrewrite.content.links import LinkMap
from urlrewrite.content.stream import BodyRewriter
from urlrewrite.engine.compile import CompiledLevel, CompiledSite
from urlrewrite.engine.decision import Decision, Outcome
from urlrewrite.engine.facts import RequestFacts, ResponseFacts
from urlrewrite.engine.failure import Failure
from urlrewrite.engine.field_rules import apply_field_rules
from urlrewrite.engine.inbound import TargetError, run_inbound
from urlrewrite.engine.outbound import OutboundRun
from urlrewrite.engine.pattern import PatternTimeout
from urlrewrite.engine.scope import Scope
from urlrewrite.engine.trace import Trace, clip
from urlrewrite.engine.variables import Variables
from urlrewrite.fields.forwarding import forwarding_fields, map_back_request_fields
from urlrewrite.fields.names import Change
from urlrewrite.fields.urls import rewrite_response_fields
from urlrewrite.fields.validators import after_rewrite, mark_validators, unmark_request_fields
from urlrewrite.iis_limits import applies_no_rule, judge_coding, judge_target
from urlrewrite.in_force import RulesInForce
from urlrewrite.model import LinkMode, Mode, Site
from urlrewrite.origin import Origin
from urlrewrite.request_fields import FieldLines, is_trusted, limit_codings, set_fields


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """The fields of an answer as they go to the client, and what is to be done with its body."""

    fields: FieldLines
    plan: BodyPlan


@dataclass(frozen=True, slots=True)
class ResponseBody:
    """A body and the fields that go with it."""

    fields: FieldLines
    body: bytes


class Exchange:
    """Judges one request and rewrites its answer by the rules in force when it began."""

    def __init__(self, rules: RulesInForce, request: RequestFacts, trace_id: str) -> None:
        self.rules = rules
        self.request = request
        self.trace = Trace(trace_id, on=rules.settings.trace, every_rule=rules.settings.trace_every_rule)
        self.decision = Decision(target=request.target)
        self._compiled: CompiledSite | None = None
        self._level: CompiledLevel | None = None
        self._scope: Scope | None = None
        self._run: OutboundRun | None = None
        self._body: BodyRewriting | None = None
        self._public = Origin(request.scheme, "", 0)
        self._target = self._public
        self._carried_mark = False
        self.trace.data.update(
            rules=rules.fingerprint,
            request={
                "method": request.method,
                "url": request.url,
                "http_version": request.http_version,
                # What the flow itself holds is the request as the backend got it.
                "host": request.host,
                "target": request.target,
                "fields": list(map(list, request.fields)),
            },
        )

    @property
    def site(self) -> Site | None:
        """The site that serves this request."""
        return self._compiled.site if self._compiled else None

    def route(self) -> Forward | Answer | Abort:
        """Judges the request."""
        routing = self._find_site() or self._judge()
        data = self.trace.data
        data["site"] = self._compiled.site.name if self._compiled else ""
        data["action"] = str(self.decision.outcome)
        data["inbound_rules"] = list(self.decision.rules)
        match routing:
            case Forward():
                data["target"] = routing.url
                self.trace.add(
                    "REQUEST_ROUTED", url=routing.url, host=routing.host, connect=list(routing.connect or ())
                )
            case Answer():
                self.trace.add("ANSWERED", status=routing.status, sub_status=routing.sub_status)
                data["sub_status"] = routing.sub_status
        if self.decision.logged_url:
            data["logged_url"] = self.decision.logged_url
        return routing

    def fail(self, message: str) -> Answer:
        """The answer for an exchange that cannot go on; the reason is in the trace only, not in the answer."""
        self.trace.error(message)
        self.trace.data.update(status=500, sub_status=0)
        return plain_answer(500, "The rewrite rules of this site failed.", self.trace.data["id"])

    def _give_up(self, failure: Failure) -> Answer:
        """The answer where IIS gives up: in mode iis a page like IIS's."""
        data = self.trace.data
        self.trace.error(failure.detail, iis=failure.iis, code=failure.code)
        if self._scope and self._scope.iis:
            answer = iis_answer(failure.code, failure.message, data["id"])
        else:
            answer = plain_answer(int(failure.code.partition(".")[0]), "This request cannot be served.", data["id"])
        data.update(status=answer.status, sub_status=answer.sub_status)
        return answer

    def _find_site(self) -> Answer | None:
        """Chooses the site by Host, or by SNI where there is no Host; an answer if there is none to choose."""
        request, rules = self.request, self.rules.rules
        named_by_sni = rules.find_site("https", request.sni) if request.sni else None
        self._compiled = rules.find_site(request.scheme, request.host) if request.host else named_by_sni
        if self._compiled is None:
            self.trace.error(f"no site is published under {request.host or request.sni!r}")
            return plain_answer(
                404, f"No site is published here under the name {request.host!r}.", self.trace.data["id"]
            )
        own_names = {origin.host for origin in self._compiled.site.public}
        other_names = {origin.host for origin in named_by_sni.site.public} if named_by_sni else set()
        if request.sni.lower() in other_names - own_names:
            # The certificate that the client checked is another site's (RFC 9110, 15.5.20).
            self.trace.error(f"the connection is for {request.sni!r}, the request for {request.host!r}")
            return plain_answer(421, "This connection belongs to another site.", self.trace.data["id"])
        self._public = self.rules.public_origin(self._compiled, request)
        if not request.host:
            # An old client that sends no Host is taken to mean the name that it gave in TLS.
            self.request = replace(request, host=self._public.authority)
        self.trace.add("SITE_CHOSEN", site=self._compiled.site.name, public=str(self._public))
        return None

    def _judge(self) -> Forward | Answer | Abort:
        compiled, rules = self._compiled, self.rules.rules
        assert compiled is not None
        site = compiled.site
        variables = Variables(self.request, site=site.name, document_root=site.document_root)
        level = self._level = compiled.level_of(variables.url.path.text)
        deadline = self.rules.settings.pattern_deadline
        scope = Scope(variables, rules.lookups, self.trace, deadline, iis=site.mode is Mode.IIS)
        self._scope = scope
        try:
            for rule_set, lookups, fault in (
                (rules.global_rules, rules.lookups, rules.global_fault),
                (level.inbound, level.lookups, level.fault),
            ):
                if not self.decision.forwards:
                    break
                if fault:
                    return self._give_up(fault)
                if rule_set.rules:
                    scope.lookups = lookups
                    run_inbound(rule_set, scope, self.decision, allowed_hosts=rules.allowed_hosts)
            return self._send(site)
        except PatternTimeout as error:
            return self.fail(f'rule "{scope.rule_name}": {error}')
        except TargetError as error:
            if not scope.iis:
                return self.fail(str(error))
            message = "There was a connection error while trying to route the request."
            return self._give_up(Failure("502.3", message, detail=str(error), iis="sends the request there"))
        except Failure as failure:
            return self._give_up(failure)
        finally:
            scope.lookups = level.lookups

    def _send(self, site: Site) -> Forward | Answer | Abort:
        """Carries out what the rules decided.

        Raises:
            Failure: the request can be sent nowhere.
        """
        assert self._scope is not None
        scope = self._scope
        match self.decision.outcome:
            case Outcome.ABORT_REQUEST:
                return Abort()
            case Outcome.REDIRECT | Outcome.CUSTOM_RESPONSE:
                return decided_answer(self.decision, iis=scope.iis, trace_id=self.trace.data["id"])
        self.decision.target = self.request.target if self.request.target == "*" else scope.variables.url.target
        named = self.decision.origin
        if named:
            judge_target(self.rules.rules, scope, named)
        origin = named or site.backend
        if origin is None:
            self.trace.error("no rule sent the request anywhere, and the site has no backend: IIS would serve a file")
            return plain_answer(404, "No rule sends this request to a backend.", self.trace.data["id"])
        return self._forward(site, origin)

    def _forward(self, site: Site, origin: Origin) -> Forward:
        """The request as the backend gets it. What rules set wins over what is set for every request."""
        self._target = origin
        connect = site.connect if origin == site.backend else None
        _, inbound_map = self._link_maps()
        unmarked = unmark_request_fields(list(self.request.fields), self._fingerprint())
        fields, changes, self._carried_mark = unmarked.fields, unmarked.changes, unmarked.carried_mark
        if site.links is not LinkMode.OFF and not site.preserve_host_header:
            origins = {pair.origin: pair.becomes for pair in inbound_map.pairs}
            fields, mapped = map_back_request_fields(fields, map_back_text=inbound_map.map_text, origins=origins)
            changes += mapped
        requested = Origin(self.request.scheme, self._public.host, self._public.port)
        fields, forwarded = forwarding_fields(
            fields,
            client_ip=self.request.client[0],
            requested=requested,
            target=self.request.target,
            trace_id=self.trace.data["id"],
            append=is_trusted(self.request.client[0], site.trusted_proxies),
        )
        fields = limit_codings(fields)
        fields = set_fields(fields, self.decision.fields)
        self._record(changes + forwarded, "GENERAL_SET_REQUEST_HEADER")
        host = self.decision.fields.get("host") or (
            self.request.host if site.preserve_host_header else origin.authority
        )
        assert self._scope is not None
        if self._scope.iis:
            # Once the request is on its way, {HTTP_HOST} is the name that the backend was asked by.
            self._scope.variables.assign("HTTP_HOST", host)
        return Forward(origin, connect, host, self.decision.target, fields)

    def receive(self, response: ResponseFacts, *, own: bool = False) -> ResponseHead | Answer:
        """Takes the head of an answer. `own` is an answer that this exchange gave itself: only rules apply to it."""
        self.trace.data["status"] = response.status
        if self._scope is None or self._compiled is None or self._level is None:
            return ResponseHead(list(response.fields), BodyPlan(Way.PASS, "the answer is our own"))
        site, level, scope = self._compiled.site, self._level, self._scope
        scope.variables.response = response
        try:
            self.trace.add("URL_REWRITE_START", scope="Distributed", type="Outbound", status=response.status)
            rules = () if applies_no_rule(level, scope, response) else level.outbound_rules
            run = self._run = OutboundRun(rules, level.pre_conditions, scope)
            fields = apply_field_rules(run, list(response.fields))
            if not own:
                judge_coding(level, run, self.request.method, response)
        except PatternTimeout as error:
            return self.fail(f'rule "{scope.rule_name}": {error}')
        except Failure as failure:
            return self._give_up(failure)
        if own:
            return ResponseHead(fields, BodyPlan(Way.PASS, "the answer is our own"))
        outbound_map, _ = self._link_maps()
        self._body = BodyRewriting(run, outbound_map, site.links, self.rules.settings)
        if site.links is not LinkMode.OFF:
            fields, changes = rewrite_response_fields(
                fields,
                map_text=outbound_map.map_text,
                map_bare=outbound_map.map_authority,
                public=self._public,
                backend=self._target,
            )
            self._record(changes, "GENERAL_SET_RESPONSE_HEADER")
        plan = self._body.plan(self.request.method, response.status, tuple(fields))
        if plan.subject and (response.status != 304 or self._carried_mark):
            fields, changes = mark_validators(fields, self._fingerprint())
            self._record(changes, "GENERAL_SET_RESPONSE_HEADER")
        if plan.subject and plan.way is not Way.WHOLE and response.status != 304:
            # The length of what a GET would bring, or of what a stream will be, is not known.
            chunked = plan.way is Way.STREAM and self.request.http_version == "HTTP/1.1"
            fields, changes = after_rewrite(fields, None, changed=True, chunked=chunked)
            self._record(changes, "GENERAL_SET_RESPONSE_HEADER")
        self.trace.add("BODY_PLAN", way=str(plan.way), why=plan.why, kind=str(plan.kind or ""))
        self.trace.data["way"] = str(plan.way)
        return ResponseHead(fields, plan)

    def stream(self, head: ResponseHead) -> BodyRewriter:
        """The rewriter for a body whose plan is to stream."""
        assert self._body is not None
        return self._body.stream(tuple(head.fields), head.plan)

    def release(self, head: ResponseHead, held: int) -> ResponseHead:
        """The head of a body that was to be taken whole, but is streamed now that `held` bytes have come."""
        chunked = self.request.http_version == "HTTP/1.1"
        fields, changes = after_rewrite(head.fields, None, changed=True, chunked=chunked)
        self._record(changes, "GENERAL_SET_RESPONSE_HEADER")
        long = held > self.rules.settings.threshold
        why = f"more than {self.rules.settings.threshold} bytes came" if long else "it comes slowly"
        self.trace.add("BODY_RELEASED", held=held, why=why)
        self.trace.data["way"] = str(Way.STREAM)
        return ResponseHead(fields, replace(head.plan, way=Way.STREAM, why=why))

    def rewrite(self, raw: bytes, head: ResponseHead) -> ResponseBody | Answer:
        """Takes a whole body, content coding included, whose plan is to be rewritten."""
        assert self._body is not None and self._scope is not None
        try:
            body = self._body.whole(raw, tuple(head.fields), head.plan)
        except PatternTimeout as error:
            return self.fail(f'rule "{self._scope.rule_name}": {error}')
        fields, changes = after_rewrite(head.fields, len(body), changed=body is not raw)
        self._record(changes, "GENERAL_SET_RESPONSE_HEADER")
        return ResponseBody(fields, body)

    def finish(self) -> None:
        """Adds the tallies to the trace; to be called once, when the answer is complete."""
        data = self.trace.data
        if self._run:
            self._run.report()
            data["outbound_rules"] = [name for name, tally in self._run.tallies.items() if tally.changed]
        data["links"] = self._body.links if self._body else 0
        data["problems"] = self.trace.problems()

    def _link_maps(self) -> tuple[LinkMap, LinkMap]:
        assert self._compiled is not None
        return self.rules.link_maps(self._compiled, self._public, self._target)

    def _fingerprint(self) -> str:
        """Names what a rewritten representation depends on: the rules, and the name that links are mapped to."""
        return hashlib.sha256(f"{self.rules.fingerprint} {self._public}".encode()).hexdigest()[:8]

    def _record(self, changes: Iterable[Change], event: str) -> None:
        for change in changes:
            if change.warning:
                self.trace.warn(f"{change.field}: {change.why}", field=change.field, value=clip(change.before or ""))
            else:
                self.trace.add(
                    event,
                    name=change.field,
                    before=clip(change.before or ""),
                    after=clip(change.after or ""),
                    why=change.why,
                )
