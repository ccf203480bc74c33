"""What a balancing algorithm is asked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from random import Random

from urlrewrite.farms.load import ServerLoad
from urlrewrite.model.farms import Farm


class Policy(ABC):
    """A balancing algorithm at work on one farm."""

    def __init__(self, farm: Farm, random: Random) -> None:
        self.farm = farm
        self.random = random

    @abstractmethod
    def choose(self, candidates: Sequence[ServerLoad], hash_input: str, now: float) -> ServerLoad:
        """Return one of the candidates, of which there is at least one; each has a weight above zero.

        `hash_input` is what RequestHash looks at.
        """

    def ended(self, load: ServerLoad, sent: int, now: float) -> None:  # noqa: B027 (most policies count no bytes)
        """Take note that a request is over; `sent` is the number of bytes of it and its response."""
