"""The sections beside rules: which of them responds to a request, with which status, and what they do to fields."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field

import pytest

from rules_of import SITE, problem_codes, routed, rules_of
from rules_of import ask as ask_for
from urlrewrite.content.asset_memory import AssetMemory
from urlrewrite.exchange.exchange import Exchange
from urlrewrite.exchange.responses import Abort, Forward, LocalResponse, iis_response
from urlrewrite.exchange.rule_tests import Evaluation, evaluate, request_facts
from urlrewrite.fields.custom_headers import with_custom_headers
from urlrewrite.inspector.traces.report import render, summary
from urlrewrite.model.web_server import Entries, Header, HttpProtocol, WebServer
from urlrewrite.trace.events import Name

WWW = "https://www.example.com"
PLAIN = "http://www.example.com"
FILTER = "security: {requestFiltering: "
INSIDE = (
    "security: {ipSecurity: {allowUnlisted: false, add: [{ipAddress: 10.0.0.0, subnetMask: 255.0.0.0, allowed: true}]"
)
TO_TLS = """
rules:
  - name: to TLS
    match: (.*)
    conditions: [{input: '{HTTPS}', pattern: ^OFF$}]
    action: {type: Redirect, url: 'https://{HTTP_HOST}/{R:1}'}
"""


def ask(
    rules: str,
    url: str,
    *fields: tuple[str, str],
    method: str = "GET",
    client: str = "192.0.2.7",
    mode: str = "helpful",
) -> Evaluation:
    request = request_facts(method, url, fields, client=(client, 50000))
    return evaluate(rules_of(f"mode: {mode}\n{textwrap.dedent(rules)}"), request, None)


@dataclass(frozen=True)
class Case:
    """A request that a section responds to: IIS's status, the section by its path, and the code of the reason."""

    rules: str
    status: str
    section: str
    reason: str
    url: str = f"{WWW}/a"
    fields: tuple[tuple[str, str], ...] = ()
    method: str = "GET"
    client: str = "192.0.2.7"
    passes: tuple[str, ...] = field(default=(f"{WWW}/b",))
    """URLs of requests, all else being equal, that the section lets through."""


def filtered(said: str, status: str, element: str, reason: str, url: str, *passes: str, **more: object) -> Case:
    section = f"security/requestFiltering{f'/{element}' if element else ''}"
    urls = tuple(WWW + path for path in passes)
    return Case(f"{FILTER}{said}}}", status, section, reason, WWW + url, passes=urls, **more)  # type: ignore[arg-type]


def handled(
    type: str, status: int, path: str, url: str, *passes: str, section: str = "handlers", verb: str = "*", **more: str
) -> Case:
    name = "name: x, " if section == "handlers" else ""
    rules = f"{section}: [{{{name}path: '{path}', verb: '{verb}', type: 'System.Web.{type}'}}]"
    place = section if section == "handlers" else f"system.web/{section}"
    urls = tuple(WWW + path for path in passes)
    return Case(rules, str(status), place, "handler-refuses", WWW + url, passes=urls, **more)  # type: ignore[arg-type]


