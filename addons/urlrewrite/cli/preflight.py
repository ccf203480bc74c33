"""What can prevent a start: a port in use, a missing file, an invalid address.

Each is found before mitmproxy runs, and reported in one line that names the option to change.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

LOOPBACK = "127.0.0.1"


class StartError(Exception):
    """Raised for what prevents a start; the message, one line, names the option to change."""


@dataclass(frozen=True, slots=True)
class Listener:
    """An address that must be free before the start and accept connections after it, and the option that sets it."""

    scheme: str
    host: str
    port: int
    option: str

    @property
    def reachable_host(self) -> str:
        return {"": LOOPBACK, "0.0.0.0": LOOPBACK, "::": "::1"}.get(self.host, self.host)

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def parse_listener(url: str) -> Listener:
    """Parse `http://HOST:PORT` or `https://HOST:PORT`; an empty HOST means every interface.

    Raises:
        ArgumentTypeError: the text is neither.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{url}: {error}") from None
    if parts.scheme not in ("http", "https") or not port or parts.path.strip("/") or parts.query or parts.username:
        raise argparse.ArgumentTypeError(f"{url}: expected http://HOST:PORT or https://HOST:PORT")
    return Listener(parts.scheme, parts.hostname or "", port, "--listen")


def parse_port(text: str) -> int:
    """Parse a TCP port, 1 to 65535.

    Raises:
        ArgumentTypeError: the text is not a port.
    """
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"{text}: expected a port, 1 to 65535")
    return int(text)


def free_port() -> int:
    """Return a port of loopback on which nobody listens just now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def require_free(listeners: Sequence[Listener]) -> None:
    """Bind every listener for a moment, all at once: two may want the same port.

    Raises:
        StartError: an address is in use or cannot be bound.
    """
    with contextlib.ExitStack() as stack:
        for listener in listeners:
            # https also speaks HTTP/3, which is UDP
            kinds = [socket.SOCK_STREAM, socket.SOCK_DGRAM] if listener.scheme == "https" else [socket.SOCK_STREAM]
            for kind in kinds:
                _bind(listener, kind, stack)


def _bind(listener: Listener, kind: socket.SocketKind, stack: contextlib.ExitStack) -> None:
    try:
        found = socket.getaddrinfo(listener.host or None, listener.port, type=kind, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise StartError(f"{listener.host}: {error.strerror}; change {listener.option}") from None
    for family, _, _, _, address in found:
        try:
            probe = stack.enter_context(socket.socket(family, kind))
            if kind is socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.bind(address)
            if kind is socket.SOCK_STREAM:
                probe.listen(1)
        except OSError as error:
            where = f"port {listener.port}" + (f" on {listener.host}" if listener.host else "")
            if error.errno == errno.EADDRINUSE:
                raise StartError(f"{where} is taken; choose another with {listener.option}") from None
            if error.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL) and not listener.host:
                continue  # a machine without IPv6
            raise StartError(f"{where}: {error.strerror}; change {listener.option}") from None


def require_files(rules: Sequence[str]) -> list[Path]:
    """Return the rule files as absolute paths.

    Raises:
        StartError: a file cannot be read.
    """
    for name in rules:
        try:
            Path(name).open("rb").close()
        except OSError as error:
            raise StartError(f"rule file {name}: {error.strerror}; name a readable file as RULES") from None
    return [Path(name).absolute() for name in rules]
