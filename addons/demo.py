"""The demo backend as a program of its own, or as an addon of mitmproxy.

``python addons/demo.py [--port N] [--bind ADDRESS]`` runs it alone, ``mitmdump -s addons/demo.py`` beside a proxy.
Whatever the port, the backend believes that it is http://privateserver:8080. On the ports after its own, three more
servers do the same work: they are the demo's farms.
"""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

HERE = str(Path(__file__).resolve().parent)
if HERE not in sys.path:  # mitmproxy puts the path in as it was given, which may be a relative one
    sys.path.insert(0, HERE)

from privateserver import FARM_SERVERS, ORIGIN, PrivateServer  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mitmproxy.addonmanager import Loader

DEFAULT_PORT = 8090
LAST_PORT = 65535 - len(FARM_SERVERS)
LOOPBACK = "127.0.0.1"

logger = logging.getLogger("demo")


def port_number(text: str | int) -> int:
    """Parse a TCP port.

    Raises:
        ValueError: the text is not a port.
    """
    port = int(text)
    if not 0 <= port <= LAST_PORT:
        raise ValueError(f"{port} is not a port, or leaves none for the servers after it")
    return port


def start_farm(port: int, address: str) -> Iterator[PrivateServer]:
    """Start the servers of the farm on the ports after the backend's; port 0 gives each one that is free.

    A port that is taken is told, and its server left out: a farm can do without one.
    """
    for number, name in enumerate(FARM_SERVERS, 1):
        server = PrivateServer(port + number if port else 0, address, name)
        try:
            server.start()
        except OSError as error:
            logger.warning(f"demo: the {name} server cannot listen on {address}:{server.port} ({error.strerror})")
        else:
            yield server


class Demo:
    """The addon that runs the backend as long as it is loaded."""

    def __init__(self) -> None:
        """Create the addon; nothing listens yet."""
        self.server: PrivateServer | None = None
        self.farm: list[PrivateServer] = []

    def load(self, loader: Loader) -> None:
        """Declare the option."""
        loader.add_option(
            "demo_port", int, DEFAULT_PORT, f"TCP port on loopback where the demo backend ({ORIGIN}) really listens."
        )

    def configure(self, updated: set[str]) -> None:
        """Move to another port when the option changes.

        Raises:
            OptionsError: the port is invalid or taken.
        """
        from mitmproxy import ctx, exceptions

        if "demo_port" not in updated:
            return
        try:
            port_number(ctx.options.demo_port)
        except ValueError as error:
            raise exceptions.OptionsError(f"demo_port: {error}, choose one from 0 to {LAST_PORT}.") from error
        if self.server:
            self.done()
            self.running()

    def running(self) -> None:
        """Start the backend."""
        from mitmproxy import ctx

        if self.server:
            return
        server = PrivateServer(ctx.options.demo_port, LOOPBACK)
        try:
            server.start()
        except OSError as error:
            logger.error(
                f"demo: cannot listen on {server.address}:{server.port} ({error.strerror}); choose another port with "
                "--set demo_port=N."
            )
            return
        self.server = server
        self.farm = [*start_farm(ctx.options.demo_port, LOOPBACK)]
        logger.info(f"demo: {ORIGIN} listens on {server.url}")

    def done(self) -> None:
        """Stop the backend."""
        for server in (self.server, *self.farm):
            if server:
                server.stop()
        self.server, self.farm = None, []


addons = [Demo()]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the backend until it is interrupted; 1 where it cannot listen."""
    parser = argparse.ArgumentParser(description=f"A backend that believes it is {ORIGIN}.")
    parser.add_argument("--port", type=port_number, default=DEFAULT_PORT, help="port (default: %(default)s)")
    parser.add_argument("--bind", default=LOOPBACK, metavar="ADDRESS", help="address (default: %(default)s)")
    options = parser.parse_args(arguments)
    server = PrivateServer(options.port, options.bind)
    try:
        server.start()
    except OSError as error:
        print(
            f"demo: cannot listen on {options.bind}:{options.port} ({error.strerror}); "
            "choose another address with --port and --bind.",
            file=sys.stderr,
        )
        return 1
    farm = [*start_farm(options.port, options.bind)]
    print(f"{ORIGIN} listens on {server.url}, its farm on {' '.join(each.url for each in farm)}", flush=True)
    try:
        server.wait()
    except KeyboardInterrupt:
        for each in (server, *farm):
            each.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
