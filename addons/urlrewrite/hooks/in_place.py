"""Puts classes and functions into the place of those that are in a module, one made of the other, and takes them away.

They may be taken away in any order: what is left is made anew of what was there first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

type Maker = Callable[[Any], Any]


@dataclass
class _Pile:
    """What was in a place first, what is made of it, and what stands there now."""

    first: Any
    top: Any
    makers: list[Maker] = field(default_factory=list)


_piles: dict[tuple[int, str], _Pile] = {}


class InPlace:
    """What is to stand in `owner`, a module or a class, by name; each is made of what is there when it is put."""

    def __init__(self, owner: Any, makers: Mapping[str, Maker]) -> None:
        self._owner = owner
        self._makers = makers

    def put(self) -> None:
        """Put ours in place."""
        for name, make in self._makers.items():
            there = getattr(self._owner, name)
            pile = _piles.get((id(self._owner), name))
            if pile is None or pile.top is not there:
                pile = _piles[id(self._owner), name] = _Pile(there, there)
            pile.makers.append(make)
            pile.top = make(there)
            setattr(self._owner, name, pile.top)

    def put_back(self) -> None:
        """Take ours away, unless somebody has put something else there since."""
        for name, make in self._makers.items():
            pile = _piles.get((id(self._owner), name))
            if pile is None or make not in pile.makers:
                continue
            pile.makers.remove(make)
            if getattr(self._owner, name) is not pile.top:
                continue
            pile.top = pile.first
            for other in pile.makers:
                pile.top = other(pile.top)
            setattr(self._owner, name, pile.top)
