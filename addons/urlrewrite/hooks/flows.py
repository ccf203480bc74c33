"""Flows of mitmproxy as exchanges: the request as the client sent it, the backend's response, and the client's.

A flow of this bundle holds the request as the backend got it and the response as the client got it; what the client
sent is in its trace, and the backend's response beside it (`hooks/originals.py`). Flows come from files of anybody,
too: nothing is taken for granted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mitmproxy import http
from mitmproxy.proxy.mode_specs import ReverseMode

from urlrewrite.engine.facts import RequestFacts, ResponseFacts
from urlrewrite.hooks.originals import KEY
from urlrewrite.hooks.probed_copy import unprobed
from urlrewrite.hooks.translate import request_facts
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.model.field_lines import FieldLines
from urlrewrite.model.origin import Origin
from urlrewrite.trace.reasons import Reason

_SCHEMES = ("http", "https")


def seen_of(flow: object) -> RecordedExchange | None:
    """Return the exchange that a flow holds; None if this bundle did not handle it."""
    if not isinstance(flow, http.HTTPFlow):
        return None
    trace = trace_of(flow)
    if trace is None:
        return None
    own = flow.response is not None and ("target" not in trace or _has_no_backends(trace))
    original, body = (None, None) if own else original_of(flow)
    response, response_body = unprobed(flow)
    return RecordedExchange(
        flow_id=flow.id,
        began=flow.timestamp_start,
        trace=trace,
        request=judged_request(flow, trace) or passed_request(flow),
        upload=flow.request.raw_content,
        original=original,
        original_body=body,
        response=response,
        response_body=response_body,
        own=own,
        failed=flow.error.msg if flow.error else "",
        seconds=_seconds(flow),
    )


def _seconds(flow: http.HTTPFlow) -> float | None:
    ended = flow.error.timestamp if flow.error else flow.response.timestamp_end if flow.response else None
    return max(ended - flow.timestamp_start, 0.0) if ended else None


def _has_no_backends(trace: Mapping[str, Any]) -> bool:
    """Say whether the response is a page of ours, since no backend gave one."""
    events, reasons = trace.get("events"), (Reason.BACKEND_FAILED, Reason.NO_SERVER)
    listed = events if isinstance(events, list | tuple) else ()
    return any(isinstance(event, Mapping) and event.get("reason") in reasons for event in listed)


def trace_of(flow: http.HTTPFlow) -> Mapping[str, Any] | None:
    """Return the trace of a flow, None where it has none."""
    trace = flow.metadata.get("urlrewrite")
    return trace if isinstance(trace, Mapping) else None


def original_of(flow: http.HTTPFlow) -> tuple[ResponseFacts | None, bytes | None]:
    """Return the response as the backend sent it, and its body; None for what was not kept."""
    match flow.metadata.get(KEY):
        case {"status": int(status), "reason": bytes(reason), "fields": [*lines], "body": body}:
            fields = tuple((_text(line[0]), _text(line[1])) for line in lines if _is_pair(line, bytes))
            return ResponseFacts(status, fields, _text(reason)), body if isinstance(body, bytes) else None
    return None, None


def judged_request(flow: http.HTTPFlow, trace: Mapping[str, Any]) -> RequestFacts | None:
    """Return the request as this bundle got it, by its trace; None where the trace does not have it."""
    match trace.get("request"):
        case {"url": str(url), "host": str(host), "target": str(target), "method": str(method), "fields": [*lines]}:
            scheme = url.partition(":")[0]
            fields = tuple((line[0], line[1]) for line in lines if _is_pair(line, str))
            if scheme in _SCHEMES and len(fields) == len(lines):
                passed = request_facts(flow)
                return replace(passed, method=method, scheme=scheme, host=host, target=target, fields=fields)
    return None


def passed_request(flow: http.HTTPFlow) -> RequestFacts:
    """Return the request as the flow has it.

    Only in reverse mode does the client use another scheme than the forwarded request. A field that begins with a colon
    is a pseudo-header that a browser has put into its HAR file.
    """
    request = flow.request
    facts = request_facts(flow)
    scheme = facts.scheme if isinstance(flow.client_conn.proxy_mode, ReverseMode) else request.scheme
    host = facts.host or Origin(request.scheme, request.host, request.port).authority
    fields: FieldLines = tuple((name, value) for name, value in facts.fields if not name.startswith(":"))
    if not any(name.lower() == "host" for name, _ in fields):
        fields = (("Host", host), *fields)
    return replace(facts, scheme=scheme, host=host, fields=fields)


def _is_pair(line: object, kind: type) -> bool:
    return isinstance(line, list | tuple) and len(line) == 2 and all(isinstance(part, kind) for part in line)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
