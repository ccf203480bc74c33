"""`configSource`: sections in files of their own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from urlrewrite.formats import rule_files
from urlrewrite.lint.linter import lint
from urlrewrite.model import RuleSet
from urlrewrite.model.problems import Problem, RuleFileError

MAPS = '<rewriteMaps>\n<rewriteMap name="m">\n<add key="a" value="b" />\n</rewriteMap></rewriteMaps>'


def config(source: str, more: str = "") -> str:
    maps = f'<rewriteMaps configSource="{source}"{more}'
    return f"<configuration><system.webServer><rewrite>\n{maps}</rewrite></system.webServer></configuration>"


def write(directory: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return directory / "web.config"


def load(path: Path) -> tuple[RuleSet | None, tuple[Problem, ...]]:
    try:
        return rule_files.load([path])
    except RuleFileError as error:
        return None, error.problems


@pytest.mark.parametrize("name", ["maps.config", "conf/maps.config", r"conf\maps.config"])
def test_a_section_in_a_file_of_its_own(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, {"web.config": config(name, "/>"), name.replace("\\", "/"): MAPS})
    monkeypatch.chdir("/")
    rules, problems = load(path)
    assert (problems, rules is not None) == ((), True)
    assert rules is not None
    found = rules.sites[0].rewrite_maps["m"]
    own = tmp_path / name.replace("\\", "/")
    assert (found.entries, found.source.file, found.source.line) == ({"a": "b"}, str(own), 2)
    assert rules.files == (str(path), str(own))
    own.write_text(MAPS.replace('"b"', '"c"'))
    again, _ = load(path)
    assert again is not None
    assert again.fingerprint != rules.fingerprint


def test_another_letter_case_is_taken_as_meant(tmp_path: Path) -> None:
    text = config("maps.config", "/>").replace("configSource", "ConfigSource")
    rules, problems = load(write(tmp_path, {"web.config": text, "maps.config": MAPS}))
    assert rules is not None
    assert rules.sites[0].rewrite_maps["m"].entries == {"a": "b"}
    assert [(problem.id, problem.refused_by_iis) for problem in problems] == [("UR017", True)]


def test_a_problem_in_such_a_file_is_told_of_it(tmp_path: Path) -> None:
    rules = "<rules>\n<rule name='a'/></rules>"
    text = "<rewrite><rules configSource='r.config'/></rewrite>"
    _, (problem,) = load(write(tmp_path, {"web.config": text, "r.config": rules}))
    assert (problem.source.file, problem.source.line, problem.rule) == (str(tmp_path / "r.config"), 2, "a")


BESIDE = {
    "web.config": """<configuration><system.web>
<authorization configSource='asp.config'/></system.web>
<system.webServer><security><ipSecurity configSource='conf/ip.config'/>
<authentication><anonymousAuthentication configSource='anonymous.config'/></authentication></security>
<httpProtocol configSource='http.config'/><proxy configSource='proxy.config'/><handlers configSource='h.config'/>
<httpErrors configSource='errors.config'/><tracing configSource='none.config'/></system.webServer>
<connectionStrings configSource='none.config'/></configuration>""",
    "asp.config": "<authorization>\n\n<deny users='?'/></authorization>",
    "conf/ip.config": "<ipSecurity>\n<add ipAddress='10.0.0.1' allowed='false'/></ipSecurity>",
    "anonymous.config": "\n<anonymousAuthentication enabled='false'/>",
    "http.config": "<httpProtocol><customHeaders>\n<add name='X-A' value='b'/></customHeaders></httpProtocol>",
    "h.config": "<handlers>\n<add name='a' path='*' verb='*' type='System.Web.HttpForbiddenHandler'/></handlers>",
    "proxy.config": "<proxy preserveHostHeader='true'/>",
    "errors.config": "<httpErrors>\n\n<error statusCode='404' path='/x'/></httpErrors>",
}


def test_sections_beside_rules_in_files_of_their_own(tmp_path: Path) -> None:
    rules, problems = load(write(tmp_path, BESIDE))
    assert rules is not None
    beside = rules.sites[0].web_server
    assert rules.preserve_host_header
    sources = {
        "http.config": beside.http_protocol.custom_headers.add[0].source,
        "h.config": beside.handlers.mappings.add[0].source,
        "conf/ip.config": beside.ip_security.addresses.add[0].source,
    }
    for name, source in sources.items():
        assert (source.file, source.line) == (str(tmp_path / name), 2)
    assert {str(problem.source.file).removeprefix(f"{tmp_path}/"): problem.id for problem in problems} == {
        "errors.config": "UR020",
        "web.config": "UR024",
    }
    closed = [problem.source for problem in lint(rules) if problem.id == "UR026"]
    assert [(Path(source.file).name, source.line) for source in closed] == [("anonymous.config", 2), ("asp.config", 3)]


REFUSED = [
    (config("../maps.config", "/>"), "UR019", "expected a file beneath the directory"),
    (config("/etc/passwd", "/>"), "UR019", "expected a file beneath"),
    (config(r"C:\maps.config", "/>"), "UR019", "expected a file beneath"),
    (config(r"\\server\share\maps.config", "/>"), "UR019", "expected a file beneath"),
    (config("a/../maps.config", "/>"), "UR019", "expected a file beneath"),
    (config("", "/>"), "UR019", "expected a file beneath"),
    (config("link.config", "/>"), "UR019", "expected a file beneath"),
    (config("linked/passwd", "/>"), "UR019", "expected a file beneath"),
    (config("Maps.config", "/>"), "UR001", "did you mean maps.config?"),
    (config("folder", "/>"), "UR001", "it is no plain file"),
    (config("pipe", "/>"), "UR001", "it is no plain file"),
    (config("bad.config", "/>"), "UR015", "got what is no XML"),
    (config("doctype.config", "/>"), "UR016", "got a document type declaration"),
    (config("rules.config", "/>"), "UR003", "got <rules>, expected <rewriteMaps>"),
    (config("again.config", "/>"), "UR019", "in a file that is a configSource itself"),
    (config("web.config", "/>"), "UR003", "got <configuration>, expected <rewriteMaps>"),
    (config("maps.config", " a='b'/>"), "UR012", "expected it alone"),
    ("<configuration><system.webServer configSource='maps.config'/></configuration>", "UR012", "expected it in a"),
    (config("maps.config", "><rewriteMap name='a'/></rewriteMaps>"), "UR012", "expected it alone"),
]


@pytest.mark.parametrize(("text", "id", "part"), REFUSED)
def test_refused(tmp_path: Path, text: str, id: str, part: str) -> None:
    files = {
        "web.config": text,
        "maps.config": MAPS,
        "bad.config": "<rewriteMaps>",
        "doctype.config": "<!DOCTYPE a>" + MAPS,
        "rules.config": "<rules/>",
        "again.config": "<rewriteMaps configSource='again.config'/>",
        "folder/a": "",
    }
    path = write(tmp_path / "site", files)
    (tmp_path / "maps.config").write_text(MAPS)
    (tmp_path / "site" / "link.config").symlink_to("/etc/passwd")
    (tmp_path / "site" / "linked").symlink_to("/etc")
    os.mkfifo(tmp_path / "site" / "pipe")
    rules, problems = load(path)
    assert rules is None
    assert [problem.id for problem in problems] == [id]
    assert part in str(problems[0])
