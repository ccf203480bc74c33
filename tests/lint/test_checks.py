"""Each finding of the linter: rule files that give it, and files like them that do not."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from rules_of import SITE
from urlrewrite.engine.compile import compile_rules
from urlrewrite.formats.rule_files import load
from urlrewrite.formats.yaml.rules import parse
from urlrewrite.lint.linter import judge, lint
from urlrewrite.lint.registry import CHECKS
from urlrewrite.model.problems import Problem, Severity

HTML = "{is html: [{input: '{RESPONSE_CONTENT_TYPE}', pattern: ^text/html}]}"


def q(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def rule(match: str, action: str = "AbortRequest", *, conditions: str = "", more: str = "") -> str:
    """One inbound rule; parts are YAML in flow style."""
    lines = [f"  - name: {q(match)}", f"    match: {match}", f"    action: {action}"]
    if conditions:
        lines.append(f"    conditions: {conditions}")
    if more:
        lines.append(f"    {more}")
    return "\n".join(lines)


def rules(*texts: str, before: str = "") -> str:
    return "\n".join([before, "rules:", *texts])


def inbound(*arguments: str, **more: str) -> str:
    return rules(rule(*arguments, **more))


def answer(match: str, action: str, *, pre: str = "", conditions: str = "", more: str = "") -> str:
    lines = ["  - name: one", f"    match: {match}", f"    action: {action}"]
    lines += [f"    preCondition: {pre}"] if pre else []
    lines += [f"    conditions: {conditions}"] if conditions else []
    lines += [f"    {more}"] if more else []
    return "\n".join(lines)


def outbound(*texts: str, pre: str = HTML, before: str = "") -> str:
    return "\n".join([before, f"preConditions: {pre}", "outboundRules:", *texts])


def field(name: str, pattern: str, value: str, **more: str) -> str:
    return answer(f"{{serverVariable: {name}, pattern: {q(pattern)}}}", f"{{type: Rewrite, value: {q(value)}}}", **more)


def tags(pattern: str, value: str, **more: str) -> str:
    match = f"{{filterByTags: 'A, Img', pattern: {q(pattern)}}}"
    return answer(match, f"{{type: Rewrite, value: {q(value)}}}", **{"pre": "is html", **more})


def rewrite(url: str, more: str = "") -> str:
    return f"{{type: Rewrite, url: {q(url)}{more}}}"


def redirect(url: str, more: str = "") -> str:
    return f"{{type: Redirect, url: {q(url)}{more}}}"


def http_redirect(said: str, enabled: str = "true") -> str:
    return f"httpRedirect: {{enabled: {enabled}, {said}}}\n"


def on(variable: str, pattern: str, more: str = "") -> str:
    return f"{{input: '{variable}', pattern: {q(pattern)}{more}}}"


NEGATED = ", negate: true"
FORBIDDEN = "{type: CustomResponse, statusCode: 403}"
STOP = "stopProcessing: true"

NOWHERE = "public: https://www.example.com\n"
KEYS = """rewriteMaps: {Keys: {entries: {'KEY': v}}}
rules:
  - name: r
    match: '(.*)'
    conditions: [{input: '{Keys:INPUT}', pattern: '(.+)'}]
    action: {type: Redirect, url: '{C:1}'}
