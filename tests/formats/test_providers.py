"""Rewrite providers that answer out of files, and those that cannot be honoured."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType

import pytest

from urlrewrite.formats.files_read import FilesRead
from urlrewrite.formats.providers import with_answers
from urlrewrite.formats.reports import Report
from urlrewrite.model import Provider, Source
from urlrewrite.model.problems import Problem, Severity

ASSEMBLY = "Microsoft.Web.Iis.Rewrite.Providers, Version=7.1.761.0, Culture=neutral, PublicKeyToken=31bf3856ad364e35"


def filled(
    directory: Path, kind: str, settings: dict[str, str], document_root: str = ""
) -> tuple[Provider, list[Problem], tuple[str, ...]]:
    problems: list[Problem] = []
    files = FilesRead()
    provider = Provider("p", f"{kind}, {ASSEMBLY}", MappingProxyType(settings), source=Source("web.config", 7))
    found = with_answers(provider, Report("web.config", problems), files, directory, document_root)
    assert (found, found.type, found.settings) == (provider, provider.type, provider.settings)
    return found, problems, files.names


MAP = "FileMapProvider"
CONTAINS = "FileContainsProvider"
CASES = [
    (MAP, b"/a\t/b\r\n\r\n/c\t/d\te\n", {}, {"/a": "/b", "/c": "/d\te"}, True),
    (MAP, b"a,b\n", {"Separator": ",", "IgnoreCase": "0"}, {"a": "b"}, False),
    (MAP, b"a->b->c", {"separator": "->", "ignoreCase": "1"}, {"a": "b->c"}, True),
    (MAP, "é\tü".encode("utf-8-sig"), {}, {"é": "ü"}, True),
    (MAP, "é\tü".encode("utf-16"), {}, {"é": "ü"}, True),
    (MAP, b"", {}, {}, True),
    (CONTAINS, b"10.0.0.1\n10.0.0.2\n", {}, {"10.0.0.1": "10.0.0.1", "10.0.0.2": "10.0.0.2"}, True),
    (CONTAINS.lower(), b"A\tB", {"IgnoreCase": "false"}, {"A\tB": "A\tB"}, False),
    (f"Microsoft.Web.Iis.Rewrite.Providers.{MAP}", b"a\tb", {}, {"a": "b"}, True),
]


@pytest.mark.parametrize(("kind", "content", "settings", "answers", "ignore_case"), CASES)
def test_answers(
    tmp_path: Path, kind: str, content: bytes, settings: dict[str, str], answers: dict[str, str], ignore_case: bool
) -> None:
    (tmp_path / "f.txt").write_bytes(content)
    found, problems, files = filled(tmp_path, kind, {"FilePath": "f.txt", **settings})
    assert problems == []
    assert (found.entries, found.ignore_case, found.supported) == (answers, ignore_case, True)
    assert files == (str(tmp_path / "f.txt"),)


PATHS = [
    ("maps/f.txt", ""),
    (r"maps\f.txt", ""),
    ("{DOCUMENT_ROOT}/maps/f.txt", ""),
    (r"{document_root}\f.txt", "maps"),
]


@pytest.mark.parametrize(("name", "root"), PATHS)
def test_paths(tmp_path: Path, name: str, root: str) -> None:
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "f.txt").write_text("a\tb")
    found, problems, _ = filled(tmp_path, MAP, {"FilePath": name}, str(tmp_path / root) if root else "")
    assert (found.entries, problems) == ({"a": "b"}, [])


WRONG = [
    (MAP, {}, "UR006", "FilePath: got nothing"),
    (MAP, {"FilePath": "missing.txt"}, "UR001", "No such file or directory"),
    (MAP, {"FilePath": "/dev/zero"}, "UR001", "it is no plain file"),
    (MAP, {"FilePath": "."}, "UR001", "it is no plain file"),
    (MAP, {"FilePath": "a\0b"}, "UR001", "expected a text file that can be read"),
    (MAP, {"FilePath": "latin.txt"}, "UR001", "line 2: it is no text in UTF-8"),
    (MAP, {"FilePath": "good.txt", "IgnoreCase": "maybe"}, "UR007", 'IgnoreCase: got "maybe", expected 1 or 0'),
    (MAP, {"FilePath": "one.txt"}, "UR013", 'got "one" without the separator "\\t"'),
    (MAP, {"FilePath": "twice.txt"}, "UR013", 'got the key "a" again'),
    ("DbProvider", {"ConnectionString": "x"}, "UR020", "a database cannot be used here"),
    ("Shop.Provider", {}, "UR020", "a class in .NET cannot be used here"),
]


@pytest.mark.parametrize(("kind", "settings", "id", "part"), WRONG)
def test_wrong(tmp_path: Path, kind: str, settings: dict[str, str], id: str, part: str) -> None:
    contents = {"latin": b"a\n\xe9", "good": b"a\tb", "one": b"one", "twice": b"a\tb\na\tc"}
    for name, content in contents.items():
        (tmp_path / f"{name}.txt").write_bytes(content)
    found, (problem,), _ = filled(tmp_path, kind, settings)
    assert problem.id == id
    assert part in str(problem)
    assert found.supported is (id != "UR020")
    assert (problem.severity is Severity.WARNING) is (id in ("UR013", "UR020"))
