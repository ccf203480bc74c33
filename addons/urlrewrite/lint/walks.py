"""Requests taken through the inbound rules of a level and its `<httpRedirect>`, without a proxy: what a redirect leads
to.

Only rules take part that depend on nothing but the URL, the method and what every request of a browser is alike in, so
that the outcome is certain: what a load balancer's field would say is not guessed. The client has no cookies, and gets
none from a redirect, unless a rule sets one.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from urllib.parse import quote

from urlrewrite.engine.facts import RequestFacts
from urlrewrite.engine.inheritance import Effective, find_level, site_levels
from urlrewrite.engine.scope import Lookup
from urlrewrite.engine.template import FUNCTIONS, BackReference, Call, Template, Variable
from urlrewrite.engine.url_path import CookedPath, split_target
from urlrewrite.engine.variables import PATH_VARIABLES, URL_VARIABLES, Variables, normal_name
from urlrewrite.engine.web_server.redirect import Redirect
from urlrewrite.lint.shapes import samples
from urlrewrite.lint.views import ConditionView, InboundView, LevelView
from urlrewrite.model import ActionType, LogicalGrouping, PatternSyntax
from urlrewrite.model.origin import WILDCARD, origin_of
from urlrewrite.model.web_server import HttpRedirect
from urlrewrite.patterns.pattern import Captures, compile_pattern

_TRIED_RULES = 50_000  # some hundred milliseconds; the redirects after that are not tried
_DEADLINE = 0.02
_SOME_HOST = "www.example.com"
_NO_HOST = "site.invalid"  # no configuration names it
_BROWSER = (
    ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36"),
    ("Accept", "text/html,application/xhtml+xml,*/*;q=0.8"),
    ("Accept-Language", "en-US,en;q=0.5"),
)
_CLIENT = ("203.0.113.9", 50000)
_ASKED = frozenset(
    """CACHE_URL HTTPS HTTP_ACCEPT HTTP_ACCEPT_LANGUAGE HTTP_COOKIE HTTP_HOST HTTP_METHOD HTTP_URL HTTP_USER_AGENT
    HTTP_X_ORIGINAL_URL PATH_INFO QUERY_STRING REMOTE_ADDR REMOTE_HOST REQUEST_METHOD REQUEST_URI SCRIPT_NAME
    SERVER_NAME SERVER_PORT SERVER_PORT_SECURE UNENCODED_URL URL URL_PATH_INFO""".split()
)


def starts_of(view: LevelView) -> list[tuple[str, str]]:
    """Return the schemes and hosts by which clients ask."""
    return names_of(view) or [(scheme, host) for host in _hosts(view) for scheme in ("https", "http")]


def names_of(view: LevelView) -> list[tuple[str, str]]:
    """Return the schemes and hosts by which a site is published; none for one that serves every host."""
    public = view.context.site.public if view.context.site else ()
    return [(origin.scheme, origin.authority.replace(WILDCARD, "name.")) for origin in public]


def request_of(scheme: str, host: str, target: str) -> RequestFacts:
    """Return a browser's request."""
    return RequestFacts("GET", scheme, host, target, fields=(("Host", host), *_BROWSER), client=_CLIENT)


def _hosts(view: LevelView) -> list[str]:
    """Return hosts that conditions match, for a site that serves every host."""
    found = [_SOME_HOST]
    for rule in view.inbound:
        for item in rule.conditions:
            if item.pattern and item.asks("HTTP_HOST"):
                found += [text for text in samples(item.pattern) if origin_of("http", text)]
    return list(dict.fromkeys(found))[:4]


def requests_for(rule: InboundView, starts: list[tuple[str, str]]) -> Iterator[RequestFacts]:
    """Yield requests on which the rule may act: their paths and queries match its pattern and its conditions."""
    if rule.pattern is None or rule.item.match.negate:
        return
    held = [item for item in rule.conditions if item.pattern and not item.item.negate]
    paths = [f"/{text.removeprefix('/')}" for text in samples(rule.pattern)]
    queries = [""]
    for item in held:
        if item.asks("QUERY_STRING"):
            queries += [f"?{text}" for text in _samples(item)]
        elif item.asks(*PATH_VARIABLES, *URL_VARIABLES):
            paths += [f"/{text.removeprefix('/')}" for text in _samples(item)]
    for path, query, (scheme, host) in product(dict.fromkeys(paths), queries, starts):
        yield request_of(scheme, host, path if "?" in path else path + query)


