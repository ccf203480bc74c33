"""Texts that state the lengths of their parts: read as their readers read them, and counted again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules_of import ask, problem_codes, rules_of
from urlrewrite.content.counted import counted
from urlrewrite.exchange.rules_in_force import Settings

WWW, BACK = "https://www.example.com", "http://privateserver:8080"
DELTA = (("X-MicrosoftAjax", "Delta=true"),)
PLAIN = ("Content-Type", "text/plain; charset=utf-8")


def units(text: str) -> int:
    """The length of a text in JavaScript."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def delta(*parts: tuple[str, str, str]) -> str:
    return "".join(f"{units(content)}|{kind}|{name}|{content}|" for kind, name, content in parts)


def as_page_request_manager(text: str) -> list[tuple[str, str, str]]:
    """What `_parseDelta` of ASP.NET's script reads; it raises where that throws."""
    raw, found = text.encode("utf-16-le"), []

    def upto(at: int) -> tuple[str, int]:
        end = raw.index("|".encode("utf-16-le"), at)
        while end % 2:
            end = raw.index("|".encode("utf-16-le"), end + 1)
        return raw[at:end].decode("utf-16-le"), end + 2

    at = 0
    while at < len(raw):
        length, at = upto(at)
        kind, at = upto(at)
        name, at = upto(at)
        end = at + 2 * int(length)
        found.append((kind, name, raw[at:end].decode("utf-16-le")))
        assert raw[end : end + 2].decode("utf-16-le") == "|"
        at = end + 2
    return found


PARTS = [
    ("#", "", "4"),
    ("updatePanel", "Panel1", f'<a href="{BACK}/x">\U0001f600 é</a>'),
    ("scriptBlock", "ScriptContentNoTags", f"go('{BACK}/x');"),
    ("scriptBlock", "ScriptPath", f"{BACK}/a.js"),
    ("scriptStartupBlock", "ScriptContentWithTags", f'{{"text":"{BACK}/x"}}'),
    ("hiddenField", "__VIEWSTATE", f"/wEPDw{BACK}"),
    ("pageRedirect", "", "http%3a%2f%2fprivateserver%3a8080%2flogin"),
    ("formAction", "", f"{BACK}/p.aspx?a=1"),
    ("dataItemJson", "x", f'{{"u":"{BACK}/j"}}'),
    ("version", "3", BACK),
]


@pytest.mark.parametrize("settings", [Settings(), Settings(threshold=1)], ids=["whole", "stream"])
def test_a_partial_page_update_is_mapped_and_counted_again(settings: Settings) -> None:
    body = delta(*PARTS).encode()
    fields = [PLAIN, ("Content-Length", str(len(body)))]
    result = ask(rules_of("", settings=settings), f"{WWW}/p.aspx", *DELTA, method="POST", answer=(200, fields, body))
    left = {"hiddenField", "version"}
    expected = [
        (kind, name, content if kind in left else content.replace(BACK, WWW).replace(
            "http%3a%2f%2fprivateserver%3a8080", "https%3a%2f%2fwww.example.com"))
        for kind, name, content in PARTS
    ]  # fmt: skip
    assert as_page_request_manager((result.body or b"").decode()) == expected
    assert problem_codes(result) == []


def test_below_a_path_an_update_has_the_paths_of_the_public_name() -> None:
    site = f"public: {WWW}/app\nbackend: {BACK}\n"
    parts = [("updatePanel", "p", "<a href=/x>"), ("pageRedirect", "", "%2flogin"), ("formAction", "", "/p.aspx")]
    result = ask(rules_of("", site=site), f"{WWW}/app/p.aspx", *DELTA, answer=(200, [PLAIN], delta(*parts).encode()))
    contents = [content for _, _, content in as_page_request_manager((result.body or b"").decode())]
    assert contents == ["<a href=/app/x>", "%2fapp%2flogin", "/app/p.aspx"]


@pytest.mark.parametrize("settings", [Settings(), Settings(threshold=1)], ids=["whole", "stream"])
def test_rules_work_on_the_parts(settings: Settings) -> None:
    rules = """
links: off
outboundRules:
  - {name: tags, match: {filterByTags: [A], pattern: ^/old}, action: {type: Rewrite, value: /longer/than/before}}
  - {name: body, match: {pattern: old}, action: {type: Rewrite, value: new one}}
"""
    body = delta(("updatePanel", "p", "<a href=/old>old</a>"), ("scriptBlock", "s", "old()")).encode()
    fields = [PLAIN, ("Content-Length", str(len(body)))]
    result = ask(rules_of(rules, settings=settings), f"{WWW}/p.aspx", *DELTA, answer=(200, fields, body))
    contents = [content for _, _, content in as_page_request_manager((result.body or b"").decode())]
    assert contents == ["<a href=/longer/than/before>new one</a>", "new one()"]


@pytest.mark.parametrize("settings", [Settings(), Settings(threshold=1), Settings(threshold=1, limit=10)])
def test_an_update_that_counts_wrongly_is_left_alone_and_told(settings: Settings) -> None:
    body = f'9|updatePanel|p|<a href="{BACK}/x">|'.encode()
    fields = [PLAIN, ("Content-Length", str(len(body)))]
    result = ask(rules_of("", settings=settings), f"{WWW}/p.aspx", *DELTA, answer=(200, fields, body))
    assert result.body == body
    assert problem_codes(result) == ["counted-left"]


MESSAGES = [
    # Engine.IO 3, BrowserChannel, netstrings in bytes; and what is none of them
    (f'{units("é" + BACK) + 1}:4é{BACK}2:40', f'{units("é" + WWW) + 1}:4é{WWW}2:40'),
    (f'{len(BACK) + 2}\n[{BACK}]4\n[[]]', f'{len(WWW) + 2}\n[{WWW}]4\n[[]]'),
    (f'{len(BACK) + 2}:é{BACK},3:abc,', f'{len(WWW) + 2}:é{WWW},3:abc,'),
    (f"12:30 see {BACK}/x", f"12:30 see {WWW}/x"),
    (f"{BACK}/x", f"{WWW}/x"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "becomes"), MESSAGES)
@pytest.mark.parametrize("settings", [Settings(), Settings(threshold=1)], ids=["whole", "stream"])
def test_messages_in_plain_text_are_counted_again(body: str, becomes: str, settings: Settings) -> None:
    rules = rules_of("linksAlso: [plainText]", settings=settings)
    fields = [PLAIN, ("Content-Length", str(len(body.encode())))]
    result = ask(rules, f"{WWW}/socket.io/", answer=(200, fields, body.encode()))
    assert (result.body or b"").decode() == becomes


@given(
    st.lists(st.tuples(st.text("ab#", max_size=3), st.text("x", max_size=2), st.text("a|0é\U0001f600\n", max_size=9)))
)
def test_what_is_counted_is_what_was_written(parts: list[tuple[str, str, str]]) -> None:
    text = delta(*parts)
    found = counted(text, is_delta=True)
    if not parts:
        assert found is None
        return
    assert found is not None
    contents = [content for _, _, content in parts]
    assert [part.content for part in found.parts] == contents
    assert found.written(contents) == text
    changed = [content + "\U0001f600+" for content in contents]
    assert [content for _, _, content in as_page_request_manager(found.written(changed))] == changed
