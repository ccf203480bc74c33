"""What some tests need and not every machine has, and the command that brings each."""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[3]
APPS = PROJECT / ".cache" / "apps"
SUPER_USER_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])

DEBIAN_PACKAGE_OF = {
    "chromium": "chromium",
    "haproxy": "haproxy",
    "litmus": "litmus",
    "nginx": "nginx-light",
    "systemd-analyze": "systemd",
    "wrk": "wrk",
}

NGINX_MODULES = {"njs": ("ngx_http_js_module.so", "libnginx-mod-http-js")}
"""Modules of nginx: the file, and the package of Debian that has it."""


def program(name: str) -> str | None:
    """Where a program of a Debian package is, or None."""
    return shutil.which(name, path=SUPER_USER_PATH)


def app_program(app: str, name: str) -> str:
    """The path of a program in an application's own environment."""
    return str(APPS / app / "bin" / name)


def _remedy(need: str) -> str | None:
    """The command that brings what is missing, None if nothing is."""
    if need == "axe":
        return None if find_spec("axe_playwright_python") else "pip install -r tests/requirements.txt"
    if package := DEBIAN_PACKAGE_OF.get(need):
        return None if program(need) else f"apt-get install {package}"
    if need in NGINX_MODULES:
        file, package = NGINX_MODULES[need]
        return None if Path("/usr/lib/nginx/modules", file).exists() else f"apt-get install {package}"
    requirements = PROJECT / "tests" / "e2e" / "apps" / f"{need}.txt"
    assert requirements.exists(), f"nobody knows what {need} is"
    # run.sh writes the stamp last, so it says that the environment is whole
    installed = (APPS / need / ".stamp-requirements").exists()
    return None if installed else "./run.sh test (it installs from the package index)"


def require(*needs: str) -> None:
    """Skip the running test where one of these is missing: a program of a Debian package, or an application of APPS."""
    for need in needs:
        if remedy := _remedy(need):
            pytest.skip(f"needs {need}: {remedy}")
