"""What is found to be broken in a page load: kinds that a planted fault does not show, and that nothing is invented."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules_of import rules_of
from urlrewrite.engine.facts import RequestFacts, ResponseFacts
from urlrewrite.exchange.rule_tests import evaluate, request_facts
from urlrewrite.exchange.rules_in_force import RulesInForce
from urlrewrite.inspector.broken import find_breakages
from urlrewrite.inspector.diagnose import mixed_content
from urlrewrite.inspector.diagnose.addresses import difference
from urlrewrite.inspector.diagnose.breakage import Breakage, BreakageSeverity, Knowledge, Loss, worst_first
from urlrewrite.inspector.diagnose.page_loads import PageLoad, page_loads
from urlrewrite.inspector.diagnose.policies import allows
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.model.origin import Origin
from urlrewrite.trace.trace import TraceLevel

PAGE = "https://www.example.com/page"
OFF = rules_of("links: off")
EVERYWHERE = rules_of("")

type Lines = list[tuple[str, str]]


def exchange(
    rules: RulesInForce,
    url: str = PAGE,
    *,
    at: float = 1.0,
    asked: Lines | None = None,
    status: int = 200,
    fields: Lines | None = None,
    body: str = "",
    changed: str | None = None,
) -> RecordedExchange:
    """One exchange; `changed` is a body that the client got in place of the one that the rules give."""
    lines = tuple(asked if asked is not None else [("Sec-Fetch-Dest", "document")])
    original = ResponseFacts(status, tuple(fields if fields is not None else [("Content-Type", "text/html")]))
    request = request_facts("GET", url, lines)
    result = evaluate(rules, request, original, body.encode(), trace_id=url)
    answer = ResponseFacts(result.status or 0, tuple(result.fields or ()))
    sent = result.body if changed is None else changed.encode()
    return RecordedExchange(url, at, result.exchange.trace.data, request, b"", original, body.encode(), answer, sent)


def resource(rules: RulesInForce, url: str, dest: str, **more: Any) -> RecordedExchange:
    asked = [("Sec-Fetch-Dest", dest), ("Referer", PAGE), *more.pop("asked", [])]
    return exchange(rules, url, at=2.0, asked=asked, **more)


def found(rules: RulesInForce, *seen: RecordedExchange) -> list[Breakage]:
    load = page_loads(seen)[-1]
    return find_breakages(load, rules)


def digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


COOKIES = [
    ("id=1; Domain=privateserver", "Its Domain=privateserver belongs to the backend"),
    ("id=1; Domain=other.example", "neither the backend nor the public name"),
    ("id=1; SameSite=None", "SameSite=None without Secure"),
    ("id=1; Partitioned", "Partitioned without Secure"),
    ("__Secure-id=1", "prefix requires Secure"),
    ("__Http-id=1", "prefix requires Secure"),
    ("__Host-id=1; Path=/x", "prefix requires Secure and Path=/"),
    ("__Host-id=1; Secure", "prefix requires Path=/"),
    ("__Host-id=1; Secure; Path=/; Domain=www.example.com", "__Host- prefix forbids a Domain"),
    ("id=1; Domain=example.com; Secure; SameSite=None", ""),
    ("__Host-id=1; Secure; Path=/", ""),
    ("id=; Domain=privateserver; Max-Age=0", ""),
]


@pytest.mark.parametrize(("line", "why"), COOKIES)
def test_cookies(line: str, why: str) -> None:
    seen = exchange(OFF, fields=[("Content-Type", "text/html"), ("Set-Cookie", line)])
    titles = [each.title for each in found(OFF, seen) if each.kind == "cookie"]
    assert len(titles) == bool(why)
    assert all(why in title for title in titles)


def test_a_cookie_value_is_not_shown() -> None:
    seen = exchange(OFF, fields=[("Set-Cookie", "session=SECRET; Domain=privateserver")])
    assert "SECRET" not in str([each.as_data() for each in found(OFF, seen)])


def test_secure_on_http_and_a_path_outside_of_the_mount() -> None:
    seen = exchange(OFF, "http://www.example.com/", fields=[("Set-Cookie", "id=1; Secure")])
    assert "It is Secure, but the public name is http" in found(OFF, seen)[0].title
    mounted = rules_of("links: off", site="public: https://www.example.com/app\nbackend: http://privateserver:8080\n")
    seen = exchange(mounted, "https://www.example.com/app/", fields=[("Set-Cookie", "id=1; Path=/shop")])
    assert "Its Path=/shop lies outside /app" in found(mounted, seen)[0].title


POLICIES = [
    ("'self'", "https://www.example.com/x", True),
    ("'none'", "https://www.example.com/x", False),
    ("*", "https://www.example.com/x", True),
    ("https:", "https://www.example.com/x", True),
    ("http:", "https://www.example.com/x", True),
    ("data:", "https://www.example.com/x", False),
    ("www.example.com", "https://www.example.com/x", True),
    ("http://www.example.com", "https://www.example.com/x", True),
    ("http://www.example.com:80", "https://www.example.com/x", True),
    ("http://www.example.com:8080", "https://www.example.com/x", False),
    ("https://www.example.com", "http://www.example.com/x", False),
    ("https://www.example.com:8443", "https://www.example.com/x", False),
    ("https://www.example.com:*", "https://www.example.com/x", True),
    ("*.example.com", "https://www.example.com/x", True),
    ("*.example.com", "https://example.com/x", False),
    ("https://www.example.com/static/", "https://www.example.com/static/x.js", True),
    ("https://www.example.com/static", "https://www.example.com/static/x.js", False),
    ("http://privateserver:8080", "https://www.example.com/x", False),
    ("'nonce-1'", "https://www.example.com/x", True),
]


@pytest.mark.parametrize(("sources", "url", "expected"), POLICIES)
def test_source_lists(sources: str, url: str, expected: bool) -> None:
    assert allows(sources.split(), url, Origin("https", "www.example.com", 443)) is expected


def test_a_policy_of_the_page_itself() -> None:
    body = """<meta http-equiv=Content-Security-Policy content="img-src http://privateserver:8080"><img src=/x.png>"""
    [finding] = [each for each in found(OFF, exchange(OFF, body=body)) if each.kind == "csp"]
    assert "img-src names the backend" in finding.title
    assert "the policy in the page" in finding.title


def test_a_hash_that_no_longer_holds() -> None:
    rules = rules_of("""
    links: off
    outboundRules:
      - name: words
        match: {pattern: colour}
        action: {type: Rewrite, value: color}
    """)
    fields = [("Content-Type", "text/html"), ("Content-Security-Policy", f"script-src '{digest('colour')}'")]
    seen = exchange(rules, fields=fields, body="<script>colour</script>", changed="<script>color</script>")
    stale = replace(seen, response=ResponseFacts(200, tuple(fields)))
    [finding] = [each for each in found(rules, stale) if each.kind == "csp-hash"]
    assert (finding.rule, finding.source) == ("words", "rules.yaml:7")


INTEGRITY = [
    ("const a = 1;", "const a = 2;", digest("const a = 1;"), "the digest is that of the backend's file"),
    ("const a = 1;", "const a = 1;", digest("other"), "The backend sent it this way"),
    ("const a = 1;", "const a = 1;", digest("const a = 1;"), ""),
    ("const a = 1;", "const a = 1;", f"sha256-x {digest('const a = 1;')}", ""),
    ("const a = 1;", "const a = 1;", "md5-x", ""),
]


@pytest.mark.parametrize(("sent", "got", "promised", "why"), INTEGRITY)
def test_integrity(sent: str, got: str, promised: str, why: str) -> None:
    page = exchange(OFF, body=f'<script src="/a.js" integrity="{promised}"></script>')
    kind = [("Content-Type", "text/javascript")]
    script = resource(OFF, "https://www.example.com/a.js", "script", fields=kind, body=sent, changed=got)
    titles = [each.title for each in found(OFF, page, script) if each.kind == "integrity"]
    assert len(titles) == bool(why)
    assert all(why in title for title in titles)


CORS = [
    ([], [], ""),
    ([("Origin", "https://other.example")], [], "is missing for https://other.example"),
    ([("Origin", "https://other.example")], [("Access-Control-Allow-Origin", "https://other.example")], ""),
    (
        [("Origin", "https://other.example")],
        [("Access-Control-Allow-Origin", "https://a.example")],
        "is https://a.example",
    ),
    ([], [("Access-Control-Allow-Origin", "http://privateserver:8080")], "names the backend"),
    (
        [],
        [("Access-Control-Allow-Origin", "*"), ("Access-Control-Allow-Credentials", "true")],
        "browsers refuse together with Access-Control-Allow-Credentials",
    ),
    (
        [],
        [("Access-Control-Allow-Origin", "*"), ("Access-Control-Allow-Origin", "https://www.example.com")],
        "appears 2 times",
    ),
]


@pytest.mark.parametrize(("asked", "fields", "why"), CORS)
def test_cors(asked: Lines, fields: Lines, why: str) -> None:
    data = resource(
        OFF,
        "https://www.example.com/data",
        "empty",
        asked=asked,
        fields=[("Content-Type", "application/json"), *fields],
    )
    titles = [each.title for each in found(OFF, exchange(OFF), data) if each.kind == "cors"]
    assert len(titles) == bool(why)
    assert all(why in title for title in titles)


def test_a_coding_that_nobody_asked_for() -> None:
    asked = [("Sec-Fetch-Dest", "document"), ("Accept-Encoding", "gzip, br;q=0")]
    for coding, count in (("gzip", 0), ("br", 1), ("zstd", 1)):
        seen = exchange(OFF, asked=asked, fields=[("Content-Encoding", coding)])
        assert len([each for each in found(OFF, seen) if each.kind == "coding"]) == count, coding


def test_another_site_took_the_link() -> None:
    rules = rules_of(
        "",
        site="""
        sites:
          - {name: portal, public: https://www.example.com, backend: http://portal:8080}
          - {name: shop, public: https://www.example.com/shop, backend: http://shop:8080, links: off}
        """.replace("\n        ", "\n"),
    )
    page = exchange(rules, "https://www.example.com/shop/", body="<img src='/x.png'>")
    picture = exchange(
        rules,
        "https://www.example.com/x.png",
        at=2.0,
        asked=[("Sec-Fetch-Dest", "image"), ("Referer", "https://www.example.com/shop/")],
        status=404,
        fields=[("Content-Type", "text/html")],
    )
    title = found(rules, page, picture)[0].title
    assert "/shop is missing at its beginning" in title


def test_base64_is_found_by_the_leaks() -> None:
    hidden = base64.b64encode(b'{"url": "http://privateserver:8080/x"}').decode()
    findings = found(EVERYWHERE, exchange(EVERYWHERE, body=f'<script>const a = atob("{hidden}");</script>'))
    assert any("base64" in each.title for each in findings)


def test_without_rules_and_bodies_there_is_still_the_status() -> None:
    seen = RecordedExchange(
        "1", 1.0, {}, request_facts("GET", PAGE, (("Accept", "text/html"),)), response=ResponseFacts(500)
    )
    [finding] = find_breakages(page_loads([seen])[0], None)
    assert "gets 500" in finding.title


DIFFERENCES = [
    ("/app/x", "/app/x", ""),
    ("/app/x", "/app/app/x", "/app appears twice"),
    ("/app/x", "/x", "/app is missing at its beginning"),
    ("/x", "/app/x", "/app stands before it but should not"),
    ("/a/b", "/a//b", "there are two slashes where one is right"),
    ("/a/", "/a", "the slash at its end is missing"),
    ("/a", "/a/", "a slash stands at its end"),
    ("/api/item", "/apiitem", "a slash is missing in it"),
    ("/Item", "/item", "its letter case differs"),
    ("/a%2Fb", "/a%252Fb", "it is percent-encoded twice"),
    ("/a?x=1", "/a", "its query is lost: ?x=1"),
    ("/a?x=1", "/a?x=1&x=1", "its query appears twice"),
    ("/a", "/a?x", "it has an extra query: ?x"),
    ("/a/b/c", "/a/b", "its end is cut off: /c"),
    ("/a", "/b", ""),
]


@pytest.mark.parametrize(("right", "got", "what"), DIFFERENCES)
def test_differences_of_addresses(right: str, got: str, what: str) -> None:
    assert difference(right, got) == what


ODD = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=8))
EVENT = st.dictionaries(
    st.sampled_from("event rule name input pattern succeeded matched captures before after why where value".split()),
    ODD | st.lists(ODD, max_size=3),
) | st.fixed_dictionaries(
    {
        "event": st.sampled_from(
            """
            RULE_EVALUATION_START RULE_EVALUATION_END PATTERN_MATCH REWRITE_ACTION REDIRECT_ACTION CONTENT_CHANGE ERROR
            OUTBOUND_RULE_SKIPPED OUTBOUND_PATTERN_MATCH CONDITION_EVALUATION PRECONDITION_EVALUATION_START WARNING
            REWRITE_MAP_LOOKUP CUSTOM_RESPONSE_ACTION INTEGRITY PATHS_LEFT GENERAL_SET_REQUEST_HEADER
            """.split()
        ),
        "rule": ODD,
        "succeeded": st.just(True),
        "rewrite_url": ODD,
        "substitution": st.sampled_from(["a{R:1}", "http://x{C:9}", "{Map:{R:1}}", "/{R:99999}"]),
        "captures": st.lists(st.text(max_size=4), max_size=3),
        "before": ODD,
        "after": ODD,
        "message": ODD,
        "matched_up_to": ODD,
        "input": ODD,
    }
)
TRACE = st.fixed_dictionaries(
    {"events": st.lists(EVENT, max_size=12), "target": ODD, "status": ODD, "action": ODD, "id": ODD}
)
VALUES = st.sampled_from(
    """
    http://privateserver:8080/x https://[ //x %zz ; , = "" 'sha256-x' *.* http://www.example.com:99999/ / ?
    a=b;Domain=privateserver;Path text/html;charset= gzip,,br null * https://www.example.com/page image/png
    """.split()
) | st.text(max_size=12)
NAMES = st.sampled_from(
    """
    Location Set-Cookie Content-Security-Policy Access-Control-Allow-Origin Content-Type Content-Encoding Origin Referer
    Sec-Fetch-Dest Upgrade Cookie Accept Host Link
    """.split()
)
FIELDS = st.lists(st.tuples(NAMES, VALUES), max_size=6).map(tuple)
TARGETS = st.sampled_from(["/page", "/", "*", "//x", "/%zz?&&", "http://other/", "", "/\udcff", "/a;b#c"])


@st.composite
def exchanges(draw: st.DrawFn) -> RecordedExchange:
    request = RequestFacts(
        draw(st.sampled_from(["GET", "POST", "HEAD", "\x00"])),
        draw(st.sampled_from(["https", "http"])),
        draw(st.sampled_from(["www.example.com", "", "[", "x:99999", "privateserver:8080"])),
        draw(TARGETS),
        draw(FIELDS),
    )
    bodies = st.none() | st.binary(max_size=40) | st.just(PAGE_BODY)
    answers = st.none() | st.builds(ResponseFacts, st.sampled_from([0, 101, 200, 206, 302, 304, 403, 404, 502]), FIELDS)
    answer, original = draw(answers), draw(answers)
    began = draw(st.sampled_from([0.0, 1.0, 1.5, -1.0]))
    flow_id = draw(st.text(max_size=3))
    return RecordedExchange(flow_id, began, draw(TRACE), request, None, original, draw(bodies), answer, draw(bodies))


PAGE_BODY = b"""<base href="http://[x"><script src="http://privateserver:8080/a.js" integrity="sha256-"></script>
<img srcset=,,><a href="https://www.example.com:8443x/">a</a><style>@import "\\110000"; a{b:url(\\d800 )}</style><meta
http-equiv=content-security-policy content=";; img-src 'sha256-' *.:* http://:1">"""


@given(st.lists(exchanges(), max_size=4), st.sampled_from([None, OFF, EVERYWHERE]))
def test_nothing_that_was_recorded_is_too_odd(seen: list[RecordedExchange], rules: RulesInForce | None) -> None:
    loads = [*page_loads(seen), *(PageLoad(each) for each in seen)]
    for load in loads:
        for finding in find_breakages(load, rules, tuple(seen)):
            finding.as_data()


def test_requests_that_failed_for_one_reason_are_told_once() -> None:
    page = exchange(OFF, body="".join(f'<img src="/{number}.png">' for number in range(5)))
    pictures = [
        resource(OFF, f"https://www.example.com/{number}.png", "image", status=404, fields=[]) for number in range(5)
    ]
    [finding] = found(OFF, page, *pictures)
    assert finding.title.endswith("4 more requests fail in the same way.")
    assert len(finding.flows) == finding.count == 5


def test_thousands_of_links_are_one_finding_and_take_no_time() -> None:
    body = '<a href="http://privateserver:8080/x">x</a>' * 3000
    [finding] = [each for each in found(OFF, exchange(OFF, body=body)) if each.kind == "leak"]
    assert finding.count == 3000


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        (400, "refused", "The backend rejects the request for http://privateserver:8080/page"),
        (401, "refused", "The backend refuses it"),
        (404, "backend-404", "The backend has nothing at http://privateserver:8080/page"),
        (405, "refused", "The backend rejects the request for"),
        (410, "backend-404", "The backend has nothing at"),
        (500, "backend-error", "The backend itself fails"),
    ],
)
def test_what_a_status_of_the_backend_means(status: int, kind: str, said: str) -> None:
    (finding,) = found(EVERYWHERE, exchange(EVERYWHERE, status=status))
    assert (finding.kind, finding.rule) == (kind, "")
    assert said in finding.title


def test_what_the_client_did_not_wait_for_is_no_error() -> None:
    seen = exchange(EVERYWHERE)
    left = replace(seen, trace={**seen.trace, "broken_off": "Client disconnected."}, failed="Client disconnected.")
    (finding,) = found(EVERYWHERE, replace(left, response=None))
    assert (finding.kind, str(finding.severity)) == ("given-up", "note")
    assert found(EVERYWHERE, left) == []
    (finding,) = found(EVERYWHERE, replace(seen, response=None, failed="Connection refused."))
    assert (finding.kind, str(finding.severity)) == ("backend-down", "error")


@pytest.mark.parametrize(("times", "kinds"), [(1, ["given-up"]), (2, ["redirect-loop", "given-up"])])
def test_a_browser_that_leaves_a_circle_has_asked_once_more(times: int, kinds: list[str]) -> None:
    fields = [("Location", "https://www.example.com/page")]
    hops = [exchange(EVERYWHERE, status=301, fields=fields, at=float(at)) for at in range(times)]
    last = exchange(EVERYWHERE, at=float(times))
    trace = {**last.trace, "broken_off": "Client disconnected."}
    left = replace(last, trace=trace, failed="Client disconnected.", response=None)
    assert [each.kind for each in found(EVERYWHERE, *hops, left)] == kinds


ALL_PASSED_ON = rules_of(
    "links: off\nrules:\n"
    "  - {name: way in, match: (.*), action: {type: Rewrite, url: 'http://privateserver:8080/{R:1}'}}"
)


def test_a_rule_that_passes_everything_on_is_not_blamed_for_what_the_backend_answers() -> None:
    (finding,) = found(ALL_PASSED_ON, exchange(ALL_PASSED_ON, "https://www.example.com/a%20b?c=d", status=404))
    assert (finding.kind, finding.rule) == ("backend-404", "")
    changed = rules_of("rules:\n  - {name: changes, match: ^a, action: {type: Rewrite, url: /b}}")
    (finding,) = found(changed, exchange(changed, "https://www.example.com/a", status=404))
    assert (finding.kind, finding.rule) == ("wrong-target", "changes")


def test_what_takes_too_long_is_told_as_unfinished() -> None:
    page = exchange(EVERYWHERE, body='<img src="/a">')
    load = page_loads([page, resource(EVERYWHERE, "https://www.example.com/a", "image")])[-1]
    (finding,) = find_breakages(load, EVERYWHERE, until=0.0)
    assert (finding.kind, str(finding.severity)) == ("unfinished", "note")
    assert find_breakages(load, EVERYWHERE) == []


def test_the_path_of_a_mounted_site_without_its_slash_is_no_wrong_link() -> None:
    mounted = rules_of("", site="public: https://www.example.com/app\nbackend: http://privateserver:8080\n")
    body = '<script>f("http://privateserver:8080")</script><a href="http://privateserver:8080">start</a>'
    assert found(mounted, exchange(mounted, "https://www.example.com/app/", body=body)) == []


def test_the_policies_of_a_page_are_read_once_whatever_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[RecordedExchange] = []
    monkeypatch.setattr(mixed_content, "policies_of", lambda case, page: [read.append(page)][1:])
    links = "".join(f"<img src=http://www.example.com/{number}.png>" for number in range(20))
    found(EVERYWHERE, exchange(EVERYWHERE, body=links))
    assert len(read) == 1


def test_a_guess_is_no_error_and_comes_last() -> None:
    known, guessed = (
        Breakage("x", loss, "", (), known=known)
        for loss, known in ((Loss.HINT, Knowledge.RECORD), (Loss.PAGE, Knowledge.GUESS))
    )
    noted = Breakage("y", Loss.HINT, "", (), severity=BreakageSeverity.NOTE)
    assert worst_first([guessed, noted, known]) == [
        known,
        noted,
        replace(guessed, severity=BreakageSeverity.WARNING),
    ]


@pytest.mark.parametrize("level", [level for level in TraceLevel if level is not TraceLevel.OFF])
@pytest.mark.parametrize(("rules", "blamed"), [(EVERYWHERE, False), (OFF, True)])
def test_an_origin_that_was_mapped_back_is_not_blamed_whatever_the_trace_tells(
    level: TraceLevel, rules: RulesInForce, blamed: bool
) -> None:
    asked = [("Sec-Fetch-Dest", "document"), ("Origin", "https://www.example.com")]
    refused = exchange(rules.traced(level), asked=asked, status=403)
    assert ("origin" in {each.kind for each in found(rules, refused)}) is blamed
