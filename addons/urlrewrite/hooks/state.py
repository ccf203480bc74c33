"""What the hooks share: the rules in force and the exchanges under way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from secrets import token_hex
from time import monotonic
from typing import Any

from urlrewrite.content.asset_memory import AssetMemory
from urlrewrite.exchange.exchange import Exchange
from urlrewrite.exchange.response import ResponseHead
from urlrewrite.exchange.responses import Forward, LocalResponse
from urlrewrite.exchange.rules_in_force import RulesInForce
from urlrewrite.farms.attempts import Attempts
from urlrewrite.farms.registry import Registry
from urlrewrite.hooks.idle_connections import IdleConnections
from urlrewrite.hooks.leak_watch import LeakWatch
from urlrewrite.inspector.asking.answers import Asked
from urlrewrite.inspector.figures.statistics import Statistics
from urlrewrite.model.farms import DEFAULT_CONNECTIONS, DEFAULT_TIMEOUTS, BackendTls, Connections, Timeouts
from urlrewrite.witness.watched import Watched

UPLOAD_HELD = 8 * 2**20
"""Bytes up to which the body of a request is held, so that mitmweb can show it, and its length is known."""

type Stream = Callable[[bytes], list[bytes]]


@dataclass(slots=True)
class Hold:
    """How long a body may be held: up to `size` bytes, and up to `seconds` after its first piece.

    `release` is called, with the number of bytes held, when either is over. It returns the callable for the stream, and
    may change the fields of the response, which are sent next. `timed` says that a timer runs.
    """

    size: int
    seconds: float
    release: Callable[[int], Stream]
    timed: bool = False


@dataclass(frozen=True, slots=True)
class TlsWanted:
    """The TLS that a request wants its backend to be spoken to by: the backend's name, what a rule file says of it."""

    name: str
    settings: BackendTls

    @property
    def sni(self) -> str:
        """The name that the certificate must have."""
        return self.settings.name or self.name


@dataclass(slots=True)
class Live:
    """An exchange under way; `timeouts` is how long its backend is waited for, `tls` the TLS that it is spoken to by,
    `keep_alive` whether its connection may serve a further request, `hold` the one on its response's body.

    `own` says that the response is ours; `failed` that it was replaced by an error, which is `unsent` as long as it is.
    `needs_http1` says that the client was told to repeat its request over HTTP/1.1.
    `upload_dropped` says that the body of the request is not kept, since nobody will read it; `uploaded` counts the
    bytes of one that is streamed. `original` is the
    response as the backend sent it (`hooks/originals.py`), None where there is none to keep; `sent` is a copy of a body
    that was streamed to the client, and `watch` looks at such a body for leaks.
    """

    exchange: Exchange
    timeouts: Timeouts = DEFAULT_TIMEOUTS
    tls: TlsWanted | None = None
    keep_alive: bool = True
    connections: Connections = DEFAULT_CONNECTIONS
    needs_http1: bool = False
    attempts: Attempts | None = None
    forward: Forward | None = None
    head: ResponseHead | None = None
    hold: Hold | None = None
    own: bool = False
    failed: bool = False
    upload_dropped: bool = False
    uploaded: int = 0
    unsent: list[LocalResponse] = field(default_factory=list)
    original: dict[str, Any] | None = None
    sent: bytes | None = None
    watch: LeakWatch | None = None


@dataclass(slots=True)
class State:
    """One per bundle. `live` holds exchanges by flow id, from their request until their response or error.

    `memory` is what pages were told of files since the rule files were loaded. `keeps_flows` tells that somebody may
    look at flows, in a list or a saved file, and `keeps_originals` that responses are kept with them as backends sent
    them.
    """

    in_force: RulesInForce | None = None
    farms: Registry = field(default_factory=lambda: Registry(Random()))
    idle: IdleConnections = field(default_factory=IdleConnections)
    memory: AssetMemory = field(default_factory=AssetMemory)
    attempts: dict[str, Attempts] = field(default_factory=dict)
    """Requests to farms under way, by flow id, until they are counted off."""
    live: dict[str, Live] = field(default_factory=dict)
    statistics: Statistics = field(default_factory=Statistics)
    asked: dict[str, Asked] = field(default_factory=dict)
    """Experiments on requests, by flow id."""
    watched: Watched = field(default_factory=lambda: Watched(token_hex(16), monotonic))
    """What browsers said of their pages."""
    keeps_flows: bool = True
    keeps_originals: bool = True
