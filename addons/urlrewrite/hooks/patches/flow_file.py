"""Goes on without recording where flows cannot be written to the file of `-w`, because its disk is full, say.

mitmproxy ends there, so that nothing passes unrecorded. For a service that is an outage. Here the log tells it once,
and nothing more is written until the option is set again: half a flow may be at the end of the file, and what followed
it could not be read.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable

from mitmproxy import ctx
from mitmproxy.addonmanager import Loader
from mitmproxy.addons.save import Save
from mitmproxy.flow import Flow

logger = logging.getLogger("urlrewrite.flow_file")


class FlowFile:
    """Takes over what becomes of a flow that cannot be written."""

    def load(self, loader: Loader) -> None:
        """Take over, in the addon that is there."""
        del loader
        save = ctx.master.addons.get("save")
        if isinstance(save, Save):
            done = save.done
            save.save_flow = lambda flow: _save_or_go_on(save, flow)  # type: ignore[method-assign]
            save.done = lambda: _done_or_go_on(save, done)  # type: ignore[method-assign]


def _save_or_go_on(save: Save, flow: Flow) -> None:
    if save.stream is None:
        return
    try:
        save.maybe_rotate_to_new_file()
        save.stream.add(flow)
    except OSError as error:
        _stop_recording(save, error)
        # Nobody looks at these flows any more: their traces may be short.
        ctx.options.update(save_stream_file=None)
    else:
        save.active_flows.discard(flow)


def _done_or_go_on(save: Save, done: Callable[[], None]) -> None:
    try:
        done()
    except OSError as error:
        _stop_recording(save, error)


def _stop_recording(save: Save, error: OSError) -> None:
    name = save.current_path or "their file"
    logger.error("flows cannot be written to %s: %s; the proxy goes on without recording", name, error)
    if save.stream is not None:
        # What its buffer still has cannot be written either.
        with contextlib.suppress(OSError):
            save.stream.fo.close()
    save.stream = save.current_path = None
    save.active_flows.clear()
