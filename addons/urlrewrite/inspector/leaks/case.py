"""What of an exchange tells why a name was left in its answer: site, names, link map, and the trace."""

from __future__ import annotations

import re
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from urlrewrite.content.charset.view import WIDE, View, detect
from urlrewrite.content.coding.codings import (
    CorruptCoding,
    DecodedTooLarge,
    UnsupportedCoding,
    decode,
    parse_content_encoding,
)
from urlrewrite.content.kinds import Kind, content_kind, sniff_kind
from urlrewrite.content.links.link_map import LinkMap
from urlrewrite.engine.compile import CompiledLevel, CompiledSite
from urlrewrite.engine.facts import RequestFacts
from urlrewrite.engine.variables import Variables
from urlrewrite.exchange.rule_tests import evaluate
from urlrewrite.exchange.rules_in_force import RulesInForce
from urlrewrite.inspector.leaks.names import Names
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.model import LinkMode, Site
from urlrewrite.model.field_lines import FieldLines, field_values
from urlrewrite.model.origin import Origin, origin_of
from urlrewrite.trace.reading import Event, Reading, name_of, read, text

DECODED = 16 * 2**20
"""Bytes up to which a body is decoded to be looked at."""

_MAX_NAMES = 100
_TARGET = re.compile(r"(https?)://([^/?#]+)", re.IGNORECASE)
_cached: WeakKeyDictionary[RulesInForce, dict[tuple[str, Origin], Names]] = WeakKeyDictionary()


class Unreadable(ValueError):  # noqa: N818
    """A body that cannot be looked at; the message says why."""


@dataclass(frozen=True, slots=True)
class Body:
    """The decoded body of a response as bytes to look at, `data`, in an encoding that contains ASCII.

    `decoded` are the bytes without their content coding; they are the same as `data` but in encodings such as UTF-16.
    """

    data: bytes
    decoded: bytes
    kind: Kind
    view: View | None = None

    def offset(self, at: int) -> int:
        """The offset in `decoded` of one in `data`."""
        view = self.view
        if view is None or not view.transcoded:
            return at
        before = self.data[:at].decode("utf-8", "surrogatepass")
        try:
            return len(view.charset.bom) + len(before.encode(view.charset.codec, "surrogatepass"))
        except (UnicodeError, LookupError):
            return at


@dataclass(frozen=True, slots=True)
class Case:
    """An exchange under the rules in force. `site` is None where none serves such a request."""

    seen: RecordedExchange
    rules: RulesInForce
    compiled: CompiledSite | None
    public: Origin
    target: Origin
    link_map: LinkMap
    names: Names
    reading: Reading

    @property
    def site(self) -> Site | None:
        """The site that serves the request."""
        return self.compiled.site if self.compiled else None

    @property
    def level(self) -> CompiledLevel | None:
        """The level of the site's configuration that is in force for the request."""
        if self.compiled is None:
            return None
        variables = Variables(self.seen.request, site=self.compiled.site.name)
        return self.compiled.level_of(variables.url.path.text)

    @property
    def links(self) -> LinkMode:
        """How far links are mapped."""
        return self.site.links if self.site else LinkMode.OFF

    def event(self, name: str) -> Event:
        """The first event of a name; an empty one where there is none."""
        return next((event for event in self.reading.events if name_of(event) == name), {})


def case_of(seen: RecordedExchange, rules: RulesInForce) -> Case:
    """What the rules in force say of an exchange."""
    request, reading = seen.request, read(seen.trace)
    named = text(reading.data, "site")
    sites = [site for site in rules.rules.sites if site.site.name == named]
    compiled = sites[0] if sites else rules.rules.find_site(request.scheme, request.host, request.target)
    public = _public(compiled, request, rules)
    found = _TARGET.match(text(reading.data, "target"))
    target = origin_of(found[1], found[2]) if found else None
    target = target or (compiled.site.backend if compiled else None) or public
    link_map = rules.link_maps(compiled, public, target)[0] if compiled else LinkMap(())
    return Case(seen, rules, compiled, public, target, link_map, names_of(rules, compiled, public), reading)


def _public(compiled: CompiledSite | None, request: RequestFacts, rules: RulesInForce) -> Origin:
    if compiled:
        return rules.public_origin(compiled, request)
    used = origin_of(request.scheme, request.host) if request.host else None
    return used or Origin(request.scheme, "localhost", 443 if request.scheme == "https" else 80)


def asked(request: RequestFacts, rules: RulesInForce) -> tuple[CompiledSite | None, Origin]:
    """The site that serves a request, and the public name that it came by."""
    compiled = rules.rules.find_site(request.scheme, request.host, request.target) if request.host else None
    return compiled, _public(compiled, request, rules)


def names_of(rules: RulesInForce, compiled: CompiledSite | None, public: Origin) -> Names:
    """The names of backends that no response of a site should hold: of this site's and of every other one that rules
    name, but for those that are public names as well. Kept as long as the rules are.
    """
    kept = _cached.setdefault(rules, {})
    key = (compiled.site.name if compiled else "", public)
    if key not in kept:
        if len(kept) >= _MAX_NAMES:
            kept.clear()
        kept[key] = _names(rules, compiled, public)
    return kept[key]


def _names(rules: RulesInForce, compiled: CompiledSite | None, public: Origin) -> Names:
    sites = [each.site for each in rules.rules.sites]
    origins: list[Origin] = []
    if compiled and compiled.site.backend:
        # With preserveHostHeader, that of the public name without TLS is among them.
        link_map = rules.link_maps(compiled, public, compiled.site.backend)[0]
        origins += [compiled.site.backend, *(pair.origin for pair in link_map.pairs)]
    origins += [site.backend for site in sites if site.backend]
    origins += [Origin("http", host, port) for host, port in sorted(rules.rules.allowed_hosts)]
    origins = list({(origin.host, origin.port): origin for origin in reversed(origins)}.values())[::-1]
    publics = {public, *(name for site in sites for name in site.public)}
    known = {(origin.host, origin.port) for origin in origins}
    return Names(origins, publics, {site.connect for site in sites if site.connect} - known)


def body_of(fields: FieldLines, raw: bytes, path: str) -> Body:
    """A body to look at.

    Raises:
        Unreadable: its coding cannot be undone.
    """
    codings = parse_content_encoding(field_values(fields, "content-encoding"))
    try:
        data = decode(raw, codings, limit=DECODED) if codings else raw
    except (UnsupportedCoding, CorruptCoding, DecodedTooLarge) as error:
        raise Unreadable(str(error)) from error
    content_type = next(iter(field_values(fields, "content-type")), None)
    kind = content_kind(content_type, path) if content_type else sniff_kind(data)
    charset = detect(data, content_type, kind=kind.charset_rules)
    if charset.ascii_compatible and charset.codec not in WIDE:
        return Body(data, data, kind)
    view = View.of(data, charset)
    return Body(view.data, data, kind, view) if view else Body(data, data, kind)


def response_body(seen: RecordedExchange, rules: RulesInForce) -> tuple[FieldLines, bytes | None]:
    """Fields and body of the response; one that streamed by is made again from the backend's, if that was kept."""
    if seen.answer is None:
        return (), None
    if seen.response_body is None and seen.original is not None and seen.original_body is not None:
        again = evaluate(rules, seen.request, seen.original, seen.original_body)
        return again.fields or (), again.body
    return seen.answer.fields, seen.response_body
