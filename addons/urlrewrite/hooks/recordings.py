"""Recorded flows as `explain` wants them: requests as clients sent them, and the responses of backends.

There are three kinds of recordings. A flow of this bundle has kept what the client sent, and what the backend answered
unless memory was short (`flows.py`). A flow of another mitmproxy holds what passed. A HAR file, as browsers
save it, is read by mitmproxy into flows that have no connections.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mitmproxy import exceptions, flowfilter, http
from mitmproxy.io import FlowReader

from urlrewrite.engine.facts import RequestFacts, ResponseFacts
from urlrewrite.hooks.flows import judged_request, original_of, passed_request, trace_of
from urlrewrite.hooks.probed_copy import unprobed
from urlrewrite.hooks.translate import headers
from urlrewrite.model.origin import origin_of

REWRITTEN = "the recorded response went through this proxy's rules before it was recorded: that is not done again"
OWN_RESPONSE = "the recorded response was this proxy's own, not a backend's: it is not used"
AS_FORWARDED = "the recording does not say what the client sent: the request is the one that the backend got"
NO_RESPONSE = "no response was recorded"
NO_BODY = "the body of the response was not recorded: its fields are evaluated, with an empty body"


class RecordingError(Exception):
    """Raised for a recording that cannot be read, or lacks what was chosen; the message is one line."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """One exchange of a recording.

    `number` counts the flows of the file from 1. `response` is None where there is no response of a backend; `notes`
    say what a reader must know of it.
    """

    number: int
    request: RequestFacts
    response: ResponseFacts | None
    body: bytes
    notes: tuple[str, ...]


def read_recording(where: str) -> Iterator[Recorded]:
    """Yield the exchanges of `FILE`, of `FILE:N` (the Nth flow), or of `FILE:FILTER` (a mitmproxy filter expression).

    A filter sees requests as clients sent them. Flows of protocols other than HTTP are skipped.

    Raises:
        RecordingError: the file is missing or damaged, the filter is invalid, or it chooses nothing.
    """
    path, choice = _split(where)
    number = int(choice) if choice.isascii() and choice.isdigit() else None
    try:
        chosen = flowfilter.parse(choice) if choice and number is None else None
    except ValueError as error:
        raise RecordingError(f"{path}: {_one_line(error)}") from error
    seen = found = 0
    for seen, flow in enumerate(_flows(path), 1):
        if number and found:
            break
        if not isinstance(flow, http.HTTPFlow) or number not in (None, seen):
            continue
        recorded = _recorded(seen, flow)
        if chosen:
            _restore(flow.request, recorded.request)
        if not chosen or flowfilter.match(chosen, flow):
            found += 1
            yield recorded
    if not found:
        looked_for = f"no HTTP flow that {choice} chooses" if choice else "no HTTP flow"
        raise RecordingError(f"{path}: got {looked_for}, among {seen} flows")


def _split(where: str) -> tuple[Path, str]:
    """Split the file from what is chosen of it: file names and filters may have colons of their own."""
    end = len(where)
    while end > 0:
        with contextlib.suppress(OSError, ValueError):
            path = Path(where[:end])
            if path.exists() and not path.is_dir():
                return path, where[end + 1 :]
        end = where.rfind(":", 0, end)
    raise RecordingError(f"{where}: got no such file, expected flows that mitmproxy saved, or a HAR file")


def _flows(path: Path) -> Iterator[Any]:
    """Yield the flows of a file; whatever is wrong with it is raised as RecordingError."""
    try:
        with path.open("rb") as file:
            for flow in FlowReader(file).stream():
                # What the reader itself does not look at.
                if not isinstance(flow.metadata, dict):
                    raise TypeError
                yield flow
    except OSError as error:
        raise RecordingError(f"{path}: {error.strerror}") from error
    except exceptions.FlowReadException as error:
        raise RecordingError(f"{path}: {_one_line(error)}") from error
    except Exception as error:
        # A damaged file makes the reader stumble over its own data: KeyError, AttributeError, MemoryError and others.
        raise RecordingError(f"{path}: the file is damaged ({type(error).__name__})") from error


def _recorded(number: int, flow: http.HTTPFlow) -> Recorded:
    trace = trace_of(flow)
    ours = trace is not None
    judged = judged_request(flow, trace) if trace is not None else None
    request = judged or passed_request(flow)
    notes = [AS_FORWARDED] if ours and not judged else []
    if flow.response is None:
        notes.append(f"{NO_RESPONSE}{f' ({_one_line(flow.error.msg)})' if flow.error else ''}")
        return Recorded(number, request, None, b"", tuple(notes))
    if trace is not None and "target" not in trace:
        return Recorded(number, request, None, b"", (*notes, OWN_RESPONSE))
    response, body = original_of(flow)
    if response is None:
        response, body = unprobed(flow)
        if ours:
            notes.append(REWRITTEN)
    if body is None:
        notes.append(NO_BODY)
    return Recorded(number, request, response, body or b"", tuple(notes))


def _restore(request: http.Request, sent: RequestFacts) -> None:
    """Change a flow's request into the one that the client sent, as far as filters look at it."""
    request.headers = headers(sent.fields, lower=False)
    request.method, request.scheme, request.path, request.authority = sent.method, sent.scheme, sent.target, ""
    if origin := origin_of(sent.scheme, sent.host):
        host = request.host_header
        request.host, request.port = origin.host, origin.port
        request.host_header = host


def _one_line(error: object) -> str:
    return " ".join(str(error).split())
