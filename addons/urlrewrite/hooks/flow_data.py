"""What lies in the metadata of flows for the inspector, and is not for filters of the flow list."""

from __future__ import annotations

from typing import Any


class HiddenFromMetaFilter(dict[str, Any]):
    """Data of which `~meta` sees nothing.

    That filter writes out all metadata of each flow: every trace and every body of a backend, which takes seconds, and
    in which nearly every word is found. What it may find stands beside these, one key a question.
    """

    __slots__ = ()

    def __str__(self) -> str:
        return ""
