"""init, check, explain and convert, as a person or a program calls them."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from urlrewrite.cli.main import main
from urlrewrite.farms.affinity import token_of
from urlrewrite.formats.wizards.templates import TEMPLATES

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
    assert f'{rules}:6: rule "old articles": got the pattern' in out
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


BACKEND = ["--backend", "http://privateserver:8080"]

BARE = [
    (["CONFIG", "https://www.example.com/t/a", *BACKEND], "http://privateserver:8080/x/a", "Rewrite"),
    ([*BACKEND, "CONFIG", "https://www.example.com/b"], "http://privateserver:8080/b", "None"),
    (["CONFIG", *BACKEND, "https://www.example.com/b"], "http://privateserver:8080/b", "None"),
    (
        ["CONFIG", *BACKEND, "--public", "https://a.example", "https://a.example/b"],
        "http://privateserver:8080/b",
        "None",
    ),
    # Without a backend, and with another public name, there is nothing that would serve it.
    (["CONFIG", "https://www.example.com/t/a"], None, "CustomResponse"),
    (["CONFIG", *BACKEND, "--public", "https://a.example", "https://b.example/b"], None, "CustomResponse"),
    (["CONFIG", "RULES", *BACKEND, "https://other.example/t/a"], "http://privateserver:8080/x/a", "Rewrite"),
    (["CONFIG", "RULES", *BACKEND, "https://www.example.com/article/7"], None, "Redirect"),
]


@pytest.mark.parametrize(("arguments", "url", "action"), BARE)
def test_a_bare_web_config_gets_its_names_from_the_command_line(
    arguments: list[str], url: str | None, action: str, rules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = rules.with_name("web.config")
    config.write_text(WEB_CONFIG)
    result = explained(capsys, *({"RULES": str(rules), "CONFIG": str(config)}.get(part, part) for part in arguments))
    assert (result["decision"]["url"], result["decision"]["action"]) == (url, action)


def test_links_and_mode_may_be_given_for_all(rules: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved = tmp_path / "response"
    saved.write_bytes(b"HTTP/1.1 200 OK\nContent-Type: text/html\n\n<a href=http://privateserver:8080/x>")
    for links, page in (
        ("off", b"<a href=http://privateserver:8080/x>"),
        ("tags", b"<a href=https://www.example.com/x>"),
    ):
        arguments = [
            str(rules),
            "https://www.example.com/",
            "--response",
            str(saved),
            "--links",
            links,
            "--mode",
            "iis",
        ]
        result = explained(capsys, *arguments)
        assert base64.b64decode(result["response"]["body_base64"]) == page


def test_check_takes_them_as_well(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tests = 'tests: [{request: GET https://a.example/t/1, expect: {url: "http://privateserver:8080/x/1"}}]'
    rules.write_text(f"webConfig: web.config\npublic: https://a.example\n{tests}")
    rules.with_name("web.config").write_text(WEB_CONFIG)
    assert main(["check", str(rules), *BACKEND]) == 0, capsys.readouterr().out
    assert "1 of 1 tests passed" in capsys.readouterr().out


def test_what_argparse_does_not_know_is_refused(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["check", str(rules), "--jsn"], ["init", "rules.yaml"]):
        with pytest.raises(SystemExit, match="2"):
            main(arguments)
        assert "unrecognized arguments" in capsys.readouterr().err


def test_init_lists_its_templates(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "--list"]) == 0
    listed = capsys.readouterr().out
    for name in TEMPLATES:
        assert f"\n{name} " in f"\n{listed}"
    assert "--entry" in listed


def test_init_writes_what_check_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    init = ["init", "--template", "rewrite-map", "--public", "https://www.example.com", *BACKEND]
    init += ["--entry", "/a", "/b", "--entry", "/c?d=e", "/f", "--map", "Moved pages"]
    for form, file in (("xml", "web.config"), ("tests", "site.yaml"), ("yaml", "alone.yaml")):
        assert main([*init, "--format", form]) == 0
        (tmp_path / file).write_text(capsys.readouterr().out)
    for file in ("site.yaml", "alone.yaml"):
        assert main(["check", str(tmp_path / file)]) == 0
        assert "0 errors, 0 warnings; 3 of 3 tests passed" in capsys.readouterr().out


def test_explain_prints_what_a_person_reads(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", str(rules), "https://www.example.com/article/x"]) == 0
    out = capsys.readouterr().out
    assert "old articles" in out
    assert "article/x" in out


def test_the_url_may_stand_anywhere_among_the_rule_files(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = "https://www.example.com/article/x"
    printed = []
    for arguments in ([str(rules), url], [url, str(rules)], ["--method", "GET", url, str(rules)]):
        assert main(["explain", *arguments]) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1] == printed[2]


def test_explain_tells_a_warning_in_a_condition_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / ".htaccess"
    path.write_text("RewriteEngine On\nRewriteCond %{REQUEST_FILENAME} !-f\nRewriteRule . /index.php [L]\n")
    assert main(["explain", str(path), "https://www.example.com/a"]) == 0
    out = capsys.readouterr().out
    assert out.count("IsFile is false because the site has no documentRoot") == 1
    assert "message=" not in out


def test_files_for_a_htaccess(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By an option, or by a rule file in YAML that names it."""
    path = tmp_path / ".htaccess"
    path.write_text("RewriteEngine On\nRewriteCond %{REQUEST_FILENAME} !-f\nRewriteRule . /index.php [L]\n")
    (tmp_path / "a.css").touch()
    by_yaml = tmp_path / "site.yaml"
    by_yaml.write_text("public: http://a\nbackend: http://b\ndocumentRoot: .\nwebConfig: .htaccess\n")
    options = ["--public", "http://a", "--backend", "http://b", "--document-root", str(tmp_path)]
    for given in ([str(path), *options], [str(by_yaml)]):
        assert main(["check", *given]) == 0
        assert "UR146" not in capsys.readouterr().out
        for asked, sent in (("a.css", "a.css"), ("c.css", "index.php")):
            assert main(["explain", *given, f"http://a/{asked}"]) == 0
            assert f"→ http://b/{sent}\n" in capsys.readouterr().out


