r"""Reads the regular expressions of Apache: PCRE, as `perlre` without the parts that look into themselves.

What ECMAScript says otherwise is translated: `\A \z \Z \Q..\E \a \e \h \v \x{..}`, classes with `[:alpha:]` or `]` at
the start, named groups, comments, `(?i)`, atomic groups and possessive repetitions. What it cannot say (recursion,
conditionals, `\K`, verbs) is refused with its offset. Apache sets DOLLAR_ENDONLY, so `$` means the same in both.

Two things are left as they look though they are not quite the same: `.`, which in Apache (DOTALL) takes a line end too
and is written so on request, and `\s`, which in ECMAScript takes Unicode's spaces too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from urlrewrite.formats.apache.classes import CLASS_ESCAPES, CharacterClass, ExpressionError, Reader, literal
from urlrewrite.formats.apache.tree import (
    ANY_LINE,
    END,
    START,
    Assertion,
    Atomic,
    Chars,
    Choice,
    Group,
    Look,
    Node,
    Reference,
    Repeat,
    Sequence,
)

__all__ = ["Expression", "ExpressionError", "parse_expression"]

_MAX_DEPTH = 50
_MAX_REPEATS = 5  # of one thing, as in a{2}{3}
_COUNT = re.compile(r"\{([0-9]{1,5})(?:(,)([0-9]{0,5}))?\}")
_ASSERTIONS = {"b": Assertion(r"\b"), "B": Assertion(r"\B"), "A": START, "z": END, "Z": Assertion(r"(?=\n?$)")}
_NAMED = re.compile(r"\(\?(?:P?<([A-Za-z_]\w*)>|'([A-Za-z_]\w*)')", re.ASCII)
_BY_NAME = re.compile(r"\\k(?:<(\w+)>|'(\w+)'|\{(\w+)\})|\\g\{([A-Za-z_]\w*)\}|\(\?P=(\w+)\)", re.ASCII)
_BY_NUMBER = re.compile(r"\\g(?:\{(-?)([0-9]{1,3})\}|()([0-9]{1,3}))")
_DECIMAL = re.compile(r"\\([1-9][0-9]{0,2})")
_OPTIONS = re.compile(r"\(\?([a-zA-Z]*)(?:-([a-zA-Z]*))?([:)])")
_LOOKS = ("(?=", "(?!", "(?<=", "(?<!")
_NOT_SAID = "ECMAScript has no counterpart to"


@dataclass(frozen=True, slots=True)
class Expression:
    """A regular expression of Apache. `ignore_case` is what its flag NC, or `(?i)` at its start, says."""

    tree: Node
    ignore_case: bool


def parse_expression(source: str, *, ignore_case: bool = False, dot_takes_line_ends: bool = False) -> Expression:
    """Reads a regular expression.

    Args:
        source: as Apache has it.
        ignore_case: the flag NC.
        dot_takes_line_ends: writes `.` so that it takes every character.

    Raises:
        ExpressionError: it is not valid, or ECMAScript has nothing for a part of it.
    """
    if source.startswith("(?i)"):
        parser = _Parser(source, 4, ignore_case=True, dot_takes_line_ends=dot_takes_line_ends)
    else:
        parser = _Parser(source, 0, ignore_case=ignore_case, dot_takes_line_ends=dot_takes_line_ends)
    return Expression(parser.whole(), parser.all_ignore_case)


class _Parser(Reader):
    """Recursive descent; `ignore_case` is what options inside of the pattern say for this place."""

    def __init__(self, source: str, at: int, *, ignore_case: bool, dot_takes_line_ends: bool) -> None:
        super().__init__(source, at)
        self.all_ignore_case = ignore_case
        self.ignore_case = False
        self.dot = ANY_LINE if dot_takes_line_ends else Chars(".", slash=True, dot=True)
        self.depth = 0
        self.opened = 0
        self.names: dict[str, int] = {}
        self.references: list[tuple[int, int]] = []

    def whole(self) -> Node:
        if self.looking_at("(*"):
            raise self.fault(f'{_NOT_SAID} "(*"')
        tree = self.choice()
        if self.at < len(self.source):
            raise self.fault('got ")" without "("')
        for number, offset in self.references:
            if not 0 < number <= self.opened:
                raise self.fault(f"there is no group {number}", offset)
        return tree

    def choice(self) -> Node:
        branches = [self.sequence()]
        while self.eat("|"):
            branches.append(self.sequence())
        return branches[0] if len(branches) == 1 else Choice(tuple(branches))

    def sequence(self) -> Node:
        items: list[Node] = []
        while self.at < len(self.source) and self.source[self.at] not in "|)":
            if self.looking_at(r"\Q"):
                items += self.quoted()
            elif self.looking_at("(?#"):
                self.skip_to(")", "a comment")
            elif not self.eat(r"\E") and (item := self.item()) is not None:
                items.append(item)
        return items[0] if len(items) == 1 else Sequence(tuple(items))

    def quoted(self) -> list[Node]:
        end = self.source.find(r"\E", self.at)
        text = self.source[self.at + 2 : end if end >= 0 else None]
        self.at = end + 2 if end >= 0 else len(self.source)
        return [self.char(char) for char in text]

    def item(self) -> Node | None:
        """One thing with its quantifiers; None for options, which only change what follows."""
        start = self.at
        if self.source[start] in "*+?":
            raise self.fault(f'there is nothing that "{self.source[start]}" could repeat')
        node = self.atom()
        repeats = 0
        while node is not None and (not repeats or self.looking_at("{")) and (bounds := self.quantifier()):
            repeats += 1
            if isinstance(node, Assertion) or repeats > _MAX_REPEATS:
                raise self.fault(f"{_NOT_SAID} a repeated {self.source[start : start + 2]}", start)
            least, most = bounds
            lazy = self.eat("?")
            node = Repeat(node, least, most, lazy)
            if not lazy and self.eat("+"):
                node = Atomic(node)
        return node

    def quantifier(self) -> tuple[int, int | None] | None:
        for sign, bounds in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self.eat(sign):
                return bounds
        if found := _COUNT.match(self.source, self.at):
            least = int(found[1])
            most = int(found[3]) if found[3] else None if found[2] else least
            if most is not None and most < least:
                raise self.fault("the numbers of a count are out of order")
            self.at = found.end()
            return least, most
        return None

    def atom(self) -> Node | None:
        match self.source[self.at]:
            case "^":
                self.at += 1
                return START
            case "$":
                self.at += 1
                return END
            case ".":
                self.at += 1
                return self.dot
            case "[":
                return CharacterClass(self, ignore_case=self.ignore_case).read()
            case "(":
                return self.group()
            case "\\":
                return self.escape()
            case char:
                self.at += 1
                return self.char(char)

    def char(self, char: str) -> Chars:
        if self.ignore_case and char.isascii() and char.isalpha():
            return Chars(f"[{char.lower()}{char.upper()}]")
        return Chars(literal(char), slash=char == "/")

    def group(self) -> Node | None:
        start = self.at
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise self.fault(f"there are more than {_MAX_DEPTH} groups in one another")
        before = self.ignore_case
        node: Node | None
        if found := _BY_NAME.match(self.source, start):
            node = self.by_name(found)
        elif found := _NAMED.match(self.source, start):
            self.at = found.end()
            self.names[found[1] or found[2]] = self.opened + 1
            node = self.capture(start)
        elif opening := next((look for look in _LOOKS if self.eat(look)), ""):
            node = Look(opening, self.body(start))
        elif self.eat("(?>"):
            node = Atomic(self.body(start))
        elif found := _OPTIONS.match(self.source, start):
            node = self.options(found, start)
            if found[3] == ")":
                before = self.ignore_case  # until the group around it ends
        elif self.looking_at("(?") or self.looking_at("(*"):
            raise self.fault(f'{_NOT_SAID} "{self.source[start : start + 4]}"')
        else:
            self.at += 1
            node = self.capture(start)
        self.ignore_case = before
        self.depth -= 1
        return node

    def capture(self, start: int) -> Node:
        self.opened += 1
        number = self.opened
        return Group(number, self.body(start))

    def body(self, start: int) -> Node:
        before = self.ignore_case
        node = self.choice()
        if not self.eat(")"):
            raise self.fault('got "(" without ")"', start)
        self.ignore_case = before
        return node

    def options(self, found: re.Match[str], start: int) -> Node | None:
        on, off, end = found[1], found[2] or "", found[3]
        if unknown := set(on + off) - set("is"):
            raise self.fault(f'{_NOT_SAID} the option "{min(unknown)}"', start)
        if self.all_ignore_case and "i" in off:
            raise self.fault(f"{_NOT_SAID} (?-i) where the whole pattern ignores case", start)
        if "s" in off:
            raise self.fault(f"{_NOT_SAID} (?-s)", start)
        self.ignore_case = (self.ignore_case or "i" in on) and "i" not in off and not self.all_ignore_case
        self.at = found.end()
        if end == ")":
            return None
        inside = self.ignore_case
        node = self.body(start)
        self.ignore_case = inside
        return node if isinstance(node, Choice | Sequence) else Sequence((node,))

    def by_name(self, found: re.Match[str]) -> Node:
        name = next(filter(None, found.groups()))
        if name not in self.names:
            raise self.fault(f'there is no group "{name}"')
        return self.reference(self.names[name], found)

    def reference(self, number: int, found: re.Match[str]) -> Node:
        if self.ignore_case:
            raise self.fault(f"{_NOT_SAID} a back-reference under (?i)")
        self.references.append((number, self.at))
        self.at = found.end()
        return Reference(number)

    def escape(self) -> Node:
        start = self.at
        char = self.source[start + 1 : start + 2]
        if not char:
            raise self.fault(r"got \ at the end")
        if found := _BY_NAME.match(self.source, start):
            return self.by_name(found)
        if found := _BY_NUMBER.match(self.source, start):
            number = int(found[2] or found[4])
            return self.reference(self.opened + 1 - number if found[1] else number, found)
        if char in _ASSERTIONS:
            self.at += 2
            return _ASSERTIONS[char]
        if char == "N":
            self.at += 2
            return Chars(".", slash=True, dot=True)
        if char in CLASS_ESCAPES:
            self.at += 2
            return Chars(CLASS_ESCAPES[char], slash=char in "DWSVH")
        if found := _DECIMAL.match(self.source, start):
            number = int(found[1])
            if number < 10 or number <= self.source.count("("):
                return self.reference(number, found)
        return self.char(self.escaped_char())
