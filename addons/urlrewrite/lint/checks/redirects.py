"""Redirects that lead to themselves, found by following them.

Each redirect is tried with a request that matches its pattern, and its Location is followed six times, through all
the rules of the level. Only rules that depend on nothing but the URL and the method take part, so that the
outcome is certain: what a cookie or a load balancer's field would say is not guessed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from urlrewrite.engine.facts import RequestFacts
from urlrewrite.engine.scope import Lookup
from urlrewrite.engine.template import FUNCTIONS, BackReference, Call, Template, Variable
from urlrewrite.engine.variables import Variables, normal_name
from urlrewrite.lint.registry import Finding, check
from urlrewrite.lint.shapes import samples
from urlrewrite.lint.views import InboundView, LevelView, quoted
from urlrewrite.model import ActionType, LogicalGrouping
from urlrewrite.model.origin import origin_of
from urlrewrite.patterns.pattern import Captures

_HOPS = 6
_TRIED_RULES = 50_000  # some hundred milliseconds; the redirects after that are not tried
_DEADLINE = 0.02
_SOME_HOST = "www.example.com"
_ASKED = frozenset(
    """CACHE_URL HTTPS HTTP_HOST HTTP_METHOD HTTP_URL HTTP_X_ORIGINAL_URL PATH_INFO QUERY_STRING REQUEST_METHOD
    REQUEST_URI SCRIPT_NAME SERVER_NAME SERVER_PORT SERVER_PORT_SECURE UNENCODED_URL URL URL_PATH_INFO""".split()
)


@check(
    "UR173",
    "A redirect that leads to itself",
    LevelView,
    means="The address that a rule redirects to is redirected again, by the same rule or others, without end. The "
    "message names an address with which it happens.",
    iis="Redirects each time, until the browser gives up (ERR_TOO_MANY_REDIRECTS).",
    here="The same.",
    write="A condition that no longer holds at the new address: `{HTTPS}` with `^off$` for a redirect to HTTPS, "
    "`{HTTP_HOST}` with the new name and `negate`, `^(?!app/)` in the pattern of a redirect to `/app/`.",
)
def endless_redirect(view: LevelView) -> Iterator[Finding]:
    if any(rule.directory for rule in view.inbound):
        return  # what a directory inherits is judged where it was written
    walker = _Walker(view)
    starts = _starts(view)
    for rule in walker.rules:
        if walker.is_tired:
            return
        if rule.item.action.type is ActionType.REDIRECT and (url := _endless(rule, starts, walker)):
            yield Finding(
                f"the redirect never ends, in IIS as here: {url} is redirected again and again; add a condition that "
                "does not hold for the new address",
                rule.source,
                rule.rule,
            )


def _starts(view: LevelView) -> list[tuple[str, str]]:
    """Return the schemes and hosts to try."""
    public = view.context.site.public if view.context.site else ()
    starts = [(origin.scheme, origin.authority) for origin in public]
    return starts or [(scheme, host) for host in _hosts(view) for scheme in ("https", "http")]


def _endless(rule: InboundView, starts: list[tuple[str, str]], walker: _Walker) -> str:
    """Return an address from which redirects, this rule's among them, never end; "" if none is found."""
    if rule.pattern is None or rule.item.match.negate:
        return ""
    hosts = {host for _, host in starts}
    for path in samples(rule.pattern):
        for scheme, host in starts:
            request = RequestFacts("GET", scheme, host, "/" + path.removeprefix("/"))
            if _follow(request, rule, walker, hosts):
                return quoted(request.url)
    return ""


def _hosts(view: LevelView) -> list[str]:
    """Return hosts that conditions match, for a site that serves every host."""
    found = [_SOME_HOST]
    for rule in view.inbound:
        for item in rule.conditions:
            if item.pattern and item.asks("HTTP_HOST"):
                found += [text for text in samples(item.pattern) if origin_of("http", text)]
    return list(dict.fromkeys(found))[:4]


