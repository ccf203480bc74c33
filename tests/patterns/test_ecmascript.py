"""The translator: what ECMAScript means, on both of Python's engines."""

from __future__ import annotations

import re

import pytest
import regex

from urlrewrite.patterns.ecmascript import PatternError, Translation, translate

type Engine = re.Pattern[str] | regex.Pattern[str]

UNSET = None
SPACES = "\t\n\v\f\r \xa0\u1680\u2000\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"


def engines(translation: Translation, *, ignore_case: bool) -> list[Engine]:
    """The source compiled by each engine that is to understand it."""
    found: list[Engine] = [regex.compile(translation.source, regex.V0 | regex.A | (regex.I if ignore_case else 0))]
    if translation.stdlib:
        found.append(re.compile(translation.source, re.A | (re.I if ignore_case else 0)))
    return found


# pattern, flags, text, whole match and groups (None: no match)
DIFFERENCES = [
    # `$` is the end of the text only
    ("a$", "", "a\n", None),
    ("a$", "", "ba", ["a"]),
    ("^a", "", "b\na", None),
    # classes are ASCII, apart from \s
    (r"\d", "", "\u0663", None),
    (r"\w", "", "é", None),
    (r"\W", "", "é", ["é"]),
    (r"\bé", "", "é", None),
    (r"a\b", "", "aé", ["a"]),
    (r"\B", "", "", [""]),
    (r"^\s+$", "", SPACES, [SPACES]),
    (r"\s", "", "\x1c\x1f\x85\u180e\u200b", None),
    (r"\S", "", "\ufeff\xa0\x85", ["\x85"]),
    (".+", "", "a\u2028b", ["a"]),
    (".+", "", "\u2029a\x85b\vc\r", ["a\x85b\vc"]),
    # classes of everything and of nothing
    ("a[^]b", "", "a\nb", ["a\nb"]),
    ("[]", "", "a", None),
    ("a[]*b", "", "ab", ["ab"]),
    ("[]]", "", "]", None),
    ("[^]]", "", "a]", ["a]"]),
    # back-references to what is not there
    (r"(a)|b\1", "", "b", ["b", UNSET]),
    (r"\1(a)", "", "a", ["a", "a"]),
    (r"(a\1)", "", "aa", ["a", "a"]),
    (r"\k<n>(?<n>a)", "", "a", ["a", "a"]),
    (r"(?!(a))\1b", "", "b", ["b", UNSET]),
    (r"(a)\1", "", "aa", ["aa", "a"]),
    (r"(a)\10", "", "a\x08", ["a\x08", "a"]),
    (r"(?<n>a|b)-\k<n>", "", "a-b b-b", ["b-b", "b"]),
    (r"(?<$name_1>a)\k<$name_1>", "", "aa", ["aa", "a"]),
    (r"(?<n\u0061>a)\k<na>", "", "aa", ["aa", "a"]),
    # escapes
    (r"\cJ\cj", "", "\n\n", ["\n\n"]),
    (r"\c", "", r"\c", [r"\c"]),
    (r"\c1", "", r"\c1", [r"\c1"]),
    (r"[\c1\c_]+", "", "\x11\x1f", ["\x11\x1f"]),
    (r"[\c]+", "", r"c\c", [r"c\c"]),
    (r"\u0041\x41", "", "AA", ["AA"]),
    (r"\u41\x4\u{2}", "", "u41x4uu", ["u41x4uu"]),
    (r"\ud83d\ude00", "", "\U0001f600", ["\U0001f600"]),
    (r"\0\00\012\101\377\400", "", "\0\0\nA\xff\x200", ["\0\0\nA\xff\x200"]),
    (r"\8\9\18", "", "89\x018", ["89\x018"]),
    (r"[\b][\1][\8-]", "", "\b\x01-", ["\b\x01-"]),
    (r"\/\-\_\e\A\Z\z\G\h\p{2}", "", "/-_eAZzGhpp", ["/-_eAZzGhpp"]),
    (r"\k<n>", "", "k<n>", ["k<n>"]),
    (r"\f\n\r\t\v", "", "\f\n\r\t\v", ["\f\n\r\t\v"]),
    # ordinary text
    ("x{,3}", "", "x{,3}", ["x{,3}"]),
    ("x{", "", "x{", ["x{"]),
    ("x{1", "", "x{1", ["x{1"]),
    ("x{a}", "", "x{a}", ["x{a}"]),
    ("{}]", "", "{}]", ["{}]"]),
    ("a{e<=1}", "", "a{e<=1}", ["a{e<=1}"]),
    ("a #b", "", "a #b", ["a #b"]),
    ("[[:alpha:]]", "", ":]", [":]"]),
    ("[[a]]", "", "[]", ["[]"]),
    ("[a&&b]+", "", "&", ["&"]),
    ("[--/]+", "", "-./", ["-./"]),
    ("[a||b~~]+", "", "|~", ["|~"]),
    (r"[\w-a]+", "", "z-a", ["z-a"]),
    (r"[a-\d]+", "", "5-ab", ["5-a"]),
    ("[-a]+[a-]", "", "-a-", ["-a-"]),
    (r"[\]\\]+", "", r"\]", [r"\]"]),
    # case
    ("s", "i", "ſ", None),
    ("ſ", "i", "sS", None),
    ("k", "i", "\u212a", None),
    ("[a-z]", "i", "ſ\u212a", None),
    (r"\w", "i", "ſ\u212a", None),
    (r"[^\W]", "i", "k", ["k"]),
    ("i", "i", "\u0130\u0131", None),
    ("é[à-ê]", "i", "ÉÊ", ["ÉÊ"]),
    ("[^é]", "i", "É", None),
    ("ß", "i", "ss\u1e9e", None),
    ("µ", "i", "\u039c", ["\u039c"]),
    ("[Z-a]", "i", "q", None),
    ("[Z-a]+", "i", "zA_", ["zA_"]),
    (r"(a)\1", "i", "aA", ["aA", "a"]),
    (r"\x41", "i", "a", ["a"]),
    ("É", "", "é", None),
    # an iteration that consumes nothing
    ("(a*)*", "", "b", ["", UNSET]),
    ("(a*)*", "", "aa", ["aa", "aa"]),
    ("(a*)?", "", "b", ["", UNSET]),
    ("(?:a*?)*", "", "aa", ["aa"]),
    ("(?:a*?)?", "", "aa", ["a"]),
    ("(?:|a)*", "", "aa", ["aa"]),
    ("(?=(a))*b", "", "b", ["b", UNSET]),
    ("(?=(a))+a", "", "a", ["a", "a"]),
    ("(?=(a)){2,3}a", "", "a", ["a", "a"]),
    ("(a){0}b", "", "ab", ["b", UNSET]),
    ("(?:a{0}){0}b", "", "ab", ["b"]),
    ("a{2}{", "", "aa{", ["aa{"]),
    ("a{0,99999999999}", "", "aa", ["aa"]),
    # lookaround
    (r"(?<=(\d+)(\d+))$", "", "1053", ["", "1", "053"]),
    ("(?<=^|,)b", "", "b,b", ["b"]),
    ("(?<=(b){2})", "", "bb", ["", "b"]),
    ("(?<!ab|c)d", "", "abd cd d", ["d"]),
    ("(?!(a))b", "", "b", ["b", UNSET]),
    ("(?=(a+))a*b\\1", "", "baaabac", ["aba", "a"]),
    ("(.*?)a(?!(a+)b\\2c)\\2(.*)", "", "baaabaac", ["baaabaac", "ba", UNSET, "abaac"]),
    ("(z)((a+)?(b+)?(c))", "", "zabc", ["zabc", "z", "abc", "a", "b", "c"]),
]


