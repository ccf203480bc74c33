"""The hosts of backends that are looked for, made ready once for all sites.

Bytes without a name cost a few searches at the speed of memory, of as many texts as the hosts have in common.
"""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass

from urlrewrite.content.links.host_search import CombinedSearch, Search, host_search
from urlrewrite.content.links.host_spellings import host_spellings
from urlrewrite.inspector.names.encoded import Form, digits_of, forms_of
from urlrewrite.inspector.names.escapes import READINGS, Reading, compiled

WIDTHS = {2: "UTF-16", 4: "UTF-32"}
"""Bytes a character of the encodings in which the letters of a host do not stand side by side."""

type _Begins = tuple[tuple[bytes, re.Pattern[bytes]], ...]
"""Expressions, each with the byte that it begins with."""


@dataclass(frozen=True, slots=True)
class SoughtHosts:
    """Some hosts, to be found in every spelling.

    `hosts` has them by their spellings in lower case, of which `plain` is the search. `wide` are texts of which one is
    in bytes where a host is of several bytes a character, by their number. `readings` are the ways to read escapes,
    each with what begins one in a host, and `escapes` are all of these. `forms` are those of the hosts, or of what many
    have in common, where they are encoded.
    """

    hosts: MutableMapping[bytes, str]
    plain: Search
    wide: Mapping[int, frozenset[bytes]]
    readings: tuple[tuple[Reading, _Begins], ...]
    escapes: _Begins
    forms: tuple[Form, ...]

    def __or__(self, other: SoughtHosts) -> SoughtHosts:
        """Return the hosts of both."""
        if not (self.hosts and other.hosts):
            return self if self.hosts else other
        readings = zip(self.readings, other.readings, strict=True)
        return SoughtHosts(
            ChainMap(other.hosts, self.hosts),
            CombinedSearch(self.plain, other.plain),
            {step: signs | other.wide[step] for step, signs in self.wide.items()},
            tuple((reading, begins + others) for (reading, begins), (_, others) in readings),
            self.escapes + other.escapes,
            self.forms + other.forms,
        )

    def may_occur(self, data: bytes) -> bool:
        """Do a quick test, at the speed of memory: False is certain."""
        lower = data.lower()
        return (
            self.plain.occurs(lower)
            or any(self.may_be_wide(lower, step) for step in self.wide)
            or any(lead in lower and escape.search(lower) for lead, escape in self.escapes)
            or self._may_be_encoded(data, lower)
        )

    def may_be_wide(self, lower: bytes, step: int) -> bool:
        """Do a quick test for hosts of so many bytes a character."""
        return b"\0" in lower and any(sign in lower for sign in self.wide[step])

    def _may_be_encoded(self, data: bytes, lower: bytes) -> bool:
        digits = digits_of(lower)
        return any(form.occurs(data, lower, digits) for form in self.forms)


def sought_hosts(hosts: Iterable[str]) -> SoughtHosts:
    """Make some hosts ready to be looked for."""
    names = list(dict.fromkeys(hosts))
    spellings = {spelling: host for host in names for spelling in host_spellings(host)}
    letters = [f"[{host}]".encode() if ":" in host else host.encode() for host in names]
    triggers = [(reading, reading.triggers(letters)) for reading in READINGS] if letters else []
    plain = host_search(frozenset(spellings))
    return SoughtHosts(
        spellings,
        plain,
        {step: frozenset(interleaved(sign, step) for sign in plain.signs) for step in WIDTHS},
        tuple((reading, compiled(found)) for reading, found in triggers),
        compiled([trigger for _, found in triggers for trigger in found]),
        tuple(forms_of(letters)),
    )


def interleaved(text: bytes, step: int) -> bytes:
    """Return a text as it is in an encoding of so many bytes a character, from its first letter to its last."""
    return (b"\0" * (step - 1)).join(text[at : at + 1] for at in range(len(text)))
