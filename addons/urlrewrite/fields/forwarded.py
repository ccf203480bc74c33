"""The Forwarded field (RFC 7239, 4), read; of what a proxy in front sends, its last element is believed."""

from __future__ import annotations

import re

# Many proxies write ports and IPv6 addresses without the quotes that they need.
_PAIR = re.compile(r"""([!#$%&'*+.^_`|~0-9A-Za-z-]+)=(?:"((?:[^"\\]|\\.)*+)"|([^\s",;]*))""")
_SEPARATOR = re.compile(r"[ \t]*([,;]|$)[ \t]*")


def last_element(value: str) -> dict[str, str]:
    """Return the pairs of the last element of a field line, by lower-case name; none if the line is malformed.

    The proxy that is believed wrote the last element; the ones before may be its client's.
    """
    return elements(value)[-1]


def elements(value: str) -> list[dict[str, str]]:
    """Return the pairs of each element of a field line, by lower-case name; one without any if it is malformed."""
    read: list[dict[str, str]] = [{}]
    place = len(value) - len(value.lstrip(" \t"))
    while place < len(value):
        if pair := _PAIR.match(value, place):
            name, quoted, plain = pair.groups()
            read[-1][name.lower()] = plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
            place = pair.end()
        separator = _SEPARATOR.match(value, place)
        if separator is None:
            return [{}]
        if separator[1] == ",":
            read.append({})
        place = separator.end()
    return read
