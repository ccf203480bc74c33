"""What a reader asks of a file, as data: whoever listens learns the keys that there are, their types and defaults.

The JSON Schema and the reference of rule files are made by listening, so that no second list of keys can go stale.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What a question is about."""

    TABLE = "a mapping of known keys"
    NAMES = "a mapping of names of the author's own"
    LIST = "a list"
    TEXT = "a text"
    PARSED = "a text of a certain form"
    BOOLEAN = "true or false"
    INTEGER = "a whole number"
    CHOICE = "one of some words"
    MISSING = "nothing, which is an error"


@dataclass(frozen=True, slots=True)
class Question:
    """One question.

    Attributes:
        kind: what is asked for.
        default: what is taken if nothing is given; None if that is inherited, or nothing.
        words: the words of a choice, or the only names that a mapping may have; () for any.
        accepted: the numbers that an integer may be.
        parse: what makes a value of a text.
        keys: the keys of a table.
    """

    kind: Kind
    default: Any = None
    words: tuple[str, ...] = ()
    accepted: range | None = None
    parse: Callable[[str], Any] | None = None
    keys: tuple[str, ...] = ()


type Listener = Callable[[object, str, Question], None]
"""Gets each question with the node that is asked, and the key of it; "" for the node itself."""
