"""What stands beside the rules of Apache's files: who may come in, fields, what is forwarded, and what is told."""

from __future__ import annotations

import re
from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from urlrewrite.engine.compile import compile_rules
from urlrewrite.engine.facts import ResponseFacts
from urlrewrite.engine.web_server.access import AddressGuard
from urlrewrite.exchange.responses import Forward, LocalResponse
from urlrewrite.exchange.rule_tests import Evaluation, evaluate, request_facts
from urlrewrite.exchange.rules_in_force import RulesInForce, Settings
from urlrewrite.formats.apache import mod_rewrite
from urlrewrite.formats.apache.beside import CONVERTED
from urlrewrite.formats.apache.directives import KNOWN_DIRECTIVES
from urlrewrite.formats.apache.known import is_known_directive
from urlrewrite.formats.fates import Fate
from urlrewrite.formats.xml import rules as xml_rules
from urlrewrite.formats.yaml import rules as yaml_rules
from urlrewrite.formats.yaml.export import to_yaml
from urlrewrite.lint.linter import judge
from urlrewrite.model import LinkMode, Origin, RuleSet
from urlrewrite.model.farms import Algorithm
from urlrewrite.model.problems import Problem, RuleFileError, Severity

BACKEND = Origin("http", "privateserver", 8080)
WWW = "https://www.example.com"


def read(text: str, file: str = ".htaccess") -> tuple[RuleSet, list[Problem]]:
    """The rules of a file, and all that is told of it; a site without a backend gets one."""
    rules, warnings = mod_rewrite.parse(dedent(text), file)
    if len(rules.sites) == 1 and not rules.sites[0].backend:
        rules = replace(rules, sites=(replace(rules.sites[0], backend=BACKEND),))
    return rules, list(judge(rules, [*warnings, *compile_rules(rules)[1]]))


def ask(
    rules: RuleSet, url: str, *fields: tuple[str, str], client: str = "192.0.2.7", method: str = "GET"
) -> Evaluation:
    in_force = RulesInForce(compile_rules(rules)[0], Settings())
    answer = ResponseFacts(200, (("Content-Type", "text/html"), ("X-Old", "b"), ("Vary", "Accept")))
    request = request_facts(method, url if "://" in url else WWW + url, fields, client=(client, 50000))
    return evaluate(in_force, request, answer, b"<p>one two</p>")


def let_in(rules: RuleSet, url: str = "/x", client: str = "192.0.2.7", method: str = "GET") -> bool:
    routing = ask(rules, url, client=client, method=method).routing
    assert isinstance(routing, Forward) or (isinstance(routing, LocalResponse) and routing.status == 403)
    return isinstance(routing, Forward)


IN, OUT = "10.1.2.3", "192.0.2.7"
BY_ADDRESS = [
    ("Require all granted", True, True),
    ("Require all denied", False, False),
    ("Require ip 10.0.0.0/8", True, False),
    ("Require ip 10", True, False),
    ("Require ip 10.1 192.0.3", True, False),
    ("Require ip 10.0.0.0/255.0.0.0", True, False),
    ("Require ip 2001:db8::/32", False, False),
    ("Require ip 10.1.2.3\nRequire ip 192.0.2.7", True, True),
    ("Require local", False, False),
    ("<RequireAll>\nRequire all granted\nRequire not ip 10\n</RequireAll>", False, True),
    ("<RequireAny>\nRequire ip 10.1\nRequire all granted\n</RequireAny>", True, True),
    ("<RequireNone>\nRequire ip 192.0.2.7\n</RequireNone>", True, False),
    ("<RequireAll>\nRequire ip 10\n<RequireNone>\nRequire ip 10.1\n</RequireNone>\n</RequireAll>", False, False),
    (
        "<RequireAny>\n<RequireAll>\nRequire all granted\nRequire not ip 10\n</RequireAll>\n"
        "Require ip 10.1\n</RequireAny>",
        True,
        True,
    ),
    (
        "<RequireAny>\n<RequireAll>\nRequire ip 10.0.0.0/8\nRequire not ip 10.1\n</RequireAll>\n"
        "Require ip 192.0.2.7\n</RequireAny>",
        False,
        True,
    ),
    (
        "<RequireAll>\nRequire ip 10 192\n<RequireAny>\nRequire ip 10.1\nRequire ip 172.16\n</RequireAny>\n"
        "</RequireAll>",
        True,
        False,
    ),
    ("Order allow,deny\nAllow from 10.1.2.3\nDeny from 10", False, False),
    ("Order deny,allow\nDeny from all\nAllow from 10.", True, False),
    ("Order deny,allow\nDeny from 10.0.0.0/8\nAllow from 10.1.2.3", True, True),
    ("Order deny,allow\nDeny from 10.0.0.0/8", False, True),
    ("Order allow,deny\nAllow from all\nDeny from 10.1", False, True),
    ("Order allow,deny\nAllow from 10", True, False),
    ("Order allow,deny\nAllow from 10\nDeny from 10.1.2.3", False, False),
    ("Order allow,deny", False, False),
    ("Deny from all", False, False),
    ("Allow from all", True, True),
    (
        "<IfModule mod_authz_core.c>\nRequire all granted\n</IfModule>\n"
        "<IfModule !mod_authz_core.c>\nDeny from all\n</IfModule>",
        True,
        True,
    ),
    ("Deny from all\nRequire all granted", False, False),
    ("Order deny,allow\nDeny from 10.1.2.3\nRequire ip 10 192", False, True),
]


