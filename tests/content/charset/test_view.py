from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from urlrewrite.content.charset.labels import _BY_LABEL, encoding
from urlrewrite.content.charset.view import CannotEncode, Charset, View, detect

CHARSETS = {found.name: Charset(found.name, found.codec, b"", "header") for found in _BY_LABEL.values()}
SCANNED = sorted(name for name, charset in CHARSETS.items() if charset.ascii_compatible)
TRANSCODED = sorted(name for name, charset in CHARSETS.items() if not charset.ascii_compatible)
MULTI_BYTE = ("shift_jis", "big5", "gbk", "gb18030", "euc-kr", "euc-jp")
URL = "http://privateserver:8080/"


def charset(name: str, bom: bytes = b"") -> Charset:
    found = encoding(name)
    assert found is not None
    return Charset(found.name, found.codec, bom, "header")


def view(data: bytes, name: str, *, escapes: bool = False) -> View:
    found = View.of(data, charset(name), escapes=escapes)
    assert found is not None
    return found


LABELS = (
    ("UTF8", "utf-8", "utf-8"),
    (" latin1\n", "windows-1252", "cp1252"),
    ("ISO-8859-1", "windows-1252", "cp1252"),
    ("us-ascii", "windows-1252", "cp1252"),
    ("iso8859-2", "iso-8859-2", "iso8859_2"),
    ("ISO_8859-8", "iso-8859-8", "iso8859_8"),
    ("iso-8859-9", "windows-1254", "cp1254"),
    ("iso885915", "iso-8859-15", "iso8859_15"),
    ("tis-620", "windows-874", "cp874"),
    ("gb2312", "gbk", "gb18030"),
    ("ks_c_5601-1987", "euc-kr", "cp949"),
    ("Shift_JIS", "shift_jis", "cp932"),
    ("big5-hkscs", "big5", "big5hkscs"),
    ("utf-16", "utf-16le", "utf-16-le"),
    ("unicode", "utf-16le", "utf-16-le"),
    ("x-user-defined", "x-user-defined", "ascii"),
)


@pytest.mark.parametrize(("label", "name", "codec"), LABELS)
def test_labels(label: str, name: str, codec: str) -> None:
    found = encoding(label)
    assert found is not None
    assert (found.name, found.codec) == (name, codec)


@pytest.mark.parametrize(
    "label", ["", "utf-7", "rot13", "unicode_escape", "cp037", "iso-2022-cn", "replacement", "none"]
)
def test_labels_that_browsers_ignore(label: str) -> None:
    assert encoding(label) is None


E_ACUTE_UTF8, E_ACUTE_1252 = b"\xc3\xa9", b"\xe9"

