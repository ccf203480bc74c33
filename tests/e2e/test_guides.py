"""The configurations of rules/guides, with nothing changed but addresses, files and names."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import trustme
from mitmproxy.certs import CertStore

from e2e.support import http1
from e2e.support.needs import PROJECT, program
from e2e.support.numbered import Numbered, numbered
from e2e.support.response import Response
from e2e.support.service import RUN_SH, Service, free_ports, running

pytestmark = pytest.mark.e2e

GUIDES = PROJECT / "rules" / "guides"
SOURCE = "127.0.0.77"
"""The address from which the clients come; all others here have 127.0.0.1."""

HOST = "www.example.com"
RULES = f"""
public: [http://{HOST}:HTTP_PORT, https://{HOST}:HTTPS_PORT]
backend: http://privateserver:8080
connect: 127.0.0.11:BACKEND
SETTINGS
rules:
  - {{name: balancer, match: ^balancer-check$, stopProcessing: true,
     action: {{type: CustomResponse, statusCode: 200, statusReason: OK, statusDescription: well}}}}
"""


@pytest.fixture(scope="module")
def backend() -> Iterator[Numbered]:
    with numbered(1) as (server,):
        yield server


@pytest.fixture(scope="module")
def confdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One authority for all machines, as they would have it copied."""
    folder = tmp_path_factory.mktemp("conf")
    CertStore.from_store(folder, "mitmproxy", 2048)
    return folder


def filled(name: str, replaced: dict[str, str]) -> str:
    """A configuration with other addresses, files and names; each of them must occur."""
    text = (GUIDES / name).read_text("utf-8")
    for old, new in replaced.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


def get(port: int, path: str, *fields: str, ca: Path | None = None, named: int = 0) -> Response:
    """One GET on a connection of its own, from the clients' address. Raises EOFError, OSError where it fails."""
    connection = http1.Connection(port, ca, HOST, source=SOURCE)
    try:
        lines = "".join(f"{field}\r\n" for field in fields)
        connection.send(f"GET {path} HTTP/1.1\r\nHost: {HOST}:{named or port}\r\n{lines}\r\n".encode())
        return connection.read()
    finally:
        connection.close()


CLAIMS = (
    "X-Forwarded-For: 6.6.6.6",
    "X-Forwarded-Host: evil.example",
    "X-Forwarded-Proto: gopher",
    "X-Forwarded-Port: 6666",
    "Forwarded: for=6.6.6.6;host=evil.example;proto=gopher",
)
"""What no client may claim."""


def sent(body: bytes) -> dict[str, str]:
    """The fields that the backend got; none of them may be a claim of the client."""
    lines = (line.partition(":") for line in body.decode().splitlines()[1:])
    fields = {name.lower(): value.strip() for name, _, value in lines}
    assert not [value for value in fields.values() for word in ("6.6.6.6", "evil", "gopher", "6666") if word in value]
    return fields


class Machines:
    """Two proxies that stand for machines."""

    def __init__(self, folder: Path, confdir: Path, rules: str, *, tls: bool, options: Sequence[str]) -> None:
        self._rules, self._options = folder / "rules.yaml", options
        self._rules.write_text(rules)
        self.ports = [(http, https if tls else 0) for http, https in (free_ports(2) for _ in range(2))]
        self.services: list[Service] = []
        for number, ports in enumerate(self.ports):
            listen = [
                f"--listen={scheme}://127.0.0.1:{port}"
                for scheme, port in zip(("http", "https"), ports, strict=True)
                if port
            ]
            command = [RUN_SH, "proxy", str(self._rules), *listen, *options, "--", f"--set=confdir={confdir}"]
            self.services.append(Service(command, folder / f"machine{number}.log"))

    def await_ports(self) -> None:
        for service, ports in zip(self.services, self.ports, strict=True):
            service.await_ports(*filter(None, ports))

    def end(self) -> None:
        for service in self.services:
            service.process.kill()
            service.process.wait()
        for service in self.services:
            service.assert_no_crash()


@contextlib.contextmanager
def machines(folder: Path, confdir: Path, rules: str, *, tls: bool, options: Sequence[str]) -> Iterator[Machines]:
    found = Machines(folder, confdir, rules, tls=tls, options=options)
    try:
        found.await_ports()
        yield found
    except BaseException:
        print(*(service.log for service in found.services), sep="\n---\n")
        raise
    finally:
        found.end()


@contextlib.contextmanager
def haproxy(folder: Path, configuration: str, *ports: int) -> Iterator[Service]:
    file = folder / "haproxy.cfg"
    file.write_text(configuration)
    service = Service([program("haproxy") or "", "-db", "-f", str(file)], folder / "haproxy.log")
    with running(service):
        service.await_ports(*ports)
        yield service


def rules_of(backend: Numbered, http: int, https: int, settings: str = "") -> str:
    rules = RULES.replace("HTTP_PORT", str(http)).replace("HTTPS_PORT", str(https)).replace("SETTINGS", settings)
    return rules.replace("BACKEND", str(backend.port))


def test_haproxy_forwards_tcp_and_no_get_fails_when_a_machine_dies(
    backend: Numbered, confdir: Path, tmp_path: Path, require: Callable[..., None]
) -> None:
    require("haproxy")
    http, https = free_ports(2)
    options = ["--proxy-protocol", "127.0.0.1"]
    with machines(tmp_path, confdir, rules_of(backend, http, https), tls=True, options=options) as found:
        replaced = {"bind :443": f"bind 127.0.0.1:{https}", "bind :80": f"bind 127.0.0.1:{http}"}
        replaced |= {f"10.0.0.1{n}:80": f"127.0.0.1:{ports[0]}" for n, ports in enumerate(found.ports, 1)}
        replaced |= {f"10.0.0.1{n}:443": f"127.0.0.1:{ports[1]}" for n, ports in enumerate(found.ports, 1)}
        # Here the checks are to come too late, so that it is for the connections themselves to find the way.
        replaced["inter 1s fall 2"] = "inter 60s fall 3"
        ca = confdir / "mitmproxy-ca-cert.pem"
        with haproxy(tmp_path, filled("haproxy.cfg", replaced), http, https):
            for port, trust, scheme in ((http, None, "http"), (https, ca, "https")):
                fields = sent(get(port, "/fields", ca=trust).body)
                assert (fields["x-forwarded-for"], fields["x-forwarded-proto"]) == (SOURCE, scheme)
                assert f'href="{scheme}://{HOST}:{port}/x"'.encode() in get(port, "/", ca=trust).body

            for _ in range(10):
                assert get(https, "/", ca=ca).status == 200
            served = [service.log.count("GET http") for service in found.services]
            assert min(served) > 0
            # What is under way at a machine dies with it; at this moment nothing is.
            kill_all(found.services[0])
            statuses = [get(https, "/", ca=ca).status for _ in range(30)]
            assert statuses == [200] * 30


def kill_all(service: Service) -> None:
    """End a machine's process as a fault does."""
    os.kill(service.process.pid, signal.SIGKILL)
    service.process.wait()


def test_haproxy_that_ends_tls_repeats_what_was_under_way_at_a_machine_that_dies(
    backend: Numbered, confdir: Path, tmp_path: Path, require: Callable[..., None]
) -> None:
    require("haproxy")
    http, https = free_ports(2)
    authority = trustme.CA()
    pem, ca = tmp_path / "site.pem", tmp_path / "ca.pem"
    authority.issue_cert(HOST).private_key_and_cert_chain_pem.write_to_path(pem)
    authority.cert_pem.write_to_path(ca)
    rules = rules_of(backend, http, https, "trustedProxies: [127.0.0.1]")
    with machines(tmp_path, confdir, rules, tls=False, options=[]) as found:
        replaced = {"bind :443": f"bind 127.0.0.1:{https}", "bind :80": f"bind 127.0.0.1:{http}"}
        replaced["/etc/haproxy/www.example.com.pem"] = str(pem)
        replaced |= {f"10.0.0.1{n}:80": f"127.0.0.1:{ports[0]}" for n, ports in enumerate(found.ports, 1)}
        replaced["inter 1s fall 2"] = "inter 60s fall 3"
        with haproxy(tmp_path, filled("haproxy-http.cfg", replaced), http, https):
            for port, trust, scheme in ((http, None, "http"), (https, ca, "https")):
                fields = sent(get(port, "/fields", *CLAIMS, ca=trust).body)
                assert (fields["x-forwarded-for"], fields["x-forwarded-proto"]) == (f"{SOURCE}, 127.0.0.1", scheme)
                assert fields["forwarded"] == f'for=127.0.0.1;host="{HOST}:{port}";proto={scheme}'
                assert f'href="{scheme}://{HOST}:{port}/x"'.encode() in get(port, "/", ca=trust).body

            statuses: list[int] = []
            half, failures = threading.Event(), []

            def client() -> None:
                for _ in range(15):
                    try:
                        statuses.append(get(http, "/").status)
                    except (EOFError, OSError) as error:
                        failures.append(repr(error))
                    if len(statuses) > 15:
                        half.set()

            clients = [threading.Thread(target=client) for _ in range(4)]
            for each in clients:
                each.start()
            assert half.wait(60)
            kill_all(found.services[0])
            for each in clients:
                each.join()
            assert failures == []
            assert statuses == [200] * 60


def test_nginx_as_a_cache_answers_without_the_proxy(
    backend: Numbered, confdir: Path, tmp_path: Path, require: Callable[..., None]
) -> None:
    require("nginx")
    http, https, inner = free_ports(3)
    authority = trustme.CA()
    issued, ca = authority.issue_cert(HOST), tmp_path / "ca.pem"
    issued.cert_chain_pems[0].write_to_path(tmp_path / "site.pem")
    issued.private_key_pem.write_to_path(tmp_path / "site.key")
    authority.cert_pem.write_to_path(ca)
    replaced = {
        "/var/cache/nginx/portal": str(tmp_path / "cache"),
        "127.0.0.1:8080": f"127.0.0.1:{inner}",
        "listen 80;": f"listen 127.0.0.1:{http};",
        "listen 443 ssl;": f"listen 127.0.0.1:{https} ssl;",
        "/etc/nginx/www.example.com.pem": str(tmp_path / "site.pem"),
        "/etc/nginx/www.example.com.key": str(tmp_path / "site.key"),
    }
    rules = tmp_path / "rules.yaml"
    rules.write_text(rules_of(backend, http, https, "trustedProxies: [127.0.0.1]"))
    options = [f"--listen=http://127.0.0.1:{inner}", "--", f"--set=confdir={confdir}"]
    proxy = Service([RUN_SH, "proxy", str(rules), *options], tmp_path / "proxy.log")
    with running(proxy), running(_nginx(tmp_path, filled("nginx-cache.conf", replaced))) as nginx:
        proxy.await_ports(inner)
        nginx.await_ports(http, https)

        def ask(scheme: str, path: str, *fields: str) -> tuple[str | None, bytes]:
            secure = scheme == "https"
            found = get(https if secure else http, path, *fields, ca=ca if secure else None)
            assert found.status == 200, found
            return found.header("x-cache-status"), found.body

        for scheme, port in (("http", http), ("https", https)):
            mapped = f'href="{scheme}://{HOST}:{port}/x"'.encode()
            for path, wanted in (("/cached", "HIT"), ("/", "MISS")):
                state, page = ask(scheme, path)
                assert (state, mapped in page) == ("MISS", True)
                before = len(backend.requests)
                state, page = ask(scheme, path)
                assert (state, mapped in page) == (wanted, True)
                assert len(backend.requests) - before == (wanted == "MISS")
        # Another query is another page, and who signs in gets none from the cache.
        assert ask("https", "/cached?id=1")[0] == "MISS"
        assert ask("https", "/cached", "Authorization: Basic eDp5")[0] == "BYPASS"
        fields = sent(ask("https", "/fields", *CLAIMS)[1])
        assert (fields["x-forwarded-for"], fields["x-forwarded-proto"]) == (f"{SOURCE}, 127.0.0.1", "https")
        assert fields["forwarded"] == f'for=127.0.0.1;host="{HOST}:{https}";proto=https'


def _nginx(folder: Path, configuration: str) -> Service:
    """An nginx whose other files are in a folder, and which has one process."""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    file = folder / "nginx.conf"
    file.write_text(
        f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;\n"
        f"events {{}}\nhttp {{ access_log off; {paths}\n{configuration} }}\n"
    )
    return Service([program("nginx") or "", "-p", str(folder), "-c", str(file)], folder / "nginx.log")
