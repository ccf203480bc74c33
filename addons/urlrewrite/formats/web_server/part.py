"""An element of a section beside `<rewrite>`, read by its shape."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from urlrewrite.formats.element_attributes import ElementAttributes
from urlrewrite.formats.farm_texts import UINT
from urlrewrite.formats.reader import Reader
from urlrewrite.formats.reports import ProblemId, Report
from urlrewrite.formats.web_server.shapes import Shape
from urlrewrite.formats.wording import listed, shown, suggestion
from urlrewrite.model import ConfigElement, Source
from urlrewrite.model.problems import Problem
from urlrewrite.model.web_server import Entries, Keyed

_NO_ELEMENT = ConfigElement("")

type _Make[T] = Callable[[Part], T | None]


class Part:
    """An element with its shape: what is not of the shape is reported, and left out."""

    def __init__(self, element: ConfigElement, shape: Shape, problems: list[Problem]) -> None:
        self._element = element
        self._shape = shape
        self._problems = problems
        self.report = Report(element.source.file, problems)
        self.values: Reader = ElementAttributes(element, problems, shape.attributes)
        self._tell_unknown(element.attributes, shape.attributes, "the attribute ")
        self._tell_unknown([child.name for child in element.children], self._children(), "<", ">")

    @property
    def source(self) -> Source:
        return self._element.source

    @property
    def is_removal(self) -> bool:
        """Whether this is a `<remove>` of a collection."""
        return self._element.name.casefold() == "remove"

    def may_have(self, attribute: str) -> bool:
        """Say whether an element of this shape has such an attribute."""
        return attribute in self._shape.attributes

    def _children(self) -> Sequence[str]:
        of_collection = (self._shape.entry, "remove", "clear") if self._shape.entries else ()
        return (*self._shape.elements, *of_collection)

    def _tell_unknown(self, names: Iterable[str], known: Sequence[str], *around: str) -> None:
        folded = {name.casefold() for name in known}
        for name in names:
            if name.casefold() in folded or name.startswith(("{", "lock")):
                continue
            got = f"{around[0]}{shown(name) if len(around) == 1 else name}{''.join(around[1:])}"
            expected = listed(known) if known else "none"
            message = f"<{self._element.name}>: got {got}, expected {expected}{suggestion(name, known)}; it is left out"
            self.report.warning(self._element.source.line, ProblemId.UNKNOWN_KEY, message)

    def part(self, name: str) -> Part:
        """Return the element of this name; an empty one where there is none."""
        for child in self._element.children:
            if child.name.casefold() == name.casefold():
                return Part(child, self._shape.elements[name], self._problems)
        return Part(_NO_ELEMENT, self._shape.elements[name], self._problems)

    def switch(self, name: str) -> bool | None:
        return self.values.optional_boolean(name)

    def number(self, name: str) -> int | None:
        return self.values.integer(name, 0, UINT) if name in self.values else None

    def entries[T: Keyed](self, make: _Make[T]) -> Entries[T]:
        """Read the collection of this element; `make` makes an entry, or reports why it cannot, and gives None."""
        shape = self._shape.entries
        assert shape is not None, "only elements with a collection are asked"
        added: dict[str, T] = {}
        removed: dict[str, None] = {}
        clear = False
        for child in self._element.children:
            name = child.name.casefold()
            if name == "clear":
                added.clear()
                removed.clear()
                clear = True
                continue
            if name not in (self._shape.entry.casefold(), "remove"):
                continue
            part = Part(child, shape, self._problems)
            entry = make(part)
            if entry is None:
                continue
            if name == "remove":
                added.pop(entry.key, None)
                removed[entry.key] = None
            elif entry.key in added:
                message = f"<{self._element.name}>: got {shown(entry.key)} again, expected each once"
                part.report.error(part.source.line, ProblemId.DUPLICATE_NAME, message)
            else:
                added[entry.key] = entry
        return Entries(tuple(added.values()), tuple(removed), clear)
