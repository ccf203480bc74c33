"""Every reason for a change of a field, from an exchange that gives it: what the trace says of one field, in its order.

Codes are written as a trace has them, so that a row dies where one is given in the place of another.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
from dataclasses import dataclass

import pytest

from rules_of import routed, rules_of
from urlrewrite.engine.facts import ResponseFacts
from urlrewrite.exchange.response import ResponseHead
from urlrewrite.exchange.rule_tests import evaluate, request_facts
from urlrewrite.exchange.rules_in_force import Recode, Settings
from urlrewrite.fields.reasons import FieldReason
from urlrewrite.model.field_lines import FieldLines
from urlrewrite.trace.events import Name

B = "http://privateserver:8080"
P = "https://www.example.com"
HTML = ("Content-Type", "text/html")
AS_IT_COMES = ("X-Accel-Buffering", "no")
LINK = f'<a href="{B}/x">'
INLINE = f'f("{B}/")'
HASH = f"'sha256-{base64.b64encode(hashlib.sha256(INLINE.encode()).digest()).decode()}'"

_IN_FRONT = "\nbackend: http://privateserver:8080\n"
SITES = {
    "default": rules_of(""),
    "plain": rules_of("", site="public: http://www.example.com" + _IN_FRONT),
    "other port": rules_of("", site="public: https://www.example.com:8443" + _IN_FRONT),
    "local": rules_of("", site="public: https://localhost:8443" + _IN_FRONT),
    "public suffix": rules_of("", site="public: https://github.io" + _IN_FRONT),
    "below a name": rules_of("", site="public: https://www.example.com\nbackend: http://app.corp.example:8080\n"),
    "mounted": rules_of("", site="public: https://www.example.com/app" + _IN_FRONT),
    "cookie values": rules_of("linksAlso: [cookieValues]"),
    "plain bodies": rules_of("", settings=Settings(recode=Recode.PLAIN)),
    "own fields": rules_of("httpProtocol: {customHeaders: {remove: [X-Powered-By], add: {X-Own: b}}}"),
    "said by a rule": rules_of(
        "rules: [{name: r, match: .*, serverVariables: {HTTP_X_FORWARDED_PROTO: https}, action: None}]"
    ),
    "two backends": rules_of(
        "",
        site="""
