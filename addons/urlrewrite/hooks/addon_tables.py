"""Which addons there are, and which of them take an event."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import repeat
from operator import eq, is_
from typing import Any

from mitmproxy.hooks import Hook

_FIXED = ("mitmproxy.", "urlrewrite.")
"""Modules whose addons do not come to take an event, nor to have others below them, while they run."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The addons that there are.

    `groups` has each addon of the top with all that are below it, and `children` what was in the `addons` of whoever
    has some. `loose` are those without that may come to have some. `are_plain` says that an addon equals only itself.
    """

    chain: Sequence[object]
    groups: Sequence[Sequence[object]]
    children: Sequence[tuple[object, Sequence[object]]]
    loose: Sequence[object]
    are_plain: bool = False

    def is_of(self, chain: Sequence[object]) -> bool:
        """Say whether these are the addons still."""
        # Lists are compared many times faster than their members one by one.
        same = eq if self.are_plain else _same
        if not same(self.chain, chain):
            return False
        for addon, known in self.children:
            if not same(known, getattr(addon, "addons", None)):
                return False
        return not any(map(hasattr, self.loose, repeat("addons")))


@dataclass(frozen=True, slots=True)
class Table:
    """Who takes an event.

    `groups` has those of each addon of the top that has any, `without` those of the rest that may come to take it, and
    `fields` the names of the event's arguments.
    """

    groups: Sequence[Sequence[object]]
    without: Sequence[object]
    fields: Sequence[str]


def _same(known: Sequence[object], found: object) -> bool:
    return isinstance(found, list | tuple) and len(known) == len(found) and all(map(is_, known, found))


def shape_of(chain: Sequence[object]) -> Shape:
    """Walk the addons.

    Raises:
        TypeError: there is something in place of a list of addons.
    """
    children: list[tuple[object, Sequence[object]]] = []
    loose: list[object] = []

    def walk(addon: Any) -> Iterator[object]:
        yield addon
        if hasattr(addon, "addons"):
            below = addon.addons
            if not isinstance(below, list | tuple):
                raise TypeError(f"expected a list of addons, got {below!r}")
            children.append((addon, below[:]))
            for each in below:
                yield from walk(each)
        elif _is_loose(addon):
            loose.append(addon)

    groups = tuple(tuple(walk(addon)) for addon in chain)
    are_plain = all(type(addon).__eq__ is object.__eq__ for group in groups for addon in group)
    return Shape(chain[:], groups, tuple(children), tuple(loose), are_plain)


def table_of(shape: Shape, event: type[Hook]) -> Table:
    groups, without = [], []
    for group in shape.groups:
        taking = [addon for addon in group if hasattr(addon, event.name)]
        without += [addon for addon in group if _is_loose(addon) and not hasattr(addon, event.name)]
        if taking:
            groups.append(tuple(taking))
    return Table(tuple(groups), tuple(without), tuple(field.name for field in fields(event)))  # type: ignore[arg-type]


def _is_loose(addon: object) -> bool:
    return not type(addon).__module__.startswith(_FIXED)
