"""How the tables of remedies are made: what makes a remedy, and for which kinds and codes of breakages."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from urlrewrite.inspector.remedies.proposal import About, Remedy
from urlrewrite.inspector.remedies.trying import Trying

type Maker = Callable[[About, Trying], Iterator[Remedy]]
"""Yields remedies for a breakage, the best first."""


def table(*rows: tuple[str, Maker]) -> dict[str, Maker]:
    """Make a table of rows of keys, with blanks between them, and what makes the remedies for all of these."""
    return {key: maker for keys, maker in rows for key in keys.split()}
