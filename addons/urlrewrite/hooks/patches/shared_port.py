"""Lets several workers listen on one port (SO_REUSEPORT), where the system spreads connections over them.

mitmproxy opens its listeners without it. A worker opens them with it, and for TCP only: nothing keeps the packets of
one QUIC connection with one worker, so there is no HTTP/3.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from mitmproxy import ctx
from mitmproxy.addonmanager import Loader
from mitmproxy.proxy.mode_servers import AsyncioServerInstance

logger = logging.getLogger("urlrewrite.workers")

_listen = AsyncioServerInstance.listen


class SharedPort:
    """Opens listeners that are shared, in a worker."""

    def load(self, loader: Loader) -> None:
        """Take over."""
        del loader

        async def listen(instance: AsyncioServerInstance[Any], host: str, port: int) -> Any:
            if ctx.options.urlrewrite_worker and port and instance.mode.transport_protocol in ("tcp", "both"):
                try:
                    return [await asyncio.start_server(instance.handle_stream, host, port, reuse_port=True)]
                except ValueError as error:
                    logger.warning("port %d is not shared with other workers: %s", port, error)
            return await _listen(instance, host, port)

        AsyncioServerInstance.listen = listen  # type: ignore[method-assign, assignment]

    def done(self) -> None:
        """Put mitmproxy's own back."""
        AsyncioServerInstance.listen = _listen  # type: ignore[method-assign]
