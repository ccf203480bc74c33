"""The error of a page whose query is invalid."""

from __future__ import annotations


class PageError(Exception):
    """What the user got wrong, as a sentence for the user, which is sent with status 400."""
