"""What a request to a farm costs: with connections to its servers that clients share, and without."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ssl
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import trustme

from bench.against import HERE, compare, mitmdump
from bench.programs import processor
from e2e.support.service import free_ports
from hooks.clients import Http2
from hooks.echo_backend import EchoBackend

MAX_RATIO = 0.7
"""At most so much of the processor's time does a request take where connections are shared."""

_REQUESTS = 100
"""Requests of a turn."""
_PATH = "/1000/page"

type _Turn = Callable[[str], float]


def print_table(options: argparse.Namespace) -> bool:
    """Print what was measured; whether sharing saves what it should."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="urlrewrite-bench-")))
        runner = stack.enter_context(asyncio.Runner())
        backend = EchoBackend(_tls(folder))
        runner.run(backend.__aenter__())
        stack.callback(lambda: runner.run(backend.__aexit__()))
        shared = stack.enter_context(_proxy(folder / "shared", backend.port, runner, shares=True))
        alone = stack.enter_context(_proxy(folder / "alone", backend.port, runner, shares=False))
        found = compare("farms", shared, alone, options.pairs)
    print(f"a request of HTTP/2 to a server over TLS: median of {options.pairs} pairs of turns, processor time")
    print(f"{'shared':>10}  {'not shared':>10}  {'shared/not':>10}")
    print(f"{found.here * 1e3:>7.3f} ms  {found.there * 1e3:>7.3f} ms  {found.ratio:>10.3f}")
    within = found.ratio <= MAX_RATIO
    print(f"{'' if within else 'NOT '}at most {MAX_RATIO:g} times the time where connections are not shared")
    return within


def _tls(folder: Path) -> ssl.SSLContext:
    ca, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.cert_pem.write_to_path(str(folder / "ca.pem"))
    ca.issue_cert("127.0.0.1").configure_cert(context)
    return context


@contextlib.contextmanager
def _proxy(folder: Path, backend: int, runner: asyncio.Runner, *, shares: bool) -> Iterator[_Turn]:
    """A proxy before the farm; a turn is a number of requests over one connection of HTTP/2."""
    [port] = free_ports(1)
    rules = (
        f"public: https://localhost:{port}\nbackend: https://shop\nfarms:\n  shop:\n"
        f"    servers: [{{address: 127.0.0.1, httpsPort: {backend}}}]\n"
        f"    tls: {{ca: {folder.parent / 'ca.pem'}}}\n    connections: {{shared: {str(shares).lower()}}}\n"
    )
    with mitmdump(HERE, folder, rules, f"https://127.0.0.1:{port}") as service:
        service.await_ports(port)
        client = runner.run(Http2.connect(port))

        async def ask() -> None:
            for _ in range(_REQUESTS):
                got = await client.ask(path=_PATH, host=f"localhost:{port}")
                if got.status != 200 or not got.body.startswith(_PATH.encode()):
                    sys.exit(f"run.sh: bench: got {got.status}: {got.body[:500]!r}\n{service.log}")

        def turn(part: str) -> float:
            del part
            before = processor(service.process.pid)
            runner.run(ask())
            return (processor(service.process.pid) - before) / _REQUESTS

        yield turn
        runner.run(client.close())
