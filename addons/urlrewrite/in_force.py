"""The rules in force, and what follows from them for every exchange: name maps, settings."""

from __future__ import annotations

from dataclasses import dataclass

from urlrewrite.content.links import LinkMap, Pair
from urlrewrite.engine.compile import CompiledRules, CompiledSite
from urlrewrite.engine.facts import RequestFacts
from urlrewrite.origin import Origin, origin_of


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
    trace: bool = True
    trace_every_rule: bool = False


_MOST_LINK_MAPS = 1000


class RulesInForce:
    """Compiled rules with settings; replaced as a whole when rule files change, so that an exchange sees one state."""

    def __init__(self, rules: CompiledRules, settings: Settings) -> None:
        self.rules = rules
        self.settings = settings
        self._link_maps: dict[tuple[str, Origin, Origin], tuple[LinkMap, LinkMap]] = {}

    @property
    def fingerprint(self) -> str:
        """Names this state of the rule files."""
        return self.rules.rule_set.fingerprint

    def public_origin(self, site: CompiledSite, request: RequestFacts) -> Origin:
        """The name that the client used if the site publishes it, else the site's first one."""
        used = origin_of(request.scheme, request.host) if request.host else None
        public = site.site.public
        if not public:
            # A site for every name: the client's own, as it is spelled.
            return used or Origin(request.scheme, "localhost", 443 if request.scheme == "https" else 80)
        return used if used in public else public[0]

    def link_maps(self, site: CompiledSite, public: Origin, target: Origin) -> tuple[LinkMap, LinkMap]:
        """The maps for answers (backend to public) and for requests (public to backend).

        The site's own backend and the target that a rule chose become the public name that the client used; backends of
        other sites become theirs, so that links from one published application to another work as well.
        """
        key = (site.site.name, public, target)
        if key not in self._link_maps:
            if len(self._link_maps) >= _MOST_LINK_MAPS:
                # A site for every name gets a map for each name that clients make up.
                self._link_maps.clear()
            pairs = [Pair(origin, public) for origin in dict.fromkeys((site.site.backend, target)) if origin]
            if site.site.preserve_host_header and (twin := _plain_twin(public)) not in site.site.public:
                # A backend that sees the public name writes it into its links, with the scheme that it speaks itself.
                pairs.append(Pair(twin, public))
            known = {pair.origin for pair in pairs}
            for other in (other.site for other in self.rules.sites):
                if other.backend and other.public and other.backend not in known:
                    known.add(other.backend)
                    pairs.append(Pair(other.backend, _alike(other.public, public)))
            # A backend that is reached under its public name needs no map, and must not be mapped to itself.
            outbound = LinkMap(pair for pair in pairs if pair.origin != pair.becomes)
            inbound = LinkMap([Pair(name, target) for name in site.site.public or (public,)])
            self._link_maps[key] = outbound, inbound
        return self._link_maps[key]


def _plain_twin(public: Origin) -> Origin:
    """What a backend without TLS takes the public origin for when it is told the public host."""
    return Origin("http", public.host, 80 if public.has_default_port else public.port)


def _alike(origins: tuple[Origin, ...], used: Origin) -> Origin:
    """The origin with the scheme that the client uses now, or the first."""
    return next((origin for origin in origins if origin.scheme == used.scheme), origins[0])
