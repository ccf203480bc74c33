"""The faults that `./run.sh measure mutants` makes."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from mutants.mutations import mutations
from urlrewrite import fields

PACKAGE = Path(fields.__file__).parent


def mutants(source: str) -> list[str]:
    data = source.encode()
    return [mutation.applied(data).decode() for mutation in mutations(Path("a.py"), data)]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("A = {'é': 1, 'b': 2}", ["A = ({'b': 2})", "A = ({'é': 1})"]),
        ("A: set[str] = frozenset({1, 2})", ["A: set[str] = frozenset(({2}))", "A: set[str] = frozenset(({1}))"]),
        ("A = (1, 2, 3)", ["A = ((2, 3))", "A = ((1, 3))", "A = ((1, 2))"]),
        ("A = {1: (2, 3, 4)}\n__all__ = ['a', 'b']", []),
        ("def f(a: int = 3):\n    'x'\n    return a == 'é' and not a", [
            "def f(a: int = 3):\n    'x'\n    return (a == 'é' or not a)",
            "def f(a: int = 3):\n    'x'\n    return (a != 'é') and not a",
            "def f(a: int = 3):\n    'x'\n    return a == 'é' and (a)",
        ]),
        ("def f():\n    return a[0:], True", [
            "def f():\n    return a[(1):], True",
            "def f():\n    return a[0:], (False)",
        ]),
        ("def f():\n    def g():\n        return 1 < x", [
            "def f():\n    def g():\n        return (1 <= x)",
            "def f():\n    def g():\n        return (2) < x",
        ]),
    ],
)  # fmt: skip
def test_mutants(source: str, expected: list[str]) -> None:
    assert mutants(source) == expected


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.stem)
def test_every_mutant_is_python_and_another_program(path: Path) -> None:
    source = path.read_bytes()
    before = ast.dump(ast.parse(source))
    for mutation in mutations(path, source):
        assert ast.dump(ast.parse(mutation.applied(source))) != before, mutation
