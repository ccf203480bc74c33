"""A request, judged: what the rules of its site decide, and how it goes to the backend.

`route` gives a frozen value with all that the second half of the exchange (`response.py`) needs of the first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from urlrewrite.content.asset_memory import AssetMemory
from urlrewrite.content.expected import kind_by_path, kind_by_request
from urlrewrite.content.kinds import Kind
from urlrewrite.content.links.link_map import LinkMap
from urlrewrite.content.links.mounts import PathBack
from urlrewrite.engine.action_url import TargetError
from urlrewrite.engine.compile import CompiledLevel, CompiledSite
from urlrewrite.engine.decision import Decision, Outcome
from urlrewrite.engine.facts import RequestFacts
from urlrewrite.engine.failure import Failure
from urlrewrite.engine.inbound import InboundSet, run_inbound
from urlrewrite.engine.scope import Lookup, Scope
from urlrewrite.engine.variables import Variables
from urlrewrite.exchange.body.request import DAV_METHODS, RequestBody, request_body
from urlrewrite.exchange.body.rewriting import concerns
from urlrewrite.exchange.failing import fail, give_up, refuse
from urlrewrite.exchange.field_changes import record_request_changes
from urlrewrite.exchange.grpc import is_grpc
from urlrewrite.exchange.iis_errors import judge_target
from urlrewrite.exchange.link_maps import LinkMaps, at_first_server
from urlrewrite.exchange.mounts import backend_target, lacks_slash, page_path
from urlrewrite.exchange.path_back import path_back
from urlrewrite.exchange.queries import map_back_query
from urlrewrite.exchange.request_fields import count_forwards, is_trusted, limit_codings, set_fields, settable
from urlrewrite.exchange.responses import Abort, Forward, LocalResponse, decided_response, plain_response
from urlrewrite.exchange.rules_in_force import RulesInForce
from urlrewrite.exchange.sections import (
    levels_concerned,
    redirected,
    refused_after_rules,
    refused_before_rules,
    refused_by_handler,
)
from urlrewrite.exchange.site_choice import NotServed, choose_site, find_site
from urlrewrite.exchange.trusted_proxies import as_client_asked
from urlrewrite.exchange.valid_messages import Violation, judge_request, unfolded_request
from urlrewrite.fields.forwarding import forwarding_fields, map_back_request_fields
from urlrewrite.fields.names import NameMap
from urlrewrite.fields.signed_requests import broken_signatures
from urlrewrite.fields.validators import unmark_request_fields
from urlrewrite.model import Farm, LinkMode, LinkPlace, Mode, Site
from urlrewrite.model.field_lines import FieldLines
from urlrewrite.model.origin import Origin
from urlrewrite.patterns.pattern import PatternTimeout
from urlrewrite.trace import request_events as events
from urlrewrite.trace.reasons import Reason
from urlrewrite.trace.trace import Trace

type Routing = Forward | LocalResponse | Abort


@dataclass(frozen=True, slots=True)
class ServedRequest:
    """A request with the site that serves it: its level for the path, and the scope in which its rules run.

    `public` is the name by which the client asked. `fingerprint` names what a rewritten representation depends on: the
    rules, and the name that links are mapped to.
    """

    request: RequestFacts
    site: Site
    level: CompiledLevel
    scope: Scope
    public: Origin
    fingerprint: str


@dataclass(frozen=True, slots=True)
class ForwardedRequest:
    """A request on its way to `target`, with all that the rewriting of the response needs of it.

    `carried_mark` tells that the client's copy was rewritten by these rules (`fields/validators.py`).
    `reverse_rewrites` tells that Location gets the public name even with `links: off`. `page` is the path of the
    response as the backend knows it, "" if that is not known. `body` rewrites the request's body; None where that
    passes as it comes.
    """

    served: ServedRequest
    target: Origin
    maps: LinkMaps
    carried_mark: bool
    reverse_rewrites: bool
    page: str
    body: RequestBody | None = None


@dataclass(frozen=True, slots=True)
class RoutedRequest:
    """A request and what is done with it.

    `site` is None where no site has the name that was asked for. `served` is None where no rules ran: there was no
    site, the request was not valid, or the connection was another site's. `forwarded` is None unless `routing` is a
    Forward.
    """

    routing: Routing
    request: RequestFacts
    site: Site | None = None
    served: ServedRequest | None = None
    forwarded: ForwardedRequest | None = None


def route(
    rules: RulesInForce, memory: AssetMemory, request: RequestFacts, decision: Decision, trace: Trace
) -> RoutedRequest:
    """Judge a request by the rules in force; `decision` takes what the inbound rules decide."""
    if request.over:
        return RoutedRequest(refuse(trace, request, Violation(request.over)), request)
    request = unfolded_request(request)
    violation = judge_request(request)
    request = as_client_asked(request, rules.rules)
    if violation:
        # No rule of its site sees it; but the error is the site's to show.
        found = find_site(rules.rules, request)
        return RoutedRequest(refuse(trace, request, violation), request, found.site if found else None)
    chosen = choose_site(rules, request, trace)
    if isinstance(chosen, NotServed):
        return RoutedRequest(chosen.response, request, chosen.site)
    return _Judging(rules, memory, decision, trace, chosen.compiled, chosen.request, chosen.public).judged()


@lru_cache(maxsize=4096)  # of names by which clients have asked
def _fingerprint(rules: str, public: Origin) -> str:
    return hashlib.sha256(f"{rules} {public}".encode()).hexdigest()[:8]


class _Judging:
    """One request under judgement by the rules of its site."""

    def __init__(
        self,
        rules: RulesInForce,
        memory: AssetMemory,
        decision: Decision,
        trace: Trace,
        compiled: CompiledSite,
        request: RequestFacts,
        public: Origin,
    ) -> None:
        self._rules = rules
        self._memory = memory
        self._decision = decision
        self._trace = trace
        self._compiled = compiled
        self._request = request
        self._site = site = compiled.site
        variables = Variables(
            request, site=site.name, document_root=site.document_root, invented_root=site.invented_root
        )
        deadline = rules.settings.pattern_deadline
        self._scope = Scope(variables, rules.rules.lookups, trace, deadline, iis=site.mode is Mode.IIS)
        self._concerned = levels_concerned(compiled, variables.url.path.text)
        self._level = self._concerned[-1]
        fingerprint = _fingerprint(rules.fingerprint, public)
        self._served = ServedRequest(request, site, self._level, self._scope, public, fingerprint)

    def judged(self) -> RoutedRequest:
        """Run the rules, and do what they decide."""
        routed = self._judge()
        if isinstance(routed, RoutedRequest):
            return routed
        return RoutedRequest(routed, self._request, self._site, self._served)

    def _judge(self) -> RoutedRequest | LocalResponse | Abort:
        rules, level, scope = self._rules.rules, self._level, self._scope
        try:
            if ended := self._run(rules.global_rules, rules.lookups, rules.global_fault):
                return ended
            if refused := self._refused():
                return refused
            if ended := self._run(level.inbound, level.lookups, level.fault):
                return ended
            return self._decided()
        except PatternTimeout as error:
            return fail(self._trace, Reason.PATTERN_TIMEOUT, rule=scope.rule_name, detail=str(error))
        except TargetError as error:
            if not scope.iis:
                return fail(self._trace, error.reason, **error.values)
            message = "There was a connection error while trying to route the request."
            iis = "sends the request there"
            return give_up(scope, Failure("502.3", error.reason, message=message, iis=iis, **error.values))
        except Failure as failure:
            return give_up(scope, failure)
        finally:
            scope.lookups = level.lookups

    def _refused(self) -> LocalResponse | Abort | None:
        """Refuse what sections do not let in, unless a global rule has decided."""
        if self._decision.forwards:
            for level in self._concerned:
                if refused := refused_before_rules(level, self._site, self._scope, self._request, self._decision):
                    return refused
        return None

    def _run(self, rule_set: InboundSet, lookups: Mapping[str, Lookup], fault: Failure | None) -> LocalResponse | None:
        """Run a set of rules, unless one before it has decided; return the response where it cannot be run."""
        if not self._decision.forwards:
            return None
        if fault:
            return give_up(self._scope, fault)
        if rule_set.rules:
            self._scope.lookups = lookups
            run_inbound(rule_set, self._scope, self._decision, allowed_hosts=self._rules.rules.allowed_hosts)
        return None

    def _decided(self) -> RoutedRequest | LocalResponse | Abort:
        """Carry out what the rules, and the sections beside them, decided.

        Raises:
            Failure: the request can be sent nowhere.
            PatternTimeout: a wildcard of `<httpRedirect>` or `<handlers>` took longer than the deadline.
        """
        scope, site, trace_id = self._scope, self._site, self._trace.data["id"]
        for level in self._concerned:
            if refused := refused_after_rules(level, scope, self._request, self._decision):
                return refused
        match self._decision.outcome:
            case Outcome.ABORT_REQUEST:
                return Abort()
            case Outcome.REDIRECT | Outcome.CUSTOM_RESPONSE:
                return decided_response(self._decision, iis=scope.iis, trace_id=trace_id)
        if moved := redirected(self._level, scope, self._request, self._decision):
            return moved
        named = self._decision.origin
        if named is None:
            rewritten = levels_concerned(self._compiled, scope.variables.url.path.text)
            if refused := refused_by_handler(rewritten, scope, self._request, self._decision):
                return refused
        target = backend_target(site, self._request, scope.variables.url, absolute=named is not None)
        if target is None:
            self._trace.error(Reason.OUT_OF_MOUNT, where=site.path, url=scope.variables.url.path.raw)
            return plain_response(404, "No backend is published here under this path.", trace_id)
        if named is None and lacks_slash(site, self._request, scope.variables.url):
            return self._with_slash()
        self._decision.target = target
        origin = named or site.backend
        if origin and (named or origin.host in self._rules.rules.farms):
            judge_target(self._rules.rules, scope, origin)
        if origin is None:
            self._trace.error(Reason.NO_BACKEND)
            return plain_response(404, "No rule sends this request to a backend.", trace_id)
        return self._forwarded(origin)

    def _with_slash(self) -> LocalResponse:
        """Redirect from `/app` to `/app/`, without which the links of the page would be read from the root."""
        site, query = self._site, self._request.target.partition("?")
        location = f"{self._request.scheme}://{self._request.host}{site.path}/{query[1]}{query[2]}"
        self._trace.decided(events.REDIRECT_ACTION, substitution=f"{site.path}/", location=location, status=301)
        return decided_response(Decision(Outcome.REDIRECT, status=301, location=location))

    def _forwarded(self, origin: Origin) -> RoutedRequest:
        """Make the request as the backend gets it. What rules set wins over what is set for every request."""
        site, request, decision, public = self._site, self._request, self._decision, self._served.public
        farm = self._rules.rules.farms.get(origin.host)
        connect = site.connect if origin == site.backend and farm is None else None
        settings = self._rules.backend_settings(site, farm)
        proxy = settings.proxy
        # ARR replaces the host of Location, and leaves its path as it is.
        by_rule = None if self._scope.iis and site.links is LinkMode.OFF else decision.mount
        published = self._level.published if site.links is not LinkMode.OFF or by_rule else ()
        maps = self._rules.link_maps(self._compiled, public, origin, by_rule, published)
        unmarked = unmark_request_fields(
            request.fields,
            self._served.fingerprint,
            marked_only=self._is_subject(kind_by_request(request.target, request.fields)),
            whole_only=self._is_subject(kind_by_path(request.target)),
        )
        fields, changes = unmarked.fields, unmarked.changes
        to_path = path_back(maps, public, origin)
        if site.links is not LinkMode.OFF:
            fields, mapped = map_back_request_fields(
                fields,
                names=NameMap(public, origin, maps.inbound.map_text, maps.inbound.map_authority, to_path),
                origins=maps.origins,
                cookies=LinkPlace.COOKIE_VALUES in site.links_also,
            )
            changes += mapped
            everything = LinkPlace.QUERIES in site.links_also
            decision.target = map_back_query(decision.target, maps, self._trace, everything=everything)
        wanted, refused = settable(fields, decision.fields)
        for name in refused:
            self._trace.warn(Reason.FIELD_OF_CONNECTION, name=name)
        fields, forwarded = forwarding_fields(
            fields,
            client_ip=request.client[0],
            client_port=request.client[1] if proxy.include_port_in_x_forwarded_for else None,
            requested=Origin(request.scheme, public.host, public.port),
            target=request.target,
            trace_id=self._trace.data["id"],
            append=is_trusted(request.client[0], site.trusted_proxies),
            prefix=site.path if site.forward_prefix else "",
            settings=proxy,
            by_rules=wanted,
        )
        fields = count_forwards(fields, proxy.max_forwards)
        fields = limit_codings(fields)
        fields = set_fields(fields, wanted)
        record_request_changes(self._trace, changes + forwarded)
        host = decision.fields.get("host") or proxy.alternate_host_name
        host = host or (request.host if settings.keeps_host else origin.authority)
        broken = broken_signatures(
            request.fields,
            fields,
            host_changed=host != request.host,
            target_changed=decision.target != request.target,
        )
        record_request_changes(self._trace, broken)
        if self._scope.iis:
            # Once the request is on its way, {HTTP_HOST} is the name that the backend was asked by.
            self._scope.variables.assign("HTTP_HOST", host)
        if origin.scheme == "https" and not settings.tls.verify:
            self._trace.warn(Reason.NOT_VERIFIED, origin=str(origin))
        if is_grpc(request) and not (origin.scheme == "https" and settings.tls.http2):
            self._trace.warn(Reason.GRPC_OVER_HTTP1, origin=str(origin))
        routing = Forward(
            origin,
            connect,
            host,
            decision.target,
            fields,
            settings.timeouts,
            settings.tls,
            settings.connections,
            farm,
            settings.keep_alive,
        )
        body = self._body(fields, maps.inbound, farm, origin, to_path)
        on_its_way = ForwardedRequest(
            self._served,
            origin,
            maps,
            unmarked.carried_mark,
            settings.reverse_rewrites,
            decision.target.partition("?")[0] if by_rule else page_path(site, request),
            body,
        )
        return RoutedRequest(routing, request, site, self._served, on_its_way)

    def _body(
        self, fields: FieldLines, link_map: LinkMap, farm: Farm | None, origin: Origin, to_path: PathBack
    ) -> RequestBody | None:
        """Give what rewrites the body of the request, if that is asked for, or the method is one of WebDAV.

        A client of WebDAV says in its requests what it read in responses, where `links: everywhere` maps it.
        """
        links, also = self._site.links, self._site.links_also
        dav = self._request.method in DAV_METHODS and links is LinkMode.EVERYWHERE
        every_type = LinkPlace.REQUEST_BODIES in also
        if links is LinkMode.OFF or not (dav or every_type):
            return None
        return request_body(
            fields,
            at_first_server(link_map, farm, origin) if farm else link_map,
            self._trace,
            plain_text=LinkPlace.PLAIN_TEXT in also,
            every_type=every_type,
            dav=to_path if dav else None,
        )

    def _is_subject(self, kind: Kind | None) -> bool:
        """Say whether responses of this kind depend on the rules; not if nobody knows the kind."""
        if kind is None or self._request.method not in ("GET", "HEAD"):
            return False
        if self._memory.is_promised(self._request.url):
            return False
        return concerns(kind, self._site.links, self._level.outbound_rules, self._site.links_also)
