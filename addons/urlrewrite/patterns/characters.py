r"""Sets of characters, as ECMAScript understands them, and their spelling in Python's regular expressions.

A set is a sorted tuple of inclusive, disjoint, non-adjacent ranges of code points. Sets are always written out in
full: no short-hand such as `\s` is handed on to Python, which has other ideas of it, and where case is ignored a set
already contains every variant of its letters.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import cache

type Ranges = tuple[tuple[int, int], ...]

LAST = 0x10FFFF
NONE: Ranges = ()
ALL: Ranges = ((0, LAST),)


def union(*sets: Ranges) -> Ranges:
    """Return the characters that are in any of the sets; the ranges given need not be sorted."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(pair for ranges in sets for pair in ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return tuple(merged)


def invert(ranges: Ranges) -> Ranges:
    """Return the characters that are not in the set."""
    gaps: list[tuple[int, int]] = []
    start = 0
    for low, high in ranges:
        if start < low:
            gaps.append((start, low - 1))
        start = high + 1
    if start <= LAST:
        gaps.append((start, LAST))
    return tuple(gaps)


def disjoint(left: Ranges, right: Ranges) -> bool:
    """Tell whether no character is in both sets."""
    return all(high < low2 or high2 < low for low, high in left for low2, high2 in right)


def contains(ranges: Ranges, code: int) -> bool:
    """Tell whether the code point is in the set."""
    at = bisect_right(ranges, (code, LAST)) - 1
    return at >= 0 and ranges[at][1] >= code


@cache
def single(code: int, *, ignore_case: bool = False) -> Ranges:
    """Return the set of one character, with its variants where case is ignored."""
    ranges = ((code, code),)
    return with_variants(ranges) if ignore_case else ranges


# ECMA-262, CharacterClassEscape; WhiteSpace and LineTerminator for \s. All are closed under a change of case.
DIGIT: Ranges = ((0x30, 0x39),)
WORD: Ranges = union(DIGIT, ((0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A)))
LINE_END: Ranges = ((0x0A, 0x0A), (0x0D, 0x0D), (0x2028, 0x2029))
SPACE: Ranges = union(
    ((0x09, 0x0D), (0x20, 0x20), (0xA0, 0xA0), (0xFEFF, 0xFEFF), (0x1680, 0x1680), (0x2000, 0x200A)),
    ((0x2028, 0x2029), (0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000)),
)
DOT: Ranges = invert(LINE_END)
ESCAPES: dict[str, Ranges] = {
    "d": DIGIT,
    "D": invert(DIGIT),
    "w": WORD,
    "W": invert(WORD),
    "s": SPACE,
    "S": invert(SPACE),
}


def canonical(char: str) -> int:
    """Return the character that stands for all that differ from it only in case (ECMA-262, Canonicalize without u).

    It is the upper case form, if that is one UTF-16 code unit. No character outside ASCII becomes one inside, so the
    long s and the Kelvin sign are not variants of "s" and "k".
    """
    code, upper = ord(char), char.upper()
    if len(upper) > 1 or code > 0xFFFF or ord(upper) > 0xFFFF or (code >= 0x80 > ord(upper)):
        return code
    return ord(upper)


@cache
def _case_variants() -> tuple[tuple[int, ...], ...]:
    """Return the groups of two and more characters outside ASCII that differ only in case."""
    groups: dict[int, list[int]] = {}
    for code in range(0x80, 0x10000):
        groups.setdefault(canonical(chr(code)), []).append(code)
    return tuple(tuple(group) for group in groups.values() if len(group) > 1)


def with_variants(ranges: Ranges) -> Ranges:
    """Return the set with every character that differs from one of its characters only in case."""
    more = [(code ^ 0x20, code ^ 0x20) for code in (*range(0x41, 0x5B), *range(0x61, 0x7B)) if contains(ranges, code)]
    if ranges and ranges[-1][1] >= 0x80:
        for group in _case_variants():
            if any(contains(ranges, code) for code in group):
                more.extend((code, code) for code in group)
    return union(ranges, tuple(more))


def has_variants_outside_ascii(ranges: Ranges) -> bool:
    """Tell whether the set has a letter outside ASCII that comes in two cases."""
    return bool(ranges) and ranges[-1][1] >= 0x80 and any(contains(ranges, c) for g in _case_variants() for c in g)


def _escaped(code: int) -> str:
    """Return one character as Python spells it, inside a class and outside."""
    char = chr(code)
    if char.isascii():
        if char.isalnum() or char in "_/:;<>,\"'=@%!`":
            return char
        return "\\" + char if char.isprintable() and char != " " else f"\\x{code:02x}"
    if char.isprintable():
        return char
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def python_source(ranges: Ranges, *, ignore_case: bool = False) -> str:
    """Return a Python expression for one character of the set, for the flag ASCII and, if case is ignored, IGNORECASE.

    Where case is ignored a letter of ASCII stands for its pair, so that an engine can look for whole words at once.
    """
    if ranges == ALL:
        return "(?s:.)"
    if ranges == NONE:
        return "(?!)"
    if len(ranges) == 1 and ranges[0][0] == ranges[0][1]:
        return _escaped(ranges[0][0])
    if ignore_case and len(ranges) == 2:
        (upper, upper_end), (lower, lower_end) = ranges
        if upper == upper_end and lower == lower_end == upper ^ 0x20 and 0x41 <= upper <= 0x5A:
            return chr(lower)
    gaps = invert(ranges)
    sign, ranges = ("^", gaps) if len(gaps) < len(ranges) else ("", ranges)
    return "[" + sign + "".join(map(_range_source, ranges)) + "]"


def _range_source(pair: tuple[int, int]) -> str:
    low, high = pair
    if low == high:
        return _escaped(low)
    return _escaped(low) + ("-" if high > low + 1 else "") + _escaped(high)
