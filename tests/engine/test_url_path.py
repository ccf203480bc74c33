"""The URL a rule sees, and the way back to what was sent."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from urlrewrite.engine.url_path import SEPARATOR, CookedPath, encode_url, remove_dot_segments, split_target

COOKED = [
    ("/", ""),
    ("", ""),
    ("/content/default.aspx", "content/default.aspx"),
    ("/a%20b", "a b"),
    ("/a%2Fb", "a/b"),
    ("/caf%C3%A9", "café"),
    ("/x%", "x%"),
    ("/x%zz", "x%zz"),
    ("/x%2541", "x%41"),
    ("//a//b", "a/b"),
    ("/a\\b", "a/b"),
    ("/a%5Cb", "a/b"),
    ("/%ff", "\udcff"),
    ("/a/../b", "b"),
    ("/a/%2e%2e/b", "b"),
    ("/a/./b/.", "a/b/"),
    ("/../../etc/passwd", "etc/passwd"),
    ("/a/..%2f..%5cb", "b"),
    ("/a..b/.c/...", "a..b/.c/..."),
    ("/+", "+"),
    ("/%u0073ecret", "secret"),
    ("/%U00E9%u4e0d", "é不"),
    ("/%ud83d%uDE00x", "\U0001f600x"),
    ("/%ud83dx%ude00", "\ufffdx\ufffd"),
    ("/a%u002Fb%u005cc", "a/b/c"),
    ("/a/%u002e%u002E/b", "b"),
    ("/%u12", "%u12"),
]


@pytest.mark.parametrize(("raw", "text"), COOKED)
def test_cooked(raw: str, text: str) -> None:
    assert CookedPath(raw).text == text


SLICES = [
    ("/a%2Fb/c", "^(.*)$", "a%2Fb/c"),
    ("/caf%C3%A9/x", "é", "%C3%A9"),
    ("/a//b", "a/b", "a//b"),
    ("/%ff%fe", "\udcff\udcfe", "%ff%fe"),
    ("/plain/path", "path", "path"),
    ("/x%u00e9%uD83D%ude00y", "é\U0001f600", "%u00e9%uD83D%ude00"),
]


@pytest.mark.parametrize(("raw", "part", "sent"), SLICES)
def test_raw_slice_is_what_was_sent(raw: str, part: str, sent: str) -> None:
    path = CookedPath(raw)
    start, end = (0, len(path.text)) if part == "^(.*)$" else (path.text.index(part), path.text.index(part) + len(part))
    assert path.raw_slice(start, end) == sent


@given(st.text(alphabet="/.%2eEfFcC5abu0\\é ", max_size=30))
def test_a_cooked_path_has_no_dot_segments_and_keeps_its_bytes(raw: str) -> None:
    path = CookedPath("/" + raw)
    assert not {".", ".."} & set(path.text.split("/"))
    whole = path.raw_slice(0, len(path.text))
    assert path.raw.endswith(whole)
    assert re.fullmatch(f"{SEPARATOR}*", path.raw.removesuffix(whole))


DOTS = [
    # The first slash goes with the segment behind it.
    ("/.%2Fx", "/x"),
    ("/..\\x", "/x"),
    ("/a%2F..", "/"),
    ("/a/b", "/a/b"),
    ("/a/..", "/"),
    ("/a/b/..", "/a/"),
    ("/..", "/"),
    ("/.", "/"),
    ("/a/.b/..c", "/a/.b/..c"),
]


@pytest.mark.parametrize(("raw", "removed"), DOTS)
def test_remove_dot_segments(raw: str, removed: str) -> None:
    assert remove_dot_segments(raw) == removed


@given(
    st.lists(st.sampled_from(["/", "\\", "%2F", "%u005c", ".", "%2e", "%U002E", "a", "%", "2e", "u002f"]), max_size=12)
)
def test_dot_segments_are_removed_once_and_for_all(pieces: list[str]) -> None:
    removed = remove_dot_segments("/" + "".join(pieces))
    assert removed.startswith("/")
    assert remove_dot_segments(removed) == removed


ENCODED = [
    ("a b", "a%20b"),
    ("100%", "100%25"),
    ("%20%zz", "%20%25zz"),
    ("é", "%C3%A9"),
    ("\udcff", "%FF"),
    ("a\r\nb", "a%0D%0Ab"),
    ("http://h/[x]?a=b&c='d'#e", "http://h/[x]?a=b&c='d'#e"),
    ('<">', "%3C%22%3E"),
    ("%u0073%u12", "%u0073%25u12"),
]


@pytest.mark.parametrize(("text", "encoded"), ENCODED)
def test_encode_url(text: str, encoded: str) -> None:
    assert encode_url(text) == encoded
    assert encode_url(encoded) == encoded


def test_split_target() -> None:
    assert split_target("/a?b?c") == ("/a", "b?c")
    assert split_target("/a?") == ("/a", "")
    assert split_target("/a") == ("/a", None)
