"""The links of style sheets. Namespaces stay, and so do comments unless asked for; `/*# sourceMap` is not one."""

from __future__ import annotations

import re

from urlrewrite.content.held import Held, Unfinished
from urlrewrite.content.html.references import in_style
from urlrewrite.content.links.link_map import LinkMap, OnChange, shifted
from urlrewrite.content.links.mounts import Paths
from urlrewrite.content.splicing import map_around

# What looks like a comment in a string or a URL is not one. A string ends with its line, and everything with the style
# sheet (CSS Syntax 3, 4.3): so no text is read twice for something that has no end.
_TOKEN = re.compile(
    rb"(?P<leave>)(?:/\*(?!#).*?(?:\*/|(?P<comment>\Z))|@namespace[^;]*+(?:;|(?P<namespace>\Z)))"
    rb"|\"(?:[^\"\\\n]|\\.)*+(?:[\"\n]|(?P<double>\\?\Z))|'(?:[^'\\\n]|\\.)*+(?:['\n]|(?P<single>\\?\Z))"
    rb"|url\(\s*+(?![\"'])[^)]*+(?:\)|(?P<url>\Z))",
    re.DOTALL | re.IGNORECASE,
)
_COMPLETE = (None, "leave")
"""The last group of a token that has ended; of one at whose end the style sheet ends, it tells which it is."""
_SLASH_OF_SCRIPTS = re.compile(rb"\\u\{0*(?:2f|3a)\Z", re.IGNORECASE)
_MAX_SLASH_LENGTH = 64
_MAX_RULE_LENGTH = 1 << 20


def map_css(
    data: bytes, link_map: LinkMap, on_change: OnChange, paths: Paths | None = None, *, comments: bool = False
) -> bytes:
    """Return a whole style sheet with its links mapped, with `paths` also those without a host.

    With `comments` links in comments are mapped, too, if they have a host.
    """

    def mapped(part: bytes, on_part: OnChange) -> bytes:
        if paths is None:
            return link_map.map(part, on_change=on_part)
        return map_around(part, paths.changes(part, in_style(part)), link_map, on_part)

    pieces: list[bytes] = []
    position = 0
    for token in _TOKEN.finditer(data):
        if token["leave"] is None:
            continue
        before = data[position : token.start()]
        left = token[0]
        if comments and left.startswith(b"/*"):
            left = link_map.map(left, on_change=shifted(on_change, token.start()))
        pieces += (mapped(before, shifted(on_change, position)), left)
        position = token.end()
    pieces.append(mapped(data[position:], shifted(on_change, position)))
    return b"".join(pieces)


class StyleSheet:
    """A style sheet that comes in chunks. An unfinished rule is held back."""

    def __init__(
        self, link_map: LinkMap, on_change: OnChange, paths: Paths | None = None, *, comments: bool = False
    ) -> None:
        self._comments = comments
        self._link_map = link_map
        self._paths = paths
        self._on_change = on_change
        self._unfinished = Unfinished()
        self._offset = 0

    @property
    def held(self) -> Held:
        """The unfinished rule."""
        return self._unfinished.held

    def feed(self, chunk: bytes) -> bytes:
        """Take the next bytes; return all complete rules."""
        self._unfinished.add(chunk)
        if not self._unfinished.worth_reading:
            return b""
        data = self._unfinished.whole()
        end = _end_of_rules(data)
        if not end and len(data) > _MAX_RULE_LENGTH:
            end = len(data)
        self._unfinished.keep(data[end:])
        return self._mapped(data[:end])

    def finish(self) -> bytes:
        """End the style sheet; return all that was held back."""
        rest = self._unfinished.whole()
        self._unfinished.keep(b"")
        return self._mapped(rest)

    def _mapped(self, rules: bytes) -> bytes:
        offset = self._offset
        self._offset += len(rules)
        on_change = shifted(self._on_change, offset)
        return map_css(rules, self._link_map, on_change, self._paths, comments=self._comments) if rules else b""


def _end_of_rules(data: bytes) -> int:
    """Return where the last complete rule ends, so that no token and no URL extends beyond it."""
    end = _end_of_rule(data, len(data))
    before: list[tuple[int, int]] = []
    for token in _TOKEN.finditer(data):
        if token.start() >= end:
            break
        if token.end() > end or token.lastgroup not in _COMPLETE:
            end = _end_of_rule(data, token.start())
            break
        before.append(token.span())
    for first, last in reversed(before):
        if first < end < last:
            end = _end_of_rule(data, first)
    return end


def _end_of_rule(data: bytes, until: int) -> int:
    r"""Return where the last rule before `until` ends, 0 for none; `\u{2f}`, a slash in scripts, ends none."""
    while (brace := data.rfind(b"}", 0, until)) >= 0:
        if _SLASH_OF_SCRIPTS.search(data, max(0, brace - _MAX_SLASH_LENGTH), brace) is None:
            return brace + 1
        until = brace
    return 0
