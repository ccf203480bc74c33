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
from urlrewrite.body import BodyRewriting, concerns
from urlrewrite.body_integrity import BodyIntegrity
from urlrewrite.body_plan import BodyPlan, Way
from urlrewrite.content.expected import kind_by_path, kind_by_request
from urlrewrite.content.kinds import Kind
from urlrewrite.content.links import LinkMap
from urlrewrite.content.stream import BodyRewriter, Chain
from urlrewrite.engine.compile import CompiledLevel, CompiledSite
from urlrewrite.engine.decision import Decision, Outcome
from urlrewrite.engine.facts import RequestFacts, ResponseFacts
from urlrewrite.engine.failure import Failure
from urlrewrite.engine.field_rules import apply_field_rules
from urlrewrite.engine.inbound import TargetError, run_inbound
from urlrewrite.engine.outbound import OutboundRun
from urlrewrite.engine.pattern import PatternTimeout
from urlrewrite.engine.scope import Scope
from urlrewrite.engine.trace import Trace, TraceLevel, clip
from urlrewrite.engine.variables import Variables
from urlrewrite.fields.forwarding import forwarding_fields, map_back_request_fields
from urlrewrite.fields.names import Change
from urlrewrite.fields.signed_requests import broken_signatures
from urlrewrite.fields.urls import rewrite_response_fields
from urlrewrite.fields.validators import after_rewrite, mark_validators, unmark_request_fields
from urlrewrite.iis_limits import applies_no_rule, judge_coding, judge_target
from urlrewrite.in_force import Recode, RulesInForce
from urlrewrite.model import LinkMode, LinkPlace, Mode, Site
from urlrewrite.mounted import backend_target, lacks_slash, page_path
from urlrewrite.origin import Origin
from urlrewrite.request_fields import FieldLines, is_trusted, limit_codings, map_back_query, set_fields
from urlrewrite.websocket_messages import WebSocketMessages


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """The fields of an answer as they go to the client, and what is to be done with its body.

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


class Exchange:
    """Judges one request and rewrites its answer by the rules in force when it began."""

    def __init__(self, rules: RulesInForce, request: RequestFacts, trace_id: str) -> None:
        self.rules = rules
        self.request = request
        self.trace = Trace(trace_id, level=rules.settings.trace, every_rule=rules.settings.trace_every_rule)
        self.decision = Decision(target=request.target)
        self._compiled: CompiledSite | None = None
        self._level: CompiledLevel | None = None
        self._scope: Scope | None = None
        self._run: OutboundRun | None = None
        self._body: BodyRewriting | None = None
        self._public = Origin(request.scheme, "", 0)
        self._target = self._public
        self._carried_mark = False
        self._subject = False
        asked: dict[str, object] = {"method": request.method, "url": request.url, "http_version": request.http_version}
        if self.trace.level is not TraceLevel.OFF:
            # What the flow itself holds is the request as the backend got it.
            asked.update(host=request.host, target=request.target, fields=list(map(list, request.fields)))
        self.trace.data.update(rules=rules.fingerprint, request=asked)

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
                self.trace.decided(
                    "REQUEST_ROUTED", url=routing.url, host=routing.host, connect=list(routing.connect or ())
                )
            case Answer():
                self.trace.decided("ANSWERED", status=routing.status, sub_status=routing.sub_status)
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
        by_sni = rules.named_sites("https", request.sni) if request.sni else []
        scheme, name = (request.scheme, request.host) if request.host else ("https", request.sni)
        self._compiled = rules.find_site(scheme, name, request.target) if name else None
        if self._compiled is None:
            below = f" at {request.target.partition('?')[0]}" if name and rules.named_sites(scheme, name) else ""
            self.trace.error(f"no site is published under {name!r}{below}")
            name = f"the name {request.host!r}{below}"
            return plain_answer(404, f"No site is published here under {name}.", self.trace.data["id"])
        own_names = {origin.host for origin in self._compiled.site.public}
        other_names = {origin.host for site in by_sni for origin in site.site.public}
        if request.sni.lower() in other_names - own_names:
            # The certificate that the client checked is another site's (RFC 9110, 15.5.20).
            self.trace.error(f"the connection is for {request.sni!r}, the request for {request.host!r}")
            return plain_answer(421, "This connection belongs to another site.", self.trace.data["id"])
        self._public = self.rules.public_origin(self._compiled, request)
        if not request.host:
            # An old client that sends no Host is taken to mean the name that it gave in TLS.
            self.request = replace(request, host=self._public.authority)
        site = self._compiled.site
        self.trace.add("SITE_CHOSEN", site=site.name, public=f"{self._public}{site.path}")
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
        named = self.decision.origin
        target = backend_target(site, self.request, scope.variables.url, absolute=named is not None)
        if target is None:
            self.trace.error(
                f"a rule took the URL out of {site.path}, where this site is mounted, to "
                f"{scope.variables.url.path.raw}: a URL that begins with a slash begins at the root of the public name"
            )
            return plain_answer(404, "No backend is published here under this path.", self.trace.data["id"])
        if named is None and lacks_slash(site, self.request, scope.variables.url):
            return self._with_slash(site)
        self.decision.target = target
        if named:
            judge_target(self.rules.rules, scope, named)
        origin = named or site.backend
        if origin is None:
            self.trace.error("no rule sent the request anywhere, and the site has no backend: IIS would serve a file")
            return plain_answer(404, "No rule sends this request to a backend.", self.trace.data["id"])
        return self._forward(site, origin)

    def _with_slash(self, site: Site) -> Answer:
        """The redirect from `/app` to `/app/`, without which the links of the page would be read from the root."""
        query = self.request.target.partition("?")
        location = f"{self.request.scheme}://{self.request.host}{site.path}/{query[1]}{query[2]}"
        self.trace.decided("REDIRECT_ACTION", substitution=f"{site.path}/", location=location, status=301)
        return decided_answer(Decision(Outcome.REDIRECT, status=301, location=location))

    def _forward(self, site: Site, origin: Origin) -> Forward:
        """The request as the backend gets it. What rules set wins over what is set for every request."""
        self._target = origin
        connect = site.connect if origin == site.backend else None
        _, inbound_map = self._link_maps()
        unmarked = unmark_request_fields(
            list(self.request.fields),
            self._fingerprint(),
            marked_only=self._is_subject(kind_by_request(self.request.target, self.request.fields)),
            whole_only=self._is_subject(kind_by_path(self.request.target)),
        )
        fields, changes, self._carried_mark = unmarked.fields, unmarked.changes, unmarked.carried_mark
        if site.links is not LinkMode.OFF and not _knows_public_name(site):
            origins = {pair.origin: pair.becomes for pair in inbound_map.pairs}
            fields, mapped = map_back_request_fields(
                fields,
                map_back_text=inbound_map.map_text,
                origins=origins,
                cookies=LinkPlace.COOKIE_VALUES in site.links_also,
            )
            changes += mapped
            if LinkPlace.QUERIES in site.links_also:
                self.decision.target = map_back_query(self.decision.target, inbound_map.map_text)
        requested = Origin(self.request.scheme, self._public.host, self._public.port)
        fields, forwarded = forwarding_fields(
            fields,
            client_ip=self.request.client[0],
            requested=requested,
            target=self.request.target,
            trace_id=self.trace.data["id"],
            append=is_trusted(self.request.client[0], site.trusted_proxies),
            prefix=site.path if site.forward_prefix else "",
        )
        fields = limit_codings(fields)
        fields = set_fields(fields, self.decision.fields)
        self._record(changes + forwarded, "GENERAL_SET_REQUEST_HEADER")
        host = self.decision.fields.get("host") or (
            self.request.host if site.preserve_host_header else origin.authority
        )
        broken = broken_signatures(
            list(self.request.fields),
            fields,
            host_changed=host != self.request.host,
            target_changed=self.decision.target != self.request.target,
        )
        self._record(broken, "GENERAL_SET_REQUEST_HEADER")
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
                plan = replace(plan, way=Way.PASS, why="a page was sent with its digest")
        self._subject = plan.subject
        if plan.subject and (response.status != 304 or self._carried_mark):
            fields, changes = mark_validators(fields, self._fingerprint())
            self._record(changes, "GENERAL_SET_RESPONSE_HEADER")
        if plan.subject and plan.way is not Way.WHOLE and response.status != 304:
            # The length of what a GET would bring, or of what a stream will be, is not known.
            fields = self._fields_of_stream(fields, plan)
        threshold = self.rules.settings.threshold
        self.trace.decided("BODY_PLAN", way=str(plan.way), why=plan.why, kind=str(plan.kind or ""), threshold=threshold)
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
        why = f"more than {self.rules.settings.threshold} bytes came" if long else "it comes slowly"
        self.trace.decided("BODY_RELEASED", held=held, why=why, milliseconds=round(seconds * 1000))
        self.trace.data["way"] = str(Way.STREAM)
        return ResponseHead(fields, replace(plan, why=why))

    def rewrite(self, raw: bytes, head: ResponseHead) -> ResponseBody | Answer:
        """Takes a whole body, content coding included, whose plan is to be rewritten."""
        assert self._body is not None and self._scope is not None
        try:
            body = self._body.whole(raw, tuple(head.fields), head.plan)
        except PatternTimeout as error:
            return self.fail(f'rule "{self._scope.rule_name}": {error}')
        integrity = self._body.integrity
        mended = integrity is not None and integrity.mended
        fields, changes = after_rewrite(
            head.fields, len(body), changed=body is not raw, body=body, hashes_mended=mended
        )
        if integrity:
            fields, policies = integrity.mend_policies(fields)
            changes += policies
        self._record(changes, "GENERAL_SET_RESPONSE_HEADER")
        return ResponseBody(self._without_codings(fields, head.plan) if body is not raw else fields, body)

    def _fields_of_stream(self, fields: FieldLines, plan: BodyPlan) -> FieldLines:
        """The fields true for a body that is rewritten as it comes, or that a GET would bring."""
        chunked = plan.way is Way.STREAM and self.request.http_version == "HTTP/1.1"
        fields, changes = after_rewrite(fields, None, changed=True, chunked=chunked)
        self._record(changes, "GENERAL_SET_RESPONSE_HEADER")
        return self._without_codings(fields, plan)

    def _without_codings(self, fields: FieldLines, plan: BodyPlan) -> FieldLines:
        """The fields of a rewritten body, which is sent plain if that is set."""
        if not plan.codings or self.rules.settings.recode is not Recode.PLAIN:
            return fields
        coded = Change("Content-Encoding", ", ".join(plan.codings), None, "the rewritten body is sent plain")
        self._record([coded], "GENERAL_SET_RESPONSE_HEADER")
        return [(name, value) for name, value in fields if name.lower() != "content-encoding"]

    def trailers(self, lines: FieldLines) -> FieldLines:
        """The trailers of an answer as they go to the client, without digests of a body that may have been changed."""
        fields = self._map_fields(lines)
        if self._subject:
            fields, changes = after_rewrite(fields, None, changed=True)
            self._record(changes, "GENERAL_SET_RESPONSE_HEADER")
        return fields

    def _map_fields(self, lines: FieldLines) -> FieldLines:
        """Fields of an answer of the backend, made true for the public name."""
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
        self._record(changes, "GENERAL_SET_RESPONSE_HEADER")
        return fields

    def websocket_messages(self) -> WebSocketMessages | None:
        """What rewrites the messages of the WebSocket that this exchange opened; None where nobody asked for it."""
        site = self.site
        if site is None or LinkPlace.WEBSOCKET_MESSAGES not in site.links_also or site.links is LinkMode.OFF:
            return None
        outbound_map, inbound_map = self._link_maps()
        return WebSocketMessages(self.trace, outbound_map, None if _knows_public_name(site) else inbound_map)

    def finish(self) -> None:
        """Adds the tallies to the trace; to be called once, when the answer is complete."""
        data = self.trace.data
        if self._run:
            self._run.report()
            data["outbound_rules"] = self._outbound_rules()
        if self._body:
            self._body.report()
        data["links"] = self._body.links if self._body else 0
        if self._body and self._body.paths:
            # Only the author can know which of them are the backend's: `rootPaths`.
            self.trace.add("PATHS_LEFT", paths=list(self._body.paths))
        if self.trace.level is not TraceLevel.FULL and self.trace.changed_fields:
            data["changed_fields"] = dict(self.trace.changed_fields)
        data["problems"] = self.trace.problems()

    @property
    def acted(self) -> list[str]:
        """The names of the rules that have done something so far, each once."""
        return list(dict.fromkeys([*self.decision.rules, *self._outbound_rules()]))

    def _outbound_rules(self) -> list[str]:
        return [name for name, tally in self._run.tallies.items() if tally.changed] if self._run else []

    def _is_subject(self, kind: Kind | None) -> bool:
        """Whether answers of this kind depend on the rules; not if nobody knows the kind."""
        if kind is None or self._level is None or self._compiled is None or self.request.method not in ("GET", "HEAD"):
            return False
        if self.rules.assets.is_promised(self.request.url):
            return False
        site = self._compiled.site
        return concerns(kind, site.links, self._level.outbound_rules, site.links_also)

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
                continue
            if event == "GENERAL_SET_RESPONSE_HEADER":
                self.trace.count_field(change.field)
            if self.trace.on:
                self.trace.add(
                    event,
                    name=change.field,
                    before=clip(change.before or ""),
                    after=clip(change.after or ""),
                    why=change.why,
                )


def _knows_public_name(site: Site) -> bool:
    """Whether the backend is asked by its public name and for public paths, so that nothing is to be mapped back."""
    return site.preserve_host_header and site.path == site.backend_path
