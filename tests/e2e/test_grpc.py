"""gRPC through the proxy, by its own client and server: every call has to end as it ends without the proxy."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import trustme

from e2e.support.needs import PROJECT, app_program
from e2e.support.proxy import running_proxy
from e2e.support.service import Service, free_ports, running

pytestmark = [pytest.mark.e2e, pytest.mark.apps]

PROGRAMS = PROJECT / "tests" / "e2e" / "apps"
RULES = """
sites:
  - name: with TLS
    public: https://localhost:HTTPS_PORT
    backend: https://privateserver:8443
    connect: 127.0.0.1:TLS_PORT
    tls: {ca: 'CA_FILE'}
  - name: without
    public: https://127.0.0.1:HTTPS_PORT
    backend: http://privateserver:8080
    connect: 127.0.0.1:PLAIN_PORT
"""
CALLS = {
    # what a call must come to without the proxy, so that it is known to have tried what it is for
    "unary": "http://privateserver:8080/ in time",
    "no_deadline": "at any time",
    "large": "True",
    "compressed": "True",
    "down": "b'499'",
    "up": "300000",
    "both": "got 49",
    "fail": "NOT_FOUND",
    "fail_later": "RESOURCE_EXHAUSTED",
    "unknown": "UNIMPLEMENTED",
    "cancel": "CANCELLED",
    "deadline": "DEADLINE_EXCEEDED",
}


class Heard(NamedTuple):
    """What came of each call, and what the proxy logged."""

    direct: dict[str, object]
    through: dict[str, object]
    h2c: dict[str, object]
    log: str


@pytest.fixture(scope="module")
def heard(require: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Heard]:
    require("grpc")
    folder = tmp_path_factory.mktemp("grpc")
    authority = trustme.CA()
    certificate = authority.issue_cert("privateserver", "localhost")
    ca, chain, key = (folder / f"{name}.pem" for name in ("ca", "chain", "key"))
    authority.cert_pem.write_to_path(ca)
    certificate.private_key_pem.write_to_path(key)
    for blob in certificate.cert_chain_pems:
        blob.write_to_path(chain, append=True)
    tls, plain = free_ports(2)
    command = [app_program("grpc", "python"), str(PROGRAMS / "grpc_server.py"), str(chain), str(key)]
    rules = RULES.replace("TLS_PORT", str(tls)).replace("PLAIN_PORT", str(plain)).replace("CA_FILE", str(ca))
    with running(service := Service([*command, str(tls), str(plain)], folder / "server.log")):
        service.await_ports(tls, plain)
        with running_proxy(rules, folder) as proxy:
            (direct,) = calls(ca, f"localhost:{tls}")
            through, h2c = calls(proxy.ca, f"localhost:{proxy.https_port}", f"127.0.0.1:{proxy.https_port}")
            yield Heard(direct, through, h2c, proxy.log)


def calls(ca: Path, *addresses: str) -> list[dict[str, object]]:
    done = subprocess.run(
        [app_program("grpc", "python"), str(PROGRAMS / "grpc_client.py"), str(ca), *addresses],
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    results: list[dict[str, object]] = json.loads(done.stdout)
    return results


@pytest.mark.parametrize(("call", "part"), CALLS.items())
def test_calls_end_as_they_do_without_the_proxy(heard: Heard, call: str, part: str) -> None:
    assert part in str(heard.direct[call])
    assert heard.through[call] == heard.direct[call]


def test_every_call_is_looked_at(heard: Heard) -> None:
    assert heard.direct.keys() == heard.through.keys() == CALLS.keys()


def test_a_server_without_tls_is_told_to_client_and_operator(heard: Heard) -> None:
    for result in heard.h2c.values():
        assert "UNAVAILABLE" in str(result)
        assert "502 Bad Gateway (trace id " in str(result)
        assert "privateserver" not in str(result)
    assert "a frame of HTTP/2 in place of a response" in heard.log
