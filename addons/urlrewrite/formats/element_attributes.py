"""The attributes of an element that is kept as it is, read by type."""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType
from typing import NamedTuple

from urlrewrite.formats.reader import Reader
from urlrewrite.formats.reports import Report
from urlrewrite.formats.wording import shown
from urlrewrite.model import ConfigElement
from urlrewrite.model.problems import Problem


class _Value(NamedTuple):
    text: str
    line: int


class ElementAttributes(Reader):
    """The attributes of an element, of which those `known` are read; their names are compared without case."""

    BOOLEANS = MappingProxyType({"true": True, "false": False, "1": True, "0": False})
    QUOTE = '"'

    def __init__(self, element: ConfigElement, problems: list[Problem], known: Iterable[str]) -> None:
        super().__init__(Report(element.source.file, problems))
        self._element = element
        names = {name.casefold(): name for name in known}
        self._values = {
            names[name.casefold()]: value for name, value in element.attributes.items() if name.casefold() in names
        }

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def label(self, key: str) -> str:
        return f"<{self._element.name}> {key}".rstrip()

    def line(self, key: str) -> int:
        del key
        return self._element.source.line

    def text(self, key: str, default: str = "") -> str:
        return self._values.get(key, default)

    def texts(self, key: str) -> tuple[_Value, ...]:
        return (_Value(self._values[key], self.line(key)),) if key in self else ()

    def word(self, key: str) -> str | None:
        return self._values[key].strip() if key in self else None

    def described(self, key: str) -> str:
        return shown(self._values[key])

    def trimmed(self, key: str, expected: str) -> str:
        return self.required(key, expected).strip()
