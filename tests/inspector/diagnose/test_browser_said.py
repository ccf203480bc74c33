"""What the browser said of a page: it stands first, confirms what was found, and is shown and never believed."""

from __future__ import annotations

from typing import Any

import pytest

from inspector.test_broken import EVERYWHERE, OFF, PAGE, exchange, resource
from urlrewrite.inspector.broken import find_breakages
from urlrewrite.inspector.diagnose.breakage import Breakage, BreakageSeverity, Knowledge, Loss, worst_first
from urlrewrite.inspector.diagnose.browser_said import _COOKIE_WHY, LABEL, MAX_LINES, MAX_OWN, words
from urlrewrite.inspector.diagnose.page_loads import page_loads
from urlrewrite.inspector.figures.statistics import Statistics
from urlrewrite.inspector.pages import broken
from urlrewrite.inspector.recorded_exchange import RecordedExchange, Snapshot
from urlrewrite.witness.statements import Statement, Subject

SITE = "https://www.example.com"
INNER = "http://privateserver:8080"
SCRIPT = {"body": "<script src=/a.js></script>"}
LEAK = {"body": f"<script src={INNER}/a.js></script>"}
HTML = ("Content-Type", "text/html")


def told(*said: Statement, seen: tuple[RecordedExchange, ...] = (), **page: Any) -> list[Breakage]:
    """What is found in a page, with what its browser said; other exchanges are those that it loaded."""
    load = page_loads([exchange(OFF, **page), *seen])[-1]
    return find_breakages(load, OFF, said=said)


def element(tag: str, url: str) -> Statement:
    return Statement(Subject.ELEMENT, url=url, tag=tag)


def blocked(directive: str, url: str) -> Statement:
    return Statement(Subject.POLICY, url=url, directive=directive, policy=f"{directive} 'none'")


def policy(value: str) -> dict[str, Any]:
    return {"fields": [HTML, ("Content-Security-Policy", value)]}


CONFIRMED: list[tuple[Statement, dict[str, Any], tuple[str, str, int] | None, str]] = [
    # statement, the page, a resource (path, destination, status), the kind that it confirms
    (element("script", f"{SITE}/a.js"), SCRIPT, ("/a.js", "script", 404), "backend-404"),
    (element("img", f"{SITE}/a.png"), {"body": "<img src=/a.png>"}, ("/a.png", "image", 500), "backend-error"),
    (
        Statement(Subject.RESOURCE, url=f"{SITE}/a.js", tag="script", status=404),
        SCRIPT, ("/a.js", "script", 404), "backend-404",
    ),
    (Statement(Subject.SOCKET, url="wss://www.example.com/s"), {}, ("/s", "websocket", 502), "websocket"),
    (element("img", f"{INNER}/a.png"), {"body": f"<img src={INNER}/a.png>"}, None, "leak"),
    (blocked("img-src", f"{SITE}/a.png"), {"body": "<img src=/a.png>", **policy("img-src 'none'")}, None, "csp"),
    (
        blocked("script-src-elem", "inline"),
        {"body": "<script>x()</script>", **policy("default-src 'self'")}, None, "csp-inline",
    ),
    (
        blocked("style-src-elem", "inline"),
        {"body": "<style>p {}</style>", **policy("style-src 'self'")}, None, "csp-inline",
    ),
    (
        Statement(Subject.COOKIE_REFUSED, url=SITE, tag="sid", text="InvalidDomain"),
        {"fields": [HTML, ("Set-Cookie", "sid=1; Domain=privateserver")]}, None, "cookie",
    ),
    (Statement(Subject.NETWORK, url=f"{INNER}/a.js", tag="script"), LEAK, None, "leak"),
    (Statement(Subject.MIXED, url=f"{INNER}/a.js", tag="script"), LEAK, None, "leak"),
    (Statement(Subject.CORS, url=f"{INNER}/a.js", tag="script"), LEAK, None, "leak"),
]  # fmt: skip


