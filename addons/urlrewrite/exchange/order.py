"""The order in which an exchange may be driven: stages, calls, and a table of what leads where.

Everybody who drives an exchange (the live proxy, `explain`, the tests of a rule file) makes the same calls in the same
order. A call out of order would find things missing that an earlier call makes, or report twice. Checks for that,
spread over the methods, would each tell a part of the order, so it is told here, once, and a call that the table does
not have raises IllegalOrder.

What comes after `receive` depends on the body: its plan leads on to one of three stages (`AFTER_RECEIVE`). Where the
response is refused there is no plan, and nothing is left to do but to finish.

A stage is left when a call begins, not when it ends, so `finish` is legal however a call failed. Not in the table are
what may be asked or said at any time: the properties, and `fail`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from urlrewrite.exchange.body.plan import Way


class Stage(StrEnum):
    """How far an exchange has come."""

    NEW = "new"
    ROUTED = "routed"
    RECEIVED = "received"
    PASSING = "passing"
    HELD = "held"
    TO_STREAM = "to stream"
    STREAMING = "streaming"
    REWRITTEN = "rewritten"
    FINISHED = "finished"
    FINISHED_STREAM = "finished while its body streamed"


class Call(StrEnum):
    """The methods of an exchange that have an order, by name."""

    ROUTE = "route"
    EARLY_HINTS = "early_hints"
    RECEIVE = "receive"
    STREAM = "stream"
    STREAM_FAILED = "stream_failed"
    RELEASE = "release"
    REWRITE = "rewrite"
    TRAILERS = "trailers"
    WEBSOCKET_MESSAGES = "websocket_messages"
    FINISH = "finish"


NEXT: Mapping[Stage, Mapping[Call, Stage]] = {
    Stage.NEW: {
        Call.ROUTE: Stage.ROUTED,
        Call.FINISH: Stage.FINISHED,
    },
    Stage.ROUTED: {
        Call.EARLY_HINTS: Stage.ROUTED,
        Call.RECEIVE: Stage.RECEIVED,
        Call.FINISH: Stage.FINISHED,
    },
    Stage.RECEIVED: {
        Call.FINISH: Stage.FINISHED,
    },
    Stage.PASSING: {
        Call.TRAILERS: Stage.PASSING,
        # A 101 has no body.
        Call.WEBSOCKET_MESSAGES: Stage.PASSING,
        Call.FINISH: Stage.FINISHED,
    },
    Stage.HELD: {
        Call.RELEASE: Stage.TO_STREAM,
        # Trailers come before a held body is rewritten, which may be empty and need no rewriting.
        Call.TRAILERS: Stage.HELD,
        Call.REWRITE: Stage.REWRITTEN,
        Call.FINISH: Stage.FINISHED,
    },
    Stage.TO_STREAM: {
        Call.STREAM: Stage.STREAMING,
        Call.FINISH: Stage.FINISHED,
    },
    Stage.STREAMING: {
        Call.STREAM_FAILED: Stage.STREAMING,
        Call.TRAILERS: Stage.STREAMING,
        Call.FINISH: Stage.FINISHED_STREAM,
    },
    Stage.REWRITTEN: {
        Call.TRAILERS: Stage.REWRITTEN,
        Call.FINISH: Stage.FINISHED,
    },
    Stage.FINISHED: {},
    Stage.FINISHED_STREAM: {
        # Pieces of a body may be on their way still when the client has left.
        Call.STREAM_FAILED: Stage.FINISHED_STREAM,
    },
}

AFTER_RECEIVE: Mapping[Way, Stage] = {
    Way.PASS: Stage.PASSING,
    Way.WHOLE: Stage.HELD,
    Way.STREAM: Stage.TO_STREAM,
}


class IllegalOrder(RuntimeError):  # noqa: N818
    """A call that an exchange cannot take at its stage: an error of whoever drives it."""

    def __init__(self, stage: Stage, call: Call) -> None:
        legal = ", ".join(NEXT[stage]) or "nothing"
        super().__init__(f"{call}() was called on an exchange that is {stage}, which can take: {legal}")
        self.stage = stage
        self.call = call


class Order:
    """Keeps the stage of one exchange."""

    def __init__(self) -> None:
        self.stage = Stage.NEW

    def take(self, call: Call) -> None:
        """Go on to the stage that a call leads to.

        Raises:
            IllegalOrder: the table does not have this call at this stage.
        """
        after = NEXT[self.stage].get(call)
        if after is None:
            raise IllegalOrder(self.stage, call)
        self.stage = after

    def planned(self, way: Way) -> None:
        """Go on from `receive` by the plan for the body, unless the exchange was finished meanwhile."""
        if self.stage is Stage.RECEIVED:
            self.stage = AFTER_RECEIVE[way]
