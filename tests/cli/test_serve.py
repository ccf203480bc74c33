"""serve.py and preflight.py: what is refused before a start, what mitmproxy is given, and how it is stopped."""

from __future__ import annotations

import argparse
import contextlib
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import argon2
import pytest

from urlrewrite.cli import children, preflight, serve
from urlrewrite.cli.preflight import Listener, StartError

ADDONS = Path(serve.__file__).parents[2]


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.mark.parametrize(
    ("url", "scheme", "host", "port"),
    [
        ("http://:8080", "http", "", 8080),
        ("https://127.0.0.1:8443", "https", "127.0.0.1", 8443),
        ("https://[::1]:8443/", "https", "::1", 8443),
    ],
)
def test_listen_urls(url: str, scheme: str, host: str, port: int) -> None:
    listener = preflight.parse_listener(url)
    assert (listener.scheme, listener.host, listener.port) == (scheme, host, port)
    assert listener.url == url.rstrip("/")


WANTED = "expected http://HOST:PORT or https://HOST:PORT"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", WANTED),
        ("8443", WANTED),
        ("localhost:8443", WANTED),
        ("https://localhost", WANTED),
        ("ftp://:21", WANTED),
        ("https://:0", WANTED),
        ("https://:1/path", WANTED),
        ("https://:1?query", WANTED),
        ("https://user@:1", WANTED),
        ("https://:99999", "Port out of range 0-65535"),
        ("https://:x", "Port could not be cast to integer value as 'x'"),
        ("https://[::1:8443", "Invalid IPv6 URL"),
    ],
)
def test_listen_urls_that_mean_nothing(url: str, why: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError) as raised:
        preflight.parse_listener(url)
    assert str(raised.value) == f"{url}: {why}"


def test_free_ports_pass_and_stay_free(free: int) -> None:
    listeners = [Listener("https", "127.0.0.1", free, "--port")]
    preflight.require_free(listeners)
    preflight.require_free(listeners)


def test_a_taken_port_names_its_option(taken: int) -> None:
    with pytest.raises(StartError, match=rf"^port {taken} on 127.0.0.1 is taken; choose another with --web-port$"):
        preflight.require_free([Listener("http", "127.0.0.1", taken, "--web-port")])


def test_a_port_taken_on_one_address_is_taken_on_all(taken: int) -> None:
    with pytest.raises(StartError, match=rf"^port {taken} is taken; choose another with --listen$"):
        preflight.require_free([Listener("http", "", taken, "--listen")])


def test_http3_needs_the_udp_port(free: int) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", free))
        preflight.require_free([Listener("http", "127.0.0.1", free, "--http-port")])
        with pytest.raises(StartError, match="--port"):
            preflight.require_free([Listener("https", "127.0.0.1", free, "--port")])


def test_two_options_with_one_port(free: int) -> None:
    listeners = [Listener("http", "127.0.0.1", free, option) for option in ("--port", "--web-port")]
    with pytest.raises(StartError, match="--web-port"):
        preflight.require_free(listeners)


def test_an_address_of_another_machine() -> None:
    with pytest.raises(StartError, match=r"^port 8443 on 192\.0\.2\.1: .+; change --listen$"):
        preflight.require_free([preflight.parse_listener("http://192.0.2.1:8443")])


