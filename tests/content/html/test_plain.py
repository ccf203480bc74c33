"""The quick way through a page gives what the way through every token gives, whatever the page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from urlrewrite.content.changes import AttributeRewrites, Links
from urlrewrite.content.html import markup, plain_linear
from urlrewrite.content.html.markup import Markup
from urlrewrite.content.kinds import Kind
from urlrewrite.content.links.link_map import LinkMap, Pair
from urlrewrite.content.mapping import rewrite_content
from urlrewrite.model.origin import Origin

B = b"http://privateserver:8080"
LINK_MAP = LinkMap(
    [
        Pair(Origin("http", "privateserver", 8080), Origin("https", "www.example.com", 443)),
        Pair(Origin("http", "10.0.0.7", 80), Origin("https", "app.example.com", 8443)),
    ]
)


@pytest.fixture(autouse=True, scope="module", params=["re", *(["re2"] if plain_linear.re2 else [])])
def way(request: pytest.FixtureRequest) -> Iterator[None]:
    """All is the same by `re` and, where it can be had, by an automaton."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "re":
            patch.setattr(markup, "automaton", lambda *args, **more: None)
        yield


PIECES = [
    *(b" ", b"\n", b"/", b">", b"<", b"=", b'"', b"'", b'="', b'" ', b"' ", b"a", b"x=", b"<a", b"<p ", b"</a>", b"</"),
    *(
        b" href=",
        b" HREF=",
        b" xmlns=",
        b" integrity=",
        b" onclick=",
        b" data-u=",
        b" srcset=",
        b' href="',
        b" title='",
    ),
    *(
        b"<script>",
        b"</script>",
        b"<style>",
        b"</style>",
        b"<!--",
        b"-->",
        b"<svg>",
        b"</svg>",
        b"<title>",
        b"</title>",
    ),
    *(
        B,
        B + b"/",
        B + b"/x",
        B.upper() + b"/",
        b"privateserver",
        b"http://10.0.0.7/",
        b"//privateserver:8080/",
        b"\xff",
    ),
    *(
        b' href="' + B + b'/x"',
        b'="' + B + b"/",
        b"<b c='d'>",
        b"<img src=" + B + b"/i>",
        b"http:\\/\\/privateserver:8080",
    ),
    *(
        b' srcdoc="',
        b"http:/privateserver:8080",
        b' href="http://priv%61teserver:8080/"',
        b" href=//priv&#97;teserver:8080",
    ),
    *(b' src="//private\nserver:8080/x"', b' src="ht\ttp:', b"//10.0.0&#46;7/", b"&", b"%41", b"\t"),
]

CASES = [
    # (page, how many links are replaced without a look at each)
    (b'<a href="' + B + b'/x" class=c>text</a>', 1),
    (b'<a href="' + B + b'/x"><img src="' + B + b'/y" alt>', 2),
    (b'<p>href="' + B + b'/x"</p>', 0),
    (b"<p title=' href=\"" + B + b"/x\"'>", 0),
    (b'<p title=" href="' + B + b'/x">', 0),
    (b'<p x= href="' + B + b'/x">', 0),
    (b'<html xmlns="' + B + b'/x">', 0),
    (b'<a href="' + B + b"/?u=" + B + b'/x">', 0),
    (b'<script>x="' + B + b'/x"</script>', 0),
    (b'<!-- href="' + B + b'/x" -->', 0),
    (b'</a href="' + B + b'/x">', 0),
    (b'<a/href="' + B + b'/x">', 0),
    (b'<svg><a href="' + B + b'/x"></svg>', 0),
]


def quick(page: bytes, *, everywhere: bool = True, values: AttributeRewrites | None = None) -> tuple[bytes, int, int]:
    """The page as it is sent, the links told, and the links replaced at once."""
    told: list[int] = []
    at_once: list[int] = []
    links = Links(LINK_MAP, everywhere, lambda where, offset, *_: told.append(offset), at_once.append)
    return rewrite_content(page, Kind.HTML, links=links, values=values), len(told), sum(at_once)


def by_token(page: bytes, *, everywhere: bool = True, values: AttributeRewrites | None = None) -> tuple[bytes, int]:
    """The same without the quick way."""
    told: list[int] = []
    links = Links(LINK_MAP, everywhere, lambda where, offset, *_: told.append(offset))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Markup, "_plain", lambda self, links: None)
        return rewrite_content(page, Kind.HTML, links=links, values=values), len(told)


@given(st.lists(st.sampled_from(PIECES), max_size=24).map(b"".join), st.booleans())
def test_same_as_by_token(page: bytes, everywhere: bool) -> None:
    changed, told, at_once = quick(page, everywhere=everywhere)
    assert (changed, told + at_once) == by_token(page, everywhere=everywhere)


@given(st.lists(st.sampled_from(PIECES), max_size=24).map(b"".join))
def test_rules_for_tags_see_what_they_see_by_token(page: bytes) -> None:
    values = AttributeRewrites(
        {b"a": frozenset({b"href"}), b"img": frozenset({b"src"})}, lambda tag, name, value: value.replace(b"/x", b"/y")
    )
    assert quick(page, values=values)[0] == by_token(page, values=values)[0]


@pytest.mark.parametrize(("page", "expected"), CASES)
def test_what_is_plain(page: bytes, expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("urlrewrite.content.html.markup.MAX_PLAIN_LINKS", 0)
    assert quick(page)[2] == expected


def test_what_is_known_of_a_page_is_true_of_it() -> None:
    link = b'<a href="' + B + b'/x">'
    for page, names_hosts, vouches in (
        (link * 3, False, False),
        (link + b"<p>privateserver", True, False),
        (link + b"<!-- privateserver -->", True, False),
        (link + b"<p title=privateserver>" + link, True, False),
        (b"<script>'privateserver'</script>" + link, True, False),
        (link + b'<script integrity="sha256-AAAA">', False, True),
        (link + b'<meta http-equiv="Content-Security-Policy">', False, True),
        (link + b'<meta http-equiv="Content-Type" content="text/html">', False, False),
        (b"nothing", False, True),
    ):
        links = Links(LINK_MAP, True, lambda *change: None)
        sent = rewrite_content(page, Kind.HTML, links=links)
        assert links.reading.names_hosts(sent) >= names_hosts
        assert links.reading.vouches(sent) >= vouches
        assert links.reading.names_hosts(bytes(bytearray(sent)))  # another body
        if markup.automaton(frozenset(), are_links=True, never=frozenset()):
            assert (links.reading.names_hosts(sent), links.reading.vouches(sent)) == (names_hosts, vouches)


def test_links_are_told_one_by_one_up_to_a_limit() -> None:
    told: list[tuple[str, int, bytes, bytes]] = []
    more: list[int] = []
    page = (b'<p><a href="' + B + b'/x">') * 100
    rewrite_content(page, Kind.HTML, links=Links(LINK_MAP, True, lambda *change: told.append(change), more.append))
    assert told[0] == ("<a href>", 12, B, b"https://www.example.com")
    assert (len(told), more) == (64, [36])
    assert all(page.startswith(before, offset) for _, offset, before, _ in told)
