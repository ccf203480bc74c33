"""Checks of fragments: no request has one."""

from __future__ import annotations

from collections.abc import Iterator

from urlrewrite.engine.template import Literal
from urlrewrite.lint.registry import Finding, check
from urlrewrite.lint.views import InboundView, quoted
from urlrewrite.model import ActionType


@check(
    "UR176",
    "A rewrite to a URL with a fragment",
    InboundView,
    means="The URL of a Rewrite has a `#`, as addresses of pages do whose scripts read it (`/app#/users`). Only "
    "browsers know fragments: none is in a request.",
    iis="Not documented.",
    here="Forwards the URL without its fragment, and the trace says so.",
    write="A Redirect, if the browser is to see the fragment; `%23` for a `#` of the path.",
)
def fragment(view: InboundView) -> Iterator[Finding]:
    if view.item.action.type is ActionType.REWRITE and any(
        isinstance(node, Literal) and "#" in node.text for node in view.url.nodes
    ):
        yield Finding(
            f"{quoted(view.url.source)} is forwarded without what follows the '#': write '%23' for a '#' of the path, "
            "or redirect"
        )
