"""What stands beside the rules of a server or virtual host: who may come in, fields, and what is forwarded."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from types import MappingProxyType
from urllib.parse import unquote

from urlrewrite.formats.apache import access, balancers, headers, proxies
from urlrewrite.formats.apache.access import Access, access_of
from urlrewrite.formats.apache.actions import blocked
from urlrewrite.formats.apache.balancers import Balancers
from urlrewrite.formats.apache.directives import known_directive
from urlrewrite.formats.apache.headers import HeaderRules
from urlrewrite.formats.apache.parts import Directive, Host, Scope, ScopeKind
from urlrewrite.formats.apache.proxies import HTML, Forwarding, Passed, forwarding_of
from urlrewrite.formats.apache.scopes import CONTAINERS, match_of
from urlrewrite.formats.fates import Fate
from urlrewrite.formats.reports import ProblemId, Report
from urlrewrite.formats.web_server.reading import at_one_level
from urlrewrite.model import Condition, Conditions, InboundRule, LinkMode, Location, OutboundRule, PreCondition, Site
from urlrewrite.model.origin import Origin, origin_of
from urlrewrite.model.web_server import NOTHING_SAID, WebServer
from urlrewrite.patterns.spelling import ecmascript_literal

_ABSOLUTE = re.compile("(https?)://([^/?#{]+)", re.IGNORECASE)

_SAYS_NOTHING = {
    "ExpiresActive": "off",
    "ProxyAddHeaders": "on",
    "ProxyErrorOverride": "off",
    "ProxyRequests": "off",
    "SecRuleEngine": "off",
}
"""Words with which directives that are told of ask for nothing that is not so here."""

CONVERTED = access.NAMES | balancers.NAMES | headers.NAMES | proxies.NAMES


class Elsewhere(Enum):
    """A directory that is no path of a site."""

    OUTSIDE = auto()
    UNKNOWN = auto()
    """There is no DocumentRoot that would tell whether it is one."""


type PathOf = Callable[[str | None], str | Elsewhere]


@dataclass(slots=True)
class Beside:
    """What is said beside rules, as parts of sites.

    `levels` are sections by the path in URLs for which they are said, without slashes at its ends; "" is the site.
    """

    levels: dict[str, WebServer] = field(default_factory=dict)
    inbound: list[InboundRule] = field(default_factory=list)
    """Rules that go before all others."""
    outbound: list[OutboundRule] = field(default_factory=list)
    forwarding: Forwarding = field(default_factory=Forwarding)
    silenced: tuple[str, ...] = ()

    @property
    def pre_conditions(self) -> Mapping[str, PreCondition]:
        """The preconditions of outbound rules."""
        used = any(rule.pre_condition == HTML.name for rule in self.outbound)
        return MappingProxyType({HTML.name: HTML} if used else {})

    def level_of(self, path: str) -> WebServer:
        """Return what is in force for all of a site that is mounted at a path (decoded, without slashes)."""
        found = NOTHING_SAID
        for above in sorted(self.levels, key=len):
            if above in ("", path) or path.startswith(f"{above}/"):
                found = at_one_level(self.levels[above], found)
        return found

    def below(self, path: str) -> Iterator[tuple[str, WebServer]]:
        """Yield what is said for directories of such a site, by their paths in it."""
        start = f"{path}/" if path else ""
        for inner, said in self.levels.items():
            if inner and inner != path and inner.startswith(start):
                yield inner[len(start) :], said


def beside_of(
    host: Host,
    public: Sequence[Origin],
    farms: Balancers,
    report: Report,
    path_of: PathOf,
) -> Beside:
    """Read what stands beside the rules of a host.

    Args:
        host: the server or virtual host.
        public: its names.
        farms: the balancers of the file.
        report: of the file.
        path_of: gives the path in URLs of a directory.
    """
    found = Beside(silenced=tuple(dict.fromkeys(host.silenced)))
    _tell(host.beside, report)
    _read_access(host.beside, found, report, path_of)
    rules = HeaderRules(report)
    found.inbound += rules.inbound(host.beside)
    found.outbound += rules.outbound(host.beside)
    found.forwarding = forwarding_of(host.beside, public, farms, report)
    found.outbound += found.forwarding.rules
    return found


def _tell(directives: Sequence[Directive], report: Report) -> None:
    """Warn of directives that are not done here: once for all that have the same like here."""
    told: dict[str, list[Directive]] = {}
    for item in directives:
        known = known_directive(item.name)
        says_nothing = [word.lower() for word in item.words] == [_SAYS_NOTHING.get(item.name)]
        if known and known[1].fate is Fate.TOLD and not says_nothing:
            told.setdefault(known[1].instead, []).append(item)
    for instead, items in told.items():
        names = [*dict.fromkeys(item.name for item in items)]
        more = f" (and in {len(items) - len(names)} more lines)" if len(items) > len(names) else ""
        is_are = "is" if len(names) == 1 else "are"
        message = f"{', '.join(names)}{more} {is_are} not done here: {instead}"
        report.warning(items[0].line, ProblemId.APACHE_LEFT_OUT, message)


def _read_access(directives: Sequence[Directive], found: Beside, report: Report, path_of: PathOf) -> None:
    groups: dict[tuple[str | None, tuple[Scope, ...]], list[Directive]] = {}
    for item in directives:
        if item.name in access.NAMES:
            scopes = tuple(scope for scope in item.scopes if scope.kind not in CONTAINERS)
            groups.setdefault((item.directory, scopes), []).append(item)
    for (directory, scopes), items in groups.items():
        path = path_of(directory)
        said = access_of(items, report)
        if path is Elsewhere.OUTSIDE or said is None:
            continue
        if path is Elsewhere.UNKNOWN:
            if not said.is_open:
                _ask(said, items, found, report)
            continue
        kinds = [scope.kind for scope in scopes if scope.kind is not ScopeKind.PROXY]
        if kinds in ([], [ScopeKind.LOCATION]):
            located = [scope.arguments[0] for scope in scopes if scope.kind is ScopeKind.LOCATION]
            level = unquote(located[0]).strip("/") if located else path
            if level or not said.is_open:
                found.levels[level] = at_one_level(said.web_server(report), found.levels.get(level, NOTHING_SAID))
        elif not said.is_open:
            _limit(scopes, path, said, items, found, report)


def _ask(said: Access, items: Sequence[Directive], found: Beside, report: Report) -> None:
    """Keep what lets only some clients in as what is not done here."""
    asking = replace(said, addresses={}, unlisted=True, asks=[*items], needs_tls=None, says_who=False)
    found.levels[""] = at_one_level(asking.web_server(report), found.levels.get("", NOTHING_SAID))


def _limit(
    scopes: Sequence[Scope], path: str, said: Access, items: Sequence[Directive], found: Beside, report: Report
) -> None:
    """Keep clients out of some files, URLs or methods: by a rule where nobody may come in."""
    scoped = match_of(scopes, report) if said.denies_all and not said.asks else None
    if scoped is None:
        _ask(said, items, found, report)
        return
    match, conditions = scoped
    if path:
        where = Condition("{URL}", f"^/{ecmascript_literal(path)}/", ignore_case=False)
        conditions = Conditions((where, *conditions.items))
    found.inbound.append(
        InboundRule(
            f"Denied in {scopes[-1].text}, line {scopes[-1].line}",
            match,
            conditions,
            action=blocked(403),
            stop_processing=True,
            source=report.source(items[0].line),
        )
    )


def mounted(site: Site, found: Beside, passed: Passed) -> Site:
    """Return the site of a path that is forwarded: one without rules of its own, below the names of the host's."""
    forwarding, path = found.forwarding, unquote(passed.path.removeprefix("/"))
    site = replace(
        site,
        name=f"{site.name}{passed.path}",
        path=passed.path,
        backend=passed.backend,
        backend_path=passed.backend_path,
        backend_names=tuple(forwarding.names) if passed.backend else (),
        links=forwarding.links,
        preserve_host_header=forwarding.keeps_host,
        timeouts=forwarding.timeouts,
    )
    return with_beside(site, found, path)


