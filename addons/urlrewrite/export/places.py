"""Where in a text the groups of a match stand, for engines that tell only what they captured.

What stands before a group is captured, too, so that its place is the sum of lengths. `Instrumented.tree` matches as the
given tree does and has more groups; `places` says for each of the given groups which groups of the new tree give it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from urlrewrite.patterns.tree import Choice, Concatenation, Group, Look, Node, Reference, Repeat, has_group


@dataclass(frozen=True, slots=True)
class Place:
    """Where a group begins: where `base` does (0: the whole match), after all of `before`.

    With `last` it ends where `before`'s last group does: it is what a loop captured in its last round.
    """

    group: int
    base: int
    before: tuple[int, ...]
    last: bool = False


@dataclass(slots=True)
class Instrumented:
    """A tree with more groups. `places` are by the number of the group in the given tree, outer groups first."""

    tree: Node
    places: dict[int, Place] = field(default_factory=dict)
    steps: list[Place] = field(default_factory=list)


def instrument(tree: Node) -> Instrumented:
    """Return a tree that tells the places of its groups. Groups in lookbehinds get none."""
    writer = _Instrumenter()
    written = writer.node(tree, 0, ())
    renumbered = writer.places
    result = Instrumented(_with_references(written, {old: place.group for old, place in renumbered.items()}))
    result.places, result.steps = renumbered, writer.steps
    return result


class _Instrumenter:
    def __init__(self) -> None:
        self.count = 0
        self.places: dict[int, Place] = {}
        self.steps: list[Place] = []

    def open(self, base: int, before: tuple[int, ...], *, last: bool = False) -> Place:
        self.count += 1
        place = Place(self.count, base, before, last)
        self.steps.append(place)
        return place

    def node(self, node: Node, base: int, before: tuple[int, ...]) -> Node:
        match node:
            case Concatenation(items):
                return self.sequence(items, base, before)
            case Choice(branches):
                return Choice(tuple(self.node(branch, base, before) for branch in branches))
            case Group(body, number):
                place = self.open(base, before)
                self.places[number] = place
                return Group(self.node(body, place.group, ()), place.group)
            case Look(body, True, negative):
                return Look(self.node(body, base, before), True, negative)
            case Repeat(body, least, most, lazy) if has_group(body):
                if most == 1:
                    return Repeat(self.node(body, base, before), least, most, lazy)
                whole = self.open(base, before)
                lap = self.open(whole.group, (whole.group,), last=True)
                inner = Group(self.node(body, lap.group, ()), lap.group)
                return Group(Repeat(inner, least, most, lazy), whole.group)
            case _:
                return node

    def sequence(self, items: tuple[Node, ...], base: int, before: tuple[int, ...]) -> Node:
        last = max((at for at, item in enumerate(items) if has_group(item)), default=-1)
        written: list[Node] = []
        gap: list[Node] = []

        def close() -> None:
            nonlocal before
            if gap:
                place = self.open(base, before)
                written.append(Group(Concatenation(tuple(gap)), place.group))
                before = (*before, place.group)
                gap.clear()

        for at, item in enumerate(items):
            if at > last:
                written.append(item)
            elif not has_group(item):
                gap.append(item)
            else:
                close()
                if isinstance(item, Look) or at == last:
                    written.append(self.node(item, base, before))
                elif isinstance(item, Group):
                    written.append(self.node(item, base, before))
                    before = (*before, self.places[item.number].group)
                else:
                    place = self.open(base, before)
                    written.append(Group(self.node(item, place.group, ()), place.group))
                    before = (*before, place.group)
        return Concatenation(tuple(written))


def _with_references(node: Node, numbers: dict[int, int]) -> Node:
    """Return the tree with its back-references to the new numbers."""
    match node:
        case Reference(number):
            return Reference(numbers.get(number, number))
        case Concatenation(items):
            return Concatenation(tuple(_with_references(item, numbers) for item in items))
        case Choice(branches):
            return Choice(tuple(_with_references(branch, numbers) for branch in branches))
        case Repeat(body, least, most, lazy):
            return Repeat(_with_references(body, numbers), least, most, lazy)
        case Group(body, number):
            return Group(_with_references(body, numbers), number)
        case Look(body, ahead, negative):
            return Look(_with_references(body, numbers), ahead, negative)
        case _:
            return node
