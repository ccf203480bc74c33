"""Every regular expression of the product, found by what the product does: each that it compiles is noted.

That happens in a process of its own, before any module of the product is there: `re` is watched, all modules are
imported, and the rewriters run, which make further expressions of the names that they are given. What stands in a
function as a plain literal is read from the source. So no list of expressions is kept anywhere.
"""

from __future__ import annotations

import ast
import importlib
import pickle
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

ADDONS = Path(__file__).resolve().parents[2] / "addons"
PACKAGE = ADDONS / "urlrewrite"
_FUNCTIONS = ("compile", "search", "match", "fullmatch", "split", "findall", "finditer", "sub", "subn")
_ANCHORED = {"match", "fullmatch"}

type _Site = tuple[str, int]
"""A file below the package, and a line in it."""


TRIED_IN_PLACE = {
    "content/html/patterns.py: _grammar()": "where a tag begins; one without an end is held or ignored",
    "content/html/patterns.py: skip_pattern()": "from where the tag before ended",
    "content/html/plain.py: plain_pattern()": "the same",
    "content/html/plain_mounted.py: mounted_plain_pattern()": "the same",
    "content/html/values.py: _expressions()": "the same; the others of its expressions find what it took",
    "content/links/path_index.py: __init__()": "behind a host",
    "content/links/spellings.py: path_pattern()": "behind a host, or a quote",
    "engine/targets.py: _forms_of_backends()": "with a whole host of at most 253 characters",
    "engine/targets.py: _take_authority()": "the same",
}
"""Expressions that are tried where the last attempt ended, or once for something that comes before them.

Of others that is seen by their uses, if they have a name. `test_growth.py` has the rewriters that use them go over the
same texts.
"""

WINDOWED = {
    "content/links/patterns.py: BEFORE": 160,
    "content/links/patterns.py: BARE_BEFORE": 160,
    "content/links/patterns.py: COOKIE_BEFORE": 160,
    "content/links/patterns.py: ROOT_BEFORE": 160,
    "inspector/names/names.py: _BEFORE": 160,
    "inspector/names/places.py: _KEY": 600,
    "inspector/names/places.py: _CONTEXT": 600,
    "inspector/names/places.py: _CSS_NAMESPACE": 600,
}
"""Expressions that end where something was found, and are searched for in so many bytes before it only."""

OURS = {"formats/wizards/filling.py: _BLOCK": "goes over the texts of the wizards, which are part of the product"}
"""Expressions that no stranger, and no author of rules, gives a text to."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A pattern, the place in the product where it is compiled, and whether it is only tried where a text begins."""

    place: str
    pattern: re.Pattern[Any]
    anchored: bool

    @property
    def run(self) -> Any:
        """What is done with a text: one attempt, or attempts from each of its places on."""
        pattern = self.pattern
        return pattern.match if self.anchored else lambda text: sum(1 for _ in pattern.finditer(text))


@dataclass(frozen=True, slots=True)
class Call:
    """A call of `re` in the source: its lines, the function of `re`, the name that its result is given, if any, and
    the function that it stands in.
    """

    file: str
    first: int
    last: int
    function: str
    name: str
    within: str
    node: ast.Call

    @property
    def place(self) -> str:
        return f"{self.file}: {self.name or (f'{self.within}()' if self.within else self.first)}"

    @property
    def literal(self) -> re.Pattern[Any] | None:
        """The pattern where it stands in the source as such."""
        try:
            pattern = ast.literal_eval(self.node.args[0])
        except ValueError:
            return None
        flags = [keyword.value for keyword in self.node.keywords if keyword.arg == "flags"]
        at = {"compile": 1, "sub": 4, "subn": 4, "split": 3}.get(self.function, 2)
        flags += self.node.args[at : at + 1]
        return re.compile(pattern, eval(ast.unparse(flags[0]), {"re": re}) if flags else 0)


def calls() -> Iterator[Call]:
    """All calls of `re` in the product that name an expression."""
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        names, within = dict(_names(tree)), dict(_functions(tree))
        for node in ast.walk(tree):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id="re"), attr=attr)) if attr in _FUNCTIONS:
                    last = node.end_lineno or node.lineno
                    file = path.relative_to(PACKAGE).as_posix()
                    name = names.get(id(node), "")
                    yield Call(file, node.lineno, last, attr, name, within.get(id(node), ""), node)


def _functions(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """The function that each node stands in, the innermost one last."""
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from ((id(node), function.name) for node in ast.walk(function))


def _names(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """The names of a module that are given to what a call of `re` returns, by the identity of the call."""
    for statement in tree.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call() as call):
                yield id(call), name
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Attribute(value=ast.Call() as call, attr=attr)):
                yield id(call), f"{name}.{attr}"


@cache
def _sources() -> dict[str, str]:
    return {path.relative_to(PACKAGE).as_posix(): path.read_text("utf-8") for path in PACKAGE.rglob("*.py")}


