"""Walks real applications in Chromium, through the proxy and without it: what breaks at the root, or below a path?

Each is installed where it is missing, from Debian, PyPI or npm. A visit begins with the application as new. What the
page "Why broken" proposes below a path is then put into the rule file. Pages are watched, and what "Why broken" claims
is checked by what the visitor saw. The exit code is 1 if anything breaks at the root, a step fails without the proxy,
or an error that is claimed is false.
"""

from __future__ import annotations

import argparse
import importlib
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from applications.application import Application
from applications.claims import Checked
from applications.differences import Difference, Kind
from applications.installing import NotInstalledError
from applications.proxied import BELOW, ROOT, ROUNDS, Result, Visits
from e2e.support.service import ServiceError

CATALOGUE = Path(__file__).resolve().parent / "catalogue"
MODULES = sorted(file.stem for file in CATALOGUE.glob("*.py"))
HEAD = ("application", "version", "root", "below a path", "proposed", "with that")


def main() -> int:
    """Prints what differed at each visit, and a table at the end."""
    parser = argparse.ArgumentParser(
        prog="run.sh measure applications", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(MODULES)}; all without a name")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="for recordings, logs and pictures of failed walks")
    options = parser.parse_args()
    if wrong := set(options.names) - set(MODULES):
        parser.error(f"got {', '.join(sorted(wrong))}, expected some of {', '.join(MODULES)}")
    with tempfile.TemporaryDirectory(prefix="urlrewrite-applications-") as temporary:
        folder = (options.keep or Path(temporary)).resolve()
        diagnosis = Checked()
        rows = [_row(name, folder / name, diagnosis) for name in options.names or MODULES]
    widths = [max(map(len, column)) for column in zip(HEAD, *(cells for cells, _ in rows), strict=True)]
    for cells in (HEAD, *(cells for cells, _ in rows)):
        print("  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip())
    print(f"\nWhy broken: {diagnosis}")
    return 1 if diagnosis.false or any(broken for _, broken in rows) else 0


def _row(name: str, folder: Path, diagnosis: Checked) -> tuple[list[str], bool]:
    """Visit an application; returns its row of the table, and whether anything broke at the root."""
    application: Application = importlib.import_module(f"applications.catalogue.{name}").APPLICATION
    try:
        installed, version = application.installer.install(name)
    except NotInstalledError as error:
        return [application.name, f"not installed: {error}"[:100], "", "", "", ""], False
    visits = Visits(application, installed, folder)
    try:
        steps = visits.without_proxy().steps
    except (ServiceError, OSError, subprocess.CalledProcessError) as error:
        print(error)
        return [application.name, f"{version}, does not start", "", "", "", ""], False
    failed = {step: why for step, why in steps.items() if why}
    for step, why in failed.items():
        print(f"{application.name}, without the proxy: {step}: {why}")
    version += f", {len(failed)} steps fail without the proxy" if failed else ""
    root = _told(application, "root", visits.through(ROOT), diagnosis)
    below = _told(application, "below a path", visits.through(BELOW), diagnosis)
    proposed: dict[str, list[str]] = {}
    last = below
    for _ in range(ROUNDS):
        more = {key: list(dict.fromkeys([*proposed.get(key, []), *values])) for key, values in last.proposed.items()}
        if not more or more == proposed:
            break
        proposed = more
        last = _told(application, f"with {proposed}", visits.through(BELOW, proposed), diagnosis)
    after = _summary(last, len(steps)) if proposed else ""
    settings = yaml.safe_dump(proposed, default_flow_style=True, width=1000).strip("{}\n") if proposed else ""
    cells = [application.name, version, _summary(root, len(steps)), _summary(below, len(steps)), settings, after]
    return cells, bool(failed or _faults(root))


def _told(application: Application, where: str, result: Result, diagnosis: Checked) -> Result:
    diagnosis.add(result.diagnosis)
    lines = [f"{each.kind}: {each.what}" for each in result.differences]
    lines += [f"not told by Why broken: {each.kind}: {each.what}" for each in result.diagnosis.untold]
    lines += [f"false by Why broken: {each.code}: {each.title}" for each in result.diagnosis.false]
    for line in lines:
        print(f"{application.name}, {where}: {line}", flush=True)
    return result


def _faults(result: Result) -> list[Difference]:
    return [each for each in result.differences if each.kind is not Kind.NAMED]


def _summary(result: Result, steps: int) -> str:
    """What broke, by kind; `steps` is how many there are."""
    kinds = [each.kind for each in result.differences]
    counts = [f"{kinds.count(kind)} x {kind}" for kind in Kind if kind in kinds]
    return ", ".join(counts) or f"as without it ({steps} steps)"


if __name__ == "__main__":
    sys.exit(main())
