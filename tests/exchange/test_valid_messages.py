"""What is refused before any rule sees it, what is let through, and that what goes on is well formed."""

from __future__ import annotations

import re
import string
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules_of import rules_of
from urlrewrite.content.asset_memory import AssetMemory
from urlrewrite.engine.facts import RequestFacts, ResponseFacts
from urlrewrite.engine.url_path import remove_dot_segments
from urlrewrite.exchange.exchange import Exchange
from urlrewrite.exchange.request import Routing
from urlrewrite.exchange.responses import Abort, Forward, LocalResponse
from urlrewrite.exchange.valid_messages import (
    REQUIREMENTS,
    Part,
    Requirement,
    judge_request,
    judge_response,
    unfolded_request,
)
from urlrewrite.trace.events import Name
from urlrewrite.trace.reasons import Reason

HOST = "www.example.com"
RULES = rules_of("")
MOUNTED = rules_of("", site="public: 'http://www.example.com/app'\nbackend: 'http://privateserver:8080/base'\n")
BLOCKING = rules_of("rules: [{name: block, match: '^admin(/|$)', action: {type: CustomResponse, statusCode: 403}}]")


def request(
    target: str = "/x", *fields: tuple[str, str], method: str = "GET", host: str = HOST, version: str = "HTTP/1.1"
) -> RequestFacts:
    return RequestFacts(method, "http", host, target, (("Host", HOST), *fields), version)


def routed(asked: RequestFacts, rules=RULES) -> tuple[Routing, Exchange]:  # type: ignore[no-untyped-def]
    exchange = Exchange(rules, AssetMemory(), asked, "id")
    return exchange.route(), exchange


def with_example(requirement: Requirement) -> RequestFacts | ResponseFacts:
    text = requirement.example
    match requirement.part:
        case Part.METHOD:
            return request(method=text)
        case Part.VERSION:
            return request(version=text)
        case Part.TARGET | Part.PATH:
            return request(text)
        case Part.HOST:
            return request(host=text)
        case Part.FIELD_NAME:
            return request("/x", (text, "y"))
        case Part.FIELD_VALUE:
            return request("/x", ("X", text))
        case Part.REASON_PHRASE:
            return ResponseFacts(200, reason=text)


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=lambda requirement: requirement.reason)
def test_each_requirement_refuses_its_example(requirement: Requirement) -> None:
    message = with_example(requirement)
    found = judge_request(message) if isinstance(message, RequestFacts) else judge_response(message)
    assert found
    assert found.reason is requirement.reason
    # No other requirement would refuse it.
    assert not any(
        each.violated(requirement.example)
        for each in REQUIREMENTS
        if each is not requirement and each.part is requirement.part
    )