def _follow(request: RequestFacts, rule: InboundView, walker: _Walker, hosts: set[str]) -> bool:
    """Say whether redirects go on forever, the rule in question among them."""
    seen = []
    for _ in range(_HOPS):
        found = walker.redirect(request)
        if found is None:
            return False
        acted, location = found
        seen.append(acted)
        scheme, mark, rest = location.partition("://")
        host, slash, target = rest.partition("/")
        if not mark or scheme not in ("http", "https") or host not in hosts:
            return False
        request = replace(request, scheme=scheme, host=host, target=(slash or "/") + target.partition("#")[0])
    return rule in seen[_HOPS // 2 :]


def _is_certain(rule: InboundView) -> bool:
    """Say whether what the rule does depends on nothing but URL and method."""
    if any(item.pattern is None for item in rule.conditions) or rule.pattern is None:
        return False
    templates = [rule.url, *(item.input for item in rule.conditions)]
    for reference in (reference for template in templates for reference in template.references()):
        if isinstance(reference, Variable) and normal_name(reference.name) not in _ASKED:
            return False
        if isinstance(reference, Call) and not _can_call(rule, reference.name):
            return False
    return True


def _can_call(rule: InboundView, name: str) -> bool:
    return name.lower() in FUNCTIONS or name.lower() in rule.context.effective.rewrite_maps


class _Walker:
    """The rules of a level that are certain, through which requests are taken until that has taken too long."""

    def __init__(self, view: LevelView) -> None:
        self.rules = [rule for rule in view.inbound if _is_certain(rule)]
        self._lookups: dict[str, Lookup] = {}
        self._left = _TRIED_RULES

    @property
    def is_tired(self) -> bool:
        """Whether no more rules are tried."""
        return self._left < 0

    def redirect(self, request: RequestFacts) -> tuple[InboundView, str] | None:
        """Return the rule that redirects the request, and its target; None if none does, or that is not known."""
        variables = Variables(request)
        for rule in self.rules:
            self._left -= 1
            if self._left < 0:
                return None
            walk = _Walk(rule, variables, self._lookups)
            if not walk.holds():
                continue
            action = rule.item.action
            if action.type is ActionType.REDIRECT:
                location = walk.expand(rule.url).strip()
                query = variables["QUERY_STRING"]
                if action.append_query_string and query:
                    location += ("&" if "?" in location else "?") + query
                if "://" not in location:
                    location = f"{request.scheme}://{request.host}/{location.removeprefix('/')}"
                return rule, location
            if rule.ends or action.type is ActionType.REWRITE:
                return None
        return None


class _Walk:
    """One rule and one request."""

    def __init__(self, rule: InboundView, variables: Variables, lookups: dict[str, Lookup]) -> None:
        self._rule = rule
        self._lookups = lookups
        self._variables = variables
        self._groups: tuple[str, ...] = ()
        self._conditions: tuple[str, ...] = ()

    def holds(self) -> bool:
        rule = self._rule
        assert rule.pattern is not None
        found = rule.pattern.search(self._variables.url.path.text, _DEADLINE)
        if (found is not None) is rule.item.match.negate:
            return False
        self._groups = found.groups if found else ()
        any_suffices = rule.item.conditions.logical_grouping is LogicalGrouping.MATCH_ANY
        for item in rule.conditions:
            assert item.pattern is not None
            captures = item.pattern.search(self.expand(item.input), _DEADLINE)
            held = (captures is not None) is not item.item.negate
            if held and captures:
                self._remember(captures)
            if held is any_suffices:
                return held
        return not any_suffices or not rule.conditions

    def _remember(self, captures: Captures) -> None:
        track = self._rule.item.conditions.track_all_captures and self._conditions
        self._conditions = self._conditions + captures.groups[1:] if track else captures.groups

    def expand(self, template: Template) -> str:
        return template.expand(self._resolve, self._call)

    def _resolve(self, node: Variable | BackReference) -> str:
        if isinstance(node, Variable):
            return self._variables[node.name]
        groups = self._groups if node.kind == "R" else self._conditions
        return groups[node.number] if node.number < len(groups) else ""

    def _call(self, name: str, argument: str) -> str:
        if function := FUNCTIONS.get(name.lower()):
            return function(argument)
        key = name.lower()
        if key not in self._lookups:
            self._lookups[key] = Lookup(self._rule.context.effective.rewrite_maps[key])
        return self._lookups[key][argument]
