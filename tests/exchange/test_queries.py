"""Public names in requests become those of the backends, of all sites; in queries where something is compared."""

from __future__ import annotations

import base64
import zlib
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules_of import ask, field, rules_of
from urlrewrite.exchange.link_maps import LinkMaps
from urlrewrite.exchange.queries import RETURN_ADDRESSES
from urlrewrite.exchange.responses import Forward
from urlrewrite.exchange.rule_tests import Evaluation
from urlrewrite.exchange.rules_in_force import RulesInForce
from urlrewrite.model.farms import Server
from urlrewrite.model.origin import Origin

APP, IDP = "https://www.example.com", "https://login.example.com"
APP_BACKEND, IDP_BACKEND = "http://privateserver:8080", "http://idp:9400"
SITES = """
sites:
  - {{name: app, public: https://www.example.com, backend: http://privateserver:8080{app}}}
  - {{name: idp, public: https://login.example.com, backend: http://idp:9400{idp}}}
  - {{name: below, public: https://login.example.com/wiki, backend: http://wiki/base}}
  - {{name: same, public: https://copy.example.com, backend: http://privateserver:8080}}
  - {{name: files, public: https://files.example.com, backend: http://privateserver:8080/files}}
"""


def sites(app: str = "", idp: str = "") -> RulesInForce:
    return rules_of("", site=SITES.format(app=app, idp=idp))


PLAIN = sites()


def target(found: Evaluation) -> str:
    assert isinstance(found.routing, Forward)
    return found.routing.target


def sent(rules: RulesInForce, query: str) -> str:
    """The query that the provider gets."""
    return target(ask(rules, f"{IDP}/authorize?{query}")).partition("?")[2]


NAMES = {
    "oauth": """redirect_uri post_logout_redirect_uri logout_uri target_link_uri login_uri request_uri state iss
        client_id resource audience""",
    "ws-federation": "wreply wtrealm wctx whr",
    "saml": "RelayState TARGET target shire providerId acsURL entityID return TargetResource spentityid",
    "cas": "service targetService pgtUrl",
    "openid": """openid.return_to openid.realm openid.trust_root openid.identity openid.claimed_id
        openid.op_endpoint""",
    "application": """ReturnUrl returnUrl return_url RETURN-URL return_uri returnTo return_to return_path redirect
        redirect_to redirectTo redirect_url redirectURL redirect_path redir redir_url redirect_after_login
        login_redirect logout_redirect post_login_redirect post_logout_redirect next next_url next_page continue
        continue_url goto gotoURL gotoOnFail back back_to back_url came_from dest destination destination_url forward
        forward_url forward_to target_url callback callbackUrl callback_uri success_url cancel_url error_url
        failure_url exit_url origin_url signout_url logout_url rd ru rurl""",
}


@pytest.mark.parametrize(("protocol", "name"), [(p, name) for p, names in NAMES.items() for name in names.split()])
def test_an_address_to_return_to_is_mapped_back(protocol: str, name: str) -> None:
    query = f"a={quote(APP, safe='')}&{name}={quote(f'{APP}/cb?x=1', safe='')}&b"
    found = ask(PLAIN, f"{IDP}/authorize?{query}")
    after = f"{name}={quote(f'{APP_BACKEND}/cb?x=1', safe='')}"
    assert target(found) == f"/authorize?a={quote(APP, safe='')}&{after}&b"
    told = [event for event in found.exchange.trace.events if event["event"] == "QUERY_MAPPED_BACK"]
    assert [(event["name"], event["after"], event["protocol"]) for event in told] == [(name, after, protocol)]


def test_the_table_has_no_row_that_is_not_tried() -> None:
    tried = {"".join(filter(str.isalnum, name)).lower() for names in NAMES.values() for name in names.split()}
    assert tried == set(RETURN_ADDRESSES)


VALUES = [
    # a value, what it becomes
    (f"{APP}/cb", f"{APP_BACKEND}/cb"),
    (f"{IDP}/cb", f"{IDP_BACKEND}/cb"),
    (f"{IDP}/wiki/cb", "http://wiki/base/cb"),
    (f"{IDP}/wikis", f"{IDP_BACKEND}/wikis"),
    # There and back it would become the app's.
    ("https://copy.example.com/cb", "https://copy.example.com/cb"),
    ("https://elsewhere.example/cb", "https://elsewhere.example/cb"),
    ("https://www.example.com.evil.example/cb", "https://www.example.com.evil.example/cb"),
    ("https://www.example.com:444/cb", "https://www.example.com:444/cb"),
    ("/connect?redirect_uri=" + quote(f"{APP}/cb", safe=""), "/connect?redirect_uri=" + quote(f"{APP_BACKEND}/cb", "")),
    ("/local", "/local"),
]


