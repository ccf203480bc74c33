"""`Header` and `RequestHeader` as rules: outbound ones for fields of responses, inbound ones for those of requests.

(Apache HTTP Server 2.4 documentation, "mod_headers".) Only plain texts are converted: what Apache fills in when a
request comes (`%{...}`, `expr=`) has no like here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from urlrewrite.formats.apache.parts import Directive
from urlrewrite.formats.apache.scopes import match_of
from urlrewrite.formats.reports import ProblemId, Report
from urlrewrite.formats.wording import shown
from urlrewrite.model import (
    Action,
    Condition,
    Conditions,
    InboundRule,
    Match,
    OutboundAction,
    OutboundActionType,
    OutboundMatch,
    OutboundRule,
    SetServerVariable,
)
from urlrewrite.model.field_lines import has_control, is_token

NAMES = frozenset(("Header", "RequestHeader"))

_FILLED_IN = re.compile(r"[%{]")
_SET_HERE = {
    "x-forwarded-proto": ("expr=%{request_scheme}", "%{request_scheme}s", "%{request_scheme}e"),
    "x-forwarded-for": ("expr=%{remote_addr}", "%{remote_addr}s", "%{remote_addr}e"),
    "x-forwarded-host": ("expr=%{http_host}", "%{http_host}s", "%{http_host}e"),
    "x-forwarded-port": ("%{server_port}s", "expr=%{server_port}", "%{server_port}e"),
}
"""Fields that backends get in any case, by what Apache's files say for them."""


@dataclass(frozen=True, slots=True)
class _Said:
    """A directive in its parts; `condition` is what `env=` and the like ask for."""

    line: Directive
    action: str
    name: str
    value: str
    conditions: tuple[Condition, ...]
    match: Match


class HeaderRules:
    """Makes the rules of one server or virtual host."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._numbers = count(1)

    def inbound(self, directives: Sequence[Directive]) -> Iterator[InboundRule]:
        """Yield rules that set fields of requests."""
        for said in self._said(directives, "RequestHeader"):
            variable = f"HTTP_{_variable(said.name)}"
            for value, more, keeps in _values(said, f"{{{variable}}}"):
                yield InboundRule(
                    f"Imported RequestHeader {next(self._numbers)}",
                    said.match,
                    Conditions((*said.conditions, *more)),
                    (SetServerVariable(variable, value, not keeps),),
                    Action(),
                    source=self._report.source(said.line.line),
                )

    def outbound(self, directives: Sequence[Directive]) -> Iterator[OutboundRule]:
        """Yield rules that set fields of responses."""
        for said in self._said(directives, "Header"):
            if said.match != Match(".*"):
                self._tell(said.line, "a response has no name of a file: write an outbound rule with a condition")
                continue
            for pattern, value, keeps in _patterns(said):
                yield OutboundRule(
                    f"Imported Header {next(self._numbers)}",
                    OutboundMatch(server_variable=f"RESPONSE_{_variable(said.name)}", pattern=pattern),
                    conditions=Conditions(said.conditions),
                    action=OutboundAction(OutboundActionType.REWRITE, value, not keeps),
                    # That IIS would send such a field empty matters where rules go to IIS.
                    silenced=("UR167",) if not value else (),
                    source=self._report.source(said.line.line),
                )

    def _said(self, directives: Sequence[Directive], name: str) -> Iterator[_Said]:
        for line in directives:
            if line.name == name and (said := self._read(line)):
                yield said

    def _read(self, line: Directive) -> _Said | None:
        words = list(line.words)
        if words and words[0].lower() in ("always", "onsuccess"):
            words.pop(0)
        if words and words[-1].lower() == "early":
            words.pop()
        conditions: list[Condition] = []
        if words and words[-1].lower() == "env=https":
            conditions.append(Condition("{HTTPS}", "^on$", source=self._report.source(line.line)))
            words.pop()
        action, *rest = [words[0].lower() if words else "", *words[1:]]
        wanted = 1 if action == "unset" else 2
        if action not in _ACTIONS or len(rest) != wanted:
            self._tell(line, "a field is set, added, appended or unset here, to a plain text")
            return None
        name, value = rest[0].removesuffix(":"), rest[1] if wanted == 2 else ""
        if value.lower() in _SET_HERE.get(name.lower(), ()) and line.name == "RequestHeader" and action == "set":
            return None
        if (
            not is_token(name)
            or has_control(value)
            or _FILLED_IN.search(value.replace("%%", ""))
            or value.lower().startswith("expr=")
        ):
            self._tell(line, "its value is not a plain text")
            return None
        scoped = match_of(line.scopes, self._report)
        if scoped is None:
            self._tell(line, "no rule has conditions like those of the section around it")
            return None
        match, where = scoped
        return _Said(line, action, name, value.replace("%%", "%"), (*where.items, *conditions), match)

    def _tell(self, line: Directive, why: str) -> None:
        message = f"got {shown(line.text)}, which is not converted: {why}"
        self._report.warning(line.line, ProblemId.APACHE_LEFT_OUT, message)


_ACTIONS = frozenset(("set", "setifempty", "append", "merge", "add", "unset"))
_JOINING = frozenset(("append", "merge", "add"))


def _variable(name: str) -> str:
    return name.upper().replace("-", "_")


def _values(said: _Said, variable: str) -> Iterator[tuple[str, tuple[Condition, ...], bool]]:
    """Yield values for a field of requests, with the condition of each, and whether one that is there stays."""
    if said.action not in _JOINING:
        yield said.value, (), said.action == "setifempty"
        return
    yield f"{variable}, {said.value}", (Condition(variable, ".+"),), False
    yield said.value, (Condition(variable, "^$"),), False


def _patterns(said: _Said) -> Iterator[tuple[str, str, bool]]:
    """Yield patterns and values for a field of responses, and whether one that is there stays."""
    match said.action:
        case "unset":
            yield ".+", "", False
        case "set" | "setifempty":
            yield ".*", said.value, said.action == "setifempty"
        case _:
            yield "^(.+)$", f"{{R:1}}, {said.value}", False
            yield "^$", said.value, False