ACCESS = ("security/access", "ssl-required")
ADDRESS = "security/ipSecurity"
LIMITS = "requestLimits"
EXE = "{fileExtensions: {.exe: false}}"
ONLY_HTML = "{fileExtensions: {allowUnlisted: false, add: {.html: true, .: true}}}"
ONLY_GET = "{verbs: {allowUnlisted: false, add: {GET: true}}}"
DENIED = "denyStrings: [drop table], appliesTo: [.asp]"
SQL = f"{{filteringRules: [{{name: SQL, scanUrl: true, scanQueryString: true, {DENIED}}}]}}"
LOOSE = SQL.replace("appliesTo", "denyUnescapedPercent: false, appliesTo")
BOT = "{filteringRules: [{name: bots, scanHeaders: [User-Agent], denyStrings: [leech]}]}"
RAW = "{filteringRules: [{name: raw, scanAllRaw: true, denyStrings: ['x-evil: 1']}]}"
CASES = [
    Case("security: {access: {sslFlags: Ssl}}", "403.4", *ACCESS, url=f"{PLAIN}/a"),
    Case("security: {access: {sslFlags: [SslNegotiateCert, Ssl128]}}", "403.5", *ACCESS, url=f"{PLAIN}/a"),
    Case("security: {access: {sslFlags: '8'}}", "403.4", *ACCESS, url=f"{PLAIN}/a"),
    Case(f"{INSIDE}}}}}", "403.6", ADDRESS, "address-unlisted", passes=()),
    Case(f"{INSIDE}, denyAction: NotFound}}}}", "404", ADDRESS, "address-unlisted", passes=()),
    Case(f"{INSIDE}, denyAction: Unauthorized}}}}", "401", ADDRESS, "address-unlisted", passes=()),
    Case("security: {ipSecurity: {add: [{ipAddress: 192.0.2.7}]}}", "403.6", ADDRESS, "address-denied", passes=()),
    Case(
        "security: {ipSecurity: {add: [{ipAddress: '2001:db8::', subnetMask: 'ffff:ffff::'}]}}",
        "403.6",
        ADDRESS,
        "address-denied",
        client="2001:db8::7",
        passes=(),
    ),
    Case(
        "security: {ipSecurity: {add: [{ipAddress: 192.0.2.7}]}}",
        "403.6",
        ADDRESS,
        "address-denied",
        client="::ffff:192.0.2.7",
        passes=(),
    ),
    filtered("{denyUrlSequences: [.git]}", "404.5", "denyUrlSequences", "url-sequence-denied", "/.GIT/config", "/git"),
    filtered("{denyUrlSequences: [.git]}", "404.5", "denyUrlSequences", "url-sequence-denied", "/%2egit/x", "/git"),
    filtered("{denyUrlSequences: [/x/..]}", "404.5", "denyUrlSequences", "url-sequence-denied", "/x/../y", "/x/y"),
    filtered(
        "{denyUrlSequences: [git], alwaysAllowedUrls: [/git/logo.png]}",
        "404.5",
        "denyUrlSequences",
        "url-sequence-denied",
        "/git/",
        "/git/logo.png",
        "/Git/Logo.png",
    ),
    filtered("{verbs: {TRACE: false}}", "404.6", "verbs", "verb-denied", "/a", method="TRACE"),
    filtered(ONLY_GET, "404.6", "verbs", "verb-denied", "/a", method="POST"),
    filtered(EXE, "404.7", "fileExtensions", "extension-denied", "/x/a.EXE", "/a.exe/x", "/a.exe.txt", "/exe", "/"),
    filtered(EXE, "404.7", "fileExtensions", "extension-denied", "/x/a.exe;v=1", "/a;b.ex"),
    filtered(EXE, "404.7", "fileExtensions", "extension-denied", "/x/a.exe.%20.", "/a.exe.b", "/a:$b/c"),
    filtered(EXE, "404.7", "fileExtensions", "extension-denied", "/a.exe::$DATA", "/a:b"),
    filtered("{hiddenSegments: [bin]}", "404.8", "hiddenSegments", "hidden-segment", "/bin./a", "/.bin", "/a%20bin"),
    filtered("{hiddenSegments: [bin]}", "404.8", "hiddenSegments", "hidden-segment", "/bin:$i30:$INDEX_ALLOCATION/a"),
    filtered("{fileExtensions: {exe: false}}", "404.7", "fileExtensions", "extension-denied", "/a.exe"),
    filtered(ONLY_HTML, "404.7", "fileExtensions", "extension-denied", "/a.php", "/a.html", "/a", "/"),
    filtered("{hiddenSegments: [bin]}", "404.8", "hiddenSegments", "hidden-segment", "/a/BIN/b", "/binary", "/a.bin"),
    filtered(
        "{requestLimits: {headerLimits: {X-A: 2}}}",
        "404.10",
        "requestLimits/headerLimits",
        "header-too-long",
        "/a",
        fields=(("x-a", "abc"),),
    ),
    filtered("{allowDoubleEscaping: false}", "404.11", "", "double-escaped", "/a%2525", "/a%20b", "/a?b=%2525"),
    filtered("{allowDoubleEscaping: false}", "404.11", "", "double-escaped", "/a+b", "/a?b=c+d"),
    filtered("{allowHighBitCharacters: false}", "404.12", "", "high-bit-character", "/%C3%A9", "/e", "/e?a=%C3%A9"),
    filtered(
        "{requestLimits: {maxAllowedContentLength: 9}}",
        "404.13",
        LIMITS,
        "content-too-long",
        "/a",
        fields=(("Content-Length", "10"),),
        method="POST",
    ),
    filtered("{requestLimits: {maxUrl: 5}}", "404.14", LIMITS, "url-too-long", "/12345", "/1234", "/1234?long=query"),
    filtered("{requestLimits: {maxQueryString: 3}}", "404.15", LIMITS, "query-too-long", "/a?b=cd", "/a?b=c", "/abcd"),
    filtered(
        "{denyQueryStringSequences: ['<script'], alwaysAllowedQueryStrings: ['a=<script']}",
        "404.18",
        "denyQueryStringSequences",
        "query-sequence-denied",
        "/a?b=%3CScript",
        "/a?b=script",
        "/a?a=<script",
    ),
    filtered(SQL, "404.19", "filteringRules", "filtering-rule", "/a.asp?x=drop%20table", "/a.aspx?x=drop%20table"),
    filtered(SQL, "404.19", "filteringRules", "filtering-rule", "/drop table.asp".replace(" ", "%20"), "/drop.asp"),
    filtered(SQL, "404.19", "filteringRules", "filtering-rule", "/a.asp?100%", "/a.asp?100%25", "/a.aspx?100%"),
    filtered(LOOSE, "404.19", "filteringRules", "filtering-rule", "/a.asp?drop table".replace(" ", "%20"), "/a.asp?9%"),
    filtered(BOT, "404.19", "filteringRules", "filtering-rule", "/a", fields=(("User-Agent", "a LEECH bot"),)),
    handled("HttpForbiddenHandler", 403, "*.config", "/a/Web.CONFIG", "/web.config.txt", "/config"),
    handled("HttpForbiddenHandler", 403, "*.config", "/web.config;x", "/a;web.configs"),
    handled("HttpForbiddenHandler", 403, "*.config", "/web.config/x", "/web.configs/x"),
    handled("HttpForbiddenHandler", 403, "*.config", "/web.config::$DATA", "/web:config"),
    handled("HttpNotFoundHandler, System.Web, Version=4.0.0.0", 404, "Views/*", "/app/views/x", "/Viewsx/y", "/Views"),
    handled("httpNOTFOUNDhandler", 404, "/Views/*", "/Views/x/y", "/a/Views/x"),
    handled("HttpNotFoundHandler", 404, "trace.axd", "/a/trace.axd", "/a/xtrace.axd", "/trace.axd.b"),
    handled("HttpNotFoundHandler", 404, "*", "/", verb="POST,GET"),
    handled("HttpMethodNotAllowedHandler", 405, "*", "/a", verb="put, TRACE", method="PUT"),
    handled("HttpNotImplementedHandler", 501, "*.asmx", "/a.asmx", "/a.asm"),
    handled("HttpForbiddenHandler", 403, "*.vb,*.cs", "/a.cs", "/a.css", section="httpHandlers"),
    filtered(RAW, "404.19", "filteringRules", "filtering-rule", "/a", fields=(("X-Evil", "1"),)),
]


