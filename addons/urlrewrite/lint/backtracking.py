"""Evidence that a pattern can take forever: a short text on which a backtracking engine goes astray.

`engine.linear` proves of most patterns that they are quick. What it does not prove need not be slow; a warning wants
evidence. So the pattern is run, on texts made to provoke it, by a matcher that does nothing but count its steps: every
loop around more than a single character is entered by the shortest way, fed with one piece again and again, and then
disappointed. The count is the same on every machine. Some hundred thousand steps for thirty pieces mean that each
further piece multiplies them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from urlrewrite.lint.shapes import MAX_SIZE, sample, sample_character
from urlrewrite.patterns import characters
from urlrewrite.patterns.tree import (
    Anchor,
    Chars,
    Choice,
    Concatenation,
    Group,
    Look,
    Node,
    Reference,
    Repeat,
    children,
    size,
)

PIECES = 24
STEPS = 30_000
ALL_STEPS = 1_000_000
_TRIED_PIECES = 6
_ENDINGS = ("!", "\n", "")
_PLAIN = "a1 /-_=."


class _AstrayError(Exception):
    pass


@dataclass(slots=True)
class Budget:
    """The number of steps left for all patterns together: some seconds. What exceeds it is not examined or reported."""

    steps: int = ALL_STEPS


def bad_text(tree: Node, budget: Budget) -> tuple[str, str, str] | None:
    """Return a beginning, a piece and an ending; enough pieces in between make the pattern hang. None: not found."""
    if size(tree) > MAX_SIZE or budget.steps < 0:
        return None
    for start, loop in _loops(tree, ""):
        for piece in _pieces(loop.body):
            for end in _ENDINGS:
                steps = _steps(tree, start + piece * PIECES + end)
                budget.steps -= steps
                if steps > STEPS:
                    return start, piece, end
                if budget.steps < 0:
                    return None
    return None


def _loops(node: Node, start: str) -> Iterator[tuple[str, Repeat]]:
    """Yield loops around more than one character, each with the shortest text that leads to it."""
    if isinstance(node, Repeat) and node.most is None and not isinstance(node.body, Chars):
        yield start, node
    if isinstance(node, Concatenation):
        for item in node.items:
            yield from _loops(item, start)
            start += sample(item, long=False)
    else:
        for child in children(node):
            yield from _loops(child, start)


def _pieces(body: Node) -> list[str]:
    sets = list(_sets(body))
    found = {sample(body): None}
    for ranges in sets:
        found |= {char: None for char in _PLAIN if characters.contains(ranges, ord(char))}
        found[sample_character(ranges)] = None
    return [piece for piece in found if piece][:_TRIED_PIECES]


def _sets(node: Node) -> Iterator[characters.Ranges]:
    if isinstance(node, Chars):
        yield node.ranges
    for child in children(node):
        yield from _sets(child)


def _steps(tree: Node, text: str) -> int:
    """Count the steps of a search, up to one more than `STEPS`."""
    counter = _Counter(text)
    try:
        for start in range(len(text) + 1):
            if counter.match(tree, start, _done):
                break
    except _AstrayError:
        pass
    except RecursionError:
        return 0
    return counter.steps


def _done(at: int) -> bool:
    return True


class _Counter:
    """A backtracking matcher that counts its steps."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.steps = 0

    def match(self, node: Node, at: int, then: Callable[[int], bool]) -> bool:
        self.steps += 1
        if self.steps > STEPS:
            raise _AstrayError
        match node:
            case Chars(ranges):
                return at < len(self.text) and characters.contains(ranges, ord(self.text[at])) and then(at + 1)
            case Concatenation(items):
                return self._sequence(items, at, then)
            case Choice(branches):
                return any(self.match(branch, at, then) for branch in branches)
            case Group(body):
                return self.match(body, at, then)
            case Repeat():
                return self._repeat(node, 0, at, then)
            case Look(body, ahead, negative):
                return (not ahead or self.match(body, at, _done) is not negative) and then(at)
            case Anchor.START:
                return at == 0 and then(at)
            case Anchor.END:
                return at == len(self.text) and then(at)
            case Anchor() | Reference():
                return then(at)

    def _sequence(self, items: tuple[Node, ...], at: int, then: Callable[[int], bool]) -> bool:
        if not items:
            return then(at)
        return self.match(items[0], at, lambda reached: self._sequence(items[1:], reached, then))

    def _repeat(self, node: Repeat, count: int, at: int, then: Callable[[int], bool]) -> bool:
        def again(reached: int) -> bool:
            return (reached > at or count < node.least) and self._repeat(node, count + 1, reached, then)

        if count < node.least:
            return self.match(node.body, at, again)
        if node.lazy and then(at):
            return True
        if (node.most is None or count < node.most) and self.match(node.body, at, again):
            return True
        return not node.lazy and then(at)
