"""The exchange: what is done for every request and response besides the rules."""

from __future__ import annotations

import base64
import gzip
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules_of import SITE, ask, field, problem_codes, rules_of
from urlrewrite.content.asset_memory import AssetMemory
from urlrewrite.content.links.stream import LinkStream
from urlrewrite.engine.facts import RequestFacts
from urlrewrite.exchange.exchange import Exchange
from urlrewrite.exchange.responses import Forward, LocalResponse
from urlrewrite.exchange.rules_in_force import Settings
from urlrewrite.trace.reasons import Reason

B = "http://privateserver:8080"
P = "https://www.example.com"
HTML = ("Content-Type", "text/html")
TWO_SITES = """
sites:
  - {name: portal, public: 'https://www.example.com', backend: 'http://privateserver:8080'}
  - {name: shop, public: 'https://shop.example.com:8443', backend: 'http://shopserver'}
"""


def facts(host: str, *, scheme: str = "https", sni: str = "") -> RequestFacts:
    return RequestFacts("GET", scheme, host, "/x", (("Host", host),) if host else (), sni=sni)


SITES = [
    ("www.example.com", "", 200, "portal"),
    ("WWW.Example.com:443", "", 200, "portal"),
    ("www.example.com.", "", 200, "portal"),
    ("www.example.com:8443", "", 200, "portal"),
    ("shop.example.com:8443", "", 200, "shop"),
    ("shop.example.com", "", 200, "shop"),
    ("", "shop.example.com", 200, "shop"),
    ("", "", 404, ""),
    ("other.example.com", "", 404, ""),
    ("www.example.com.evil.example", "", 404, ""),
    ("www.example.com:99999", "", 400, ""),
    ("[::1]", "", 404, ""),
    ("www.example.com", "www.example.com", 200, "portal"),
    ("www.example.com", "shop.example.com", 421, "portal"),
    ("www.example.com", "nobody.example.com", 200, "portal"),
]


@pytest.mark.parametrize(("host", "sni", "status", "site"), SITES)
def test_the_site_is_chosen_by_host_and_sni(host: str, sni: str, status: int, site: str) -> None:
    exchange = Exchange(rules_of("", site=TWO_SITES), AssetMemory(), facts(host, sni=sni), "id")
    routing = exchange.route()
    assert (routing.status if isinstance(routing, LocalResponse) else 200) == status
    assert exchange.trace.data["site"] == site


def test_two_sites_on_one_host_are_told_apart_by_port_and_not_by_sni() -> None:
    rules = rules_of(
        "",
        site="""
sites:
  - {name: one, public: 'https://www.example.com', backend: 'http://one'}
  - {name: two, public: 'https://www.example.com:8443', backend: 'http://two'}
""",
    )
    for host, site in (("www.example.com", "one"), ("www.example.com:8443", "two")):
        exchange = Exchange(rules, AssetMemory(), facts(host, sni="www.example.com"), "id")
        assert isinstance(exchange.route(), Forward)
        assert exchange.trace.data["site"] == site


def test_without_a_host_the_site_of_the_sni_is_meant_with_its_own_name() -> None:
    rules = rules_of("rules: [{name: r, match: .*, action: {type: Redirect, url: /y}}]")
    routing = Exchange(rules, AssetMemory(), facts("", sni="www.example.com"), "id").route()
    assert isinstance(routing, LocalResponse)
    assert dict(routing.fields)["Location"] == f"{P}/y"


def test_an_unknown_host_is_told_why_and_nothing_else() -> None:
    routing = Exchange(rules_of("", site=TWO_SITES), AssetMemory(), facts("evil.example"), "id").route()
    assert isinstance(routing, LocalResponse)
    assert b"evil.example" in routing.body
    assert b"www.example.com" not in routing.body


REQUEST_FIELDS = [
    # what the client sends, and what the backend gets
    (("Origin", P), ("origin", B)),
    (("Origin", "https://elsewhere.example"), ("origin", "https://elsewhere.example")),
    (("Origin", "null"), ("origin", "null")),
    (("Referer", f"{P}/a?b"), ("referer", f"{B}/a?b")),
    (("Accept-Encoding", "gzip, deflate, br, zstd, dcb"), ("accept-encoding", "gzip, deflate, br, zstd")),
    (("X-Forwarded-Host", "evil.example"), ("x-forwarded-host", "www.example.com")),
    (("X-Forwarded-For", "6.6.6.6"), ("x-forwarded-for", "127.0.0.1")),
    (("Cookie", "a=1"), ("cookie", "a=1")),
]


