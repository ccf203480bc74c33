"""Pages as they were before they got the probe's script: what is examined is the page, not the copy that was watched.

It lies in the flow's metadata as plain data: `{"fields": [[name, value], ...] in bytes, "body": bytes or None}`. Where
`body` is None, the flow has the page's own body.
"""

from __future__ import annotations

from mitmproxy import http

from urlrewrite.engine.facts import ResponseFacts
from urlrewrite.hooks.flow_data import HiddenFromMetaFilter
from urlrewrite.hooks.translate import field_lines, response_facts

PAGE = "urlrewrite.page"


def keep_page(flow: http.HTTPFlow, response: http.Response, body: bytes | None) -> None:
    """Keep the page before its fields and, if it is not streamed, its body are changed."""
    fields = [[name, value] for name, value in response.headers.fields]
    flow.metadata[PAGE] = HiddenFromMetaFilter(fields=fields, body=body)


def unprobed(flow: http.HTTPFlow) -> tuple[ResponseFacts | None, bytes | None]:
    """Return the response that the client got, without what was added to watch it."""
    response = flow.response
    if response is None:
        return None, None
    facts, body = response_facts(response), response.raw_content
    match flow.metadata.get(PAGE):
        case {"fields": [*lines], "body": bytes() | None as own} if all(map(_is_line, lines)):
            fields = field_lines(http.Headers([(name, value) for name, value in lines]))
            return ResponseFacts(facts.status, fields, facts.reason), body if own is None else own
    return facts, body


def _is_line(line: object) -> bool:
    return isinstance(line, list | tuple) and len(line) == 2 and all(isinstance(part, bytes) for part in line)
