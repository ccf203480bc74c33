"""A matcher that counts its steps: what a regular expression costs on a text, whatever machine it runs on."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from urlrewrite.patterns import characters, linear
from urlrewrite.patterns.tree import Anchor, Chars, Choice, Concatenation, Group, Look, Node, Reference, Repeat


class Steps:
    """A plain backtracking matcher that counts steps: each node tried, each character that a reference compares."""

    def __init__(self, text: str, limit: float = float("inf")) -> None:
        self.text = text
        self.limit = limit
        self.count = 0
        self.spans: dict[int, tuple[int, int]] = {}

    def of_all_matches(self, tree: Node) -> int:
        at = 0
        while at <= len(self.text):
            ends: list[int] = []
            if self.match(tree, at, lambda end, ends=ends: not ends.append(end)):  # type: ignore[misc]
                at = max(ends[0], at + 1)
            elif linear.starts_with_line(tree):
                line_end = self.text.find("\n", at)
                at = line_end + 1 or len(self.text) + 1
            elif linear.is_anchored(tree) or linear.starts_with_all(tree):
                break
            else:
                at += 1
        return self.count

    def match(self, node: Node, at: int, then: Callable[[int], bool]) -> bool:
        self.count += 1
        assert self.count <= self.limit
        text = self.text
        match node:
            case Chars(ranges):
                return at < len(text) and characters.contains(ranges, ord(text[at])) and then(at + 1)
            case Concatenation(()):
                return then(at)
            case Concatenation((first, *rest)):
                return self.match(first, at, lambda end: self.match(Concatenation(tuple(rest)), end, then))
            case Choice(branches):
                return any(self.match(branch, at, then) for branch in branches)
            case Repeat():
                return self.repeat(node, 0, at, then)
            case Group(body, number):

                def captured(end: int) -> bool:
                    before = self.spans.get(number, (0, 0))
                    self.spans[number] = (at, end)
                    if then(end):
                        return True
                    self.spans[number] = before
                    return False

                return self.match(body, at, captured)
            case Look(body, negative=negative):
                return self.match(body, at, lambda end: True) != negative and then(at)
            case Reference(number):
                start, end = self.spans.get(number, (0, 0))
                self.count += end - start
                return text.startswith(text[start:end], at) and then(at + end - start)
            case Anchor.START:
                return at == 0 and then(at)
            case Anchor.END:
                return at == len(text) and then(at)
            case _:
                return then(at)

    def repeat(self, node: Repeat, done: int, at: int, then: Callable[[int], bool]) -> bool:
        def more() -> bool:
            return (node.most is None or done < node.most) and self.match(
                node.body, at, lambda end: (end > at or done < node.least) and self.repeat(node, done + 1, end, then)
            )

        if done < node.least:
            return more()
        return then(at) or more() if node.lazy else more() or then(at)


@contextmanager
def deep_recursion() -> Iterator[None]:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(before + 20_000)
    try:
        yield
    finally:
        sys.setrecursionlimit(before)