def names(case: Case) -> str:
    return f"{case.status} {case.reason}"


@pytest.mark.parametrize("mode", ["helpful", "iis"])
@pytest.mark.parametrize("case", CASES, ids=names)
def test_a_section_responds_in_place_of_rules_and_backend(case: Case, mode: str) -> None:
    result = ask(case.rules, case.url, *case.fields, method=case.method, client=case.client, mode=mode)
    status, _, sub_status = case.status.partition(".")
    assert isinstance(result.routing, LocalResponse)
    assert (result.routing.status, result.routing.sub_status) == (int(status), int(sub_status or 0))
    (event,) = (event for event in result.exchange.trace.events if event["event"] == Name.SECTION_ANSWERED)
    assert (event["iis_status"], event["section"], event["reason"]) == (case.status, case.section, case.reason)
    assert event["source"].startswith("rules.yaml:")
    assert result.exchange.trace.data["action"] == "CustomResponse"
    assert problem_codes(result) == []
    told = render(result.exchange.trace.data)
    assert f"✓ <{case.section}>" in told
    assert f"{case.status}: {event['why']}" in told
    assert f"by <{case.section}>" in summary(result.exchange.trace.data)
    assert (b"HTTP Error" in result.routing.body) == (mode == "iis")
    for url in case.passes:
        kept = () if case.reason.startswith(("header", "content")) or case.fields else case.fields
        passed = ask(case.rules, url.replace(PLAIN, WWW), *kept, client=case.client, mode=mode)
        assert isinstance(passed.routing, Forward), url


