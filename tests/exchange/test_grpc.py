"""Calls of gRPC: what is told of backends that cannot take them, and what clients get in place of an error page."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rules_of import rules_of
from urlrewrite.content.asset_memory import AssetMemory
from urlrewrite.engine.facts import ResponseFacts
from urlrewrite.exchange.exchange import Exchange
from urlrewrite.exchange.grpc import is_grpc
from urlrewrite.exchange.responses import LocalResponse, plain_response
from urlrewrite.exchange.rule_tests import request_facts
from urlrewrite.trace.events import Name
from urlrewrite.trace.reasons import Reason

CALL = (("Content-Type", "application/grpc+proto"), ("TE", "trailers"))
TLS = "public: https://www.example.com\nbackend: https://privateserver:8443\n"
PLAIN = "public: https://www.example.com\nbackend: http://privateserver:8080\n"
FARM = "public: https://www.example.com\nbackend: {}://shop\nfarms: {{shop: {{servers: [a.lan]}}}}\n"


def call(site: str, url: str = "https://www.example.com/s/M", *, version: str = "HTTP/2.0", kind: str = "") -> Exchange:
    fields = (("Content-Type", kind), *CALL[1:]) if kind else CALL
    request = replace(request_facts("POST", url, fields), http_version=version)
    return Exchange(rules_of("", site=site), AssetMemory(), request, "id")


KINDS = [
    # Content-Type, version, whether it is a call
    ("application/grpc", "HTTP/2.0", True),
    ("Application/GRPC+proto; a=b", "HTTP/3", True),
    ("application/grpc", "HTTP/1.1", False),
    ("application/grpc-web", "HTTP/2.0", False),
    ("application/grpc-web+proto", "HTTP/2.0", False),
    ("text/html", "HTTP/2.0", False),
]


@pytest.mark.parametrize(("kind", "version", "expected"), KINDS)
def test_what_is_a_call(kind: str, version: str, expected: bool) -> None:
    exchange = call(PLAIN, kind=kind, version=version)
    assert is_grpc(exchange.request) is expected
    exchange.route()
    assert warned(exchange) == ([Reason.GRPC_OVER_HTTP1] if expected else [])


def warned(exchange: Exchange) -> list[str]:
    return [event["reason"] for event in exchange.trace.events if event["event"] == Name.WARNING]


BACKENDS = [
    # site, whether the backend is asked by HTTP/2
    (TLS, True),
    (PLAIN, False),
    (TLS + "httpVersion: Http11\n", False),
    (FARM.format("https"), True),
    (FARM.format("http"), False),
]


@pytest.mark.parametrize(("site", "http2"), BACKENDS)
def test_a_backend_that_is_asked_by_http1_is_told(site: str, http2: bool) -> None:
    exchange = call(site)
    exchange.route()
    assert warned(exchange) == ([] if http2 else [Reason.GRPC_OVER_HTTP1])


STATUSES = [(400, 13), (401, 16), (403, 7), (404, 12), (429, 14), (502, 14), (503, 14), (504, 14), (500, 2), (431, 2)]


@pytest.mark.parametrize(("status", "code"), STATUSES)
def test_errors_are_trailers(status: int, code: int) -> None:
    exchange = call(TLS)
    exchange.route()
    got = exchange.paged(plain_response(status, "A text.", "id"))
    assert (got.status, got.body, got.is_error) == (200, b"", True)
    fields = dict(got.fields)
    assert fields.pop("grpc-message").startswith(f"{status} ")
    assert fields == {"Content-Type": "application/grpc", "grpc-status": str(code)}


def test_errors_before_a_site_is_chosen_and_of_its_response() -> None:
    unknown = call(TLS, "https://other.example.com/s/M").route()
    assert isinstance(unknown, LocalResponse)
    assert (unknown.status, dict(unknown.fields)["grpc-status"]) == (200, "12")
    exchange = call(TLS)
    exchange.route()
    refused = exchange.receive(ResponseFacts(200, (("a b", "c"),)))
    assert isinstance(refused, LocalResponse)
    assert (refused.status, dict(refused.fields)["grpc-status"]) == (200, "14")


def test_what_stays_as_it_is() -> None:
    error = plain_response(502, "A text.", "id")
    for exchange in (call(f"mode: iis\n{TLS}"), call(TLS, kind="application/grpc-web"), call(TLS, version="HTTP/1.1")):
        exchange.route()
        assert exchange.paged(error) == error
    rule = "rules: [{name: r, match: .*, action: {type: CustomResponse, statusCode: 403, statusReason: No}}]\n"
    decided = call(TLS + rule).route()
    assert isinstance(decided, LocalResponse)
    assert decided.status == 403
