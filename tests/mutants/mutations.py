"""What can be made wrong in a module: a row out of a table, an operator turned round, a number that is one more."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

_OPPOSITE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mutation:
    """One change of one module: `new` in place of the bytes from `start` to `end`. `kind` is "row" or "operator"."""

    path: Path
    line: int
    kind: str
    start: int
    end: int
    old: str
    new: str

    def applied(self, source: bytes) -> bytes:
        return source[: self.start] + self.new.encode() + source[self.end :]

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {_short(self.old)}  ->  {_short(self.new)}"


def mutations(path: Path, source: bytes) -> Iterator[Mutation]:
    """Every change that is known for a module, from its beginning to its end."""
    tree = ast.parse(source)
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))

    def mutation(kind: str, node: ast.expr, changed: ast.expr, what: tuple[str, str] | None = None) -> Mutation:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        start = starts[node.lineno - 1] + node.col_offset
        end = starts[node.end_lineno - 1] + node.end_col_offset
        new = f"({ast.unparse(changed)})"
        old, said = what or (ast.unparse(node), new)
        if what:
            return _Row(path, node.lineno, kind, start, end, old, new, said)
        return Mutation(path, node.lineno, kind, start, end, old, said)

    for statement in tree.body:
        match statement:
            case ast.Assign(value=table, targets=[ast.Name(id=name)]) if name != "__all__":
                yield from _rows(name, table, mutation)
            case ast.AnnAssign(value=ast.expr() as table, target=ast.Name(id=name)):
                yield from _rows(name, table, mutation)
    for statement in ast.walk(tree):
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            for body in statement.body:
                if not isinstance(body, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield from _operators(body, mutation)


@dataclass(frozen=True, slots=True)
class _Row(Mutation):
    said: str = ""

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.said} without {_short(self.old)}"


type _Make = Callable[..., Mutation]


def _rows(name: str, table: ast.expr, mutation: _Make) -> Iterator[Mutation]:
    for node in ast.walk(table):
        match node:
            case ast.Dict(keys=keys) if len(keys) > 1:
                for at, key in enumerate(keys):
                    less = copy.copy(node)
                    less.keys = keys[:at] + keys[at + 1 :]
                    less.values = node.values[:at] + node.values[at + 1 :]
                    yield mutation("row", node, less, (ast.unparse(key) if key else "**", name))
            case ast.Set(elts=rows) | ast.List(elts=rows) if len(rows) > 1:
                for at, row in enumerate(rows):
                    less = copy.copy(node)
                    less.elts = rows[:at] + rows[at + 1 :]
                    yield mutation("row", node, less, (ast.unparse(row), name))
            case ast.Tuple(elts=rows) if len(rows) > 2 and node is table:
                # A tuple inside of a table is a row with columns, and would only be malformed.
                for at, row in enumerate(rows):
                    yield mutation("row", node, ast.Tuple(rows[:at] + rows[at + 1 :]), (ast.unparse(row), name))


def _operators(statement: ast.stmt, mutation: _Make) -> Iterator[Mutation]:
    for node in _expressions(statement):
        match node:
            case ast.Compare(ops=[operator]) if type(operator) in _OPPOSITE:
                opposite = _OPPOSITE[type(operator)]()
                yield mutation("operator", node, ast.Compare(node.left, [opposite], node.comparators))
            case ast.BoolOp(op=ast.And(), values=values):
                yield mutation("operator", node, ast.BoolOp(ast.Or(), values))
            case ast.BoolOp(op=ast.Or(), values=values):
                yield mutation("operator", node, ast.BoolOp(ast.And(), values))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                yield mutation("operator", node, operand)
            case ast.Constant(value=bool(value)):
                yield mutation("operator", node, ast.Constant(not value))
            case ast.Constant(value=int(value)):
                yield mutation("operator", node, ast.Constant(value + 1))


def _expressions(node: ast.AST) -> Iterator[ast.AST]:
    """What is evaluated: no annotation, no inner function (it comes by itself), no pattern of `match`, no f-string."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.pattern | ast.JoinedStr):
            continue
        if isinstance(node, ast.AnnAssign) and child is node.annotation:
            continue
        yield child
        yield from _expressions(child)


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 90 else f"{text[:60]} ... {text[-25:]}"
