"""Cookies that a page set, and those that its scripts see."""

from __future__ import annotations

import pytest

from inspector.test_broken import OFF, PAGE, exchange, resource
from urlrewrite.inspector.broken import find_breakages
from urlrewrite.inspector.diagnose.breakage import Breakage, BreakageSeverity, Knowledge
from urlrewrite.inspector.diagnose.browser_said import LABEL
from urlrewrite.inspector.diagnose.page_loads import page_loads
from urlrewrite.witness.statements import MAX_TEXT, Statement, Subject

HTML = ("Content-Type", "text/html")
ERROR, NOTE = BreakageSeverity.ERROR, BreakageSeverity.NOTE
REFUSED = Statement(Subject.COOKIE_REFUSED, url=PAGE, tag="id", text="InvalidDomain")


def told(
    line: str, seen: str | None, *, asked: str = "", later: str = "", also: tuple[Statement, ...] = ()
) -> list[Breakage]:
    """What is found of a page that sets a cookie, whose scripts see some: None where nobody asked them."""
    sent = [("Cookie", asked)] if asked else []
    page = exchange(OFF, asked=[("Sec-Fetch-Dest", "document"), *sent], fields=[HTML, ("Set-Cookie", line)])
    script = resource(OFF, "https://www.example.com/a.js", "script", asked=[("Cookie", later)] if later else [])
    said = () if seen is None else (Statement(Subject.COOKIES, text=seen),)
    found = find_breakages(page_loads([page, script])[-1], OFF, said=(*said, *also))
    return [each for each in found if "cookie" in each.kind]


BAD = "id=1; Domain=privateserver; Path=/"
ROWS = [
    # line, seen, the finding's kind, severity and how it is known
    (BAD, None, "cookie", ERROR, Knowledge.SPECIFICATION),
    (BAD, "a b", "cookie", ERROR, Knowledge.BROWSER),
    (BAD, "", "cookie", ERROR, Knowledge.BROWSER),
    (BAD, "a id", "cookie", NOTE, Knowledge.BROWSER),
    ("id=1; Domain=privateserver; Path=/other", "a", "cookie", ERROR, Knowledge.SPECIFICATION),
    ("id=1; Domain=privateserver; Path=/; HttpOnly", "a", "cookie", ERROR, Knowledge.SPECIFICATION),
    ("id=1; Path=/", "a", "browser-cookie-missing", NOTE, Knowledge.BROWSER),
]


@pytest.mark.parametrize(("line", "seen", "kind", "severity", "known"), ROWS)
def test_what_scripts_see_is_told(
    line: str, seen: str | None, kind: str, severity: BreakageSeverity, known: Knowledge
) -> None:
    [found] = told(line, seen)
    assert (found.kind, found.severity, found.known) == (kind, severity, known)
    assert found.said is (known is Knowledge.BROWSER)
    assert (LABEL in dict(found.evidence)) is found.said


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        ("id=1; Path=/", None),
        ("id=1; Path=/", "a id"),
        ("id=1; Path=/", "x" * MAX_TEXT),
        ("id=1; Path=/; HttpOnly", "a"),
        ("id=1; Path=/other", "a"),
        ("id=; Path=/; Max-Age=0", "a"),
    ],
)
def test_cookies_as_they_should_be_are_no_finding(line: str, seen: str | None) -> None:
    assert told(line, seen) == []


def test_a_cookie_that_is_sent_later_is_not_missing() -> None:
    assert told("id=1; Path=/", "a", later="id=1") == []


def test_a_cookie_from_before_casts_no_doubt() -> None:
    [found] = told(BAD, "id", asked="id=0")
    assert (found.severity, found.known) == (ERROR, Knowledge.SPECIFICATION)


def test_where_the_browser_tells_of_its_refusal_there_is_no_doubt_and_nothing_missing() -> None:
    [found] = told(BAD, "id", also=(REFUSED,))
    assert (found.severity, found.said) == (ERROR, True)
    assert not any("scripts see" in value for _, value in found.evidence)
    assert [each.kind for each in told("id=1; Path=/", "a", also=(REFUSED,))] == ["browser-cookie-refused"]
