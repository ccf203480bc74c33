"""What a browser says of a page, read from what was posted. Anybody may have written that: it is trusted in nothing.

Two forms are read: that of the script (`probe.js`), and that of the Reporting API (W3C, `application/reports+json`).
What is of neither is left out. Every text is clipped, and numbers are kept only within bounds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

MAX_BODY = 64 * 1024
"""Bytes of one post."""

MAX_STATEMENTS = 50
"""Statements that are read of one post."""

MAX_TEXT = 500
"""Characters of a text."""

_MAX_NUMBER = 10**7
_REPORTS = "application/reports+json"


class Subject(StrEnum):
    """What a statement is about; the words are those of `probe.js`, and from CORS on come of `devtools.py` alone."""

    ELEMENT = "element"
    """An element of the page did not load."""
    ERROR = "error"
    """A script failed, and nothing caught it."""
    REJECTION = "rejection"
    """A promise was rejected, and nothing heard of it."""
    POLICY = "policy"
    """A policy of the page blocked something."""
    FRAME = "frame"
    """A frame shows a page of the browser's own in place of the one that was asked for."""
    SOCKET = "socket"
    """A WebSocket failed."""
    RESOURCE = "resource"
    """Something that the page asked for came with an error status."""
    COOKIES = "cookies"
    """The page was loaded, and its scripts see these cookies."""
    NETWORK = "network"
    """A request failed before there was a response (Network Error Logging)."""
    ISOLATION = "isolation"
    """An embedder or opener policy blocked something."""
    DEPRECATION = "deprecation"
    """The browser stepped in, or tells that it soon will."""
    CORS = "cors"
    """The page may not see a response of another origin."""
    MIXED = "mixed"
    """A request by http of a page by https was not sent."""
    COOKIE_REFUSED = "cookie-refused"
    """A cookie was not taken."""
    COOKIE_WITHHELD = "cookie-withheld"
    """A cookie was not sent."""
    CONSOLE = "console"
    """An error was written to the console."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One thing that a browser said. Texts and numbers that the subject does not have are "" and 0.

    `url` is what it is about, as the browser wrote it, `tag` the element or who asked for it, `directive` and `policy`
    those that blocked it; `source` and `line` say where the code stands. Of a cookie, `tag` is its name.
    """

    subject: Subject
    url: str = ""
    tag: str = ""
    text: str = ""
    directive: str = ""
    policy: str = ""
    source: str = ""
    line: int = 0
    status: int = 0


def read(body: bytes, content_type: str) -> list[Statement]:
    """Return what a post says; nothing for one that is too long or not of a known form."""
    if len(body) > MAX_BODY:
        return []
    try:
        listed = json.loads(body)
    except (ValueError, RecursionError):
        return []
    if not isinstance(listed, list):
        return []
    is_api = content_type.partition(";")[0].strip().lower() == _REPORTS
    of_one = _of_report if is_api else _of_script
    found = (of_one(each) for each in listed[:MAX_STATEMENTS] if isinstance(each, Mapping))
    return [each for each in found if each is not None]


def as_data(statement: Statement) -> dict[str, Any]:
    """Return a statement as JSON values, for `from_data`."""
    return {"kind": str(statement.subject), **{name: getattr(statement, name) for name in (*_TEXTS, "line", "status")}}


def from_data(listed: Sequence[Any]) -> list[Statement]:
    """Return the statements in JSON values that a program of this project sent; others are left out."""
    kinds = set(Subject)
    known = (each for each in listed if isinstance(each, Mapping) and text_of(each.get("kind")) in kinds)
    return [_of_values(Subject(each["kind"]), each) for each in known]


def _of_script(said: Mapping[str, Any]) -> Statement | None:
    kind = said.get("kind")
    if not isinstance(kind, str) or kind not in _OF_SCRIPT:
        return None
    return _of_values(Subject(kind), said)


def _of_values(subject: Subject, said: Mapping[str, Any]) -> Statement:
    texts = {name: text_of(said.get(name)) for name in _TEXTS}
    return Statement(subject, **texts, line=number_of(said.get("line")), status=number_of(said.get("status")))


def _of_report(said: Mapping[str, Any]) -> Statement | None:
    kind, body = said.get("type"), said.get("body")
    if not isinstance(kind, str) or not isinstance(body, Mapping):
        return None
    subject = _OF_REPORTS.get(kind)
    if subject is Subject.POLICY:
        return Statement(
            subject,
            url=text_of(body.get("blockedURL")),
            text=text_of(body.get("sample")),
            directive=text_of(body.get("effectiveDirective")),
            policy=text_of(body.get("originalPolicy")),
            source=text_of(body.get("sourceFile")),
            line=number_of(body.get("lineNumber")),
        )
    if subject is Subject.NETWORK and body.get("type") in ("ok", "abandoned"):
        return None
    if subject is Subject.NETWORK and body.get("type") == "http.error":
        return Statement(Subject.RESOURCE, url=text_of(said.get("url")), status=number_of(body.get("status_code")))
    if subject is Subject.NETWORK:
        return Statement(
            subject,
            url=text_of(said.get("url")),
            text=text_of(body.get("type")),
            status=number_of(body.get("status_code")),
        )
    if subject is Subject.ISOLATION:
        url = body.get("blockedURL") or body.get("openeeURL") or body.get("openerURL")
        return Statement(
            subject, url=text_of(url), tag=text_of(body.get("destination")), text=text_of(body.get("type"))
        )
    if subject is Subject.DEPRECATION:
        return Statement(
            subject,
            text=text_of(body.get("message")),
            source=text_of(body.get("sourceFile")),
            line=number_of(body.get("lineNumber")),
        )
    return None


_TEXTS = ("url", "tag", "text", "directive", "policy", "source")
_OF_SCRIPT = frozenset({"element", "error", "rejection", "policy", "frame", "socket", "resource", "cookies"})

_OF_REPORTS = {
    "csp-violation": Subject.POLICY,
    "network-error": Subject.NETWORK,
    "coep": Subject.ISOLATION,
    "coop": Subject.ISOLATION,
    "intervention": Subject.DEPRECATION,
    "deprecation": Subject.DEPRECATION,
}
"""Types of reports to what they are about; others are left out."""


def text_of(value: object) -> str:
    """Return a text that came from outside, cut; "" for anything else."""
    return value[:MAX_TEXT].encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def number_of(value: object) -> int:
    """Return a number that came from outside, 0 for anything else and for one that is absurd."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_NUMBER else 0
