r"""Comparisons of RewriteCond as ECMAScript patterns: each is true of exactly the texts that the pattern matches.

Texts are compared as Apache's source does it: by length first, and by characters where lengths are equal (the
documentation says "lexicographically"; for what people compare, such as `%{TIME_HOUR}`, the two are the same). Integers
are read as C's `atoi` reads them: blanks, a sign, digits; what is no integer is 0.
"""

from __future__ import annotations

from dataclasses import dataclass

from urlrewrite.formats.apache.strings import ConditionPattern, Test
from urlrewrite.formats.apache.syntax import DirectiveError
from urlrewrite.patterns.spelling import ecmascript_literal

_MAX_LENGTH = 20
_LAST = 0xFFFF
_ANY, _DIGIT = r"[\s\S]", "[0-9]"
_BLANKS = r"^[\t-\r ]*"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A pattern that begins with `^`; with `negate` the comparison is true of the texts that it does not match."""

    pattern: str
    negate: bool = False

    def without_match(self) -> Comparison:
        """Return an equal comparison whose pattern does not match where it is true, so that `{C:n}` stays."""
        return self if self.negate else Comparison(f"^(?!{self.pattern[1:]})", True)


def comparison(test: ConditionPattern) -> Comparison:
    """Convert a string or integer comparison to a pattern.

    Raises:
        DirectiveError: the text to compare with is too long.
    """
    if test.test is Test.INTEGER:
        found = _integer(test.operator, int(test.operand))
    else:
        found = _text(test.operator, test.operand)
    return Comparison(found.pattern, found.negate is not test.negate)


def _text(operator: str, operand: str) -> Comparison:
    if operator == "=":
        return Comparison(f"^{ecmascript_literal(operand)}$")
    if len(operand) > _MAX_LENGTH:
        raise DirectiveError(
            f"got a text of {len(operand)} characters after {operator}, expected at most {_MAX_LENGTH}"
        )
    # what is not below is at least as high, and the other way round
    above = operator in (">", "<=")
    return Comparison(_beyond(operand, above=above), operator in ("<=", ">="))


def _beyond(text: str, *, above: bool) -> str:
    size = len(text)
    branches = [rf"[\s\S]{{{size + 1},}}"] if above else [rf"[\s\S]{{0,{size - 1}}}$"] if size else []
    for index, char in enumerate(text):
        low, high = (ord(char) + 1, _LAST) if above else (0, ord(char) - 1)
        if low <= high:
            head, rest = ecmascript_literal(text[:index]), size - index - 1
            branches.append(rf"{head}[\u{low:04x}-\u{high:04x}]{_times(_ANY, rest)}$")
    return f"^(?:{'|'.join(branches)})" if branches else r"^(?!)"


def _integer(operator: str, number: int) -> Comparison:
    match operator:
        case "-eq" | "-ne":
            if number == 0:
                return Comparison(rf"{_BLANKS}[+-]?0*[1-9]", operator == "-eq")
            sign = r"\+?" if number > 0 else "-"
            return Comparison(f"{_BLANKS}{sign}0*{abs(number)}(?![0-9])", operator == "-ne")
        case "-ge" | "-lt":
            return _at_least(number, negate=operator == "-lt")
        case _:
            return _at_least(number + 1, negate=operator == "-le")


def _at_least(number: int, *, negate: bool) -> Comparison:
    if number >= 1:
        return Comparison(_magnitude(number, r"\+?"), negate)
    # at least -5 is what is not -6 or below
    return Comparison(_magnitude(1 - number, "-"), not negate)


def _magnitude(number: int, sign: str) -> str:
    """Return the pattern for integers with this sign and at least this magnitude (1 or more)."""
    digits = str(number)
    longer = f"[1-9][0-9]{{{len(digits)},}}"
    same = [
        f"{digits[:index]}[{int(digit) + 1}-9]{_times(_DIGIT, len(digits) - index - 1)}"
        for index, digit in enumerate(digits)
        if digit != "9"
    ]
    return f"{_BLANKS}{sign}0*(?:{longer}|(?:{'|'.join((*same, digits))})(?![0-9]))"


def _times(chars: str, number: int) -> str:
    return chars * number if number < 2 else f"{chars}{{{number}}}"
