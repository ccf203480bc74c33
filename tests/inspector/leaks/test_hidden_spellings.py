"""Spellings that hide the letters of a host: every row of both tables, and what only looks like one."""

from __future__ import annotations

import base64
import quopri
import random
from collections.abc import Callable

import pytest

from counting import assert_linear
from inspector.leaking import exchange, worst
from rules_of import rules_of
from urlrewrite.inspector.diagnose.why import Why
from urlrewrite.inspector.leaks.harm import Harm, Remedy
from urlrewrite.inspector.names.encoded import ENCODINGS, forms_of
from urlrewrite.inspector.names.escapes import READINGS
from urlrewrite.inspector.names.names import Names
from urlrewrite.model.origin import Origin

URL = "http://privateserver:8080/x"
NAMES = Names([Origin("http", "privateserver", 8080)], [Origin("https", "www.example.com", 443)])
MANY = Names(
    [Origin("http", f"srv{number}.corp.example", 8080) for number in range(1000)],
    [Origin("https", f"www{number}.example.com", 443) for number in range(1000)],
)
WITH_MORE = MANY.with_more([Origin("http", "privateserver", 8080)], Origin("https", "www.example.com", 443))


def codes(text: str, form: str = "%d", between: str = ",") -> str:
    return between.join(form % ord(char) for char in text)


def utf16(text: str, codec: str = "utf-16-le") -> bytes:
    return text.encode(codec)


ENCODED = {
    # text: spelling
    r"url(http://\70 rivateserver:8080/x)": "CSS escapes",
    r"url(http://\70\72\69vateserver:8080/x)": "CSS escapes",
    "url(http://\\000070rivateserve\\000052\r\n:8080/x)": "CSS escapes",
    r"url(http\3a\2f\2f\70\000052 ivateserver\3a 8080/x)": "CSS escapes",
    r"url(http://pr\ivate\server:8080/x)": "CSS escapes",
    r'{"css": "a{b:url(//\\70 rivateserver:8080/x)}"}': "CSS escapes",
    r"f('http://\160rivateserver:8080/x')": "octal escapes",
    r"f('http:\057\057privateserve\162\072\070080/x')": "octal escapes",
    "http=3A=2F=2Fprivateserver=3A8080=2Fx": "quoted-printable",
    "href=3D=22http://=70rivateserver:8080/x": "quoted-printable",
    "http://privateserve=72:8080/x": "quoted-printable",
    "http://privatese=\r\nrver:8080/x": "quoted-printable",
    "http://privatese=\nrver:8080/x": "quoted-printable",
    codes(URL, "=%02X", ""): "quoted-printable",
    "BEGIN:VCALENDAR\r\nURL:http://privates\r\n erver:8080/x": "folded lines",
    "URL:http://privates\n erver:80\n 80/x": "folded lines",
    URL.encode().hex(): "hexadecimal",
    URL.encode().hex().upper(): "hexadecimal",
    URL.upper().encode().hex(): "hexadecimal",
    "0x" + b"see privateserver:8080".hex(): "hexadecimal",
    URL.encode().hex(" "): "hexadecimal",
    URL.encode().hex(":").upper(): "hexadecimal",
    utf16(URL).hex(): "hexadecimal of UTF-16",
    utf16(URL, "utf-16-be").hex(): "hexadecimal of UTF-16",
    utf16(URL.upper()).hex().upper(): "hexadecimal of UTF-16",
    f"[{codes(URL)}]": "character codes",
    f"String.fromCharCode({codes(URL, between=', ')})": "character codes",
    f"[\n    {codes(URL, between=',' + chr(10) + '    ')}\n]": "character codes",
    f'["{codes(URL, between=chr(34) + "," + chr(34))}"]': "character codes",
    codes(URL, "chr(%d)", " . "): "character codes",
    codes(URL, "Chr(%d)", " & "): "character codes",
    codes(URL, between=" "): "character codes",
    f"String.fromCharCode({codes(URL, '0x%x')})": "character codes",
    f"new Uint8Array([{codes(URL, '0x%02X', ', ')}])": "character codes",
    f"new Uint8Array([{', '.join(map(str, utf16(URL)))}])": "character codes",
    f"f(65);f(66);String.fromCharCode({codes(URL)})": "character codes",
    codes(URL.upper()): "character codes",
    base64.b64encode(URL.encode()).decode(): "base64",
}