def test_a_negation_alone_is_refused_as_apache_does() -> None:
    with pytest.raises(RuleFileError, match="expected it in one"):
        mod_rewrite.parse("Require not ip 10", ".htaccess")


@pytest.mark.parametrize(("text", "inside", "outside"), BY_ADDRESS)
def test_who_may_come_in_by_address(text: str, inside: bool, outside: bool) -> None:
    rules, problems = read(text)
    assert problems == []
    assert (let_in(rules, client=IN), let_in(rules, client=OUT)) == (inside, outside)
    again = yaml_rules.parse(to_yaml(rules), "again.yaml")[0]
    assert (let_in(again, client=IN), let_in(again, client=OUT)) == (inside, outside)


NETWORKS = ("0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "10.1.2.3", "192.0.2.0/24", "192.0.2.7", "::1")
CLIENTS = ("10.1.2.3", "10.1.2.4", "10.1.3.4", "10.2.3.4", "192.0.2.7", "192.0.2.8", "203.0.113.1", "::1", "::2")

type Wanted = tuple[str, str | list[Wanted]]


def wants(wanted: Wanted, client: str) -> bool:
    """What Apache says of a client's address."""
    kind, members = wanted
    if isinstance(members, str):
        address, network = ip_address(client), ip_network(members)
        return (address in network) is (kind == "ip")
    answers = [wants(member, client) for member in members]
    return {"All": all(answers), "Any": any(answers), "None": not any(answers)}[kind]


def written(wanted: Wanted) -> str:
    kind, members = wanted
    if isinstance(members, str):
        return f"Require {kind} {members}\n"
    return f"<Require{kind}>\n{''.join(map(written, members))}</Require{kind}>\n"


def groups(inner: st.SearchStrategy[Wanted]) -> st.SearchStrategy[Wanted]:
    denied = st.tuples(st.just("not ip"), st.sampled_from(NETWORKS))
    return st.tuples(st.sampled_from(("Any", "None")), st.lists(inner, min_size=1, max_size=3)) | st.tuples(
        st.just("All"), st.builds(lambda one, more: [one, *more], inner, st.lists(inner | denied, max_size=3))
    )


@given(st.recursive(st.tuples(st.just("ip"), st.sampled_from(NETWORKS)), groups, max_leaves=8))
@settings(max_examples=60)
def test_groups_of_requirements_let_in_whom_apache_lets_in(wanted: Wanted) -> None:
    rules, problems = mod_rewrite.parse(written(("All", [wanted])), ".htaccess")
    assert not problems
    guard = AddressGuard(rules.sites[0].web_server.ip_security)
    for client in CLIENTS:
        assert (guard.refused([client]) is None) == wants(wanted, client), client


DENIED = "Require all denied"
IN_PLACES = [
    (f'<Files "wp-config.php">\n{DENIED}\n</Files>', ["/wp-config.php", "/a/wp-config.php"], ["/wp-config.phpx", "/x"]),
    (f"<Files .ht*>\n{DENIED}\n</Files>", ["/.htpasswd", "/a/.htaccess"], ["/a.htm", "/ht"]),
    (f"<Files ~ '\\.ini$'>\n{DENIED}\n</Files>", ["/a.ini", "/a/b.ini", "/a.ini/b"], ["/a.inix", "/.ini/b"]),
    (
        f"<Files xmlrpc.php>\n{DENIED}\n</Files>",
        ["/xmlrpc.php/x", "/a/xmlrpc.php/"],
        ["/axmlrpc.php/x", "/xmlrpc.phpx/y"],
    ),
    (f'<Files "*.bak*">\n{DENIED}\n</Files>', ["/a.bak", "/b/a.bak1", "/a.php.bak"], ["/a.ba", "/bak"]),
    (f'<FilesMatch "(~|\\.(bak|sw[op]))$">\n{DENIED}\n</FilesMatch>', ["/a~", "/a.swp", "/a.bak/b"], ["/a~b", "/~a/b"]),
    (f'<FilesMatch "\\.(ini|log)$">\n{DENIED}\n</FilesMatch>', ["/app.ini", "/a/b.log"], ["/app.INI", "/log"]),
    ('<FilesMatch "^\\.">\nDeny from all\n</FilesMatch>', ["/.git", "/a/.env"], ["/a.b", "/.well-known/x"]),
    (f'<FilesMatch "(^a|b$)">\n{DENIED}\n</FilesMatch>', ["/ax", "/x/xb"], ["/xa", "/bx", "/ax/c"]),
    (f'<FilesMatch "a.c">\n{DENIED}\n</FilesMatch>', ["/abc", "/xabcx"], ["/a/c", "/abc/d"]),
    (f"<Location /private>\n{DENIED}\n</Location>", ["/private", "/private/x"], ["/privateer", "/"]),
    (f"<LocationMatch '^/(a|b)/'>\n{DENIED}\n</LocationMatch>", ["/a/x", "/b/"], ["/c/x", "/a"]),
    (f"<Location ~ '/(\\.git|\\.svn)'>\n{DENIED}\n</Location>", ["/.git/config", "/a/.svn"], ["/git"]),
    (
        f"{DENIED}\n<Location /open>\nRequire all granted\n</Location>",
        ["/", "/opened"],
        ["/open", "/open/x"],
    ),
    ("<Proxy *>\nOrder deny,allow\nAllow from all\n</Proxy>", [], ["/"]),
]


@pytest.mark.parametrize(("text", "closed", "is_open"), IN_PLACES)
def test_where_nobody_may_come_in(text: str, closed: list[str], is_open: list[str]) -> None:
    rules, problems = read(text, "httpd.conf")
    assert problems == []
    assert [url for url in closed if let_in(rules, url)] == []
    assert [url for url in is_open if not let_in(rules, url)] == []


@pytest.mark.parametrize(
    ("text", "denied"),
    [
        (f"<Limit PUT DELETE>\n{DENIED}\n</Limit>", "PUT DELETE"),
        (f"<LimitExcept GET POST>\n{DENIED}\n</LimitExcept>", "PUT DELETE OPTIONS"),
        (f"<Limit GET>\n{DENIED}\n</Limit>", "GET HEAD"),
    ],
)
def test_methods_that_are_denied(text: str, denied: str) -> None:
    rules = read(text)[0]
    methods = "GET HEAD POST PUT DELETE OPTIONS".split()
    assert [method for method in methods if not let_in(rules, method=method)] == [
        method for method in methods if method in denied.split()
    ]


def test_denials_go_before_rules_of_the_file() -> None:
    rules = read(f"RewriteEngine On\nRewriteRule ^(.*)$ /y/$1 [L]\n<Files a.ini>\n{DENIED}\n</Files>")[0]
    assert not let_in(rules, "/a.ini")


def test_a_directory_below_the_document_root_is_a_location() -> None:
    text = f"""
    <VirtualHost *:443>
    ServerName www.example.com
    DocumentRoot /srv/www
    <Directory />
    {DENIED}
    </Directory>
    <Directory /srv/www/in>
    Require ip 10
    </Directory>
    </VirtualHost>
    """
    rules, problems = read(text, "site.conf")
    assert problems == []
    assert [let_in(rules, url, client=OUT) for url in ("/", "/in/x")] == [True, False]
    assert let_in(rules, "/in/x", client=IN)


ASKS = [
    "AuthType Basic\nRequire valid-user",
    "Require user anna",
    "Require group staff",
    "Require host example.org",
    "Require expr \"%{HTTP_USER_AGENT} != 'x'\"",
    "Require env let_in",
    "<RequireAll>\nRequire ip 10\nRequire valid-user\n</RequireAll>",
    "<RequireAll>\nRequire all granted\nRequire not env bad\n</RequireAll>",
    "Order allow,deny\nAllow from all\nDeny from env=bad_bot",
    "Order deny,allow\nDeny from evil.example",
    "Deny from all\nAllow from 10\nRequire valid-user",
    "<Files a.php>\nRequire ip 10\n</Files>",
    "<Files a.php>\nSSLRequireSSL\n</Files>",
    'SSLRequire %{SSL_CLIENT_VERIFY} eq "SUCCESS"',
    'SSLVerifyClient optional\n<Location /in>\nSSLRequire %{SSL_CLIENT_VERIFY} eq "SUCCESS"\n</Location>',
    "<FilesMatch b>\nRequire valid-user\n</FilesMatch>",
    "<Directory /srv/a>\nRequire all denied\n</Directory>\n<Directory /srv/b>\nRequire all granted\n</Directory>",
    "<If \"%{HTTP_HOST} == 'x'\">\nRequire all denied\n</If>",
    "<Location /in>\nRequire valid-user\n</Location>",
    "SSLVerifyClient require",
]


@pytest.mark.parametrize("text", ASKS)
def test_what_asks_for_more_than_an_address_is_an_error(text: str) -> None:
    _, problems = read(text, "httpd.conf")
    errors = [problem for problem in problems if problem.severity is Severity.ERROR]
    assert [problem.id for problem in errors] == ["UR026"]
    assert "keeps clients out in Apache" in errors[0].message
    assert errors[0].source.line
    rules, problems = read(f"# urlrewrite: silence UR026\n{text}", "httpd.conf")
    assert "UR026" not in [problem.id for problem in problems]
    # It stays closed when it is written as YAML.
    again = yaml_rules.parse(to_yaml(replace(rules, sites=(replace(rules.sites[0], silenced=()),))), "a.yaml")[0]
    assert "UR026" in [problem.id for problem in judge(again)]


def test_a_comment_says_nothing_of_whose_words_an_element_is() -> None:
    text = """<configuration><system.webServer><security><authentication><!-- Apache: Require valid-user -->
    <anonymousAuthentication enabled="false"/></authentication></security></system.webServer></configuration>"""
    rules, _ = xml_rules.parse(text.encode(), "web.config")
    (problem,) = (problem for problem in judge(rules) if problem.id == "UR026")
    assert "anonymous clients are refused in IIS" in problem.message


@pytest.mark.parametrize(
    "text",
    [
        "Require ip 10\nRequire valid-user",
        "Satisfy Any\nDeny from all\nAllow from 10\nRequire valid-user",
        "Order deny,allow\nDeny from all\nAllow from 10 intranet.example",
    ],
)
def test_ways_in_that_are_not_known_let_nobody_in(text: str) -> None:
    rules, problems = read(text)
    assert [problem.id for problem in problems] == ["UR043"]
    assert (let_in(rules, client=IN), let_in(rules, client=OUT)) == (True, False)


FIELDS = [
    ("Header set X-New a", {"x-new": "a", "x-old": "b"}),
    ('Header always set X-Old "c d"', {"x-old": "c d"}),
    ("Header unset X-Old", {"x-old": None}),
    ("Header setifempty X-Old a\nHeader setifempty X-New a", {"x-old": "b", "x-new": "a"}),
    ("Header append Vary Origin", {"vary": "Accept, Origin"}),
    ("Header merge X-New a", {"x-new": "a"}),
    ("Header add X-New 100%%", {"x-new": "100%"}),
    ("Header set X-New a env=HTTPS", {"x-new": "a"}),
    (
        "<Location /x>\nHeader set X-New a\n</Location>\n<Location /y>\nHeader set X-Y a\n</Location>",
        {"x-new": "a", "x-y": None},
    ),
    (
        '<FilesMatch "^x$">\nHeader set X-New a\n</FilesMatch>\n<Files *.css>\nHeader set X-Y a\n</Files>',
        {"x-new": "a", "x-y": None},
    ),
]


@pytest.mark.parametrize(("text", "expected"), FIELDS)
def test_fields_of_responses(text: str, expected: dict[str, str | None]) -> None:
    rules, problems = read(text)
    assert problems == []
    found = {name.lower(): value for name, value in ask(rules, "/x").fields or ()}
    assert {name: found.get(name) for name in expected} == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("RequestHeader set X-New a", {"x-new": "a", "x-asked": "b"}),
        ("RequestHeader unset X-Asked", {"x-asked": None}),
        ("RequestHeader unset X-Asked early", {"x-asked": None}),
        ("RequestHeader append X-Asked c\nRequestHeader append X-New c", {"x-asked": "b, c", "x-new": "c"}),
        ("RequestHeader setifempty X-Asked c", {"x-asked": "b"}),
        (
            "<Files x>\nRequestHeader set X-New a\n</Files>\n<Files y>\nRequestHeader set X-Y a\n</Files>",
            {"x-new": "a", "x-y": None},
        ),
        ('RequestHeader set X-Forwarded-Proto "https"', {"x-forwarded-proto": "https"}),
        ("RequestHeader set X-Forwarded-Proto expr=%{REQUEST_SCHEME}", {"x-forwarded-proto": "https"}),
    ],
)
def test_fields_of_requests(text: str, expected: dict[str, str | None]) -> None:
    rules, problems = read(text)
    assert problems == []
    routing = ask(rules, "/x", ("X-Asked", "b")).routing
    assert isinstance(routing, Forward)
    found = {name.lower(): value for name, value in routing.fields}
    assert {name: found.get(name) for name in expected} == expected


