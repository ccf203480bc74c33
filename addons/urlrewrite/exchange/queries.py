"""Queries of requests on their way to the backend: addresses in them made the backend's again.

A login that leads from one site to another takes the address to return to along in the query. The backend wrote its own
name there, which was mapped for the browser; the other backend compares it with what is registered, so it has to get it
as it was written. The same holds for what else such a protocol compares: issuers, realms, states. So these are mapped
back by default, and everything else in queries only with `linksAlso: queries`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote_plus

from urlrewrite.exchange.link_maps import LinkMaps
from urlrewrite.exchange.saml import addresses_in
from urlrewrite.trace.request_events import QUERY_MAPPED_BACK, SAML_LEFT
from urlrewrite.trace.trace import Trace, clip

_TABLE = {
    # RFC 6749, RFC 8707, RFC 9207 and OpenID Connect (Core, RP-Initiated Logout, Session Management); Cognito.
    "oauth": """redirect_uri post_logout_redirect_uri logout_uri target_link_uri login_uri request_uri state iss
        client_id resource audience""",
    # WS-Federation 1.2, 13.2.
    "ws-federation": "wreply wtrealm wctx whr",
    # SAML 2.0 Bindings, 3.4.3; SAML 1.1, 4.1.1; Shibboleth's own; IdP Discovery, 2.4.1.
    "saml": "RelayState TARGET shire providerId acsURL entityID return TargetResource spentityid",
    # CAS Protocol 3.0, 2.1 to 2.7.
    "cas": "service targetService pgtUrl",
    # OpenID Authentication 2.0, 9.1 and 10.1.
    "openid": """openid.return_to openid.realm openid.trust_root openid.identity openid.claimed_id
        openid.op_endpoint""",
    # What frameworks and applications call it: ASP.NET, Django, Rails, Next.js, Redmine, Plone, oauth2-proxy, OpenAM.
    "application": """ReturnUrl return_uri return_to return_path redirect redirect_to redirect_url redirect_path redir
        redir_url redirect_after_login login_redirect logout_redirect post_login_redirect post_logout_redirect
        next next_url next_page continue continue_url goto goto_url goto_on_fail back back_to back_url came_from
        dest destination destination_url forward forward_url forward_to target_url callback callback_url callback_uri
        success_url cancel_url error_url failure_url exit_url origin_url signout_url logout_url rd ru rurl""",
}
_NO_LETTERS = re.compile(r"[^a-z0-9]")


def _letters(name: str) -> str:
    """Give a name as it is compared: `ReturnUrl`, `returnURL` and `return_url` are one."""
    return _NO_LETTERS.sub("", name.lower())


RETURN_ADDRESSES: Mapping[str, str] = {
    _letters(name): protocol for protocol, names in _TABLE.items() for name in names.split()
}
"""Names of parameters, in small letters and digits only, whose addresses are mapped back; and what they belong to."""

_SAML_MESSAGES = frozenset({"samlrequest", "samlresponse"})


def map_back_query(target: str, maps: LinkMaps, trace: Trace, *, everything: bool) -> str:
    """Make the query of a request target name backends where it has their public names.

    That is done in the parameters of RETURN_ADDRESSES, and in all of them with `everything`.
    """
    path, mark, query = target.partition("?")
    if not query:
        return target
    pairs = []
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        key = _letters(unquote_plus(name))
        protocol = RETURN_ADDRESSES.get(key, "")
        after = pair
        if key in _SAML_MESSAGES:
            if trace.on:
                trace.add(SAML_LEFT, name=name, addresses=list(addresses_in(value)))
        elif protocol:
            after = pair[: len(pair) - len(value)] + maps.returns.map_text(value)
        elif everything:
            after = maps.inbound.map_text(pair)
        if after != pair:
            trace.add(QUERY_MAPPED_BACK, name=name, before=clip(pair), after=clip(after), protocol=protocol)
        pairs.append(after)
    return path + mark + "&".join(pairs)
