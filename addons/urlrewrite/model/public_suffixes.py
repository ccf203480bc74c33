"""Public suffixes: domains below which anybody can have a name, such as `com` and `co.uk`."""

from __future__ import annotations

from functools import cache

from publicsuffixlist import PublicSuffixList


def is_public_suffix(host: str) -> bool:
    """Say whether browsers refuse cookies of this domain, by the list that `publicsuffixlist` carries."""
    return _suffixes().is_public(host)


def is_known_suffix(label: str) -> bool:
    """Say whether a last label is one of the public domain name system, by the same list."""
    return _suffixes().is_public(label)


@cache
def _suffixes() -> PublicSuffixList:
    """Read the list on first use, which takes a tenth of a second; of a last label that it lacks, nothing is known."""
    return PublicSuffixList(accept_unknown=False)
