"""The listeners, opened once mitmproxy runs.

mitmproxy decides on its mode before any script runs, and would first listen as an ordinary forward proxy. So it is
started with `--no-server`, or on its own port 8080, and gets its modes when it is running.
"""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

from mitmproxy import ctx, exceptions

logger = logging.getLogger("urlrewrite.listeners")

NOWHERE = "127.0.0.1:1"
"""Where a request would go that no hook has evaluated: an address where nothing listens."""


def listener_mode(listen: str) -> str:
    """Return the mitmproxy mode for `http://HOST:PORT` or `https://HOST:PORT`.

    Raises:
        ValueError: the text is neither.
    """
    parts = urlsplit(listen)
    host, port = parts.hostname or "", parts.port
    if parts.scheme not in ("http", "https") or port is None or parts.path.strip("/") or parts.query:
        raise ValueError(f"got {listen!r}, expected http://HOST:PORT or https://HOST:PORT")
    where = f"[{host}]" if ":" in host else host
    return (
        f"reverse:{parts.scheme}://{NOWHERE}@{where}:{port}" if where else f"reverse:{parts.scheme}://{NOWHERE}@{port}"
    )


class Listeners:
    """The addon that turns `urlrewrite_listen` into modes."""

    def __init__(self) -> None:
        self._running = False

    def configure(self, updated: set[str]) -> None:
        """Check the listeners, and open changed ones if mitmproxy runs already."""
        if "urlrewrite_listen" in updated:
            try:
                modes = [listener_mode(listen) for listen in ctx.options.urlrewrite_listen]
            except ValueError as error:
                raise exceptions.OptionsError(f"Cannot parse urlrewrite_listen option: {error}") from error
            if self._running:
                ctx.options.update(mode=modes)

    def running(self) -> None:
        """Open the listeners, unless mitmproxy was started in its own modes or only to look at saved flows."""
        if self._running:
            return
        self._running = True
        options = ctx.options
        if options.rfile if "rfile" in options else False:
            # Saved flows are looked at; mitmproxy's own port would be an open forward proxy.
            options.update(server=False)
            return
        if options.mode != ["regular"] and options.has_changed("mode"):
            foreign = [mode for mode in options.mode if not mode.startswith("reverse:")]
            if foreign:
                logger.warning(f"mode {foreign[0]} is not a reverse proxy, which the rules need; leave --mode out")
            return
        options.update(server=True, mode=[listener_mode(listen) for listen in options.urlrewrite_listen])