@pytest.mark.parametrize(("statement", "page", "part", "kind"), CONFIRMED)
def test_what_was_found_is_confirmed_and_keeps_its_cause(
    statement: Statement, page: dict[str, Any], part: tuple[str, str, int] | None, kind: str
) -> None:
    seen = (resource(OFF, SITE + part[0], part[1], status=part[2], fields=[HTML]),) if part else ()
    before = [each for each in told(seen=seen, **page) if each.kind == kind]
    after = told(statement, seen=seen, **page)
    assert before
    assert after[0].kind == kind
    assert (after[0].title, after[0].todo, after[0].severity) == (before[0].title, before[0].todo, before[0].severity)
    assert (after[0].known, after[0].said) == (Knowledge.BROWSER, True)
    assert after[0].evidence[0] == (LABEL, words(statement))
    assert not [each for each in after if each.kind.startswith("browser-")]


OWN = [
    (element("script", f"{SITE}/a.js"), "browser-element", BreakageSeverity.ERROR, Loss.FUNCTION),
    (element("link", f"{SITE}/a.css"), "browser-element", BreakageSeverity.ERROR, Loss.LOOK),
    (element("img", f"{SITE}/a.png"), "browser-element", BreakageSeverity.WARNING, Loss.PART),
    (element("script", "https://ads.example/a.js"), "browser-element", BreakageSeverity.WARNING, Loss.FUNCTION),
    (Statement(Subject.ERROR, text="x is not defined"), "browser-error", BreakageSeverity.WARNING, Loss.FUNCTION),
    (Statement(Subject.REJECTION), "browser-rejection", BreakageSeverity.NOTE, Loss.HINT),
    (Statement(Subject.SOCKET, url="wss://a.example/"), "browser-socket", BreakageSeverity.WARNING, Loss.FUNCTION),
    (blocked("connect-src", "https://a.example"), "browser-policy", BreakageSeverity.WARNING, Loss.FUNCTION),
    (blocked("style-src-attr", "inline"), "browser-policy", BreakageSeverity.WARNING, Loss.LOOK),
    (blocked("img-src", "data"), "browser-policy", BreakageSeverity.WARNING, Loss.PART),
    (
        Statement(Subject.NETWORK, url=f"{SITE}/a", text="tcp.reset"),
        "browser-network", BreakageSeverity.WARNING, Loss.PART,
    ),
    (
        Statement(Subject.NETWORK, url=f"{SITE}/a.js", tag="script", text="ERR_FAILED"),
        "browser-network", BreakageSeverity.ERROR, Loss.FUNCTION,
    ),
    (
        Statement(Subject.CORS, url="https://a.example/x", tag="fetch", text="MissingAllowOriginHeader"),
        "browser-cors", BreakageSeverity.WARNING, Loss.PART,
    ),
    (
        Statement(Subject.MIXED, url="http://a.example/x", tag="img"),
        "browser-mixed", BreakageSeverity.WARNING, Loss.PART,
    ),
    (
        Statement(Subject.COOKIE_REFUSED, url=SITE, tag="a", text="InvalidPrefix"),
        "browser-cookie-refused", BreakageSeverity.WARNING, Loss.FUNCTION,
    ),
    (
        Statement(Subject.COOKIE_WITHHELD, url=SITE, tag="a", text="SameSiteLax"),
        "browser-cookie-withheld", BreakageSeverity.WARNING, Loss.FUNCTION,
    ),
    (Statement(Subject.CONSOLE, text="oh"), "browser-console", BreakageSeverity.NOTE, Loss.HINT),
    (
        Statement(Subject.ISOLATION, url="https://a.example", text="corp"),
        "browser-isolation", BreakageSeverity.WARNING, Loss.PART,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("statement", "kind", "severity", "loss"), OWN)
def test_what_nobody_else_saw_is_told(statement: Statement, kind: str, severity: BreakageSeverity, loss: Loss) -> None:
    (found,) = told(statement)
    assert (found.kind, found.severity, found.loss, found.known) == (kind, severity, loss, Knowledge.BROWSER)
    assert found.said
    assert found.flows == (PAGE,)
    assert found.evidence[0] == (LABEL, words(statement))


@pytest.mark.parametrize(
    "statement",
    [
        Statement(Subject.COOKIES, text="a b"),
        Statement(Subject.RESOURCE, url=f"{SITE}/api", status=404),
        Statement(Subject.FRAME, url=f"{SITE}/login", tag="iframe"),
        Statement(Subject.DEPRECATION, text="soon"),
    ],
)
def test_what_may_be_as_it_should_be_is_no_finding(statement: Statement) -> None:
    assert told(statement) == []
    assert words(statement)


def test_a_refused_frame_is_confirmed() -> None:
    frame = resource(OFF, f"{SITE}/f", "iframe", fields=[HTML, ("X-Frame-Options", "DENY")])
    found = told(
        Statement(Subject.FRAME, url=f"{SITE}/f", tag="iframe"), seen=(frame,), body="<iframe src=/f></iframe>"
    )
    assert [(each.kind, each.known) for each in found[:1]] == [("frame", Knowledge.BROWSER)]


@pytest.mark.parametrize("subject", [Subject.NETWORK, Subject.ISOLATION, Subject.CORS, Subject.MIXED])
def test_of_what_does_not_load_the_reason_is_told(subject: Subject) -> None:
    url = "https://a.example/x.png"
    found = told(element("img", url), Statement(subject, url=url, tag="img"))
    assert [each.kind for each in found] == [f"browser-{subject}"]


@pytest.mark.parametrize("reason", _COOKIE_WHY)
def test_reasons_for_which_a_cookie_is_lost_have_words(reason: str) -> None:
    said = words(Statement(Subject.COOKIE_REFUSED, url=SITE, tag="a", text=reason))
    assert said.endswith(f"({reason})")
    assert words(Statement(Subject.COOKIE_REFUSED, url=SITE, tag="a", text="Other")).endswith(": Other")


def test_a_policy_that_two_tell_of_is_told_once() -> None:
    url = "https://a.example/x.png"
    twice = Statement(Subject.POLICY, url=url, directive="img-src", source=SITE, line=3)
    assert len(told(blocked("img-src", url), twice)) == 1


def test_of_what_a_policy_blocks_the_policy_is_told() -> None:
    url = "https://a.example/x.png"
    assert [each.kind for each in told(element("img", url), blocked("img-src", url))] == ["browser-policy"]


def test_statements_are_bounded_and_shown_as_text() -> None:
    many = [Statement(Subject.ERROR, text=f"<script>{number}\x1b[31m\u202e") for number in range(50)]
    found = told(*many)
    assert len(found) == MAX_OWN
    links = [f"{INNER}/{number}.png" for number in range(9)]
    (leak,) = told(*(element("img", url) for url in links), body="".join(f"<img src={url}>" for url in links))
    assert [label for label, _ in leak.evidence].count(LABEL) == MAX_LINES
    assert not any("\x1b" in str(each.as_data()) or "\u202e" in str(each.as_data()) for each in found)


def test_the_browser_comes_first_but_for_the_page_itself() -> None:
    by_record = Breakage("a", Loss.FUNCTION, "", ())
    said = Breakage("b", Loss.PART, "", (), known=Knowledge.EXPERIMENT, said=True)
    page = Breakage("c", Loss.PAGE, "", ())
    warned = Breakage("d", Loss.PAGE, "", (), said=True, severity=BreakageSeverity.WARNING)
    assert worst_first([warned, by_record, said, page]) == [page, said, by_record, warned]


def test_what_was_said_is_tied_to_its_page_by_the_trace() -> None:
    seen = exchange(EVERYWHERE)
    said = {seen.trace["id"]: (Statement(Subject.ERROR, text="lost"),), "other": (Statement(Subject.ERROR, text="no"),)}
    snapshot = Snapshot((seen,), EVERYWHERE, Statistics(clock=lambda: 0.0), said=said, is_probing=True)
    data = broken.data(snapshot, {})
    assert data["probe"] == {"on": True, "said": 1, "why_not": ""}
    assert [(each["title"], each["known"]) for each in data["findings"]] == [
        ("A script of the page fails: lost", "browser")
    ]
    nothing = broken.data(Snapshot((), EVERYWHERE, Statistics(clock=lambda: 0.0)), {})
    assert nothing["probe"] == {"on": False, "said": 0, "why_not": ""}
    left = Snapshot((seen,), EVERYWHERE, Statistics(clock=lambda: 0.0), unwatched={seen.trace["id"]: "so"})
    assert broken.data(left, {})["probe"]["why_not"] == "so"
