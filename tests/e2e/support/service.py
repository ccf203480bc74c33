"""A server run as a child process for a test: its end is made sure of, and its log is kept and read for crashes."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from e2e.support.needs import PROJECT

RUN_SH = str(PROJECT / "run.sh")
CRASHES = re.compile(r"Traceback|Addon error|mitmproxy has crashed|Task exception was never retrieved")
START_WITHIN = 90.0  # seconds, on a machine busy with other tests


class Service:
    """A child process with a log file; with `group`, it leads a group of processes, which has its own id."""

    def __init__(
        self,
        arguments: Sequence[str],
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        *,
        group: bool = False,
    ):
        self.name = " ".join(Path(argument).name for argument in arguments[:2])
        self.stopped = False
        self._log = log
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})},
                cwd=cwd,
                start_new_session=group,
            )

    @property
    def log(self) -> str:
        """All that it printed so far."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def await_ports(self, *ports: int) -> None:
        """Return once every port of 127.0.0.1 accepts connections. Raises ServiceError if the process ends before."""
        deadline = time.monotonic() + START_WITHIN
        for port in ports:
            while not accepts(port):
                self._still_runs(deadline, f"port {port}")
                time.sleep(0.05)

    def await_log(self, pattern: str) -> re.Match[str]:
        """Return the first match in the log (`^` and `$` are a line's), once it stands there. Raises ServiceError."""
        deadline = time.monotonic() + START_WITHIN
        while not (found := re.search(pattern, self.log, re.MULTILINE)):
            self._still_runs(deadline, f"the words {pattern!r}")
            time.sleep(0.05)
        return found

    def _still_runs(self, deadline: float, waiting_for: str) -> None:
        if (code := self.process.poll()) is not None:
            raise ServiceError(f"{self.name} ended with exit code {code}:\n{self.log}")
        if time.monotonic() > deadline:
            raise ServiceError(f"{self.name}: no {waiting_for} after {START_WITHIN:.0f} seconds:\n{self.log}")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Stop it, by force if it does not listen, and return its exit code."""
        self.stopped = True
        self.process.send_signal(how)
        try:
            return self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise ServiceError(f"{self.name} did not stop within 20 seconds:\n{self.log}") from None

    def assert_no_crash(self) -> None:
        """Fail with the log if a traceback stands in it."""
        assert not CRASHES.search(self.log), self.log


class ServiceError(Exception):
    """A server did not start or stop as it should."""


@contextlib.contextmanager
def running(service: Service) -> Iterator[Service]:
    """Stop the service at the end, see that it ran until then and did not crash; a test that fails shows its log."""
    try:
        yield service
    except BaseException:
        print(f"--- log of {service.name}\n{service.log}")
        raise
    finally:
        ended = None if service.stopped else service.process.poll()
        service.stop()
    assert ended is None, f"{service.name} ended by itself with exit code {ended}:\n{service.log}"
    service.assert_no_crash()


def accepts(port: int) -> bool:
    """Whether 127.0.0.1:port takes a TCP connection."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def free_row(length: int) -> int:
    """The first of so many ports of 127.0.0.1 in a row, all of them free just now for TCP."""
    while True:
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError, OverflowError):
            first = int(stack.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1])
            for port in range(first + 1, first + length):
                stack.enter_context(socket.create_server(("127.0.0.1", port)))
            return first


def free_ports(count: int) -> list[int]:
    """Different ports of 127.0.0.1, free just now for TCP and UDP."""
    with contextlib.ExitStack() as stack:
        ports: list[int] = []
        while len(ports) < count:
            tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            udp = stack.enter_context(socket.socket(type=socket.SOCK_DGRAM))
            with contextlib.suppress(OSError):
                udp.bind(tcp.getsockname())
                ports.append(tcp.getsockname()[1])
        return ports
