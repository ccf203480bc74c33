"""What stands beside `<rewrite>`: read from XML and YAML, written to both, and told where it is not done here."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from xml.sax.saxutils import quoteattr

import pytest
from hypothesis import given, settings

from formats.models import quick
from formats.section_models import WEB_SERVERS
from formats.support import SITE
from shared_folder import SHARED, needs_shared
from urlrewrite.formats.fates import Fate
from urlrewrite.formats.reports import Report
from urlrewrite.formats.xml import rules as xml_rules
from urlrewrite.formats.xml.export import to_web_config
from urlrewrite.formats.xml.export_host import to_application_host
from urlrewrite.formats.xml.known_sections import KNOWN_SECTIONS
from urlrewrite.formats.xml.nodes import Element, read_tree
from urlrewrite.formats.yaml import rules as yaml_rules
from urlrewrite.formats.yaml.export import to_yaml
from urlrewrite.model import LinkMode, Location, RuleSet, Site
from urlrewrite.model.problems import Problem, RuleFileError, Severity
from urlrewrite.model.web_server import NOTHING_SAID, WebServer


def parsed(inside: str, *, beside: str = "") -> tuple[RuleSet, tuple[Problem, ...]]:
    text = f"<configuration>{beside}<system.webServer>\n{inside}\n</system.webServer></configuration>"
    return xml_rules.parse(text.encode(), "web.config")


@settings(quick, max_examples=60)
@given(WEB_SERVERS, WEB_SERVERS)
def test_any_sections_survive_a_web_config_and_yaml(of_site: WebServer, below: WebServer) -> None:
    location = Location(path="shop/cart", web_server=below, silenced=("UR026",))
    site = Site(name="shop", links=LinkMode.OFF, web_server=of_site, locations=(location,))
    by_xml = xml_rules.parse(to_web_config(RuleSet(sites=(site,)))[0].encode(), "shop.config")[0]
    assert by_xml.sites == (site,)
    by_yaml = yaml_rules.parse(to_yaml(RuleSet(sites=(site,))), "shop.yaml")[0]
    assert by_yaml.sites == (site,)


@settings(quick, max_examples=20)
@given(WEB_SERVERS, WEB_SERVERS)
def test_any_sections_of_a_server_survive_its_file(of_server: WebServer, of_site: WebServer) -> None:
    rules = RuleSet(sites=(Site(name="shop", links=LinkMode.OFF, web_server=of_site),), web_server=of_server)
    read = xml_rules.parse(to_application_host(rules)[0].encode(), "host.config")[0]
    assert (read.web_server, read.sites[0].web_server) == (of_server, of_site)


FULL = """
<security>
  <authentication><anonymousAuthentication enabled="true"/></authentication>
  <access sslFlags="Ssl, SslNegotiateCert"/>
  <ipSecurity allowUnlisted="false" denyAction="NotFound">
    <clear/><add ipAddress="10.0.0.0" subnetMask="255.0.0.0" allowed="true"/><add ipAddress="::1" allowed="true"/>
  </ipSecurity>
  <requestFiltering allowDoubleEscaping="true" removeServerHeader="true">
    <requestLimits maxAllowedContentLength="1000">
      <headerLimits><add header="X-A" sizeLimit="9"/></headerLimits>
    </requestLimits>
    <fileExtensions allowUnlisted="true">
      <remove fileExtension=".config"/><add fileExtension=".ini" allowed="false"/>
    </fileExtensions>
    <denyUrlSequences><add sequence=".git"/></denyUrlSequences>
  </requestFiltering>
</security>
<httpProtocol><customHeaders><remove name="X-Powered-By"/><add name="X-A" value="b"/></customHeaders></httpProtocol>
<httpRedirect enabled="false" destination="http://a/"/>
<handlers><clear/>
  <add name="a" path="Views/*" verb="GET, HEAD" type="System.Web.HttpNotFoundHandler, System.Web" resourceType="File"/>
