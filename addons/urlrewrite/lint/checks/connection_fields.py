"""Checks of fields that are no rule's matter."""

from __future__ import annotations

from collections.abc import Iterator

from urlrewrite.engine.variables import field_name, normal_name
from urlrewrite.lint.registry import Finding, check
from urlrewrite.lint.views import InboundView, place, quoted
from urlrewrite.model.field_lines import OF_CONNECTION


@check(
    "UR158",
    "A field of the connection set by a rule",
    InboundView,
    means="A rule sets Connection, Upgrade, Transfer-Encoding or the like. They are about one connection, or say where "
    "a message ends: what a client and this proxy agree on is not what the proxy and the backend do.",
    iis="ARR writes them itself; a WebSocket is passed where the WebSocket module is installed.",
    here="They are left as they are, and the trace warns. A WebSocket is passed without a rule.",
    write="Nothing. Configurations of nginx have such lines, which are not needed here.",
)
def field_of_connection(view: InboundView) -> Iterator[Finding]:
    for item, _ in view.variables:
        if normal_name(item.name).startswith("HTTP_") and item.value and field_name(item.name) in OF_CONNECTION:
            yield Finding(
                f"{quoted(item.name)} is a field of the connection, which no rule can set, in IIS or here: remove it",
                place(item, view),
            )
