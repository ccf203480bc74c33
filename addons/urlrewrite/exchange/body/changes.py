"""What rules for tags and the link map change in the body of one response, and how it comes into the trace."""

from __future__ import annotations

from collections.abc import Iterable

from urlrewrite.content.changes import AttributeRewrites, Links, Shortcuts
from urlrewrite.content.charset.view import CannotEncode, View
from urlrewrite.content.links.link_map import LinkMap
from urlrewrite.content.links.names_left import NamesLeft
from urlrewrite.engine.compiled import CompiledOutboundRule
from urlrewrite.engine.index.tag_rules import ValueRules
from urlrewrite.engine.outbound import OutboundRun
from urlrewrite.model import LinkMode, LinkPlace
from urlrewrite.patterns.pattern import PatternTimeout
from urlrewrite.trace.reasons import Reason
from urlrewrite.trace.response_events import NAMES_LEFT
from urlrewrite.trace.trace import Trace, TraceLevel, clip

_MAX_PATHS = 10


class BodyLinks:
    """The link map for one body, and what it changed there.

    `page` is the path by which the backend knows the body, "" if the link map does not need it. `also` are places
    beside attributes and fields in which links are mapped.
    """

    def __init__(self, link_map: LinkMap, mode: LinkMode, trace: Trace, page: str, also: frozenset[LinkPlace]) -> None:
        self._trace = trace
        self.count = 0
        """Links mapped so far."""
        self.paths: dict[str, None] = {}
        """Paths from the root in scripts, which may have to be mapped; at most _MAX_PATHS, in order."""
        everywhere = mode is LinkMode.EVERYWHERE
        self.left = NamesLeft(link_map.table.names_sought) if everywhere else None
        """Where the body still names the backend; None where links are mapped in tags only, and nobody looks."""
        self.links = Links(
            link_map,
            everywhere,
            self._on_change,
            self._count_unseen,
            visible_text=LinkPlace.VISIBLE_TEXT in also,
            comments=LinkPlace.COMMENTS in also,
            plain_text=LinkPlace.PLAIN_TEXT in also,
            page=page,
            on_path=self._on_path,
            one_by_one=trace.level is TraceLevel.FULL,
        )

    def report(self) -> None:
        """Add to the trace where the body still names the backend; to be called once."""
        if self.left and self.left.count:
            self._trace.add(NAMES_LEFT, count=self.left.count, around=self.left.excerpts)

    def _on_change(self, where: str, offset: int, before: bytes, after: bytes) -> None:
        self.count += 1
        if not self._trace.count_change():
            return
        self._trace.tell_change(
            link=True,
            where=where,
            offset=offset,
            before=clip(before.decode("utf-8", "replace")),
            after=clip(after.decode("utf-8", "replace")),
        )

    def _count_unseen(self, count: int) -> None:
        self.count += count
        self._trace.changes += count

    def _on_path(self, path: str) -> None:
        if len(self.paths) < _MAX_PATHS:
            self.paths[path] = None


def values_by_rules(
    run: OutboundRun, rules: Iterable[CompiledOutboundRule], view: View, *, give_up: bool = False
) -> AttributeRewrites:
    """Return rules for tags as a change of values. With `give_up`, one that takes too long ends all of them.

    A rule whose pattern takes too long ends all of them with `give_up`; without it, what is given raises
    PatternTimeout.
    """
    concerned = {
        (tag.encode(), attribute.encode()): values for (tag, attribute), values in run.tag_values(tuple(rules)).items()
    }
    given_up = False

    def on_value(tag: bytes, attribute: bytes, raw: bytes) -> bytes | None:
        nonlocal given_up
        if given_up:
            return None
        values = concerned[tag, attribute]
        try:
            changed = values.rewrite(view.decode_value(raw))
        except PatternTimeout as error:
            if not give_up:
                raise
            given_up = True
            run.scope.trace.warn(Reason.TAG_RULES_GIVEN_UP, detail=str(error))
            return None
        if changed is None:
            return None
        try:
            return view.encode_value(changed, html=True)
        except CannotEncode as error:
            run.scope.warn_once(Reason.VALUE_LEFT, values.where, where=values.where, detail=str(error))
            return None

    def count_skipped(tag: bytes, attribute: bytes, prefix: bytes, number: int) -> None:
        concerned[tag, attribute].count(prefix.decode(), number)

    def wants_trace(tag: bytes, attribute: bytes, prefix: bytes) -> bool:
        return given_up or concerned[tag, attribute].wants_trace(prefix.decode())

    wanted: dict[bytes, frozenset[bytes]] = {}
    for name, attribute_name in concerned:
        wanted[name] = wanted.get(name, frozenset()) | {attribute_name}
    of_rules = {id(values.rules): _shortcuts(values.rules) for values in concerned.values()}
    shortcuts = {pair: known for pair, values in concerned.items() if (known := of_rules[id(values.rules)])}
    return AttributeRewrites(wanted, on_value, shortcuts, count_skipped, wants_trace)


def _shortcuts(rules: ValueRules) -> Shortcuts | None:
    """Return what rules for values are known to do, in bytes of any encoding that contains ASCII."""
    if rules.required is None:
        return None
    prefixes = tuple((outcome.prefix.encode(), outcome.becomes.encode()) for outcome in rules.outcomes.values())
    return Shortcuts(
        frozenset(map(str.encode, rules.required.starts)), frozenset(map(str.encode, rules.required.parts)), prefixes
    )