"""
LOCATION = "locations: {shop/cart: {relativeTo: /, rules: [{name: a, match: 'PATTERN', action: AbortRequest}]}}\n"
PORTS = "public: [http://www.example.com:5000, https://www.example.com:5001]\nbackend: http://privateserver\n"

ANONYMOUS = "element: anonymousAuthentication, attributes: {enabled: "
ACCESS_RULE = "{element: add, attributes: {accessType: "


def authorized(*entries: str) -> str:
    return f"security: {{authorization: {{children: [{', '.join(entries)}]}}}}\n"


def asp_net(*entries: str) -> str:
    inner = f"{{element: authorization, children: [{', '.join(entries)}]}}"
    return f"system.web: {{children: [{inner}]}}\n"


DENIES_ALL = f"{ACCESS_RULE}Deny, users: '*'}}}}"
OPENED: list[str] = [
    f"security: {{authentication: {{children: [{{{ANONYMOUS}'false'}}}}]}}}}\n",
    "security: {access: {sslFlags: 'Ssl, SslRequireCert'}}\n",
    "security: {ipSecurity: {add: [{domainName: evil.example}]}}\n",
    authorized("{element: remove, attributes: {users: '*', roles: '', verbs: ''}}"),
    authorized("{element: clear}", f"{ACCESS_RULE}Allow, users: anna}}}}"),
    authorized("{element: clear}", f"{ACCESS_RULE}Allow, users: '*', verbs: GET}}}}"),
    authorized(f"{ACCESS_RULE}Deny, users: '?'}}}}"),
    asp_net("{element: deny, attributes: {users: '?'}}"),
    asp_net("{element: allow, attributes: {roles: a}}", "{element: deny, attributes: {users: 'a, *'}}"),
    f"locations: {{in: {{security: {{authentication: {{children: [{{{ANONYMOUS}'0'}}}}]}}}}}}}}\n",
]
CLOSED_AS_BEFORE: list[str] = [
    f"security: {{authentication: {{children: [{{{ANONYMOUS}'true'}}}}]}}}}\n",
    "security: {access: {sslFlags: 'Ssl, SslNegotiateCert'}}\n",
    "security: {ipSecurity: {add: [{domainName: good.example, allowed: true}, {ipAddress: 10.0.0.7}]}}\n",
    authorized(f"{ACCESS_RULE}Deny, users: anna}}}}"),
    authorized("{element: clear}", f"{ACCESS_RULE}Allow, users: '*'}}}}"),
    authorized("{element: clear}", f"{ACCESS_RULE}Allow, users: '?'}}}}"),
    asp_net("{element: allow, attributes: {users: '*'}}", "{element: deny, attributes: {users: '?'}}"),
    asp_net("{element: deny, attributes: {users: anna}}"),
    f"silence: [UR026]\nsecurity: {{authentication: {{children: [{{{ANONYMOUS}'false'}}}}]}}}}\n",
    f"silence: [UR026]\nlocations: {{in: {{security: {{authentication: {{children: [{{{ANONYMOUS}'0'}}}}]}}}}}}}}\n",
]
ERRORS = {"UR026"}

GIVEN: dict[str, list[str]] = {
    "UR026": OPENED,
    "UR030": [
        NOWHERE,
        NOWHERE + rules(rule("a", rewrite("/b"))),
        NOWHERE + rules(rule("a", redirect("http://b/"))),
        NOWHERE + rules(rule("(.*)", redirect("http://b/"), conditions=f"[{on('{HTTPS}', 'off')}]")),
        NOWHERE + rules(rule("(.*)", "None", more=STOP)),
        "sites: [{public: http://a, httpRedirect: {enabled: false}}]\nhttpRedirect: {enabled: true, destination: /x}\n",
    ],
    "UR130": [
        inbound(".*", conditions=f"[{on('HTTP_HOST', '^a$')}]"),
        inbound(".*", "None", more="serverVariables: {HTTP_X_A: HTTP_ACCEPT_ENCODING}"),
        outbound(field("RESPONSE_A", ".+", "RESPONSE_Set_Cookie")),
        outbound(field("RESPONSE_A", ".+", "b", pre="is"), pre="{is: [{input: RESPONSE_Set_Cookie, pattern: a}]}"),
    ],
    "UR131": [
        inbound(".*", conditions=f"[{on('some text', '^a$')}]"),
    ],
    "UR132": [
        inbound("^a/(.*)", redirect("/b/$1")),
        inbound("^a/(.*)", rewrite("/b?h=%{HTTP_HOST}")),
        inbound("^a/(.*)", conditions=f"[{on('%{REQUEST_URI}', 'x')}]"),
    ],
    "UR133": [inbound("app/*"), inbound("^/dist/*"), inbound("a/*.html")],
    "UR134": [
        inbound("'*'", more="patternSyntax: Wildcard", conditions=f"[{on('{HTTPS}', '^off$')}]"),
        inbound("^a$", more="patternSyntax: ExactMatch"),
        inbound("a/(.*)", more="patternSyntax: Wildcard"),
    ],
    "UR135": [
        inbound("^/api/(.*)"),
        inbound("^\\/api"),
        inbound("/api/*", more="patternSyntax: Wildcard"),
        inbound("/api", more="patternSyntax: ExactMatch"),
        inbound("{url: ^/api, negate: true}"),
        "globalRules:\n" + rule("^/api"),
    ],
    "UR136": [
        inbound("^article\\.aspx\\?id=(\\d+)$"),
        inbound("^article.php?id=(\\d+)"),
        inbound("article.aspx?id=*", more="patternSyntax: Wildcard"),
        inbound("^https?://www\\.example\\.com/(.*)"),
        inbound("^www\\.example\\.com/(.*)"),
        inbound("'^page#top'"),
    ],
    "UR137": [
        inbound(".*", conditions=f"[{on('{HTTP_HOST}', '^www.example.com$')}]"),
        inbound(".*", conditions=f"[{on('{HTTP_HOST}', '^10.0.0.1$')}]"),
        inbound(".*", conditions=f"[{on('{HTTP_REFERER}', '^https?://www.example.com/')}]"),
        outbound(tags("^http://internal.example/(.*)", "/{R:1}")),
    ],
    "UR138": [
        inbound(".*", conditions=f"[{on('{HTTP_ACCEPT}', 'application/xhtml+xml')}]"),
        outbound(field("RESPONSE_A", ".+", "b", conditions=f"[{on('{RESPONSE_CONTENT_TYPE}', 'image/svg+xml')}]")),
    ],
    "UR139": [
        inbound("^(a+)+$"),
        inbound("^([a-z]+/?)*x$"),
        inbound("<b>(\\s|.)*</b>"),
        inbound("^(?:\\w+\\s?)*$"),
    ],
    "UR140": [
        inbound(
            ".*",
            rewrite("/{C:2}"),
            conditions=f"[{on('{HTTP_HOST}', '^(www.)?(.+)$')}, {on('{HTTPS}', '^off$')}]",
        )
    ],
    "UR141": [inbound(".*", rewrite("/{C:1}"), conditions=f"[{on('{HTTP_HOST}', '^(a)', NEGATED)}]")],
    "UR142": [
        inbound(
            ".*",
            rewrite("/{C:1}"),
            conditions=f"{{logicalGrouping: MatchAny, add: [{on('{URL}', '^/(a)')}, {on('{QUERY_STRING}', 'b')}]}}",
        )
    ],
    "UR143": [
        inbound("^a$", conditions=f"[{on('{R:1}', 'b')}]"),
        inbound("^(a)$", conditions=f"[{on('{C:1}', 'b')}, {on('{URL}', '(.)')}]"),
        outbound(field("RESPONSE_A", ".+", "b", pre="is"), pre="{is: [{input: '{R:0}', pattern: a}]}"),
    ],
    "UR144": [
        inbound("'*'", more="patternSyntax: Wildcard", conditions=f"[{on('{REMOTE_PORT}', '.*')}]"),
        inbound("a", conditions=f"[{on('{SERVER_PORT}', '^https$')}]"),
        inbound("a", conditions=f"[{on('{CONTENT_LENGTH}', 'K')}]"),
        *(
            inbound("a", conditions=f"[{on(f'{{{name}}}', 'localhost')}]")
            for name in "REMOTE_ADDR REMOTE_HOST LOCAL_ADDR SERVER_ADDR".split()
        ),
        inbound("a", conditions=f"[{on('{HTTP_METHOD}', '^get$', ', ignoreCase: false')}]"),
        inbound("a", conditions=f"[{on('{REQUEST_METHOD}', '^get$', ', ignoreCase: false')}]"),
        inbound(".*", conditions=f"[{on('{HTTPS}', '^https$')}]"),
        inbound(".*", conditions=f"[{on('{HTTPS}', '^OFF$', ', ignoreCase: false')}]"),
        inbound(".*", conditions=f"[{on('{HTTPS}', 'o', NEGATED)}]"),
        inbound(".*", conditions=f"[{on('{REQUEST_URI}', '^api/')}]"),
        inbound(".*", conditions=f"[{on('{URL}', '^https?://x')}]"),
        inbound(".*", conditions=f"[{on('{URL}', 'page[?]id=1')}]"),
        inbound(".*", conditions=f"[{on('{QUERY_STRING}', '^[?]id=1')}]"),
        inbound(".*", conditions=f"[{on('{HTTP_HOST}', '^https://www')}]"),
        outbound(field("RESPONSE_A", ".+", "b", conditions=f"[{on('{RESPONSE_STATUS}', '^OK$')}]")),
    ],
    "UR145": [inbound("(.*)", rewrite("{C:1}://b/{R:1}"), conditions=f"[{on('{CACHE_URL}', '^(https?)://')}]")],
    "UR146": [
        inbound(".*", conditions="[{input: '{REQUEST_FILENAME}', matchType: IsFile}]"),
        "documentRoot: /srv\nglobalRules:\n" + rule(".*", conditions="[{input: '', matchType: IsDirectory}]"),
    ],
    "UR147": [
        LOCATION.replace("PATTERN", "^page/(.*)"),
        LOCATION.replace("PATTERN", "^[0-9]+$"),
        LOCATION.replace("PATTERN", "^shop/x"),
    ],
    "UR150": [
        inbound(".*", "None", more="serverVariables: {X-SCRIPT-NAME: /a}"),
        inbound(".*", "None", more="serverVariables: {X_SCRIPT_NAME: /a}"),
    ],
    "UR151": [inbound(".*", "None", more="serverVariables: {RESPONSE_X_A: b}")],
    "UR152": [
        inbound(".*", conditions=f"[{on('{USER_AGENT}', 'bot')}]"),
        inbound(".*", "None", more="serverVariables: {HTTP_X_A: '{REQUEST_SCHEME}'}"),
        inbound(".*", redirect("/{ToLower:{REQUEST_URL}}")),
    ],
    "UR153": [inbound(".*", conditions=f"[{on('{RESPONSE_STATUS}', '3..')}]")],
    "UR154": [
        outbound(field("RESPONSE_A", ".+", "{HTTP_HOST}")),
        outbound(field("RESPONSE_A", ".+", "b", conditions=f"[{on('{HTTP_HOST}', '^a')}]")),
    ],
    "UR155": [
        outbound(
            field("RESPONSE_Set_Cookie", "^(.*)$", "{R:1}; Secure", pre="is"),
            pre="{is: [{input: '{RESPONSE_Set_Cookie}', pattern: secure, negate: true}]}",
        )
    ],
    "UR156": [
        inbound(".*", conditions=f"[{on('{HTTPS', '^on$')}]"),
        inbound(".*", redirect("/a}")),
        inbound(".*", "None", more="serverVariables: {HTTP_X_A: '{{HTTP_HOST}}'}"),
    ],
    "UR157": [inbound(".*", conditions=f"[{on('{IPV6}', 'on')}]")],
    "UR158": [
        inbound(".*", "None", more="serverVariables: {HTTP_CONNECTION: upgrade}"),
        inbound(".*", "None", more="serverVariables: {HTTP_Upgrade: '{HTTP_UPGRADE}'}"),
        inbound(".*", "None", more="serverVariables: {HTTP_TRANSFER-ENCODING: chunked}"),
    ],
    "UR159": [
        inbound(".*", "None", more="serverVariables: {HTTP_X_USER: '{AUTH_USER}'}"),
        inbound(".*", "None", more="serverVariables: {HTTP_X_CERT: 'x{CERT_SUBJECT}'}"),
        inbound("^admin", FORBIDDEN, conditions=f"[{on('{LOGON_USER}', '^$')}]"),
        inbound("^admin", FORBIDDEN, conditions=f"[{on('{REMOTE_USER}', '.+', NEGATED)}]"),
        inbound(".*", redirect("/{APP_POOL_ID}/")),
        outbound(field("RESPONSE_X", ".*", "{LOGON_USER}")),
    ],
    "UR160": [outbound(field("Location", "^/(.*)", "/a/{R:1}")), outbound(field("X-Powered-By", ".+", "b"))],
    "UR161": [outbound(field("HTTP_X_Forwarded_Host", ".*", "{HTTP_HOST}"))],
    "UR162": [
        outbound(field("RESPONSE_LOCATION", "^http://b/(.*)", "/{R:1}", pre="is html")),
        outbound(
            field(
                "RESPONSE_Location", "^http://b/(.*)", "/{R:1}", conditions=f"[{on('{RESPONSE_CONTENT_TYPE}', 'html')}]"
            )
        ),
    ],
    "UR163": [
        outbound(tags("^http://b/(.*)$", "/{R:1}", pre="")),
        outbound(answer("{pattern: http://b}", "{type: Rewrite, value: http://a}")),
    ],
    "UR164": [outbound(answer("{serverVariable: RESPONSE_A, pattern: .+}", "None"))],
    "UR165": [
        outbound(tags("^http://b/(.*)", "https://a/")),
        outbound(tags("^http://b", "https://a")),
        outbound(tags("^http(s)?://b/", "http{R:1}://a/")),
        outbound(field("RESPONSE_Set_Cookie", "^(.*; path=/)app", "{R:1}")),
        outbound(field("RESPONSE_Location", "^http://b/(.*)$", "https://a")),
    ],
    "UR166": [
        outbound(tags("^/(.*)", "/app/{R:1}")),
        outbound(tags("^http://b/(.*)", "/app/{R:1}"), tags("^/(.*)", "/app/{R:1}").replace("one", "two")),
        outbound(field("RESPONSE_Set_Cookie", "^(.+)$", "{R:1}; Secure")),
    ],
    "UR167": [
        outbound(field("RESPONSE_Server", ".+", "")),
        outbound(field("RESPONSE_Server", ".+", ""), before="mode: iis"),
    ],
    "UR170": [rules(rule("^a/(.*)", rewrite("http://b/{R:1}")), rule("^c"))],
    "UR171": [
        inbound("(.*)", redirect("https://www.example.org{REQUEST_URI}")),
        inbound("(.*)", rewrite("/a{UNENCODED_URL}")),
        inbound("(.*)", rewrite("/a?{QUERY_STRING}")),
        inbound("(.*)", rewrite("/a?b=c&{QUERY_STRING}")),
        inbound("(.*)", rewrite("{UrlDecode:{REQUEST_URI}}")),
        inbound("(.*)", redirect("https://www.example.org{C:1}"), conditions=f"[{on('{REQUEST_URI}', '(.*)')}]"),
        inbound("(.*)", redirect("{C:1}://{C:2}"), conditions=f"[{on('{CACHE_URL}', '^(.+)://www(.+)$')}]"),
        inbound("(.*)", rewrite("/a?{C:0}"), conditions=f"[{on('{QUERY_STRING}', '.+')}]"),
    ],
    "UR172": [inbound("(.*)", rewrite("http://b{UNENCODED_URL}", ", appendQueryString: false"))],
    "UR173": [
        inbound("(.*)", redirect("https://www.example.com/{R:1}")),
        inbound("(.*)", redirect("/{R:1}")),
        inbound("^(.*)$", redirect("app/{R:1}")),
        inbound("(.*)", redirect("https://{HTTP_HOST}/{R:1}"), conditions=f"[{on('{HTTPS}', '^(on|off)$')}]"),
        inbound("(.*)", redirect("{ToLower:{URL}}")),
        rules(rule("^a$", redirect("b")), rule("^b$", redirect("a"))),
        inbound("^(.*)$", redirect("/login"), conditions=f"[{on('{HTTP_COOKIE}', 'session', NEGATED)}]"),
        inbound("(.*)", redirect("/old/new"), conditions=f"[{on('{REQUEST_URI}', '^/old/')}]"),
        inbound("(.*)", redirect("/show"), conditions=f"[{on('{QUERY_STRING}', '^id=[0-9]+$')}]"),
        inbound("(.*)", redirect("/old{R:1}"), conditions=f"[{on('{HTTP_USER_AGENT}', 'MSIE', NEGATED)}]"),
        http_redirect("destination: 'https://www.example.com/'"),
        http_redirect("destination: /new/"),
        http_redirect("destination: '/$P', exactDestination: true"),
        http_redirect("destination: /closed.html, exactDestination: true, childOnly: true"),
        http_redirect("add: {'/old/*': '/old/new/$0'}, exactDestination: true"),
        "locations: {old: {" + http_redirect("destination: /old/new") + "}}\n",
        "locations: {old: {" + http_redirect("destination: /old/new") + "}, old/a: {rules: []}}\n",
        http_redirect("destination: /b, exactDestination: true") + rules(rule("^b$", redirect("/a"))),
        http_redirect("destination: /a, exactDestination: true") + rules(rule("^a$", rewrite("/b"), more=STOP)),
    ],
    "UR174": [
        inbound("^go/(.*)", redirect("https://{R:1}")),
        inbound("^go/(.*)", redirect("https://www.example.org{R:1}")),
        inbound("^go$", redirect("{C:1}"), conditions=f"[{on('{QUERY_STRING}', '^url=(.*)$')}]"),
        inbound("^go$", redirect("https://{HTTP_X_HOST}/")),
        inbound("(.*)", rewrite("http://{HTTP_HOST}/{R:1}")),
    ],
    "UR175": [inbound(".*", "None")],
    "UR176": [inbound("^c/(.*)", rewrite("/c#/{R:1}")), inbound("^c/(.*)", rewrite("http://b/#!{R:1}"))],
    "UR177": [
        PORTS + inbound("(.*)", redirect("https://{HTTP_HOST}/{R:1}"), conditions=f"[{on('{HTTPS}', '^off$')}]"),
        PORTS + inbound("(.*)", redirect("https://{SERVER_NAME}/{R:1}"), conditions=f"[{on('{HTTPS}', '^off$')}]"),
        PORTS + inbound("^a$", redirect("http://www.example.com:5002/")),
    ],
    "UR180": [
        rules(rule("(.*)", rewrite("/a"), more=STOP), rule("^b")),
        rules(rule("'*'", more="patternSyntax: Wildcard"), rule("^b")),
        rules(rule("^b/(.*)$"), rule("^b/c/(\\d+)$")),
        rules(rule("^b$"), rule("{url: ^b$}")),
        rules(
            rule(".*", conditions=f"[{on('{HTTPS}', '^off$')}]"),
            rule("^b", conditions=f"[{on('{HTTPS}', '^off$')}, {on('{QUERY_STRING}', 'a')}]"),
        ),
        "globalRules:\n" + rule(".*") + "\n" + rule("^b"),
    ],
    "UR181": [
        inbound("^admin$", FORBIDDEN),
        inbound("^admin(/|$)", FORBIDDEN),
        inbound("^admin/(.*)"),
        inbound("^a/b/c"),
        inbound("admin", FORBIDDEN, more="patternSyntax: ExactMatch"),
        inbound("\\.bak$", FORBIDDEN),
        rules(rule("^secret", FORBIDDEN), rule("^admin$", FORBIDDEN)),
    ],
    "UR240": [
        inbound("^admin", FORBIDDEN, conditions=f"[{on('{REMOTE_ADDR}', '10[.](.*)', NEGATED)}]".replace("[.]", "\\.")),
        inbound("^admin", conditions=f"[{on('{REMOTE_ADDR}', '^10.0.0.1')}]"),
        inbound("^admin", conditions=f"[{on('{HTTP_X_FORWARDED_FOR}', '92.168.1.5$')}]"),
        inbound("^admin", conditions=f"[{on('{REMOTE_ADDR}', '^10.1.1.1$|12.1.1.1$')}]"),
        inbound("^admin", conditions=f"[{on('{REMOTE_ADDR}', '192.168.1.*')}]"),
        inbound("^admin", conditions=f"[{on('{REMOTE_ADDR}', '^(192[.]168[.]1|10[.])')}]"),
        *(
            inbound("^admin", conditions=f"[{on(f'{{{name}}}', '^10')}]")
            for name in (
                "REMOTE_ADDR REMOTE_HOST HTTP_X_FORWARDED_FOR HTTP_X_REAL_IP HTTP_CLIENT_IP HTTP_X_CLIENT_IP "
                "HTTP_TRUE_CLIENT_IP HTTP_CF_CONNECTING_IP"
            ).split()
        ),
        inbound("'admin*'", more="patternSyntax: Wildcard", conditions=f"[{on('{REMOTE_ADDR}', '10*')}]"),
    ],
    "UR241": [
        inbound("^a\\\\.php$"),
        inbound("^(\\\\d+)$"),
        inbound(".*", conditions=f"[{on('{HTTP_HOST}', '^www\\\\.example')}]"),
        inbound("^(.\\*)$"),
    ],
    "UR244": [
        inbound("^a$", redirect("/new\\_page")),
        inbound("^a$", redirect("https:\\/\\/www.example.com\\/")),
        inbound("^a$", rewrite("a\\b/{R:0}?c=d")),
    ],
    "UR245": [
        inbound("^a$", rewrite("b?c=d&amp;e=f")),
        inbound("^a$", conditions=f"[{on('{QUERY_STRING}', 'a=1&amp;b=2')}]"),
        inbound("\u201c^a$\u201d"),
        inbound("^a\u200b/b"),
        inbound("^a$", redirect("\u201c/b\u201d")),
        inbound(q(" ^a$")),
        inbound(q("^a$ ")),
    ],
    "UR242": [
        inbound("(.*)", redirect("https://{HTTP_HOST}/{REQUEST_URI}", ", appendQueryString: false")),
        inbound("(.*)", rewrite("http://b/{URL}")),
        inbound("^a(/.*)$", redirect("/b/{R:1}")),
        inbound(
            ".*", redirect("/b/{C:1}", ", appendQueryString: false"), conditions=f"[{on('{REQUEST_URI}', '(.*)')}]"
        ),
    ],
    "UR243": [
        KEYS.replace("KEY", "/my page").replace("INPUT", "{REQUEST_URI}"),
        KEYS.replace("KEY", "/\u00fcber").replace("INPUT", "{UNENCODED_URL}"),
        KEYS.replace("KEY", "page").replace("INPUT", "{REQUEST_URI}"),
        KEYS.replace("KEY", "/a?b=c").replace("INPUT", "{URL}"),
        KEYS.replace("KEY", "/a%20b").replace("INPUT", "{PATH_INFO}"),
        KEYS.replace("KEY", "/a").replace("INPUT", "{R:1}"),
        KEYS.replace("KEY", "?a=b").replace("INPUT", "{QUERY_STRING}"),
        KEYS.replace("KEY", "http://a").replace("INPUT", "{HTTP_HOST}"),
    ],
    "UR188": [inbound("^a", more="silence: [UR999]")],
    "UR189": [
        inbound("^a", more="silence: [UR135]"),
        "silence: [UR030]\n",
        "silence: [UR026]\n",
        "locations: {in: {silence: [UR026]}}\n" + authorized(DENIES_ALL),
        "sites: [{public: https://www.example.com, silence: [UR130], backend: http://b}]\n",
        "silence: [UR173]\n" + http_redirect("destination: 'https://www.example.org/'"),
    ],
}


def farm(more: str = "", servers: str = "[10.0.0.1, 10.0.0.2]", before: str = "") -> str:
    return f"{before}\nfarms:\n  shop: {{servers: {servers}{more}}}\n"


def with_backend(backend: str, more: str = "", before: str = "") -> str:
    return f"public: http://www.example.com\nbackend: {backend}\n{farm(more, before=before)}"


TWO_SITES = """sites: [{public: 'http://a.example'}, {public: 'http://b.example'}]
globalRules:
  - {name: ARR_shop_loadbalance, match: '*', patternSyntax: Wildcard, stopProcessing: true, conditions: [CONDITION],
     action: {type: Rewrite, url: 'http://shop/{R:0}'}}
