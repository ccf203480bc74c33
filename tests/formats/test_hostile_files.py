"""Malformed and hostile rule files: errors with lines, never a traceback, a hang or much memory."""

from __future__ import annotations

import random
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from counting import counted_steps
from formats.hostile import ANY, APACHE, XML, mutated, xml_seeds, yaml_seeds
from urlrewrite.engine.compile import compile_rules
from urlrewrite.formats import rule_files
from urlrewrite.model.problems import Problem, RuleFileError, Severity

PACKAGE = Path(__file__).parents[2] / "addons"

BATCH = 250
BATCHES = [*((".config", number) for number in range(28)), *((".yaml", number) for number in range(6))]
BATCHES += [(".htaccess", number) for number in range(6)]
MAX_STEPS = 1_000_000
"""Lines of Python that one small file may take."""

MALFORMED = {"UR001", "UR002", "UR015", "UR016"}
"""The ids of what cannot be read at all."""


def test_there_are_ten_thousand() -> None:
    assert BATCH * len(BATCHES) == 10_000


@pytest.mark.parametrize(("suffix", "number"), BATCHES, ids=lambda value: str(value).strip("."))
def test_small_files(tmp_path: Path, suffix: str, number: int) -> None:
    rng = random.Random(f"{suffix} {number}")
    seeds = {".config": xml_seeds, ".yaml": yaml_seeds, ".htaccess": lambda: [text.encode() for text in APACHE]}
    made = seeds[suffix]()
    outcomes: Counter[str] = Counter()
    for index in range(BATCH):
        data = mutated(made, XML if suffix == ".config" else ANY, rng)
        path = tmp_path / f"{index}{suffix}"
        path.write_bytes(data)
        try:
            with counted_steps(MAX_STEPS):
                rules, problems = rule_files.load([path])
                _, more = compile_rules(rules)
            outcomes["loaded"] += 1
        except RuleFileError as error:
            problems, more = error.problems, ()
            assert any(problem.severity is Severity.ERROR for problem in problems)
            outcomes["malformed" if {problem.id for problem in problems} & MALFORMED else "refused"] += 1
        for problem in (*problems, *more):
            assert_well_told(problem, data)
    # A mutation that always, or never, breaks the file tests nothing.
    assert outcomes["loaded"] > 0
    assert outcomes["refused"] + outcomes["malformed"] > 0


def assert_well_told(problem: Problem, data: bytes) -> None:
    lines = max(data.count(b"\n"), data.count(b"\n\0"), data.count(b"\0\n"), data.count(b"\r"), data.count(b"\x85"))
    assert re.fullmatch(r"UR\d{3}", problem.id)
    assert str(problem).isprintable()
    assert 0 < problem.source.line <= lines + 2, problem
    assert len(problem.message) < 2000


HEAD, TAIL = "<rewrite><rewriteMaps><rewriteMap name='m'>\n", "</rewriteMap></rewriteMaps></rewrite>"


def a_map(count: int, entry: str) -> Iterator[str]:
    yield HEAD
    yield from (entry.format(number) for number in range(count))
    yield TAIL


