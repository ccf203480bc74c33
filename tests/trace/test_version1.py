"""Flows that version 1 saved: what its sentences meant, and that the inspector still finds the causes in its traces."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from inspector.exchanges import TRACES
from inspector.planted import CASES, browse, codes
from privateserver import PrivateServer
from urlrewrite.inspector.traces.report import render
from urlrewrite.trace.events import Name
from urlrewrite.trace.reading import read
from urlrewrite.trace.reasons import Reason

RECORDED: dict[str, list[dict[str, Any]]] = json.loads((Path(__file__).parent / "version1.json").read_text("utf-8"))
"""The traces that version 1 made of some of the planted faults, by the fault's name."""

MESSAGES = [
    # a message of version 1, its code, what else of it is a code now, and the rule
    ("the body is passed as it came: a part of a body (206) cannot be rewritten by itself", Reason.BODY_PASSED),
    ("the rest of the body is passed as it comes: gzip: the data ends too early", Reason.REST_PASSED),
    ("the body ends here, and the exchange is broken off, as its coding cannot go on: br: bad", Reason.CODING_BROKEN),
    ("rules for tags and whole bodies are not applied to an event stream", Reason.NO_RULES_IN_EVENTS),
    ("a policy in the page allows inline code by its hash, and a rule may have changed some", Reason.INLINE_HASH),
    ('rule "r" sees the body in windows of 65536 bytes: nothing is matched that reaches out of', Reason.SEES_WINDOWS),
    ('rule "r" sees the body in the lines that come together: nothing is matched', Reason.SEES_LINES),
    ('rule "r" was given up for this body: that nothing in a body matches cannot be said', Reason.NEGATED_STREAM),
    ('rule "r" was given up for this body: pattern a took longer than 0.5 s', Reason.RULE_GIVEN_UP),
    ("the rules for tags were given up for the rest of this body: pattern a took", Reason.TAG_RULES_GIVEN_UP),
    ('rule "r" was not applied: ISO-8859-1 has no U+20AC', Reason.RULE_NOT_APPLIED),
    ("<a href> was left alone: ISO-8859-1 has no U+20AC", Reason.VALUE_LEFT),
    ("a WebSocket message to client was left alone: its frame goes on in another one", Reason.FRAME_GOES_ON),
    ("a WebSocket message to client was left alone: it tells the length of a part of it (x)", Reason.LENGTH_TOLD),
    ("{NOBODY} is no server variable and is empty", Reason.UNKNOWN_VARIABLE),
    ("{UrlDecode:...} decoded '%2541' once, and there are escapes left in it", Reason.ESCAPES_LEFT),
    ('the provider "db" (DbProvider) cannot be asked here: its response is empty', Reason.PROVIDER_NOT_ASKED),
    ("rule \"r\" replaced the whole of <a href>, though its pattern ended before '/x': add (.*)", Reason.LOST_TAIL),
    ("IsFile is false in global rules, which are not of any site", Reason.FILE_IN_GLOBAL_RULES),
    ("IsDirectory is false because the site has no documentRoot", Reason.NO_DOCUMENT_ROOT),
    ('rule "r": pattern a took longer than 1 s', Reason.PATTERN_TIMEOUT),
    ("no site is published under 'x.example'", Reason.NO_SITE),
    ("no site is published under 'x.example' at /a", Reason.NO_SITE_BELOW),
    ("the connection is for 'a.example', the request for 'b.example'", Reason.OTHER_CONNECTION),
    ("a rule took the URL out of /app, where this site is mounted, to /x: a URL that", Reason.OUT_OF_MOUNT),
    ("no rule sent the request anywhere, and the site has no backend: IIS would serve a file", Reason.NO_BACKEND),
    ("rule \"r\" rewrites to 'http://', which names no host", Reason.NO_HOST),
    ('rule "r" rewrites to http://evil.example, a host that no rule file names; write the host', Reason.UNNAMED_HOST),
    ('the request is for the server farm "shop", and server farms are not served yet', Reason.SERVER_FARM),
    (
        "a rule sends the request to http://b, and the proxy of Application Request Routing is not enabled (<",
        "proxy-off",
    ),
    ('The server variable "X" is not allowed to be set. Add the server', Reason.VARIABLE_NOT_ALLOWED),
    ("Outbound rewrite rules cannot be applied when the content of the HTTP response is enc", Reason.CONTENT_ENCODED),
    ("Cannot add duplicate collection entry of type 'rule' with unique key attribute 'name'", Reason.NAME_TWICE),
    ('rules.yaml:3: rule "r": got the pattern \'(\', offset 1: unbalanced "(" [UR110]', Reason.FAULTY_RULES),
    ("rules.yaml:3: got the site 'a' again [UR127]", Reason.FAULTY_RULES),
    ("the proxy failed to rewrite this response", Reason.PROXY_FAILED),
    ("the exchange was broken off: Connection refused.", Reason.BROKEN_OFF),
]
CAUSES = [
    ("Cache-Control: no-transform forbids it", Reason.NO_TRANSFORM),
    ("the content coding 'x' is unknown", Reason.UNKNOWN_CODING),
    ("it is not proper utf-8", Reason.NOT_PROPER_TEXT),
    ("iso-2022-jp cannot be rewritten as it comes", Reason.CHARSET_NOT_STREAMED),
    ("gzip: decodes to more than 1000 bytes", Reason.DECODED_TOO_LARGE),
    ("gzip: the data ends too early", Reason.CORRUPT_CODING),
    ("ISO-8859-1 cannot hold the changed text: x", Reason.CANNOT_ENCODE),
    ("ISO-8859-1 has no U+20AC", Reason.CANNOT_ENCODE),
]
PLANS = [
    ("the response is our own", Reason.OWN_RESPONSE),
    ("its messages are for their own protocol only", Reason.OWN_PROTOCOL),
    ("no rule and no link concerns binary", Reason.NOT_CONCERNED),
    ("no link is mapped in an event stream", Reason.NO_LINKS_IN_EVENTS),
    ("there is no body", Reason.NO_BODY),
    ("html is rewritten whole", Reason.HELD_WHOLE),
    ("html is rewritten as it comes", Reason.SENT_PIECE_BY_PIECE),
    ("X-Accel-Buffering: no asks for it as it comes", Reason.UNBUFFERED),
    ("it has 9 bytes, more than the 8 that are held", Reason.LONG_BODY),
    ("more than 8 bytes came", Reason.MORE_CAME),
    ("it comes slowly", Reason.COMES_SLOWLY),
]