def test_rule_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").touch()
    assert preflight.require_files(["a.yaml"]) == [tmp_path / "a.yaml"]
    for name in ("b.yaml", "."):
        with pytest.raises(StartError, match=rf"^rule file {name}: .+ as RULES$"):
            preflight.require_files(["a.yaml", name])


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["proxy", "missing.yaml"], "run.sh proxy: rule file missing.yaml: No such file or directory; "),
        (["web", "missing.yaml", "--", "-v"], "run.sh web: rule file missing.yaml: No such file or directory; "),
        (["demo", "--web-port", "{taken}"], "run.sh demo: port {taken} on 127.0.0.1 is taken; "),
        (["proxy", "{file}", "--listen", "https://127.0.0.1:{taken}"], "run.sh proxy: port {taken} on 127.0.0.1 is "),
        (
            ["web", "{file}", "--listen", "http://:{free}", "--web-port", "{taken}"],
            "run.sh web: port {taken} on 127.0.0.1 is taken; ",
        ),
        (
            ["proxy", "{file}", "--backend", "b:80"],
            'run.sh proxy: --backend: got "b:80", expected http:// or https:// ',
        ),
        (["web", "{file}", "--public", "www"], 'run.sh web: --public: got "www", expected http:// or https:// and a '),
    ],
)
def test_a_start_that_cannot_be_is_told_in_one_line(
    arguments: list[str],
    wanted: str,
    taken: int,
    free: int,
    tmp_path: Path,
    free_ports: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "rules.yaml"
    file.touch()
    filled = [argument.format(taken=taken, free=free, file=file) for argument in arguments]
    code = 2 if "--backend" in arguments or "--public" in arguments else 1
    assert serve.main(filled + (free_ports if arguments[0] == "demo" else [])) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(wanted.format(taken=taken))
    assert err.count("\n") == 1


@pytest.fixture
def free_ports() -> list[str]:
    options = ("--port", "--http-port", "--backend-port")
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in options]
        ports = [str(server.getsockname()[1]) for server in servers]
    return [word for pair in zip(options, ports, strict=True) for word in pair]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The command lines of what this process would become."""
    found: list[list[str]] = []

    def execv(program: str, arguments: list[str]) -> None:
        assert program == arguments[0]
        found.append(arguments)
        raise SystemExit

    monkeypatch.setattr("os.execv", execv)
    return found


def test_proxy_becomes_mitmdump(tmp_path: Path, free: int, started: list[list[str]]) -> None:
    rules = tmp_path / "r.yaml"
    rules.touch()
    with pytest.raises(SystemExit):
        serve.main(["proxy", str(rules), "--listen", f"https://127.0.0.1:{free}", "--", "--set", "http2=false"])
    [arguments] = started
    assert Path(arguments[0]) == Path(sys.executable).parent / "mitmdump"
    assert arguments[1:] == [
        *serve.CORE_OPTIONS,
        f"--scripts={ADDONS / 'reverse.py'}",
        f"--set=urlrewrite_rules={rules}",
        f"--set=urlrewrite_listen=https://127.0.0.1:{free}",
        "--set",
        "http2=false",
    ]


GIVEN = [
    ([], []),
    (
        ["--public", "https://www.example.com/", "--public", "http://www.example.com", "--backend", "http://[::1]:80"],
        ["public=https://www.example.com", "public=http://www.example.com", "backend=http://[::1]"],
    ),
    (["--links", "tags", "--mode", "iis"], ["links=tags", "mode=iis"]),
    (
        ["--proxy-protocol", "10.0.0.7", "--proxy-protocol", "2001:DB8::/32"],
        ["proxy_protocol=10.0.0.7/32", "proxy_protocol=2001:db8::/32"],
    ),
    (["--workers", "1"], []),
]


@pytest.mark.parametrize(("given", "settings"), GIVEN)
def test_what_the_rule_files_leave_open_is_handed_on(
    given: list[str], settings: list[str], tmp_path: Path, free: int, started: list[list[str]]
) -> None:
    rules = tmp_path / "web.config"
    rules.touch()
    with pytest.raises(SystemExit):
        serve.main(["proxy", str(rules), "--listen", f"http://127.0.0.1:{free}", *given, "--", "--set=x=y"])
    handed_on = [word.removeprefix("--set=urlrewrite_") for word in started[0] if "--set=urlrewrite_" in word]
    assert handed_on == [f"rules={rules}", f"listen=http://127.0.0.1:{free}", *settings]
    assert started[0][-1] == "--set=x=y"


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("--workers", "0", "1 to 64"),
        ("--workers", "65", "1 to 64"),
        ("--workers", "two", "1 to 64"),
        ("--proxy-protocol", "10.0.0.1/8", "10.0.0.0/8"),
        ("--proxy-protocol", "balancer.lan", "10.0.0.0/8"),
    ],
)
def test_values_that_mean_nothing(option: str, value: str, expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        serve.main(["proxy", "r.yaml", option, value])
    assert raised.value.code == 2
    assert expected in capsys.readouterr().err


def test_where_ports_cannot_be_shared_one_worker_runs_and_it_is_said_why(
    tmp_path: Path,
    free: int,
    started: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rules = tmp_path / "r.yaml"
    rules.touch()
    monkeypatch.setattr("sys.platform", "darwin")
    with pytest.raises(SystemExit):
        serve.main(["proxy", str(rules), "--listen", f"http://127.0.0.1:{free}", "--workers", "4"])
    assert not any("urlrewrite_worker" in word for word in started[0])
    err = capsys.readouterr().err
    assert err.startswith(
        "run.sh proxy: one worker runs: only Linux spreads connections over the processes that share "
    )
    assert err.endswith("this is darwin\n")
    assert err.count("\n") == 1


def test_the_token_of_mitmweb_is_given_as_a_hash() -> None:
    options, address = serve.web_options(8081, [])
    token = address.removeprefix("http://127.0.0.1:8081/?token=")
    [password] = [option for option in options if "web_password" in option]
    assert token not in password
    assert argon2.PasswordHasher().verify(password.removeprefix("--set=web_password="), token)


def test_an_own_password_for_mitmweb_stands() -> None:
    options, address = serve.web_options(8081, ["--set", "web_password=secret"])
    assert address == "http://127.0.0.1:8081/"
    assert not any("web_password" in option for option in options)


def test_demo_rules_follow_the_ports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "public: [{}, {}]\nbackend: http://privateserver:8080\nconnect: {}\n"
    original = tmp_path / "rules" / "default.yaml"
    original.parent.mkdir()
    original.write_text(text.format("https://localhost:8443", "http://localhost:8080", "127.0.0.1:8090"))
    monkeypatch.setattr(serve, "PROJECT", tmp_path)
    with serve.demo_rules(8443, 8080, 8090) as rules:
        assert rules == original
    original.write_text("servers: ['127.0.0.1:8090', '127.0.0.1:8091', '127.0.0.1:8093']")
    with serve.demo_rules(8443, 8080, 7000) as rules:
        assert rules.read_text() == "servers: ['127.0.0.1:7000', '127.0.0.1:7001', '127.0.0.1:7003']"
    original.write_text(text.format("https://localhost:8443", "http://localhost:8080", "127.0.0.1:8090"))
    with serve.demo_rules(8080, 8090, 1) as rules:
        assert rules.read_text() == text.format("https://localhost:8080", "http://localhost:8090", "127.0.0.1:1")
    assert not rules.exists()


# supervise() puts signal handlers in place, so it runs in a process of its own, with a small server for mitmproxy.
SERVER = "import socket, signal; s = socket.create_server(('127.0.0.1', {port})); {then}"
SUPERVISOR = """
import sys
from urlrewrite.cli import children
from urlrewrite.cli import preflight
listener = preflight.Listener("http", "127.0.0.1", int(sys.argv[1]), "--port")
try:
    sys.exit(children.supervise([sys.executable, "-c", sys.argv[2]], [listener], "ready"))