def forwarded_by_rules(site: Site, forwarding: Forwarding, public: Sequence[Origin]) -> Site:
    """Return the site of a host that forwards by rules alone, with what is said of that."""
    says = forwarding.links is not LinkMode.OFF or forwarding.keeps_host is not None or forwarding.timeouts
    urls = (_ABSOLUTE.match(rule.action.url) for rule in site.rules)
    targets = {origin for url in urls if url and (origin := origin_of(url[1], url[2]))}
    return replace(
        site,
        public=(tuple(public) if says else ()) or site.public,
        backend_names=tuple(name for name in forwarding.names if name not in targets),
        links=forwarding.links,
        preserve_host_header=forwarding.keeps_host,
        timeouts=forwarding.timeouts,
    )


def with_beside(site: Site, found: Beside, path: str = "") -> Site:
    """Return a site, mounted at a path (decoded, without slashes), with what is said beside its rules."""
    locations = (Location(path=inner, web_server=said, source=site.source) for inner, said in found.below(path))
    return replace(
        site,
        rules=(*found.inbound, *site.rules),
        outbound_rules=(*site.outbound_rules, *found.outbound),
        pre_conditions=found.pre_conditions,
        locations=(*site.locations, *locations),
        web_server=found.level_of(path),
        silenced=found.silenced,
    )


def below_server(site: Site, server: Beside) -> Site:
    """Return a site with what the server around it says of directories; the rest it inherits."""
    directories = Beside(levels={path: said for path, said in server.levels.items() if path})
    path = unquote(site.path.removeprefix("/"))
    above = tuple(Location(path=inner, web_server=said, source=site.source) for inner, said in directories.below(path))
    own = at_one_level(site.web_server, directories.level_of(path))
    return replace(site, locations=(*above, *site.locations), web_server=own)
