"""A matcher that follows ECMA-262 step by step, for the few patterns to which Python's engines give another meaning.

Those are: a group in a repetition that need not take part in each iteration (ECMAScript forgets what it captured in the
iteration before), odd shapes that may repeat the empty text, back-references that compare letters outside ASCII without
regard to case, and back-references into the same lookbehind. It is hundreds of times slower than the engines, and stops
at a deadline.

The tree is written as a program for a small machine. Its state is a position in the program, one in the text, and a
tuple of positions: two for each group, then one for each loop that must consume something; where there is a choice the
other state is put on a stack. What is in a lookbehind is read backwards, items and characters alike (21.2.2.4 of the
9th edition, "direction"); a lookaround is a run of its own, and done with its first match (21.2.2.6).
"""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter

from urlrewrite.patterns import characters
from urlrewrite.patterns.characters import Ranges
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
    width,
)

MAX_STACK = 200_000  # states that are kept to come back to: some 50 MB
_STEPS_BETWEEN_LOOKS = 512  # at the clock

type _Positions = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Read:
    ranges: Ranges


@dataclass(frozen=True, slots=True)
class _Try:
    """Continues at `first` and, if that fails, at `second`."""

    first: int
    second: int


@dataclass(frozen=True, slots=True)
class _Jump:
    to: int


@dataclass(frozen=True, slots=True)
class _Set:
    """Stores the place in the text."""

    at: int


