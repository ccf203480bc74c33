"""Checks of client addresses: patterns that let in others as well."""

from __future__ import annotations

import re
from collections.abc import Iterator

from urlrewrite.lint.registry import Finding, check
from urlrewrite.lint.views import ConditionsView, place, quoted
from urlrewrite.patterns.pattern import Pattern

_ADDRESSES = (
    "REMOTE_ADDR",
    "REMOTE_HOST",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_REAL_IP",
    "HTTP_CLIENT_IP",
    "HTTP_X_CLIENT_IP",
    "HTTP_TRUE_CLIENT_IP",
    "HTTP_CF_CONNECTING_IP",
)
_CLASS = re.compile(r"(\\.)|\[(?:[^\]\\]|\\.)*+\]?")
_WRITTEN = re.compile(r"(?<![\d{,\\])\d{1,3}(?:\\?\.\d{1,3}){0,3}(?:\\?\.(?![*+?{]))?")
_STRANGERS = ("8.8.4.4", "99.31.172.6", "203.0.113.250")
"""Addresses that a pattern for any address matches, and one for some address or network does not."""
_DEADLINE = 0.02
_TRIED = 50
"""Addresses of one pattern that are tried."""


@check(
    "UR240",
    "An address that others match as well",
    ConditionsView,
    means="A pattern for the client's address is found anywhere in it: `10\\.` stands in `210.1.2.3`, too, and "
    "`10.0.0.1` in `10.0.0.17`; `^10` and `^10.*` are how `100.1.2.3` begins. Whoever has such an address is taken for "
    "one of those that were meant.",
    iis="Finds the pattern anywhere in the address.",
    here="The same.",
    write="`^10\\.` for a network, `^10\\.0\\.0\\.1$` for one address.",
)
def open_address(view: ConditionsView) -> Iterator[Finding]:
    for item in view.items:
        if item.pattern is None or not item.asks(*_ADDRESSES):
            continue
        if all(_matches(item.pattern, address) for address in _STRANGERS):
            continue
        for written in list(dict.fromkeys(_WRITTEN.findall(_without_classes(item.item.pattern))))[:_TRIED]:
            if other := _other(written.replace("\\", ""), item.pattern):
                yield Finding(
                    f"the pattern {quoted(item.item.pattern)} for {item.item.input} matches {other} as well, in IIS as "
                    "here: write '^' before an address, '$' behind a whole one, and '\\.' behind a part of one",
                    place(item.item, view),
                )
                break


def _without_classes(text: str) -> str:
    """Return a pattern without its sets of characters, in which digits are no address; `[.]` is a dot."""
    return _CLASS.sub(lambda found: found[1] or "[]", text.replace("[.]", "\\."))


def _other(written: str, pattern: Pattern) -> str:
    """Return an address that is not meant by a written one, or a part of one, and matches; "" for none."""
    octets = written.rstrip(".").split(".")
    address = _completed(octets)
    if not _matches(pattern, address):
        return ""
    longer = [[f"{digit}{octets[0]}", *octets[1:]] for digit in "12"]
    if not written.endswith("."):
        longer += [[*octets[:-1], f"{octets[-1]}{digit}"] for digit in "01"]
    others = map(_completed, longer)
    return next((other for other in others if _is_address(other) and _matches(pattern, other)), "")


def _completed(octets: list[str]) -> str:
    return ".".join([*octets, *["7"] * (4 - len(octets))])


def _matches(pattern: Pattern, text: str) -> bool:
    return pattern.search(text, _DEADLINE) is not None


def _is_address(text: str) -> bool:
    return all(octet == str(int(octet)) and int(octet) < 256 for octet in text.split("."))
