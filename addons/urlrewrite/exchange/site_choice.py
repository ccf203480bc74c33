"""Which site serves a request: the one with the name that the client asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace

from urlrewrite.engine.compile import CompiledRules, CompiledSite
from urlrewrite.engine.facts import RequestFacts
from urlrewrite.exchange.responses import LocalResponse, plain_response
from urlrewrite.exchange.rules_in_force import RulesInForce
from urlrewrite.model import Site
from urlrewrite.model.origin import Origin, parse_authority
from urlrewrite.trace import request_events as events
from urlrewrite.trace.reasons import Reason
from urlrewrite.trace.trace import Trace


@dataclass(frozen=True, slots=True)
class ChosenSite:
    """The site of a request, whose Host is there by now, and the name by which the client asked."""

    compiled: CompiledSite
    request: RequestFacts
    public: Origin


@dataclass(frozen=True, slots=True)
class NotServed:
    """The response to a request that no site serves; `site` is the one it named, None if there is none."""

    response: LocalResponse
    site: Site | None = None


def find_site(rules: CompiledRules, request: RequestFacts) -> CompiledSite | None:
    """Return the site that a request names; None if there is none."""
    scheme, name = _asked_name(request)
    return rules.find_site(scheme, name, request.target) if name else None


def _asked_name(request: RequestFacts) -> tuple[str, str]:
    """Return scheme and name by which a site is chosen: those of the Host field, or of TLS where there is none."""
    return (request.scheme, request.host) if request.host else ("https", request.sni)


def _is_public(rules: CompiledRules, name: str) -> bool:
    """Say whether a name that a client gave in TLS is one of a site, in full."""
    return any(origin.host == name for site in rules.named_sites("https", name) for origin in site.site.public)


def choose_site(rules: RulesInForce, request: RequestFacts, trace: Trace) -> ChosenSite | NotServed:
    """Choose the site by Host, or by SNI where there is no Host; refuse the request if there is none to choose."""
    compiled_rules = rules.rules
    scheme, name = _asked_name(request)
    compiled = find_site(compiled_rules, request)
    trace_id = trace.data["id"]
    if compiled is None:
        below, path = "", request.target.partition("?")[0]
        if name and compiled_rules.named_sites(scheme, name):
            below = f" at {path}"
            trace.error(Reason.NO_SITE_BELOW, name=name, where=path)
        else:
            trace.error(Reason.NO_SITE, name=name)
        name = f"the name {request.host!r}{below}"
        return NotServed(plain_response(404, f"No site is published here under {name}.", trace_id))
    site = compiled.site
    asked = parse_authority(request.host)
    own_names = {origin.host for origin in site.public} | ({asked[0]} if asked else set())
    sni = request.sni.lower()
    if sni and sni not in own_names and _is_public(compiled_rules, sni):
        # The certificate that the client checked is another site's (RFC 9110, 15.5.20).
        trace.error(Reason.OTHER_CONNECTION, name=request.sni, host=request.host)
        return NotServed(plain_response(421, "This connection belongs to another site.", trace_id), site)
    public = rules.public_origin(compiled, request)
    if not request.host:
        # An old client that sends no Host is taken to mean the name that it gave in TLS.
        request = replace(request, host=public.authority)
    trace.add(events.SITE_CHOSEN, site=site.name, public=f"{public}{site.path}")
    return ChosenSite(compiled, request, public)
