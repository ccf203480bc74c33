"""What an Apache configuration is told of: nothing is dropped in silence."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from urlrewrite.engine.compile import compile_rules
from urlrewrite.formats import rule_files
from urlrewrite.formats.apache import mod_rewrite
from urlrewrite.formats.apache.known import is_known_directive
from urlrewrite.model.problems import Problem, RuleFileError, Severity

type Told = list[tuple[int, str, str]]
"""Line, id with `!` for an error, and a part of the message."""

ON = "RewriteEngine On\n"


def problems_of(text: str, file: str) -> tuple[Problem, ...]:
    try:
        return mod_rewrite.parse(text, file)[1]
    except RuleFileError as error:
        return error.problems


def assert_told(text: str, file: str, expected: Told) -> None:
    found = problems_of(text, file)
    assert [(p.source.line, p.id + "!" * (p.severity is Severity.ERROR)) for p in found] == [
        (line, id) for line, id, _ in expected
    ], "\n".join(map(str, found))
    for problem, (_, _, part) in zip(found, expected, strict=True):
        assert part in problem.message


LINES: dict[str, Told] = {
    # what Apache refuses
    "RewriteRule ^a": [(2, "UR040!", "with 1 words")],
    "RewriteRule ^a b [R, L]": [(2, "UR040!", "flags without blanks")],
    "RewriteRule ^a b [RL]": [(2, "UR040!", "one of Apache's")],
    "RewriteRule ^a b R=301": [(2, "UR040!", "in brackets")],
    'RewriteRule "" b': [(2, "UR040!", "^ matches every URL")],
    'RewriteRule "^a b': [(2, "UR040!", "closes it")],
    "RewriteRule ^a /100%": [(2, "UR040!", r"\% for the character itself")],
    "RewriteRule ^a$ /b$": [(2, "UR040!", r"\$ for the character itself")],
    "RewriteRule ^a %{HTTP_X_FORWARDED_FOR}": [(2, "UR040!", "%{HTTP:X-Forwarded-For}")],
    "RewriteRule ^a %{REQUEST_UR}": [(2, "UR040!", "did you mean REQUEST_URI?")],
    "RewriteRule ^a - [CO=x]": [(2, "UR040!", "NAME:VALUE:DOMAIN"), (2, "UR043", "cookie")],
    "RewriteRul ^a b": [(2, "UR040!", "did you mean RewriteRule?")],
    "RewriteEngine maybe": [(2, "UR040!", "On or Off")],
    "RewriteBase shop": [(2, "UR040!", "begins with /")],
    "RewriteOptions inherits": [(2, "UR040!", "did you mean Inherit?")],
    "Redirect a b c d": [(2, "UR040!", "expected a path and a URL")],
    "</IfModule>": [(2, "UR040!", "a section that this closes")],
    "<IfModule x.c>": [(2, "UR040!", "</IfModule>")],
    # patterns
    "RewriteRule ^a(?R) b": [(2, "UR041!", "offset 2")],
    "RedirectMatch ^(a b": [(2, "UR041!", "offset 1")],
    # what cannot be said
    "RewriteRule ^(.*)_(.*)$ $1-$2 [N]": [(2, "UR042!", "flag N")],
    "RewriteRule ^a fcgi://b/ [P]": [(2, "UR042!", "flag P")],
    "RewriteRule ^a b [P]": [(2, "UR042!", "flag P")],
    "RewriteRule ^a - [R=301]": [(2, "UR042!", "a URL to go to")],
    "RewriteRule ^a b [R=305]": [(2, "UR042!", "301, 302, 303, 307, 308")],
    "RewriteRule ^a b [R=x]": [(2, "UR042!", "a status code")],
    "RewriteRule ^a - [S=x]": [(2, "UR042!", "how many rules")],
    "RewriteRule ^a /%{PATH_INFO}": [(2, "UR042!", "no variable")],
    "RewriteRule ^a /%{SSL:SSL_CLIENT_S_DN}": [(2, "UR042!", "no variable")],
    "RewriteRule ^a {R:1}": [(2, "UR042!", "take for a reference")],
    'RewriteCond expr "true"\nRewriteRule ^a b': [(2, "UR042!", "expression")],
    "RewriteCond %{REQUEST_URI} -U\nRewriteRule ^a b": [(2, "UR042!", "-U")],
    "RewriteCond %{HTTPS} on [OR]\nRewriteRule ^a b": [(2, "UR042!", "the last RewriteCond")],
    "<Location /a>\nRewriteRule ^a b\n</Location>": [(3, "UR042!", "write it outside")],
    # what is left out
    "RewriteRule ^a b [T=text/plain,H=x]": [(2, "UR043", "type"), (2, "UR043", "handler")],
    "ProxyPass / ajp://b/\nRewriteRule ^a /b [END]": [(2, "UR042!", "only http, https, ws, wss and balancers")],
    "ErrorDocument 404 /x\nRewriteRule ^a - [F]": [(2, "UR043", "errorPages")],
    # the nearest
    "RewriteCond %{REQUEST_FILENAME} -s\nRewriteRule ^a - [L]": [(2, "UR044", "an empty file")],
    "RewriteRule ^a b\nRewriteCond %{REQUEST_URI} c\nRewriteRule ^d - [L]": [(4, "UR044", "line 2 rewrites")],
    "RewriteRule ^a /b$0 [B=x,END]": [(2, "UR044", "[B=x]")],
    "RewriteRule . /i [END]\nRewriteRule ^a /b [R,L]\nRedirect /c /d": [(4, "UR044", "a redirect of those wins")],
    # what is assumed
    "RewriteBase /shop\nRewriteRule ^a b [END]": [(1, "UR045", "/shop")],
    "RewriteCond %{ENV:X} y\nRewriteRule ^a - [L]": [(2, "UR045", "ENV:X")],
    "RewriteCond %{ENV:HTTPS} y\nRewriteRule ^a - [L]": [(2, "UR045", "taken for %{HTTPS}")],
    "<IfDefine X>\nRewriteRule ^a - [L]\n</IfDefine>": [(3, "UR045", "<IfDefine X>")],
    "RewriteOptions Inherit\nRewriteRule ^a - [L]": [(3, "UR045", "directories above")],
    # how Apache goes on
    "RewriteRule ^(.*)$ $1.php [L]": [(2, "UR046", "line 2 may act on it")],
    "RewriteRule ^a$ b [L]\nRewriteRule ^b$ c [L]": [(2, "UR046", "line 3")],
    "RewriteRule ^a$ /b [R]\nRewriteRule ^c$ - [L]": [(2, "UR047", "redirect at once")],
    "RewriteRule ^a$ http://b/ [L]": [(2, "UR048", "[P] to forward")],
    # what has no effect
    "RewriteRule ^/a - [L]": [(2, "UR049", "never matches")],
    "RewriteCond %{HTTPS} on": [(1, "UR049", "no RewriteRule"), (2, "UR049", "without a RewriteRule")],
    "RewriteEngine Off\nRewriteRule ^a - [L]": [(3, "UR049", "not enabled")],
    # maps
    "RewriteRule ^a ${b:c} [END]": [(2, "UR050!", "the name of a RewriteMap")],
    "RewriteMap m prg:/x\nRewriteRule ^a - [L]": [(2, "UR043", "no programs")],
    "RewriteMap m int:toupper\nRewriteRule ^a ${m:b} [END]": [(2, "UR043", "upper case"), (3, "UR050!", "upper case")],
    "RewriteMap m txt:not-there\nRewriteRule ^a ${m:b} [END]": [(2, "UR050!", "No such file")],
    "RewriteMap m x\nRewriteRule ^a - [L]": [(2, "UR040!", "txt:/path")],
}


@pytest.mark.parametrize(("text", "expected"), LINES.items())
def test_line_of_a_directory(text: str, expected: Told) -> None:
    assert_told(ON + text, ".htaccess", expected)


SILENT = [
    r"""
    RewriteEngine On
    RewriteBase /
    RewriteRule ^index\.php$ - [L]
    RewriteCond %{REQUEST_FILENAME} !-f
    RewriteCond %{REQUEST_FILENAME} !-d
    RewriteRule . /index.php [L]
    """,
    r"""
    RewriteEngine On
    RewriteCond %{HTTP_HOST} !^www\. [NC]
    RewriteRule ^(.*)$ https://www.example.com/$1 [R=301,L]
    RewriteRule ^about$ /pages/about.html [L]
    """,
    r"""
    RewriteEngine On
    RewriteCond %{THE_REQUEST} \.php
    RewriteRule ^(.*)\.php$ /$1 [R=301,L]
    RewriteRule ^a/(\d+)$ /item.php?id=$1 [L]
    """,
    r"""
    RewriteEngine On
    RewriteCond %{QUERY_STRING} <script [NC]
    RewriteRule .* - [F]
    RewriteCond %{REQUEST_FILENAME} !-f
    RewriteRule .* index.php [L]
    """,
    "RewriteEngine On\nRewriteRule ^old$ new [END]\nRewriteRule ^new$ x [R,L]\n",
    "Header set X-A b\nphp_value a b\nRewriteEngine On\nRewriteRule ^a - [F]\n",
]


@pytest.mark.parametrize("text", SILENT)
def test_what_needs_no_word_gets_none(text: str) -> None:
    assert problems_of(dedent(text).lstrip("\n"), ".htaccess") == ()


def test_an_engine_that_is_not_switched_on_is_told() -> None:
    assert_told("RewriteRule ^a - [L]", ".htaccess", [(1, "UR045", "without RewriteEngine On")])


def test_a_directory_outside_of_the_site_is_refused() -> None:
    text = "DocumentRoot /srv/www\n<Directory /home/x>\nRewriteEngine On\nRewriteRule ^a b\n</Directory>\n"
    assert_told(text, "httpd.conf", [(2, "UR042!", "not below the DocumentRoot")])


def test_too_many_rules_of_one_are_refused() -> None:
    groups = "".join(f"RewriteCond %{{HTTP:A}} a{i} [OR]\nRewriteCond %{{HTTP:B}} b{i}\n" for i in range(6))
    assert_told(f"{ON}{groups}RewriteRule ^a /b [END]", ".htaccess", [(12, "UR042!", "more than 32 rules")])


def test_it_is_loaded_among_other_rule_files(tmp_path: Path) -> None:
    file = tmp_path / ".htaccess"
    file.write_text(ON + "RewriteRule ^a /b [END]\n", encoding="utf-8")
    rule_set, _ = rule_files.load([file])
    assert [rule.action.url for rule in rule_set.sites[0].rules] == ["/b"]


@pytest.mark.parametrize("name", ["BadExpression", "RewriteRul", "foo"])
def test_a_directive_that_apache_does_not_have(name: str) -> None:
    assert not is_known_directive(name.lower())


WORDS = st.sampled_from(
    r"""RewriteRule RewriteCond RewriteMap Redirect RedirectMatch <IfModule </IfModule> <Directory </Directory> a>
    ^(.*)$ %{URL} %{HTTPS} %{REQUEST_URI} ${m:$1|x} $1 %1 %0 - -f !-d =a >b -gt5 [OR] [L] [R=301,L] [S=1] [C] [F]
    [E=A:$1] [NC,OR] m txt:x int:tolower / /a (a++)\1 (.*)/(.*) \ " {R:1} %{ENV:A}""".split()
)
FILES = st.lists(st.lists(WORDS, min_size=1, max_size=4).map(" ".join), max_size=8).map("\n".join)


