r"""Characters and classes of characters in Apache's regular expressions."""

from __future__ import annotations

import re

from urlrewrite.formats.apache.tree import Chars


class ExpressionError(ValueError):
    """A regular expression that is not valid or has no counterpart; `offset` is the place in it, from 0."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.offset = offset


CLASS_ESCAPES = {
    **{letter: f"\\{letter}" for letter in "dDwWsS"},
    "h": r"[\t \xa0]",
    "H": r"[^\t \xa0]",
    "v": r"[\n\x0b\f\r\x85]",
    "V": r"[^\n\x0b\f\r\x85]",
}
"""Escapes for sets of characters, outside of a class."""

_POSIX = {
    "alpha": "a-zA-Z",
    "digit": "0-9",
    "alnum": "a-zA-Z0-9",
    "upper": "A-Z",
    "lower": "a-z",
    "space": r"\t-\r ",
    "blank": r"\t ",
    "punct": r"!-/:-@\[-`{-~",
    "print": " -~",
    "graph": "!-~",
    "cntrl": r"\x00-\x1f\x7f",
    "xdigit": "0-9a-fA-F",
    "word": "a-zA-Z0-9_",
    "ascii": r"\x00-\x7f",
}
_WITH_SLASH = frozenset(("punct", "print", "graph", "ascii"))
_NEGATED_POSIX = {"digit": r"\D", "space": r"\S", "word": r"\W"}
_POSIX_CLASS = re.compile(r"\[:(\^?)([a-z]+):\]")
_CONTROLS = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "a": "\a", "e": "\x1b"}
_HEX = re.compile(r"\\x(?:\{([0-9A-Fa-f]{1,4})\}|([0-9A-Fa-f]{0,2}))")
_OCTAL = re.compile(r"\\(?:o\{([0-7]{1,6})\}|([0-7]{1,3}))")
_SPECIAL = frozenset(r"^$\.*+?()[]{}|")
_NAMES = {"\n": r"\n", "\r": r"\r", "\t": r"\t", "\f": r"\f"}


def literal(char: str) -> str:
    """The character as it is written outside of a class."""
    return f"\\{char}" if char in _SPECIAL else _readable(char)


def _readable(char: str) -> str:
    if char.isprintable():
        return char
    code = ord(char)
    return _NAMES.get(char) or (f"\\x{code:02x}" if code < 256 else f"\\u{code & 0xFFFF:04x}")


class Reader:
    """A pattern and a place in it."""

    def __init__(self, source: str, at: int) -> None:
        self.source = source
        self.at = at

    def looking_at(self, text: str) -> bool:
        return self.source.startswith(text, self.at)

    def eat(self, text: str) -> bool:
        found = self.looking_at(text)
        if found:
            self.at += len(text)
        return found

    def skip_to(self, end: str, what: str) -> None:
        found = self.source.find(end, self.at)
        if found < 0:
            raise self.fault(f'got {what} without "{end}"')
        self.at = found + len(end)

    def fault(self, message: str, offset: int | None = None) -> ExpressionError:
        return ExpressionError(message, self.at if offset is None else offset)

    def escaped_char(self) -> str:
        """The character that an escape stands for; the place is behind it afterwards."""
        char = self.source[self.at + 1]
        if char in _CONTROLS:
            self.at += 2
            return _CONTROLS[char]
        if found := _HEX.match(self.source, self.at):
            self.at = found.end()
            return chr(int(found[1] or found[2] or "0", 16))
        if (found := _OCTAL.match(self.source, self.at)) and (code := int(found[1] or found[2], 8)) < 0x10000:
            self.at = found.end()
            return chr(code)
        if char == "c" and "@" <= (letter := self.source[self.at + 2 : self.at + 3].upper()) <= "_":
            self.at += 3
            return chr(ord(letter) ^ 0x40)
        if char.isascii() and char.isalnum():
            raise self.fault(f"ECMAScript has no counterpart to \\{char}")
        self.at += 2
        return char


class CharacterClass:
    """Reads `[...]`."""

    def __init__(self, reader: Reader, *, ignore_case: bool) -> None:
        self.reader = reader
        self.ignore_case = ignore_case
        self.parts: list[str] = []
        self.slash = False

    def read(self) -> Chars:
        """The class at the reader's place."""
        reader, start = self.reader, self.reader.at
        reader.at += 1
        negated = reader.eat("^")
        first = True
        while first or not reader.looking_at("]"):
            if reader.at >= len(reader.source):
                raise reader.fault('got "[" without "]"', start)
            first = False
            if not self.set():
                self.range()
        reader.at += 1
        return Chars(f"[{'^' if negated else ''}{''.join(self.parts)}]", slash=self.slash is not negated)

    def set(self) -> bool:
        """Reads a set of characters that has a name, if there is one here."""
        reader = self.reader
        if found := _POSIX_CLASS.match(reader.source, reader.at):
            negated, name = found.groups()
            if (text := (_NEGATED_POSIX if negated else _POSIX).get(name)) is None:
                raise reader.fault(f"ECMAScript has no counterpart to {found[0]}")
            if self.ignore_case and name in ("upper", "lower"):
                text = "a-zA-Z"
            self.slash |= bool(negated) or name in _WITH_SLASH
            reader.at = found.end()
        elif reader.looking_at("\\") and (letter := reader.source[reader.at + 1 : reader.at + 2]) in CLASS_ESCAPES:
            text = CLASS_ESCAPES[letter]
            if text.startswith("[^"):
                raise reader.fault(f"ECMAScript has no counterpart to \\{letter} in a class")
            text = text[1:-1] if text.startswith("[") else text
            self.slash |= letter in "DWS"
            reader.at += 2
        else:
            return False
        self.parts.append(text)
        return True

    def range(self) -> None:
        reader, start = self.reader, self.reader.at
        low = high = self.char()
        hyphen = reader.looking_at("-") and not reader.looking_at("-]")
        if hyphen and not self._set_follows_hyphen():
            reader.at += 1
            high = self.char()
            if high < low:
                raise reader.fault("the ends of a range are out of order", start)
        self.slash |= low <= "/" <= high
        self.add(low, high)
        if self.ignore_case:
            for first, last, shift in (("a", "z", -32), ("A", "Z", 32)):
                inner = max(low, first), min(high, last)
                if inner[0] <= inner[1]:
                    self.add(chr(ord(inner[0]) + shift), chr(ord(inner[1]) + shift))

    def _set_follows_hyphen(self) -> bool:
        reader = self.reader
        following = reader.source[reader.at + 2 : reader.at + 3]
        escape = reader.source[reader.at + 1 : reader.at + 2] == "\\" and following in CLASS_ESCAPES
        return escape or bool(_POSIX_CLASS.match(reader.source, reader.at + 1))

    def char(self) -> str:
        reader = self.reader
        if reader.looking_at("\\"):
            if reader.eat(r"\b"):
                return "\b"
            if reader.at + 1 >= len(reader.source):
                raise reader.fault(r"got \ at the end")
            return reader.escaped_char()
        if reader.at >= len(reader.source):
            raise reader.fault('got "[" without "]"')
        reader.at += 1
        return reader.source[reader.at - 1]

    def add(self, low: str, high: str) -> None:
        ends = [f"\\{char}" if char in "\\]^-[" else _readable(char) for char in (low, high)]
        self.parts.append(ends[0] if low == high else "-".join(ends))
