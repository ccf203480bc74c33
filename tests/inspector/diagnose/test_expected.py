"""What looks like a failure and is none is no error; what looks like it and is a failure stays one."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from inspector.test_broken import EVERYWHERE, PAGE, exchange, found
from rules_of import rules_of
from urlrewrite.inspector.broken import find_breakages
from urlrewrite.inspector.diagnose.case import Case
from urlrewrite.inspector.diagnose.expected import Expected, expected
from urlrewrite.inspector.diagnose.page_loads import PageLoad
from urlrewrite.inspector.recorded_exchange import RecordedExchange

type Lines = list[tuple[str, str]]

OTHER = "https://www.example.com/other"
BASIC: Lines = [("WWW-Authenticate", 'Basic realm="x"')]
HTML: Lines = [("Content-Type", "text/html")]
JSON: Lines = [("Content-Type", "application/problem+json")]
AUTHORIZED: Lines = [("Authorization", "Basic YTpi")]


@dataclass(frozen=True)
class Asked:
    """A request of a page, by its destination ("" for the document itself), and its answer."""

    status: int
    dest: str = "empty"
    method: str = "GET"
    url: str = OTHER
    asked: Lines | None = None
    fields: Lines | None = None
    body: str = "<h1>no</h1>"


ROWS: list[tuple[Asked, Expected | None]] = [
    (Asked(401, "document", fields=BASIC), Expected.CHALLENGE),
    (Asked(401, "document", asked=AUTHORIZED, fields=BASIC), None),
    (Asked(401, "document"), None),
    (Asked(401, "empty", asked=[("Authorization", "NTLM TlRMTVNT")], fields=[("WWW-Authenticate", "NTLM TlR")]),
     Expected.HANDSHAKE),
    (Asked(412, method="PUT", asked=[("If-Match", '"1"')]), Expected.CONDITION),
    (Asked(412, "document", method="PUT"), None),
    (Asked(416, "video", asked=[("Range", "bytes=9-")]), Expected.RANGE),
    (Asked(416, "video"), None),
    (Asked(404, "", method="PROPFIND"), Expected.WEBDAV),
    (Asked(423, "", method="LOCK"), Expected.WEBDAV),
    (Asked(500, "", method="PROPFIND"), None),
    (Asked(404, "", method="HEAD"), Expected.HEAD),
    (Asked(501, "", method="HEAD"), Expected.HEAD),
    (Asked(500, "", method="HEAD"), None),
    (Asked(405, "", method="OPTIONS"), Expected.OPTIONS),
    (Asked(405, "", method="OPTIONS", asked=[("Access-Control-Request-Method", "PUT")]), None),
    (Asked(503, "document", asked=[("Sec-Purpose", "prefetch;prerender")]), Expected.PREFETCH),
    (Asked(503, "document"), None),
    (Asked(404, "report", method="POST"), Expected.REPORT),
    (Asked(404, "image", url="https://www.example.com/favicon.ico"), Expected.TRIFLE),
    (Asked(404, "", url="https://www.example.com/app.js.map"), Expected.TRIFLE),
    (Asked(500, "image", url="https://www.example.com/favicon.ico"), None),
    (Asked(404, fields=JSON, body="{}"), Expected.DATA),
    (Asked(403, method="DELETE", fields=[], body=""), Expected.DATA),
    (Asked(500, fields=JSON, body="{}"), None),
    (Asked(404), Expected.SCRIPT),
    (Asked(404, "", asked=[("X-Requested-With", "XMLHttpRequest")]), Expected.SCRIPT),
    (Asked(404, "script"), None),
    (Asked(422, "document", method="POST"), Expected.FORM),
    (Asked(422, "document"), None),
    (Asked(404, "image"), Expected.PICTURE),
    (Asked(403, "image"), None),
]  # fmt: skip


def ask(one: Asked, *, at: float = 2.0) -> RecordedExchange:
    lines = [("Sec-Fetch-Dest", one.dest)] if one.dest else []
    fields = HTML if one.fields is None else one.fields
    asked = [*lines, ("Referer", PAGE), *(one.asked or [])]
    seen = exchange(EVERYWHERE, one.url, at=at, asked=asked, status=one.status, fields=fields, body=one.body)
    return replace(seen, request=replace(seen.request, method=one.method))


@pytest.mark.parametrize(("one", "row"), ROWS)
def test_rows(one: Asked, row: Expected | None) -> None:
    seen = ask(one)
    load = PageLoad(exchange(EVERYWHERE), resources=[seen])
    assert expected(Case(load, EVERYWHERE), seen, one.status) is row
    severities = [str(each.severity) for each in find_breakages(load, EVERYWHERE)]
    wanted = "error" if row is None else row.severity
    assert severities == ([str(wanted)] if wanted else [])


def test_every_row_is_shown() -> None:
    assert {row for _, row in ROWS} - {None} == set(Expected) - {Expected.CHALLENGE_ANSWERED}


@pytest.mark.parametrize(("status", "count"), [(200, 0), (302, 0), (401, 1)])
def test_a_challenge_that_was_answered_is_nothing(status: int, count: int) -> None:
    challenge = ask(Asked(401, "document", fields=BASIC))
    again = ask(Asked(status, "document", asked=AUTHORIZED, fields=BASIC), at=3.0)
    for later in ((again,), (ask(Asked(200, "document", url=PAGE), at=2.5), again)):
        assert len(find_breakages(PageLoad(challenge), EVERYWHERE, later=later)) == count


def test_what_a_rule_did_is_an_error_all_the_same() -> None:
    rules = rules_of("""
    rules:
      - name: closed
        match: ^other$
        action: {type: CustomResponse, statusCode: 404, statusReason: no}
    """)
    seen = exchange(rules, OTHER, at=2.0, asked=[("Sec-Fetch-Dest", "empty"), ("Referer", PAGE)])
    [told] = found(rules, exchange(rules), seen)
    assert (told.kind, str(told.severity)) == ("answered-by-rule", "error")


def test_an_icon_outside_of_the_mount_is_a_trifle() -> None:
    rules = rules_of("", site="public: https://www.example.com/app\nbackend: http://privateserver:8080\n")
    page = exchange(rules, "https://www.example.com/app/")
    asked = [("Sec-Fetch-Dest", "image"), ("Referer", "https://www.example.com/app/")]
    icon = exchange(rules, "https://www.example.com/favicon.ico", at=2.0, asked=asked, status=404)
    [told] = found(rules, page, icon)
    assert (told.kind, str(told.severity)) == ("outside-mount", "note")
