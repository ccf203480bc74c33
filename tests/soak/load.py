"""Load for the demo in mitmweb, and what is alive in it: for the soak, and for a short test of the same."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count, cycle, islice
from pathlib import Path

from e2e.support import http1
from e2e.support.demo import Demo, running_demo

CONNECTIONS = 8
_CENSUS = Path(__file__).with_name("census.py")
_KINDS = ("page", "resource", "error", "redirect")
"""Pages that are answered at once; the others are streams, long downloads and WebSockets."""
_PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Count:
    """What is alive: bytes of memory, blocks of Python's, and objects by their type."""

    rss: int
    blocks: int
    objects: dict[str, int]


class Soaked:
    """The demo in mitmweb under load."""

    def __init__(self, demo: Demo, file: Path) -> None:
        self._demo = demo
        self._file = file
        self._counted = 0
        self._pid = 0
        self.census()
        listed = json.loads(http1.get("/pages.json", demo.https_port, demo.ca).body)
        pages = listed if isinstance(listed, list) else listed["pages"]
        self.paths = [page["path"] for page in pages if page["kind"] in _KINDS and "GET" in page["methods"]]

    def ask(self, requests: int) -> None:
        """Sends so many requests over some connections; each page in turn."""
        share, rest = divmod(requests, CONNECTIONS)
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            clients = [
                pool.submit(self._client, share + (number < rest), number * len(self.paths) // CONNECTIONS)
                for number in range(CONNECTIONS)
            ]
            for client in clients:
                client.result()

    def _client(self, requests: int, first: int) -> None:
        paths = islice(cycle(self.paths), first, first + requests)
        with contextlib.ExitStack() as stack:
            connection: http1.Connection | None = None
            for path in paths:
                connection = connection or stack.enter_context(http1.connect(self._demo.https_port, self._demo.ca))
                connection.send(f"GET {path} HTTP/1.1\r\nHost: localhost:{self._demo.https_port}\r\n\r\n".encode())
                try:
                    answer = connection.read()
                except EOFError:
                    # Some pages end their connection in the middle.
                    connection = None
                    continue
                if (answer.header("connection") or "").lower() == "close":
                    connection = None

    def census(self) -> Count:
        """Counts what is alive now."""
        if self._pid:
            os.kill(self._pid, signal.SIGUSR1)
        end = time.monotonic() + _PATIENCE
        while len(lines := self._lines()) <= self._counted:
            assert time.monotonic() < end, "mitmweb did not count"
            time.sleep(0.05)
        self._counted = len(lines)
        told = json.loads(lines[-1])
        self._pid = told["pid"]
        return Count(told["rss"], told["blocks"], told["objects"])

    def _lines(self) -> list[str]:
        text = self._file.read_text(encoding="utf-8") if self._file.exists() else ""
        return [line for line in text.splitlines(keepends=True) if line.endswith("\n")]


@contextlib.contextmanager
def soaking(folder: Path, *options: str) -> Iterator[Soaked]:
    """The demo in mitmweb, on free ports; `options` are mitmproxy's."""
    file = folder / "census"
    more = [f"--set=census_file={file}", "-s", str(_CENSUS), *options]
    with running_demo(folder, *more, headless=False) as demo:
        yield Soaked(demo, file)


def grown(before: Count, after: Count) -> dict[str, tuple[int, int]]:
    """The types of which there are more now, most of all first."""
    both = {name: (before.objects.get(name, 0), number) for name, number in after.objects.items()}
    return dict(sorted(both.items(), key=lambda item: item[1][0] - item[1][1]))


def checkpoints(requests: int) -> Sequence[int]:
    """After how many requests it is counted: 1,000, 5,000, 10,000, and so on every 5,000."""
    return sorted({min(1000, requests), requests, *islice(count(5000, 5000), max(0, requests // 5000))})
