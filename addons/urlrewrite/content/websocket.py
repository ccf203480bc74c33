"""Text messages of WebSockets, in which URLs stand as they do in bodies, inside of what a subprotocol wraps around.

What is JSON, behind the numbers and letters that socket.io and SockJS put before it or cut by SignalR's record
separators, is read as JSON; a piece of a page, as htmx and Turbo send it, as HTML; and anything else as text. A STOMP
frame (STOMP 1.2) may give the length of its body, which is then corrected. Where such a frame lies in a JSON string, as
SockJS sends it, its length cannot be corrected, so the message is left alone, and a warning says why.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from urlrewrite.content.changes import Links
from urlrewrite.content.json import map_json
from urlrewrite.content.kinds import Kind
from urlrewrite.content.links.link_map import LinkMap, OnChange, shifted
from urlrewrite.content.mapping import rewrite_content

_STOMP = re.compile(
    rb"\s*(?:CONNECT|STOMP|CONNECTED|SEND|SUBSCRIBE|UNSUBSCRIBE|ACK|NACK|BEGIN|COMMIT|ABORT|DISCONNECT|MESSAGE|RECEIPT|"
    rb"ERROR)\r?\n(?P<headers>(?:[^\r\n:]++:[^\r\n]*+\r?+\n)*+)\r?\n"
)
_LENGTH = re.compile(rb"(?<=^content-length:)(\d+)", re.MULTILINE)
_WRAPPED_LENGTH = re.compile(rb"\\n(content-length):\d", re.IGNORECASE)
_JSON = re.compile(rb"\s*+[a-z]?+\d*+(?:/[^,\s]*+,)?+\d*+\s*+[\[{\"]")
_MARKUP = re.compile(rb"\s*<[a-zA-Z!?]")


class LeftAlone(Enum):
    """Why a message that names the backend is not changed."""

    FRAME_GOES_ON = "its frame goes on in another message"
    LENGTH_TOLD = "it tells the length of a part of it"


@dataclass(frozen=True, slots=True)
class MappedMessage:
    """What a message has become, its own bytes if nothing changed, and why it was left alone (None if it was not).

    `length_field` names the field in which it tells the length of a part of it.
    """

    data: bytes
    left_alone: LeftAlone | None = None
    length_field: str = ""


def map_message(data: bytes, link_map: LinkMap, on_change: OnChange) -> MappedMessage:
    """Map the links in a text message, which is UTF-8."""
    if not link_map.names_in(data) and not link_map.mount:
        return MappedMessage(data)
    if _STOMP.match(data):
        mapped = _map_frames(data, link_map, on_change)
        return MappedMessage(data, LeftAlone.FRAME_GOES_ON) if mapped is None else MappedMessage(mapped)
    mapped = _map_text(data, link_map, on_change)
    if mapped != data and (wrapped := _WRAPPED_LENGTH.search(data)):
        return MappedMessage(data, LeftAlone.LENGTH_TOLD, wrapped[1].decode())
    return MappedMessage(mapped)


def _map_text(data: bytes, link_map: LinkMap, on_change: OnChange) -> bytes:
    if _JSON.match(data):
        return map_json(data, link_map, on_change)
    if _MARKUP.match(data):
        links = Links(link_map, True, lambda where, *change: on_change(*change), visible_text=False)
        return rewrite_content(data, Kind.HTML, links=links)
    return link_map.map(data, on_change=on_change)


def _map_frames(data: bytes, link_map: LinkMap, on_change: OnChange) -> bytes | None:
    """Map the links in STOMP frames: each ends in NUL, behind a body of the given length, or at the first NUL.

    None where a body is longer than the message.
    """
    pieces: list[bytes] = []
    position = 0
    while head := _STOMP.match(data, position):
        length = _LENGTH.search(head["headers"])
        end = head.end() + int(length[0]) if length else data.find(b"\0", head.end())
        if end > len(data):
            return None
        end = len(data) if end < 0 else end
        body = _map_text(data[head.end() : end], link_map, shifted(on_change, head.end()))
        headers = link_map.map(head["headers"], on_change=shifted(on_change, head.start("headers")))
        if length:
            headers = _LENGTH.sub(str(len(body)).encode(), headers, count=1)
        pieces += (data[position : head.start("headers")], headers, data[head.end("headers") : head.end()], body)
        position = end
        while data[position : position + 1] in (b"\0", b"\n", b"\r"):
            pieces.append(data[position : position + 1])
            position += 1
    return b"".join([*pieces, data[position:]])
