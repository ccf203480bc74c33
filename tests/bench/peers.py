"""Rewriting links beside the programs that people use for it: nginx, Apache, a stock mitmdump, a naive addon, ours.

One nginx serves the pages. In front of it stand, each on one core, nginx with `sub_filter`, Apache with
`mod_proxy_html`, `mitmdump` in reverse mode (which rewrites nothing), `mitmdump` with an addon that parses and
serialises with lxml, and ours. The client and the backend have the other core. Turns are interleaved, and the median is
taken. nginx cannot rewrite what is compressed: it asks its backend for plain responses and compresses them itself.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import sys
import tempfile
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.pages import BACKEND, SIZES, write_pages
from bench.programs import fetch, measure, measure_one_by_one, need, peak_memory, pinned
from e2e.support.service import RUN_SH, Service, free_ports, running

PUBLIC = "http://localhost"
CODINGS = ("", "gzip")
_LONG = 1_000_000
"""Bytes of a page from which requests are sent one by one, since a turn has few of them."""


@dataclass(frozen=True, slots=True)
class Peer:
    """One proxy that takes part."""

    name: str
    port: int
    service: Service
    maps: bool = True


def nginx(folder: Path, name: str, core: int, http_block: str) -> Service:
    """An nginx with one worker and a configuration of its own."""
    home = folder / name
    home.mkdir()
    configuration = home / "nginx.conf"
    paths = " ".join(
        f"{kind}_temp_path {home}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    configuration.write_text(
        f"daemon off; worker_processes 1; pid {home}/pid; error_log {home}/error.log;\n"
        f"events {{ worker_connections 256; }}\n"
        f"http {{ access_log off; default_type text/html; keepalive_requests 1000000; {paths}\n{http_block} }}\n",
        encoding="utf-8",
    )
    # The folder is ours; the worker would else be nobody, who cannot read it.
    user = [] if os.geteuid() else ["-g", "user root;"]
    return Service([*pinned(core), need("nginx"), "-p", str(home), "-c", str(configuration), *user], home / "log")


def apache(folder: Path, port: int, backend: int) -> Service:
    """An Apache that maps links with mod_proxy_html, which knows compressed responses only when told."""
    home = folder / "apache"
    home.mkdir()
    modules = next(path for path in ("/usr/lib/apache2/modules", "/usr/lib64/httpd/modules") if Path(path).is_dir())
    names = "mpm_event authz_core proxy proxy_http xml2enc proxy_html deflate filter headers".split()
    load = "\n".join(f"LoadModule {name}_module {modules}/mod_{name}.so" for name in names)
    configuration = home / "apache.conf"
    configuration.write_text(
        textwrap.dedent(f"""
        ServerRoot {home}
        ServerName localhost
        PidFile {home}/pid
        ErrorLog {home}/error.log
        {{load}}
        Listen 127.0.0.1:{port}
        {{user}}
        StartServers 1
        ServerLimit 1
        ThreadsPerChild 25
        MaxRequestWorkers 25
        KeepAlive On
        MaxKeepAliveRequests 0
        ProxyPass / http://127.0.0.1:{backend}/
        ProxyHTMLEnable On
        ProxyHTMLLinks a href
        ProxyHTMLLinks img src
        ProxyHTMLURLMap {BACKEND} {PUBLIC}
        SetOutputFilter INFLATE;proxy-html;DEFLATE
        """).format(load=load, user="" if os.geteuid() else "User www-data\nGroup www-data"),
        encoding="utf-8",
    )
    for path in (folder, home):
        path.chmod(0o755)
    return Service(
        [*pinned(1), need("apache2"), "-d", str(home), "-f", str(configuration), "-DFOREGROUND"], home / "log"
    )


@contextlib.contextmanager
def peers(folder: Path) -> Iterator[tuple[list[Peer], dict[str, str]]]:
    """All proxies started, and the pages that they serve."""
    root = folder / "pages"
    root.mkdir()
    names = write_pages(root)
    backend, of_nginx, of_apache, stock, naive, ours = free_ports(6)
    mitmdump = str(Path(sys.executable).with_name("mitmdump"))
    quiet = ["-q", "--set", f"confdir={folder / 'conf'}"]
    addon = ["-s", str(Path(__file__).with_name("naive.py"))]
    rules = folder / "bench.yaml"
    rules.write_text(f"public: {PUBLIC}\nbackend: {BACKEND}\nconnect: 127.0.0.1:{backend}\n", encoding="utf-8")

    def reverse(port: int) -> list[str]:
        return ["--mode", f"reverse:http://127.0.0.1:{backend}@127.0.0.1:{port}"]

    found = [
        Peer("nginx", of_nginx, nginx(folder, "nginx", 1, substitutes(of_nginx, backend))),
        Peer("apache", of_apache, apache(folder, of_apache, backend)),
        Peer("stock", stock, Service([*pinned(1), mitmdump, *quiet, *reverse(stock)], folder / "stock.log"), False),
        Peer("lxml", naive, Service([*pinned(1), mitmdump, *quiet, *addon, *reverse(naive)], folder / "naive.log")),
        Peer("ours", ours, _ours(folder, rules, ours, quiet)),
    ]
    with contextlib.ExitStack() as stack:
        origin = nginx(folder, "backend", 0, serves(backend, root))
        stack.enter_context(running(origin))
        origin.await_ports(backend)
        for peer in found:
            stack.enter_context(running(peer.service))
            peer.service.await_ports(peer.port)
        yield found, names


def serves(port: int, root: Path) -> str:
    """The configuration of an nginx that serves pages as they are, and compressed where there is such a twin."""
    return f"sendfile on; gzip_static on; server {{ listen 127.0.0.1:{port}; root {root}; etag off; }}"


def substitutes(port: int, backend: int) -> str:
    return (
        f"gzip on; gzip_comp_level 1; upstream b {{ server 127.0.0.1:{backend}; keepalive 32; }}\n"
        f"server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://b; proxy_http_version 1.1;\n"
        f'proxy_set_header Connection ""; proxy_set_header Accept-Encoding "";\n'
        f"sub_filter '{BACKEND}' '{PUBLIC}'; sub_filter_once off; }} }}"
    )


def _ours(folder: Path, rules: Path, port: int, quiet: list[str]) -> Service:
    listen = ["--listen", f"http://127.0.0.1:{port}"]
    return Service([*pinned(1), RUN_SH, "proxy", str(rules), *listen, "--", *quiet], folder / "ours.log")


def compare_peers(options: argparse.Namespace) -> None:
    """Measures all proxies and prints the table."""
    with tempfile.TemporaryDirectory(prefix="urlrewrite-bench-") as folder, peers(Path(folder)) as (found, names):
        for coding in CODINGS:
            for name in names.values():
                check_links(found, name, coding, Path(folder) / "pages" / name)
        print(f"{', '.join(f'{peer.name} listens on port {peer.port}' for peer in found)}")
        print(f"links mapped: median of {options.turns} turns of {options.seconds:g} s, one core a proxy, no TLS")
        print("each with requests/s, MB/s, and how many times as quick ours is")
        print(f"{'page':>16} " + "".join(f"{peer.name:>20}" for peer in found))
        for coding in CODINGS:
            for title, name in names.items():
                if options.pages in title:
                    rates = _rates(found, name, coding, SIZES[title.partition(" ")[2]], options)
                    _print_line(f"{title} {coding}", SIZES[title.partition(" ")[2]], rates)
        memory = (f"{peer.name} {peak_memory(peer.service.process.pid):.0f}" for peer in found)
        print(f"peak memory, MB: {', '.join(memory)}")


def check_links(found: Iterable[Peer], name: str, coding: str, page: Path) -> None:
    """Ends the run where a proxy that is to map links has not mapped every one of them."""
    expected = page.read_bytes().count(BACKEND.encode())
    for peer in found:
        body = fetch(peer.port, name, coding)
        left, mapped = body.count(BACKEND.encode()), body.count(f'="{PUBLIC}/'.encode())
        if (left, mapped) != ((0, expected) if peer.maps else (expected, 0)):
            sys.exit(f"run.sh: bench: {peer.name} mapped {mapped} links of {name} and left {left}, of {expected}")


def _rates(
    found: Iterable[Peer], name: str, coding: str, size: int, options: argparse.Namespace
) -> dict[str, list[float]]:
    rates: dict[str, list[float]] = {}
    for _ in range(options.turns):
        for peer in found:
            if size >= _LONG:
                rate = measure_one_by_one(peer.port, name, coding=coding, seconds=options.seconds)
            else:
                rate = measure(peer.port, name, coding=coding, seconds=options.seconds, connections=options.connections)
            rates.setdefault(peer.name, []).append(rate)
    return rates


def _print_line(title: str, size: int, rates: dict[str, list[float]]) -> None:
    medians = {name: statistics.median(values) for name, values in rates.items()}
    cells = [
        f"{rate:8.1f}/s {rate * size / 1e6:4.0f} " + (f"{medians['ours'] / rate:.2f}" if rate else "-").rjust(5)
        for rate in medians.values()
    ]
    print(f"{title:>16} " + "".join(cell.rjust(20) for cell in cells), flush=True)
