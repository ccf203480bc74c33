"""init, check and explain, as a person or a program calls them."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from urlrewrite.cli import main

RULES = """
public: https://www.example.com
backend: http://privateserver:8080
rules:
  - name: old articles
    match: ^article/(\\d+)$
    action: {type: Redirect, url: 'news/{R:1}', redirectType: Found}
  - name: tenant
    match: ^t/(.*)
    serverVariables: {HTTP_X_TENANT: one}
    action: {type: Rewrite, url: '/x/{R:1}'}
tests:
  - request: GET https://www.example.com/article/7
    expect: {status: 302, location: https://www.example.com/news/7}
"""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules.yaml"
    path.write_text(RULES)
    return path


def test_check_runs_the_files_own_tests(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(rules)]) == 0
    assert "0 errors, 0 warnings; 1 of 1 tests passed" in capsys.readouterr().out
    rules.write_text(RULES.replace("news/7", "news/8").replace("status: 302", "status: 301"))
    assert main(["check", str(rules)]) == 1
    out = capsys.readouterr().out
    assert "got 302, expected 301" in out
    assert "expected 'https://www.example.com/news/8'" in out
    assert "0 of 1 tests passed" in out


def test_check_finds_every_error_at_once(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules.write_text(
        RULES.replace("^article/(\\d+)$", "'*'")
        .replace("type: Rewrite", "type: Rewrit")
        .replace("match: ^t", "mach: ^t")
    )
    assert main(["check", str(rules), "--json"]) == 1
    findings = json.loads(capsys.readouterr().out)
    assert {"file", "line", "rule", "id", "severity", "message"} == set(findings[0])
    assert {finding["rule"] for finding in findings} >= {"tenant"}
    assert len(findings) >= 2


def test_check_tells_of_patterns_and_templates(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules.write_text(RULES.replace("^article/(\\d+)$", "'*'").replace("'/x/{R:1}'", "'/x/{TooLower:{R:1}}'"))
    assert main(["check", str(rules)]) == 1
    out = capsys.readouterr().out
    assert f'{rules}:5: rule "old articles"' in out
    assert "patternSyntax: Wildcard" in out
    assert "did you mean ToLower?" in out


def explained(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:
    assert main(["explain", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_explain_json(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = explained(capsys, str(rules), "https://www.example.com/article/7?x=1")
    assert result["decision"] == {
        "action": "Redirect",
        "url": None,
        "status": 302,
        "location": "https://www.example.com/news/7?x=1",
        "headers": {},
    }
    assert result["response"]["status"] == 302
    assert any(event["event"] == "REDIRECT_ACTION" for event in result["trace"])

    result = explained(capsys, str(rules), "https://www.example.com/t/a%20b", "-H", "X: y", "--method", "POST")
    assert result["decision"]["action"] == "Rewrite"
    assert result["decision"]["url"] == "http://privateserver:8080/x/a%20b"
    assert result["decision"]["headers"]["x-tenant"] == "one"
    assert result["decision"]["headers"]["Host"] == "privateserver:8080"
    assert "X" not in result["decision"]["headers"]
    assert result["response"] is None


def test_explain_with_a_saved_response(rules: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved = tmp_path / "response"
    saved.write_bytes(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nSet-Cookie: a=1; Domain=privateserver\r\n\r\n"
        b'<a href="http://privateserver:8080/x">\xff'
    )
    result = explained(capsys, str(rules), "https://www.example.com/", "--response", str(saved))
    assert base64.b64decode(result["response"]["body_base64"]) == b'<a href="https://www.example.com/x">\xff'
    assert ["Set-Cookie", "a=1; Domain=www.example.com; Secure"] in result["response"]["headers"]


def test_explain_prints_what_a_person_reads(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", str(rules), "https://www.example.com/article/x"]) == 0
    out = capsys.readouterr().out
    assert "old articles" in out
    assert "article/x" in out


MISTAKES = [
    (["explain", "RULES", "/no/host"], "absolute"),
    (["explain", "RULES", "https://www.example.com/", "-H", "nonsense"], "Name: value"),
    (["explain", "RULES", "https://www.example.com/", "--response", "/does/not/exist"], "--response"),
    (["explain", "/does/not/exist.yaml", "https://www.example.com/"], "/does/not/exist.yaml"),
    (["init", "--public", "www.example.com", "--backend", "http://b"], "public"),
]


@pytest.mark.parametrize(("arguments", "words"), MISTAKES)
def test_mistakes_are_one_line_and_exit_code_1(
    arguments: list[str], words: str, rules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(rules) if part == "RULES" else part for part in arguments]) == 1
    captured = capsys.readouterr()
    assert words in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""


def test_the_wizards_file_passes_its_own_tests(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for more in ([], ["--no-ssl-offload"], ["--no-links"], ["--no-ssl-offload", "--no-links"]):
        wizard = ["init", "--public", "https://www.example.com", "--backend", "http://privateserver:8080", *more]
        capsys.readouterr()
        assert main(wizard) == 0
        path = tmp_path / "wizard.yaml"
        path.write_text(capsys.readouterr().out)
        assert main(["check", str(path)]) == 0, capsys.readouterr().out


RULE_FILES = sorted((Path(__file__).parents[1] / "rules").rglob("*.yaml"))


@pytest.mark.parametrize("path", RULE_FILES, ids=lambda path: path.name)
def test_every_rule_file_of_the_project_passes_its_own_tests(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(path)]) == 0
    out = capsys.readouterr().out
    assert "0 errors, 0 warnings" in out
    assert "0 of 0" not in out