@pytest.mark.parametrize(("text", "spelling"), ENCODED.items(), ids=list(ENCODED))
@pytest.mark.parametrize("around", ["%s", '<p data-x="%s">\n', "\u00fc\u20ac 1,2,3 [%s] %%41 deadbeef\n"])
@pytest.mark.parametrize("names", [NAMES, WITH_MORE], ids=["one", "and a thousand others"])
def test_hidden_spellings(text: str, spelling: str, around: str, names: Names) -> None:
    data = (around % text).encode()
    assert names.may_occur(data)
    (named,) = names.find(data)
    assert named.spelling == spelling
    assert data[named.start : named.end] == named.written
    assert named.written in text.encode()
    assert named.authority in ("privateserver:8080", "privateserver")


def spelled(host: str) -> dict[bytes, str]:
    """A URL of a host, written in some ways of each kind, with what these are called."""
    url = f"http://{host}:8080/x"
    return {
        url.encode(): "plain",
        f"http%3A%2F%2F{host}%3A8080".encode(): "percent-encoded",
        f"//{host}:8080/x".replace("corp", "c%6frp").encode(): "percent-encoded",
        f"url({url})".replace("srv", r"\73rv").encode(): "CSS escapes",
        url.replace("srv", "=73rv").encode(): "quoted-printable",
        url.encode().hex().encode(): "hexadecimal",
        url.upper().encode().hex(":").encode(): "hexadecimal",
        utf16(url).hex().encode(): "hexadecimal of UTF-16",
        f"[{codes(url, between=', ')}]".encode(): "character codes",
        f"[{', '.join(map(str, utf16(url)))}]".encode(): "character codes",
        **{base64.b64encode(b" " * before + url.encode()): "base64" for before in range(3)},
        f" {url}".encode("utf-16-le"): "UTF-16",
        f" {url}".encode("utf-16-be"): "UTF-16",
        f" {url}".encode("utf-32-le"): "UTF-32",
    }


@pytest.mark.parametrize("names", [MANY, WITH_MORE], ids=["many", "with more"])
def test_one_host_of_many_is_found_and_no_other(names: Names) -> None:
    host = "srv777.corp.example"
    for data, spelling in spelled(host).items():
        assert names.may_occur(data)
        (named,) = names.find(data)
        assert (named.spelling, named.authority, named.origin) == (spelling, f"{host}:8080", Origin("http", host, 8080))
    for data in spelled("srv1777.corp.example"):
        assert not names.find(data)


DOMAINS = {
    "one domain": lambda number: f"srv{number}.corp.example",
    "addresses": lambda number: f"10.1.{number % 4}.{number}",
    "a word and a number": lambda number: f"server{number}",
    "short words": lambda number: f"s{number:03}",
}


@pytest.mark.parametrize("kind", DOMAINS)
def test_a_thousand_hosts_are_looked_for_by_a_few_forms(kind: str) -> None:
    hosts = [DOMAINS[kind](number).encode() for number in range(200)]
    once = sum(1 for _ in forms_of(hosts[:1]))
    assert sum(1 for _ in forms_of(hosts)) <= 20 * once
    names = Names([Origin("http", host.decode(), 8080) for host in hosts], [])
    for host in hosts:
        url = b"http://%b:8080/x" % host
        for text in (base64.b64encode(url), url.hex().encode(), codes(url.decode()).encode()):
            (named,) = names.find(text)
            assert named.origin.host.encode() == host


def test_all_rows_are_tried() -> None:
    assert {each.name for each in READINGS} - {""} <= {*ENCODED.values()}
    spellings = {form.spelling for encoding in ENCODINGS for form in encoding(b"privateserver")}
    assert spellings <= {*ENCODED.values()}


