"""How badly a pattern can backtrack: a proof, so to speak, that no text of n characters takes more than n^k steps.

A backtracking engine tries ways. A node of the tree has a bounded number of *ways* to match from one place, and the
ways of a sequence multiply. Three things make them many: a branch of a choice, a count with slack, and a repetition
without limit, which may stop at up to n places. Most of these ways are dead at once: after `[^/]+` comes a `/`, which
no place inside the run can be followed by, so only the end of the run counts. So each node is measured in the light
of what may *follow* it: where a set of first characters and a set of followers have nothing in common there is one way.

- A repetition without limit is allowed only around a body with one way that consumes something; everything else
  (`(a+)+`, `(a|aa)*`) may be exponential and is not proved.
- A node costs *time* n for a run of characters, and is tried once for each way of what stands before it.
- A search begins at each place of the text: one more factor n. Not so where the pattern begins with `^`, and not where
  each attempt has to get past a character that none of its runs contains: the stretch that an attempt looks at has
  only so many of these, so only so many attempts look at the same place: true of `"[^"]*"`, and not of `<[^"]*"`.
  `.*x` is one more: what fails at one place fails in the rest of the line (see `starts_with_line`), or of the text,
  if its `.` matches line ends (see `starts_with_all`).
- The last repetition of all costs nothing where it is a run of single characters: when it is done the match is there.

The proof is conservative; constant factors are kept below a few dozen. What is not proved is run by an engine that
watches the clock.
"""

from __future__ import annotations

from dataclasses import dataclass

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

MAX_FACTOR = 16  # as many ways count as a constant factor
MAX_COUNT = 16  # and as many repetitions as constant time,
MAX_WIDTH = 256  # if they are not longer than this, all together
MAX_BRANCHES = 100  # each is compared with each
LOOP_WEIGHT = 8  # a loop around more than one character takes that much more time and memory

_END: Ranges = ((characters.LAST + 1, characters.LAST + 1),)  # stands for the end of the text among followers
_ANYTHING: Ranges = ((0, characters.LAST + 1),)


@dataclass(frozen=True, slots=True)
class _Follow:
    """What may come after a node: first characters, and whether the whole match is complete with the node."""

    first: Ranges
    final: bool = False


@dataclass(frozen=True, slots=True)
class _Cost:
    """At most `ways * n**degree` ways to match from one place, found in some `n**time` steps."""

    ways: int = 1
    degree: int = 0
    time: int = 0


class _NotProvedError(Exception):
    pass


@dataclass(frozen=True, slots=True)
class Bound:
    """A search through n characters, for one match or all, takes at most about `factor * n**degree` steps."""

    factor: int
    degree: int

    def longest(self, steps: int) -> int:
        """Return the greatest length of a text for which so many steps are enough."""
        return int((steps / self.factor) ** (1 / self.degree))


def bound(tree: Node) -> Bound | None:
    """Return what a search with the pattern costs at most; None: not proved.

    Where `starts_with_line` holds, the search must be made of attempts at the starts of lines only, and where
    `starts_with_all` holds of one attempt.
    """
    try:
        return _bound(tree, by_lines=starts_with_line(tree), once=starts_with_all(tree))
    except _NotProvedError:
        return None


def _bound(tree: Node, *, by_lines: bool, once: bool) -> Bound:
    if isinstance(tree, Group):
        return _bound(tree.body, by_lines=by_lines, once=once)
    if isinstance(tree, Choice):
        # nothing follows, so each branch is a search of its own
        bounds = [_bound(branch, by_lines=by_lines, once=once) for branch in tree.branches]
        return Bound(sum(each.factor for each in bounds), max(each.degree for each in bounds))
    proof = _Proof()
    cost = proof.measure(tree, _Follow(characters.NONE, final=True))
    runs = characters.union(*proof.runs)
    if by_lines:
        few_starts = characters.disjoint(runs, characters.LINE_END)
    else:
        few_starts = once or is_anchored(tree) or _gets_past(tree, runs)
    return Bound(cost.ways * proof.weight, max(1, cost.time if few_starts else cost.time + 1))


class _Proof:
    """The measuring of a tree, which collects the characters of each run in it that costs time."""

    def __init__(self) -> None:
        self.runs: list[Ranges] = []
        self.weight = 1

    def measure(self, node: Node, follow: _Follow) -> _Cost:
        match node:
            case Group(body):
                return self.measure(body, follow)
            case Concatenation(items):
                return self.sequence(items, follow)
            case Choice(branches):
                return self.choice(branches, follow)
            case Repeat():
                return self.repeat(node, follow)
            case Look(body, ahead):
                if not ahead and width(body)[1] is None:
                    raise _NotProvedError
                # a lookaround is done with its first match: one way
                return _Cost(time=self.measure(body, _Follow(characters.NONE)).time)
            case Reference():
                self.runs.append(characters.ALL)
                return _Cost(time=1)
            case _:
                return _Cost()

    def sequence(self, items: tuple[Node, ...], follow: _Follow) -> _Cost:
        follows = [follow]
        for item in reversed(items[1:]):
            follows.append(_Follow(_first(item, follows[-1].first)))
        ways, degree, time = 1, 0, 0
        for item, after in zip(items, reversed(follows), strict=False):
            cost = self.measure(item, after)
            time = max(time, degree + cost.time)
            ways, degree = ways * cost.ways, degree + cost.degree
        return _limited(ways, degree, time)

    def choice(self, branches: tuple[Node, ...], follow: _Follow) -> _Cost:
        if len(branches) > MAX_BRANCHES:
            raise _NotProvedError
        costs = [self.measure(branch, follow) for branch in branches]
        starts = [_start(branch, follow.first) for branch in branches]
        # the branches that match at one place are a set without two that exclude each other
        ways = max(
            sum(
                cost.ways
                for cost, other in zip(costs, starts, strict=True)
                if start is other or not _apart(start, other)
            )
            for start in starts
        )
        return _limited(ways, max(cost.degree for cost in costs), max(cost.time for cost in costs))

    def repeat(self, node: Repeat, follow: _Follow) -> _Cost:
        body, least, most = node.body, node.least, node.most
        first = _first(body, follow.first)
        cost = self.measure(body, follow if most == 1 else _Follow(characters.union(first, follow.first)))
        one_way = cost.ways == 1 and cost.degree == 0
        one_end = least == most or characters.disjoint(first, follow.first)
        if most is not None and most <= MAX_COUNT and (width(node)[1] or 0) <= MAX_WIDTH:
            if one_way and one_end:
                return _Cost(time=cost.time)
            ways = sum(cost.ways**count for count in range(least, most + 1))
            return _limited(ways, cost.degree * most, cost.degree * (most - 1) + cost.time)
        if not one_way or cost.time > 1 or width(body)[0] == 0 or _looks_further(body):
            raise _NotProvedError
        if follow.final and isinstance(body, Chars) and least <= MAX_COUNT:
            return _Cost()
        self.runs.append(_looked_at(body))
        if not isinstance(body, Chars):
            self.weight = LOOP_WEIGHT
        return _Cost(degree=0 if one_end else 1, time=1)