@pytest.mark.parametrize(("sent", "got"), REQUEST_FIELDS)
def test_request_fields(sent: tuple[str, str], got: tuple[str, str]) -> None:
    routing = ask(rules_of(""), f"{P}/x?y", sent).routing
    assert isinstance(routing, Forward)
    fields = {name.lower(): value for name, value in routing.fields}
    assert fields[got[0]] == got[1]
    assert routing.host == "privateserver:8080"
    assert fields["x-forwarded-proto"] == "https"
    assert fields["x-original-url"] == "/x?y"


def test_with_preserve_host_header_the_backend_sees_the_public_name() -> None:
    rules = rules_of("preserveHostHeader: true")
    routing = ask(rules, f"{P}/", ("Origin", P)).routing
    assert isinstance(routing, Forward)
    assert routing.host == "www.example.com"
    assert dict(routing.fields)["Origin"] == P


PLAIN_TWINS = [
    ("https://www.example.com", "http://www.example.com/x", "https://www.example.com/x"),
    ("https://www.example.com:8443", "http://www.example.com:8443/x", "https://www.example.com:8443/x"),
    ("[https://www.example.com, http://www.example.com]", "http://www.example.com/x", "http://www.example.com/x"),
    ("http://www.example.com", "http://www.example.com/x", "http://www.example.com/x"),
]


@pytest.mark.parametrize(("public", "before", "after"), PLAIN_TWINS)
def test_a_backend_that_knows_the_public_host_but_not_its_scheme(public: str, before: str, after: str) -> None:
    rules = rules_of("preserveHostHeader: true", site=f"public: {public}\nbackend: http://privateserver:8080\n")
    url = public.strip("[").partition(",")[0]
    result = ask(rules, f"{url}/", answer=(302, [("Location", before)], b""))
    assert field(result, "location") == [after]


TRUST = [("127.0.0.1", "6.6.6.6, 127.0.0.1"), ("127.0.0.0/8", "6.6.6.6, 127.0.0.1"), ("10.0.0.0/8", "127.0.0.1")]


@pytest.mark.parametrize(("proxies", "forwarded"), TRUST)
def test_a_trusted_proxy_is_continued(proxies: str, forwarded: str) -> None:
    routing = ask(rules_of(f"trustedProxies: [{proxies}]"), f"{P}/", ("X-Forwarded-For", "6.6.6.6")).routing
    assert isinstance(routing, Forward)
    assert dict(routing.fields)["X-Forwarded-For"] == forwarded


def test_connect_is_the_address_to_dial() -> None:
    routing = ask(rules_of("connect: 127.0.0.1:9000"), f"{P}/").routing
    assert isinstance(routing, Forward)
    assert (routing.connect, routing.url) == (("127.0.0.1", 9000), f"{B}/")


RESPONSE_FIELDS = [
    (("Location", f"{B}/x"), ("location", f"{P}/x")),
    (("Location", "/x"), ("location", "/x")),
    (("Location", "https://login.example/?r=http%3A%2F%2Fprivateserver%3A8080%2F"), None),
    (("Refresh", f"5;url={B}/x"), ("refresh", f"5;url={P}/x")),
    (("Link", f"<{B}/x>; rel=next"), ("link", f"<{P}/x>; rel=next")),
    (("Access-Control-Allow-Origin", B), ("access-control-allow-origin", P)),
    (("Content-Security-Policy", "img-src privateserver:8080"), ("content-security-policy", "img-src www.example.com")),
    (("Set-Cookie", "a=1; Domain=privateserver"), ("set-cookie", "a=1; Domain=www.example.com; Secure")),
    (("X-Anything", f"{B}/x"), ("x-anything", f"{P}/x")),
]


@pytest.mark.parametrize(("before", "after"), RESPONSE_FIELDS)
def test_response_fields(before: tuple[str, str], after: tuple[str, str] | None) -> None:
    result = ask(rules_of(""), f"{P}/", answer=(302, [before], b""))
    if after is None:
        assert "privateserver" not in field(result, before[0])[0]
    else:
        assert field(result, after[0]) == [after[1]]


