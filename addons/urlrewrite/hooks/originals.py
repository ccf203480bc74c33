"""The response as the backend sent it, kept with its flow: for mitmweb, for saved files, and for "what if".

It lies in the flow's metadata as plain data, so that it is saved and read again with the flow:
`{"status": int, "reason": bytes, "fields": [[name, value], ...] in bytes, "body": bytes or None}`. The body is as it
came, under its content coding; None where it was too long, cut off, or has been dropped to save memory.
"""

from __future__ import annotations

from typing import Any

from mitmproxy import http

from urlrewrite.hooks.flow_data import HiddenFromMetaFilter

KEY = "urlrewrite.original"

MAX_LENGTH = 2**20
"""Bytes up to which a body that streams is copied, so that it can be viewed like one that was held."""


def keep_head(flow: http.HTTPFlow, response: http.Response) -> dict[str, Any]:
    """Keep the head of a response with its flow; return the data that takes the body later."""
    original = HiddenFromMetaFilter(
        status=response.status_code,
        reason=response.data.reason,
        fields=[[name, value] for name, value in response.headers.fields],
        body=None,
    )
    flow.metadata[KEY] = original
    return original


class Copy:
    """A copy of a body that is streamed, given up when it gets too long."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self._size = 0

    def add(self, chunk: bytes) -> None:
        """Add the next piece."""
        self._size += len(chunk)
        if self._size > MAX_LENGTH:
            self._chunks.clear()
        else:
            self._chunks.append(chunk)

    def whole(self) -> bytes | None:
        """Return all pieces together; None if they were too long."""
        return b"".join(self._chunks) if self._size <= MAX_LENGTH else None
