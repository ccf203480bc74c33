"""What a reader sees of a page."""

from __future__ import annotations

import pytest

from urlrewrite.inspector.read_text import read_text

PAGES = [
    ("plain", "plain"),
    ("<p>a<b>b</b>", "a b"),
    ("<html><head><title>t</title><meta x></head><h1>a</h1>", "a"),
    ("a<script>b < c; '<style>'</script>d", "a d"),
    ("a<STYLE x=1>b</style >c", "a c"),
    ("a<!-- b <p> <script> -->c", "a c"),
    ("a --> b", "a b"),
    ("a<script>b</style>c", "a"),
    ("a<!-- b", "a"),
    ("<header>a</header>", "a"),
    ("a</title>b", "a b"),
    ("a<", "a"),
    ("<p <p>a", "a"),
]


@pytest.mark.parametrize(("markup", "text"), PAGES)
def test_what_a_reader_sees(markup: str, text: str) -> None:
    assert " ".join(read_text(markup).split()) == text
