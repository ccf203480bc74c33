"""What is refused and came without a cookie that browsers had dropped."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inspector.test_broken import OFF, exchange
from urlrewrite.inspector.broken import find_breakages
from urlrewrite.inspector.diagnose.page_loads import page_loads
from urlrewrite.inspector.diagnose.stored_cookies import set_cookies
from urlrewrite.inspector.recorded_exchange import RecordedExchange

U = "https://www.example.com"
DOCUMENT = ("Sec-Fetch-Dest", "document")
LOST = "csrf=1; Path=/; Domain=privateserver"
TOKEN = "<p>Invalid CSRF token</p>"


def told(line: str, status: int, body: str, *asked: tuple[str, str]) -> list[tuple[str, str, str]]:
    """Kinds, codes and severities of what is found of a form that is refused after its page has set a cookie."""
    lines = [("Date", "Mon, 30 Nov 2026 21:00:00 GMT"), *([("Set-Cookie", line)] if line else [])]
    form = exchange(OFF, f"{U}/edit", fields=lines)
    sent = exchange(OFF, f"{U}/save", at=2.0, asked=[DOCUMENT, *asked], status=status, body=body)
    return _found(form, replace(sent, flow_id="sent", request=replace(sent.request, method="POST")))


def _found(*seen: RecordedExchange) -> list[tuple[str, str, str]]:
    load = page_loads(seen)[0]
    found = find_breakages(load, OFF, tuple(reversed(seen[:-1])))
    return [(each.kind, each.code, str(each.severity)) for each in found]


KEPT = [
    (LOST, 403, "no", (("Cookie", "csrf=2"),)),
    ("csrf=1; Path=/", 403, TOKEN, ()),
    (LOST, 500, TOKEN, ()),
    ("csrf=; Path=/; Domain=privateserver; Max-Age=0", 403, TOKEN, ()),
]


@pytest.mark.parametrize(("line", "status", "body", "asked"), KEPT)
def test_nothing_is_said_where_no_cookie_is_lost(
    line: str, status: int, body: str, asked: tuple[tuple[str, str], ...]
) -> None:
    assert "lost-cookie" not in {kind for kind, *_ in told(line, status, body, *asked)}


LINES = [
    (LOST, "cookie-domain"),
    ("csrf=1; Path=/; SameSite=None", "cookie-same-site-none"),
    ("csrf=1; Path=/; Expires=Mon, 30 Nov 2026 20:00:00 GMT", "cookie-expired"),
]


@pytest.mark.parametrize(("line", "code"), LINES)
def test_a_token_whose_cookie_is_lost_is_the_cause(line: str, code: str) -> None:
    found = told(line, 403, TOKEN)
    assert found[0] == ("lost-cookie", code, "error")
    assert "refused" not in {kind for kind, *_ in found}


STATUSES = [(419, ""), (440, ""), (401, "Please sign in"), (403, '{"detail": "Not authenticated"}'), (422, TOKEN)]


@pytest.mark.parametrize(("status", "body"), STATUSES)
def test_those_who_miss_a_session_say_so(status: int, body: str) -> None:
    assert told(LOST, status, body)[0] == ("lost-cookie", "cookie-domain", "error")


def test_who_says_nothing_may_have_another_reason() -> None:
    found = told(LOST, 400, "")
    assert ("lost-cookie", "cookie-domain", "warning") in found
    assert found[0][0] == "refused"


def test_the_last_line_of_a_response_counts() -> None:
    lines = [LOST, "csrf=2; Path=/", "csrf=3; Path=/; Domain=privateserver; Max-Age=0"]
    seen = exchange(OFF, f"{U}/a", fields=[("Set-Cookie", line) for line in lines])
    assert [line for line, _ in set_cookies(seen)] == [lines[2], lines[1]]
    assert [cookie.value for _, cookie in set_cookies(seen)] == ["3", "2"]


def test_the_latest_line_counts() -> None:
    first = exchange(OFF, f"{U}/a", fields=[("Set-Cookie", LOST)])
    again = exchange(OFF, f"{U}/b", at=1.5, fields=[("Set-Cookie", "csrf=2; Path=/")])
    sent = exchange(OFF, f"{U}/save", at=2.0, asked=[DOCUMENT], status=403, body=TOKEN)
    assert "lost-cookie" not in {kind for kind, *_ in _found(first, again, sent)}


ORIGINS = [
    (403, TOKEN, LOST, "warning"),
    (403, TOKEN, "", "error"),
    (403, "Origin checking failed", LOST, "error"),
    (419, "Page Expired", "", "error"),
    (422, "no", "", "warning"),
    (422, "<form>", "", None),
]


@pytest.mark.parametrize(("status", "body", "line", "severity"), ORIGINS)
def test_an_origin_is_the_cause_where_it_is_blamed_or_no_cookie_is_lost(
    status: int, body: str, line: str, severity: str | None
) -> None:
    found = told(line, status, body, ("Origin", U))
    assert next((each for kind, _, each in found if kind == "origin"), None) == severity
