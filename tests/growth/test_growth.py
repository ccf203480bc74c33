"""No expression and no rewriter of the product takes more than linear time, whatever a stranger writes.

A new expression, kind of content or kind of field is tested by being there. `./run.sh measure growth` tries many more
texts than these.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cache
from itertools import islice

import pytest

from growth.expressions import GIVEN, OURS, PACKAGE, TRIED_IN_PLACE, WINDOWED, Expression, expressions, is_windowed
from growth.growing import FACTOR, MOST, growth
from growth.rewriters import CORE, HOSTS, MORE, Rewriter, all_rewriters
from growth.samples import Text, texts
from urlrewrite.content.kinds import Kind
from urlrewrite.fields.urls import FieldKind, kind_of

ROOMS = sorted(path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists())
TRIED, OF_EXPRESSIONS, OF_REWRITERS = 100, 2000, 2000
"""Texts for each expression, and the characters of the smaller text."""

REWRITERS = {each.name: each for each in all_rewriters()}


@cache
def collected() -> tuple[list[Expression], list[str]]:
    return expressions()


def found() -> list[Expression]:
    return collected()[0]


def assert_linear(name: str, run: Callable[[int], Callable[[], object]], size: int, text: Text) -> None:
    ratio = growth(run, size)
    assert ratio <= MOST, f"{name} takes {ratio:.1f} times as long for {FACTOR} times {text!r}"


@pytest.mark.parametrize("room", ROOMS)
def test_expressions(room: str) -> None:
    of_room = [each for each in found() if each.place.startswith(f"{room}/") and each.place not in {*WINDOWED, *OURS}]
    for each in of_room:
        is_bytes = isinstance(each.pattern.pattern, bytes)
        for text in islice(texts(each.pattern), TRIED):
            assert_linear(each.place, lambda size: on_text(each.run, text, size, is_bytes), OF_EXPRESSIONS, text)  # noqa: B023


def on_text(run: Callable[..., object], text: Text, size: int, is_bytes: bool) -> Callable[[], object]:
    made = text.of_size(size)
    return (lambda: run(made.encode("latin-1", "replace"))) if is_bytes else lambda: run(made)


def test_all_expressions_are_found() -> None:
    assert collected()[1] == [], "made in functions that are not called: growth/expressions.py has to call them"
    assert len(found()) > 350
    assert {each.place.partition("/")[0] for each in found()} == set(ROOMS) - {"loading", "farms", "api"}
    assert "content/links/patterns.py: BARE_AFTER" in {each.place for each in found() if each.anchored}
    assert "content/css.py: _TOKEN" in {each.place for each in found() if not each.anchored}


def test_exceptions_are_needed() -> None:
    places = {each.place for each in found()}
    assert {*WINDOWED, *OURS, *TRIED_IN_PLACE} <= places
    assert all(map(is_windowed, WINDOWED))
    assert all((PACKAGE / file).exists() for file in GIVEN)


def test_what_is_worse_is_seen() -> None:
    for pattern in (r"a*b", r"\s*x\s*$", r"<!--.*?-->", r'"(?:[^"\\]|\\.)*"'):
        run = Expression("", re.compile(pattern, re.DOTALL), False).run
        ratios = (growth(lambda size: on_text(run, text, size, False), 500) for text in texts(re.compile(pattern)))  # noqa: B023
        assert any(ratio > MOST for ratio in ratios), pattern


BODIES = [each for each in REWRITERS.values() if each.kind and " in <" not in each.name]
PLACES = [each for each in REWRITERS.values() if each.kind and " in <" in each.name]
OTHERS = [each for each in REWRITERS.values() if not each.kind and "below a path" not in each.name]


@pytest.mark.parametrize("rewriter", BODIES, ids=lambda each: each.name)
def test_bodies(rewriter: Rewriter) -> None:
    try_all(rewriter, [*HOSTS, *CORE, *MORE, *(HOSTS[0] + piece for piece in CORE)])


@pytest.mark.parametrize("rewriter", PLACES, ids=lambda each: each.name)
def test_places_in_markup(rewriter: Rewriter) -> None:
    try_all(rewriter, [*HOSTS, *CORE])


@pytest.mark.parametrize("rewriter", OTHERS, ids=lambda each: each.name)
def test_fields(rewriter: Rewriter) -> None:
    try_all(rewriter, [HOSTS[0], *CORE])


def try_all(rewriter: Rewriter, pieces: Iterable[str]) -> None:
    for piece in pieces:
        text = Text("", (piece,))
        assert_linear(rewriter.name, lambda size: on_text(rewriter.run, text, size, True), OF_REWRITERS, text)  # noqa: B023


MENDED = [
    # (rewriter, what it was slow with, characters of the smaller text)
    ("json, links", Text("", ("//privateserver",)), 6000),
    ("json, links", Text("", ("&quot;privateserver/",)), 6000),
    ("json, links, in pieces", Text("", ('"@context":[',)), 6000),
    ("javascript, below a path", Text("href", (" ",)), 6000),
    ("css, links", Text("", ("url(",)), 12000),
    ("css, links", Text("", ('\\"',)), 6000),
    ("css, links, in pieces", Text("/*", ("}",)), 6000),
    ("css, links, in pieces", Text("", ("\\u{2f}",)), 6000),
    ('html, below a path, in <img srcset="', Text("/", (" (",)), 6000),
    ('html, below a path, in <img srcset="', Text("/ ", (",",)), 6000),
    ("html, below a path, in <meta ", Text("", (" content=a",)), 6000),
    ("policies in a page", Text("<meta ", (" content=a",), ">"), 6000),
    ("html, links, in pieces", Text('<a b="', (">",)), 6000),
    ("svg, links", Text("<script", (" a=b", "><![CDATA[]]", "><![CDATA[]]")), 6000),
    ("xml, below a path, in <!DOCTYPE a [", Text("", ("<!--",)), 6000),
    ("multipart, links", Text("", ("--b\r\n",)), 60000),
    ("WebSocket", Text("", (" ",), "//privateserver:8080"), 6000),
    ("report-to of a response", Text('"', ('\\"',)), 6000),
    ("x-xss-protection of a response", Text("", (" ",)), 6000),
    ("digest of a changed body", Text("", ("sha-256=x,",)), 6000),
]  # fmt: skip


@pytest.mark.parametrize(("name", "text", "size"), MENDED, ids=str)
def test_what_was_mended(name: str, text: Text, size: int) -> None:
    run = REWRITERS[name].run
    assert_linear(name, lambda size: on_text(run, text, size, True), size, text)


def test_every_kind_is_there() -> None:
    assert {each.kind for each in REWRITERS.values()} == {*Kind, None}
    fields = {kind_of(name.partition(" ")[0]) for name in REWRITERS if " of a response" in name}
    assert fields == set(FieldKind)
