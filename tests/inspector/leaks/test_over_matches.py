"""Over-matches: what rules spoil is found by comparing, and what the backend wrote so itself is not told of."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspector.leaking import B, P, exchange, recorded
from rules_of import rules_of
from urlrewrite.engine.facts import ResponseFacts
from urlrewrite.inspector.leaks.over_matches import by_url, find_over_matches

WHOLE = "links: off\noutboundRules:\n  - {name: r, match: {pattern: '%s'}, action: {type: Rewrite, value: '%s'}}\n"
FIELD = (
    "links: off\noutboundRules:\n"
    "  - {name: r, match: {serverVariable: RESPONSE_%s, pattern: '%s'}, action: {type: Rewrite, value: '%s'}}\n"
)
MOUNTED = f"public: {P}/app\nbackend: {B}\n"

SPOILT = [
    # rules, content type, body of the backend, what is found, where, what is there now
    (WHOLE % (B, P), "text/html", f"<p xmlns:a='{B}/ns'>", "changed identifier", "<p xmlns:a>", f"{P}/ns"),
    (WHOLE % (B, P), "text/html", f"<!doctype html system '{B}/d'>", "changed identifier", "document type", f"{P}/d"),
    (WHOLE % (B, P), "text/xml", f"<a targetNamespace='{B}/'/>", "changed identifier", "<a targetNamespace>", P),
    (WHOLE % ("privateserver", "www.example.com"), "text/html", f"<a href='{B}/'>",
     "the backend's port behind the public name", "body", "www.example.com:8080"),
    (WHOLE % ("privateserver:808", "www.example.com"), "text/html", f"<a href='{B}/'>",
     "a name that goes on", "body", "www.example.com0"),
    (WHOLE % ("//", f"{P}/"), "text/html", f"<a href='{B}/'>", "two schemes", "body", "http:https://"),
    (WHOLE % ("privateserver:8080", P), "text/html", f"<a href='{B}/'>", "two schemes", "body", f"http://{P}"),
    (WHOLE % ('"', "&quot;"), "application/json", '{"a": 1}', "broken JSON", "body", "{&quot;a"),
    (FIELD % ("Location", f"^{B}(.*)$", f"https://{P}" + "{R:1}"), "text/html", "", "two schemes", "Location",
     f"https://{P}/x"),
]  # fmt: skip


@pytest.mark.parametrize("case", SPOILT, ids=[f"{c[3]} {c[4]}" for c in SPOILT])
def test_what_rules_spoil(case: tuple[str, str, str, str, str, str]) -> None:
    text, content_type, body, what, place, after = case
    rules = rules_of(text)
    seen = exchange(rules, body, content_type, [("Location", f"{B}/x")] if place == "Location" else [])
    found = [match for match in find_over_matches(seen, rules) if match.what == what]
    assert [match.place for match in found] == [place]
    assert after in found[0].after
    assert found[0].rules == ("r",) or place == "body"


def test_path_twice() -> None:
    rules = rules_of("links: off\n" + WHOLE.partition("\n")[2] % ('="/', '="/app/app/'), site=MOUNTED)
    seen = exchange(rules, '<a href="/x"><a href="/y">', url=f"{P}/app/")
    (match,) = find_over_matches(seen, rules)
    assert (match.what, match.count, match.offset) == ("path twice", 2, 9)


@pytest.mark.parametrize(
    "body",
    [
        f"<a href='https://{P}/x'>",
        "<a href='https://www.example.com:8080/'>",
        "<a href='https://www.example.common/'>",
        f"<a xmlns:a='{P}'>",
    ],
)
def test_what_the_backend_wrote_so_is_not_told(body: str) -> None:
    rules = rules_of("links: everywhere")
    assert find_over_matches(exchange(rules, body + f"<a href='{B}/'>"), rules) == []


def test_the_link_map_spoils_nothing() -> None:
    rules = rules_of("links: everywhere\nlinksAlso: [comments, visibleText, plainText, cookieValues]")
    body = f"<!doctype html><p xmlns:a='{B}'><a href='{B}/x'>{B}</a><!-- {B} --><script>a='{B}'</script>"
    digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
    fields = [("Location", f"{B}/x"), ("Content-Digest", f"sha-256=:{digest}:"), ("Content-Length", str(len(body)))]
    assert find_over_matches(exchange(rules, body, fields=fields), rules) == []


def test_stale_digests_and_lengths() -> None:
    rules = rules_of("links: everywhere")
    body = f"<a href='{B}/x'>"
    digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
    fields = (("Content-Type", "text/html"), ("Repr-Digest", f"sha-256=:{digest}:"), ("Content-Length", str(len(body))))
    seen = exchange(rules, body, fields=fields[1:])
    stale = replace(seen, response=ResponseFacts(200, fields))
    assert [match.what for match in find_over_matches(stale, rules)] == ["stale digest", "wrong length"]
    wrong = (("Content-Type", "text/html"), ("Content-MD5", "wrong before"))
    backends = replace(seen, original=ResponseFacts(200, wrong), response=ResponseFacts(200, wrong))
    assert find_over_matches(backends, rules) == []


def test_stale_signatures() -> None:
    rules = rules_of("links: everywhere")
    covered = [("Location", f"{B}/x"), ("Signature-Input", 'a=("location" "date")'), ("Signature", "a=:AAAA:")]
    (match,) = find_over_matches(exchange(rules, fields=covered), rules)
    assert match.what == "stale signature"
    assert "location, which was changed" in match.why
    others = [("Location", f"{B}/x"), ("Signature-Input", 'a=("date")')]
    assert find_over_matches(exchange(rules, fields=others), rules) == []


def test_integrity_of_files_as_they_were_sent() -> None:
    rules = rules_of("links: everywhere")
    script = f"f('{B}/x')"
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    page = exchange(rules, f"<script src='/a.js' integrity='sha256-{digest}'></script>", url=f"{P}/")
    file = exchange(rules, script, "text/javascript", url=f"{P}/a.js")
    (match,) = find_over_matches(page, rules, by_url([page, file]))
    assert (match.what, match.place) == ("broken integrity", "<script integrity>")
    assert "/a.js has another digest" in match.why
    kept = replace(file, response=file.original, response_body=file.original_body)
    assert find_over_matches(page, rules, by_url([page, kept])) == []
    assert find_over_matches(page, rules) == []


@given(
    st.binary(max_size=120), st.binary(max_size=120), st.sampled_from(["text/html", "application/json", "text/xml", ""])
)
def test_nothing_raises(before: bytes, after: bytes, content_type: str) -> None:
    rules = rules_of("links: everywhere")
    seen = exchange(rules, before, content_type, [("Digest", "x"), ("Signature-Input", after.decode("latin-1"))])
    find_over_matches(replace(seen, response_body=after), rules, by_url([seen]))


def test_responses_without_an_original_are_left_alone() -> None:
    rules = rules_of("links: everywhere")
    seen = recorded(exchange(rules, f"<a href='{B}'>"), rules)
    assert find_over_matches(replace(seen, original=None), rules) == []
    assert find_over_matches(replace(seen, own=True), rules) == []
