"""What a page answers to a question that cannot be answered as it was put."""

from __future__ import annotations


class PageError(Exception):
    """What its user got wrong, in words for this user; the page is answered with 400 and these words."""
