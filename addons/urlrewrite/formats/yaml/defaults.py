"""Defaults as authors would write them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from urlrewrite.formats.durations import parse_duration, parse_some_time, write_duration
from urlrewrite.formats.farm_texts import parse_share, parse_statuses, write_share, write_statuses
from urlrewrite.formats.questions import Question

_WRITERS: Mapping[Callable[[str], Any], Callable[[Any], str]] = {
    parse_duration: write_duration,
    parse_some_time: write_duration,
    parse_share: write_share,
    parse_statuses: write_statuses,
}
"""How a default is spelled that was read by one of these."""


def default_text(question: Question | None, default: Any) -> bool | int | str | None:
    """Return a default as an author would write it; None if it says nothing."""
    if question is None or default is None or default == "":
        return None
    if isinstance(default, bool):
        return default
    if isinstance(default, int):
        return default if question.accepted is None or default in question.accepted else None
    write = _WRITERS.get(question.parse) if question.parse else None
    return write(default) if write else str(default)
