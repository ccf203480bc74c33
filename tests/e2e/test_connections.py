"""Connections to clients and to backends: kept, reused, and never exhausted."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from e2e.support import http1
from e2e.support.proxy import Proxy
from privateserver import PrivateServer

pytestmark = pytest.mark.e2e

RULES = """
public: https://localhost:HTTPS_PORT
backend: http://privateserver:8080
connect: 127.0.0.1:BACKEND
"""


@pytest.fixture(scope="module")
def backend() -> Iterator[PrivateServer]:
    with PrivateServer(port=0) as server:
        yield server


def test_one_connection_serves_many_requests_and_so_does_the_one_behind_it(
    backend: PrivateServer, start_proxy: Callable[..., Proxy]
) -> None:
    """mitmproxy opens at most five connections to a backend for a client: the sixth request must reuse one."""
    proxy = start_proxy(RULES.replace("BACKEND", str(backend.port)))
    request = f"GET /html/inner HTTP/1.1\r\nHost: localhost:{proxy.https_port}\r\n\r\n".encode()
    with http1.connect(proxy.https_port, proxy.ca) as connection:
        for _ in range(25):
            connection.send(request)
            assert connection.read().status == 200
    assert proxy.log.count("server connect") == 1
