"""A headless Chromium that is spoken to over the DevTools protocol, through two pipes and nothing else.

With `--remote-debugging-pipe` it reads commands from its file descriptor 3 and writes to 4: JSON, each message ended by
NUL. No port is opened, so nobody else on this machine can speak to it.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

from urlrewrite.cli.preflight import StartError

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge")
APPLICATIONS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
)

MAX_MESSAGE = 32 * 2**20
"""Bytes of one message of the browser."""

ANSWER_WITHIN = 60.0
"""Seconds within which a command is answered."""

_STOP_WITHIN = 5.0
_LONGEST_TEMPORARY = 60
"""Characters of a directory below which the browser can make its socket: at most 107 of the whole path."""
_OPTIONS = (
    "--headless=new",
    "--remote-debugging-pipe",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--disable-features=HttpsUpgrades,HttpsFirstBalancedModeAutoEnable,Translate",
    "--disable-sync",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--no-default-browser-check",
    "--no-first-run",
    "--mute-audio",
    "--window-size=1280,900",
)
_WITH_PIPES = """
import fcntl, os, sys
pipes = [int(word) for word in sys.argv[1:3]]
aside = [fcntl.fcntl(pipe, fcntl.F_DUPFD_CLOEXEC, 10) for pipe in pipes]
for pipe in pipes:
    os.set_inheritable(pipe, False)
for wanted, pipe in zip((3, 4), aside):
    os.dup2(pipe, wanted)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""Puts two descriptors where the browser wants them: a process of its own has nothing there that it needs."""


def find_chromium(named: str = "") -> str | None:
    """Return the path of a Chromium: of the program that is named, or else of the first that is installed."""
    if named:
        return shutil.which(named)
    found = next(filter(None, map(shutil.which, PROGRAMS)), None)
    return found or next(filter(os.path.exists, APPLICATIONS), None)


class Chromium:
    """A browser that runs. `listen`, where it is set, gets each message that answers no command."""

    def __init__(self, commands: int, messages: asyncio.StreamReader) -> None:
        self.listen: Callable[[Mapping[str, Any]], None] | None = None
        self._commands = commands
        self._messages = messages
        self._numbers = itertools.count(1)
        self._has_ended = False
        self._waiting: dict[int, asyncio.Future[Mapping[str, Any]]] = {}

    async def ask(
        self, method: str, session: str = "", within: float = ANSWER_WITHIN, **parameters: Any
    ) -> Mapping[str, Any]:
        """Return the result of a command; `{}` of one that the browser refuses, for a tab that is gone perhaps.

        Raises:
            StartError: there is no answer, or the browser has ended.
        """
        number = self.tell(method, session, **parameters)
        answer: asyncio.Future[Mapping[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            async with asyncio.timeout(within):
                return await answer
        except TimeoutError:
            raise StartError(f"the browser did not answer {method} within {within:.0f} seconds") from None
        finally:
            self._waiting.pop(number, None)

    def tell(self, method: str, session: str = "", **parameters: Any) -> int:
        """Send a command whose result nobody waits for, and return its number."""
        if self._has_ended:
            raise StartError("the browser has ended")
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters, **({"sessionId": session} if session else {})}
        try:
            _write(self._commands, json.dumps(message).encode() + b"\0")
        except OSError:
            raise StartError("the browser has ended") from None
        return number

    async def read(self) -> None:
        """Read messages until the browser ends."""
        try:
            while True:
                self._take(json.loads((await self._messages.readuntil(b"\0"))[:-1]))
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            self._has_ended = True
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_exception(StartError("the browser has ended"))

    def _take(self, message: Mapping[str, Any]) -> None:
        waiting = self._waiting.get(message.get("id", 0))
        if waiting is not None and not waiting.done():
            waiting.set_result(message.get("result") or {})
        elif "method" in message and self.listen:
            self.listen(message)


@contextlib.asynccontextmanager
async def running_chromium(program: str, options: Sequence[str]) -> AsyncIterator[Chromium]:
    """Run a Chromium with a new profile, and stop it at the end.

    Raises:
        StartError: it does not start.
    """
    # Its sandbox needs an ordinary user.
    sandbox = ["--no-sandbox"] if sys.platform == "linux" and os.geteuid() == 0 else []
    with (
        tempfile.TemporaryDirectory(prefix="urlrewrite-why-", ignore_cleanup_errors=True) as profile,
        tempfile.TemporaryFile() as log,
    ):
        commands_out, commands_in = os.pipe()
        messages_out, messages_in = os.pipe()
        arguments = [*_OPTIONS, *sandbox, *options, f"--user-data-dir={profile}", "about:blank"]
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-ISc", _WITH_PIPES, str(commands_out), str(messages_in), program, *arguments,
            pass_fds=(commands_out, messages_in), stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
            process_group=0, env=_environment(),
        )  # fmt: skip
        os.close(commands_out)
        os.close(messages_in)
        reader = asyncio.StreamReader(limit=MAX_MESSAGE)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(messages_out, "rb")
        )
        browser = Chromium(commands_in, reader)
        reading = asyncio.create_task(browser.read())
        try:
            try:
                await browser.ask("Browser.getVersion")
            except StartError:
                log.seek(0)
                said = log.read().decode("utf-8", "replace").strip().splitlines()[-3:]
                raise StartError("\n".join([f"{program} does not start", *said])) from None
            yield browser
        finally:
            with contextlib.suppress(StartError):
                browser.tell("Browser.close")
            os.close(commands_in)
            try:
                async with asyncio.timeout(_STOP_WITHIN):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
            reading.cancel()
            transport.close()


def _environment() -> dict[str, str] | None:
    """Return the environment of the browser, whose socket in TMPDIR can have no long path; None for our own."""
    if len(tempfile.gettempdir()) <= _LONGEST_TEMPORARY:
        return None
    return {**os.environ, "TMPDIR": "/tmp"}


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
