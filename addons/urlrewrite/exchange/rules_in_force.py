"""The rules in force, and what follows from them for every exchange: name maps, settings."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from urlrewrite.content.integrity import Assets
from urlrewrite.content.links.link_map import LinkMap
from urlrewrite.engine.compile import CompiledRules, CompiledSite
from urlrewrite.engine.facts import RequestFacts
from urlrewrite.exchange.link_maps import link_maps
from urlrewrite.model.origin import Origin, origin_of
from urlrewrite.trace.trace import TraceLevel


class Recode(StrEnum):
    """How a body that came coded is sent when it was rewritten: in the same codings, in these but fast, or plain."""

    SAME = "same"
    FAST = "fast"
    PLAIN = "plain"


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
    trace: TraceLevel = TraceLevel.FULL
    trace_every_rule: bool = False


_MAX_LINK_MAPS = 1000


class RulesInForce:
    """Compiled rules with settings; replaced as a whole when rule files change, so that an exchange sees one state."""

    def __init__(self, rules: CompiledRules, settings: Settings) -> None:
        self.rules = rules
        self.settings = settings
        self._link_maps: dict[tuple[str, Origin, Origin], tuple[LinkMap, LinkMap]] = {}
        self.assets = Assets()
        """What pages were told of scripts and style sheets under these rules."""

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
        """The maps for responses (backend to public) and for requests (public to backend); see `link_maps.py`."""
        key = (site.site.name, public, target)
        if key not in self._link_maps:
            if len(self._link_maps) >= _MAX_LINK_MAPS:
                # A site for every name gets a map for each name that clients make up.
                self._link_maps.clear()
            others = [other.site for other in self.rules.sites if other is not site]
            self._link_maps[key] = link_maps(site.site, others, public, target)
        return self._link_maps[key]
