"""A request, judged: which site serves it, what its rules decide, and how it goes to the backend.

It is the first half of an exchange (`exchange.py`), and knows all that its second half needs of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Unpack

from urlrewrite.content.expected import kind_by_path, kind_by_request
from urlrewrite.content.kinds import Kind
from urlrewrite.content.links.link_map import LinkMap
from urlrewrite.engine.compile import CompiledLevel, CompiledSite
from urlrewrite.engine.decision import Decision, Outcome
from urlrewrite.engine.facts import RequestFacts
from urlrewrite.engine.failure import Failure
from urlrewrite.engine.inbound import TargetError, run_inbound
from urlrewrite.engine.scope import Scope
from urlrewrite.engine.variables import Variables
from urlrewrite.exchange.body.rewriting import concerns
from urlrewrite.exchange.iis_errors import judge_target
from urlrewrite.exchange.mounts import backend_target, lacks_slash
from urlrewrite.exchange.request_fields import is_trusted, limit_codings, map_back_query, set_fields
from urlrewrite.exchange.responses import Abort, Forward, LocalResponse, decided_response, iis_response, plain_response
from urlrewrite.exchange.rules_in_force import RulesInForce
from urlrewrite.fields.forwarding import forwarding_fields, map_back_request_fields
from urlrewrite.fields.names import Change
from urlrewrite.fields.signed_requests import broken_signatures
from urlrewrite.fields.validators import unmark_request_fields
from urlrewrite.model import LinkMode, LinkPlace, Mode, Site
from urlrewrite.model.origin import Origin
from urlrewrite.patterns.pattern import PatternTimeout
from urlrewrite.trace import request_events as events
from urlrewrite.trace.reasons import Reason, Values
from urlrewrite.trace.trace import Trace, TraceLevel, clip


class JudgedRequest:
    """Judges one request by the rules in force when it came; what happened is in `trace`."""

    def __init__(self, rules: RulesInForce, request: RequestFacts, trace_id: str) -> None:
        self.rules = rules
        self.request = request
        self.trace = Trace(trace_id, level=rules.settings.trace, every_rule=rules.settings.trace_every_rule)
        self.decision = Decision(target=request.target)
        self._compiled: CompiledSite | None = None
        self._level: CompiledLevel | None = None
        self._scope: Scope | None = None
        self._public = Origin(request.scheme, "", 0)
        self._target = self._public
        self._carried_mark = False
        asked: dict[str, object] = {"method": request.method, "url": request.url, "http_version": request.http_version}
        if self.trace.level is not TraceLevel.OFF:
            # What the flow itself holds is the request as the backend got it.
            asked.update(host=request.host, target=request.target, fields=list(map(list, request.fields)))
        self.trace.data.update(rules=rules.fingerprint, request=asked)

    @property
    def site(self) -> Site | None:
        """The site that serves this request."""
        return self._compiled.site if self._compiled else None

    def route(self) -> Forward | LocalResponse | Abort:
        """Judges the request."""
        routing = self._find_site() or self._judge()
        data = self.trace.data
        data["site"] = self._compiled.site.name if self._compiled else ""
        if len(self.rules.rules.sites) > 1:
            data["one_of_sites"] = True
        data["action"] = str(self.decision.outcome)
        data["inbound_rules"] = list(self.decision.rules)
        match routing:
            case Forward():
                data["target"] = routing.url
                self.trace.decided(
                    events.REQUEST_ROUTED, url=routing.url, host=routing.host, connect=list(routing.connect or ())
                )
            case LocalResponse():
                self.trace.decided(events.ANSWERED, status=routing.status, sub_status=routing.sub_status)
                data["sub_status"] = routing.sub_status
        if self.decision.logged_url:
            data["logged_url"] = self.decision.logged_url
        return routing

    def fail(self, reason: Reason, **values: Unpack[Values]) -> LocalResponse:
        """The response for an exchange that cannot go on; the reason is in the trace only, not in the response."""
        self.trace.error(reason, **values)
        self.trace.data.update(status=500, sub_status=0)
        return plain_response(500, "The rewrite rules of this site failed.", self.trace.data["id"])

    def _give_up(self, failure: Failure) -> LocalResponse:
        """The response where IIS gives up: in mode iis a page like IIS's."""
        data = self.trace.data
        self.trace.error(failure.reason, iis_status=failure.iis_status, iis=failure.iis, **failure.values)
        if self._scope and self._scope.iis:
            answer = iis_response(failure.iis_status, failure.message, data["id"])
        else:
            status = int(failure.iis_status.partition(".")[0])
            answer = plain_response(status, "This request cannot be served.", data["id"])
        data.update(status=answer.status, sub_status=answer.sub_status)
        return answer

    def _find_site(self) -> LocalResponse | None:
        """Chooses the site by Host, or by SNI where there is no Host; a response if there is none to choose."""
        request, rules = self.request, self.rules.rules
        by_sni = rules.named_sites("https", request.sni) if request.sni else []
        scheme, name = (request.scheme, request.host) if request.host else ("https", request.sni)
        self._compiled = rules.find_site(scheme, name, request.target) if name else None
        if self._compiled is None:
            below = ""
            if name and rules.named_sites(scheme, name):
                path = request.target.partition("?")[0]
                below = f" at {path}"
                self.trace.error(Reason.NO_SITE_BELOW, name=name, where=path)
            else:
                self.trace.error(Reason.NO_SITE, name=name)
            name = f"the name {request.host!r}{below}"
            return plain_response(404, f"No site is published here under {name}.", self.trace.data["id"])
        own_names = {origin.host for origin in self._compiled.site.public}
        other_names = {origin.host for site in by_sni for origin in site.site.public}
        if request.sni.lower() in other_names - own_names:
            # The certificate that the client checked is another site's (RFC 9110, 15.5.20).
            self.trace.error(Reason.OTHER_CONNECTION, name=request.sni, host=request.host)
            return plain_response(421, "This connection belongs to another site.", self.trace.data["id"])
        self._public = self.rules.public_origin(self._compiled, request)
        if not request.host:
            # An old client that sends no Host is taken to mean the name that it gave in TLS.
            self.request = replace(request, host=self._public.authority)
        site = self._compiled.site
        self.trace.add(events.SITE_CHOSEN, site=site.name, public=f"{self._public}{site.path}")
        return None

    def _judge(self) -> Forward | LocalResponse | Abort:
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
            return self.fail(Reason.PATTERN_TIMEOUT, rule=scope.rule_name, detail=str(error))
        except TargetError as error:
            if not scope.iis:
                return self.fail(error.reason, **error.values)
            message = "There was a connection error while trying to route the request."
            iis = "sends the request there"
            return self._give_up(Failure("502.3", error.reason, message=message, iis=iis, **error.values))
        except Failure as failure:
            return self._give_up(failure)
        finally:
            scope.lookups = level.lookups

    def _send(self, site: Site) -> Forward | LocalResponse | Abort:
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
                return decided_response(self.decision, iis=scope.iis, trace_id=self.trace.data["id"])
        named = self.decision.origin
        target = backend_target(site, self.request, scope.variables.url, absolute=named is not None)
        if target is None:
            self.trace.error(Reason.OUT_OF_MOUNT, where=site.path, url=scope.variables.url.path.raw)
            return plain_response(404, "No backend is published here under this path.", self.trace.data["id"])
        if named is None and lacks_slash(site, self.request, scope.variables.url):
            return self._with_slash(site)
        self.decision.target = target
        if named:
            judge_target(self.rules.rules, scope, named)
        origin = named or site.backend
        if origin is None:
            self.trace.error(Reason.NO_BACKEND)
            return plain_response(404, "No rule sends this request to a backend.", self.trace.data["id"])
        return self._forward(site, origin)

    def _with_slash(self, site: Site) -> LocalResponse:
        """The redirect from `/app` to `/app/`, without which the links of the page would be read from the root."""
        query = self.request.target.partition("?")
        location = f"{self.request.scheme}://{self.request.host}{site.path}/{query[1]}{query[2]}"
        self.trace.decided(events.REDIRECT_ACTION, substitution=f"{site.path}/", location=location, status=301)
        return decided_response(Decision(Outcome.REDIRECT, status=301, location=location))

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
        if site.links is not LinkMode.OFF and not knows_public_name(site):
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
        self._record_request(changes + forwarded)
        host = self.decision.fields.get("host") or (
            self.request.host if site.preserve_host_header else origin.authority
        )
        broken = broken_signatures(
            list(self.request.fields),
            fields,
            host_changed=host != self.request.host,
            target_changed=self.decision.target != self.request.target,
        )
        self._record_request(broken)
        assert self._scope is not None
        if self._scope.iis:
            # Once the request is on its way, {HTTP_HOST} is the name that the backend was asked by.
            self._scope.variables.assign("HTTP_HOST", host)
        return Forward(origin, connect, host, self.decision.target, fields)

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

    def _record_request(self, changes: Iterable[Change]) -> None:
        for change in self._no_warnings(changes):
            if self.trace.on:
                self.trace.add(events.GENERAL_SET_REQUEST_HEADER, **told(change))

    def _no_warnings(self, changes: Iterable[Change]) -> Iterator[Change]:
        """The changes that were made; what could not be done is told in the trace."""
        for change in changes:
            if change.warning:
                self.trace.warn_of_field(change.field, change.before or "", str(change.whys[0].reason), change.why)
            else:
                yield change


def told(change: Change) -> events.FieldSet:
    """A change of a field as an event tells it."""
    return {
        "name": change.field,
        "before": clip(change.before or ""),
        "after": clip(change.after or ""),
        "reasons": [str(why.reason) for why in change.whys],
        "why": [str(why) for why in change.whys],
    }


def knows_public_name(site: Site) -> bool:
    """Whether the backend is asked by its public name and for public paths, so that nothing is to be mapped back."""
    return site.preserve_host_header and site.path == site.backend_path