def repeated(count: int, text: str, head: str = "<rewrite>", tail: str = "</rewrite>") -> Iterator[str]:
    yield head
    yield from (text * 1000 for _ in range(count // 1000))
    yield tail


def yaml_map(count: int) -> Iterator[str]:
    yield "public: https://www.example.com\nbackend: http://privateserver:8080\nrewriteMaps:\n  m:\n"
    yield from (f"    /old/{number}: /new/{number}\n" for number in range(count))


def entity_bomb() -> Iterator[str]:
    yield '<!DOCTYPE a [<!ENTITY a0 "hahahaha">'
    yield from (f'<!ENTITY a{number} "{f"&a{number - 1};" * 10}">' for number in range(1, 12))
    yield "]>\n<rewrite>&a11;</rewrite>"


LARGE: list[tuple[str, str, Callable[[], Iterator[str]], str]] = [
    ("100,000 keys", ".config", lambda: a_map(100_000, '<add key="/old/{0}" value="/new/{0}" />\n'), "loaded"),
    (
        "20 MB of a map",
        ".config",
        lambda: a_map(330_000, f'<add key="/{"o" * 9}/{{0}}" value="/{"n" * 9}/{{0}}" />\n'),
        "loaded",
    ),
    ("a map of short keys", ".config", lambda: a_map(600_000, '<add key="/{0}" value="/"/>\n'), "UR015"),
    ("one key", ".config", lambda: a_map(300_000, '<add key="a" value="{0}"/>\n'), "UR023"),
    ("an entity bomb", ".config", entity_bomb, "UR016"),
    ("nesting", ".config", lambda: repeated(5_000_000, "<a>"), "UR015"),
    ("nesting that ends", ".config", lambda: repeated(200_000, "<a>", tail="</a>" * 200_000), "UR015"),
    ("unknown elements", ".config", lambda: repeated(3_000_000, "<foo/>\n"), "UR015"),
    ("attributes", ".config", lambda: repeated(3_000_000, 'a="" ', head="<rewrite ", tail="/>"), "UR015"),
    ("an attribute", ".config", lambda: repeated(20_000_000, "x", head="<rewrite a='", tail="'/>"), "UR015"),
    ("a comment", ".config", lambda: repeated(20_000_000, ">", head="<rewrite><!--", tail="--></rewrite>"), "UR015"),
    ("comments", ".config", lambda: repeated(2_000_000, "<!---->"), "UR015"),
    ("comments without an end", ".config", lambda: repeated(4_000_000, "<!--"), "UR015"),
    ("a text", ".config", lambda: repeated(20_000_000, "x"), "UR015"),
    ("rules", ".config", lambda: repeated(300_000, "<rule name=''/>", head="<rules>", tail="</rules>"), "UR023"),
    ("more than is read", ".config", lambda: repeated(34_000_000, " "), "UR001"),
    ("100,000 keys", ".yaml", lambda: yaml_map(100_000), "loaded"),
    ("20 MB of a map", ".yaml", lambda: yaml_map(800_000), "UR002"),
    ("nesting", ".yaml", lambda: repeated(5_000_000, "[", head="a: ", tail=""), "UR002"),
    ("aliases", ".yaml", lambda: iter(["a: &a [x]\n", *(f"b{n}: &b{n} [*a, *a]\n" for n in range(200_000))]), "UR002"),
    ("lines", ".htaccess", lambda: repeated(1_000_000, "RewriteRule ^a b\n", head="", tail=""), "UR001"),
    ("one line", ".htaccess", lambda: repeated(20_000_000, "x", head="RewriteRule ", tail=" y"), "UR001"),
    ("250 KB of rules", ".htaccess", lambda: repeated(15_000, "RewriteRule ^a b\n", head="", tail=""), "loaded"),
]

PROGRAM = """
import resource, sys
from urlrewrite.formats import rule_files
from urlrewrite.model.problems import RuleFileError
try:
    rule_files.load([sys.argv[1]])
    told = "loaded"
except RuleFileError as error:
    last = error.problems[-1]
    assert last.source.line or last.id == "UR001", last
    told = last.id
used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(told, used * (1 if sys.platform == "darwin" else 1024))
"""


@pytest.mark.parametrize(
    ("suffix", "text", "expected"), [case[1:] for case in LARGE], ids=[f"{case[0]}{case[1]}" for case in LARGE]
)
def test_large_files(tmp_path: Path, suffix: str, text: Callable[[], Iterator[str]], expected: str) -> None:
    path = tmp_path / f"rules{suffix}"
    with path.open("w") as file:
        file.writelines(text())
    # The shell between keeps the memory of this process out of what the new one is said to have used.
    command = ["sh", "-c", '"$@"; exit $?', "sh", sys.executable, "-c", PROGRAM, str(path)]
    environment = {"PYTHONPATH": str(PACKAGE), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    told, used = done.stdout.split()
    assert told == expected
    assert int(used) < 200 * 2**20
