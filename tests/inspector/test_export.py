"""Recorded exchanges as cases of `tests:`: they load, and they pass with the rules that they came from."""

from __future__ import annotations

import functools
import gzip
import http.client
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspector.exchanges import BODIES, HTML, seen_by
from privateserver import PAGES, PrivateServer
from rules_of import rules_of
from urlrewrite.engine.facts import ResponseFacts
from urlrewrite.exchange.responses import Forward
from urlrewrite.exchange.rule_tests import evaluate, request_facts, run_test
from urlrewrite.exchange.rules_in_force import RulesInForce, Settings
from urlrewrite.formats.yaml.rules import parse
from urlrewrite.inspector.export import CannotExport, export_case, export_text
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.loading.load import load_rules
from urlrewrite.model import RuleTest

ROOT = Path(__file__).parents[2]
QUICK = {"/events": "?ms=1", "/slow": "?ms=10", "/download/large": "?size=300000"}
BACKEND = "http://privateserver:8080"
SITE = "public: https://www.example.com\nbackend: http://privateserver:8080\n"


@functools.cache
def demo_rules() -> RulesInForce:
    return RulesInForce(load_rules([ROOT / "rules" / "default.yaml"])[0], Settings())


@functools.cache
def demo_exchanges() -> tuple[RecordedExchange, ...]:
    """Each page of the demo, asked for through its rules."""
    with PrivateServer(port=0) as server:
        return tuple(
            _exchange(f"https://localhost:8443{page.path}{QUICK.get(page.path, '')}", server.port)
            for page in PAGES
            if page.kind != "websocket"
        )


def _exchange(url: str, port: int) -> RecordedExchange:
    fields = (
        ("User-Agent", "test"),
        ("Accept-Encoding", "gzip, br"),
        ("Cookie", "session=secret-of-session; lang=de"),
        ("Authorization", "Bearer secret-of-bearer"),
    )
    request = request_facts("GET", url, fields)
    routing = evaluate(demo_rules(), request, None).routing
    original, body = None, None
    if isinstance(routing, Forward):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        sent = dict(routing.fields) | {"Host": routing.host}
        connection.request("GET", routing.target, headers=sent)
        answer = connection.getresponse()
        body = answer.read()
        original = ResponseFacts(answer.status, tuple(answer.getheaders()), answer.reason)
        connection.close()
    result = evaluate(demo_rules(), request, original, body or b"")
    head = None if result.status is None else ResponseFacts(result.status, tuple(result.fields or ()))
    trace = result.exchange.trace.data
    return RecordedExchange(url, 0.0, trace, request, b"", original, body, head, result.body, original is None)


def reread(rules_text: str, case: RuleTest) -> tuple[RulesInForce, RuleTest]:
    """The rule file with the case in it, as it is read."""
    compiled = rules_of(rules_text + export_text([case]), site=SITE)
    return compiled, compiled.rules.rule_set.tests[-1]


def test_every_response_of_the_demo_becomes_a_case_that_passes() -> None:
    exchanges = demo_exchanges()
    assert len(exchanges) > 90
    cases = [export_case(seen, demo_rules()) for seen in exchanges]
    text = export_text(cases)
    assert "secret-of" not in text
    file = (ROOT / "rules" / "default.yaml").read_text()
    own, added = file.partition("\ntests:\n")[0], text
    read, _ = parse(f"{own}\n{added}", "default.yaml")
    assert len(read.tests) == len(cases)
    failed = {test.url: list(run_test(demo_rules(), test)) for test in read.tests}
    assert not {url: messages for url, messages in failed.items() if messages}
    # A case asks for what was done.
    links = [(case, seen) for case, seen in zip(cases, exchanges, strict=True) if seen.trace.get("links")]
    assert len(links) > 40
    for case, seen in links:
        if seen.response_body != seen.original_body and seen.original_body and case.response_body:
            assert case.expect.body_has or case.expect.fields, case.url
    assert max(len(case.response_body) for case in cases) < 20_000


