"""Changes of field lines as events of the trace."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from urlrewrite.fields.names import Change
from urlrewrite.trace.request_events import GENERAL_SET_REQUEST_HEADER, FieldSet
from urlrewrite.trace.response_events import GENERAL_SET_RESPONSE_HEADER
from urlrewrite.trace.trace import Trace, clip


def record_request_changes(trace: Trace, changes: Iterable[Change]) -> None:
    """Add the changes of a request's field lines to the trace."""
    for change in _made(trace, changes):
        if trace.on:
            trace.add(GENERAL_SET_REQUEST_HEADER, **change_event(change))


def record_response_changes(trace: Trace, changes: Iterable[Change]) -> None:
    """Add the changes of a response's field lines to the trace, and count them by field."""
    for change in _made(trace, changes):
        trace.count_field(change.field)
        if trace.on:
            trace.add(GENERAL_SET_RESPONSE_HEADER, **change_event(change))


def change_event(change: Change) -> FieldSet:
    """Give the keys of the event for a change."""
    return {
        "name": change.field,
        "before": clip(change.before or ""),
        "after": clip(change.after or ""),
        "reasons": [str(why.reason) for why in change.whys],
        "why": [str(why) for why in change.whys],
    }


def _made(trace: Trace, changes: Iterable[Change]) -> Iterator[Change]:
    """Give the changes that were made; warn of what could not be done."""
    for change in changes:
        if change.warning:
            trace.warn_of_field(change.field, change.before or "", str(change.whys[0].reason), change.why)
        else:
            yield change
