"""run.sh, the one door: which Python it takes, what it installs and when, what it says when something is missing.

The tests of set-up copy run.sh into a small project without requirements, so that no package index is asked, and give
it a PATH of their own.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from e2e.support import http1, http2, http3
from e2e.support.demo import running_demo
from e2e.support.needs import PROJECT
from e2e.support.service import RUN_SH, Service, accepts, free_ports, running

pytestmark = pytest.mark.e2e

REAL_PYTHON = str(Path(sys.base_prefix) / "bin" / "python3")
TOOLS = "bash cat cksum cp dirname env find flock id ln mkdir mv readlink rm sed sort tail".split()
CLI = 'import os, sys; print("cli", os.getcwd(), *sys.argv[1:])\n'

TOO_OLD = "echo 3.6; exit 1"
FAILING_SHIM = 'echo "pyenv: $0: command not found" >&2; exit 127'
BROKEN = {
    "python3.14": FAILING_SHIM,
    "python3.13": "echo Welcome to Python!",
    "python3.12": "echo python wherever",
    "python3": TOO_OLD,
    "python": "\x00\x01",
}


@dataclass(frozen=True)
class Project:
    """A project of run.sh's own, with a command line that tells where it runs and with what."""

    root: Path
    path: Path
    home: Path

    def put(self, name: str, script: str) -> None:
        """Put a program on the PATH."""
        write_script(self.path / name, script)

    def start(self, *arguments: str, cwd: Path | None = None, **env: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [self.root / "run.sh", *arguments],
            cwd=cwd or self.home,
            env={"PATH": str(self.path), "HOME": str(self.home), "LANG": "C.UTF-8", **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, cwd: Path | None = None, **env: str) -> tuple[int, str, str]:
        """Return exit code, standard output and standard error."""
        process = self.start(*arguments, cwd=cwd, **env)
        out, err = process.communicate(timeout=100)
        return process.returncode, out, err


def write_script(path: Path, script: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(script if script.startswith("\x00") else f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def python_script() -> str:
    """A Python that runs, but makes an environment in no time: a link to the real one."""
    return f"""case "$*" in
      *"import ensurepip"*) echo "python $0" ;;
      *"-m venv --clear "*) rm -rf "$5"; mkdir -p "$5/bin"; ln -s '{REAL_PYTHON}' "$5/bin/python" ;;
      *) exec '{REAL_PYTHON}' "$@" ;;
    esac"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    root = tmp_path / "the project"
    package = root / "addons" / "urlrewrite" / "cli"
    package.mkdir(parents=True)
    (package / "main.py").write_text(CLI)
    shutil.copy(RUN_SH, root)
    for name in ("requirements.txt", "requirements-speed.txt"):
        (root / name).write_text("# nothing\n")
    path, home = tmp_path / "bin", tmp_path / "home"
    path.mkdir()
    home.mkdir()
    for tool in TOOLS:
        if found := shutil.which(tool):
            (path / tool).symlink_to(found)
    return Project(root, path, home)


@pytest.fixture
def ready(project: Project) -> Project:
    """A project whose first run is over."""
    project.put("python3", python_script())
    code, _, err = project.run("check")
    assert code == 0, err
    return project


# --- which Python


def test_broken_pythons_do_not_fool_it(project: Project) -> None:
    for name, script in BROKEN.items():
        project.put(name, script)
    versions = project.home / ".pyenv" / "versions"
    write_script(versions / "3.99.0" / "bin" / "python", TOO_OLD)
    (versions / "3.12.0" / "bin").mkdir(parents=True)
    (versions / "3.12.0" / "bin" / "python").symlink_to(REAL_PYTHON)
    assert project.run("check", "a.yaml", PYTHON=str(project.path / "python3")) == (
        0,
        f"cli {project.home} check a.yaml\n",
        "run.sh: setting up .venv from requirements.txt ...\n",
    )
    assert (project.root / ".venv" / "bin" / "pip").exists()


def test_every_python_on_the_path_is_tried(project: Project, tmp_path: Path) -> None:
    project.put("python3", FAILING_SHIM)
    write_script(tmp_path / "later" / "python3", python_script())
    code, _, err = project.run("check", PATH=f"{project.path}:{tmp_path / 'later'}")
    assert code == 0, err


def test_a_python_named_in_the_environment_comes_first(project: Project, tmp_path: Path) -> None:
    project.put("python3", "exec >/dev/null; touch asked; exit 1")
    write_script(tmp_path / "mine", python_script())
    code, _, err = project.run("check", PYTHON=str(tmp_path / "mine"))
    assert code == 0, err
    assert not (project.home / "asked").exists()


def test_uv_is_asked_last(project: Project, tmp_path: Path) -> None:
    write_script(tmp_path / "pythons", python_script())
    project.put("uv", f'[ "$1 $2" = "python find" ] && echo "{tmp_path}/pythons"')
    code, _, err = project.run("check")
    assert code == 0, err


def test_no_python_at_all(project: Project) -> None:
    project.put("python3", TOO_OLD)
    code, out, err = project.run("check")
    assert (code, out) == (1, "")
    assert "run.sh: needs Python 3.12 or newer" in err
    assert "python3-venv" in err
    assert not (project.root / ".venv").exists()


# --- what is installed, and when


def test_the_second_run_is_quick_and_quiet(ready: Project) -> None:
    """It starts a few small programs and no Python but the one that it hands over to."""
    started = ready.home / "started"
    for tool in [*TOOLS, "python3"]:
        if tool != "bash" and (real := shutil.which(tool)):
            (ready.path / tool).unlink()
            ready.put(tool, f"echo {tool} >>'{started}'; exec '{real}' \"$@\"")
    assert ready.run("check") == (0, f"cli {ready.home} check\n", "")
    programs = started.read_text().split()
    assert set(programs) <= {"dirname", "readlink", "cat", "cksum"}
    assert len(programs) < 8


def test_what_can_be_done_without_is_tried_once(ready: Project) -> None:
    (ready.root / "requirements-speed.txt").write_text("./absent-1-py3-none-any.whl\n")
    code, _, err = ready.run("check")
    assert (code, err.count("\n")) == (0, 1)
    assert err.startswith("run.sh: no requirements-speed.txt for this Python (see .cache/quicker.log)")
    assert ready.run("check")[2] == ""


def test_changed_requirements_are_installed(ready: Project) -> None:
    (ready.root / "requirements.txt").write_text("# nothing, differently\n")
    assert ready.run("check")[2] == "run.sh: setting up .venv from requirements.txt ...\n"
    assert ready.run("check")[2] == ""


def test_a_failed_install_is_shown_and_not_taken_for_done(ready: Project) -> None:
    (ready.root / "requirements.txt").write_text("./not-there\n")
    for _ in range(2):
        code, out, err = ready.run("check")
        assert (code, out) == (1, "")
        assert "not-there" in err
        assert err.endswith("run.sh: installing requirements.txt failed: see above\n")
    (ready.root / "requirements.txt").write_text("# nothing again\n")
    assert ready.run("check")[0] == 0


def test_an_interrupted_install_is_made_anew(project: Project) -> None:
    half_way = f"""case "$*" in *"venv --clear"*)
      mkdir -p '{project.root}/.venv/bin' && cp "$0" '{project.root}/.venv/bin/python'
      kill -KILL $PPID
      exit ;;
    esac"""
    project.put("python3", half_way + "\n" + python_script())
    assert project.run("check")[0] != 0
    assert (project.root / ".venv" / "bin" / "python").exists()
    project.put("python3", python_script())
    code, out, err = project.run("check")
    assert (code, out) == (0, f"cli {project.home} check\n"), err


@pytest.mark.parametrize("damage", ["no stamp", "moved", "python gone"])
def test_an_environment_that_cannot_be_trusted_is_made_anew(ready: Project, damage: str) -> None:
    project = ready
    venv = ready.root / ".venv"
    marker = venv / "marker"
    marker.touch()
    match damage:
        case "no stamp":
            (venv / ".stamp-requirements").unlink()
        case "moved":
            project = Project(ready.root.rename(ready.root.with_name("moved")), ready.path, ready.home)
        case "python gone":
            (venv / "bin" / "python").unlink()
    code, out, err = project.run("check")
    assert (code, out) == (0, f"cli {project.home} check\n"), err
    assert not (project.root / ".venv" / "marker").exists()


def test_two_first_runs_at_once(project: Project) -> None:
    project.put("python3", python_script())
    runs = [project.start("check") for _ in range(2)]
    ends = [run.communicate(timeout=100) for run in runs]
    assert [run.returncode for run in runs] == [0, 0], ends
    if shutil.which("flock"):
        assert sum("setting up .venv" in err for _, err in ends) == 1


# --- how it is called


def test_paths_are_the_callers(ready: Project, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(ready.root / "run.sh")
    assert ready.run("explain", "rules/a b.yaml", "http://x/?a=*", cwd=tmp_path)[1] == (
        f"cli {tmp_path} explain rules/a b.yaml http://x/?a=*\n"
    )
    linked = subprocess.run(
        [tmp_path / "link", "check"],
        cwd=tmp_path,
        env={"PATH": str(ready.path)},
        text=True,
        capture_output=True,
        timeout=60,
    )
    assert linked.stdout == f"cli {tmp_path} check\n"


def test_a_file_of_the_callers_folder_is_never_imported(ready: Project, tmp_path: Path) -> None:
    (tmp_path / "os.py").write_text("raise SystemExit('imported')")
    (tmp_path / "argparse.py").write_text("raise SystemExit('imported')")
    assert ready.run("check", cwd=tmp_path) == (0, f"cli {tmp_path} check\n", "")


def run(*arguments: str, cwd: Path | None = None) -> tuple[int, str, str]:
    """The project's own run.sh."""
    done = subprocess.run([RUN_SH, *arguments], cwd=cwd, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def test_an_unknown_command() -> None:
    code, out, err = run("serve")
    assert (code, out) == (2, "")
    assert err == "run.sh: unknown command 'serve'; ./run.sh help lists them\n"


COMMANDS = "demo web proxy init schema check explain why convert test lint bench measure".split()


def test_help_lists_every_command() -> None:
    for option in ("help", "-h", "--help"):
        code, out, err = run(option)
        assert (code, err) == (0, "")
        assert [command for command in COMMANDS if f"\n  {command} " not in out] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str) -> None:
    code, out, err = run(command, "--help")
    assert (code, err) == (0, "")
    assert f"run.sh {command}" in out


# --- what stops a start


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize(
    ("arguments", "says", "option"),
    [
        (["proxy", "nowhere.yaml"], "nowhere.yaml", "RULES"),
        (["web", "nowhere.yaml"], "nowhere.yaml", "RULES"),
        (["demo", "--http-port", "{free}", "--port", "{taken}"], "port {taken} on 127.0.0.1 is taken", "--port"),
        (
            ["demo", "--headless", "--port", "{free}", "--http-port", "{http}", "--backend-port", "{taken}"],
            "port {taken} on 127.0.0.1 is taken",
            "--backend-port",
        ),
        (["proxy", "{rules}", "--listen", "https://127.0.0.1:{taken}"], "port {taken} on 127.0.0.1", "--listen"),
    ],
)
def test_what_stops_a_start_is_told_in_one_line(
    arguments: Sequence[str], says: str, option: str, taken: int, tmp_path: Path
) -> None:
    free, http = free_ports(2)
    words = {"taken": taken, "free": free, "http": http, "rules": PROJECT / "rules" / "default.yaml"}
    code, out, err = run(*(argument.format(**words) for argument in arguments), cwd=tmp_path)
    assert (code, out) == (1, "")
    assert err.count("\n") == 1
    assert says.format(**words) in err
    assert option in err


# --- the demo as a newcomer sees it


def test_the_demo(tmp_path: Path) -> None:
    with running_demo(tmp_path, headless=False) as demo:
        banner = demo.service.log
        for address in (demo.https, demo.http, f"http://127.0.0.1:{demo.backend_port}", demo.web):
            assert address in banner
        answers = [
            http1.get("/", demo.https_port, demo.ca),
            http2.get("/", demo.https_port, demo.ca),
            asyncio.run(http3.get("/", demo.https_port, demo.ca)),
        ]
        for answer in answers:
            assert answer.status == 200
            assert b"<html" in answer.body.lower()
        assert http1.get("/", demo.http_port).header("location") == f"{demo.https}/"

        with urllib.request.urlopen(demo.web, timeout=30) as page:
            assert b"mitmproxy" in page.read()
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(demo.web.partition("?")[0], timeout=30)
        assert refused.value.code == 403
        refused.value.close()

        assert demo.service.stop(signal.SIGINT) == 0
        assert not any(accepts(port) for port in (demo.https_port, demo.http_port, demo.backend_port))


def test_own_rules_in_mitmweb(tmp_path: Path) -> None:
    https, web = free_ports(2)
    rules = tmp_path / "rules.yaml"
    rules.write_text(f"sites: [{{public: 'https://localhost:{https}', backend: 'http://backend.internal'}}]")
    options = ["--listen", f"https://127.0.0.1:{https}", "--web-port", str(web), "--", f"--set=confdir={tmp_path}"]
    service = Service([RUN_SH, "web", "rules.yaml", *options], tmp_path / "log", cwd=tmp_path)
    with running(service):
        address = service.await_log(r"^mitmweb +(http://127.0.0.1:\d+/\?token=\S+)$")[1]
        service.await_log(rf"^listens +https://127.0.0.1:{https}$")
        with urllib.request.urlopen(address, timeout=30) as page:
            assert page.status == 200
        assert service.stop() == 0


def test_a_wrong_rule_file_is_no_start(tmp_path: Path) -> None:
    https, http = free_ports(2)
    (tmp_path / "rules.yaml").write_text("sites:\n  - public: https://localhost\n    backend: nowhere at all\n")
    listen = [f"--listen=https://127.0.0.1:{https}", f"--listen=http://127.0.0.1:{http}"]
    code, out, err = run("proxy", *listen, "rules.yaml", cwd=tmp_path)
    assert code == 1
    assert "rules.yaml:3: " in out + err
    assert "Traceback" not in out + err