DETECTED = (
    # kind, header, data, label, source
    ("html", None, b"", "utf-8", "default"),
    ("html", None, b"<p>plain", "utf-8", "default"),
    ("html", None, b"<p>" + E_ACUTE_UTF8, "utf-8", "default"),
    ("html", None, b"<p>" + E_ACUTE_UTF8[:1], "utf-8", "default"),
    ("html", None, b"<p>" + E_ACUTE_1252 + b"</p>", "windows-1252", "default"),
    ("text", "text/plain", E_ACUTE_1252 + b".", "windows-1252", "default"),
    ("js", None, E_ACUTE_1252 + b".", "utf-8", "default"),
    ("css", None, E_ACUTE_1252 + b".", "utf-8", "default"),
    ("xml", None, b"<a>" + E_ACUTE_1252 + b"</a>", "utf-8", "default"),
    ("json", None, b'"' + E_ACUTE_1252 + b'"', "utf-8", "default"),
    # The mark is stronger than the header, the header than the document.
    ("html", "text/html; charset=shift_jis", codecs.BOM_UTF8 + b'<meta charset="big5">', "utf-8", "BOM"),
    ("html", "text/html", codecs.BOM_UTF16_LE + "<p>".encode("utf-16-le"), "utf-16le", "BOM"),
    ("json", None, codecs.BOM_UTF16_BE + "{}".encode("utf-16-be"), "utf-16be", "BOM"),
    ("text", None, codecs.BOM_UTF32_LE + "a".encode("utf-32-le"), "utf-32le", "BOM"),
    ("text", None, codecs.BOM_UTF32_BE + "a".encode("utf-32-be"), "utf-32be", "BOM"),
    ("html", "text/html; charset=shift_jis", b'<meta charset="big5">', "shift_jis", "header"),
    ("css", "text/css;charset=koi8-r", b'@charset "big5";', "koi8-r", "header"),
    ("xml", 'application/xml; Charset = "ISO-8859-5"', b"<a/>", "iso-8859-5", "header"),
    ("html", "text/html; charset='utf-8'; x=y", b"", "utf-8", "header"),
    ("html", 'text/html; x="a"; charset=gb2312', b"", "gbk", "header"),
    ("html", "text/html; charset=big5; charset=koi8-r", b"", "big5", "header"),
    ("html", "text/html; notcharset=big5", b"", "utf-8", "default"),
    ("html", "text/html; charset=", b"", "utf-8", "default"),
    # A label nobody knows is none.
    ("html", "text/html; charset=bogus", b'<meta charset="big5">', "big5", "meta"),
    ("json", "application/json; charset=utf-7", b"{}", "utf-8", "default"),
    # HTML
    ("html", None, b'<meta charset="Shift_JIS">', "shift_jis", "meta"),
    ("html", None, b"<!-- " + b"x" * 2000 + b' --><meta charset="big5">', "big5", "meta"),
    ("html", None, b"<!-- " + b"x" * 4096 + b' --><meta charset="big5">', "utf-8", "default"),
    ("html", None, b"<meta charset=x-user-defined>", "windows-1252", "meta"),
    ("html", None, b"<meta charset=utf-32>", "utf-8", "meta"),
    ("html", None, b'<?xml version="1.0" encoding="big5"?><html>', "big5", "meta"),
    ("html", None, b'<?xml version="1.0" encoding="big5"?><meta charset=koi8-r>', "koi8-r", "meta"),
    ("html", None, b"<meta http-equiv=content-type content=\"a charset b charset = 'big5'\">", "big5", "meta"),
    ("html", None, b'<meta http-equiv=content-type content="charset=\'big5">', "utf-8", "default"),
    ("html", None, b'<meta http-equiv=content-type content="text/html">', "utf-8", "default"),
    ("html", None, b"<meta charset=bogus http-equiv=content-type content=charset=big5>", "utf-8", "default"),
    ("html", None, b"<meta charset=big5 charset=koi8-r>", "big5", "meta"),
    ("html", None, b"<meta x/=charset=koi8-r charset=big5>", "big5", "meta"),
    ("html", None, b"<!--><meta charset=big5>", "big5", "meta"),
    ("html", None, b"</p a='<meta charset=koi8-r>'><meta charset=big5>", "big5", "meta"),
    ("html", None, b"<3<META/CHARSET=big5>", "big5", "meta"),
    ("html", None, b"<meta charset=big5", "utf-8", "default"),
    ("json", None, b'<meta charset="big5">', "utf-8", "default"),
    # XML
    ("xml", None, b"<?xml version='1.0' encoding = 'ISO-8859-2' ?><a/>", "iso-8859-2", "declaration"),
    ("xml", None, b'<?xml version="1.0"?><a encoding="big5"/>', "utf-8", "default"),
    ("xml", None, b'<?xml version="1.0" encoding="utf-16"?>', "utf-8", "declaration"),
    ("xml", None, b'<?xml version="1.0" encoding="bogus"?>', "utf-8", "default"),
    ("xml", None, '<?xml version="1.0" encoding="utf-16"?>'.encode("utf-16-le"), "utf-16le", "declaration"),
    ("xml", None, "<a/>".encode("utf-16-be"), "utf-16be", "declaration"),
    ("xml", None, "<a/>".encode("utf-32-le"), "utf-32le", "declaration"),
    ("xml", None, "<a/>".encode("utf-32-be"), "utf-32be", "declaration"),
    # CSS
    ("css", None, b'@charset "ISO-8859-2";a{}', "iso-8859-2", "declaration"),
    ("css", None, b'@charset "utf-16be";', "utf-8", "declaration"),
    ("css", None, b"@charset 'big5';", "utf-8", "default"),
    ("css", None, b'@CHARSET "big5";', "utf-8", "default"),
    ("css", None, b' @charset "big5";', "utf-8", "default"),
)


