"""`<handlers>` and `<httpHandlers>`: what is mapped to a handler that only refuses is refused.

(IIS configuration reference, "Handlers"; .NET Framework, `httpHandlers`.) The first mapping that fits decides, and what
a level adds goes before what it inherits. IIS maps a handler to the URL that the rules have made; what they send to
another host gets none. Application pools are taken to be in integrated mode, which is IIS's own default.
"""

from __future__ import annotations

from dataclasses import dataclass

from urlrewrite.engine.url_path import as_served
from urlrewrite.engine.web_server.answer import SectionAnswer
from urlrewrite.model import PatternSyntax
from urlrewrite.model.handlers import HandlerMapping
from urlrewrite.model.web_server import Handlers
from urlrewrite.patterns.pattern import Pattern, compile_pattern
from urlrewrite.trace.reasons import Reason, Values

_MESSAGES = {
    403: "This type of page is not served.",
    404: "The resource you are looking for has been removed, had its name changed, or is temporarily unavailable.",
    405: "The HTTP verb used to access this path is not allowed.",
    501: "The server does not support the functionality that is required to fulfill the request.",
}


@dataclass(frozen=True, slots=True)
class _Mapping:
    """A mapping with its patterns, which match a decoded path with its leading slash."""

    said: HandlerMapping
    patterns: tuple[Pattern, ...]
    methods: frozenset[str] | None

    def fits(self, method: str, path: str, deadline: float) -> bool:
        if self.methods is not None and method.upper() not in self.methods:
            return False
        return any(pattern.search(path, deadline) for pattern in self.patterns)


class HandlerGuard:
    """The mappings of one section, in force at one level; `section` is its path."""

    def __init__(self, section: str, said: Handlers) -> None:
        self._section = section
        self._mappings = [_compiled(mapping) for mapping in _deciding(said)]

    def refused(self, method: str, path: str, deadline: float) -> SectionAnswer | None:
        """Refuse a request whose handler does nothing else. `path` is decoded and begins with a slash.

        What some servers take away from a path is looked at with it and without, as everywhere.

        Raises:
            PatternTimeout: a wildcard took longer than the deadline, in seconds.
        """
        for asked in dict.fromkeys((path, as_served(path))):
            mapping = next((mapping for mapping in self._mappings if mapping.fits(method, asked, deadline)), None)
            if mapping and (status := mapping.said.refused_with):
                values: Values = {"name": mapping.said.path, "argument": mapping.said.type}
                reason = Reason.HANDLER_REFUSES
                return SectionAnswer(self._section, mapping.said.source, str(status), reason, _MESSAGES[status], values)
        return None


def _deciding(said: Handlers) -> list[HandlerMapping]:
    """Return the mappings that count, up to the last that refuses.

    One that serves only what is there (`resourceType`) does not count: what files there are is the backend's to know,
    and what comes after it may be there to keep all the rest closed.
    """
    found = [
        mapping
        for mapping in said.mappings.add
        if "classicmode" not in mapping.pre_condition.casefold()
        and (mapping.refused_with or mapping.resource_type.strip().casefold() in ("", "unspecified"))
    ]
    while found and not found[-1].refused_with:
        found.pop()
    return found


def _compiled(mapping: HandlerMapping) -> _Mapping:
    """Compile a path: it fits at the end of a URL's, from any of its slashes on, or from its first for `/x`.

    One that refuses also fits where a path goes on behind it, since a script gets what follows its name as PATH_INFO.
    """
    patterns = []
    for path in filter(None, map(str.strip, mapping.path.split(","))):
        anchored = path if path.startswith("/") else f"*/{path}"
        ends = (anchored, f"{anchored}/*") if mapping.refused_with else (anchored,)
        patterns += [compile_pattern(end, PatternSyntax.WILDCARD, ignore_case=True) for end in ends]
    return _Mapping(mapping, tuple(patterns), mapping.methods)
