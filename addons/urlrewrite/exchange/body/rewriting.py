"""The body of a response rewritten: content coding undone, text read in its encoding, rules and links applied.

A body is rewritten whole or as it comes (`plan.py` decides). Both give the same bytes, but for rules on whole bodies,
which see a stream through windows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import TypedDict, Unpack

from urlrewrite.content.changes import Links
from urlrewrite.content.charset.stream import Transcoded, stream_view
from urlrewrite.content.charset.view import CannotEncode, Charset, View, detect
from urlrewrite.content.coding.codings import CorruptCoding, DecodedTooLarge, decode, encode
from urlrewrite.content.counted import BEGINNING, counted
from urlrewrite.content.kinds import Kind, content_kind, sniff_kind
from urlrewrite.content.links.link_map import LinkMap
from urlrewrite.content.links.names_left import Watching
from urlrewrite.content.mapping import content_rewriter, rewrite_content
from urlrewrite.content.reading import Reading
from urlrewrite.content.stream import BodyRewriter, Chain, Coded
from urlrewrite.engine.compiled import CompiledOutboundRule
from urlrewrite.engine.outbound import OutboundRun
from urlrewrite.exchange.body.changes import BodyLinks, values_by_rules
from urlrewrite.exchange.body.integrity import BodyIntegrity
from urlrewrite.exchange.body.parts import rewrite_parts
from urlrewrite.exchange.body.plan import BodyPlan, Way, is_never_touched, plan_body
from urlrewrite.exchange.body.stream import Collected, DetectThenRewrite, FailOpen, StopOnError, Windows
from urlrewrite.exchange.body.windows import WindowedRule
from urlrewrite.exchange.rules_in_force import Recode, Settings
from urlrewrite.model import LinkMode, LinkPlace
from urlrewrite.model.field_lines import FieldLines, field_values
from urlrewrite.trace.reasons import Reason
from urlrewrite.trace.response_events import BODY_DECODED

_MAX_DECODED_WHOLE = 16 * 2**20
"""Bytes up to which a held body is decoded at once; what decodes to more is rewritten as a stream is."""

_MAX_WINDOW_SECONDS = 0.5
"""Seconds that a pattern may take on a window of a stream, which is rewritten where other requests wait for it."""


def concerns(
    kind: Kind, links: LinkMode, rules: Iterable[CompiledOutboundRule], also: frozenset[LinkPlace] = frozenset()
) -> bool:
    """Say whether the link map or a rule could change anything in content of this kind.

    `also` are places beside attributes and fields in which links are mapped.
    """
    if kind is Kind.BINARY:
        return False
    everywhere = links is LinkMode.EVERYWHERE and (kind is not Kind.OTHER_TEXT or LinkPlace.PLAIN_TEXT in also)
    if everywhere or (links is LinkMode.TAGS and (kind.is_markup or kind is Kind.PAGE_UPDATE)):
        return True
    bodies = (rule for rule in rules if rule.rule.enabled and not rule.rule.match.server_variable)
    return any(_examines(rule, kind) for rule in bodies)


def _examines(rule: CompiledOutboundRule, kind: Kind) -> bool:
    """Say whether a rule for tags or bodies looks at content of a kind.

    Tags are looked for in markup, and in other text of a type that the rule names, as IIS looks for them in anything.
    """
    if not rule.tags or kind.is_markup or kind is Kind.PAGE_UPDATE:
        return True
    return rule.names_type and kind is Kind.OTHER_TEXT


class _Sizes(TypedDict, total=False):
    bytes: int
    decoded: int


class BodyRewriting:
    """Rewrites the body of one response by the rules that apply to it and by the link map.

    `integrity` keeps the promises that the response makes by hashes. `page` and `also` are those of BodyLinks.
    """

    def __init__(
        self,
        run: OutboundRun,
        link_map: LinkMap,
        links: LinkMode,
        settings: Settings,
        integrity: BodyIntegrity,
        page: str,
        also: frozenset[LinkPlace],
    ) -> None:
        self._run = run
        self._also = also
        self._mode = links
        self._settings = settings
        self._trace = run.scope.trace
        maps = links is not LinkMode.OFF
        self._mapped = BodyLinks(link_map, links, self._trace, page, also) if maps else None
        self._integrity = integrity
        self.cut = False
        """Whether a body broke off under its coding, so that nothing can follow what was sent of it."""
        self._windowed: list[WindowedRule] = []

    @property
    def links(self) -> int:
        """Links mapped so far."""
        return self._mapped.count if self._mapped else 0

    @property
    def paths(self) -> list[str]:
        """Paths from the root in scripts, which may have to be mapped."""
        return list(self._mapped.paths) if self._mapped else []

    def plan(self, method: str, status: int, fields: FieldLines) -> BodyPlan:
        """Plan a body of which only the head is known."""
        content_types = field_values(fields, "content-type")
        path = self._run.scope.variables.request.target.partition("?")[0]
        kind = content_kind(content_types[0], path) if content_types and content_types[0].strip() else None
        if kind is Kind.OTHER_TEXT and self._asks_for_update():
            kind = Kind.PAGE_UPDATE
        if kind is Kind.BINARY and any(rule.names_type for rules in self._run.body_passes for rule in rules):
            # Somebody knows that there is text in it.
            kind = Kind.OTHER_TEXT
        if is_never_touched(fields):
            return BodyPlan(Way.PASS, Reason.OWN_PROTOCOL, kind)
        if not self._wants(kind):
            return BodyPlan(Way.PASS, Reason.NOT_CONCERNED, kind)
        plan, hindered = plan_body(method, status, fields, kind, self._settings.threshold)
        if hindered:
            self._trace.warn(Reason.BODY_PASSED, cause=plan.reason, **plan.values)
        elif plan.kind is Kind.EVENT_STREAM and plan.way is Way.STREAM:
            if self._run.body_passes:
                self._trace.warn(Reason.NO_RULES_IN_EVENTS)
            if self._mode is not LinkMode.EVERYWHERE:
                return BodyPlan(Way.PASS, Reason.NO_LINKS_IN_EVENTS, kind)
        return plan

    def _asks_for_update(self) -> bool:
        """Say whether the request is one of ASP.NET's for a partial page update."""
        values = field_values(self._run.scope.variables.request.fields, "x-microsoftajax")
        return any("delta=true" in value.lower().replace(" ", "") for value in values)

    def _wants(self, kind: Kind | None) -> bool:
        """Say whether anything could change in content of this kind; None is content of an unknown type."""
        if kind is None:
            return self._mapped is not None or bool(self._run.body_passes)
        rules = (rule for rules in self._run.body_passes for rule in rules)
        return concerns(kind, self._mode, rules, self._also)

    def whole(self, raw: bytes, fields: FieldLines, plan: BodyPlan) -> bytes:
        """Rewrite a whole body, content coding included; give `raw` itself if nothing changed.

        Raises:
            PatternTimeout: a rule's pattern took longer than the deadline.
        """
        codings, recode = plan.codings, self._settings.recode
        try:
            data = decode(raw, codings, limit=_MAX_DECODED_WHOLE) if codings else raw
        except DecodedTooLarge:
            return self._as_stream(raw, fields, plan)
        except CorruptCoding as error:
            self._trace.warn(Reason.BODY_PASSED, cause=Reason.CORRUPT_CODING, detail=str(error))
            return raw
        kind = plan.kind or sniff_kind(data)
        content_type = next(iter(field_values(fields, "content-type")), None)
        charset = detect(data, content_type, kind=kind.charset_rules)
        view = View.of(data, charset, escapes=kind is not Kind.XML)
        if view is None:
            self._trace.warn(Reason.BODY_PASSED, cause=Reason.NOT_PROPER_TEXT, charset=charset.label)
            return raw
        self._tell_decoded(codings, charset, bytes=len(raw), decoded=len(data))
        reading = self._mapped.links.reading if self._mapped else Reading()
        try:
            changed = self._rewrite(view, kind)
            if self._mapped and self._mapped.left and reading.names_hosts(changed):
                self._mapped.left.look(changed, final=True)
            changed = self._integrity.page(view, changed, kind, reading)
        finally:
            reading.forget()
        if changed == view.data:
            return raw
        try:
            restored = view.restore(changed)
        except CannotEncode as error:
            self._trace.warn(Reason.BODY_PASSED, cause=Reason.CANNOT_ENCODE, detail=str(error))
            return raw
        if not self._integrity.may_change(data, restored, kind):
            return raw
        if not codings or recode is Recode.PLAIN:
            return restored
        return encode(restored, codings, fast=recode is Recode.FAST)

    def _as_stream(self, raw: bytes, fields: FieldLines, plan: BodyPlan) -> bytes:
        """Rewrite a held body that decodes to more than is decoded at once; give `raw` if its coding is damaged."""
        rewriter = self._coded(self._decoded_stream(fields, plan), plan)
        try:
            return rewriter.feed(raw) + rewriter.finish()
        except (CorruptCoding, DecodedTooLarge) as error:
            cause = Reason.CORRUPT_CODING if isinstance(error, CorruptCoding) else Reason.DECODED_TOO_LARGE
            self._trace.warn(Reason.BODY_PASSED, cause=cause, detail=str(error))
            return raw

    def stream(self, fields: FieldLines, plan: BodyPlan) -> BodyRewriter:
        """Give a rewriter for a body that is rewritten as it comes; it raises nothing.

        If one of its stages fails, the others go on. If the content coding is damaged, the body is `cut`.
        """
        rewriter = self._decoded_stream(fields, plan)
        if not plan.codings:
            return rewriter
        return StopOnError(self._coded(rewriter, plan), (CorruptCoding, DecodedTooLarge), self._coding_failed)

    def _coded(self, rewriter: BodyRewriter, plan: BodyPlan) -> BodyRewriter:
        recode = self._settings.recode
        sent = () if recode is Recode.PLAIN else plan.codings
        return Coded(plan.codings, rewriter, sent=sent, fast=recode is Recode.FAST)

    def _decoded_stream(self, fields: FieldLines, plan: BodyPlan) -> BodyRewriter:
        """Give a rewriter for the bytes of a body without its codings, as they come."""
        content_type = next(iter(field_values(fields, "content-type")), None)

        def choose(kind: Kind, charset: Charset) -> BodyRewriter:
            self._tell_decoded(plan.codings, charset)
            view = stream_view(charset, escapes=kind is not Kind.XML)
            if view is None:
                self._trace.warn(Reason.BODY_PASSED, cause=Reason.CHARSET_NOT_STREAMED, charset=charset.label)
                return Chain([])
            chain = self._in_parts_or_not(view, kind, lambda: Chain(self._stages(view, kind, by_line=plan.never_held)))
            return FailOpen(Transcoded(charset, chain), self._stage_failed) if view.transcoded else chain

        return DetectThenRewrite(plan.kind, content_type, choose, self._stage_failed, patient=plan.length is not None)

    def _in_parts_or_not(self, view: View, kind: Kind, stages: Callable[[], BodyRewriter]) -> BodyRewriter:
        """Give the stages, behind what collects a text that may be one in parts."""
        if kind not in (Kind.PAGE_UPDATE, Kind.OTHER_TEXT):
            return stages()
        other = self._left_alone if kind is Kind.PAGE_UPDATE else stages
        collected = Collected(self._settings.limit, partial(self._counted, view, kind), other)
        return FailOpen(collected, self._stage_failed)

    def _stages(self, view: View, kind: Kind, *, by_line: bool) -> list[BodyRewriter]:
        """Give all passes as stages: the rules in the order of the file, the link map in the last one."""
        stages: list[BodyRewriter | None] = []
        passes = self._passes(kind)
        links = self._mapped.links if self._mapped else None
        for index, rules in enumerate(passes):
            if rules[0].tags:
                last = index == len(passes) - 1
                values = values_by_rules(self._run, rules, view, give_up=True)
                if kind.is_markup:
                    stages.append(self._fail_open(content_rewriter(kind, links=links if last else None, values=values)))
                    links = None if last else links
                else:
                    stages.append(self._fail_open(content_rewriter(Kind.HTML, values=values)))
            else:
                stages.append(self._windows(rules[0], view, kind, by_line=by_line))
        stages.append(self._fail_open(content_rewriter(kind, links=links)))
        if self._mapped and self._mapped.left:
            stages.append(Watching(self._mapped.left))
        if kind is Kind.HTML:
            stages.append(self._fail_open(self._integrity.page_stream(view)))
        return [stage for stage in stages if stage]

    def _fail_open(self, stage: BodyRewriter | None) -> BodyRewriter | None:
        return FailOpen(stage, self._stage_failed) if stage else None

    def _windows(self, rule: CompiledOutboundRule, view: View, kind: Kind, *, by_line: bool) -> Windows:
        """Give a rule for whole bodies as a stage."""
        within = min(_MAX_WINDOW_SECONDS, self._settings.body_deadline)

        def rewrite(data: bytes) -> bytes:
            return self._rewrite_text(rule, data, view, kind, within)

        windowed = WindowedRule(rule, rewrite, self._trace, None if by_line else self._settings.limit)
        self._windowed.append(windowed)
        return Windows(self._settings.limit, windowed, by_line=by_line)

    def failed(self, error: Exception, plan: BodyPlan) -> None:
        """Tell that the rewriter of a stream failed as a whole."""
        (self._coding_failed if plan.codings else self._stage_failed)(error)

    def _stage_failed(self, error: Exception) -> None:
        self._trace.warn(Reason.REST_PASSED, detail=str(error))

    def _coding_failed(self, error: Exception) -> None:
        self.cut = True
        self._trace.error(Reason.CODING_BROKEN, detail=str(error))

    def _tell_decoded(self, codings: Iterable[str], charset: Charset, **sizes: Unpack[_Sizes]) -> None:
        self._trace.decided(
            BODY_DECODED, codings=list(codings), charset=charset.label, charset_source=charset.source, **sizes
        )

    def report(self) -> None:
        """Add to the trace in how many windows each rule for whole bodies saw a stream, and where the body still names
        the backend; to be called once.
        """
        for windowed in self._windowed:
            windowed.report()
        if self._mapped:
            self._mapped.report()

    def _passes(self, kind: Kind) -> list[list[CompiledOutboundRule]]:
        if kind is Kind.EVENT_STREAM:
            return []
        passes = ([rule for rule in rules if _examines(rule, kind)] for rules in self._run.body_passes)
        return [rules for rules in passes if rules]

    def _rewrite(self, view: View, kind: Kind) -> bytes:
        """Run all passes over a whole body."""
        links = self._mapped.links if self._mapped else None
        in_parts = self._counted(view, kind, view.data)
        return self._rewrite_part(view.data, view, kind, links) if in_parts is None else in_parts

    def _counted(self, view: View, kind: Kind, data: bytes) -> bytes | None:
        """Rewrite the parts of a text that states their lengths, and count them again; None for any other text."""
        is_update = kind is Kind.PAGE_UPDATE
        if not is_update and (kind is not Kind.OTHER_TEXT or not BEGINNING.match(data)):
            return None
        found = counted(view.decode_value(data), is_delta=is_update)
        if found is None:
            if is_update:
                self._trace.warn(Reason.COUNTED_LEFT)
            return data if is_update else None
        return rewrite_parts(
            found, view, lambda part, kind, at: self._rewrite_part(part, view, kind, self._links_from(at))
        )

    def _left_alone(self) -> BodyRewriter:
        """Give what passes the rest of a text in parts, which cannot be counted again."""
        self._trace.warn(Reason.COUNTED_LEFT)
        return Chain([])

    def _links_from(self, offset: int) -> Links | None:
        """Give the links for a part of the body that begins there; text in it is as plain as in a body of its own."""
        if self._mapped is None:
            return None
        links = self._mapped.links
        return replace(links, on_link=lambda where, at, *change: links.on_link(where, offset + at, *change))

    def _rewrite_part(self, data: bytes, view: View, kind: Kind, links: Links | None) -> bytes:
        """Run all passes over a body, or over a part of one."""
        passes = self._passes(kind)
        for index, rules in enumerate(passes):
            if rules[0].tags:
                last = index == len(passes) - 1
                values = values_by_rules(self._run, rules, view)
                if kind.is_markup:
                    data = rewrite_content(data, kind, links=links if last else None, values=values)
                    links = None if last else links
                else:
                    data = rewrite_content(data, Kind.HTML, values=values)
            else:
                data = self._rewrite_text(rules[0], data, view, kind, self._settings.body_deadline)
        return rewrite_content(data, kind, links=links)

    def _rewrite_text(self, rule: CompiledOutboundRule, data: bytes, view: View, kind: Kind, within: float) -> bytes:
        """Apply a rule for whole bodies; `within` is the number of seconds that its pattern may take.

        Raises:
            PatternTimeout: it took longer.
        """
        scope = self._run.scope
        deadline, scope.deadline = scope.deadline, within
        try:
            changed = self._run.rewrite_body(rule, view.decode_value(data))
        finally:
            scope.deadline = deadline
        if changed is None:
            return data
        try:
            return view.encode_value(changed, html=kind.is_markup)
        except CannotEncode as error:
            name = rule.rule.name
            scope.warn_once(Reason.RULE_NOT_APPLIED, name, rule=name, detail=str(error))
            return data