@pytest.mark.parametrize(("kind", "header", "data", "label", "source"), DETECTED)
def test_detect(kind: str, header: str | None, data: bytes, label: str, source: str) -> None:
    found = detect(data, header, kind=kind)
    assert (found.label, found.source) == (label, source)
    assert data.startswith(found.bom)
    assert bool(found.bom) == (source == "BOM")


@given(
    data=st.binary(max_size=200)
    | st.lists(st.sampled_from([b"<", b"meta ", b"charset=", b'"', b"/>", b"big5", b"--", b"!"])).map(b"".join)
)
def test_detect_takes_any_bytes(data: bytes) -> None:
    for kind in ("html", "xml", "css", "js", "json", "text"):
        found = detect(data, None, kind=kind)
        assert codecs.lookup(found.codec)


class TestScanningBytes:
    """What the essay at the top of charset.py says of ASCII bytes within other characters."""

    @pytest.mark.parametrize("name", SCANNED)
    def test_ascii_is_ascii(self, name: str) -> None:
        codec = charset(name).codec
        for code in range(128):
            assert bytes([code]).decode(codec) == chr(code)
            assert chr(code).encode(codec) == bytes([code])

    INNER = (
        ("shift_jis", range(0x40, 0x7F)),
        ("big5", range(0x40, 0x7F)),
        ("gbk", [*range(0x30, 0x3A), *range(0x40, 0x7F)]),
        ("gb18030", [*range(0x30, 0x3A), *range(0x40, 0x7F)]),
        ("euc-kr", [*range(0x41, 0x5B), *range(0x61, 0x7B)]),
        ("euc-jp", []),
        ("utf-8", []),
    )

    @pytest.mark.parametrize(("name", "expected"), INNER)
    def test_ascii_bytes_within_characters(self, name: str, expected: list[int]) -> None:
        found: set[int] = set()
        for code in (*range(0x80, 0xD800), *range(0xE000, 0x30000)):
            raw = chr(code).encode(charset(name).codec, "ignore")
            found.update(byte for byte in raw if byte < 0x80)
        # Python's euc_jp takes a yen and an overline for the ASCII characters in their places.
        found -= set(b"\\~") if name == "euc-jp" else set()
        assert found == set(expected)

    @pytest.mark.parametrize("name", [name for name in SCANNED if name not in (*MULTI_BYTE, "utf-8")])
    def test_others_have_one_byte_a_character(self, name: str) -> None:
        assert len(view(bytes(range(256)), name).decode_value(bytes(range(256)))) == 256