@given(st.data())
def test_any_response_of_the_demo_cut_anywhere_becomes_one(data: st.DataObject) -> None:
    seen = data.draw(st.sampled_from(demo_exchanges()))
    if seen.original_body and not any(name.lower() == "content-encoding" for name, _ in seen.original.fields):  # type: ignore[union-attr]
        at = data.draw(st.integers(0, min(len(seen.original_body), 5000)))
        seen = replace(seen, original_body=seen.original_body[:at])
    case = export_case(seen, demo_rules(), secrets=data.draw(st.booleans()))
    assert list(run_test(demo_rules(), case)) == []


RULES = rules_of(
    r"""
    rules:
      - {name: old, match: ^old$, action: {type: Redirect, url: /new}}
      - {name: gone, match: ^gone$, action: {type: AbortRequest}}
      - name: debug
        match: .*
        conditions: [{input: '{HTTP_X_DEBUG}', pattern: '1'}]
        serverVariables: {HTTP_X_MODE: debug}
        action: {type: Rewrite, url: 'debug/{R:0}'}
      - name: inside
        match: ^inside$
        conditions: [{input: '{REMOTE_ADDR}', pattern: '^10\.'}]
        action: {type: CustomResponse, statusCode: 403}
    """,
    site=SITE,
)

LATIN = (("Content-Type", "text/html; charset=iso-8859-1"),)
GZIP = (*HTML, ("Content-Encoding", "gzip"))
CASES: list[tuple[str, dict[str, Any], Mapping[str, Any]]] = [
    ("/old", {}, {"status": 301, "location": "https://www.example.com/new", "action": "Redirect", "url": None}),
    ("/gone", {}, {"status": None, "action": "AbortRequest"}),
    ("/a", {"request_fields": (("X-Debug", "1"),)}, {
        "url": f"{BACKEND}/debug/a", "request_fields": {"http_x_mode": "debug"}, "action": "Rewrite",
    }),
    ("/a", {"request_fields": (("Accept", "x"), ("Sec-Fetch-Dest", "y"))}, {"url": f"{BACKEND}/a", "action": "None"}),
    ("/a", {"body": f"<a href='{BACKEND}/é'>".encode("latin-1"), "fields": LATIN}, {
        "body_has": ("<a href='https://www.example.com/é'>",), "body_lacks": (f"<a href='{BACKEND}/é'>",),
    }),
    ("/a", {"body": gzip.compress(b"<a href='http://privateserver:8080/z'>"), "fields": GZIP}, {
        "body_has": ("<a href='https://www.example.com/z'>",),
    }),
    ("/a", {"body": b"\x89PNG\0\xff", "fields": (("Content-Type", "image/png"),)}, {"body_has": (), "status": 200}),
    ("/a", {"fields": (*HTML, ("Set-Cookie", "a=b; Domain=privateserver")), "status": 404}, {
        "status": 404, "fields": {"set-cookie": "a=***; Domain=www.example.com; Secure", "accept-ranges": "none"},
    }),
]  # fmt: skip


@pytest.mark.parametrize(("path", "exchange", "expected"), CASES)
def test_what_a_case_expects(path: str, exchange: dict[str, Any], expected: Mapping[str, Any]) -> None:
    case = export_case(seen_by(RULES, url=f"https://www.example.com{path}", **exchange), RULES)
    got = {name: getattr(case.expect, name) for name in expected}
    for name in ("fields", "request_fields"):
        if name in got:
            got[name] = {key: value for key, value in got[name].items() if key in expected[name]}
    if "request_fields" in expected:
        assert case.expect.request_fields
        got["request_fields"] = expected["request_fields"]
        assert "debug" in case.expect.request_fields.values()
    assert got == expected


