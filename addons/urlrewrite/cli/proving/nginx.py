"""nginx as it is installed, with a prefix of its own, at free ports of the loopback."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from urlrewrite.cli.proving.echo import HOST, Echoes
from urlrewrite.export.nginx.server import PROGRAM, Exported
from urlrewrite.model import Site
from urlrewrite.model.origin import Origin

_PLACES = "/usr/sbin:/usr/local/sbin:/sbin"
_PATIENCE = 20.0
_PAUSE = 0.02


class NotProvedError(Exception):
    """Raised where nothing can be proved; the message, one line, says what is missing, or what the server said."""


@dataclass(frozen=True, slots=True)
class Program:
    """nginx and its module for njs, None where that is not installed."""

    nginx: str
    module: Path | None


def find_nginx() -> Program:
    """Return what is installed.

    Raises:
        NotProvedError: there is no nginx.
    """
    found = shutil.which("nginx") or shutil.which("nginx", path=_PLACES)
    if found is None:
        raise NotProvedError("not proved: there is no nginx here; apt-get install nginx libnginx-mod-http-js")
    said = subprocess.run([found, "-V"], capture_output=True, text=True, check=False).stderr
    modules = re.search(r"--modules-path=(\S+)", said)
    module = Path(modules[1] if modules else "/usr/lib/nginx/modules", "ngx_http_js_module.so")
    return Program(found, module if module.exists() else None)


@dataclass
class Loopback:
    """Free ports in place of those of the rules, and echoes in place of the backends: all that is edited."""

    echoes: Echoes
    files: tuple[Path, Path]
    ports: dict[int, int] = field(default_factory=dict)
    schemes: dict[int, str] = field(default_factory=dict)

    def listen(self, scheme: str, port: int) -> str:
        if port not in self.ports:
            with socket.socket() as free:
                free.bind((HOST, 0))
                self.ports[port] = free.getsockname()[1]
                self.schemes[port] = scheme
        return f"{HOST}:{self.ports[port]}"

    def dial(self, host: str, port: int, origin: Origin) -> str:
        return self.echoes.address(str(origin))

    def certificate(self, site: Site | None) -> tuple[str, str]:
        return str(self.files[0]), str(self.files[1])

    def authority(self, file: str) -> str:
        return str(self.files[0])


def write_prefix(folder: Path, exported: Exported, program: Program) -> None:
    """Write a prefix for nginx: what was exported, and a main file around it."""
    if exported.program and program.module is None:
        raise NotProvedError("not proved: nginx has no njs here; apt-get install libnginx-mod-http-js")
    lines = ["daemon off;", "master_process off;", "worker_processes 1;", "pid nginx.pid;", "error_log error.log;"]
    if exported.program:
        lines.insert(0, f'load_module "{program.module}";')
    temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    http = ["access_log off;", *(f"{name}_temp_path {name};" for name in temporary)]
    http += ["variables_hash_max_size 16384;", "include urlrewrite.conf;"]
    text = [*lines, "events { worker_connections 512; }", "http {", *(f"    {line}" for line in http), "}", ""]
    (folder / "nginx.conf").write_text("\n".join(text), encoding="utf-8")
    (folder / "urlrewrite.conf").write_text(exported.configuration, encoding="utf-8")
    if exported.program:
        (folder / PROGRAM).write_text(exported.program, encoding="utf-8")


@contextmanager
def running(folder: Path, program: Program, port: int) -> Iterator[None]:
    """Check the configuration of a prefix and run nginx with it, until it listens at the port.

    Raises:
        NotProvedError: nginx refuses it, or does not start.
    """
    command = [program.nginx, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
    tested = subprocess.run([*command, "-t"], capture_output=True, text=True, timeout=60, check=False)
    if tested.returncode:
        raise NotProvedError(f"not proved: nginx refuses the configuration: {_first_line(tested.stderr)}")
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            until = time.monotonic() + _PATIENCE
            while not _listens(port):
                if process.poll() is not None or time.monotonic() > until:
                    said = (folder / "error.log").read_text(encoding="utf-8", errors="replace")
                    raise NotProvedError(f"not proved: nginx does not start: {_first_line(said)}")
                time.sleep(_PAUSE)
            yield
        finally:
            process.terminate()


def _first_line(text: str) -> str:
    lines = [line for line in text.splitlines() if "[emerg]" in line or "[alert]" in line] or text.splitlines()
    return lines[0].strip() if lines else "it says nothing"


def _listens(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), 1).close()
    except OSError:
        return False
    return True
