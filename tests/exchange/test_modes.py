"""Modes: where IIS gives up, `iis` answers as IIS does, and `helpful` goes on and tells in the trace."""

from __future__ import annotations

import gzip
import textwrap
from dataclasses import dataclass

import pytest

from rules_of import SITE, ask, field, problem_codes, rules_of
from urlrewrite.engine.compile import compile_rules
from urlrewrite.exchange.responses import Forward, LocalResponse
from urlrewrite.exchange.rule_tests import Evaluation
from urlrewrite.formats.yaml.rules import parse
from urlrewrite.inspector.traces.report import log_line
from urlrewrite.model import Mode
from urlrewrite.model.problems import RuleFileError, Severity
from urlrewrite.trace.reasons import Reason

WWW = "https://www.example.com"
HTML = ("Content-Type", "text/html")
GZIP = ("Content-Encoding", "gzip")
PAGE = gzip.compress(b"<a href=/x>", mtime=1)
BODY_RULE = "outboundRules: [{name: r, match: {filterByTags: A, pattern: ^/x}, action: {type: Rewrite, value: /y}}]"
CODED = 'Outbound rewrite rules cannot be applied when the content of the HTTP response is encoded ("gzip").'


def in_mode(mode: Mode, text: str) -> str:
    return f"mode: {mode}\n{text}"


def told_codes(result: Evaluation) -> list[str]:
    return [event["iis_status"] for event in result.exchange.trace.events if "iis_status" in event]


@dataclass(frozen=True)
class Case:
    """A request that IIS answers with an error.

    `helpful` is the status in mode helpful, 200 where it goes on; `code` and `message` are IIS's; `reason` is told in
    the trace.
    """

    name: str
    rules: str
    code: str
    message: str
    helpful: int = 200
    lines: tuple[tuple[str, str], ...] = (HTML,)
    body: bytes = b""
    reason: Reason = Reason.CONTENT_ENCODED


