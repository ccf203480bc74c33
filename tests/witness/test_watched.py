"""Whose reports count, and how much is kept of them."""

from __future__ import annotations

import pytest

from urlrewrite.witness.statements import Statement, Subject
from urlrewrite.witness.watched import MAX_OF_PAGE, MAX_PAGES, POSTS, ROOT, SECONDS, Refusal, Watched, has_loaded

ORIGIN = "https://www.example.com"
CLIENT = "192.0.2.7"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def watched() -> tuple[Watched, str, Clock]:
    clock = Clock()
    found = Watched("k3y", clock)
    return found, found.watch("1234", CLIENT, ORIGIN), clock


def test_the_address() -> None:
    pages, path, _ = watched()
    assert path == f"{ROOT}k3y/1234"
    assert pages.is_ours(path)
    assert pages.is_ours(f"{ROOT}other")
    assert not pages.is_ours("/x")


@pytest.mark.parametrize(
    ("path", "client", "origin", "refusal"),
    [
        ("{}", CLIENT, ORIGIN, None),
        ("{}", CLIENT, "", None),
        ("{}", CLIENT, "null", None),
        ("{}?x", CLIENT, ORIGIN, None),
        ("{}5", CLIENT, ORIGIN, Refusal.ADDRESS),
        ("/1234", CLIENT, ORIGIN, Refusal.ADDRESS),
        (f"{ROOT}other/1234", CLIENT, ORIGIN, Refusal.ADDRESS),
        (f"{ROOT}k3y/", CLIENT, ORIGIN, Refusal.ADDRESS),
        ("{}", "192.0.2.8", ORIGIN, Refusal.CLIENT),
        ("{}", CLIENT, "https://evil.example", Refusal.ORIGIN),
        ("{}", CLIENT, "http://www.example.com", Refusal.ORIGIN),
    ],
)
def test_whose_reports_count(path: str, client: str, origin: str, refusal: Refusal | None) -> None:
    pages, own, _ = watched()
    assert pages.judge(path.format(own), client, origin) is refusal
    assert sum(pages.refused.values()) == (refusal is not None)


def test_a_page_makes_only_so_many_posts_in_a_while() -> None:
    pages, path, clock = watched()
    judged = [pages.judge(path, CLIENT, ORIGIN) for _ in range(POSTS + 2)]
    assert judged == [None] * POSTS + [Refusal.RATE] * 2
    clock.now = SECONDS + 1
    assert pages.judge(path, CLIENT, ORIGIN) is None


def test_what_is_kept_is_bounded() -> None:
    pages, path, _ = watched()
    same = Statement(Subject.ERROR, text="0")
    pages.add(path, [same, same])
    assert pages.said() == {"1234": (same,)}
    pages.add(path, [Statement(Subject.ERROR, text=str(number)) for number in range(MAX_OF_PAGE + 9)])
    assert len(pages.said()["1234"]) == MAX_OF_PAGE
    pages.add(f"{path}5", [same])
    for number in range(MAX_PAGES):
        pages.watch(f"page {number}", CLIENT, ORIGIN)
    assert pages.said() == {}
    assert pages.judge(path, CLIENT, ORIGIN) is Refusal.ADDRESS
    pages.add(path, [same])
    assert pages.said() == {}


def test_pages_that_are_left_as_they_are_say_nothing() -> None:
    pages, _, _ = watched()
    pages.leave("5", "so")
    assert pages.left() == {"5": "so"}
    assert pages.judge(f"{pages.root}5", CLIENT, ORIGIN) is Refusal.CLIENT
    for number in range(MAX_PAGES):
        pages.leave(str(number), "no")
    assert len(pages.left()) == MAX_PAGES


def test_a_page_tells_that_it_was_loaded() -> None:
    assert has_loaded((Statement(Subject.COOKIES),))
    assert not has_loaded((Statement(Subject.ERROR),))