@pytest.mark.parametrize(("source", "flags", "text", "expected"), DIFFERENCES)
def test_meaning(source: str, flags: str, text: str, expected: list[str | None] | None) -> None:
    translation = translate(source, ignore_case="i" in flags)
    for engine in engines(translation, ignore_case="i" in flags):
        found = engine.search(text)
        assert (None if found is None else [found[0], *found.groups()]) == expected, engine


# pattern, offset of the mistake
INVALID = [
    ("*", 0),
    ("a|*", 2),
    ("a**", 2),
    ("a++", 2),
    ("a*+", 2),
    ("a??b???", 6),
    ("^*", 1),
    (r"\b+", 2),
    ("(?<=a)*", 6),
    ("{1}", 0),
    ("a{2}{3}", 4),
    ("a{2,1}", 1),
    ("a{100001}", 0),
    ("a{99999999999999999999}", 0),
    (f"{'(?:' * 30}a{')+' * 30}", 0),
    ("(?:a{1000}){1000}", 0),
    ("(a", 0),
    ("a)", 1),
    ("[a", 0),
    ("a[b-a]", 2),
    ("a\\", 1),
    ("(?P<n>a)", 0),
    ("(?P=n)", 0),
    ("(?i)a", 0),
    ("(?i:a)", 0),
    ("(?#a)", 0),
    ("(?>a)", 0),
    ("(?|a)", 0),
    ("(?(1)a)", 0),
    ("a(?", 1),
    ("(?<n", 3),
    ("(?<1>a)", 3),
    ("(?<>a)", 3),
    (r"(?<\x61>a)", 3),
    (r"(?<\u{110000}>a)", 3),
    ("(?<n>a)(?<n>b)", 10),
    (r"(?<n>a)\k<m>", 7),
    (r"(?<n>a)\k", 7),
    (r"(?<n>a)[\k]", 8),
    (r"(?<=\k<n>(?<n>a))", 4),
    ("(" * 51 + ")" * 51, 50),
]


