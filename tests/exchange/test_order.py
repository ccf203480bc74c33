"""The order of calls: every call at every stage of a real exchange, as the table says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import product

import pytest

from rules_of import rules_of
from urlrewrite.content.asset_memory import AssetMemory
from urlrewrite.engine.facts import ResponseFacts
from urlrewrite.exchange.body.plan import BodyPlan, Way
from urlrewrite.exchange.exchange import Exchange
from urlrewrite.exchange.order import AFTER_RECEIVE, NEXT, Call, IllegalOrder, Order, Stage
from urlrewrite.exchange.response import ResponseHead
from urlrewrite.exchange.responses import Forward, LocalResponse
from urlrewrite.exchange.rule_tests import request_facts
from urlrewrite.model.field_lines import FieldLines
from urlrewrite.trace.reasons import Reason

HTML: FieldLines = (("Content-Type", "text/html"),)
RULES = rules_of("""
    mode: iis
    outboundRules: [{name: r, match: {pattern: x}, action: {type: Rewrite, value: y}}]
""")
RESPONSES: Mapping[str, FieldLines] = {
    "receive passing": (("Content-Type", "image/png"),),
    "receive held": HTML,
    "receive to stream": (*HTML, ("X-Accel-Buffering", "no")),
    # In mode iis an encoded response is refused.
    "receive refused": (*HTML, ("Content-Encoding", "gzip")),
}


class Driven:
    """An exchange, and the head that it gave."""

    def __init__(self, path: str) -> None:
        self.exchange = Exchange(RULES, AssetMemory(), request_facts("GET", "https://www.example.com/"), "id")
        self.head = ResponseHead((), BodyPlan(Way.PASS, "nothing came"))
        for step in filter(None, path.split(", ")):
            self.do(step)

    def do(self, step: str) -> object:
        call: Mapping[str, Callable[[], object]] = {
            "route": self.exchange.route,
            "early_hints": lambda: self.exchange.early_hints(()),
            "receive": lambda: self.receive(HTML),
            **{step: lambda fields=fields: self.receive(fields) for step, fields in RESPONSES.items()},
            "stream": lambda: self.exchange.stream(self.head),
            "stream_failed": lambda: self.exchange.stream_failed(self.head, ValueError("x")),
            "release": lambda: self.release(),
            "rewrite": lambda: self.exchange.rewrite(b"<p>x", self.head),
            "trailers": lambda: self.exchange.trailers(()),
            "websocket_messages": self.exchange.websocket_messages,
            "finish": self.exchange.finish,
        }
        return call[step]()

    def receive(self, fields: FieldLines) -> object:
        head = self.exchange.receive(ResponseFacts(200, fields))
        if isinstance(head, ResponseHead):
            self.head = head
        return head

    def release(self) -> None:
        self.head = self.exchange.release(self.head, 1, 1.0)


PATHS = {
    "": Stage.NEW,
    "route": Stage.ROUTED,
    "route, receive refused": Stage.RECEIVED,
    "route, receive passing": Stage.PASSING,
    "route, receive held": Stage.HELD,
    "route, receive to stream": Stage.TO_STREAM,
    "route, receive held, release": Stage.TO_STREAM,
    "route, receive held, release, stream": Stage.STREAMING,
    "route, receive to stream, stream": Stage.STREAMING,
    "route, receive held, rewrite": Stage.REWRITTEN,
    "finish": Stage.FINISHED,
    "route, receive to stream, stream, finish": Stage.FINISHED_STREAM,
}
"""A way to each stage, and all ways to those that are reached in more than one."""


def test_every_stage_can_be_reached() -> None:
    assert set(PATHS.values()) == set(Stage) == NEXT.keys()
    assert AFTER_RECEIVE.keys() == set(Way)
    assert all(callable(getattr(Exchange, call)) for call in Call)


@pytest.mark.parametrize(("path", "call"), [*product(PATHS, Call)])
def test_every_call_at_every_stage(path: str, call: Call) -> None:
    driven, stage = Driven(path), PATHS[path]
    if call in NEXT[stage]:
        driven.do(call)
        return
    with pytest.raises(IllegalOrder) as raised:
        driven.do(call)
    assert (raised.value.stage, raised.value.call) == (stage, call)
    assert str(raised.value).startswith(f"{call}() was called on an exchange that is {stage}, which can take: ")
    # It did no harm: what is legal still is.
    for legal in [*NEXT[stage]][:1]:
        driven.do(legal)


@pytest.mark.parametrize(("stage", "call"), [*product(Stage, Call)])
def test_the_table(stage: Stage, call: Call) -> None:
    order = Order()
    order.stage = stage
    if call in NEXT[stage]:
        order.take(call)
        assert order.stage is NEXT[stage][call]
    else:
        with pytest.raises(IllegalOrder):
            order.take(call)
        assert order.stage is stage


def test_a_plan_that_comes_when_all_is_over_changes_nothing() -> None:
    order = Order()
    for call in (Call.ROUTE, Call.RECEIVE, Call.FINISH):
        order.take(call)
    order.planned(Way.STREAM)
    assert order.stage is Stage.FINISHED


def test_a_call_that_fails_can_be_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    def fault(*_: object) -> None:
        raise RuntimeError("a fault of ours")

    for failing, path in (("route", ""), ("start_outbound_rules", "route")):
        driven = Driven(path)
        with monkeypatch.context() as patch:
            patch.setattr(f"urlrewrite.exchange.exchange.{failing}", fault)
            with pytest.raises(RuntimeError, match="a fault of ours"):
                driven.do("receive" if path else "route")
        assert driven.exchange.fail(Reason.PROXY_FAILED).status == 500
        driven.exchange.finish()


def test_our_own_responses_pass() -> None:
    redirect = rules_of("rules: [{name: r, match: .*, action: {type: Redirect, url: /y}}]")
    for rules, host, kind in (
        (redirect, "www.example.com", LocalResponse),
        (redirect, "other.example", LocalResponse),
        (RULES, "www.example.com", Forward),
    ):
        exchange = Exchange(rules, AssetMemory(), request_facts("GET", f"https://{host}/"), "id")
        assert isinstance(exchange.route(), kind)
        head = exchange.receive(ResponseFacts(200, HTML), own=True)
        assert isinstance(head, ResponseHead)
        assert (head.plan.way, head.fields) == (Way.PASS, HTML)
        assert (exchange.trailers(HTML), exchange.websocket_messages()) == (HTML, None)
        exchange.finish()
