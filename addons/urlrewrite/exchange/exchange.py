"""One request and its answer: the object that the live proxy, `explain` and a rule file's own tests all drive.

    route()    judges the request:     a `Forward`, an `LocalResponse` of our own, or an `Abort`
    receive()  takes the response's head: its fields come back rewritten, with a plan for the body
    rewrite()  takes the whole body:   body and fields come back as they are to be sent

The request's half is in `request.py`. Where IIS would give up, a site in mode iis answers with IIS's error, and
one in mode helpful goes on and tells. Nothing here touches a network, logs or sleeps; what happened is in `trace`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from urlrewrite.content.stream import BodyRewriter, Chain
from urlrewrite.engine.facts import RequestFacts, ResponseFacts
from urlrewrite.engine.failure import Failure
from urlrewrite.engine.field_rules import apply_field_rules
from urlrewrite.engine.outbound import OutboundRun
from urlrewrite.exchange.body.integrity import BodyIntegrity
from urlrewrite.exchange.body.plan import BodyPlan, Way
from urlrewrite.exchange.body.rewriting import BodyRewriting
from urlrewrite.exchange.iis_errors import applies_no_rule, judge_coding
from urlrewrite.exchange.mounts import page_path
from urlrewrite.exchange.request import JudgedRequest, knows_public_name, told
from urlrewrite.exchange.request_fields import FieldLines
from urlrewrite.exchange.responses import LocalResponse
from urlrewrite.exchange.rules_in_force import Recode, RulesInForce
from urlrewrite.exchange.websocket import WebSocketMessages
from urlrewrite.fields.names import Change
from urlrewrite.fields.reasons import FieldReason, because
from urlrewrite.fields.urls import rewrite_response_fields
from urlrewrite.fields.validators import after_rewrite, mark_validators
from urlrewrite.model import LinkMode, LinkPlace
from urlrewrite.patterns.pattern import PatternTimeout
from urlrewrite.trace import response_events as events
from urlrewrite.trace.reasons import Reason
from urlrewrite.trace.request_events import URL_REWRITE_START
from urlrewrite.trace.trace import TraceLevel


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """The fields of a response as they go to the client, and what is to be done with its body.

    `reason` is a new reason phrase, None if it stays.
    """

    fields: FieldLines
    plan: BodyPlan
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class ResponseBody:
    """A body and the fields that go with it."""

    fields: FieldLines
    body: bytes


class Exchange(JudgedRequest):
    """Judges one request and rewrites its response by the rules in force when it began."""

    def __init__(self, rules: RulesInForce, request: RequestFacts, trace_id: str) -> None:
        super().__init__(rules, request, trace_id)
        self._run: OutboundRun | None = None
        self._body: BodyRewriting | None = None
        self._subject = False

    def receive(self, response: ResponseFacts, *, own: bool = False) -> ResponseHead | LocalResponse:
        """Takes the head of a response. `own` is a response that this exchange gave itself: only rules apply to it."""
        self.trace.data["status"] = response.status
        if self._scope is None or self._compiled is None or self._level is None:
            return ResponseHead(list(response.fields), BodyPlan(Way.PASS, Reason.OWN_RESPONSE))
        site, level, scope = self._compiled.site, self._level, self._scope
        scope.variables.response = response
        try:
            self.trace.add(URL_REWRITE_START, scope="Distributed", type="Outbound", status=response.status)
            rules = () if applies_no_rule(level, scope, response) else level.outbound_rules
            run = self._run = OutboundRun(rules, level.pre_conditions, scope)
            fields = apply_field_rules(run, list(response.fields))
            if not own:
                judge_coding(level, run, self.request.method, response)
        except PatternTimeout as error:
            return self.fail(Reason.PATTERN_TIMEOUT, rule=scope.rule_name, detail=str(error))
        except Failure as failure:
            return self._give_up(failure)
        if own:
            return ResponseHead(fields, BodyPlan(Way.PASS, Reason.OWN_RESPONSE))
        outbound_map, _ = self._link_maps()
        mount = outbound_map.mount
        fields = self._map_fields(fields)
        self._body = BodyRewriting(
            run,
            outbound_map,
            site.links,
            self.rules.settings,
            page_path(site, self.request) if mount else "",
            site.links_also,
        )
        plan = self._body.plan(self.request.method, response.status, tuple(fields))
        integrity = BodyIntegrity(self.request.url, tuple(fields), self.rules.assets, self.trace)
        self._body.integrity = integrity
        if integrity.is_promised and plan.subject:
            # As it is, it does not depend on the rules: its validators are the backend's.
            plan = replace(plan, subject=False)
            if plan.way is Way.STREAM:
                integrity.tell_left_alone()
                plan = replace(plan, way=Way.PASS, reason=Reason.DIGEST_PROMISED)
        self._subject = plan.subject
        if plan.subject and (response.status != 304 or self._carried_mark):
            fields, changes = mark_validators(fields, self._fingerprint())
            self._record_response(changes)
        if plan.subject and plan.way is not Way.WHOLE and response.status != 304:
            # The length of what a GET would bring, or of what a stream will be, is not known.
            fields = self._fields_of_stream(fields, plan)
        threshold = self.rules.settings.threshold
        self.trace.decided(
            events.BODY_PLAN,
            way=str(plan.way),
            reason=str(plan.reason),
            why=plan.why,
            kind=str(plan.kind or ""),
            threshold=threshold,
        )
        self.trace.data["way"] = str(plan.way)
        mapped = LinkPlace.REASON_PHRASE in site.links_also and site.links is not LinkMode.OFF
        reason = outbound_map.map_text(response.reason) if mapped else None
        return ResponseHead(fields, plan, reason)

    def stream(self, head: ResponseHead) -> BodyRewriter:
        """The rewriter for a body whose plan is to stream; it raises nothing."""
        assert self._body is not None
        if self._body.integrity and self._body.integrity.is_promised:
            # It was to be held, and turned out to be too long.
            self._body.integrity.tell_left_alone()
            return Chain([])
        return self._body.stream(tuple(head.fields), head.plan)

    def stream_failed(self, head: ResponseHead, error: Exception) -> None:
        """Tells that this rewriter failed as a whole: the rest of the body passes as it comes, or it is `cut`."""
        assert self._body is not None
        self._body.failed(error, head.plan)

    @property
    def cut(self) -> bool:
        """Whether a stream cannot go on: its reader must be told that this is not the end of the body."""
        return self._body is not None and self._body.cut

    def release(self, head: ResponseHead, held: int, seconds: float) -> ResponseHead:
        """The head of a body that was to be taken whole, but is streamed now that `held` bytes have come.

        `seconds` have gone by since the head came.
        """
        promised = self._body is not None and self._body.integrity is not None and self._body.integrity.is_promised
        plan = replace(head.plan, way=Way.STREAM, codings=() if promised else head.plan.codings)
        fields = self._fields_of_stream(head.fields, plan)
        long = held > self.rules.settings.threshold
        reason = Reason.MORE_CAME if long else Reason.COMES_SLOWLY
        plan = replace(plan, reason=reason, values={"threshold": self.rules.settings.threshold})
        self.trace.decided(
            events.BODY_RELEASED, held=held, reason=str(reason), why=plan.why, milliseconds=round(seconds * 1000)
        )
        self.trace.data["way"] = str(Way.STREAM)
        return ResponseHead(fields, plan)

    def rewrite(self, raw: bytes, head: ResponseHead) -> ResponseBody | LocalResponse:
        """Takes a whole body, content coding included, whose plan is to be rewritten."""
        assert self._body is not None and self._scope is not None
        try:
            body = self._body.whole(raw, tuple(head.fields), head.plan)
        except PatternTimeout as error:
            return self.fail(Reason.PATTERN_TIMEOUT, rule=self._scope.rule_name, detail=str(error))
        integrity = self._body.integrity
        mended = integrity is not None and integrity.mended
        fields, changes = after_rewrite(
            head.fields, len(body), changed=body is not raw, body=body, hashes_mended=mended
        )
        if integrity:
            fields, policies = integrity.mend_policies(fields)
            changes += policies
        self._record_response(changes)
        return ResponseBody(self._without_codings(fields, head.plan) if body is not raw else fields, body)

    def _fields_of_stream(self, fields: FieldLines, plan: BodyPlan) -> FieldLines:
        """The fields true for a body that is rewritten as it comes, or that a GET would bring."""
        chunked = plan.way is Way.STREAM and self.request.http_version == "HTTP/1.1"
        fields, changes = after_rewrite(fields, None, changed=True, chunked=chunked)
        self._record_response(changes)
        return self._without_codings(fields, plan)

    def _without_codings(self, fields: FieldLines, plan: BodyPlan) -> FieldLines:
        """The fields of a rewritten body, which is sent plain if that is set."""
        if not plan.codings or self.rules.settings.recode is not Recode.PLAIN:
            return fields
        coded = Change("Content-Encoding", ", ".join(plan.codings), None, because(FieldReason.SENT_PLAIN))
        self._record_response([coded])
        return [(name, value) for name, value in fields if name.lower() != "content-encoding"]

    def trailers(self, lines: FieldLines) -> FieldLines:
        """The trailers of a response as they go to the client, without digests of a body that may have been changed."""
        fields = self._map_fields(lines)
        if self._subject:
            fields, changes = after_rewrite(fields, None, changed=True)
            self._record_response(changes)
        return fields

    def _map_fields(self, lines: FieldLines) -> FieldLines:
        """Fields of a response of the backend, made true for the public name."""
        site = self.site
        if site is None or site.links is LinkMode.OFF:
            return lines
        links, _ = self._link_maps()
        mount = links.mount
        fields, changes = rewrite_response_fields(
            lines,
            map_text=links.map_text,
            map_bare=links.map_authority,
            public=self._public,
            backend=self._target,
            map_path=mount.map_path if mount else None,
            map_cookie_path=mount.map_cookie_path if mount else None,
            map_cookie_value=links.map_text if LinkPlace.COOKIE_VALUES in site.links_also else None,
        )
        self._record_response(changes)
        return fields

    def websocket_messages(self) -> WebSocketMessages | None:
        """What rewrites the messages of the WebSocket that this exchange opened; None where nobody asked for it."""
        site = self.site
        if site is None or LinkPlace.WEBSOCKET_MESSAGES not in site.links_also or site.links is LinkMode.OFF:
            return None
        outbound_map, inbound_map = self._link_maps()
        return WebSocketMessages(self.trace, outbound_map, None if knows_public_name(site) else inbound_map)

    def finish(self) -> None:
        """Adds the tallies to the trace; to be called once, when the response is complete."""
        data = self.trace.data
        if self._run:
            self._run.report()
            data["outbound_rules"] = self._outbound_rules()
        if self._body:
            self._body.report()
        data["links"] = self._body.links if self._body else 0
        if self._body and self._body.paths:
            # Only the author can know which of them are the backend's: `rootPaths`.
            self.trace.add(events.PATHS_LEFT, paths=list(self._body.paths))
        if self.trace.level is not TraceLevel.FULL and self.trace.changed_fields:
            data["changed_fields"] = dict(self.trace.changed_fields)
        data["problems"] = self.trace.problems()

    @property
    def acted(self) -> list[str]:
        """The names of the rules that have done something so far, each once."""
        return list(dict.fromkeys([*self.decision.rules, *self._outbound_rules()]))

    def _outbound_rules(self) -> list[str]:
        return [name for name, tally in self._run.tallies.items() if tally.changed] if self._run else []

    def _record_response(self, changes: Iterable[Change]) -> None:
        for change in self._no_warnings(changes):
            self.trace.count_field(change.field)
            if self.trace.on:
                self.trace.add(events.GENERAL_SET_RESPONSE_HEADER, **told(change))