def test_a_connection_is_closed_where_that_is_wanted() -> None:
    result = ask(f"{INSIDE}, denyAction: AbortRequest}}}}", f"{WWW}/a")
    assert isinstance(result.routing, Abort)
    assert result.exchange.trace.data["action"] == "AbortRequest"


def test_pages_like_those_of_iis_name_the_module() -> None:
    result = ask("security: {access: {sslFlags: Ssl}}", f"{PLAIN}/a", mode="iis")
    assert isinstance(result.routing, LocalResponse)
    assert b"<h1>HTTP Error 403.4 - Forbidden</h1>" in result.routing.body
    assert b"IIS Web Core" in result.routing.body
    assert b"BeginRequest" in result.routing.body


MODULES = {
    "RequestFilteringModule": [f"404.{number}" for number in (5, 6, 7, 8, 10, 11, 12, 13, 14, 15, 18, 19)],
    "IIS Web Core": ["403.4", "403.5"],
    "IpRestrictionModule": ["403.6"],
}


@pytest.mark.parametrize(("code", "module"), [(code, module) for module, codes in MODULES.items() for code in codes])
def test_the_module_of_each_status(code: str, module: str) -> None:
    body = iis_response(code, "A text.", "id").body.decode()
    assert f"<td>{module}</td>" in body
    assert "<td>BeginRequest</td>" in body


LISTED = f"{INSIDE}, enableProxyMode: false}}}}"
MODE = f"{INSIDE}, enableProxyMode: true}}}}"
TRUSTED = "trustedProxies: [192.0.2.0/24]\n"


@pytest.mark.parametrize(
    ("rules", "client", "told", "let_in"),
    [
        (LISTED, "10.0.0.7", "192.0.2.9", True),
        (LISTED, "192.0.2.9", "10.0.0.7", False),
        (TRUSTED + LISTED, "192.0.2.9", "10.0.0.7", True),
        (TRUSTED + LISTED, "192.0.2.9", "10.0.0.7, 198.51.100.1", False),
        (TRUSTED + LISTED, "192.0.2.9", "198.51.100.1, 10.0.0.7:4711, 192.0.2.8", True),
        (TRUSTED + LISTED, "10.0.0.7", "198.51.100.1", True),
        (MODE, "10.0.0.7", "10.0.0.8", True),
        (MODE, "10.0.0.7", "198.51.100.1", False),
        (MODE, "192.0.2.9", "10.0.0.8", False),
        (MODE, "10.0.0.7", "[10.0.0.8]:80", True),
        (MODE, "10.0.0.7", "unknown", False),
    ],
)
def test_whose_address_counts(rules: str, client: str, told: str, let_in: bool) -> None:
    result = ask(rules, f"{WWW}/a", ("X-Forwarded-For", told), client=client)
    assert isinstance(result.routing, Forward) == let_in


FIRST_FITS = """
security:
  ipSecurity:
    add:
      - {ipAddress: 10.1.0.0, subnetMask: 255.255.0.0, allowed: true}
      - {ipAddress: 10.0.0.0, subnetMask: 255.0.0.0, allowed: false}
      - {domainName: evil.example, allowed: false}
"""


@pytest.mark.parametrize(("client", "let_in"), [("10.1.2.3", True), ("10.2.2.3", False), ("11.2.2.3", True)])
def test_the_first_entry_that_fits_decides(client: str, let_in: bool) -> None:
    assert isinstance(ask(FIRST_FITS, f"{WWW}/a", client=client).routing, Forward) == let_in


def test_a_rule_may_redirect_to_tls_before_tls_is_required() -> None:
    rules = "security: {access: {sslFlags: Ssl}}" + TO_TLS
    helpful = ask(rules, f"{PLAIN}/a")
    assert isinstance(helpful.routing, LocalResponse)
    assert helpful.routing.status == 301
    assert [event["iis_status"] for event in helpful.exchange.trace.events if "iis_status" in event] == ["403.4"]
    iis = ask(rules, f"{PLAIN}/a", mode="iis")
    assert isinstance(iis.routing, LocalResponse)
    assert iis.routing.status == 403