def upgraded(event: dict[str, Any]) -> dict[str, Any]:
    """An event of version 1 as it is read."""
    [found] = read({"version": 1, "events": [event]}).events
    return dict(found)


@pytest.fixture(scope="module")
def backend() -> Iterator[PrivateServer]:
    with PrivateServer(port=0) as running:
        yield running


@pytest.mark.parametrize(("message", "reason"), MESSAGES, ids=[str(reason) for _, reason in MESSAGES])
def test_messages(message: str, reason: Reason) -> None:
    event = upgraded({"event": "WARNING", "message": message, "iis": ""})
    assert event.pop("reason") == reason
    assert event.pop("rule", "") == ("r" if 'rule "r"' in message else "")
    event.pop("cause", "")
    assert event == {"event": "WARNING", "message": message}


@pytest.mark.parametrize(("text", "cause"), CAUSES)
def test_causes_of_passed_bodies(text: str, cause: Reason) -> None:
    event = upgraded({"event": "WARNING", "message": f"the body is passed as it came: {text}"})
    assert (event["reason"], event["cause"]) == (Reason.BODY_PASSED, cause)


@pytest.mark.parametrize(("why", "reason"), PLANS)
def test_plans(why: str, reason: Reason) -> None:
    assert upgraded({"event": "BODY_PLAN", "way": "pass", "why": why})["reason"] == reason


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            {"event": "ERROR", "message": "?", "iis": "500.50", "code": "500.50"},
            {"message": "?", "iis_status": "500.50"},
        ),
        (
            {"event": "ERROR", "message": "?", "iis": "sends it", "code": "502.4"},
            {"message": "?", "iis": "sends it", "iis_status": "502.4"},
        ),
        (
            {"event": "GENERAL_SET_RESPONSE_HEADER", "name": "A", "why": "Domain=a dropped: b; Secure added"},
            {"name": "A", "why": ["Domain=a dropped: b", "Secure added"], "reasons": []},
        ),
        (
            {"event": "CUSTOM_RESPONSE_ACTION", "status": 410, "reason": "Gone"},
            {"status": 410, "status_reason": "Gone"},
        ),
        ({"event": "SITE_CHOSEN", "site": "a"}, {"site": "a"}),
        (
            {"event": "WARNING", "message": "?", "field": "Set-Cookie"},
            {"message": "?", "field": "Set-Cookie", "reason": "field"},
        ),
    ],
)
def test_shapes(old: dict[str, Any], new: dict[str, Any]) -> None:
    event = upgraded(old)
    assert event.pop("event") == old["event"]
    assert event == new


@pytest.mark.parametrize(("fault", "variant"), [case for case in CASES if case.id in RECORDED])
def test_causes_are_found_in_flows_of_version_1(
    fault: Any, variant: Any, backend: PrivateServer, request: pytest.FixtureRequest
) -> None:
    browser = browse(variant, backend.port)
    expected = codes(browser)
    traces = RECORDED[request.node.callspec.id]
    browser.seen = [replace(seen, trace=trace) for seen, trace in zip(browser.seen, traces, strict=True)]
    found = codes(browser)
    assert found == expected


def test_every_message_that_was_recorded_is_understood() -> None:
    for trace in (trace for traces in RECORDED.values() for trace in traces):
        assert trace["version"] == 1
        for event in read(trace).events:
            if event["event"] in (Name.WARNING, Name.ERROR, Name.IIS_DIFFERS, Name.BODY_PLAN):
                assert event["reason"]


@given(TRACES)
def test_whatever_a_trace_of_version_1_holds_it_is_told(trace: Any) -> None:
    if isinstance(trace, dict):
        render({**trace, "version": 1})
