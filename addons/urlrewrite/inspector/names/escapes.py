r"""Letters of a host written as escapes, and a host that a line end cuts: what may hold one, and how it is read.

Each row of `READINGS` is one way of reading, that of browsers or of a format: `%70`, `&#112;`, `\u0070` and `\x70`; the
escapes of style sheets (`\70 `); octal ones (`\160`); quoted-printable (`=70`, soft line breaks); the folded lines of
calendars.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

_MAX_CODE_POINT = 0x10FFFF
_PRINTABLE = range(0x21, 0x7F)

type Triggers = list[tuple[bytes, bytes]]
"""Expressions for bytes in lower case, each as the byte that it begins with, and what follows."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A way of reading escapes: `escape` matches each of them.

    `name` is what its spelling is called, "" for what is told by the look of it. `triggers` makes, of hosts, the
    expressions of which one matches in each host that has an escape. `hidden` says that no browser reads it, `in_urls`
    that a host counts in a URL only: elsewhere two words may look like one.
    """

    name: str
    escape: re.Pattern[bytes]
    triggers: Callable[[Sequence[bytes]], Triggers]
    hidden: bool = False
    in_urls: bool = False

    def decoded(self, raw: bytes) -> tuple[bytes, Sequence[int]]:
        """Return `raw` with every escape decoded, and for each byte of the result, and its end, the offset in `raw`."""
        pieces: list[bytes] = []
        starts: list[int] = []
        done = 0
        for found in self.escape.finditer(raw):
            read = _read(found)
            pieces += (raw[done : found.start()], read)
            starts.extend(range(done, found.start()))
            starts.extend([found.start()] * len(read))
            done = found.end()
        pieces.append(raw[done:])
        starts.extend(range(done, len(raw) + 1))
        return b"".join(pieces), starts


def _read(found: re.Match[bytes]) -> bytes:
    groups = found.groupdict()
    if groups.get("dropped"):
        return b""
    if same := groups.get("same"):
        return same
    if octal := groups.get("octal"):
        return bytes([int(octal, 8)])
    if css := groups.get("css"):
        code = int(css, 16)
        # What stands for no letter of a URL may well be the escape of another language, or a path of Windows.
        return bytes([code]) if code in _PRINTABLE else found[0]
    if octet := groups.get("octet"):
        return bytes([int(octet, 16)])
    if decimal := groups.get("decimal"):
        code = int(decimal)
    else:
        code = int(groups["hex"] or groups["unit"] or groups["point"] or groups["byte"], 16)
    return chr(code).encode("utf-8", "replace") if code <= _MAX_CODE_POINT else b"?"


def compiled(triggers: Triggers) -> tuple[tuple[bytes, re.Pattern[bytes]], ...]:
    """Return expressions for triggers, one for each byte that some begin with, and that byte."""
    leads: dict[bytes, list[bytes]] = {}
    for lead, rest in triggers:
        leads.setdefault(lead, []).append(rest)
    return tuple((lead, re.compile(b"%b(?:%b)" % (re.escape(lead), b"|".join(rests)))) for lead, rests in leads.items())


def _of_urls(hosts: Sequence[bytes]) -> Triggers:
    """Return triggers for the escapes of URLs, HTML and scripts; the last for a line end or TAB in the host of a URL,
    which browsers drop.
    """
    codes = _both_cases(hosts)
    hexes = _hexes(codes)
    decimals = b"|".join(b"%d" % code for code in codes)
    return [
        (b"%", rb"(?:25)*+%b" % hexes),
        (b"&", rb"(?:amp;)?#(?:x0*+%b|0*+(?:%b))(?![0-9a-f])" % (hexes, decimals)),
        (b"\\", rb"u(?:00%b|\{0*+%b\})|x%b" % (hexes, hexes, hexes)),
        (b"/", rb"/[^/\\?#\"'<>\s%&]*+[\t\r\n]++[^\s\"'<>/]"),
    ]


def _of_style_sheets(hosts: Sequence[bytes]) -> Triggers:
    r"""Return triggers for `\70 ` and, between two letters of a host, `\i`, which is the letter itself (CSS Syntax 3,
    4.3.7).
    """
    others = [(before, after) for before, after in _pairs(hosts) if after not in b"0123456789abcdef"]
    return [(b"\\", rb"0{0,4}+%b" % _hexes(_both_cases(hosts))), *_between(b"\\", rb"", others)]


def _of_octal(hosts: Sequence[bytes]) -> Triggers:
    codes = b"|".join(b"%03o" % code for code in _both_cases(hosts))
    return [(b"\\", codes), (b"\\", rb"057(?=[%b])" % _first_letters(hosts))]


def _of_quoted_printable(hosts: Sequence[bytes]) -> Triggers:
    """Return triggers for `=70` with another letter of a host beside it (`width=70` is none), for a slash in front of a
    host, and for soft line breaks in it.
    """
    codes, pairs = _both_cases(hosts), _pairs(hosts)
    letters = b"".join(re.escape(bytes([code])) for code in codes)
    escaped = rb"%b(?:(?=[=%b])|(?<=[%b]=..)|(?<==..=..))" % (_hexes(codes), letters, letters)
    slash = rb"2f(?=[%b])" % _first_letters(hosts)
    return [(b"=", escaped), (b"=", slash), *_between(b"=", rb"\n", pairs), *_between(b"=", rb"\r\n", pairs)]


def _of_folded_lines(hosts: Sequence[bytes]) -> Triggers:
    return _between(b"\n", rb"[ \t]", _pairs(hosts), before=(b"", rb"\r"))


def _between(
    lead: bytes, rest: bytes, pairs: Iterable[tuple[int, int]], *, before: Sequence[bytes] = (b"",)
) -> Triggers:
    """Return triggers for a mark, each part of it of one width, between two letters that follow one another in a host.

    `before` are texts of which one precedes the mark.
    """
    firsts: dict[int, bytes] = {}
    for first, second in pairs:
        firsts[second] = firsts.get(second, b"") + re.escape(bytes([first]))
    mark = re.escape(lead) + rest
    rows = []
    for code, letters in firsts.items():
        last = re.escape(bytes([code]))
        behind = b"|".join(rb"(?<=[%b]%b%b%b)" % (letters, each, mark, last) for each in before)
        rows.append(rb"%b(?:%b)" % (last, behind))
    return [(lead, rb"%b(?:%b)" % (rest, b"|".join(rows)))] if rows else []


def _both_cases(hosts: Sequence[bytes]) -> list[int]:
    letters = b"".join(hosts)
    return sorted({*letters.lower(), *letters.upper()})


def _first_letters(hosts: Sequence[bytes]) -> bytes:
    return b"".join(re.escape(letter) for letter in sorted({host[:1] for host in hosts}))


def _pairs(hosts: Sequence[bytes]) -> list[tuple[int, int]]:
    return sorted({pair for host in hosts for pair in pairwise(host)})


def _hexes(codes: Iterable[int]) -> bytes:
    """Return an expression for the codes in two hexadecimal digits, grouped by the first: that is tried faster."""
    digits: dict[int, bytes] = {}
    for code in codes:
        digits[code >> 4] = digits.get(code >> 4, b"") + b"%x" % (code & 15)
    return b"(?:%b)" % b"|".join(b"%x[%b]" % (first, seconds) for first, seconds in digits.items())


READINGS = (
    Reading(
        "",
        re.compile(
            rb"%(?:25)*(?P<octet>[0-9a-f]{2})"
            rb"|&(?:amp;)*#(?:x0*(?P<hex>[0-9a-f]{1,6})|0*(?P<decimal>[0-9]{1,7}));?"
            rb"|(?<!\\)\\++(?:u(?:(?P<unit>[0-9a-f]{4})|\{0*(?P<point>[0-9a-f]{1,6})\})|x(?P<byte>[0-9a-f]{2}))"
            rb"|(?P<dropped>[\t\r\n]+)",
            re.IGNORECASE,
        ),
        _of_urls,
    ),
    Reading(
        "CSS escapes",
        re.compile(
            rb"(?<!\\)\\++(?:(?P<css>[0-9a-f]{1,6})(?:\r\n|[ \t\r\n\f])?|(?P<same>[g-z])|(?P<dropped>\r?\n))",
            re.IGNORECASE,
        ),
        _of_style_sheets,
    ),
    Reading(r"octal escapes", re.compile(rb"(?<!\\)\\++(?P<octal>[01][0-7]{2})"), _of_octal),
    Reading(
        "quoted-printable",
        re.compile(rb"=(?:(?P<octet>[0-9a-f]{2})|(?P<dropped>[ \t]{0,8}\r?\n))", re.IGNORECASE),
        _of_quoted_printable,
        hidden=True,
    ),
    Reading("folded lines", re.compile(rb"(?P<dropped>\r?\n[ \t])"), _of_folded_lines, hidden=True, in_urls=True),
)
"""Every way, in the order in which they are tried: a place that one reads is not read again."""
