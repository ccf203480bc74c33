"""Handler mappings of IIS and ASP.NET: which of them refuse every request that they get.

(IIS configuration reference, "Handlers"; .NET Framework, `httpHandlers` and `System.Web.HttpForbiddenHandler`.)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from urlrewrite.model.rules import NOWHERE, Source

FORBIDDING = MappingProxyType(
    {
        "system.web.httpforbiddenhandler": 403,
        "system.web.httpnotfoundhandler": 404,
        "system.web.httpmethodnotallowedhandler": 405,
        "system.web.httpnotimplementedhandler": 501,
    }
)
"""Classes of ASP.NET that only refuse, in lower case, to the status that they respond with."""


def refused_with(type_name: str) -> int | None:
    """Return the status with which a handler of this type refuses all; None for one that does anything else.

    `type_name` is as a file has it: what follows a comma is the assembly.
    """
    return FORBIDDING.get(type_name.partition(",")[0].strip().casefold())


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerMapping:
    """A handler and the requests that it gets; in `<httpHandlers>` it has no name."""

    name: str = ""
    path: str = ""
    """A path with `*`; several of them, separated by commas, in `<httpHandlers>`."""
    verb: str = "*"
    """Methods, separated by commas; `*` for all."""
    type: str = ""
    pre_condition: str = ""
    resource_type: str = ""
    more: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Attributes that only a handler that runs has a use for."""
    source: Source = field(default=NOWHERE, compare=False)

    @property
    def key(self) -> str:
        """Its name, or what stands for one in `<httpHandlers>`: verb and path."""
        return self.name.casefold() or f"{self.verb.upper()} {self.path.casefold()}"

    @property
    def refused_with(self) -> int | None:
        """The status with which it refuses all; None where it does anything else."""
        return refused_with(self.type)

    @property
    def methods(self) -> frozenset[str] | None:
        """The methods that it is for; None for all."""
        methods = frozenset(self.verb.upper().split(","))
        return None if "*" in methods else methods
