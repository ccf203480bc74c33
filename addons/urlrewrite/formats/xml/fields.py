"""Elements to typed values; what does not fit becomes a problem and a default, so that reading goes on.

Names in IIS's configuration are told apart by case, and what is not known is refused (500.19). Here a name in another
case is taken for what it plainly means, and what is not known is left out, both with a warning.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum

from urlrewrite.formats.reports import ProblemId, Report
from urlrewrite.formats.wording import listed, shown, suggestion
from urlrewrite.formats.xml.nodes import Element
from urlrewrite.model import PatternSyntax, Source

REFUSED = "IIS answers 500.19"
"""What IIS says to a configuration that does not follow its schema."""

_BOOLEANS = {"true": True, "false": False}
_ALSO_BOOLEANS = {"1": True, "yes": True, "on": True, "0": False, "no": False, "off": False}
_LOCKS = ("lockItem", "lockAttributes", "lockAllAttributesExcept", "lockElements", "lockAllElementsExcept")
"""Attributes of every element that keep levels below from changing it; there is nobody here who could."""


class Fields:
    """The attributes of an element of which the names are known; unknown ones are reported at once.

    `aliases` are other spellings, each with the name that is meant.
    """

    def __init__(
        self, element: Element, report: Report, known: Sequence[str], aliases: Mapping[str, str] | None = None
    ) -> None:
        self.element = element
        self.report = report
        self._values: dict[str, str] = {}
        self._wrong: set[str] = set()
        folded = {name.casefold(): name for name in known} | {k.casefold(): v for k, v in (aliases or {}).items()}
        for name, value in element.attributes.items():
            meant = folded.get(name.casefold())
            # What has a namespace belongs to a transformation, of which the reader of the file tells.
            if name in _LOCKS or name.startswith("{"):
                continue
            if name == "configSource":
                self.error(
                    ProblemId.NOT_POSSIBLE, f"got it here, expected it in a section such as <rules>; {REFUSED}", name
                )
            elif meant is None:
                hint = suggestion(name, known)
                expected = listed(known) if known else "none"
                message = f"got the attribute {shown(name)}, expected {expected}{hint}; it is left out, {REFUSED}"
                self.warning(ProblemId.UNKNOWN_KEY, message)
            else:
                if name not in known:
                    self.warning(ProblemId.SPELLING, f"got the attribute {name}, expected {meant}; {REFUSED}")
                if meant in self._values:
                    self.error(ProblemId.DUPLICATE_KEY, f"got the attribute {meant} twice, expected it once")
                self._values.setdefault(meant, value)

    def __contains__(self, name: str) -> bool:
        """Whether the attribute is given."""
        return name in self._values

    def is_wrong(self, name: str) -> bool:
        """Whether an error was told of the attribute, so that nothing should be concluded from its value."""
        return name in self._wrong

    @property
    def source(self) -> Source:
        """Where the element was written."""
        return self.report.source(self.element.line)

    def error(self, id: ProblemId, message: str, name: str = "") -> None:
        """Adds an error about the element, or about an attribute of it."""
        self._wrong.add(name)
        self.report.error(self.element.line, id, f"{self._label(name)}: {message}")

    def warning(self, id: ProblemId, message: str, name: str = "") -> None:
        """Adds a warning about the element, or about an attribute of it."""
        self.report.warning(self.element.line, id, f"{self._label(name)}: {message}")

    def text(self, name: str, default: str = "") -> str:
        """A text."""
        return self._values.get(name, default)

    def given(self, name: str, expected: str) -> str:
        """A text that must be there and may be empty."""
        if name not in self:
            self.error(ProblemId.MISSING, f"got nothing, expected {expected}", name)
        return self.text(name)

    def required(self, name: str, expected: str) -> str:
        """A text that must be there and not be empty."""
        if not self._values.get(name):
            self.error(ProblemId.MISSING, f"got nothing, expected {expected}", name)
        return self.text(name)

    def trimmed(self, name: str, expected: str) -> str:
        """A required text; blanks around it are taken off, where IIS refuses it (`requireTrimmedString`)."""
        text = self.required(name, expected)
        if text != text.strip():
            if not text.strip():
                self.error(ProblemId.MISSING, f"got blanks, expected {expected}", name)
            else:
                self.warning(
                    ProblemId.SPELLING, f"got {shown(text)}, expected it without blanks around it; {REFUSED}", name
                )
        return text.strip()

    def boolean(self, name: str, default: bool) -> bool:
        """`true` or `false`, in any case."""
        if name not in self:
            return default
        text = self._values[name].strip().lower()
        if text in _BOOLEANS:
            return _BOOLEANS[text]
        if text in _ALSO_BOOLEANS:
            meant = str(_ALSO_BOOLEANS[text]).lower()
            self.warning(ProblemId.SPELLING, f"got {shown(self._values[name])}, expected {meant}; {REFUSED}", name)
            return _ALSO_BOOLEANS[text]
        self.error(ProblemId.BAD_VALUE, f"got {shown(self._values[name])}, expected true or false; {REFUSED}", name)
        return default

    def optional_boolean(self, name: str) -> bool | None:
        """As `boolean`, None where it is not given."""
        return self.boolean(name, True) if name in self else None

    def integer(self, name: str, default: int, accepted: range) -> int:
        """A whole number out of a range."""
        if name not in self:
            return default
        text = self._values[name].strip()
        if text.isascii() and text.isdigit() and len(text) < 20 and int(text) in accepted:
            return int(text)
        expected = f"expected a whole number from {accepted.start} to {accepted[-1]}"
        self.error(ProblemId.BAD_VALUE, f"got {shown(self._values[name])}, {expected}; {REFUSED}", name)
        return default

    def choice[E: StrEnum](self, name: str, default: E, also: Mapping[str, E] | None = None) -> E:
        """One of the values of an enumeration, in any case; `also` adds words to them."""
        if name not in self:
            return default
        words = {str(value): value for value in type(default)} | dict(also or {})
        text = self._values[name].strip()
        for word, value in words.items():
            if word.casefold() == text.casefold():
                return value
        hint = suggestion(text, words)
        expected = listed(map(str, type(default)))
        self.error(ProblemId.BAD_VALUE, f"got {shown(text)}, expected {expected}{hint}; {REFUSED}", name)
        return default

    def pattern_syntax(self) -> PatternSyntax:
        """`patternSyntax`; where it is none, one in which every text is a pattern, so that no other error follows."""
        syntax = self.choice("patternSyntax", PatternSyntax.ECMASCRIPT)
        return PatternSyntax.EXACT_MATCH if self.is_wrong("patternSyntax") else syntax

    def _label(self, name: str) -> str:
        return f"<{self.element.name}> {name}" if name else f"<{self.element.name}>"


def children_of(element: Element, report: Report, known: Sequence[str]) -> Iterator[tuple[str, Element]]:
    """The elements in an element, each with its name as IIS spells it; a warning for those that have no meaning."""
    folded = {name.casefold(): name for name in known}
    if element.text:
        message = f"<{element.name}>: got the text {shown(element.text)}, expected elements; {REFUSED}"
        report.warning(element.line, ProblemId.UNKNOWN_KEY, message)
    for child in element.children:
        name = folded.get(child.name.casefold())
        if name is None:
            hint = suggestion(child.name, known)
            expected = listed([f"<{item}>" for item in known]) if known else "no element"
            message = f"<{element.name}>: got <{child.name}>, expected {expected}{hint}; it is left out, {REFUSED}"
            report.warning(child.line, ProblemId.UNKNOWN_KEY, message)
            continue
        if name != child.name:
            message = f"<{element.name}>: got <{child.name}>, expected <{name}>; {REFUSED}"
            report.warning(child.line, ProblemId.SPELLING, message)
        yield name, child


def single_children(element: Element, report: Report, known: Sequence[str]) -> dict[str, Element]:
    """The elements in an element that may stand there once each."""
    found: dict[str, Element] = {}
    for name, child in children_of(element, report, known):
        if name in found:
            message = (
                f"<{element.name}>: got <{name}> again, expected it once: the first one is in line {found[name].line}"
            )
            report.error(child.line, ProblemId.DUPLICATE_KEY, message)
        found.setdefault(name, child)
    return found