@dataclass(frozen=True, slots=True)
class _Forget:
    """Clears positions, at the beginning of an iteration."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Moved:
    """Fails if the place in the text is still the stored one."""

    at: int


@dataclass(frozen=True, slots=True)
class _Around:
    """Runs what follows, up to its `_Done`, on its own; then continues at `to`."""

    negative: bool
    to: int


@dataclass(frozen=True, slots=True)
class _Done:
    pass


type _Step = _Read | _Try | _Jump | _Set | _Forget | _Moved | _Around | _Done | Reference | Anchor


class Program:
    """A pattern as a program for the machine; `groups` is the number of its capturing groups."""

    def __init__(self, tree: Node, groups: int, *, ignore_case: bool) -> None:
        self._ignore_case = ignore_case
        self._groups = groups
        self._positions = 2 * (groups + 1)
        self._steps: list[tuple[_Step, bool]] = []
        self._write(tree, back=False)
        self._put(_Done())

    def search(self, text: str, at: int, seconds: float) -> tuple[tuple[int, int], ...] | None:
        """Return the spans of the first match from `at` on and of its groups, (-1, -1) for one that took no part.

        Raises:
            TimeoutError: not done within `seconds`, or too many states to come back to.
        """
        run = _Run(self._steps, text, perf_counter() + seconds, self._ignore_case)
        blank = (-1,) * self._positions
        for start in range(at, len(text) + 1):
            if found := run.match(0, start, blank):
                end, kept = found
                spans = zip(kept[2 : 2 * (self._groups + 1) : 2], kept[3 : 2 * (self._groups + 1) : 2], strict=True)
                return ((start, end), *spans)
        return None

    def _put(self, step: _Step, *, back: bool = False) -> int:
        self._steps.append((step, back))
        return len(self._steps) - 1

    def _here(self) -> int:
        return len(self._steps)

    def _write(self, node: Node, *, back: bool) -> None:
        match node:
            case Chars(ranges):
                self._put(_Read(ranges), back=back)
            case Concatenation(items):
                for item in reversed(items) if back else items:
                    self._write(item, back=back)
            case Choice(branches):
                self._write_choice(branches, back=back)
            case Group(body, number):
                self._put(_Set(2 * number + back))
                self._write(body, back=back)
                self._put(_Set(2 * number + (not back)))
            case Look(body, ahead, negative):
                around = self._put(_Done())
                self._write(body, back=not ahead)
                self._put(_Done())
                self._steps[around] = (_Around(negative, self._here()), back)
            case Repeat():
                self._write_repeat(node, back=back)
            case _:
                self._put(node, back=back)

    def _write_choice(self, branches: tuple[Node, ...], *, back: bool) -> None:
        ends = []
        for branch in branches[:-1]:
            choice = self._put(_Done())
            self._write(branch, back=back)
            ends.append(self._put(_Done()))
            self._steps[choice] = (_Try(choice + 1, self._here()), back)
        self._write(branches[-1], back=back)
        for end in ends:
            self._steps[end] = (_Jump(self._here()), back)

    def _write_repeat(self, node: Repeat, *, back: bool) -> None:
        for _ in range(node.least):
            self._write_round(node, back=back)
        choices = []
        if node.most is None:
            choices.append(self._put(_Done()))
            self._write_round(node, back=back, must_move=True)
            self._put(_Jump(choices[0]))
        else:
            for _ in range(node.most - node.least):
                choices.append(self._put(_Done()))
                self._write_round(node, back=back, must_move=True)
        for choice in choices:
            inside, beyond = choice + 1, self._here()
            self._steps[choice] = (_Try(beyond, inside) if node.lazy else _Try(inside, beyond), back)

    def _write_round(self, node: Repeat, *, back: bool, must_move: bool = False) -> None:
        groups = sorted(_numbers(node.body))
        if groups:
            self._put(_Forget(2 * groups[0], 2 * (groups[-1] + 1)))
        kept = self._positions
        must_move = must_move and width(node.body)[0] == 0
        if must_move:
            self._positions += 1
            self._put(_Set(kept))
        self._write(node.body, back=back)
        if must_move:
            self._put(_Moved(kept))


def _numbers(node: Node) -> set[int]:
    """Return the numbers of the groups in a tree; they are consecutive."""
    found = {node.number} if isinstance(node, Group) else set[int]()
    return found.union(*map(_numbers, children(node)))


class _Run:
    """The machine at work on one text."""

    def __init__(self, steps: list[tuple[_Step, bool]], text: str, stop: float, ignore_case: bool) -> None:
        self._steps = steps
        self._text = text
        self._stop = stop
        self._ignore_case = ignore_case
        self._until_look = _STEPS_BETWEEN_LOOKS

    def match(self, step: int, at: int, kept: _Positions) -> tuple[int, _Positions] | None:
        """Return where a match from here ends, and the positions that it stored."""
        stack: list[tuple[int, int, _Positions]] = []
        while True:
            self._look_at_the_clock(stack)
            next_at = at
            match self._steps[step]:
                case _Read(ranges), back:
                    index = at - 1 if back else at
                    inside = 0 <= index < len(self._text)
                    matched = inside and characters.contains(ranges, ord(self._text[index]))
                    next_at = index if back else at + 1
                    step += 1
                case _Try(first, second), _:
                    stack.append((second, at, kept))
                    step, matched = first, True
                case _Jump(to), _:
                    step, matched = to, True
                case _Set(slot), _:
                    kept = (*kept[:slot], at, *kept[slot + 1 :])
                    step, matched = step + 1, True
                case _Forget(start, end), _:
                    kept = (*kept[:start], *[-1] * (end - start), *kept[end:])
                    step, matched = step + 1, True
                case _Moved(slot), _:
                    step, matched = step + 1, kept[slot] != at
                case _Around(negative, to), _:
                    found = self.match(step + 1, at, kept)
                    matched = (found is None) is negative
                    kept = found[1] if found and matched else kept
                    step = to
                case _Done(), _:
                    return at, kept
                case Reference(number), back:
                    length = self._length_of_reference(kept[2 * number : 2 * number + 2], at, back=back)
                    matched = length >= 0
                    next_at = at - length if back else at + length
                    step += 1
                case Anchor() as anchor, _:
                    step, matched = step + 1, self._holds(anchor, at)
            if matched:
                at = next_at
            elif stack:
                step, at, kept = stack.pop()
            else:
                return None

    def _look_at_the_clock(self, stack: list[tuple[int, int, _Positions]]) -> None:
        self._until_look -= 1
        if self._until_look == 0:
            self._until_look = _STEPS_BETWEEN_LOOKS
            if perf_counter() > self._stop or len(stack) > MAX_STACK:
                raise TimeoutError

    def _length_of_reference(self, captured: tuple[int, ...], at: int, *, back: bool) -> int:
        """Return how many characters a back-reference matches here; -1 where it does not match."""
        start, end = captured
        if start < 0 or end < 0:
            return 0
        length = end - start
        begin = at - length if back else at
        if begin < 0:
            return -1
        found, expected = self._text[begin : begin + length], self._text[start:end]
        if found == expected:
            return length
        alike = self._ignore_case and list(map(characters.canonical, found)) == list(
            map(characters.canonical, expected)
        )
        return length if alike else -1

    def _holds(self, anchor: Anchor, at: int) -> bool:
        match anchor:
            case Anchor.START:
                return at == 0
            case Anchor.END:
                return at == len(self._text)
        before = at > 0 and characters.contains(characters.WORD, ord(self._text[at - 1]))
        after = at < len(self._text) and characters.contains(characters.WORD, ord(self._text[at]))
        return (before is not after) is (anchor is Anchor.BOUNDARY)