TOLD = [
    ('Header set X-A "%{SSL_CLIENT_S_DN}s"', "UR043", "not a plain text"),
    ("Header edit Location ^http: https:", "UR043", "set, added, appended or unset"),
    ("RequestHeader set X-User expr=%{REMOTE_USER}", "UR043", "not a plain text"),
    ("ErrorDocument 404 /404.html", "UR043", "errorPages"),
    (
        "SetEnvIf User-Agent bot bad\nSetEnvIfNoCase User-Agent b c\nSetEnvIf A b c",
        "UR043",
        "SetEnvIf, SetEnvIfNoCase (and in 1 more lines)",
    ),
    ("ExpiresActive On", "UR043", "the backend says how long"),
    ("LimitRequestBody 1000", "UR043", "maxAllowedContentLength"),
    ("SecRuleEngine On", "UR043", "ModSecurity"),
    ('Substitute "s|a(.)b|c$1|"', "UR043", "only a plain text"),
    ("ProxyPassReverseCookiePath /a /b", "UR043", "Paths of cookies"),
    ("ProxyPass / http://b:1/ retry=0", "UR043", "retry"),
    (
        "<Proxy balancer://s>\nBalancerMember http://a route=1\n</Proxy>\nProxyPass / balancer://s/",
        "UR043",
        "route=1 is",
    ),
    ("ProxyPass /a !", "UR044", "nothing is forwarded there"),
    ("ProxyPass / http://b:1/\nProxyPass /a http://c:1/", "UR049", "which takes its requests"),
]


