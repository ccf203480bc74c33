"""What the inspector works on: exchanges as they were recorded, and the state of the proxy at one moment.

All of it is plain values, so that pages, views, commands and `explain` share them, and any thread can use them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from urlrewrite.engine.facts import RequestFacts, ResponseFacts
from urlrewrite.exchange.rules_in_force import RulesInForce
from urlrewrite.farms.figures import FarmFigures
from urlrewrite.inspector.asking.answers import Asked
from urlrewrite.inspector.figures.statistics import Statistics
from urlrewrite.loading.overrides import NO_OVERRIDES, Overrides
from urlrewrite.trace.reading import number
from urlrewrite.witness.statements import Statement


@dataclass(frozen=True, slots=True)
class RecordedExchange:
    """One exchange as it was recorded.

    `request` is as the client sent it, `original` the response as the backend sent it, `response` as the client got it.
    Bodies are bytes as they were sent, under their content coding; None where a body was not kept: it was too long, or
    has been dropped since. `original` is None, too, where there is none: the response is this proxy's own (`own`), or
    none came. `began` is in seconds since the epoch, `seconds` is how long it took until the response was whole or the
    exchange was broken off, None where that is unknown; `failed` says why it was broken off.
    """

    flow_id: str
    began: float
    trace: Mapping[str, Any]
    request: RequestFacts
    upload: bytes | None = None
    original: ResponseFacts | None = None
    original_body: bytes | None = None
    response: ResponseFacts | None = None
    response_body: bytes | None = None
    own: bool = False
    failed: str = ""
    seconds: float | None = None

    @property
    def status(self) -> int | None:
        """The status that the client got; of an error told in the words of gRPC, the one that it stands for."""
        return number(self.trace, "stands_for") or (self.response.status if self.response else None)

    @property
    def given_up(self) -> bool:
        """Whether the client did not wait for the end of the response: a page was left, a download stopped."""
        return bool(self.trace.get("broken_off"))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The proxy at one moment. `exchanges` begin with the newest; `rules` is None if none were ever in force.

    `files` are the paths of the rule files as they were given, `overrides` what the options say in their place,
    `farms` the server farms with what their servers do, `asked` the experiments on requests by their flows' ids. By
    the ids of traces, `said` is what browsers said of pages, and `unwatched` why pages were left as they are;
    `is_probing` tells that pages are watched.
    """

    exchanges: tuple[RecordedExchange, ...]
    rules: RulesInForce | None
    statistics: Statistics
    files: tuple[str, ...] = ()
    overrides: Overrides = NO_OVERRIDES
    farms: tuple[FarmFigures, ...] = ()
    asked: Mapping[str, Asked] = field(default_factory=dict)
    said: Mapping[str, tuple[Statement, ...]] = field(default_factory=dict)
    unwatched: Mapping[str, str] = field(default_factory=dict)
    is_probing: bool = False

    def find(self, flow_id: str) -> RecordedExchange | None:
        """Return the exchange of a flow, by the flow's id or the trace's."""
        return next(
            (exchange for exchange in self.exchanges if flow_id in (exchange.flow_id, exchange.trace.get("id"))), None
        )
