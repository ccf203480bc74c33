"""Sites below a path, and several of them below one name: requests, rules, fields and bodies."""

from __future__ import annotations

import pytest

from rules_of import ask, field, rules_of
from urlrewrite.exchange.responses import Forward, LocalResponse
from urlrewrite.exchange.rule_tests import Evaluation

W = "https://www.example.com"
APP = """
public: [https://www.example.com/app, http://www.example.com/app]
backend: http://privateserver:8080
"""
BASE = """
public: https://www.example.com/app
backend: http://privateserver:8080/base/
"""
SITES = """
sites:
  - {public: 'https://www.example.com', backend: 'http://portal'}
  - {public: 'https://www.example.com/shop', backend: 'http://shops:8080'}
  - {public: 'https://www.example.com/shop/old', backend: 'http://shops:8080/v1'}
  - {public: 'https://other.example.com/wiki', backend: 'http://wiki'}
"""
HTML = ("Content-Type", "text/html")


def sent_to(evaluation: Evaluation) -> str:
    """Where a request goes, or the status and Location of our own response."""
    match evaluation.routing:
        case Forward(url=url):
            return url
        case LocalResponse(status=status) as answer:
            return f"{status} {dict(answer.fields).get('Location', '')}".strip()
    return "aborted"


REQUESTS = [
    # (site, URL that is asked for, URL at the backend)
    (APP, f"{W}/app/", "http://privateserver:8080/"),
    (APP, f"{W}/app/x/y?z=/app", "http://privateserver:8080/x/y?z=/app"),
    (APP, f"{W}/APP/x", "http://privateserver:8080/x"),
    (APP, f"{W}/app/app/x", "http://privateserver:8080/app/x"),
    (APP, f"{W}/app//x", "http://privateserver:8080//x"),
    (APP, f"{W}/app/a%2Fb%20c", "http://privateserver:8080/a%2Fb%20c"),
    (APP, f"{W}/%61pp/a%2Fb", "http://privateserver:8080/a%2Fb"),
    (APP, f"{W}/app%2Fx", "http://privateserver:8080/x"),
    (APP, f"{W}/app", f"301 {W}/app/"),
    (APP, f"{W}/app?q=1", f"301 {W}/app/?q=1"),
    (APP, f"{W}/", "404"),
    (APP, f"{W}/apple", "404"),
    (APP, f"{W}/app/../x", "404"),
    (APP, f"{W}/app/%2e%2e/x", "404"),
    (APP, f"{W}/app/..%2fx", "404"),
    (APP, f"{W}/x/../app/y", "http://privateserver:8080/y"),
    (BASE, f"{W}/app/", "http://privateserver:8080/base/"),
    (BASE, f"{W}/app/x?q", "http://privateserver:8080/base/x?q"),
    (BASE, f"{W}/app/../x", "404"),
    (SITES, f"{W}/", "http://portal/"),
    (SITES, f"{W}/shopping", "http://portal/shopping"),
    (SITES, f"{W}/shop/x", "http://shops:8080/x"),
    (SITES, f"{W}/shop/older", "http://shops:8080/older"),
    (SITES, f"{W}/shop/old/x", "http://shops:8080/v1/x"),
    (SITES, f"{W}/shop/old/../x", "http://shops:8080/x"),
    (SITES, f"{W}/shop", f"301 {W}/shop/"),
    (SITES, "https://other.example.com/wiki/x", "http://wiki/x"),
    (SITES, "https://other.example.com/", "404"),
    (SITES, f"{W}:8443/shop/x", "http://shops:8080/x"),
]


@pytest.mark.parametrize(("site", "url", "expected"), REQUESTS)
def test_requests(site: str, url: str, expected: str) -> None:
    assert sent_to(ask(rules_of("", site=site), url)) == expected


def test_a_path_that_no_site_has_is_told() -> None:
    answer = ask(rules_of("", site=APP), f"{W}/x")
    assert isinstance(answer.routing, LocalResponse)
    assert b"www.example.com' at /x." in answer.routing.body
    assert answer.exchange.trace.problems()


METHODS = [
    ("HEAD", (), f"301 {W}/app/"),
    ("POST", (), "http://privateserver:8080/"),
    ("OPTIONS", (), "http://privateserver:8080/"),
    ("GET", (("Upgrade", "websocket"), ("Connection", "Upgrade")), "http://privateserver:8080/"),
]


@pytest.mark.parametrize(("method", "fields", "expected"), METHODS)
def test_the_mount_without_its_slash(method: str, fields: tuple[tuple[str, str], ...], expected: str) -> None:
    assert sent_to(ask(rules_of("", site=APP), f"{W}/app", *fields, method=method)) == expected


