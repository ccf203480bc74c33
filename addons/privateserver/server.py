"""The server: its own thread, its own event loop, a socket on loopback."""

from __future__ import annotations

import asyncio
import os
import socket
from concurrent.futures import Future
from re import escape
from threading import Thread
from types import TracebackType
from typing import Self

from tornado.httpserver import HTTPServer
from tornado.web import Application, RequestHandler

from privateserver.catalogue import Page
from privateserver.handler import Plain, Unknown
from privateserver.site import PAGES


def _route(page: Page) -> tuple[str, type[RequestHandler], dict[str, Page]]:
    handler = page.serve if isinstance(page.serve, type) else Plain
    return escape(page.path), handler, {"page": page}


def application(name: str, port: int) -> Application:
    """Return the pages of the table, and an error page for any other path. It does not look at the Host field.

    `name` and `port` are what the pages of the farm say about the server.
    """
    return Application(
        [_route(page) for page in PAGES],
        default_handler_class=Unknown,
        log_function=lambda handler: None,
        server=name,
        port=port,
    )


def _listen(address: str, port: int) -> socket.socket:
    """Return a socket for tornado, whose own ``bind_sockets`` leaves it open where it fails."""
    listening = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    try:
        if os.name == "posix":  # elsewhere the option would let two servers share a port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((address, port))
        listening.listen(128)
    except OSError:
        listening.close()
        raise
    listening.setblocking(False)
    return listening


class PrivateServer:
    """The demo backend on ``address`` and ``port``; with port 0 the system chooses one, and ``port`` becomes that one.

    With a ``name`` it is a server of a farm, and says so there.

    ``start`` and ``stop`` may be called from any thread, and more than once.
    """

    def __init__(self, port: int = 0, address: str = "127.0.0.1", name: str = "") -> None:
        """Say where to listen, without doing it yet."""
        self.port = port
        self.address = address
        self.name = name
        self._thread: Thread | None = None
        self._running: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    @property
    def url(self) -> str:
        """Where it really listens."""
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"http://{host}:{self.port}"

    def start(self) -> None:
        """Listen.

        Raises:
            OSError: the address is taken or invalid.
        """
        if self._thread:
            return
        listening = _listen(self.address, self.port)
        self.port = listening.getsockname()[1]
        self._running = Future()

        async def serve() -> None:
            server = HTTPServer(application(self.name, self.port))
            server.add_socket(listening)
            stop = asyncio.Event()
            self._running.set_result((asyncio.get_running_loop(), stop))
            await stop.wait()
            server.stop()
            await server.close_all_connections()

        self._thread = Thread(target=asyncio.run, args=[serve()], name="privateserver", daemon=True)
        self._thread.start()
        self._running.result()

    def stop(self) -> None:
        """Close the socket and all connections."""
        if not self._thread:
            return
        loop, stop = self._running.result()
        loop.call_soon_threadsafe(stop.set)
        self._thread.join()
        self._thread = None

    def wait(self) -> None:
        """Return when the server has stopped."""
        if self._thread:
            self._thread.join()

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()
