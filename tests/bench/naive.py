"""What most people write first, as an addon: parse the page with lxml, rewrite its links, serialise it."""

from __future__ import annotations

from lxml import html
from mitmproxy import http


def response(flow: http.HTTPFlow) -> None:
    """Maps the links of a page."""
    if flow.response and "html" in flow.response.headers.get("content-type", ""):
        page = html.fromstring(flow.response.content)
        page.rewrite_links(lambda link: link.replace("http://privateserver:8080", "http://localhost"))
        flow.response.content = html.tostring(page)
