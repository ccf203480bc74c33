"""The inspector's pages in mitmweb, and the snapshots that they show."""

from __future__ import annotations

import asyncio
import operator
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from mitmproxy import ctx, flow, http

from urlrewrite.farms.figures import figures_of
from urlrewrite.hooks.flows import seen_of
from urlrewrite.hooks.originals import KEY
from urlrewrite.hooks.probed_copy import PAGE, unprobed
from urlrewrite.hooks.rules_file import DEFAULT_RULES, overrides
from urlrewrite.hooks.state import State
from urlrewrite.inspector.recorded_exchange import RecordedExchange, Snapshot

if TYPE_CHECKING:
    from urlrewrite.hooks.inspector_pages import Act

type _Parts = tuple[object, ...]

SLICE = 0.02
"""Seconds for which requests wait while a snapshot is taken."""


class WebPages:
    """The addon that serves the pages at `/rewrite` where the proxy runs in mitmweb.

    `acts` does what pages ask for, by their names.
    """

    def __init__(self, state: State, acts: Mapping[str, Act] | None = None) -> None:
        self._state = state
        self._acts = acts or {}
        self._known: WeakKeyDictionary[http.HTTPFlow, tuple[_Parts, RecordedExchange]] = WeakKeyDictionary()
        self._installed = False

    def running(self) -> None:
        """Add the pages, once; mitmdump and mitmproxy have nowhere to put them."""
        master: Any = ctx.master
        if master.addons.get("webauth") and not self._installed:
            self._installed = True
            # It brings all of mitmweb along, which mitmdump has no use for.
            from urlrewrite.hooks.inspector_pages import install

            install(master, self.current, self.revision, self._acts)

    def revision(self) -> str:
        """Return a text that is another one as soon as there is something else to show."""
        master: Any = ctx.master
        state = self._state
        said = sum(map(len, state.watched.said().values()))
        counts = (master.view.store_count(), len(state.live), state.statistics.revision, len(state.asked), said)
        return "-".join(map(str, (*counts, int(ctx.options.urlrewrite_probe))))

    async def current(self) -> Snapshot:
        """Take a snapshot of all flows that mitmweb keeps; those that a filter of its list hides are among them."""
        master: Any = ctx.master
        return await self.snapshot_between_requests(master.view.resolve("@all"))

    def snapshot(self, flows: Iterable[flow.Flow]) -> Snapshot:
        """Return the state of the proxy with the exchanges of these flows, of which the oldest comes first."""
        return self._with(found for item in flows if isinstance(item, http.HTTPFlow) and (found := self._seen(item)))

    async def snapshot_between_requests(self, flows: Iterable[flow.Flow]) -> Snapshot:
        """Take a snapshot in slices between which requests go on: thousands of flows take a while the first time."""
        seen = []
        until = time.monotonic() + SLICE
        for item in list(flows):
            if isinstance(item, http.HTTPFlow) and (found := self._seen(item)):
                seen.append(found)
            if time.monotonic() > until:
                await asyncio.sleep(0)
                until = time.monotonic() + SLICE
        return self._with(seen)

    def _with(self, exchanges: Iterable[RecordedExchange]) -> Snapshot:
        return Snapshot(
            exchanges=tuple(sorted(exchanges, key=lambda item: item.began, reverse=True)),
            rules=self._state.in_force,
            statistics=self._state.statistics,
            files=tuple(ctx.options.urlrewrite_rules) or (str(DEFAULT_RULES),),
            overrides=overrides(),
            asked=dict(self._state.asked),
            said=self._state.watched.said(),
            unwatched=self._state.watched.left(),
            is_probing=ctx.options.urlrewrite_probe,
            farms=tuple(figures_of(farm, time.monotonic()) for farm in self._state.farms),
        )

    def _seen(self, item: http.HTTPFlow) -> RecordedExchange | None:
        """Return the exchange of a flow. All but its bodies is cached, since thousands of flows are wanted at once.

        Bodies are not: where they are dropped to save memory, they must be gone.
        """
        if item.id in self._state.live:
            return seen_of(item)
        parts = _parts(item)
        known = self._known.get(item)
        if known is None or not _same(known[0], parts):
            if (seen := seen_of(item)) is None:
                return None
            self._known[item] = known = parts, replace(seen, upload=None, original_body=None, response_body=None)
        original = item.metadata.get(KEY) if known[1].original else None
        body = original.get("body") if isinstance(original, dict) else None
        return replace(
            known[1],
            upload=item.request.raw_content,
            original_body=body if isinstance(body, bytes) else None,
            response_body=unprobed(item)[1],
        )


def _parts(item: http.HTTPFlow) -> _Parts:
    """Return what an exchange is made of; each part is another object once it has been edited or replayed."""
    fields = (message.headers.fields for message in (item.request, item.response) if message)
    of_ours = (item.metadata.get(key) for key in ("urlrewrite", KEY, PAGE))
    return *of_ours, item.error, item.response, *fields


def _same(known: _Parts, parts: _Parts) -> bool:
    return len(known) == len(parts) and all(map(operator.is_, known, parts))
