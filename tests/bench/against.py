"""This checkout beside another one: the same work for both, in turns, and the median of the ratios.

What counts is the processor's time. The checkouts take turns so that whatever else the machine does, and however its
clock changes, is the same for both; of each pair of turns the ratio is taken, and of the ratios the median. Each runs
in processes of its own, by the Python that runs this, so that the environments do not differ.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from bench.pages import BACKEND, dense
from bench.programs import pinned, processor
from e2e.support.service import Service, free_ports, running
from urlrewrite.cli.serve import CORE_OPTIONS

PARTS = ("engine", "content", "request")
PAIRS = 21
MAX_RATIO = 1.05
"""At most so many times the processor's time of the other checkout."""

HERE = Path(__file__).resolve().parents[2]
_WORKER = Path(__file__).with_name("worker.py")
ENVIRONMENT = {"PYTHONPATH": "", "PYTHONDONTWRITEBYTECODE": "1"}
_PUBLIC = "https://www.example.com"
_REQUESTS = 200
"""Requests of a turn through a proxy."""

_INBOUND = "".join(
    rf"""
  - {{name: path{n}, match: '^article/{n}/(\d+)/([^/]+)/?$',
     action: {{type: Rewrite, url: '/show?id={{R:1}}&t={{R:2}}'}}}}
  - {{name: host{n}, match: '.*', conditions: [{{input: '{{HTTP_HOST}}', pattern: '^(www\.)?shop{n}\.example\.com$'}}],
     action: {{type: Rewrite, url: '/shop{n}/{{R:0}}'}}}}
  - {{name: old{n}, match: '(old|former)-page{n}\.aspx?', action: {{type: Redirect, url: '/new/{n}'}}}}
  - {{name: query{n}, match: '^index.php$', conditions: [{{input: '{{QUERY_STRING}}', pattern: '(^|&)id={n}(&|$)'}}],
     action: {{type: Rewrite, url: '/item/{n}'}}}}
"""
    for n in range(25)
)
_OUTBOUND = rf"""
outboundRules:
  - {{name: location, match: {{serverVariable: RESPONSE_Location, pattern: '^{BACKEND}/(.*)'}},
     action: {{type: Rewrite, value: '{_PUBLIC}/moved/{{R:1}}'}}}}
  - {{name: cookie, match: {{serverVariable: RESPONSE_Set_Cookie, pattern: '^(.*); Path=/(.*)$'}},
     action: {{type: Rewrite, value: '{{R:1}}; Path=/app/{{R:2}}'}}}}
  - {{name: server, match: {{serverVariable: RESPONSE_Server, pattern: '.+'}}, action: {{type: Rewrite, value: w}}}}
"""
_TAGS = r"""
outboundRules:
  - {name: tags, match: {filterByTags: 'A, Img', pattern: '^http(s)?://privateserver:8080/i/(.*)'},
     action: {type: Rewrite, value: '/j/{R:2}'}}
"""


def _parts() -> dict[str, dict[str, Any]]:
    """What a worker does in a turn of each part."""
    fields = [["Content-Type", "text/html; charset=utf-8"], ["Server", "x"], ["Set-Cookie", "a=1; Path=/x"]]
    paths = ("article/24/7/title", "old-page12.asp", "index.php?id=20", "nothing/of/this")
    return {
        "engine": {
            "rules": f"links: off\nrules:{_INBOUND}{_OUTBOUND}",
            "urls": [f"{_PUBLIC}/{path}" for path in paths],
            "status": 302,
            "fields": [*fields, ["Location", f"{BACKEND}/x"]],
            "body": "",
            "rounds": 150,
            "expected": f"{_PUBLIC}/moved/x",
        },
        "content": {
            "rules": f"links: everywhere\n{_TAGS}",
            "urls": [f"{_PUBLIC}/page"],
            "status": 200,
            "fields": fields,
            "body": base64.b64encode(dense(200_000).encode()).decode(),
            "rounds": 15,
            "expected": f'"{_PUBLIC}/',
        },
    }


type _Turn = Callable[[str], float]
"""Does the work of a part once, and gives the seconds of the processor that it took."""


@contextlib.contextmanager
def _worker(checkout: Path) -> Iterator[_Turn]:
    command = [*pinned(1), sys.executable, "-P", str(_WORKER), str(checkout)]
    environment = {**os.environ, **ENVIRONMENT}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=checkout, env=environment
    ) as process:
        assert process.stdin
        assert process.stdout
        asked, told = process.stdin, process.stdout
        asked.write(json.dumps(_parts()) + "\n")

        def turn(part: str) -> float:
            asked.write(f"{part}\n")
            asked.flush()
            line = told.readline()
            if not line:
                sys.exit(f"run.sh: bench: {checkout} does not do what is asked of it: see above")
            return float(line)

        yield turn
        asked.close()


