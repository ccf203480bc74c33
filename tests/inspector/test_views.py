"""The content view, asked for as mitmweb asks for it."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from mitmproxy import contentviews, http
from mitmproxy.test import taddons, tflow, tutils

from urlrewrite.inspector.views import RewriteContentview, register

TRACE: dict[str, Any] = {
    "request": {"method": "GET", "url": "https://www.example.com/a"},
    "target": "http://privateserver:8080/a",
    "events": [
        {"event": "SITE_CHOSEN", "site": "portal", "public": "https://www.example.com"},
        {"event": "URL_REWRITE_START", "type": "Outbound", "status": 200},
    ],
}


def flow_with(request: bytes | None, response: bytes | None, trace: object = TRACE) -> http.HTTPFlow:
    flow = tflow.tflow(req=tutils.treq(content=request), resp=tutils.tresp(content=response))
    flow.metadata["urlrewrite"] = trace
    return flow


def shown(message: Any, flow: http.HTTPFlow, view: str = "rewrite") -> contentviews.ContentviewResult:
    register()
    with taddons.context():
        return contentviews.prettify_message(message, flow, view_name=view)


def parts(text: str) -> list[str]:
    return [line.split()[1] for line in text.splitlines() if line.startswith("──")]


@pytest.mark.parametrize(
    ("request_body", "response_body", "in_request", "in_response"),
    [
        (b"a=b", b"page", ["Request"], ["Response"]),
        # A GET: mitmproxy's console shows no view of a request without body, mitmweb does.
        (b"", b"page", ["Request"], ["Response", "Request"]),
        (b"a=b", b"", ["Request", "Response"], ["Response"]),
        (b"", b"", ["Request", "Response"], ["Response", "Request"]),
        # A stream: no UI asks a view.
        (b"", None, ["Request", "Response"], []),
        (None, b"page", [], ["Response", "Request"]),
    ],
)
def test_each_message_shows_its_side_and_that_of_a_message_that_is_not_asked_for(
    request_body: bytes | None, response_body: bytes | None, in_request: list[str], in_response: list[str]
) -> None:
    flow = flow_with(request_body, response_body)
    assert parts(shown(flow.request, flow).text) == in_request
    assert parts(shown(flow.response, flow).text) == in_response


def test_a_request_without_answer_shows_its_side() -> None:
    flow = flow_with(b"", b"")
    flow.response = None
    result = shown(flow.request, flow)
    assert parts(result.text) == ["Request"]
    assert "site       portal, published as https://www.example.com" in result.text
    assert (result.view_name, result.syntax_highlight) == ("Rewrite", "none")


def test_no_line_is_empty_because_mitmweb_would_swallow_it() -> None:
    flow = flow_with(b"a=b", b"page")
    assert "" not in shown(flow.request, flow).text.split("\n")


@pytest.mark.parametrize("trace", [None, "text", 3])
def test_without_a_trace_it_says_so(trace: object) -> None:
    flow = flow_with(b"a=b", b"page", trace)
    assert shown(flow.request, flow).text == "No rewrite rule saw this message: it has no trace."
    del flow.metadata["urlrewrite"]
    assert shown(flow.response, flow).text == "No rewrite rule saw this message: it has no trace."


def test_messages_of_a_websocket_refer_to_the_handshake() -> None:
    flow = tflow.twebsocketflow()
    flow.metadata["urlrewrite"] = TRACE
    assert flow.websocket
    assert "with the request" in shown(flow.websocket.messages[0], flow).text


def test_it_is_chosen_by_hand_only_and_registered_once(caplog: pytest.LogCaptureFixture) -> None:
    register()
    with caplog.at_level(logging.INFO):
        register()
    assert not caplog.records
    assert "rewrite" in contentviews.registry.available_views()
    assert isinstance(contentviews.registry["Rewrite"], RewriteContentview)
    for body in (b"", b"<html>", b"\xff\x00"):
        flow = flow_with(body, body)
        assert shown(flow.request, flow, "auto").view_name != "Rewrite"
