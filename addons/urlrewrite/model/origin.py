"""Origins and authorities: the server that a URL, a Host field or a cookie names."""

from __future__ import annotations

import re
from dataclasses import dataclass

DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}

_ORIGIN = re.compile(
    r"(?P<scheme>https?|wss?)://(?P<authority>(?:\[[0-9a-f:.]+\]|[^\s\[\]/?#@:\\]+)(?::[0-9]{1,5})?)", re.IGNORECASE
)
# Of a name only what surely is none is refused (RFC 3986, 3.2.2): delimiters, blanks and controls.
_AUTHORITY = re.compile(r"""(\[[0-9a-fA-F:.]+\]|[^\x00-\x20\x7f-\xa0"#/:<>?@\[\\\]^`{|}]+)(?::([0-9]{0,5}))?""")


WILDCARD = "*."
"""How the host of an origin begins that stands for all names below a domain: `*.example.com`."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port (RFC 6454). `host` is in lower case, in A-labels, and an IPv6 address has no brackets.

    Of public names it can be a wildcard, `*.example.com`, and of a backend it can have `{C:1}` in it, which stands for
    what a wildcard stands for, or `{C:0}` for the whole name.
    """

    scheme: str
    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Origin | None:
        """Read a serialized origin such as `https://www.example.com:8443`; None for anything else, such as `null`."""
        found = _ORIGIN.fullmatch(text)
        return origin_of(found["scheme"], found["authority"]) if found else None

    @property
    def is_wildcard(self) -> bool:
        """Whether it stands for all names below a domain."""
        return self.host.startswith(WILDCARD)

    def covers(self, host: str) -> bool:
        """Say whether it is of this host, or a wildcard above it (at any depth, as in IIS)."""
        return host == self.host or (self.is_wildcard and host.endswith(self.host[1:]) and len(host) >= len(self.host))

    @property
    def host_text(self) -> str:
        """The host as URLs have it: an IPv6 address in brackets."""
        return f"[{self.host}]" if ":" in self.host and "{" not in self.host else self.host

    @property
    def has_default_port(self) -> bool:
        """Whether the port is the default of the scheme."""
        return DEFAULT_PORTS.get(self.scheme) == self.port

    @property
    def authority(self) -> str:
        """`host` or `host:port`: without a port where it is the default of the scheme."""
        return self.host_text if self.has_default_port else f"{self.host_text}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"


def parse_authority(text: str) -> tuple[str, int | None] | None:
    """Return host (lower case, no brackets, no trailing dot) and port of `host[:port]`; None if it is not an authority.

    User information (`user@`) is refused: a Host field has none, and what follows it would be another host.
    """
    found = _AUTHORITY.fullmatch(text)
    if not found:
        return None
    host, port = found.groups()
    number = int(port) if port else None
    if number is not None and not 0 < number < 65536:
        return None
    return host.strip("[]").rstrip(".").lower(), number


def origin_of(scheme: str, authority: str) -> Origin | None:
    """Return the http or https origin of a URL with this scheme (ws counts as http) and authority; None
    without a host.
    """
    parsed = parse_authority(authority.rpartition("@")[2])
    scheme = scheme.lower().replace("ws", "http", 1) if scheme.lower().startswith("ws") else scheme.lower()
    return Origin(scheme, parsed[0], parsed[1] or DEFAULT_PORTS[scheme]) if parsed else None
