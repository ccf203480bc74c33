"""Rule files of every kind, told apart and put together; and those that come with the project."""

from __future__ import annotations

from pathlib import Path

import pytest

from urlrewrite.formats import rule_files
from urlrewrite.formats.rule_files import FileKind, kind_of
from urlrewrite.model.problems import RuleFileError

RULES = Path(__file__).parents[2] / "rules"
FILES = sorted(RULES.rglob("*.yaml"))

EXAMPLES = {
    "canonical-host",
    "cookie-domain",
    "headers",
    "javascript-and-json",
    "request-blocking",
    "reverse-proxy",
    "rewrite-map",
    "several-backends",
    "user-friendly-url",
}


def test_every_task_has_its_example() -> None:
    assert {file.stem for file in FILES if file.parent.name == "examples"} >= EXAMPLES
    applications = RULES / "examples" / "applications"
    assert {file.stem for file in applications.glob("*.config")} == {file.stem for file in applications.glob("*.yaml")}
    assert len([*applications.glob("*.config")]) >= 10


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(RULES)))
def test_loads_without_a_problem_and_has_tests(file: Path) -> None:
    rules, warnings = rule_files.load([file])
    assert warnings == ()
    assert rules.tests


KINDS = [
    ("web.config", b"", FileKind.XML),
    ("rules.XML", b"a: b", FileKind.XML),
    ("rules.yaml", b"<a/>", FileKind.YAML),
    ("rules.yml", b"RewriteRule a b", FileKind.YAML),
    (".htaccess", b"", FileKind.MOD_REWRITE),
    ("site.htaccess", b"<a/>", FileKind.MOD_REWRITE),
    ("rules", b"<rewrite/>", FileKind.XML),
    ("rules", b"\xef\xbb\xbf \n<?xml version='1.0'?><rewrite/>", FileKind.XML),
    ("rules", "<rewrite/>".encode("utf-16"), FileKind.XML),
    ("rules.txt", b"<!-- RewriteRule -->\n<rewrite/>", FileKind.XML),
    ("httpd.conf", b"# all\nServerName a\n  rewriterule ^a b [L]\n", FileKind.MOD_REWRITE),
    ("httpd.conf", b"<IfModule mod_rewrite.c>\nRewriteEngine On\n</IfModule>\n", FileKind.MOD_REWRITE),
    ("httpd.conf", b"<VirtualHost *:80>\n</VirtualHost>\n", FileKind.MOD_REWRITE),
    ("rules", b"RewriteEngine On\n", FileKind.MOD_REWRITE),
    ("rules.conf", b"public: https://a.example\n", FileKind.YAML),
    ("rules", b"", FileKind.YAML),
]


@pytest.mark.parametrize(("name", "content", "kind"), KINDS)
def test_kinds(name: str, content: bytes, kind: FileKind) -> None:
    assert kind_of(content, name) is kind


XML = "<rewrite><globalRules><rule name='{0}'><match url='a'/></rule></globalRules>{1}</rewrite>"


def write(directory: Path, files: dict[str, str]) -> list[Path]:
    for name, text in files.items():
        (directory / name).parent.mkdir(exist_ok=True)
        (directory / name).write_text(text)
    return [directory / name for name in files]


def test_files_of_every_kind_make_one_rule_set(tmp_path: Path) -> None:
    paths = write(
        tmp_path,
        {
            "a.yaml": "public: https://a.example\nbackend: http://a\nglobalRules: [{name: x, match: a}]\n",
            "b/web.config": XML.format("y", "<rewriteMaps configSource='m.config'/>"),
            "c.htaccess": "RewriteEngine On\nRewriteRule ^a$ /b [L]\n",
        },
    )
    write(tmp_path, {"b/m.config": "<rewriteMaps><rewriteMap name='m'/></rewriteMaps>"})
    rules, _ = rule_files.load(paths)
    assert [site.name for site in rules.sites][:2] == ["a", "b"]
    assert len(rules.sites) == 3
    assert [rule.name for rule in rules.global_rules] == ["x", "y"]
    assert rules.files == (str(paths[0]), str(paths[1]), str(tmp_path / "b" / "m.config"), str(paths[2]))


def test_problems_of_every_file_are_told(tmp_path: Path) -> None:
    paths = write(
        tmp_path,
        {
            "a.xml": XML.format("x", "<rules><rule/></rules>"),
            "b.yaml": "public: https://a.example\nbackend: http://b\nlinks: of\n",
            "c.xml": XML.format("X", ""),
            "d.xml": "<rewrite>",
        },
    )
    with pytest.raises(RuleFileError) as caught:
        rule_files.load([*paths, tmp_path / "e.config"])
    told = [(Path(item.source.file).name, item.id) for item in caught.value.problems]
    assert told == [
        ("a.xml", "UR006"),
        ("a.xml", "UR006"),
        ("b.yaml", "UR007"),
        ("c.xml", "UR008"),
        ("c.xml", "UR013"),
        ("d.xml", "UR015"),
        ("e.config", "UR001"),
    ]


def test_a_second_site_for_every_name_is_told(tmp_path: Path) -> None:
    rules, (warning,) = rule_files.load(write(tmp_path, {"a.xml": "<rewrite/>", "b.xml": "<rewrite/>"}))
    assert len(rules.sites) == 2
    assert 'got the site "b" without a host' in str(warning)


def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    with path.open("wb") as file:
        file.truncate(33 * 2**20)
    with pytest.raises(RuleFileError, match="more than 32 MB"):
        rule_files.load([path])