@pytest.mark.parametrize("row", range(len(ENCODINGS)))
def test_each_encoding_finds_what_no_other_does(row: int) -> None:
    (first, *_) = ENCODINGS[row](b"privateserver")
    found = []
    for text in ENCODED:
        data = text.encode()
        by = [other for other, encoding in enumerate(ENCODINGS)
              for form in encoding(b"privateserver")
              if form.pattern.search(data if form.cased else data.lower())]  # fmt: skip
        found += [text] if by == [row] or {*by} == {row} else []
    assert found, first


NO_NAMES = [
    # (host, text)
    ("privateserver", "<td width=70><td size=72 height=65>"),
    ("privateserver", r"/\d+\s\w\70/.test('C:\70\server')"),
    ("privateserver", "a private\n server, and a private\n\tserver"),
    ("privateserver", "112,114,105,118,97,116,101,115,101,114,118,101,114,115"),
    ("privateserver", "[1112,114,105,118,97,116,101,115,101,114,118,101,114]"),
    ("privateserver", b"theprivateservers".hex()),
    ("privateserver", "x" + b"privateserver"[:-1].hex()),
    ("app", "617070 97,112,112 [97, 112, 112] YXBw 61:70:70 =61=70=70 0x61,0x70,0x70"),
    ("app", b"an app of ours".hex()),
    ("app", codes("an app of ours")),
    ("db-1", codes("db-1x") + b"xdb-1".hex()),
]


@pytest.mark.parametrize(("host", "text"), NO_NAMES)
def test_what_only_looks_like_a_name(host: str, text: str) -> None:
    names = Names([Origin("http", host, 3000)], [Origin("https", "www.example.com", 443)])
    assert not names.find(text.encode())


def in_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def in_codes(data: bytes) -> str:
    return codes(data.decode())


@pytest.mark.parametrize("encode", [bytes.hex, in_base64, in_codes])
def test_short_hosts_are_found_in_urls(encode: Callable[[bytes], str]) -> None:
    names = Names([Origin("http", "app", 3000)], [Origin("https", "www.example.com", 443)])
    (named,) = names.find(encode(b"u=http://app:3000/x").encode())
    assert (named.authority, named.is_url) == ("app:3000", True)


@pytest.mark.parametrize("host", ["app", "web", "db", "10.0.0.7", "server"])
def test_noise_has_no_names(host: str) -> None:
    names = Names([Origin("http", host, 3000)], [Origin("https", "www.example.com", 443)])
    noise = random.Random(1).randbytes(200_000)
    for text in (noise.hex(), base64.b64encode(noise).decode(), ",".join(map(str, noise)), noise.hex(" ")):
        assert not names.find(text.encode())


def test_a_whole_text_in_quoted_printable() -> None:
    text = f"<p>{'ü' * 40} <a href='{URL}'>the link that is wrapped</a> {'é' * 20} <a href='{URL}'>\n" * 20
    data = quopri.encodestring(text.encode())
    assert len(NAMES.find(data)) == 40


@pytest.mark.parametrize("text", [*ENCODED, "=70rivat", r"\70 rivat", "\n pr", codes("privateserve") + ","])
def test_many_of_them_take_no_more_than_their_number(text: str) -> None:
    assert_linear(lambda count: lambda: NAMES.find(text.encode() * count), 400)


@pytest.mark.parametrize("text", [URL.encode().hex(), codes(URL), codes(URL, "=%02X", "")])
def test_what_is_encoded_is_told_with_its_reason(text: str) -> None:
    rules = rules_of("links: everywhere")
    leak = worst(exchange(rules, f"<p data-x='{text}'>"), rules)
    assert (leak.harm, leak.remedy, leak.cause.code) == (Harm.WARNING, Remedy.NONE, Why.ENCODED_NAME)
    assert leak.why.startswith(f"{leak.spelling} is left alone")


def test_browsers_read_the_escapes_of_style_sheets() -> None:
    rules = rules_of("links: off")
    seen = exchange(rules, r"<style>a{background:url(http://\70 rivateserver:8080/x)}</style>")
    assert (worst(seen, rules).harm, worst(seen, rules).place) == (Harm.ERROR, "<style>")
