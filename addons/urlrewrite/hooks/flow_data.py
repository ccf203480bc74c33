"""What the inspector needs in the metadata of flows, hidden from the filters of the flow list."""

from __future__ import annotations

from typing import Any


class HiddenFromMetaFilter(dict[str, Any]):
    """Data that the filter `~meta` does not see.

    That filter writes out all metadata of each flow: every trace and every body of a backend, which takes seconds, and
    in which nearly every word is found. What it may find stands beside the data, under a key for each question.
    """

    __slots__ = ()

    def __str__(self) -> str:
        return ""
