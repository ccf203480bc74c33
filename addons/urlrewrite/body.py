"""The body of an answer: whether it is rewritten, how, and what comes of it.

The plan is made when only the head of the answer is known. A body is rewritten whole, line by line (event streams), or
not at all; in the last case its bytes are not even looked at.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from urlrewrite.content.changes import Links, Values
from urlrewrite.content.charset import CannotEncode, View, detect
from urlrewrite.content.coding import (
    SUPPORTED,
    CorruptCoding,
    DecodedTooLarge,
    UnsupportedCoding,
    decode,
    encode,
    parse_content_encoding,
)
from urlrewrite.content.kinds import Kind, content_kind, sniff_kind
from urlrewrite.content.links import LinkMap
from urlrewrite.content.mapping import rewrite_content
from urlrewrite.content.stream import BodyRewriter, Lines
from urlrewrite.engine.facts import Fields, field_values
from urlrewrite.engine.outbound import CompiledOutboundRule, OutboundRun
from urlrewrite.engine.trace import clip
from urlrewrite.in_force import Settings
from urlrewrite.model import LinkMode


class Way(StrEnum):
    """How a body goes to the client."""

    PASS = "pass"
    WHOLE = "whole"
    STREAM = "stream"


@dataclass(frozen=True, slots=True)
class BodyPlan:
    """The way a body takes, and why. `subject` tells that the representation depends on the rules."""

    way: Way
    why: str
    kind: Kind | None = None
    subject: bool = False


_NO_BODY = frozenset({204, 205, 304})


def has_body(method: str, status: int) -> bool:
    """Whether an answer to this method and with this status has a body (RFC 9112, 6.3)."""
    return method != "HEAD" and status not in _NO_BODY and status >= 200


class BodyRewriting:
    """Rewrites the body of one answer by the rules that apply to it and by the link map."""

    def __init__(self, run: OutboundRun, link_map: LinkMap | None, links: LinkMode, settings: Settings) -> None:
        self._run = run
        self._link_map = link_map if links is not LinkMode.OFF else None
        self._everywhere = links is LinkMode.EVERYWHERE
        self._settings = settings
        self._trace = run.scope.trace
        self.links = 0
        """Links mapped so far."""

    def plan(self, method: str, status: int, fields: Fields) -> BodyPlan:
        """The plan for a body of which only the head is known."""
        content_types = field_values(fields, "content-type")
        kind = content_kind(content_types[0]) if content_types else None
        if not self._wants(kind):
            return BodyPlan(Way.PASS, f"no rule and no link concerns {kind or 'a body without Content-Type'}", kind)
        codings = parse_content_encoding(field_values(fields, "content-encoding"))
        unsupported = [coding for coding in codings if coding not in SUPPORTED]
        length = next(iter(field_values(fields, "content-length")), "")
        reason = ""
        if status == 206:
            reason = "a part of a body (206) cannot be rewritten by itself"
        elif any("no-transform" in value.lower() for value in field_values(fields, "cache-control")):
            reason = "Cache-Control: no-transform forbids it"
        elif unsupported:
            reason = f"the content coding {unsupported[0]!r} is unknown"
        elif length.isdigit() and int(length) > self._settings.body_limit:
            reason = f"it has {length} bytes, more than the limit of {self._settings.body_limit}"
        elif kind is Kind.EVENT_STREAM and codings:
            reason = "an event stream is not decoded"
        if reason:
            self._trace.warn(f"the body is passed as it came: {reason}")
            return BodyPlan(Way.PASS, reason, kind)
        if not has_body(method, status):
            return BodyPlan(Way.PASS, "there is no body", kind, subject=status >= 200 and status not in (204, 205))
        if kind is Kind.EVENT_STREAM:
            if self._run.body_passes:
                self._trace.warn("rules for tags and whole bodies are not applied to an event stream")
            if not (self._link_map and self._everywhere):
                return BodyPlan(Way.PASS, "no link is mapped in an event stream", kind)
            return BodyPlan(Way.STREAM, "an event stream is rewritten line by line", kind, subject=True)
        return BodyPlan(Way.WHOLE, f"{kind or 'a body without Content-Type'} is rewritten whole", kind, subject=True)

    def _wants(self, kind: Kind | None) -> bool:
        """Whether anything could change in content of this kind; None is content of an unknown type."""
        if kind is None:
            return self._link_map is not None or bool(self._run.body_passes)
        if self._link_map and (kind.is_markup or (self._everywhere and kind not in (Kind.OTHER_TEXT, Kind.BINARY))):
            return True
        return any(not rules[0].tags or kind.is_markup for rules in self._run.body_passes) and kind is not Kind.BINARY

    def stream(self) -> BodyRewriter:
        """A rewriter for a body whose plan is to stream."""
        return Lines(lambda lines, offset: rewrite_content(lines, Kind.EVENT_STREAM, links=self._links(offset)))

    def whole(self, raw: bytes, fields: Fields, plan: BodyPlan) -> bytes:
        """The body as it is to be sent, content coding included; `raw` itself if nothing changed.

        Raises:
            PatternTimeout: a rule's pattern took longer than the deadline.
        """
        codings = parse_content_encoding(field_values(fields, "content-encoding"))
        if len(raw) > self._settings.body_limit:
            self._trace.warn(f"the body is passed as it came: it has {len(raw)} bytes, more than the limit")
            return raw
        try:
            data = decode(raw, codings, limit=self._settings.body_limit) if codings else raw
        except (CorruptCoding, DecodedTooLarge, UnsupportedCoding) as error:
            self._trace.warn(f"the body is passed as it came: {error}")
            return raw
        kind = plan.kind or sniff_kind(data)
        content_type = next(iter(field_values(fields, "content-type")), None)
        charset = detect(data, content_type, kind=_charset_kind(kind))
        view = View.of(data, charset, escapes=kind is not Kind.XML)
        if view is None:
            self._trace.warn(f"the body is passed as it came: it is not proper {charset.label}")
            return raw
        self._trace.add(
            "BODY_DECODED",
            codings=list(codings),
            charset=charset.label,
            charset_source=charset.source,
            bytes=len(raw),
            decoded=len(data),
        )
        changed = self._rewrite(view, kind)
        if changed == view.data:
            return raw
        try:
            restored = view.restore(changed)
        except CannotEncode as error:
            self._trace.warn(f"the body is passed as it came: {error}")
            return raw
        return encode(restored, codings) if codings else restored

    def _rewrite(self, view: View, kind: Kind) -> bytes:
        """All passes: the rules in the order of the file, the link map in the last one."""
        data = view.data
        passes = [rules for rules in self._run.body_passes if not rules[0].tags or kind.is_markup]
        links = self._links()
        for index, rules in enumerate(passes):
            if rules[0].tags:
                last = index == len(passes) - 1
                data = rewrite_content(data, kind, links=links if last else None, values=self._values(rules, view))
                links = None if last else links
            else:
                data = self._rewrite_text(rules[0], data, view, kind)
        return rewrite_content(data, kind, links=links)

    def _rewrite_text(self, rule: CompiledOutboundRule, data: bytes, view: View, kind: Kind) -> bytes:
        scope = self._run.scope
        deadline, scope.deadline = scope.deadline, self._settings.body_deadline
        try:
            changed = self._run.rewrite_body(rule, view.decode_value(data))
        finally:
            scope.deadline = deadline
        if changed is None:
            return data
        try:
            return view.encode_value(changed, html=kind.is_markup)
        except CannotEncode as error:
            self._trace.warn(f'rule "{rule.rule.name}" was not applied: {error}')
            return data

    def _values(self, rules: Iterable[CompiledOutboundRule], view: View) -> Values:
        by_pair: dict[tuple[bytes, bytes], list[CompiledOutboundRule]] = {}
        for rule in rules:
            for tag, attribute in rule.tags:
                by_pair.setdefault((tag.encode(), attribute.encode()), []).append(rule)

        def on_value(tag: bytes, attribute: bytes, raw: bytes) -> bytes | None:
            concerned = by_pair[tag, attribute]
            where = f"<{tag.decode()} {attribute.decode()}>"
            changed = self._run.rewrite_item(concerned, view.decode_value(raw), where)
            if changed is None:
                return None
            try:
                return view.encode_value(changed, html=True)
            except CannotEncode as error:
                self._trace.warn(f"{where} was left alone: {error}")
                return None

        wanted: dict[bytes, frozenset[bytes]] = {}
        for name, attribute_name in by_pair:
            wanted[name] = wanted.get(name, frozenset()) | {attribute_name}
        return Values(wanted, on_value)

    def _links(self, base: int = 0) -> Links | None:
        if self._link_map is None:
            return None

        def told(where: str, offset: int, before: bytes, after: bytes) -> None:
            self.links += 1
            if not self._trace.count_change():
                return
            self._trace.tell_change(
                link=True,
                where=where,
                offset=base + offset,
                before=clip(before.decode("utf-8", "replace")),
                after=clip(after.decode("utf-8", "replace")),
            )

        def more(count: int) -> None:
            self.links += count
            self._trace.changes += count

        return Links(self._link_map, self._everywhere, told, more)


def _charset_kind(kind: Kind) -> str:
    """The rules by which the charset of this kind of content is found."""
    if kind in (Kind.XHTML, Kind.SVG):
        return "xml"
    return {Kind.JAVASCRIPT: "js", Kind.OTHER_TEXT: "text"}.get(kind, str(kind))
