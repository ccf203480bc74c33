"""The messages of one WebSocket: links mapped on the way to the client, and mapped back on the way to the backend."""

from __future__ import annotations

from urlrewrite.content.links.link_map import LinkMap
from urlrewrite.content.websocket import LeftAlone, map_message
from urlrewrite.trace.reasons import Reason
from urlrewrite.trace.response_events import MESSAGE_CHANGE
from urlrewrite.trace.trace import Trace, clip

_REASONS = {LeftAlone.FRAME_GOES_ON: Reason.FRAME_GOES_ON, LeftAlone.LENGTH_TOLD: Reason.LENGTH_TOLD}


class WebSocketMessages:
    """Rewrites text messages, and counts them in the trace under "websocket".

    For each direction those are counted that came, that were changed, and that were left alone though they name the
    backend.
    """

    def __init__(self, trace: Trace, links: LinkMap, back: LinkMap) -> None:
        self._trace = trace
        self._maps = {"from client": back, "to client": links}
        self._tallies = {way: {"messages": 0, "changed": 0, "left_alone": 0} for way in self._maps}
        self._warned: set[str] = set()
        trace.data["websocket"] = self._tallies

    def rewrite(self, data: bytes, *, from_client: bool) -> bytes:
        """Give a text message (UTF-8) as it is to be forwarded."""
        way = "from client" if from_client else "to client"
        tally, link_map = self._tallies[way], self._maps[way]
        tally["messages"] += 1

        def on_change(offset: int, before: bytes, after: bytes) -> None:
            changes.append((offset, before, after))

        changes: list[tuple[int, bytes, bytes]] = []
        mapped = map_message(data, link_map, on_change)
        if mapped.left_alone:
            tally["left_alone"] += 1
            if way not in self._warned:
                self._warned.add(way)
                self._trace.warn(_REASONS[mapped.left_alone], where=way, name=mapped.length_field)
                self._trace.data["problems"] = self._trace.problems()
            return data
        tally["changed"] += mapped.data != data
        for offset, before, after in changes:
            if self._trace.count_change():
                self._trace.add(
                    MESSAGE_CHANGE,
                    where=way,
                    message=tally["messages"],
                    offset=offset,
                    before=clip(before.decode("utf-8", "replace")),
                    after=clip(after.decode("utf-8", "replace")),
                )
        return mapped.data
