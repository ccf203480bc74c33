"""Names of character encodings: what a label means to a browser, and which Python codec comes nearest to that.

The table is that of the WHATWG Encoding Standard (section 4.2): `latin1` means windows-1252, `gb2312` means GBK, and
so on. Python's own aliases must not be used: they differ, and they know "encodings" that no page may name (rot13,
unicode_escape, UTF-7). Left out are the labels for which browsers show nothing but a replacement character and Python
has no codec. Added are UTF-32, HZ and ISO-2022-KR, which other clients than browsers may still read.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Encoding:
    """A character encoding: its name as shown to people, and the name of the Python codec that stands for it."""

    name: str
    codec: str


# name, codec, further labels. The codecs are wider than the names where browsers decode more than the name says.
# x-user-defined is ASCII to us: its upper half are private characters that nobody writes on purpose.
_TABLE = (
    ("utf-8", "utf-8", "unicode-1-1-utf-8 unicode11utf8 unicode20utf8 utf8 x-unicode20utf8"),
    ("ibm866", "cp866", "866 cp866 csibm866"),
    ("iso-8859-2", "iso8859_2", "csisolatin2 iso-ir-101 iso_8859-2:1987 l2 latin2"),
    ("iso-8859-3", "iso8859_3", "csisolatin3 iso-ir-109 iso_8859-3:1988 l3 latin3"),
    ("iso-8859-4", "iso8859_4", "csisolatin4 iso-ir-110 iso_8859-4:1988 l4 latin4"),
    ("iso-8859-5", "iso8859_5", "csisolatincyrillic cyrillic iso-ir-144 iso_8859-5:1988"),
    (
        "iso-8859-6",
        "iso8859_6",
        "arabic asmo-708 csiso88596e csiso88596i csisolatinarabic ecma-114 iso-8859-6-e iso-8859-6-i iso-ir-127"
        " iso_8859-6:1987",
    ),
    (
        "iso-8859-7",
        "iso8859_7",
        "csisolatingreek ecma-118 elot_928 greek greek8 iso-ir-126 iso_8859-7:1987 sun_eu_greek",
    ),
    ("iso-8859-8", "iso8859_8", "csiso88598e csisolatinhebrew hebrew iso-8859-8-e iso-ir-138 iso_8859-8:1988 visual"),
    ("iso-8859-8-i", "iso8859_8", "csiso88598i logical"),
    ("iso-8859-10", "iso8859_10", "csisolatin6 iso-ir-157 l6 latin6"),
    ("iso-8859-13", "iso8859_13", ""),
    ("iso-8859-14", "iso8859_14", ""),
    ("iso-8859-15", "iso8859_15", "csisolatin9 iso_8859-15 l9"),
    ("iso-8859-16", "iso8859_16", ""),
    ("koi8-r", "koi8_r", "cskoi8r koi koi8 koi8_r"),
    ("koi8-u", "koi8_u", "koi8-ru"),
    ("macintosh", "mac_roman", "csmacintosh mac x-mac-roman"),
    ("windows-874", "cp874", "dos-874 iso-8859-11 iso8859-11 iso885911 tis-620"),
    ("windows-1250", "cp1250", "cp1250 x-cp1250"),
    ("windows-1251", "cp1251", "cp1251 x-cp1251"),
    (
        "windows-1252",
        "cp1252",
        "ansi_x3.4-1968 ascii cp1252 cp819 csisolatin1 ibm819 iso-8859-1 iso-ir-100 iso8859-1 iso88591 iso_8859-1"
        " iso_8859-1:1987 l1 latin1 us-ascii x-cp1252",
    ),
    ("windows-1253", "cp1253", "cp1253 x-cp1253"),
    (
        "windows-1254",
        "cp1254",
        "cp1254 csisolatin5 iso-8859-9 iso-ir-148 iso8859-9 iso88599 iso_8859-9 iso_8859-9:1989 l5 latin5 x-cp1254",
    ),
    ("windows-1255", "cp1255", "cp1255 x-cp1255"),
    ("windows-1256", "cp1256", "cp1256 x-cp1256"),
    ("windows-1257", "cp1257", "cp1257 x-cp1257"),
    ("windows-1258", "cp1258", "cp1258 x-cp1258"),
    ("x-mac-cyrillic", "mac_cyrillic", "x-mac-ukrainian"),
    ("gbk", "gb18030", "chinese csgb2312 csiso58gb231280 gb2312 gb_2312 gb_2312-80 iso-ir-58 x-gbk"),
    ("gb18030", "gb18030", ""),
    ("big5", "big5hkscs", "big5-hkscs cn-big5 csbig5 x-x-big5"),
    ("euc-jp", "euc_jp", "cseucpkdfmtjapanese x-euc-jp"),
    ("iso-2022-jp", "iso2022_jp_ext", "csiso2022jp"),
    ("shift_jis", "cp932", "csshiftjis ms932 ms_kanji shift-jis sjis windows-31j x-sjis"),
    (
        "euc-kr",
        "cp949",
        "cseuckr csksc56011987 iso-ir-149 korean ks_c_5601-1987 ks_c_5601-1989 ksc5601 ksc_5601 windows-949",
    ),
    ("utf-16le", "utf-16-le", "csunicode iso-10646-ucs-2 ucs-2 unicode unicodefeff utf-16"),
    ("utf-16be", "utf-16-be", "unicodefffe"),
    ("utf-32le", "utf-32-le", "utf-32"),
    ("utf-32be", "utf-32-be", ""),
    ("hz-gb-2312", "hz", ""),
    ("iso-2022-kr", "iso2022_kr", "csiso2022kr"),
    ("x-user-defined", "ascii", ""),
)


def _labels(name: str, further: str) -> list[str]:
    labels = [name, *further.split()]
    if name.startswith("iso-8859-") and name[9:].isdigit() and name != "iso-8859-16":
        labels += [f"iso8859-{name[9:]}", f"iso8859{name[9:]}"]
        if int(name[9:]) < 10:
            labels.append(f"iso_8859-{name[9:]}")
    return labels


_BY_LABEL = {label: Encoding(name, codec) for name, codec, further in _TABLE for label in _labels(name, further)}


def encoding(label: str) -> Encoding | None:
    """Return what a label from a header or a document means; None where browsers ignore it."""
    return _BY_LABEL.get(label.strip("\t\n\f\r ").lower())


def named(name: str) -> Encoding:
    """Return the encoding of exactly that name.

    Raises:
        KeyError: there is no such encoding.
    """
    return _BY_LABEL[name]