def test_only_the_fields_that_matter_are_asked_for() -> None:
    fields = (("Accept", "text/html"), ("X-Debug", "1"), ("X-Other", "2"), ("User-Agent", "u"))
    case = export_case(seen_by(RULES, url="https://www.example.com/a", request_fields=fields), RULES)
    assert case.fields == (("X-Debug", "1"), ("X-Other", "2"))
    quiet = export_case(seen_by(RULES, url="https://www.example.com/a", request_fields=fields[:1]), RULES)
    assert quiet.fields == ()


def test_a_long_body_is_cut_to_the_lines_that_changed() -> None:
    body = b"<p>nothing\n" * 3000 + b"<a href='http://privateserver:8080/1'>\n" + b"<p>nothing\n" * 3000
    case = export_case(seen_by(RULES, body), RULES)
    assert case.response_body == "<a href='http://privateserver:8080/1'>\n"
    # In a script that was not cut out with it, the line would be none of a page.
    one = b"<a href='http://privateserver:8080/1'>" + b"x" * 5000
    assert len(export_case(seen_by(RULES, one), RULES).response_body) < 6000


def test_secrets_are_masked_unless_they_are_asked_for() -> None:
    fields = (("Cookie", "sid=secret-of-cookie"), ("X-Debug", "1"))
    url = "https://www.example.com/a?token=secret-of-url&x=1"
    seen = seen_by(RULES, b"<p>secret-of-cookie, secret-of-url", url=url, request_fields=fields)
    masked = export_text([export_case(seen, RULES)])
    assert "secret" not in masked
    assert "?token=***&x=1" in masked
    plain = export_text([export_case(seen, RULES, secrets=True)])
    assert plain.count("secret-of-url") > 1


REFUSED = [
    ({"url": "https://www.example.com/\udcff"}, "no file can hold"),
    ({"url": "https://www.example.com/a#b"}, "cannot express what was requested"),
]


@pytest.mark.parametrize(("exchange", "message"), REFUSED)
def test_what_cannot_be_a_case_is_refused(exchange: dict[str, Any], message: str) -> None:
    seen = seen_by(RULES, **(exchange | {"url": "https://www.example.com/a"}))
    target = exchange["url"].removeprefix("https://www.example.com")
    with pytest.raises(CannotExport, match=message):
        export_case(replace(seen, request=replace(seen.request, target=target)), RULES)


def test_what_the_rules_decide_by_the_client_cannot_be_told() -> None:
    seen = seen_by(RULES, url="https://www.example.com/inside")
    with pytest.raises(CannotExport, match="the client's address"):
        export_case(replace(seen, request=replace(seen.request, client=("10.0.0.1", 1))), RULES)


def test_the_fingerprint_of_the_rules_is_no_part_of_a_case() -> None:
    seen = seen_by(RULES, b"<a href='http://privateserver:8080/'>", fields=(*HTML, ("ETag", '"a"')))
    rules, case = reread("", export_case(seen, rules_of("", site=SITE)))
    assert rules.fingerprint != RULES.fingerprint
    assert list(run_test(rules, case)) == []


_TEXT = st.text(st.characters(exclude_categories=()), max_size=20)
_TOKEN = st.sampled_from(["X-A", "x-b", "Location", "Set-Cookie", "Content-Type", "Cookie", "ETag", "Link", "Vary"])
_LINES = st.lists(st.tuples(_TOKEN, _TEXT | st.sampled_from([BACKEND, "a=b", "text/html"])), max_size=4).map(tuple)


@given(body=BODIES, fields=_LINES, asked=_LINES, path=_TEXT, status=st.integers(100, 999))
def test_hostile_exchanges_are_cases_or_are_refused(
    body: bytes | None, fields: Any, asked: Any, path: str, status: int
) -> None:
    seen = seen_by(RULES, status=status)
    request = replace(seen.request, target=f"/{path}", fields=asked)
    seen = replace(seen, request=request, original=ResponseFacts(status, fields), original_body=body)
    try:
        case = export_case(seen, RULES)
    except CannotExport:
        return
    _, read = reread("", case)
    assert read.url == case.url
    assert list(run_test(RULES, read)) == []
