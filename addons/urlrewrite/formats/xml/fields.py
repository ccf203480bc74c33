"""Elements of an XML file to typed values.

Names in IIS's configuration are told apart by case, and what is not known is refused (500.19). Here a name in another
case is taken for what it plainly means, and what is not known is left out, both with a warning.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple

from urlrewrite.formats.reader import Reader
from urlrewrite.formats.reports import ProblemId, Report
from urlrewrite.formats.wording import listed, shown, suggestion
from urlrewrite.formats.xml.nodes import Element

REFUSED = "IIS answers 500.19"
"""What IIS says to a configuration that does not follow its schema."""

_BOOLEANS = {"true": True, "false": False}
_ALSO_BOOLEANS = {"1": True, "yes": True, "on": True, "0": False, "no": False, "off": False}
_LOCKS = ("lockItem", "lockAttributes", "lockAllAttributesExcept", "lockElements", "lockAllElementsExcept")
"""Attributes of every element that keep levels below from changing it; there is nobody here who could."""


class _Value(NamedTuple):
    text: str
    line: int


class Fields(Reader):
    """The attributes of an element of which the names are known; unknown ones are reported at once.

    `aliases` are other spellings, each with the name that is meant.
    """

    BOOLEANS = MappingProxyType(_BOOLEANS | _ALSO_BOOLEANS)
    QUOTE = '"'
    REFUSED = REFUSED
    LISTS_NUMBERS = False

    def __init__(
        self, element: Element, report: Report, known: Sequence[str], aliases: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(report)
        self.element = element
        self._values: dict[str, str] = {}
        folded = {name.casefold(): name for name in known} | {k.casefold(): v for k, v in (aliases or {}).items()}
        for name, value in element.attributes.items():
            meant = folded.get(name.casefold())
            # What has a namespace belongs to a transformation, of which the reader of the file tells.
            if name in _LOCKS or name.startswith("{"):
                continue
            if name == "configSource":
                message = f"got it here, expected it in a section such as <rules>; {REFUSED}"
                self.error(name, ProblemId.NOT_POSSIBLE, message)
            elif meant is None:
                hint = suggestion(name, known)
                expected = listed(known) if known else "none"
                message = f"got the attribute {shown(name)}, expected {expected}{hint}; it is left out, {REFUSED}"
                self.warning("", ProblemId.UNKNOWN_KEY, message, refused=True)
            else:
                if name not in known:
                    message = f"got the attribute {name}, expected {meant}; {REFUSED}"
                    self.warning("", ProblemId.SPELLING, message, refused=True)
                if meant in self._values:
                    self.error("", ProblemId.DUPLICATE_KEY, f"got the attribute {meant} twice, expected it once")
                self._values.setdefault(meant, value)

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def label(self, key: str) -> str:
        return f"<{self.element.name}> {key}" if key else f"<{self.element.name}>"

    def line(self, key: str) -> int:
        return self.element.line

    def word(self, key: str) -> str | None:
        return self._values[key].strip() if key in self else None

    def described(self, key: str) -> str:
        return shown(self._values[key])

    def is_given(self, key: str) -> bool:
        return bool(self._values.get(key))

    def is_empty(self, key: str) -> bool:
        return not self._values.get(key)

    def text(self, key: str, default: str = "") -> str:
        return self._values.get(key, default)

    def texts(self, key: str) -> tuple[_Value, ...]:
        return (_Value(self._values[key], self.element.line),) if key in self else ()

    def trimmed(self, key: str, expected: str) -> str:
        text = self.required(key, expected)
        if text and not text.strip():
            self.error(key, ProblemId.MISSING, f"got blanks, expected {expected}")
        elif text != text.strip():
            message = f"got {shown(text)}, expected it without blanks around it; {REFUSED}"
            self.warning(key, ProblemId.SPELLING, message, refused=True)
        return text.strip()

    def boolean(self, key: str, default: bool) -> bool:
        found = super().boolean(key, default)
        if (self.word(key) or "").lower() in _ALSO_BOOLEANS:
            message = f"got {self.described(key)}, expected {str(found).lower()}; {REFUSED}"
            self.warning(key, ProblemId.SPELLING, message, refused=True)
        return found


_LEAVES = frozenset(("match", "action", "add", "set", "tag", "remove", "clear"))
"""Elements that have none in them. Where an HTML tool took a file for a page, they were never closed."""


def children_of(
    element: Element, report: Report, known: Sequence[str], *, strict: bool = False
) -> Iterator[tuple[str, Element]]:
    """Yield the elements in an element, each with its name as IIS spells it; warn of those that have no meaning.

    With `strict` they are errors: a rule without one of its conditions would act on more than it should.
    """
    folded = {name.casefold(): name for name in known}
    if element.text:
        message = f"<{element.name}>: got the text {shown(element.text)}, expected elements; {REFUSED}"
        report.warning(element.line, ProblemId.UNKNOWN_KEY, message, refused=True)
    for child in _unfolded(element.children, report):
        name = folded.get(child.name.casefold())
        if name is None:
            hint = suggestion(child.name, known)
            expected = listed([f"<{item}>" for item in known]) if known else "no element"
            message = f"<{element.name}>: got <{child.name}>, expected {expected}{hint}; "
            if strict:
                report.error(child.line, ProblemId.UNKNOWN_KEY, message + REFUSED)
            else:
                report.warning(child.line, ProblemId.UNKNOWN_KEY, f"{message}it is left out, {REFUSED}", refused=True)
            continue
        if name != child.name:
            message = f"<{element.name}>: got <{child.name}>, expected <{name}>; {REFUSED}"
            report.warning(child.line, ProblemId.SPELLING, message, refused=True)
        yield name, child


def _unfolded(children: Sequence[Element], report: Report) -> Iterator[Element]:
    """Yield elements, and those that stand in one which can have none as if they stood behind it."""
    for child in children:
        if not child.children or child.name.casefold() not in _LEAVES:
            yield child
            continue
        inner = child.children[0]
        message = (
            f"<{child.name}>: got <{inner.name}> in it, expected it behind <{child.name}/>, where it is taken to be"
        )
        report.warning(inner.line, ProblemId.MISPLACED, f"{message}; {REFUSED}", refused=True)
        yield replace(child, children=())
        yield from _unfolded(child.children, report)


def single_children(
    element: Element, report: Report, known: Sequence[str], *, strict: bool = False
) -> dict[str, Element]:
    """Return the elements in an element by name; report those that stand there again as errors. `strict` as there."""
    found: dict[str, Element] = {}
    for name, child in children_of(element, report, known, strict=strict):
        if name in found:
            message = (
                f"<{element.name}>: got <{name}> again, expected it once: the first one is in line {found[name].line}"
            )
            report.error(child.line, ProblemId.DUPLICATE_KEY, message)
        found.setdefault(name, child)
    return found
