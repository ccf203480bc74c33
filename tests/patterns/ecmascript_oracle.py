"""What an independent ECMAScript engine (`regress`) finds, asked in a process of its own: it knows no limit of time.

Run as a program it answers lines of JSON with lines of JSON.
"""

from __future__ import annotations

import json
import select
import subprocess
import sys
from types import TracebackType

type Spans = tuple[tuple[int, int], ...]

SECONDS = 10.0


class OracleHungError(Exception):
    """The oracle gave no response in time; it was started anew."""


class Oracle:
    """A running oracle; a context manager that ends it."""

    def __init__(self) -> None:
        self._child = self._start()

    def __enter__(self) -> Oracle:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop()

    def ask(self, source: str, flags: str, texts: list[str], groups: int) -> list[Spans | None] | None:
        """For each text the spans of the first match and of its `groups`, (-1, -1) for one without a part in it.

        None: there is no such pattern.

        Raises:
            OracleHungError: no response in time.
        """
        assert self._child.stdin
        assert self._child.stdout
        self._child.stdin.write(json.dumps([source, flags, texts, groups]) + "\n")
        self._child.stdin.flush()
        if not select.select([self._child.stdout], [], [], SECONDS)[0]:
            self._stop()
            self._child = self._start()
            raise OracleHungError(source)
        found = json.loads(self._child.stdout.readline())
        if found is None:
            return None
        return [None if spans is None else tuple((start, end) for start, end in spans) for spans in found]

    @staticmethod
    def _start() -> subprocess.Popen[str]:
        command = [sys.executable, __file__]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def _stop(self) -> None:
        self._child.kill()
        self._child.communicate()


def answer(line: str) -> str:
    """One question, one response."""
    import regress

    source, flags, texts, groups = json.loads(line)
    try:
        pattern = regress.Regex(source, flags)
    except regress.RegressError:
        return "null"
    found: list[list[tuple[int, int]] | None] = []
    for text in texts:
        match = pattern.find(text)
        if match is None:
            found.append(None)
            continue
        # Positions count bytes of UTF-8.
        at = [0]
        for char in text:
            at.append(at[-1] + len(char.encode()))
        parts = [match.group(number) for number in range(groups + 1)]
        found.append([(-1, -1) if part is None else (at.index(part.start), at.index(part.stop)) for part in parts])
    return json.dumps(found)


if __name__ == "__main__":
    for question in sys.stdin:
        print(answer(question), flush=True)
