"""`init` without arguments on a terminal: the dialogue through a real one, with a real backend."""

from __future__ import annotations

import gzip
import os
import pty
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from e2e.support.needs import PROJECT
from formats.broken_files import parsed
from urlrewrite.cli import asking
from urlrewrite.cli.main import main

PAGE = """<a href="http://localhost:PORT/a">A</a> <a href="http://otherhost:8080/b">B</a>
<script>fetch("/api/pages"); new WebSocket("ws://localhost:PORT/live")</script>"""


class Page(BaseHTTPRequestHandler):
    """A page of an application that knows nothing of a proxy."""

    def do_GET(self) -> None:
        body = gzip.compress(PAGE.replace("PORT", str(self.server.server_port)).encode())  # type: ignore[attr-defined]
        self.send_response(200)
        for name, value in (("Content-Type", "text/html"), ("Content-Encoding", "gzip"), ("Set-Cookie", "s=1; Path=/")):
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def talk(answers: dict[str, str], folder: Path) -> str:
    """What `init` prints on a terminal on which each question, found by its words, gets its answer once."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-P", "-m", "urlrewrite.cli.main", "init"]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT / "addons"), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(command, cwd=folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    left, printed, since = dict(answers), "", 0
    while True:
        try:
            printed += os.read(ours, 4096).decode()
        except OSError:  # the other end is closed
            break
        for question in [question for question in left if question in printed[since:] and printed.endswith("]: ")]:
            since = len(printed)
            os.write(ours, f"{left.pop(question)}\n".encode())
    os.close(ours)
    process.wait(30)
    assert not left, printed
    return printed


def test_a_backend_is_looked_at_and_its_rules_written(port: int, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    answers = {
        "Public name": "https://www.example.com/app",
        "Backend": f"http://localhost:{port}",
        "Which": "",
        "File": "app.yaml",
        "Start it now": "n",
    }
    told = talk(answers, tmp_path)
    for words in (
        "It answers 200 OK.",
        "compressed (gzip)",
        "calls itself http://otherhost:8080, too",
        "are mapped",
        "1 cookie is made true",
        "begin with /api",
        "opens WebSockets",
    ):
        assert words in told
    written = parsed((tmp_path / "app.yaml").read_text(encoding="utf-8"))
    assert written == {
        "public": "https://www.example.com/app",
        "backend": f"http://localhost:{port}",
        "backendNames": ["http://otherhost:8080"],
        "rootPaths": ["/api"],
        "links": "everywhere",
    }
    assert main(["check", str(tmp_path / "app.yaml")]) == 0, capsys.readouterr().out


def answering(monkeypatch: pytest.MonkeyPatch, *answers: str) -> None:
    left = iter(answers)
    monkeypatch.setattr("builtins.input", lambda _: next(left))


RESOLVE = socket.getaddrinfo


def resolve(host: object, *rest: object, **more: object) -> object:
    """All names but one."""
    if host == "privateserver":
        raise socket.gaierror("no such name")
    return RESOLVE(host, *rest, **more)  # type: ignore[arg-type]


def test_answers_that_cannot_be_are_asked_for_again(
    port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("there.yaml").write_text("kept", encoding="utf-8")
    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    backend = "http://privateserver:8080"
    answering(
        monkeypatch,
        *("www.example.com", "https://www.example.com"),  # an address begins with its scheme
        *("https://www.example.com", backend),  # the proxy would ask itself
        *("nowhere", f"127.0.0.1:{port}"),  # the name does not resolve
        *("5", "3"),
        *("there.yaml", "n", ".", "new.yaml", "y"),
    )
    started: list[list[str]] = []
    assert asking.ask(lambda arguments: started.append(arguments) or 0) == 0
    told = capsys.readouterr().out
    for words in (
        'got "www.example.com"',
        "would ask itself",
        "does not resolve",
        "expected host:port",
        "one of 1, 2, 3",
    ):
        assert words in told
    assert started == [["web", "new.yaml"]]
    assert Path("there.yaml").read_text(encoding="utf-8") == "kept"
    written = parsed(Path("new.yaml").read_text(encoding="utf-8"))
    assert {key: written[key] for key in ("public", "backend", "connect", "links")} == {
        "public": "https://www.example.com",
        "backend": backend,
        "connect": f"127.0.0.1:{port}",
        "links": "off",
    }
    assert main(["check", "new.yaml"]) == 0


def test_a_backend_that_is_away_gets_its_file_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    answering(monkeypatch, "https://www.example.com", f"http://127.0.0.1:{port}", "2", "away.yaml", "n")
    assert asking.ask(lambda _: 1) == 0
    assert "does not answer" in capsys.readouterr().out
    assert parsed(Path("away.yaml").read_text(encoding="utf-8"))["links"] == "tags"
    assert main(["check", "away.yaml"]) == 0


def test_leaving_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def leave(_: str) -> str:
        raise EOFError

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("builtins.input", leave)
    assert asking.ask(lambda _: 0) == 1
    assert not [*tmp_path.iterdir()]
