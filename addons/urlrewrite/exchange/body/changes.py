"""What rules for tags and the link map change in the body of one response, and how the trace is told of it."""

from __future__ import annotations

from collections.abc import Iterable

from urlrewrite.content.changes import Known, Links, Values
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
from urlrewrite.trace.trace import Trace, clip

_TOLD_PATHS = 10


class BodyLinks:
    """The link map for one body, and what comes of it.

    `page` is the path by which the backend knows the body, "" where nobody asks for it; `also` are further places in
    which links are mapped.
    """

    def __init__(self, link_map: LinkMap, mode: LinkMode, trace: Trace, page: str, also: frozenset[LinkPlace]) -> None:
        self._trace = trace
        self.count = 0
        """Links mapped so far."""
        self.paths: dict[str, None] = {}
        """Paths from the root in scripts, which may have to be mapped."""
        everywhere = mode is LinkMode.EVERYWHERE
        self.left = NamesLeft(link_map.hosts, link_map.new_hosts) if everywhere else None
        """Where the body still names the backend; nobody looks for that where links are mapped in tags only."""
        self.links = Links(
            link_map,
            everywhere,
            self._told,
            self._more,
            visible_text=LinkPlace.VISIBLE_TEXT in also,
            comments=LinkPlace.COMMENTS in also,
            plain_text=LinkPlace.PLAIN_TEXT in also,
            page=page,
            on_path=self._path_left,
        )

    def report(self) -> None:
        """Adds to the trace where the body still names the backend; to be called once."""
        if self.left and self.left.count:
            self._trace.add(NAMES_LEFT, count=self.left.count, around=self.left.excerpts)

    def _told(self, where: str, offset: int, before: bytes, after: bytes) -> None:
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

    def _more(self, count: int) -> None:
        self.count += count
        self._trace.changes += count

    def _path_left(self, path: str) -> None:
        if len(self.paths) < _TOLD_PATHS:
            self.paths[path] = None


def values_by_rules(
    run: OutboundRun, rules: Iterable[CompiledOutboundRule], view: View, *, give_up: bool = False
) -> Values:
    """Rules for tags as a change of values. With `give_up`, one that takes too long ends all of them.

    Else `on_value` raises PatternTimeout.
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

    def tells(tag: bytes, attribute: bytes, prefix: bytes) -> bool:
        return given_up or concerned[tag, attribute].tells(prefix.decode())

    wanted: dict[bytes, frozenset[bytes]] = {}
    for name, attribute_name in concerned:
        wanted[name] = wanted.get(name, frozenset()) | {attribute_name}
    of_rules = {id(values.rules): _known(values.rules) for values in concerned.values()}
    known = {pair: known for pair, values in concerned.items() if (known := of_rules[id(values.rules)])}
    return Values(wanted, on_value, known, count_skipped, tells)


def _known(rules: ValueRules) -> Known | None:
    """What rules for values are known to do, in bytes of any encoding that contains ASCII."""
    if rules.needed is None:
        return None
    prefixes = tuple((walk.prefix.encode(), walk.becomes.encode()) for walk in rules.walks.values())
    return Known(
        frozenset(map(str.encode, rules.needed.starts)), frozenset(map(str.encode, rules.needed.parts)), prefixes
    )
