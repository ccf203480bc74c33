"""Whether a response names what no visitor may learn: as the browser recorded it, or as the proxy saved it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from mitmproxy.http import HTTPFlow
from mitmproxy.io import FlowReader

from e2e.support.response import Response


def recorded(file: Path) -> list[tuple[str, Response]]:
    """Every response that mitmproxy's `save_stream_file` wrote, with its URL, decoded. The proxy must have ended."""
    with file.open("rb") as stream:
        flows = [flow for flow in FlowReader(stream).stream() if isinstance(flow, HTTPFlow)]
    return [(flow.request.pretty_url, _answer(flow)) for flow in flows if flow.response]


def _answer(flow: HTTPFlow) -> Response:
    assert flow.response
    assert flow.response.raw_content is not None, f"{flow.request.pretty_url} was streamed and not saved"
    messages = flow.websocket.messages if flow.websocket else []
    body = flow.response.get_content(strict=False) or b""
    body += b"\n".join(message.content for message in messages if not message.from_client)
    return Response(flow.response.status_code, list(flow.response.headers.fields), body)


def naming(name: str, answers: Iterable[tuple[str, Response]]) -> list[str]:
    """The URLs of responses with the name, in any case, in a header field or the body, each with the place."""
    wanted = name.lower().encode()
    found = []
    for url, answer in answers:
        head = b"\n".join(key + b": " + value for key, value in answer.headers)
        for part in (head, answer.body):
            if (at := part.lower().find(wanted)) >= 0:
                found.append(f"{url}: ...{part[max(0, at - 60) : at + 60]!r}...")
    return found
