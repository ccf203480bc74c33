"""Bodies too long or too slow to be held, through the running proxy: rewritten all the same, and in time."""

from __future__ import annotations

import asyncio
import gzip
import re
import socket
import ssl
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from e2e.support import http1, http2, http3
from e2e.support.proxy import Proxy, running_proxy
from e2e.support.streaming import BLOCK, LINE, LOGIN, PIECES, B, Handler, streaming_backend
from e2e.support.waiting import until

pytestmark = pytest.mark.e2e

RULES = """
public: [https://localhost:HTTPS_PORT, http://localhost:HTTP_PORT]
backend: http://privateserver:8080
connect: 127.0.0.1:BACKEND
rules:
  - {name: elsewhere, match: ^moved$, action: {type: Redirect, url: /login}}
"""
MEGABYTES = 64
BOUND = 64 * 2**20
"""Bytes of memory that a long body may take above what the proxy holds when idle."""


@pytest.fixture(scope="module")
def backend() -> Iterator[int]:
    with streaming_backend() as port:
        yield port


@pytest.fixture(scope="module")
def proxy(backend: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with running_proxy(RULES.replace("BACKEND", str(backend)), tmp_path_factory.mktemp("streaming")) as proxy:
        yield proxy


@pytest.fixture
def fresh(backend: int, start_proxy: Callable[..., Proxy]) -> Proxy:
    """A proxy of a test's own, for what it has held and for rules that change."""
    return start_proxy(RULES.replace("BACKEND", str(backend)))


def public(proxy: Proxy, data: bytes) -> bytes:
    return data.replace(B, proxy.https.rstrip("/").encode())


@pytest.mark.parametrize("coding", ["", "gzip"])
@pytest.mark.parametrize("version", ["1.0", "1.1", "2", "3"])
def test_a_login_page_of_380_kb(proxy: Proxy, version: str, coding: str) -> None:
    path = f"/login/{coding}"
    if version == "2":
        answer = http2.get(path, proxy.https_port, proxy.ca)
    elif version == "3":
        answer = asyncio.run(http3.get(path, proxy.https_port, proxy.ca))
    else:
        host = f"Host: localhost:{proxy.https_port}\r\n"
        request = f"GET {path} HTTP/{version}\r\n{host}Connection: close\r\n\r\n".encode()
        answer = http1.fetch(proxy.https_port, request, proxy.ca)
    body = gzip.decompress(answer.body) if coding else answer.body
    assert answer.status == 200
    assert body == public(proxy, LOGIN)
    if version == "1.0":
        assert answer.header("transfer-encoding") is None


def test_a_short_page_in_chunks_is_sent_with_its_length(proxy: Proxy) -> None:
    answer = http1.get("/short/", proxy.https_port, proxy.ca)
    assert answer.body == public(proxy, LINE * 2)
    assert answer.header("content-length") == str(len(answer.body))


def test_a_login_page_of_a_backend_of_http_1_0(proxy: Proxy) -> None:
    with http1.connect(proxy.https_port, proxy.ca) as connection:
        connection.send(f"GET /old/ HTTP/1.1\r\nHost: localhost:{proxy.https_port}\r\n\r\n".encode())
        answer = connection.read()
        assert answer.body == public(proxy, LOGIN)
        assert (answer.header("transfer-encoding"), answer.header("connection")) == ("chunked", None)
        # The connection goes on.
        connection.send(f"GET /short/ HTTP/1.1\r\nHost: localhost:{proxy.https_port}\r\n\r\n".encode())
        assert connection.read().status == 200


def memory(proxy: Proxy) -> int:
    """The most bytes that the proxy has held so far."""
    status = Path(f"/proc/{proxy.service.process.pid}/status").read_text(encoding="ascii")
    found = re.search(r"VmHWM:\s*(\d+)", status)
    assert found
    return int(found[1]) * 1024


def test_a_long_page_takes_little_memory(fresh: Proxy) -> None:
    http1.get("/long/1", fresh.https_port, fresh.ca)
    idle = memory(fresh)
    expected = public(fresh, BLOCK)
    count = 0
    with connected(fresh) as wire:
        wire.sendall(f"GET /long/{MEGABYTES} HTTP/1.0\r\nHost: localhost:{fresh.https_port}\r\n\r\n".encode())
        held = wire.recv(65536).partition(b"\r\n\r\n")[2]
        while data := wire.recv(1 << 20):
            held += data
            while len(held) >= len(expected):
                assert held[: len(expected)] == expected
                held, count = held[len(expected) :], count + 1
    assert (held, count) == (b"", MEGABYTES * 10**6 // len(BLOCK))
    assert memory(fresh) - idle < BOUND


def test_a_long_page_takes_little_memory_though_a_client_of_http_2_takes_it_slowly(fresh: Proxy) -> None:
    http2.get("/long/1", fresh.https_port, fresh.ca)
    idle = memory(fresh)
    # This client is ready to take 64 kB at a time, far less than the backend can send.
    answer = http2.get(f"/long/{MEGABYTES}", fresh.https_port, fresh.ca)
    assert answer.body == public(fresh, BLOCK) * (MEGABYTES * 10**6 // len(BLOCK))
    assert memory(fresh) - idle < BOUND / 2


def connected(proxy: Proxy) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=str(proxy.ca))
    return context.wrap_socket(
        socket.create_connection(("127.0.0.1", proxy.https_port), timeout=60), server_hostname="localhost"
    )


def pieces_in_step(proxy: Proxy, path: str, mark: bytes) -> int:
    """How many pieces of a response came, each of which the backend sent only when the one before it had come.

    So a piece that is held for the next one to come is the last one. `mark` stands at the end of each.
    """
    came = 0
    seen = b""
    Handler.taken = threading.Semaphore(0)
    with connected(proxy) as wire:
        wire.sendall(f"GET {path} HTTP/1.0\r\nHost: localhost:{proxy.https_port}\r\n\r\n".encode())
        head = b""
        while b"\r\n\r\n" not in head:
            head += wire.recv(1)
        unpack = zlib.decompressobj(31).decompress if b"gzip" in head else bytes
        while data := wire.recv(65536):
            seen += unpack(data)
            while seen.count(mark) > came:
                came += 1
                Handler.taken.release()
    assert B not in seen
    return came


@pytest.mark.parametrize("coding", ["", "gzip"])
def test_events_come_at_once(proxy: Proxy, coding: str) -> None:
    assert pieces_in_step(proxy, f"/events/{coding}", b"\n\n") == PIECES


def test_a_page_that_comes_slowly_is_not_held(proxy: Proxy) -> None:
    assert pieces_in_step(proxy, "/trickle/", b"</p>\n") == PIECES


def test_a_body_that_is_cut_is_seen_to_be_cut(proxy: Proxy) -> None:
    with connected(proxy) as wire:
        wire.sendall(f"GET /cut/ HTTP/1.1\r\nHost: localhost:{proxy.https_port}\r\n\r\n".encode())
        seen = b""
        while data := wire.recv(65536):
            seen += data
    assert LINE.replace(B, proxy.https.rstrip("/").encode()) in seen
    assert not seen.endswith(b"0\r\n\r\n")


def test_a_body_that_is_cut_while_it_is_held_is_a_502(proxy: Proxy) -> None:
    assert http1.get("/broken/", proxy.https_port, proxy.ca).status == 502


def test_a_damaged_coding_is_seen_to_be_cut(proxy: Proxy) -> None:
    with connected(proxy) as wire:
        wire.sendall(f"GET /damaged/ HTTP/1.1\r\nHost: localhost:{proxy.https_port}\r\n\r\n".encode())
        seen = b""
        while data := wire.recv(65536):
            seen += data
    assert b"200 OK" in seen
    assert not seen.endswith(b"0\r\n\r\n")
    with pytest.raises(AssertionError, match="was reset"):
        http2.get("/damaged/", proxy.https_port, proxy.ca)
    assert "the body ends here" in proxy.log
    assert http1.get("/short/", proxy.https_port, proxy.ca).status == 200


def test_a_client_that_goes_away_in_the_middle_does_no_harm(proxy: Proxy) -> None:
    with connected(proxy) as wire:
        wire.sendall(f"GET /long/20 HTTP/1.1\r\nHost: localhost:{proxy.https_port}\r\n\r\n".encode())
        wire.recv(65536)
    assert http1.get("/short/", proxy.https_port, proxy.ca).status == 200


def test_a_part_of_a_page_passes_as_it_is_and_the_whole_of_it_offers_none(proxy: Proxy) -> None:
    part = http1.get("/file/", proxy.https_port, proxy.ca, "Range: bytes=100-299")
    assert (part.status, part.body) == (206, LOGIN[100:300])
    whole = http1.get("/file/", proxy.https_port, proxy.ca)
    assert (whole.body, whole.header("accept-ranges")) == (public(proxy, LOGIN), "none")
    marked = f"If-Range: {whole.header('etag')}"
    again = http1.get("/file/", proxy.https_port, proxy.ca, "Range: bytes=100-299", marked)
    assert (again.status, again.body) == (200, public(proxy, LOGIN))


def test_a_page_is_fetched_again_after_the_rules_have_changed(fresh: Proxy) -> None:
    etag = http1.get("/file/", fresh.https_port, fresh.ca).header("etag")

    def status() -> int:
        return http1.get("/file/", fresh.https_port, fresh.ca, f"If-None-Match: {etag}").status

    assert status() == 304
    fresh.rules.write_text(fresh.rules.read_text().replace("elsewhere", "to another place"))
    until(lambda: status() == 200, "the new rules")


MEGABYTE = 10**6
UPLOADS = [
    ("Content-Length: 1000000", b"x" * MEGABYTE),
    ("Transfer-Encoding: chunked", b"f4240\r\n" + b"x" * MEGABYTE + b"\r\n0\r\n\r\n"),
]


@pytest.mark.parametrize(("field", "body"), UPLOADS, ids=["length", "chunked"])
@pytest.mark.parametrize(("path", "status"), [("/moved", 301), ("/upload", 200)])
def test_uploads_of_a_megabyte(proxy: Proxy, path: str, status: int, field: str, body: bytes) -> None:
    Handler.uploaded.clear()
    head = f"POST {path} HTTP/1.1\r\nHost: localhost:{proxy.https_port}\r\n{field}\r\n\r\n"
    answer = http1.fetch(proxy.https_port, head.encode() + body, proxy.ca)
    assert answer.status == status
    assert Handler.uploaded == ([MEGABYTE] if status == 200 else [])


@pytest.mark.parametrize(("path", "status"), [("/moved", 301), ("/upload", 200)])
def test_a_long_upload_of_unknown_length_takes_little_memory(fresh: Proxy, path: str, status: int) -> None:
    Handler.uploaded.clear()
    http1.get("/short/", fresh.https_port, fresh.ca)
    idle = memory(fresh)
    chunk = b"f4240\r\n" + b"x" * MEGABYTE + b"\r\n"
    head = f"POST {path} HTTP/1.1\r\nHost: localhost:{fresh.https_port}\r\nTransfer-Encoding: chunked\r\n\r\n"
    with http1.connect(fresh.https_port, fresh.ca) as connection:
        connection.send(head.encode())
        for _ in range(MEGABYTES):
            connection.send(chunk)
        connection.send(b"0\r\n\r\n")
        assert connection.read("POST").status == status
    assert Handler.uploaded == ([MEGABYTES * MEGABYTE] if status == 200 else [])
    assert memory(fresh) - idle < BOUND
