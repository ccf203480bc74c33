"""The proxy as a service, as a user starts it: stopped in good order, with a renewed certificate, out of room."""

from __future__ import annotations

import contextlib
import re
import resource
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme
from cryptography import x509

from damaged_pem import DAMAGED
from e2e.support import http1
from e2e.support.needs import PROJECT, program, require
from e2e.support.service import RUN_SH, Service, accepts, free_ports, running
from e2e.support.waiting import until

pytestmark = pytest.mark.e2e

MITMDUMP = str(Path(sys.executable).parent / "mitmdump")
REVERSE = str(PROJECT / "addons" / "reverse.py")
BODY = b"the whole of it"
RULES = "public: [http://localhost:{port}, https://localhost:{port}]\nbackend: http://127.0.0.1:{backend}\nlinks: off\n"


class SlowBackend:
    """Responds once `answers` is set; `asked` counts requests."""

    def __init__(self) -> None:
        self.answers = threading.Event()
        self.asked = 0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            while connection.recv(65536):
                self.asked += 1
                self.answers.wait()
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY))

    def close(self) -> None:
        self.answers.set()
        # So that the thread that waits for a connection wakes up.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def backend() -> Iterator[SlowBackend]:
    made = SlowBackend()
    yield made
    made.close()


@pytest.fixture
def start(backend: SlowBackend, tmp_path: Path) -> Iterator[Callable[..., tuple[Service, int]]]:
    """Starts the proxy in one of the ways in which it can be started; the service and its port."""
    with contextlib.ExitStack() as closing:

        def begin(
            how: str = "mitmdump",
            *more: str,
            rules: str = "",
            scheme: str = "http",
            confdir: bool = True,
            wait: bool = True,
        ) -> tuple[Service, int]:
            port, web = free_ports(2)
            file = tmp_path / "rules.yaml"
            file.write_text(RULES.format(port=port, backend=backend.port) + rules)
            listen = f"{scheme}://127.0.0.1:{port}"
            settings = [*([f"--set=confdir={tmp_path / 'conf'}"] if confdir else []), *more]
            commands = {
                "mitmdump": [MITMDUMP, "--no-server", "-s", REVERSE, "--set", f"urlrewrite_rules={file}"],
                "proxy": [RUN_SH, "proxy", str(file), "--listen", listen, "--"],
                "workers": [RUN_SH, "proxy", str(file), "--workers", "2", "--listen", listen, "--"],
                "web": [RUN_SH, "web", str(file), "--listen", listen, "--web-port", str(web), "--"],
            }
            if how == "mitmdump":
                settings.append(f"--set=urlrewrite_listen={listen}")
            home = None if confdir else {"HOME": str(tmp_path)}
            made = Service([*commands[how], *settings], tmp_path / "log", home)
            service = closing.enter_context(running(made))
            if wait:
                service.await_ports(port, *([web] if how == "web" else []))
            return service, port

        yield begin


def ask(connection: http1.Connection, port: int) -> None:
    connection.send(b"GET / HTTP/1.1\r\nHost: localhost:%d\r\n\r\n" % port)


WAYS = [
    ("mitmdump", signal.SIGTERM),
    ("mitmdump", signal.SIGINT),
    ("proxy", signal.SIGTERM),
    pytest.param(
        "workers",
        signal.SIGTERM,
        marks=pytest.mark.skipif(sys.platform != "linux", reason="only Linux spreads connections over listeners"),
    ),
    ("web", signal.SIGINT),
]


@pytest.mark.parametrize(("how", "signalled"), WAYS)
def test_what_is_under_way_ends_and_the_exit_code_is_0(
    how: str, signalled: signal.Signals, start: Callable[..., tuple[Service, int]], backend: SlowBackend
) -> None:
    service, port = start(how)
    with http1.connect(port) as first, http1.connect(port) as second:
        for connection in (first, second):
            ask(connection, port)
        until(lambda: backend.asked == 2, lambda: service.log)
        service.stopped = True
        service.process.send_signal(signalled)
        until(lambda: not accepts(port), "the end of its listener")
        assert service.process.poll() is None
        backend.answers.set()
        for connection in (first, second):
            response = connection.read()
            assert (response.status, response.body, response.header("connection")) == (200, BODY, "close")
            assert connection.closed()
    assert service.process.wait(30) == 0, service.log


def test_a_second_signal_stops_at_once(start: Callable[..., tuple[Service, int]], backend: SlowBackend) -> None:
    service, port = start()
    with http1.connect(port) as connection:
        ask(connection, port)
        until(lambda: backend.asked == 1, lambda: service.log)
        service.stopped = True
        service.process.send_signal(signal.SIGTERM)
        until(lambda: not accepts(port), "the end of its listener")
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(20) == 0, service.log
        assert not backend.answers.is_set()
        # It may be told that there is no response before its connection is closed.
        assert connection.rest()[:12] in (b"", b"HTTP/1.1 502", b"HTTP/1.1 503")


def issue(file: Path) -> int:
    made = trustme.CA().issue_cert("localhost")
    file.write_bytes(made.private_key_and_cert_chain_pem.bytes())
    return x509.load_pem_x509_certificate(made.cert_chain_pems[0].bytes()).serial_number