def test_global_rules_go_before_sections_and_rules_after() -> None:
    rules = f"""
    {FILTER}{{denyUrlSequences: [secret]}}}}
    globalRules: [{{name: g, match: ^secret/gone, action: {{type: CustomResponse, statusCode: 410}}}}]
    rules: [{{name: r, match: (.*), action: {{type: CustomResponse, statusCode: 402}}}}]
    """
    assert [ask(rules, f"{WWW}/{path}").status for path in ("secret/gone", "secret", "x")] == [410, 404, 402]


def test_what_lets_a_request_through_is_told() -> None:
    result = ask(f"{FILTER}{{verbs: {{TRACE: false}}}}}}", f"{WWW}/a")
    assert "– <security/requestFiltering> lets it through" in render(result.exchange.trace.data)


def test_a_body_whose_length_was_not_said_is_counted() -> None:
    exchange = routed(
        rules_of(f"{FILTER}{{requestLimits: {{maxAllowedContentLength: 9}}}}}}"), f"{WWW}/a", method="POST"
    )
    assert exchange.content_limit == 9
    response = exchange.refuse_length(10)
    assert (response.status, response.sub_status) == (404, 13)
    assert "answered by <security/requestFiltering/requestLimits>" in summary(exchange.trace.data)
    assert routed(rules_of(""), f"{WWW}/a").content_limit is None


REDIRECT = "httpRedirect: {enabled: true, destination: "


@pytest.mark.parametrize(
    ("rules", "url", "status", "location"),
    [
        (f"{REDIRECT}'https://new.example/'}}", "/a/b?c=d", 302, "https://new.example/a/b?c=d"),
        (f"{REDIRECT}'https://new.example'}}", "/", 302, "https://new.example/"),
        (f"{REDIRECT}'https://new.example/x', exactDestination: true}}", "/a?b", 302, "https://new.example/x"),
        (f"{REDIRECT}/x, exactDestination: true, httpResponseStatus: Permanent}}", "/a", 301, f"{WWW}/x"),
        (f"{REDIRECT}/x, exactDestination: true, httpResponseStatus: '307'}}", "/a", 307, f"{WWW}/x"),
        (f"{REDIRECT}'https://n.example$V?from=$P', httpResponseStatus: PermRedirect}}", "/a%20b?c", 308, None),
        (f"{REDIRECT}'https://new.example$S$Q'}}", "/a%2Fb?c=d", 302, "https://new.example/a%2Fb?c=d"),
        (f"{REDIRECT}'https://new.example/', childOnly: true}}", "/a", 302, "https://new.example/a"),
        (f"{REDIRECT}'https://new.example/', childOnly: true}}", "/a/b", None, None),
        ("httpRedirect: {enabled: false, destination: /x}", "/a", None, None),
        ("httpRedirect: {destination: /x}", "/a", None, None),
        (
            "httpRedirect: {enabled: true, exactDestination: true, add: {'*.php': /, '/old/*.asp': '/new/$0'}}",
            "/x/a.PHP?b",
            302,
            f"{WWW}/",
        ),
        (
            "httpRedirect: {enabled: true, exactDestination: true, add: {'*.php': /, '/old/*.asp': '/new/$0'}}",
            "/old/a/b.asp",
            302,
            f"{WWW}/new/a/b",
        ),
        ("httpRedirect: {enabled: true, add: {'*.php': /}}", "/a.html", None, None),
        ("locations: {sub: {httpRedirect: {enabled: true, destination: 'https://n.example'}}}", "/a", None, None),
        (
            "locations: {sub: {httpRedirect: {enabled: true, destination: 'https://n.example'}}}",
            "/sub/a/b",
            302,
            "https://n.example/a/b",
        ),
    ],
)
def test_redirects(rules: str, url: str, status: int | None, location: str | None) -> None:
    result = ask(rules, WWW + url)
    if status is None:
        assert isinstance(result.routing, Forward)
        return
    assert isinstance(result.routing, LocalResponse)
    wanted = location or "https://n.example/a%20b?from=c"
    assert (result.routing.status, dict(result.routing.fields)["Location"]) == (status, wanted)
    assert result.exchange.trace.data["action"] == "Redirect"
    (event,) = (event for event in result.exchange.trace.events if event["event"] == Name.SECTION_ANSWERED)
    assert event["reason"] == ("wildcard-redirects" if "php" in rules else "site-redirects")
    assert "redirected by <httpRedirect>" in summary(result.exchange.trace.data)


