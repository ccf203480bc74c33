"""A page below a path asks for what is beside it: what is told, and what is proposed after it was tried."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inspector.exchanges import seen_by
from rules_of import rules_of
from urlrewrite.exchange.rules_in_force import RulesInForce
from urlrewrite.inspector.broken import find_breakages
from urlrewrite.inspector.diagnose.breakage import Breakage
from urlrewrite.inspector.diagnose.page_loads import page_loads
from urlrewrite.inspector.leaks.rule_file_edits import with_fragment

P = "https://www.example.com"
MOUNTED = "public: https://www.example.com/app\nbackend: http://privateserver:8080/base\n"
SITES = """
sites:
  - {name: portal, public: 'https://www.example.com', backend: 'http://portal'}
  - {name: app, public: 'https://www.example.com/app', backend: 'http://privateserver:8080'}
"""
SCRIPT = (("Content-Type", "text/javascript"),)
JSON = (("Content-Type", "application/json"),)


def broken(
    rules: RulesInForce, script: str, *paths: str, fields: tuple[tuple[str, str], ...] = SCRIPT, dest: str = "empty"
) -> list[Breakage]:
    """What is broken where a page has loaded a script and that has asked for these paths, which are not there."""
    page = f"{P}/app/page"
    asked = (("Sec-Fetch-Dest", dest), ("Referer", page))
    seen = [
        seen_by(rules, b"<script src=app.js></script>", url=page, request_fields=(("Sec-Fetch-Dest", "document"),)),
        seen_by(rules, script.encode(), url=f"{P}/app/app.js", fields=fields, request_fields=asked, flow_id="script"),
    ]
    for path in paths:
        seen.append(seen_by(rules, b"no", url=f"{P}{path}", status=404, request_fields=asked, flow_id=path))
    timed = [replace(each, began=float(at)) for at, each in enumerate(seen)]
    (load,) = page_loads(timed)
    return [each for each in find_breakages(load, rules) if each.kind == "outside-mount"]


HELPS = [
    # site, what the script has, what is asked for, what is proposed
    ("", 'const base = "/static"', "/static/x.json", "Set rootPaths: [/static]"),
    ("rootPaths: /api\n", 'const base = "/static/"', "/static/x.json", "Set rootPaths: [/api, /static]"),
    ("", "get(`/v1/${name}`)", "/v1/items?a=b", "Set rootPaths: [/v1]"),
    ("", r'{"root":"\/static"}', "/static/x.json", "Set rootPaths: [/static]"),
]


@pytest.mark.parametrize(("more", "script", "path", "proposed"), HELPS)
def test_a_root_path_is_proposed_that_was_tried(more: str, script: str, path: str, proposed: str) -> None:
    site = "public: https://www.example.com/app\nbackend: http://privateserver:8080\n"
    (found,) = broken(rules_of("", site=site + more), script, path)
    assert "which asked for it" in found.title
    assert "/app/page" in found.title
    segment = "/" + path.split("/")[1]
    tried = f"tried on 2 recorded responses, it changes 1 (/app/app.js), which then have /app{segment}."
    assert found.todo == f"{proposed}: {tried} In the rule file, for the site:"
    changed = with_fragment(site + more, found.yaml, found.site)
    assert changed is not None
    assert f"\n{proposed.removeprefix('Set ')}\n" in changed
    assert ("asked for by", f"{P}/app/page") in found.evidence
    assert ("written in", f"{P}/app/app.js") in found.evidence


def test_several_requests_for_one_path_are_one_breakage() -> None:
    site = "public: https://www.example.com/app\nbackend: http://privateserver:8080\n"
    (found,) = broken(rules_of("", site=site), 'a = "/static"', "/static/a", "/static/b", "/static/c")
    assert found.count == 3


def test_another_site_at_the_root_takes_the_blame() -> None:
    (found,) = broken(rules_of("", site=SITES), 'a = "/static"', "/static/a")
    assert found.todo.startswith("Set rootPaths: [/static]")


NAMED = [
    # the site, what the script has, whether the public name is proposed as one of the backend's
    ("", 'root = "https://www.example.com"', True),
    ("", r'{"root": "https:\/\/www.example.com\/x"}', True),
    ("", 'root = "https://www.example.com/application"', True),
    ("", 'root = "https://www.example.com/app"', False),
    ("", 'root = "https://www.example.com.au"', False),
    ("backendNames: https://www.example.com\n", 'root = "https://www.example.com"', False),
]


@pytest.mark.parametrize(("more", "script", "proposed"), NAMED)
def test_a_backend_that_writes_the_public_name_without_the_path(more: str, script: str, proposed: bool) -> None:
    site = f"public: https://www.example.com/app\nbackend: http://privateserver:8080\n{more}"
    (found,) = broken(rules_of("", site=site), script, "/static/x")
    assert found.todo.startswith("Set backendNames: [https://www.example.com]: tried on 2 ") is proposed
    assert found.yaml == ("backendNames: ['https://www.example.com']\n" if proposed else "")
    if proposed:
        changed = with_fragment(site, found.yaml, found.site)
        assert changed is not None
        assert found.yaml in changed


def test_the_public_name_without_the_path_may_be_another_site() -> None:
    (found,) = broken(rules_of("", site=SITES), 'root = "https://www.example.com"', "/static/x")
    assert "backendNames" not in found.todo


ELSEWHERE = [
    # what the script has, what is asked for, what is proposed
    ('a = "/" + name', "/static/x", "No recorded response has it as a string, so that a script puts it together: "),
    ('a = "/statics"', "/static/x", "No recorded response has it as a string"),
    # The mount has only what is below /base: a root path beside it is no path of it.
    ('a = "/static"', "/static/x", "rootPaths: [/static] was tried on 2 recorded responses, and changes none: "),
]


@pytest.mark.parametrize(("script", "path", "proposed"), ELSEWHERE)
def test_what_else_helps_where_it_does_not(script: str, path: str, proposed: str) -> None:
    (found,) = broken(rules_of("", site=MOUNTED), script, path)
    assert found.todo.startswith(proposed)
    assert found.yaml == ""
    site = "publish https://www.example.com/static as a site of its own, with backend: "
    assert found.todo.endswith(f"{site}http://privateserver:8080/base/static.")


def test_where_no_link_is_mapped_that_is_to_be_changed_first() -> None:
    (found,) = broken(rules_of("", site=MOUNTED + "links: tags\n"), 'a = "/base/static"', "/base/static")
    assert found.todo.startswith("Set links: everywhere and rootPaths: [/base], or publish ")
    assert found.yaml == "links: everywhere\nrootPaths: [/base]\n"


def test_what_is_below_the_mount_is_not_outside() -> None:
    assert broken(rules_of("", site=MOUNTED), 'a = "/static"', "/app/static/x") == []
    assert broken(rules_of(""), 'a = "/static"', "/static/x") == []
