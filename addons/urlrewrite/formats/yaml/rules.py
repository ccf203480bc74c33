r"""The project's own rule files: YAML that uses IIS's names.

A file with one site is written without `sites`; the site is then called like the file:

    name: portal                            # only where the file name will not do
    public: https://www.example.com         # or a list, the first one is the canonical one; without it: every name.
                                            # https://*.example.com: {C:1} in backend is what * is; http://*: any name
    backend: http://privateserver:8080      # may be missing where rules rewrite to absolute URLs
    backendNames: [http://localhost:8080]   # what it calls itself besides, in links and cookies
    connect: 127.0.0.1:8090                 # where to reach the backend if its name does not resolve
    links: everywhere                       # off | tags | everywhere
    linksAlso: [webSocketMessages]          # and what else LinkPlace in model/choices.py has
    mapReturnAddresses: true                # in queries: redirect_uri, ReturnUrl and their like (exchange/queries.py)
    mode: helpful                           # iis: what fails in IIS fails here
    readings: {tagReplacement: value, outboundTrackAllCaptures: true}   # tagReplacement: value | match
    preserveHostHeader: false
    includePortInXForwardedFor: false       # and what else ARR's <proxy> has, see formats/proxy_settings.py
    timeouts: {connect: 5s, response: 2m, idle: 2m}   # how long the backend is waited for; 0: for as long as it takes
    connections: {shared: true, idle: 32, keepAlive: 30s}   # shared by clients; how many are kept at rest, and how long
    tls: {ca: ca.pem}                       # to the backend; as in `farms.py`
    errorPages: {502: pages/502.html}       # for errors of the proxy itself; relative to this file
    trustedProxies: [10.0.0.0/8]
    certificate: www.example.com.pem        # key, certificate and chain; relative to this file
    silence: [UR026]                        # findings about the site that are as they should be
    security: {requestFiltering: {denyUrlSequences: [.git]}}   # and httpProtocol, httpRedirect: see `web_server.py`
    documentRoot: wwwroot                   # for matchType IsFile and IsDirectory; relative to this file
    allowedServerVariables: [HTTP_X_TENANT] # without it rules may set every variable
    remove: [customTags, {rules: old rule}] # not inherited: all of a collection, or one name or a list of names of it
    useOriginalURLEncoding: true
    rewriteBeforeCache: false
    rewriteMaps:
      short: {/old: /new}
      full: {defaultValue: /, ignoreCase: false, entries: {/old: /new}}
    providers:
      moved: {type: 'FileMapProvider, Microsoft.Web.Iis.Rewrite.Providers', settings: {FilePath: moved.txt}}
    preConditions:
      is html: [{input: '{RESPONSE_CONTENT_TYPE}', pattern: ^text/html}]
      is text: {logicalGrouping: MatchAny, patternSyntax: Wildcard, conditions: [...]}
    customTags:
      lazy images: [img/data-src, {video: poster}]
    rules:
      - name: old articles
        silence: [UR131]                     # findings of the linter that are as they should be
        responseCacheDirective: Auto
        match: ^article/(\d+)                # or {url: ..., ignoreCase: ..., negate: ...}
        conditions:                         # a list, or {logicalGrouping: ..., trackAllCaptures: ..., add: [...]}
          - {input: '{QUERY_STRING}', pattern: ^$}
        serverVariables: {HTTP_X_TENANT: a} # or a list of {name: ..., value: ..., replace: ...}
        action: {type: Redirect, url: '/news/{R:1}', redirectType: Found}   # or AbortRequest, or None
    outboundRules:                          # preConditions and customTags stand beside them, not in them
      - name: lazy links
        preCondition: is html
        match: {filterByTags: 'A, CustomTags', customTags: lazy images, pattern: ...}
        action: {type: Rewrite, value: ...}
    locations:                              # the section of a directory: its rules see URLs relative to it,
                                            # or to the directory of relativeTo: / (as in <location path> of IIS)
      shop/cart: {rules: [...], remove: ...} # all keys from allowedServerVariables to outboundRules, and `security` and
                                            # so on; or a list of them
    tests:
      - request: GET https://www.example.com/article/7    # or {method: ..., url: ..., headers: {...}}
        response: {status: 200, headers: {...}, body: ...} # what the backend answers, for outbound rules
        expect: {status: 302, location: https://www.example.com/news/7}
        # url, action, site, headers (null: absent), request: {headers: {...}}, body: {contains: [...], lacks: [...]}

`webConfig: web.config` (or `.htaccess`) in a site takes its rules and all that goes with them from that file; they
cannot stand beside it then. Several sites stand in a list under `sites`. Beside that, every key from
`allowedServerVariables` to `outboundRules` is the server's, as in applicationHost.config: it is inherited by all sites
of all files that are loaded together. So are `globalRules` (and `globalUseOriginalURLEncoding` for them), `rewriteMaps`
and `providers` on the top level, be there `sites` or not, and `farms` (see `farms.py`). `proxy` is kept as it is in
IIS, and so is in `webFarms` what IIS says of a farm that is not served here, for the way back:

    proxy: {attributes: {enabled: 'true'}, children: [{element: cache, attributes: {enabled: 'false'}}]}
    webFarms: {children: [{element: webFarm, attributes: {name: shop, serverAutoStart: 'false'}}]}

Attributes that are not given have IIS's defaults.
"""

