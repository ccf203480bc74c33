"""Apache configurations as they are imported: what the rules say, and what they do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from textwrap import dedent

import pytest

from urlrewrite.engine.compile import compile_rules
from urlrewrite.exchange.rule_tests import evaluate, request_facts
from urlrewrite.exchange.rules_in_force import RulesInForce, Settings
from urlrewrite.formats.apache import mod_rewrite
from urlrewrite.model import ActionType, InboundRule, LinkMode, LogicalGrouping, RuleSet, Site
from urlrewrite.model.field_lines import field_values
from urlrewrite.model.origin import Origin

WORDPRESS = r"""
    # BEGIN WordPress
    <IfModule mod_rewrite.c>
    RewriteEngine On
    RewriteBase /
    RewriteRule ^index\.php$ - [L]
    RewriteCond %{REQUEST_FILENAME} !-f
    RewriteCond %{REQUEST_FILENAME} !-d
    RewriteRule . /index.php [L]
    </IfModule>
    # END WordPress
    """
SYMFONY = r"""
    DirectoryIndex index.php
    <IfModule mod_negotiation.c>
        Options -MultiViews
    </IfModule>
    <IfModule mod_rewrite.c>
        RewriteEngine On
        RewriteCond %{REQUEST_URI}::$0 ^(/.+)/(.*)::\2$
        RewriteRule .* - [E=BASE:%1]
        RewriteCond %{HTTP:Authorization} .+
        RewriteRule ^ - [E=HTTP_AUTHORIZATION:%0]
        RewriteCond %{ENV:REDIRECT_STATUS} =""
        RewriteRule ^index\.php(?:/(.*)|$) %{ENV:BASE}/$1 [R=301,L]
        RewriteCond %{REQUEST_FILENAME} !-f
        RewriteRule ^ %{ENV:BASE}/index.php [L]
    </IfModule>
    <IfModule !mod_rewrite.c>
        <IfModule mod_alias.c>
            RedirectMatch 307 ^/$ /index.php/
        </IfModule>
    </IfModule>
    """
DRUPAL = r"""
    <FilesMatch "\.(engine|inc)$">
      Require all denied
    </FilesMatch>
    <IfModule mod_rewrite.c>
      RewriteEngine on
      RewriteRule ^ - [E=protossl]
      RewriteCond %{HTTPS} on
      RewriteRule ^ - [E=protossl:s]
      RewriteRule "/\.|^\.(?!well-known/)" - [F]
      RewriteCond %{HTTP_HOST} ^www\.(.+)$ [NC]
      RewriteRule ^ http%{ENV:protossl}://%1%{REQUEST_URI} [L,R=301]
      RewriteCond %{REQUEST_FILENAME} !-f
      RewriteCond %{REQUEST_FILENAME} !-d
      RewriteCond %{REQUEST_URI} !=/favicon.ico
      RewriteRule ^ index.php [L]
    </IfModule>
    """


def imported(text: str, file: str = ".htaccess", **options: bool) -> RuleSet:
    """The rules, seen to be ones that the engine takes; warnings are for `test_mod_rewrite_problems`."""
    rule_set, _ = mod_rewrite.parse(dedent(text).lstrip("\n"), file, **options)
    compile_rules(rule_set)
    return rule_set


def site_of(text: str, file: str = ".htaccess") -> Site:
    (site,) = imported(text, file).sites
    return site


def rules_of(text: str, file: str = ".htaccess") -> tuple[InboundRule, ...]:
    return site_of(text, file).rules


def server(text: str) -> tuple[InboundRule, ...]:
    return rules_of(text, "httpd.conf")


def brief(rule: InboundRule) -> str:
    """What a rule matches and does, in a line."""
    action = rule.action
    conditions = [
        f"{item.input} {'!' if item.negate else ''}{item.pattern or item.match_type}{'/i' * item.ignore_case}"
        for item in rule.conditions.items
    ]
    joint = " | " if rule.conditions.logical_grouping is LogicalGrouping.MATCH_ANY else " & "
    does = {
        ActionType.NONE: "-",
        ActionType.REWRITE: action.url,
        ActionType.REDIRECT: f"{action.redirect_type.status} {action.url}",
        ActionType.CUSTOM_RESPONSE: str(action.status_code),
    }[action.type]
    parts = [
        ("!" if rule.match.negate else "") + rule.match.url + "/i" * rule.match.ignore_case,
        f"[{joint.join(conditions)}]" if conditions else "",
        *(f"{item.name}={item.value}" for item in rule.server_variables),
        f"-> {does}",
        "" if action.append_query_string else "(no query)",
        "stop" if rule.stop_processing else "",
    ]
    return " ".join(filter(None, parts))


DIRECTORY = {
    # flags
    "RewriteRule ^a$ b [L]": "^a$ -> b stop",
    "RewriteRule ^a$ b": "^a$ -> b",
    "RewriteRule ^a$ b [NC,END]": "^a$/i -> b stop",
    "RewriteRule !^a$ b": "!^a$ -> b",
    "RewriteRule ^a(.*)$ /b/$1?x=1": "^a(.*)$ -> /b/{R:1}?x=1 (no query)",
    "RewriteRule ^a(.*)$ /b/$1?x=1 [QSA]": "^a(.*)$ -> /b/{R:1}?x=1",
    "RewriteRule ^a$ /b? [L]": "^a$ -> /b (no query) stop",
    "RewriteRule ^a$ /b [QSD]": "^a$ -> /b (no query)",
    "RewriteRule ^a$ /b?c?d [QSL]": "^a$ -> /b?c?d (no query)",
    "RewriteRule ^a$ /b [R]": "^a$ -> 302 /b",
    "RewriteRule ^a$ /b [R=permanent,L]": "^a$ -> 301 /b stop",
    "RewriteRule ^a$ /b [R=308,L]": "^a$ -> 308 /b stop",
    "RewriteRule ^a$ - [F]": "^a$ -> 403 stop",
    "RewriteRule ^a$ - [G]": "^a$ -> 410 stop",
    "RewriteRule ^a$ - [R=404,L]": "^a$ -> 404 stop",
    "RewriteRule ^a(.*)$ http://backend:8080/$1 [P]": "^a(.*)$ -> http://backend:8080/{R:1} stop",
    "RewriteRule ^a$ /b#c [R,NE]": "^a$ -> 302 /b#c",
    "RewriteRule ^a$ /b#c [R]": "^a$ -> 302 /b%23c",
    r"RewriteRule ^a$ /b\%20c [R,NE]": "^a$ -> 302 /b%20c",
    r"RewriteRule ^a$ /b\%20c": "^a$ -> /b%2520c",
    "RewriteRule ^a/(.*)$ /b?q=$1 [B]": "^a/(.*)$ -> /b?q={UrlEncode:{R:1}} (no query)",
    "RewriteRule ^a$ b [PT,NS,DPI]": "^a$ -> b",
    # environment
    "RewriteRule ^a$ - [E=X:$0,E=!Y]": "^a$ X={R:0} Y= -> -",
    "RewriteRule ^a$ - [E=HTTPS:on]": "^a$ ENV_HTTPS=on -> -",
    # patterns
    r"RewriteRule ^\d++(?P<x>a)$ $1": r"^(?=(\d+))\1(a)$ -> {R:2}",
    "RewriteRule ^a.b$ - [F]": r"^a[\s\S]b$ -> 403 stop",
    r'RewriteRule "^a b\"$" c': r'^a b"$ -> c',
    r"RewriteRule ^a\ b$ c": "^a b$ -> c",
    # substitutions
    "RewriteRule ^(.*)$ %{DOCUMENT_ROOT}/x/$1": "^(.*)$ -> /x/{R:1}",
    "RewriteRule ^a$ http%{ENV:S}://%{HTTP_HOST}/ [R,E=S:s]": "^a$ S=s -> 302 http{S}://{HTTP_HOST}/",
    "RewriteRule ^a$ %{REQUEST_SCHEME}://b/ [R]": "^a$ -> 302 {RequestScheme:{HTTPS}}://b/",
    "RewriteRule ^caf%C3%A9$ /caf%C3%A9 [R,NE]": "^caf%C3%A9$ -> 302 /caf%C3%A9",
}
SERVER = {
    "RewriteRule ^/a/(.*)$ /b/$1": "^a/(.*)$ -> /b/{R:1}",
    "RewriteRule ^(.*)$ http://x$1 [R]": "^(.*)$ -> 302 http://x/{R:1}",
    "RewriteRule ^(.*)/(.*)$ $2$1 [R]": ".* [{URL} ^(.*)/(.*)$] -> 302 {C:2}{C:1}",
    "RewriteRule !^/a - [F]": "!^a -> 403 stop",
    "RewriteRule !^(.*)/(.*)$ - [F]": r".* [{URL} !^([\s\S]*)/([\s\S]*)$] -> 403 stop",
    "Redirect /old http://new/x": "^old(/.*)?$ -> 302 http://new/x{R:1} stop",
    "Redirect permanent / https://new/": "^(.*)$ -> 301 https://new/{R:1} stop",
    "Redirect 301 /a/ /b?c": "^a/(.*)$ -> 301 /b?c{R:1} (no query) stop",
    "Redirect gone /a": "^a(/.*)?$ -> 410 stop",
    "RedirectPermanent /a.b /c": r"^a\.b(/.*)?$ -> 301 /c{R:1} stop",
    r"RedirectMatch 301 ^/a/(.*)\.html$ /b/$1.php": r"^a/(.*)\.html$ -> 301 /b/{R:1}.php stop",
    "RedirectMatch (.*)/x(.*) $1/$2": ".* [{URL} (.*)/x(.*)] -> 302 {C:1}/{C:2} stop",
    r"RedirectMatch 404 \.git": r"\.git -> 404 stop",
}
CONDITIONS = {
    "%{QUERY_STRING} ^a=(.)$": "{QUERY_STRING} ^a=(.)$",
    "%{QUERY_STRING} !a [NC]": "{QUERY_STRING} !a/i",
    "%{HTTPS} =on": "{HTTPS} ^on$/i",
    "%{REQUEST_METHOD} !=POST": "{REQUEST_METHOD} !^POST$",
    "%{HTTP:X-Forwarded-Proto} =http": "{HTTP_X_FORWARDED_PROTO} ^http$",
    "%{REQUEST_URI} ^/a": "{URL} ^/a",
    "%{THE_REQUEST} ^GET": "{REQUEST_METHOD} {UNENCODED_URL} {SERVER_PROTOCOL} ^GET",
    "%{REQUEST_FILENAME} !-f": "{REQUEST_FILENAME} !IsFile",
    "%{DOCUMENT_ROOT}/c/$0 -d": "{DOCUMENT_ROOT}/c/{R:0} IsDirectory",
    "%{REQUEST_FILENAME} !\\.css$": "{DOCUMENT_ROOT}{URL} !\\.css$",
    "%{LA-U:REQUEST_FILENAME} -f": "{REQUEST_FILENAME} IsFile",
    "%{SSL:HTTPS} on": "{HTTPS} on/i",
    "%{SERVER_PORT} -ge443": (
        r"{SERVER_PORT} ^[\t-\r ]*\+?0*(?:[1-9][0-9]{3,}|(?:[5-9][0-9]{2}|4[5-9][0-9]|44[4-9]|443)(?![0-9]))"
    ),
    "%{ENV:REDIRECT_STATUS} ^$": " ^$",
}
GROUPS = {
    "a [OR]; b": ["{QUERY_STRING} a | {QUERY_STRING} b"],
    "a; b": ["{QUERY_STRING} a & {QUERY_STRING} b"],
    "a [OR]; b; c": ["{QUERY_STRING} a|b & {QUERY_STRING} c"],
    "(?i)a [OR]; b [NC]; c": ["{QUERY_STRING} a|b/i & {QUERY_STRING} c"],
    "(?i)a [OR]; b; c": ["{QUERY_STRING} a/i & {QUERY_STRING} c", "{QUERY_STRING} b & {QUERY_STRING} c"],
    "a++ [OR]; b++; c": [r"{QUERY_STRING} (?=(a+))\1|(?=(b+))\2 & {QUERY_STRING} c"],
    "a [OR]; !b; c": ["{QUERY_STRING} a & {QUERY_STRING} c", "{QUERY_STRING} !b & {QUERY_STRING} c"],
    "a; b [OR]; c; d [NC,OR]; e": [
        "{QUERY_STRING} a & {QUERY_STRING} b|c & {QUERY_STRING} d/i",
        "{QUERY_STRING} a & {QUERY_STRING} b|c & {QUERY_STRING} e",
    ],
}


@pytest.mark.parametrize(("text", "expected"), DIRECTORY.items())
def test_rule_of_a_directory(text: str, expected: str) -> None:
    (rule,) = rules_of(text)
    assert brief(rule) == expected


@pytest.mark.parametrize(("text", "expected"), SERVER.items())
def test_rule_of_a_server(text: str, expected: str) -> None:
    (rule,) = server(text)
    assert brief(rule) == expected


@pytest.mark.parametrize(("text", "expected"), CONDITIONS.items())
def test_condition(text: str, expected: str) -> None:
    (rule,) = rules_of(f"RewriteCond {text}\nRewriteRule ^ - [L]")
    assert brief(rule) == f"^ [{expected}] -> - stop"


@pytest.mark.parametrize(("text", "expected"), GROUPS.items())
def test_conditions_that_are_joined(text: str, expected: list[str]) -> None:
    lines = [f"RewriteCond %{{QUERY_STRING}} {condition}" for condition in text.split("; ")]
    found = rules_of("\n".join((*lines, "RewriteRule ^ /x [R,L]")))
    assert [brief(rule) for rule in found] == [f"^ [{item}] -> 302 /x stop" for item in expected]


def test_a_comparison_does_not_hide_what_a_condition_captured() -> None:
    (rule,) = rules_of(
        """
        RewriteCond %{HTTP_HOST} ^(.*)\\.example\\.com$
        RewriteCond %{REQUEST_METHOD} =GET
        RewriteRule ^ /%1 [L]
        """
    )
    assert brief(rule) == r"^ [{HTTP_HOST} ^(.*)\.example\.com$ & {REQUEST_METHOD} !^(?!GET$)] -> /{C:1} stop"


def test_groups_of_a_pattern_with_the_slash_are_those_of_a_condition() -> None:
    (rule,) = server("RewriteCond %{QUERY_STRING} a=(.)\nRewriteRule ^(.*)/(.*)$ $1/%1/$2 [L]")
    assert brief(rule) == ".* [{URL} ^(.*)/(.*)$ & {QUERY_STRING} a=(.)] -> {C:1}/{C:3}/{C:2} stop"
    assert rule.conditions.track_all_captures


def test_names_comments_and_lines_are_kept() -> None:
    found = rules_of(
        "# One\n# rule\nRewriteEngine On\nRewriteRule a \\\n  b [L]\n\n# Indexes\nOptions -Indexes\nRewriteRule c d\n"
    )
    assert [(rule.name, rule.source.line, rule.comment) for rule in found] == [
        ("Imported Rule 1", 4, "One\nrule"),
        ("Imported Rule 2", 9, ""),
    ]


def test_a_file_is_one_site_that_serves_every_name_and_links_nothing() -> None:
    site = site_of(WORDPRESS, "shop/.htaccess")
    assert (site.name, site.public, site.backend, site.links) == ("shop", (), None, LinkMode.OFF)


def test_rules_that_are_skipped_and_chained_ask_a_variable() -> None:
    found = server("RewriteRule ^/a - [S=2]\nRewriteRule ^/b /c [C]\nRewriteRule ^/d /e\nRewriteRule ^/f /g\n")
    assert [brief(rule) for rule in found] == [
        "^a REWRITE_SKIP_1=1 -> -",
        "^b [{REWRITE_SKIP_1} !^1$] REWRITE_CHAIN_2=1 -> /c",
        "^d [{REWRITE_SKIP_1} !^1$ & {REWRITE_CHAIN_2} ^1$] -> /e",
        "^f -> /g",
    ]


def test_only_one_of_several_rules_acts() -> None:
    found = rules_of(
        "RewriteCond %{QUERY_STRING} a [OR]\nRewriteCond %{HTTPS} on\nRewriteCond %{HTTP_HOST} c\nRewriteRule ^ x$0"
    )
    assert [brief(rule) for rule in found] == [
        "^ [{REWRITE_DONE_1} !^1$ & {QUERY_STRING} a & {HTTP_HOST} c] REWRITE_DONE_1=1 -> x{R:0}",
        "^ [{REWRITE_DONE_1} !^1$ & {HTTPS} on/i & {HTTP_HOST} c] REWRITE_DONE_1=1 -> x{R:0}",
    ]


def test_maps(tmp_path: Path) -> None:
    (tmp_path / "map.txt").write_text("# old and new\n/a /b # moved\n/A /c\n/a /z\nlonely\n", encoding="utf-8")
    text = """
        RewriteMap moved txt:/etc/apache2/map.txt
        RewriteMap lower int:tolower
        RewriteCond ${moved:$0|NONE} !NONE
        RewriteRule ^.*$ ${moved:$0} [R,L]
        RewriteRule ^/u/(.*)$ /${lower:$1}
        """
    site = site_of(text, str(tmp_path / "httpd.conf"))
    assert [brief(rule) for rule in site.rules] == [
        "^.*$ [{moved:/{R:0}} !NONE] -> 302 {moved-2:/{R:0}} stop",
        "^u/(.*)$ -> /{ToLower:{R:1}}",
    ]
    maps = site.rewrite_maps
    assert {name: (dict(item.entries), item.default_value, item.ignore_case) for name, item in maps.items()} == {
        "moved": ({"/a": "/b", "/A": "/c"}, "NONE", False),
        "moved-2": ({"/a": "/b", "/A": "/c"}, "", False),
    }


def test_virtual_hosts_are_sites_and_directories_locations() -> None:
    text = """
        <VirtualHost *:80>
          ServerName www.example.com
          ServerAlias example.com
          RewriteEngine on
          RewriteRule ^ https://www.example.com%{REQUEST_URI} [R=301,L]
        </VirtualHost>
        <VirtualHost *:443>
          ServerName www.example.com
          SSLEngine on
          DocumentRoot /srv/www
          RewriteEngine on
          RewriteRule ^/a /b
          <Directory /srv/www/shop>
            RewriteEngine on
            RewriteRule ^c$ d [L]
          </Directory>
        </VirtualHost>
        """
    plain, secure = imported(text, "sites.conf").sites
    assert [str(origin) for origin in plain.public] == ["http://www.example.com", "http://example.com"]
    assert [str(origin) for origin in secure.public] == ["https://www.example.com"]
    assert plain.name != secure.name
    assert [brief(rule) for rule in secure.rules] == ["^a -> /b"]
    (location,) = secure.locations
    assert (location.path, [brief(rule) for rule in location.rules]) == ("shop", ["^c$ -> d stop"])
    assert location.removals  # a directory has its own rules, and not those of the server


def test_a_rewrite_base_is_the_directory_of_the_file() -> None:
    site = site_of("RewriteEngine On\nRewriteBase /shop/\nRewriteRule ^a$ b [L]")
    assert site.rules == ()
    (location,) = site.locations
    assert (location.path, [brief(rule) for rule in location.rules]) == ("shop", ["^a$ -> b stop"])


def test_rules_that_are_switched_off_are_not_enabled() -> None:
    assert [rule.enabled for rule in rules_of("RewriteRule a b\nRewriteEngine Off\n")] == [False]


def test_a_server_inherits_as_its_options_say() -> None:
    text = """
        RewriteEngine on
        RewriteRule ^/main /m
        <VirtualHost *:80>
          ServerName a.example
          RewriteEngine on
          RewriteOptions {}
          RewriteRule ^/own /o
        </VirtualHost>
        """
    for option, expected in {"Inherit": ["^own", "^main"], "InheritBefore": ["^main", "^own"]}.items():
        _, host = imported(text.format(option), "httpd.conf").sites
        assert [rule.match.url for rule in host.rules] == expected


@pytest.mark.parametrize(
    ("file", "text", "of_directory"),
    [
        (".htaccess", "RewriteRule ^/a b", True),
        ("site.conf", "RewriteRule ^a b", False),
        ("rules.txt", "RewriteRule ^/a /b", False),
        ("rules.txt", "RewriteRule ^/?a /b", True),
        ("rules.txt", "RewriteRule ^(.*)$ http://x$1", False),
        ("rules.txt", "<VirtualHost *>\n", False),
        ("rules.txt", "RewriteRule ^(.*)$ http://x/$1", True),
    ],
)
def test_what_kind_of_file_it_is(file: str, text: str, of_directory: bool) -> None:
    assert mod_rewrite.is_of_directory(text, file) is of_directory


def outcome(text: str, url: str, *fields: tuple[str, str], file: str = ".htaccess") -> str:
    """What becomes of a request: where it is forwarded, or what it is answered."""
    rule_set = imported(text, file)
    site = replace(rule_set.sites[0], backend=Origin("http", "backend", 80))
    rules = RulesInForce(compile_rules(replace(rule_set, sites=(site,)))[0], Settings())
    result = evaluate(rules, request_facts("GET", url, fields), None)
    location = next(iter(field_values(tuple(result.fields or ()), "location")), "")
    return f"{result.status} {location}".strip() if result.status else result.exchange.decision.target


SERVED = [
    (WORDPRESS, "http://x/2024/hello?p=1", "/index.php?p=1"),
    (WORDPRESS, "http://x/index.php", "/index.php"),
    (WORDPRESS, "http://x/", "/"),
    (SYMFONY, "http://x/a/b?c=d", "/index.php?c=d"),
    (SYMFONY, "http://x/index.php/a", "301 http://x/a"),
    (DRUPAL, "https://www.x.com/a?b=c", "301 https://x.com/a?b=c"),
    (DRUPAL, "http://www.x.com/", "301 http://x.com/"),
    (DRUPAL, "http://x.com/.git/config", "403"),
    (DRUPAL, "http://x.com/.well-known/x", "/index.php"),
    (DRUPAL, "http://x.com/favicon.ico", "/favicon.ico"),
    ("RewriteRule ^a.*b$ - [F]", "http://x/a%E2%80%A8b", "403"),
    ("RewriteRule ^(.*)$ /x/$1 [L]", "http://x/a%2Fb", "/x/a%2Fb"),
    ("RewriteRule ^a - [S=1]\nRewriteRule . /b [L]\nRewriteRule ^ab /c", "http://x/ab", "/c"),
    ("RewriteRule ^a$ b [C]\nRewriteRule ^b$ c\nRewriteRule ^c$ d", "http://x/a", "/d"),
    ("RewriteRule ^a$ b [C]\nRewriteRule ^x$ c\nRewriteRule ^b$ d", "http://x/x", "/x"),
    ("RewriteCond %{HTTP_COOKIE} u=(\\w+)\nRewriteRule ^ /u/%1 [L]", "http://x/", "/"),
    (
        "RewriteCond %{QUERY_STRING} a [OR]\nRewriteCond %{QUERY_STRING} !z\nRewriteCond %{HTTPS} off\n"
        "RewriteRule ^(.*)$ x$1",
        "http://x/?a",
        "/x?a",
    ),
]


@pytest.mark.parametrize(("text", "url", "expected"), SERVED)
def test_what_becomes_of_a_request(text: str, url: str, expected: str) -> None:
    assert outcome(text, url) == expected


def test_redirects_of_mod_alias_win_over_rewriting_in_a_directory() -> None:
    text = "RewriteRule . /index.php [L]\nRedirect 301 /old /new\n"
    assert outcome(text, "http://x/old/a") == "301 http://x/new/a"
    assert outcome(text, "http://x/a") == "/index.php"
    assert outcome(text.replace(". ", "^ "), "http://x/old", file="httpd.conf") == "/index.php"