@pytest.mark.parametrize(("text", "id", "part"), TOLD)
def test_what_is_not_done_is_told_once(text: str, id: str, part: str) -> None:
    found = read(f"{text}\nRedirect /old /new", "httpd.conf")[1]
    problems = [problem for problem in found if problem.id not in ("UR030", "UR045")]
    assert [problem.id for problem in problems] == [id]
    assert part in problems[0].message


HOST = "<VirtualHost *:443>\nServerName www.example.com\nSSLEngine on\n{}\n</VirtualHost>\n"


def proxied(text: str) -> RuleSet:
    rules, problems = read(HOST.format(dedent(text).strip()), "site.conf")
    assert [problem for problem in problems if problem.id != "UR030"] == []
    return rules


def sent_to(rules: RuleSet, url: str) -> str:
    routing = ask(rules, url).routing
    return (
        routing.url
        if isinstance(routing, Forward)
        else str(routing.status)
        if isinstance(routing, LocalResponse)
        else ""
    )


def test_the_whole_of_a_site_is_forwarded() -> None:
    (site,) = proxied(
        "ProxyPreserveHost On\nProxyPass / http://b:8080/\nProxyPassReverse / http://b:8080/\nProxyTimeout 7"
    ).sites
    assert (site.public, site.path) == ((Origin("https", "www.example.com", 443),), "")
    assert (site.backend, site.backend_path) == (Origin("http", "b", 8080), "")
    assert (site.preserve_host_header, site.links) == (True, LinkMode.EVERYWHERE)
    assert site.timeouts is not None
    assert site.timeouts.response == 7.0


