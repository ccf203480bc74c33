"""What is known of an application: how to install and start it, and what a visitor does there."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from applications.installing import Installer
from applications.visit import Visit
from e2e.support.service import Service, ServiceError

BACKENDS = Path(__file__).resolve().parent / "backends"
HOST = "privateserver"
PORT = 8080
BACKEND = f"http://{HOST}:{PORT}"
"""What each application takes for its own address."""


@dataclass(frozen=True)
class Place:
    """Where an application runs: its installation, an empty folder for what it keeps, and its port of 127.0.0.1."""

    installed: Path
    folder: Path
    port: int
    started: list[Service] = field(default_factory=list)

    def program(self, name: str) -> str:
        """A program of an installation from PyPI."""
        return str(self.installed / "bin" / name)

    def service(self, *command: str | Path, port: int = 0, **env: str) -> None:
        """Start a server in the folder, and return once it accepts connections, at the application's port or another.

        Raises:
            ServiceError: it ended, or did not accept any for too long.
        """
        log = self.folder / f"service{len(self.started)}.log"
        service = Service(list(map(str, command)), log, env=env, cwd=self.folder, group=True)
        self.started.append(service)
        service.await_ports(port or self.port)

    def stop(self) -> None:
        """Stop what runs, the last server first."""
        for service in reversed(self.started):
            with contextlib.suppress(ServiceError):
                service.stop()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(service.process.pid, signal.SIGKILL)  # PHP's workers outlive it


@dataclass(frozen=True)
class Application:
    """An application of the catalogue.

    `start` starts its servers by `Place.service`; `settings` are what its site needs in the rule file besides the usual
    four lines.
    """

    name: str
    installer: Installer
    start: Callable[[Place], None]
    walk: Callable[[Visit], None]
    settings: str = ""