MISTAKES = [
    (["explain", "RULES", "/no/host"], "absolute"),
    (["explain", "RULES", "https://www.example.com/", "-H", "nonsense"], "Name: value"),
    (["explain", "RULES", "https://www.example.com/", "--response", "/does/not/exist"], "--response"),
    (["explain", "/does/not/exist.yaml", "https://www.example.com/"], "/does/not/exist.yaml"),
    (["explain", "RULES", "https://a/", "https://b/"], "rule files and one absolute URL"),
    (["explain", "RULES", "--flow", "FLOWS", "--response", "FILE"], "expected one of them"),
    (["explain", "RULES"], "rule files and one absolute URL"),
    (["explain", "RULES", "https://www.example.com/", "--flow", "FLOWS"], "expected one of them"),
    (["explain", "RULES", "--flow", "/does/not/exist:3"], "--flow /does/not/exist:3"),
    (["explain", "RULES", "https://www.example.com/", "--backend", "privateserver"], "--backend: got"),
    (["explain", "RULES", "https://www.example.com/", "--backend", "http://b"], "every site has its own"),
    (["explain", "CONFIG", "https://a/", "--public", "https://a", "--backend", "https://a"], "expected two addresses"),
    (["init", "--public", "www.example.com", "--backend", "http://b"], "--public: got"),
    (["init"], "the template reverse-proxy needs --public, --backend: see ./run.sh init --help"),
    (["init", "--template", "rewrite-map", "--format", "xml"], "needs --entry"),
    (["init", "--template", "lowercase", "--format", "xml", "--no-links"], "--no-links: the template lowercase has no"),
    (["init", "--template", "lower"], "did you mean lowercase"),
]