def test_with_links_off_nothing_is_mapped() -> None:
    lines = [HTML, ("Refresh", f"5;url={B}/x"), ("Set-Cookie", "a=1; Domain=privateserver"), ("ETag", '"a"')]
    body = f'<a href="{B}/x">'.encode()
    result = ask(rules_of("", site=SITE + "links: off\n"), f"{P}/", answer=(200, lines, body))
    assert (result.fields, result.body) == (tuple(lines), body)


PASSED = [
    # method, status, fields, and the codes of warnings
    ("GET", 206, [HTML, ("Content-Range", "bytes 0-9/100")], [Reason.PART_OF_BODY]),
    ("GET", 200, [HTML, ("Cache-Control", "public, no-transform")], [Reason.NO_TRANSFORM]),
    ("GET", 200, [HTML, ("Content-Encoding", "dcz")], [Reason.UNKNOWN_CODING]),
    ("GET", 200, [("Content-Type", "image/png")], []),
    ("GET", 200, [("Content-Type", "text/csv")], []),
]


@pytest.mark.parametrize(("method", "status", "lines", "codes"), PASSED)
def test_bodies_that_are_passed_as_they_came(
    method: str, status: int, lines: list[tuple[str, str]], codes: list[Reason]
) -> None:
    body = f'<a href="{B}/x">'.encode()
    result = ask(rules_of(""), f"{P}/", method=method, answer=(status, [*lines, ("ETag", '"a"')], body))
    assert result.body == body
    assert field(result, "etag") == ['"a"']
    assert problem_codes(result) == codes


def test_a_rewritten_body_has_true_fields() -> None:
    body = f'<a href="{B}/x">'.encode()
    lines = [
        HTML,
        ("Content-Length", str(len(body))),
        ("ETag", '"a"'),
        ("Content-MD5", "x"),
        ("X-Goog-Hash", "crc32c=x"),
        ("Accept-Ranges", "bytes"),
    ]
    result = ask(rules_of(""), f"{P}/", answer=(200, lines, body))
    assert result.body == f'<a href="{P}/x">'.encode()
    assert field(result, "content-length") == [str(len(result.body))]
    assert field(result, "content-md5") == [base64.b64encode(hashlib.md5(result.body).digest()).decode()]
    assert field(result, "x-goog-hash") == []
    assert field(result, "accept-ranges") == ["none"]
    assert field(result, "etag")[0].startswith('"a;ur=')


def test_a_head_does_not_promise_the_backends_length() -> None:
    result = ask(
        rules_of(""), f"{P}/", method="HEAD", answer=(200, [HTML, ("Content-Length", "99"), ("ETag", '"a"')], b"")
    )
    assert field(result, "content-length") == []
    assert field(result, "etag")[0].startswith('"a;ur=')


def test_revalidation_through_the_marked_etag() -> None:
    rules = rules_of("")
    marked = field(ask(rules, f"{P}/", answer=(200, [HTML, ("ETag", '"a"')], b"x")), "etag")[0]
    again = ask(rules, f"{P}/", ("If-None-Match", marked), answer=(304, [HTML, ("ETag", '"a"')], b""))
    assert isinstance(again.routing, Forward)
    assert dict(again.routing.fields)["If-None-Match"] == '"a"'
    assert field(again, "etag") == [marked]
    changed = ask(rules_of("rules: [{name: new, match: x}]"), f"{P}/", ("If-None-Match", marked))
    assert isinstance(changed.routing, Forward)
    assert "If-None-Match" not in dict(changed.routing.fields)


CODINGS = [("gzip", gzip.compress, gzip.decompress)]


@pytest.mark.parametrize(("coding", "compress", "decompress"), CODINGS)
def test_a_coded_body_stays_coded(coding: str, compress, decompress) -> None:  # type: ignore[no-untyped-def]
    body = compress(f'<a href="{B}/x">'.encode())
    result = ask(rules_of(""), f"{P}/", answer=(200, [HTML, ("Content-Encoding", coding)], body))
    assert decompress(result.body) == f'<a href="{P}/x">'.encode()
    assert field(result, "content-encoding") == [coding]


def test_a_coded_body_in_which_nothing_changes_is_the_same_bytes() -> None:
    body = gzip.compress(b"<a href='/x'>", mtime=7)
    result = ask(rules_of(""), f"{P}/", answer=(200, [HTML, ("Content-Encoding", "gzip")], body))
    assert result.body is body


