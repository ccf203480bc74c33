"""Lets go of browsers that have mitmweb open and take nothing from it any more.

mitmweb tells each browser of each flow, and keeps what a browser has not taken yet, however much that is. A page that
its browser has frozen, in a tab behind others or a machine that sleeps, makes it keep everything. Such a connection is
closed; the page says so when somebody looks at it again, and has all flows once it is loaded anew.
"""

from __future__ import annotations

import logging
import sys

from mitmproxy import http

logger = logging.getLogger("urlrewrite.web")

MAX_WAITING = 10_000
"""Messages that wait for one browser; a request makes about four, of a few kilobytes each."""


class SlowViewers:
    """Closes connections to browsers."""

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Look how much waits."""
        del flow
        # Imported by mitmweb only, and large.
        web = sys.modules.get("mitmproxy.tools.web.app")
        if web is None:
            return
        for viewer in list(web.ClientConnection.connections):
            if viewer._send_queue.qsize() > MAX_WAITING:
                logger.warning("a browser that shows mitmweb takes nothing any more: its connection is closed")
                web.ClientConnection.connections.discard(viewer)
                viewer.close()
                while not viewer._send_queue.empty():
                    viewer._send_queue.get_nowait()