WEB_CONFIG = """<?xml version="1.0" encoding="UTF-8"?>
<configuration><system.webServer><rewrite>
  <rules>
    <rule name="tenant"><match url="^t/(.*)" /><action type="Rewrite" url="x/{R:1}" /></rule>
  </rules>
</rewrite></system.webServer></configuration>
"""


@pytest.mark.parametrize(("arguments", "words"), MISTAKES)
def test_mistakes_are_one_line_and_exit_code_2(
    arguments: list[str], words: str, rules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = rules.with_name("web.config")
    config.write_text(WEB_CONFIG)
    code = main([{"RULES": str(rules), "CONFIG": str(config)}.get(part, part) for part in arguments])
    captured = capsys.readouterr()
    assert words in captured.err
    assert code == (1 if "[UR" in captured.err else 2)
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


RULE_FILES = sorted((Path(__file__).parents[2] / "rules").rglob("*.yaml"))


@pytest.mark.parametrize("path", RULE_FILES, ids=lambda path: path.name)
def test_every_rule_file_of_the_project_passes_its_own_tests(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(path)]) == 0
    out = capsys.readouterr().out
    assert "0 errors, 0 warnings" in out
    assert "0 of 0" not in out


CONVERTED = [
    ("web.config", "<rewrite>"),
    ("applicationHost", "<sites>"),
    ("yaml", "match: ^t/(.*)"),
]


@pytest.mark.parametrize(("to", "has"), CONVERTED)
def test_convert_prints_what_can_be_loaded(
    to: str, has: str, rules: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = rules.with_name("web.config")
    config.write_text(WEB_CONFIG)
    for source in (config, rules):
        assert main(["convert", str(source), "--to", to]) == 0
        captured = capsys.readouterr()
        assert has in captured.out
        if to != "applicationHost":
            assert ("warning" in captured.err) is (source is rules and to == "web.config")
        target = tmp_path / ("converted.yaml" if to == "yaml" else "converted.config")
        target.write_text(captured.out, encoding="utf-8")
        url = "https://www.example.com/t/a"
        result = explained(capsys, str(target), url, *(BACKEND if source is config else []))
        assert result["decision"]["url"] == "http://privateserver:8080/x/a"


def test_convert_takes_one_site_of_several(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = rules.with_name("other.yaml")
    other.write_text(RULES.replace("www.example.com", "other.example").replace("tenant", "other tenant"))
    several = ["convert", str(rules), str(other), "--to", "web.config"]
    assert main([*several, "--site", "other"]) == 0
    assert "other tenant" in capsys.readouterr().out
    mistakes = [
        ([], "--to web.config: got 2 sites"),
        (["--site", "othr"], "other"),
        (["--to", "yaml", "--site", "x"], "--site"),
    ]
    for more, words in mistakes:
        assert main([*several, *more]) == 2
        captured = capsys.readouterr()
        assert words in captured.err
        assert captured.out == ""


FARM = """
public: https://www.example.com
backend: http://shop
farms:
  shop:
    servers: ['10.0.0.1:8080', '10.0.0.2:8080', {address: 10.0.0.3, backup: true}]
    affinity: {cookie: Affinity}
"""


def test_explain_prints_the_order_of_servers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(FARM)
    assert main(["explain", str(path), "https://www.example.com/a"]) == 0
    out = capsys.readouterr().out
    assert "  1. 10.0.0.1 (balanced: WeightedRoundRobin)\n  2. 10.0.0.2 (balanced: WeightedRoundRobin)" in out
    cookie = f"Cookie: Affinity={token_of('10.0.0.2')}"
    decision = explained(capsys, str(path), "https://www.example.com/a", "-H", cookie)["decision"]
    assert decision["servers"] == [
        {"server": "10.0.0.2", "why": "cookie"},
        {"server": "10.0.0.1", "why": "reassigned"},
        {"server": "10.0.0.3", "why": "reassigned"},
    ]
    assert decision["attempts"] == 2
    path.write_text(FARM.replace("affinity:", "enabled: false\n    affinity:"))
    assert main(["explain", str(path), "https://www.example.com/a"]) == 0
    assert "none: farm-offline" in capsys.readouterr().out
