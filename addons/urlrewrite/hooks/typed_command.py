"""mitmproxy's decorator of a command, with types."""

from __future__ import annotations

from collections.abc import Callable

from mitmproxy import command


def typed_command[F: Callable[..., object]](name: str) -> Callable[[F], F]:
    """Return the decorator of a command."""
    decorator: Callable[[F], F] = command.command(name)
    return decorator