@pytest.mark.parametrize(("before", "after"), VALUES)
@pytest.mark.parametrize("safe", ["", ":/?="])
def test_only_published_names_are_mapped_back(before: str, after: str, safe: str) -> None:
    assert sent(PLAIN, f"ReturnUrl={quote(before, safe=safe)}") == f"ReturnUrl={quote(after, safe=safe)}"


SETTINGS = [
    # of the app, of the provider; what of the app's name, of the provider's own, and elsewhere in the query
    ("", "", APP_BACKEND, IDP_BACKEND, APP),
    ("", ", linksAlso: queries", APP_BACKEND, IDP_BACKEND, APP_BACKEND),
    ("", ", mapReturnAddresses: false", APP, IDP, APP),
    ("", ", mapReturnAddresses: false, linksAlso: queries", APP, IDP, APP_BACKEND),
    (", mapReturnAddresses: false", "", APP, IDP_BACKEND, APP),
    (", mapReturnAddresses: false", ", linksAlso: queries", APP, IDP_BACKEND, APP_BACKEND),
    (", preserveHostHeader: true", ", linksAlso: queries", APP, IDP_BACKEND, APP),
    ("", ", preserveHostHeader: true, linksAlso: queries", APP_BACKEND, IDP, APP_BACKEND),
    ("", ", links: off", APP, IDP, APP),
    (", links: off", "", APP_BACKEND, IDP_BACKEND, APP),
]


@pytest.mark.parametrize(("app", "idp", "of_app", "own", "elsewhere"), SETTINGS)
def test_who_knows_its_public_name_gets_it(app: str, idp: str, of_app: str, own: str, elsewhere: str) -> None:
    query = "service={}/x&u={}/x&iss={}"
    assert sent(sites(app, idp), query.format(APP, APP, IDP)) == query.format(of_app, elsewhere, own)


FIELDS = [
    # asked, a field, its value, what it becomes
    (IDP, "Origin", APP, APP_BACKEND),
    (IDP, "Origin", IDP, IDP_BACKEND),
    (f"{IDP}/wiki", "Origin", IDP, "http://wiki"),
    (f"{IDP}/wiki", "Referer", f"{IDP}/", "http://wiki/"),
    (f"{IDP}/wiki", "Referer", f"{IDP}/x", f"{IDP_BACKEND}/x"),
    (APP, "Origin", IDP, IDP_BACKEND),
    (APP, "Referer", f"{IDP}/", f"{IDP_BACKEND}/"),
    (APP, "Referer", f"{IDP}/wiki/x", "http://wiki/base/x"),
    (APP, "Destination", f"{IDP}/wiki/x", "http://wiki/base/x"),
    # A page of another name for the same backend is not one of its own.
    (APP, "Origin", "https://copy.example.com", "https://copy.example.com"),
    (APP, "Referer", "https://copy.example.com/x", "https://copy.example.com/x"),
    (APP, "Origin", "https://files.example.com", "https://files.example.com"),
    (APP, "Destination", "https://files.example.com/x", f"{APP_BACKEND}/files/x"),
    (APP, "Origin", "https://elsewhere.example", "https://elsewhere.example"),
    (APP, "Origin", "null", "null"),
]


@pytest.mark.parametrize(("asked", "name", "before", "after"), FIELDS)
def test_fields_name_the_backends_of_all_sites(asked: str, name: str, before: str, after: str) -> None:
    found = ask(PLAIN, f"{asked}/x", (name, before))
    assert isinstance(found.routing, Forward)
    assert dict(found.routing.fields)[name] == after


NAMED = """
sites:
  - {name: app, public: [https://www.example.com, https://example.com], backend: http://privateserver:8080}
  - {name: api, public: [https://api.example.com, http://api.example.com], backend: http://api:9000}
"""
ALLOWED = [
    # asked, the client's Origin, what the backend allows, what the client sees
    ("https://api.example.com", "https://example.com", APP_BACKEND, "https://example.com"),
    ("https://api.example.com", APP, APP_BACKEND, APP),
    (APP, "https://example.com", APP_BACKEND, "https://example.com"),
    (APP, "http://api.example.com", "http://api:9000", "http://api.example.com"),
    # It allows another one.
    (APP, "https://example.com", "http://api:9000", "https://api.example.com"),
    (APP, "https://example.com", "*", "*"),
    (APP, "https://elsewhere.example", APP_BACKEND, APP),
]