from __future__ import annotations

from pathlib import Path

from urlrewrite.formats.assembly import joined, put_together
from urlrewrite.formats.files_read import FilesRead
from urlrewrite.formats.reports import ProblemId, Report
from urlrewrite.formats.section_fields import OwnFields, SharedFields
from urlrewrite.formats.yaml.elements import element_of
from urlrewrite.formats.yaml.farms import farms_of
from urlrewrite.formats.yaml.fields import Table, table_of, tables_of
from urlrewrite.formats.yaml.inbound import inbound_rules
from urlrewrite.formats.yaml.nodes import Node, compose
from urlrewrite.formats.yaml.paths import absolute
from urlrewrite.formats.yaml.sections import (
    SECTION_KEYS,
    SHARED_KEYS,
    own_fields,
    shared_fields,
)
from urlrewrite.formats.yaml.sites import SITE_KEYS, read_site
from urlrewrite.formats.yaml.tests import read_tests
from urlrewrite.formats.yaml.web_config import with_web_config
from urlrewrite.model import ConfigElement, RuleSet, Site
from urlrewrite.model.problems import Problem

_SERVER_KEYS = ("globalRules", "globalUseOriginalURLEncoding", "farms", "webFarms", "proxy", "tests")
TOP_KEYS = ("sites", *_SERVER_KEYS, *SECTION_KEYS)

_SHORT_FORM_KEYS = tuple(key for key in SITE_KEYS if key not in SHARED_KEYS)
ONLY_IN_SITES = tuple(key for key in SITE_KEYS if key not in SECTION_KEYS)


def parse(text: str, file: str) -> tuple[RuleSet, tuple[Problem, ...]]:
    """Read one text, and the files that `webConfig` and providers name; return the rules and the warnings.

    Raises RuleFileError.
    """
    problems: list[Problem] = []
    files = FilesRead()
    files.add(file, text.encode("utf-8", "replace"))
    return put_together([read(text, file, problems, files)], problems, files, (file,))


def read(text: str, file: str, problems: list[Problem], files: FilesRead) -> RuleSet:
    """Read one text. A part that cannot be read is left out: its problems stop the loading in the end."""
    report = Report(file, problems)
    if not text.strip():
        report.error(1, ProblemId.MISSING, "got an empty file, expected rules")
        return RuleSet()
    root, found = compose(text, file)
    problems += found
    if root is None:
        if not found:
            report.error(1, ProblemId.MISSING, "got nothing but comments, expected rules")
        return RuleSet()
    return rule_set_of(root, report, files)


def rule_set_of(root: Node, report: Report, files: FilesRead) -> RuleSet:
    """Read a tree."""
    table = table_of(root, tuple(dict.fromkeys((*TOP_KEYS, *SITE_KEYS))), report)
    return _rule_set(table, files) if table else RuleSet()


def _element(table: Table, key: str) -> ConfigElement | None:
    """Read an element of IIS's that has the name of its key."""
    node = table.get(key)
    return element_of(node, table.report, key, key) if node else None


def _rule_set(table: Table, files: FilesRead) -> RuleSet:
    several = "sites" in table
    own = own_fields(table) if several else OwnFields()
    global_rules = inbound_rules(table.nodes("globalRules"), table.report, "globalRules")
    read = _sites(table, files) if several else _only_site(table, files)
    own_set = RuleSet(
        sites=tuple(site for site, _ in read),
        global_rules=global_rules,
        global_use_original_url_encoding=table.optional_boolean("globalUseOriginalURLEncoding"),
        farms=farms_of(table),
        web_farms=_element(table, "webFarms"),
        proxy=_element(table, "proxy"),
        tests=read_tests(table.nodes("tests"), table.report),
        **own,
        **shared_fields(table, files),
    )
    of_web_configs: list[RuleSet] = []
    for _, server in read:
        # Two sites may name the same file.
        if server not in (RuleSet(), *of_web_configs):
            of_web_configs.append(server)
    return joined([own_set, *of_web_configs], table.report.problems) if of_web_configs else own_set


type _Read = tuple[Site, RuleSet]
"""A site, and what its web.config says of the server."""


def _only_site(table: Table, files: FilesRead) -> tuple[_Read, ...]:
    """Read the site of a file without `sites`; maps and providers are the server's here, too."""
    if not any(key in table for key in _SHORT_FORM_KEYS):
        return ()
    site = read_site(table, SharedFields(), files, default_name=Path(table.report.file).stem)
    return (with_web_config(site, table, files),)


def _sites(table: Table, files: FilesRead) -> tuple[_Read, ...]:
    for key in ONLY_IN_SITES:
        if key in table:
            table.error(key, ProblemId.UNKNOWN_KEY, f"got {key} beside sites, expected it in one of the sites")
    return tuple(_site(site, files) for site in tables_of(table.nodes("sites"), SITE_KEYS, table.report, "sites"))


def _site(table: Table, files: FilesRead) -> _Read:
    shared = shared_fields(table, files, absolute(table, "documentRoot"))
    return with_web_config(read_site(table, shared, files), table, files)
