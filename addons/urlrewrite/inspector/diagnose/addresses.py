"""How an address differs from the one that is right, in the words of those who write rules."""

from __future__ import annotations

import re
from urllib.parse import unquote


def difference(right: str, got: str) -> str:
    """Return what is wrong with one path and query (`got`) compared with another (`right`); "" where no short text says
    it.

    Both begin with a slash.
    """
    if right == got:
        return ""
    path, _, query = got.partition("?")
    right_path, _, right_query = right.partition("?")
    if path == right_path:
        return _of_queries(right_query, query)
    if (doubled := doubled_prefix(path)) and path.replace(doubled * 2, doubled, 1) == right_path:
        return f"{doubled} appears twice"
    if path.endswith(right_path) and right_path != "/":
        return f"{path[: -len(right_path)]} stands before it but should not"
    if right_path.endswith(path) and path != "/":
        return f"{right_path[: -len(path)]} is missing at its beginning"
    if re.sub("/+", "/", path) == re.sub("/+", "/", right_path):
        return "there are two slashes where one is right" if "//" in path else "there is one slash where two are right"
    if path.rstrip("/") == right_path.rstrip("/"):
        return "the slash at its end is missing" if right_path.endswith("/") else "a slash stands at its end"
    if path.replace("/", "") == right_path.replace("/", ""):
        return "a slash is missing in it"
    if path.casefold() == right_path.casefold():
        return "its letter case differs"
    if path != right_path and unquote(path) == unquote(right_path):
        return "it is percent-encoded differently"
    if unquote(unquote(path)) == unquote(right_path):
        return "it is percent-encoded twice"
    if right_path.startswith(path):
        return f"its end is cut off: {right_path[len(path) :]}"
    if path.startswith(right_path):
        return f"there is more at its end: {path[len(right_path) :]}"
    return ""


def doubled_prefix(path: str) -> str:
    """Return the segments that appear twice in succession at the beginning of a path: `/app` of `/app/app/x`."""
    found = re.match(r"((?:/[^/?]+)+?)\1(?=/|\?|$)", path)
    return found[1] if found else ""


def _of_queries(right: str, got: str) -> str:
    if not got:
        return f"its query is lost: ?{right}"
    if not right:
        return f"it has an extra query: ?{got}"
    if got == f"{right}&{right}":
        return "its query appears twice"
    return "its query differs"
