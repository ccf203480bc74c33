r"""ECMAScript regular expressions for Python: IIS uses ECMAScript, and the same text means something else in Python.

The grammar is that of ECMA-262, 9th edition (ES2018), clause 21.2.1, without flag `u` and with the legacy forms of
Annex B.1.4, which every browser accepts: octal escapes, `\c` in classes, a lone `]` or `{`, `\k` without named groups.
A pattern is read into a tree (`tree`) and written as the common language of `re` and `regex`, for the flags
ASCII and, where case is ignored, IGNORECASE. What a pattern means is settled here and nowhere else:

- classes are spelled out (`\d \w` are ASCII, `\s` has U+FEFF and the spaces of Unicode, `.` stops at four line ends);
- `$` is the end of the text, never the place before a last line feed;
- a back-reference to a group that took no part, comes later or is still open matches the empty text;
- without regard to case "é" is "É", but no letter outside ASCII is one inside (long s, Kelvin sign);
- an iteration that consumes nothing is given up.

What Python cannot express is marked as not `exact`, and left to `backtracking`: ECMAScript forgets the captures of a
group at each new iteration around it, Python keeps those of the iteration before; empty iterations of a few odd shapes;
back-references within a lookbehind, or to letters outside ASCII without regard to case. Text is looked at in code
points, where ECMAScript sees UTF-16 units: `.` takes a whole emoji, a pair of surrogate escapes is the one character it
means.
"""

from __future__ import annotations

from dataclasses import dataclass

from urlrewrite.patterns import characters
from urlrewrite.patterns import tree as pattern_tree
from urlrewrite.patterns.ecmascript_atoms import DIGITS, PatternError, Scanner
from urlrewrite.patterns.spelling import python_source
from urlrewrite.patterns.tree import (
    EMPTY,
    Anchor,
    Chars,
    Choice,
    Concatenation,
    Group,
    Look,
    Node,
    Reference,
    Repeat,
)

__all__ = ["PatternError", "Translation", "translate"]

MAX_DEPTH = 50  # of groups in groups: Python compiles by recursion, and so does this module
MAX_SIZE = 100_000  # of the pattern with its counts written out, as engines do
MAX_COUNT = 2**31  # a higher upper bound is no bound: no text is that long


@dataclass(frozen=True, slots=True)
class Translation:
    """A pattern in Python's terms.

    Attributes:
        source: for `re` or `regex` (version 0), to be compiled with the flag ASCII, and IGNORECASE if case is ignored.
        groups: how many capturing groups there are; they keep their numbers.
        names: names of groups with their numbers, in order; in `source` groups have no names.
        warnings: what its author probably did not mean: a sentence, and the offset in the pattern.
        tree: the pattern as it was read.
        exact: whether `source` means the same as the pattern; if not, only `backtracking` can run it.
        stdlib: whether `re` can run it; if not, `regex` can (most lookbehinds).
    """

    source: str
    groups: int
    names: tuple[tuple[str, int], ...]
    warnings: tuple[tuple[str, int], ...]
    tree: Node
    exact: bool
    stdlib: bool


def translate(source: str, *, ignore_case: bool, dot_all: bool = False) -> Translation:
    """Translate an ECMAScript pattern (without slashes and flags); with `dot_all`, `.` matches line ends, too.

    Raises:
        PatternError: the pattern is not valid, or has no counterpart.
    """
    parser = Parser(source, ignore_case=ignore_case)
    if dot_all:
        parser.dot = characters.ALL
    tree = parser.parse()
    return Translation(
        source=python_source(tree, ignore_case=ignore_case),
        groups=parser.group_count,
        names=tuple(parser.names.items()),
        warnings=tuple(sorted(parser.warnings, key=lambda warning: warning[1])),
        tree=tree,
        exact=parser.exact,
        stdlib=parser.stdlib,
    )


