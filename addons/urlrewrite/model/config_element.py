"""An element of IIS's configuration that is kept as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from urlrewrite.model.rules import NOWHERE, Source


@dataclass(frozen=True, slots=True)
class ConfigElement:
    """An element that is kept as it is: `<proxy>`, parts of `<webFarms>`, `<authentication>`."""

    name: str
    """The element's name, without a namespace."""
    attributes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Its attributes, as written."""
    children: tuple[ConfigElement, ...] = ()
    """The elements in it, in order."""
    source: Source = field(default=NOWHERE, compare=False)
    comment: str = field(default="", compare=False)
    directives: str = field(default="", compare=False)
    """The directives of Apache that it stands for, "" for none."""
