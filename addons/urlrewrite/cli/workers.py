"""Several mitmproxy processes on the same ports: started, started again where one ends, and stopped together.

Each worker has one core; the system spreads connections over them (SO_REUSEPORT). What they share is in files: the
certificate authority of mitmproxy, the rule files, and the states of servers. This process only looks after them.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from urlrewrite.cli.children import READY_WITHIN, accepts, ended, stop_within
from urlrewrite.cli.preflight import LOOPBACK, Listener, StartError

FIRST_DELAY, MAX_DELAY = 0.5, 30.0
"""Seconds until a worker that ended is started again: twice as many each time, up to a limit."""

STEADY_AFTER = 60.0
"""Seconds after which a worker that runs has left its failures behind."""

_STOPS = {signal.SIGINT, signal.SIGTERM}
_AWAITED = {signal.SIGCHLD, *_STOPS}
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def why_not_several() -> str:
    """Return why several workers cannot share a port on this machine; "" where they can."""
    if sys.platform != "linux":
        return f"only Linux spreads connections over the processes that share a port, and this is {sys.platform}"
    try:
        with socket.socket() as first, socket.socket() as second:
            for each in (first, second):
                each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            first.bind((LOOPBACK, 0))
            second.bind(first.getsockname())
    except OSError as error:
        return f"two processes cannot share a port here: {error.strerror}"
    return ""


def delay_after(failures: int) -> float:
    """Return how many seconds after its last end a worker is started again that has failed so many times."""
    return float(min(MAX_DELAY, FIRST_DELAY * 2.0 ** min(failures - 1, 30)))


class Worker:
    """One worker: the process that it is, or when it is started again."""

    def __init__(self, number: int, arguments: Sequence[str]) -> None:
        self.number = number
        self.process: subprocess.Popen[bytes] | None = None
        self.due = 0.0
        self._arguments = [*arguments, f"--set=urlrewrite_worker={number}"]
        self._failures = 0
        self._began = 0.0

    def start(self, now: float) -> subprocess.Popen[bytes]:
        """Start the process. It is not reached by Ctrl-C in a terminal, and ends when this process does."""
        self._began = now
        self.process = subprocess.Popen(
            self._arguments, stdin=subprocess.DEVNULL, process_group=0, preexec_fn=_tied_to(os.getpid())
        )
        _tell(f"worker {self.number} is process {self.process.pid}")
        return self.process

    def look_after(self, now: float) -> None:
        """Start the process again if that is due, and see to it that it will be if it has ended."""
        if self.process is None:
            if now >= self.due:
                self.start(now)
        elif (code := self.process.poll()) is not None:
            self._failures = 1 if now - self._began >= STEADY_AFTER else self._failures + 1
            delay = delay_after(self._failures)
            how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
            _tell(f"worker {self.number} (process {self.process.pid}) ended {how}: started again in {delay:g} s")
            self.process, self.due = None, now + delay

    def runs(self) -> bool:
        return self.process is not None and self.process.poll() is None


def _tied_to(parent: int) -> Callable[[], None]:
    """Return what a child does first: the system stops it when its parent is gone, however that came to be."""
    libc = ctypes.CDLL(None)

    def tie() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _AWAITED)

    return tie


def run_workers(arguments: Sequence[str], count: int, listeners: Sequence[Listener]) -> int:
    """Run as many workers with these arguments until Ctrl-C or SIGTERM, and return the exit code, 0.

    Raises:
        StartError: the first worker ended before its listeners were open, or they did not open in time.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_BLOCK, _AWAITED)
    workers = [Worker(number, arguments) for number in range(1, count + 1)]
    try:
        # The first one makes the certificate authority that all of them have.
        if not _open(workers[0], listeners):
            return 0
        _tell(f"{count} workers share {', '.join(listener.url for listener in listeners)}, without HTTP/3")
        while True:
            now = time.monotonic()
            for worker in workers:
                worker.look_after(now)
            due = [worker.due - now for worker in workers if worker.process is None]
            if _is_to_stop(max(0.0, min(due)) if due else None):
                return 0
    finally:
        _stop(workers, stop_within(arguments))


def _open(worker: Worker, listeners: Sequence[Listener]) -> bool:
    """Start a worker and wait until it listens; False if it is to stop before."""
    process = worker.start(time.monotonic())
    deadline = time.monotonic() + READY_WITHIN
    while not all(map(accepts, listeners)):
        if (code := process.poll()) is not None:
            raise ended(process, code)
        if time.monotonic() > deadline:
            raise StartError(f"worker {worker.number} did not listen within {READY_WITHIN:.0f} seconds")
        if _is_to_stop(0.05):
            return False
    return True


def _is_to_stop(seconds: float | None) -> bool:
    """Wait for so many seconds, or until a worker has ended or a signal to stop comes; say whether it was that."""
    found = signal.sigwaitinfo(_AWAITED) if seconds is None else signal.sigtimedwait(_AWAITED, seconds)
    return found is not None and found.si_signo in _STOPS


def _stop(workers: Sequence[Worker], within: float) -> None:
    """Stop all workers, those that take too long, or on a second signal all that are left, by force."""
    running = [worker for worker in workers if worker.runs()]
    for worker in running:
        if worker.process:
            worker.process.terminate()
    deadline = time.monotonic() + within
    while any(worker.runs() for worker in running):
        left = deadline - time.monotonic()
        if left <= 0 or _is_to_stop(left):
            break
    for worker in running:
        if worker.process and worker.runs():
            _tell(f"worker {worker.number} (process {worker.process.pid}) is killed")
            worker.process.kill()
            worker.process.wait()


def _tell(text: str) -> None:
    print(time.strftime("[%H:%M:%S]"), text, flush=True)