@pytest.mark.parametrize(("asked", "origin", "allowed", "after"), ALLOWED)
def test_who_asked_is_allowed_by_the_name_that_it_has(asked: str, origin: str, allowed: str, after: str) -> None:
    rules = rules_of("", site=NAMED)
    answer = (200, [("Access-Control-Allow-Origin", allowed)], b"")
    found = ask(rules, f"{asked}/x", ("Origin", origin), answer=answer)
    assert field(found, "Access-Control-Allow-Origin") == [after]


FARM = """
sites:
  - {name: app, public: https://www.example.com, backend: http://shop}
  - {name: idp, public: https://login.example.com, backend: http://idp:9400}
farms:
  shop: {servers: [{address: a.lan, httpPort: 81}, {address: b.lan, hostName: b.internal}]PRESERVED}
"""


@pytest.mark.parametrize(
    ("preserved", "for_idp", "for_second_server"),
    [
        (", preserveHostHeader: false", "http://a.lan:81", "http://b.internal"),
        ("", APP, APP),
    ],
)
def test_a_farm_is_named_by_its_servers(preserved: str, for_idp: str, for_second_server: str) -> None:
    rules = rules_of("", site=FARM.replace("PRESERVED", preserved))
    assert sent(rules, f"service={APP}/x") == f"service={for_idp}/x"
    own = ask(rules, f"{APP}/x?next={quote(APP, safe='')}").routing
    assert isinstance(own, Forward)
    at_second = own.at(Server(address="b.lan", host_name="b.internal"))
    assert at_second.target == f"/x?next={quote(for_second_server, safe='')}"


BACKENDS = ("http://privateserver:8080", "http://idp:9400", "http://wiki/base")
SPELLINGS = [
    str,
    lambda url: quote(url, safe=""),
    lambda url: quote(url, safe="").lower(),
    lambda url: quote(quote(url, safe=""), safe=""),
    lambda url: url.replace("/", "\\/"),
]
PATHS = st.text("abz09/._~-", max_size=12).map(lambda path: f"/{path}")


@given(st.sampled_from(BACKENDS), PATHS, st.sampled_from(SPELLINGS), st.sampled_from([APP, IDP]))
def test_what_was_mapped_for_the_browser_comes_back_as_it_was(
    backend: str, path: str, spelled: object, asked: str
) -> None:
    assert callable(spelled)
    maps = _maps(asked)
    written = spelled(f"{backend}{path}")
    public = maps.outbound.map_text(written)
    assert public != written
    assert maps.inbound.map_text(public) == maps.returns.map_text(public) == written


def _maps(asked: str) -> LinkMaps:
    name = Origin.parse(asked)
    assert name
    site = next(each for each in PLAIN.rules.sites if name in each.site.public)
    assert site.site.backend
    return PLAIN.link_maps(site, name, site.site.backend)


def deflated(message: str) -> str:
    packed = zlib.compressobj(wbits=-15)
    return quote(base64.b64encode(packed.compress(message.encode()) + packed.flush()).decode(), safe="")


ACS = f"<p:AuthnRequest Destination=\"{IDP}/sso\" AssertionConsumerServiceURL='{APP}/acs'>"
SAML = [
    (deflated(f"{ACS}<saml:Issuer Format='x'> {APP}/metadata </saml:Issuer>"), [f"{IDP}/sso", f"{APP}/acs"]),
    (deflated("x"), []),
    (deflated("x" * 10**7), []),
    (quote(base64.b64encode(b"<p/>").decode(), safe=""), []),
    ("%C3%A9", []),
    ("", []),
]


@pytest.mark.parametrize(("value", "first"), SAML)
@pytest.mark.parametrize("name", ["SAMLRequest", "SAMLResponse"])
def test_deflated_messages_are_left_and_told(name: str, value: str, first: list[str]) -> None:
    query = f"{name}={value}&RelayState={APP}/x&SigAlg=http%3A%2F%2Fwww.w3.org%2F&Signature=abc"
    found = ask(sites(idp=", linksAlso: queries"), f"{IDP}/sso?{query}")
    assert target(found) == f"/sso?{query.replace(APP, APP_BACKEND)}"
    (told,) = [event for event in found.exchange.trace.events if event["event"] == "SAML_LEFT"]
    assert (told["name"], told["addresses"][:2]) == (name, first)
    assert told["addresses"][2:] == ([f"{APP}/metadata"] if first else [])
    assert found.exchange.trace.problems() == []
