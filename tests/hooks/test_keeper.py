"""Memory has a bound: the oldest flows go, and the oldest originals, but nothing that a person wants to keep."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy import exceptions, http
from mitmproxy.addons.save import Save
from mitmproxy.addons.view import View
from mitmproxy.connection import ConnectionState
from mitmproxy.tcp import TCPMessage
from mitmproxy.test import taddons, tflow
from mitmproxy.websocket import WebSocketMessage

from hooks.support import answer, request_flow
from urlrewrite.hooks.keeper import Keeper, Originals
from urlrewrite.hooks.options import Options, trace_level
from urlrewrite.hooks.originals import KEY
from urlrewrite.hooks.recorder import MARK_ERROR, MARKED
from urlrewrite.hooks.rules_file import RulesFile
from urlrewrite.hooks.state import State
from urlrewrite.trace.trace import TraceLevel


class Web:
    """A view with a keeper, through which flows go."""

    def __init__(self, context: taddons.context, **options: int) -> None:
        self.context, self.state = context, State()
        self.view, self.keeper = View(), Keeper(self.state)
        context.master.addons.add(self.view)
        context.master.addons.add(Save())
        context.master.addons.add(Options())
        context.options.update(**{f"urlrewrite_{name}": value for name, value in options.items()})
        context.master.addons.add(self.keeper)
        context.configure(self.keeper, urlrewrite_trace="auto")

    def begin(self, path: str = "/x") -> http.HTTPFlow:
        """A flow whose request has come in, at a time of its own."""
        flow = request_flow(path)
        flow.client_conn.state = ConnectionState.OPEN
        flow.timestamp_created = len(self.view._store) + 1.0
        self.keeper.requestheaders(flow)
        self.view.requestheaders(flow)
        return flow

    def end(self, flow: http.HTTPFlow, original: bytes | None = None, body: bytes = b"") -> http.HTTPFlow:
        """Its response has come, too."""
        answer(flow, body)
        if original is not None:
            flow.metadata[KEY] = {"status": 200, "reason": b"", "fields": [], "body": original}
        self.keeper.response(flow)
        self.view.response(flow)
        flow.live = False
        return flow

    def pass_through(self, count: int) -> list[http.HTTPFlow]:
        return [self.end(self.begin(f"/{number}")) for number in range(count)]

    @property
    def paths(self) -> list[str]:
        """The paths of the flows in the store, the oldest first."""
        return [flow.request.path for flow in self.view._store.values() if isinstance(flow, http.HTTPFlow)]


@pytest.fixture
def context() -> Iterator[taddons.context]:
    with taddons.context() as context:
        yield context


def test_the_last_flows_are_kept(context: taddons.context) -> None:
    web = Web(context, keep_flows=3)
    web.pass_through(10)
    assert web.paths == ["/7", "/8", "/9"]
    assert [flow.request.path for flow in web.view] == web.paths
    assert len(web.view.settings) == 3


def test_all_are_kept_if_asked_for(context: taddons.context) -> None:
    web = Web(context, keep_flows=0)
    web.pass_through(10)
    assert len(web.paths) == 10
    context.options.update(urlrewrite_keep_flows=4)
    assert web.paths == ["/6", "/7", "/8", "/9"]


def _mark(flow: http.HTTPFlow) -> None:
    flow.marked = ":red_circle:"


def _mark_again(flow: http.HTTPFlow) -> None:
    flow.metadata[MARKED] = MARK_ERROR
    flow.marked = ":star:"


def _intercept(flow: http.HTTPFlow) -> None:
    flow.intercept()


def _go_on(flow: http.HTTPFlow) -> None:
    flow.live = True


KEPT: list[tuple[Callable[[http.HTTPFlow], None], Callable[[http.HTTPFlow], None]]] = [
    (_mark, lambda flow: setattr(flow, "marked", "")),
    (_mark_again, lambda flow: setattr(flow, "marked", MARK_ERROR)),
    (_intercept, lambda flow: flow.resume()),
    (_go_on, lambda flow: setattr(flow, "live", False)),
    (_go_on, lambda flow: setattr(flow.client_conn, "state", ConnectionState.CLOSED)),
]


@pytest.mark.parametrize(("keep", "let_go"), KEPT, ids=["marked", "marked anew", "intercepted", "live", "crashed"])
def test_some_stay_as_long_as_there_is_a_reason(
    context: taddons.context,
    keep: Callable[[http.HTTPFlow], None],
    let_go: Callable[[http.HTTPFlow], None],
) -> None:
    web = Web(context, keep_flows=3)
    first = web.pass_through(1)[0]
    keep(first)
    web.pass_through(10)
    assert web.paths == ["/0", "/7", "/8", "/9"]
    let_go(first)
    web.pass_through(2)
    assert web.paths == ["/9", "/0", "/1"]


def test_our_own_mark_keeps_nothing(context: taddons.context) -> None:
    web = Web(context, keep_flows=2)
    for flow in web.pass_through(2):
        flow.marked = flow.metadata[MARKED] = MARK_ERROR
    web.pass_through(2)
    assert len(web.paths) == 2
    assert not any(flow.marked for flow in web.view)


def test_many_marked_ones_do_not_push_others_out_nor_are_they_all_looked_at(context: taddons.context) -> None:
    web = Web(context, keep_flows=50)
    for flow in web.pass_through(200):
        flow.marked = ":star:"
    marked = [flow for flow in web.view if flow.marked]
    asked: list[str] = []
    get = web.view.get_by_id
    web.view.get_by_id = lambda flow_id: asked.append(flow_id) or get(flow_id)  # type: ignore[func-returns-value,method-assign]
    web.pass_through(100)
    assert len(asked) < 3 * 100
    assert sum(not flow.marked for flow in web.view) == 50
    assert all(flow in web.view for flow in marked)


def test_what_a_person_loaded_or_duplicated_stays(context: taddons.context) -> None:
    web = Web(context, keep_flows=2)
    saved = tflow.tflow(resp=True)
    web.keeper.requestheaders(saved)
    web.view.requestheaders(saved)
    web.keeper.response(saved)
    web.view.duplicate(web.pass_through(1))
    web.pass_through(5)
    assert len(web.paths) == 4
    assert saved in web.view


def test_a_replayed_flow_is_counted_once(context: taddons.context) -> None:
    web = Web(context, keep_flows=3)
    first = web.pass_through(3)[0]
    for _ in range(3):
        first.is_replay, first.live = "request", True
        web.keeper.requestheaders(first)
        first.live = False
    assert len(web.paths) == 3


def test_other_flows_are_counted(context: taddons.context) -> None:
    web = Web(context, keep_flows=2)
    for number in range(6):
        flow = tflow.ttcpflow() if number % 2 else tflow.tudpflow()
        flow.live, flow.timestamp_created = True, float(number)
        (web.keeper.tcp_start if number % 2 else web.keeper.udp_start)(flow)  # type: ignore[operator]
        web.view.add([flow])
        flow.live = False
    assert len(web.view) == 2


@pytest.mark.parametrize("order", ["time", "url", "size", "method"])
@pytest.mark.parametrize("backwards", [False, True])
def test_a_filtered_and_sorted_list_loses_the_oldest_only(
    context: taddons.context, order: str, backwards: bool
) -> None:
    web = Web(context, keep_flows=20)
    web.pass_through(20)
    context.options.update(view_order=order, view_order_reversed=backwards, view_filter="~u [02468]$")
    removed: list[str] = []

    def on_remove(flow: http.HTTPFlow, index: int) -> None:
        removed.append(flow.request.path)

    web.view.sig_view_remove.connect(on_remove)
    shown = [flow.request.path for flow in web.view]
    assert len(shown) == 10
    web.pass_through(5)
    # What is not shown goes without a word, and what is shown keeps its order.
    assert removed == ["/0", "/2", "/4"]
    left = [path for path in shown if path not in removed]
    new = {"/0", "/2", "/4"}
    assert [flow.request.path for flow in web.view if flow.request.path not in new] == left
    assert len(web.view._store) == 20
    assert set(web.view) == {flow for flow in web.view._store.values() if web.view.filter(flow)}


def test_nothing_here_keeps_a_flow_alive(context: taddons.context) -> None:
    web = Web(context, keep_flows=100)
    gone = weakref.ref(web.end(web.begin(), b"original", b"body"))
    web.view.clear()
    gc.collect()
    assert gone() is None


def test_what_was_cleared_counts_no_longer(context: taddons.context) -> None:
    web = Web(context, keep_flows=3, originals=1)
    for number in range(3):
        web.end(web.begin(f"/{number}"), b"o" * 300_000, b"body")
    web.view.clear()
    flows = [web.end(web.begin(f"/{number}"), b"o" * 300_000, b"body") for number in range(3)]
    assert web.paths == ["/0", "/1", "/2"]
    assert kept(flows) == [True, True, True]


def kept(flows: list[http.HTTPFlow]) -> list[bool]:
    """Which flows still have their original."""
    return [flow.metadata[KEY]["body"] is not None for flow in flows]


def test_removing_by_hand_is_minded(context: taddons.context) -> None:
    web = Web(context, keep_flows=3)
    web.view.remove([web.pass_through(3)[1]])
    web.pass_through(2)
    assert web.paths == ["/2", "/0", "/1"]


def test_an_original_removed_by_hand_is_minded(context: taddons.context) -> None:
    web = Web(context, originals=1)
    flows = [web.end(web.begin(f"/{number}"), b"o" * 300_000, b"body") for number in range(3)]
    web.view.remove([flows[1]])
    # Its original is no longer counted: there is room for another one, and for no more.
    flows.append(web.end(web.begin("/3"), b"o" * 300_000, b"body"))
    assert kept(flows) == [True, True, True, True]
    flows.append(web.end(web.begin("/4"), b"o" * 300_000, b"body"))
    assert kept(flows) == [False, True, True, True, True]


def test_originals_are_dropped_the_oldest_first(context: taddons.context) -> None:
    web = Web(context, originals=1)
    flows = [web.end(web.begin(), bytes([number]) * 300_000, b"body") for number in range(5)]
    assert kept(flows) == [False, False, True, True, True]
    context.options.update(urlrewrite_originals=0)
    assert not any(kept(flows))


def test_an_original_that_is_the_response_costs_nothing(context: taddons.context) -> None:
    web = Web(context, originals=1)
    body = b"x" * 10**6
    same = web.end(web.begin(), body, body)
    copied = web.end(web.begin(), bytes(bytearray(body)), body)
    largest = web.end(web.begin(), b"o" * 2**20, b"body")
    assert kept([same, copied, largest]) == [True, True, True]
    assert same.metadata[KEY]["body"] is copied.metadata[KEY]["body"] is body


@pytest.mark.parametrize(
    ("options", "view", "kept", "level"),
    [
        ({}, True, True, TraceLevel.FULL),
        ({}, False, False, TraceLevel.DECISIONS),
        ({"save_stream_file": "flows"}, False, True, TraceLevel.FULL),
        ({"urlrewrite_originals": 0}, True, False, TraceLevel.FULL),
        ({"urlrewrite_trace": "off"}, True, False, TraceLevel.OFF),
        ({"urlrewrite_trace": "decisions"}, True, True, TraceLevel.DECISIONS),
        ({"urlrewrite_trace": "full"}, False, False, TraceLevel.FULL),
        ({"urlrewrite_trace": "true"}, False, False, TraceLevel.FULL),
        ({"urlrewrite_trace": "false"}, True, True, TraceLevel.DECISIONS),
    ],
)
async def test_as_much_is_traced_and_kept_as_somebody_can_look_at(
    options: dict[str, str | int],
    view: bool,
    kept: bool,
    level: TraceLevel,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    state = State()
    if "save_stream_file" in options:
        options = {"save_stream_file": str(tmp_path_factory.mktemp("saved") / "flows")}
    addons = [Save(), Options(), RulesFile(state, lambda: None), Keeper(state)]
    with taddons.context(*([View()] if view else []), *addons) as context:
        context.options.update(urlrewrite_keep_flows=1, urlrewrite_pattern_deadline=99, **options)
        assert state.in_force
        assert state.in_force.settings.trace is trace_level() is level
        assert state.keeps_originals is kept
        rules, memory = state.in_force.rules, state.memory
        context.options.update(save_stream_file=None)
        # The rules were not loaded again for that.
        assert (state.in_force.rules, state.memory) == (rules, memory)
        assert state.in_force.settings.trace is trace_level()


@pytest.mark.parametrize("option", ["keep_flows", "originals"])
def test_bounds_are_checked(context: taddons.context, option: str) -> None:
    web = Web(context)
    with pytest.raises(exceptions.OptionsError, match=f"urlrewrite_{option}: got -1, expected 0 or more"):
        context.configure(web.keeper, **{f"urlrewrite_{option}": -1})


def test_levels_are_checked(context: taddons.context) -> None:
    Web(context)
    with pytest.raises(exceptions.OptionsError, match="got 'some', expected one of auto, off, decisions, full"):
        context.options.update(urlrewrite_trace="some")


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 50), st.booleans())))
def test_the_sum_of_originals_is_right(steps: list[tuple[int, int, bool]]) -> None:
    view, originals = View(), Originals()
    originals.most = 100
    flows = [tflow.tflow() for _ in range(10)]
    view.add(flows)
    for number, size, added in steps:
        flow = flows[number]
        if added:
            flow.metadata[KEY] = {"body": b"x" * size}
            originals.add(flow.id, size)
        else:
            flow.metadata.clear()
            originals.forget(flow.id)
        originals.drop(view)
        left = [flow.metadata[KEY]["body"] for flow in flows if KEY in flow.metadata]
        assert originals.size == sum(len(body) for body in left if body is not None) <= 100


def messages(count: int, size: int) -> list[WebSocketMessage]:
    return [WebSocketMessage(1, False, bytes([number % 256]) * size) for number in range(count)]


@pytest.mark.parametrize(
    ("keep", "count", "size", "left"),
    [
        (100, 128, 10, 100),
        (100, 64, 10, 64),
        (100, 127, 10, 127),
        (0, 1280, 10, 1280),
        (2000, 128, 2**20, 16),
        (2000, 5, 17 * 2**20, 1),
    ],
)
def test_of_a_connection_the_last_messages_are_kept(
    context: taddons.context, keep: int, count: int, size: int, left: int
) -> None:
    web = Web(context, keep_flows=keep)
    flow = tflow.twebsocketflow()
    assert flow.websocket
    came = messages(count, size) if size < 2**10 else messages(1, size) * count
    flow.websocket.messages = list(came)
    web.keeper.websocket_message(flow)
    assert flow.websocket.messages == came[-left:]
    raw = tflow.ttcpflow()
    raw.messages = [TCPMessage(True, b"x" * 10)] * count
    web.keeper.tcp_message(raw)
    assert len(raw.messages) == (min(keep, count) if keep and not count % 64 else count)


def test_messages_that_are_to_be_saved_are_kept(context: taddons.context, tmp_path: Path) -> None:
    web = Web(context, keep_flows=10)
    context.options.update(save_stream_file=str(tmp_path / "flows"))
    flow = tflow.twebsocketflow()
    assert flow.websocket
    flow.websocket.messages = messages(128, 10)
    web.keeper.websocket_message(flow)
    assert len(flow.websocket.messages) == 128
    context.options.update(save_stream_file=None)
