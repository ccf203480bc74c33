"""What a planted fault and a sound page are, and how a kind of them is registered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from diagnosis.applications import Place
from diagnosis.backend import Backend
from diagnosis.visitor import Visitor


@dataclass(frozen=True)
class Named:
    """What names the cause: the finding has one of these kinds and codes, and this rule. Nothing here is a sentence.

    Without `codes` the kind says all; `rule` is "" where none is concerned, None where that does not matter.
    """

    kinds: tuple[str, ...]
    codes: tuple[str, ...] = ()
    rule: str | None = ""

    def holds(self, finding: dict[str, str]) -> bool:
        """Whether a finding says so."""
        return (
            finding["kind"] in self.kinds
            and (not self.codes or finding["code"] in self.codes)
            and (self.rule is None or finding["rule"] == self.rule)
        )


def named(kinds: str, codes: str = "", rule: str | None = "") -> Named:
    """Makes one of words with blanks between them."""
    return Named(tuple(kinds.split()), tuple(codes.split()), rule)


@dataclass(frozen=True)
class Planted:
    """A fault with all that it takes to see it. What is sound is a fault without a cause.

    `cause` is what must be said first, in one of these ways; `symptom` and `besides` are kinds that are true as well:
    a symptom alone is better than nothing, what is besides is none.
    """

    rules: str
    backend: Backend
    user: Callable[[Visitor], object]
    cause: tuple[Named, ...] = ()
    symptom: tuple[str, ...] = ()
    besides: tuple[str, ...] = ()
    reload: str = ""
    """Other rules, which are in force when the user comes again; `again` is what happens then."""

    again: Callable[[Visitor], object] | None = None
    unseen: bool = False
    """Only a real browser shows that it is one: by statuses and by what is asked for, all is well."""


type Kind = Callable[[Place], Planted]

FAULTS: dict[str, Kind] = {}
SOUND: dict[str, Kind] = {}


def fault(kind: Kind) -> Kind:
    """Registers a kind of fault by the name of its function."""
    FAULTS[kind.__name__] = kind
    return kind


def sound(kind: Kind) -> Kind:
    """Registers a kind of page that works and looks as if it did not."""
    SOUND[kind.__name__] = kind
    return kind


def planted(
    rules: str,
    backend: Backend,
    user: Callable[[Visitor], object],
    *cause: Named,
    symptom: str = "",
    besides: str = "",
    reload: str = "",
    again: Callable[[Visitor], object] | None = None,
    unseen: bool = False,
) -> Planted:
    """Makes one; `symptom` and `besides` are words with blanks between them."""
    return Planted(rules, backend, user, cause, tuple(symptom.split()), tuple(besides.split()), reload, again, unseen)
