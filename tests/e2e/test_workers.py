"""Several workers on one port, as a user starts them: what they share, and that none is missed or left."""

from __future__ import annotations

import itertools
import os
import re
import signal
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from e2e.support import http1
from e2e.support.numbered import Numbered, numbered
from e2e.support.service import RUN_SH, Service, accepts, free_ports
from e2e.support.waiting import until
from urlrewrite.loading.server_states import ServerStates
from urlrewrite.model.farms import ServerState

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux spreads connections over listeners"),
]

REQUESTS, CLIENTS, A_CONNECTION = 1000, 8, 5
KEYS = 100
RULES = """
sites:
  - {public: http://localhost:HTTP_PORT, backend: http://shop, links: off}
  - {public: http://hashed.localhost:HTTP_PORT, backend: http://hashed, links: off}
farms:
  shop:
    servers:
      - {address: 127.0.0.11, httpPort: PORT}
      - {address: 127.0.0.12, httpPort: PORT, weight: 50}
      - {address: 127.0.0.13, httpPort: PORT, weight: 50}
  hashed:
    servers: ['127.0.0.11:PORT', '127.0.0.12:PORT', '127.0.0.13:PORT']
    algorithm: RequestHash
    hash: {query: [id]}
"""


@dataclass(frozen=True)
class Workers:
    """The two workers: their port, that of the first one's figures, and their rule file."""

    service: Service
    port: int
    metrics: int
    rules: Path

    def served(self) -> list[int]:
        """How many requests each worker has ended; -1 for one that tells nothing."""
        return [_served(self.metrics + number) for number in range(2)]

    def ask(self, connection: http1.Connection, path: str = "/", host: str = "localhost") -> str:
        """Which server responds."""
        connection.send(f"GET {path} HTTP/1.1\r\nHost: {host}:{self.port}\r\n\r\n".encode())
        response = connection.read()
        assert response.status == 200, response
        return response.header("x-server") or ""

    def pids(self) -> list[int]:
        """The processes of the workers, in the order in which they were started."""
        return [int(pid) for pid in re.findall(r"worker \d is process (\d+)", self.service.log)]


def _served(port: int) -> int:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as response:
            families = text_string_to_metric_families(response.read().decode())
    except OSError:
        return -1
    samples = (sample for family in families for sample in family.samples)
    return int(sum(sample.value for sample in samples if sample.name == "urlrewrite_requests_total"))


@pytest.fixture(scope="module")
def servers() -> Iterator[list[Numbered]]:
    with numbered(3) as found:
        yield found


@pytest.fixture(scope="module")
def workers(servers: list[Numbered], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    folder = tmp_path_factory.mktemp("workers")
    port, metrics, _ = _ports_in_a_row()
    rules = folder / "rules.yaml"
    text = RULES.replace("HTTP_PORT", str(port)).replace("PORT", str(servers[0].port))
    rules.write_text(text)
    options = ["--workers", "2", "--listen", f"http://127.0.0.1:{port}"]
    settings = [f"--set=confdir={folder / 'conf'}", f"--set=urlrewrite_metrics=:{metrics}", "-q"]
    service = Service([RUN_SH, "proxy", str(rules), *options, "--", *settings], folder / "log")
    try:
        service.await_ports(port, metrics, metrics + 1)
        yield Workers(service, port, metrics, rules)
    except BaseException:
        print(service.log)
        raise
    finally:
        service.process.kill()
        service.process.wait()
    service.assert_no_crash()


def _ports_in_a_row() -> list[int]:
    while True:
        port, first = free_ports(2)
        if first < 65535 and not accepts(first + 1):
            return [port, first, first + 1]


def test_requests_are_spread_by_weight_whichever_worker_has_them(workers: Workers) -> None:
    def client(connections: int) -> Counter[str]:
        found = Counter[str]()
        for _ in range(connections):
            with http1.connect(workers.port) as connection:
                found.update(workers.ask(connection) for _ in range(A_CONNECTION))
        return found

    with ThreadPoolExecutor(CLIENTS) as pool:
        each = REQUESTS // A_CONNECTION // CLIENTS
        found = sum(pool.map(client, [each] * CLIENTS), Counter[str]())
    wanted = {"s1": REQUESTS // 2, "s2": REQUESTS // 4, "s3": REQUESTS // 4}
    assert sum(found.values()) == REQUESTS
    assert all(abs(found[name] - number) <= REQUESTS // 100 for name, number in wanted.items()), found
    served = workers.served()
    assert sum(served) == REQUESTS
    assert min(served) > REQUESTS // 10


def test_workers_agree_on_what_is_hashed(workers: Workers) -> None:
    before = workers.served()
    found: dict[int, set[str]] = {key: set() for key in range(KEYS)}
    # Which worker gets a connection is the system's choice.
    for turn in itertools.count():
        with http1.connect(workers.port) as connection:
            for key, names in found.items():
                names.add(workers.ask(connection, f"/?id={key}", "hashed.localhost"))
        if turn and all(now > then for now, then in zip(workers.served(), before, strict=True)):
            break
    assert all(len(names) == 1 for names in found.values())
    assert len(set.union(*found.values())) == 3


def test_a_server_that_is_taken_off_gets_nothing_from_any_worker(workers: Workers, servers: list[Numbered]) -> None:
    """As the command rewrite.server.drain does it in one of the processes with these rules."""
    states = ServerStates(Path(f"{workers.rules}.servers.json"))

    def names(connections: int) -> set[str]:
        found = set()
        for _ in range(connections):
            with http1.connect(workers.port) as connection:
                found |= {workers.ask(connection) for _ in range(4)}
        return found

    states.set("shop", servers[0].address, ServerState.DRAINING)
    try:
        until(lambda: servers[0].name not in names(8), "the end of its requests")
        before = workers.served()
        until(
            lambda: (
                servers[0].name not in names(8)
                and all(now > then for now, then in zip(workers.served(), before, strict=True))
            ),
            "requests to both workers, and none to it",
        )
    finally:
        states.set("shop", servers[0].address, ServerState.AVAILABLE)
    until(lambda: servers[0].name in names(8), "requests to it")


def test_a_killed_worker_is_replaced_and_the_other_goes_on(workers: Workers) -> None:
    _, second = workers.pids()
    os.kill(second, signal.SIGKILL)
    workers.service.await_log(rf"worker 2 \(process {second}\) ended by SIGKILL: started again in 0\.5 s")
    for _ in range(20):
        # Connections in the queue of the dead one are lost; there are none now.
        with http1.connect(workers.port) as connection:
            workers.ask(connection)
    until(lambda: workers.served()[1] >= 0, "the new worker")
    assert len(workers.pids()) == 3

    def both() -> bool:
        with http1.connect(workers.port) as connection:
            workers.ask(connection)
        return workers.served()[1] > 0

    until(both, "a request to the new worker")


def test_no_worker_is_left_when_its_parent_is_killed(workers: Workers) -> None:
    """The last test of these workers."""
    first, _, third = workers.pids()
    workers.service.process.kill()
    workers.service.process.wait()
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in (first, third)), "the end of the workers")
    assert not accepts(workers.port)
