"""Paths that rules set are mounts: what comes back follows them as it follows a site below a path."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules_of import ask, field, rules_of
from urlrewrite.exchange.responses import Forward
from urlrewrite.exchange.rule_tests import Evaluation
from urlrewrite.model.field_lines import FieldLines

WWW, B = "https://www.example.com", "http://b:8888"
SITE = f"public: {WWW}\n"


def rule(match: str, url: str, more: str = "stopProcessing: true") -> str:
    return f"rules: [{{name: r, match: '{match}', {more}, action: {{type: Rewrite, url: '{url}'}}}}]\n"


def page(base: str) -> bytes:
    return f"""
<a href="{B}{base}/x"><a href="{B}{base}"><a href="{base}/y?z"><a href="z"><a href="../up"><img src="//other/a">
<style>a {{ background: url({base}/a.png) }}</style><script>go("{B}{base}/s")</script><base target=_top>
""".encode()


def fields(base: str) -> FieldLines:
    return (
        ("Content-Type", "text/html"),
        ("Location", f"{base}/login?back={B}{base}/x"),
        ("Content-Location", f"{B}{base}/a"),
        ("Link", f"<{base}/a.css>; rel=preload"),
        ("Refresh", f"5; url={base}/next"),
        ("Set-Cookie", f"a=1; Path={base or '/'}; HttpOnly"),
        ("Set-Cookie", f"b=1; Path={base}/deep; Domain=b"),
        ("Content-Security-Policy", f"img-src {B}"),
    )


def answered(text: str, url: str, base: str) -> Evaluation:
    asked = (("Origin", WWW), ("Referer", url))
    return ask(
        rules_of(text, site=SITE if "public" not in text else ""), url, *asked, answer=(200, fields(base), page(base))
    )


def on_url(name: str, pattern: str, url: str, more: str = "") -> str:
    """A rule for every path, whose condition on a variable hands on a part of it."""
    conditions = f"conditions: [{more}{{input: '{{{name}}}', pattern: '{pattern}'}}]"
    return rule(".*", url, conditions).replace("url: '", "appendQueryString: false, url: '")


ON_HOST = "{input: '{HTTP_HOST}', pattern: '^(www)'}, "


@dataclass(frozen=True)
class Case:
    """A rule, the site that says the same, a path that is asked for, and where the backend has its pages."""

    rule: str
    path: str
    asked: str
    base: str = ""


CASES = [
    Case(rule("^apps/shiny/(.*)", f"{B}/{{R:1}}"), "/apps/shiny", "/apps/shiny/a/b"),
    Case(rule("^apps/shiny/(.*)$", f"{B}/{{R:1}}"), "/apps/shiny", "/apps/shiny/"),
    Case(rule("^apps/shiny(/.*)?$", f"{B}{{R:1}}"), "/apps/shiny", "/apps/shiny/a"),
    Case(rule("^apps/(?:shiny|dash)/(.*)$", f"{B}/{{R:1}}"), "/apps/dash", "/apps/dash/a"),
    Case(rule("(.*)", f"{B}/scm/{{R:1}}"), "", "/a/b", "/scm"),
    Case(rule(".*", f"{B}/scm/{{R:0}}"), "", "/a/b", "/scm"),
    Case(rule(".*", f"{B}/scm{{URL}}"), "", "/a/b", "/scm"),
    Case(rule(".*", f"{B}/scm{{REQUEST_URI}}"), "", "/a/b", "/scm"),
    Case(rule("^app/(.*)", f"{B}/x/y/{{R:1}}"), "/app", "/app/a", "/x/y"),
    Case(rule("app/*", f"{B}/x/{{R:1}}", "patternSyntax: Wildcard"), "/app", "/app/a", "/x"),
    Case(rule("^app/(.*)", f"{B}/x/{{R:1}}?v=1"), "/app", "/app/a", "/x"),
    Case(rule("^my%20app/(.*)", f"{B}/{{R:1}}").replace("%20", " "), "/my%20app", "/my%20app/a"),
    Case(on_url("REQUEST_URI", "^/app/(.*)", f"{B}/{{C:1}}"), "/app", "/app/a?x=1"),
    Case(on_url("REQUEST_URI", "^/app/(.*)", f"{B}/{{C:1}}"), "/app", "/app/?x=1"),
    Case(on_url("UNENCODED_URL", "^/app(/.*)?$", f"{B}/x{{C:1}}"), "/app", "/app/a", "/x"),
    Case(on_url("URL", "^/app/([^?]*)", f"{B}/{{C:1}}"), "/app", "/app/a%20b"),
    Case(on_url("PATH_INFO", "^/app/(.*)", f"{B}/{{C:1}}", ON_HOST), "/app", "/app/"),
    Case("locations: {app: {rules: [{name: r, match: '(.*)', action: {type: Rewrite, url: '" + B
         + "/x/{R:1}'}}]}}\n", "/app", "/app/a", "/x"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule.strip())
def test_a_rule_is_a_mount(case: Case) -> None:
    by_site = f"public: {WWW}{case.path}\nbackend: {B}{case.base}\n"
    ruled, sited = (answered(text, WWW + case.asked, case.base) for text in (case.rule, by_site))
    assert isinstance(ruled.routing, Forward)
    assert isinstance(sited.routing, Forward)
    assert ruled.routing.url.partition("?")[0] == sited.routing.url.partition("?")[0]
    assert dict(ruled.routing.fields)["Referer"] == dict(sited.routing.fields)["Referer"]
    assert ruled.fields == sited.fields
    assert ruled.body == sited.body
    assert B.encode() not in (ruled.body or b"")


NONE = [
    # rules that hand on no path from where a segment begins, or change nothing
    (rule("^app-(.*)", f"{B}/{{R:1}}"), "/app-x/a"),
    (rule("^app/(.*)", f"{B}/v-{{R:1}}"), "/app/a"),
    (rule("^item/([0-9]+)$", f"{B}/show?id={{R:1}}"), "/item/7"),
    (rule("^item/([0-9]+)/.*$", f"{B}/{{R:1}}"), "/item/7/x"),
    (rule("^app/(.*)", f"{B}/app/{{R:1}}"), "/app/a"),
    (rule("(.*)", f"{B}/{{R:1}}"), "/a"),
    (rule("^app/(.*)", f"{B}/{{ToLower:{{R:1}}}}"), "/app/A"),
    (on_url("QUERY_STRING", "^to=(.*)", f"{B}/{{C:1}}"), "/app/a?to=a"),
    (on_url("REQUEST_URI", r"^/app/[^?]*\?(.*)", f"{B}/{{C:1}}"), "/app/?"),
    (on_url("REQUEST_URI", "^/app/([^/]*)/", f"{B}/{{C:1}}"), "/app/a/a"),
    (rule("^app/(.*)", f"{B}/{{C:1}}", "conditions: [{input: '{HTTP_ORIGIN}', pattern: '^https:()'}]"), "/app/"),
    (
        rule(
            "^(?:app)/",
            f"{B}/{{C:1}}",
            "conditions: {trackAllCaptures: true, add: [{input: '{HTTP_ORIGIN}', pattern: '^https:'},"
            " {input: '{URL}', pattern: '^/app/(.*)'}]}",
        ),
        "/app/a",
    ),
]


@pytest.mark.parametrize(("text", "asked"), NONE)
def test_what_is_no_mount_leaves_paths_alone(text: str, asked: str) -> None:
    result = answered(text, WWW + asked, "")
    assert field(result, "location") == [f"/login?back={WWW}/x"]
    assert b'<a href="/y?z">' in (result.body or b"")


def test_without_links_only_location_follows_and_in_mode_iis_not_its_path() -> None:
    text = "links: off\n" + rule("^apps/shiny/(.*)", f"{B}/{{R:1}}")
    lines = [("Location", f"{B}/login"), ("Set-Cookie", "a=1; Path=/")]
    for mode, location in (("helpful", f"{WWW}/apps/shiny/login"), ("iis", f"{WWW}/login")):
        result = ask(rules_of(f"mode: {mode}\n{text}", site=SITE), f"{WWW}/apps/shiny/a", answer=(302, lines, b""))
        assert field(result, "location") == [location]
        assert field(result, "set-cookie") == ["a=1; Path=/"]


SEVERAL = (
    SITE
    + """
