"""Names inside of what is encoded as a whole: base64, hexadecimal strings, lists of character codes.

In each encoding a text has a few forms. Those of a host, or of what many hosts have in common, are searched for, and
what is around one is decoded as far as the encoding goes on. A short host is a few digits, which anything may contain:
it is searched for behind `//` only.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import takewhile

from urlrewrite.content.links.host_search import marks_of

_SHORT = 6
"""Letters of a host from which it is searched for by itself."""

_AROUND = 160
"""Letters before and behind a host that are decoded."""

_REACH = 1600
"""Characters before and behind a list of codes in which it may go on."""

_NO_DIGITS = bytes(code for code in range(256) if code not in b"0123456789")
_ALPHABET = re.compile(rb"[A-Za-z0-9+/_-]+")
_PAIR = re.compile(rb"[0-9A-Fa-f]{2}")
_SEPARATOR = rb"[^0-9]{1,24}+"
_DECIMAL = re.compile(rb"[0-9]+")
_HEXADECIMAL = re.compile(rb"0[xX][0-9A-Fa-f]+")


@dataclass(frozen=True, slots=True)
class Decoded:
    """What is around a form of a host, decoded to `plain`; each byte of it is written in one of `spans`.

    `first` and `last` are where the form begins and ends in `plain`.
    """

    plain: bytes
    spans: Sequence[tuple[int, int]]
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Form:
    """How a text looks in an encoding.

    `gate` is searched for first: for base64 the form itself; for others, of which lower case is searched, the digits of
    the form, among the digits of the text alone, which are few in most texts. `pattern` is the form. `decode` takes
    bytes with the span of a form in them, and returns what is around it.
    """

    spelling: str
    gate: bytes
    pattern: re.Pattern[bytes]
    decode: Callable[[bytes, int, int], Decoded]
    cased: bool = False

    def occurs(self, data: bytes, lower: bytes, digits: bytes) -> bool:
        """Say whether the form is in some bytes, given in lower case and as their `digits`, too."""
        if self.cased:
            return self.gate in data
        return self.gate in digits and self.pattern.search(lower) is not None

    def find(self, data: bytes, lower: bytes, digits: bytes, most: int) -> Iterator[Decoded]:
        """Yield what is around each place of the form, up to `most` of them."""
        if self.gate in (data if self.cased else digits):
            places = self.pattern.finditer(data if self.cased else lower)
            for _, found in zip(range(most), places, strict=False):
                yield self.decode(data, found.start(), found.end())


def digits_of(data: bytes) -> bytes:
    """Return the digits of some bytes without what is between them."""
    return data.translate(None, _NO_DIGITS)


def forms_of(hosts: Iterable[bytes]) -> Iterator[Form]:
    """Yield forms of which one occurs wherever a host is encoded; hosts are given in lower case.

    Of hosts that have much in common they are the forms of that, so that a thousand may have as few as one. What else
    stands around these is for the caller to see.
    """
    for text in _texts(set(hosts)):
        for encoding in ENCODINGS:
            yield from encoding(text)


def _texts(hosts: set[bytes]) -> list[bytes]:
    """Return texts of which each host has one, be it in its domain or in how it begins."""
    long = {host for host in hosts if len(host) >= _SHORT}
    marks = marks_of({host for host in long if b"." in host})
    others = {host for host in long if not (marks and b"." in host)}
    short = {b"//" + host for host in hosts - long}
    return sorted((*marks, *_beginnings(others, _SHORT), *_beginnings(short, _SHORT - 2)))


def _beginnings(texts: Iterable[bytes], least: int) -> list[bytes]:
    """Return what texts begin with: of those with the same `least` letters as much as they have in common."""
    alike: dict[bytes, list[bytes]] = {}
    for text in texts:
        alike.setdefault(text[:least], []).append(text)
    return [_beginning(group) for group in alike.values()]


def _beginning(texts: Sequence[bytes]) -> bytes:
    """Return what all texts begin with."""
    columns = zip(*texts, strict=False)
    return bytes(column[0] for column in takewhile(lambda column: len(set(column)) == 1, columns))


def _in_base64(text: bytes) -> Iterator[Form]:
    """Yield the three forms, each with the number of characters that precede it in its first group of four."""
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + text + b"\0\0")
        lead, end = -(-before * 8 // 6), (before + len(text)) * 8 // 6
        form = whole[lead:end]
        yield Form("base64", form, re.compile(re.escape(form)), partial(_from_base64, lead=lead), cased=True)


def _in_pairs(text: bytes, *, spelling: str, between: bytes) -> Iterator[Form]:
    """Yield the forms in pairs of hexadecimal digits with the same text between any two."""
    for written in dict.fromkeys((text, text.upper())):
        pairs = between.join(b"%02x" % code for code in written)
        yield Form(spelling, digits_of(pairs), re.compile(re.escape(pairs)), partial(_from_pairs, between=between))


def _in_codes(text: bytes, *, code: str, zero: bytes, item: re.Pattern[bytes]) -> Iterator[Form]:
    """Yield the forms as a list of codes, without and with a `zero` behind each, which makes UTF-16 of them.

    What separates them contains no digit.
    """
    for written in dict.fromkeys((text, text.upper())):
        codes = [(code % letter).encode() for letter in written]
        for separator, gate in ((b"", b""), (zero + _SEPARATOR, zero)):
            first, *others = codes
            listed = b"".join(_SEPARATOR + separator + other for other in others)
            pattern = re.compile(rb"%b(?<![0-9a-z]%b)%b(?![0-9a-f])" % (first, first, listed))
            digits = digits_of(gate.join(codes))
            yield Form("character codes", digits, pattern, partial(_from_codes, item=item))


ENCODINGS: tuple[Callable[[bytes], Iterator[Form]], ...] = (
    _in_base64,
    partial(_in_pairs, spelling="hexadecimal", between=b""),
    partial(_in_pairs, spelling="hexadecimal", between=b" "),
    partial(_in_pairs, spelling="hexadecimal", between=b":"),
    partial(_in_pairs, spelling="hexadecimal of UTF-16", between=b"00"),
    partial(_in_codes, code="%d", zero=b"0", item=_DECIMAL),
    partial(_in_codes, code="0x%02x", zero=b"0x0", item=_HEXADECIMAL),
)
"""The encodings: each row gives the forms of a text."""


def _from_base64(data: bytes, start: int, end: int, *, lead: int) -> Decoded:
    """Decode from as far back as whole groups of four go."""
    begin = group = start - lead
    floor = max(group - _AROUND * 4 // 3, 0)
    while begin - 4 >= floor and _ALPHABET.fullmatch(data, begin - 4, begin):
        begin -= 4
    run = _ALPHABET.match(data, max(begin, 0), end + _AROUND * 4 // 3)
    if group < 0 or run is None or run.end() < end:
        return Decoded(b"", (), 0, 0)
    text = run[0].replace(b"-", b"+").replace(b"_", b"/")
    text = text[: len(text) - 1] if len(text) % 4 == 1 else text
    plain = base64.b64decode(text + b"=" * (-len(text) % 4))
    spans = [(begin + at * 4 // 3, begin - (at + 1) * 4 // -3) for at in range(len(plain))]
    return Decoded(plain, spans, (group - begin) // 4 * 3, (end - begin) * 3 // 4 + 1)


def _from_pairs(data: bytes, start: int, end: int, *, between: bytes) -> Decoded:
    gap, step = len(between), len(between) + 2
    begin, floor = start, max(start - step * _AROUND, 0)
    while begin - step >= floor and _PAIR.match(data, begin - step) and data.startswith(between, begin - gap):
        begin -= step
    stop, limit = end, end + step * _AROUND
    while stop < limit and data.startswith(between, stop) and _PAIR.match(data, stop + gap):
        stop += step
    spans = [(at, at + 2) for at in range(begin, stop, step)]
    plain = bytes(int(data[first:last], 16) for first, last in spans)
    return Decoded(plain, spans, (start - begin) // step, (end + gap - begin) // step)


def _from_codes(data: bytes, start: int, end: int, *, item: re.Pattern[bytes]) -> Decoded:
    """Decode the items around, as far as what separates them is the same: white space between them does not count."""
    begin = max(start - _REACH, 0)
    items = [(begin + found.start(), begin + found.end()) for found in item.finditer(data[begin : end + _REACH])]
    within = [number for number, (at, _) in enumerate(items) if start <= at < end]
    first, last = within[0], within[-1] + 1

    def gap(number: int) -> bytes:
        return b"".join(data[items[number][1] : items[number + 1][0]].lower().split())

    usual = gap(first)
    low, high = first, last
    while low > 0 and gap(low - 1) == usual:
        low -= 1
    while high < len(items) and gap(high - 1) == usual:
        high += 1
    codes = [(int(data[at:until], 0 if item is _HEXADECIMAL else 10), (at, until)) for at, until in items[low:high]]
    # Every second byte of UTF-16 is zero; what is no byte ends a name.
    codes = [(code, span) for code, span in codes if code]
    plain = bytes(code if code < 256 else 255 for code, _ in codes)
    spans = [span for _, span in codes]
    return Decoded(plain, spans, sum(at < start for at, _ in spans), sum(at < end for at, _ in spans))
