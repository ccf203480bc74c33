"""The named values of a rule file, taken by type: what all formats have in common.

A `Reader` stands before one mapping of YAML or one element of XML. A value that does not fit becomes a problem, with
the line it stands in, and the default takes its place: reading goes on, and everything wrong is reported at once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import ClassVar, Protocol

from urlrewrite.formats.reports import ProblemId, Report
from urlrewrite.formats.wording import fix_of, listed, shown, suggestion
from urlrewrite.model import PatternSyntax, Source
from urlrewrite.model.problems import Fix


class Text(Protocol):
    """A text of a file, and its line."""

    @property
    def text(self) -> str: ...

    @property
    def line(self) -> int: ...


class Reader(ABC):
    """Reads named values. In messages and positions, the key "" stands for the mapping or element itself."""

    BOOLEANS: ClassVar[Mapping[str, bool]]
    """The words for true and false, in lower case."""

    QUOTE: ClassVar[str]
    """The quotation mark that authors use in this format."""

    REFUSED: ClassVar[str] = ""
    """What IIS does with a value that is not valid; "" in a format that IIS never reads."""

    LISTS_NUMBERS: ClassVar[bool] = True
    """Whether messages offer the numbers that stand for the words of an enumeration, too."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self._invalid: set[str] = set()

    @abstractmethod
    def __contains__(self, key: str) -> bool:
        """Tell whether the key is given."""

    @abstractmethod
    def label(self, key: str) -> str:
        """Name the key in a message, such as `match.url` or `<match> url`."""

    @abstractmethod
    def line(self, key: str) -> int:
        """Return the line that a problem with this key belongs to."""

    @abstractmethod
    def text(self, key: str, default: str = "") -> str:
        """Read a text."""

    @abstractmethod
    def texts(self, key: str) -> tuple[Text, ...]:
        """Read one text, or as many as there are."""

    @abstractmethod
    def word(self, key: str) -> str | None:
        """Return the text that stands for a boolean, a number or a choice; None if the value is not a text."""

    @abstractmethod
    def described(self, key: str) -> str:
        """Describe the value of a key that is given, for the "got" of a message."""

    def is_given(self, key: str) -> bool:
        """Tell whether the key is given with a value that says something."""
        return key in self

    def is_empty(self, key: str) -> bool:
        """Tell whether the key is missing or has an empty text."""
        return key not in self or self.word(key) == ""

    def is_invalid(self, key: str) -> bool:
        """Tell whether an error was reported for the key, so that nothing should be concluded from its value."""
        return key in self._invalid

    def source(self, key: str = "") -> Source:
        """Return the place of a key's value; of the mapping or element if the key is missing."""
        return self.report.source(self.line(key))

    def error(self, key: str, id: ProblemId, message: str, fix: Fix | None = None) -> None:
        """Report an error about a key."""
        self._invalid.add(key)
        self.report.error(self.line(key), id, self._labelled(key, message), fix)

    def warning(self, key: str, id: ProblemId, message: str, *, refused: bool = False) -> None:
        """Report a warning about a key; `refused` as `Problem.refused_by_iis`."""
        self.report.warning(self.line(key), id, self._labelled(key, message), refused=refused)

    def refusal(self, joint: str = "; ") -> str:
        """Return the end of a message about a value that IIS refuses."""
        return f"{joint}{self.REFUSED}" if self.REFUSED else ""

    def quoted(self, text: str) -> str:
        """Quote an example as an author would write it."""
        return f"{self.QUOTE}{text}{self.QUOTE}"

    def given(self, key: str, expected: str) -> str:
        """Read a text that must be there and may be empty."""
        if key not in self:
            self.error(key, ProblemId.MISSING, f"got nothing, expected {expected}")
        return self.text(key)

    def required(self, key: str, expected: str) -> str:
        """Read a text that must be there and not be empty."""
        if self.is_empty(key):
            self.error(key, ProblemId.MISSING, f"got nothing, expected {expected}")
            return ""
        return self.text(key)

    @abstractmethod
    def trimmed(self, key: str, expected: str) -> str:
        """Read a required text without blanks at its ends (`requireTrimmedString` in rewrite_schema.xml)."""

    def boolean(self, key: str, default: bool) -> bool:
        """Read one of the words for true and false, in any case."""
        if key not in self:
            return default
        word = self.word(key)
        if word is not None and word.lower() in self.BOOLEANS:
            return self.BOOLEANS[word.lower()]
        self.error(key, ProblemId.BAD_VALUE, f"got {self.described(key)}, expected true or false{self.refusal()}")
        return default

    def optional_boolean(self, key: str) -> bool | None:
        """Read a boolean; None if it is not given, and inherited."""
        return self.boolean(key, False) if key in self else None

    def integer(self, key: str, default: int, accepted: range) -> int:
        """Read a whole number that is in the range."""
        if key not in self:
            return default
        word = self.word(key)
        if word and word.isascii() and word.isdigit() and len(word) < 20 and int(word) in accepted:
            return int(word)
        expected = f"expected a whole number from {accepted.start} to {accepted[-1]}"
        self.error(key, ProblemId.BAD_VALUE, f"got {self.described(key)}, {expected}{self.refusal()}")
        return default

    def parsed[T](self, key: str, default: T, parse: Callable[[str], T]) -> T:
        """Read a text that `parse` makes something of; it raises ValueError with "got X, expected Y" for any other."""
        if key not in self:
            return default
        word = self.word(key)
        try:
            if word is None:
                raise ValueError(f"got {self.described(key)}, expected a text")
            return parse(word)
        except ValueError as error:
            self.error(key, ProblemId.BAD_VALUE, f"{error}{self.refusal()}")
            return default

    def choice[E: StrEnum](self, key: str, default: E, numbers: Mapping[str, E] | None = None) -> E:
        """Read a member of the default's enumeration, in any case; `numbers` are other words for its members."""
        if key not in self:
            return default
        words = words_for(default, numbers)
        word = self.word(key)
        found = None if word is None else member(word, words)
        if found is not None:
            return found
        got = self.described(key) if word is None else shown(word)
        hint, fix = ("", None) if word is None else (suggestion(word, words), fix_of(word, words))
        expected = listed(words if self.LISTS_NUMBERS else words_for(default))
        self.error(key, ProblemId.BAD_VALUE, f"got {got}, expected {expected}{hint}{self.refusal()}", fix)
        return default

    def pattern_syntax(self) -> PatternSyntax:
        """Read `patternSyntax`; if it is invalid, return one in which every text is valid, to cause no other error."""
        syntax = self.choice("patternSyntax", PatternSyntax.ECMASCRIPT)
        return PatternSyntax.EXACT_MATCH if self.is_invalid("patternSyntax") else syntax

    def _labelled(self, key: str, message: str) -> str:
        label = self.label(key)
        return f"{label}: {message}" if label else message


def words_for[E: StrEnum](example: E, numbers: Mapping[str, E] | None = None) -> dict[str, E]:
    """Return the members of the example's enumeration by the words for them."""
    return {str(value): value for value in type(example)} | dict(numbers or {})


def member[E](word: str, words: Mapping[str, E]) -> E | None:
    """Look a word up, in any case."""
    return next((value for known, value in words.items() if known.casefold() == word.casefold()), None)
