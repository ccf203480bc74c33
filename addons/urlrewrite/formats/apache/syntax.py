r"""The lines of an Apache configuration, their words, and the flags of rewriting directives.

(Apache HTTP Server 2.4 documentation, "Configuration Files", "RewriteRule Flags".)
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from urlrewrite.formats.wording import shown, suggestion


class DirectiveError(ValueError):
    """What is wrong with a line or a part of it; `offset` counts characters from the part's start."""

    def __init__(self, message: str, offset: int = 0) -> None:
        super().__init__(message)
        self.offset = offset


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the file with its continuation lines; `number` is that of the first."""

    number: int
    text: str


def logical_lines(text: str) -> Iterator[Line]:
    r"""Yield the lines, joined where one ends in `\`. The last line of the file keeps a `\` at its end."""
    parts: list[str] = []
    first = 0
    lines = re.split(r"\r\n|\n|\r", text.rstrip())
    for number, line in enumerate(lines, 1):
        first = first or number
        if line.endswith("\\") and number < len(lines):
            parts.append(line[:-1])
            continue
        yield Line(first, "".join((*parts, line)).strip(" \t\f\v"))
        parts, first = [], 0


def split_words(text: str) -> tuple[str, ...]:
    r"""Split a line into words; quotes around a word are removed, and a `\` before a blank or a quote.

    Raises:
        DirectiveError: a quote that is not closed, or a `\` at the end.
    """
    words = []
    position = 0
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        quote = text[position] if text[position] in "\"'" else ""
        start = position
        position += len(quote)
        word: list[str] = []
        while position < len(text) and not (text[position] == quote if quote else text[position].isspace()):
            if text[position] == "\\":
                if position + 1 == len(text):
                    raise DirectiveError(r"got \ at the end, expected a line that it continues on", position)
                following = text[position + 1]
                word.append(following if following.isspace() or following == quote else f"\\{following}")
                position += 2
            else:
                word.append(text[position])
                position += 1
        if quote and position == len(text):
            raise DirectiveError(f"got {quote} without the one that closes it", start)
        position += len(quote)
        words.append("".join(word))
    return tuple(words)


class Flag(StrEnum):
    """Flags of RewriteRule and RewriteCond, by Apache's long names."""

    BACKREF_ESCAPE = "backrefescape"
    BACKREF_CONTROLS = "bctls"
    BACKREF_NOT_ESCAPED = "bne"
    BACKREF_NO_PLUS = "backrefnoplus"
    CHAIN = "chain"
    COOKIE = "cookie"
    DISCARD_PATH = "discardpath"
    ENV = "env"
    END = "end"
    FORBIDDEN = "forbidden"
    GONE = "gone"
    HANDLER = "handler"
    LAST = "last"
    NEXT = "next"
    NO_CASE = "nocase"
    NO_ESCAPE = "noescape"
    NO_SUBREQUEST = "nosubreq"
    NO_VARY = "novary"
    OR_NEXT = "ornext"
    PASS_THROUGH = "passthrough"
    PROXY = "proxy"
    QUERY_APPEND = "qsappend"
    QUERY_DISCARD = "qsdiscard"
    QUERY_LAST = "qslast"
    REDIRECT = "redirect"
    SKIP = "skip"
    TYPE = "type"
    UNSAFE_ALLOW_3F = "unsafeallow3f"
    UNSAFE_PREFIX_STAT = "unsafeprefixstat"
    UNC = "unc"


_SHORT = """b backrefescape, bnp backrefnoplus, c chain, co cookie, dpi discardpath, e env, f forbidden, g gone,
    h handler, l last, n next, nc nocase, ne noescape, ns nosubreq, p proxy, pt passthrough, qsa qsappend,
    qsd qsdiscard, qsl qslast, r redirect, s skip, t type"""
_CONDITION_FLAGS = (Flag.NO_CASE, Flag.OR_NEXT, Flag.NO_VARY)

RULE_FLAGS: Mapping[str, Flag] = {
    **{flag.value: flag for flag in Flag if flag not in _CONDITION_FLAGS[1:]},
    **{short: Flag(name) for short, name in (pair.split() for pair in _SHORT.split(","))},
}
"""The flags of RewriteRule by every name in lower case."""

CONDITION_FLAGS: Mapping[str, Flag] = {
    **{flag.value: flag for flag in _CONDITION_FLAGS},
    "nc": Flag.NO_CASE,
    "or": Flag.OR_NEXT,
    "nv": Flag.NO_VARY,
}
"""The flags of RewriteCond by every name in lower case."""

type Flags = tuple[tuple[Flag, str], ...]
"""Flags with their values ("" without one) in order; `env` and `cookie` may occur several times."""


def parse_flags(text: str, known: Mapping[str, Flag] = RULE_FLAGS) -> Flags:
    """Parse flags, such as `[R=301,L]`.

    Raises:
        DirectiveError: no brackets, blanks between the flags, or a flag that there is not.
    """
    if len(text) < 2 or text[0] != "[" or text[-1] != "]":
        raise DirectiveError(
            f"got the flags {shown(text)}, expected them in brackets and without blanks, as in [R=301,L]"
        )
    found = []
    for item in text[1:-1].split(","):
        name, _, value = item.partition("=")
        if not (flag := known.get(name.lower())):
            names = (short.upper() for short in known if len(short) <= 3)
            blank = "; no blank may stand in a list of flags" if item != item.strip() else ""
            raise DirectiveError(
                f"got the flag {shown(item)}, expected one of Apache's{blank or suggestion(name, names)}"
            )
        found.append((flag, value))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Cookie:
    """The value of the flag CO. `lifetime` is in minutes, 0 for the session; `domain` is None where it is empty."""

    name: str
    value: str
    domain: str | None
    lifetime: int = 0
    path: str = ""
    secure: bool = False
    http_only: bool = False


_TRUE = frozenset(("secure", "httponly", "true", "1"))


def parse_cookie(value: str) -> Cookie:
    """Parse the flag CO: `NAME:VALUE:DOMAIN[:lifetime[:path[:secure[:httponly]]]]`, or with `;` for `:` and first.

    Raises:
        DirectiveError: no name, no domain, or a lifetime that is no number of minutes.
    """
    fields = [field.strip() for field in (value[1:].split(";") if value.startswith(";") else value.split(":"))]
    if len(fields) < 3 or not fields[0]:
        raise DirectiveError(f"got the cookie {shown(value)}, expected NAME:VALUE:DOMAIN[:lifetime[:path...]]")
    name, text, domain, lifetime, path, secure, http_only, *_ = (*fields, "", "", "", "")
    if lifetime and not (lifetime.isascii() and lifetime.isdigit()):
        raise DirectiveError(f"got the cookie {shown(value)}, expected its lifetime as a whole number of minutes")
    return Cookie(
        name,
        text,
        domain.strip("; ") or None,
        int(lifetime[:18] or "0"),
        path,
        secure.lower() in _TRUE,
        http_only.lower() in _TRUE,
    )
