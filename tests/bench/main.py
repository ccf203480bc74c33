"""The engine alone with few rules and many; then requests per second beside a stock mitmdump, through TLS on loopback.

For the second part nginx serves generated pages that name `privateserver:8080`. In front of it stand, in turns, a stock
`mitmdump --mode reverse:` and ours with the demo's rules, each with one core to itself; wrk and nginx share the other.
Both are quiet (`-q`), so that no log line is measured. Turns are interleaved and the median is taken, because a machine
has better and worse moments.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(PROJECT / "addons"), str(PROJECT / "tests")]

from bench.engine import print_table  # noqa: E402
from e2e.support.needs import program  # noqa: E402
from e2e.support.service import RUN_SH, Service, free_ports, running  # noqa: E402
from urlrewrite.launch import demo_rules  # noqa: E402

SIZES = {"1 kB": 1_000, "100 kB": 100_000, "1 MB": 1_000_000}
LINE = '<p>Words between the links, so that this reads like a page. <a href="http://privateserver:8080/page/{}">a</a></p>\n'


def page(size: int) -> str:
    """An HTML page of about `size` bytes, with one link on each of its lines."""
    head, tail = "<!DOCTYPE html>\n<title>A page</title>\n", "</html>\n"
    lines: list[str] = []
    length = len(head) + len(tail)
    while length < size:
        lines.append(LINE.format(len(lines)))
        length += len(lines[-1])
    return head + "".join(lines) + tail


@contextlib.contextmanager
def backend(folder: Path, port: int) -> Iterator[Service]:
    """nginx, serving the pages."""
    root = folder / "pages"
    root.mkdir()
    for name, size in SIZES.items():
        (root / f"{name.replace(' ', '')}.html").write_text(page(size), encoding="utf-8")
    configuration = folder / "nginx.conf"
    configuration.write_text(
        textwrap.dedent(f"""
        daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
        events {{ worker_connections 256; }}
        http {{
            access_log off; default_type text/html; sendfile on; keepalive_requests 1000000;
            server {{ listen 127.0.0.1:{port}; root {root}; etag off; }}
        }}
        """),
        encoding="utf-8",
    )
    # The folder is ours; nginx's worker would else be nobody, who cannot read it.
    user = [] if os.geteuid() else ["-g", "user root;"]
    service = Service(
        [*pinned(0), need("nginx"), "-p", str(folder), "-c", str(configuration), *user], folder / "nginx.log"
    )
    with running(service):
        service.await_ports(port)
        yield service


def need(name: str) -> str:
    """The path of a program, or the end of the run with what to install."""
    path = program(name)
    if path is None:
        sys.exit(f"run.sh: bench needs {name}: apt-get install {'nginx-light' if name == 'nginx' else name}")
    return path


def pinned(core: int) -> list[str]:
    """What to put before a command so that it runs on one core."""
    cores = sorted(os.sched_getaffinity(0))
    return [need("taskset"), "-c", str(cores[core % len(cores)])] if shutil.which("taskset") else []


def measure(port: int, path: str, seconds: int, connections: int) -> float:
    """Requests per second, by wrk; ends the run where an answer is not a success."""
    url = f"https://localhost:{port}/{path}"
    arguments = [*pinned(0), need("wrk"), "-t1", f"-c{connections}", f"-d{seconds}s", url]
    output = subprocess.run(arguments, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in output or "Socket errors" in output:
        sys.exit(f"run.sh: bench: not every answer from {url} was a success:\n{output}")
    found = re.search(r"Requests/sec:\s*([\d.]+)", output)
    assert found, output
    return float(found[1])


def proxies(folder: Path, backend_port: int, stock: int, ours: int, plain: int, rules: Path) -> list[Service]:
    """The two proxies, started."""
    mitmdump = str(Path(sys.executable).with_name("mitmdump"))
    confdir = f"confdir={folder / 'conf'}"
    mode = f"reverse:http://127.0.0.1:{backend_port}@127.0.0.1:{stock}"
    listen = ["--listen", f"https://127.0.0.1:{ours}", "--listen", f"http://127.0.0.1:{plain}"]
    return [
        Service([*pinned(1), mitmdump, "-q", "--set", confdir, "--mode", mode], folder / "stock.log"),
        Service([*pinned(1), RUN_SH, "proxy", str(rules), *listen, "--", "-q", "--set", confdir], folder / "ours.log"),
    ]


def main() -> None:
    """Measures and prints the tables; exit code 1 where many rules cost too much."""
    parser = argparse.ArgumentParser(
        prog="run.sh bench", description="The engine with many rules; requests per second beside a stock mitmdump."
    )
    parser.add_argument("--engine", action="store_true", help="the engine alone: quick, and needs no other program")
    parser.add_argument("--engine-turns", type=int, default=25, help="turns of each size (25)")
    parser.add_argument("--seconds", type=int, default=4, help="seconds of each turn (4)")
    parser.add_argument("--turns", type=int, default=3, help="turns of each proxy and page (3)")
    parser.add_argument("--connections", type=int, default=8, help="wrk's connections (8)")
    options = parser.parse_args()
    within = print_table(options.engine_turns)
    if not options.engine:
        print()
        compare_proxies(options)
    sys.exit(0 if within else 1)


def compare_proxies(options: argparse.Namespace) -> None:
    """Runs the comparison and prints the table."""
    rates: dict[tuple[str, str], list[float]] = {}
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="urlrewrite-bench-")))
        backend_port, stock, ours, plain = free_ports(4)
        stack.enter_context(backend(folder, backend_port))
        rules = stack.enter_context(demo_rules(ours, plain, backend_port))
        for service, port in zip(proxies(folder, backend_port, stock, ours, plain, rules), (stock, ours), strict=True):
            stack.enter_context(running(service))
            service.await_ports(port)
        for _ in range(options.turns):
            for size in SIZES:
                for name, port in (("stock", stock), ("ours", ours)):
                    rate = measure(port, f"{size.replace(' ', '')}.html", options.seconds, options.connections)
                    rates.setdefault((size, name), []).append(rate)
    turns = f"median of {options.turns} turns of {options.seconds} s"
    print(f"{turns}, {options.connections} connections, TLS, one core a proxy")
    print(f"{'page':>8}  {'stock mitmdump':>16}  {'ours':>16}  {'ratio':>6}")
    for size in SIZES:
        of_stock, of_ours = (statistics.median(rates[size, name]) for name in ("stock", "ours"))
        print(f"{size:>8}  {of_stock:>12.1f} r/s  {of_ours:>12.1f} r/s  {of_ours / of_stock:>6.2f}")


if __name__ == "__main__":
    main()