def test_a_rule_that_responds_goes_before_a_redirect() -> None:
    rules = f"{REDIRECT}'https://new.example/'}}\nrules: [{{name: r, match: ^x, action: AbortRequest}}]"
    assert isinstance(ask(rules, f"{WWW}/x").routing, Abort)


LEVELS = """
security:
  requestFiltering: {hiddenSegments: [a, b], requestLimits: {maxUrl: 20}}
  ipSecurity: {add: [{ipAddress: 192.0.2.0, subnetMask: 255.255.255.0}]}
locations:
  open:
    security:
      requestFiltering: {hiddenSegments: {remove: [A], add: [c]}, requestLimits: {maxUrl: 40}}
      ipSecurity: {clear: true}
  open/wide: {security: {requestFiltering: {hiddenSegments: {clear: true}}}}
"""


@pytest.mark.parametrize(
    ("path", "client", "status"),
    [
        ("/a", "198.51.100.1", 404),
        ("/x", "192.0.2.1", 403),
        ("/open/a", "192.0.2.1", 200),
        ("/open;x/c", "198.51.100.1", 404),
        ("/open%20./c", "198.51.100.1", 404),
        ("/open::$INDEX_ALLOCATION/c", "198.51.100.1", 404),
        ("/open/b", "192.0.2.1", 404),
        ("/open/c", "192.0.2.1", 404),
        ("/open/wide/b/c", "192.0.2.1", 200),
        ("/open/12345678901234567890", "192.0.2.1", 200),
        ("/12345678901234567890", "198.51.100.1", 404),
    ],
)
def test_levels_inherit_add_and_take_away(path: str, client: str, status: int) -> None:
    result = ask(LEVELS, WWW + path, client=client)
    assert (200 if isinstance(result.routing, Forward) else result.status) == status


MAPPINGS = """
handlers:
  - {name: scripts, path: '*.js', verb: '*', type: System.Web.StaticFileHandler}
  - {name: files, path: '*', verb: GET, modules: StaticFileModule, resourceType: Either}
  - {name: classic, path: '*.aspx', verb: '*', modules: IsapiModule, preCondition: classicMode}
  - {name: post, path: '*', verb: POST, modules: Other}
  - {name: rest, path: '*', verb: '*', type: System.Web.HttpNotFoundHandler}
locations:
  pages: {handlers: [{name: pages, path: '*', verb: GET, modules: Pages}]}
  pages/old: {handlers: {remove: [pages]}}
  open: {handlers: {clear: true}}
  other:
    handlers: {add: [{name: REST, path: '*.php', verb: '*', type: System.Web.HttpForbiddenHandler}]}
    httpHandlers: [{path: a.axd, verb: '*', type: System.Web.HttpForbiddenHandler}]
  other/again: {httpHandlers: {remove: [{path: A.axd, verb: '*'}]}}
rules:
  - {name: to a page, match: ^short$, action: {type: Rewrite, url: /pages/a}}
  - {name: from a page, match: ^pages/hidden$, action: {type: Rewrite, url: /x}}
  - {name: away, match: ^away, action: {type: Rewrite, url: 'https://away.example/a'}}
  - {name: gone, match: ^gone, action: {type: CustomResponse, statusCode: 410}}
"""


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/a", 404),
        ("GET", "/a.js", 200),
        ("GET", "/a.js/secret", 404),
        ("GET", "/a.js;.html", 404),
        ("GET", "/a.aspx", 404),
        ("POST", "/a", 200),
        ("post", "/a", 200),
        ("GET", "/pages/a", 200),
        ("GET", "/pages;x/a", 404),
        ("HEAD", "/pages/a", 404),
        ("GET", "/pages/old/a", 404),
        ("GET", "/open/a", 200),
        ("GET", "/other/a", 200),
        ("GET", "/other/a.php", 403),
        ("GET", "/other/a.axd", 403),
        ("GET", "/other/again/a.axd", 200),
        ("GET", "/short", 200),
        ("GET", "/pages/hidden", 404),
        ("GET", "/away", 200),
        ("GET", "/gone", 410),
    ],
)
def test_the_first_mapping_that_fits_decides(method: str, path: str, status: int) -> None:
    result = ask(MAPPINGS, WWW + path, method=method)
    assert (200 if isinstance(result.routing, Forward) else result.status) == status


