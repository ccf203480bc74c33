"""What a template can come to, whatever is requested: all its texts, with marks where a part of one is open.

A URL such as `http://{Ports:{C:1}}{R:1}` names its hosts only together with the map, the patterns and the conditions.
Here it is read with all of them: literals, the values of maps, what a pattern's alternatives capture, and what rules
set. What depends on the request beyond that is a mark. Everything errs on the side of more: a text that a rule can
come to is among these, a text among these may never come.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import product, zip_longest

from urlrewrite.engine.compiled import CompiledInboundRule
from urlrewrite.engine.conditions import CompiledCondition, CompiledConditions
from urlrewrite.engine.scope import Lookup
from urlrewrite.engine.template import FUNCTIONS, BackReference, Call, Literal, Node, Template, Variable
from urlrewrite.engine.variables import EMPTY_VARIABLES, PATH_VARIABLES, URL_VARIABLES, is_server_variable, normal_name
from urlrewrite.model import LogicalGrouping
from urlrewrite.model.origin import Origin
from urlrewrite.patterns import characters
from urlrewrite.patterns.literals import Captured, captured
from urlrewrite.patterns.pattern import Pattern, PatternTimeout

ANY = "\ue000"
"""Stands for any text: it may be empty, or end what stands before it with a slash."""
PART = "\ue001"
"""Stands for a text without a slash."""
ASKED_NAME = "\ue002"
"""Stands for the host that the client asked for, where the site is published under any name."""
OWN_ADDRESS = "\ue003"
"""Stands for the address at which the client reached this machine."""

MAX_TEXTS = 2000
"""Texts of one template that are kept apart."""

_DEADLINE = 0.05  # seconds for a pattern on one value of a map
_MAX_DEPTH = 4  # rules that set a variable from one that a rule has set

type Texts = frozenset[str]
type _Captures = tuple[Texts, ...]

_EMPTY: Texts = frozenset({""})
_ANY: Texts = frozenset({ANY})
_ENCODED: Texts = frozenset({"", PART})
_PATH: Texts = frozenset({f"/{ANY}"})


def is_open(text: str) -> bool:
    """Say whether a text has a mark in it."""
    return any(mark in text for mark in (ANY, PART, ASKED_NAME, OWN_ADDRESS))


def join(beginnings: Texts, ends: Texts) -> Texts:
    """Return each beginning with each end; where these are too many, with any end."""
    if len(beginnings) * len(ends) > MAX_TEXTS:
        ends = _ANY
    return frozenset(before + after for before, after in product(beginnings, ends))


class SetVariables:
    """The variables that rules set, by normal name: the rule, the value as a template, and the maps it may use."""

    def __init__(self) -> None:
        self._by_name: dict[str, list[tuple[CompiledInboundRule, Template, Mapping[str, Lookup]]]] = {}

    def add(self, rules: Iterable[CompiledInboundRule], lookups: Mapping[str, Lookup]) -> None:
        """Take the variables that these rules set."""
        for compiled in rules:
            for variable in compiled.server_variables:
                values = self._by_name.setdefault(normal_name(variable.name), [])
                if not any(value is variable.value for _, value, _ in values):
                    values.append((compiled, variable.value, lookups))

    def of(self, name: str) -> list[tuple[CompiledInboundRule, Template, Mapping[str, Lookup]]]:
        """Return what rules set a variable to."""
        return self._by_name.get(name, [])


class ReachedTexts:
    """The texts of the templates of one rule. `public` are the names under which its sites are asked for."""

    def __init__(
        self,
        compiled: CompiledInboundRule,
        lookups: Mapping[str, Lookup],
        public: tuple[Origin, ...],
        variables: SetVariables,
        depth: int = 0,
    ) -> None:
        self._lookups = lookups
        self._public = public
        self._variables = variables
        self._depth = depth
        self._rule: _Captures = () if compiled.rule.match.negate else _of_pattern(compiled.pattern)
        self._conditions: _Captures = ()
        self._conditions = self._captures_of(compiled.conditions)

    def of(self, template: Template) -> Texts:
        """Return the texts of a template."""
        texts = _EMPTY
        for node in template.nodes:
            texts = join(texts, self.of_node(node))
        return texts

    def of_node(self, node: Node) -> Texts:
        """Return the texts of one part of a template."""
        match node:
            case Literal(text):
                return frozenset({text})
            case BackReference(kind, number):
                groups = self._rule if kind == "R" else self._conditions
                return groups[number] if number < len(groups) else _EMPTY
            case Variable(name):
                return self._of_variable(normal_name(name))
            case Call(name, argument):
                return self._of_call(name.lower(), argument)

    def _of_call(self, name: str, argument: Template) -> Texts:
        given = self.of(argument)
        closed = not any(map(is_open, given))
        if function := FUNCTIONS.get(name):
            return frozenset(map(function, given)) if closed else _ENCODED if name == "urlencode" else _ANY
        lookup = self._lookups.get(name)
        if lookup is None:
            return _EMPTY
        return frozenset(lookup[text] for text in given) if closed else lookup.values

    def _of_variable(self, name: str) -> Texts:
        if self._depth > _MAX_DEPTH:
            return _ANY
        texts = frozenset[str]()
        for compiled, value, lookups in self._variables.of(name):
            deeper = ReachedTexts(compiled, lookups, self._public, self._variables, self._depth + 1)
            texts |= deeper.of(value)
        if len(texts) > MAX_TEXTS:
            return _ANY
        return texts | self._asked(name)

    def _asked(self, name: str) -> Texts:
        """Return what a variable is where no rule has set it."""
        if name in PATH_VARIABLES or name in URL_VARIABLES:
            return _PATH
        match name:
            case "HTTPS":
                return frozenset({"on", "off"})
            case "SERVER_PORT_SECURE":
                return frozenset({"1", "0"})
            case "SERVER_PORT":
                return frozenset({PART})
            case "LOCAL_ADDR" | "SERVER_ADDR":
                return frozenset({OWN_ADDRESS})
            case "SERVER_NAME":
                return self._names()
            case "HTTP_HOST":
                return self._names() | frozenset(f"{_host_of(name)}:{name.port}" for name in self._public)
            case "CACHE_URL":
                return join(frozenset({"http://", "https://"}), join(self._names(), frozenset({f":{PART}/{ANY}"})))
        return _ANY if is_server_variable(name) and name not in EMPTY_VARIABLES else _EMPTY

    def _names(self) -> Texts:
        """Return the hosts by which clients ask: only for these, where a site has names."""
        return frozenset(map(_host_of, self._public)) or frozenset({ASKED_NAME})

    def _captures_of(self, conditions: CompiledConditions) -> _Captures:
        """Return what `{C:n}` is once the conditions hold; see `conditions` for which of them counts."""
        any_suffices = conditions.logical_grouping is LogicalGrouping.MATCH_ANY
        every: list[_Captures] = []
        for item in conditions.items:
            if item.pattern is None or item.condition.negate:
                continue
            found = self._of_condition(item, item.pattern)
            if any_suffices:
                every.append(found)
                continue
            self._conditions = self._conditions + found[1:] if conditions.track_all_captures and every else found
            every = [found]
        if not any_suffices:
            return self._conditions
        return tuple(frozenset[str]().union(*texts) for texts in zip_longest(*every, fillvalue=_EMPTY))

    def _of_condition(self, item: CompiledCondition, pattern: Pattern) -> _Captures:
        given = self.of(item.input)
        if any(map(is_open, given)):
            return _of_pattern(pattern)
        try:
            found = [match.groups for text in given if (match := pattern.search(text, _DEADLINE))]
        except PatternTimeout:
            return _of_pattern(pattern)
        return tuple(frozenset(groups[number] for groups in found) for number in range(pattern.groups + 1))


def _host_of(name: Origin) -> str:
    return f"{ANY}{name.host[1:]}" if name.is_wildcard else name.host_text


def _of_pattern(pattern: Pattern) -> _Captures:
    return tuple(_marked(captured(pattern.tree, number)) for number in range(pattern.groups + 1))


def _marked(found: Captured) -> Texts:
    mark = ANY if found.chars is None or characters.contains(found.chars, ord("/")) else PART
    return found.texts | {beginning + mark for beginning in found.beginnings}