class TestView:
    @given(data=st.binary(max_size=100), name=st.sampled_from(sorted(CHARSETS)), escapes=st.booleans())
    def test_any_bytes_come_back(self, data: bytes, name: str, escapes: bool) -> None:
        found = View.of(data, charset(name), escapes=escapes)
        if found is not None:
            assert found.restore(found.data) == data
        assert found is not None or name in TRANSCODED
        if name in SCANNED and not escapes:
            assert found is not None
            assert found.data is data

    # Controls are left out: some of them shift between character sets.
    @given(
        text=st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=60),
        name=st.sampled_from(TRANSCODED),
        mark=st.booleans(),
    )
    def test_what_can_be_transcoded_is(self, text: str, name: str, mark: bool) -> None:
        codec = charset(name).codec
        text = text.encode(codec, "ignore").decode(codec)
        bom = "\ufeff".encode(codec) if mark and name.startswith("utf") else b""
        data = bom + text.encode(codec)
        found = View.of(data, charset(name, bom))
        assert found is not None
        assert found.transcoded
        assert found.data == text.encode()
        assert found.restore((text + URL).encode()) == bom + (text + URL).encode(codec)

    PASSED = (
        ("utf-16le", b"a\0b"),
        ("utf-16be", b"\xd8"),
        ("utf-32le", b"\0\0\x11\0"),
        ("iso-2022-jp", b"\x1b$B\xff"),
        ("iso-2022-jp", b"\xe9"),
        ("iso-2022-jp", b"\x1b(B\x1b(Ba"),
        ("hz-gb-2312", b"~"),
    )

    @pytest.mark.parametrize(("name", "data"), PASSED)
    def test_what_would_not_come_back_passes(self, name: str, data: bytes) -> None:
        assert View.of(data, charset(name)) is None

    def test_lone_surrogates_come_back(self) -> None:
        data = "a\ud800b\udc80c".encode("utf-16-le", "surrogatepass")
        found = view(data, "utf-16le")
        assert found.restore(found.data.replace(b"b", b"BB")) == "a\ud800BB\udc80c".encode("utf-16-le", "surrogatepass")

    ESCAPES = (
        # Escapes are minded, so the body is transcoded where a second byte looks like syntax ...
        ("shift_jis", 'alert("予約表"); u = "URL";', True, True),
        ("big5", 'alert("功"); u = "URL";', True, True),
        ("gbk", 'alert("淺乗"); u = "URL";', True, True),
        # ... but not where none does, nor where nobody minds.
        ("shift_jis", 'alert("漢字"); u = "URL";', True, False),
        ("shift_jis", '<p title="予約表"><a href="URL">', False, False),
        ("euc-jp", 'alert("予約表"); u = "URL";', True, False),
        ("utf-8", 'alert("予約表"); u = "URL";', True, False),
    )

    @pytest.mark.parametrize(("name", "text", "escapes", "transcoded"), ESCAPES)
    def test_backslash_as_second_byte(self, name: str, text: str, escapes: bool, transcoded: bool) -> None:
        codec = charset(name).codec
        found = view(text.encode(codec), name, escapes=escapes)
        assert found.transcoded is transcoded
        changed = found.restore(found.data.replace(b"URL", URL.encode()))
        assert changed == text.replace("URL", URL).encode(codec)

    def test_transcoded_text_keeps_odd_bytes_and_second_codes(self) -> None:
        data = b'"\x95\\" \xff \x85 \xed\x40 \x81 URL'
        found = view(data, "shift_jis", escapes=True)
        assert found.transcoded
        assert found.restore(found.data.replace(b"URL", b"/")) == data.replace(b"URL", b"/")

    def test_restore_refuses_what_the_charset_lacks(self) -> None:
        found = view("日本".encode("iso2022_jp"), "iso-2022-jp")
        with pytest.raises(CannotEncode, match="iso-2022-jp"):
            found.restore("日本€".encode())
        with pytest.raises(CannotEncode):
            found.restore(b"\xff")


