"""The proxies that the rows of the table compare, with the backend of all of them.

A proxy is started for the first row that needs it, on a core of its own, and serves all rows. The backend and the
clients are in this process, as only the processor's time of the proxy counts.
"""

from __future__ import annotations

import contextlib
import gzip
import re
import sys
import tempfile
import threading
from asyncio import Runner
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from bench.against import HERE, mitmdump
from bench.pages import BACKEND, dense, documentation
from bench.peers import apache, nginx, substitutes
from bench.programs import PACKAGES, pinned, processor
from bench.sites import Setup, SiteProxy, pages_backend, site_proxy
from e2e.support.needs import program
from e2e.support.service import RUN_SH, Service, free_ports, running

PAGES: dict[str, Callable[[int], str]] = {"dense": dense, "documentation": documentation}


class Missing(Exception):  # noqa: N818 - nobody's error
    """A row cannot be measured here; it says what is not installed."""


@cache
def page(kind: str, size: int) -> bytes:
    return PAGES[kind](size).encode()


class _Pages(BaseHTTPRequestHandler):
    """The backend: a path names a kind of page and its bytes, as in `/dense-1000.html`."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        kind, size = re.fullmatch(r"/(\w+)-(\d+)\.html", self.path).groups()  # type: ignore[union-attr]
        coded = "gzip" in self.headers.get("Accept-Encoding", "")
        body = _gzipped(kind, int(size)) if coded else page(kind, int(size))
        fields = "Content-Type: text/html; charset=utf-8\r\nServer: x\r\n" + "Content-Encoding: gzip\r\n" * coded
        self.wfile.write(f"HTTP/1.1 200 OK\r\n{fields}Content-Length: {len(body)}\r\n\r\n".encode() + body)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@cache
def _gzipped(kind: str, size: int) -> bytes:
    return gzip.compress(page(kind, size), 6)


@dataclass(frozen=True, slots=True)
class Running:
    """A proxy that listens at a port of 127.0.0.1."""

    port: int
    service: Service

    def processor(self) -> float:
        return processor(self.service.process.pid)


class Bench(contextlib.ExitStack):
    """All that runs for the table; `limit` bounds requests a turn, sites, rules and connections, for a quick run."""

    def __init__(self, limit: int = sys.maxsize) -> None:
        super().__init__()
        self.limit = limit
        self.folder = Path(self.enter_context(tempfile.TemporaryDirectory(prefix="urlrewrite-bench-")))
        self.runner = self.enter_context(Runner())
        self._proxies: dict[str, Running] = {}
        self._sites: dict[Setup, SiteProxy] = {}
        server = self.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), _Pages))
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.callback(server.shutdown)
        self.backend: int = server.server_address[1]

    def proxy(self, name: str) -> Running:
        """A proxy of `PROXIES`, started if it does not run yet. Raises Missing."""
        if name not in self._proxies:
            [port] = free_ports(1)
            folder = self.folder / re.sub(r"\W+", "-", name)
            service = self.enter_context(PROXIES[name](folder, port, self.backend))
            service.await_ports(port)
            self._proxies[name] = Running(port, service)
        return self._proxies[name]

    @cached_property
    def _backend_of_sites(self) -> int:
        return self.enter_context(pages_backend())

    def sites(self, setup: Setup) -> SiteProxy:
        """A proxy with so many sites and rules, or with as many as the limit allows."""
        setup = Setup(min(setup.sites, self.limit), min(setup.rules, self.limit))
        if setup not in self._sites:
            folder = self.folder / f"sites-{setup.sites}-{setup.rules}"
            self._sites[setup] = self.enter_context(site_proxy(setup, folder, self._backend_of_sites))
        return self._sites[setup]


def _rules(scheme: str, port: int, backend: int) -> str:
    return f"public: {scheme}://localhost:{port}\nbackend: {BACKEND}\nconnect: 127.0.0.1:{backend}\nlinks: everywhere\n"


def _ours(folder: Path, port: int, backend: int, scheme: str = "http") -> contextlib.AbstractContextManager[Service]:
    return mitmdump(HERE, folder, _rules(scheme, port, backend), f"{scheme}://127.0.0.1:{port}")


def _ours_in_mitmweb(folder: Path, port: int, backend: int) -> contextlib.AbstractContextManager[Service]:
    [web] = free_ports(1)
    more = ("--set=urlrewrite_trace=full", "--no-web-open-browser", f"--set=web_port={web}")
    return mitmdump(HERE, folder, _rules("http", port, backend), f"http://127.0.0.1:{port}", *more, program="mitmweb")


def _workers(count: int) -> Callable[[Path, int, int], contextlib.AbstractContextManager[Service]]:
    @contextlib.contextmanager
    def start(folder: Path, port: int, backend: int) -> Iterator[Service]:
        folder.mkdir()
        rules = folder / "rules.yaml"
        rules.write_text(_rules("http", port, backend), encoding="utf-8")
        command = [RUN_SH, "proxy", str(rules), "--workers", str(count), "--listen", f"http://127.0.0.1:{port}"]
        with running(Service([*command, "--", "-q", f"--set=confdir={folder}"], folder / "log")) as service:
            if count > 1:
                service.await_log(f"worker {count} is process")
            yield service

    return start


def _stock(folder: Path, port: int, backend: int) -> contextlib.AbstractContextManager[Service]:
    folder.mkdir()
    mitmdump = str(Path(sys.executable).with_name("mitmdump"))
    mode = f"reverse:http://127.0.0.1:{backend}@127.0.0.1:{port}"
    return running(Service([*pinned(1), mitmdump, "-q", f"--set=confdir={folder}", "--mode", mode], folder / "log"))


def _nginx(folder: Path, port: int, backend: int) -> contextlib.AbstractContextManager[Service]:
    _require("nginx")
    return running(nginx(folder.parent, folder.name, 1, substitutes(port, backend)))


def _apache(folder: Path, port: int, backend: int) -> contextlib.AbstractContextManager[Service]:
    _require("apache2")
    return running(apache(folder.parent, port, backend))


def _require(name: str) -> None:
    if not program(name):
        raise Missing(f"{name} is not installed: apt-get install {PACKAGES[name]}")


PROXIES: dict[str, Callable[[Path, int, int], contextlib.AbstractContextManager[Service]]] = {
    "ours": _ours,
    "ours, TLS": lambda *at: _ours(*at, "https"),
    "ours, connections at rest": _ours,
    "ours in mitmweb": _ours_in_mitmweb,
    "one worker": _workers(1),
    "two workers": _workers(2),
    "stock": _stock,
    "nginx": _nginx,
    "apache": _apache,
}
"""How each is started: with a folder that is not there yet, the port at which it listens, and the backend's."""
