"""The rules in force, with what is set for the whole proxy: one frozen value, which every exchange is given."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

from urlrewrite.engine.compile import CompiledRules, CompiledSite
from urlrewrite.engine.facts import RequestFacts
from urlrewrite.engine.rule_mounts import PublishedOrigin, RuleMount
from urlrewrite.exchange.backend_settings import BackendSettings, backend_settings
from urlrewrite.exchange.link_maps import LinkMaps
from urlrewrite.exchange.shared_link_maps import LinkMapCache
from urlrewrite.model import Farm, Site
from urlrewrite.model.origin import Origin, origin_of
from urlrewrite.trace.trace import TraceLevel


class Recode(StrEnum):
    """How a body that came coded is sent when it was rewritten: in the same codings, in these but fast, or plain."""

    SAME = "same"
    FAST = "fast"
    PLAIN = "plain"


class EarlyHints(StrEnum):
    """Who gets the early hints of backends: nobody, browsers that load a page, or every client of HTTP/1.1, 2 and 3."""

    OFF = "off"
    NAVIGATION = "navigation"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Settings:
    """What is set for the whole proxy.

    `pattern_deadline` and `body_deadline` are seconds that one pattern may take on a URL, field or attribute, and on a
    whole body. `threshold` is the number of bytes up to which a body is held, `hold_seconds` how long after its first
    piece. `limit` is the size in bytes of the windows through which whole-body rules see a longer one.
    `trace_every_rule` tells in the trace also of each rule of a long list that cannot match, which takes time.
    """

    pattern_deadline: float = 0.1
    body_deadline: float = 2.0
    threshold: int = 256 * 2**10
    limit: int = 4 * 2**20
    hold_seconds: float = 1.0
    recode: Recode = Recode.SAME
    early_hints: EarlyHints = EarlyHints.NAVIGATION
    trace: TraceLevel = TraceLevel.FULL
    trace_every_rule: bool = False


@dataclass(frozen=True, eq=False)
class RulesInForce:
    """Compiled rules with settings.

    Nothing in it changes, so an exchange sees one state from its beginning to its end: when rule files or options
    change, the whole is replaced. It is told apart by identity. A copy with other rules has link maps of its own.
    """

    rules: CompiledRules
    settings: Settings
    _link_maps: LinkMapCache = field(init=False, repr=False, default_factory=LinkMapCache)
    _backend_settings: dict[tuple[str, str], BackendSettings] = field(init=False, repr=False, default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """Names this state of the rule files."""
        return self.rules.rule_set.fingerprint

    def traced(self, level: TraceLevel) -> RulesInForce:
        """Give the same rules and settings with another level of the trace."""
        return replace(self, settings=replace(self.settings, trace=level))

    def public_origin(self, site: CompiledSite, request: RequestFacts) -> Origin:
        """Give the name that the client used if the site publishes it, else the site's first one."""
        used = origin_of(request.scheme, request.host) if request.host else None
        public = site.site.public
        if not public:
            # A site for every name: the client's own, as it is spelled.
            return used or Origin(request.scheme, "localhost", 443 if request.scheme == "https" else 80)
        if used in public or (used and (used.scheme, used.port) in (site.site.bound or ())):
            return used
        return public[0]

    def backend_settings(self, site: Site, farm: Farm | None) -> BackendSettings:
        """Give what holds for a request of a site, to a farm or not; each is made once."""
        key = site.name, farm.name if farm else ""
        found = self._backend_settings.get(key)
        if found is None:
            found = self._backend_settings[key] = backend_settings(self.rules.rule_set, site, farm)
        return found

    def link_maps(
        self,
        site: CompiledSite,
        public: Origin,
        target: Origin,
        rule_mount: RuleMount | None = None,
        published: tuple[PublishedOrigin, ...] = (),
    ) -> LinkMaps:
        """Give the maps for responses (backend to public) and for requests (public to backend).

        `rule_mount` is how the rule that chose the target publishes it, `published` what other rules publish.
        """
        kept = self.rules.rule_set.preserve_host_header
        sites = (other.site for other in self.rules.sites)
        return self._link_maps.get(
            site.site,
            sites,
            public,
            target,
            self.rules.farms,
            keeps_host=kept,
            rule_mount=rule_mount,
            published=published,
        )
