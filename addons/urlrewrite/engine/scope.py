"""What a template may refer to while a rule is evaluated: variables, maps, providers and captures."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Unpack

from urlrewrite.engine.failure import Failure
from urlrewrite.engine.template import FUNCTIONS, BackReference, Template, Variable
from urlrewrite.engine.variables import FILE_VARIABLES, Variables, normal_name
from urlrewrite.model import Provider, RewriteMap
from urlrewrite.patterns.pattern import Captures
from urlrewrite.trace.reasons import Reason, Values
from urlrewrite.trace.request_events import REWRITE_MAP_LOOKUP
from urlrewrite.trace.trace import Trace

_ESCAPE = re.compile("%[0-9a-fA-F]{2}")


class Lookup:
    """A rewrite map or a provider, for look-ups; `unsupported` is the type of one that cannot be used, else ""."""

    __slots__ = ("default", "entries", "ignore_case", "name", "unsupported", "values")

    def __init__(self, source: RewriteMap | Provider) -> None:
        self.name = source.name
        self.ignore_case = source.ignore_case
        self.unsupported = ""
        if isinstance(source, Provider):
            entries, self.default = source.entries, ""
            if not source.supported:
                self.unsupported = source.type
        else:
            entries, self.default = source.entries, source.default_value
        self.entries: dict[str, str] = {}
        for key, value in entries.items():
            # A map may have keys that differ in case only: the first of them answers for all.
            self.entries.setdefault(key.lower() if self.ignore_case else key, value)
        self.values = frozenset((*self.entries.values(), self.default))
        """Every text that a look-up can give."""

    def __getitem__(self, key: str) -> str:
        return self.entries.get(key.lower() if self.ignore_case else key, self.default)


class Scope:
    """The state of one exchange while rules run.

    `rule` and `conditions` hold what `{R:n}` and `{C:n}` give; `rule_name` is the rule being evaluated. `lookups` are
    rewrite maps and providers by name in lower case. `deadline` is in seconds, for one pattern on one text. `iis` says
    that the site is in mode iis, `is_global` that the rules being run are global ones, `tells_roots` that a file's name
    without a documentRoot is told.
    """

    __slots__ = (
        "_told",
        "conditions",
        "deadline",
        "iis",
        "is_global",
        "lookups",
        "rule",
        "rule_name",
        "tells_roots",
        "trace",
        "variables",
    )

    def __init__(
        self,
        variables: Variables,
        lookups: Mapping[str, Lookup],
        trace: Trace,
        deadline: float,
        *,
        iis: bool = False,
    ) -> None:
        self.variables = variables
        self.lookups = lookups
        self.trace = trace
        self.deadline = deadline
        self.iis = iis
        self.is_global = False
        self.rule_name = ""
        self.tells_roots = True
        self.rule: tuple[str, ...] = ()
        self.conditions: tuple[str, ...] = ()
        self._told: set[tuple[str, ...]] = set()

    def start_rule(self, captures: Captures | None) -> None:
        """Set `{R:n}` to what a rule's pattern captured (nothing for a negated one) and forget `{C:n}`."""
        self.rule = captures.groups if captures else ()
        self.conditions = ()

    @contextmanager
    def tracing(self, wanted: bool) -> Iterator[None]:
        """Keep the trace silent, but for warnings, where `wanted` is false."""
        was_on = self.trace.on
        self.trace.on = was_on and wanted
        try:
            yield
        finally:
            self.trace.on = was_on

    def warn_once(self, reason: Reason, *about: str, **values: Unpack[Values]) -> None:
        """Add a warning to the trace, the first time that it is given for this reason, `about` the same."""
        key = (reason, *about)
        if key not in self._told:
            self._told.add(key)
            self.trace.warn(reason, **values)

    def iis_fails(self, iis_status: str, reason: Reason, *, message: str = "", **values: Unpack[Values]) -> None:
        """Treat a failure of IIS: a warning in mode helpful, told once, IIS's error in mode iis.

        Raises:
            Failure: in mode iis.
        """
        failure = Failure(iis_status, reason, message=message, **values)
        if self.iis:
            raise failure
        key = (str(failure),)
        if key not in self._told:
            self._told.add(key)
            self.trace.warn_as_iis_fails(reason, iis_status, **values)

    def expand(self, template: Template) -> str:
        """Return the template's text."""
        return template.expand(self.resolve, self.call)

    def resolve(self, node: Variable | BackReference) -> str:
        """Return the text of one reference; a group that does not exist is empty."""
        if isinstance(node, BackReference):
            groups = self.rule if node.kind == "R" else self.conditions
            return groups[node.number] if node.number < len(groups) else ""
        if not self.variables.is_known(node.name):
            self.warn_once(Reason.UNKNOWN_VARIABLE, node.name, name=node.name)
        elif self.tells_roots and not self.variables.document_root and normal_name(node.name) in FILE_VARIABLES:
            value = self.variables[node.name]
            self.warn_once(Reason.INVENTED_ROOT, name=normal_name(node.name), argument=value)
            return value
        return self.variables[node.name]

    def call(self, name: str, argument: str) -> str:
        """Return the value of `{name:argument}`: a string function, a rewrite map or a provider."""
        if function := FUNCTIONS.get(name.lower()):
            value = function(argument)
            if name.lower() == "urldecode" and _ESCAPE.search(value):
                self.warn_once(Reason.ESCAPES_LEFT, argument, name=name, argument=argument)
            return value
        lookup = self.lookups[name.lower()]
        value = lookup[argument]
        if lookup.unsupported:
            self.warn_once(Reason.PROVIDER_NOT_ASKED, lookup.name, name=lookup.name, kind=lookup.unsupported)
        self.trace.add(REWRITE_MAP_LOOKUP, map=name, key=argument, value=value)
        return value
