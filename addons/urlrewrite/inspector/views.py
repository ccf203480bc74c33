"""The content view "Rewrite" of mitmweb and mitmproxy: the trace of a message as text.

A content view is asked about the body of one message. mitmweb asks for an empty body, too, so that the request of a
GET shows its trace; mitmproxy's console asks only where there is a body, and neither asks where the body was not kept,
as that of a stream. So the part of a message that has no body follows on the part of the other one.
"""

from __future__ import annotations

from collections.abc import Mapping

from mitmproxy import contentviews, http

from urlrewrite.inspector.report import render

NAME = "Rewrite"

_NO_TRACE = "No rewrite rule saw this message: it has no trace."
_NOT_HERE = "The trace is shown with the request and with the response, not with single messages."


class RewriteContentview(contentviews.Contentview):
    """Shows `flow.metadata["urlrewrite"]`."""

    name = NAME
    syntax_highlight = "none"

    def prettify(self, data: bytes, metadata: contentviews.Metadata) -> str:
        """The side of the trace that belongs to the message."""
        flow, message = metadata.flow, metadata.http_message
        if not isinstance(flow, http.HTTPFlow) or message is None:
            return _NOT_HERE
        trace = flow.metadata.get("urlrewrite")
        if not isinstance(trace, Mapping):
            return _NO_TRACE
        if message is flow.request:
            return _spaced(render(trace, "request", follow=_is_hidden(flow.response)))
        return _spaced(render(trace, "response", follow=_is_hidden(flow.request)))

    def render_priority(self, data: bytes, metadata: contentviews.Metadata) -> float:
        """Never chosen by itself: the view says nothing of the body."""
        return -1


def _spaced(text: str) -> str:
    """`text` with a blank in every empty line: mitmweb gives a line without any character no height."""
    return "\n".join(line or " " for line in text.split("\n"))


def _is_hidden(message: http.Message | None) -> bool:
    """Whether some UI shows no view of this message, so that it needs to be shown with the other one."""
    return message is not None and not message.raw_content


def register() -> None:
    """Adds the view; once only, since a second registration is logged."""
    if not isinstance(contentviews.registry.get(NAME.lower()), RewriteContentview):
        contentviews.add(RewriteContentview())
