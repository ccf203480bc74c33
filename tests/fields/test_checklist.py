"""The checklist of fields that name a host, row by row, through the whole exchange and with the real link map.

Rows are numbered as in the checklist: section 3 has the fields of responses, section 9 those of requests.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from typing import NamedTuple

import pytest

from rules_of import ask, field, routed, rules_of
from shared_folder import SHARED, needs_shared
from urlrewrite.engine.facts import ResponseFacts
from urlrewrite.exchange.responses import Forward

CHECKLIST = SHARED / "spec" / "hostname-carriers.md"

B = "http://privateserver:8080"
P = "https://www.example.com"
ENCODED_B, ENCODED_P = "http%3A%2F%2Fprivateserver%3A8080", "https%3A%2F%2Fwww.example.com"
TWICE_B, TWICE_P = ENCODED_B.replace("%", "%25"), ENCODED_P.replace("%", "%25")

SITES = {
    "plain": rules_of("linksAlso: [cookieValues, queries, reasonPhrase]"),
    "default": rules_of(""),
    "mounted": rules_of("", site="public: https://www.example.com/app\nbackend: http://privateserver:8080\n"),
    "http": rules_of("", site="public: http://www.example.com\nbackend: http://privateserver:8080\n"),
}


class Line(NamedTuple):
    """A field of a response, what it becomes (None: it is removed), and how often that is warned of."""

    row: int
    name: str
    before: str
    after: str | None
    warnings: int = 0
    site: str = "default"
    status: int = 200


def same(row: int, name: str, value: str, warnings: int = 0, site: str = "default", status: int = 200) -> Line:
    return Line(row, name, value, value, warnings, site, status)


ANSWERS = [
    *(Line(1, "Location", f"{B}/x?q#f", f"{P}/x?q#f", status=s) for s in (200, 201, 202, 301, 302, 303, 307, 308, 404)),
    Line(1, "Location", "//privateserver:8080/x", "//www.example.com/x", status=302),
    same(1, "Location", "/x", status=302),
    same(1, "Location", "../x", status=302),
    same(1, "Location", "", status=302),
    Line(1, "Location", "/x?next=/y", "/app/x?next=/y", site="mounted", status=302),
    Line(1, "Location", f"{B}/x", f"{P}/app/x", site="mounted", status=302),
    Line(1, "Location", f"{B}/x, {B}/y", f"{P}/x, {P}/y", status=302),
    Line(1, "Location", f"/login?next={ENCODED_B}%2Fx", f"/login?next={ENCODED_P}%2Fx", status=302),
    Line(
        1, "Location", f"https://sso.example/?r={TWICE_B}%252Fx", f"https://sso.example/?r={TWICE_P}%252Fx", status=302
    ),
    Line(1, "Location", f"{B}/\udce9", f"{P}/\udce9", status=302),
    same(1, "Location", "http://privateserver:8080.evil.example/", status=302),
    same(1, "Location", "http://privateserver:80801/", status=302),
    *(Line(2, name, f"{B}/x", f"{P}/x") for name in ("Content-Location", "Content-Base", "URI", "Destination")),
    Line(2, "Content-Location", "/x", "/app/x", site="mounted"),
    *(
        Line(3, "Refresh", f"5{joint}{B}/x{end}", f"5{joint}{P}/x{end}")
        for joint, end in (
            (";url=", ""),
            (", url=", ""),
            ("; URL = ", ""),
            ("; url='", "'"),
            ('; url="', '"'),
            ("; ", ""),
        )
    ),
    Line(3, "Refresh", "0;url=/x", "0;url=/app/x", site="mounted"),
    same(3, "Refresh", "5"),
    Line(
        4,
        "Link",
        f'<{B}/a,b>; rel=preload, </c>; rel=next, <//privateserver:8080>; rel=dns-prefetch, <#x>; anchor="{B}/y"',
        f'<{P}/a,b>; rel=preload, </c>; rel=next, <//www.example.com>; rel=dns-prefetch, <#x>; anchor="{P}/y"',
    ),
    Line(4, "Link", "</a>; rel=canonical, <b>; rel=next", "</app/a>; rel=canonical, <b>; rel=next", site="mounted"),
    Line(5, "Set-Cookie", "a=1; Domain=privateserver; Secure", "a=1; Domain=www.example.com; Secure"),
    Line(5, "Set-Cookie", "a=1; Domain=.privateserver; Secure", "a=1; Domain=.www.example.com; Secure"),
    Line(5, "Set-Cookie", 'a=1; Domain="privateserver"; Secure', 'a=1; Domain="www.example.com"; Secure'),
    same(5, "Set-Cookie", "a=1; Domain=example.com; Secure"),
    Line(5, "Set-Cookie", "a=1; Domain=com; Secure", "a=1; Secure"),
    same(5, "Set-Cookie", "a=1; Domain=other.example; Secure", 1),
    *(
        Line(6, "Set-Cookie", f"a=1; Path={path}; Secure", f"a=1; Path={after}; Secure", site="mounted")
        for path, after in (("/", "/app/"), ("/x", "/app/x"), ("/X/", "/app/X/"), ("/application", "/app/application"))
    ),
    same(6, "Set-Cookie", "a=1; Secure", site="mounted"),
    Line(7, "Set-Cookie", "a=1", "a=1; Secure"),
    Line(7, "Set-Cookie", "a=1; SameSite=None; HttpOnly", "a=1; SameSite=None; HttpOnly; Secure"),
    Line(7, "Set-Cookie", "a=1; Secure; SameSite=None; Partitioned", "a=1; SameSite=Lax", site="http"),
    same(7, "Set-Cookie", "__Host-a=1; Path=/; Secure"),
    Line(7, "Set-Cookie", "__Host-a=1; Path=/; Secure; Domain=privateserver", "__Host-a=1; Path=/; Secure"),
    same(7, "Set-Cookie", "__Host-a=1; Path=/x; Secure", 1),
    Line(7, "Set-Cookie", "__Secure-a=1", "__Secure-a=1; Secure"),
    same(8, "Set-Cookie", f"u={ENCODED_B}%2Fx; Secure", 1),
    Line(8, "Set-Cookie", f'u="{ENCODED_B}%2Fx"; Secure', f'u="{ENCODED_P}%2Fx"; Secure', site="plain"),
    *(
        Line(9, name, before, after)
        for name in ("Content-Security-Policy", "Content-Security-Policy-Report-Only")
        for before, after in (
            (
                "default-src 'self' privateserver:8080; script-src http://privateserver:8080/js/ 'nonce-x'; "
                "connect-src ws://privateserver:8080; frame-ancestors *.privateserver:8080; base-uri 'none'",
                "default-src 'self' www.example.com; script-src https://www.example.com/js/ 'nonce-x'; "
                "connect-src wss://www.example.com; frame-ancestors *.www.example.com; base-uri 'none'",
            ),
            (
                f"form-action {B}; report-uri {B}/r /s; report-to r",
                f"form-action {P}; report-uri {P}/r /s; report-to r",
            ),
        )
    ),
    Line(9, "Content-Security-Policy", "report-uri /r", "report-uri /app/r", site="mounted"),
    *(
        Line(10, name, "script-src privateserver:8080", "script-src www.example.com")
        for name in ("X-Content-Security-Policy", "X-WebKit-CSP")
    ),
    Line(11, "X-Frame-Options", f"ALLOW-FROM {B}", f"ALLOW-FROM {P}"),
    same(11, "X-Frame-Options", "SAMEORIGIN"),
    Line(11, "Feature-Policy", f"camera 'self' {B}", f"camera 'self' {P}"),
    Line(11, "Permissions-Policy", f'camera=(self "{B}")', f'camera=(self "{P}")'),
    Line(12, "Access-Control-Allow-Origin", B, P),
    Line(12, "Access-Control-Allow-Origin", B, P, site="mounted"),
    same(12, "Access-Control-Allow-Origin", "null"),
    same(12, "Access-Control-Allow-Origin", "*"),
    same(12, "Access-Control-Expose-Headers", "Location"),
    Line(13, "Timing-Allow-Origin", f"https://a.example, {B}", f"https://a.example, {P}"),
    same(13, "Cross-Origin-Opener-Policy", 'same-origin; report-to="privateserver"'),
    same(13, "Cross-Origin-Embedder-Policy", "require-corp"),
    same(13, "Origin-Agent-Cluster", "?1"),
    same(13, "Accept-CH", "Sec-CH-UA"),
    Line(14, "Alt-Svc", 'h3="privateserver:8443"; ma=86400', None),
    same(15, "Strict-Transport-Security", "max-age=1"),
    same(15, "Strict-Transport-Security", "max-age=1; includeSubDomains", 1),
    Line(15, "Strict-Transport-Security", "max-age=1", None, site="http"),
    Line(15, "Expect-CT", f'max-age=1, report-uri="{B}/r"', f'max-age=1, report-uri="{P}/r"'),
    Line(15, "Public-Key-Pins", f'pin-sha256="x"; report-uri="{B}/r"', None),
    Line(
        16,
        "WWW-Authenticate",
        f'Bearer realm="{B}/token", authorization_uri="{B}/a", resource_metadata="{B}/.well-known/x"',
        f'Bearer realm="{P}/token", authorization_uri="{P}/a", resource_metadata="{P}/.well-known/x"',
        status=401,
    ),
    Line(
        16,
        "WWW-Authenticate",
        f'Digest realm="{B}", domain="{B}/a /b", nonce="n"',
        f'Digest realm="{B}", domain="{P}/a /b", nonce="n"',
        status=401,
    ),
    Line(
        16,
        "WWW-Authenticate",
        'Digest realm="r", domain="/a"',
        'Digest realm="r", domain="/app/a"',
        site="mounted",
        status=401,
    ),
    same(16, "WWW-Authenticate", "Negotiate YIIabc==", status=401),
    same(16, "WWW-Authenticate", 'Basic realm="privateserver"', status=401),
    same(17, "Authentication-Info", f'nextnonce="{B}"'),
    Line(18, "SourceMap", f"{B}/a.map", f"{P}/a.map"),
    Line(18, "X-SourceMap", "/a.map", "/app/a.map", site="mounted"),
    Line(19, "Report-To", f'{{"endpoints":[{{"url":"{B}/r"}}]}}', f'{{"endpoints":[{{"url":"{P}/r"}}]}}'),
    Line(19, "Report-To", r'{"url":"http:\/\/privateserver:8080\/r"}', r'{"url":"https:\/\/www.example.com\/r"}'),
    Line(19, "Reporting-Endpoints", f'a="{B}/r", b="/s"', f'a="{P}/r", b="/s"'),
    Line(19, "Reporting-Endpoints", 'b="/s"', 'b="/app/s"', site="mounted"),
    same(19, "NEL", '{"report_to":"nel","max_age":1}'),
    Line(20, "Server-Timing", f'db;desc="{B}/q"', f'db;desc="{P}/q"'),
    Line(20, "Via", "1.1 privateserver:8080 (x)", "1.1 www.example.com (x)"),
    *(
        Line(20, name, "privateserver", "www.example.com")
        for name in ("X-Backend-Server", "X-Served-By", "X-Forwarded-Server")
    ),
    same(20, "Server", "Apache"),
    same(20, "X-Powered-By", "ASP.NET"),
    Line(20, "X-Envoy-Original-Url", f"{B}/x", f"{P}/x"),
    same(21, "Clear-Site-Data", '"cookies"'),
    Line(21, "Service-Worker-Allowed", "/", "/app/", site="mounted"),
    Line(21, "Speculation-Rules", f'"{B}/rules.json"', f'"{P}/rules.json"'),
    Line(21, "Speculation-Rules", '"/rules.json"', '"/app/rules.json"', site="mounted"),
    same(21, "No-Vary-Search", 'params=("a")'),
    same(22, "Content-Disposition", f'attachment; filename="{B}"'),
    Line(23, "P3P", f'policyref="{B}/p3p.xml", CP="NOI"', f'policyref="{P}/p3p.xml", CP="NOI"'),
    Line(23, "P3P", 'policyref="/p3p.xml"', 'policyref="/app/p3p.xml"', site="mounted"),
    Line(23, "X-XSS-Protection", f"1; mode=block; report={B}/r", f"1; mode=block; report={P}/r"),
    Line(23, "X-XSS-Protection", "1; report=/r", "1; report=/app/r", site="mounted"),
    Line(23, "Upload-Concat", f"final;{B}/a {B}/b", f"final;{P}/a {P}/b"),
    Line(23, "Upload-Concat", "final;/a /b", "final;/app/a /app/b", site="mounted"),
    *(
        Line(23, name, f"{B}/x", f"{P}/x")
        for name in """X-Pingback OData-EntityId Operation-Location Azure-AsyncOperation X-MS-Url HX-Redirect
            HX-Push-Url HX-Replace-Url Turbo-Location X-PJAX-URL X-Inertia-Location""".split()
    ),
    Line(23, "HX-Location", f'{{"path":"{B}/x", "target":"#a"}}', f'{{"path":"{P}/x", "target":"#a"}}'),
    Line(23, "HX-Location", "/x", "/app/x", site="mounted"),
    Line(23, "HX-Trigger", f'{{"go":"{B}/x"}}', f'{{"go":"{P}/x"}}'),
    Line(23, "Sec-WebSocket-Location", "ws://privateserver:8080/s", "wss://www.example.com/s"),
    Line(23, "Sec-WebSocket-Origin", B, P),
    *(
        same(23, name, value)
        for name, value in (
            ("X-Permitted-Cross-Domain-Policies", "none"),
            ("X-UA-Compatible", "IE=edge"),
            ("X-Robots-Tag", "noindex"),
            ("IM", "feed"),
            ("Retry-After", "5"),
            ("Sunset", "Wed, 21 Oct 2026 07:28:00 GMT"),
            ("Docker-Upload-UUID", "6b1d"),
            ("Upload-Metadata", "filename aHR0cDovL3ByaXZhdGVzZXJ2ZXI6ODA4MA=="),
            ("DAV", f"1, <{B}/ns>"),
            ("Lock-Token", f"<{B}/token>"),
            ("MS-Author-Via", "DAV"),
            ("SPRequestGuid", "6b1d"),
            ("Sec-WebSocket-Accept", "x="),
            ("Sec-WebSocket-Protocol", B),
        )
    ),
    Line(24, "X-Anything", f"a={B}/x;b", f"a={P}/x;b"),
    Line(24, "X-Anything", f"{ENCODED_B}%2Fx", f"{ENCODED_P}%2Fx"),
    same(24, "X-Anything", "privateserver"),
    same(24, "X-Anything", "/x", site="mounted"),
    same(32, "Want-Digest", "sha-256"),
    Line(32, "Content-MD5", "x", "BODY:md5"),
    Line(32, "Digest", "SHA-256=x", "SHA-256=BODY:sha256"),
    Line(32, "Content-Digest", "sha-512=:x:", "sha-512=:BODY:sha512:"),
    Line(32, "Repr-Digest", "sha-256=:x:, crc32c=:y:", "sha-256=:BODY:sha256:"),
    Line(32, "x-amz-checksum-sha256", "x", "BODY:sha256"),
    Line(32, "x-amz-checksum-crc32c", "x", None),
    Line(32, "x-goog-hash", "crc32c=x", None),
    Line(32, "X-Content-SHA256", "x", None),
    same(32, "Signature", "sig1=:x:", 1),
    same(32, "Signature-Input", 'sig1=("content-digest")', 1),
    same(34, "Vary", "Accept-Encoding"),
    same(34, "Age", "5"),
    same(34, "Cache-Control", "private, max-age=5"),
]

HTML = ("Content-Type", "text/html; charset=iso-8859-1")
PAGE = f'<a href="{B}/x">\xe9'.encode("latin-1")
MAPPED = {name: PAGE.replace(B.encode(), after.encode()) for name, after in (
    ("default", P), ("plain", P), ("mounted", f"{P}/app"), ("http", "http://www.example.com"))}  # fmt: skip


def url(site: str) -> str:
    return {"mounted": f"{P}/app/", "http": "http://www.example.com/"}.get(site, f"{P}/")


@pytest.mark.parametrize("line", ANSWERS, ids=str)
def test_field_of_a_response(line: Line) -> None:
    result = ask(SITES[line.site], url(line.site), answer=(line.status, [HTML, (line.name, line.before)], PAGE))
    body = MAPPED[line.site]
    assert result.body == body

    def digest(found: re.Match[str]) -> str:
        return base64.b64encode(hashlib.new(found[1], body).digest()).decode()

    after = None if line.after is None else re.sub(r"BODY:(\w+)", digest, line.after)
    assert field(result, line.name) == ([] if after is None else [after])
    assert len(result.exchange.trace.problems()) == line.warnings, result.exchange.trace.problems()


def test_reason_phrases_by_option() -> None:
    for site, expected in (("plain", f"Gone to {P}/x"), ("default", None)):
        exchange = routed(SITES[site], f"{P}/")
        head = exchange.receive(ResponseFacts(410, (HTML,), f"Gone to {B}/x"))
        assert getattr(head, "reason", "") == expected


def test_trailers_are_read_as_fields_are() -> None:
    exchange = routed(SITES["default"], f"{P}/", ("TE", "trailers"))
    exchange.receive(ResponseFacts(200, (HTML,)))
    lines = (("grpc-message", f"see {ENCODED_B}%2Fx"), ("Content-Digest", "sha-256=:x:"), ("X-Url", f"{B}/x"))
    assert exchange.trailers(lines) == (("grpc-message", f"see {ENCODED_P}%2Fx"), ("X-Url", f"{P}/x"))


DATE = "Wed, 21 Oct 2026 07:28:00 GMT"


def validators(site: str, *fields: tuple[str, str]) -> list[tuple[str, str]]:
    """Validators that a client has of a page that it got from this site."""
    result = ask(SITES[site], f"{P}/", answer=(200, [HTML, *fields], PAGE))
    kept = {"etag": "If-None-Match", "last-modified": "If-Modified-Since"}
    return [(kept[name.lower()], value) for name, value in result.fields or [] if name.lower() in kept]


def asked(site: str, *fields: tuple[str, str], path: str = "/") -> dict[str, str]:
    """The fields that the backend gets."""
    routing = ask(SITES[site], f"{P}{path}", *fields).routing
    assert isinstance(routing, Forward)
    return dict(routing.fields)


SITES["off"] = rules_of("links: off")

BACKENDS = [
    (("ETag", '"a"'), ("Last-Modified", DATE)),
    (("ETag", 'W/"a"'),),
    (("Last-Modified", DATE),),
]


@pytest.mark.parametrize("fields", BACKENDS)
@pytest.mark.parametrize("before", ["off", "plain", "default"])
@pytest.mark.parametrize("browser", [("Sec-Fetch-Dest", "document"), ("Accept", "text/html,*/*")])
def test_a_304_after_a_change_of_rules_is_never_stale(
    fields: tuple[tuple[str, str], ...], before: str, browser: tuple[str, str]
) -> None:
    """A client that got its copy under other rules is never told that it is still good."""
    conditions = validators(before, *fields)
    sent = asked("default", browser, *conditions)
    if before == "default":
        assert sent.get("If-None-Match") == next((value for name, value in fields if name == "ETag"), None)
    else:
        assert "If-None-Match" not in sent
    assert "If-Modified-Since" not in sent or "If-None-Match" in sent


def test_copies_of_what_no_rule_concerns_stay_good() -> None:
    conditions = [("If-None-Match", '"a"'), ("If-Modified-Since", DATE)]
    for path, browser in (("/a.png", ("Accept", "*/*")), ("/logo", ("Sec-Fetch-Dest", "image"))):
        assert conditions == [
            (name, value)
            for name, value in asked("default", browser, *conditions, path=path).items()
            if name[:3] == "If-"
        ]


def test_a_304_confirms_what_was_rewritten_with_its_mark() -> None:
    [(name, tag)] = validators("default", ("ETag", '"a"'))
    result = ask(SITES["default"], f"{P}/", (name, tag), answer=(304, [("ETag", '"a"')], b""))
    assert field(result, "etag") == [tag]


@pytest.mark.parametrize(("path", "part"), [("/a.html", False), ("/a.css", False), ("/a.bin", True), ("/a", True)])
def test_parts_are_asked_for_only_of_what_is_not_rewritten(path: str, part: bool) -> None:
    sent = asked("default", ("Range", "bytes=5-"), ("If-Range", '"a"'), path=path)
    assert ("Range" in sent, "If-Range" in sent) == (part, part)


class Asked(NamedTuple):
    """A field of a request, what the backend gets (None: nothing), and how often that is warned of."""

    row: int
    name: str
    before: str
    after: str | None
    warnings: int = 0
    site: str = "default"
    path: str = "/"


AWS = "AWS4-HMAC-SHA256 Credential=x, SignedHeaders=host, Signature=y"

REQUESTS = [
    *(Asked(4, name, f"{P}/x", f"{B}/x") for name in ("Referer", "HX-Current-URL", "Ping-To")),
    Asked(4, "Referer", f"{P}/app/x", f"{B}/x", site="mounted", path="/app/"),
    Asked(4, "Origin", P, B),
    Asked(4, "Origin", "null", "null"),
    Asked(4, "Origin", "https://evil.example", "https://evil.example"),
    Asked(
        4,
        "Referer",
        "https://evil.example/?https%3A//www.example.com.evil",
        "https://evil.example/?https%3A//www.example.com.evil",
    ),
    Asked(4, "Sec-Fetch-Site", "same-origin", "same-origin"),
    Asked(5, "Cookie", f'u="{ENCODED_P}%2Fx"; s=1', f'u="{ENCODED_B}%2Fx"; s=1', site="plain"),
    Asked(5, "Cookie", f"u={ENCODED_P}%2Fx", f"u={ENCODED_P}%2Fx"),
    Asked(6, "Authorization", AWS, AWS, 1),
    Asked(
        6, "Authorization", 'Digest uri="/app/x", realm="r"', 'Digest uri="/app/x", realm="r"', 1, "mounted", "/app/x"
    ),
    Asked(6, "Authorization", "Bearer x", "Bearer x"),
    Asked(6, "Signature-Input", 'sig1=("@authority")', 'sig1=("@authority")', 1),
    Asked(6, "DPoP", "eyJ", "eyJ", 1),
    Asked(7, "Destination", f"{P}/new", f"{B}/new"),
    Asked(7, "Destination", f"{P}/app/new", f"{B}/new", site="mounted", path="/app/"),
    Asked(7, "If", f'<{P}/a> (<urn:uuid:1> ["x"])', f'<{B}/a> (<urn:uuid:1> ["x"])'),
    Asked(7, "Lock-Token", "<urn:uuid:1>", "<urn:uuid:1>"),
    Asked(7, "Lock-Token", f"<{B}/token>", f"<{B}/token>"),
    Asked(7, "Overwrite", "F", "F"),
    Asked(7, "Content-Location", f"{P}/x", f"{B}/x"),
    Asked(7, "Upload-Concat", f"final;{P}/a {P}/b", f"final;{B}/a {B}/b"),
    Asked(8, "If-Match", '"a;ur=12345678"', '"a"'),
    Asked(10, "Accept-Encoding", "gzip, br, dcb, dcz", "gzip, br"),
    Asked(11, "Access-Control-Request-Headers", "x-a", "x-a"),
    Asked(11, "Service-Worker", "script", "script"),
    Asked(12, "X-Forwarded-Host", "evil.example", "www.example.com"),
    Asked(12, "X-Original-URL", "/admin", "/"),
    Asked(12, "X-Rewrite-URL", "/admin", None),
    Asked(12, "Front-End-Https", "on", None),
    Asked(12, "Alt-Used", "www.example.com:8443", None),
    Asked(13, "Sec-WebSocket-Protocol", "chat", "chat"),
    Asked(13, "Sec-WebSocket-Origin", P, B),
    Asked(16, "Expect", "100-continue", "100-continue"),
]


@pytest.mark.parametrize("line", REQUESTS, ids=str)
def test_field_of_a_request(line: Asked) -> None:
    result = ask(SITES[line.site], f"{P}{line.path}", (line.name, line.before))
    assert isinstance(result.routing, Forward)
    after = [value for name, value in result.routing.fields if name.lower() == line.name.lower()]
    assert after == ([] if line.after is None else [line.after])
    assert len(result.exchange.trace.problems()) == line.warnings


TARGETS = [
    ("plain", f"/x?next={ENCODED_P}%2Fy&a=1", f"/x?next={ENCODED_B}%2Fy&a=1"),
    ("plain", f"/x?next={TWICE_P}%252Fy", f"/x?next={TWICE_B}%252Fy"),
    ("plain", f"/x?a={ENCODED_P}%2Fy", f"/x?a={ENCODED_B}%2Fy"),
    ("default", f"/x?next={ENCODED_P}%2Fy", f"/x?next={ENCODED_B}%2Fy"),
    ("default", f"/x?a={ENCODED_P}%2Fy", f"/x?a={ENCODED_P}%2Fy"),
    ("mounted", "/app/x?y", "/x?y"),
]


@pytest.mark.parametrize(("site", "before", "after"), TARGETS)
def test_target_of_a_request(site: str, before: str, after: str) -> None:
    routing = ask(SITES[site], f"{P}{before}").routing
    assert isinstance(routing, Forward)
    assert (routing.host, routing.target) == ("privateserver:8080", after)


ELSEWHERE: Mapping[int, Mapping[int, str]] = {
    3: {
        25: "test_reason_phrases_by_option",
        26: "test_trailers_are_read_as_fields_are; tests/hooks/patches/test_wire.py",
        27: "tests/hooks/patches/test_wire.py",
        28: "tests/fields/test_validators.py, test_after_a_body_was_rewritten",
        29: "tests/fields/test_validators.py, test_framing_is_never_ambiguous; tests/content/coding/test_codings.py",
        30: "test_a_304_after_a_change_of_rules_is_never_stale and its neighbours",
        31: "test_parts_are_asked_for_only_of_what_is_not_rewritten; tests/exchange/test_exchange.py: a 206 passes",
        33: "tests/exchange/test_exchange.py: no-transform passes",
        35: "test_field_of_a_response: the page is in ISO-8859-1 and stays so",
    },
    9: {
        1: "test_target_of_a_request",
        2: "test_target_of_a_request; tests/hooks/test_inbound.py: absolute form",
        3: "test_target_of_a_request",
        9: "test_parts_are_asked_for_only_of_what_is_not_rewritten",
        14: "tests/exchange/body/test_request.py",
        15: "tests/hooks/test_inbound.py: SNI",
    },
}


def covered(section: int) -> set[int]:
    lines: list[Line] | list[Asked] = ANSWERS if section == 3 else REQUESTS
    return {line.row for line in lines} | set(ELSEWHERE[section])


@needs_shared("spec/hostname-carriers.md")
@pytest.mark.parametrize("section", [3, 9])
def test_every_row_of_the_checklist_is_here(section: int) -> None:
    text = CHECKLIST.read_text(encoding="utf-8").partition(f"\n## {section}. ")[2].partition("\n## ")[0]
    rows = [line for line in text.splitlines() if line.startswith("|")][2:]
    assert covered(section) == set(range(1, len(rows) + 1))
