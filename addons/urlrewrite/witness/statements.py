"""What a browser says of a page, read from what was posted. Anybody may have written that: it is trusted in nothing.

Two forms are read: that of the script (`probe.js`), and that of the Reporting API (W3C, `application/reports+json`).
What is of neither is left out. Every text is clipped, and numbers are kept only within bounds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
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
    """What a statement is about; the words are those of `probe.js`."""

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


@dataclass(frozen=True, slots=True)
class Statement:
    """One thing that a browser said. Texts and numbers that the subject does not have are "" and 0.

    `url` is what it is about, as the browser wrote it, `tag` the element or who asked for it, `directive` and `policy`
    those that blocked it; `source` and `line` say where the code stands.
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


def _of_script(said: Mapping[str, Any]) -> Statement | None:
    kind = said.get("kind")
    if not isinstance(kind, str) or kind not in _OF_SCRIPT:
        return None
    texts = {name: _text(said.get(name)) for name in ("url", "tag", "text", "directive", "policy", "source")}
    return Statement(Subject(kind), **texts, line=_number(said.get("line")), status=_number(said.get("status")))


def _of_report(said: Mapping[str, Any]) -> Statement | None:
    kind, body = said.get("type"), said.get("body")
    if not isinstance(kind, str) or not isinstance(body, Mapping):
        return None
    subject = _OF_REPORTS.get(kind)
    if subject is Subject.POLICY:
        return Statement(
            subject,
            url=_text(body.get("blockedURL")),
            text=_text(body.get("sample")),
            directive=_text(body.get("effectiveDirective")),
            policy=_text(body.get("originalPolicy")),
            source=_text(body.get("sourceFile")),
            line=_number(body.get("lineNumber")),
        )
    if subject is Subject.NETWORK and body.get("type") in ("ok", "abandoned"):
        return None
    if subject is Subject.NETWORK and body.get("type") == "http.error":
        return Statement(Subject.RESOURCE, url=_text(said.get("url")), status=_number(body.get("status_code")))
    if subject is Subject.NETWORK:
        return Statement(
            subject, url=_text(said.get("url")), text=_text(body.get("type")), status=_number(body.get("status_code"))
        )
    if subject is Subject.ISOLATION:
        url = body.get("blockedURL") or body.get("openeeURL") or body.get("openerURL")
        return Statement(subject, url=_text(url), tag=_text(body.get("destination")), text=_text(body.get("type")))
    if subject is Subject.DEPRECATION:
        return Statement(
            subject,
            text=_text(body.get("message")),
            source=_text(body.get("sourceFile")),
            line=_number(body.get("lineNumber")),
        )
    return None


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


def _text(value: object) -> str:
    return value[:MAX_TEXT].encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _number(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_NUMBER else 0