backend: http://main
rules:
  - {name: one, match: '^one/(.*)', stopProcessing: true, action: {type: Rewrite, url: 'http://b:8888/{R:1}'}}
  - {name: two, match: '^two(/.*)?$', stopProcessing: true, action: {type: Rewrite, url: 'http://b:9999/base{R:1}'}}
  - name: elsewhere
    match: '^three/(.*)'
    conditions: [{input: '{HTTP_HOST}', pattern: ^other}]
    action: {type: Rewrite, url: 'http://c/{R:1}'}
"""
)


@pytest.mark.parametrize("asked", ["/one/a", "/two/a", "/a"])
def test_what_other_rules_publish_is_mapped_as_well(asked: str) -> None:
    text = b"<a href=http://b:8888/x><a href=http://b:9999/base/y><a href=http://main/z><a href=http://c/q>"
    html = [("Content-Type", "text/html")]
    result = ask(rules_of(SEVERAL, site=""), WWW + asked, answer=(200, html, text))
    hrefs = [part.removeprefix(b"<a href=").rstrip(b">") for part in (result.body or b"").split(b"><")]
    expected = [f"{WWW}/one/x", f"{WWW}/two/y", f"{WWW}/z", "http://c/q"]
    assert [href.decode().removeprefix("a href=") for href in hrefs] == expected


RULES = rules_of(rule("^([^/]*)/app/(.*)", f"{B}/{{R:2}}"), site=SITE)


@given(st.text("a\"'<>&%4;()\\ ~\u00e9", min_size=1, max_size=8))
def test_nothing_that_a_client_asks_for_breaks_out_of_a_page(text: str) -> None:
    path = "".join(f"%{byte:02X}" if byte > 127 else chr(byte) for byte in text.encode())
    result = ask(RULES, f"{WWW}/{path}/app/x", answer=(200, [("Content-Type", "text/html")], b'<a href="/y">'))
    body = (result.body or b"").decode()
    if isinstance(result.routing, Forward):
        assert body.startswith('<a href="/')
        assert body.endswith('/y">') or body == '<a href="/y">'
        assert not set(body[9:-2]) & set("\"'<>& ()\\")
