"""What a template may refer to while a rule is evaluated: variables, maps and captures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from urlrewrite.engine.pattern import Captures
from urlrewrite.engine.template import FUNCTIONS, BackReference, Template, Variable
from urlrewrite.engine.trace import Trace
from urlrewrite.engine.variables import Variables
from urlrewrite.model import RewriteMap


class Lookup:
    """A rewrite map, ready to be asked."""

    __slots__ = ("_entries", "_ignore_case", "default", "name")

    def __init__(self, rewrite_map: RewriteMap) -> None:
        self.name = rewrite_map.name
        self.default = rewrite_map.default_value
        self._ignore_case = rewrite_map.ignore_case
        entries = rewrite_map.entries
        self._entries = {key.lower(): value for key, value in entries.items()} if self._ignore_case else dict(entries)

    def __getitem__(self, key: str) -> str:
        return self._entries.get(key.lower() if self._ignore_case else key, self.default)


class Scope:
    """One exchange's state while rules run.

    `rule` and `conditions` hold what `{R:n}` and `{C:n}` give; `rule_name` is the rule being evaluated.
    """

    __slots__ = ("_told", "conditions", "deadline", "maps", "rule", "rule_name", "trace", "variables")

    def __init__(self, variables: Variables, maps: Mapping[str, Lookup], trace: Trace, deadline: float) -> None:
        self.variables = variables
        self.maps = maps
        self.trace = trace
        self.deadline = deadline
        self.rule_name = ""
        self.rule: tuple[str, ...] = ()
        self.conditions: tuple[str, ...] = ()
        self._told: set[str] = set()

    def start_rule(self, captures: Captures | None) -> None:
        """Sets `{R:n}` to what a rule's pattern captured (nothing for a negated one) and forgets `{C:n}`."""
        self.rule = captures.groups if captures else ()
        self.conditions = ()

    @contextmanager
    def tracing(self, wanted: bool) -> Iterator[None]:
        """Keeps the trace silent, but for warnings, where `wanted` is false."""
        was_on = self.trace.on
        self.trace.on = was_on and wanted
        try:
            yield
        finally:
            self.trace.on = was_on

    def warn_once(self, message: str, *, key: str, iis: str) -> None:
        """Adds a warning to the trace, the first time that this `key` is given."""
        if key not in self._told:
            self._told.add(key)
            self.trace.warn(message, iis=iis)

    def expand(self, template: Template) -> str:
        """The template's text."""
        return template.expand(self.resolve, self.call)

    def resolve(self, node: Variable | BackReference) -> str:
        """The text of one reference; a group that does not exist is empty."""
        if isinstance(node, BackReference):
            groups = self.rule if node.kind == "R" else self.conditions
            return groups[node.number] if node.number < len(groups) else ""
        if not self.variables.is_known(node.name):
            self.warn_once(
                f"{{{node.name}}} is no server variable and is empty", key=f"variable {node.name}", iis="does the same"
            )
        return self.variables[node.name]

    def call(self, name: str, argument: str) -> str:
        """The value of `{name:argument}`: a string function or a rewrite map."""
        if function := FUNCTIONS.get(name.lower()):
            return function(argument)
        value = self.maps[name.lower()][argument]
        self.trace.add("REWRITE_MAP_LOOKUP", map=name, key=argument, value=value)
        return value
