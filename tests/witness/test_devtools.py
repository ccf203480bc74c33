"""What Chromium says over the DevTools protocol, as statements: a row is messages as they come, and what they say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from urlrewrite.witness.devtools import MAX_STATEMENTS, QUIET, Listening
from urlrewrite.witness.statements import Statement, Subject, as_data, from_data
from urlrewrite.witness.watched import ROOT

FRAME = "F"
SITE = "https://www.example.com"
PAGE = f"{SITE}/page"


def message(method: str, **values: Any) -> dict[str, Any]:
    return {"method": method, "params": values}


def request(url: str = f"{SITE}/a", kind: str = "Script", number: str = "1", frame: str = FRAME) -> dict[str, Any]:
    return message("Network.requestWillBeSent", requestId=number, type=kind, request={"url": url}, frameId=frame)


def failed(kind: str = "Script", error: str = "net::ERR_FAILED", number: str = "1", **more: Any) -> dict[str, Any]:
    return message("Network.loadingFailed", requestId=number, type=kind, errorText=error, canceled=False, **more)


def response(status: int, url: str = f"{SITE}/a", kind: str = "Script", frame: str = FRAME, **fields: str) -> Any:
    told = {"url": url, "status": status, "headers": {name.replace("_", "-"): value for name, value in fields.items()}}
    return message("Network.responseReceived", requestId="1", type=kind, response=told, frameId=frame)


def issue(code: str, **details: Any) -> dict[str, Any]:
    name = f"{code[0].lower()}{code[1:]}Details"
    return message("Audits.issueAdded", issue={"code": code, "details": {name: details}})


def thrown(text: str, description: str, line: int = 0) -> dict[str, Any]:
    details = {"text": text, "exception": {"description": description}, "url": PAGE, "lineNumber": line}
    return message("Runtime.exceptionThrown", exceptionDetails=details)


def refused(line: str, *reasons: str) -> dict[str, Any]:
    blocked = [{"blockedReasons": list(reasons), "cookieLine": line}]
    return message("Network.responseReceivedExtraInfo", requestId="1", blockedCookies=blocked)


def policy(**details: Any) -> dict[str, Any]:
    place = {"url": PAGE, "lineNumber": 6}
    return issue("ContentSecurityPolicyIssue", **{"isReportOnly": False, "sourceCodeLocation": place, **details})


def cookie(operation: str, *reasons: str) -> dict[str, Any]:
    return issue(
        "CookieIssue",
        cookie={"name": "sid"},
        cookieExclusionReasons=list(reasons),
        operation=operation,
        request={"url": f"{SITE}/a"},
    )


def mixed(how: str) -> dict[str, Any]:
    return issue(
        "MixedContentIssue", insecureURL="http://a/x", resourceType="Script", resolutionStatus=f"MixedContent{how}"
    )


def log(source: str, text: str, level: str = "error") -> dict[str, Any]:
    return message("Log.entryAdded", entry={"source": source, "level": level, "text": text, "url": PAGE})


def console(kind: str, *args: Mapping[str, Any]) -> dict[str, Any]:
    frames = {"callFrames": [{"url": PAGE, "lineNumber": 3}]}
    return message("Runtime.consoleAPICalled", type=kind, args=list(args), stackTrace=frames)


SOCKET = message("Network.webSocketCreated", requestId="9", url="wss://privateserver/a")
LOST = message("Network.webSocketFrameError", requestId="9", errorMessage="net::ERR_NAME_NOT_RESOLVED")
TYPE = "Refused to execute script from 'x' because its MIME type ('text/plain') is not executable"
ROWS: tuple[tuple[str, tuple[dict[str, Any], ...], tuple[Statement, ...]], ...] = (
    ("name", (request("http://inner/x.png", "Image"), failed("Image", "net::ERR_NAME_NOT_RESOLVED")),
        (Statement(Subject.NETWORK, url="http://inner/x.png", tag="img", text="ERR_NAME_NOT_RESOLVED"),)),
    ("broken off", (request(), {**failed(), "params": {**failed()["params"], "canceled": True}}), ()),
    ("unknown request", (failed(),), ()),
    ("icon", (request(f"{SITE}/favicon.ico", "Other"), response(404, f"{SITE}/favicon.ico", "Other")), ()),
    ("report", (request(f"{SITE}{ROOT}x", "Ping"), response(404, f"{SITE}{ROOT}x", "Ping"), failed("Ping")), ()),
    ("status", (request(), response(404)), (Statement(Subject.RESOURCE, url=f"{SITE}/a", tag="script", status=404),)),
    ("sound", (request(), response(200), message("Network.loadingFinished", requestId="1")), ()),
    ("cors", (request(), failed(corsErrorStatus={"corsError": "MissingAllowOriginHeader"})),
        (Statement(Subject.CORS, url=f"{SITE}/a", tag="script", text="MissingAllowOriginHeader"),)),
    ("mixed", (request("http://a/x"), failed(error="", blockedReason="mixed-content")),
        (Statement(Subject.MIXED, url="http://a/x", tag="script"),)),
    ("mixed by an issue", (mixed("Blocked"),), (Statement(Subject.MIXED, url="http://a/x", tag="script"),)),
    ("mixed twice", (mixed("Blocked"), request("http://a/x"), failed(error="", blockedReason="mixed-content")),
        (Statement(Subject.MIXED, url="http://a/x", tag="script"),)),
    ("mixed and upgraded", (mixed("AutomaticallyUpgraded"),), ()),
    ("isolated", (request(), failed("Image", blockedReason="corp-not-same-origin")),
        (Statement(Subject.ISOLATION, url=f"{SITE}/a", tag="img", text="corp-not-same-origin"),)),
    ("frame", (request(kind="Document", frame="G"), failed("Document", "net::ERR_BLOCKED_BY_RESPONSE")),
        (Statement(Subject.FRAME, url=f"{SITE}/a", tag="iframe"),)),
    ("policy by its request", (request(), failed(error="", blockedReason="csp")), ()),
    ("policy", (policy(blockedURL="https://a/x", violatedDirective="img-src"),),
        (Statement(Subject.POLICY, url="https://a/x", directive="img-src", source=PAGE, line=7),)),
    ("policy of code", (policy(violatedDirective="script-src", contentSecurityPolicyViolationType="kEvalViolation"),),
        (Statement(Subject.POLICY, url="eval", directive="script-src", source=PAGE, line=7),)),
    ("policy that reports", (policy(blockedURL="https://a/x", violatedDirective="img-src", isReportOnly=True),), ()),
    ("cookie", (request(), refused("sid=1; Domain=a", "InvalidDomain")),
        (Statement(Subject.COOKIE_REFUSED, url=f"{SITE}/a", tag="sid", text="InvalidDomain"),)),
    ("cookie that is taken", (request(), message("Network.responseReceivedExtraInfo", blockedCookies=[])), ()),
    ("cookie withheld", (cookie("ReadCookie", "ExcludeSameSiteLax"),),
        (Statement(Subject.COOKIE_WITHHELD, url=f"{SITE}/a", tag="sid", text="SameSiteLax"),)),
    ("cookie told before", (cookie("SetCookie", "ExcludeSameSiteLax"),), ()),
    ("cookie with a warning", (cookie("ReadCookie"),), ()),
    ("socket", (SOCKET, LOST), (Statement(Subject.SOCKET, url="wss://privateserver/a"),)),
    ("socket that is sound", (SOCKET,), ()),
    ("error", (thrown("Uncaught", "ReferenceError: x is not defined\n    at y", 8),),
        (Statement(Subject.ERROR, text="Uncaught ReferenceError: x is not defined", url=PAGE, line=9),)),
    ("rejection", (thrown("Uncaught (in promise)", "TypeError: lost\n    at y"),),
        (Statement(Subject.REJECTION, text="TypeError: lost"),)),
    ("console", (console("error", {"value": "oh"}, {"description": "Error: x\n    at y"}),),
        (Statement(Subject.CONSOLE, text="oh Error: x", source=PAGE, line=4),)),
    ("console without error", (console("log", {"value": "oh"}),), ()),
    ("log", (log("security", TYPE),), (Statement(Subject.CONSOLE, text=TYPE, source=PAGE),)),
    ("log of a request", (log("network", "Failed to load resource"),), ()),
    ("log of a policy", (log("security", "violates the following Content Security Policy directive"),), ()),
    ("log of mixed content", (log("security", "Mixed Content: The page"),), ()),
    ("log without error", (log("security", TYPE, "warning"),), ()),
    ("crash", (message("Inspector.targetCrashed"),), (Statement(Subject.ERROR, text="the page made its tab crash"),)),
)  # fmt: skip


@pytest.mark.parametrize(("messages", "said"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_what_messages_say(messages: tuple[dict[str, Any], ...], said: tuple[Statement, ...]) -> None:
    listening = Listening(FRAME, "X-Trace")
    for each in messages:
        listening.take(each, 0.0)
    assert tuple(listening.statements) == said
    assert tuple(from_data([as_data(each) for each in said])) == said


def test_the_page_is_the_last_document_of_its_frame() -> None:
    listening = Listening(FRAME, "X-Trace")
    listening.take(response(302, f"{SITE}/", "Document", X_Trace='"1"'), 0.0)
    listening.take(response(500, PAGE, "Document", x_trace='"2"; rules="a"'), 0.0)
    listening.take(response(200, f"{SITE}/frame", "Document", "G", X_Trace='"3"'), 0.0)
    assert (listening.url, listening.status, listening.trace_field) == (PAGE, 500, '"2"; rules="a"')
    assert not listening.statements


def test_a_page_is_at_rest_when_it_asks_for_nothing_more() -> None:
    listening = Listening(FRAME, "")
    loaded = message("Page.lifecycleEvent", frameId=FRAME, name="load")
    listening.take(request(PAGE, "Document", "0"), 1.0)
    listening.take(request(number="1"), 1.0)
    listening.take(request(f"{SITE}/events", "EventSource", "2"), 1.0)
    listening.take(message("Page.lifecycleEvent", frameId="G", name="load"), 2.0)
    assert not listening.loaded
    listening.take(loaded, 2.0)
    assert listening.under_way == [f"{SITE}/a"]
    assert not listening.is_at_rest(9.0)
    listening.take(message("Network.loadingFinished", requestId="1"), 9.0)
    assert not listening.is_at_rest(9.0 + QUIET / 2)
    assert listening.is_at_rest(9.0 + QUIET)
    listening.take(request(f"{SITE}/next", "Document", "3"), 10.0)
    assert not listening.is_at_rest(20.0)
    listening.take(message("Inspector.targetCrashed"), 20.0)
    assert listening.is_at_rest(20.0)


@pytest.mark.parametrize(
    "strange",
    [
        {}, {"method": 1}, {"method": "Log.entryAdded"}, message("Log.entryAdded", entry=1), message("No.such"),
        message("Network.requestWillBeSent", request=[]), message("Audits.issueAdded", issue={"code": "CookieIssue"}),
        message("Network.responseReceivedExtraInfo", blockedCookies=[1, {"blockedReasons": []}]),
        message("Network.responseReceived", response={"url": 1, "status": "x"}, type=[]),
    ],
)  # fmt: skip
def test_messages_of_no_known_form_say_nothing(strange: dict[str, Any]) -> None:
    listening = Listening(FRAME, "X-Trace")
    listening.take(strange, 0.0)
    assert not listening.statements


def test_statements_are_bounded() -> None:
    listening = Listening(FRAME, "")
    for number in range(MAX_STATEMENTS + 9):
        listening.take(thrown("Uncaught", f"x{number}"), 0.0)
    assert len(listening.statements) == MAX_STATEMENTS
    assert from_data([1, {}, {"kind": "nothing"}, {"kind": ["error"]}]) == []
