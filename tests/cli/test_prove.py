"""Rules exported for nginx, and proved with the nginx that is installed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hostile_requests import hostile
from urlrewrite.cli.main import main
from urlrewrite.cli.proving import nginx, run
from urlrewrite.export.nginx import server
from urlrewrite.export.nginx.server import Exported

RULES = r"""
public: [https://www.example.com, http://www.example.com]
backend: http://privateserver:8080
links: off
rewriteMaps:
  moved: {defaultValue: '', entries: {old: /new, 'Ünder': /under, default: /a$b}}
rules:
  - name: secure
    match: (.*)
    conditions: [{input: '{HTTPS}', pattern: ^off$}, {input: '{HTTP_HOST}', pattern: ^www\.(.+)$}]
    action: {type: Redirect, url: 'https://www.{C:1}/{R:1}'}
  - name: blocked
    match: ^(?:\.git|admin)(?:/|$)
    conditions: [{input: '{REMOTE_ADDR}', pattern: ^10\., negate: true}]
    action: {type: CustomResponse, statusCode: 403, statusDescription: 'not "here", $5 \o/'}
  - name: bad robots
    match: .*
    conditions: [{input: '{HTTP_USER_AGENT}', pattern: evil|scan}]
    action: {type: AbortRequest}
  - name: moved
    match: ^m/(.+)$
    conditions: [{input: '{moved:{R:1}}', pattern: (.+)}]
    action: {type: Redirect, url: '{C:1}', redirectType: Found}
  - name: tenant
    match: ^t/([^/]+)/
    serverVariables: {HTTP_X_TENANT: '{R:1}', HTTP_X_FORWARDED_PROTO: 'https'}
    action: {type: None}
  - name: lower
    match: ^low/(.*)
    action: {type: Redirect, url: '/l/{ToLower:{R:1}}', redirectType: Temporary}
  - name: either
    match: ^e/(\w+)/?(.*)$
    conditions:
      logicalGrouping: MatchAny
      add: [{input: '{QUERY_STRING}', pattern: ^id=(\d+)}, {input: '{REQUEST_METHOD}', pattern: ^(POST)$}]
    action: {type: Rewrite, url: '/either/{R:1}/{C:1}?p={R:2}'}
  - name: shop
    match: ^shop/(\d+)(?:-([a-z]+))?$
    action: {type: Rewrite, url: 'http://shop.internal:8081/item/{R:1}/{R:2}?from={HTTP_HOST}'}
  - name: api
    match: ^api/
    action: {type: Rewrite, url: 'https://api.internal{UNENCODED_URL}'}
    stopProcessing: true
  - name: pages
    match: ^item/(.*)|^(p)$
    action: {type: Rewrite, url: 'page/{R:0}', appendQueryString: false}
tests:
  - {request: GET https://www.example.com/shop/7-a, expect: {url: 'http://shop.internal:8081/item/7/a?from=www.example.com'}}
"""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules.yaml"
    path.write_text(RULES, encoding="utf-8")
    return path


def proved(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict]:
    capsys.readouterr()
    code = main(["prove", *arguments, "--to", "nginx", "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_what_is_exported_does_what_the_rules_do(
    require: Callable[..., None], rules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    require("nginx", "njs")
    code, report = proved(capsys, str(rules), "--requests", "40")
    assert report["differences"] == []
    assert (code, report["holds"], report["requests"]) == (0, True, 409)
    assert [rule["name"] for rule in report["rules"] if not rule["acted"]] == []
    assert {rule["verdict"] for rule in report["rules"]} == {"exact"}


def test_without_njs_odd_urls_get_400_and_what_maps_cannot_say_501(
    require: Callable[..., None], rules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    require("nginx")
    code, report = proved(capsys, str(rules), "--requests", "20", "--plain")
    assert code == 0
    assert {each["class"] for each in report["differences"]} == {"the server is stricter", "refused"}
    assert {each["got"] for each in report["differences"]} == {"400", "501"}
    assert report["counts"]["same"] > 100


SITES = r"""
farms:
  pool:
    servers: ['10.0.0.1:8080', {address: 10.0.0.2, httpPort: 8081, weight: 50}, {address: spare.lan, backup: true}]
sites:
  - name: shop
    public: [https://shop.example.com, https://shop.example.com:8443]
    backend: http://pool
    rules:
      - {name: old, match: ^old/(.*), action: {type: Rewrite, url: 'http://pool/new/{R:1}'}}
      - {name: asked, match: ^q$, action: {type: Redirect, url: '/p?x={QUERY_STRING}', appendQueryString: false}}
  - name: many
    public: ['https://*.many.example.com', 'http://*.many.example.com']
    backend: https://many.internal
    links: off
    rewriteMaps:
      hosts: {defaultValue: 'none.internal:81', entries: {a: a.internal, b: 'b.internal:8080'}}
    rules:
      - name: by map
        match: ^m/(\w+)/?(.*)
        action: {type: Rewrite, url: 'http://{hosts:{R:1}}/{R:2}'}
      - name: tenant
        match: ^h/?$
        conditions: [{input: '{HTTP_HOST}', pattern: '^([a-z]+)\.many'}]
        action: {type: Rewrite, url: '/tenant/{C:1}'}
        serverVariables: {HTTP_HOST: 'fixed.example', HTTP_X_EMPTY: ''}
  - name: bare
    public: http://bare.example.com
    rules:
      - {name: only, match: ^only, action: {type: Rewrite, url: 'http://only.internal/{R:0}'}}
      - name: kept
        match: ^on
        serverVariables: [{name: HTTP_X_K, value: k, replace: false}]
        action: {type: None}
"""


def test_sites_farms_and_backends_with_tls_are_proved(
    require: Callable[..., None], rules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    require("nginx", "njs")
    rules.write_text(SITES, encoding="utf-8")
    code, report = proved(capsys, str(rules), "--requests", "30")
    assert report["differences"] == []
    assert (code, report["requests"]) == (0, 196)
    assert [rule["name"] for rule in report["rules"] if not rule["acted"]] == []


def test_nobody_gets_past_what_is_exported(
    require: Callable[..., None], rules: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    require("nginx", "njs")
    monkeypatch.setattr(run, "probes", lambda rules, count: hostile(["shop/7-a", "t/x/", "m/", "e/x/", "low/", ""]))
    _, report = proved(capsys, str(rules))
    assert report["requests"] > 300
    for each in report["differences"]:
        assert re.match("4[0-9][0-9]|the connection is closed", each["got"]), each


FAULTS = {
    "a map minds case": ('"~*^/shop/', '"~^/shop/'),
    "a redirect has another status": ("return 301 ", "return 302 "),
    "a query is not appended": ("}&${", "}${"),
    "a response has another status": ("return 403", "return 404"),
    "an abort is an answer": ("return 444", "return 403"),
    "Host is the client's": ("Host $ur0_host", "Host $http_host"),
    "a field is not sent": ("X-Tenant $ur0_http_x_tenant", 'X-Tenant ""'),
    "a condition is dropped": ('"~0" "0"', '"~0" "1"'),
    "a rewrite is dropped": ("$ur0_pass$ur0_target", "$ur0_pass$request_uri"),
    "odd URLs count as plain": ('$ur0_odd {\n    "~1" "1"', '$ur0_odd {\n    "~1" "0"'),
    "a backend is asked without TLS": ("https://ur0_backend", "http://ur0_backend"),
    "slashes are not merged": ('characters[characters.length - 1] === "/"', "false"),
    "dots are not removed": ('withoutDots(raw[0] === "/" ? raw : "/" + raw)', '(raw[0] === "/" ? raw : "/" + raw)'),
    "what is decoded is sent": (
        "path.raw.slice(path.offsets[start], path.offsets[end])",
        "path.text.slice(start, end)",
    ),
    "places are wrong behind UTF-8": ("at += 3 * each[1]", "at += 3"),
    "a query replaces the other": ('query ? query + "&" + this.query : this.query', "query || this.query"),
    "a list of conditions ends late": ("holds === rule.any", "false"),
    "letters are not lowered": ("text.toLowerCase()", "text"),
    "a location has the wrong mark": ('? "&" : "?"', '? "?" : "&"'),
    "a group is another one": ("this.rule[node.R]", "this.rule[0]"),
    "negation is forgotten": ("found !== condition.negate", "found"),
    "a field is forgotten": ("name in q.fields ? q.fields[name] : ", ""),
}
"""Seeded faults: a text of what is exported, and what stands there in its place."""


@pytest.mark.parametrize("before, after", FAULTS.values(), ids=FAULTS)
def test_a_fault_of_the_export_is_found(
    require: Callable[..., None],
    rules: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    before: str,
    after: str,
) -> None:
    require("nginx", "njs")

    def export(*arguments: Any, **more: Any) -> Exported:
        exported = server.export(*arguments, **more)
        assert before in exported.configuration + exported.program
        return replace(
            exported,
            configuration=exported.configuration.replace(before, after),
            program=exported.program.replace(before, after),
        )

    monkeypatch.setattr(run, "export", export)
    assert main(["prove", str(rules), "--to", "nginx", "--requests", "16"]) == 1
    out = capsys.readouterr().out
    assert "different: " in out
    assert "curl -ski --path-as-is" in out
    assert f"./run.sh explain {rules}" in out


def test_what_was_started_can_be_kept(
    require: Callable[..., None], rules: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    require("nginx", "njs")
    kept = tmp_path / "kept"
    assert main(["prove", str(rules), "--to", "nginx", "--requests", "1", "--keep", str(kept)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("nginx: 10 exact, 0 approximate, 0 refused; 1 own tests + 18 generated requests: 19 same\n")
    assert {"nginx.conf", "urlrewrite.conf", "urlrewrite.js"} <= {path.name for path in kept.iterdir()}


def test_without_nginx_nothing_is_proved(
    rules: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nginx, "_PLACES", "")
    monkeypatch.setenv("PATH", "")
    assert main(["prove", str(rules), "--to", "nginx"]) == 1
    assert "not proved: there is no nginx here; apt-get install nginx" in capsys.readouterr().out


def test_convert_writes_both_files(rules: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", str(rules), "--to", "nginx", "--output", str(tmp_path / "out")]) == 0
    configuration = (tmp_path / "out" / "urlrewrite.conf").read_text(encoding="utf-8")
    assert "server privateserver:8080;" in configuration
    assert f"# {rules}:8: secure" in configuration
    assert "listen 443 ssl;" in configuration
    assert '"name": "secure"' in (tmp_path / "out" / "urlrewrite.js").read_text(encoding="utf-8")
    assert "wrote urlrewrite.conf and urlrewrite.js" in capsys.readouterr().err


def test_convert_without_njs_tells_what_is_missing(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", str(rules), "--to", "nginx", "--plain"]) == 1
    captured = capsys.readouterr()
    assert "js_import" not in captured.out
    told = [line for line in captured.err.splitlines() if line.endswith("[UR306]")]
    assert [line.split('"')[1] for line in told] == ["lower", "either"]
    assert main(["convert", str(rules), "--to", "nginx"]) == 2
    assert main(["convert", str(rules), "--to", "yaml", "--plain"]) == 2
