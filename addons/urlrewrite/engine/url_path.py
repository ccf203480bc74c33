r"""The URL a rule sees, and the way back to the bytes that the client sent.

IIS matches patterns against the *cooked* path: percent-decoded as UTF-8, `\` turned into `/`, repeated slashes merged,
dot segments removed, without the leading slash (IIS URL Rewrite Module configuration reference, "Accessing URL parts
from a rewrite rule"). `%uXXXX` is a character, too, as for http.sys (Microsoft, "Http.sys registry settings for
Windows", PercentUAllowed). A back-reference taken from the cooked path would lose `%2F`, so a `CookedPath` remembers
for every character where in the sent path it came from: what a rule hands on unchanged stays byte for byte what the
client wrote.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

SEPARATOR = r"(?:/|\\|%(?:[uU]00)?(?:2[fF]|5[cC]))"
DOTS = r"(?:\.|%(?:[uU]00)?2[eE]){1,2}"
_DOT_SEGMENT = re.compile(f"{SEPARATOR}{DOTS}(?={SEPARATOR}|$)")
_SEGMENT = re.compile(f"({SEPARATOR})((?:(?!{SEPARATOR}).)*)", re.DOTALL)
_FIRST_SEPARATOR = re.compile(SEPARATOR)
_ESCAPED_DOT = re.compile("%(?:u00)?2e", re.IGNORECASE)
_PERCENT_RUN = re.compile(r"(?:%[0-9a-fA-F]{2})+|(?:%[uU][0-9a-fA-F]{4})+")
_NOT_IN_URL = re.compile(
    r"%(?![0-9a-fA-F]{2}|[uU][0-9a-fA-F]{4})|[^\x21\x23-\x3b\x3d\x3f-\x5b\x5d\x5f\x61-\x7a\x7c\x7e%]"
)
_LEFT_AWAY = re.compile(r"(?:;|(?<!:):++\$)[^/]*")
_TRAILING = re.compile(r"(?<![. ])[. ]++(?=/|$)")
_DECODED = re.compile(r"[^\x21\x23\x24\x26-\x3b\x3d\x3f-\x5b\x5d\x5f\x61-\x7a\x7c\x7e]")


def encode_url(text: str) -> str:
    """Percent-encode what may not stand in a URL; escapes that are there already are kept.

    Undecodable bytes, carried as surrogates, become their own escapes again.
    """
    return _NOT_IN_URL.sub(_escape, text)


def encode_again(text: str) -> str:
    """Percent-encode a URL's path as IIS does, which treats it as decoded: an escape in it is escaped once more."""
    path, mark, query = text.partition("?")
    return _DECODED.sub(_escape, path) + mark + encode_url(query)


def _escape(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found[0].encode("utf-8", "surrogateescape"))


def remove_dot_segments(raw: str) -> str:
    r"""Return a `raw` path without `.` and `..` segments, however they are written; the same object if it has none.

    It begins with `/`, even if the segment that comes first now stood behind `%2F` or `\`.
    """
    if not _DOT_SEGMENT.search(raw):
        return raw
    kept: list[str] = []
    last = len(raw)
    for found in _SEGMENT.finditer(raw):
        separator, segment = found.groups()
        dots = _ESCAPED_DOT.sub(".", segment)
        if dots in (".", ".."):
            if dots == ".." and kept:
                kept.pop()
            if found.end() == last:
                kept.append(separator)
        else:
            kept.append(separator + segment)
    return _FIRST_SEPARATOR.sub("/", "".join(kept), count=1) or "/"


def as_served(path: str) -> str:
    """Return a decoded path without what some servers take away from its segments before they look for a file.

    Servers of Java take path parameters away (`;x`), Windows dots and blanks at the end, and the default stream of a
    file or directory (`::$DATA`, `:$I30:$INDEX_ALLOCATION`): all of them serve `/private/x` for it.
    """
    return _TRAILING.sub("", _LEFT_AWAY.sub("", path))


class CookedPath:
    """A path as rules match it. `raw` begins with `/`; `text` is the pattern's input, without the leading slash."""

    __slots__ = ("_offsets", "raw", "text")

    def __init__(self, raw: str) -> None:
        self.raw = remove_dot_segments(raw if raw.startswith("/") else "/" + raw)
        self.text = self.raw[1:]
        self._offsets: list[int] | None = None
        if "%" in self.raw or "\\" in self.raw or "//" in self.raw:
            self.text, self._offsets = _cook(self.raw)

    def below(self, directory: str) -> int:
        """Return where in `text` the path below a directory (without slashes at its ends) begins; -1 outside of it."""
        length = len(directory)
        if self.text[:length].lower() != directory.lower():
            return -1
        if len(self.text) == length:
            return length
        return length + 1 if self.text[length] == "/" else -1

    def raw_below(self, directory: str) -> str | None:
        """Return the path below a directory as the client wrote it, beginning with `/`; None outside of it."""
        if not directory:
            return self.raw
        if self.below(directory) < 0:
            return None
        end = len(directory)
        start = end + 1 if self._offsets is None else self._offsets[end]
        rest = self.raw[start:]
        if not rest.startswith("/"):
            # The slash itself may be escaped.
            rest = "/" + self.raw_slice(end + 1, len(self.text))
        return rest

    def raw_slice(self, start: int, end: int) -> str:
        """Return what the client wrote for `text[start:end]`."""
        if self._offsets is None:
            return self.raw[start + 1 : end + 1]
        return self.raw[self._offsets[start] : self._offsets[end]] if end > start else ""


def _cook(raw: str) -> tuple[str, list[int]]:
    """Return the decoded path without its leading slash, and the offset in `raw` of each character and of the end."""
    characters: list[str] = []
    offsets: list[int] = []

    def put(character: str, offset: int) -> None:
        character = "/" if character == "\\" else character
        if character == "/" and characters and characters[-1] == "/":
            return
        characters.append(character)
        offsets.append(offset)

    position = 0
    for run in _PERCENT_RUN.finditer(raw):
        for offset in range(position, run.start()):
            put(raw[offset], offset)
        offset = run.start()
        for character, length in _decoded(run[0]):
            put(character, offset)
            offset += length
        position = run.end()
    for offset in range(position, len(raw)):
        put(raw[offset], offset)
    return "".join(characters[1:]), [*offsets[1:], len(raw)]


def _decoded(run: str) -> Iterator[tuple[str, int]]:
    """Yield the characters of a run of escapes of one kind, each with the length of its escapes."""
    if run[1] in "uU":
        units = bytes.fromhex(run.replace("%u", "").replace("%U", ""))
        for character in units.decode("utf-16-be", "replace"):
            yield character, 12 if character > "\uffff" else 6
    else:
        for character in bytes.fromhex(run.replace("%", "")).decode("utf-8", "surrogateescape"):
            yield character, 3 * len(character.encode("utf-8", "surrogateescape"))


def split_target(target: str) -> tuple[str, str | None]:
    """Split a request target into path and query; the query is None where there is no `?`."""
    path, mark, query = target.partition("?")
    return path, query if mark else None
