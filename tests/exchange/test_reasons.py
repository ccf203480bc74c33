"""Every reason that a trace gives, from an exchange that gives it: the codes of its problems, their causes, and why a
body goes the way that it goes.

Codes are written as a trace has them, so that a row dies where one is given in the place of another.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
from dataclasses import dataclass, replace

import pytest

from rules_of import SITE, rules_of
from urlrewrite.content.asset_memory import AssetMemory
from urlrewrite.content.charset.view import CannotEncode, View
from urlrewrite.engine.facts import ResponseFacts
from urlrewrite.exchange.body.plan import Way
from urlrewrite.exchange.exchange import Exchange
from urlrewrite.exchange.response import ResponseHead
from urlrewrite.exchange.responses import Abort, LocalResponse
from urlrewrite.exchange.rule_tests import evaluate, request_facts
from urlrewrite.exchange.rules_in_force import Settings
from urlrewrite.fields.reasons import FieldReason
from urlrewrite.model.field_lines import FieldLines
from urlrewrite.trace.reasons import Reason

WWW = "https://www.example.com"
B = "http://privateserver:8080"
LINK = f'<a href="{B}/x">'.encode()
HTML = ("Content-Type", "text/html")
GZIP = ("Content-Encoding", "gzip")
JAPANESE = ("Content-Type", "text/html; charset=iso-2022-jp")
RUSSIAN = ("Content-Type", "text/plain; charset=koi8-r")
SCRIPT = ("Content-Type", "text/javascript")
AT_ONCE = ("X-Accel-Buffering", "no")
STREAMED = (HTML, AT_ONCE)
LINES = (("Content-Type", "application/x-ndjson"),)
CHUNKED = (HTML, ("Transfer-Encoding", "chunked"))
HANGUL = "\ud55c"
CODE = f'f("{B}/")'.encode()
DIGEST = f"sha256-{base64.b64encode(hashlib.sha256(CODE).digest()).decode()}"
PROMISE = f'<script src="/a.js" integrity="{DIGEST}"></script>'.encode()
POLICY = f"""<meta http-equiv=content-security-policy content="script-src '{DIGEST}'"><i>""".encode()
HELD_FEW = Settings(threshold=8)
TEN = (HTML, ("Content-Length", "1000"))
IN_NO_TIME = Settings(pattern_deadline=0.01)
SLOW = ("X", "a" * 99 + "!")
SLOW_LINK = b"<a href=" + b"a" * 99 + b"!>"
WINDOWS = Settings(threshold=1, limit=10)

ELSEWHERE = {
    # What only hooks know: tests/hooks.
    "backend-failed",
    "broken-off",
    "no-server",
    "proxy-failed",
    # Of bodies of requests: body/test_request.py.
    "part-of-upload",
    "request-body-passed",
    "request-coding-broken",
    "rest-of-request-passed",
    "signed-within",
    # Of what is said of the backend: test_proxy_settings.py, and tests/hooks/test_backend_tls.py.
    "not-verified",
    "too-many-forwards",
    # Of gRPC: test_grpc.py.
    "grpc-over-http1",
    # What is not valid HTTP: test_valid_messages.py.
    "bad-field-name",
    "bad-host",
    "bad-method",
    "bad-version",
    "field-control",
    "path-control",
    "path-dots",
    "path-overlong",
    "reason-control",
    "response-refused",
    "target-blank",
    "target-control",
    "target-form",
    "target-fragment",
    # What is more than is taken: tests/hooks/test_bounds.py.
    "head-too-long",
    "target-too-long",
    "too-many-fields",
    "trailers-too-long",
    # Of the sections beside rules: test_sections.py.
    "address-denied",
    "address-unlisted",
    "content-too-long",
    "double-escaped",
    "extension-denied",
    "filtering-rule",
    "handler-refuses",
    "header-too-long",
    "hidden-segment",
    "high-bit-character",
    "query-sequence-denied",
    "query-too-long",
    "redirected-first",
    "site-redirects",
    "ssl-required",
    "url-sequence-denied",
    "url-too-long",
    "verb-denied",
    "wildcard-redirects",
    # What no body is known to give: below.
    "cannot-encode",
    # Of early hints: test_early_hints.py.
    "hints-not-mapped",
    "hints-off",
    "hints-unknown",
    "no-navigation",
    # Of a text in parts: tests/content/test_counted.py.
    "counted-left",
    # What takes time, or a fault of ours: test_exchange.py.
    "rest-passed",
    "rule-given-up",
    # What no rule file here can say: tests/engine/test_inbound.py.
    "provider-not-asked",
    # Of what only XML can have: tests/formats/test_xml_mangled.py.
    "refused-file",
}


@dataclass(frozen=True)
class Given:
    """`codes` are all that is told. With `held` the body is released when it was held for a while; `message` is one of
    a WebSocket, `before` a page that was sent earlier.
    """

    codes: str
    rules: str = ""
    path: str = "/"
    asked: FieldLines = ()
    status: int = 200
    fields: FieldLines = (HTML,)
    body: bytes = LINK
    site: str = SITE
    settings: Settings | None = None
    held: bool = False
    message: bytes = b""
    before: bytes = b""
    sni: str = ""


def outbound(match: str, value: str) -> str:
    """An outbound rule as YAML."""
    return f"outboundRules: [{{name: r, match: {{{match}}}, action: {{type: Rewrite, value: '{value}'}}}}]\n"


A_TAG = outbound("filterByTags: [A], pattern: ^/x", "/y")
MOUNTED = "public: https://www.example.com/app\nbackend: http://privateserver:8080\n"
TWO = """
sites:
  - {public: https://www.example.com, backend: http://privateserver:8080}
  - {public: https://shop.example.net, backend: http://shopserver:8080}
"""
CASES = [
    # What becomes of a body.
    Given("own-response", "rules: [{name: r, match: .*, action: {type: CustomResponse, statusCode: 410}}]"),
    Given("own-protocol", fields=(("Content-Type", "application/grpc"),)),
    Given("not-concerned", fields=(("Content-Type", "image/png"),)),
    Given(
        "no-links-in-events no-rules-in-events",
        "links: tags\n" + outbound("pattern: a", "b"),
        fields=(("Content-Type", "text/event-stream"),),
    ),
    Given("no-body", status=204),
    Given("body-passed part-of-body", status=206),
    Given("body-passed no-transform", fields=(HTML, ("Cache-Control", "no-transform"))),
    Given("body-passed unknown-coding", fields=(HTML, ("Content-Encoding", "x-own"))),
    Given("body-passed many-codings", fields=(HTML, ("Content-Encoding", ", ".join(["gzip"] * 6)))),
    Given("sent-piece-by-piece", fields=(("Content-Type", "text/event-stream"),)),
    Given("unbuffered", fields=(HTML, AT_ONCE)),
    Given("long-body", settings=HELD_FEW, fields=(HTML, ("Content-Length", "100"))),
    Given("held-whole"),
    Given("held-whole more-came", settings=HELD_FEW, held=True),
    Given("comes-slowly held-whole", held=True),
    # Bodies that are not rewritten, or not wholly.
    Given("body-passed corrupt-coding held-whole", fields=(HTML, GZIP), body=b"no gzip"),
    Given("body-passed held-whole not-proper-text", fields=(JAPANESE,), body=b"\xff"),
    Given("body-passed decoded-too-large held-whole", fields=(HTML, GZIP), body=gzip.compress(bytes(20 * 2**20))),
    Given(
        "body-passed corrupt-coding held-whole",
        fields=(HTML, GZIP),
        body=gzip.compress(bytes(17 * 2**20), compresslevel=0)[:-9],
    ),
    Given("body-passed charset-not-streamed unbuffered", fields=(JAPANESE, AT_ONCE)),
    Given("coding-broken unbuffered", fields=(HTML, GZIP, AT_ONCE), body=gzip.compress(LINK)[:-9]),
    Given("long-body negated-stream", outbound("pattern: a, negate: true", "b"), fields=TEN, settings=WINDOWS),
    Given("long-body sees-windows", outbound("pattern: a", "b"), fields=TEN, settings=WINDOWS),
    Given("sees-lines sent-piece-by-piece", outbound("pattern: a", "b"), fields=LINES, body=b"[1]\n[2]\n"),
    Given("held-whole rule-not-applied", outbound("pattern: a", HANGUL), fields=(RUSSIAN,), body=b"a"),
    Given(
        "held-whole value-left",
        outbound("filterByTags: [A], pattern: x", "{UrlDecode:%C2%81}"),
        fields=(("Content-Type", "text/html; charset=koi8-r"),),
    ),
    Given(
        "tag-rules-given-up unbuffered",
        outbound("filterByTags: [A], pattern: '(a|aa)+$'", "b"),
        fields=STREAMED,
        body=SLOW_LINK,
        settings=IN_NO_TIME,
    ),
    Given("domain-of-others field held-whole", fields=(HTML, ("Set-Cookie", "a=1; Domain=other.example; Secure"))),
    Given("body-passed digest-promised held-whole", path="/a.js", fields=(SCRIPT,), body=CODE, before=PROMISE),
    Given(
        "body-passed digest-promised",
        path="/a.js",
        fields=(SCRIPT, ("Content-Length", "100")),
        body=CODE,
        before=PROMISE,
        settings=HELD_FEW,
    ),
    Given("held-whole inline-hash", outbound("pattern: <i>", "<script>1</script>"), body=POLICY),
    # WebSockets.
    Given(
        "frame-goes-on no-body",
        "linksAlso: [websocketMessages]",
        status=101,
        message=b"SEND\ncontent-length:999\n\nhttp://privateserver:8080/",
    ),
    Given(
        "length-told no-body",
        "linksAlso: [websocketMessages]",
        status=101,
        message=b'a["MESSAGE\\ncontent-length:26\\n\\nhttp://privateserver:8080/x\\u0000"]',
    ),
    # How rules were evaluated.
    Given(
        "own-response unknown-variable", "rules: [{name: r, match: .*, action: {type: Redirect, url: '/{NO_SUCH}'}}]"
    ),
    Given(
        "escapes-left own-response",
        "rules: [{name: r, match: .*, action: {type: Redirect, url: '/{UrlDecode:{QUERY_STRING}}'}}]",
        path="/?%2541",
    ),
    Given(
        "field-of-connection held-whole",
        "rules: [{name: r, match: .*, serverVariables: {HTTP_TRANSFER_ENCODING: chunked}, action: None}]",
    ),
    Given("fragment-left-out held-whole", "rules: [{name: r, match: .*, action: {type: Rewrite, url: '/app#/x'}}]"),
    Given("held-whole lost-tail", outbound("filterByTags: [A], pattern: ^http", "b")),
    Given(
        "held-whole no-document-root",
        "rules: [{name: r, match: .*, conditions: [{input: /x, matchType: IsFile}], action: None}]",
    ),
    Given(
        "held-whole invented-root",
        "rules: [{name: r, match: .*, serverVariables: {HTTP_X: '{REQUEST_FILENAME}{APPL_PHYSICAL_PATH}'}, action: "
        "None}]",
    ),
    # Where an exchange cannot go on.
    Given("no-site-below own-response", path="/other", site=MOUNTED),
    Given("no-site own-response", asked=(("Host", "nobody.example"),)),
    Given("other-connection own-response", asked=(("Host", "shop.example.net"),), sni="www.example.com", site=TWO),
    Given(
        "out-of-mount own-response",
        "rules: [{name: r, match: .*, action: {type: Rewrite, url: /x}}]",
        path="/app/y",
        site=MOUNTED,
    ),
    Given(
        "no-host own-response",
        "rules: [{name: r, match: .*, action: {type: Rewrite, url: 'http://app:1{QUERY_STRING}'}}]",
        path="/?x",
    ),
    Given(
        "own-response unnamed-host",
        "rules: [{name: r, match: .*, action: {type: Rewrite, url: 'http://app{QUERY_STRING}'}}]",
        path="/?x",
    ),
    Given(
        "own-response pattern-timeout",
        "rules: [{name: r, match: '^(a|aa)+$', action: None}]",
        path="/" + "a" * 99 + "!",
        settings=IN_NO_TIME,
    ),
    Given("chunked-rewritten held-whole", "rewriteBeforeCache: true\n" + A_TAG, fields=CHUNKED),
    Given("chunked-left held-whole", "mode: iis\nrewriteBeforeCache: true\n" + A_TAG, fields=CHUNKED),
    Given(
        "pattern-timeout",
        outbound("serverVariable: RESPONSE_X, pattern: '(a|aa)+$'", "b"),
        fields=(SLOW,),
        settings=IN_NO_TIME,
    ),
    Given(
        "held-whole pattern-timeout",
        outbound("filterByTags: [A], pattern: '(a|aa)+$'", "b"),
        body=SLOW_LINK,
        settings=IN_NO_TIME,
    ),
    Given("content-encoded", "mode: iis\n" + A_TAG, fields=(HTML, GZIP), body=gzip.compress(LINK)),
    Given("content-encoded held-whole", A_TAG, fields=(HTML, GZIP), body=gzip.compress(LINK)),
    Given(
        "held-whole variable-not-allowed",
        "allowedServerVariables: []\nrules: [{name: r, match: .*, serverVariables: {HTTP_X_A: a}, action: None}]",
    ),
    Given(
        "held-whole server-farm",
        "rules: [{name: r, match: .*, action: {type: Rewrite, url: 'http://shop/'}}]\n"
        "farms: {shop: {enabled: false, servers: [10.0.0.1]}}",
    ),
    Given(
        "held-whole proxy-off",
        "rules: [{name: r, match: .*, action: {type: Rewrite, url: 'http://other/'}}]\nproxy: {element: proxy}",
    ),
    Given("faulty-rules own-response", "mode: iis\nrules: [{name: r, match: '*', action: None}]"),
    Given(
        "name-twice own-response",
        "mode: iis\nrules: [{name: r, match: a, action: None}]\n"
        "locations: {shop: {rules: [{name: r, match: b, action: None}]}}",
        path="/shop/x",
    ),
    Given(
        "file-in-global-rules held-whole",
        "globalRules: [{name: r, match: .*, conditions: [{input: /x, matchType: IsFile}], action: None}]",
    ),
    Given("no-backend own-response", site="public: https://www.example.com\n"),
]


def told(case: Given) -> str:
    rules = rules_of(case.rules, site=case.site, settings=case.settings)
    request = request_facts("GET", WWW + case.path, case.asked)
    memory = AssetMemory()
    if case.before:
        evaluate(rules, request_facts("GET", f"{WWW}/page"), ResponseFacts(200, (HTML,)), case.before, memory=memory)
    exchange = Exchange(rules, memory, replace(request, sni=case.sni or request.sni), "id")
    routing = exchange.route()
    codes: set[str] = set()
    if not isinstance(routing, Abort):
        response = ResponseFacts(case.status, case.fields)
        if own := isinstance(routing, LocalResponse):
            response = ResponseFacts(routing.status, routing.fields)
        head = exchange.receive(response, own=own)
        if isinstance(head, ResponseHead):
            codes.add(str(head.plan.reason))
            body(exchange, head, case)
    exchange.finish()
    for event in exchange.trace.events:
        codes |= {str(event[key]) for key in ("reason", "cause") if key in event}
    return " ".join(sorted(codes))


def body(exchange: Exchange, head: ResponseHead, case: Given) -> None:
    if case.message:
        messages = exchange.websocket_messages()
        assert messages is not None
        messages.rewrite(case.message, from_client=False)
    if case.held:
        head = exchange.release(head, len(case.body), 1.0)
    if head.plan.way is Way.WHOLE:
        exchange.rewrite(case.body, head)
    elif head.plan.way is Way.STREAM:
        rewriter = exchange.stream(head)
        rewriter.feed(case.body)
        rewriter.finish()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.codes)
def test_reasons(case: Given) -> None:
    assert told(case) == " ".join(sorted(case.codes.split()))


def test_a_changed_body_that_its_encoding_cannot_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    def restore(*_: object) -> bytes:
        raise CannotEncode("a character is lacking")

    monkeypatch.setattr(View, "restore", restore)
    assert told(Given("")) == "body-passed cannot-encode held-whole"


def test_no_reason_is_without_a_case() -> None:
    given = {code for case in CASES for code in case.codes.split()} - {str(reason) for reason in FieldReason}
    assert given | ELSEWHERE == {str(reason) for reason in Reason}
