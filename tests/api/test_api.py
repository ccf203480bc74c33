"""The public API: its page is true, and its names stay."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

import urlrewrite.api as api

PAGE = Path(__file__).parents[2] / "rules" / "api.md"


def test_the_page_is_true(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    failed, tried = doctest.testfile(str(PAGE), module_relative=False)
    assert not failed
    assert tried > 10


def test_the_page_names_every_call() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert [name for name in ("load_rules", "explain", "rewrite", "Exchange") if f"**`{name}(" not in page] == []


def test_names_stay() -> None:
    assert api.__all__ == sorted(api.__all__)
    assert {"Exchange", "RuleFileError", "explain", "load_rules", "rewrite"} <= {*api.__all__}
    assert all(hasattr(api, name) for name in api.__all__)


def test_a_request_that_is_dropped_has_no_response(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text("backend: http://b:80\npublic: http://a\nrules: [{name: x, match: .*, action: AbortRequest}]\n")
    rules, _ = api.load_rules(file)
    assert api.rewrite(rules, "http://a/", b"HTTP/1.1 200 OK\n\nx") is None
    assert api.explain(rules, "http://a/").data["decision"]["action"] == "AbortRequest"


def test_what_a_web_config_leaves_open(tmp_path: Path) -> None:
    file = tmp_path / "web.config"
    file.write_text("<configuration><system.webServer><rewrite><rules/></rewrite></system.webServer></configuration>")
    rules, _ = api.load_rules(file, public=["http://a"], backend="http://b:8080", connect="127.0.0.1:1")
    assert api.explain(rules, "http://a/x").data["decision"]["url"] == "http://b:8080/x"
    with pytest.raises(ValueError, match="public: got"):
        api.load_rules(file, public=["a"])
