"""Of many paths on one host those are asked that a URL may have, and each URL becomes what it does if all are asked."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counting import steps
from urlrewrite.content.links import pair_table
from urlrewrite.content.links.link_map import LinkMap, Pair
from urlrewrite.content.links.pair_table import PairTable
from urlrewrite.content.links.pairs import end_of_path
from urlrewrite.content.links.path_index import MANY, PathIndex
from urlrewrite.model.origin import Origin

SEGMENTS = st.sampled_from(["a", "ab", "A", "a.b", "~a", "%20", "a%2Fb", "é", "a+b", "a$"])
PATHS = st.lists(SEGMENTS, max_size=3).map(lambda segments: "".join(f"/{segment}" for segment in segments))
SLASHES = st.sampled_from(["/", "\\/", "%2F", "%252f", "&#47;", "\\u002f", "//", "?", "#", '"'])
TEXTS = st.lists(SEGMENTS | SLASHES, max_size=6).map("".join)
BACKENDS = st.builds(Origin, st.just("http"), st.just("back"), st.sampled_from([80, 8080]))


@given(st.lists(PATHS, max_size=12), TEXTS)
def test_no_path_that_begins_is_left_out(paths: list[str], text: str) -> None:
    pairs = PairTable(Pair(Origin("http", "back", 80), Origin("https", "www", 443), path) for path in paths).pairs
    data = text.encode()
    given_ = PathIndex(pairs).at(data, 0)
    assert [pair for pair in pairs if end_of_path(pair, data, 0) is not None] == [
        pair for pair in given_ if end_of_path(pair, data, 0) is not None
    ]


@given(st.lists(st.tuples(BACKENDS, PATHS), max_size=8), st.lists(st.tuples(st.sampled_from(["", ":8080"]), TEXTS)))
def test_urls_become_what_they_do_if_every_path_is_asked(
    mounted: list[tuple[Origin, str]], urls: list[tuple[str, str]]
) -> None:
    pairs = [
        Pair(origin, Origin("https", f"www{number}", 443), path, f"/p{number}" if number % 2 else "")
        for number, (origin, path) in enumerate(mounted)
    ]
    data = "".join(f'<a href="http://back{port}{text}">' for port, text in urls).encode()

    def mapped(many: int) -> tuple[bytes, bytes, list[tuple[bytes, bytes]]]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(pair_table, "MANY", many)
            link_map = LinkMap(pairs)
            occurring = [plain for plain in link_map.table.plain_in(data) if b'="' + plain[0] in data]
            return link_map.map(data), link_map.map(data[9:]), occurring

    assert mapped(1) == mapped(1000)


def below(number: int) -> LinkMap:
    return LinkMap(
        Pair(Origin("http", "back", 80), Origin("https", f"www{each}", 443), f"/app{each}") for each in range(number)
    )


@pytest.mark.parametrize("ask", [LinkMap.map, lambda link_map, data: list(link_map.table.plain_in(data))])
def test_a_thousand_paths_take_as_many_steps_as_a_few(ask: Callable[[LinkMap, bytes], object]) -> None:
    few, many = below(2 * MANY), below(1000)
    data = b'<a href="http://back/app7/x">http:\\/\\/back\\/app7\\/y http://back/other'
    ask(few, data), ask(many, data)
    assert steps(lambda: ask(many, data), loops=True) == steps(lambda: ask(few, data), loops=True)