HEADERS = """
httpProtocol:
  customHeaders: {remove: [X-Powered-By], add: {X-Frame-Options: DENY, Vary: Origin}}
  redirectHeaders: {X-Moved: 'yes'}
security: {requestFiltering: {removeServerHeader: true}}
outboundRules:
  - name: seen by rules
    match: {serverVariable: RESPONSE_X_FRAME_OPTIONS, pattern: ^DENY$}
    action: {type: Rewrite, value: SAMEORIGIN}
"""
CAME = (
    ("Server", "b/1"),
    ("X-Powered-By", "PHP"),
    ("X-Frame-Options", "ALLOWALL"),
    ("Vary", "Accept"),
    ("Content-Type", "image/png"),
)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (
            "helpful",
            [("Vary", "Accept"), ("Content-Type", "image/png"), ("X-Frame-Options", "SAMEORIGIN"), ("Vary", "Origin")],
        ),
        (
            "iis",
            [
                ("X-Powered-By", "PHP"),
                ("X-Frame-Options", "ALLOWALL"),
                ("Vary", "Accept"),
                ("Content-Type", "image/png"),
                ("X-Frame-Options", "SAMEORIGIN"),
                ("Vary", "Origin"),
            ],
        ),
    ],
)
def test_fields_of_responses(mode: str, expected: list[tuple[str, str]]) -> None:
    rules = rules_of(f"links: off\nmode: {mode}\n{HEADERS}")
    found = ask_for(rules, f"{WWW}/a", answer=(200, CAME, b"x"))
    assert [line for line in found.fields or [] if line[0] not in ("ETag", "Content-Length")] == expected


LISTS = """
    accept-ch accept-patch accept-post alt-svc cache-control clear-site-data content-security-policy
    content-security-policy-report-only link permissions-policy proxy-authenticate reporting-endpoints server-timing
    set-cookie timing-allow-origin vary via warning www-authenticate
""".split()


@pytest.mark.parametrize(
    ("name", "stays"), [*((name, True) for name in LISTS), ("x-frame-options", False), ("location", False)]
)
def test_what_the_backend_says_stays_where_several_lines_count(name: str, stays: bool) -> None:
    headers = WebServer(http_protocol=HttpProtocol(custom_headers=Entries(add=(Header(name, "own"),))))
    fields, _ = with_custom_headers(headers, ((name.title(), "theirs"),), 200, iis=False)
    assert [value for _, value in fields] == (["theirs", "own"] if stays else ["own"])


def test_redirects_get_fields_of_their_own_and_our_responses_those_of_all() -> None:
    rules = rules_of(HEADERS + "rules: [{name: r, match: ^x, action: {type: Redirect, url: /y}}]")
    found = ask_for(rules, f"{WWW}/x")
    assert {("X-Frame-Options", "SAMEORIGIN"), ("X-Moved", "yes")} <= {*(found.fields or ())}


def test_changes_of_fields_say_why() -> None:
    found = ask_for(rules_of(HEADERS), f"{WWW}/a", answer=(200, CAME, b"x"))
    why = {
        (event["name"], event["before"], event["after"]): event["reasons"]
        for event in found.exchange.trace.events
        if event["event"] == Name.GENERAL_SET_RESPONSE_HEADER
    }
    assert why["Server", "b/1", ""] == ["header-removed"]
    assert why["X-Powered-By", "PHP", ""] == ["header-removed"]
    assert why["X-Frame-Options", "ALLOWALL", "DENY"] == ["custom-header"]
    assert why["Vary", "", "Origin"] == ["custom-header"]


def test_a_site_without_sections_says_nothing_of_them() -> None:
    exchange: Exchange = routed(rules_of(""), f"{WWW}/a")
    assert not [event for event in exchange.trace.events if event["event"].startswith("SECTION")]
    assert Exchange(rules_of("", site=SITE), AssetMemory(), request_facts("GET", f"{WWW}/a"), "id").site is None
