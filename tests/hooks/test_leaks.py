"""Leaks are counted in the response as the client gets it, and told in the flow list."""

from __future__ import annotations

import gzip

import pytest

from hooks.support import answer, request_flow, state_of
from urlrewrite.engine.compile import compile_rules
from urlrewrite.exchange.rules_in_force import RulesInForce, Settings
from urlrewrite.formats.yaml.rules import parse
from urlrewrite.hooks.inbound import Inbound
from urlrewrite.hooks.leaks import Leaks
from urlrewrite.hooks.outbound import Outbound
from urlrewrite.hooks.recorder import Recorder
from urlrewrite.hooks.state import State
from urlrewrite.trace.trace import TraceLevel

PAGE = b'<a href="http://privateserver:8080/x">x</a><img src=//privateserver:8080/y><!-- http://privateserver:8080/ -->'
OFF = "links: off\n"


async def told(state: State, body: bytes, **fields: str) -> tuple[object, str, object]:
    """What the trace, the comment and the metadata of a flow say of its leaks."""
    flow = request_flow()
    await Inbound(state).requestheaders(flow)
    outbound = Outbound(state)
    response = answer(flow, b"", Content_Type="text/html", **fields)
    await outbound.responseheaders(flow)
    response.raw_content = body
    await outbound.response(flow)
    await Leaks(state).response(flow)
    Recorder(state).response(flow)
    return flow.metadata["urlrewrite"].get("leaks"), flow.comment, flow.metadata.get("urlrewrite.leaks")


@pytest.mark.parametrize("coded", [False, True])
async def test_leaks_are_told(coded: bool) -> None:
    body, fields = (gzip.compress(PAGE), {"Content_Encoding": "gzip"}) if coded else (PAGE, {})
    count, comment, found = await told(state_of(OFF), body, **fields)
    assert (count, found) == (2, 2)
    assert "2 leaks" in comment


async def test_what_is_mapped_is_none() -> None:
    count, comment, found = await told(state_of(), PAGE)
    assert (count, found) == (0, None)
    assert "leak" not in comment


async def test_below_the_level_full_nobody_looks() -> None:
    rule_set, _ = parse("public: https://www.example.com\nbackend: http://privateserver:8080\nlinks: off", "r.yaml")
    state = State(RulesInForce(compile_rules(rule_set)[0], Settings(trace=TraceLevel.DECISIONS)))
    assert await told(state, PAGE) == (None, "passed unchanged", None)