CASES = [
    Case(
        "a variable that may not be set",
        """
        allowedServerVariables: [HTTP_X_OTHER]
        rules: [{name: r, match: .*, serverVariables: {HTTP_X_A: a}, action: None}]
        """,
        "500.50",
        'The server variable "HTTP_X_A" is not allowed to be set. '
        "Add the server variable name to the allowed server variable list.",
        reason=Reason.VARIABLE_NOT_ALLOWED,
    ),
    Case("a body rule on an encoded response", BODY_RULE, "500.52", CODED, lines=(HTML, GZIP), body=PAGE),
    Case(
        "a body rule on a response of any type",
        BODY_RULE,
        "500.52",
        CODED,
        lines=(("Content-Type", "image/png"), GZIP),
        body=PAGE,
    ),
    Case(
        "with rewriteBeforeCache it has another number",
        BODY_RULE + "\nrewriteBeforeCache: true",
        "500.53",
        CODED,
        lines=(HTML, GZIP),
        body=PAGE,
    ),
    Case(
        "a rewrite to another host without ARR",
        """
        rules: [{name: r, match: (.*), action: {type: Rewrite, url: 'http://other/{R:1}'}}]
        proxy: {element: proxy, attributes: {enabled: 'false'}}
        """,
        "404.4",
        "The resource you are looking for does not have a handler associated with it.",
        reason=Reason.PROXY_OFF,
    ),
    Case(
        "ARR that does not say it is enabled",
        """
        rules: [{name: r, match: (.*), action: {type: Rewrite, url: 'http://other/{R:1}'}}]
        proxy: {element: proxy}
        """,
        "404.4",
        "The resource you are looking for does not have a handler associated with it.",
        reason=Reason.PROXY_OFF,
    ),
    Case(
        "a server farm that is switched off",
        """
        rules: [{name: r, match: (.*), action: {type: Rewrite, url: 'http://Shop/{R:1}'}}]
        farms: {shop: {enabled: false, servers: [10.0.0.1]}}
        """,
        "502.4",
        "No appropriate server could be found to route the request.",
        reason=Reason.SERVER_FARM,
    ),
    Case(
        "a target that no rule file names",
        "rules: [{name: r, match: (.*), action: {type: Rewrite, url: 'http://app{QUERY_STRING}'}}]",
        "502.3",
        "There was a connection error while trying to route the request.",
        helpful=500,
        reason=Reason.UNNAMED_HOST,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_where_iis_gives_up(case: Case) -> None:
    for mode in Mode:
        result = ask(
            rules_of(in_mode(mode, textwrap.dedent(case.rules))),
            f"{WWW}/x?evil.example",
            answer=(200, list(case.lines), case.body),
        )
        trace = result.exchange.trace
        assert case.reason in [event.get("reason") for event in trace.events]
        status, _, sub_status = case.code.partition(".")
        if mode is Mode.HELPFUL:
            assert result.status == case.helpful
            assert b"HTTP Error" not in (result.body or b"")
            if case.helpful == 200:
                assert told_codes(result) == [case.code]
            continue
        body = (result.body or b"").decode()
        assert result.status == int(status)
        assert f"HTTP Error {case.code} - " in body
        assert case.message in body.replace("&quot;", '"')
        assert "offline" in body
        assert "other" not in body
        assert told_codes(result) == [case.code]
        assert trace.data["sub_status"] == int(sub_status)
        assert trace.problems() != []
        if status == "500":
            assert f"HTTP Error {case.code} - URL Rewrite Module Error." in body


NOT_CONCERNED = [
    # method, status, fields and rules that IIS has no quarrel with, encoded as the response is
    ("HEAD", 200, [HTML, GZIP], BODY_RULE),
    ("GET", 304, [HTML, GZIP], BODY_RULE),
    ("GET", 200, [HTML, ("Content-Encoding", "identity")], BODY_RULE),
    ("GET", 200, [HTML, GZIP], BODY_RULE + "\nrules: [{name: none, match: x}]\nmode: helpful"),
    (
        "GET",
        200,
        [HTML, GZIP],
        "outboundRules:\n"
        "  - {name: r, match: {serverVariable: RESPONSE_X, pattern: a}, action: {type: Rewrite, value: b}}",
    ),
    (
        "GET",
        200,
        [HTML, GZIP],
        "preConditions: {css: [{input: '{RESPONSE_CONTENT_TYPE}', pattern: css}]}\n"
        + BODY_RULE.replace("name: r,", "name: r, preCondition: css,"),
    ),
]


@pytest.mark.parametrize(("method", "status", "lines", "rules"), NOT_CONCERNED)
def test_encoded_responses_that_no_body_rule_concerns(
    method: str, status: int, lines: list[tuple[str, str]], rules: str
) -> None:
    text = rules if "mode:" in rules else in_mode(Mode.IIS, rules)
    body = PAGE if method == "GET" and status == 200 and GZIP in lines else b""
    assert ask(rules_of(text), f"{WWW}/", method=method, answer=(status, lines, body)).status == status


@dataclass(frozen=True)
class Fault:
    """A fault of the rules that IIS finds when it runs, and the id under which it is found here."""

    name: str
    rules: str
    id: str
    code: str = "500.50"


FAULTS = [
    Fault("a bad pattern", "rules: [{name: r, match: '*', action: None}]", "UR110"),
    Fault("a map that is not there", "rules: [{name: r, match: .*, action: {type: Rewrite, url: '{m:x}'}}]", "UR121"),
    Fault("a brace that is not closed", "rules: [{name: r, match: .*, action: {type: Rewrite, url: '{m:x'}}]", "UR120"),
    Fault(
        "a bad pattern outbound: the configuration is read when the request comes",
        "outboundRules: [{name: r, match: {pattern: '('}, action: {type: Rewrite, value: x}}]",
        "UR110",
    ),
    Fault(
        "a map that is not there, in a rule that would apply to the error itself",
        "outboundRules:\n"
        "  - {name: r, match: {serverVariable: RESPONSE_X, pattern: .*}, action: {type: Rewrite, value: '{m:x}'}}",
        "UR121",
    ),
    Fault(
        "a bad pattern in a precondition",
        "preConditions: {p: [{input: '{RESPONSE_STATUS}', pattern: '['}]}",
        "UR110",
    ),
    Fault("a bad global pattern", "globalRules: [{name: r, match: '*', action: None}]", "UR110", "500.51"),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_faults_of_the_rules(fault: Fault) -> None:
    rule_set, _ = parse(SITE + fault.rules, "rules.yaml")
    with pytest.raises(RuleFileError) as caught:
        compile_rules(rule_set)
    assert [problem.id for problem in caught.value.problems] == [fault.id]

    rule_set, _ = parse(SITE + in_mode(Mode.IIS, fault.rules), "rules.yaml")
    _, problems = compile_rules(rule_set)
    assert [(problem.id, problem.severity) for problem in problems] == [(fault.id, Severity.WARNING)]
    assert fault.code in problems[0].message
    result = ask(rules_of(in_mode(Mode.IIS, fault.rules)), f"{WWW}/anything")
    assert result.status == 500
    assert f"HTTP Error {fault.code} - URL Rewrite Module Error.".encode() in (result.body or b"")
    assert told_codes(result) == [fault.code]


SCOPES = [("/", 200), ("/shop", 500), ("/shop/deep/x", 500), ("/shop/cleared/x", 200), ("/other", 200)]


@pytest.mark.parametrize(("path", "status"), SCOPES)
def test_a_fault_is_one_of_its_directory(path: str, status: int) -> None:
    text = """
    mode: iis
    locations:
      shop: {rules: [{name: r, match: '*', action: None}]}
      shop/deep: {}
      shop/cleared: {remove: [rules]}
    """
    assert ask(rules_of(text), WWW + path, answer=(200, [], b"")).status == status


def test_a_name_that_is_given_again_without_remove() -> None:
    text = """
    mode: iis
    rules: [{name: twice, match: .*, action: {type: Rewrite, url: /parent}}]
    locations: {shop: {rules: [{name: twice, match: .*, action: {type: Rewrite, url: /child}}]}}
    """
    result = ask(rules_of(text), f"{WWW}/shop/x")
    assert (result.status, told_codes(result)) == (500, ["500.19"])
    assert b"HTTP Error 500.19 - Internal Server Error" in (result.body or b"")
    helpful = ask(rules_of(text.replace("mode: iis", "")), f"{WWW}/shop/x").routing
    assert isinstance(helpful, Forward)
    assert helpful.target == "/child"


def test_a_fault_of_the_server_is_an_error_for_the_sites_in_mode_helpful() -> None:
    sites = "sites:\n" + "".join(
        f"  - {{name: {mode}, public: 'https://{mode}.example', backend: 'http://b', mode: {mode}}}\n" for mode in Mode
    )
    for rules in (
        "rules: [{name: r, match: '*', action: None}]",
        "globalRules: [{name: r, match: '*', action: None}]",
    ):
        rule_set, _ = parse(sites + rules, "rules.yaml")
        with pytest.raises(RuleFileError):
            compile_rules(rule_set)


def test_a_global_rule_that_answers_comes_before_a_fault_of_the_site() -> None:
    text = """
    mode: iis
    globalRules: [{name: g, match: ^old, action: {type: Redirect, url: /new}}]
    rules: [{name: r, match: '*', action: None}]
    """
    assert ask(rules_of(text), f"{WWW}/old").status == 301
    assert ask(rules_of(text), f"{WWW}/new").status == 500


def test_global_rules_need_no_allowed_server_variables() -> None:
    text = """
    mode: iis
    allowedServerVariables: []
    globalRules: [{name: g, match: .*, serverVariables: {HTTP_X_A: a}, action: None}]
    """
    routing = ask(rules_of(text), f"{WWW}/").routing
    assert isinstance(routing, Forward)
    assert ("x-a", "a") in routing.fields


def test_an_unlisted_variable_is_set_all_the_same_in_mode_helpful() -> None:
    text = """
    allowedServerVariables: [http_x_b]
    rules: [{name: r, match: .*, serverVariables: {HTTP_X_A: a, HTTP_X_B: b}, action: None}]
    """
    rule_set, _ = parse(SITE + text.replace("\n    ", "\n"), "rules.yaml")
    found = [(problem.id, problem.severity) for problem in compile_rules(rule_set)[1]]
    assert found == [("UR123", Severity.WARNING)]
    result = ask(rules_of(text), f"{WWW}/")
    assert isinstance(result.routing, Forward)
    assert {("x-a", "a"), ("x-b", "b")} <= set(result.routing.fields)
    assert [event["iis_status"] for event in result.exchange.trace.events if event["event"] == "WARNING"] == ["500.50"]


URLS = [
    # the rule's URL, what is asked for, what goes on in mode helpful, in mode iis, and there without
    # useOriginalURLEncoding
    ("/x/{R:1}", "/a%2Fb%20c", "/x/a%2Fb%20c", "/x/a/b%20c", "/x/a/b%20c"),
    ("/x/{R:1}", "/100%25", "/x/100%25", "/x/100%25", "/x/100%25"),
    ("/x/{R:1}", "/%2541", "/x/%2541", "/x/%2541", "/x/%41"),
    ("/x/{R:1}", "/caf%C3%A9", "/x/caf%C3%A9", "/x/caf%C3%A9", "/x/caf%C3%A9"),
    ("{UNENCODED_URL}", "/a%2Fb%20c", "/a%2Fb%20c", "/a%252Fb%2520c", "/a%2Fb%20c"),
    ("{UNENCODED_URL}", "/a?q=%20", "/a?q=%20", "/a?q=%20", "/a?q=%20"),
    ("/x{URL}", "/a%2Fb", "/x/a%2Fb", "/x/a/b", "/x/a/b"),
    ("/x{URL}", "/%2541", "/x/%2541", "/x/%2541", "/x/%41"),
    ("/{ToLower:{R:1}}", "/A%20B", "/a%20b", "/a%20b", "/a%20b"),
]


@pytest.mark.parametrize(("url", "asked", "helpful", "iis", "without"), URLS)
def test_the_encoding_of_rewritten_urls(url: str, asked: str, helpful: str, iis: str, without: str) -> None:
    rule = f"rules: [{{name: r, match: (.*), action: {{type: Rewrite, url: '{url}', appendQueryString: false}}}}]\n"
    ways = [
        (Mode.HELPFUL, "", helpful),
        (Mode.HELPFUL, "useOriginalURLEncoding: false\n", helpful),
        (Mode.IIS, "", iis),
        (Mode.IIS, "useOriginalURLEncoding: false\n", without),
    ]
    for mode, switch, expected in ways:
        result = ask(rules_of(in_mode(mode, switch + rule)), WWW + asked)
        assert isinstance(result.routing, Forward)
        assert result.routing.target == expected, (mode, switch)
        rewrite = next(event for event in result.exchange.trace.events if event["event"] == "REWRITE_ACTION")
        if mode is Mode.HELPFUL and not switch:
            assert rewrite.get("iis_url", helpful) == iis


def test_what_iis_would_send_is_told_as_it_would_be_sent() -> None:
    rule = "rules: [{name: r, match: '^c/(.*)', action: {type: Rewrite, url: '{URL}'}}]"
    for url, told in (
        ("d/{R:1}", "/d/a/b?x=1"),
        ("http://other:81/{R:1}", "http://other:81/a/b?x=1"),
        ("/e?p={R:1}", "/e?p=a/b&x=1"),
    ):
        result = ask(rules_of(rule.replace("{URL}", url)), f"{WWW}/c/a%2Fb?x=1")
        rewrite = next(event for event in result.exchange.trace.events if event["event"] == "REWRITE_ACTION")
        strict = ask(rules_of(in_mode(Mode.IIS, rule.replace("{URL}", url))), f"{WWW}/c/a%2Fb?x=1").routing
        assert isinstance(strict, Forward)
        assert rewrite["iis_url"] == told
        assert told in (strict.target, f"{strict.origin}{strict.target}")


HASHES = [
    # the URL of a Rewrite, and what is sent of /c/a%23b, in both modes
    ("/d/{R:1}", "/d/a%23b"),
    ("/d{C:1}", "/d/c/a%23b"),
    ("/d?x={UrlDecode:{R:1}}", "/d?x=a%23b"),
    ("/d#{R:1}", "/d"),
    ("http://privateserver:8080/d#/{R:1}", "/d"),
]


@pytest.mark.parametrize(("url", "sent"), HASHES)
@pytest.mark.parametrize("mode", Mode)
def test_a_hash_of_the_path_begins_no_fragment(url: str, sent: str, mode: Mode) -> None:
    rule = f"""
    rules:
      - name: r
        match: ^c/(.*)
        conditions: [{{input: '{{URL}}', pattern: (.*)}}]
        action: {{type: Rewrite, url: '{url}'}}
    """
    routing = ask(rules_of(in_mode(mode, textwrap.dedent(rule))), f"{WWW}/c/a%23b").routing
    assert isinstance(routing, Forward)
    assert routing.target == sent


def test_global_rules_have_their_own_switch_for_the_encoding() -> None:
    rule = "globalRules: [{name: g, match: (.*), action: {type: Rewrite, url: '{UNENCODED_URL}'}}]\n"
    for switch, expected in (("", "/a%2520b"), ("globalUseOriginalURLEncoding: false\n", "/a%20b")):
        routing = ask(rules_of(in_mode(Mode.IIS, switch + rule)), f"{WWW}/a%20b").routing
        assert isinstance(routing, Forward)
        assert routing.target == expected


DIFFERENCES = [
    # rules, and what each mode answers with: the value of field X
    (
        "outboundRules:\n"
        "  - {name: r, match: {serverVariable: RESPONSE_X, pattern: .+}, action: {type: Rewrite, value: ''}}",
        [],
        [""],
    ),
    (
        "outboundRules:\n"
        "  - name: r\n"
        "    match: {serverVariable: RESPONSE_X, pattern: .+}\n"
        "    action: {type: Rewrite, value: '{HTTP_HOST}'}",
        ["www.example.com"],
        ["privateserver:8080"],
    ),
    (
        "preserveHostHeader: true\n"
        "outboundRules:\n"
        "  - name: r\n"
        "    match: {serverVariable: RESPONSE_X, pattern: .+}\n"
        "    action: {type: Rewrite, value: '{HTTP_HOST}'}",
        ["www.example.com"],
        ["www.example.com"],
    ),
]


@pytest.mark.parametrize(("rules", "helpful", "iis"), DIFFERENCES)
def test_fields_differ_by_mode(rules: str, helpful: list[str], iis: list[str]) -> None:
    for mode, expected in ((Mode.HELPFUL, helpful), (Mode.IIS, iis)):
        result = ask(rules_of(in_mode(mode, rules)), f"{WWW}/", answer=(200, [("X", "a")], b""))
        assert field(result, "x") == expected, mode


def test_rewrite_before_cache_and_chunks() -> None:
    rules = "rewriteBeforeCache: true\n" + BODY_RULE
    lines = [HTML, ("Transfer-Encoding", "chunked")]
    for mode, body in ((Mode.HELPFUL, b"<a href=/y>"), (Mode.IIS, b"<a href=/x>")):
        result = ask(rules_of(in_mode(mode, rules)), f"{WWW}/", answer=(200, lines, b"<a href=/x>"))
        assert result.body == body
        assert problem_codes(result)[0] in (Reason.CHUNKED_LEFT, Reason.CHUNKED_REWRITTEN)


CUSTOM = "rules: [{name: r, match: .*, action: {type: CustomResponse, statusCode: 403, subStatusCode: 7%s}}]"


def test_custom_responses_tell_the_sub_status() -> None:
    helpful = ask(rules_of(CUSTOM % ""), f"{WWW}/")
    assert helpful.body == b"403.7 Forbidden\n"
    iis = ask(
        rules_of(in_mode(Mode.IIS, CUSTOM % ", statusReason: 'No <entry>', statusDescription: Why & so")), f"{WWW}/"
    )
    assert isinstance(iis.routing, LocalResponse)
    assert (iis.routing.status, iis.routing.sub_status, iis.routing.reason) == (403, 7, "No <entry>")
    assert b"<h1>HTTP Error 403.7 - No &lt;entry&gt;</h1>" in iis.routing.body
    assert b"<p>Why &amp; so</p>" in iis.routing.body
    for result in (helpful, iis):
        assert result.exchange.trace.data["sub_status"] == 7
        assert "-> 403.7" in log_line(result.exchange.trace.data)


def test_the_link_map_is_as_the_site_says_in_both_modes() -> None:
    page = gzip.compress(b'<a href="http://privateserver:8080/x">', mtime=1)
    for mode in Mode:
        result = ask(rules_of(in_mode(mode, "")), f"{WWW}/", answer=(200, [HTML, GZIP], page))
        assert gzip.decompress(result.body or b"") == b'<a href="https://www.example.com/x">'


def test_what_the_trace_tells_of_log_and_cache() -> None:
    rules = """
    rules:
      - name: r
        match: ^a$
        responseCacheDirective: Never
        action: {type: Rewrite, url: /b, logRewrittenUrl: true}
    """
    result = ask(rules_of(rules), f"{WWW}/a?x=1")
    assert result.exchange.trace.data["logged_url"] == "/b?x=1"
    told = [event for event in result.exchange.trace.events if event["event"] == "RESPONSE_CACHE_DIRECTIVE"]
    assert told == [{"event": "RESPONSE_CACHE_DIRECTIVE", "rule": "r", "directive": "Never"}]


def test_the_page_has_a_module_and_a_notification() -> None:
    result = ask(rules_of(in_mode(Mode.IIS, BODY_RULE)), f"{WWW}/", answer=(200, [HTML, GZIP], PAGE))
    body = (result.body or b"").decode()
    assert "<th>Module</th><td>RewriteModule</td>" in body
    assert "<th>Notification</th><td>SendResponse</td>" in body
    assert field(result, "content-length") == [str(len(body.encode()))]