"""
KEPT = "webFarms: {children: [{element: webFarm, attributes: {name: shop}, children: [ARR]}]}\n".replace(
    "ARR", "{element: applicationRequestRouting, children: [PART]}"
)
TELL_SITES_APART = "HTTP_HOST SERVER_NAME SERVER_PORT LOCAL_ADDR CACHE_URL INSTANCE_ID INSTANCE_META_PATH http_host"
PROVIDERS = """webFarms:
  children:
    - element: applicationRequestRouting
      children: [{element: hostAffinityProviderList, children: [{element: add, attributes: {name: NAME}}]}]
"""
HTTPS_ON = "{input: '{HTTPS}', pattern: 'on'}"
LIVE = ", health: {live: {failures: 3}}"

GIVEN["UR154"] += [
    "public: http://a\nbackend: http://shop\n"
    + farm(", preserveHostHeader: false", before=outbound(field("RESPONSE_A", ".+", "{HTTP_HOST}")))
]
GIVEN |= {
    "UR200": [
        farm(before=inbound("(.*)", rewrite("http://shp/{R:1}"))),
        with_backend("http://shpo"),
        with_backend("http://shpo", before=inbound("(.*)", rewrite("http://shpo/{R:1}"))),
    ],
    "UR201": [
        farm(", algorithm: RequestHash"),
        farm(", algorithm: RequestHash, hash: {variable: '{HTTP_X_TENANT}'}"),
        farm(", algorithm: RequestHash, hash: {variable: X_TENANT}"),
    ],
    "UR202": [farm(", health: {url: 'http://status.example/x'}"), farm(", health: {url: 'http://status.example?x'}")],
    "UR203": [farm(before=TWO_SITES.replace("CONDITION", "")), farm(before=TWO_SITES.replace("CONDITION", HTTPS_ON))],
    "UR204": [farm(LIVE)],
    "UR205": [
        farm(", affinity: {cookie: a}", "[10.0.0.1]"),
        farm(", affinity: {hostName: true}", "[10.0.0.1]"),
    ],
    "UR206": [
        farm(servers="[{address: a, weight: 0}, {address: b, weight: 0}]"),
        farm(servers="[]"),
        farm(servers="[{address: a, state: offline}, {address: b, state: stopping}, {address: c, weight: 0}]"),
        farm(servers="[{address: a, state: draining}]"),
        with_backend("http://shop", ", enabled: false"),
        farm(", enabled: false", before=inbound("(.*)", rewrite("http://SHOP/{R:1}"))),
    ],
    "UR207": [
        "webFarms: {children: [{element: webFarm, attributes: {name: shop, minimumServers: '1'}}]}\n",
        "webFarms: {children: [{element: webFarm, attributes: {name: shop, passServerHeader: Remove}}]}\n",
        KEPT.replace("PART", "{element: protocol, attributes: {stealthMode: 'true'}}"),
        KEPT.replace("PART", "{element: protocol, children: [{element: cache}]}"),
        KEPT.replace("PART", "{element: affinity, children: [{element: host, attributes: {name: a}}]}"),
        KEPT.replace("PART", "{element: loadBalancing, attributes: {queryStringNames: id}}"),
        KEPT.replace("PART", "{element: PROTOCOL, attributes: {STEALTHMODE: 'True'}}"),
        PROVIDERS.replace("NAME", "Contoso.Affinity"),
    ],
    "UR208": [
        with_backend("http://shop:8080"),
        with_backend("http://shop\nconnect: 127.0.0.1:80"),
        with_backend("https://shop\ntimeouts: {response: 5s}"),
        with_backend("https://shop\ntimeouts: {response: 5s}", before=inbound("(.*)", rewrite("http://shop/{R:1}"))),
    ],
    "UR209": [
        *(
            farm(f", health: {{{setting}}}")
            for setting in ("interval: 5s", "timeout: 5s", "retries: 4", "status: 200", "match: well", "host: a.lan")
        ),
        farm(servers="[{address: a, health: {port: 81}}]"),
        farm(", health: {url: /x, interval: 5s}"),
        farm(", health: {url: /x, retries: 0}"),
        farm(", health: {url: /x, minServers: 2}"),
        farm(", health: {live: {}, minServers: 1}", "[a, {address: b, backup: true}, {address: c, weight: 0}]"),
    ],
    "UR220": [
        "proxy: {attributes: {enabled: 'true', StealthMode: 'true'}}\n",
        "proxy: {attributes: {passServerHeader: Remove}}\n",
        "proxy: {attributes: {proxy: 'http://10.0.0.9:3128'}}\n",
        "proxy: {children: [{element: cache, attributes: {requestConsolidationEnabled: 'true'}}]}\n",
    ],
    "UR221": [
        "httpVersion: Http10\n",
        farm(", httpVersion: http10"),
        "proxy: {attributes: {httpVersion: '0'}}\n",
    ],
}

NOT_GIVEN: dict[str, list[str]] = {
    "UR026": CLOSED_AS_BEFORE,
    "UR030": [
        inbound("a"),
        NOWHERE + rules(rule("a", rewrite("http://b/"))),
        NOWHERE + rules(rule("a", rewrite("{C:1}"))),
        NOWHERE + rules(rule("a"), rule("^(.*)$", redirect("https://a.example/{R:1}"))),
        NOWHERE + "httpRedirect: {enabled: true, destination: 'https://a.example/'}\n",
        "sites: [{public: http://a}]\nhttpRedirect: {enabled: true, destination: 'https://a.example/'}\n",
        "public: http://a.example\n"
        + rules(rule(".*", redirect("https://a.example/"), conditions=f"[{on('{HTTPS}', 'off')}]")),
        NOWHERE + "locations: {shop: {rules: [{name: a, match: a, action: {type: Rewrite, url: 'http://b/'}}]}}\n",
        "sites: [{public: http://a}]\nglobalRules: [{name: a, match: a, action: {type: Rewrite, url: 'http://b/'}}]\n",
    ],
    "UR130": [
        inbound(".*", "None", more="serverVariables: {HTTP_X_FORWARDED_PROTO: https, HTTP_X_A: url}"),
        inbound(".*", conditions=f"[{on('{HTTP_HOST}', '^a$')}]"),
    ],
    "UR131": [
        inbound(".*", conditions=f"[{on('{HTTPS}s', 'ons')}]"),
        inbound(".*", conditions="[{input: '', matchType: IsFile}]"),
    ],
    "UR132": [inbound("^a", redirect("/price/100$")), inbound("^a", redirect("/a%20b%2Fc"))],
    "UR133": [inbound("^a/*$"), inbound("^a/.*"), inbound("^a/[^/]*$"), inbound("a/*", more="patternSyntax: Wildcard")],
    "UR134": [
        inbound("'a/*.html'", more="patternSyntax: Wildcard"),
        inbound("a.b+c", more="patternSyntax: ExactMatch"),
        outbound(
            answer("{pattern: 'f(a*)'}", "{type: Rewrite, value: b}", pre="is html", more="patternSyntax: ExactMatch")
        ),
    ],
    "UR135": [
        inbound("^/?api/"),
        inbound("/api/"),
        inbound("^(/|a)b"),
        inbound(
            ".*", conditions=f"[{on('{URL}', '^/api')}, {on('{REQUEST_URI}', '^/api')}, {on('{PATH_INFO}', '^/api')}]"
        ),
        outbound(tags("^/(?!app/)(.*)", "/app/{R:1}")),
    ],
    "UR136": [inbound("^(https?)/(.*)"), inbound("^a/?$"), inbound("^(?:a|b)?c=d"), inbound("^www/"), inbound("^a?b")],
    "UR137": [
        inbound("^index.php$", conditions=f"[{on('{HTTP_HOST}', '^www[.]example[.]com$')}]"),
        inbound(".*", conditions=f"[{on('{HTTP_HOST}', '.*')}, {on('{HTTP_HOST}', '^(.+)[.]b$')}]"),
        outbound(tags("^http://privateserver:8080/(.*)", "/{R:1}")),
        inbound(".*", conditions=f"[{on('{CACHE_URL}', '^(.+)://(.*)$')}]"),
        inbound("'*'", more="patternSyntax: Wildcard", conditions=f"[{on('{HTTP_HOST}', 'www.example.com')}]"),
    ],
    "UR138": [inbound(".*", conditions=f"[{on('{HTTP_ACCEPT}', 'application/.+[+]json')}]"), inbound("^a+xml$")],
    "UR139": [
        inbound("^([^/]+/)*x$"),
        inbound("(.*)/([^.]+$)"),
        inbound("^(.*)-(.*)-(.*)-(.*)$"),
        inbound("^(?:a|b)*c$"),
        inbound("([\\s\\S]*)x"),
    ],
    "UR140": [
        inbound(
            ".*",
            rewrite("/{C:3}"),
            conditions="{trackAllCaptures: true, add: ["
            + f"{on('{HTTP_HOST}', '^(www.)?(.+)$')}, {on('{QUERY_STRING}', '(.)')}]}}",
        ),
        inbound(
            ".*",
            rewrite("/{C:2}"),
            conditions=f"[{on('{HTTPS}', '^off$')}, {on('{HTTP_HOST}', '^(www.)?(.+)$')}, {on('{URL}', 'a', NEGATED)}]",
        ),
    ],
    "UR141": [
        inbound(".*", rewrite("/{C:1}"), conditions=f"[{on('{URL}', '(.)')}, {on('{HTTP_HOST}', '^(a)', NEGATED)}]")
    ],
    "UR142": [
        inbound(
            ".*",
            rewrite("/{C:1}"),
            conditions=f"{{logicalGrouping: MatchAny, add: [{on('{URL}', '^/(a)')}, {on('{QUERY_STRING}', '(b)')}]}}",
        )
    ],
    "UR143": [inbound("^(a)", conditions=f"[{on('{R:1}', '(b)')}, {on('{C:1}', 'c')}, {on('{R:0}', 'd')}]")],
    "UR144": [
        inbound("a", conditions=f"[{on('{SERVER_PORT}', '^(443|8443)$')}]"),
        inbound("a", conditions=f"[{on('{REMOTE_ADDR}', '^::ffff:10[.]')}]"),
        inbound("a", conditions=f"[{on('{REQUEST_METHOD}', '^get$')}]"),
        inbound(".*", conditions=f"[{on('{HTTPS}', '^OFF$')}, {on('{SERVER_PORT_SECURE}', '^0$')}]"),
        inbound(".*", conditions=f"[{on('{REQUEST_URI}', '^/api')}, {on('{URL}', 'a')}, {on('{PATH_INFO}', '^/?b')}]"),
        inbound(".*", conditions=f"[{on('{REQUEST_URI}', 'a[?]b=1')}, {on('{QUERY_STRING}', '^a=[?]')}]"),
        inbound(".*", conditions=f"[{on('{HTTPS}', '(.*)')}, {on('{HTTP_HOST}', '^a:443$')}]"),
        outbound(field("RESPONSE_A", ".+", "b", conditions=f"[{on('{RESPONSE_STATUS}', '^(201|3..)$')}]")),
    ],
    "UR145": [inbound("(.*)", conditions=f"[{on('{CACHE_URL}', '^(.+)://')}]")],
    "UR146": ["documentRoot: /srv\n" + inbound(".*", conditions="[{input: '', matchType: IsFile}]")],
    "UR147": [
        LOCATION.replace("PATTERN", "^Shop/cart/(.*)"),
        LOCATION.replace("PATTERN", "^$"),
        LOCATION.replace("PATTERN", "page/(.*)"),
        LOCATION.replace("PATTERN", "^page/(.*)").replace("relativeTo: /, ", ""),
        LOCATION.replace("PATTERN", "^cart/").replace("relativeTo: /", "relativeTo: shop"),
    ],
    "UR150": [inbound(".*", "None", more="serverVariables: {HTTP_X-Script-Name: /a, ORIGINAL_HOST: b}")],
    "UR151": [inbound(".*", "None", more="serverVariables: {HTTP_RESPONSE_A: b}")],
    "UR152": [
        inbound(".*", "None", more="serverVariables: {ORIGINAL_HOST: '{HTTP_HOST}'}")
        + "\noutboundRules:\n"
        + field("RESPONSE_A", ".+", "{ORIGINAL_HOST}"),
        inbound(
            ".*", conditions=f"[{on('{HTTP_X_ANY}', 'a')}, {on('{LOGON_USER}', 'a')}, {on('{APP_WARMING_UP}', '1')}]"
        ),
    ],
    "UR153": [outbound(field("RESPONSE_A", ".+", "b", conditions=f"[{on('{RESPONSE_STATUS}', '3..')}]"))],
    "UR154": [
        outbound(field("RESPONSE_A", ".+", "{HTTP_HOST}"), before="preserveHostHeader: true"),
        inbound(".*", conditions=f"[{on('{HTTP_HOST}', 'a')}]"),
    ],
    "UR155": [outbound(field("RESPONSE_Set_Cookie", "^(.*)$", "{R:1}", pre="is html"))],
    "UR156": [
        inbound(".*", redirect("/{ToLower:{R:0}}")),
        outbound(field("RESPONSE_A", ".+", "function() { return 1; }")),
    ],
    "UR157": [inbound(".*", "None", more="serverVariables: {IPV6: a, HTTP_X_A: '{IPV6}'}")],
    "UR158": [
        inbound(".*", "None", more="serverVariables: {HTTP_UPGRADE: ''}"),
        inbound(".*", "None", more="serverVariables: {HTTP_SEC_WEBSOCKET_EXTENSIONS: ''}"),
    ],
    "UR159": [
        inbound(".*", "None", more="serverVariables: {AUTH_USER: '{HTTP_X_USER}', HTTP_X_A: '{AUTH_USER}'}"),
        inbound(".*", "None", more="serverVariables: {HTTP_X_A: '{HTTP_X_USER}{REMOTE_ADDR}'}"),
    ],
    "UR160": [outbound(field("RESPONSE_Location", "^/a(.*)$", "/{R:1}")), outbound(field("ORIGINAL_HOST", ".+", "b"))],
    "UR161": [outbound(field("HTTP_ACCEPT_ENCODING", "^(.*)", "{HTTP_X_ORIGINAL_ACCEPT_ENCODING}"))],
    "UR162": [
        outbound(
            field("RESPONSE_Location", "^http://b/(.*)", "/{R:1}", pre="is"),
            pre="{is: [{input: '{RESPONSE_STATUS}', pattern: '^3'}]}",
        ),
        outbound(field("RESPONSE_X_Frame_Options", "^$", "DENY", pre="is html")),
    ],
    "UR163": [
        outbound(tags("^http://b/(.*)$", "/{R:1}")),
        outbound(tags("^http://b/(.*)$", "/{R:1}", pre="", conditions=f"[{on('{RESPONSE_CONTENT_TYPE}', 'html')}]")),
        outbound(field("RESPONSE_A", ".+", "b")),
    ],
    "UR164": [outbound(answer("{serverVariable: RESPONSE_A, pattern: .+}", "None", more=STOP))],
    "UR165": [
        outbound(tags("^http://b/(.*)", "https://a/{R:1}")),
        outbound(tags("^http://ads/(.*)", "/blank.gif")),
        outbound(tags("^http://b/[^?#]*", "https://a/{R:1}", pre="is html").replace("{R:1}", "x.png")),
        outbound(tags("^http://b", "https://a"), before="readings: {tagReplacement: match}"),
        outbound(field("RESPONSE_Server", "Apache", "demo")),
        outbound(field("RESPONSE_Set_Cookie", "^(.*; path=/)app(.*)$", "{R:1}{R:2}")),
        outbound(field("RESPONSE_Location", "^http://b(/.*)?$", "https://a{R:1}")),
    ],
    "UR166": [
        outbound(tags("^/(?!app/)(.*)", "/app/{R:1}")),
        outbound(tags("^http://b/(.*)", "https://a/{R:1}")),
        outbound(field("RESPONSE_Set_Cookie", "^(?!.*;\\s*secure)(.+)$", "{R:1}; Secure")),
        outbound(
            field("RESPONSE_Set_Cookie", "^(.+)$", "{R:1}; Secure", conditions=f"[{on('{R:0}', 'secure', NEGATED)}]")
        ),
    ],
    "UR167": [outbound(field("RESPONSE_Server", ".+", "demo")), outbound(field("ORIGINAL_HOST", ".+", ""))],
    "UR170": [
        rules(rule("^a/(.*)", rewrite("http://b/{R:1}"), more=STOP), rule("^c")),
        rules(rule("^c"), rule("^a/(.*)", rewrite("http://b/{R:1}"))),
        rules(rule("^a/(.*)", rewrite("/b/{R:1}")), rule("^c")),
    ],
    "UR171": [
        inbound("(.*)", redirect("https://www.example.org{REQUEST_URI}", ", appendQueryString: false")),
        inbound("(.*)", redirect("/login?back={UrlEncode:{REQUEST_URI}}")),
        inbound("(.*)", redirect("/login?back={REQUEST_URI}")),
        inbound("(.*)", redirect("/login?back={UrlEncode:{C:1}}"), conditions=f"[{on('{REQUEST_URI}', '(.*)')}]"),
        inbound("(.*)", redirect("https://www.example.org{C:1}"), conditions=f"[{on('{REQUEST_URI}', '^([^?]*)')}]"),
        inbound("(.*)", rewrite("{C:1}://b/{R:1}"), conditions=f"[{on('{CACHE_URL}', '^(.+)://')}]"),
        inbound("(.*)", rewrite("/a?{C:1}"), conditions=f"[{on('{QUERY_STRING}', '^id=(.+)$')}]"),
    ],
    "UR172": [
        inbound("(.*)", redirect("https://www.example.org{UNENCODED_URL}", ", appendQueryString: false")),
        "useOriginalURLEncoding: false\n"
        + inbound("(.*)", rewrite("http://b{UNENCODED_URL}", ", appendQueryString: false")),
    ],
    "UR173": [
        "sites:\n  - name: plain\n    public: http://www.example.com\n    rules: ["
        + "{name: a, match: '(.*)', action: {type: Redirect, url: 'https://www.example.com/{R:1}'}}]\n"
        + "  - {public: https://www.example.com, backend: http://b}\n",
        inbound("(.*)", redirect("https://{HTTP_HOST}/{R:1}"), conditions=f"[{on('{HTTPS}', '^off$')}]"),
        inbound("(.*)", redirect("https://www.example.org/{R:1}")),
        inbound(
            "(.*)",
            redirect("https://{HTTP_HOST}/{R:1}"),
            conditions=f"[{on('{HTTP_X_FORWARDED_PROTO}', 's', NEGATED)}]",
        ),
        inbound("(.*[^/])$", redirect("{R:1}/")),
        inbound("(.*)/$", redirect("{R:1}")),
        inbound("{url: '[A-Z]', ignoreCase: false}", redirect("{ToLower:{URL}}")),
        inbound("^(?!login)", redirect("/login"), conditions=f"[{on('{HTTP_COOKIE}', 'session', NEGATED)}]"),
        inbound("^(.*)$", redirect("/{R:1}"), conditions=f"[{on('{HTTP_COOKIE}', 'seen', NEGATED)}]")
        + outbound(field("RESPONSE_Set_Cookie", "^$", "seen=1")),
        rules(
            rule(".*", "None", conditions="[{input: '{REQUEST_FILENAME}', matchType: IsFile}]", more=STOP),
            rule("(.*)", redirect("/closed.html")),
        ),
        inbound(
            ".*", redirect("/index"), conditions="[{input: '{REQUEST_FILENAME}', matchType: IsFile, negate: true}]"
        ),
        http_redirect("destination: 'https://www.example.org/'"),
        http_redirect("destination: /new/, childOnly: true"),
        http_redirect("destination: /a, exactDestination: true", enabled="false"),
        http_redirect("add: {'/old/*': '/new/$0'}, exactDestination: true"),
        "locations: {old: {" + http_redirect("destination: /new") + "}}\n",
        http_redirect("destination: /new")[:-1] + "\nlocations: {new: {" + http_redirect("", enabled="false") + "}}\n",
        http_redirect("destination: /b, exactDestination: true") + rules(rule("^b$", "AbortRequest")),
        http_redirect("destination: /b, exactDestination: true")
        + rules(rule("^b$", rewrite("/c"), conditions=f"[{on('{HTTP_X_A}', 'a')}]", more=STOP)),
        "sites:\n  - {name: plain, public: http://www.example.com, httpRedirect: {enabled: true, destination: "
        "'https://www.example.com/'}}\n  - {public: https://www.example.com, backend: http://b}\n",
        "sites:\n  - {name: a, httpRedirect: {enabled: true, destination: 'https://www.example.com/'}}\n",
    ],
    "UR174": [
        inbound("(.*)", redirect("https://{HTTP_HOST}/{R:1}")),
        inbound("(.*)", redirect("https://www.example.org/{R:1}")),
        inbound("^a(/.*)$", redirect("https://www.example.org{R:1}")),
        inbound("^go/(\\w+)$", redirect("https://{R:1}.example.org/")),
        inbound("(.*)", redirect("{R:1}")),
        inbound("^go$", redirect("/{C:1}"), conditions=f"[{on('{QUERY_STRING}', '^url=(.*)$')}]"),
        "rewriteMaps: {hosts: {a: http://b}}\n"
        + inbound(".*", redirect("{C:1}"), conditions=f"[{on('{hosts:{URL}}', '(.+)')}]"),
        inbound("(.*)", rewrite("{C:1}://b/{R:1}"), conditions=f"[{on('{CACHE_URL}', '^(.+)://')}]"),
    ],
    "UR177": [
        PORTS + inbound("(.*)", redirect("https://{SERVER_NAME}:5001/{R:1}"), conditions=f"[{on('{HTTPS}', '^off$')}]"),
        PORTS + inbound("^a$", redirect("https://www.example.org/")),
        PORTS + inbound("^a$", redirect("/b")),
        inbound("(.*)", redirect("https://{HTTP_HOST}/{R:1}"), conditions=f"[{on('{HTTPS}', '^off$')}]"),
    ],
    "UR176": [inbound("^c/(.*)", redirect("/c#/{R:1}")), inbound("^c/(.*)", rewrite("/c%23/{R:1}"))],
    "UR175": [
        inbound(".*", "None", more=STOP),
        inbound(".*", "None", more="serverVariables: {HTTP_X_A: b}"),
        inbound(".*", "None", more="enabled: false"),
    ],
    "UR180": [
        rules(rule("(.*)", rewrite("/a")), rule("^b")),
        rules(rule("(.*)", conditions=f"[{on('{HTTPS}', 'off')}]"), rule("^b")),
        rules(rule("^b$"), rule("^b")),
        rules(rule("^b/(.*)$"), rule("^c/(\\d+)$")),
        rules(rule("^b"), rule("^a", rewrite("/b")), rule("{url: ^b}", conditions=f"[{on('{HTTPS}', 'off')}]")),
        rules(rule("{url: ^b, ignoreCase: false}"), rule("^b")),
        rules(rule(".*", more="enabled: false"), rule("^b")),
        rules(rule("^.+$"), rule("^")),
    ],
    "UR181": [
        inbound("^admin", FORBIDDEN),
        inbound("admin", FORBIDDEN),
        inbound("^admin(?=[;/]|$)", FORBIDDEN),
        inbound("^admin(;[^/]*)?/users", FORBIDDEN),
        inbound("^admin$", "{type: CustomResponse, statusCode: 204}"),
        inbound("^admin$", rewrite("/x")),
        inbound("{url: ^admin$, negate: true}", FORBIDDEN),
        inbound("^admin$", FORBIDDEN, conditions=f"[{on('{REMOTE_ADDR}', '^10')}]"),
        inbound("'admin*'", FORBIDDEN, more="patternSyntax: Wildcard"),
        rules(rule("^admin$", FORBIDDEN), rule("^admin;", FORBIDDEN)),
    ],
    "UR240": [
        inbound("^admin", conditions=f"[{on('{REMOTE_ADDR}', '^10[.]')}]"),
        inbound("^admin", conditions=f"[{on('{REMOTE_ADDR}', '^10[.]0[.]0[.]1$')}]"),
        inbound("^admin", conditions=f"[{on('{REMOTE_ADDR}', '^(10.0.0.1|10.0.0.2)$')}]"),
        inbound("^admin", conditions=f"[{on('{REMOTE_ADDR}', '^127.0.0.1$|^::1$')}]"),
        inbound("'admin*'", more="patternSyntax: Wildcard", conditions=f"[{on('{REMOTE_ADDR}', '10.*')}]"),
        inbound("^admin", conditions=f"[{on('{HTTP_USER_AGENT}', 'Firefox/10.0')}]"),
        inbound("^admin", conditions=f"[{on('{REMOTE_ADDR}', '^(?:[0-9]{1,3}[.]){3}[0-9]{1,3}$')}]"),
        inbound("^admin", conditions=f"[{on('{REMOTE_ADDR}', '^(25[0-5]|2[0-4]?[0-9]|1?[0-9]{1,2})[.]')}]"),
        inbound("^admin", conditions=f"[{on('{REMOTE_ADDR}', '^10[.].*')}]"),
        inbound("^admin", conditions=f"[{on('{REMOTE_ADDR}', '^192[.]168[.]1[.].*$')}]"),
    ],
    "UR241": [
        inbound("^a\\.php$"),
        inbound("^a\\*b$"),
        inbound(".*", conditions=f"[{on('{REQUEST_FILENAME}', '^C:\\\\data')}]"),
        outbound(tags("http:\\\\/\\\\/b", "x")),
    ],
    "UR244": [
        inbound("^a$", redirect("/new_page")),
        inbound("^a$", redirect("/a?file=c:\\d")),
        inbound("^a$", "None", more="serverVariables: {HTTP_X_A: 'a\\b'}"),
    ],
    "UR245": [
        inbound("^a$", rewrite("b?c=d&e=f")),
        inbound("^(a b|c )$", redirect("/b\u2013c")),
        inbound("^it\u2019s$"),
        outbound(tags("a&amp;b\u00a0", "x")),
        inbound(q("^a\\$ ")),
    ],
    "UR242": [
        inbound("(.*)", redirect("https://{HTTP_HOST}{REQUEST_URI}", ", appendQueryString: false")),
        inbound("(.*)", rewrite("http://b/{R:1}")),
        inbound("^a/(.*)$", redirect("/b/{R:1}")),
        inbound("(.*)", redirect("/login?back=/{REQUEST_URI}", ", appendQueryString: false")),
        inbound(".*", redirect("/b/{C:1}"), conditions=f"[{on('{REQUEST_URI}', '^/a/(.*)')}]"),
    ],
    "UR243": [
        KEYS.replace("KEY", "/my%20page").replace("INPUT", "{REQUEST_URI}"),
        KEYS.replace("KEY", "/my page").replace("INPUT", "{URL}"),
        KEYS.replace("KEY", "a/b c").replace("INPUT", "{R:1}"),
        KEYS.replace("KEY", "/my page").replace("INPUT", "{ToLower:{REQUEST_URI}}"),
        KEYS.replace("KEY", "www.example.com:8080").replace("INPUT", "{HTTP_HOST}"),
        KEYS.replace("KEY", "on").replace("INPUT", "{HTTPS}"),
        KEYS.replace("KEY", "/a").replace("INPUT", "{R:1}").replace("'(.*)'", "'^(/?.*)$'"),
        KEYS.replace("KEY", "/a b").replace("INPUT", "{REQUEST_URI}") + "    serverVariables: {X: '{Keys:{URL}}'}\n",
    ],
    "UR188": [inbound("^/a", more="silence: [UR135]")],
    "UR189": [
        inbound("^/a", more="silence: [UR135]"),
        inbound("^a", more="enabled: false\n    silence: [UR135]"),
        "sites: [{public: https://www.example.com, silence: [UR030]}]\n",
        "silence: [UR024, UR025]\n",
        "silence: [UR173]\n" + http_redirect("destination: /in"),
        "silence: [UR026]\nlocations:\n  in:\n" + textwrap.indent(authorized(DENIES_ALL), "    "),
        "sites: [{public: https://www.example.com, backend: http://b, security: {ipSecurity: "
        "{add: [{domainName: a.example}]}}}]\nsilence: [UR026]\n",
    ],
}


NOT_GIVEN["UR154"] += [
    "public: http://a\nbackend: http://shop\n" + farm(before=outbound(field("RESPONSE_A", ".+", "{HTTP_HOST}")))
]
NOT_GIVEN |= {
    "UR200": [
        farm(before=inbound("(.*)", rewrite("http://Shop/{R:1}"))),
        farm(before=inbound("(.*)", rewrite("http://other.example/{R:1}"))),
        farm(before=inbound("(.*)", rewrite("http://privateserver:8080/{R:1}"))),
        inbound("(.*)", rewrite("http://shp/{R:1}")),
        with_backend("http://privateserver"),
        with_backend("http://shpo:8080"),
        with_backend("http://shpo.lan"),
        with_backend("http://shpo\nconnect: 127.0.0.1:80"),
        with_backend("http://shop"),
        "public: http://a\nbackend: http://shpo\nfarms: {shop: {servers: [shpo]}}\n",
        "public: http://a\nbackend: http://shpo\n",
    ],
    "UR201": [
        farm(", algorithm: RequestHash, hash: {query: id}"),
        farm(),
        farm(", algorithm: RequestHash, hash: {variable: http-x-tenant}"),
        farm(", algorithm: RequestHash, hash: {variable: REMOTE_ADDR}"),
        farm(
            ", algorithm: RequestHash, hash: {variable: TENANT}",
            before=inbound("(.*)", "None", more="serverVariables: {TENANT: '{R:1}'}"),
        ),
    ],
    "UR202": [
        farm(", health: {url: /x}"),
        farm(", health: {url: 'http://shop/x'}"),
        farm(", health: {url: 'http://10.0.0.2/x'}"),
        farm(", health: {url: 'https://www.example.com/x'}"),
    ],
    "UR203": [
        *(farm(before=TWO_SITES.replace("CONDITION", on(f"{{{name}}}", "a"))) for name in TELL_SITES_APART.split()),
        farm(before=TWO_SITES.replace("CONDITION", "").replace("'*'", "shop/*")),
        farm(before=TWO_SITES.replace("CONDITION", "").replace("http://shop", "http://other.example")),
    ],
    "UR204": [farm(", health: {url: /x, live: {failures: 3}}"), farm()],
    "UR205": [farm(", affinity: {cookie: a}"), farm(servers="[10.0.0.1]")],
    "UR206": [
        farm(servers="[{address: a, weight: 0}, b]"),
        farm(servers="[{address: a, state: offline}, b]"),
        farm(", affinity: {cookie: a}", "[{address: a, state: draining}]"),
        farm(", enabled: false"),
    ],
    "UR207": [
        farm(),
        KEPT.replace("PART", "{element: loadBalancing, attributes: {queryStringNames: '', randomizeLBTies: 'False'}}"),
        KEPT.replace("PART", "{element: affinity, attributes: {cookieName: a, UseExternalCache: 'False'}}"),
        KEPT.replace("PART", "{element: Protocol, attributes: {keepAlive: 'True', timeout: '00:00:30'}}"),
        KEPT.replace("PART", "{element: healthCheck, attributes: {maxLiveTrafficFailures: '3'}}"),
        KEPT.replace("PART", "{element: healthCheck, attributes: {liveTrafficFailureCodes: '502'}}"),
        "webFarms: {children: [{element: webFarm, children: [{element: server, attributes: {address: a}}]}]}\n",
        "webFarms: {children: [{element: webFarm, attributes: {name: shop, passServerHeader: Replace}}]}\n",
        KEPT.replace("PART", "{element: protocol, attributes: {minResponseBuffer: '256'}}"),
        KEPT.replace("PART", "{element: protocol, children: [{element: cache, attributes: {enabled: 'false'}}]}"),
        PROVIDERS.replace("NAME", "Microsoft.Web.Arr.HostNameMemory"),
    ],
    "UR208": [
        with_backend("https://shop:443"),
        with_backend("http://other:8080\nconnect: 127.0.0.1:80\ntimeouts: {response: 5s}"),
        with_backend("http://shop\ntimeouts: {response: 5s}", before=inbound("(.*)", rewrite("http://a.lan/{R:1}"))),
        with_backend("http://shop\ntimeouts: {response: 5s}", before=inbound("(.*)", rewrite("{R:1}"))),
    ],
    "UR209": [
        farm(),
        farm(", health: {url: /x}"),
        farm(", health: {url: /x, interval: 5s, timeout: 5s, minServers: 1, host: a.lan, match: well}"),
        farm(", health: {live: {}, minServers: 1}"),
        farm(", health: {minServers: 2}"),
    ],
    "UR220": [
        "",
        "proxy: {attributes: {enabled: 'true', timeout: '00:01:00', preserveHostHeader: 'true', maxForwards: '5'}}\n",
        "proxy: {attributes: {arrResponseHeader: 'false', passServerHeader: PassThrough, minResponseBuffer: '256'}}\n",
        "proxy: {attributes: {passServerHeader: ''}, children: [{element: cache, attributes: {enabled: False}}]}\n",
    ],
    "UR221": ["httpVersion: Http11\n", "proxy: {attributes: {httpVersion: PassThrough}}\n", farm()],
}


def findings(text: str) -> list[Problem]:
    of_site, globals, of_all = text.partition("globalRules:")
    if text.startswith(("public:", "sites:")):
        pass
    elif globals:
        # They stand beside the sites.
        text = "sites:\n  -\n" + textwrap.indent(SITE.lstrip() + of_site, "    ") + "\n" + globals + of_all
    else:
        text = SITE + text
    rule_set, warnings = parse(text, "rules.yaml")
    return list(judge(rule_set, [*warnings, *compile_rules(rule_set)[1]]))


@pytest.mark.parametrize(("id", "text"), [(id, text) for id, texts in GIVEN.items() for text in texts])
def test_is_found(id: str, text: str) -> None:
    found = [problem for problem in findings(text) if problem.id == id]
    assert found
    for problem in found:
        assert problem.severity is (Severity.ERROR if id in ERRORS else Severity.WARNING)
        assert problem.source.file == "rules.yaml"
        assert problem.source.line


@pytest.mark.parametrize(("id", "text"), [(id, text) for id, texts in NOT_GIVEN.items() for text in texts])
def test_is_not_found(id: str, text: str) -> None:
    assert id not in [problem.id for problem in findings(text)]


def test_every_check_has_cases_of_both_kinds() -> None:
    ids = {check.document.id for check in CHECKS} | {"UR188", "UR189"}
    assert ids == set(GIVEN) == set(NOT_GIVEN)


def test_findings_come_in_file_order_and_once() -> None:
    text = rules(rule("^/a"), rule("^/b", conditions=f"[{on('{HTTPS}', '^https$')}]"), rule("^/c"))
    rule_set, _ = parse(SITE + text, "rules.yaml")
    found = lint(rule_set)
    lines = [problem.source.line for problem in found]
    assert lines == sorted(lines)
    assert len(set(found)) == len(found)


def test_the_projects_own_rules_are_clean() -> None:
    folder = Path(__file__).parents[2] / "rules"
    for path in (folder / "default.yaml", *sorted((folder / "examples").glob("*.yaml"))):
        rule_set, warnings = load([path])
        assert judge(rule_set, [*warnings, *compile_rules(rule_set)[1]]) == (), path.name


def test_of_a_thousand_blocked_paths_few_are_tried() -> None:
    uncovered = rule("^q$")
    for count, found in ((20, ["UR181"]), (1000, [])):
        many = rules(*(rule(f"^p{n}$") for n in range(count)), rule("^p\\d+;"), uncovered)
        rule_set, _ = parse(SITE + many, "rules.yaml")
        assert [problem.id for problem in lint(rule_set)] == found


def test_a_thousand_rules_are_compared_with_few() -> None:
    many = rules(
        *(rule(f"^p{n}/(.*)$", rewrite(f"/x{n}/{{R:1}}"), more=STOP) for n in range(1000)),
        rule("^p500/a$", rewrite("/b")),
    )
    rule_set, _ = parse(SITE + many, "rules.yaml")
    assert [(problem.id, problem.rule) for problem in lint(rule_set)] == [("UR180", "^p500/a$")]
