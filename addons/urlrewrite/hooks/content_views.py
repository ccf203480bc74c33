"""The content views of mitmweb and mitmproxy: "Rewrite" (the trace), "Changes", "Original" and "Leaks", as text.

A content view shows the body of one message. mitmweb calls it for an empty body, too, so that the request of a GET
shows its trace; mitmproxy's console calls it only where there is a body, and neither calls it where the body was not
kept, as that of a stream. So the part of a message that has no body is shown below the part of the other one. The other
views show the same text for both messages.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mitmproxy import contentviews, http

from urlrewrite.exchange.rules_in_force import RulesInForce
from urlrewrite.hooks.flows import seen_of
from urlrewrite.inspector.diff.unified import original_text, unified
from urlrewrite.inspector.leaks.search import leaks_text
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.inspector.traces.report import render

type Rules = Callable[[], RulesInForce | None]
"""The rules in force at the moment of the call."""

NAME = "Rewrite"

_NO_TRACE = "No rewrite rule saw this message: it has no trace."
_NOT_HERE = "The trace is shown with the request and with the response, not with single messages."
_NO_RULES = "No rules are in force: without them it is unknown which names are the backend's."


class RewriteContentview(contentviews.Contentview):
    """The view of `flow.metadata["urlrewrite"]`."""

    name = NAME
    syntax_highlight = "none"

    def prettify(self, data: bytes, metadata: contentviews.Metadata) -> str:
        """Return the side of the trace that belongs to the message."""
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
        """Return a priority below all others: the view does not show the body."""
        return -1


class ExchangeContentview(contentviews.Contentview):
    """A view of one thing about an entire exchange, the text that `text_of` returns."""

    syntax_highlight = "none"

    def __init__(
        self, name: str, text_of: Callable[[RecordedExchange, RulesInForce | None], str], rules: Rules
    ) -> None:
        self._name = name
        self._text_of = text_of
        self.rules = rules

    @property
    def name(self) -> str:
        """The view's name in the menu."""
        return self._name

    def prettify(self, data: bytes, metadata: contentviews.Metadata) -> str:
        """Return the same text for the request and the response."""
        if not isinstance(metadata.flow, http.HTTPFlow) or metadata.http_message is None:
            return _NOT_HERE
        seen = seen_of(metadata.flow)
        return _spaced(self._text_of(seen, self.rules())) if seen else _NO_TRACE

    def render_priority(self, data: bytes, metadata: contentviews.Metadata) -> float:
        """Return a priority below all others: the view does not show the body."""
        return -1


def _original(seen: RecordedExchange, rules: RulesInForce | None) -> str:
    return original_text(seen)


def _leaks(seen: RecordedExchange, rules: RulesInForce | None) -> str:
    return leaks_text(seen, rules) if rules else _NO_RULES


_VIEWS: Mapping[str, Callable[[RecordedExchange, RulesInForce | None], str]] = {
    "Changes": unified,
    "Original": _original,
    "Leaks": _leaks,
}


def _spaced(text: str) -> str:
    """Return `text` with a blank in every empty line: mitmweb gives a line without any character no height."""
    return "\n".join(line or " " for line in text.split("\n"))


def _is_hidden(message: http.Message | None) -> bool:
    """Say whether some UI shows no view of this message, so that it has to be shown with the other one."""
    return message is not None and not message.raw_content


def _no_rules() -> None:
    return None


def register(rules: Rules = _no_rules) -> None:
    """Add the views; each once only, since mitmproxy logs a second registration. `rules` return those in force."""
    if not isinstance(contentviews.registry.get(NAME.lower()), RewriteContentview):
        contentviews.add(RewriteContentview())
    for name, text_of in _VIEWS.items():
        view = contentviews.registry.get(name.lower())
        if not isinstance(view, ExchangeContentview):
            contentviews.add(ExchangeContentview(name, text_of, rules))
        elif rules is not _no_rules:
            view.rules = rules