RULES = [
    # (pattern, action, what is asked for below /app, what comes of it)
    ("^article/(\\d+)$", "{type: Rewrite, url: 'show?id={R:1}'}", "article/7", "http://privateserver:8080/base/show?id=7"),
    ("^$", "{type: Rewrite, url: 'home'}", "", "http://privateserver:8080/base/home"),
    ("^x$", "{type: Redirect, url: 'y', redirectType: Found}", "x", f"302 {W}/app/y"),
    ("^x$", "{type: Redirect, url: '/y', redirectType: Found}", "x", f"302 {W}/y"),
    ("^x$", "{type: Rewrite, url: '/app/y'}", "x", "http://privateserver:8080/base/y"),
    ("^x$", "{type: Rewrite, url: '/y'}", "x", "404"),
    ("^x$", "{type: Rewrite, url: 'http://privateserver:8080/{R:0}'}", "x", "http://privateserver:8080/x"),
    ("^x$", "{type: Rewrite, url: 'q?u={URL}&r={REQUEST_URI}'}", "x", "http://privateserver:8080/base/q?u=/app/x&r=/app/x"),
]  # fmt: skip


@pytest.mark.parametrize(("pattern", "action", "path", "expected"), RULES)
def test_rules_see_what_those_of_an_application_see(pattern: str, action: str, path: str, expected: str) -> None:
    rules = rules_of(f"rules: [{{name: r, match: '{pattern}', action: {action}}}]", site=BASE)
    assert sent_to(ask(rules, f"{W}/app/{path}")) == expected


def test_directories_are_those_of_the_application() -> None:
    rules = rules_of(
        """
        locations:
          news/old:
            rules: [{name: r, match: '^(.*)$', action: {type: Rewrite, url: 'new/{R:1}'}}]
        globalRules:
          - {name: g, match: '^app/news/gone$', action: {type: CustomResponse, statusCode: 410}}
        """,
        site=APP,
    )
    assert sent_to(ask(rules, f"{W}/app/news/old/x")) == "http://privateserver:8080/news/old/new/x"
    assert sent_to(ask(rules, f"{W}/app/news/x")) == "http://privateserver:8080/news/x"
    assert sent_to(ask(rules, f"{W}/app/news/gone")) == "410"


BACK = [
    # (site, what the client sends, what the backend gets)
    (BASE, ("Referer", f"{W}/app/x?q"), "http://privateserver:8080/base/x?q"),
    (BASE, ("Referer", f"{W}/"), "http://privateserver:8080/"),
    (BASE, ("Referer", f"{W}/shop/x"), f"{W}/shop/x"),
    (BASE, ("Origin", W), "http://privateserver:8080"),
    (BASE, ("Destination", f"{W}/app/y"), "http://privateserver:8080/base/y"),
    (BASE, ("If", f"<{W}/app/y> (<urn:x>)"), "<http://privateserver:8080/base/y> (<urn:x>)"),
    (BASE, ("X-Forwarded-Prefix", "/evil"), "/app"),
    (BASE + "forwardPrefix: false", ("X-Forwarded-Prefix", "/evil"), None),
    (BASE + "trustedProxies: 127.0.0.1", ("X-Forwarded-Prefix", "/outer/"), "/outer/app"),
    (BASE + "preserveHostHeader: true", ("Referer", f"{W}/app/x"), f"{W}/base/x"),
    (BASE + "preserveHostHeader: true", ("Origin", W), W),
    (APP, ("X-Original-URL", "/evil"), "/app/"),
]


@pytest.mark.parametrize(("site", "sent", "got"), BACK)
def test_request_fields(site: str, sent: tuple[str, str], got: str | None) -> None:
    routing = ask(rules_of("", site=site), f"{W}/app/", sent).routing
    assert isinstance(routing, Forward)
    assert {name.lower(): value for name, value in routing.fields}.get(sent[0].lower()) == got


