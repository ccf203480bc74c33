"""The snapshots that the inspector's pages show, and when the pages are there at all."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator

import pytest
from mitmproxy import http, tcp
from mitmproxy.test import taddons, tflow

from hooks.support import answer, request_flow, state_of
from urlrewrite.hooks import web_pages
from urlrewrite.hooks.inbound import Inbound
from urlrewrite.hooks.options import Options
from urlrewrite.hooks.originals import KEY
from urlrewrite.hooks.rules_file import DEFAULT_RULES
from urlrewrite.hooks.state import State
from urlrewrite.hooks.web_pages import WebPages
from urlrewrite.inspector.recorded_exchange import RecordedExchange


@pytest.fixture
def state() -> State:
    return state_of()


@pytest.fixture
def pages(state: State) -> Iterator[WebPages]:
    pages = WebPages(state)
    with taddons.context(Options(), pages):
        yield pages


def ended(path: str = "/x", *, began: float = 1.0) -> http.HTTPFlow:
    """A flow as the recorder leaves it."""
    flow = request_flow(path)
    flow.request.timestamp_start = began
    answer(flow, b"rewritten")
    flow.metadata["urlrewrite"] = {"id": path, "target": "http://privateserver:8080/x", "status": 200}
    flow.metadata[KEY] = {"status": 200, "reason": b"OK", "fields": [[b"A", b"b"]], "body": b"original"}
    return flow


def only(pages: WebPages, flow: http.HTTPFlow) -> RecordedExchange:
    (seen,) = pages.snapshot([flow]).exchanges
    return seen


def test_a_snapshot_begins_with_the_newest_and_has_our_flows_only(pages: WebPages, state: State) -> None:
    strange: list[http.HTTPFlow | tcp.TCPFlow] = [tflow.tflow(resp=True), tflow.ttcpflow()]
    shown = pages.snapshot([ended("/a"), *strange, ended("/c", began=3.0), ended("/b", began=2.0)])
    assert [seen.trace["id"] for seen in shown.exchanges] == ["/c", "/b", "/a"]
    assert (shown.rules, shown.statistics) == (state.in_force, state.statistics)
    assert shown.files == (str(DEFAULT_RULES),)


def test_an_exchange_is_made_once_and_dropped_bodies_are_gone(pages: WebPages) -> None:
    flow = ended()
    first = only(pages, flow)
    assert (first.original_body, first.response_body) == (b"original", b"rewritten")
    flow.metadata[KEY]["body"] = None
    second = only(pages, flow)
    assert second.original is first.original
    assert second.original_body is None
    assert all(seen.response_body is None and seen.original_body is None for _, seen in pages._known.values())


def test_what_a_person_edits_is_seen(pages: WebPages) -> None:
    flow = ended()
    only(pages, flow)
    assert flow.response is not None
    flow.response.headers["X-New"] = "1"
    flow.response.content = b"edited"
    seen = only(pages, flow)
    assert seen.response is not None
    assert ("X-New", "1") in seen.response.fields
    assert seen.response_body == b"edited"
    flow.response = None
    assert only(pages, flow).response is None
    flow.metadata.pop("urlrewrite")
    assert pages.snapshot([flow]).exchanges == ()


async def test_requests_go_on_while_a_snapshot_is_taken(pages: WebPages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_pages, "SLICE", -1.0)
    flows = [ended(f"/{number}", began=float(number)) for number in range(5)]
    taking = asyncio.create_task(pages.snapshot_between_requests(flows))
    known = []
    while not taking.done():
        await asyncio.sleep(0)
        known.append(len(pages._known))
    assert known[:5] == [1, 2, 3, 4, 5]
    assert (await taking).exchanges == pages.snapshot(flows).exchanges


async def test_an_exchange_under_way_is_not_kept(pages: WebPages, state: State) -> None:
    flow = request_flow()
    await Inbound(state).requestheaders(flow)
    assert flow.id in state.live
    pages.snapshot([flow])
    assert len(pages._known) == 0


def test_flows_that_are_gone_are_forgotten(pages: WebPages) -> None:
    pages.snapshot([ended(f"/{number}") for number in range(5)])
    gc.collect()
    assert len(pages._known) == 0


def test_without_mitmweb_there_are_no_pages(pages: WebPages) -> None:
    pages.running()
