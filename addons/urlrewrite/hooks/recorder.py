"""The end of every trace: it is closed, and shown in the flow, in the flow list and in the log."""

from __future__ import annotations

import logging
import marshal
import re
import time
import weakref
from typing import Any

from mitmproxy import http

from urlrewrite.hooks.flow_data import HiddenFromMetaFilter
from urlrewrite.hooks.originals import KEY
from urlrewrite.hooks.patches.log_events import is_heard
from urlrewrite.hooks.probed_copy import PAGE
from urlrewrite.hooks.state import Live, State
from urlrewrite.inspector.traces.report import log_line, summary
from urlrewrite.trace.events import Name
from urlrewrite.trace.reading import number
from urlrewrite.trace.reasons import Reason
from urlrewrite.trace.text import visible
from urlrewrite.trace.trace import TraceLevel

logger = logging.getLogger("urlrewrite.requests")

MARK_ERROR = ":x:"
MARK_WARNING = ":warning:"

MARKED = "urlrewrite.marked"
"""The key in the metadata for the mark that was set here: any other mark is a person's."""

_SURROGATE = re.compile(rb"\xed[\xa0-\xbf]")


class Recorder:
    """The addon that ends exchanges. To be registered after the addons that work on the response."""

    def __init__(self, state: State) -> None:
        self._state = state

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Make the trace of a flow under way fit to be saved, and see to it that its exchange will not stay."""
        if live := self._state.live.get(flow.id):
            self._make_storable(live)
            # Where a layer of the core crashes, no hook ends the flow: then the exchange goes when the flow goes.
            weakref.finalize(flow, self._state.live.pop, flow.id, None).atexit = False
        elif not flow.live:
            _hide_from_filters(flow)

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Make the trace of a flow under way fit to be saved: its body may stream for hours."""
        if live := self._state.live.get(flow.id):
            self._make_storable(live)

    def _make_storable(self, live: Live) -> None:
        if self._state.keeps_flows:
            make_storable(live.exchange.trace.data)

    def response(self, flow: http.HTTPFlow) -> None:
        """Record an exchange whose response is complete."""
        self._end(flow, "")

    def error(self, flow: http.HTTPFlow) -> None:
        """Record an exchange that was killed or aborted, by either side."""
        self._end(flow, flow.error.msg if flow.error else "")

    def _end(self, flow: http.HTTPFlow, broken_off: str) -> None:
        live = self._state.live.pop(flow.id, None)
        if live is None:
            return
        exchange = live.exchange
        data = exchange.trace.data
        cut = False
        if broken_off and data.get("action") != "AbortRequest":
            if live.needs_http1 or _client_left(flow, broken_off):
                # Browsers do that all the time: worth knowing, and no problem.
                data["broken_off"] = broken_off
            else:
                exchange.trace.error(Reason.BROKEN_OFF, detail=broken_off)
                cut = True
        if flow.response is not None:
            # An error of ours may have replaced the response of the backend; one of gRPC has its status elsewhere.
            data["status"] = data.get("stands_for") or flow.response.status_code
        exchange.finish()
        match exchange.trace.level:
            case TraceLevel.FULL:
                annotate(flow, data)
            case TraceLevel.DECISIONS:
                annotate(flow, data, for_list=self._state.keeps_flows)
        began = flow.timestamp_start
        seconds, site = time.time() - began, str(data.get("site", ""))
        self._state.statistics.add(data, began=began, seconds=seconds, site=site, spent=exchange.trace.spent)
        level = logging.ERROR if cut or _is_our_failure(live, data) else logging.INFO
        if is_heard(logger, level):
            logger.log(level, log_line(data), extra={"client": flow.client_conn.peername})


def _hide_from_filters(flow: http.HTTPFlow) -> None:
    """Restore the trace and the original of a flow from a file to what they were before it was saved."""
    for key in ("urlrewrite", KEY, PAGE):
        if isinstance(data := flow.metadata.get(key), dict):
            flow.metadata[key] = HiddenFromMetaFilter(data)