def _limited(ways: int, degree: int, time: int) -> _Cost:
    if ways > MAX_FACTOR:
        raise _NotProvedError
    return _Cost(ways, degree, time)


def _first(node: Node, follow: Ranges) -> Ranges:
    """Return what the next character may be, or the end of the text, where the node and then `follow` matches."""
    match node:
        case Chars(ranges):
            return ranges
        case Concatenation(items):
            for item in reversed(items):
                follow = _first(item, follow)
            return follow
        case Choice(branches):
            return characters.union(*(_first(branch, follow) for branch in branches))
        case Repeat(body, least):
            first = _first(body, follow)
            return first if least > 0 else characters.union(first, follow)
        case Group(body):
            return _first(body, follow)
        case Anchor.END:
            return _END
        case Look(body) if not _is_short(body):
            return _ANYTHING  # it costs time before the next character is looked at
        case Reference():
            return _ANYTHING
        case _:
            return follow


def _start(branch: Node, follow: Ranges) -> list[Ranges]:
    """Return what the first, the second, the third... next character may be, as far as it is plain."""
    start: list[Ranges] = []
    rest = branch.items if isinstance(branch, Concatenation) else (branch,)
    while rest and isinstance(rest[0], Chars):
        start.append(rest[0].ranges)
        rest = rest[1:]
    return [*start, _first(Concatenation(rest), follow)]


def _apart(one: list[Ranges], other: list[Ranges]) -> bool:
    return any(map(characters.disjoint, one, other))


def _is_short(node: Node) -> bool:
    longest = width(node)[1]
    return longest is not None and longest <= MAX_WIDTH


def _looks_further(node: Node) -> bool:
    """Tell whether the node looks at more than a few characters beyond those it consumes."""
    if isinstance(node, Reference) or (isinstance(node, Look) and not _is_short(node.body)):
        return True
    return any(map(_looks_further, children(node)))


def _looked_at(node: Node) -> Ranges:
    """Return every character that the node may consume or look at."""
    return node.ranges if isinstance(node, Chars) else characters.union(*map(_looked_at, children(node)))


def is_anchored(node: Node) -> bool:
    """Tell whether the node can match at the beginning of the text only."""
    match node:
        case Anchor.START:
            return True
        case Concatenation(items):
            return bool(items) and is_anchored(items[0])
        case Choice(branches):
            return all(map(is_anchored, branches))
        case Group(body):
            return is_anchored(body)
        case Repeat(body, least):
            return least > 0 and is_anchored(body)
        case _:
            return False


def starts_with_line(tree: Node) -> bool:
    """Tell whether the pattern starts with `.*`, so that where it fails at one place it fails in the rest of the line.

    A match that starts further on could as well start here. (Not with back-references: they ask what has been taken.)
    """
    return _starts_with_run(tree, characters.DOT)


def starts_with_all(tree: Node) -> bool:
    """Tell whether the pattern starts with `.*` whose `.` matches line ends: where it fails once, it always fails."""
    return _starts_with_run(tree, characters.ALL)


def _starts_with_run(tree: Node, ranges: Ranges) -> bool:
    first = tree
    while isinstance(first, Group) or (isinstance(first, Concatenation) and first.items):
        first = first.body if isinstance(first, Group) else first.items[0]
    run = isinstance(first, Repeat) and first.body == Chars(ranges) and first.most is None
    return run and not _refers(tree)


def _refers(node: Node) -> bool:
    return isinstance(node, Reference) or any(map(_refers, children(node)))


def _gets_past(tree: Node, runs: Ranges) -> bool:
    """Tell whether each attempt must consume a character of none of the runs before it comes to the first run."""
    items = tree.items if isinstance(tree, Concatenation) else (tree,)
    for item in items:
        if not _is_short(item) or _looks_further(item):
            return False
        if _surely_consumes_other(item, runs):
            return True
    return not runs


def _surely_consumes_other(node: Node, runs: Ranges) -> bool:
    match node:
        case Chars(ranges):
            return characters.disjoint(ranges, runs)
        case Concatenation(items):
            return any(_surely_consumes_other(item, runs) for item in items)
        case Choice(branches):
            return all(_surely_consumes_other(branch, runs) for branch in branches)
        case Group(body):
            return _surely_consumes_other(body, runs)
        case Repeat(body, least):
            return least > 0 and _surely_consumes_other(body, runs)
        case _:
            return False
