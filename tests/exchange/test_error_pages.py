"""Which responses get a page of the site: every error of the proxy itself, in both modes, and no other response."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rules_of import ask, rules_of
from urlrewrite.exchange.error_pages import with_error_page
from urlrewrite.exchange.gateway import gateway_response
from urlrewrite.exchange.responses import LocalResponse
from urlrewrite.model import ErrorPage, Mode, Site
from urlrewrite.model.farms import RetryCause
from urlrewrite.trace.trace import Trace

PAGE = b"<p title='{TraceId}'>{R:1} {TraceId}</p>"


def paged(site: Site, *statuses: int) -> Site:
    return replace(site, error_pages={status: ErrorPage("/p.html", PAGE, "text/html") for status in statuses})


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("cause", [None, *RetryCause])
def test_a_failed_backend(cause: RetryCause | None, mode: Mode) -> None:
    site, trace = Site(name="a", mode=mode), Trace("0a<")
    usual = gateway_response(site, trace, cause)
    got = with_error_page(usual, paged(site, usual.status), "0a<")
    body = b"<p title='0a&lt;'>{R:1} 0a&lt;</p>"
    assert (got.status, got.reason, got.body) == (usual.status, usual.reason, body)
    assert got.sub_status == usual.sub_status
    assert dict(got.fields) == dict(usual.fields) | {"Content-Type": "text/html", "Content-Length": str(len(body))}
    assert with_error_page(usual, paged(site, 404), "0a<") == usual


REFUSED = """
mode: iis
allowedServerVariables: [HTTP_X_OTHER]
rules: [{name: r, match: .*, serverVariables: {HTTP_X_A: a}, action: None}]
"""
CUSTOM = "rules: [{name: r, match: .*, action: {type: CustomResponse, statusCode: 500, statusReason: No}}]\n"


@pytest.mark.parametrize(
    ("text", "own"), [(REFUSED, True), (CUSTOM, False), (f"mode: iis\n{CUSTOM}", False), ("links: off\n", False)]
)
def test_an_answer_to_a_request(text: str, own: bool) -> None:
    rules = rules_of(text)
    sites = tuple(replace(item, site=paged(item.site, 500)) for item in rules.rules.sites)
    rules = replace(rules, rules=replace(rules.rules, sites=sites))
    result = ask(rules, "https://www.example.com/x", answer=(500, (), b"of the backend"))
    assert (result.status, b"<p title=" in (result.body or b"")) == (500, own)


INVALID = [
    ("https://www.example.com/a/..;/b", (), True),
    ("https://www.example.com/a", (("X Y", "z"),), True),
    ("http://privateserver/a/..;/b", (("Host", "www.example.com"),), True),
    ("https://other.example.com/a/..;/b", (), False),
    ("https://www.example.com/a", (("Host", "www.example.com, other.example.com"),), False),
]


@pytest.mark.parametrize(("url", "fields", "own"), INVALID)
@pytest.mark.parametrize("below", ["", "/app"])
def test_an_invalid_request_to_a_site_gets_its_page(
    below: str, url: str, fields: tuple[tuple[str, str], ...], own: bool
) -> None:
    public = f"[https://www.example.com{below}, http://www.example.com{below}]"
    rules = rules_of("", site=f"public: {public}\nbackend: http://privateserver\n")
    sites = tuple(replace(item, site=paged(item.site, 400)) for item in rules.rules.sites)
    rules = replace(rules, rules=replace(rules.rules, sites=sites))
    result = ask(rules, url.replace("/a", f"{below}/a"), *fields)
    assert (result.status, b"<p title=" in (result.body or b"")) == (400, own)
    assert result.exchange.trace.data["site"] == (rules.rules.sites[0].site.name if own else "")
    # Nobody can be sure where such a request of HTTP/1 ends.
    assert ("Connection", "close") in (result.fields or ())


def test_a_response_that_cannot_be_rewritten() -> None:
    rules = rules_of("mode: iis\noutboundRules: [{name: r, match: {pattern: x}, action: {type: Rewrite, value: y}}]\n")
    sites = tuple(replace(item, site=paged(item.site, 500)) for item in rules.rules.sites)
    rules = replace(rules, rules=replace(rules.rules, sites=sites))
    lines = (("Content-Type", "text/html"), ("Content-Encoding", "gzip"))
    result = ask(rules, "https://www.example.com/x", answer=(200, lines, b"x"))
    assert (result.status, b"<p title=" in (result.body or b"")) == (500, True)
    assert result.exchange.trace.data["sub_status"] == 52


def test_a_response_that_is_not_valid() -> None:
    rules = rules_of("links: off\n")
    sites = tuple(replace(item, site=paged(item.site, 502)) for item in rules.rules.sites)
    rules = replace(rules, rules=replace(rules.rules, sites=sites))
    result = ask(rules, "https://www.example.com/x", answer=(200, (("a b", "c"),), b"x"))
    assert (result.status, b"<p title=" in (result.body or b"")) == (502, True)


def test_without_a_site_nothing_changes() -> None:
    error = LocalResponse(404, is_error=True)
    assert with_error_page(error, None, "a") is error
