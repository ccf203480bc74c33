"""The walls of the house: who may import whom, and that everything but hooks and inspector lives without mitmproxy."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "addons" / "urlrewrite"
MODULES = sorted(PACKAGE.rglob("*.py"))
ROOMS = {
    "engine": {"engine", "model", "origin", "problems"},
    "fields": {"fields", "origin"},
    "content": {"content", "origin"},
    "formats": {"formats", "model", "origin", "problems"},
    "lint": {"lint", "engine", "model", "origin", "problems"},
}


def imported(path: Path) -> set[str]:
    """The full names of all modules that a file imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def may_use_mitmproxy(path: Path) -> bool:
    """Of the inspector, what mitmproxy shows and what reads its flows do; the rest is for `explain`, too."""
    of_inspector = {"views.py", "commands.py", "flows.py", "recorded.py"}
    return room(path) == "hooks" or (
        room(path) == "inspector" and (path.name in of_inspector or path.parent.name == "web")
    )


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_rooms_import_only_what_they_may(path: Path) -> None:
    names = imported(path)
    if room(path) in ROOMS:
        own = {name.split(".")[1] for name in names if name.startswith("urlrewrite.") and name != "urlrewrite"}
        assert own <= ROOMS[room(path)]
    if not may_use_mitmproxy(path):
        assert not {name for name in names if name.split(".")[0] == "mitmproxy"}
    for library, folder in (("yaml", "yaml"), ("lxml", "xml")):
        if library in {name.split(".")[0] for name in names}:
            assert path.relative_to(PACKAGE).parts[:2] == ("formats", folder)


def test_all_but_hooks_and_inspector_import_with_mitmproxy_blocked() -> None:
    names = [
        "urlrewrite." + ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")
        for path in MODULES
        if not may_use_mitmproxy(path) and room(path) != "__init__"
    ]
    program = (
        f"import sys; sys.modules['mitmproxy'] = None; import importlib; [importlib.import_module(n) for n in {names}]"
    )
    subprocess.run([sys.executable, "-c", program], check=True, env={"PYTHONPATH": str(PACKAGE.parent), "PATH": ""})
