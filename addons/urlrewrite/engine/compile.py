"""A model compiled to run: every level of every site, and every fault of the rules found at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from urlrewrite.engine.compile_rule import RuleCompiler
from urlrewrite.engine.compiled import CompiledInboundRule, CompiledOutboundRule
from urlrewrite.engine.conditions import CompiledConditions
from urlrewrite.engine.failure import Failure
from urlrewrite.engine.inbound import InboundSet
from urlrewrite.engine.index.rule_index import RuleList
from urlrewrite.engine.inheritance import Effective, PlacedRule, find_level, server_level, site_levels
from urlrewrite.engine.level_faults import LevelFaults, files_above
from urlrewrite.engine.rule_mounts import PublishedOrigin, published_origins
from urlrewrite.engine.scope import Lookup
from urlrewrite.engine.site_names import SiteNames, asked_by, directory_of
from urlrewrite.engine.targets import ANY_NAME, AllowedHosts, RulesInPlace, allowed_hosts, open_backend
from urlrewrite.engine.url_path import CookedPath, split_target
from urlrewrite.engine.web_server.compiled import CompiledWebServer, compile_web_server
from urlrewrite.model import Farm, InboundRule, Mode, Provider, RewriteMap, RuleSet, Site, Source
from urlrewrite.model.origin import parse_authority
from urlrewrite.model.problems import Problem, RuleFileError, Severity

_MAX_NAMES = 1000
"""Names of a site with a wildcard that are kept."""


@dataclass(frozen=True, slots=True)
class CompiledLevel:
    """What is in force in a directory of a site. `fault` is the error with which IIS refuses all requests there.

    `web_server` is None where only rules say something.
    """

    inbound: InboundSet
    outbound_rules: tuple[CompiledOutboundRule, ...]
    pre_conditions: Mapping[str, CompiledConditions]
    lookups: Mapping[str, Lookup]
    rewrite_before_cache: bool
    fault: Failure | None
    web_server: CompiledWebServer | None = None
    published: tuple[PublishedOrigin, ...] = ()
    """The origins that rules publish whatever else a request has."""


@dataclass(frozen=True, slots=True)
class CompiledSite:
    """A site ready to serve.

    `levels` are those of its directories by path in lower case, "" for the site itself. `directory` is where it is
    mounted, decoded and without slashes at its ends.
    """

    site: Site
    levels: Mapping[str, CompiledLevel]
    directory: str = ""
    _by_name: dict[str, CompiledSite] = field(default_factory=dict, compare=False, repr=False)

    def asked_by(self, host: str) -> CompiledSite:
        """Return the site as it is for a client that asks for this host: without wildcards."""
        if not any(origin.is_wildcard for origin in self.site.public):
            return self
        if host not in self._by_name:
            if len(self._by_name) >= _MAX_NAMES:
                self._by_name.clear()
            self._by_name[host] = replace(self, site=asked_by(self.site, host), _by_name={})
        return self._by_name[host]

    def level_of(self, path: str) -> CompiledLevel:
        """Return the level of a path, which is decoded and without its leading slash."""
        return find_level(self.levels, path)


@dataclass(frozen=True, slots=True)
class CompiledRules:
    """All rules in force.

    `lookups` are the rewrite maps and providers of the server, which global rules may use. `global_fault` is the error
    with which IIS would refuse every request. `allowed_hosts` are those to which requests may be forwarded. `farms` are
    the server farms by name, in lower case; `proxies` says whether IIS would forward requests at all. `linear` says
    that every pattern is proved to be quick, so that no evaluation needs a thread.
    """

    rule_set: RuleSet
    global_rules: InboundSet
    lookups: Mapping[str, Lookup]
    global_fault: Failure | None
    sites: tuple[CompiledSite, ...]
    allowed_hosts: AllowedHosts
    farms: Mapping[str, Farm]
    proxies: bool
    linear: bool
    trusted_proxies: tuple[str, ...] = ()
    """Addresses and networks that any site trusts."""
    _names: SiteNames[CompiledSite] = field(init=False, compare=False, repr=False)
    _called: Mapping[str, CompiledSite] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_names", SiteNames(self.sites, lambda compiled: compiled.site))
        object.__setattr__(self, "_called", {site.site.name: site for site in reversed(self.sites)})

    def site_called(self, name: str) -> CompiledSite | None:
        """Return the first site that has a name in the rule file, None if there is none."""
        return self._called.get(name)

    def find_site(self, scheme: str, host: str, target: str) -> CompiledSite | None:
        """Return the site that a Host field names; of several, the one that is mounted deepest above the path.

        `target` is path and query as the client sent them.
        """
        named, parsed = self._names.named(scheme, host), parse_authority(host)
        if not named.sites or parsed is None:
            return None
        if len(named.sites) == 1 and not named.sites[0].directory:
            return named.sites[0].asked_by(parsed[0])
        found = named.above(CookedPath(split_target(target)[0]).text)
        return found.asked_by(parsed[0]) if found else None

    def named_sites(self, scheme: str, host: str) -> list[CompiledSite]:
        """Return the sites that are published under a Host field, by the name that is asked for; see `site_names`."""
        found = self._names.named(scheme, host).sites
        parsed = parse_authority(host)
        return [site.asked_by(parsed[0]) for site in found] if parsed else []


def compile_rules(rule_set: RuleSet) -> tuple[CompiledRules, tuple[Problem, ...]]:
    """Compile a rule set; return the compiled rules and the warnings.

    In mode iis a fault that IIS finds only when it runs is a warning: such a site loads and responds with IIS's error.

    Raises:
        RuleFileError: a pattern, a template or a name cannot be used; it has every such problem.
    """
    compiler = _Compiler(rule_set.refused)
    server = server_level(rule_set)
    lookups = compiler.lookups(server)
    global_rules, global_fault = compiler.global_rules(rule_set, lookups)
    sites = tuple(compiler.site(site, server) for site in rule_set.sites)
    names = [site.public for site in rule_set.sites]
    every_name = tuple(name for public in names for name in public) if all(names) else ()
    allowed = compiler.allowed_hosts(rule_set, RulesInPlace(global_rules.rules, lookups, every_name), sites)
    problems = tuple(compiler.problems)
    if any(problem.severity is Severity.ERROR for problem in problems):
        raise RuleFileError(problems)
    compiled = CompiledRules(
        rule_set,
        global_rules,
        lookups,
        global_fault,
        sites,
        allowed,
        MappingProxyType({farm.name.lower(): farm for farm in rule_set.farms.values()}),
        rule_set.proxy is None or rule_set.proxy.attributes.get("enabled", "").strip().lower() in ("true", "1"),
        compiler.linear,
        tuple(dict.fromkeys(network for site in rule_set.sites for network in site.trusted_proxies)),
    )
    return compiled, problems


class _Compiler:
    """The compilation of all levels; `problems` has each problem once, however many levels have it."""

    def __init__(self, refused: Mapping[str, Source]) -> None:
        self.problems: dict[Problem, None] = {}
        self._refused = refused
        self.linear = True
        self._rules = RuleCompiler()
        self._lookups: dict[int, Lookup] = {}
        self._lists: dict[tuple[int, ...], RuleList] = {}

    def lookups(self, level: Effective) -> Mapping[str, Lookup]:
        """Return the rewrite maps and providers of a level; a map goes before a provider of the same name."""
        sources: dict[str, RewriteMap | Provider] = {**level.providers, **level.rewrite_maps}
        found = {}
        for name, source in sources.items():
            if id(source) not in self._lookups:
                self._lookups[id(source)] = Lookup(source)
            found[name] = self._lookups[id(source)]
        return MappingProxyType(found)

    def global_rules(self, rule_set: RuleSet, lookups: Mapping[str, Lookup]) -> tuple[InboundSet, Failure | None]:
        """Compile the global rules. They are the server's: a fault stops the load unless all sites are in mode iis."""
        modes = {site.mode for site in rule_set.sites}
        faults = LevelFaults(self.problems, "500.51", Mode.IIS if modes == {Mode.IIS} else Mode.HELPFUL)
        faults.refused(self._refused.get(rule.source.file) for rule in rule_set.global_rules)
        rules = [faults.take(self._rules.inbound(PlacedRule(rule), lookups)) for rule in rule_set.global_rules]
        self.linear = self.linear and faults.linear
        original = rule_set.global_use_original_url_encoding
        encoding = True if original is None else original
        return InboundSet("Global", RuleList(rules), None, encoding), faults.first

    def site(self, site: Site, server: Effective) -> CompiledSite:
        """Compile a site with all its levels."""
        levels = {path: self._level(site, path, level) for path, level in site_levels(server, site).items()}
        return CompiledSite(site, MappingProxyType(levels), directory_of(site))

    def allowed_hosts(
        self, rule_set: RuleSet, global_place: RulesInPlace, sites: tuple[CompiledSite, ...]
    ) -> AllowedHosts:
        """Return the hosts that the rule files name; a rule that can reach any host is a problem."""
        modes = {site.site.mode for site in sites}
        places = [(global_place, Mode.IIS if modes == {Mode.IIS} else Mode.HELPFUL)]
        places += [
            (RulesInPlace(level.inbound.rules, level.lookups, site.site.public), site.site.mode)
            for site in sites
            for level in site.levels.values()
        ]
        allowed, open_rules = allowed_hosts(rule_set, [place for place, _ in places])
        for place, mode in places:
            for compiled in place.rules:
                if host := open_rules.get(id(compiled)):
                    self._can_reach_any(compiled.rule, host, mode)
        for site in (each.site for each in sites):
            if open_backend(site):
                message = (
                    f"the backend {site.backend} can be any host that a request names, which would make an open proxy: "
                    "write what stands fast of it, such as http://{C:1}.internal.example"
                )
                self.problems[Problem(site.source, message, "UR128")] = None
        return allowed

    def _can_reach_any(self, rule: InboundRule, host: str, mode: Mode) -> None:
        message = (
            f"the host of {rule.action.url!r} can be any that a request names ({host}), which would make an open proxy"
        )
        if by_name := host == ANY_NAME:
            message += ", as the site has no public names: it is not forwarded to; name them (public:, or --public)"
        else:
            message += ": write the host into the rule, or take it from a rewrite map"
        severity = Severity.WARNING if mode is Mode.IIS or by_name else Severity.ERROR
        self.problems[Problem(rule.source, message, "UR128", rule.name, severity)] = None

    def _level(self, site: Site, path: str, level: Effective) -> CompiledLevel:
        lookups = self.lookups(level)
        faults = LevelFaults(self.problems, "500.50", site.mode)
        faults.refused(map(self._refused.get, files_above(site, path)))
        for again in level.overridden:
            faults.again(again)
        inbound = [faults.take(self._rules.inbound(placed, lookups)) for placed in level.rules]
        outbound = [
            faults.take(self._rules.outbound(rule, level, site.readings, lookups)) for rule in level.outbound_rules
        ]
        pre_conditions = {
            name: faults.take(self._rules.pre_condition(item, lookups)) for name, item in level.pre_conditions.items()
        }
        self.linear = self.linear and faults.linear
        self._warn_of_variables(level, site.mode)
        return CompiledLevel(
            InboundSet(
                "Distributed",
                self._list(inbound),
                level.allowed_server_variables,
                level.use_original_url_encoding,
                level.directory,
            ),
            () if faults.first else tuple(outbound),
            MappingProxyType(pre_conditions),
            lookups,
            level.rewrite_before_cache,
            faults.first,
            compile_web_server(level.web_server, level.redirect_directory),
            published_origins(inbound),
        )

    def _list(self, rules: Iterable[CompiledInboundRule]) -> RuleList:
        """Return the rules as a list to look up; levels with the same rules share one."""
        rules = tuple(rules)
        key = tuple(map(id, rules))
        if key not in self._lists:
            self._lists[key] = RuleList(rules)
        return self._lists[key]

    def _warn_of_variables(self, level: Effective, mode: Mode) -> None:
        allowed = level.allowed_server_variables
        if allowed is None:
            return
        for rule in (placed.rule for placed in level.rules):
            for item in rule.server_variables:
                if item.name.lower() not in allowed:
                    here = "and so does this site" if mode is Mode.IIS else "it is set here all the same"
                    message = (
                        f'the server variable "{item.name}" is not in allowedServerVariables: IIS answers 500.50 when '
                        f"the rule acts, {here}; add it to the list"
                    )
                    source = item.source if item.source.line else rule.source
                    self.problems[Problem(source, message, "UR123", rule.name, Severity.WARNING)] = None