def test_paths_that_are_forwarded_are_sites() -> None:
    rules = proxied(
        """
        ProxyPass /app/ http://b:8080/base/ timeout=9
        <Location /chat>
          ProxyPass ws://c:9000/socket
        </Location>
        ProxyPass / https://d/
        """
    )
    asked = {
        "/app/x?y": "http://b:8080/base/x?y",
        "/chat/z": "http://c:9000/socket/z",
        "/apple": "https://d/apple",
        "/": "https://d/",
    }
    assert {url: sent_to(rules, WWW + url) for url in asked} == asked


def test_rules_of_a_host_see_whole_paths_before_what_is_forwarded() -> None:
    rules = proxied(
        """
        RewriteEngine On
        RewriteRule ^/$ /app/ [R,L]
        RewriteRule ^/app/old/(.*)$ /app/new/$1 [R=301,L]
        RewriteRule ^/app/ws/(.*)$ ws://c:9000/$1 [P,L]
        ProxyPass /app/ http://b:8080/
        """
    )
    asked = {"/": "302", "/app/old/x": "301", "/app/ws/x": "http://c:9000/x", "/app/x": "http://b:8080/x", "/y": "404"}
    assert {url: sent_to(rules, WWW + url) for url in asked} == asked


def test_a_balancer_is_a_farm() -> None:
    rules = proxied(
        """
        <Proxy balancer://shop>
          BalancerMember http://a:8080 loadfactor=3
          BalancerMember http://b:8081
          BalancerMember http://c status=+H
          ProxySet lbmethod=bybusyness
        </Proxy>
        ProxyPass / balancer://shop/x/
        ProxyPassReverse / balancer://shop/x/
        """
    )
    (farm,) = rules.farms.values()
    assert farm.algorithm is Algorithm.LEAST_REQUESTS
    found = [(server.address, server.http_port, server.weight, server.backup) for server in farm.servers]
    assert found == [("a", 8080, 300, False), ("b", 8081, 100, False), ("c", 80, 100, True)]
    (site,) = rules.sites
    assert (site.backend, site.backend_path) == (Origin("http", "shop", 80), "/x")
    assert sent_to(rules, f"{WWW}/y") == "http://shop/x/y"


@pytest.mark.parametrize(
    ("method", "algorithm"),
    [
        ("byrequests", Algorithm.WEIGHTED_ROUND_ROBIN),
        ("bytraffic", Algorithm.WEIGHTED_TOTAL_TRAFFIC),
        ("bybusyness", Algorithm.LEAST_REQUESTS),
    ],
)
def test_how_a_balancer_chooses(method: str, algorithm: Algorithm) -> None:
    # One that was chosen before is no longer in force.
    other = "byrequests" if method == "bybusyness" else "bybusyness"
    members = f"BalancerMember http://a\nProxySet lbmethod={other}\nProxySet lbmethod={method}"
    rules = proxied(f"<Proxy balancer://s>\n{members}\n</Proxy>\nProxyPass / balancer://s/")
    assert rules.farms["s"].algorithm is algorithm


MODULES = "alias authz_core authz_host headers proxy proxy_http rewrite ssl".split()