def is_anchored(call: Call) -> bool:
    """Whether an expression is only ever tried where a text begins: by its uses, as far as they can be seen."""
    name, _, method = call.name.partition(".")
    if call.place in TRIED_IN_PLACE:
        return True
    if call.function != "compile":
        return call.function in _ANCHORED
    if method or not name:
        return method in _ANCHORED
    private = name.startswith("_")
    sources = [text for file, text in _sources().items() if (file == call.file if private else name in text)]
    uses = [use for text in sources for use in re.findall(rf"(?<!\w){name}\b(?! *=[^=])(?:\.(\w+)\()?", text)]
    imported = sum(len(re.findall(rf"import [^\n]*\b{name}\b", text)) for text in sources)
    return uses.count("") <= imported and {*uses} - {""} <= _ANCHORED


def is_windowed(place: str) -> bool:
    """Whether an expression is only searched for between two places of a text."""
    file, _, name = place.partition(": ")
    private = name.startswith("_")
    sources = [text for each, text in _sources().items() if (each == file if private else name in text)]
    found = [
        len(node.args) == 3
        for source in sources
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and re.fullmatch(rf"(\w+\.)?{name}\.search", ast.unparse(node.func))
    ]
    return bool(found) and all(found)


def expressions() -> tuple[list[Expression], list[str]]:
    """All of them, each once; and the places of those that are made in functions which `_run_all` does not reach."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", "from growth import expressions; expressions.note()"],
        env={"PYTHONPATH": f"{ADDONS}:{ADDONS.parent / 'tests'}"},
        capture_output=True,
        check=True,
    )
    noted: dict[_Site, set[re.Pattern[Any]]] = pickle.loads(done.stdout)
    found: dict[tuple[str, re.Pattern[Any]], Expression] = {}
    missed = []
    for call in calls():
        patterns = {each for (file, line), made in noted.items() for each in made
                    if file == call.file and call.first <= line <= call.last}  # fmt: skip
        if not patterns and (literal := call.literal):
            patterns = {literal}
        if not patterns and call.file not in GIVEN:
            missed.append(f"{call.file}:{call.first}")
        for pattern in patterns:
            found[call.place, pattern] = Expression(call.place, pattern, is_anchored(call))
    return list(found.values()), missed


GIVEN = {
    "patterns/pattern.py": "the author of the rules gives it: how it is run is told there",
    "formats/wizards/blocking.py": "the author of the rules gives it, too, for what is run on two samples",
    "cli/serve.py": "four addresses of the demo",
    "inspector/diagnose/outside_mount.py": "a quote, and a segment of a path",
}
"""Where expressions are compiled that are none of the product's."""


def note() -> None:
    """Notes what is compiled while all modules are imported and all rewriters run, and writes it to the output."""
    noted: dict[_Site, set[re.Pattern[Any]]] = {}
    compile_ = re.compile
    for function in _FUNCTIONS:
        setattr(re, function, _noting(getattr(re, function), compile_, noted))
    for module in pkgutil.walk_packages([str(PACKAGE)], "urlrewrite."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    _run_all()
    sys.stdout.buffer.write(pickle.dumps(noted))


def _noting(function: Any, compile_: Any, noted: dict[_Site, set[re.Pattern[Any]]]) -> Any:
    def call(pattern: Any, *arguments: Any, **named: Any) -> Any:
        frame = sys._getframe(1)
        file = Path(frame.f_code.co_filename)
        if file.is_relative_to(PACKAGE):
            flags = arguments[0] if arguments and function is compile_ else named.get("flags", 0)
            site = file.relative_to(PACKAGE).as_posix(), frame.f_lineno
            noted.setdefault(site, set()).add(compile_(pattern, flags))
        return function(pattern, *arguments, **named)

    return call


def _run_all() -> None:
    """Calls what makes expressions of the names that it is given."""
    from growth.rewriters import all_rewriters
    from inspector.leaking import B, exchange
    from rules_of import rules_of
    from urlrewrite.inspector.leaks import web_config_edits
    from urlrewrite.inspector.leaks.over_matches import find_over_matches
    from urlrewrite.inspector.leaks.search import find_leaks
    from urlrewrite.model.problems import RuleFileError
    from urlrewrite.trace import version1

    page = f'--b\r\n\r\n<a href="{B}/x" src=x>/api ="{B}/x</a>\r\n--b--'
    for rewriter in all_rewriters():
        rewriter.run(page.encode())
    rules = rules_of("links: everywhere", site=f"public: https://www.example.com/app\nbackend: {B}\n")
    seen = exchange(rules, page, fields=[("Set-Cookie", "a=b")], url="https://www.example.com/app/")
    find_over_matches(seen, rules)
    find_leaks(seen, rules)
    open_hosts = (
        "rules:\n  - {name: a, match: '^(.*)$', action: {type: Rewrite, url: 'http://a{R:1}.example.com:8080/'}}\n"
        "  - {name: b, match: '^(.*)$', action: {type: Rewrite, url: 'http://b{R:1}.example.com:{R:1}/'}}\n"
    )
    rules_of(open_hosts, site="public: 'https://*.example.com'\nbackend: 'http://{C:1}.example.net:8080'\n")
    with suppress(RuleFileError):
        rules_of("rules:\n  - {name: c, match: '^(.*)$', action: {type: Rewrite, url: 'http://{R:1}/'}}\n")
    for edit in (web_config_edits._has, web_config_edits._inside, web_config_edits._without):
        edit("<rules>", "rules")
    web_config_edits._before_end("<rules>", "rules", "")
    version1._problem({"message": ""})
