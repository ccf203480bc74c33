"""What a backend and this proxy said to each other where a request failed: its short page of an error, who it was asked
as, what it was told besides; and which protocol it speaks where that is no HTTP/1.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from urlrewrite.fields.forwarding import SPOOFABLE
from urlrewrite.inspector.diagnose.case import Case
from urlrewrite.inspector.diagnose.statuses import MANY_COOKIES, cookie_bytes
from urlrewrite.inspector.read_text import read_text
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.inspector.text import shortened
from urlrewrite.trace.events import Name
from urlrewrite.trace.reading import name_of, text

MAX_PAGE = 8 * 2**10
"""Characters up to which the body of an error is read: longer ones are pages, and no messages."""

_QUOTED = 200
_TITLE = re.compile(r"<title\b[^<>]*>([^<]*)", re.IGNORECASE)
_BYTES = re.compile(r"b(['\"])(.*)\1?", re.DOTALL)
_SPOKEN: tuple[tuple[re.Pattern[bytes], str], ...] = (
    # RFC 8446, 5.1: records of alerts and handshakes.
    (re.compile(rb"[\x15\x16]\x03[\0-\x04]"), "TLS"),
    (re.compile(rb"SSH-"), "SSH"),
    (re.compile(rb"220[ -]"), "SMTP or FTP"),
    (re.compile(rb"\+OK "), "POP3"),
    (re.compile(rb"\* OK "), "IMAP"),
    (re.compile(rb"-(?:ERR|NOAUTH|DENIED) "), "Redis's protocol"),
)
"""How the first bytes of servers begin that are not asked in their own protocol; HTTP/2 is a fault of its own."""


def error_text(case: Case, exchange: RecordedExchange) -> str:
    """Return what a short page of an error says to a reader, "" for a long one, and for none."""
    body = case.body(exchange, original=True) or ""
    if len(body) > MAX_PAGE:
        return ""
    title = _TITLE.search(body)
    words = " ".join(html.unescape(read_text(body)).split()) or " ".join(
        html.unescape(title[1]).split() if title else ()
    )
    return shortened(words, _QUOTED)


def exchanged(case: Case, exchange: RecordedExchange, *, all_told: bool = True) -> Iterator[tuple[str, str]]:
    """Yield what a backend said, and how it was asked, for the evidence of a request that it refused; `all_told`
    with the headers that this proxy adds.
    """
    said = error_text(case, exchange)
    if said and not said.isdecimal():
        yield "the backend says", said
    events = case.reading(exchange).events
    for event in events:
        if name_of(event) == Name.REQUEST_ROUTED and (host := text(event, "host")):
            kept = host == exchange.request.host and host not in case.backend_url(exchange)
            yield "Host header sent", f"{host}{' (preserveHostHeader: true)' if kept else ''}"
    added = [
        text(event, "name")
        for event in events
        if name_of(event) == Name.GENERAL_SET_REQUEST_HEADER and text(event, "name").lower() in SPOOFABLE
    ]
    if added and all_told:
        yield "also sent by this proxy", ", ".join(dict.fromkeys(added))
    size = cookie_bytes(exchange.request.fields)
    if size >= MANY_COOKIES:
        yield "cookies", f"{size / 1000:.1f} kB"


def protocol_of(detail: str) -> str:
    """Return which protocol a server speaks whose first bytes stand in the detail of a failure, "" if none is known."""
    found = _BYTES.search(detail)
    if found is None:
        return ""
    try:
        first = found[2].encode("latin-1").decode("unicode_escape").encode("latin-1")
    except (UnicodeError, ValueError):
        # The text may have been cut off in the middle of an escape.
        first = re.sub(r"\\[^\\]{0,3}$", "", found[2]).encode("latin-1", "replace").decode("unicode_escape", "replace")
        first = first.encode("latin-1", "replace")
    return next((name for pattern, name in _SPOKEN if pattern.match(first)), "")