REFUSED = [
    *[
        (request(method=method), Reason.BAD_METHOD)
        for method in ("", "G T", "GET\t", "GET /admin HTTP/1.1 x", "PO\u017fT")
    ],
    *[(request(version=version), Reason.BAD_VERSION) for version in ("HTTP/3.0", "HTTP/0.9", "HTTP/2.1")],
    *[(request(target), Reason.TARGET_FORM) for target in ("", "x", "*", "http://www.example.com/", "?x")],
    *[(request(target), Reason.TARGET_FRAGMENT) for target in ("/admin#", "/admin#x", "/x?y#", "/#", "/x/../admin#")],
    *[(request(target), Reason.TARGET_BLANK) for target in ("/admin HTTP/1.1", "/ ", "/x?a b")],
    *[(request(f"/admin{char}"), Reason.TARGET_CONTROL) for char in "\0\t\n\x0b\r\x1f\x7f"],
    *[(request(f"/x?{char}"), Reason.TARGET_CONTROL) for char in "\0\t\n\r\x7f"],
    *[
        (request(f"/admin{text}"), Reason.PATH_CONTROL)
        for text in (
            "%00",
            "%0a",
            "%0D",
            "%1f",
            "%7f",
            "%7F",
            "%c2%80",
            "%C2%9F",
            "\x85",
            "%u000a",
            "%U0085",
            "%c2\udc85",
        )
    ],
    *[
        (request(f"/x{text}"), Reason.PATH_OVERLONG)
        for text in (
            "%c0%af",
            "%C1%81",
            "%e0%80%af",
            "%E0%9f%bf",
            "%f0%80%80%af",
            "%F0%8f%bf%bf",
            "\udcc0\udcaf",
            "%c0\udcaf",
        )
    ],
    *[
        (request(target), Reason.PATH_DOTS)
        for target in ("/x/..;/y", "/..;", "/.;x/y", "/x%2f..;y", "/x\\..;/", "/x/%2e%2E;/y", "/x/.%u002e;a=b/y")
    ],
    *[
        (request(host=host), Reason.BAD_HOST)
        for host in (
            "www.example.com:\u0668\u0660",
            "a b",
            "a/b",
            "a#b",
            "a?b",
            "u@a",
            "a:99999",
            "a:-1",
            "a:0",
            "a\r\n b",
            "a\0",
            "[::1",
            "a]",
            ":80",
            "a,b c",
            "a\\b",
            "a\x85",
        )
    ],
    (request("/x", ("HOST", HOST)), Reason.BAD_HOST),
    *[
        (request("/x", (name, "y")), Reason.BAD_FIELD_NAME)
        for name in ("", "X Y", "X:", "X\t", "X\n", "Ü", "(X)", "X/Y")
    ],
    *[
        (request("/x", ("X", value)), Reason.FIELD_CONTROL)
        for value in ("a\rTransfer-Encoding: chunked", "a\nb", "a\0b", "\x1b", "\x7f", "a\r\nb", "\x01")
    ],
    (request("/x", ("X", "a\r\n b"), version="HTTP/2.0"), Reason.FIELD_CONTROL),
    (request("/x", ("X", "a\r\n b"), version="HTTP/3"), Reason.FIELD_CONTROL),
]


@pytest.mark.parametrize(("asked", "reason"), REFUSED)
@pytest.mark.parametrize("rules", [BLOCKING, MOUNTED], ids=["root", "mounted"])
def test_what_is_no_request_gets_400_and_no_rule_sees_it(asked: RequestFacts, reason: Reason, rules) -> None:  # type: ignore[no-untyped-def]
    routing, exchange = routed(asked, rules)
    assert isinstance(routing, LocalResponse)
    assert routing.status == 400
    assert b"Trace id: id" in routing.body
    (error,) = (event for event in exchange.trace.events if event["event"] == Name.ERROR)
    assert error["reason"] == reason
    assert exchange.decision.rules == []
    # Nobody can be sure where such a request of HTTP/1 ends.
    assert (("Connection", "close") in routing.fields) is asked.http_version.startswith("HTTP/1")


LET_THROUGH = [
    *[request(version=version) for version in ("HTTP/1.0", "HTTP/1.2", "HTTP/2.0", "HTTP/3", "h2", "")],
    request("/"),
    request("//x"),
    request("*", method="OPTIONS"),
    request("/x", method="M-SEARCH"),
    request("/x", method="get"),
    request("/caf\u00e9/\u4e0d\u5728"),
    request("/\udce9\udcff"),
    request("/%E9%FF%80"),
    request("/caf%C3%A9/%E4%B8%8D%e5%9c%a8/%f0%9f%98%80"),
    request("/%C2%A0%c3%80"),
    request('/x|y[z]{a}^`<">\\'),
    request("/%"),
    request("/%zz%2"),
    request("/%20%25%23%2F%5c%3F"),
    request("/%u0041%u4e0d"),
    request("/x;jsessionid=1;y/z"),
    request("/...;/x/..x;/.x;"),
    request('/x?a=%00%0A%0d%7f&b=%c0%af&c=%u000a&d=/..;/&e=\u00e9\udcff&f=<"|[{}]>\\'),
    request("/x?"),
    request("/" + "x" * 100_000),
    request(host=""),
    request(host="www.example.com:"),
    request(host="www.example.com:8080"),
    request(host="WWW.Example.com."),
    request(host="my_host"),
    request(host="b\u00fccher.example"),
    request(host="[::1]:80"),
    request("/x", ("X", "")),
    request("/x", ("X", "\tcaf\u00e9 \udcff\t\u00a0\u2028")),
    request("/x", ("X_Y.z!#$%&'*+-^`|~", "y")),
    request("/x", ("X", "y" * 100_000)),
    request("/x", ("X", "a\r\n b")),
]


