"""The programs that the benchmark runs, and what it asks of them."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from time import perf_counter

from e2e.support.needs import program

PACKAGES = {"nginx": "nginx-light", "apache2": "apache2-bin"}


def need(name: str) -> str:
    """The path of a program, or the end of the run with what to install."""
    path = program(name)
    if path is None:
        sys.exit(f"run.sh: bench needs {name}: apt-get install {PACKAGES.get(name, name)}")
    return path


def pinned(core: int) -> list[str]:
    """What to put before a command so that it runs on one core."""
    cores = sorted(os.sched_getaffinity(0))
    return [need("taskset"), "-c", str(cores[core % len(cores)])] if shutil.which("taskset") else []


def measure(port: int, name: str, *, coding: str, seconds: float, connections: int) -> float:
    """Requests per second, by wrk; ends the run where a response is not a success."""
    url = f"http://127.0.0.1:{port}/{name}"
    fields = [item for key, value in _fields(coding).items() for item in ("-H", f"{key}: {value}")]
    load = ["-t1", f"-c{connections}", "-d60s", "--timeout", "30s"]
    process = subprocess.Popen([*pinned(0), need("wrk"), *load, *fields, url], stdout=subprocess.PIPE, text=True)
    # wrk counts whole seconds only; interrupted, it tells what it has counted so far.
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate()
    if "Non-2xx" in output:
        fetch(port, name, coding)  # it may tell why
        sys.exit(f"run.sh: bench: not every response from {url} was a success:\n{output}")
    found = re.search(r"Requests/sec:\s*([\d.]+)", output)
    assert found, output
    return float(found[1])


def measure_one_by_one(port: int, name: str, *, coding: str, seconds: float) -> float:
    """Requests per second of a client that sends one after the other, at least one: for responses that take long."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=120)) as connection:
        count, began = 0, perf_counter()
        while not count or perf_counter() - began < seconds:
            _get(connection, name, coding)
            count += 1
        return count / (perf_counter() - began)


def fetch(port: int, name: str, coding: str) -> bytes:
    """A response's body, decoded."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=120)) as connection:
        coded, body = _get(connection, name, coding)
        return gzip.decompress(body) if coded else body


def _get(connection: http.client.HTTPConnection, name: str, coding: str) -> tuple[bool, bytes]:
    connection.request("GET", f"/{name}", headers=_fields(coding))
    response = connection.getresponse()
    if response.status != 200:
        body = response.read().decode("utf-8", "replace")
        sys.exit(f"run.sh: bench: got {response.status} from port {connection.port}, expected 200 for {name}:\n{body}")
    return response.headers["Content-Encoding"] == "gzip", response.read()


def _fields(coding: str) -> dict[str, str]:
    return {"Host": "localhost", "Accept-Encoding": coding or "identity"}


def processor(pid: int) -> float:
    """The seconds of the processor that the threads of a process and of its children have had."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    own = sum(int(each.read_text(encoding="ascii").split()[0]) for each in threads) / 1e9
    return own + sum(map(processor, _children(pid)))


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]


def peak_memory(pid: int) -> float:
    """Megabytes that a process and its children held at most."""
    return _memory(pid, "VmHWM")


def memory(pid: int) -> float:
    """Megabytes that a process and its children hold."""
    return _memory(pid, "VmRSS")


def _memory(pid: int, figure: str) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    found = re.search(rf"{figure}:\s*(\d+)", status)
    return (int(found[1]) / 1024 if found else 0.0) + sum(_memory(child, figure) for child in _children(pid))
