"""Which way a body takes, by method, status and fields; and what depends on the rules though it has no body."""

from __future__ import annotations

import pytest

from rules_of import ask, field, rules_of
from urlrewrite.content.kinds import Kind
from urlrewrite.exchange.body.plan import Way, has_body, plan_body
from urlrewrite.model.field_lines import FieldLines

HTML = ("Content-Type", "text/html")
URL = "https://www.example.com/"
WITHOUT_BODY = [
    # method, status, whether the representation that is spoken of depends on the rules
    ("GET", 101, False),
    ("GET", 204, False),
    ("GET", 205, False),
    ("GET", 304, True),
    ("HEAD", 200, True),
    ("HEAD", 204, False),
    ("HEAD", 404, True),
]


@pytest.mark.parametrize(("method", "status", "subject"), WITHOUT_BODY)
def test_without_a_body(method: str, status: int, subject: bool) -> None:
    assert not has_body(method, status)
    plan, hindered = plan_body(method, status, (HTML,), Kind.HTML, 10)
    assert (plan.way, plan.subject, hindered) == (Way.PASS, subject, False)


@pytest.mark.parametrize(("status", "marked"), [(200, True), (204, False), (205, False)])
def test_only_what_depends_on_the_rules_is_marked(status: int, marked: bool) -> None:
    lines = [HTML, ("ETag", '"a"'), ("Last-Modified", "Wed, 21 Oct 2026 07:28:00 GMT")]
    result = ask(rules_of(""), URL, answer=(status, lines, b""))
    assert (field(result, "etag") != ['"a"']) is marked
    assert (field(result, "accept-ranges") == ["none"]) is marked
    assert (field(result, "last-modified") == []) is marked


WITH_BODY: list[tuple[FieldLines, Way, int | None, bool, bool]] = [
    # fields, way, announced length, whether its reader waits for each piece, whether something hinders the rewriting
    ((), Way.WHOLE, None, False, False),
    ((("Content-Length", "10"),), Way.WHOLE, 10, False, False),
    ((("Content-Length", "11"),), Way.STREAM, 11, False, False),
    ((("Content-Length", "many"),), Way.WHOLE, None, False, False),
    ((("X-Accel-Buffering", " No "),), Way.STREAM, None, True, False),
    ((("X-Accel-Buffering", "yes"),), Way.WHOLE, None, False, False),
    ((("Content-Type", "application/x-ndjson"),), Way.STREAM, None, True, False),
    ((("Cache-Control", "private, No-Transform"),), Way.PASS, None, False, True),
    ((("Content-Encoding", "gzip, dcz"),), Way.PASS, None, False, True),
]


@pytest.mark.parametrize(("fields", "way", "length", "never_held", "hindered"), WITH_BODY)
def test_with_a_body(fields: FieldLines, way: Way, length: int | None, never_held: bool, hindered: bool) -> None:
    plan, found = plan_body("GET", 200, fields, Kind.JSON, 10)
    assert (plan.way, plan.length, plan.never_held, found) == (way, length, never_held, hindered)
    assert plan.subject is not hindered


def test_codings_are_kept_in_their_order() -> None:
    plan, _ = plan_body("GET", 200, (("Content-Encoding", "gzip"), ("content-encoding", "br")), Kind.HTML, 10)
    assert plan.codings == ("gzip", "br")
    assert plan_body("GET", 206, (), Kind.HTML, 10)[1]