@pytest.mark.parametrize("name", [*(f"mod_{name}.c" for name in MODULES), *(f"{name}_module" for name in MODULES)])
def test_what_is_for_an_apache_without_a_module_is_left(name: str) -> None:
    rules, problems = read(f"<IfModule !{name}>\nRewriteEngine On\nRewriteRule ^ - [F]\n</IfModule>\nHeader set X-A b")
    assert problems == []
    assert let_in(rules)


SAID_FOR_NOTHING = [
    f"RequestHeader set X-Forwarded-{name} {value}"
    for name, variable in {
        "Proto": "request_scheme",
        "For": "remote_addr",
        "Host": "http_host",
        "Port": "server_port",
    }.items()
    for value in (f"expr=%{{{variable}}}", f"%{{{variable}}}s", f"%{{{variable}}}e")
]
SAID_FOR_NOTHING += [f"ProxyPass /{word} http://b/ {word}=on" for word in "nocanon nocover upgrade interpolate".split()]


@pytest.mark.parametrize("text", SAID_FOR_NOTHING)
def test_what_is_done_in_any_case_is_not_told(text: str) -> None:
    proxied(f"ProxyPass /b http://b/\n{text}")


def test_what_the_server_forwards_its_hosts_do_too() -> None:
    rules, problems = read("ProxyPass /a http://a:80/\n" + HOST.format("ProxyPass / http://b:8080/"), "site.conf")
    assert [problem for problem in problems if problem.id != "UR030"] == []
    asked = {"/a/x": "http://a/x", "/x": "http://b:8080/x"}
    assert {url: sent_to(rules, WWW + url) for url in asked} == asked


def test_denials_of_the_server_hold_beside_rules_of_its_own() -> None:
    text = "RewriteEngine On\nRewriteRule ^/old$ /new [R,L]\n<Location /in>\nRequire all denied\n</Location>\n"
    rules, _ = read(text + HOST.format("ProxyPass / http://b:8080/"), "site.conf")
    assert [let_in(rules, url) for url in ("/x", "/in/x")] == [True, False]


PASS_MATCH = [
    ('ProxyPassMatch "^/(a|b)/(.*)$" http://b:8080/$1-$2', {"/a/x": "http://b:8080/a-x"}),
    ("ProxyPassMatch ^/c http://c:80", {"/c/d?e": "http://c/c/d?e"}),
    (r"ProxyPassMatch \.gif$ http://c", {"/x/y.gif": "http://c/x/y.gif"}),
    (
        "ProxyPassMatch ^/\\.well-known/ !\nProxyPass /static !\nProxyPass / http://b",
        {"/.well-known/x": "404", "/static/x": "404", "/y": "http://b/y"},
    ),
    (
        '<LocationMatch "^/api/(v[12])/(.*)$">\nProxyPassMatch http://$1.lan:81/$2\n</LocationMatch>\n'
        "<Location /in>\nProxyPassMatch http://c\n</Location>",
        {"/api/v2/x": "http://v2.lan:81/x", "/in/x": "http://c/in/x"},
    ),
    (
        "ProxyPass /a !\nProxyPass /b/ http://b/\nProxyPassMatch ^/(.*)\\.gif$ http://c/$1",
        {"/a/x.gif": "404", "/b/x.gif": "http://b/x.gif", "/ab/x.gif": "http://c/ab/x"},
    ),
]


@pytest.mark.parametrize(("text", "asked"), PASS_MATCH)
def test_pass_match_is_a_rule(text: str, asked: dict[str, str]) -> None:
    rules, _ = read(HOST.format(text), "site.conf")
    assert {url: sent_to(rules, WWW + url) for url in asked} == asked


def test_a_pass_match_that_nothing_is_left_for_is_told() -> None:
    _, problems = read(HOST.format("ProxyPass / http://b/\nProxyPassMatch ^/x http://c"), "site.conf")
    assert [problem.id for problem in problems] == ["UR049"]


def test_tls_is_asked_for_and_addresses_of_the_level_above_hold() -> None:
    rules, problems = read("Require ip 10\n<Location /in>\nSSLRequireSSL\n</Location>", "httpd.conf")
    assert problems == []
    plain = "http://www.example.com"
    asked = {
        (f"{WWW}/in/x", IN): True,
        (f"{WWW}/in/x", OUT): False,
        (f"{plain}/in/x", IN): False,
        (f"{plain}/x", IN): True,
    }
    assert {(url, client): let_in(rules, url, client) for url, client in asked} == asked


DEFINED = [
    ("Define b b.lan:81\nProxyPass / http://${b}/", "http://b.lan:81/x"),
    ("Define b b.lan\nDefine url http://${b}:82/y\nProxyPass / ${url}/", "http://b.lan:82/y/x"),
    ("Define b\n<IfDefine b>\nProxyPass / http://b/\n</IfDefine>", "http://b/x"),
    ("Define b\n<IfDefine !b>\nProxyPass / http://c/\n</IfDefine>\nProxyPass / http://b/", "http://b/x"),
    ("Define b c\nUnDefine b\nDefine b b\nProxyPass / http://${b}/", "http://b/x"),
]


