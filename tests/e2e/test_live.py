"""The running proxy: several sites on one listener, rules changed while it runs, patterns that take too long."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import trustme

from e2e.support import http1
from e2e.support.proxy import Proxy
from e2e.support.waiting import until
from privateserver import PrivateServer

pytestmark = pytest.mark.e2e

RULES = """
public: [https://localhost:HTTPS_PORT, http://localhost:HTTP_PORT]
backend: http://privateserver:8080
connect: 127.0.0.1:BACKEND
rules:
  - {name: slow, match: '^slow/(a|aa)+$', action: None}
  - {name: answer, match: ^answer$, action: {type: CustomResponse, statusCode: 410, statusDescription: FIRST}}
"""


@pytest.fixture(scope="module")
def backend() -> Iterator[PrivateServer]:
    with PrivateServer(port=0) as server:
        yield server


@pytest.fixture
def proxy(backend: PrivateServer, start_proxy: Callable[..., Proxy]) -> Proxy:
    return start_proxy(RULES.replace("BACKEND", str(backend.port)))


def test_a_saved_rule_file_comes_into_force_and_a_broken_one_never(proxy: Proxy) -> None:
    def answer() -> bytes:
        return http1.get("/answer", proxy.https_port, proxy.ca).body

    assert answer() == b"FIRST\n"
    text = proxy.rules.read_text()
    proxy.rules.write_text(text.replace("FIRST", "SECOND"))
    until(lambda: answer() == b"SECOND\n", "the second rules")

    proxy.rules.write_text(text.replace("CustomResponse", "CustomRespond").replace("^slow/(a|aa)+$", "*"))
    until(lambda: "last good rules stay in force" in proxy.log, lambda: proxy.log)
    assert answer() == b"SECOND\n"
    assert "did you mean CustomResponse" in proxy.log
    assert f"{proxy.rules}:" in proxy.log

    proxy.rules.write_text(text.replace("FIRST", "THIRD"))
    until(lambda: answer() == b"THIRD\n", "the third rules")


def test_a_pattern_that_takes_too_long_is_a_500_and_others_go_on_meanwhile(proxy: Proxy) -> None:
    stop = threading.Event()
    quick: list[int] = []

    def others() -> None:
        while not stop.is_set():
            quick.append(http1.get("/answer", proxy.https_port, proxy.ca).status)

    with ThreadPoolExecutor(3) as pool:
        going_on = pool.submit(others)
        slow = list(pool.map(lambda _: http1.get("/slow/" + "a" * 60 + "b", proxy.https_port, proxy.ca), range(10)))
        stop.set()
        going_on.result(timeout=30)
    assert {answer.status for answer in slow} == {500}
    assert all(b"Trace id: " in answer.body for answer in slow)
    assert len(quick) >= 3
    assert set(quick) == {410}
    assert 'rule "slow"' in proxy.log


def test_sites_with_certificates_of_their_own(
    tmp_path: Path, backend: PrivateServer, start_proxy: Callable[..., Proxy]
) -> None:
    authority = trustme.CA()
    pem = tmp_path / "shop.pem"
    authority.issue_cert("shop.example.test").private_key_and_cert_chain_pem.write_to_path(pem)
    rules = f"""
sites:
  - {{name: demo, public: 'https://localhost:HTTPS_PORT', backend: 'http://privateserver:8080',
      connect: '127.0.0.1:{backend.port}'}}
  - {{name: shop, public: 'https://shop.example.test:HTTPS_PORT', backend: 'http://privateserver:8080',
      connect: '127.0.0.1:{backend.port}', certificate: {pem}}}
"""
    proxy = start_proxy(rules)
    own_ca = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(own_ca)
    host = f"shop.example.test:{proxy.https_port}"
    request = f"GET /html/iis-tags HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
    answer = http1.fetch(proxy.https_port, request, own_ca, "shop.example.test")
    assert answer.status == 200
    assert f"https://{host}/".encode() in answer.body
    assert http1.get("/html/iis-tags", proxy.https_port, proxy.ca).status == 200
    with pytest.raises(ssl.SSLCertVerificationError):
        http1.fetch(proxy.https_port, request, proxy.ca, "shop.example.test")
    # A connection that was made for one site is not for another.
    assert http1.fetch(proxy.https_port, request, proxy.ca).status == 421


def test_a_backend_that_is_not_there_is_a_502(start_proxy: Callable[..., Proxy]) -> None:
    proxy = start_proxy(RULES.replace("BACKEND", "1"))
    assert http1.get("/", proxy.https_port, proxy.ca).status == 502