@pytest.mark.parametrize("asked", LET_THROUGH, ids=lambda asked: f"{asked.method} {asked.target}"[:30])
def test_what_applications_use_is_let_through(asked: RequestFacts) -> None:
    assert judge_request(unfolded_request(asked)) is None


def test_a_folded_line_is_unfolded() -> None:
    routing, _ = routed(request("/x", ("X", "\r\n a\r\n b \t\r\n \tc\r\n "), ("Y", "z")))
    assert isinstance(routing, Forward)
    assert dict(routing.fields)["X"] == "a b c"


@pytest.mark.parametrize(
    "path", ["/admin", "/admin/", "/%61dmin", "/%u0061dmin", "/x/../admin", "/.%2Fadmin", "/.\\admin"]
)
def test_no_spelling_passes_by_a_blocking_rule(path: str) -> None:
    routing, _ = routed(request(path), BLOCKING)
    assert isinstance(routing, LocalResponse)
    assert routing.status == 403


LINE_ENDS = ["%E2%80%A8", "%e2%80%a9", "\u2028", "%u2029"]


@pytest.mark.parametrize("line_end", LINE_ENDS)
def test_a_dot_does_not_let_a_line_end_slip(line_end: str) -> None:
    rules = rules_of(
        """
        rules:
          - {name: block, match: '^admin.x$', action: {type: CustomResponse, statusCode: 403}}
          - {name: send, match: (.*), action: {type: Rewrite, url: 'http://privateserver:8080/{R:1}'}}
        """
    )
    routing, _ = routed(request(f"/admin{line_end}x"), rules)
    assert isinstance(routing, LocalResponse)
    assert routing.status == 403
    routing, _ = routed(request(f"/admin{line_end}"), rules)
    assert isinstance(routing, Forward)
    assert routing.target == "/admin" + line_end.replace("\u2028", "%E2%80%A8")


@pytest.mark.parametrize("mode", ["helpful", "iis"])
@pytest.mark.parametrize("blank", ["%20", "\u00a0", "%C2%A0", "%E2%80%A8", "\u2003"])
@pytest.mark.parametrize(
    "send",
    [
        "{name: send, match: (.*), action: {type: Rewrite, url: 'http://privateserver:8080/{R:1}'}}",
        "{name: c, match: .*, conditions: [{input: '{URL}', pattern: ^/(.*)}], action: {type: Rewrite, url: '{C:1}'}}",
    ],
)
def test_a_blank_at_the_end_is_not_lost(blank: str, mode: str, send: str) -> None:
    """What a blocking rule did not take for its path must not become that path."""
    routing, _ = routed(request(f"/admin{blank}"), rules_of(f"mode: {mode}\nrules:\n  - {send}\n"))
    assert isinstance(routing, Forward)
    assert routing.target == "/admin" + (blank if blank.startswith("%") else quote(blank))


@pytest.mark.parametrize("line_end", ["%0A", "%0d", "%0D%0A", *LINE_ENDS[:2]])
def test_a_dot_of_a_condition_does_not_let_a_line_end_slip(line_end: str) -> None:
    rules = rules_of(
        """
        rules:
          - name: block
            match: .*
            conditions: [{input: '{UrlDecode:{QUERY_STRING}}', pattern: union.*select}]
            action: AbortRequest
        """
    )
    routing, _ = routed(request(f"/?q=union{line_end}select"), rules)
    assert isinstance(routing, Abort)


BAD_RESPONSES = [
    (ResponseFacts(200, (("X-A", "a\rSet-Cookie: evil=1"),)), Reason.FIELD_CONTROL),
    (ResponseFacts(302, (("Location", "/\0"),)), Reason.FIELD_CONTROL),
    (ResponseFacts(200, (("X A", "a"),)), Reason.BAD_FIELD_NAME),
    (ResponseFacts(200, (), "O\rK"), Reason.REASON_CONTROL),
]


