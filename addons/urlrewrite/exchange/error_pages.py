"""A site's own pages for errors with which the proxy itself responds."""

from __future__ import annotations

from dataclasses import replace
from html import escape

from urlrewrite.exchange.responses import LocalResponse
from urlrewrite.model import Site

TRACE_ID = b"{TraceId}"
"""What is filled in, and nothing else is."""

_REPLACED = ("content-type", "content-length")


def with_error_page(response: LocalResponse, site: Site | None, trace_id: str) -> LocalResponse:
    """Return an error with the page that its site has for its status, if it has one; any other response as it is."""
    page = site.error_pages.get(response.status) if site and response.is_error else None
    if page is None:
        return response
    body = page.content.replace(TRACE_ID, escape(trace_id).encode())
    kept = tuple(line for line in response.fields if line[0].lower() not in _REPLACED)
    fields = ("Content-Type", page.content_type), *kept, ("Content-Length", str(len(body)))
    return replace(response, fields=fields, body=body)
