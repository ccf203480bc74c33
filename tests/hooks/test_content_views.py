"""The content view, asked for as mitmweb asks for it."""

from __future__ import annotations

import io
import logging
from typing import Any

import pytest
from mitmproxy import contentviews, http
from mitmproxy.io import FlowReader, FlowWriter
from mitmproxy.test import taddons, tflow, tutils

from inspector.exchanges import seen_by
from rules_of import rules_of
from urlrewrite.exchange.rules_in_force import RulesInForce
from urlrewrite.hooks.content_views import RewriteContentview, register
from urlrewrite.hooks.originals import KEY

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


def test_a_request_without_response_shows_its_side() -> None:
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


# The views of a whole exchange


PAGE = b'<a href="http://privateserver:8080/x">'
MAPPED = PAGE.replace(b"http://privateserver:8080", b"https://www.example.com")


def rewritten_flow() -> tuple[http.HTTPFlow, RulesInForce]:
    """A flow as the proxy leaves it, or a file holds it."""
    rules = rules_of("links: everywhere")
    seen = seen_by(rules, PAGE)
    assert seen.response_body == MAPPED
    flow = flow_with(b"", MAPPED, dict(seen.trace))
    assert flow.response
    flow.response.headers = http.Headers([(b"Content-Type", b"text/html; charset=utf-8")])
    fields = [[b"Content-Type", b"text/html; charset=utf-8"], [b"Server", b"IIS"]]
    flow.metadata[KEY] = {"status": 200, "reason": b"OK", "fields": fields, "body": PAGE}
    return flow, rules


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        (
            "changes",
            [
                "--- the backend's response: 200 OK",
                "-Server: IIS",
                "@@ body, line 1 @@ links",
                f"-{PAGE.decode()}",
                f"+{MAPPED.decode()}",
            ],
        ),
        ("original", ["200 OK", "Server: IIS", PAGE.decode()]),
        ("leaks", ["no name of a backend is left in this response"]),
    ],
)
@pytest.mark.parametrize("saved", [False, True])
def test_an_exchange_is_shown_with_both_messages_and_from_a_file(view: str, expected: list[str], saved: bool) -> None:
    flow, rules = rewritten_flow()
    if saved:
        file = io.BytesIO()
        FlowWriter(file).add(flow)
        file.seek(0)
        flow = next(iter(FlowReader(file).stream()))  # type: ignore[assignment]
    register(lambda: rules)
    texts = {shown(message, flow, view).text for message in (flow.request, flow.response)}
    assert len(texts) == 1
    lines = texts.pop().split("\n")
    assert [line for line in expected if line in lines] == expected
    assert "" not in lines


@pytest.mark.parametrize("view", ["changes", "original", "leaks"])
def test_an_exchange_of_anybody_is_told_as_well(view: str) -> None:
    flow, rules = rewritten_flow()
    register(lambda: None)
    if view == "leaks":
        assert "No rules are in force" in shown(flow.response, flow, view).text
    register(lambda: rules)
    for junk in (None, {"status": "x"}, {"status": 1, "reason": b"", "fields": [1, []], "body": 3}):
        flow.metadata[KEY] = junk
        assert shown(flow.response, flow, view).text
    flow.metadata["urlrewrite"] = 3
    assert shown(flow.response, flow, view).text == "No rewrite rule saw this message: it has no trace."
    websocket = tflow.twebsocketflow()
    assert websocket.websocket
    assert "not with single messages" in shown(websocket.websocket.messages[0], websocket, view).text
    assert shown(flow.response, flow, "auto").view_name.lower() != view