class TestValues:
    @given(raw=st.binary(max_size=80), name=st.sampled_from([*SCANNED, "utf-16le", "utf-32be"]), html=st.booleans())
    def test_any_bytes_come_back(self, raw: bytes, name: str, html: bool) -> None:
        found = view(b"", name)
        assert found.encode_value(found.decode_value(raw), html=html) == raw

    @given(
        data=st.binary(max_size=80), name=st.sampled_from(sorted(CHARSETS)), start=st.integers(0), end=st.integers(0)
    )
    def test_any_span_of_a_transcoded_body_comes_back(self, data: bytes, name: str, start: int, end: int) -> None:
        found = View.of(data, charset(name), escapes=True)
        if found is not None and found.transcoded:
            for raw in (found.data, found.data[start % (len(found.data) + 1) : end % (len(found.data) + 1)]):
                assert found.encode_value(found.decode_value(raw), html=False) == raw

    @pytest.mark.parametrize("name", MULTI_BYTE)
    def test_all_pairs_come_back(self, name: str) -> None:
        found = view(b"", name)
        for first in range(0x80, 0x100):
            for second in range(0x100):
                raw = bytes([first, second])
                assert found.encode_value(found.decode_value(raw), html=False) == raw

    @given(
        raw=st.lists(st.sampled_from([b"\x88\x62", b"\x88\x66", b"\xa1\x45", b"\xf9\xfe", b"\xff", b"a", b"\x81"])).map(
            b"".join
        )
    )
    def test_big5_characters_of_two_code_points_come_back(self, raw: bytes) -> None:
        found = view(b"", "big5")
        assert found.encode_value(found.decode_value(raw), html=False) == raw

    def test_pieces_are_decoded_as_the_whole_is(self) -> None:
        lines = [b"\xed\x40 second code\r\n", b"\xfa\x5c\r", b"cut \x81\n", b"\n", b"\xed"]
        found = view(b"", "shift_jis")
        text = found.decode_value(b"".join(lines))
        assert text == "".join(map(found.decode_value, lines)) == "\udced@ second code\r\n纊\rcut \udc81\n\n\udced"
        assert found.encode_value(text, html=False) == b"".join(lines)

    DECODED = (
        ("utf-8", b"\xc3\xa9", "é"),
        ("utf-8", b"a\xffb\xc3", "a\udcffb\udcc3"),
        ("windows-1252", b"\x80\x81", "€\udc81"),
        ("shift_jis", b"\x95\x5c\x5c", "表\\"),
        ("shift_jis", b'\x95"', '\udc95"'),
        ("gbk", b"\x810\x81", "\udc810\udc81"),
        # Two codes of one character: only the first is what encoding gives.
        ("shift_jis", b"\xfa\x5c", "纊"),
        ("shift_jis", b"\xed\x40", "\udced@"),
        ("x-user-defined", b"a\xe9", "a\udce9"),
        ("utf-16le", "é".encode(), "é"),
    )

    @pytest.mark.parametrize(("name", "raw", "text"), DECODED)
    def test_decode(self, name: str, raw: bytes, text: str) -> None:
        assert view(b"", name).decode_value(raw) == text

    ENCODED = (
        # charset, text, as HTML, elsewhere (None: refused)
        ("utf-8", "é€😀", "é€😀".encode(), "é€😀".encode()),
        ("windows-1252", "é€", b"\xe9\x80", b"\xe9\x80"),
        ("windows-1252", "a→😀", b"a&#8594;&#128512;", None),
        ("windows-1252", "\udc81→\udcff", b"\x81&#8594;\xff", None),
        ("shift_jis", "表é", b"\x95\x5c&#233;", None),
        ("shift_jis", "髙﨑 Ⅰ￢", b"\xfb\xfc\xfa\xb1 \x87\x54\x81\xca", b"\xfb\xfc\xfa\xb1 \x87\x54\x81\xca"),
        ("shift_jis", "€表", b"&#8364;\x95\x5c", None),
        ("euc-jp", "¥", b"&#165;", None),
        ("gbk", "é€", "é€".encode("gb18030"), "é€".encode("gb18030")),
        ("x-user-defined", "é", b"&#233;", None),
        ("utf-16le", "é😀", "é😀".encode(), "é😀".encode()),
        ("iso-2022-jp", "日本€", "日本&#8364;".encode(), None),
        ("windows-1252", "\x81", None, None),
        ("utf-8", "\ud800", None, None),
    )

    @pytest.mark.parametrize(("name", "text", "as_html", "elsewhere"), ENCODED)
    def test_encode(self, name: str, text: str, as_html: bytes | None, elsewhere: bytes | None) -> None:
        found = view(b"", name)
        for html, expected in ((True, as_html), (False, elsewhere)):
            if expected is None:
                with pytest.raises(CannotEncode, match=name):
                    found.encode_value(text, html=html)
            else:
                assert found.encode_value(text, html=html) == expected

    @given(text=st.text(max_size=40), name=st.sampled_from(sorted(CHARSETS)))
    def test_what_was_encoded_can_be_restored_and_read(self, text: str, name: str) -> None:
        found = view(b"", name)
        try:
            raw = found.encode_value(text, html=False)
        except CannotEncode:
            return
        assert found.decode_value(raw) == text
        assert found.restore(raw).decode(found.charset.codec) == text
