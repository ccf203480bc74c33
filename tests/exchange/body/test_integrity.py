"""Promises by hashes, kept over whole exchanges."""

from __future__ import annotations

import gzip

import pytest

from rules_of import ask, field, problem_codes, rules_of
from urlrewrite.content.asset_memory import AssetMemory
from urlrewrite.content.integrity import digests
from urlrewrite.exchange.rule_tests import Evaluation
from urlrewrite.exchange.rules_in_force import RulesInForce, Settings
from urlrewrite.fields.reasons import FieldReason
from urlrewrite.model.field_lines import FieldLine
from urlrewrite.trace.reasons import Reason

B = "http://privateserver:8080"
P = "https://www.example.com"
HTML = ("Content-Type", "text/html")
SCRIPT = ("Content-Type", "text/javascript")
CODE = f'fetch("{B}/x")'
MAPPED = f'fetch("{P}/x")'
OLD, NEW = digests(CODE.encode())["sha256"], digests(MAPPED.encode())["sha256"]
TAG = "<script src=/a.js integrity='{}'></script>"


def page(
    body: str, *fields: FieldLine, rules: RulesInForce | None = None, memory: AssetMemory | None = None
) -> Evaluation:
    return ask(rules or rules_of(""), f"{P}/", answer=(200, [HTML, *fields], body.encode()), memory=memory)


def script(
    memory: AssetMemory, *fields: FieldLine, code: bytes = CODE.encode(), rules: RulesInForce | None = None
) -> Evaluation:
    answer = (200, [SCRIPT, ("ETag", '"a"'), *fields], code)
    return ask(rules or rules_of(""), f"{P}/a.js", answer=answer, memory=memory)


@pytest.mark.parametrize("name", ["Content-Security-Policy", "Content-Security-Policy-Report-Only"])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (f"<script>{CODE}</script>", f"<script>{MAPPED}</script>"),
        (f"<button onclick='{CODE}'>", f"<button onclick='{MAPPED}'>"),
    ],
)
def test_inline_code_is_allowed_by_the_hash_that_it_has_now(name: str, before: str, after: str) -> None:
    result = page(before, (name, f"script-src '{OLD}' 'unsafe-hashes'"))
    assert result.body == after.encode()
    assert field(result, name) == [f"script-src '{OLD}' '{NEW}' 'unsafe-hashes'"]
    assert result.exchange.trace.problems() == []


def test_style_attributes_and_blocks_alike() -> None:
    for before, after, form in (
        (f"a{{background:url({B}/x)}}", f"a{{background:url({P}/x)}}", "<style>{}</style>"),
        (f"background:url({B}/x)", f"background:url({P}/x)", '<p style="{}">'),
    ):
        old, new = digests(before.encode())["sha384"], digests(after.encode())["sha384"]
        result = page(form.format(before), ("Content-Security-Policy", f"style-src '{old}'"))
        assert result.body == form.format(after).encode()
        assert field(result, "content-security-policy") == [f"style-src '{old}' '{new}'"]


def test_a_policy_in_the_page_is_mended_too() -> None:
    meta = "<meta http-equiv=Content-Security-Policy content=\"script-src '{}'\"><script>{}</script>"
    result = page(meta.format(OLD, CODE))
    assert result.body == meta.format(f"{OLD}' '{NEW}", MAPPED).encode()
    assert field(result, "content-length") == [str(len(result.body))]


def test_the_code_of_a_page_in_another_encoding_is_hashed_as_utf_8() -> None:
    code, mapped = f'"\xe9 {B}/x"', f'"\xe9 {P}/x"'
    old, new = digests(code.encode())["sha256"], digests(mapped.encode())["sha256"]
    for charset in ("iso-8859-1", "utf-16le"):
        lines = [("Content-Type", f"text/html; charset={charset}"), ("Content-Security-Policy", f"script-src '{old}'")]
        body = f"<script>{code}</script>".encode(charset)
        result = ask(rules_of(""), f"{P}/", answer=(200, lines, body))
        assert result.body == f"<script>{mapped}</script>".encode(charset)
        assert field(result, "content-security-policy") == [f"script-src '{old}' '{new}'"]


def test_what_cannot_be_mended_is_warned_of() -> None:
    policy = ("Content-Security-Policy", f"script-src '{OLD}'")
    rules = rules_of(
        "outboundRules: [{name: r, match: {pattern: '<i>'}, action: {type: Rewrite, value: '<script>1</script>'}}]"
    )
    result = page(f"<i><script>{CODE}</script>", policy, rules=rules)
    assert problem_codes(result) == [FieldReason.INLINE_BLOCKED]
    streamed = rules_of("", settings=Settings(threshold=10))
    length = ("Content-Length", "99999")
    result = page(f"<script>{CODE}</script>", policy, length, rules=streamed)
    assert FieldReason.INLINE_BLOCKED in problem_codes(result)


def test_an_unchanged_page_keeps_its_policy() -> None:
    result = page("<script>1</script>", ("Content-Security-Policy", f"script-src '{OLD}'"))
    assert field(result, "content-security-policy") == [f"script-src '{OLD}'"]
    assert result.exchange.trace.problems() == []


def test_a_file_that_a_page_vouches_for_is_left_alone() -> None:
    memory = AssetMemory()
    assert page(TAG.format(OLD), memory=memory).body == TAG.format(OLD).encode()
    result = script(memory)
    assert result.body == CODE.encode()
    assert field(result, "etag") == ['"a"']
    assert problem_codes(result) == [Reason.DIGEST_PROMISED]
    assert script(memory, code=b"nothing to map").exchange.trace.problems() == []
    other = ask(rules_of(""), f"{P}/b.js", answer=(200, [SCRIPT], CODE.encode()), memory=memory)
    assert other.body == MAPPED.encode()


def test_so_is_one_that_is_too_long_to_be_held() -> None:
    rules, memory = rules_of("", settings=Settings(threshold=10)), AssetMemory()
    assert page(TAG.format(OLD), rules=rules, memory=memory).body == TAG.format(OLD).encode()
    result = script(memory, ("Content-Length", str(len(CODE))), rules=rules)
    assert result.body == CODE.encode()
    assert field(result, "content-length") == [str(len(CODE))]
    assert problem_codes(result) == [Reason.DIGEST_PROMISED]


@pytest.mark.parametrize("coded", [False, True])
def test_a_file_that_was_changed_before_its_page_came_has_its_new_digest_there(coded: bool) -> None:
    memory = AssetMemory()
    first = script(memory, ("Content-Encoding", "gzip"), code=gzip.compress(CODE.encode())) if coded else script(memory)
    assert first.body is not None
    assert (gzip.decompress(first.body) if coded else first.body) == MAPPED.encode()
    result = page(TAG.format(OLD), ("Content-Security-Policy", f"script-src '{OLD}'"), memory=memory)
    assert result.body == TAG.format(NEW).encode()
    # A policy may allow a file by the digest that its element has (CSP 3, 6.7.2.3).
    assert field(result, "content-security-policy") == [f"script-src '{OLD}' '{NEW}'"]
    assert script(memory).body == MAPPED.encode()


def test_a_rewritten_copy_of_what_has_to_stay_now_is_not_confirmed() -> None:
    memory = AssetMemory()
    page(TAG.format(OLD), memory=memory)
    for tag, kept in (('"a;ur=12345678"', False), ('"a"', True)):
        routing = ask(rules_of(""), f"{P}/a.js", ("If-None-Match", tag), memory=memory).routing
        assert ("If-None-Match" in dict(routing.fields)) == kept  # type: ignore[union-attr]
