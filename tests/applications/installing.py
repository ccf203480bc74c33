"""Installs applications: from PyPI or npm into a folder of their own, from Debian for the whole machine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from e2e.support.needs import PROJECT

FOLDER = PROJECT / ".cache" / "applications"
_WITHIN = 900
"""Seconds for one command of an installer."""


class NotInstalledError(Exception):
    """An application cannot be had here; the message says why, in a line."""


class Installer(Protocol):
    """Where an application comes from."""

    def install(self, name: str) -> tuple[Path, str]:
        """Install what is missing; return its folder and its version.

        Raises:
            NotInstalledError: it cannot be had.
        """


@dataclass(frozen=True)
class PyPI:
    """What a file of requirements beside the catalogue's module pins, in an environment of its own."""

    requirements: Path
    package: str

    def install(self, name: str) -> tuple[Path, str]:
        folder = FOLDER / name
        wanted = self.requirements.read_text("utf-8")
        if not _is_stamped(folder, wanted):
            _run([sys.executable, "-m", "venv", "--clear", str(folder)])
            _run([f"{folder}/bin/python", "-m", "pip", "install", "--no-input", "-q", "-r", str(self.requirements)])
            _stamp(folder, wanted)
        pins = (line.partition("==") for line in wanted.splitlines())
        return folder, next(version for pinned, _, version in pins if pinned.lower() == self.package.lower())


@dataclass(frozen=True)
class Npm:
    """A package of npm in a version; `overrides` are versions of what it brings along."""

    package: str
    version: str
    overrides: Mapping[str, str] = field(default_factory=dict)

    def install(self, name: str) -> tuple[Path, str]:
        folder = FOLDER / name
        wanted = json.dumps({"dependencies": {self.package: self.version}, "overrides": dict(self.overrides)})
        if not _is_stamped(folder, wanted):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            (folder / "package.json").write_text(wanted, "utf-8")
            _run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder)])
            _stamp(folder, wanted)
        return folder, self.version


@dataclass(frozen=True)
class Debian:
    """Packages of Debian, in the version that the release has; the first is the application itself."""

    packages: Sequence[str]

    def install(self, name: str) -> tuple[Path, str]:
        if any(not _debian_version(package) for package in self.packages):
            apt = ["apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=120"]
            apt = apt if os.geteuid() == 0 else ["sudo", "-n", *apt]
            _run([*apt, "update"])
            _run([*apt, "install", "--no-install-recommends", *self.packages])
        return Path("/usr"), _debian_version(self.packages[0])


def _debian_version(package: str) -> str:
    """The version of a package that is installed, else ""."""
    command = ["dpkg-query", "-W", "-f", "${db:Status-Abbrev}${Version}", package]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise NotInstalledError(str(error)) from error
    return done.stdout.removeprefix("ii ") if done.stdout.startswith("ii ") else ""


def _is_stamped(folder: Path, wanted: str) -> bool:
    stamp = folder / ".stamp"
    return stamp.exists() and stamp.read_text("utf-8") == wanted


def _stamp(folder: Path, wanted: str) -> None:
    (folder / ".stamp").write_text(wanted, "utf-8")


def _run(command: list[str]) -> None:
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            command,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_WITHIN,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotInstalledError(str(error)) from error
    if done.returncode:
        said = done.stdout.strip().splitlines() or [f"exit code {done.returncode}"]
        raise NotInstalledError(f"{Path(command[0]).name}: {said[-1]}")