FIELDS = [
    # (site, field, value of the backend, value for the client)
    (APP, "Location", "/x?y=/z", "/app/x?y=/z"),
    (APP, "Location", "http://privateserver:8080/x", f"{W}/app/x"),
    (APP, "Location", "//privateserver:8080", "//www.example.com/app"),
    (APP, "Location", "x", "x"),
    (APP, "Location", "/app/x", "/app/x"),
    (APP, "Location", "//elsewhere.example/x", "//elsewhere.example/x"),
    (APP + "forwardPrefix: false", "Location", "/app/x", "/app/app/x"),
    (BASE, "Location", "/base/x", "/app/x"),
    (BASE, "Location", "/base", "/app"),
    (BASE, "Location", "/x", "/x"),
    (BASE, "Location", "http://privateserver:8080/base/x", f"{W}/app/x"),
    (APP, "Content-Location", "/x", "/app/x"),
    (APP, "Refresh", "5; url=/x", "5; url=/app/x"),
    (APP, "Link", "</x>; rel=next, <y>; rel=up; anchor=\"/z\"", "</app/x>; rel=next, <y>; rel=up; anchor=\"/app/z\""),
    (APP, "Set-Cookie", "a=/b; Path=/", "a=/b; Path=/app/; Secure"),
    (APP, "Set-Cookie", "a=b; Path=/x; Secure", "a=b; Path=/app/x; Secure"),
    (APP, "Set-Cookie", "a=b; Secure", "a=b; Secure"),
    (APP, "Set-Cookie", "__Host-a=b; Path=/; Secure", "__Host-a=b; Path=/; Secure"),
    (BASE, "Set-Cookie", "a=b; Path=/; Secure", "a=b; Path=/app/; Secure"),
    (BASE, "Set-Cookie", "a=b; Path=/base/x; Secure", "a=b; Path=/app/x; Secure"),
    (BASE, "Set-Cookie", "a=b; Path=/base; Secure", "a=b; Path=/app/; Secure"),
    (APP, "Service-Worker-Allowed", "/", "/app/"),
    (APP, "SourceMap", "/x.map", "/app/x.map"),
    (APP, "HX-Location", '{"path":"/x"}', '{"path":"/app/x"}'),
    (APP, "Access-Control-Allow-Origin", "http://privateserver:8080", W),
    (BASE, "Access-Control-Allow-Origin", "http://privateserver:8080", W),
    (APP, "Content-Security-Policy", "img-src http://privateserver:8080/i/; report-uri /r",
     f"img-src {W}/app/i/; report-uri /app/r"),
    (APP, "X-Whatever", "/x", "/x"),
    (SITES, "Location", "http://shops:8080/x", f"{W}/shop/x"),
    (SITES, "Location", "http://shops:8080/v1/x", f"{W}/shop/old/x"),
    (SITES, "Location", "http://wiki/x", "https://other.example.com/wiki/x"),
    (SITES, "Location", "http://portal/x", f"{W}/x"),
    (APP + "preserveHostHeader: true", "Location", f"{W}/x", f"{W}/app/x"),
    (APP + "preserveHostHeader: true", "Location", f"{W}/app/x", f"{W}/app/x"),
    (APP + "preserveHostHeader: true", "Location", "http://www.example.com/x", f"{W}/app/x"),
    (APP + "links: off", "Location", "/x", "/x"),
]  # fmt: skip


@pytest.mark.parametrize(("site", "name", "before", "after"), FIELDS)
def test_response_fields(site: str, name: str, before: str, after: str) -> None:
    path = "/app/" if site is not SITES else "/shop/"
    answer = ask(rules_of("", site=site), f"{W}{path}", answer=(200, [(name, before)], b""))
    assert field(answer, name) == [after]


def test_a_page_and_its_references() -> None:
    page = b'<a href="/x"><a href="../../y"><img src="/app/z"><script src="http://wiki/w.js"></script>'
    sites = SITES.replace("https://www.example.com/shop'", "https://www.example.com/app'")
    answer = ask(rules_of("", site=sites), f"{W}/app/a/b", answer=(200, [HTML], page))
    assert answer.body == (
        b'<a href="/app/x"><a href="/app/y"><img src="/app/z">'
        b'<script src="https://other.example.com/wiki/w.js"></script>'
    )


def test_root_paths_of_scripts_and_those_that_are_left() -> None:
    site = APP + "rootPaths: /api\n"
    script = b"fetch('/api/x'); fetch('/other')"
    fields = [("Content-Type", "text/javascript")]
    answer = ask(rules_of("", site=site), f"{W}/app/x.js", answer=(200, fields, script))
    assert answer.body == b"fetch('/app/api/x'); fetch('/other')"
    left = [event["paths"] for event in answer.exchange.trace.events if event["event"] == "PATHS_LEFT"]
    assert left == [["/other"]]


def test_a_site_whose_paths_are_the_same_on_both_sides_is_as_quick_as_one_without() -> None:
    site = "public: https://www.example.com/app\nbackend: http://privateserver:8080/app\n"
    rules = rules_of("", site=site)
    assert sent_to(ask(rules, f"{W}/app/x")) == "http://privateserver:8080/app/x"
    page = b'<a href="/app/x"><a href="http://privateserver:8080/app/x"><a href="/other">'
    answer = ask(rules, f"{W}/app/", answer=(200, [HTML, ("Set-Cookie", "a=b; Path=/app; Secure")], page))
    assert answer.body == page.replace(b"http://privateserver:8080", W.encode())
    assert field(answer, "Set-Cookie") == ["a=b; Path=/app; Secure"]