@given(FILES, st.booleans())
def test_any_file_is_imported_or_refused_with_lines(text: str, server_level: bool) -> None:
    try:
        rule_set, problems = mod_rewrite.parse(text, "rules", server_level=server_level)
    except RuleFileError as error:
        assert all(problem.source.line for problem in error.problems)
        return
    assert all(problem.severity is Severity.WARNING for problem in problems)
    compile_rules(rule_set)


@given(st.text(max_size=60))
def test_any_text_is_imported_or_refused(text: str) -> None:
    problems_of(text, "rules")


@pytest.mark.parametrize(
    "text",
    [
        "<IfModule a>\n" * 3_000,
        "RewriteCond %{HTTPS} on [OR]\n" * 5_000 + "RewriteRule ^a /b [END]",
        "RewriteRule ^a /b [END]\n" * 3_000,
        "RewriteRule ^a /b [L]\n" * 3_000,
        "RewriteRule ^a /b [S=9999]\n" * 3_000,
        "RewriteRule " + "(" * 100_000 + " b",
        "RewriteRule ^a " + "${a:" * 50_000,
        "RewriteRule (a+)+$ " + "a" * 70 + " [L]\n",
        "x\\\n" * 100_000,
        "RewriteRule ^a{1}{1}{1}{1}{1}{1}{1} b",
    ],
    ids=[
        "sections",
        "conditions",
        "rules",
        "second runs",
        "skips",
        "groups",
        "look-ups",
        "backtracking",
        "continued",
        "counts",
    ],
)
def test_hostile_files_are_done_with_soon(text: str) -> None:
    assert problems_of(text, ".htaccess")
