"""Recorded flows as `explain` wants them: requests as clients sent them, and the answers of backends.

There are three kinds of recordings. A flow of this bundle holds the request as the backend got it and the answer as
the client got it, but its trace has kept what the client sent. A flow of another mitmproxy holds what passed. A HAR
file, as browsers save it, is read by mitmproxy into flows that have no connections.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mitmproxy import exceptions, flowfilter, http
from mitmproxy.io import FlowReader
from mitmproxy.proxy.mode_specs import ReverseMode

from urlrewrite.engine.facts import Fields, RequestFacts, ResponseFacts
from urlrewrite.hooks.translate import headers, request_facts, response_facts
from urlrewrite.origin import Origin, origin_of

REWRITTEN = (
    "the recorded answer went through this proxy's rules before it was recorded: what they changed is not changed again"
)
OWN_ANSWER = "the recorded answer was this proxy's own, no backend's: it is not used"
AS_FORWARDED = "the recording does not say what the client sent: the request is the one that the backend got"
NO_ANSWER = "no answer was recorded"
NO_BODY = "the body of the answer was not recorded: its fields are evaluated, with an empty body"

_SCHEMES = ("http", "https")


class RecordingError(Exception):
    """A recording that cannot be read, or has nothing of what was asked for; the message is one line."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """One exchange of a recording.

    `number` counts the flows of the file from 1. `response` is None where there is no answer of a backend; `notes` say
    what a reader must know of it.
    """

    number: int
    request: RequestFacts
    response: ResponseFacts | None
    body: bytes
    notes: tuple[str, ...]


def read_recording(where: str) -> Iterator[Recorded]:
    """The exchanges of `FILE`, of `FILE:N` (the Nth flow), or of `FILE:FILTER` (a mitmproxy filter expression).

    A filter sees requests as clients sent them. Flows of other protocols than HTTP are passed over.

    Raises:
        RecordingError: there is no such file, it is damaged, the filter cannot be read, or nothing is chosen by it.
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
    """The file, and what is chosen of it: file names and filters may have colons of their own."""
    end = len(where)
    while end > 0:
        with contextlib.suppress(OSError, ValueError):
            path = Path(where[:end])
            if path.exists() and not path.is_dir():
                return path, where[end + 1 :]
        end = where.rfind(":", 0, end)
    raise RecordingError(f"{where}: got no such file, expected flows that mitmproxy saved, or a HAR file")


def _flows(path: Path) -> Iterator[Any]:
    """The flows of a file, whatever is wrong with it told as RecordingError."""
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
    found = flow.metadata.get("urlrewrite")
    ours = isinstance(found, Mapping)
    trace: Mapping[str, Any] = found if isinstance(found, Mapping) else {}
    judged = _as_judged(flow, trace)
    request = judged or _as_passed(flow)
    notes = [AS_FORWARDED] if ours and not judged else []
    if flow.response is None:
        notes.append(f"{NO_ANSWER}{f' ({_one_line(flow.error.msg)})' if flow.error else ''}")
        return Recorded(number, request, None, b"", tuple(notes))
    if ours and "target" not in trace:
        return Recorded(number, request, None, b"", (*notes, OWN_ANSWER))
    if ours:
        notes.append(REWRITTEN)
    if flow.response.raw_content is None:
        notes.append(NO_BODY)
    return Recorded(number, request, response_facts(flow.response), flow.response.raw_content or b"", tuple(notes))


def _as_judged(flow: http.HTTPFlow, trace: Mapping[str, Any]) -> RequestFacts | None:
    """The request as this bundle got it, by its trace; None where the trace does not tell."""
    match trace.get("request"):
        case {"url": str(url), "host": str(host), "target": str(target), "method": str(method), "fields": list(lines)}:
            scheme = url.partition(":")[0]
            fields = tuple((line[0], line[1]) for line in lines if _is_field_line(line))
            if scheme in _SCHEMES and len(fields) == len(lines):
                facts = _as_passed(flow)
                return replace(facts, method=method, scheme=scheme, host=host, target=target, fields=fields)
    return None


def _is_field_line(line: object) -> bool:
    return isinstance(line, list) and len(line) == 2 and all(isinstance(part, str) for part in line)


def _as_passed(flow: http.HTTPFlow) -> RequestFacts:
    """The request as the flow has it.

    Only in reverse mode does the client speak another scheme than the request that goes on. A field that begins with a
    colon is a pseudo-header that a browser has put into its HAR file.
    """
    request = flow.request
    facts = request_facts(flow)
    scheme = facts.scheme if isinstance(flow.client_conn.proxy_mode, ReverseMode) else request.scheme
    host = facts.host or Origin(request.scheme, request.host, request.port).authority
    fields: Fields = tuple((name, value) for name, value in facts.fields if not name.startswith(":"))
    if not any(name.lower() == "host" for name, _ in fields):
        fields = (("Host", host), *fields)
    return replace(facts, scheme=scheme, host=host, fields=fields)


def _restore(request: http.Request, asked: RequestFacts) -> None:
    """Makes a request of a flow the one that the client sent, as far as filters look at it."""
    request.headers = headers(asked.fields, lower=False)
    request.method, request.scheme, request.path, request.authority = asked.method, asked.scheme, asked.target, ""
    if origin := origin_of(asked.scheme, asked.host):
        host = request.host_header
        request.host, request.port = origin.host, origin.port
        request.host_header = host


def _one_line(error: object) -> str:
    return " ".join(str(error).split())