@pytest.mark.parametrize(("response", "cause"), BAD_RESPONSES)
def test_a_response_that_is_none_becomes_502(response: ResponseFacts, cause: Reason) -> None:
    _, exchange = routed(request())
    head = exchange.receive(response)
    assert isinstance(head, LocalResponse)
    assert head.status == exchange.trace.data["status"] == 502
    (error,) = (event for event in exchange.trace.events if event["event"] == Name.ERROR)
    assert (error["reason"], error["cause"]) == (Reason.RESPONSE_REFUSED, cause)


def test_in_mode_iis_it_is_502_3() -> None:
    _, exchange = routed(request(), rules_of("mode: iis"))
    head = exchange.receive(ResponseFacts(200, (("X", "\0"),)))
    assert isinstance(head, LocalResponse)
    assert (head.status, head.sub_status) == (502, 3)
    assert b"invalid or unrecognized response" in head.body
    assert b"0x80072f78" in head.body


def test_folded_lines_of_a_response_are_unfolded() -> None:
    _, exchange = routed(request())
    head = exchange.receive(
        ResponseFacts(200, (("Content-Security-Policy", "default-src 'self';\r\n script-src 'self'"),))
    )
    assert not isinstance(head, LocalResponse)
    assert dict(head.fields)["Content-Security-Policy"] == "default-src 'self'; script-src 'self'"


ORIGIN_FORM = re.compile(r"/[^\x00-\x20\x7f#]*")
PIECES = st.sampled_from(
    [
        "/",
        "\\",
        "%2F",
        "%5c",
        ".",
        "..",
        "%2e",
        "%2E.",
        "%u002f",
        "%u002e",
        "%U005C",
        "app",
        "/app",
        "a",
        ";",
        "%",
        "%u",
        "é",
        "\udcff",
        "%C3%A9",
        "|",
        "//",
        "?",
        "%0",
        "%25",
    ]
)


@pytest.mark.parametrize("rules", [RULES, MOUNTED], ids=["root", "mounted"])
@given(st.lists(PIECES, max_size=12))
def test_what_is_forwarded_is_in_origin_form_and_normal(rules, pieces: list[str]) -> None:  # type: ignore[no-untyped-def]
    target = "/app/" * (rules is MOUNTED) + "/" + "".join(pieces)
    routing, _ = routed(request(target), rules)
    if isinstance(routing, LocalResponse):
        assert rules is MOUNTED or routing.status == 400
        return
    assert isinstance(routing, Forward)
    assert ORIGIN_FORM.fullmatch(routing.target)
    path = routing.target.partition("?")[0]
    assert remove_dot_segments(path) == path


CONTROLS = st.sampled_from([chr(code) for code in (*range(0x20), 0x7F)])
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(TEXT, CONTROLS, TEXT)
def test_no_control_character_passes(before: str, control: str, after: str) -> None:
    text = before + control + after
    assert judge_request(request(f"/{text}"))
    assert judge_request(request(f"/?{text}"))
    assert judge_request(request(method=f"GET{text}"))
    assert judge_request(request(host=f"a{text}"))
    assert judge_request(request("/", (f"X{text}", "y")))
    assert control == "\t" or judge_request(request("/", ("X", text)))


@given(
    st.text(st.characters(codec="utf-8"), max_size=20),
    st.lists(st.tuples(st.text(string.ascii_letters + " :\r\n-", max_size=6), TEXT), max_size=3),
    st.text(string.ascii_letters + " \t\r\n", max_size=8),
)
def test_what_is_accepted_is_read_from_its_own_wire_form_again(
    target: str, fields: list[tuple[str, str]], method: str
) -> None:
    """Nothing that is accepted can become another request when it is written down."""
    asked = request(f"/{target}", *((name, value.strip(" \t")) for name, value in fields), method=method)
    if judge_request(asked):
        return
    lines = [f"{asked.method} {asked.target} HTTP/1.1", *(f"{name}: {value}" for name, value in asked.fields)]
    first, *rest = "\r\n".join(lines).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert first.split(" ") == [asked.method, asked.target, "HTTP/1.1"]
    assert [(name, value.strip(" \t")) for name, _, value in (line.partition(":") for line in rest)] == list(
        asked.fields
    )