@pytest.mark.parametrize(("text", "target"), DEFINED)
def test_what_a_file_defines_is_put_in(text: str, target: str) -> None:
    assert sent_to(proxied(text), f"{WWW}/x") == target


@pytest.mark.parametrize(
    "forwards",
    [
        "ProxyPassMatch ^/app/(.*)$ http://b:8080/x/$1",
        "RewriteEngine On\nRewriteRule ^/app/(.*)$ http://b:8080/x/$1 [P]",
    ],
)
def test_what_goes_with_forwarding_holds_where_a_rule_forwards(forwards: str) -> None:
    rules = proxied(
        f"{forwards}\nProxyPreserveHost On\nProxyTimeout 7\nProxyPassReverseCookiePath /x /app\n"
        "ProxyPassReverse /app/ http://b:8080/x/\nProxyPassReverse /app/ http://b.internal/x/"
    )
    (site,) = rules.sites
    assert (site.links, site.preserve_host_header) == (LinkMode.EVERYWHERE, True)
    assert site.timeouts
    assert (site.timeouts.response, site.backend_names) == (7, (Origin("http", "b.internal", 80),))
    assert site.public == (Origin("https", "www.example.com", 443),)
    assert sent_to(rules, f"{WWW}/app/y") == "http://b:8080/x/y"


def test_wildcards_and_ports_of_names() -> None:
    named = HOST.replace("ServerName www.example.com", "ServerName www.example.com:443\nServerAlias *.a.example shop.*")
    mounts = "ProxyPass /app http://b:8080/\n<Files .env>\nRequire all denied\n</Files>"
    rules, problems = read(
        named.format(mounts) + HOST.replace("www", "two").format("ProxyPass / http://c/"), "site.conf"
    )
    assert [problem.id for problem in problems] == ["UR043"]
    assert "'shop.*'" in problems[0].message.replace('"', "'")
    assert {str(origin) for origin in rules.sites[0].public} == {"https://www.example.com", "https://*.a.example"}
    for host in ("https://www.example.com", "https://x.a.example"):
        assert (sent_to(rules, f"{host}/app/x"), sent_to(rules, f"{host}/app/.env")) == ("http://b:8080/x", "403")
    assert sent_to(rules, "https://two.example.com/.env") == "http://c/.env"


def test_two_hosts_have_rules_of_their_own() -> None:
    one = HOST.format("RewriteEngine On\nRewriteRule ^/x$ /y [R,L]\nProxyPass /app http://b:8080/")
    two = HOST.replace("www", "two").format("ProxyPass /app http://c:8080/")
    rules, _ = read(one + two, "site.conf")
    assert sent_to(rules, f"{WWW}/x") == "302"
    assert sent_to(rules, "https://two.example.com/app/x") == "http://c:8080/x"
    assert [site.name for site in rules.sites] == ["www.example.com/app", "www.example.com", "two.example.com/app"]


def test_rules_of_a_host_without_tls_are_not_for_the_one_with_it() -> None:
    plain = HOST.replace("443", "80").replace("SSLEngine on\n", "")
    redirect = plain.format(
        "RewriteEngine On\nRewriteRule ^ https://%{HTTP_HOST}%{REQUEST_URI} [R=301,L]\nProxyPass /x !"
    )
    mounts = HOST.format(
        "ProxyPass /app http://b:8080/\nRewriteEngine On\n"
        "RewriteCond %{HTTP_HOST} ^www [OR]\nRewriteCond %{HTTPS} off\n"
        "RewriteRule ^/old$ /new [R,L]\n<Files .env>\nRequire all denied\n</Files>"
    )
    rules, _ = read(redirect + mounts, "site.conf")
    assert sent_to(rules, "http://www.example.com/app/y") == "301"
    asked = {"/app/y": "http://b:8080/y", "/old": "302", "/app/.env": "403", "/z": "404"}
    assert {url: sent_to(rules, WWW + url) for url in asked} == asked


def test_what_maps_links_is_links_everywhere() -> None:
    rules = proxied(
        """
        ProxyPass /app/ http://b:8080/
        ProxyPassReverse /app/ http://inner.example:8080/
        ProxyPassReverseCookieDomain b www.example.com
        ProxyPassReverseCookiePath / /app/
        ProxyHTMLEnable On
        ProxyHTMLURLMap http://b:8080 /app
        ProxyHTMLURLMap / /app/
        Substitute "s|http://b:8080|https://www.example.com/app|i"
        """
    )
    (site,) = rules.sites
    assert (site.links, site.backend_names) == (LinkMode.EVERYWHERE, (Origin("http", "inner.example", 8080),))
    assert site.outbound_rules == ()


def test_other_substitutions_are_rules_for_html() -> None:
    rules = proxied('ProxyPass / http://b:8080/\nSubstitute "s|one|ONE|"\nSubstitute "s/two./2!/n"')
    assert ask(rules, f"{WWW}/x").body == b"<p>ONE two</p>"


