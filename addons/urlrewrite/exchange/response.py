"""The response of a backend, rewritten: the second half of an exchange.

Rules run over the fields of every response, our own ones too. What else is done for the backend's is here: links
mapped, the body planned and rewritten, validators and framing made true.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from urlrewrite.content.asset_memory import AssetMemory
from urlrewrite.content.stream import BodyRewriter, Chain
from urlrewrite.engine.facts import ResponseFacts
from urlrewrite.engine.outbound import OutboundRun
from urlrewrite.exchange.body.integrity import BodyIntegrity
from urlrewrite.exchange.body.plan import BodyPlan, Way
from urlrewrite.exchange.body.rewriting import BodyRewriting
from urlrewrite.exchange.field_changes import record_response_changes
from urlrewrite.exchange.iis_errors import applies_no_rule
from urlrewrite.exchange.request import ForwardedRequest, ServedRequest
from urlrewrite.exchange.response_fields import map_response_fields
from urlrewrite.exchange.rules_in_force import Recode, Settings
from urlrewrite.exchange.websocket import WebSocketMessages
from urlrewrite.fields.names import Change
from urlrewrite.fields.reasons import FieldReason, because
from urlrewrite.fields.trailers import response_trailers, takes_trailers
from urlrewrite.fields.validators import after_rewrite, mark_validators
from urlrewrite.model import LinkMode, LinkPlace
from urlrewrite.model.field_lines import FieldLines
from urlrewrite.trace import response_events as events
from urlrewrite.trace.reasons import Reason
from urlrewrite.trace.request_events import URL_REWRITE_START


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


def start_outbound_rules(served: ServedRequest, response: ResponseFacts) -> OutboundRun:
    """Choose the outbound rules that apply to a response of the level that serves the request.

    Raises:
        PatternTimeout: the pattern of a precondition took longer than the deadline.
    """
    scope, level = served.scope, served.level
    scope.variables.response = response
    scope.trace.add(URL_REWRITE_START, scope="Distributed", type="Outbound", status=response.status)
    rules = () if applies_no_rule(level, scope, response) else level.outbound_rules
    return OutboundRun(rules, level.pre_conditions, scope)


class BackendResponse:
    """Rewrites the response to one forwarded request.

    `run` are the rules for it, `fields` what they made of its fields. The `head` is made at once; its plan says which
    of `rewrite` and `stream` is to be called for the body.
    """

    def __init__(
        self,
        forwarded: ForwardedRequest,
        run: OutboundRun,
        response: ResponseFacts,
        fields: FieldLines,
        settings: Settings,
        memory: AssetMemory,
    ) -> None:
        self._forwarded = forwarded
        self._settings = settings
        self._request = forwarded.served.request
        self._site = site = forwarded.served.site
        self._trace = forwarded.served.scope.trace
        fields, changes = map_response_fields(forwarded, fields)
        record_response_changes(self._trace, changes)
        self._integrity = BodyIntegrity(self._request.url, fields, memory, self._trace)
        outbound = forwarded.maps.outbound
        page = forwarded.page if outbound.mount else ""
        self._body = BodyRewriting(run, outbound, site.links, settings, self._integrity, page, site.links_also)
        plan = self._plan(response.status, fields)
        self._subject = plan.subject
        if plan.subject and (response.status != 304 or forwarded.carried_mark):
            fields, changes = mark_validators(fields, forwarded.served.fingerprint)
            record_response_changes(self._trace, changes)
        if plan.subject and plan.way is not Way.WHOLE and response.status != 304:
            # The length of what a GET would bring, or of what a stream will be, is not known.
            fields = self._fields_of_stream(fields, plan)
        self._tell_plan(plan)
        mapped = LinkPlace.REASON_PHRASE in site.links_also and site.links is not LinkMode.OFF
        self.head = ResponseHead(fields, plan, outbound.map_text(response.reason) if mapped else None)

    def _plan(self, status: int, fields: FieldLines) -> BodyPlan:
        plan = self._body.plan(self._request.method, status, fields)
        if not (self._integrity.is_promised and plan.subject):
            return plan
        # As it is, it does not depend on the rules: its validators are the backend's.
        plan = replace(plan, subject=False)
        if plan.way is Way.STREAM:
            self._integrity.tell_left_alone()
            plan = replace(plan, way=Way.PASS, reason=Reason.DIGEST_PROMISED)
        return plan

    def _tell_plan(self, plan: BodyPlan) -> None:
        trace, threshold = self._trace, self._settings.threshold
        trace.decided(
            events.BODY_PLAN,
            way=str(plan.way),
            reason=str(plan.reason),
            why=plan.why,
            kind=str(plan.kind or ""),
            threshold=threshold,
        )
        trace.data["way"] = str(plan.way)

    def stream(self, head: ResponseHead) -> BodyRewriter:
        """Give the rewriter for a body whose plan is to stream; it raises nothing."""
        if self._integrity.is_promised:
            # It was to be held, and turned out to be too long.
            self._integrity.tell_left_alone()
            return Chain([])
        return self._body.stream(head.fields, head.plan)

    def stream_failed(self, head: ResponseHead, error: Exception) -> None:
        """Tell that this rewriter failed as a whole: the rest of the body passes as it comes, or it is `cut`."""
        self._body.failed(error, head.plan)

    @property
    def rule_name(self) -> str:
        """The name of the rule that runs, or ran last."""
        return self._forwarded.served.scope.rule_name

    @property
    def cut(self) -> bool:
        """Whether a stream cannot go on: its reader must be told that this is not the end of the body."""
        return self._body.cut

    def release(self, head: ResponseHead, held: int, seconds: float) -> ResponseHead:
        """Give the head of a body that was to be taken whole, but is streamed now that `held` bytes have come.

        `seconds` have gone by since the head came.
        """
        plan = replace(head.plan, way=Way.STREAM, codings=() if self._integrity.is_promised else head.plan.codings)
        fields = self._fields_of_stream(head.fields, plan)
        long = held > self._settings.threshold
        reason = Reason.MORE_CAME if long else Reason.COMES_SLOWLY
        plan = replace(plan, reason=reason, values={"threshold": self._settings.threshold})
        milliseconds = round(seconds * 1000)
        self._trace.decided(
            events.BODY_RELEASED, held=held, reason=str(reason), why=plan.why, milliseconds=milliseconds
        )
        self._trace.data["way"] = str(Way.STREAM)
        return ResponseHead(fields, plan)

    def rewrite(self, raw: bytes, head: ResponseHead) -> ResponseBody:
        """Rewrite a whole body, content coding included.

        Raises:
            PatternTimeout: a rule's pattern took longer than the deadline.
        """
        body = self._body.whole(raw, head.fields, head.plan)
        fields, changes = after_rewrite(
            head.fields, len(body), changed=body is not raw, body=body, hashes_mended=self._integrity.mended
        )
        fields, policies = self._integrity.mend_policies(fields)
        record_response_changes(self._trace, changes + policies)
        return ResponseBody(self._without_codings(fields, head.plan) if body is not raw else fields, body)

    def trailers(self, lines: FieldLines) -> FieldLines:
        """Map the trailers, and leave out what is not true, or may not stand there; for most clients that is all."""
        taken = takes_trailers(self._request.http_version, self._request.fields)
        lines, changes = response_trailers(lines, taken=taken, rewritten=self._subject)
        fields, mapped = map_response_fields(self._forwarded, lines)
        fields, untrue = after_rewrite(fields, None, changed=self._subject)
        record_response_changes(self._trace, changes + mapped + untrue)
        return fields

    def websocket_messages(self) -> WebSocketMessages | None:
        """Give what rewrites the messages of the WebSocket that was opened; None if the site does not require it."""
        site = self._site
        if LinkPlace.WEBSOCKET_MESSAGES not in site.links_also or site.links is LinkMode.OFF:
            return None
        maps = self._forwarded.maps
        return WebSocketMessages(self._trace, maps.outbound, maps.inbound)

    def report(self) -> None:
        """Add what became of the body to the trace; to be called once."""
        self._body.report()
        self._trace.data["links"] = self._body.links
        if self._body.paths:
            # Only the author can know which of them are the backend's: `rootPaths`.
            self._trace.add(events.PATHS_LEFT, paths=list(self._body.paths))

    def _fields_of_stream(self, fields: FieldLines, plan: BodyPlan) -> FieldLines:
        """Make fields true for a body that is rewritten as it comes, or that a GET would bring."""
        chunked = plan.way is Way.STREAM and self._request.http_version == "HTTP/1.1"
        fields, changes = after_rewrite(fields, None, changed=True, chunked=chunked)
        record_response_changes(self._trace, changes)
        return self._without_codings(fields, plan)

    def _without_codings(self, fields: FieldLines, plan: BodyPlan) -> FieldLines:
        """Take Content-Encoding from the fields of a rewritten body if such a body is sent plain."""
        if not plan.codings or self._settings.recode is not Recode.PLAIN:
            return fields
        coded = Change("Content-Encoding", ", ".join(plan.codings), None, because(FieldReason.SENT_PLAIN))
        record_response_changes(self._trace, [coded])
        return tuple(line for line in fields if line[0].lower() != "content-encoding")
