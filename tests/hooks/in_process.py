"""The whole bundle in a real mitmproxy on real sockets, inside of the test's own event loop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib.util
import logging
import warnings
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from mitmproxy import http
from mitmproxy.addons import errorcheck
from mitmproxy.options import Options
from mitmproxy.tools.dump import DumpMaster

REVERSE = Path(__file__).parents[2] / "addons" / "reverse.py"
_AUTHORITY: dict[str, bytes] = {}
"""The files of the certificate authority that the first proxy has made; a key takes longer than the rest of a start."""


@dataclass
class InProcess:
    """A running proxy: the port of its listener, and the objects of the bundle."""

    port: int
    bundle: ModuleType
    master: DumpMaster
    log: list[str]
    flows: list[http.HTTPFlow]

    @property
    def state(self) -> Any:
        return self.bundle._state


class _Flows:
    """Keeps the flows that have begun."""

    def __init__(self) -> None:
        self.flows: list[http.HTTPFlow] = []

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        self.flows.append(flow)


class _Log(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@contextlib.asynccontextmanager
async def in_process(
    rules: str, folder: Path, *, http3: bool = False, name: str = "rules.yaml", **options: Any
) -> AsyncIterator[InProcess]:
    """Run the bundle with the text of a rule file until the block ends; with HTTP/3 on the port's UDP, if wanted."""
    file = folder / name
    file.write_text(rules)
    confdir = folder / "confdir"
    confdir.mkdir(exist_ok=True)
    if not any(confdir.iterdir()):
        for made, data in _AUTHORITY.items():
            (confdir / made).write_bytes(data)
    spec = importlib.util.spec_from_file_location("reverse_in_process", REVERSE)
    assert spec and spec.loader
    bundle = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bundle)
    master = DumpMaster(Options(), with_termlog=False, with_dumper=False)
    # It would end the test's process where a start fails; here that shows in the test.
    master.addons.remove(next(addon for addon in master.addons.chain if isinstance(addon, errorcheck.ErrorCheck)))
    flows = _Flows()
    master.addons.add(*bundle.addons, flows)
    log = _Log()
    logging.getLogger().addHandler(log)
    master.options.update_defer(urlrewrite_rules=[str(file)], confdir=str(confdir))
    master.options.update(mode=[f"reverse:{'https' if http3 else 'http'}://127.0.0.1:1@127.0.0.1:0"], **options)
    running = asyncio.ensure_future(master.run())
    proxyserver = master.addons.get("proxyserver")
    try:
        async with asyncio.timeout(30):
            while not (proxyserver.is_running and list(proxyserver.servers) and proxyserver.listen_addrs()):
                if running.done():
                    running.result()
                await asyncio.sleep(0.01)
        if not _AUTHORITY:
            _AUTHORITY.update((each.name, each.read_bytes()) for each in confdir.iterdir())
        yield InProcess(proxyserver.listen_addrs()[0][1], bundle, master, log.lines, flows.flows)
    finally:
        for handler in [*proxyserver.connections.values()]:
            for transport in handler.transports.values():
                if transport.handler:
                    transport.handler.cancel("the test is over")
        async with asyncio.timeout(30):
            while proxyserver.connections:  # noqa: ASYNC110 (nobody tells when the last one is gone)
                await asyncio.sleep(0.01)
        master.options.update(server=False)
        await proxyserver.setup_servers()
        master.shutdown()
        await running
        logging.getLogger().removeHandler(log)
        with warnings.catch_warnings():
            # What mitmproxy leaves open when it ends in the middle of a connection is not for the next test to tell.
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()


def is_sound(proxy: InProcess) -> bool:
    """Nothing crashed, and nobody says of a client that is still there that it has left."""
    return not any("crashed" in line or "Traceback" in line or "Client disconnected" in line for line in proxy.log)
