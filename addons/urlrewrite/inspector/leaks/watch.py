"""A look at bodies as they pass, piece by piece, for names of the backend: nothing is held back, nothing is changed.

Names are found wherever a body is cut: a name is told when enough bytes behind it have come. What is kept is bounded,
and so is what is looked at, since a download may be as long as it likes: `MAX_TEXT` bytes of text, decoded, fewer of
what no browser reads as text, and `MAX_EXAMINED` names.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from urlrewrite.content.coding.codings import (
    CorruptCoding,
    DecodedTooLarge,
    UnsupportedCoding,
    decoder,
    parse_content_encoding,
)
from urlrewrite.content.kinds import Kind, content_kind, sniff_kind
from urlrewrite.inspector.leaks.excerpts import Excerpts, excerpt
from urlrewrite.inspector.leaks.harm import Harm, harm_in_body
from urlrewrite.inspector.names.names import Named, Names
from urlrewrite.inspector.names.places import Place, Sort, Uses, places
from urlrewrite.inspector.names.zip_members import SIGNATURE, Budget, MemberPiece, Unread, ZipMembers
from urlrewrite.model.field_lines import FieldLines, field_values

MAX_TEXT = 64 * 2**20
MAX_BINARY = 4 * 2**20
MAX_INFLATED = 32 * 2**20
"""Bytes that are inflated of a ZIP document and those within it."""

MAX_EXAMINED = 1000
"""Names of one body that are examined, whether they matter or not."""

_SPAN = 2048
"""Bytes that a name has at most, with what decides about it on each side."""

_CONTEXT = 32 * 1024
"""Bytes before a name that say what it stands in."""

_STEP = 4096
"""New bytes for which it is worth searching."""

_AT_ONCE = 64 * 1024
_MAX_DEPTH = 2

_KINDS = {
    "html htm": Kind.HTML,
    "xhtml": Kind.XHTML,
    "xml rels opf ncx vml": Kind.XML,
    "svg": Kind.SVG,
    "css": Kind.CSS,
    "js": Kind.JAVASCRIPT,
    "json": Kind.JSON,
    "txt md mf properties csv": Kind.OTHER_TEXT,
}
_BY_ENDING = {ending: kind for endings, kind in _KINDS.items() for ending in endings.split()}


class _Scan:
    """A search of one text as it comes; `label` is put before the place of each name."""

    def __init__(
        self,
        names: Names,
        kind: Kind,
        excerpts: Excerpts,
        label: str = "",
        sort: Sort | None = None,
        *,
        packed: bool = False,
    ) -> None:
        self._names = names
        self._kind = kind
        self._excerpts = excerpts
        self._label = label
        self._sort = sort
        self._packed = packed
        self._window = b""
        self._offset = 0
        self._done = 0

    def feed(self, data: bytes, *, final: bool) -> None:
        """Search what has come up to now."""
        self._window += data
        settled = len(self._window) if final else len(self._window) - _SPAN
        if not final and settled - self._done < _STEP:
            return
        begin = max(self._done - _SPAN, 0)
        part = self._window[begin:]
        if self._names.may_occur(part):
            found = [named for named in self._names.find(part) if self._done <= begin + named.start < settled]
            self._tell(found, begin)
        cut = max(settled - _CONTEXT, 0)
        self._window, self._offset, self._done = self._window[cut:], self._offset + cut, settled - cut

    def _tell(self, found: list[Named], begin: int) -> None:
        room = MAX_EXAMINED - self._excerpts.examined
        if not found or room <= 0:
            return
        uses = Uses(self._window, self._window.lower(), self._kind)
        shifted = [named.moved(begin) for named in found[:room]]
        for named, place in zip(shifted, self._places(shifted), strict=True):
            if self._label:
                judged = replace(named, hidden=named.hidden or self._packed)
                matters = harm_in_body(place.sort, judged, waits=False) is not Harm.INFORMATION
            else:
                waits = named.is_elsewhere and uses.waits_at(named.start)
                harm = harm_in_body(Sort.LINK, named, waits=waits)
                matters = harm is not Harm.INFORMATION and uses.at(named.start)
            one = excerpt(self._window, named, place, self._kind, self._offset, matters=matters, packed=self._packed)
            self._excerpts.add(one, named.written)

    def _places(self, found: list[Named]) -> list[Place]:
        if self._sort is not None:
            return [Place(self._sort, self._label)] * len(found)
        whole = places(self._window, self._kind, [named.start for named in found])
        if not self._label:
            return whole
        return [Place(each.sort, f"{self._label}, {each.label}", each.tag, each.attribute) for each in whole]


class Watch:
    """A look at one body, whose fields are given, and the path that was requested."""

    def __init__(self, fields: FieldLines, path: str, names: Names) -> None:
        self.excerpts = Excerpts()
        self.over = False
        """Whether nothing more is looked at."""
        self._names = names
        content_type = next(iter(field_values(fields, "content-type")), None)
        self._kind = content_kind(content_type, path) if content_type else None
        self._begun: Callable[[bytes, bool], None] | None = None
        try:
            codings = parse_content_encoding(field_values(fields, "content-encoding"))
            self._decoder = decoder(codings, limit=MAX_TEXT) if codings else None
        except UnsupportedCoding:
            self._stop()
        self._held = b""

    def feed(self, data: bytes) -> None:
        """Look at the next piece. It raises nothing."""
        for start in range(0, len(data), _AT_ONCE):
            if self.over:
                break
            self._feed(data[start : start + _AT_ONCE])

    def finish(self) -> Excerpts:
        """End the body; return what was found in it."""
        if not self.over:
            try:
                if self._decoder:
                    self._decoder.finish()
            except CorruptCoding:
                self.excerpts.whole = False
            self._look(b"", True)
        self.over = True
        return self.excerpts

    def _feed(self, data: bytes) -> None:
        try:
            for piece in self._decoder.pieces(data) if self._decoder else (data,):
                self._look(piece, False)
        except (CorruptCoding, DecodedTooLarge):
            self._look(b"", True)
            self._stop()

    def _stop(self) -> None:
        self.over = True
        self.excerpts.whole = False

    def _look(self, data: bytes, final: bool) -> None:
        if self.over:
            return
        self.excerpts.seen += len(data)
        if self._begun is None:
            self._held += data
            if len(self._held) < 512 and not final:
                return
            data, self._held = self._held, b""
            self._begun = self._begin(data)
        self._begun(data, final)
        most = MAX_BINARY if self._kind is Kind.BINARY and not isinstance(self._begun, _Documents) else MAX_TEXT
        if self.excerpts.seen > most or self.excerpts.examined >= MAX_EXAMINED:
            self._begun(b"", True)
            self.over = True
            # Nobody expects that a film is looked at to its end.
            self.excerpts.whole = self.excerpts.whole and self._kind is Kind.BINARY

    def _begin(self, data: bytes) -> Callable[[bytes, bool], None]:
        kind = self._kind = self._kind or sniff_kind(data)
        if kind is Kind.BINARY and data.startswith(SIGNATURE):
            return _Documents(self._names, self.excerpts)
        scan = _Scan(self._names, kind, self.excerpts)
        return lambda data, final: scan.feed(data, final=final)


class _Documents:
    """A search of a ZIP document and of those within it."""

    def __init__(self, names: Names, excerpts: Excerpts) -> None:
        self._names = names
        self._excerpts = excerpts
        self._budget = Budget(MAX_INFLATED)
        self._members = ZipMembers(self._budget)
        self._open: dict[str, _Scan | ZipMembers] = {}

    def __call__(self, data: bytes, final: bool) -> None:
        self._read(self._members, data, "", 1)
        if final:
            self._members.finish()
        self._excerpts.unread = {str(reason): count for reason, count in self._budget.unread.items()}
        self._excerpts.whole = self._excerpts.whole and not self._budget.unread

    def _read(self, members: ZipMembers, data: bytes, within: str, depth: int) -> None:
        for piece in members.feed(data):
            self._take(piece, f"{within}{piece.name}", f"{within}{piece.number}", depth)

    def _take(self, piece: MemberPiece, name: str, key: str, depth: int) -> None:
        reader = self._open.get(key)
        if reader is None:
            reader = self._open[key] = self._reader(piece.data, name, depth)
        if isinstance(reader, ZipMembers):
            self._read(reader, piece.data, f"{name}!", depth + 1)
            if piece.end:
                reader.finish()
        else:
            reader.feed(piece.data, final=piece.end)
        if piece.end:
            del self._open[key]

    def _reader(self, data: bytes, name: str, depth: int) -> _Scan | ZipMembers:
        if data.startswith(SIGNATURE):
            if depth < _MAX_DEPTH:
                return ZipMembers(self._budget)
            self._budget.unread[Unread.NESTED] += 1
        kind = _BY_ENDING.get(name.rpartition(".")[2].lower(), Kind.BINARY)
        label = f"{name[-120:]} in the document"
        return _Scan(self._names, kind, self._excerpts, label, Sort.DATA if kind is Kind.BINARY else None, packed=True)


def message_excerpts(data: bytes, names: Names, excerpts: Excerpts, *, text: bool) -> None:
    """Look at a message of a WebSocket that goes to the client, and add what is found to `excerpts`."""
    looked_at = data[:MAX_BINARY]
    excerpts.seen += len(looked_at)
    if len(looked_at) < len(data):
        excerpts.whole = False
    if excerpts.examined < MAX_EXAMINED and names.may_occur(looked_at):
        kind, label = (Kind.OTHER_TEXT, MESSAGE) if text else (Kind.BINARY, BINARY_MESSAGE)
        _Scan(names, kind, excerpts, label, Sort.DATA).feed(looked_at, final=True)


MESSAGE = "WebSocket message"
BINARY_MESSAGE = "binary WebSocket message"
"""The places of names in messages."""


def watched(fields: FieldLines, path: str, body: bytes, names: Names) -> Excerpts:
    """Look at a whole body."""
    watch = Watch(fields, path, names)
    watch.feed(body)
    return watch.finish()


def is_document(kind: Kind, data: bytes) -> bool:
    """Say whether a decoded body is a ZIP document."""
    return kind is Kind.BINARY and data.startswith(SIGNATURE)