class Parser(Scanner):
    """Recursive descent over the structure of a pattern; the methods are named as in the grammar.

    `pcre` reads another dialect by overriding them.
    """

    def __init__(self, source: str, *, ignore_case: bool) -> None:
        super().__init__(source, ignore_case=ignore_case)
        self.dot = characters.DOT
        self.depth = 0
        self.opened = 0
        self.closed: dict[int, Node] = {}
        self.names: dict[str, int] = {}
        self.references: list[tuple[str, int]] = []
        self.outermost_lookbehind: int | None = None  # how many groups were open or closed before it
        self.exact = True
        self.stdlib = True

    def parse(self) -> Node:
        tree = self.disjunction()
        if self.at < len(self.source):
            raise self.fail('unbalanced ")"')
        for name, offset in self.references:
            if name not in self.names:
                raise self.fail(f'there is no group named "{name}"', offset)
        if pattern_tree.size(tree) > MAX_SIZE:
            raise self.fail("too large with its counts written out, which is not supported", 0)
        return tree

    def disjunction(self) -> Node:
        branches = [self.alternative()]
        while self.eat("|"):
            branches.append(self.alternative())
        return branches[0] if len(branches) == 1 else Choice(tuple(branches))

    def alternative(self) -> Node:
        items: list[Node] = []
        while self.at < len(self.source) and self.source[self.at] not in "|)":
            items.append(self.term())
        return items[0] if len(items) == 1 else Concatenation(tuple(items))

    def term(self) -> Node:
        start = self.at
        atom: Node
        match self.source[start]:
            case "^":
                self.at += 1
                return Anchor.START
            case "$":
                self.at += 1
                return Anchor.END
            case "(":
                quantifiable = not self.looking_at("(?<=") and not self.looking_at("(?<!")
                atom = self.group()
                if not quantifiable:
                    return atom
            case "\\" if self.eat("\\b"):
                return Anchor.BOUNDARY
            case "\\" if self.eat("\\B"):
                return Anchor.NOT_BOUNDARY
            case "\\":
                atom = self.atom_escape()
            case "[":
                atom = Chars(self.character_class())
            case ".":
                self.at += 1
                atom = Chars(self.dot)
            case char:
                if self.quantifier() is not None:
                    raise self.fail(f'nothing to repeat before "{char}"', start)
                self.at = start + 1
                atom = self.char(ord(char))
        return self.quantified(atom, start)

    def char(self, code: int) -> Node:
        return Chars(characters.single(code, ignore_case=self.ignore_case))

    def quantifier(self) -> tuple[int, int | None] | None:
        """Read `*`, `+`, `?` or a count in braces; anything else, such as `{,3}`, is ordinary text."""
        start = self.at
        for sign, bounds in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self.eat(sign):
                return bounds
        if self.eat("{") and (low := self.take(DIGITS)):
            high = self.take(DIGITS) if self.eat(",") else low
            if self.eat("}"):
                least = _count(low)
                most = _count(high) if high else MAX_COUNT
                if most < least:
                    raise self.fail("numbers out of order in a count", start)
                return least, None if most >= MAX_COUNT else most
        self.at = start
        return None

    def quantified(self, atom: Node, start: int) -> Node:
        bounds = self.quantifier()
        if bounds is None:
            return atom
        least, most = bounds
        lazy = self.eat("?")
        if (most is None or most > 1) and pattern_tree.has_optional_group(atom):
            self.exact = False
        exact = pattern_tree.repeat(atom, least, most, lazy=lazy)
        if exact is None:
            self.exact = False
            return Repeat(atom, least, most, lazy)
        return exact

    def group(self) -> Node:
        """Read a group, capturing or not, or a lookaround."""
        start = self.at
        self.at += 1
        if self.eat("?:"):
            return self.body(start)
        if self.eat("?="):
            return Look(self.body(start), ahead=True, negative=False)
        if self.eat("?!"):
            return Look(self.body(start), ahead=True, negative=True)
        if self.eat("?<="):
            return self.lookbehind(start, negative=False)
        if self.eat("?<!"):
            return self.lookbehind(start, negative=True)
        if self.eat("?<"):
            name_at = self.at
            return self.capture(start, self.group_name(), name_at)
        if self.looking_at("?"):
            raise self.fail(f'ECMAScript has no "{self.source[start : start + 3]}"', start)
        return self.capture(start)

    def body(self, start: int) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.fail(f"more than {MAX_DEPTH} groups in one another", start)
        node = self.disjunction()
        if not self.eat(")"):
            raise self.fail('unbalanced "("', start)
        self.depth -= 1
        return node

    def capture(self, start: int, name: str = "", name_at: int = 0) -> Node:
        self.opened += 1
        number = self.opened
        if name in self.names:
            raise self.fail(f'there are two groups named "{name}"', name_at)
        if name:
            self.names[name] = number
        self.closed[number] = body = self.body(start)
        return Group(body, number)

    def lookbehind(self, start: int, *, negative: bool) -> Node:
        outermost = self.outermost_lookbehind is None
        if outermost:
            self.outermost_lookbehind = self.opened
        body = self.body(start)
        if outermost:
            self.outermost_lookbehind = None
        # `re` wants a fixed width, and goes forward in it: a repeated group would capture the wrong end
        low, high = pattern_tree.width(body)
        self.stdlib = self.stdlib and low == high and not pattern_tree.has_group(body)
        return Look(body, ahead=False, negative=negative)

    def atom_escape(self) -> Node:
        start = self.at
        self.at += 1
        char = self.peek()
        if char in self.escapes:
            self.at += 1
            return Chars(self.escapes[char])
        if char == "k" and self.has_names:
            self.at += 1
            if not self.eat("<"):
                raise self.fail(r"\k needs a group name", start)
            name = self.group_name()
            self.references.append((name, start))
            return self.reference(self.names.get(name, self.group_count + 1), start)
        if char in DIGITS and char != "0":
            number = _count(self.take(DIGITS))
            if number <= self.group_count:
                return self.reference(number, start)
            self.at = start + 1
        return self.char(self.character_escape(start, in_class=False))

    def reference(self, number: int, start: int) -> Node:
        if self.outermost_lookbehind is not None:
            if number > self.group_count:
                raise self.fail("a named back-reference in a lookbehind, before its group, is not supported", start)
            if number > self.outermost_lookbehind:
                self.exact = False
                return Reference(number)
            self.stdlib = False
        if number not in self.closed:
            return EMPTY
        if self.ignore_case and characters.has_variants_outside_ascii(pattern_tree.chars(self.closed[number])):
            self.exact = False
        return Reference(number)


def _count(digits: str) -> int:
    """Return the number, or some number above every limit: int() refuses very long ones."""
    return int(digits.lstrip("0")[:20] or "0")