except preflight.StartError as problem:
    sys.exit(f"told: {problem}")
"""


@pytest.fixture
def supervise(free: int) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def start(server: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", SUPERVISOR, str(free), server.replace("{port}", str(free))],
            env={"PYTHONPATH": str(ADDONS)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_ends_the_child_and_is_no_failure(supervise: Callable[[str], subprocess.Popen[str]], how: int) -> None:
    process = supervise(SERVER.replace("{then}", "signal.pause()"))
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(how)
    assert process.communicate(timeout=10) == ("", "")
    assert process.returncode == 0


def test_a_second_signal_kills_the_child(supervise: Callable[[str], subprocess.Popen[str]]) -> None:
    deaf = "signal.signal(signal.SIGTERM, lambda *_: print('deaf', flush=True))"
    process = supervise(SERVER.replace("{then}", deaf) + "\nwhile True: signal.pause()")
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    assert process.stdout.readline() == "deaf\n"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "seconds"),
    [([], 35), (["--set", "urlrewrite_drain=5"], 10), (["--set=urlrewrite_drain=5", "--set=urlrewrite_drain=0"], 5)],
)
def test_a_child_has_as_long_as_requests_under_way_and_some_to_spare(arguments: list[str], seconds: float) -> None:
    assert children.stop_within(arguments) == seconds


@pytest.mark.parametrize(
    ("server", "out"),
    [("raise SystemExit(3)", ""), (SERVER.replace("{then}", "s.accept(); raise SystemExit(3)"), "ready\n")],
)
def test_a_child_that_ends_by_itself_is_reported(
    supervise: Callable[[str], subprocess.Popen[str]], server: str, out: str
) -> None:
    process = supervise(server)
    name = Path(sys.executable).name
    assert process.communicate(timeout=10) == (out, f"told: {name} ended with exit code 3: see above\n")
    assert process.returncode == 1
