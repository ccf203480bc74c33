"""Which responses get the script, and what else changes in the copy for the browser that is watched.

A page that a browser shows in a window or frame gets it; nothing else does, above all nothing that a script asks for.
The copy is for this browser at this moment: no cache may keep it, and it has no validator and no digest, since those
are of the page as it is. So watching a page changes how it is cached, and how the browser goes back to it; its scripts
make WebSockets by way of ours.
"""

from __future__ import annotations

import re
from enum import StrEnum

from urlrewrite.content.charset.labels import encoding
from urlrewrite.content.coding.codings import MAX_CODINGS, SUPPORTED, parse_content_encoding
from urlrewrite.content.kinds import media_type
from urlrewrite.model.field_lines import FieldLines, field_values

_DOCUMENTS = frozenset({"document", "iframe", "frame"})
_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([^\s\";]+)", re.IGNORECASE)
_OF_THE_PAGE = frozenset(
    "accept-ranges age cache-control content-digest content-length content-md5 digest etag expires last-modified "
    "pragma repr-digest".split()
)
_NO_STORE = ("Cache-Control", "no-store")


class Unwatched(StrEnum):
    """Why a page is left as it is, though its client is to be watched; the values are for a person."""

    NO_PAGE = ""
    """It is no HTML that a browser shows in a window or frame, or has no body, or is a part of one."""
    NO_TRANSFORM = "its Cache-Control has no-transform: nobody may change it"
    CODING = "its content coding cannot be undone here"
    CHARSET = "its encoding does not contain ASCII"
    SANDBOX = "its policy has sandbox, which lets no script run, or takes the page's origin away"


def unwatched(method: str, request: FieldLines, status: int, response: FieldLines) -> Unwatched | None:
    """Say why a response does not get the script; None where it does."""
    if not _is_for_a_window(method, request) or status < 200 or status in (204, 205, 206, 304):
        return Unwatched.NO_PAGE
    content_type = _first(response, "content-type")
    if media_type(content_type) != "text/html" or "attachment" in _first(response, "content-disposition").lower():
        return Unwatched.NO_PAGE
    if any("no-transform" in value.lower() for value in field_values(response, "cache-control")):
        return Unwatched.NO_TRANSFORM
    codings = parse_content_encoding(field_values(response, "content-encoding"))
    if len(codings) > MAX_CODINGS or not SUPPORTED.issuperset(codings):
        return Unwatched.CODING
    declared = declared_charset(response)
    named = encoding(declared) if declared else None
    if named and named.name.startswith(("utf-16", "utf-32")):
        return Unwatched.CHARSET
    for value in field_values(response, "content-security-policy"):
        for directive in re.split("[;,]", value.lower()):
            words = directive.split()
            if words[:1] == ["sandbox"] and not {"allow-scripts", "allow-same-origin"} <= {*words}:
                return Unwatched.SANDBOX
    return None


def declared_charset(response: FieldLines) -> str:
    """Return the charset that Content-Type declares, "" where it declares none."""
    found = _CHARSET.search(_first(response, "content-type"))
    return found[1] if found else ""


def copy_fields(response: FieldLines) -> FieldLines:
    """Return the fields of the copy; whoever sends it says how long it is."""
    return (*(line for line in response if line[0].lower() not in _OF_THE_PAGE), _NO_STORE)


def _is_for_a_window(method: str, request: FieldLines) -> bool:
    if method == "HEAD" or field_values(request, "x-requested-with"):
        return False
    if destination := _first(request, "sec-fetch-dest"):
        return destination.lower() in _DOCUMENTS
    # Browsers do not say it to a public name without TLS.
    return "text/html" in _first(request, "accept").lower()


def _first(fields: FieldLines, name: str) -> str:
    return next(iter(field_values(fields, name)), "")
