"""Places in which links are mapped only if somebody asks for it, further names of a backend, and what is told of names
that are left, each through a whole exchange.
"""

from __future__ import annotations

from typing import Any

import pytest

from rules_of import ask, routed, rules_of
from urlrewrite.engine.facts import ResponseFacts
from urlrewrite.exchange.body.plan import Way
from urlrewrite.exchange.response import ResponseHead
from urlrewrite.exchange.rule_tests import Evaluation

B = "http://privateserver:8080"
P = "https://www.example.com"


def answered(site: str, content_type: str, body: str, path: str = "/x") -> Evaluation:
    answer = (200, [("Content-Type", content_type)], body.encode())
    return ask(rules_of(site), f"{P}{path}", answer=answer)


def left(evaluation: Evaluation) -> list[dict[str, Any]]:
    return [event for event in evaluation.exchange.trace.events if event["event"] == "NAMES_LEFT"]


PLACES = [
    # site, content type, what is mapped there and nowhere else
    ("linksAlso: plainText", "text/plain", f"see {B}/x"),
    ("linksAlso: plainText", "text/csv; charset=utf-16le", f"a,{B}/x"),
    ("linksAlso: plainText", "application/yaml", f"server: {B}"),
    ("linksAlso: visibleText", "text/html", f"<p>see {B}/x</p><title>{B}</title>"),
    ("linksAlso: [comments, queries]", "text/html", f"<!-- {B} --><!--[if IE]><a href='{B}/x'><![endif]-->"),
    ("linksAlso: comments", "text/css", f"/* {B} */ a{{}}"),
    ("linksAlso: comments", "application/rss+xml", f"<!-- {B} --><rss/>"),
]


@pytest.mark.parametrize(("site", "content_type", "text"), PLACES)
def test_a_place_that_is_asked_for(site: str, content_type: str, text: str) -> None:
    coding = "utf-16le" if "utf-16" in content_type else "utf-8"
    for asked, expected in ((site, text.replace(B, P)), ("", text), (f"{site}\nlinks: tags", text)):
        rules = rules_of(asked)
        answer = (200, [("Content-Type", content_type)], text.encode(coding))
        assert ask(rules, f"{P}/x", answer=answer).body == expected.encode(coding)


@pytest.mark.parametrize(("site", "mapped"), [("", None), ("linksAlso: plainText", "W/")])
def test_a_text_depends_on_the_rules_where_its_links_are_mapped(site: str, mapped: str | None) -> None:
    exchange = routed(rules_of(site), f"{P}/a.txt", ("If-None-Match", '"a;ur=00000000"'))
    head = exchange.receive(ResponseFacts(200, (("Content-Type", "text/plain"), ("ETag", '"a"'))))
    assert isinstance(head, ResponseHead)
    assert (head.plan.subject, head.plan.way) == ((True, Way.WHOLE) if mapped else (False, Way.PASS))


NAMES = [
    # site, a link in a response, what becomes of it
    ("backendNames: http://localhost:8080", "http://localhost:8080/x", f"{P}/x"),
    ("backendNames: [http://SERVER01, https://privateserver]", "http://server01/x", f"{P}/x"),
    ("backendNames: [http://server01, https://privateserver]", "https://privateserver/x", f"{P}/x"),
    ("backendNames: http://localhost:8080", f"{B}/x", f"{P}/x"),
    ("backendNames: http://localhost:8080", "http://localhost:9090/x", "http://localhost:9090/x"),
    ("", "http://localhost:8080/x", "http://localhost:8080/x"),
]


@pytest.mark.parametrize(("site", "before", "after"), NAMES)
def test_further_names_of_the_backend(site: str, before: str, after: str) -> None:
    lines = [("Content-Type", "text/html"), ("Location", before)]
    result = ask(rules_of(site), f"{P}/", answer=(200, lines, f'<a href="{before}">'.encode()))
    assert result.body == f'<a href="{after}">'.encode()
    assert ("Location", after) in (result.fields or [])


def test_further_names_below_a_path() -> None:
    site = (
        "public: https://www.example.com/app\nbackend: http://privateserver:8080/base\nbackendNames: http://localhost\n"
    )
    page = b'<a href="http://localhost/base/x"><a href="http://localhost/other">'
    result = ask(rules_of("", site=site), f"{P}/app/", answer=(200, [("Content-Type", "text/html")], page))
    assert result.body == b'<a href="https://www.example.com/app/x"><a href="http://localhost/other">'


LEFT = [
    # content type, body, how often the backend is still named, the first of what stands around it
    ("text/html", f"<p>see  {B}/x</p><a href='{B}/'>", 1, f"<p>see {B}/x</p><a href='https://www.example.com/'>"),
    ("text/html", f"<a href='{B}/'>", 0, ""),
    ("text/html", "<a href='mailto:x@privateserver'>", 1, "<a href='mailto:x@privateserver'>"),
    ("text/html", "<p>privateserver.example myprivateserver privateserver-2 sub.privateserver", 0, ""),
    ("application/json", '{"host": "at privateserver"}', 1, '{"host": "at privateserver"}'),
    ("text/html", "privateserver " * 9, 9, "privateserver " * 7 + "pr"),
    ("text/plain", "privateserver", 0, ""),
]


@pytest.mark.parametrize(("content_type", "body", "count", "first"), LEFT)
def test_names_that_are_left_are_told(content_type: str, body: str, count: int, first: str) -> None:
    whole = left(answered("", content_type, body))
    assert [event["count"] for event in whole] == ([count] if count else [])
    assert all(event["around"][0].startswith(first[:40]) and len(event["around"]) <= 5 for event in whole)


@pytest.mark.parametrize("size", [1, 2, 5, 100])
@pytest.mark.parametrize(("content_type", "body", "count", "first"), LEFT[:-1])
def test_names_that_are_left_in_a_stream(content_type: str, body: str, count: int, first: str, size: int) -> None:
    exchange = routed(rules_of(""), f"{P}/x")
    head = exchange.receive(ResponseFacts(200, (("Content-Type", content_type), ("X-Accel-Buffering", "no"))))
    assert isinstance(head, ResponseHead)
    rewriter, data = exchange.stream(head), body.encode()
    sent = [rewriter.feed(data[at : at + size]) for at in range(0, len(data), size)]
    assert b"".join([*sent, rewriter.finish()]) == answered("", content_type, body).body
    exchange.finish()
    assert [event["count"] for event in exchange.trace.events if event["event"] == "NAMES_LEFT"] == [count] * bool(
        count
    )


def test_a_host_that_is_public_as_well_is_not_searched_for() -> None:
    site = "public: https://localhost:8443\nbackend: http://localhost:8080\n"
    page = b'<a href="http://localhost:8080/x">'
    result = ask(
        rules_of("", site=site), "https://localhost:8443/", answer=(200, [("Content-Type", "text/html")], page)
    )
    assert result.body == b'<a href="https://localhost:8443/x">'
    assert left(result) == []
