"""workers.py: workers that end are started again, and none is left when they are to stop.

In place of mitmproxy runs a small server that shares its port, as a worker does.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from e2e.support.waiting import until
from urlrewrite.cli import workers

ADDONS = Path(workers.__file__).parents[2]

SERVER = """
import os, signal, socket, sys
server = socket.socket()
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
server.bind(("127.0.0.1", {port}))
server.listen()
{then}
"""
SERVE = "while True: server.accept()[0].sendall(sys.argv[1].encode())"
PARENT = """
import sys
from urlrewrite.cli import preflight, workers
workers.stop_within = lambda arguments: float(sys.argv[3])
listener = preflight.Listener("http", "127.0.0.1", int(sys.argv[1]), "--listen")
try:
    sys.exit(workers.run_workers([sys.executable, "-c", sys.argv[2]], 2, [listener]))
except preflight.StartError as problem:
    sys.exit(f"told: {problem}")
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux spreads connections over listeners")


class Running:
    """The parent, and what it has said."""

    def __init__(self, server: str, log: Path, stop_within: float) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = int(free.getsockname()[1])
        self._log = log
        with log.open("wb") as out:
            code = server.replace("{port}", str(self.port))
            self.process = subprocess.Popen(
                [sys.executable, "-c", PARENT, str(self.port), code, str(stop_within)],
                env={"PYTHONPATH": str(ADDONS)},
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    @property
    def log(self) -> str:
        return self._log.read_text("utf-8")

    def pids(self) -> list[int]:
        """The processes of the workers, in the order in which they were started."""
        lines = [line.split() for line in self.log.splitlines()]
        return [int(words[-1]) for words in lines if words[1:2] == ["worker"] and words[3:5] == ["is", "process"]]

    def await_pids(self, count: int) -> list[int]:
        until(lambda: len(self.pids()) >= count or self.process.poll() is not None, lambda: self.log)
        pids = self.pids()
        assert len(pids) == count, self.log
        return pids

    def ask(self) -> str:
        """What a worker says of its number; "" where none responds."""
        try:
            with socket.create_connection(("127.0.0.1", self.port)) as connection:
                return connection.recv(100).decode().rpartition("=")[2]
        except ConnectionError:
            return ""


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    started: list[Running] = []

    def start(then: str = SERVE, stop_within: float = 20.0, server: str = SERVER) -> Running:
        started.append(Running(server.replace("{then}", then), tmp_path / "log", stop_within))
        return started[-1]

    yield start
    for each in started:
        each.process.kill()
        each.process.wait()
        for pid in each.pids():
            if lives(pid):
                os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_ends_all_workers_and_is_no_failure(run: Callable[..., Running], how: int) -> None:
    parent = run()
    pids = parent.await_pids(2)
    seen: set[str] = set()
    until(lambda: not seen.add(parent.ask()) and {"1", "2"} <= seen, "an answer of both")
    parent.process.send_signal(how)
    assert parent.process.wait(30) == 0
    assert not any(map(lives, pids))
    assert "ended" not in parent.log
    assert "killed" not in parent.log


def test_a_worker_that_died_is_started_again(run: Callable[..., Running]) -> None:
    parent = run()
    first, second = parent.await_pids(2)
    os.kill(second, signal.SIGKILL)
    _, _, third = parent.await_pids(3)
    assert f"worker 2 (process {second}) ended by SIGKILL: started again in 0.5 s" in parent.log
    os.kill(third, signal.SIGKILL)
    *_, fourth = parent.await_pids(4)
    assert f"worker 2 (process {third}) ended by SIGKILL: started again in 1 s" in parent.log
    until(lambda: parent.ask() == "2", "an answer of the new one")
    assert lives(first)
    assert lives(fourth)


def test_no_worker_outlives_a_parent_that_is_killed(run: Callable[..., Running]) -> None:
    parent = run()
    pids = parent.await_pids(2)
    until(lambda: parent.ask() != "", "an answer")
    parent.process.kill()
    until(lambda: not any(map(lives, pids)), "the end of the workers")


@pytest.mark.parametrize(("seconds", "signals"), [(0.2, 1), (60.0, 2)])
def test_workers_that_do_not_end_are_killed_in_time_or_on_a_second_signal(
    run: Callable[..., Running], seconds: float, signals: int
) -> None:
    parent = run(f"signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True)\n{SERVE}", seconds)
    pids = parent.await_pids(2)
    until(lambda: parent.log.count("deaf") == 2, "both workers")
    for _ in range(signals):
        parent.process.send_signal(signal.SIGTERM)
        until(lambda: parent.process.poll() is not None or not signal_is_pending(parent.process.pid), "the signal")
    assert parent.process.wait(30) == 0
    assert parent.log.count("is killed") == 2
    assert not any(map(lives, pids))


def signal_is_pending(pid: int) -> bool:
    """Whether a process has not taken its last SIGTERM yet: a second one would be lost."""
    try:
        status = Path(f"/proc/{pid}/status").read_text("ascii")
    except OSError:
        return False
    pending = next(line for line in status.splitlines() if line.startswith("ShdPnd:"))
    return bool(int(pending.split()[1], 16) >> (signal.SIGTERM - 1) & 1)


def test_a_first_worker_that_cannot_start_is_told_and_no_other_begins(run: Callable[..., Running]) -> None:
    parent = run(server="raise SystemExit(3)")
    assert parent.process.wait(30) == 1
    assert f"told: {Path(sys.executable).name} ended with exit code 3: see above" in parent.log
    assert len(parent.pids()) == 1


def test_delays_grow_up_to_a_limit() -> None:
    assert [workers.delay_after(failures) for failures in (1, 2, 3, 6, 7, 8, 10_000)] == [0.5, 1, 2, 16, 30, 30, 30]


def test_a_worker_that_ran_long_enough_has_left_its_failures_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = workers.Worker(1, [sys.executable, "-c", "raise SystemExit(3)"])
    delays = []
    now = 0.0
    for ran in (1.0, 1.0, workers.STEADY_AFTER, 1.0):
        worker.start(now).wait()
        now += ran
        worker.look_after(now)
        delays.append(worker.due - now)
    assert delays == [0.5, 1, 0.5, 1]
    worker.look_after(worker.due - 0.1)
    assert worker.process is None
    worker.look_after(worker.due)
    assert worker.process is not None
    worker.process.wait()


def test_here_workers_share_a_port() -> None:
    assert workers.why_not_several() == ""


def test_a_system_that_shares_no_ports_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(92, "Protocol not available")

    class NoSharing(socket.socket):
        setsockopt = refuse  # type: ignore[assignment]

    monkeypatch.setattr(socket, "socket", NoSharing)
    assert workers.why_not_several() == "two processes cannot share a port here: Protocol not available"
