"""Experiments on requests: a person lets a backend be asked again with one thing changed, from the page Why broken."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from mitmproxy.log import ALERT

from urlrewrite.hooks.backend_client import ask
from urlrewrite.hooks.state import State
from urlrewrite.inspector.asking.answers import Answer, Asked
from urlrewrite.inspector.asking.request_changes import SAFE_METHODS
from urlrewrite.inspector.experiments.judging import Seen
from urlrewrite.inspector.experiments.requests import CannotAsk, asked_again
from urlrewrite.inspector.pages.error import PageError
from urlrewrite.inspector.recorded_exchange import Snapshot
from urlrewrite.trace.text import shown

logger = logging.getLogger("urlrewrite.inspector")

MAX_SECONDS = 40.0
"""How long an experiment may take."""

MAX_ONE = 10.0
"""How long a backend is waited for."""

MAX_KEPT = 50
"""Experiments that are kept, the newest."""

_PLANNING = 1.0


class Experiments:
    """Makes experiments, one at a time; `current` takes a snapshot of the proxy."""

    def __init__(self, state: State, current: Callable[[], Awaitable[Snapshot]]) -> None:
        self._state = state
        self._current = current
        self._under_way = asyncio.Lock()

    async def act(self, asked: Mapping[str, Any]) -> None:
        """Do what the page Why broken asks for: `{flow, confirmed}`, where `confirmed` says that a person was told what
        a method that is not safe may do once more.

        Raises:
            PageError: it cannot be done, or not without asking first.
        """
        if self._under_way.locked():
            raise PageError("another experiment is under way: wait until it has ended")
        async with self._under_way:
            experiment = await self._plan(str(asked.get("flow") or ""), confirmed=asked.get("confirmed") is True)
            await run(experiment)

    async def _plan(self, flow_id: str, *, confirmed: bool) -> Asked:
        snapshot = await self._current()
        exchange, rules = snapshot.find(flow_id), snapshot.rules
        if exchange is None or rules is None:
            raise PageError(f"got the flow {shown(flow_id, 80)}, expected one of those that are kept")
        if exchange.request.method not in SAFE_METHODS and not confirmed:
            method = shown(exchange.request.method, 40)
            raise PageError(f"{method} may change something at the backend, once for each request: confirm that first")
        until = time.monotonic() + _PLANNING
        try:
            planned = await asyncio.to_thread(asked_again, exchange, rules, Seen(snapshot.exchanges), until)
        except CannotAsk as error:
            raise PageError(f"this request cannot be sent again: {error}") from None
        kept = self._state.asked
        kept.pop(exchange.flow_id, None)
        kept[exchange.flow_id] = planned
        while len(kept) > MAX_KEPT:
            del kept[next(iter(kept))]
        logger.log(ALERT, "%s is asked again, with one thing changed at a time", shown(exchange.request.url, 200))
        return planned


async def run(experiment: Asked, seconds: float = MAX_SECONDS) -> None:
    """Send the requests of an experiment one after the other, as long as something is to be learned, and time left."""
    until = time.monotonic() + seconds
    while (planned := experiment.next()) is not None and (left := until - time.monotonic()) > 0:
        try:
            answer = await ask(planned.sent, min(left, MAX_ONE))
        except Exception as error:
            # One that cannot be sent says nothing; the others may.
            logger.exception("a request of an experiment was not sent")
            answer = Answer(None, failure=str(error) or type(error).__name__)
        experiment.answers.append((planned, answer))