def test_a_damaged_coding_passes_and_says_so() -> None:
    result = ask(rules_of(""), f"{P}/", answer=(200, [HTML, ("Content-Encoding", "gzip")], b"no gzip"))
    assert result.body == b"no gzip"
    assert result.exchange.trace.problems() != []


@given(st.binary(max_size=300), st.sampled_from(["text/html", "text/css", "application/json", "text/xml", ""]))
def test_without_the_backends_name_every_body_is_identical(body: bytes, content_type: str) -> None:
    lines = [("Content-Type", content_type)] if content_type else []
    assert ask(RULES, f"{P}/", answer=(200, lines, body)).body == body


RULES = rules_of("")


def test_links_to_another_site_become_that_sites_public_name() -> None:
    rules = rules_of("", site=TWO_SITES)
    result = ask(rules, f"{P}/", answer=(200, [HTML], b'<a href="http://shopserver/x">'))
    assert result.body == b'<a href="https://shop.example.com:8443/x">'


def test_the_name_that_the_client_used_is_the_one_in_links() -> None:
    result = ask(rules_of(""), "http://www.example.com/", answer=(200, [HTML], f'<a href="{B}/x">'.encode()))
    assert result.body == b'<a href="http://www.example.com/x">'


def test_a_body_longer_than_the_threshold_is_rewritten_as_it_comes() -> None:
    body = f'<a href="{B}/x">'.encode() * 100
    lines = [HTML, ("Content-Length", str(len(body))), ("Content-MD5", "x")]
    result = ask(rules_of("", settings=Settings(threshold=1000)), f"{P}/", answer=(200, lines, body))
    assert result.body == body.replace(B.encode(), P.encode())
    assert result.exchange.trace.data["way"] == "stream"
    assert result.exchange.trace.data["links"] == 100
    assert not {"content-length", "content-md5"} & {name.lower() for name, _ in result.fields or []}


BODY_RULE = "outboundRules: [{name: r, match: {pattern: 'a+'}, action: {type: Rewrite, value: b}}]"


def test_a_rule_for_bodies_sees_a_long_one_in_windows_and_the_trace_says_so() -> None:
    rules = rules_of(BODY_RULE, settings=Settings(threshold=10, limit=4))
    result = ask(rules, f"{P}/", answer=(200, [HTML, ("Content-Length", "11")], b"xaaaaaaaaay"))
    assert result.body == b"xbbby"
    assert problem_codes(result)[0] == Reason.SEES_WINDOWS


def test_a_rule_that_takes_too_long_on_a_stream_is_given_up_for_this_body() -> None:
    rule = "outboundRules: [{name: r, match: {pattern: '(a|aa)+$'}, action: {type: Rewrite, value: b}}]"
    rules = rules_of(rule, settings=Settings(threshold=10, limit=100, body_deadline=0.05))
    body = (b"a" * 99 + b"!") * 3
    result = ask(rules, f"{P}/", answer=(200, [HTML, ("Content-Length", "300")], body))
    assert result.body == body
    assert Reason.RULE_GIVEN_UP in problem_codes(result)


def test_a_stage_that_fails_lets_the_rest_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> bytes:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(LinkStream, "feed", fail)
    lines = [("Content-Type", "text/javascript"), ("Content-Length", "2000")]
    body = b"x" * 1000 + f"'{B}'".encode()
    result = ask(rules_of("", settings=Settings(threshold=10)), f"{P}/", answer=(200, lines, body))
    assert result.body == body
    assert problem_codes(result)[0] == Reason.REST_PASSED


def test_a_damaged_coding_ends_a_stream() -> None:
    body = gzip.compress(b"<p>" * 1000)
    lines = [HTML, ("Content-Encoding", "gzip"), ("Content-Length", str(len(body)))]
    result = ask(rules_of("", settings=Settings(threshold=1)), f"{P}/", answer=(200, lines, body[:-8] + b"damaged!"))
    assert result.body == b""
    assert problem_codes(result)[0] == Reason.CODING_BROKEN


ENCODINGS = [("utf-16", "text/html; charset=utf-16le", "utf-16-le"), ("utf-8", "text/html", "utf-8")]