</handlers>
"""
REFUSES = 'verb="*" type="System.Web.HttpForbiddenHandler"'
ASP_NET = """
<system.web><httpHandlers><remove verb="*" path="a.axd"/>
<add verb="*" path="*.config" type="System.Web.HttpForbiddenHandler" validate="true"/>
</httpHandlers></system.web>
"""
SAME = """
security:
  authentication: {children: [{element: anonymousAuthentication, attributes: {enabled: 'true'}}]}
  access: {sslFlags: [Ssl, SslNegotiateCert]}
  ipSecurity:
    allowUnlisted: false
    denyAction: NotFound
    clear: true
    add:
      - {ipAddress: 10.0.0.0, subnetMask: 255.0.0.0, allowed: true}
      - {ipAddress: '::1', allowed: true}
  requestFiltering:
    allowDoubleEscaping: true
    removeServerHeader: true
    requestLimits: {maxAllowedContentLength: 1000, headerLimits: {X-A: 9}}
    fileExtensions: {allowUnlisted: true, remove: [.config], add: {.ini: false}}
    denyUrlSequences: [.git]
httpProtocol: {customHeaders: {remove: [X-Powered-By], add: {X-A: b}}}
httpRedirect: {enabled: false, destination: http://a/}
handlers:
  clear: true
  add:
    - name: a
      path: Views/*
      verb: [GET, HEAD]
      type: System.Web.HttpNotFoundHandler, System.Web
      resourceType: File
httpHandlers:
  remove: [{verb: '*', path: a.axd}]
  add: [{verb: '*', path: '*.config', type: System.Web.HttpForbiddenHandler, validate: true}]
"""


def test_both_formats_say_the_same() -> None:
    from_xml, problems = parsed(FULL, beside=ASP_NET)
    assert problems == ()
    from_yaml = yaml_rules.parse(SITE + SAME, "rules.yaml")[0]
    assert from_xml.sites[0].web_server == from_yaml.sites[0].web_server != NOTHING_SAID


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        ('<security><access sslFlags="Ssl, SslRequired"/></security>', 'got "SslRequired", expected one of None, Ssl'),
        ('<security><ipSecurity denyAction="Abort"/></security>', "did you mean AbortRequest?"),
        (
            '<security><ipSecurity><add ipAddress="10.0.0.300" allowed="true"/></ipSecurity></security>',
            'got "10.0.0.300", expected an address',
        ),
        (
            '<security><ipSecurity><add ipAddress="10.0.0.0" subnetMask="255.0.255.0"/></ipSecurity></security>',
            'got "10.0.0.0/255.0.255.0", expected an address',
        ),
        (
            '<security><requestFiltering><requestLimits maxUrl="many"/></requestFiltering></security>',
            'got "many", expected a whole number',
        ),
        (
            "<security><requestFiltering><hiddenSegments><add/></hiddenSegments></requestFiltering></security>",
            "<add> segment: got nothing, expected a text",
        ),
        ('<httpProtocol><customHeaders><add name="a b" value="c"/></customHeaders></httpProtocol>', 'got "a b: c"'),
        (
            '<httpProtocol><customHeaders><add name="a"/><add name="A"/></customHeaders></httpProtocol>',
            'got "a" again, expected each once',
        ),
        (f'<handlers><add path="*" {REFUSES}/></handlers>', "<add> name: got nothing, expected a name"),
        (f'<handlers><add name="a" {REFUSES}/></handlers>', "<add> path: got nothing, expected a path"),
        (
            f'<handlers><add name="a" path="*" {REFUSES}/><add name="A" path="/" {REFUSES}/></handlers>',
            'got "a" again, expected each once',
        ),
        ('<httpRedirect httpResponseStatus="Moved"/>', "expected one of Permanent, Found"),
    ],
)
def test_what_cannot_be_used_is_an_error(inside: str, expected: str) -> None:
    with pytest.raises(RuleFileError) as caught:
        parsed(inside)
    (problem,) = caught.value.problems
    assert expected in problem.message
    assert problem.source.line == 2


NUMBERS = [
    ("<security><access sslFlags={}/></security>", number, word)
    for number, word in {
        "8": "Ssl",
        "32": "SslNegotiateCert",
        "64": "SslRequireCert",
        "128": "SslMapCert",
        "256": "Ssl128",
        "264": "Ssl, Ssl128",
        "0": "None",
    }.items()
]
NUMBERS += [
    ("<security><ipSecurity denyAction={}/></security>", number, word)
    for number, word in {"0": "AbortRequest", "401": "Unauthorized", "403": "Forbidden", "404": "NotFound"}.items()
]
NUMBERS += [
    ("<httpRedirect httpResponseStatus={}/>", number, word)
    for number, word in {"301": "Permanent", "302": "Found", "307": "Temporary", "308": "PermRedirect"}.items()
]


@pytest.mark.parametrize(("inside", "number", "word"), NUMBERS)
def test_a_number_stands_for_its_word(inside: str, number: str, word: str) -> None:
    by_number, by_word = (parsed(inside.format(quoteattr(text)))[0].sites[0].web_server for text in (number, word))
    assert by_number == by_word != NOTHING_SAID


@pytest.mark.parametrize(
    ("inside", "id", "expected"),
    [
        ("<httpProtocol><customHeader/></httpProtocol>", "UR004", "did you mean customHeaders?"),
        ('<security><access sslFlag="Ssl"/></security>', "UR004", "did you mean sslFlags?"),
        (
            '<httpProtocol><customHeaders><add name="Connection" value="x"/></customHeaders></httpProtocol>',
            "UR013",
            "how a response is sent",
        ),
        ('<httpProtocol allowKeepAlive="false"/>', "UR013", "no effect on what they get"),
        ('<staticContent><mimeMap fileExtension=".a" mimeType="b/c"/></staticContent>', "UR024", "<staticContent>"),
        ('<handlers><add name="a" path="*.php" verb="*" modules="Fast"/></handlers>', "UR024", "no handler of IIS"),
        ('<handlers><add name="a" path="*" verb="*" type="System.Web.UI"/></handlers>', "UR024", "no handler of IIS"),
        ('<webSocket enabled="false"/>', "UR024", "WebSockets are forwarded"),
        ("<security><dynamicIpSecurity/></security>", "UR024", "<dynamicIpSecurity>"),
        ("<staticContents/>", "UR025", "did you mean staticContent?"),
        ("<security><acces/></security>", "UR025", "did you mean access?"),
    ],
)
def test_what_is_not_done_is_told(inside: str, id: str, expected: str) -> None:
    (problem,) = parsed(inside)[1]
    assert (problem.id, problem.severity, problem.source.line) == (id, Severity.WARNING, 2)
    assert expected in problem.message


@pytest.mark.parametrize(
    "inside",
    [
        "<handlers><remove name='WebDAV'/></handlers>",
        "<handlers><add name='a' path='*' verb='*' Type='system.web.httpForbiddenHandler, System.Web'/></handlers>",
        "<webSocket enabled='true'/>",
        "<validation validateIntegratedModeConfiguration='false'/>",
        '<caching enabled="false" enableKernelCache="false"/>',
        "<!-- urlrewrite: silence UR024 --><staticContent/>",
        "<staticContent><!-- urlrewrite: silence UR024 --></staticContent>",
    ],
)
def test_what_matters_to_nobody_is_not_told(inside: str) -> None:
    assert parsed(inside)[1] == ()


def test_sections_that_a_file_declares_are_known() -> None:
    group = '<sectionGroup name="g"><section name="h"/></sectionGroup>'
    declared = f'<configSections><section name="mine"/>{group}</configSections>'
    assert parsed("", beside=f"{declared}<mine/><g><h/></g>")[1] == ()
    ids = [problem.id for problem in parsed("", beside="<mine/><g/>")[1]]
    assert ids == ["UR025", "UR025"]


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ("security: {acess: {}}", 'security: got the key "acess", expected one of authentication'),
        ("httpProtocol: {customHeaders: {add: {}, x: 1}}", 'got the key "x", expected one of add, remove, clear'),
        ("security: {requestFiltering: {verbs: 7}}", 'security.requestFiltering.verbs: got "7", expected a mapping'),
        ("security: {requestFiltering: {hiddenSegments: [[a]]}}", "hiddenSegments[1]: got a list, expected a mapping"),
    ],
)
def test_yaml_says_what_is_unknown(rules: str, expected: str) -> None:
    with pytest.raises(RuleFileError) as caught:
        yaml_rules.parse(f"{SITE}{rules}\n", "rules.yaml")
    assert expected in str(caught.value)


ROWS = re.compile(r"^\| `([\w./]+)` \| (\d+|–) \| (.*) \|$", re.MULTILINE)
TABLE = Path(__file__).parents[2] / "rules" / "iis.md"


def row(path: str) -> str:
    known = KNOWN_SECTIONS[path]
    return f"{known.fate}: {known.instead}" if known.instead else str(known.fate)


def test_iis_md_has_every_section_and_what_becomes_of_it() -> None:
    written = {path: told for path, _, told in ROWS.findall(TABLE.read_text(encoding="utf-8"))}
    assert written == {path: row(path) for path in KNOWN_SECTIONS}


def sections_in(root: Element) -> set[str]:
    """The paths of the sections of a file or fragment, as far down as they are told apart."""
    found: set[str] = set()

    def walk(element: Element, path: str) -> None:
        for child in element.children:
            inner = f"{path}{child.name}"
            if child.name == "location":
                found.add("location")
                walk(child, "")
                continue
            found.add(inner)
            if inner in ("system.web", "system.webServer", "system.webServer/security"):
                walk(child, f"{inner}/")

    whole = root.name == "configuration"
    walk(root if whole else Element("", (), 0, (root,)), "" if whole else "system.webServer/")
    return found


@needs_shared("conformance/webconfigs")
def test_iis_md_counts_the_files_that_have_each_section() -> None:
    counts: Counter[str] = Counter()
    for path in sorted((SHARED / "conformance" / "webconfigs").glob("*.xml")):
        root = read_tree(path.read_bytes(), Report(path.name, []))
        counts.update(sections_in(root) if root else ())
    known = {path.casefold(): path for path in KNOWN_SECTIONS}
    seen = {known[path.casefold()]: str(count) for path, count in counts.items() if path.casefold() in known}
    written = {path: count for path, count, _ in ROWS.findall(TABLE.read_text(encoding="utf-8")) if count != "–"}
    assert written == seen


def test_what_is_kept_of_several_groups_is_one_of_each_name() -> None:
    parts = ("<authorization><deny users='?'/></authorization>", "<authentication mode='Forms'/>")
    asp = "".join(f"<system.web>{part}</system.web>" for part in parts)
    own = "<Authorization><add accessType='Deny' users='*'/></Authorization>", "<authentication/>"
    rules = parsed("".join(f"<security>{part}</security>" for part in own), beside=asp)[0]
    authentication, authorization, of_asp = rules.sites[0].web_server.kept
    assert (authentication.name, authorization.name) == ("authentication", "authorization")
    assert [child.name for child in of_asp.children] == ["authentication", "authorization"]
    again = yaml_rules.parse(to_yaml(rules), "again.yaml")[0]
    assert again.sites[0].web_server == rules.sites[0].web_server


@pytest.mark.parametrize(
    ("inside", "beside"),
    [
        ("<security><authorization/>\n<authorization/></security>", ""),
        ("<security><authentication/></security>\n<security><Authentication/></security>", ""),
        ("", "<system.web><authorization/></system.web>\n<system.web><authorization/></system.web>"),
    ],
)
def test_what_asks_who_clients_are_stands_once(inside: str, beside: str) -> None:
    with pytest.raises(RuleFileError) as caught:
        parsed(inside, beside=beside)
    (problem,) = caught.value.problems
    assert problem.id == "UR005"
    assert "again, expected it once: the first one is in web.config:" in problem.message


def test_every_fate_has_a_section() -> None:
    assert {known.fate for known in KNOWN_SECTIONS.values()} == set(Fate)
