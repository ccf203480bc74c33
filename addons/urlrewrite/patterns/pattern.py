"""Patterns of rules: compiled once, searched with a deadline. The only place that compiles a rule's expressions.

Two engines share the work, and both read the same source (see `ecmascript`); a third one, `backtracking`, runs what
neither of them can express:

- `re` is quick and cannot be interrupted. It gets a text only if `linear` proves that this pattern is done with a text
  of this length in some `STEPS` steps: for most patterns of real rules that is every text of up to a megabyte.
- `regex` watches the clock, and lets other threads run meanwhile. It gets the rest.

Each is compiled when it is first needed. A Wildcard never backtracks: every `*` but the last is settled with the first
place where what follows it matches, which is as good as any (what comes next is a `*` again), so it is written as an
atomic group.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from urlrewrite.patterns import characters, linear, spelling
from urlrewrite.patterns.backtracking import Program
from urlrewrite.patterns.ecmascript import PatternError, translate
from urlrewrite.patterns.linear import Bound
from urlrewrite.patterns.tree import Anchor, Chars, Concatenation, Group, Node, Repeat

if TYPE_CHECKING:
    import regex

    type _Match = re.Match[str] | regex.Match[str]

__all__ = ["Captures", "Pattern", "PatternError", "PatternTimeout", "compile_pattern"]

STEPS = 1_000_000  # some 15 ms, 100 at worst
REACH_CHARACTERS = 500  # `Pattern.reach` looks no further: it runs for every rule that a request misses

_LINEAR = Bound(factor=1, degree=1)
_LINE_END = re.compile("[\n\r\u2028\u2029]")
_in_use: WeakValueDictionary[tuple[str, str, bool, bool, bool], Pattern] = WeakValueDictionary()
"""Patterns by what they were compiled of: many sites have the same ones, and so do rules that are read again."""


class PatternTimeout(Exception):  # noqa: N818 - the outcome of a deadline, not a mistake
    """Raised for a pattern that did not finish in time; `pattern` is its source, `seconds` the deadline."""

    def __init__(self, pattern: str, seconds: float) -> None:
        super().__init__(pattern, seconds)
        self.pattern = pattern
        self.seconds = seconds

    def __str__(self) -> str:
        return f"the pattern {self.pattern!r} was not done within {self.seconds:g} s"


@dataclass(frozen=True, slots=True)
class Captures:
    """A match; positions are indexes into `text`.

    `groups` and `spans` have the whole match at 0; a group that took no part is "" and (-1, -1).
    """

    text: str
    start: int
    end: int
    groups: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]


def compile_pattern(
    source: str, syntax: str, *, ignore_case: bool, substring: bool = False, dot_all: bool = False
) -> Pattern:
    """Compile a pattern of a rule; return the same one as long as an equal one is in use.

    Args:
        source: the pattern as the rule has it.
        syntax: "ECMAScript" (found anywhere), "Wildcard" or "ExactMatch" (the whole text).
        ignore_case: as ECMAScript does it, for every syntax.
        dot_all: `.` of ECMAScript matches line ends, too, as `*` and `?` of a Wildcard always do.
        substring: an ExactMatch is found anywhere, as in rules for whole bodies. No meaning for the others.

    Raises:
        PatternError: the pattern is not valid.
        ValueError: there is no such syntax.
    """
    key = (source, str(syntax), ignore_case, substring, dot_all)
    if (found := _in_use.get(key)) is None:
        found = _compiled(source, syntax, ignore_case=ignore_case, substring=substring, dot_all=dot_all)
        _in_use[key] = found
    return found


def _compiled(source: str, syntax: str, *, ignore_case: bool, substring: bool, dot_all: bool) -> Pattern:
    if syntax == "ECMAScript":
        translation = translate(source, ignore_case=ignore_case, dot_all=dot_all)
        return Pattern(
            source,
            syntax,
            ignore_case,
            python_source=translation.source,
            tree=translation.tree,
            groups=translation.groups,
            warnings=translation.warnings,
            bound=linear.bound(translation.tree) if translation.stdlib and translation.exact else None,
            program=None
            if translation.exact
            else Program(translation.tree, translation.groups, ignore_case=ignore_case),
            anchored=linear.is_anchored(translation.tree) or linear.starts_with_all(translation.tree),
            by_lines=linear.starts_with_line(translation.tree),
        )
    if syntax == "ExactMatch":
        tree: Node = _literal(source, ignore_case=ignore_case)
        if not substring:
            tree = Concatenation((Anchor.START, tree, Anchor.END))
        python_source = spelling.python_source(tree, ignore_case=ignore_case)
        return Pattern(source, syntax, ignore_case, python_source=python_source, tree=tree, anchored=not substring)
    if syntax == "Wildcard":
        tree = _wildcard(source, ignore_case=ignore_case)
        python_source = _wildcard_source(source, ignore_case=ignore_case)
        groups = source.count("*")
        return Pattern(
            source, syntax, ignore_case, python_source=python_source, tree=tree, groups=groups, anchored=True
        )
    raise ValueError(f"no such pattern syntax: {syntax!r}")


def _literal(text: str, *, ignore_case: bool) -> Concatenation:
    """Return a tree that matches this text and no other."""
    return Concatenation(tuple(Chars(characters.single(ord(char), ignore_case=ignore_case)) for char in text))


def _wildcard(source: str, *, ignore_case: bool) -> Node:
    """Read a Wildcard, for the whole text: `*` is any run, captured; `?` is any character; both match line ends."""
    items: list[Node] = []
    for char in source:
        match char:
            case "*":
                items.append(
                    Group(Repeat(Chars(characters.ALL), 0, None, lazy=True), source.count("*", 0, len(items)) + 1)
                )
            case "?":
                items.append(Chars(characters.ALL))
            case _:
                items.append(Chars(characters.single(ord(char), ignore_case=ignore_case)))
    return Concatenation((Anchor.START, *items, Anchor.END))


def _wildcard_source(source: str, *, ignore_case: bool) -> str:
    """Write a Wildcard for Python, each `*` but the last as an atomic group."""

    def fixed(part: str) -> str:
        pieces = (_literal(piece, ignore_case=ignore_case) for piece in part.split("?"))
        return "(?s:.)".join(spelling.python_source(piece, ignore_case=ignore_case) for piece in pieces)

    head, *parts = (fixed(part) for part in source.split("*"))
    if parts:
        head += "".join(f"(?>((?s:.)*?){part})" for part in parts[:-1]) + "((?s:.)*)" + parts[-1]
    return Anchor.START + head + Anchor.END


class Pattern:
    """A compiled pattern.

    Attributes:
        source, syntax, ignore_case: as given.
        groups: number of capturing groups.
        tree: the pattern as it was read.
        linear: whether it is proved that the time for a text grows with its length, and no faster.
        warnings: what differs from ECMAScript, or is probably a mistake: a sentence, and the offset in the source.

    Deadlines are in seconds. They apply only to texts that are too long for what is proved of the pattern.
    """

    __slots__ = (
        "__weakref__",
        "_anchored",
        "_by_lines",
        "_longest",
        "_program",
        "_python_source",
        "_quick",
        "_timed",
        "groups",
        "ignore_case",
        "linear",
        "source",
        "syntax",
        "tree",
        "warnings",
    )

    def __init__(
        self,
        source: str,
        syntax: str,
        ignore_case: bool,
        *,
        python_source: str,
        tree: Node,
        groups: int = 0,
        warnings: tuple[tuple[str, int], ...] = (),
        bound: Bound | None = _LINEAR,
        program: Program | None = None,
        anchored: bool = False,
        by_lines: bool = False,
    ) -> None:
        self.source = source
        self.syntax = syntax
        self.ignore_case = ignore_case
        self.groups = groups
        self.tree = tree
        self.linear = bound is not None and bound.degree == 1
        self.warnings = warnings
        self._python_source = python_source
        self._program = program
        self._anchored = anchored
        self._by_lines = by_lines
        self._longest = -1 if bound is None else bound.longest(STEPS)
        self._quick: Callable[[str, int], re.Match[str] | None] | None = None
        self._timed: regex.Pattern[str] | None = None

    def __repr__(self) -> str:
        return f"<Pattern {self.syntax} {self.source!r}{' ignoring case' if self.ignore_case else ''}>"

    def search(self, text: str, deadline: float) -> Captures | None:
        """Return the first match in the text; None without one.

        Raises:
            PatternTimeout: not done within the deadline.
        """
        if len(text) <= self._longest:
            found = self._find_quickly(text, 0)
            return None if found is None else _captures(text, found)
        try:
            return self._find_in_time(text, 0, deadline)
        except TimeoutError:
            raise PatternTimeout(self.source, deadline) from None

    def finditer(self, text: str, deadline: float) -> Iterator[Captures]:
        """Yield all matches, left to right; after an empty one the search goes on one character further (ECMA-262).

        The deadline, in seconds, is for all of them together; time that the caller takes in between does not count.

        Raises:
            PatternTimeout: while iterating.
        """
        at = 0
        left = deadline
        while at <= len(text):
            if len(text) <= self._longest:
                match = self._find_quickly(text, at)
                found = None if match is None else _captures(text, match)
            else:
                began = perf_counter()
                try:
                    found = self._find_in_time(text, at, left)
                except TimeoutError:
                    raise PatternTimeout(self.source, deadline) from None
                left -= perf_counter() - began
            if found is None:
                return
            yield found
            at = found.end + (found.start == found.end)

    def reach(self, text: str, deadline: float) -> int:
        """Return how far into a text without a match the best attempt got, to show a person where a match failed.

        From each place the pattern is tried against ever longer parts of the text; as long as it matches, or would with
        more text to come, it is under way. The attempt that is under way for most characters counts, of several the
        first. Never raises: returns the best so far when the deadline has passed.
        """
        if deadline <= 0:
            return 0
        limit = min(len(text), REACH_CHARACTERS)
        timed = self._timed or self._compile_timed()
        stop = perf_counter() + deadline

        def attempt(start: int, end: int) -> regex.Match[str] | None:
            left = max(0.0, stop - perf_counter())
            return timed.match(text, start, end, partial=True, concurrent=True, timeout=left)

        longest = reached = 0
        try:
            for start in range(1 if self._anchored else limit):
                if start + longest >= limit:
                    break
                if attempt(start, start + longest + 1) is None:
                    continue
                if (found := attempt(start, limit)) is not None:
                    return limit if found.partial else found.end()
                reached, beyond = start + longest + 1, limit
                while beyond - reached > 1:
                    middle = (reached + beyond) // 2
                    if attempt(start, middle) is None:
                        beyond = middle
                    else:
                        reached = middle
                longest = reached - start
        except (TimeoutError, MemoryError):
            pass
        return reached

    def _find_quickly(self, text: str, at: int) -> re.Match[str] | None:
        attempt = self._quick or self._compile_quick()
        found = attempt(text, at)
        while found is None and self._by_lines:
            line_end = _LINE_END.search(text, at)
            if line_end is None:
                return None
            at = line_end.end()
            found = attempt(text, at)
        return found

    def _find_in_time(self, text: str, at: int, seconds: float) -> Captures | None:
        """Search within so many seconds. Raises TimeoutError."""
        if self._program is not None:
            spans = self._program.search(text, at, seconds)
            if spans is None:
                return None
            groups = tuple(text[start:end] if start >= 0 else "" for start, end in spans)
            return Captures(text, *spans[0], groups, spans)
        timed = self._timed or self._compile_timed()
        # a negative time-out would be none at all
        found = timed.search(text, at, timeout=max(0.0, seconds), concurrent=True)
        return None if found is None else _captures(text, found)

    def _compile_quick(self) -> Callable[[str, int], re.Match[str] | None]:
        compiled = re.compile(self._python_source, re.ASCII | (re.IGNORECASE if self.ignore_case else 0))
        self._quick = compiled.match if self._anchored or self._by_lines else compiled.search
        return self._quick

    def _compile_timed(self) -> regex.Pattern[str]:
        import regex  # takes a while, and many rule sets never need it

        flags = regex.VERSION0 | regex.ASCII | (regex.IGNORECASE if self.ignore_case else 0)
        self._timed = regex.compile(self._python_source, flags)
        return self._timed


def _captures(text: str, found: _Match) -> Captures:
    start, end = found.span()
    return Captures(text, start, end, (found[0], *found.groups("")), found.regs)
