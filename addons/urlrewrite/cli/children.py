"""mitmproxy as a child of this process: awaited until it listens, and stopped."""

from __future__ import annotations

import contextlib
import re
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from urlrewrite.cli.preflight import Listener, StartError

READY_WITHIN = 60.0  # seconds; the first start makes mitmproxy's certificate authority


SPARE_SECONDS = 5.0
"""Seconds that a process has to end besides those for requests under way."""

_LAST_LINES = 10
_DRAIN = re.compile(r"(?:--set=)?urlrewrite_drain=(\d+)")
_DEFAULT_DRAIN = 30


def stop_within(arguments: Sequence[str]) -> float:
    """Return how many seconds a mitmproxy with these arguments has to end before it is killed."""
    drains = [int(found[1]) for argument in arguments if (found := _DRAIN.fullmatch(argument))]
    return (drains[-1] if drains else _DEFAULT_DRAIN) + SPARE_SECONDS


def supervise(arguments: Sequence[str], listeners: Sequence[Listener], banner: str) -> int:
    """Run mitmproxy as a child, print the banner once every listener accepts, and stop it on Ctrl-C or SIGTERM.

    It finishes what is under way, unless a second signal comes. Return the exit code: 0 if stopped by the user.

    Raises:
        StartError: the child ended by itself, or a listener did not open in time.
    """
    for stop in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(stop, signal.default_int_handler)
    # In a group of its own: Ctrl-C in a terminal would reach it, too, and then what is sent here would be the second.
    child = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, process_group=0)
    try:
        _await_listeners(child, listeners)
        print(banner, flush=True)
        raise ended(child, child.wait())
    except KeyboardInterrupt:
        return 0
    finally:
        _stop(child)


@contextlib.contextmanager
def running(arguments: Sequence[str], listeners: Sequence[Listener]) -> Iterator[None]:
    """Run mitmproxy as a child, silently, until the block ends.

    Raises:
        StartError: the child ended by itself, or a listener did not open in time; it has what the child said last.
    """
    for stop in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(stop, signal.default_int_handler)
    with tempfile.TemporaryFile() as log:
        child = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log, process_group=0)
        try:
            try:
                _await_listeners(child, listeners)
            except StartError as error:
                log.seek(0)
                said = log.read().decode("utf-8", "replace").strip().splitlines()[-_LAST_LINES:]
                raise StartError("\n".join([*said, str(error)])) from None
            yield
        finally:
            _stop(child)


def _await_listeners(child: subprocess.Popen[bytes], listeners: Sequence[Listener]) -> None:
    deadline = time.monotonic() + READY_WITHIN
    for listener in listeners:
        while not accepts(listener):
            if (code := child.poll()) is not None:
                raise ended(child, code)
            if time.monotonic() > deadline:
                raise StartError(f"{listener.url} ({listener.option}) did not open within {READY_WITHIN:.0f} seconds")
            time.sleep(0.05)


def accepts(listener: Listener) -> bool:
    """Say whether somebody listens there."""
    with contextlib.suppress(OSError), socket.create_connection((listener.reachable_host, listener.port), timeout=1):
        return True
    return False


def ended(child: subprocess.Popen[bytes], code: int) -> StartError:
    """Return the error of a child that ended by itself; what it printed says why."""
    assert isinstance(child.args, list)
    return StartError(f"{Path(child.args[0]).name} ended with exit code {code}: see above")


def _stop(child: subprocess.Popen[bytes]) -> None:
    assert isinstance(child.args, list)
    try:
        child.terminate()
        child.wait(timeout=stop_within(child.args))
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        child.kill()
        child.wait()