@pytest.mark.parametrize(("source", "offset"), INVALID)
def test_invalid(source: str, offset: int) -> None:
    with pytest.raises(PatternError) as caught:
        translate(source, ignore_case=False)
    assert caught.value.offset == offset
    assert str(caught.value) == caught.value.message


# pattern, flags, offsets of warnings
WARNINGS = [
    (r"\Aa\Z", "", [0, 3]),
    ("[[:alpha:]]", "", [1]),
    ("(?:(a)|b)*(?:c*)+", "", []),
]


@pytest.mark.parametrize(("source", "flags", "offsets"), WARNINGS)
def test_warnings(source: str, flags: str, offsets: list[int]) -> None:
    assert [offset for _, offset in translate(source, ignore_case="i" in flags).warnings] == offsets


# pattern, flags, whether Python's engines take it the same way
EXACT = [
    ("(?:(a)|b)*", "", False),
    ("x(?:(a)?b){2}", "", False),
    ("(?:(a)b)*(c)+", "", True),
    ("(?:(a)|b)?", "", True),
    ("(?:(?!(a))b)+", "", True),
    ("(?:a*b*)*", "", False),
    ("(a*)+", "", False),
    (r"(?:\1)*(a)", "", True),
    (r"(a)(?:\1)*", "", False),
    ("(a*)*(b*)?", "", True),
    (r"(.)\1", "i", False),
    (r"(.)\1", "", True),
    (r"(['\"a-z])\1", "i", True),
    (r"(?<=(a)\1)", "", False),
    (r"(a)(?<=\1)", "", True),
]


@pytest.mark.parametrize(("source", "flags", "expected"), EXACT)
def test_what_python_takes_the_same_way(source: str, flags: str, expected: bool) -> None:
    assert translate(source, ignore_case="i" in flags).exact is expected


def test_names_and_numbers() -> None:
    translation = translate("(a)(?<x>b)(?:c)(?<y$>d)(?=(e))[(]\\(", ignore_case=False)
    assert translation.groups == 4
    assert translation.names == (("x", 2), ("y$", 3))


def test_case_is_that_of_ecmascript_for_every_character() -> None:
    """Each letter of ASCII matches itself and its pair, and nothing else in the world."""
    world = "".join(map(chr, range(0x3000)))
    for letter in "abcdefghijklmnopqrstuvwxyz":
        for source in (letter, letter.upper(), f"[{letter}]", f"[{letter}-{letter}é]"):
            for engine in engines(translate(source, ignore_case=True), ignore_case=True):
                assert {*engine.findall(world)} - {*"éÉ"} == {letter, letter.upper()}