class _Page(BaseHTTPRequestHandler):
    """A backend with one page of 1 kB."""

    protocol_version = "HTTP/1.1"
    body = dense(1000).encode()

    def do_GET(self) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nServer: x\r\nContent-Length: %d\r\n\r\n"
        self.wfile.write(head % len(self.body) + self.body)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@contextlib.contextmanager
def _backend() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Page) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@contextlib.contextmanager
def mitmdump(
    checkout: Path, folder: Path, rules: str, listen: str, *more: str, program: str = "mitmdump"
) -> Iterator[Service]:
    """Runs mitmdump with the addons of a checkout and these rules, on a processor of its own; the folder is new.

    `more` are options; the program may be mitmweb.
    """
    folder.mkdir()
    file = folder / "rules.yaml"
    file.write_text(rules, encoding="utf-8")
    settings = {"confdir": folder, "urlrewrite_rules": file, "urlrewrite_listen": listen}
    options = [*CORE_OPTIONS, "-q", f"--scripts={checkout / 'addons' / 'reverse.py'}"]
    options += [f"--set={name}={value}" for name, value in settings.items()]
    command = [*pinned(1), str(Path(sys.executable).with_name(program)), *options, *more]
    service = Service(command, folder / "log", env=ENVIRONMENT, cwd=folder)
    with running(service):
        yield service


@contextlib.contextmanager
def _proxy(checkout: Path, folder: Path, backend: int) -> Iterator[_Turn]:
    """The proxy of a checkout; a turn is a number of requests over one connection of HTTP/1.1."""
    [port] = free_ports(1)
    site = f"public: http://localhost:{port}\nbackend: {BACKEND}\nconnect: 127.0.0.1:{backend}\n"
    rules = f"{site}links: everywhere\nrules:{_INBOUND}"
    with mitmdump(checkout, folder, rules, f"http://127.0.0.1:{port}") as service:
        service.await_ports(port)
        with contextlib.closing(http.client.HTTPConnection("localhost", port, timeout=120)) as connection:

            def turn(part: str) -> float:
                del part
                before = processor(service.process.pid)
                for _ in range(_REQUESTS):
                    connection.request("GET", "/article/24/7/title")
                    response = connection.getresponse()
                    body = response.read()
                    if response.status != 200 or BACKEND.encode() in body or b"localhost" not in body:
                        sys.exit(f"run.sh: bench: {checkout} answers {response.status}: {body[:500]!r}\n{service.log}")
                return (processor(service.process.pid) - before) / _REQUESTS

            yield turn


@dataclass(frozen=True, slots=True)
class Compared:
    """Median seconds of a turn (of a request, for the part request), and the median of the ratios here to there."""

    part: str
    here: float
    there: float
    ratio: float


def compare(part: str, here: _Turn, there: _Turn, pairs: int) -> Compared:
    for _ in range(2):  # patterns are compiled, and connections opened, when they are first needed
        here(part)
        there(part)
    taken: list[tuple[float, float]] = []
    for pair in range(pairs):
        if pair % 2:
            other = there(part)
            taken.append((here(part), other))
        else:
            taken.append((here(part), there(part)))
    ours, theirs = (statistics.median(column) for column in zip(*taken, strict=True))
    return Compared(part, ours, theirs, statistics.median(mine / other for mine, other in taken))


def print_table(options: argparse.Namespace) -> bool:
    """Prints what was measured; whether no part takes more than `MAX_RATIO` of the other checkout's time."""
    there = Path(options.against).resolve()
    if not (there / "addons" / "reverse.py").is_file():
        sys.exit(f"run.sh: bench: --against: {there} is no checkout: it has no addons/reverse.py")
    parts = options.parts or PARTS
    print(f"here {HERE}, there {there}: median of {options.pairs} interleaved pairs of turns, processor time")
    print(f"{'part':>10}  {'here':>10}  {'there':>10}  {'here/there':>10}")
    worst = 0.0
    with contextlib.ExitStack() as stack:
        sides: dict[str, tuple[_Turn, _Turn]] = {}
        if set(parts) & {"engine", "content"}:
            workers = stack.enter_context(_worker(HERE)), stack.enter_context(_worker(there))
            sides |= dict.fromkeys(("engine", "content"), workers)
        if "request" in parts:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="urlrewrite-bench-")))
            backend = stack.enter_context(_backend())
            sides["request"] = (
                stack.enter_context(_proxy(HERE, folder / "here", backend)),
                stack.enter_context(_proxy(there, folder / "there", backend)),
            )
        for part in parts:
            found = compare(part, *sides[part], options.pairs)
            worst = max(worst, found.ratio)
            times = f"{found.here * 1e3:>7.3f} ms  {found.there * 1e3:>7.3f} ms"
            print(f"{part:>10}  {times}  {found.ratio:>10.3f}", flush=True)
    within = worst <= MAX_RATIO
    print(f"{'' if within else 'NOT '}at most {MAX_RATIO:g} times the other's time")
    return within
