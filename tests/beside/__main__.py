"""How long a small request takes while long pages made of links are streamed beside it."""

from __future__ import annotations

import argparse
import contextlib
import http.client
import multiprocessing
import socket
import statistics
import sys
import tempfile
import threading
from collections.abc import Iterator
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from time import perf_counter, sleep

from e2e.support.proxy import running_proxy

_PROCESSES = multiprocessing.get_context("fork")  # so that who measures does not wait for the others
BACKEND = "http://privateserver:8080"
RULES = f"""
public: [https://localhost:HTTPS_PORT, http://localhost:HTTP_PORT]
backend: {BACKEND}
connect: 127.0.0.1:%d
links: everywhere
"""
LINES = {
    "links": f'<li><a href="{BACKEND}/page/1">Words</a> <img src="{BACKEND}/i/1.png" alt="">\n',
    "scripts": f"<script>f('{BACKEND}/1', '//privateserver:8080/i')</script><a onclick=\"g('{BACKEND}/')\">x</a>\n",
    "bare": "<script>f('//privateserver:8080//privateserver:8080', 'privateserver')</script>\n",
}
SMALL = b"<!DOCTYPE html>\n<p>A small page.\n" + b"Words. " * 100
EVERY = 0.02
"""Seconds between two small requests."""

MOST = 0.1
"""Seconds below which nearly every small request is to be answered."""


def main() -> int:
    """Prints what small requests took alone, and beside the pages; the exit code is 1 if that is too long."""
    parser = argparse.ArgumentParser(prog="run.sh measure beside", description=__doc__)
    parser.add_argument("--pages", type=int, default=4, help="that are streamed at once, again and again (4)")
    parser.add_argument("--megabytes", type=int, default=20, help="of each (20)")
    parser.add_argument("--of", choices=LINES, default="links", help="what the pages are made of (links)")
    parser.add_argument("--seconds", type=float, default=20, help="for each of the two (20)")
    options = parser.parse_args()
    line = LINES[options.of].encode()
    page = b"<!DOCTYPE html>\n" + line * (options.megabytes * 1_000_000 // len(line))
    with (
        tempfile.TemporaryDirectory(prefix="urlrewrite-beside-") as folder,
        _backend(page) as port,
        running_proxy(RULES % port, Path(folder)) as proxy,
    ):
        print(f"{'small requests':>22} {'number':>7} {'p50':>8} {'p99':>8} {'max':>8}   (ms)")
        _told("alone", _small(proxy.http_port, options.seconds))
        with _streams(proxy.http_port, options.pages) as came:
            sleep(1)
            before = came.value
            taken = _small(proxy.http_port, options.seconds)
            rate = (came.value - before) / 1e6 / options.seconds
        _told(f"beside {options.pages} x {options.megabytes} MB", taken)
        print(f"meanwhile {rate:.1f} MB/s of the pages came")
    return 0 if _percentile(taken, 99) < MOST else 1


def _told(what: str, taken: list[float]) -> None:
    figures = (statistics.median(taken), _percentile(taken, 99), max(taken))
    print(f"{what:>22} {len(taken):>7} " + " ".join(f"{each * 1000:>8.1f}" for each in figures), flush=True)


def _percentile(taken: list[float], which: int) -> float:
    return sorted(taken)[min(len(taken) * which // 100, len(taken) - 1)]


def _small(port: int, seconds: float) -> list[float]:
    """Asks for the small page by one connection, again and again; returns what each took."""
    taken: list[float] = []
    end = perf_counter() + seconds
    connection = http.client.HTTPConnection("localhost", port)
    while (began := perf_counter()) < end:
        connection.request("GET", "/small")
        response = connection.getresponse()
        assert response.status == 200 and len(response.read()) == len(SMALL)
        taken.append(perf_counter() - began)
        sleep(EVERY)
    connection.close()
    return taken


@contextlib.contextmanager
def _streams(port: int, number: int) -> Iterator[Synchronized[int]]:
    """Asks for pages in so many processes until the block ends, and counts the bytes that come."""
    came = _PROCESSES.Value("q", 0)
    clients = [_PROCESSES.Process(target=_ask_for_pages, args=(port, came), daemon=True) for _ in range(number)]
    for client in clients:
        client.start()
    try:
        yield came
    finally:
        for client in clients:
            client.terminate()
            client.join()


def _ask_for_pages(port: int, came: Synchronized[int]) -> None:
    while True:
        connection = http.client.HTTPConnection("localhost", port)
        connection.request("GET", "/page")
        response = connection.getresponse()
        while data := response.read(65536):
            with came.get_lock():
                came.value += len(data)
        connection.close()


@contextlib.contextmanager
def _backend(page: bytes) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listening:
        backend = _PROCESSES.Process(target=_serve, args=(listening, page), daemon=True)
        backend.start()
        try:
            yield listening.getsockname()[1]
        finally:
            backend.terminate()
            backend.join()


def _serve(listening: socket.socket, page: bytes) -> None:
    while True:
        connection, _ = listening.accept()
        threading.Thread(target=_answer, args=(connection, page), daemon=True).start()


def _answer(connection: socket.socket, page: bytes) -> None:
    with contextlib.suppress(OSError), connection:
        asked = b""
        while data := connection.recv(65536):
            asked += data
            while b"\r\n\r\n" in asked:
                head, _, asked = asked.partition(b"\r\n\r\n")
                body = page if b" /page " in head.partition(b"\r\n")[0] else SMALL
                fields = b"Content-Type: text/html; charset=utf-8\r\nContent-Length: %d\r\n" % len(body)
                connection.sendall(b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n" + body)


if __name__ == "__main__":
    sys.exit(main())
