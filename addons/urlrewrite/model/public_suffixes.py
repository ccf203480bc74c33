"""Public suffixes: domains below which anybody can have a name, such as `com` and `co.uk`."""

from __future__ import annotations

from functools import cache

from publicsuffixlist import PublicSuffixList


def is_public_suffix(host: str) -> bool:
    """Say whether anybody can have a name below a domain, by the list that `publicsuffixlist` carries.

    Browsers refuse cookies of such a domain. A last label that is none is not of the public domain name system.
    """
    return _suffixes().is_public(host)


def registrable(host: str) -> str:
    """Return the registered domain of a host, by which browsers tell sites apart; else the host itself."""
    host = host.lower().rstrip(".")
    return _suffixes().privatesuffix(host) or host


@cache
def _suffixes() -> PublicSuffixList:
    """Read the list on first use, which takes a tenth of a second; of a last label that it lacks, nothing is known."""
    return PublicSuffixList(accept_unknown=False)
