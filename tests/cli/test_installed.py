"""The wheel: built without a network, installed in a fresh environment, and used from there as a person would.

What the package depends on is taken from the environment of the tests, so that nothing is downloaded.
"""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import mitmproxy
import pytest

from e2e.support.needs import PROJECT
from e2e.support.service import free_ports, free_row
from urlrewrite.cli import console

pytestmark = pytest.mark.skipif(
    not (importlib.util.find_spec("hatchling") and importlib.util.find_spec("pip")),
    reason="needs pip and hatchling, which builds the wheel",
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    build = [*pip, "wheel", "-q", "--no-deps", "--no-build-isolation", "--no-index", "-w", str(folder), str(PROJECT)]
    subprocess.run(build, check=True, capture_output=True)
    return next(folder.glob("mitm_urlrewrite-*.whl"))


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the programs of an environment in which the wheel is installed."""
    fresh = tmp_path_factory.mktemp("fresh")
    venv.create(fresh, symlinks=True)
    python = fresh / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python)]
    subprocess.run([*pip, "install", "-q", "--no-deps", "--no-index", str(wheel)], check=True, capture_output=True)
    packages = next(fresh.glob("lib/python*/site-packages"))
    (packages / "dependencies.pth").write_text(f"{Path(mitmproxy.__file__).parents[1]}\n", encoding="utf-8")
    program = python.with_name("mitmdump")
    program.write_text(f"#!{python}\nfrom mitmproxy.tools.main import mitmdump\nmitmdump()\n", encoding="utf-8")
    program.chmod(0o755)
    return python.parent


def run(programs: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.defpath, "HOME": str(cwd)}
    command = [str(programs / "urlrewrite"), *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=110, check=False)


def test_the_wheel_has_every_file_of_the_package_and_no_other(wheel: Path) -> None:
    names = {*zipfile.ZipFile(wheel).namelist()}
    listed = ["git", "ls-files", "-z", "addons", "rules"]
    tracked = subprocess.run(listed, cwd=PROJECT, capture_output=True, check=False)
    files = [name for name in tracked.stdout.decode().split("\0") if name and (PROJECT / name).is_file()]
    expected = {
        name.removeprefix("addons/") if name.startswith("addons/urlrewrite/") else f"mitm_urlrewrite/{name}"
        for name in files
        if name != "addons/README.md"
    }
    assert not files or {name for name in names if ".dist-info/" not in name} == expected
    assert {
        "urlrewrite/py.typed",
        "urlrewrite/inspector/web/static/app.js",
        "urlrewrite/formats/yaml/schema.json",
    } <= names


def test_rule_files_are_written_and_checked(programs: Path, tmp_path: Path) -> None:
    init = run(programs, "init", "--public", "https://www.example.com", "--backend", "http://b:8080", cwd=tmp_path)
    assert (init.returncode, init.stderr) == (0, "")
    (tmp_path / "portal.yaml").write_text(init.stdout, encoding="utf-8")
    schema = init.stdout.splitlines()[0].partition("=")[2]
    assert Path(schema).read_text(encoding="utf-8") == run(programs, "schema", cwd=tmp_path).stdout
    check = run(programs, "check", "portal.yaml", cwd=tmp_path)
    assert check.returncode == 0, check.stderr
    assert "0 errors, 0 warnings" in check.stdout
    wrong = run(programs, "check", cwd=tmp_path)
    assert (wrong.returncode, wrong.stderr.partition(":")[0]) == (2, "urlrewrite check")


def test_it_has_the_commands_of_the_script_but_for_those_of_a_checkout() -> None:
    script = (PROJECT / "run.sh").read_text(encoding="utf-8")
    told = {line.split()[0]: line for line in script.splitlines() if re.match(r"  [a-z]+ .{15}", line)}
    mine = {line.split()[0]: line for line in console.USAGE.splitlines() if re.match(r"  [a-z]+ .{15}", line)}
    assert mine.keys() - {"path", "version"} == told.keys() & {*console.SERVING, *console.WITHOUT_PROXY, "why"}
    (called,) = re.findall(r"^    ([\w |]+)\) run_module urlrewrite\.cli\.main ", script, re.MULTILINE)
    assert tuple(called.split(" | ")) == console.WITHOUT_PROXY
    assert [name for name in mine if mine[name] != told.get(name) and name not in ("demo", "path", "version")] == []


def test_help_names_every_command(programs: Path, tmp_path: Path) -> None:
    told = run(programs, "help", cwd=tmp_path).stdout
    for command in ("path", "version", "why", *console.SERVING, *console.WITHOUT_PROXY):
        assert f"\n  {command} " in told
    assert run(programs, "serve", cwd=tmp_path).returncode == 2
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", run(programs, "version", cwd=tmp_path).stdout)


@pytest.fixture
def demo(programs: Path, tmp_path: Path) -> Iterator[int]:
    """The demo, as the command serves it; its port for plain HTTP."""
    (https, http), backend = free_ports(2), free_row(4)
    arguments = ["demo", "--headless", "--port", str(https), "--http-port", str(http), "--backend-port", str(backend)]
    arguments += ["--", "--set", f"confdir={tmp_path}"]
    environment = {"PATH": os.defpath, "HOME": str(tmp_path)}
    with (tmp_path / "log").open("wb") as log:
        command = [str(programs / "urlrewrite"), *arguments]
        process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=log, stderr=log)
    try:
        yield http
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


class _Stays(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def test_the_demo_is_served(demo: int, tmp_path: Path) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Stays)
    for _ in range(300):
        try:
            opener.open(f"http://localhost:{demo}/", timeout=10)
        except urllib.error.HTTPError as error:
            assert (error.code, error.headers["Location"].startswith("https://localhost:")) == (302, True)
            return
        except OSError:
            time.sleep(0.1)
    pytest.fail((tmp_path / "log").read_text(encoding="utf-8"))


def test_path_is_what_mitmdump_loads(programs: Path, tmp_path: Path) -> None:
    script = run(programs, "path", cwd=tmp_path).stdout.strip()
    assert programs.parent in Path(script).parents
    options = [str(programs / "mitmdump"), "-s", script, "--options", "--set", f"confdir={tmp_path}"]
    done = subprocess.run(options, cwd=tmp_path, capture_output=True, text=True, timeout=110, check=False)
    assert "urlrewrite_rules" in done.stdout, done.stderr


def test_rules_that_nobody_names_are_those_of_the_package(programs: Path, tmp_path: Path) -> None:
    asked = "from urlrewrite.hooks.rules_file import DEFAULT_RULES as rules; print(rules, rules.is_file())"
    command = [str(programs / "python"), "-c", asked]
    told = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=110, check=True).stdout
    rules, is_there = told.split()
    assert (programs.parent in Path(rules).parents, is_there) == (True, "True")