def serial(port: int) -> int:
    """The serial number of the certificate that is served."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", port)) as raw,
        context.wrap_socket(raw, server_hostname="localhost") as tls,
    ):
        return x509.load_der_x509_certificate(tls.getpeercert(True) or b"").serial_number


@pytest.mark.parametrize("confdir", [False, True])
def test_the_first_connection_gets_the_certificate_of_its_site(
    confdir: bool, start: Callable[..., tuple[Service, int]], tmp_path: Path
) -> None:
    first = issue(tmp_path / "site.pem")
    _, port = start(rules="certificate: site.pem\n", scheme="https", confdir=confdir)
    assert serial(port) == first


def test_a_renewed_certificate_is_served_without_a_restart(
    start: Callable[..., tuple[Service, int]], tmp_path: Path
) -> None:
    file = tmp_path / "site.pem"
    first = issue(file)
    service, port = start(rules="certificate: site.pem\n", scheme="https")
    assert serial(port) == first
    second = issue(file)
    until(lambda: serial(port) == second, "the renewed one")
    file.write_bytes(file.read_bytes()[:500])
    service.await_log(r"certificate \S+site\.pem of localhost: got .*; the last good certificate stays")
    assert serial(port) == second


UNUSABLE = [
    (
        "certificate: {file}",
        "not in base64",
        r'rules\.yaml:4: site "rules", certificate: got "{file}" with a damaged cert',
    ),
    ("tls: {{ca: {file}}}", "not in DER", r'rules\.yaml:4: site "rules", tls\.ca: got "{file}" with a damaged cert'),
    (
        "tls: {{certificate: {file}}}",
        "another's key",
        r"tls\.certificate: got \"{file}\" with a private key that is not",
    ),
    (
        "certificate: {file}",
        "a key with a passphrase",
        r"certificate {file} of localhost: got a private key with a pass",
    ),
]


@pytest.mark.parametrize(("setting", "how", "told"), UNUSABLE, ids=[f"{row[0]} {row[1]}" for row in UNUSABLE])
def test_with_a_damaged_file_it_does_not_start(
    setting: str, how: str, told: str, start: Callable[..., tuple[Service, int]], tmp_path: Path
) -> None:
    file = tmp_path / "site.pem"
    issue(file)
    file.write_bytes(DAMAGED[how][0](file.read_bytes()))
    # It ended in a fault of memory where listeners of QUIC were just being opened; not each time.
    for _ in range(2):
        service, port = start(rules=f"{setting.format(file=file)}\n", scheme="https", wait=False)
        service.stopped = True
        assert service.process.wait(60) == 1, service.log
        assert re.search(told.format(file=re.escape(str(file))), service.log), service.log
        assert "listening at" not in service.log
        assert not accepts(port)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a disk that is full: Linux")
def test_a_full_disk_does_not_end_it(start: Callable[..., tuple[Service, int]], backend: SlowBackend) -> None:
    backend.answers.set()
    service, port = start("mitmdump", "-w", "/dev/full")
    with http1.connect(port) as connection:
        for _ in range(3):
            ask(connection, port)
            assert connection.read().body == BODY
    service.await_log("flows cannot be written to /dev/full")
    assert service.log.count("cannot be written") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="limits of another process are Linux's")
def test_out_of_descriptors_is_told_once_and_it_goes_on(
    start: Callable[..., tuple[Service, int]], backend: SlowBackend
) -> None:
    backend.answers.set()
    service, port = start()
    pid = service.process.pid
    with http1.connect(port) as connection:
        ask(connection, port)
        assert connection.read().status == 200
    used = len([*Path(f"/proc/{pid}/fd").iterdir()])
    _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + 10, hard))
    with contextlib.ExitStack() as many:
        for _ in range(40):
            many.enter_context(socket.create_connection(("127.0.0.1", port)))
        service.await_log("no connection can be accepted: Too many open files")
        length = len(service.log)
    service.await_log("connections are accepted again")
    with http1.connect(port) as connection:
        ask(connection, port)
        assert connection.read().status == 200
    assert service.log.count("no connection can be accepted") == 1
    assert len(service.log) < length + 20_000
    assert "Traceback" not in service.log


def test_the_unit_is_one_that_systemd_understands(tmp_path: Path) -> None:
    require("systemd-analyze")
    unit = (PROJECT / "rules" / "guides" / "urlrewrite.service").read_text("utf-8")
    # systemd looks for the program, and knows the user.
    unit = unit.replace("/opt/mitm-urlrewrite/", f"{PROJECT}/").replace("User=urlrewrite", "User=root")
    file = tmp_path / "urlrewrite.service"
    file.write_text(unit)
    found = subprocess.run(
        [str(program("systemd-analyze")), "verify", str(file)], capture_output=True, text=True, check=False
    )
    assert (found.returncode, [line for line in found.stderr.splitlines() if "urlrewrite" in line]) == (0, [])
    # So that systemd does not kill it while requests are under way.
    seconds = re.search(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)
    assert seconds
    assert int(seconds[1]) > 35
