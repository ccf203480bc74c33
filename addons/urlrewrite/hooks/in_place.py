"""Puts classes and functions into the place of those that are in a module, and what was there back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


class InPlace:
    """What is to stand in `owner`, a module or a class, by name; each is made of what is there when it is put."""

    def __init__(self, owner: Any, makers: Mapping[str, Callable[[Any], Any]]) -> None:
        self._owner = owner
        self._makers = makers
        self._put: dict[str, tuple[Any, Any]] = {}
        """Ours and what was there before, by name."""

    def put(self) -> None:
        """Put ours in place."""
        for name, make in self._makers.items():
            before = getattr(self._owner, name)
            self._put[name] = make(before), before
            setattr(self._owner, name, self._put[name][0])

    def put_back(self) -> None:
        """Put back what was there, unless somebody has done so."""
        for name, (ours, before) in self._put.items():
            if getattr(self._owner, name) is ours:
                setattr(self._owner, name, before)
