"""Bodies of several parts (RFC 2046, 5.1): batches of OData and other APIs, saved web pages.

Each part has fields of its own, so that its kind, its Location and its Content-Length are its own. A part may be a
whole HTTP message (`application/http`; OData 4.01, 11.7.7), or of several parts itself. The boundary is taken from the
first delimiter line, for the parameter of Content-Type says nothing else. Where a part is coded (base64, gzip), it is
left alone. Of a form (RFC 7578) the fields are rewritten, and the files are left alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from urlrewrite.content.held import Held, Unfinished
from urlrewrite.content.links.link_map import LinkMap, OnChange, shifted

type RewritePart = Callable[[bytes, str, int], bytes]
"""`(body of a part, its Content-Type, its offset)` to what it becomes."""

_FIRST = re.compile(rb"(?:\A|(?<=\n))--(?P<boundary>[^\r\n \t][^\r\n]{0,199}+)\r?\n")
_END_OF_HEAD = re.compile(rb"(?:\A|\r?\n)\r?\n")
_START_LINE = re.compile(rb"\s*(?:HTTP/\d(?:\.\d)?\s[^\r\n]*|[!#$%&'*+.^_`|~\w-]+\s[^\r\n]*\sHTTP/\d(?:\.\d)?)\r?\n")
_FIELD = re.compile(rb"^(?P<name>[^\s:]+)[ \t]*:[ \t]*(?P<value>[^\r\n]*(?:\r?\n[ \t]+[^\r\n]*)*)", re.MULTILINE)
_FILE_NAME = re.compile(r';\s*filename\*?\s*=\s*"?([^";]*)')
_BLOB = "blob"
"""What browsers call a part that a script made without a name, which is how scripts send JSON beside files."""
_PLAIN_ENCODINGS = frozenset({"", "7bit", "8bit", "binary"})
_PREAMBLE = 1 << 16
_MAX_PART_LENGTH = 8 << 20
_MAX_DELIMITER_LENGTH = 300
MAX_DEPTH = 8
"""Parts inside of parts, or messages inside of messages, that are looked into."""


class Multipart:
    """A rewriter that works part by part; an incomplete part is held, up to 8 MB, and a longer one is left alone."""

    def __init__(self, link_map: LinkMap, on_change: OnChange, rewrite: RewritePart, *, form: bool = False) -> None:
        self._parts = _Parts(link_map, on_change, rewrite, form=form)
        self._pieces = Unfinished()
        self._last = b""  # bytes of what is held, among which a delimiter may begin
        self._offset = 0  # of what is held
        self._delimiter: re.Pattern[bytes] | None = None
        self._lost = False  # no boundary has come: the rest is passed on
        self._too_long = False

    @property
    def held(self) -> Held:
        """Bytes consumed and not yet emitted."""
        return self._pieces.held

    def feed(self, chunk: bytes) -> bytes:
        """Take the next bytes; return all complete parts."""
        before = self._pieces.size
        self._pieces.add(chunk)
        near = self._last + chunk
        self._last = near[-_MAX_DELIMITER_LENGTH:]
        if self._delimiter is None:
            return self._begin()
        # What is near begins in the middle of a part, and so not with a delimiter.
        in_part = before > _MAX_DELIMITER_LENGTH and self._delimiter.search(near, 1) is None
        if in_part and self._pieces.size <= _MAX_PART_LENGTH:
            return b""
        return self._complete_parts(0, max(before - _MAX_DELIMITER_LENGTH, 0))

    def _begin(self) -> bytes:
        """Return all up to the first delimiter, and complete parts behind it."""
        if not self._lost and not self._pieces.worth_reading:
            return b""
        data = self._pieces.whole()
        first = None if self._lost else _FIRST.search(data)
        if first is None:
            self._lost = self._lost or len(data) > _PREAMBLE
            self._pieces.keep(b"" if self._lost else data)
            return data if self._lost else b""
        boundary = re.escape(first["boundary"].rstrip(b" \t").removesuffix(b"--"))
        self._delimiter = re.compile(rb"(?:\r?\n|(?<=\n)|\A)--%b(?:--)?[ \t]*+(?:\r?\n|\Z)" % boundary)
        return data[: first.end()] + self._complete_parts(first.end(), first.end())

    def _complete_parts(self, position: int, resume: int) -> bytes:
        """Return the complete parts from `position` on; no delimiter begins before `resume`."""
        assert self._delimiter is not None
        data = self._pieces.whole()
        sent: list[bytes] = []
        while found := self._delimiter.search(data, resume):
            if found.end() == len(data) and not data.endswith(b"\n"):
                break
            sent += (self._part(data[position : found.start()], position), found[0])
            position = resume = found.end()
            self._too_long = False
        if len(data) - position > _MAX_PART_LENGTH:
            self._too_long = True
            end = len(data) - _MAX_DELIMITER_LENGTH
            sent.append(data[position:end])
            position = end
        self._pieces.keep(data[position:])
        self._offset += position
        return b"".join(sent)

    def finish(self) -> bytes:
        """End the body; return all that was held back."""
        data = self._pieces.whole()
        self._pieces.keep(b"")
        if self._delimiter is None:
            return data
        last = self._delimiter.search(data)
        end = last.start() if last else len(data)
        return self._part(data[:end], 0) + data[end:]

    def _part(self, part: bytes, position: int) -> bytes:
        return part if self._too_long else self._parts.rewritten(part, self._offset + position)


class _Parts:
    def __init__(self, link_map: LinkMap, on_change: OnChange, rewrite: RewritePart, *, form: bool) -> None:
        self._link_map = link_map
        self._on_change = on_change
        self._rewrite = rewrite
        self._form = form

    def rewritten(self, part: bytes, offset: int, *, depth: int = 0) -> bytes:
        """Return a part with its fields mapped, its body rewritten, and its Content-Length corrected."""
        end = _END_OF_HEAD.search(part)
        if end is None or depth > MAX_DEPTH:
            return part
        head, body = part[: end.end()], part[end.end() :]
        fields = {
            found["name"].lower(): found["value"].decode("latin-1").strip().lower() for found in _FIELD.finditer(head)
        }
        if self._form and _is_file(fields):
            return part
        coded = fields.get(b"content-encoding", "identity") != "identity"
        if not coded and fields.get(b"content-transfer-encoding", "") in _PLAIN_ENCODINGS:
            changed = self._body(body, fields.get(b"content-type", "text/plain"), offset + end.end(), depth)
        else:
            changed = body
        head = self._link_map.map(head, on_change=shifted(self._on_change, offset))
        if len(changed) != len(body):
            head = _with_length(head, len(body), len(changed))
        return head + changed

    def _body(self, body: bytes, content_type: str, offset: int, depth: int) -> bytes:
        if content_type.partition(";")[0].strip() != "application/http":
            return self._rewrite(body, content_type, offset)
        start = _START_LINE.match(body)
        if start is None:
            return body
        line = self._link_map.map(start[0], on_change=shifted(self._on_change, offset))
        return line + self.rewritten(body[start.end() :], offset + start.end(), depth=depth + 1)


def _is_file(fields: Mapping[bytes, str]) -> bool:
    """Say whether a part of a form is a file, and not a field with a type of its own."""
    name = _FILE_NAME.search(fields.get(b"content-disposition", ""))
    kind = fields.get(b"content-type", "").partition(";")[0].strip()
    return name is not None and not (name[1] == _BLOB and kind.endswith(("json", "xml")))


def _with_length(head: bytes, before: int, after: int) -> bytes:
    """Change a Content-Length by as much as the body was changed; a wrong one stays as wrong as it came."""

    def field(found: re.Match[bytes]) -> bytes:
        value = found["value"].strip()
        if found["name"].lower() != b"content-length" or not value.isdigit():
            return found[0]
        length = int(value) + after - before
        return found[0][: found.start("value") - found.start()] + b"%d" % max(length, 0)

    return _FIELD.sub(field, head)
