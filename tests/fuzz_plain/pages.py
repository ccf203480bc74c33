"""Pages of HTML, put together at random of what matters to the quick ways through a page; whole and in pieces."""

from __future__ import annotations

import random
from collections.abc import Iterator

B = b"http://privateserver:8080"
_OTHER = b"http://10.0.0.7/"

TOKENS = (
    # what most pages are made of
    *(b" ", b"\n", b"text", b"a < b", b"x=1", b'he said="no"', b"&amp;", b"\xc3\xa9\xff\x00", b"<br>", b"<br/>"),
    *(b"</p>", b"<p>", b"<p class=x>", b'<p class="x y" id=\'z\'>', b'<a href="/x?a=1&amp;b=2">', b"</a>"),
    *(b"</a >", b"<hr noshade>", b'<a href="' + B + b'/x">', b'<img src="' + B + b'/i.png" alt="i">'),
    *(b'<a href="' + _OTHER + b'">', b"<a\nhref='/x' >", b'<a title="' + B + b'/">', b"<a href='" + B + b"/x'>"),
    *(b"<a href=" + B + b"/x>", b'<a HREF = "' + B + b'/x">', b'<a href ="' + B + b'/x">'),
    *(b'<a href= "' + B + b'/x">', b'<a/href="' + B + b'/x">', b'</a href="' + B + b'/x">'),
    *(b'<a href="' + B + b"/?u=" + B + b'/">', b'<a href="' + B + b'">'),
    *(b'<a href="' + B + b'/x"y="' + B + b'/z">', b'<p x="a" title=\' href="' + B + b"/x\"'>"),
    *(b'<p x= href="' + B + b'/x">', b'<x onclick="go(\'' + B + b"/x')\">"),
    # identifiers, documents, promises
    *(b'<html xmlns="' + B + b'/x">', b'<p itemtype="' + B + b'/T">'),
    *(b'<p property="og:url" content="' + B + b'/x">', b'<iframe srcdoc="<a href=' + B + b'/x>">'),
    *(b'<link rel=x href="' + B + b'/s" integrity="sha256-AAAA">', b"<p vocab=x>"),
    *(b"<meta http-equiv=content-security-policy content=\"script-src 'sha256-AAAA' " + B + b'">',),
    *(b"<p XMLNS:a='b'>",),
    # hosts in texts, and hidden ones
    *(b"privateserver", B + b"/", b'="' + B + b"/", b"PrivateServer:8080", b"10.0.0.7", b"//privateserver:8080/x"),
    *(b'<a href="http://priv%61teserver:8080/">', b"<a href=//priv&#97;teserver:8080>"),
    *(b'<a href="ht\ttp://10.0.0.7/">', b'<a href="//private\nserver:8080/x">'),
    *(b'<a href=" \thttp:&#47;/privateserver:8080/">', b'<a href="http:\\\\privateserver:8080">'),
    *(b'<a href="https://other.example/?u=%2F&#x26;">', b'<a href="home&b">', b'<a href="w">'),
    *(b'<a href="/&b//c%41">',),
    # what is no ordinary tag
    *(b"<script>", b"</script>", b"<style>", b"</style>", b"<title>", b"</title>", b"<svg>", b"</svg>", b"<math>"),
    *(b"</math>", b"<!--", b"-->", b"<!doctype html>", b"<?x?>", b"<![CDATA[", b"]]>", b"<textarea>"),
    *(b"</textarea>", b"</>", b"<scripted>"),
    # parts of tags
    *(b"<", b">", b"=", b'"', b"'", b"/", b'="', b"<a", b"<p ", b"</", b" href=", b' href="', b" title='"),
    *(b" integrity=", b"`", b" class", b" itemprop=", b" http-equiv=", b" a=b", b" srcset=", b"h", b"http", b"//"),
    *(b"\\", b"\t", b"\r", b"%41", b"&"),
)  # fmt: skip


def page(rng: random.Random) -> tuple[bytes, int]:
    """A page, and the number of the tokens that it was made of."""
    tokens = rng.choices(TOKENS, k=rng.randint(1, 40))
    return b"".join(tokens), len(tokens)


def chunkings(data: bytes, rng: random.Random) -> Iterator[list[bytes]]:
    """The page in two, in some pieces, and byte by byte."""
    cut = rng.randint(0, len(data))
    yield [data[:cut], data[cut:]]
    pieces, at = [], 0
    while at < len(data):
        size = rng.randint(1, 60)
        pieces.append(data[at : at + size])
        at += size
    yield pieces
    yield [data[at : at + 1] for at in range(len(data))]


def all_cuts(data: bytes) -> Iterator[list[bytes]]:
    """The page in two, at every place."""
    return ([data[:cut], data[cut:]] for cut in range(len(data) + 1))
