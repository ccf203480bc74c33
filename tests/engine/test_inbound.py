"""Inbound rules: what IIS's reference says, case by case."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import unquote

import pytest

from rules_of import SITE, ask, problem_codes, rules_of
from urlrewrite.engine.compile import compile_rules
from urlrewrite.exchange.responses import Abort, Forward, LocalResponse
from urlrewrite.exchange.rules_in_force import RulesInForce, Settings
from urlrewrite.formats.yaml.rules import parse
from urlrewrite.model import Provider
from urlrewrite.trace.reasons import Reason

WWW = "https://www.example.com"
BACKEND = "http://privateserver:8080"


@dataclass(frozen=True)
class Case:
    name: str
    rules: str
    url: str
    target: str | None = None
    status: int | None = None
    location: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    sent: dict[str, str | None] = field(default_factory=dict)


CASES = [
    Case("no rule leaves the URL as sent", "", "/a%2Fb//c?x=%zz&&y", f"{BACKEND}/a%2Fb//c?x=%zz&&y"),
    Case(
        "the pattern sees no leading slash and no query",
        r"rules: [{name: r, match: '^article/(\d+)$', action: {type: Rewrite, url: 'article.aspx?id={R:1}'}}]",
        "/article/7?x=1",
        f"{BACKEND}/article.aspx?id=7&x=1",
    ),
    Case(
        "appendQueryString false drops the query",
        r"rules: [{name: r, match: '.*', action: {type: Rewrite, url: '/x', appendQueryString: 'false'}}]",
        "/a?b=c",
        f"{BACKEND}/x",
    ),
    Case(
        "the root is an empty input",
        "rules: [{name: r, match: '^$', action: {type: Rewrite, url: /home}}]",
        "/",
        f"{BACKEND}/home",
    ),
    Case(
        "a leading slash never matches",
        "rules: [{name: r, match: ^/a, action: {type: Rewrite, url: /x}}]",
        "/a",
        f"{BACKEND}/a",
    ),
    Case(
        "ignoreCase is the default",
        "rules: [{name: r, match: ^ABC$, action: {type: Rewrite, url: /x}}]",
        "/abc",
        f"{BACKEND}/x",
    ),
    Case(
        "ignoreCase false",
        "rules: [{name: r, match: {url: ^ABC$, ignoreCase: false}, action: {type: Rewrite, url: /x}}]",
        "/abc",
        f"{BACKEND}/abc",
    ),
    Case(
        "negate has no captures",
        "rules: [{name: r, match: {url: ^(b), negate: true}, action: {type: Rewrite, url: '/x/{R:1}'}}]",
        "/abc",
        f"{BACKEND}/x/",
    ),
    Case(
        "a rewritten URL is the next rule's input",
        """
        rules:
          - {name: one, match: ^a$, action: {type: Rewrite, url: /b}}
          - {name: two, match: ^b$, action: {type: Rewrite, url: /c}}
        """,
        "/a",
        f"{BACKEND}/c",
    ),
    Case(
        "stopProcessing ends the set where the rule acted",
        """
        rules:
          - {name: one, match: ^a$, stopProcessing: true, action: {type: Rewrite, url: /b}}
          - {name: two, match: ^b$, action: {type: Rewrite, url: /c}}
        """,
        "/a",
        f"{BACKEND}/b",
    ),
    Case(
        "stopProcessing of a rule that did not act means nothing",
        """
        rules:
          - {name: one, match: ^x$, stopProcessing: true, action: {type: Rewrite, url: /b}}
          - {name: two, match: ^a$, action: {type: Rewrite, url: /c}}
        """,
        "/a",
        f"{BACKEND}/c",
    ),
    Case(
        "a disabled rule is skipped",
        "rules: [{name: r, enabled: false, match: a, action: {type: Rewrite, url: /x}}]",
        "/a",
        f"{BACKEND}/a",
    ),
    Case(
        "global rules run first, and their stop ends only their set",
        """
        rules: [{name: site, match: ^b$, action: {type: Rewrite, url: /c}}]
        globalRules: [{name: global, match: ^a$, stopProcessing: true, action: {type: Rewrite, url: /b}}]
        """,
        "/a",
        f"{BACKEND}/c",
    ),
    Case(
        "a wildcard captures what the stars stand for",
        "rules: [{name: r, patternSyntax: Wildcard, match: '*/*.html', action: {type: Rewrite, url: '/{R:2}/{R:1}'}}]",
        "/contoso/test.html",
        f"{BACKEND}/test/contoso",
    ),
    Case(
        "ExactMatch means the whole input",
        "rules: [{name: r, patternSyntax: ExactMatch, match: a.b, action: {type: Rewrite, url: /x}}]",
        "/a.b",
        f"{BACKEND}/x",
    ),
    Case(
        "{R:n} keeps what the client wrote",
        "rules: [{name: r, match: (.*), action: {type: Rewrite, url: '/x/{R:1}'}}]",
        "/a%2Fb%20c/caf%C3%A9/%41%3F",
        f"{BACKEND}/x/a%2Fb%20c/caf%C3%A9/%41%3F",
    ),
    Case(
        "a function's result is encoded for the URL",
        "rules: [{name: r, match: (.*), action: {type: Rewrite, url: '/{ToLower:{R:1}}'}}]",
        "/A%20B",
        f"{BACKEND}/a%20b",
    ),
    Case(
        "the last condition that matched gives {C:n}",
        r"""
        rules:
          - name: r
            match: .*
            conditions:
              - {input: '{QUERY_STRING}', pattern: 'p1=(\d+)'}
              - {input: '{C:1}-{QUERY_STRING}', pattern: '(\d+)-.*p2=(\d+)'}
            action: {type: Rewrite, url: '/x?a={C:1}&b={C:2}', appendQueryString: false}
        """,
        "/?p2=321&p1=123",
        f"{BACKEND}/x?a=123&b=321",
    ),
    Case(
        "trackAllCaptures numbers the groups through",
        r"""
        rules:
          - name: r
            match: .*
            conditions:
              trackAllCaptures: true
              add:
                - {input: '{REQUEST_URI}', pattern: '/([a-z]+)/(\d+)/'}
                - {input: '{QUERY_STRING}', pattern: 'p2=([a-z]+)'}
            action: {type: Rewrite, url: '/x?a={C:1}&b={C:2}&c={C:3}&d={C:0}', appendQueryString: false}
        """,
        "/article/23/?p1=123&p2=abc",
        f"{BACKEND}/x?a=article&b=23&c=abc&d=/article/23/",
    ),
    Case(
        "MatchAny takes the first that holds",
        """
        rules:
          - name: r
            match: .*
            conditions:
              logicalGrouping: MatchAny
              add:
                - {input: '{HTTP_X}', pattern: never}
                - {input: '{HTTP_HOST}', pattern: '^(www)'}
                - {input: '{HTTP_HOST}', pattern: '(com)$'}
            action: {type: Rewrite, url: '/{C:1}'}
        """,
        "/a",
        f"{BACKEND}/www",
    ),
    Case(
        "a negated condition keeps the captures before it",
        """
        rules:
          - name: r
            match: .*
            conditions:
              - {input: '{HTTP_HOST}', pattern: '^(www)'}
              - {input: '{HTTP_HOST}', pattern: '^(intranet)', negate: true}
            action: {type: Rewrite, url: '/{C:1}'}
        """,
        "/a",
        f"{BACKEND}/www",
    ),
    Case(
        "a rewrite map looks the whole argument up, without case",
        """
        rewriteMaps: {short: {defaultValue: /none, entries: {/old: /new}}}
        rules: [{name: r, match: .*, action: {type: Rewrite, url: '{short:{REQUEST_URI}}'}}]
        """,
        "/OLD",
        f"{BACKEND}/new",
    ),
    Case(
        "a redirect is absolute, permanent, and keeps the query",
        "rules: [{name: r, match: ^old/(.*), action: {type: Redirect, url: 'new/{R:1}'}}]",
        "/old/a%20b?x=1",
        status=301,
        location=f"{WWW}/new/a%20b?x=1",
    ),
    Case(
        "redirectType",
        "rules: [{name: r, match: .*, action: {type: Redirect, url: 'http://other.example/', redirectType: SeeOther}}]",
        "/",
        status=303,
        location="http://other.example/",
    ),
    Case(
        "a redirect cannot smuggle a field",
        "rules: [{name: r, match: .*, action: {type: Redirect, url: '/x/{UrlDecode:{QUERY_STRING}}', "
        "appendQueryString: false}}]",
        "/?a%0d%0aSet-Cookie:%20x",
        status=301,
        location=f"{WWW}/x/a%0D%0ASet-Cookie:%20x",
    ),
    Case(
        "CustomResponse",
        "rules: [{name: r, match: ^secret, action: {type: CustomResponse, statusCode: 403, subStatusCode: 7}}]",
        "/secret",
        status=403,
    ),
    Case(
        "an absolute URL goes to another backend",
        "rules: [{name: r, match: ^mail/(.*), action: {type: Rewrite, url: 'http://mail.internal:81/{R:1}'}}]",
        "/mail/inbox?x=1",
        "http://mail.internal:81/inbox?x=1",
        sent={"host": "mail.internal:81"},
    ),
    Case(
        "the host of a target may come from a rewrite map",
        """
        rewriteMaps: {backends: {entries: {mail: 'mail.internal:81'}}}
        rules: [{name: r, match: '^(mail)/(.*)', action: {type: Rewrite, url: 'http://{backends:{R:1}}/{R:2}'}}]
        """,
        "/mail/x",
        "http://mail.internal:81/x",
    ),
    Case(
        "the host of a target may not come from the request",
        "rules: [{name: r, match: '^to/(.*)', action: {type: Rewrite, url: '{C:1}'},"
        "conditions: [{input: '{QUERY_STRING}', pattern: 'url=(.*)'}]}]",
        "/to/x?url=http://evil.example/x",
        status=500,
    ),
    Case(
        "server variables go to the backend as fields",
        """
        rules:
          - name: r
            match: .*
            serverVariables: {HTTP_X_Tenant: '{HTTP_HOST}', HTTP_ACCEPT_ENCODING: ''}
        """,
        "/",
        f"{BACKEND}/",
        headers=(("Accept-Encoding", "gzip"),),
        sent={"x-tenant": "www.example.com", "accept-encoding": None},
    ),
    Case(
        "replace false keeps what is there",
        """
        rules:
          - name: r
            match: .*
            serverVariables:
              - {name: HTTP_X_A, value: rule, replace: false}
              - {name: HTTP_X_B, value: rule, replace: false}
        """,
        "/",
        headers=(("X-A", "client"),),
        sent={"x-a": "client", "x-b": "rule"},
    ),
    Case(
        "a variable that a rule set is seen by the next rule",
        """
        rules:
          - {name: one, match: .*, serverVariables: {MY_NAME: '{ToLower:{HTTP_X}}'}}
          - {name: two, match: .*, action: {type: Rewrite, url: '/{MY_NAME}'}}
        """,
        "/a",
        f"{BACKEND}/abc",
        headers=(("X", "ABC"),),
    ),
    Case(
        "a field value cannot smuggle a field",
        "rules: [{name: r, match: .*, serverVariables: {HTTP_X: '{UrlDecode:{QUERY_STRING}}'}}]",
        "/?a%0d%0aEvil:%20x",
        f"{BACKEND}/?a%0d%0aEvil:%20x",
        sent={"x": "a Evil: x", "evil": None},
    ),
    Case(
        "dot segments cannot pass by a rule",
        "rules: [{name: r, match: ^secret, action: {type: CustomResponse, statusCode: 403}}]",
        "/x/%2e%2e/secret",
        status=403,
    ),
    Case("dot segments do not reach the backend", "", "/a/../../b", f"{BACKEND}/b"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_inbound(case: Case) -> None:
    result = ask(rules_of(case.rules), WWW + case.url, *case.headers)
    routing = result.routing
    if case.target:
        assert isinstance(routing, Forward), result.exchange.trace.events
        assert routing.url == case.target
    if case.status:
        assert isinstance(routing, LocalResponse)
        assert routing.status == case.status
    if case.location:
        assert isinstance(routing, LocalResponse)
        assert dict(routing.fields)["Location"] == case.location
    for name, value in case.sent.items():
        assert isinstance(routing, Forward)
        sent = {key.lower(): text for key, text in routing.fields} | {"host": routing.host}
        assert sent.get(name) == value, name


def test_abort() -> None:
    rules = rules_of("rules: [{name: r, match: ^bad, action: AbortRequest}]")
    assert isinstance(ask(rules, f"{WWW}/bad").routing, Abort)


VARIABLES = [
    ("{HTTPS}", "on"),
    ("{HTTP_HOST}", "www.example.com"),
    ("{SERVER_NAME}", "www.example.com"),
    ("{SERVER_PORT}", "443"),
    ("{SERVER_PORT_SECURE}", "1"),
    ("{REQUEST_METHOD}", "GET"),
    ("{REQUEST_URI}", "/a%20b/c?x=1"),
    ("{UNENCODED_URL}", "/a%20b/c?x=1"),
    ("{URL}", "/a b/c"),
    ("{PATH_INFO}", "/a b/c"),
    ("{QUERY_STRING}", "x=1"),
    ("{CACHE_URL}", "https://www.example.com:443/a%20b/c?x=1"),
    ("{HTTP_X_ORIGINAL_URL}", "/a b/c?x=1"),
    ("{REMOTE_ADDR}", "127.0.0.1"),
    ("{REMOTE_PORT}", "50000"),
    ("{HTTP_COOKIE}", "a=1; b=2"),
    ("{HTTP_ACCEPT}", "text/html, */*"),
    ("{HTTP_X-Dashed}", "yes"),
    ("{SERVER_PROTOCOL}", "HTTP/1.1"),
    ("{AUTH_USER}", ""),
    ("{NOBODY_KNOWS_IT}", ""),
]


@pytest.mark.parametrize(("variable", "value"), VARIABLES)
def test_server_variables(variable: str, value: str) -> None:
    rules = rules_of(f"rules: [{{name: r, match: .*, serverVariables: {{HTTP_X_SEEN: '[{variable}]'}}}}]")
    fields = [("Cookie", "a=1"), ("Cookie", "b=2"), ("Accept", "text/html"), ("Accept", "*/*"), ("X-Dashed", "yes")]
    routing = ask(rules, f"{WWW}/a%20b/c?x=1", *fields).routing
    assert isinstance(routing, Forward)
    assert dict(routing.fields)["x-seen"] == f"[{value}]"


def slow_rules() -> RulesInForce:
    return rules_of("rules: [{name: slow, match: ^(a|aa)+$, action: None}]", settings=Settings(pattern_deadline=0.05))


def test_a_pattern_that_takes_too_long_is_a_500_that_names_the_trace() -> None:
    rules = slow_rules()
    assert not rules.rules.linear
    result = ask(rules, f"{WWW}/{'a' * 60}b")
    assert isinstance(result.routing, LocalResponse)
    assert result.routing.status == 500
    assert b"Trace id: offline" in result.routing.body
    assert Reason.PATTERN_TIMEOUT in problem_codes(result)


def test_files_are_looked_for_in_the_document_root(tmp_path_factory: pytest.TempPathFactory) -> None:
    root = tmp_path_factory.mktemp("site")
    (root / "there.html").write_text("x")
    (root / "folder").mkdir()
    text = f"""
    documentRoot: {root}
    rules:
      - name: file
        match: .*
        conditions: [{{input: '{{REQUEST_FILENAME}}', matchType: IsFile}}]
        action: {{type: CustomResponse, statusCode: 410}}
      - name: folder
        match: .*
        conditions: [{{input: '{{REQUEST_FILENAME}}', matchType: IsDirectory}}]
        action: {{type: CustomResponse, statusCode: 411}}
    """
    rules = rules_of(text)
    for path, status in [("/there.html", 410), ("/folder", 411), ("/absent", None), ("/%2e%2e/there.html", 410)]:
        routing = ask(rules, WWW + path).routing
        assert (routing.status if isinstance(routing, LocalResponse) else None) == status, path


def test_without_a_document_root_there_are_no_files_and_the_trace_says_so() -> None:
    rules = rules_of("""
    rules:
      - name: r
        match: .*
        conditions: [{input: '{REQUEST_FILENAME}', matchType: IsFile, negate: true}]
        action: {type: CustomResponse, statusCode: 404}
    """)
    result = ask(rules, f"{WWW}/x")
    assert isinstance(result.routing, LocalResponse)
    assert problem_codes(result)[0] == Reason.NO_DOCUMENT_ROOT


def with_provider(provider: Provider) -> RulesInForce:
    rule_set, _ = parse(
        SITE + "rules: [{name: r, match: (.*), action: {type: Rewrite, url: '/[{DB:{R:1}}]'}}]\nrewriteMaps: {DB: {}}",
        "rules.yaml",
    )
    rule_set = replace(rule_set, rewrite_maps={}, providers={provider.name: provider})
    return RulesInForce(compile_rules(rule_set)[0], Settings())


PROVIDERS = [
    (True, "/Key", "/[value]"),
    (True, "/kEY", "/[value]"),
    (False, "/Key", "/[value]"),
    (False, "/kEY", "/[]"),
    (True, "/other", "/[]"),
]


@pytest.mark.parametrize(("ignore_case", "asked", "target"), PROVIDERS)
def test_a_provider_is_asked_like_a_map(ignore_case: bool, asked: str, target: str) -> None:
    provider = Provider("db", "FileMapProvider, X", entries={"Key": "value"}, ignore_case=ignore_case)
    result = ask(with_provider(provider), WWW + asked)
    assert isinstance(result.routing, Forward)
    assert result.routing.target == target
    assert result.exchange.trace.problems() == []


def test_a_provider_that_cannot_be_asked_is_empty_and_the_trace_says_so() -> None:
    result = ask(with_provider(Provider("DB", "DbProvider, X", supported=False)), f"{WWW}/a")
    assert isinstance(result.routing, Forward)
    assert result.routing.target == "/[]"
    assert problem_codes(result)[0] == Reason.PROVIDER_NOT_ASKED


def test_the_values_of_a_provider_may_name_hosts() -> None:
    rule_set, _ = parse(
        SITE
        + "rules: [{name: r, match: (.*), action: {type: Rewrite, url: 'http://{B:{R:1}}/'}}]\nrewriteMaps: {B: {}}",
        "rules.yaml",
    )
    provider = Provider("B", "FileMapProvider, X", entries={"a": "one.internal:81"})
    rules = RulesInForce(compile_rules(replace(rule_set, rewrite_maps={}, providers={"B": provider}))[0], Settings())
    routing = ask(rules, f"{WWW}/a").routing
    assert isinstance(routing, Forward)
    assert routing.url == "http://one.internal:81/"


def test_of_map_keys_that_differ_in_case_the_first_counts() -> None:
    rules = rules_of("""
    rewriteMaps: {m: {entries: {A: first, a: second}}, exact: {ignoreCase: false, entries: {A: first, a: second}}}
    rules: [{name: r, match: (.*), action: {type: Rewrite, url: '/{m:{R:1}}/{exact:{R:1}}'}}]
    """)
    routing = ask(rules, f"{WWW}/a").routing
    assert isinstance(routing, Forward)
    assert routing.target == "/first/second"


DECODED = [("/%2541", True), ("/%41", False), ("/plain", False)]


@pytest.mark.parametrize(("asked", "told"), DECODED)
def test_url_decode_decodes_once_and_tells_of_escapes_that_are_left(asked: str, told: bool) -> None:
    rules = rules_of("rules: [{name: r, match: .*, serverVariables: {HTTP_X: '{UrlDecode:{UNENCODED_URL}}'}}]")
    result = ask(rules, WWW + asked)
    assert isinstance(result.routing, Forward)
    assert dict(result.routing.fields)["x"] == unquote(asked)
    assert bool(result.exchange.trace.problems()) is told


FILES = ["{DOCUMENT_ROOT}/there.html", "{APPL_PHYSICAL_PATH}there.html", r"{DOCUMENT_ROOT}\{R:1}.html", "{R:1}.html"]


@pytest.mark.parametrize("name", FILES)
def test_files_are_named_as_on_windows(name: str, tmp_path: Path) -> None:
    (tmp_path / "there.html").write_text("x")
    rules = rules_of(f"""
    documentRoot: {tmp_path}
    rules:
      - name: r
        match: (.*)
        conditions: [{{input: '{name}', matchType: IsFile}}]
        action: {{type: CustomResponse, statusCode: 410}}
    """)
    assert ask(rules, f"{WWW}/there").status == 410


def test_308() -> None:
    rules = rules_of(
        "rules: [{name: r, match: .*, action: {type: Redirect, url: /x, redirectType: PermanentRedirect}}]"
    )
    assert ask(rules, f"{WWW}/").status == 308


def test_global_rules_have_no_files(tmp_path: Path) -> None:
    (tmp_path / "there.html").write_text("x")
    rules = rules_of(f"""
    documentRoot: {tmp_path}
    globalRules:
      - name: r
        match: (.*)
        conditions: [{{input: '{{REQUEST_FILENAME}}', matchType: IsFile}}]
        action: {{type: CustomResponse, statusCode: 410}}
    """)
    result = ask(rules, f"{WWW}/there.html")
    assert isinstance(result.routing, Forward)
    assert problem_codes(result)[0] == Reason.FILE_IN_GLOBAL_RULES
