"""What backends give as the reason of a refusal, and what rules have taken from them."""

from __future__ import annotations

import pytest

from inspector.test_broken import exchange, found
from rules_of import rules_of
from urlrewrite.inspector.diagnose.case import Case
from urlrewrite.inspector.diagnose.page_loads import PageLoad
from urlrewrite.inspector.diagnose.refusal_words import what_rules_changed

HOSTS = [
    "Bad Request - Invalid Hostname",
    "HTTP Error 400. The request hostname is invalid.",
    "Invalid HTTP_HOST header: 'www.example.com'.",
    "Invalid Host header",
    "Access through untrusted domain",
    "The request was rejected because the domain www.example.com is untrusted.",
    'Blocked request. This host ("www.example.com") is not allowed.',
    "Blocked hosts: www.example.com",
    "The provided host name is not valid for this server.",
    "Unknown host",
    "Disallowed host",
    "This domain is unknown here",
    "The host is not known",
    "The host is not trusted",
    "The host is not recognized",
    "The host is not served",
    "The host is blocked",
]


@pytest.mark.parametrize("words", HOSTS)
def test_a_host_that_is_not_known(words: str) -> None:
    rules = rules_of("")
    (finding,) = found(rules, exchange(rules, status=400, body=f"<h1>{words}</h1>"))
    assert finding.code == "host-refused"


TLS = [
    "The plain HTTP request was sent to HTTPS port",
    "Client sent an HTTP request to an HTTPS server.",
    "This combination of host and port requires TLS.",
    "This port requires SSL",
    "You're speaking plain HTTP to an SSL-enabled server port.",
    "plain HTTP to a TLS port",
]


@pytest.mark.parametrize("words", TLS)
def test_tls_that_is_wanted(words: str) -> None:
    rules = rules_of("")
    (finding,) = found(rules, exchange(rules, status=400, body=words))
    assert finding.code == "tls-wanted"


@pytest.mark.parametrize("status", [400, 403, 421, 426, 497])
def test_statuses_of_such_refusals(status: int) -> None:
    rules = rules_of("")
    (finding,) = found(rules, exchange(rules, status=status, body="Invalid host header"))
    assert finding.code == "host-refused"


OTHERS = [
    (400, "The name of the product is not valid"),
    (400, "The host of the meeting did not come"),
    (404, "Unknown host"),
    (500, "java.net.UnknownHostException: db"),
    (502, "Invalid host"),
    (400, "This page requires a login"),
]


@pytest.mark.parametrize(("status", "words"), OTHERS)
def test_other_words(status: int, words: str) -> None:
    rules = rules_of("")
    codes = {each.code for each in found(rules, exchange(rules, status=status, body=words))}
    assert not codes & {"host-refused", "tls-wanted"}


def test_who_is_asked_by_tls_does_not_want_it() -> None:
    rules = rules_of("", site="public: https://www.example.com\nbackend: https://privateserver\n")
    (finding,) = found(rules, exchange(rules, status=400, body=TLS[0]))
    assert finding.code != "tls-wanted"


GOES_BY = [
    (400, "Cookie"),
    (401, "Authorization"),
    (401, "Cookie"),
    (403, "Authorization"),
    (403, "Cookie"),
    (403, "Origin"),
    (403, "Referer"),
    (406, "Accept"),
    (406, "Accept-Language"),
    (406, "Accept-Encoding"),
    (412, "If-Match"),
    (412, "If-None-Match"),
    (412, "If-Modified-Since"),
    (412, "If-Unmodified-Since"),
    (415, "Content-Type"),
    (415, "Content-Encoding"),
    (416, "Range"),
    (416, "If-Range"),
    (419, "Cookie"),
    (419, "Origin"),
]


def changed(name: str, status: int, *, sent: bool = True, value: str = "''") -> str | None:
    variable = f"HTTP_{name.upper().replace('-', '_')}"
    rules = rules_of(f"rules: [{{name: r, match: .*, serverVariables: {{{variable}: {value}}}, action: None}}]")
    seen = exchange(rules, asked=[("Sec-Fetch-Dest", "document"), *([(name, "secret")] if sent else [])], status=status)
    cause = what_rules_changed(Case(PageLoad(seen), rules), seen, status)
    return cause and cause.why


@pytest.mark.parametrize(("status", "name"), GOES_BY)
def test_what_a_rule_takes_away(status: int, name: str) -> None:
    said = changed(name, status)
    assert said == f'the rule "r" removes the {name} header, which the backend needs'
    assert changed(name, status, value="other") == said.replace("removes", "changes")


def test_what_the_client_did_not_send_and_what_does_not_matter() -> None:
    assert changed("Authorization", 401, sent=False) is None
    assert changed("User-Agent", 401) is None
    assert changed("Authorization", 404) is None
