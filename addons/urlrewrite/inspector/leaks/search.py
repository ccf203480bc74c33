"""Names of the backend that are left in a response, each with its place, why it is there, and whether it matters.

`leak_places` is for every response: bytes that name nobody cost it a few searches at the speed of memory, and what it
finds is judged by what stands next to it. `find_leaks` is for a person who asks: it reads the body as the content
engine does, and says why.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from urlrewrite.content.links.browser_urls import map_browser_url
from urlrewrite.content.links.link_map import LinkMap
from urlrewrite.engine.facts import RequestFacts
from urlrewrite.exchange.rules_in_force import RulesInForce
from urlrewrite.fields.urls import FieldKind, kind_of
from urlrewrite.inspector.diagnose.cause import Cause, cause
from urlrewrite.inspector.diagnose.exchange_case import ExchangeCase, names_of, site_and_public_name
from urlrewrite.inspector.diagnose.unmapped_names import (
    cause_in_body,
    cause_in_document,
    cause_in_field,
    cause_in_message,
    cause_of_phrase,
)
from urlrewrite.inspector.diagnose.why import Why
from urlrewrite.inspector.leaks.excerpts import read_excerpts, read_unread
from urlrewrite.inspector.leaks.harm import Harm, Remedy, harm_in_body, harm_in_field, remedy_of
from urlrewrite.inspector.leaks.watch import BINARY_MESSAGE, MESSAGE, is_document, watched
from urlrewrite.inspector.names.bodies import Body, Unreadable, body_of, response_body
from urlrewrite.inspector.names.names import Named, Names
from urlrewrite.inspector.names.places import Place, Sort, Uses, places
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.inspector.text import counted, sentence
from urlrewrite.model import LinkPlace
from urlrewrite.model.field_lines import FieldLines
from urlrewrite.model.origin import Origin
from urlrewrite.trace.events import Name
from urlrewrite.trace.reading import name_of, texts
from urlrewrite.trace.text import shown, visible

MAX_LEAKS = 300
"""Different leaks of one response that are listed."""

MAX_PLACES = 500
"""Names of one response that are examined to count the places."""

_AROUND = 60
_REACH = 300
_BARE_FIELDS = (FieldKind.COOKIE, FieldKind.POLICY, FieldKind.AUTHORITY, FieldKind.ALLOW_FROM)


@dataclass(frozen=True, slots=True)
class Leak:
    """A name of the backend in a response; equal ones in places of one kind are one leak, with their `count`.

    `place` says where: a field's name, `<a href>`, `<script>`, `text`. `field` is the field's name, "" for the body;
    `value` its whole value. `offset` is that of the first one in the decoded body in bytes, `line` and `column` count
    from 1; None and 0 in a field. `written` is the name as it is written, `after` what follows it, `around` the text on
    both sides, shortened. `origin` is the backend's origin that it names, `kind` the kind of the content. `would_map`
    says that the link map reads it as a URL of its own, wherever it is.
    """

    place: str
    spelling: str
    written: str
    authority: str
    cause: Cause
    harm: Harm
    remedy: Remedy
    around: str
    origin: Origin | None = None
    field: str = ""
    value: str = ""
    offset: int | None = None
    line: int = 0
    column: int = 0
    count: int = 1
    after: str = ""
    where: Place | None = None
    kind: str = ""
    also: LinkPlace | None = None
    named: Named | None = None
    would_map: bool = False

    @property
    def why(self) -> str:
        """The cause as a sentence for people."""
        return self.cause.why


@dataclass(frozen=True, slots=True)
class LeakPlace:
    """A place in a response where a browser or a program would use a name of the backend.

    `field` is the name of the field, "" for the body; `offset` is that in its value or in the decoded body.
    """

    field: str
    offset: int


def leak_places(fields: FieldLines, body: bytes | None, request: RequestFacts, rules: RulesInForce) -> list[LeakPlace]:
    """Return the places of names that matter (more than mere information) in a response as the client got it.

    `body` is as it was sent, under its content coding; None where it was not kept. It raises nothing; a body whose
    coding cannot be undone has no places.
    """
    compiled, public = site_and_public_name(request, rules)
    names = names_of(rules, compiled, public)
    if not names:
        return []
    found = [
        LeakPlace(name, named.start)
        for name, value, named in _in_fields(fields, names)
        if harm_in_field(name, value, named) is not Harm.INFORMATION
    ]
    if not body:
        return found
    try:
        read = body_of(fields, body, request.target.partition("?")[0])
    except Unreadable:
        return found
    if is_document(read.kind, read.data):
        found += [LeakPlace("", 0)] * watched((), "", read.data, names).count
        return found
    if not names.may_occur(read.data):
        return found
    uses = Uses(read.data, read.data.lower(), read.kind)
    return found + [
        LeakPlace("", read.offset(named.start))
        for named in names.find(read.data, most=MAX_PLACES)
        if harm_in_body(Sort.LINK, named, waits=named.is_elsewhere and uses.waits_at(named.start))
        is not Harm.INFORMATION
        and uses.at(named.start)
    ]


def find_leaks(exchange: RecordedExchange, rules: RulesInForce) -> list[Leak]:
    """Return every name of a backend in the response of an exchange, the most harmful first; see `Leak`."""
    if exchange.response is None:
        return []
    case = ExchangeCase(exchange, rules)
    fields, raw = response_body(exchange, rules)
    found = [*_of_fields(case, fields), *_of_phrase(case), *_of_paths(case)]
    if raw:
        found += _of_body(case, fields, raw)
    else:
        found += _of_excerpts(case, exchange.trace.get("excerpts"))
    found += _of_excerpts(case, exchange.trace.get("websocket_leaks"))
    return in_order(grouped(found))[:MAX_LEAKS]


def in_order(leaks: Iterable[Leak]) -> list[Leak]:
    """Return leaks with the most harmful first, then the most frequent."""
    return sorted(leaks, key=lambda leak: (leak.harm.rank, -leak.count))


def grouped(leaks: Iterable[Leak]) -> list[Leak]:
    """Merge leaks that say the same."""
    groups: dict[tuple[str, ...], Leak] = {}
    for leak in leaks:
        key = (leak.place, leak.spelling, leak.written.lower(), *leak.cause.key)
        first = groups.get(key)
        groups[key] = replace(first, count=first.count + leak.count) if first else leak
    return list(groups.values())


def leaks_text(exchange: RecordedExchange, rules: RulesInForce) -> str:
    """Return the leaks of an exchange as text for a fixed-width view. It raises nothing, whatever was recorded."""
    leaks = find_leaks(exchange, rules)
    if not leaks:
        return "no name of a backend is left in this response"
    matter = sum(leak.count for leak in leaks if leak.harm is not Harm.INFORMATION)
    lines = [
        f"{counted(sum(leak.count for leak in leaks), 'name')} of backends left in this response, {matter:,} matter"
    ]
    for leak in leaks:
        at = f"byte {leak.offset:,}" if leak.offset is not None else ""
        at = f", line {leak.line:,} column {leak.column:,} ({at})" if leak.line else at and f", {at}"
        often = f" ×{leak.count:,}" if leak.count > 1 else ""
        lines += ["", f"{leak.harm} in {shown(leak.place, 80)}{often}{at}"]
        lines += [f"    {shown(leak.written, 120)}  ({leak.spelling})", f"    in {shown(leak.around, 160)}"]
        lines += [f"  {line}" for line in sentence(f"why: {visible(leak.why)}")]
    return "\n".join(lines)


def _in_fields(fields: FieldLines, names: Names) -> Iterator[tuple[str, str, Named]]:
    """Yield the names in fields; most responses have none, which is found out for all fields at once."""
    if not names.may_occur("\n".join(value for _, value in fields).encode("utf-8", "surrogateescape")):
        return
    for name, value in fields:
        bare = kind_of(name) in _BARE_FIELDS
        for named in names.find(value.encode("utf-8", "surrogateescape"), bare=bare):
            yield name, value, named


def _of_fields(case: ExchangeCase, fields: FieldLines) -> Iterator[Leak]:
    for name, value, named in _in_fields(fields, case.names):
        data = value.encode("utf-8", "surrogateescape")
        would_map = _would_map(case.link_map, data, named)
        found = cause_in_field(case, name, value, named, would_map=would_map)
        leak = _leak(case, name, data, named, found, harm_in_field(name, value, named), would_map=would_map)
        yield replace(leak, field=name, value=value)


def _of_phrase(case: ExchangeCase) -> Iterator[Leak]:
    response = case.exchange.response
    data = response.reason.encode("utf-8", "surrogateescape") if response else b""
    for named in case.names.find(data):
        yield _leak(case, "reason phrase", data, named, cause_of_phrase(case), Harm.INFORMATION)


def _of_paths(case: ExchangeCase) -> Iterator[Leak]:
    """Yield paths from the root in scripts, which lead outside the path below which the site is published."""
    for event in case.reading.response:
        if name_of(event) == Name.PATHS_LEFT:
            for path in texts(event, "paths"):
                why = cause(Why.PATH_IN_SCRIPT)
                yield Leak("path in a script", "plain", path, "", why, Harm.WARNING, Remedy.ROOT_PATHS, path)


def _of_body(case: ExchangeCase, fields: FieldLines, raw: bytes) -> Iterator[Leak]:
    try:
        body = body_of(fields, raw, case.exchange.request.target.partition("?")[0])
    except Unreadable as error:
        why = cause(Why.UNREADABLE, detail=error)
        yield Leak("body", "unknown", "", "", why, Harm.INFORMATION, Remedy.NONE, "")
        return
    if is_document(body.kind, body.data):
        yield from _of_excerpts(case, watched((), "", body.data, case.names).as_data())
        return
    if not case.names.may_occur(body.data):
        return
    found = case.names.find(body.data)
    lines = _Lines(body.data)
    for named, place in zip(found, places(body.data, body.kind, [named.start for named in found]), strict=True):
        would_map = _would_map(case.link_map, body.data, named)
        why = cause_in_body(case, body.kind, place, named, would_map=would_map)
        harm = harm_in_body(place.sort, named, waits=place.waits)
        leak = _leak(case, place.label, body.data, named, why, harm, would_map=would_map)
        line, column = lines.of(named.start)
        yield replace(
            leak,
            spelling=_spelling(body, named),
            offset=body.offset(named.start),
            line=line,
            column=column,
            where=place,
            kind=str(body.kind),
        )


def _of_excerpts(case: ExchangeCase, data: object) -> Iterator[Leak]:
    """Yield names that were found in passing: in bodies that were not kept, ZIP documents, messages of WebSockets."""
    for one in read_excerpts(data):
        named, text, place = one.named(case.names), one.data, one.place
        if named is None:
            continue
        would_map = _would_map(case.link_map, text, named)
        if one.packed:
            why = cause_in_document(case)
        elif place.label in (MESSAGE, BINARY_MESSAGE):
            why = cause_in_message(case, named, text=place.label == MESSAGE, would_map=would_map)
        else:
            why = cause_in_body(case, one.content, place, named, would_map=would_map)
        harm = harm_in_body(place.sort, named, waits=place.waits)
        leak = _leak(case, place.label, text, named, why, harm, would_map=would_map)
        yield replace(leak, offset=one.offset, where=place, kind=one.kind, count=max(one.count, 1))
    for detail in read_unread(data):
        why = cause(Why.UNREADABLE, detail=detail)
        yield Leak("body", "unknown", "", "", why, Harm.INFORMATION, Remedy.NONE, "")


def _spelling(body: Body, named: Named) -> str:
    if body.view is None or not body.view.transcoded:
        return named.spelling
    return f"{named.spelling}, in {body.view.charset.label}"


def _would_map(link_map: LinkMap, data: bytes, named: Named) -> bool:
    """Say whether the link map reads a name as a URL of its own."""
    begin = max(named.start - 16, 0)
    until = named.end - begin
    spans: list[int] = []

    def record(offset: int, before: bytes, after: bytes) -> None:
        del before, after
        spans.append(offset)

    around = data[begin : named.end + _REACH]
    link_map.map(around, bare=True, on_change=record)
    if named.is_url and not spans:
        # In an attribute that holds one URL, a browser reads it nevertheless.
        map_browser_url(data[named.start : named.end + _REACH], link_map, lambda *_: spans.append(until - 1))
    return not named.hidden and any(named.start - begin <= offset < until for offset in spans)


def _leak(
    case: ExchangeCase,
    place: str,
    data: bytes,
    named: Named,
    why: Cause,
    harm: Harm,
    *,
    would_map: bool = False,
) -> Leak:
    remedy, also = remedy_of(why, case.links, would_map=would_map)
    return Leak(
        place=place,
        spelling=named.spelling,
        written=named.written.decode("utf-8", "surrogateescape"),
        authority=named.authority,
        cause=why,
        harm=harm,
        remedy=remedy,
        around=_around(data, named),
        origin=named.origin,
        after=data[named.end : named.end + _REACH].decode("utf-8", "surrogateescape"),
        also=also,
        named=named,
        would_map=would_map,
    )


def _around(data: bytes, named: Named) -> str:
    begin, end = max(named.start - _AROUND, 0), named.end + _AROUND
    text = data[begin:end].decode("utf-8", "replace")
    return f"{'…' if begin else ''}{text}{'…' if end < len(data) else ''}"


class _Lines:
    """Lines and columns of offsets, which have to be given in ascending order."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._done = 0
        self._line = 1

    def of(self, offset: int) -> tuple[int, int]:
        """Return line and column, both counted from 1."""
        self._line += self._data.count(b"\n", self._done, offset)
        self._done = max(offset, self._done)
        return self._line, offset - self._data.rfind(b"\n", 0, offset)
