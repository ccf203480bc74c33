"""One page load under examination: its exchanges, what their bodies name, and what the rules in force say of them."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from functools import cached_property

from urlrewrite.engine.compile import CompiledLevel, CompiledSite, compile_rules
from urlrewrite.exchange.rules_in_force import RulesInForce, Settings
from urlrewrite.inspector.diagnose.exchange_case import ExchangeCase
from urlrewrite.inspector.diagnose.page_loads import PageLoad, url_of
from urlrewrite.inspector.diagnose.page_references import Reference, body_text, is_html, references, style_references
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.model import RuleSet
from urlrewrite.model.field_lines import field_values
from urlrewrite.model.origin import Origin, origin_of
from urlrewrite.trace.events import Name
from urlrewrite.trace.reading import Event, Reading, text

_NO_RULES = RulesInForce(compile_rules(RuleSet())[0], Settings())


class Case:
    """What is known of a page load. Where no rules are in force, what depends on them is left out.

    `earlier` are exchanges of the same client before this page load, the newest first; `later` are those that began
    after it, the oldest first. After `until`, a reading of the monotonic clock in seconds, only the document is read,
    and `unfinished` is set.
    """

    def __init__(
        self,
        load: PageLoad,
        rules: RulesInForce | None,
        earlier: tuple[RecordedExchange, ...] = (),
        until: float = math.inf,
        later: tuple[RecordedExchange, ...] = (),
    ) -> None:
        self.load = load
        self.rules = rules
        self.earlier = earlier
        self.later = later
        self.unfinished = False
        self._until = until
        self._cases: dict[int, ExchangeCase] = {}
        self._texts: dict[tuple[int, bool], str | None] = {}
        self._before: dict[int, dict[Reference, Reference]] = {}
        self._named: dict[str, tuple[RecordedExchange, Reference]] | None = None
        self._references: dict[tuple[int, bool], list[Reference]] = {}
        self.tried: dict[tuple[str, str], tuple[str, str]] = {}
        """What came of trying one more root path in a site, by the names of both (`outside_mount.py`)."""
        self.upgrades: bool | None = None
        """Whether a policy has http:// asked for by https; None before its policies were read (`mixed_content.py`)."""

    @property
    def page(self) -> RecordedExchange:
        """The document."""
        return self.load.document

    def in_time(self) -> bool:
        """Say whether there is time left to read what came with the document."""
        self.unfinished = self.unfinished or time.monotonic() > self._until
        return not self.unfinished

    def of(self, exchange: RecordedExchange) -> ExchangeCase:
        """Return an exchange under the rules in force."""
        if id(exchange) not in self._cases:
            self._cases[id(exchange)] = ExchangeCase(exchange, self.rules or _NO_RULES)
        return self._cases[id(exchange)]

    def reading(self, exchange: RecordedExchange) -> Reading:
        """Return the trace of an exchange."""
        return self.of(exchange).reading

    def site(self, exchange: RecordedExchange) -> CompiledSite | None:
        """Return the site that would serve such a request now."""
        return self.of(exchange).compiled

    def level(self, exchange: RecordedExchange) -> CompiledLevel | None:
        """Return the rules for such a request."""
        return self.of(exchange).level

    def origin(self, exchange: RecordedExchange) -> Origin | None:
        """Return the origin of the request as the client's browser has it."""
        return origin_of(exchange.request.scheme, exchange.request.host)

    def public_origins(self) -> frozenset[Origin]:
        """Return every origin under which some site is published; for a site that takes every name, the one
        that was requested.
        """
        return self._public_origins

    @cached_property
    def _public_origins(self) -> frozenset[Origin]:
        sites = self.rules.rules.sites if self.rules else ()
        named = {origin for site in sites for origin in site.site.public}
        used = self.origin(self.page) if self.site(self.page) else None
        return frozenset({*named, used} if used else named)

    def backend_hosts(self, exchange: RecordedExchange) -> frozenset[str]:
        """Return the hosts of backends that are not public names."""
        target, public = self.of(exchange).target.host, self._public_hosts
        return self._backend_hosts if target in public else self._backend_hosts | {target}

    @cached_property
    def _backend_hosts(self) -> frozenset[str]:
        sites = self.rules.rules.sites if self.rules else ()
        return frozenset({site.site.backend.host for site in sites if site.site.backend} - self._public_hosts)

    @cached_property
    def _public_hosts(self) -> frozenset[str]:
        return frozenset(origin.host for origin in self._public_origins)

    def names_backend(self, url: str, exchange: RecordedExchange) -> bool:
        """Say whether an absolute URL bypasses the proxy: its host and port are a backend's."""
        origin = origin_of_url(url)
        return (
            origin is not None and origin.host in self.backend_hosts(exchange) and bool(self.public_url(url, exchange))
        )

    def public_url(self, url: str, exchange: RecordedExchange) -> str:
        """Return the public URL for one that the backend's page names, "" if there is none."""
        if self.site(exchange) is None:
            return ""
        mapped = self.of(exchange).link_map.map_text(url)
        origin = origin_of_url(mapped)
        return mapped if origin and origin in self.public_origins() else ""

    def body(self, exchange: RecordedExchange, *, original: bool = False) -> str | None:
        """Return the text of a response as the client got it, or as the backend sent it."""
        key = id(exchange), original
        if key not in self._texts:
            response, body = (
                (exchange.original, exchange.original_body) if original else (exchange.response, exchange.response_body)
            )
            self._texts[key] = body_text(response, body)
        return self._texts[key]

    def references(self, exchange: RecordedExchange, *, original: bool = False) -> list[Reference]:
        """Return what a page or style sheet names, or named when the backend sent it."""
        key = id(exchange), original
        if key not in self._references:
            found = self.body(exchange, original=original)
            url = (self.backend_url(exchange) if original else "") or url_of(exchange)
            self._references[key] = _references(exchange, found, url) if found else []
        return self._references[key]

    def backend_url(self, exchange: RecordedExchange) -> str:
        """Return the URL by which the backend knows an exchange, "" if it was not forwarded."""
        return text(self.reading(exchange).data, "target")

    def twins(self, exchange: RecordedExchange) -> Iterator[tuple[Reference, Reference]]:
        """Yield what the backend's response named, with what ours names in the same place; nothing where they
        differ much.
        """
        before, after = self.references(exchange, original=True), self.references(exchange)
        if len(before) == len(after):
            for one, other in zip(before, after, strict=True):
                if one.place == other.place:
                    yield one, other

    def before(self, exchange: RecordedExchange, reference: Reference) -> Reference | None:
        """Return what the backend's response named in the place of a reference."""
        if id(exchange) not in self._before:
            self._before[id(exchange)] = {after: before for before, after in self.twins(exchange)}
        return self._before[id(exchange)].get(reference)

    def named(self, url: str) -> tuple[RecordedExchange, Reference, Reference | None] | None:
        """Return where a requested URL is named: the response, the reference, and the backend's reference in
        the same place.
        """
        if self._named is None:
            self._named = {}
            for exchange in (self.page, *self.load.resources):
                if exchange is not self.page and not self.in_time():
                    break
                for each in self.references(exchange):
                    self._named.setdefault(each.url, (exchange, each))
        found = self._named.get(url)
        return (*found, self.before(*found)) if found else None

    def rule_source(self, name: str, exchange: RecordedExchange) -> str:
        """Return file and line of a rule, "" for one that no longer exists."""
        for event in self.reading(exchange).request:
            if text(event, "rule") == name and text(event, "source"):
                return text(event, "source")
        site = self.site(exchange)
        if site is None:
            return ""
        for level in site.levels.values():
            for outbound in level.outbound_rules:
                if outbound.rule.name == name:
                    return str(outbound.rule.source)
            for inbound in level.inbound.rules:
                if inbound.rule.name == name:
                    return str(inbound.rule.source)
        return ""

    def changes(self, exchange: RecordedExchange) -> list[Event]:
        """Return what was changed in a response's content, by rules and by the link map."""
        return [event for event in self.reading(exchange).response if event.get("event") == Name.CONTENT_CHANGE]

    def changer(self, exchange: RecordedExchange, before: str, after: str) -> str:
        """Return the name of the rule that changed one value into the other, "" if no rule is known to have."""
        names: list[str] = []
        for event in self.changes(exchange):
            was, became = text(event, "before"), text(event, "after")
            if (
                text(event, "rule")
                and became
                and (became == after or (became in after and was in before) or (after in became and before in was))
            ):
                names.append(text(event, "rule"))
        return names[-1] if names else ""


def origin_of_url(url: str) -> Origin | None:
    """Return the origin of an absolute URL, None for any other."""
    scheme, mark, rest = url.strip().partition("://")
    if not mark or scheme.lower() not in ("http", "https", "ws", "wss"):
        return None
    authority = rest.partition("/")[0].partition("?")[0].partition("#")[0]
    return origin_of(scheme, authority)


def path_of(url: str) -> str:
    """Return path and query of an absolute URL."""
    rest = url.partition("://")[2]
    slash = rest.find("/")
    return rest[slash:] if slash >= 0 else "/"


def field(exchange: RecordedExchange, name: str, *, original: bool = False) -> list[str]:
    """Return the values of a field of a response."""
    response = exchange.original if original else exchange.response
    return field_values(response.fields, name) if response else []


def _references(exchange: RecordedExchange, body: str, url: str) -> list[Reference]:
    if is_html(exchange.response or exchange.original):
        return references(body, url)
    declared = next(iter(field(exchange, "content-type") or field(exchange, "content-type", original=True)), "")
    return style_references(body, url) if declared.lower().startswith("text/css") else []
