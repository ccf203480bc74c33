"""The decision list as maps of nginx, for plain URLs: those of which every character stands for itself.

Each map is a function of its source and of nothing else; nginx works one out when it is first asked for. What the maps
cannot say is told by `odd`, which is then 1: a URL that is not plain, before or after a rule, and a request that comes
to a rule that only the program can say.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from urlrewrite.engine.template import BackReference, Call, Literal, Template, Variable
from urlrewrite.engine.url_path import encode_url
from urlrewrite.engine.variables import normal_name
from urlrewrite.export.decision_list import Entry, written_host
from urlrewrite.export.expressions import map_can_say, map_expression
from urlrewrite.export.judgement import ENTITLED, JudgedSite, Verdict
from urlrewrite.export.nginx.configuration import DOLLAR, Maps
from urlrewrite.export.nginx.fields import unless_set
from urlrewrite.export.nginx.sayable import PLAIN_VARIABLES, can_say
from urlrewrite.model import ActionType, LogicalGrouping
from urlrewrite.patterns.tree import Node

_PLAIN_PATH = r"[!$&-;=@-\[\]_a-z|~]"
_PLAIN_URL = rf"~^/{_PLAIN_PATH}*(?:\?(?:[!$&-;=?-\[\]_a-z|~]|%[0-9a-fA-F]{{2}})*)?\z"
_DOTS_OR_SLASHES = r"~^[^?]*(?://|/\.{1,2}(?:[/;?]|\z))"
_PLAIN_HOST = r"~^[a-zA-Z0-9.-]+(?::[0-9]+)?\z"


@dataclass(slots=True)
class Chain:
    """What the maps decide, as values with variables: by `does`, `location`, `target`, `origin`, `host`, and the names
    of fields in lower case. `unsaid` are the rules that the maps cannot say.
    """

    odd: str
    parts: dict[str, str]
    unsaid: list[Entry] = field(default_factory=list)


def map_chain(judged: JudgedSite, prefix: str, fields: list[str], maps: Maps, *, plain: bool) -> Chain:
    """Write the rules of a site as maps; the names of their variables begin with the prefix.

    With `plain` there is no program: requests that come to a rule that maps cannot say are refused.
    """
    return _Chain(judged, prefix, maps, plain).chain(fields)


class _Chain:
    """A site while its maps are written: where the request stands, as variables, before the rule that comes next."""

    def __init__(self, judged: JudgedSite, prefix: str, maps: Maps, plain: bool) -> None:
        self.judged, self.prefix, self.maps, self.plain = judged, prefix, maps, plain
        backend = judged.rules.site.site.backend
        self.origin = str(backend) if backend else ""
        first = (rf"~^(?<{prefix}_first>[^?]*)", f"${{{prefix}_first}}")
        self.path = self.map("path", "${request_uri}", [first])
        second = (rf"~^[^?]*(?<{prefix}_second>\?.*)$", f"${{{prefix}_second}}")
        self.query = self.map("query", "${request_uri}", [second])
        self.odd = [
            self.map("odd_url", "${request_uri}", [(_DOTS_OR_SLASHES, "1"), (_PLAIN_URL, "0")], "1"),
            self.map("odd_host", "${http_host}", [(_PLAIN_HOST, "0")], "1"),
        ]
        self.stopped = "0"
        self.ends: list[tuple[str, str, str]] = []
        self.assigned: dict[str, str] = {}
        self.sent: dict[str, str] = {}
        self.unsaid: list[Entry] = []
        self.number = 0
        self.inputs: list[str] = []

    def map(self, name: str, source: str, rows: list[tuple[str, str]], otherwise: str = "") -> str:
        return self.maps.add(f"{self.prefix}_{name}", source, rows, otherwise)

    def both(self, name: str, left: str, right: str) -> str:
        """Return 1 where both are."""
        return right if left == "1" else self.map(name, left + right, [("11", "1")], "0")

    def chain(self, fields: list[str]) -> Chain:
        """Write all rules, and what they come to."""
        was_global = True
        for number, entry in enumerate(self.judged.rules.entries):
            self.number = number
            if was_global and not entry.is_global:
                # What stops the global rules does not stop those of the site, unless it ends all.
                self.stopped, was_global = self.ended("ended_globally"), False
            self.maps.say(f"{entry.rule.source}: {entry.rule.name}")
            self.rule(entry)
        flags = "".join(flag for flag, _, _ in self.ends)
        going = self.map("going", self.origin, [("", "nowhere")], "forward")
        rows = [(f"~^0{{{at}}}1", does) for at, (_, does, _) in enumerate(self.ends)]
        locations = [(f"~^0{{{at}}}1", location) for at, (_, _, location) in enumerate(self.ends) if location]
        fields_read = {name for entry in self.judged.rules.entries for name in entry.reads if _is_field(name)}
        for name in sorted(fields_read):
            source = f"${{http_{name.removeprefix('HTTP_').lower()}}}"
            self.odd.append(self.map(f"odd_{name.lower()}", source, [(r"~[^\x20-\x7e]", "1")], "0"))
        parts = {
            "does": self.map("m_does", flags, rows, going) if rows else going,
            "location": self.map("m_location", flags, locations) if locations else "",
            "target": self.path + self.query,
            "origin": self.origin,
            "host": self.sent.get("HTTP_HOST", ""),
        }
        for name in fields:
            parts[name.lower()] = self.sent.get(name, unless_set(name))
        odd = self.map("odd", "".join(self.odd), [("~1", "1")], "0")
        return Chain(odd, parts, self.unsaid)

    def ended(self, name: str) -> str:
        return self.map(name, "".join(flag for flag, _, _ in self.ends), [("~1", "1")], "0") if self.ends else "0"

    def rule(self, entry: Entry) -> None:
        """Write one rule."""
        at, compiled, rule = self.number, entry.compiled, entry.rule
        set_by_rules = {
            normal_name(v.name) for each in self.judged.rules.entries for v in each.compiled.server_variables
        }
        said = self.judged.verdict_of(entry) is not Verdict.REFUSED and can_say(entry, frozenset(set_by_rules))
        going_on = "1"
        if self.stopped != "0":
            going_on = self.map(f"on{at}", self.stopped, [("0", "1")], "0")
        if said or map_can_say(compiled.pattern.tree):
            matches = self.matches(
                f"match{at}", self.path, compiled.pattern.tree, rule.match.ignore_case, rule.match.negate, "/"
            )
            reached = self.both(f"reached{at}", going_on, matches)
        else:
            reached = going_on
        if not said:
            self.unsaid.append(entry)
            if self.plain:
                self.end(reached, "refused")
            else:
                self.odd.append(reached)
            return
        acts = self.conditions(entry, reached)
        self.sets(entry, acts)
        self.act(entry, acts)
        if entry.stops and not entry.ends:
            self.stopped = self.map(f"stopped{at}", self.stopped + acts, [("~1", "1")], "0")

    def end(self, flag: str, does: str, location: str = "") -> None:
        self.ends.append((flag, does, location))
        self.stopped = self.map(f"stopped{self.number}", self.stopped + flag, [("~1", "1")], "0")

    def matches(self, name: str, source: str, tree: Node, ignore_case: bool, negate: bool, mark: str) -> str:
        expression = ("~*" if ignore_case else "~") + map_expression(tree, ignore_case=ignore_case, mark=mark)
        yes, no = ("0", "1") if negate else ("1", "0")
        return self.map(name, source, [(expression, yes)], no)

    def conditions(self, entry: Entry, reached: str) -> str:
        """Return whether the rule acts."""
        at, conditions = self.number, entry.compiled.conditions
        flags = []
        self.inputs = []
        for number, item in enumerate(conditions.items):
            assert item.pattern is not None
            source = ":" + self.text(entry, item.input)
            self.inputs.append(source)
            flags.append(
                self.matches(
                    f"if{at}x{number}",
                    source,
                    item.pattern.tree,
                    item.condition.ignore_case,
                    item.condition.negate,
                    ":",
                )
            )
        if not flags:
            return reached
        if conditions.logical_grouping is LogicalGrouping.MATCH_ANY:
            holds = self.map(f"any{at}", "".join(flags), [("~1", "1")], "0")
        else:
            holds = self.map(f"all{at}", "".join(flags), [("~0", "0")], "1")
        return self.both(f"acts{at}", reached, holds)

    def capture(self, entry: Entry, node: BackReference) -> str:
        """Return what a group captured; "" for one that does not exist."""
        at, compiled = self.number, entry.compiled
        if node.kind == "R":
            if entry.rule.match.negate or node.number > compiled.pattern.groups:
                return ""
            tree, ignore_case = compiled.pattern.tree, entry.rule.match.ignore_case
            return self.group(f"r{at}x{node.number}", self.path, tree, ignore_case, "/", node.number)
        captured = [
            (number, item)
            for number, item in enumerate(compiled.conditions.items[: len(self.inputs)])
            if not item.condition.negate and item.pattern
        ]
        wanted = node.number
        if not compiled.conditions.track_all_captures:
            captured = captured[-1:]
        elif wanted == 0:
            captured = captured[:1]
        for number, item in captured:
            assert item.pattern is not None
            if wanted <= item.pattern.groups:
                source = self.inputs[number]
                name = f"c{at}x{len(self.inputs)}x{node.number}"
                return self.group(name, source, item.pattern.tree, item.condition.ignore_case, ":", wanted)
            wanted -= item.pattern.groups
        return ""

    def group(self, name: str, source: str, tree: Node, ignore_case: bool, mark: str, number: int) -> str:
        captured = f"{self.prefix}_g{name}"
        if self.maps.has(f"{self.prefix}_{name}"):
            return f"${{{self.prefix}_{name}}}"
        expression = map_expression(tree, ignore_case=ignore_case, mark=mark, group=number, name=captured)
        return self.map(name, source, [(("~*" if ignore_case else "~") + expression, f"${{{captured}}}")])

    def text(self, entry: Entry, template: Template) -> str:
        return "".join(self.node(entry, node) for node in template.nodes)

    def node(self, entry: Entry, node: Literal | Variable | BackReference | Call, *, in_url: bool = False) -> str:
        match node:
            case Literal(literal):
                return (encode_url(literal) if in_url else literal).replace("$", DOLLAR)
            case BackReference():
                return self.capture(entry, node)
            case Call(name, argument):
                return self.look_up(entry, name.lower(), self.text(entry, argument))
            case Variable(name):
                return self.variable(normal_name(name))

    def variable(self, name: str) -> str:
        if name in self.assigned:
            return self.assigned[name]
        if name == "QUERY_STRING":
            captured = f"{self.prefix}_q{self.number}"
            row = (rf"~^\?(?<{captured}>.*)$", f"${{{captured}}}")
            known = f"{self.prefix}_query_string{self.number}"
            if self.maps.has(known):
                return f"${{{known}}}"
            return self.maps.add(known, self.query, [row])
        if name in PLAIN_VARIABLES:
            return PLAIN_VARIABLES[name] or self.path
        return f"${{http_{name.removeprefix('HTTP_').lower()}}}" if _is_field(name) else ""

    def look_up(self, entry: Entry, name: str, key: str) -> str:
        lookup = entry.lookups[name]
        known = f"{self.prefix}_map{len(self.maps.blocks)}"
        values = {key: value.replace("$", DOLLAR) for key, value in lookup.entries.items()}
        otherwise = lookup.default.replace("$", DOLLAR)
        if lookup.ignore_case:
            rows = [(f"\\{key}" if key.startswith("~") else key, value) for key, value in values.items()]
            return self.maps.add(known, key, rows, otherwise)
        rows = [(f"~^:{_literal(key)}\\z", value) for key, value in values.items()]
        return self.maps.add(known, f":{key}", rows, otherwise)

    def sets(self, entry: Entry, acts: str) -> None:
        for number, setting in enumerate(entry.compiled.server_variables):
            name = normal_name(setting.name)
            value = self.text(entry, setting.value)
            # What later rules read is what the client said where no rule has acted; what is sent may not be.
            read = self.map(f"set{self.number}x{number}", acts, [("1", value)], self.variable(name))
            sent = self.sent.get(name, unless_set(name))
            self.sent[name] = self.map(f"send{self.number}x{number}", acts, [("1", value)], sent)
            self.assigned[name] = read

    def act(self, entry: Entry, acts: str) -> None:
        match entry.rule.action.type:
            case ActionType.REDIRECT:
                self.end(acts, f"redirect {entry.rule.action.redirect_type.status}", self.location(entry))
            case ActionType.CUSTOM_RESPONSE:
                self.end(acts, f"respond {self.number}")
            case ActionType.ABORT_REQUEST:
                self.end(acts, "abort")
            case ActionType.REWRITE:
                self.rewrite(entry, acts)

    def url(self, entry: Entry, nodes: tuple[Literal | Variable | BackReference | Call, ...]) -> str:
        return "".join(self.node(entry, node, in_url=True) for node in nodes)

    def location(self, entry: Entry) -> str:
        at, p = self.number, self.prefix
        location = self.url(entry, entry.compiled.url.nodes)
        if entry.rule.action.append_query_string:
            rows = [
                (rf"~^(?<{p}_a{at}>\S*\?\S*) \?(?<{p}_b{at}>.+)$", f"${{{p}_a{at}}}&${{{p}_b{at}}}"),
                (rf"~^(?<{p}_c{at}>\S*) \?(?<{p}_d{at}>.+)$", f"${{{p}_c{at}}}?${{{p}_d{at}}}"),
                (rf"~^(?<{p}_e{at}>\S*) ", f"${{{p}_e{at}}}"),
            ]
            location = self.map(f"to{at}", f"{location} {self.query}", rows)
        rows = [
            ("~^//", f"${{scheme}}:{location}"),
            ("~*^[a-z][a-z0-9+.-]*:", location),
            ("~^/", f"${{scheme}}://${{http_host}}{location}"),
        ]
        return self.map(f"location{at}", location, rows, f"${{scheme}}://${{http_host}}/{location}")

    def rewrite(self, entry: Entry, acts: str) -> None:
        at, p = self.number, self.prefix
        host = written_host(entry.compiled.url, path_variables=ENTITLED)
        url = self.url(entry, host.rest if host else entry.compiled.url.nodes)
        if host and host.origin:
            self.origin = self.map(f"origin{at}", acts, [("1", str(host.origin))], self.origin)
        path = self.map(
            f"to{at}",
            url,
            [(rf"~^(?<{p}_a{at}>/[^?]*)", f"${{{p}_a{at}}}"), (rf"~^(?<{p}_b{at}>[^?]*)", f"/${{{p}_b{at}}}")],
            "/",
        )
        query = self.map(f"ask{at}", url, [(rf"~^[^?]*(?<{p}_c{at}>\?.*)$", f"${{{p}_c{at}}}")])
        if entry.rule.action.append_query_string:
            rows = [
                (rf"~^\?? (?<{p}_d{at}>\?.+)$", f"${{{p}_d{at}}}"),
                (rf"~^(?<{p}_e{at}>\S+) \?(?<{p}_f{at}>.+)$", f"${{{p}_e{at}}}&${{{p}_f{at}}}"),
                (rf"~^(?<{p}_h{at}>\S*) ", f"${{{p}_h{at}}}"),
            ]
            query = self.map(f"asked{at}", f"{query} {self.query}", rows)
        self.path = self.map(f"path{at}", acts, [("1", path)], self.path)
        self.query = self.map(f"query{at}", acts, [("1", query)], self.query)
        odd = rf"~//|/\.{{1,2}}(?:[/;]|\z)|[^{_PLAIN_PATH[1:]}"
        self.odd.append(self.map(f"odd{at}", self.path, [(odd, "1")], "0"))


def _is_field(name: str) -> bool:
    return name.startswith("HTTP_") and name not in PLAIN_VARIABLES


def _literal(key: str) -> str:
    return "".join(f"\\{char}" if char in r"^$\.*+?()[]{}|/" else char for char in key)