def annotate(flow: http.HTTPFlow, data: dict[str, Any], *, for_list: bool = True) -> None:
    """Put the trace of an exchange that has ended into its flow: for views, for filters, for a list of flows."""
    make_storable(data)
    flow.metadata["urlrewrite"] = data if isinstance(data, HiddenFromMetaFilter) else HiddenFromMetaFilter(data)
    flow.metadata.update(_flat(data))
    if for_list:
        _show(flow, data)


def count_leaks(flow: http.HTTPFlow, data: dict[str, Any], more: int) -> None:
    """Count leaks that came after the trace of a flow ended, in it and in the flow list."""
    shown = flow.comment == summary(data)
    data["leaks"] = (number(data, "leaks") or 0) + more
    make_storable(data)
    flow.metadata.update(_flat(data))
    if shown:
        flow.comment = summary(data)


def make_storable(data: dict[str, Any]) -> None:
    """Change a trace, in place, into one that `-w` can write.

    Lone surrogates, which carry bytes that are not UTF-8, are written out, and values that are not plain data become
    texts.
    """
    # This is done to every trace, and almost always there is nothing to do. marshal finds out many times faster than a
    # walk: it refuses what is not plain, and writes a surrogate in three bytes that no proper UTF-8 has.
    try:
        # It takes dicts themselves only, none of a class of its own.
        if not _SURROGATE.search(marshal.dumps(dict(data))):
            return
    except ValueError:
        pass
    _clean(data)


def _clean(value: Any) -> Any:
    match value:
        case str():
            return _without_surrogates(value)
        case dict():
            cleaned = [(_clean(key), _clean(item)) for key, item in value.items()]
            # The exchange may go on to write into the very same objects.
            value.clear()
            value.update(cleaned)
            return value
        case list():
            value[:] = map(_clean, value)
            return value
        case tuple():
            return list(map(_clean, value))
        case None | bool() | int() | float() | bytes():
            return value
    return _without_surrogates(str(value))


def _without_surrogates(text: str) -> str:
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode()


def _flat(data: dict[str, Any]) -> dict[str, Any]:
    """Return the keys that `~meta` may search, one for each question; keys without anything to find are left out."""
    acted = [*data.get("inbound_rules", ()), *data.get("outbound_rules", ())]
    texts = {
        "id": data.get("id", ""),
        "site": data.get("site", ""),
        "action": data.get("action", ""),
        "way": data.get("way", ""),
        "rules": ", ".join(acted),
        "problems": "; ".join(data.get("problems", ())),
    }
    flat: dict[str, Any] = {f"urlrewrite.{key}": visible(text) for key, text in texts.items() if text}
    if leaks := data.get("leaks", 0):
        flat["urlrewrite.leaks"] = leaks
    return flat | {"urlrewrite.links": data.get("links", 0)}


def _show(flow: http.HTTPFlow, data: dict[str, Any]) -> None:
    """Set comment and mark for the flow list; what a person wrote there stays."""
    flow.comment = flow.comment or summary(data)
    kinds = {event["event"] for event in data["events"]}
    if not flow.marked and kinds & {Name.ERROR, Name.WARNING}:
        flow.marked = MARK_ERROR if Name.ERROR in kinds else MARK_WARNING
        flow.metadata[MARKED] = flow.marked


def _client_left(flow: http.HTTPFlow, broken_off: str) -> bool:
    """Say whether it was the client that ended the exchange, with its connection or, in HTTP/2 and 3, alone."""
    return not flow.client_conn.connected or "by client" in broken_off


def _is_our_failure(live: Live, data: dict[str, Any]) -> bool:
    return data.get("status") == 500 and (live.failed or (live.own and data.get("action") not in _ASKED_FOR))


_ASKED_FOR = ("Redirect", "CustomResponse")
"""Actions by which a rule makes the proxy respond, perhaps with a 500."""
