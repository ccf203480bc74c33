"""Requests that wait for a server, because those that could take them have as many as they may have."""

from __future__ import annotations

from abc import ABC, abstractmethod


class Waiting(ABC):
    """A request in the queue."""

    @abstractmethod
    def try_again(self, now: float) -> bool:
        """Take a server if one is free; whether the waiting is over, with a server or with none for other reasons."""

    @abstractmethod
    def gives_up(self) -> bool:
        """Say whether nobody wants a response any more, and end the waiting if so."""


class Queue:
    """First come, first served: a server that is free is given away at once, so that no newcomer gets ahead.

    Who waits for one certain server, because its client is bound to it, holds up nobody.
    """

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: dict[Waiting, None] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def enter(self, waiting: Waiting) -> None:
        """Stand at the end."""
        self._waiting[waiting] = None

    def leave(self, waiting: Waiting) -> None:
        """Wait no more; nothing happens if it does not."""
        self._waiting.pop(waiting, None)

    def make_room(self) -> None:
        """Send away those whose clients have gone."""
        for waiting in [*self._waiting]:
            if waiting.gives_up():
                self.leave(waiting)

    def serve(self, now: float) -> None:
        """Let everyone try again, in their order, after something has changed."""
        for waiting in [*self._waiting]:
            if waiting.try_again(now):
                self.leave(waiting)
