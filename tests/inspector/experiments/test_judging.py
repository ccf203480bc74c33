"""What is bad and what is good."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from inspector.exchanges import seen_by
from rules_of import rules_of
from urlrewrite.exchange.responses import Abort, Forward, LocalResponse
from urlrewrite.inspector.experiments.judging import (
    Grade,
    Routing,
    Seen,
    judge_body,
    judge_circle,
    judge_links,
    judge_request,
    names_the_same,
)
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.model.origin import Origin

BACKEND = Origin("http", "privateserver", 8080)
RULES = rules_of("")


def forward(target: str) -> Forward:
    return Forward(BACKEND, None, BACKEND.authority, target, ())


def seen(target: str, status: int = 200, kind: str = "text/html") -> RecordedExchange:
    return seen_by(RULES, b"x", url=f"https://www.example.com{target}", status=status, fields=(("Content-Type", kind),))


def asked(target: str, dest: str = "document") -> RecordedExchange:
    fields = (("Sec-Fetch-Dest", dest),)
    return seen_by(RULES, url=f"https://www.example.com{target}", status=404, request_fields=fields)


PAGE, REDIRECT = "https://www.example.com/page", LocalResponse(302, (("Location", "/x"),))

REQUESTS: list[tuple[str, str, Routing, list[RecordedExchange], Grade]] = [
    ("/shop/item?id=7", "document", forward("/items/7"), [seen("/items/7")], Grade.GOOD),
    ("/shop/item?id=7", "document", forward("/items/7"), [], Grade.UNKNOWN),
    ("/shop/item?id=7", "document", forward("/items/7"), [seen("/items/7", 404)], Grade.BAD),
    ("/shop/item?id=7", "document", forward("/items/7"), [seen("/items/7", 302)], Grade.UNKNOWN),
    # A page that answers anything proves nothing, and neither does the page of another thing.
    ("/missing", "document", forward("/index.html"), [seen("/index.html")], Grade.UNKNOWN),
    ("/missing.js", "script", forward("/new/missing.js"), [seen("/new/missing.js")], Grade.UNKNOWN),
    ("/a.js", "script", forward("/new/a.js"), [seen("/new/a.js", kind="text/javascript")], Grade.GOOD),
    ("/a.js", "script", forward("/"), [seen("/")], Grade.UNKNOWN),
    ("/a.js", "script", LocalResponse(404), [], Grade.BAD),
    ("/a.js", "script", Abort(), [], Grade.BAD),
    ("/a.js", "script", REDIRECT, [], Grade.UNKNOWN),
    ("/a.js", "script", forward("/a.js"), [seen("/a.js", kind="text/javascript")], Grade.BAD),
]


@pytest.mark.parametrize(("target", "dest", "after", "known", "grade"), REQUESTS)
def test_requests(target: str, dest: str, after: Routing, known: list[RecordedExchange], grade: Grade) -> None:
    assert judge_request(Seen(known), asked(target, dest), forward(target), after).grade is grade


SAME = [
    ("/shop/item?id=7", "/api/items/7", True),
    ("/old/a.js", "/new/a.js", True),
    ("/old/A.js", "/new/a.js?v=1", True),
    ("/old/a.js", "/new/ba.js", False),
    ("/item?id=7", "/items/77", False),
    ("/", "/", True),
    ("/", "https://www.example.com/", True),
    ("/", "/login", False),
    ("/docs/", "/manual/docs/", True),
]


@pytest.mark.parametrize(("one", "other", "same"), SAME)
def test_names_of_one_thing(one: str, other: str, same: bool) -> None:
    assert names_the_same(one, other) is same


CIRCLES: list[tuple[list[tuple[str, Routing]], dict[str, int], Grade]] = [
    ([("a", REDIRECT), ("b", forward("/x"))], {}, Grade.GOOD),
    ([("a", REDIRECT), ("b", REDIRECT), ("a", REDIRECT)], {}, Grade.BAD),
    ([("a", REDIRECT)], {}, Grade.BAD),
    ([("a", LocalResponse(403))], {}, Grade.BAD),
    ([("a", Abort())], {}, Grade.BAD),
    ([("a", forward("/x"))], {f"{BACKEND}/x": 302}, Grade.BAD),
    ([("a", forward("/x"))], {f"{BACKEND}/y": 302}, Grade.UNKNOWN),
]


@pytest.mark.parametrize(("hops", "answers", "grade"), CIRCLES)
def test_circles(hops: list[tuple[str, Routing]], answers: dict[str, int], grade: Grade) -> None:
    assert judge_circle(hops, answers).grade is grade


BODIES = [
    ("in in", "out in", Grade.GOOD),
    ("in in", "out out", Grade.GOOD),
    ("in in", "in in", Grade.BAD),
    ("in x", "out y", Grade.BAD),
    ("in out", "out", Grade.BAD),
]


@pytest.mark.parametrize(("now", "then", "grade"), BODIES)
def test_bodies(now: str, then: str, grade: Grade) -> None:
    assert judge_body(now, then, ("in", "out")) is grade


LINKS: list[tuple[list[str], list[str], dict[int, str], Grade]] = [
    (["a", "x"], ["b", "x"], {0: "b"}, Grade.GOOD),
    (["a", "x"], ["b", "y"], {0: "b"}, Grade.BAD),
    (["a", "x"], ["c", "x"], {0: "b"}, Grade.BAD),
    (["a", "a"], ["b", "a"], {0: "b", 1: "b"}, Grade.BAD),
    (["a"], ["b", "x"], {0: "b"}, Grade.BAD),
    (["a"], ["a"], {}, Grade.BAD),
]


@pytest.mark.parametrize(("now", "then", "right", "grade"), LINKS)
def test_links(now: list[str], then: list[str], right: dict[int, str], grade: Grade) -> None:
    assert judge_links(now, then, right).grade is grade


@given(st.text(), st.text())
@example("/[", "")
@example("", "/[")
def test_names_are_judged_whatever_they_are(one: str, other: str) -> None:
    names_the_same(f"/{one}", f"/{other}")
