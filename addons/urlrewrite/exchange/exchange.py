"""One request and its response: the object that the live proxy, `explain` and a rule file's own tests all drive.

    route()    judges the request:             a `Forward`, a `LocalResponse` of our own, or an `Abort`
    receive()  takes the head of a response:   its fields come back rewritten, with a plan for the body
    rewrite()  takes the whole body:           body and fields come back as they are to be sent
    stream()   rewrites the body as it comes:  in place of rewrite(), where the plan says so

What may follow on what is told in `order.py`. The request's half is in `request.py`, the response's in `response.py`.
Where IIS would give up, a site in mode iis answers with IIS's error, and one in mode helpful goes on and tells. Nothing
here touches a network, logs or sleeps; what happened is in `trace`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Unpack

from urlrewrite.content.asset_memory import AssetMemory
from urlrewrite.content.stream import BodyRewriter
from urlrewrite.engine.decision import Decision
from urlrewrite.engine.facts import RequestFacts, ResponseFacts
from urlrewrite.engine.failure import Failure
from urlrewrite.engine.field_rules import apply_field_rules
from urlrewrite.engine.outbound import OutboundRun
from urlrewrite.exchange.body.plan import BodyPlan, Way
from urlrewrite.exchange.body.request import RequestBody
from urlrewrite.exchange.early_hints import forward_hints
from urlrewrite.exchange.error_pages import with_error_page
from urlrewrite.exchange.failing import fail, give_up, refuse, refuse_response
from urlrewrite.exchange.field_changes import record_request_changes, record_response_changes
from urlrewrite.exchange.grpc import grpc_error, is_grpc
from urlrewrite.exchange.iis_errors import judge_coding
from urlrewrite.exchange.order import Call, IllegalOrder, Order
from urlrewrite.exchange.request import RoutedRequest, Routing, route
from urlrewrite.exchange.response import BackendResponse, ResponseBody, ResponseHead, start_outbound_rules
from urlrewrite.exchange.responses import Forward, LocalResponse
from urlrewrite.exchange.reverse_rewrite import reverse_rewritten
from urlrewrite.exchange.rules_in_force import RulesInForce
from urlrewrite.exchange.sections import refused_by_length
from urlrewrite.exchange.valid_messages import Violation, judge_response, unfolded_response
from urlrewrite.exchange.websocket import WebSocketMessages
from urlrewrite.fields.custom_headers import with_custom_headers
from urlrewrite.fields.trailers import request_trailers
from urlrewrite.fields.validators import after_rewrite
from urlrewrite.model import LinkMode, Mode, Site
from urlrewrite.model.field_lines import FieldLines
from urlrewrite.patterns.pattern import PatternTimeout
from urlrewrite.trace.reasons import Reason, Values
from urlrewrite.trace.request_events import ANSWERED, REQUEST_ROUTED
from urlrewrite.trace.trace import Trace, TraceLevel

_OWN = BodyPlan(Way.PASS, Reason.OWN_RESPONSE)


class Exchange:
    """One request, judged, and its response, rewritten, by the rules that were in force when it began.

    `memory` is what pages were told of files, and is told of this exchange's. Methods raise IllegalOrder if they are
    called out of order.
    """

    def __init__(self, rules: RulesInForce, memory: AssetMemory, request: RequestFacts, trace_id: str) -> None:
        self.rules = rules
        self.trace = Trace(trace_id, level=rules.settings.trace, every_rule=rules.settings.trace_every_rule)
        self.decision = Decision(target=request.target)
        self._memory = memory
        self._order = Order()
        self._asked = request
        self._routed: RoutedRequest | None = None
        self._run: OutboundRun | None = None
        self._response: BackendResponse | None = None
        asked: dict[str, object] = {"method": request.method, "url": request.url, "http_version": request.http_version}
        if self.trace.level is not TraceLevel.OFF:
            # What the flow itself holds is the request as the backend got it.
            asked.update(host=request.host, target=request.target, fields=list(map(list, request.fields)))
        self.trace.data.update(rules=rules.fingerprint, request=asked)

    @property
    def request(self) -> RequestFacts:
        """The request as the client sent it; one without Host has the name from TLS once it is routed."""
        return self._routed.request if self._routed else self._asked

    @property
    def site(self) -> Site | None:
        """The site that serves this request; None before it is routed, and if there is none."""
        return self._routed.site if self._routed else None

    @property
    def acted(self) -> list[str]:
        """The names of the rules that have done something so far, each once."""
        return list(dict.fromkeys([*self.decision.rules, *self._outbound_rules()]))

    @property
    def cut(self) -> bool:
        """Whether a stream cannot go on: its reader must be told that this is not the end of the body."""
        return self._response is not None and self._response.cut

    def route(self) -> Routing:
        """Judge the request."""
        self._order.take(Call.ROUTE)
        routed = self._routed = route(self.rules, self._memory, self._asked, self.decision, self.trace)
        routing, data = routed.routing, self.trace.data
        if isinstance(routing, LocalResponse):
            routing = self.paged(routing)
        data["site"] = routed.site.name if routed.site else ""
        if len(self.rules.rules.sites) > 1:
            data["one_of_sites"] = True
        data["action"] = str(self.decision.outcome)
        data["inbound_rules"] = list(self.decision.rules)
        match routing:
            case Forward():
                data["target"] = routing.url
                if self.decision.mount:
                    data["mount"] = [self.decision.mount.base, self.decision.mount.path]
                self.trace.decided(
                    REQUEST_ROUTED, url=routing.url, host=routing.host, connect=list(routing.connect or ())
                )
            case LocalResponse():
                self.trace.decided(ANSWERED, status=routing.status, sub_status=routing.sub_status)
                data["sub_status"] = routing.sub_status
        if self.decision.logged_url:
            data["logged_url"] = self.decision.logged_url
        return routing

    def early_hints(self, lines: FieldLines) -> FieldLines | None:
        """Take the fields of an interim response (103), as they go to the client; None where it does not get it."""
        self._order.take(Call.EARLY_HINTS)
        forwarded = self._routed.forwarded if self._routed else None
        return forward_hints(forwarded, self.rules.settings.early_hints, lines) if forwarded else None

    @property
    def request_body(self) -> RequestBody | None:
        """What rewrites the body of the request, once it is routed; None where that passes as it comes."""
        forwarded = self._routed.forwarded if self._routed else None
        return forwarded.body if forwarded else None

    def request_trailers(self, lines: FieldLines) -> FieldLines:
        """Give the trailers of the request as they go to the backend; to be asked at any time."""
        lines, changes = request_trailers(lines)
        if self.request_body and self.request_body.changed:
            lines, untrue = after_rewrite(lines, None, changed=True)
            changes += untrue
        record_request_changes(self.trace, changes)
        return lines

    def refuse(self, over: Reason) -> LocalResponse:
        """Give the response for a request whose end is over a bound; to be asked before it is forwarded."""
        return self.paged(refuse(self.trace, self.request, Violation(over)))

    @property
    def content_limit(self) -> int | None:
        """The bytes that the body of the request may have (maxAllowedContentLength); None for any number."""
        served = self._routed.served if self._routed else None
        sections = served.level.web_server if served else None
        return sections.filter.limits_content if sections else None

    def refuse_length(self, size: int) -> LocalResponse:
        """Give the response for a request whose body proves to be longer than that; to be asked before it is sent."""
        assert self._routed and self._routed.served, "nothing else has a limit"
        self.trace.data.pop("target", None)
        response = refused_by_length(self._routed.served.level, self._routed.served.scope, size, self.decision)
        self.trace.data.update(action=str(self.decision.outcome), sub_status=response.sub_status)
        return self.paged(response)

    def receive(self, response: ResponseFacts, *, own: bool = False) -> ResponseHead | LocalResponse:
        """Take the head of a response. `own` is a response that this exchange gave itself: only rules apply to it."""
        self._order.take(Call.RECEIVE)
        self.trace.data["status"] = response.status
        head = self._receive(response, own=own)
        if isinstance(head, ResponseHead):
            self._order.planned(head.plan.way)
        return head

    def _receive(self, response: ResponseFacts, *, own: bool) -> ResponseHead | LocalResponse:
        routed = self._routed
        if routed is None or routed.served is None:
            return ResponseHead(response.fields, _OWN)
        served, forwarded = routed.served, routed.forwarded
        if not own:
            response = unfolded_response(response)
            if violation := judge_response(response):
                return self.paged(refuse_response(self.trace, served.site, violation))
        if forwarded and served.scope.iis and served.site.links is LinkMode.OFF:
            # ARR does it before any outbound rule sees the response.
            fields, changes = reverse_rewritten(forwarded, response.fields, every_host=True)
            response = replace(response, fields=fields)
            record_response_changes(self.trace, changes)
        if served.level.web_server:
            said = served.level.web_server.said
            fields, changes = with_custom_headers(said, response.fields, response.status, iis=served.scope.iis)
            response = replace(response, fields=fields)
            record_response_changes(self.trace, changes)
        try:
            run = self._run = start_outbound_rules(served, response)
            fields = apply_field_rules(run, response.fields)
            if not own:
                judge_coding(served.level, run, self.request.method, response)
        except PatternTimeout as error:
            return self.fail(Reason.PATTERN_TIMEOUT, rule=served.scope.rule_name, detail=str(error))
        except Failure as failure:
            return self.paged(give_up(served.scope, failure))
        if own or forwarded is None:
            return ResponseHead(fields, _OWN)
        self._response = BackendResponse(forwarded, run, response, fields, self.rules.settings, self._memory)
        return self._response.head

    def rewrite(self, raw: bytes, head: ResponseHead) -> ResponseBody | LocalResponse:
        """Take a whole body, content coding included, whose plan is to be rewritten."""
        response = self._take(Call.REWRITE)
        try:
            return response.rewrite(raw, head)
        except PatternTimeout as error:
            return self.fail(Reason.PATTERN_TIMEOUT, rule=response.rule_name, detail=str(error))

    def stream(self, head: ResponseHead) -> BodyRewriter:
        """Give the rewriter for a body whose plan is to stream; it raises nothing."""
        return self._take(Call.STREAM).stream(head)

    def stream_failed(self, head: ResponseHead, error: Exception) -> None:
        """Tell that this rewriter failed as a whole: the rest of the body passes as it comes, or it is `cut`."""
        self._take(Call.STREAM_FAILED).stream_failed(head, error)

    def release(self, head: ResponseHead, held: int, seconds: float) -> ResponseHead:
        """Give the head of a body that was to be taken whole, but is streamed now that `held` bytes have come.

        `seconds` have gone by since the head came.
        """
        return self._take(Call.RELEASE).release(head, held, seconds)

    def trailers(self, lines: FieldLines) -> FieldLines:
        """Give the trailers of a response as they go to the client."""
        self._order.take(Call.TRAILERS)
        return self._response.trailers(lines) if self._response else lines

    def websocket_messages(self) -> WebSocketMessages | None:
        """Give what rewrites the messages of the WebSocket that was opened; None if the site does not require it."""
        self._order.take(Call.WEBSOCKET_MESSAGES)
        return self._response.websocket_messages() if self._response else None

    def fail(self, reason: Reason, **values: Unpack[Values]) -> LocalResponse:
        """Give the response for an exchange that cannot go on; the reason goes into the trace only."""
        return self.paged(fail(self.trace, reason, **values))

    def paged(self, response: LocalResponse) -> LocalResponse:
        """Give an error its site's own page, if there is one, and to a client of gRPC what that understands."""
        if response.is_error and is_grpc(self.request) and not (self.site and self.site.mode is Mode.IIS):
            self.trace.data["stands_for"] = response.status
            return grpc_error(response, self.trace.data["id"])
        return with_error_page(response, self.site, self.trace.data["id"])

    def server_variable(self, name: str) -> str:
        """Return a server variable as it is after routing; "" before it, and for one that nobody knows."""
        served = self._routed.served if self._routed else None
        return served.scope.variables[name] if served and served.scope.variables.is_known(name) else ""

    def finish(self) -> None:
        """Add the tallies to the trace: the response is complete, or was broken off."""
        self._order.take(Call.FINISH)
        data = self.trace.data
        if self._run:
            self._run.report()
            data["outbound_rules"] = self._outbound_rules()
        if self.request_body and self.request_body.changed:
            data["links_back"] = self.request_body.count
        if self._response:
            self._response.report()
        data.setdefault("links", 0)
        if self.trace.level is not TraceLevel.FULL and self.trace.changed_fields:
            data["changed_fields"] = dict(self.trace.changed_fields)
        data["problems"] = self.trace.problems()

    def _take(self, call: Call) -> BackendResponse:
        """Take a call that is about the body of the backend's response."""
        stage = self._order.stage
        self._order.take(call)
        if self._response is None:
            # The table lets no such call through where there is none.
            raise IllegalOrder(stage, call)
        return self._response

    def _outbound_rules(self) -> list[str]:
        return [name for name, tally in self._run.tallies.items() if tally.changed] if self._run else []
