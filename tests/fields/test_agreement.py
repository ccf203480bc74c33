"""What rules set of who asked for what: our own fields are theirs, and no other contradicts them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules_of import ask, rules_of
from urlrewrite.exchange.responses import Forward
from urlrewrite.fields.forwarding import UNKNOWN_TLS_INFO as TLS
from urlrewrite.fields.forwarding import forwarding_fields
from urlrewrite.fields.reasons import FieldReason
from urlrewrite.model.origin import Origin

PLAIN, SECURE = Origin("http", "www.example.com", 80), Origin("https", "www.example.com", 443)
NAMES = ("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "Forwarded", "X-ARR-SSL")


def sent(by_rules: dict[str, str | None], requested: Origin = PLAIN, client: str = "192.0.2.1") -> dict[str, str]:
    fields, _ = forwarding_fields(
        (), client_ip=client, requested=requested, target="/a", trace_id="t", by_rules=by_rules
    )
    return {name: value for name, value in fields if name in NAMES}


def expected(*values: str) -> dict[str, str]:
    return {name: value for name, value in zip(NAMES, values, strict=False) if value}


C, W = "192.0.2.1", "www.example.com"
CASES: list[tuple[dict[str, str | None], Origin, dict[str, str]]] = [
    ({}, PLAIN, expected(C, W, "http", "80", f"for={C};host={W};proto=http")),
    ({"x-a": "b"}, PLAIN, expected(C, W, "http", "80", f"for={C};host={W};proto=http")),
    ({"x-forwarded-proto": "https"}, PLAIN, expected(C, W, "https", "443", f"for={C};host={W};proto=https", TLS)),
    ({"x-forwarded-proto": "http"}, SECURE, expected(C, W, "http", "80", f"for={C};host={W};proto=http")),
    ({"x-forwarded-ssl": "on"}, PLAIN, expected(C, W, "https", "443", f"for={C};host={W};proto=https", TLS)),
    ({"front-end-https": "off"}, SECURE, expected(C, W, "http", "80", f"for={C};host={W};proto=http")),
    (
        {"x-forwarded-host": "p.example:8443"},
        SECURE,
        expected(C, "p.example:8443", "https", "8443", f'for={C};host="p.example:8443";proto=https', TLS),
    ),
    (
        {"x-forwarded-host": "p.example", "x-forwarded-proto": "https", "x-forwarded-port": "8443"},
        PLAIN,
        expected(C, "p.example", "https", "8443", f"for={C};host=p.example;proto=https", TLS),
    ),
    (
        {"forwarded": 'for="[2001:db8::1]";host=p.example;proto=https, for=10.0.0.1'},
        PLAIN,
        expected(
            "2001:db8::1, 10.0.0.1",
            "p.example",
            "https",
            "443",
            'for="[2001:db8::1]";host=p.example;proto=https, for=10.0.0.1',
            TLS,
        ),
    ),
    # What only another element says, a proxy behind the first was asked for.
    (
        {"forwarded": "for=10.0.0.1, for=10.0.0.2;proto=https;host=inner.example"},
        PLAIN,
        expected(
            "10.0.0.1, 10.0.0.2", W, "http", "80", "for=10.0.0.1, for=10.0.0.2;proto=https;host=inner.example"
        ),
    ),
    (
        {"x-forwarded-for": "198.51.100.7, 2001:db8::2"},
        PLAIN,
        expected("198.51.100.7, 2001:db8::2", W, "http", "80",
                 f'for=198.51.100.7;host={W};proto=http, for="[2001:db8::2]"'),
    ),
    (
        {"x-forwarded-host": "www.example.com/docs"},
        SECURE,
        expected(C, "www.example.com/docs", "https", "443", f"for={C};host={W};proto=https", TLS),
    ),
    ({"x-forwarded-host": None}, PLAIN, expected(C, "", "http", "80", f"for={C};proto=http")),
    ({"x-forwarded-for": None}, PLAIN, expected("", W, "http", "80", f"host={W};proto=http")),
    ({"forwarded": None}, PLAIN, expected(C, W, "http", "80", "")),
]  # fmt: skip


@pytest.mark.parametrize(("by_rules", "requested", "fields"), CASES, ids=lambda value: str(value)[:60])
def test_they_agree(by_rules: dict[str, str | None], requested: Origin, fields: dict[str, str]) -> None:
    assert sent(by_rules, requested) == fields


SAYS = [
    # a field, what a rule sets in it, what was requested, the host and the scheme that Forwarded says
    ("x-forwarded-proto", "https", PLAIN, W, "https"),
    ("x-forwarded-scheme", "HTTPS", PLAIN, W, "https"),
    ("x-forwarded-protocol", "https", PLAIN, W, "https"),
    ("x-scheme", "https", PLAIN, W, "https"),
    ("x-url-scheme", "https", PLAIN, W, "https"),
    ("front-end-https", "on", PLAIN, W, "https"),
    ("x-forwarded-ssl", "on", PLAIN, W, "https"),
    ("x-arr-ssl", "2048|256|C=US|CN=a", PLAIN, W, "https"),
    *(("x-forwarded-ssl", off, SECURE, W, "http") for off in ("off", "0", "false", "No")),
    ("x-forwarded-host", "p.example", PLAIN, "p.example", "http"),
    ("x-original-host", "p.example, q.example", PLAIN, "p.example", "http"),
]


@pytest.mark.parametrize(("name", "value", "requested", "host", "scheme"), SAYS, ids=lambda value: str(value)[:30])
def test_what_says_the_scheme_or_the_host(name: str, value: str, requested: Origin, host: str, scheme: str) -> None:
    assert sent({name: value}, requested)["Forwarded"] == f"for={C};host={host};proto={scheme}"


def test_the_trace_shows_what_is_sent() -> None:
    rules = rules_of(
        """
        rules:
          - name: r
            match: .*
            serverVariables: {HTTP_X_FORWARDED_PROTO: https, HTTP_X_FORWARDED_HOST: p.example, HTTP_X_A: a}
            action: None
        """
    )
    result = ask(rules, "http://www.example.com/a")
    assert isinstance(result.routing, Forward)
    wire = dict(result.routing.fields)
    shown = [event for event in result.exchange.trace.events if event["event"] == "GENERAL_SET_REQUEST_HEADER"]
    assert {event["name"] for event in shown} >= {"X-Forwarded-Proto", "X-Forwarded-Host", "Forwarded"}
    for event in shown:
        assert wire[event["name"]] == event["after"]
    assert wire["Forwarded"] == "for=127.0.0.1;host=p.example;proto=https"
    assert wire["x-a"] == "a"


def test_a_rule_is_named_as_the_reason() -> None:
    _, changes = forwarding_fields(
        (), client_ip=C, requested=PLAIN, target="/", trace_id="t", by_rules={"x-forwarded-proto": "https"}
    )
    reasons = {change.field: change.whys[0].reason for change in changes}
    assert reasons["X-Forwarded-Proto"] is FieldReason.BY_RULE
    assert reasons["Forwarded"] is FieldReason.WHO_ASKED


VALUES = st.none() | st.text('ahtps:/;,="[]\\ 1.', max_size=12)


@given(st.dictionaries(st.sampled_from([name.lower() for name in NAMES]), VALUES), st.booleans())
def test_whatever_a_rule_says_is_what_is_sent(by_rules: dict[str, str | None], secure: bool) -> None:
    fields = sent(by_rules, SECURE if secure else PLAIN)
    for name in NAMES:
        if name.lower() in by_rules:
            assert fields.get(name) == (by_rules[name.lower()] or None) or name == "X-ARR-SSL"
