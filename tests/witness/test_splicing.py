"""Where the script goes in a page, however the page arrives."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from urlrewrite.content.coding.codings import CorruptCoding, decode, encode
from urlrewrite.witness.splicing import MAX_SEARCHED, Splice

SCRIPT = b"[S]"

KNOWN = [
    "<!doctype html><html lang=en><head>|<title>x</title>",
    "<!DOCTYPE html>\n<!-- <head> -->\n<HTML>\n<HEAD data-a='>'>|<title>x</title>",
    "\ufeff<!doctype html>|<p>x",
    "|<p>x",
    "<html>|<body>x",
    "<!doctype html>|<title>x</title><head>",
    "<?php x ?><!doctype html><head>|",
    "<!-->|<p>",
    "|plain text",
    "|<html",
    "|<!-- never closed",
    "|<header>",
]
UNKNOWN = [
    "<!doctype html><html><head><meta charset=utf-8>|<title>x</title>",
    "<head><title>a</title><script>'<meta charset=x>'</script><link href=x><META name=a><meta charset='utf-8'>|<p>",
    '<head><meta http-equiv="Content-Type" content="text/html; charset=utf-8">|<p>',
    "<head>|<title>x</title><p><meta charset=utf-8>",
    "<head>|<title>x</title>",
    "<head>|<script>never closed",
    "\ufeff<head>|<meta charset=utf-8>",
]
CASES = [(text, True) for text in KNOWN] + [(text, False) for text in [*KNOWN, *UNKNOWN]]


def spliced(pieces: list[bytes], codings: tuple[str, ...] = (), *, charset_known: bool = True) -> bytes:
    splice = Splice(SCRIPT, codings, charset_known=charset_known)
    return b"".join(map(splice.feed, pieces)) + splice.finish()


@pytest.mark.parametrize(("text", "charset_known"), CASES)
def test_the_place(text: str, charset_known: bool) -> None:
    page = text.encode()
    becomes = page.replace(b"|", SCRIPT)
    page = page.replace(b"|", b"")
    assert spliced([page], charset_known=charset_known) == becomes
    assert spliced([page[at : at + 1] for at in range(len(page))], charset_known=charset_known) == becomes


@pytest.mark.parametrize("page", ["x".encode("utf-16"), b"\xfe\xff\0x", b""])
def test_pages_without_a_place(page: bytes) -> None:
    splice = Splice(SCRIPT, (), charset_known=False)
    assert splice.feed(page) + splice.finish() == page
    assert not splice.done


PARTS = "<!doctype_html> <head> <meta_charset=a> <!-- --> <script> </script> ' \" > < _ a <p> <title> </title>"


@given(
    st.lists(st.sampled_from([part.replace("_", " ") for part in PARTS.split()]), max_size=12),
    st.booleans(),
    st.integers(1, 9),
)
def test_no_byte_is_lost_and_pieces_do_not_matter(parts: list[str], charset_known: bool, size: int) -> None:
    page = "".join(parts).encode()
    whole = spliced([page], charset_known=charset_known)
    assert whole.replace(SCRIPT, b"") == page
    assert whole.count(SCRIPT) == bool(page)
    assert spliced([page[at : at + size] for at in range(0, len(page), size)], charset_known=charset_known) == whole


@pytest.mark.parametrize("codings", [("gzip",), ("deflate",), ("br",), ("zstd",), ("gzip", "br")])
def test_under_codings_each_piece_can_be_read_at_once(codings: tuple[str, ...]) -> None:
    page = b"<head>" + b"x" * 50_000
    coded = encode(page, codings)
    middle = len(coded) // 2
    assert decode(spliced([coded[:middle], coded[middle:]], codings), codings, limit=10**6) == b"<head>[S]" + page[6:]


@pytest.mark.parametrize("data", [b"no gzip", gzip.compress(b"<p>", mtime=0)[:-4]], ids=["no gzip", "cut"])
def test_damaged_codings_are_told(data: bytes) -> None:
    with pytest.raises(CorruptCoding):
        spliced([data], ("gzip",))


def test_a_page_is_not_held_for_long() -> None:
    splice = Splice(SCRIPT, (), charset_known=True)
    page = b"<!--" + b"x" * MAX_SEARCHED
    assert splice.feed(page) == SCRIPT + page
    assert splice.feed(b"more") == b"more"
