"""What is known of a body that is rewritten whole, so that those who look at it later need not read all of it again."""

from __future__ import annotations


class Reading:
    """Knowledge of one body; of any other that is asked about, the worst is supposed."""

    def __init__(self) -> None:
        self._lowered: tuple[bytes, bytes] = b"", b""
        self._told: bytes | None = None
        self._names_hosts = self._vouches = True

    def lower(self, data: bytes) -> bytes:
        """Return some bytes in lower case; asked again for the same object, without doing it again."""
        if data is not self._lowered[0]:
            self._lowered = data, data.lower()
        return self._lowered[1]

    def tell(self, body: bytes, *, names_hosts: bool, vouches: bool) -> None:
        """Take note of a rewritten body: whether a host may be named in it, and whether it may vouch for code."""
        self._told, self._names_hosts, self._vouches = body, names_hosts, vouches

    def forget(self) -> None:
        """Let go of all: what refers to this may live on for a while."""
        self._lowered, self._told = (b"", b""), None

    def names_hosts(self, body: bytes) -> bool:
        """Say whether a host of the link map may be named in a rewritten body."""
        return self._names_hosts or body is not self._told

    def vouches(self, body: bytes) -> bool:
        """Say whether a rewritten page may have digests of files, or policies of its own."""
        return self._vouches or body is not self._told
