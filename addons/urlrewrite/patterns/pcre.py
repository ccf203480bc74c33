r"""PCRE, the regular expressions of Apache, read into the tree that ECMAScript patterns have.

The grammar is that of `perlre` without recursion. It is read as ECMAScript but for what differs: `\A \z \Z`, `\Q..\E`,
`\a \e \h \v \x{..}`, classes with `[:alpha:]` or with `]` at the start, named groups, comments, `(?i)`, atomic groups
and possessive repetitions. What ECMAScript cannot say (recursion, conditionals, `\K`, verbs) is refused with its
offset. Apache sets DOLLAR_ENDONLY, so `$` means the same in both.

An atomic group is `(?=(...))\1` in ECMAScript. The group that this adds has a number below zero in the tree; all others
have the number that PCRE gives them.

Two things are not quite the same: `.`, which in Apache (DOTALL) matches a line end too, is read so on request only, and
`\s` matches the spaces of Unicode too, as in ECMAScript.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from urlrewrite.patterns import characters
from urlrewrite.patterns.characters import Ranges
from urlrewrite.patterns.ecmascript import Parser, PatternError
from urlrewrite.patterns.tree import EMPTY, Anchor, Chars, Concatenation, Group, Look, Node, Reference, Repeat

__all__ = ["Expression", "PatternError", "parse_pcre"]

_MAX_REPEATS = 5  # of one thing, as in a{2}{3}
_NOT_SAID = "ECMAScript has no counterpart to"
_NAMED = re.compile(r"\(\?(?:P?<([A-Za-z_]\w*)>|'([A-Za-z_]\w*)')", re.ASCII)
_BY_NAME = re.compile(r"\\k(?:<(\w+)>|'(\w+)'|\{(\w+)\})|\\g\{([A-Za-z_]\w*)\}|\(\?P=(\w+)\)", re.ASCII)
_BY_NUMBER = re.compile(r"\\g(?:\{(-?)([0-9]{1,3})\}|([0-9]{1,3}))|\\([1-9][0-9]{0,2})")
_OPTIONS = re.compile(r"\(\?([a-zA-Z]*)(?:-([a-zA-Z]*))?([:)])")
_POSIX_CLASS = re.compile(r"\[:(\^?)([a-z]+):\]")
_CODE = re.compile(r"x(?:\{([0-9A-Fa-f]{1,4})\}|([0-9A-Fa-f]{0,2}))|(?:o\{([0-7]{1,6})\}|([0-7]{1,3}))")
_CONTROLS = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "a": "\a", "e": "\x1b"}


def _of(*pairs: str) -> Ranges:
    return characters.union(tuple((ord(pair[0]), ord(pair[-1])) for pair in pairs))


_LINE_END = Look(Concatenation((Repeat(Chars(_of("\n")), 0, 1, lazy=False), Anchor.END)), ahead=True, negative=False)
_ASSERTIONS: dict[str, Node] = {"A": Anchor.START, "z": Anchor.END, "Z": _LINE_END}
_HORIZONTAL, _VERTICAL = _of("\t", " ", "\xa0"), _of("\n\r", "\x85")
_POSIX = {
    "alpha": _of("az", "AZ"),
    "digit": characters.DIGIT,
    "alnum": _of("az", "AZ", "09"),
    "upper": _of("AZ"),
    "lower": _of("az"),
    "space": _of("\t\r", " "),
    "blank": _of("\t", " "),
    "punct": _of("!/", ":@", "[`", "{~"),
    "print": _of(" ~"),
    "graph": _of("!~"),
    "cntrl": _of("\x00\x1f", "\x7f"),
    "xdigit": _of("09", "af", "AF"),
    "word": characters.WORD,
    "ascii": _of("\x00\x7f"),
}


@dataclass(frozen=True, slots=True)
class Expression:
    """A pattern of PCRE as a tree, and whether all of it ignores case; the sets in the tree are as written then."""

    tree: Node
    ignore_case: bool


def parse_pcre(source: str, *, ignore_case: bool = False, dot_takes_line_ends: bool = False) -> Expression:
    """Read a pattern.

    Args:
        source: as Apache has it.
        ignore_case: the flag NC; `(?i)` at the start of the pattern says the same.
        dot_takes_line_ends: reads `.` as every character.

    Raises:
        PatternError: the pattern is not valid, or ECMAScript has nothing for a part of it.
    """
    parser = _Parser(source, all_ignore_case=ignore_case, dot_takes_line_ends=dot_takes_line_ends)
    return Expression(parser.parse(), parser.all_ignore_case)


class _Parser(Parser):
    """Reads what PCRE has otherwise than ECMAScript; `ignore_case` is what options within the pattern say here."""

    escapes = characters.ESCAPES | {
        "h": _HORIZONTAL,
        "H": characters.invert(_HORIZONTAL),
        "v": _VERTICAL,
        "V": characters.invert(_VERTICAL),
    }
    class_may_begin_with_bracket = True

    def __init__(self, source: str, *, all_ignore_case: bool, dot_takes_line_ends: bool) -> None:
        super().__init__(source, ignore_case=False)
        self.all_ignore_case = self.eat("(?i)") or all_ignore_case
        self.dot = characters.ALL if dot_takes_line_ends else characters.DOT
        self.atomics = 0
        self.numbers: list[tuple[int, int]] = []

    def parse(self) -> Node:
        tree = super().parse()
        for number, offset in self.numbers:
            if number not in self.closed:
                raise self.fail(f"there is no group {number}", offset)
        return tree

    def alternative(self) -> Node:
        items: list[Node] = []
        while (char := self.peek()) and char not in "|)":
            start = self.at
            if self.eat(r"\Q"):
                items += self.quoted()
                items[-1:] = [self.quantified(item, start) for item in items[-1:]]
            elif self.eat("(?#"):
                self.comment()
            elif not self.eat(r"\E") and (item := self.term()) != EMPTY:
                items.append(item)
        return items[0] if len(items) == 1 else Concatenation(tuple(items))

    def comment(self) -> None:
        end = self.source.find(")", self.at)
        if end < 0:
            raise self.fail('got a comment without ")"', self.at - len("(?#"))
        self.at = end + 1

    def quoted(self) -> list[Node]:
        text, end, _ = self.source[self.at :].partition(r"\E")
        self.at += len(text) + len(end)
        return [self.char(ord(char)) for char in text]

    def term(self) -> Node:
        start = self.at
        node = super().term()  # ECMAScript repeats no assertion
        return self.quantified(node, start) if isinstance(node, Anchor | Look) else node

    def quantified(self, atom: Node, start: int) -> Node:
        for _ in range(_MAX_REPEATS):
            if (bounds := self.quantifier()) is None:
                return atom
            lazy = self.eat("?")
            atom = Repeat(atom, *bounds, lazy)
            if not lazy and self.eat("+"):
                atom = self.atomic(atom)
            if not self.looking_at("{"):
                return atom
        raise self.fail(f"{_NOT_SAID} more than {_MAX_REPEATS} counts of one thing", start)

    def atomic(self, body: Node) -> Node:
        self.atomics -= 1
        return Concatenation((Look(Group(body, self.atomics), ahead=True, negative=False), Reference(self.atomics)))

    def group(self) -> Node:
        start = self.at
        if found := _BY_NAME.match(self.source, start):
            return self.by_name(found)
        if found := _NAMED.match(self.source, start):
            self.at = found.end()
            return self.capture(start, found[1] or found[2], start)
        if self.eat("(?>"):
            return self.atomic(self.body(start))
        if found := _OPTIONS.match(self.source, start):
            return self.options(found)
        if self.looking_at("(*"):
            raise self.fail(f'{_NOT_SAID} "{self.source[start : start + 4]}"')
        return super().group()

    def body(self, start: int) -> Node:
        before = self.ignore_case
        node = super().body(start)
        self.ignore_case = before
        return node

    def options(self, found: re.Match[str]) -> Node:
        """`(?i:...)`, or `(?i)` for what follows in the group around it."""
        on, off, end = found[1], found[2] or "", found[3]
        if unknown := set(on + off) - set("is"):
            raise self.fail(f'{_NOT_SAID} the option "{min(unknown)}"')
        if self.all_ignore_case and "i" in off:
            raise self.fail(f"{_NOT_SAID} (?-i) where the whole pattern ignores case")
        if "s" in off:
            raise self.fail(f"{_NOT_SAID} (?-s)")
        before = self.ignore_case
        self.ignore_case = (before or "i" in on) and "i" not in off and not self.all_ignore_case
        self.at = found.end()
        if end == ")":
            if self.quantifier() is not None:
                raise self.fail(f'nothing to repeat before "{self.source[found.end()]}"', found.end())
            return EMPTY
        node = self.body(found.start())
        self.ignore_case = before
        return node

    def by_name(self, found: re.Match[str]) -> Node:
        name = next(filter(None, found.groups()))
        if name not in self.names:
            raise self.fail(f'there is no group "{name}"', found.start())
        self.at = found.end()
        return self.reference(self.names[name], found.start())

    def atom_escape(self) -> Node:
        start = self.at
        letter = self.source[start + 1 : start + 2]
        if letter in _ASSERTIONS:
            self.at += 2
            return _ASSERTIONS[letter]
        if self.eat(r"\N"):
            return Chars(characters.DOT)
        if found := _BY_NAME.match(self.source, start):
            return self.by_name(found)
        if found := _BY_NUMBER.match(self.source, start):
            number = int(found[2] or found[3] or found[4])
            if not found[4] or number < 10 or number <= self.source.count("("):
                self.at = found.end()
                return self.reference(self.opened + 1 - number if found[1] else number, start)
        self.at += 1
        if letter in self.escapes:
            self.at += 1
            return Chars(self.escapes[letter])
        return self.char(self.character_escape(start, in_class=False))

    def reference(self, number: int, start: int) -> Node:
        if self.ignore_case:
            raise self.fail(f"{_NOT_SAID} a back-reference under (?i)", start)
        self.numbers.append((number, start))
        return Reference(number)

    def character_escape(self, start: int, *, in_class: bool) -> int:
        char = self.peek()
        if found := _CODE.match(self.source, self.at):
            self.at = found.end()
            return int(found[1] or found[2] or "0", 16) if char == "x" else int(found[3] or found[4], 8)
        letter = self.source[self.at + 1 : self.at + 2].upper()
        if char == "c" and "@" <= letter <= "_":
            self.at += 2
            return ord(letter) ^ 0x40
        if not char or (char not in _CONTROLS and char.isascii() and char.isalnum()):
            raise self.fail(f"{_NOT_SAID} \\{char}" if char else r'"\" at the end', start)
        self.at += 1
        return ord(_CONTROLS.get(char, char))

    def class_atom(self, start: int) -> Ranges:
        found = _POSIX_CLASS.match(self.source, self.at)
        if not found:
            return super().class_atom(start)
        if found[2] not in _POSIX:
            raise self.fail(f"{_NOT_SAID} {found[0]}")
        self.at = found.end()
        ranges = _POSIX[found[2]]
        if self.ignore_case or self.all_ignore_case:
            ranges = characters.with_variants(ranges)
        return characters.invert(ranges) if found[1] else ranges

    def folded(self, ranges: Ranges) -> Ranges:
        # With a complement in it (`[\Wa]`) a class may be written the other way round: only with both cases of every
        # letter does that say the same where all of the pattern ignores case.
        if self.all_ignore_case and characters.contains(ranges, characters.LAST):
            return characters.with_variants(ranges)
        return super().folded(ranges)
