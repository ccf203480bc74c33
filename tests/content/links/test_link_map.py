"""The link map: every spelling is found, written back in kind, and nothing else is touched."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from urlrewrite.content.links.link_map import LinkMap, Pair
from urlrewrite.model.origin import Origin

BACKEND = Origin("http", "privateserver", 8080)
WWW = Origin("https", "www.example.com", 443)
LOCAL = Origin("https", "localhost", 8443)

TO_WWW = LinkMap([Pair(BACKEND, WWW)])
TO_LOCAL = LinkMap([Pair(BACKEND, LOCAL)])

MAPPED = [
    # as it is, to a public name with the default port, to one with a port of its own
    ("http://privateserver:8080", "https://www.example.com", "https://localhost:8443"),
    ("http://privateserver:8080/", "https://www.example.com/", "https://localhost:8443/"),
    ("HTTP://PrivateServer:8080/A", "https://www.example.com/A", "https://localhost:8443/A"),
    ("https://privateserver:8080/", "https://www.example.com/", "https://localhost:8443/"),
    ("http://privateserver.:8080/", "https://www.example.com/", "https://localhost:8443/"),
    ("http://u:p@privateserver:8080/", "https://u:p@www.example.com/", "https://u:p@localhost:8443/"),
    ("ws://privateserver:8080/ws", "wss://www.example.com/ws", "wss://localhost:8443/ws"),
    ("//privateserver:8080/x", "//www.example.com/x", "//localhost:8443/x"),
    ('"//privateserver:8080"', '"//www.example.com"', '"//localhost:8443"'),
    ("see http://privateserver:8080.", "see https://www.example.com.", "see https://localhost:8443."),
    ("http://privateserver:8080?a", "https://www.example.com?a", "https://localhost:8443?a"),
    (r"http:\/\/privateserver:8080\/x", r"https:\/\/www.example.com\/x", r"https:\/\/localhost:8443\/x"),
    (r"http:\\\/\\\/privateserver:8080", r"https:\\\/\\\/www.example.com", r"https:\\\/\\\/localhost:8443"),
    (r"http:\u002f\u002Fprivateserver:8080", r"https:\u002f\u002Fwww.example.com", r"https:\u002f\u002Flocalhost:8443"),
    (
        r"http\u003a\u002f\u002fprivateserver\u003a8080",
        r"https\u003a\u002f\u002fwww.example.com",
        r"https\u003a\u002f\u002flocalhost\u003a8443",
    ),
    (r"http:\x2f\x2fprivateserver:8080", r"https:\x2f\x2fwww.example.com", r"https:\x2f\x2flocalhost:8443"),
    ("http%3A%2F%2Fprivateserver%3A8080%2F", "https%3A%2F%2Fwww.example.com%2F", "https%3A%2F%2Flocalhost%3A8443%2F"),
    ("http%3a%2f%2fprivateserver%3a8080", "https%3a%2f%2fwww.example.com", "https%3a%2f%2flocalhost%3a8443"),
    (
        "http%253A%252F%252Fprivateserver%253A8080",
        "https%253A%252F%252Fwww.example.com",
        "https%253A%252F%252Flocalhost%253A8443",
    ),
    (
        "http&#58;&#47;&#x2F;privateserver&#58;8080",
        "https&#58;&#47;&#x2F;www.example.com",
        "https&#58;&#47;&#x2F;localhost&#58;8443",
    ),
    (
        "http&colon;&sol;&sol;privateserver:8080",
        "https&colon;&sol;&sol;www.example.com",
        "https&colon;&sol;&sol;localhost:8443",
    ),
    (r"http\3a \2f\2f privateserver:8080", r"https\3a \2f\2f www.example.com", r"https\3a \2f\2f localhost:8443"),
    (r"a\nhttp://privateserver:8080", r"a\nhttps://www.example.com", r"a\nhttps://localhost:8443"),
    (
        "%3Fu%3Dhttp%3A%2F%2Fprivateserver%3A8080",
        "%3Fu%3Dhttps%3A%2F%2Fwww.example.com",
        "%3Fu%3Dhttps%3A%2F%2Flocalhost%3A8443",
    ),
    ("&quot;//privateserver:8080/&quot;", "&quot;//www.example.com/&quot;", "&quot;//localhost:8443/&quot;"),
]


@pytest.mark.parametrize(("text", "www", "local"), MAPPED, ids=[case[0] for case in MAPPED])
def test_spellings(text: str, www: str, local: str) -> None:
    assert TO_WWW.map_text(text) == www
    assert TO_LOCAL.map_text(text) == local


LEFT_ALONE = [
    "privateserver",
    "the privateserver is down",
    "http://privateserver/",
    "https://privateserver/",
    "//privateserver/",
    "http://privateserver:80801/",
    "http://privateserver:80/",
    "http://privateserver:8080a",
    "http://privateserver:8080@evil.example/",
    "http://privateserver@evil.example/",
    "http://privateserver.evil.example:8080/",
    "http://privateserver-old:8080/",
    "http://notprivateserver:8080/",
    "http://my.privateserver:8080/",
    "xhttp://privateserver:8080/",
    "ftp://privateserver:8080/",
    "http://other/a//privateserver:8080/",
    "someone@privateserver:8080",
    '"privateserver:8080"',
]


@pytest.mark.parametrize("text", LEFT_ALONE)
def test_other_hosts_and_plain_words_stay(text: str) -> None:
    data = text.encode()
    assert TO_WWW.map(data) is data


BARE = [
    ('location.host === "privateserver:8080"', 'location.host === "localhost:8443"'),
    ("hostname == 'privateserver'", "hostname == 'localhost'"),
    ('{"host":"privateserver:8080"}', '{"host":"localhost:8443"}'),
    (r"{\"host\":\"privateserver:8080\"}", r"{\"host\":\"localhost:8443\"}"),
    ("'http://' + 'privateserver:8080' + '/x'", "'https://' + 'localhost:8443' + '/x'"),
    ('"ws://"+"privateserver:8080"', '"wss://"+"localhost:8443"'),
    ('"privateserver:8080/api"', '"localhost:8443/api"'),
    ('"privateserver:80801"', '"privateserver:80801"'),
    ('"privateserver.example"', '"privateserver.example"'),
    ("`privateserver:8080`", "`localhost:8443`"),
    ("privateserver:8080", "privateserver:8080"),
]


@pytest.mark.parametrize(("text", "mapped"), BARE)
def test_hosts_that_stand_alone_in_code(text: str, mapped: str) -> None:
    assert TO_LOCAL.map_text(text, bare=True) == mapped


DEFAULT_PORTS = [
    ("http://intern:80@evil.example/", "http://intern:80@evil.example/"),
    ("http://intern/", "https://www.example.com/"),
    ("http://intern:80/", "https://www.example.com/"),
    ("https://intern/", "https://www.example.com/"),
    ("https://intern:443/", "https://www.example.com/"),
    ("//intern/", "//www.example.com/"),
    ("http://intern:/x", "https://www.example.com/x"),
    ("http://intern:81/", "http://intern:81/"),
]


@pytest.mark.parametrize(("text", "mapped"), DEFAULT_PORTS)
def test_a_backend_on_a_default_port(text: str, mapped: str) -> None:
    assert LinkMap([Pair(Origin("http", "intern", 80), WWW)]).map_text(text) == mapped


HOSTS = [
    (Origin("http", "2001:db8::1", 8080), "http://[2001:DB8::1]:8080/x"),
    (Origin("http", "10.0.0.7", 80), "http://10.0.0.7/x"),
    (Origin("http", "xn--bcher-kva.example", 80), "http://bücher.example/x"),
    (Origin("http", "xn--bcher-kva.example", 80), "http://xn--bcher-kva.example/x"),
    (Origin("http", "xn--bcher-kva.example", 80), "http://b%C3%BCcher.example/x"),
]


@pytest.mark.parametrize(("origin", "text"), HOSTS)
def test_hosts_of_every_kind(origin: Origin, text: str) -> None:
    assert LinkMap([Pair(origin, WWW)]).map_text(text) == "https://www.example.com/x"


@pytest.mark.parametrize(
    ("text", "mapped"),
    [
        (r"http\3a\2f\2fprivateserver:8080\2f x", r"https\3a\2f\2f app.example.com:9443\2f x"),
        (r"http\3a\2f\2f privateserver\3a 8080", r"https\3a\2f\2f app.example.com\3a 9443"),
        (r"\2f\2Fprivateserver:8080", r"\2f\2F app.example.com:9443"),
        (r"http\00003a\00002f\00002fprivateserver:8080", r"https\00003a\00002f\00002fapp.example.com:9443"),
    ],
)
def test_escapes_of_styles_do_not_take_in_what_follows(text: str, mapped: str) -> None:
    assert LinkMap([Pair(BACKEND, Origin("https", "app.example.com", 9443))]).map_text(text) == mapped


def test_several_backends_and_the_one_with_the_longer_name() -> None:
    shop = Origin("https", "shop.example.com", 443)
    both = LinkMap([Pair(Origin("http", "app", 80), WWW), Pair(Origin("http", "app.shop", 80), shop)])
    assert both.map_text("http://app/ http://app.shop/") == "https://www.example.com/ https://shop.example.com/"


AUTHORITIES = [
    ("privateserver:8080", "localhost:8443"),
    ("PRIVATESERVER:8080", "localhost:8443"),
    ("privateserver", "localhost"),
    ("privateserver:81", None),
    ("other:8080", None),
    ("", None),
]


@pytest.mark.parametrize(("authority", "mapped"), AUTHORITIES)
def test_map_authority(authority: str, mapped: str | None) -> None:
    assert TO_LOCAL.map_authority(authority) == mapped


def test_every_change_is_told() -> None:
    told: list[tuple[int, bytes, bytes]] = []
    TO_WWW.map(b"x http://privateserver:8080/ //privateserver:8080", on_change=lambda *change: told.append(change))
    assert told == [
        (2, b"http://privateserver:8080", b"https://www.example.com"),
        (29, b"//privateserver:8080", b"//www.example.com"),
    ]


BYTES = st.lists(
    st.sampled_from(
        [
            b"http:",
            b"//",
            b"\\/\\/",
            b"%2F%2F",
            b"privateserver",
            b":8080",
            b":",
            b"/",
            b'"',
            b"\xff",
            b"a",
            b" ",
            b"www.",
        ]
    ),
    max_size=12,
).map(b"".join)


@given(BYTES, st.booleans())
def test_the_short_way_gives_what_the_long_one_does(data: bytes, bare: bool) -> None:
    """A link at the very beginning is mapped without a look at its parts; a blank before it takes the long way."""
    for rest in (data, b"http://privateserver:8080/" + data):
        told: list[tuple[int, bytes, bytes]] = []
        also: list[tuple[int, bytes, bytes]] = []
        short = TO_LOCAL.map(rest, bare=bare, on_change=lambda *change: told.append(change))  # noqa: B023
        long = TO_LOCAL.map(b" " + rest, bare=bare, on_change=lambda *change: also.append(change))  # noqa: B023
        assert b" " + short == long
        assert [(offset + 1, before, after) for offset, before, after in told] == also


@given(BYTES)
def test_mapping_twice_changes_nothing_more(data: bytes) -> None:
    once = TO_LOCAL.map(data, bare=True)
    assert TO_LOCAL.map(once, bare=True) == once


@given(st.binary(max_size=60), st.sampled_from([case[0] for case in MAPPED[7:22]]), st.binary(max_size=60))
def test_what_stands_around_a_link_is_never_touched(before: bytes, link: str, after: bytes) -> None:
    data = before + b" " + link.encode() + b" " + after
    mapped = TO_WWW.map(data)
    assert mapped.startswith(before)
    assert mapped.endswith(after)


@pytest.mark.parametrize("text", [case[0] for case in MAPPED[5:]])
def test_there_and_back_is_the_identity(text: str) -> None:
    assert LinkMap([Pair(LOCAL, BACKEND)]).map_text(TO_LOCAL.map_text(text)) == text