def test_access_and_fields_of_mounted_sites() -> None:
    rules = proxied(
        """
        ProxyPass /app/ http://b:8080/
        Header set X-New a
        <Location /app/admin>
          Require ip 10
        </Location>
        <Files secret.txt>
          Require all denied
        </Files>
        """
    )
    assert [let_in(rules, url) for url in ("/app/x", "/app/admin/x", "/app/secret.txt")] == [True, False, False]
    assert let_in(rules, "/app/admin/x", client=IN)
    assert ("X-New", "a") in [(name.title(), value) for name, value in ask(rules, "/app/x").fields or ()]


def test_what_the_server_says_is_for_all_hosts() -> None:
    text = "Header set X-New a\n<Location /in>\nRequire all denied\n</Location>\nRequire ip 10\n"
    rules, _ = read(text + HOST.format("ProxyPass / http://b:8080/"), "site.conf")
    assert [let_in(rules, "/x", client=client) for client in (IN, OUT)] == [True, False]
    assert rules.sites[0].name == "www.example.com"
    assert "x-new" in [name.lower() for name, _ in ask(rules, "/x", client=IN).fields or ()]


ROWS = re.compile(r"^\| `(<?\w+>?)` \| (.*) \|$", re.MULTILINE)
TABLE = Path(__file__).parents[2] / "rules" / "apache.md"


def test_apache_md_has_every_directive_and_what_becomes_of_it() -> None:
    written = dict(ROWS.findall(TABLE.read_text(encoding="utf-8")))
    assert written == {
        name: f"{known.fate}: {known.instead}" if known.instead else str(known.fate)
        for name, known in KNOWN_DIRECTIVES.items()
    }


def test_the_table_and_what_is_converted_agree() -> None:
    directives = {name: known for name, known in KNOWN_DIRECTIVES.items() if not name.startswith("<")}
    assert {name for name in directives if not is_known_directive(name.lower())} <= set("RewriteRule".split()) | {
        name for name in directives if name.startswith("Rewrite")
    }
    done = (Fate.HONOURED, Fate.KEEPS_CLOSED)
    of_rules = {"DocumentRoot", "SSLEngine", "ServerAlias", "ServerName"}
    converted = {
        name
        for name, known in directives.items()
        if known.fate in done and not name.startswith(("Rewrite", "Redirect"))
    }
    assert converted - of_rules == CONVERTED


DIRECTIVES = """Require Order Allow Deny Satisfy Header RequestHeader ProxyPass ProxyPassReverse ProxyPassMatch
    Substitute ProxyHTMLURLMap ProxyPassReverseCookiePath BalancerMember ProxySet ServerName SSLVerifyClient""".split()
WORDS = r"""not all granted denied ip 10 192.0.2.7 local valid-user env host user x deny,allow allow,deny from Any set
    always unset append X-A a env=HTTPS "%{A}s" / /a /a/ ! http://b/ ws://b:1/c balancer://s balancer://s/x ajp://b
    timeout=3
    ^/(.*)$ http://b/$1 "s|a|b|" s/a/b/i loadfactor=0.5 lbmethod=bytraffic www.example.com require \ " {""".split()
SECTIONS = """Files *.a|FilesMatch ^a(|FilesMatch \\.b$|Location /a|Location /|LocationMatch ^/c|Limit PUT
    |LimitExcept GET|Proxy *|RequireAll|RequireAny|RequireNone|VirtualHost *:443|If x|Directory /a
    |/Files|/FilesMatch|/Location|/Limit
    |/LocationMatch|/RequireAll|/RequireAny|/VirtualHost""".split("|")
LINES = st.one_of(
    st.tuples(st.sampled_from(DIRECTIVES), st.lists(st.sampled_from(WORDS), max_size=3)).map(
        lambda line: " ".join([line[0], *line[1]])
    ),
    st.sampled_from([f"<{section.strip()}>" for section in SECTIONS]),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(LINES, max_size=8).map("\n".join))
def test_any_file_is_imported_or_refused(text: str) -> None:
    try:
        rules, problems = mod_rewrite.parse(text, "site.conf")
    except RuleFileError as error:
        assert all(problem.source.line for problem in error.problems)
        return
    assert all(problem.severity is Severity.WARNING for problem in problems)
    compile_rules(rules)
    if all(site.public or not site.path for site in rules.sites):
        again = yaml_rules.parse(to_yaml(rules), "again.yaml")[0]
        assert [site.web_server for site in again.sites] == [site.web_server for site in rules.sites]
        assert again.farms == rules.farms


@pytest.mark.parametrize(
    "text",
    ["ExpiresActive Off", "SecRuleEngine Off", "ProxyRequests Off", "ProxyErrorOverride off", "ProxyAddHeaders On"],
)
def test_what_asks_for_nothing_is_not_told(text: str) -> None:
    assert read(HOST.format(f"{text}\nProxyPass / http://b/"), "site.conf")[1] == []
    opposite = text.replace("Off", "On").replace("off", "on") if "ff" in text else text.replace("On", "Off")
    told = read(HOST.format(f"{opposite}\nProxyPass / http://b/"), "site.conf")[1]
    assert [problem.id for problem in told] == ["UR043"]
