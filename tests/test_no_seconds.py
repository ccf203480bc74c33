"""A busy machine is no fault: no test compares a time with anything. Steps are counted (`counting.py`) in their place.

Exempt is what measures (`bench`, and what `./run.sh measure` runs for a time that a person gives), and the one function
that waits for another process, whose patience is no promise.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
CLOCKS = {"time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "process_time"} | {
    *("process_time_ns", "thread_time", "thread_time_ns", "clock_gettime", "clock_gettime_ns", "timeit", "times"),
    *("elapsed", "getrusage", "utcnow", "now"),
}
MODULES = {"time", "timeit", "resource", "os", "datetime"}
MAY_LOOK_AT_A_CLOCK = {
    "bench": "measures",
    "beside": "`./run.sh measure beside` measures",
    "growth": "compares the times that texts of two lengths take, and none with seconds",
    "soak": "`./run.sh measure soak` runs for a time that is given",
    "farms/__main__.py": "`./run.sh measure farms` runs for a time that is given",
    "fuzz/__main__.py": "`./run.sh measure fuzz` runs for a time that is given",
    "fuzz_wire/__main__.py": "`./run.sh measure fuzz_wire` runs for a time that is given",
    "explore/__main__.py": "`./run.sh measure explore` runs for a time that is given",
    "mutants/__main__.py": "`./run.sh measure mutants` runs for a time that is given",
    "e2e/support/waiting.py": "waits for another process",
    "e2e/support/service.py": "waits for another process",
}


def times_compared(source: str) -> Iterator[int]:
    """The lines of comparisons with a time in them: what a clock says, or what was computed from that."""
    tree = ast.parse(source)
    clocks = _clocks(tree)
    tainted: set[str] = set()

    def is_time(node: ast.AST) -> bool:
        return any(
            (isinstance(part, ast.Name) and part.id in tainted)
            or (isinstance(part, ast.Call) and ast.unparse(part.func) in clocks)
            for part in ast.walk(node)
        )

    while True:
        before = len(tainted)
        for node in ast.walk(tree):
            match node:
                case ast.Assign(targets=targets, value=value) if is_time(value):
                    tainted |= set().union(*map(_names, targets))
                case ast.AugAssign(target=target, value=value) | ast.NamedExpr(target=target, value=value):
                    tainted |= _names(target) if is_time(value) else set()
                case ast.AnnAssign(target=target, value=ast.expr() as value) if is_time(value):
                    tainted |= _names(target)
                case ast.For(target=target, iter=source_of) | ast.comprehension(target=target, iter=source_of):
                    tainted |= _names(target) if is_time(source_of) else set()
                case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="append" | "add" | "extend")):
                    tainted |= {name} if any(map(is_time, node.args)) else set()
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                    returned = (part.value for part in ast.walk(node) if isinstance(part, ast.Return) and part.value)
                    tainted |= {name} if any(map(is_time, returned)) else set()
        if len(tainted) == before:
            break
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and is_time(node):
            yield node.lineno


def _names(target: ast.AST) -> set[str]:
    """The plain names that are assigned to; an attribute or an item belongs to something that is more than a time."""
    match target:
        case ast.Name(id=name):
            return {name}
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            return set().union(*map(_names, parts))
    return set()


def _clocks(tree: ast.Module) -> set[str]:
    """How a module calls the clocks: `time.monotonic`, or by a name that it imports."""
    found = set()
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                modules = [name.asname or name.name for name in names if name.name in MODULES]
                modules += [f"{module}.datetime" for module in modules]
                found |= {f"{module}.{clock}" for module in modules for clock in CLOCKS}
            case ast.ImportFrom(module="time" | "timeit" | "resource", names=names):
                found |= {name.asname or name.name for name in names if name.name in CLOCKS}
            case ast.ImportFrom(module="datetime", names=names):
                found |= {f"{name.asname or name.name}.{clock}" for name in names for clock in ("now", "utcnow")}
    return found


def exempt(path: Path) -> bool:
    relative = path.relative_to(TESTS).as_posix()
    return any(relative == name or relative.startswith(f"{name}/") for name in MAY_LOOK_AT_A_CLOCK)


def test_no_test_asserts_seconds() -> None:
    files = [path for path in TESTS.rglob("*.py") if not exempt(path)]
    assert len(files) > 150
    found = [f"{path.relative_to(TESTS)}:{line}" for path in files for line in times_compared(path.read_text("utf-8"))]
    assert found == []


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("import time\nbegan = time.monotonic()\nassert time.monotonic() - began < 5", [3]),
        ("from time import perf_counter as clock\nbegan = clock()\nspent = clock() - began\nif spent > 2: raise", [4]),
        ("import time\ndef took(): return time.time() - 1\nassert took() < 0.02", [3]),
        ("import time\nall = []\nall.append(time.time() - 1)\nassert min(all) < 1", [4]),
        ("import time\nassert max(b - a for a, b in [(1, time.time())]) < 1", [2]),
        ("import time\npairs = [(1, time.time())]\nassert max(b - a for a, b in pairs) < 1", [3]),
        ("import time\nend = time.time() + 9\nwhile not ready(): assert time.time() < end", [3]),
        ("import resource\nused = resource.getrusage(0).ru_utime\nassert 3 > used", [3]),
        ("import datetime\nassert (datetime.datetime.now() - began).seconds < 3", [2]),
        ("from datetime import datetime\nassert (datetime.now() - began).seconds < 3", [2]),
        ("import time\nadd(began=time.time())\nassert len(told) < 3", []),
        ("time = 3\nassert time < 5", []),
    ],
)  # fmt: skip
def test_what_it_sees(source: str, lines: list[int]) -> None:
    assert list(times_compared(source)) == lines