@pytest.mark.parametrize(("name", "content_type", "codec"), ENCODINGS)
@pytest.mark.parametrize("coding", ["", "gzip"])
def test_streams_in_encodings_and_codings(name: str, content_type: str, codec: str, coding: str) -> None:
    page = f'<p>表 <a href="{B}/x">'.encode(codec) * 500
    body = gzip.compress(page) if coding else page
    lines = [("Content-Type", content_type), ("Content-Length", str(len(body)))]
    lines += [("Content-Encoding", coding)] if coding else []
    result = ask(rules_of("", settings=Settings(threshold=10)), f"{P}/", answer=(200, lines, body))
    sent = gzip.decompress(result.body or b"") if coding else result.body
    assert sent == page.replace(B.encode(codec), P.encode(codec)), name


def test_rules_for_bodies_do_not_apply_to_event_streams_and_the_trace_says_so() -> None:
    rules = rules_of("outboundRules: [{name: r, match: {pattern: a}, action: {type: Rewrite, value: b}}]")
    result = ask(rules, f"{P}/", answer=(200, [("Content-Type", "text/event-stream")], b"data: a\n\n"))
    assert result.body == b"data: a\n\n"
    assert problem_codes(result)[0] == Reason.NO_RULES_IN_EVENTS


def test_an_event_stream_is_rewritten_line_by_line() -> None:
    lines = [("Content-Type", "text/event-stream"), ("Content-Length", "40")]
    result = ask(rules_of(""), f"{P}/", answer=(200, lines, f"data: {B}/x\n\ndata: {B}".encode()))
    assert result.body == f"data: {P}/x\n\ndata: {P}".encode()
    assert field(result, "content-length") == []


PLAIN_WEB_CONFIG = """
name: plain
rules:
  - name: canonical
    match: (.*)
    conditions: [{input: '{HTTP_HOST}', pattern: ^example\\.com$}]
    action: {type: Redirect, url: 'https://www.example.com/{R:1}'}
  - {name: old, match: ^old$, action: {type: Redirect, url: new}}
  - {name: app, match: ^app/(.*), action: {type: Rewrite, url: 'http://privateserver:8080/{R:1}'}}
"""

PLAIN_CASES = [
    # scheme and host, SNI, path, status, Location or URL at the backend
    ("https://example.com", "example.com", "/a", 301, f"{P}/a"),
    ("http://any.example:81", "", "/old", 301, "http://any.example:81/new"),
    ("https://[::1]:8443", "", "/old", 301, "https://[::1]:8443/new"),
    ("https://any.example", "any.example", "/old", 301, "https://any.example/new"),
    ("https://any.example", "other.example", "/app/x", None, f"{B}/x"),
    ("https://any.example", "any.example", "/else", 404, ""),
]


@pytest.mark.parametrize(("origin", "sni", "path", "status", "goes_to"), PLAIN_CASES)
def test_a_site_without_names_and_backend(origin: str, sni: str, path: str, status: int | None, goes_to: str) -> None:
    scheme, _, host = origin.partition("://")
    request = RequestFacts("GET", scheme, host, path, (("Host", host),), sni=sni)
    exchange = Exchange(rules_of(PLAIN_WEB_CONFIG, site=""), AssetMemory(), request, "id")
    routing = exchange.route()
    if isinstance(routing, Forward):
        assert (status, routing.url) == (None, goes_to)
        return
    assert isinstance(routing, LocalResponse)
    assert routing.status == status
    if status == 404:
        assert b"No rule sends this request to a backend" in routing.body
        assert exchange.trace.events[-2]["reason"] == Reason.NO_BACKEND
    else:
        assert dict(routing.fields)["Location"] == goes_to


def test_links_come_back_with_the_name_that_was_asked_for() -> None:
    page = f'<a href="{B}/x">'.encode()
    result = ask(rules_of(PLAIN_WEB_CONFIG, site=""), "https://any.example:9/app/x", answer=(200, [HTML], page))
    assert result.body == b'<a href="https://any.example:9/app/x">'


@pytest.mark.parametrize(("host", "sni", "status"), [("a.example", "a.example", 200), ("b.example", "a.example", 421)])
def test_a_connection_for_a_named_site_is_not_one_for_every_name(host: str, sni: str, status: int) -> None:
    site = "sites: [{name: a, public: 'https://a.example', backend: 'http://a'}, {name: rest, backend: 'http://b'}]"
    routing = Exchange(rules_of("", site=site), AssetMemory(), facts(host, sni=sni), "id").route()
    assert (routing.status if isinstance(routing, LocalResponse) else 200) == status
