"""The walls of the house: who may import whom, no circle, nothing loose, and mitmproxy in `hooks/` only."""

from __future__ import annotations

import ast
import functools
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "addons" / "urlrewrite"
MODULES = sorted(PACKAGE.rglob("*.py"))

README = PACKAGE.parent / "README.md"

MAY_IMPORT: dict[str, str] = {
    "model": "",
    "patterns": "",
    "trace": "",
    "content": "model",
    "fields": "model",
    "farms": "model",
    "engine": "model patterns trace content.carriers",
    "formats": "model patterns content.carriers",
    "lint": "model patterns trace engine formats",
    "exchange": "model patterns trace content fields farms engine",
    "loading": "model engine formats lint exchange",
    "export": "model patterns engine fields exchange",
    "witness": "model content",
    "inspector": "model patterns trace content fields farms engine formats lint exchange loading witness",
    "hooks": "model patterns trace content fields farms engine formats lint exchange loading witness inspector",
    "api": "model patterns trace content fields farms engine formats lint exchange loading witness inspector",
    "cli": "model patterns trace content fields farms engine formats lint exchange loading export witness inspector "
    "hooks api",
}
"""Room -> the rooms, or single modules of rooms, that it may import besides itself: from the ground up, none later.
`addons/README.md` says what each is for.
"""

FOR_HOOKS = {"asyncio", "http.client", "logging", "mitmproxy", "socket", "ssl", "subprocess", "urllib.request"}
"""Libraries that log, wait or touch a network: all but mitmproxy are for `hooks/` and `cli/`, it for `hooks/` alone."""

LIBRARIES = {"yaml": "formats/yaml", "lxml": "formats/xml", "re2": "content/html", "isal": "content/coding"}
"""Library -> the only folder that may import it."""


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0]


def module_name(path: Path) -> str:
    """`content.html.scanner`; a package is named as a module is."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


@cache
def imported(path: Path) -> frozenset[str]:
    """The full names of all that a file imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(names)


@functools.cache
def names_of_modules() -> frozenset[str]:
    return frozenset(map(module_name, MODULES))


def own_modules(path: Path) -> Iterator[str]:
    """The modules of this package that a file imports."""
    known = names_of_modules()
    for name in imported(path):
        if name.startswith("urlrewrite."):
            local = name.removeprefix("urlrewrite.")
            yield local if local in known else local.rpartition(".")[0]


def folder_of(module: str) -> str:
    """The folder of a room that a module stands in (`content.html`); "" for a module that stands in the room itself."""
    return ".".join(module.split(".")[:2]) if PACKAGE.joinpath(*module.split(".")[:2]).is_dir() else ""


def test_nothing_is_loose_beside_the_rooms() -> None:
    assert [path.name for path in PACKAGE.glob("*.py")] == ["__init__.py"]
    assert {room(path) for path in MODULES if path.parent != PACKAGE} == MAY_IMPORT.keys()


def test_the_readme_says_who_may_import_whom() -> None:
    rows = re.findall(r"^\| `(\w+)/` \| (.+) \| ?(.*) \|$", README.read_text(encoding="utf-8"), re.MULTILINE)
    assert [(room, allowed) for room, _, allowed in rows] == list(MAY_IMPORT.items())


def test_the_readme_names_every_folder_and_nothing_else() -> None:
    for line in README.read_text(encoding="utf-8").splitlines():
        paths = re.findall(r"`([\w./-]+(?:/|\.py|\.sh))`", line)
        row = re.match(r"\| `(\w+)/` ", line)
        places = [ROOT, README.parent, PACKAGE, *([PACKAGE / row[1]] if row else [])]
        assert [path for path in paths if not any((place / path).exists() for place in places)] == []
        if row:
            folders = {f"{path.parent.name}/" for path in MODULES if path.parent.parent == PACKAGE / row[1]}
            assert folders <= set(paths)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_rooms_import_only_what_they_may(path: Path) -> None:
    if path.parent != PACKAGE:
        allowed = {*MAY_IMPORT[room(path)].split(), room(path)}
        assert not [name for name in own_modules(path) if not {name, name.partition(".")[0]} & allowed]
    names = imported(path)
    if room(path) != "hooks":
        kept_out = {"mitmproxy"} if room(path) == "cli" else FOR_HOOKS | {"time.sleep"}
        assert not [name for name in names if any(f"{name}.".startswith(f"{each}.") for each in kept_out)]
        assert room(path) == "cli" or "time.sleep(" not in path.read_text(encoding="utf-8")
    libraries = {name.partition(".")[0] for name in names}
    for library, folder in LIBRARIES.items():
        assert library not in libraries or path.is_relative_to(PACKAGE / folder)


def test_no_module_imports_itself_by_way_of_others() -> None:
    graph = {module_name(path): {*own_modules(path)} - {module_name(path)} for path in MODULES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a circle: {' -> '.join(reversed(error.args[1]))}")


def test_no_folder_of_a_room_imports_itself_by_way_of_others() -> None:
    folders: dict[str, set[str]] = {}
    for path in MODULES:
        for name in own_modules(path):
            here, there = folder_of(module_name(path)), folder_of(name)
            if here and there and here != there:
                folders.setdefault(here, set()).add(there)
    try:
        TopologicalSorter(folders).prepare()
    except CycleError as error:
        pytest.fail(f"a circle: {' -> '.join(reversed(error.args[1]))}")


def test_all_but_hooks_import_with_mitmproxy_blocked() -> None:
    names = [f"urlrewrite.{module_name(path)}" for path in MODULES if room(path) not in ("hooks", "__init__.py")]
    program = (
        f"import sys; sys.modules['mitmproxy'] = None; import importlib; [importlib.import_module(n) for n in {names}]"
    )
    subprocess.run([sys.executable, "-c", program], check=True, env={"PYTHONPATH": str(PACKAGE.parent), "PATH": ""})
