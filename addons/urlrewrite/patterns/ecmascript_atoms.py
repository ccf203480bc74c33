r"""What the smallest parts of an ECMAScript pattern mean: escapes, classes, names of groups.

The legacy forms of Annex B.1.4 are all here: an unknown escape is the character itself, `\1` may be an octal number,
`\c` may be a backslash and a "c". See `ecmascript` for the whole.
"""

from __future__ import annotations

from collections.abc import Mapping

from urlrewrite.patterns import characters
from urlrewrite.patterns.characters import Ranges

HEX = frozenset("0123456789abcdefABCDEF")
DIGITS = frozenset("0123456789")
OCTAL = frozenset("01234567")
CONTROL = {"f": 0x0C, "n": 0x0A, "r": 0x0D, "t": 0x09, "v": 0x0B}


class PatternError(ValueError):
    """Raised for a pattern that is not valid or cannot be translated; `offset` is the position in it, from 0."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message, offset)
        self.message = message
        self.offset = offset

    def __str__(self) -> str:
        return self.message


class Scanner:
    """A pattern and a place in it. Each method reads one thing from here and stands behind it afterwards.

    Attributes:
        escapes: the sets of characters with an escape of their own, by its letter.
        class_may_begin_with_bracket: whether `]` is a character where it comes first in a class.
    """

    escapes: Mapping[str, Ranges] = characters.ESCAPES
    class_may_begin_with_bracket = False

    def __init__(self, source: str, *, ignore_case: bool) -> None:
        self.source = source
        self.ignore_case = ignore_case
        self.at = 0
        self.warnings: list[tuple[str, int]] = []
        self.group_count, self.has_names = _count_groups(source)

    def looking_at(self, text: str) -> bool:
        return self.source.startswith(text, self.at)

    def peek(self) -> str:
        """Return the next character; "" at the end."""
        return self.source[self.at : self.at + 1]

    def eat(self, text: str) -> bool:
        found = self.looking_at(text)
        if found:
            self.at += len(text)
        return found

    def take(self, allowed: frozenset[str], most: int | None = None) -> str:
        """Read the longest run of allowed characters, at most `most`."""
        start = self.at
        end = len(self.source) if most is None else min(len(self.source), start + most)
        while self.at < end and self.source[self.at] in allowed:
            self.at += 1
        return self.source[start : self.at]

    def fail(self, message: str, offset: int | None = None) -> PatternError:
        return PatternError(message, self.at if offset is None else offset)

    def group_name(self) -> str:
        r"""Read the rest of `(?<name>` or `\k<name>`."""
        start = self.at
        name = ""
        while self.at < len(self.source) and not self.looking_at(">"):
            if self.eat("\\"):
                code = self.unicode_escape(braces=True) if self.eat("u") else None
                if code is None:
                    raise self.fail("bad escape in a group name", start)
                name += chr(code)
            else:
                name += self.source[self.at]
                self.at += 1
        # ECMAScript allows what Python allows in a name, and "$", and further on the two joiners
        plain = name.replace("$", "_")
        rest = plain[1:].replace("\u200c", "").replace("\u200d", "")
        if not self.eat(">") or not plain[:1].isidentifier() or not ("_" + rest).isidentifier():
            raise self.fail("bad group name", start)
        return name

    def character_escape(self, start: int, *, in_class: bool) -> int:
        """Read an escape that began at `start`, behind its backslash; return the code point."""
        char = self.peek()
        if not char:
            raise self.fail(r'"\" at the end', start)
        if char in OCTAL:
            return int(self.take(OCTAL, 3 if char in "0123" else 2), 8)
        if char == "c":
            letter = self.source[self.at + 1 : self.at + 2]
            if letter.isascii() and (letter.isalpha() or (in_class and (letter.isdigit() or letter == "_"))):
                self.at += 2
                return ord(letter) % 32
            return ord("\\")  # and the "c" is read next, as itself
        self.at += 1
        code: int | None = None
        if char in CONTROL:
            code = CONTROL[char]
        elif char == "x":
            code = self.hexadecimal(2)
        elif char == "u":
            code = self.unicode_escape(braces=False)
        elif char == "k" and self.has_names:
            raise self.fail(r"\k needs a group name", start)
        if code is not None:
            return code
        if char.isascii() and char.isalpha():
            self.warnings.append((f"\\{char} has no meaning in ECMAScript: it is the letter {char}", start))
        return ord(char)

    def hexadecimal(self, length: int) -> int | None:
        start = self.at
        digits = self.take(HEX, length)
        if len(digits) == length:
            return int(digits, 16)
        self.at = start
        return None

    def unicode_escape(self, *, braces: bool) -> int | None:
        r"""Read what follows `\u`: four digits, two such escapes as a surrogate pair, or, if so, digits in braces."""
        start = self.at
        if braces and self.eat("{"):
            digits = self.take(HEX)
            if digits and self.eat("}") and int(digits[:8], 16) <= characters.LAST:
                return int(digits[:8], 16)
            self.at = start
            return None
        high = self.hexadecimal(4)
        if high is not None and 0xD800 <= high <= 0xDBFF:
            after = self.at
            low = self.hexadecimal(4) if self.eat("\\u") else None
            if low is not None and 0xDC00 <= low <= 0xDFFF:
                return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)
            self.at = after
        return high

    def character_class(self) -> Ranges:
        start = self.at
        self.at += 1
        negated = self.eat("^")
        if self.looking_at("[:"):
            text = 'ECMAScript has no "[:name:]": this is a class of these characters, followed by "]"'
            self.warnings.append((text, self.at))
        parts: list[Ranges] = []
        begin = self.at if self.class_may_begin_with_bracket else -1
        while self.at == begin or not self.eat("]"):
            low_at = self.at
            low = self.class_atom(start)
            if not self.looking_at("-") or self.looking_at("-]"):
                parts.append(low)
                continue
            self.at += 1
            high = self.class_atom(start)
            if not _is_single(low) or not _is_single(high):
                parts += [low, characters.single(ord("-")), high]  # next to an escape like \d it is not a range
            elif low > high:
                raise self.fail("range out of order in a class", low_at)
            else:
                parts.append(((low[0][0], high[0][0]),))
        ranges = self.folded(characters.union(*parts))
        return characters.invert(ranges) if negated else ranges

    def folded(self, ranges: Ranges) -> Ranges:
        """Return the characters of a class with their variants, where case is ignored."""
        return characters.with_variants(ranges) if self.ignore_case else ranges

    def class_atom(self, start: int) -> Ranges:
        r"""Read a character of a class (without its variants in case yet), or an escape such as `\d`."""
        at = self.at
        if not self.peek():
            raise self.fail('unbalanced "["', start)
        if not self.eat("\\"):
            self.at += 1
            return characters.single(ord(self.source[at]))
        if self.peek() in self.escapes:
            self.at += 1
            return self.escapes[self.source[at + 1]]
        if self.eat("b"):
            return characters.single(0x08)
        return characters.single(self.character_escape(at, in_class=True))


def _is_single(ranges: Ranges) -> bool:
    return len(ranges) == 1 and ranges[0][0] == ranges[0][1]


def _count_groups(source: str) -> tuple[int, bool]:
    """Count the capturing groups, and tell whether one has a name: both decide what an escape before them means."""
    count = 0
    named = in_class = False
    at = 0
    while at < len(source):
        char = source[at]
        if char == "\\":
            at += 1
        elif in_class:
            in_class = char != "]"
        elif char == "[":
            in_class = True
        elif char == "(":
            name = source.startswith("?<", at + 1) and not source.startswith(("?<=", "?<!"), at + 1)
            named = named or name
            count += name or not source.startswith("?", at + 1)
        at += 1
    return count, named
