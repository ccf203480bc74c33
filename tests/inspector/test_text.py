"""Values that anybody may have written, on one line each."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from urlrewrite.inspector.text import columns, joined, pointed, quoted_names, sentence, shortened
from urlrewrite.trace.text import clipped, shown, visible

ANY_TEXT = st.text(st.characters(exclude_categories=()))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("plain ~", "plain ~"),
        ("ä€漢", "ä€漢"),
        ("a\nb\tc\rd", "a⏎b⇥c‹0D›d"),
        ("\x1b[31mred\x00\x7f\x85", "‹1B›[31mred‹00›‹7F›‹85›"),
        ("a\u202eb\u2066c\u200fd", "a‹202E›b‹2066›c‹200F›d"),
        ("a\u2028b\u2029c", "a‹2028›b‹2029›c"),
        ("zero\u200bwidth\ufeff", "zero‹200B›width‹FEFF›"),
        ("no\xa0break", "no‹A0›break"),
        ("byte \udcff", "byte ‹xFF›"),
        ("half \ud83d", "half ‹D83D›"),
        (12, "12"),
        (None, "None"),
    ],
)
def test_visible(value: object, expected: str) -> None:
    assert visible(value) == expected


@given(ANY_TEXT)
def test_nothing_visible_acts_upon_the_view(text: str) -> None:
    seen = visible(text)
    assert not {unicodedata.category(char) for char in seen} & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    assert visible(seen) == seen
    assert seen.encode().decode() == seen


@given(ANY_TEXT, st.integers(2, 50))
def test_clipped_keeps_both_ends(text: str, limit: int) -> None:
    cut = clipped(text, limit)
    assert len(cut) <= limit
    if len(text) > limit:
        head, _, tail = cut.partition("…") if "…" not in text else (text[: cut.index("…")], "", "")
        assert text.startswith(head)
        assert text.endswith(tail)
    else:
        assert cut == text


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", "(empty)"),
        (" a", "“ a”"),
        ("a ", "“a ”"),
        ("a b", "a b"),
        ("x" * 500, "x" * 239 + "…" + "x" * 160),
    ],
)
def test_shown(value: str, expected: str) -> None:
    assert shown(value) == expected


@pytest.mark.parametrize(
    ("value", "position", "expected"),
    [
        ("news/7", 5, ("news/7", 5)),
        ("news/7", 99, ("news/7", 6)),
        ("news/7", -1, ("news/7", 0)),
        ("", 0, ("", 0)),
        ("a\u202eb", 2, ("a‹202E›b", 7)),
        ("漢字b", 2, ("漢字b", 4)),
        ("e\u0301b", 2, ("e\u0301b", 1)),
        ("a" * 30 + "!" + "b" * 30, 30, ("…" + "a" * 12 + "!" + "b" * 5 + "…", 13)),
        ("a" * 30 + "!", 30, ("…" + "a" * 18 + "!", 19)),
    ],
)
def test_pointed(value: str, position: int, expected: tuple[str, int]) -> None:
    assert pointed(value, position, 20) == expected


@given(ANY_TEXT, st.integers(-5, 400))
def test_the_mark_stands_under_the_character_it_means(value: str, position: int) -> None:
    line, column = pointed(value, position)
    assert 0 <= column <= columns(line)
    at = min(max(position, 0), len(value))
    written = visible(value[at : at + 1])
    if written and columns(written) == 1 and columns(value) == len(value) == columns(visible(value)):
        assert line[column] in (written, "…")


def test_lists_of_items_go_on_in_the_next_line() -> None:
    assert joined([], "lead ", "     ") == []
    assert joined(["aaaa", "bbbb", "cccc"], "lead ", "     ", 16) == ["lead aaaa  bbbb", "     cccc"]
    assert joined(["a" * 40, "b"], "lead ", "     ", 16) == [f"lead {'a' * 40}", "     b"]


def test_sentences_are_wrapped_and_addresses_are_not() -> None:
    url = "https://www.example.com/" + "a" * 90
    assert sentence(f"see {url} and more") == ["  see", f"    {url}", "    and more"]
    assert shortened("abcdef", 4) == "abc…"
    assert shortened("abc", 4) == "abc"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a"], '"a"'),
        (["a", "b"], '"a", "b"'),
        (["a", "b", "c", "d"], '"a", "b" and 2 more'),
        (["a\nb"], '"a⏎b"'),
    ],
)
def test_names_of_rules(names: list[str], expected: str) -> None:
    assert quoted_names(names) == expected
