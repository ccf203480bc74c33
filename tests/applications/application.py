"""What is known of an application: how to install and start it, and what a visitor does there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from applications.installing import Installer
from applications.visit import Visit
from e2e.support.needs import PROJECT
from e2e.support.service import Service

BACKENDS = Path(__file__).resolve().parent / "backends"
HOST = "privateserver"
PORT = 8080
BACKEND = f"http://{HOST}:{PORT}"
"""What each application takes for its own address."""

assert PROJECT in BACKENDS.parents


@dataclass(frozen=True)
class Place:
    """Where an application runs: its installation, an empty folder for what it keeps, and its port of 127.0.0.1."""

    installed: Path
    folder: Path
    port: int

    def program(self, name: str) -> str:
        """A program of an installation from PyPI."""
        return str(self.installed / "bin" / name)

    def service(self, *command: str | Path, ports: Sequence[int] = (), **env: str) -> Service:
        """Start a server in the folder, and return once it accepts connections."""
        service = Service(list(map(str, command)), self.folder / "service.log", env=env, cwd=self.folder)
        try:
            service.await_ports(*(ports or [self.port]))
        except BaseException:
            service.process.kill()
            service.process.wait()
            raise
        return service


@dataclass(frozen=True)
class Application:
    """An application of the catalogue.

    `start` returns the running servers, the last of which are stopped first; `settings` are what its site needs in the
    rule file besides the usual four lines.
    """

    name: str
    installer: Installer
    start: Callable[[Place], Sequence[Service]]
    walk: Callable[[Visit], None]
    settings: str = ""
