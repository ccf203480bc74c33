"""What the running proxy and the running demo have in common for a client: their addresses and whom to trust."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from e2e.support.service import Service


@dataclass(frozen=True)
class Published:
    """A site on loopback; `confdir` holds its certificate authority."""

    service: Service
    https_port: int
    http_port: int
    confdir: Path

    @property
    def https(self) -> str:
        """The public origin over TLS."""
        return f"https://localhost:{self.https_port}"

    @property
    def http(self) -> str:
        """The public origin without TLS."""
        return f"http://localhost:{self.http_port}"

    @property
    def ca(self) -> Path:
        """The PEM file that a client must trust."""
        return self.confdir / "mitmproxy-ca-cert.pem"