sites:
  - {public: https://www.example.com, backend: http://privateserver:8080}
  - {public: https://shop.example.net, backend: http://shopserver:8080}
""",
    ),
}


@dataclass(frozen=True)
class Given:
    """What is told of the field `name`: the reasons of changes first, then of warnings."""

    name: str
    value: str
    reasons: str
    site: str = "default"
    others: FieldLines = ()
    body: str | bytes = ""
    path: str = "/"

    @property
    def origin(self) -> str:
        names = {"plain": "http://www.example.com", "other port": f"{P}:8443", "local": "https://localhost:8443"}
        return {**names, "public suffix": "https://github.io", "mounted": f"{P}/app"}.get(self.site, P)


RESPONSES = [
    # Fields that name the backend.
    Given("Location", f"{B}/x", "url"),
    Given("Refresh", f"5; url={B}/x", "refresh"),
    Given("Link", f"<{B}/x>; rel=next", "link"),
    Given("Report-To", f'{{"endpoints":[{{"url":"{B}/x"}}]}}', "json"),
    Given("Reporting-Endpoints", f'default="{B}/x"', "quoted"),
    Given("Upload-Concat", f"final;{B}/x", "list"),
    Given("Access-Control-Allow-Origin", B, "origin-list"),
    Given("X-Frame-Options", f"ALLOW-FROM {B}", "allow-from"),
    Given("Content-Security-Policy", f"img-src {B}", "policy"),
    Given("WWW-Authenticate", f'Bearer realm="{B}/x"', "challenge"),
    Given("Via", "1.1 privateserver:8080", "authority"),
    Given("X-Anything", f"a,{B}/x", "generic"),
    Given("Strict-Transport-Security", "max-age=1", "transport-security", "plain"),
    Given("Strict-Transport-Security", "max-age=1", "", "default"),
    Given("Strict-Transport-Security", "max-age=1", "hsts-every-port", "other port"),
    Given("Strict-Transport-Security", "max-age=1; includeSubDomains", "hsts-every-name"),
    Given("Alt-Svc", 'h3=":8443"', "alternative"),
    Given("Public-Key-Pins", 'pin-sha256="x"', "key-pins"),
    # Cookies.
    Given("Set-Cookie", f"a={B}/; Secure", "value-mapped", "cookie values"),
    Given("Set-Cookie", f"a={B}/; Secure", "value-names-backend"),
    Given("Set-Cookie", "a=of%20privateserver; Secure", "value-names-backend"),
    Given("Set-Cookie", "__Host-a=1; Domain=privateserver; Path=/; Secure", "domain-of-host-cookie"),
    Given("Set-Cookie", "a=1; Domain=corp.example; Secure", "domain-above-backend", "below a name"),
    Given("Set-Cookie", "a=1; Domain=privateserver; Secure", "domain-impossible", "local"),
    Given("Set-Cookie", "a=1; Domain=privateserver; Secure", "domain-public-suffix", "public suffix"),
    Given("Set-Cookie", "a=1; Domain=privateserver; Secure", "domain-mapped"),
    Given("Set-Cookie", "a=1; Domain=other.example; Secure", "domain-of-others"),
    Given("Set-Cookie", "a=1; Domain=shopserver; Secure", "domain-mapped domain-not-public", "two backends"),
    Given("Set-Cookie", "a=1; Path=/x; Secure", "path-mapped", "mounted"),
    Given("Set-Cookie", "a=1", "secure-added"),
    Given("Set-Cookie", "a=1; Secure", "secure-removed", "plain"),
    Given("Set-Cookie", "__Secure-a=1; Secure", "secure-demanded", "plain"),
    Given("Set-Cookie", "a=1; Partitioned", "partitioned-removed", "plain"),
    Given("Set-Cookie", "a=1; SameSite=None", "same-site-lax", "plain"),
    Given(
        "Set-Cookie",
        "a=1; Partitioned; SameSite=None; Secure",
        "secure-removed partitioned-removed same-site-lax",
        "plain",
    ),
    Given("Set-Cookie", "__Host-a=1; Path=/x; Secure", "prefix-broken"),
    # The body that is rewritten.
    Given("ETag", '"a"', "depends-on-rules", others=(HTML,), body=LINK),
    Given("Last-Modified", "Wed, 21 Oct 2026 07:28:00 GMT", "depends-on-rules", others=(HTML,), body=LINK),
    Given("Accept-Ranges", "bytes", "depends-on-rules", others=(HTML,), body=LINK),
    Given("Accept-Ranges", "", "no-ranges", others=(HTML,), body=LINK),
    Given("Content-MD5", "x", "true-for-body", others=(HTML,), body=LINK),
    Given("Content-Length", str(len(LINK)), "true-for-body", others=(HTML,), body=LINK),
    Given("X-Signature", "x", "body-signature", others=(HTML,), body=LINK),
    Given(
        "Content-Security-Policy",
        f"script-src {HASH}",
        "inline-hashes",
        others=(HTML,),
        body=f"<script>{INLINE}</script>",
    ),
    Given(
        "Content-Security-Policy",
        f"script-src {HASH}",
        "inline-blocked",
        others=(HTML, AS_IT_COMES),
        body=f"<script>{INLINE}</script>",
    ),
    Given("Content-Encoding", "gzip", "sent-plain", "plain bodies", others=(HTML,), body=gzip.compress(LINK.encode())),
    Given("Content-Encoding", "gzip", "", others=(HTML,), body=gzip.compress(LINK.encode())),
    Given("Signature-Input", 'a=("location")', "signature-broken", others=(("Location", f"{B}/x"),)),
    Given("Signature-Input", 'a=("etag")', "", others=(("Location", f"{B}/x"),)),
    # What the site's configuration says.
    Given("X-Own", "a", "custom-header", "own fields"),
    Given("X-Own", "b", "", "own fields"),
    Given("X-Powered-By", "a", "header-removed", "own fields"),
]

REQUESTS = [
    # Conditions.
    Given("If-None-Match", '"a;ur=0"', "condition-made-true"),
    Given("Range", "bytes=0-9", "condition-made-true", others=(("If-Range", '"a;ur=0"'),)),
    Given("If-Modified-Since", "Wed, 21 Oct 2026 07:28:00 GMT", "other-rules", others=(("If-None-Match", '"a;ur=0"'),)),
    # Signatures.
    Given("Authorization", "AWS4-HMAC-SHA256 x", "host-signed"),
    Given("Authorization", 'Digest uri="/app/x"', "target-signed", "mounted", path="/x"),
    Given("Authorization", 'Digest uri="/x"', "", path="/x"),
    Given("Authorization", 'Signature headers="date host"', "fields-signed"),
    Given("Authorization", 'Signature headers="date"', ""),
    Given("Signature-Input", 'a=("@authority")', "fields-signed"),
    Given("DPoP", "x", "url-signed"),
    # What the backend is told of the client.
    Given("X-Real-IP", "192.0.2.1", "untrusted"),
    Given("X-Forwarded-For", "192.0.2.1", "who-asked"),
    Given("X-Forwarded-Proto", "http", "by-rule", "said by a rule"),
    Given("Proxy-Connection", "keep-alive", "of-connection"),
    Given("Connection", "x-own", "of-connection"),
    Given("X-Own", "1", "of-connection", others=(("Connection", "x-own"),)),
    Given("Origin", P, "mapped-back"),
    Given("Referer", f"{P}/x", "mapped-back"),
    Given("Cookie", f"a={P}/", "mapped-back", "cookie values"),
]

TRAILERS = [
    Given("X-Sum", "1", "not-taken"),
    Given("X-Sum", "1", "", others=(("TE", "trailers"),)),
    Given("Age", "1", "no-trailer", others=(("TE", "trailers"),)),
]


def told(case: Given, fields: FieldLines, answer: FieldLines, event_of_change: Name) -> str:
    """The codes of the trace about the case's field on one side."""
    request = request_facts("GET", case.origin + case.path, fields)
    result = evaluate(
        SITES[case.site],
        request,
        ResponseFacts(200, answer),
        case.body.encode() if isinstance(case.body, str) else case.body,
    )
    changes, warnings = [], []
    for event in result.exchange.trace.events:
        if event["event"] == event_of_change and event["name"].lower() == case.name.lower():
            changes += event["reasons"]
        elif event["event"] == Name.WARNING and event.get("field", "").lower() == case.name.lower():
            warnings.append(event["cause"])
    return " ".join([*changes, *warnings])


def with_it(case: Given) -> FieldLines:
    return (*case.others, *([(case.name, case.value)] if case.value else []))


@pytest.mark.parametrize("case", RESPONSES, ids=lambda case: f"{case.name}: {case.value} [{case.site}]")
def test_reasons_of_responses(case: Given) -> None:
    assert told(case, (), with_it(case), Name.GENERAL_SET_RESPONSE_HEADER) == case.reasons


@pytest.mark.parametrize("case", REQUESTS, ids=lambda case: f"{case.name}: {case.value} [{case.site}]")
def test_reasons_of_requests(case: Given) -> None:
    assert told(case, with_it(case), (HTML,), Name.GENERAL_SET_REQUEST_HEADER) == case.reasons


@pytest.mark.parametrize("case", TRAILERS, ids=lambda case: f"{case.name}: {case.value}")
def test_reasons_of_trailers(case: Given) -> None:
    exchange = routed(SITES[case.site], f"{P}/", *case.others)
    head = exchange.receive(ResponseFacts(200, (HTML,)))
    assert isinstance(head, ResponseHead)
    exchange.rewrite(b"", head)
    before = len(exchange.trace.events)
    exchange.trailers(((case.name, case.value),))
    told_of = exchange.trace.events[before:]
    assert [code for event in told_of for code in event["reasons"]] == case.reasons.split()


def test_no_reason_is_without_a_case() -> None:
    given = {code for case in (*RESPONSES, *REQUESTS, *TRAILERS) for code in case.reasons.split()}
    assert given == {str(reason) for reason in FieldReason}
