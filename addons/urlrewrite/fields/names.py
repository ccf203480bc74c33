"""The values that this whole room works with: field lines, origins, the caller's functions, and a change."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from urlrewrite.fields.reasons import GivenReason
from urlrewrite.model.origin import Origin, parse_authority


class NameMap(NamedTuple):
    """The functions and origins by which a field value is mapped from the backend's names to the public ones.

    `map_text` maps every absolute or scheme-relative URL of a backend in a text, in any spelling, and leaves the rest
    alone. `map_bare` maps a bare authority (`host` or `host:port`), or returns None. `map_path`, where the public site
    is mounted under another path, maps a path (no query); `map_cookie_path` does so for the path of a cookie, which may
    cover more. `map_cookie_value`, where given, maps the value of a cookie.
    """

    public: Origin
    backend: Origin
    map_text: Callable[[str], str]
    map_bare: Callable[[str], str | None]
    map_path: Callable[[str], str] | None = None
    map_cookie_value: Callable[[str], str] | None = None
    map_cookie_path: Callable[[str], str] | None = None


class Change(NamedTuple):
    """One field line that was changed, or that a person should look at (`warning`).

    `before` is None for a line that was added, `after` for one that was removed; a warning may have both the same.
    It is a tuple, as each message has a dozen of them, and a frozen dataclass takes four times as long to make.
    """

    field: str
    before: str | None
    after: str | None
    whys: tuple[GivenReason, ...]
    warning: bool = False

    @property
    def why(self) -> str:
        """The reasons as a person reads them."""
        return "; ".join(map(str, self.whys))


def host_of(authority: str) -> str:
    """Return the host of `host[:port]`: lower case, no brackets, no trailing dot; other texts in lower case."""
    parsed = parse_authority(authority)
    return parsed[0] if parsed else authority.lower()


@lru_cache(maxsize=1024)  # asked for every request, and most requests come from a few clients
def ip_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the address that a host literal stands for (an IPv4-mapped IPv6 address as IPv4), or None for a name."""
    try:
        address = ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def is_loopback(host: str) -> bool:
    """Say whether browsers know without DNS that a host is this machine (W3C Secure Contexts, 3.1)."""
    address = ip_address(host)
    return address.is_loopback if address else host == "localhost" or host.endswith(".localhost")
