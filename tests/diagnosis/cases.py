"""The cases: each kind of fault and of sound page at some places, and the half to which a case belongs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from diagnosis import sound
from diagnosis.applications import APPLICATIONS, Place
from diagnosis.kinds import addresses, cookies, everyday, inbound, outbound, told
from diagnosis.planting import FAULTS, SOUND, Kind, Planted
from diagnosis.stacks import STACKS

MODULES = addresses, cookies, everyday, inbound, outbound, told, sound
"""Where kinds are registered."""

PLACES = 2
"""Places at which each kind of fault stands unless all are asked for."""

PLACES_OF_SOUND = 1


class Half(StrEnum):
    """To which half a case belongs."""

    LOOKED_AT = "looked at"
    """May be looked at, and worked on."""
    COUNTED = "counted"
    """Is only counted."""
    KIND_COUNTED = "counted, and its kind"
    """Is only counted, as is every case of its kind."""


@dataclass(frozen=True)
class Case:
    """A kind at a place."""

    kind: str
    place: Place
    make: Kind

    @property
    def name(self) -> str:
        return f"{self.kind} ({self.place.name})"

    @property
    def half(self) -> Half:
        """By a digest of the names, so that it stays what it is whatever is added. Of four kinds one is never looked
        at; of the others, two cases of three are.
        """
        if _number(self.kind) % 4 == 0:
            return Half.KIND_COUNTED
        return Half.COUNTED if _number(self.name) % 3 == 0 else Half.LOOKED_AT

    def planted(self) -> Planted:
        return self.make(self.place)


def faults(*, everywhere: bool = False) -> Iterator[Case]:
    """Every kind of fault, at some of the places or everywhere."""
    return _cases(FAULTS, None if everywhere else PLACES)


def sound_pages(*, everywhere: bool = False) -> Iterator[Case]:
    """Every kind of sound page."""
    return _cases(SOUND, None if everywhere else PLACES_OF_SOUND)


def _cases(kinds: dict[str, Kind], number: int | None) -> Iterator[Case]:
    for kind, make in kinds.items():
        places = [Place(stack, app) for stack in STACKS for app in APPLICATIONS]
        places.sort(key=lambda place: _number(f"{kind} at {place.name}"))
        yield from (Case(kind, place, make) for place in places[:number])


def _number(text: str) -> int:
    return int.from_bytes(sha256(text.encode()).digest()[:4], "big")