def requests_below(view: LevelView) -> Iterator[RequestFacts]:
    """Yield requests that the `<httpRedirect>` of a level may redirect."""
    section, directory = view.context.effective.web_server.http_redirect, view.context.effective.redirect_directory
    below = f"/{quote(directory)}/" if directory else "/"
    paths = [below, f"{below}a"]
    if not section.destination:
        patterns = (
            compile_pattern(entry.wildcard, PatternSyntax.WILDCARD, ignore_case=True) for entry in section.wildcards.add
        )
        paths = [f"/{text.removeprefix('/')}" for pattern in patterns for text in samples(pattern)]
    for path, (scheme, host) in product(paths, names_of(view) or [("https", _NO_HOST)]):
        yield request_of(scheme, host, path)


def _samples(item: ConditionView) -> list[str]:
    return samples(item.pattern) if item.pattern else []


def _is_certain(rule: InboundView, unknown: frozenset[str]) -> bool:
    """Say whether what the rule does depends on nothing but what is known of a request."""
    if any(item.pattern is None for item in rule.conditions) or rule.pattern is None:
        return False
    templates = [rule.url, *(item.input for item in rule.conditions)]
    for reference in (reference for template in templates for reference in template.references()):
        if isinstance(reference, Variable) and normal_name(reference.name) not in _ASKED - unknown:
            return False
        if isinstance(reference, Call) and not _can_call(rule, reference.name):
            return False
    return True


def _can_call(rule: InboundView, name: str) -> bool:
    return name.lower() in FUNCTIONS or name.lower() in rule.context.effective.rewrite_maps


class Walker:
    """The rules of a level, through which requests are taken until that has taken too long.

    `rules` are those of which it is certain what they do; `section` is the level's `<httpRedirect>`, None where that
    does nothing.
    """

    def __init__(self, view: LevelView) -> None:
        sets_cookies = any(rule.variable == "RESPONSE_SET_COOKIE" for rule in view.outbound)
        unknown = view.context.variables | (frozenset({"HTTP_COOKIE"}) if sets_cookies else frozenset())
        self._all = view.inbound
        self.rules = [rule for rule in view.inbound if _is_certain(rule, unknown)]
        self._certain = set(map(id, self.rules))
        self._lookups: dict[str, Lookup] = {}
        self._left = _TRIED_RULES
        self._effective = view.context.effective
        said = self._effective.web_server.http_redirect
        site = view.context.site
        self.section = said if said.enabled and site and not view.context.is_global else None
        self._levels = site_levels(Effective(), site) if self.section and site else {}
        self._redirect = Redirect(said, self._effective.redirect_directory)

    @property
    def is_tired(self) -> bool:
        """Whether no more rules are tried."""
        return self._left < 0

    def redirect(self, request: RequestFacts) -> tuple[InboundView | HttpRedirect, str] | None:
        """Return what redirects the request, and its target; None if nothing does, or that is not known."""
        variables = Variables(request)
        for rule in self._all:
            self._left -= 1
            if self._left < 0:
                return None
            if id(rule) not in self._certain:
                if (rule.ends or rule.item.action.type is ActionType.REWRITE) and _may_match(rule, variables):
                    return None
                continue
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
            if action.type is ActionType.REWRITE and not rule.ends:
                return None  # what later rules see is not followed
            if rule.ends:
                responds = action.type not in (ActionType.NONE, ActionType.REWRITE)
                return None if responds else self._by_section(request)
        return self._by_section(request)

    def _by_section(self, request: RequestFacts) -> tuple[HttpRedirect, str] | None:
        """Return where `<httpRedirect>` redirects a request that no rule responds to, if it is one of this level."""
        if self.section is None:
            return None
        cooked, directory = CookedPath(split_target(request.target)[0]), self._effective.directory
        if (directory and cooked.below(directory) < 0) or find_level(self._levels, cooked.text).directory != directory:
            return None
        found = self._redirect.redirection(request.scheme, request.host, request.target, _DEADLINE)
        return (self.section, found.location) if found else None


def _may_match(rule: InboundView, variables: Variables) -> bool:
    """Say whether the pattern of a rule lets a request through to its conditions."""
    if rule.pattern is None:
        return True
    return (rule.pattern.search(variables.url.path.text, _DEADLINE) is not None) is not rule.item.match.negate


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
