from __future__ import annotations

from pathlib import Path

import pytest
import trustme

from formats.support import SITE, Expected, assert_told, in_site, read
from urlrewrite.formats import rule_files
from urlrewrite.formats.yaml.rules import parse
from urlrewrite.model import Certificate, LinkMode, LinkPlace, Origin, RewriteMap, Source
from urlrewrite.model.problems import RuleFileError

PUBLIC = "public: https://www.example.com\n"
BACKEND = "backend: http://privateserver:8080\n"


def test_a_site_needs_only_two_lines() -> None:
    (site,) = read(SITE).sites
    assert site.name == "rules"
    assert site.public == (Origin("https", "www.example.com", 443),)
    assert site.backend == Origin("http", "privateserver", 8080)
    assert (site.links, site.connect, site.certificate, site.allowed_server_variables) == (
        LinkMode.EVERYWHERE,
        None,
        None,
        None,
    )
    assert site.source == Source("rules.yaml", 1)


def test_a_site_in_a_list_is_called_like_its_first_public_host() -> None:
    text = "sites:\n  - {public: ['https://A.example:8443', http://b.example], backend: http://c}\n"
    (site,) = read(text).sites
    assert site.name == "a.example"
    assert site.public == (Origin("https", "a.example", 8443), Origin("http", "b.example", 80))


VALUES = [
    ("links: off", "links", LinkMode.OFF),
    ("links: Tags", "links", LinkMode.TAGS),
    ("linksAlso: webSocketMessages", "links_also", {LinkPlace.WEBSOCKET_MESSAGES}),
    ("linksAlso: requestBodies", "links_also", {LinkPlace.REQUEST_BODIES}),
    ("linksAlso: [CookieValues, queries]", "links_also", {LinkPlace.COOKIE_VALUES, LinkPlace.QUERIES}),
    (
        "linksAlso: [comments, plainText, visibleText]",
        "links_also",
        {LinkPlace.COMMENTS, LinkPlace.PLAIN_TEXT, LinkPlace.VISIBLE_TEXT},
    ),
    ("mapReturnAddresses: off", "map_return_addresses", False),
    ("backendNames: http://LOCALHOST:8080", "backend_names", (Origin("http", "localhost", 8080),)),
    (
        "backendNames: [http://a, https://b, http://a]",
        "backend_names",
        (Origin("http", "a", 80), Origin("https", "b", 443)),
    ),
    ("name: portal", "name", "portal"),
    ("connect: '[::1]:8090'", "connect", ("::1", 8090)),
    ("preserveHostHeader: on", "preserve_host_header", True),
    ("trustedProxies: 10.0.0.7", "trusted_proxies", ("10.0.0.7",)),
    ("trustedProxies: ['2001:DB8::1', 10.0.0.0/8]", "trusted_proxies", ("2001:db8::1", "10.0.0.0/8")),
    ("allowedServerVariables: [HTTP_X]", "allowed_server_variables", ("HTTP_X",)),
    ("allowedServerVariables: []", "allowed_server_variables", ()),
    ("documentRoot: www", "document_root", str(Path("www").absolute())),
    ("documentRoot: /srv/www", "document_root", "/srv/www"),
    (
        "certificate: a.pem",
        "certificate",
        Certificate(str(Path("a.pem").absolute()), Source("rules.yaml", 3)),
    ),
]


@pytest.mark.parametrize(("text", "attribute", "expected"), VALUES)
def test_value(text: str, attribute: str, expected: object) -> None:
    assert getattr(in_site(text).sites[0], attribute) == expected


MAPS = [
    ("{a: b, A: c}", RewriteMap("m", {"a": "b", "A": "c"})),
    ("{}", RewriteMap("m", {})),
    ("{'/x?y=1': , 404: off}", RewriteMap("m", {"/x?y=1": "", "404": "off"})),
    ("{entries: {defaultValue: a}}", RewriteMap("m", {"defaultValue": "a"})),
    ("{defaultValue: x, ignoreCase: false, entries: {a: b}}", RewriteMap("m", {"a": "b"}, "x", ignore_case=False)),
    ("{defaultValue: x}", RewriteMap("m", {}, "x")),
]


@pytest.mark.parametrize(("text", "expected"), MAPS)
def test_rewrite_map(text: str, expected: RewriteMap) -> None:
    found = in_site(f"rewriteMaps: {{m: {text}}}").rewrite_maps["m"]
    assert (dict(found.entries), found.default_value, found.ignore_case, found.name, found.source.line) == (
        dict(expected.entries),
        expected.default_value,
        expected.ignore_case,
        "m",
        3,
    )


def test_maps_belong_to_the_level_they_stand_on() -> None:
    rules = read(
        """
        rewriteMaps: {shared: {a: b}}
        sites:
          - {public: https://a.example, backend: http://b, rewriteMaps: {own: {a: b}}}
          - {public: https://b.example, backend: http://b, rewriteMaps: {own: {a: b}}}
        """
    )
    assert list(rules.rewrite_maps) == ["shared"]
    assert [list(site.rewrite_maps) for site in rules.sites] == [["own"], ["own"]]


WRONG: list[tuple[str, Expected]] = [
    (PUBLIC + "backend: ''\n", [(2, "UR006", "backend: got nothing, expected the address of the server behind the")]),
    ("public: {a: b}\n" + BACKEND, [(1, "UR003", "public: got a mapping, expected a list")]),
    (
        "public: www.example.com\n" + BACKEND,
        [(1, "UR010", 'public: got "www.example.com", expected http:// or https://')],
    ),
    (
        "public:\n  - https://a.example/app\n  - https://b.example\n  - https://B.example:443/\n  - a b\n" + BACKEND,
        [
            (3, "UR010", 'public: got the path "/", expected the path "/app" as before: a site with another path is'),
            (4, "UR008", "public: got https://b.example again"),
            (5, "UR010", 'public: got "a b"'),
        ],
    ),
    (PUBLIC + "backend: privateserver:8080\n", [(2, "UR010", 'backend: got "privateserver:8080", expected http://')]),
    ("public: https://a.example/app?x\n" + BACKEND, [(1, "UR010", "expected https://a.example with or without a")]),
    (PUBLIC + "backend: http://a/b c\n", [(2, "UR010", 'got "http://a/b c"')]),
    (PUBLIC + "backend: http://a/b/../c\n", [(2, "UR010", 'got the path "/b/../c", expected a path such as /app')]),
    (PUBLIC + "backend: http://a/b//c\n", [(2, "UR010", 'got the path "/b//c", expected')]),
    (PUBLIC + "backend: http://a/b'c\n", [(2, "UR010", 'got the path "/b\'c", expected')]),
    (PUBLIC + "backend: http://a/b%2fc\n", [(2, "UR010", 'got the path "/b%2fc", expected')]),
    (SITE + "rootPaths: [/, api, /api]\n", [(3, "UR010", 'got "/", expected the beginning'), (3, "UR010", '"api"')]),
    (SITE + "forwardPrefix: 2\n", [(3, "UR007", 'forwardPrefix: got "2", expected true or false')]),
    (PUBLIC + "backend: [http://a]\n", [(2, "UR003", "backend: got a list, expected a text")]),
    (SITE + "connect: 127.0.0.1\n", [(3, "UR010", 'connect: got "127.0.0.1", expected host:port')]),
    (SITE + "links: all\n", [(3, "UR007", 'links: got "all", expected one of off, tags, everywhere')]),
    (SITE + "linksAlso: [cookies]\n", [(3, "UR007", 'linksAlso: got "cookies", expected one of comments, cookieV')]),
    (SITE + "backendNames: [b, http://c/d]\n", [(3, "UR010", 'got "b", expected'), (3, "UR010", "without a path, su")]),
    (SITE + "preserveHostHeader: 2\n", [(3, "UR007", 'preserveHostHeader: got "2", expected true or false')]),
    (SITE + "trustedProxies: [10.0.0.1/8, gw]\n", [(3, "UR010", '"10.0.0.1/8"'), (3, "UR010", '"gw", expected an ad')]),
    (SITE + "backends: http://a\n", [(3, "UR004", 'got the key "backends", expected one of sites, globalRules')]),
    (
        "sites:\n  - {public: https://a.example, backend: http://b, test: []}\n  - c\n",
        [(2, "UR004", 'sites[1]: got the key "test"'), (3, "UR003", 'sites[2]: got "c", expected a mapping with name')],
    ),
    (
        "sites:\n  - {public: https://a.example, backend: b}\n  - {public: https://c.example, rules: [a]}\n",
        [
            (2, "UR010", 'sites[1].backend: got "b"'),
            (3, "UR003", 'sites[2].rules: got "a"'),
        ],
    ),
    (
        SITE + "sites: []\n",
        [
            (1, "UR004", "public: got public beside sites, expected it in one of the sites"),
            (2, "UR004", "backend: got backend beside sites"),
        ],
    ),
    (
        SITE + "rewriteMaps:\n  ToLower: {}\n  a: b\n  A: {}\n"
        "  d: {defaultValue: d, e: f}\n  g: {entries: []}\n  h: {i: []}\n",
        [
            (4, "UR007", 'rewriteMaps.ToLower: got "ToLower", expected a name that is not one of R, C, ToLower'),
            (5, "UR003", 'rewriteMaps.a: got "b", expected a mapping of entries'),
            (6, "UR008", 'got the rewrite map "A" again, expected each once: the first one is in rules.yaml:5'),
            (7, "UR004", 'rewriteMaps.d: got the key "e", expected one of defaultValue, ignoreCase, entries'),
            (8, "UR003", "rewriteMaps.g.entries: got a list, expected a mapping of keys to values"),
            (9, "UR003", "rewriteMaps.h.i: got a list, expected a text"),
        ],
    ),
    (
        "sites:\n"
        "  - {public: https://a.example, backend: http://b}\n"
        "  - {public: [https://b.example, https://a.example], backend: http://b, name: A.example}\n",
        [
            (3, "UR008", 'got the site "A.example" again, expected each once: the first one is in rules.yaml:2'),
            (3, "UR008", 'got the public address "https://a.example" again'),
        ],
    ),
    ("rewriteMaps: {}\n", [(1, "UR006", "got no site, expected public and backend, sites with a list")]),
    ("sites: []\n", [(1, "UR006", "got no site")]),
]


@pytest.mark.parametrize(("text", "expected"), WRONG)
def test_wrong(text: str, expected: Expected) -> None:
    assert_told(text, expected)


IDLE = [
    (
        "links: tags\nlinksAlso: [comments, queries]",
        "comments has no effect with links: tags, expected links: everywhere",
    ),
    ("links: off\nlinksAlso: queries", "queries has no effect with links: off, expected links: tags"),
    ("linksAlso: [comments, queries]", None),
]


@pytest.mark.parametrize(("text", "message"), IDLE)
def test_places_that_the_mode_of_links_does_not_have(text: str, message: str | None) -> None:
    _, problems = parse(SITE + text + "\n", "rules.yaml")
    assert [(problem.id, problem.severity) for problem in problems] == [("UR013", "warning")] * bool(message)
    assert all(message and message in problem.message for problem in problems)


@pytest.mark.parametrize("key", ["", "farms"])
def test_files_of_tls_have_to_be_there(key: str, tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "own.pem"))
    tls = "tls: {ca: ca.pem,\n  certificate: own.pem}"
    text = f"farms: {{shop: {{servers: [a], {tls}}}}}" if key else tls
    (tmp_path / "rules.yaml").write_text(f"{SITE}{text}\n")
    with pytest.raises(RuleFileError) as caught:
        rule_files.load([tmp_path / "rules.yaml"])
    ca, own = caught.value.problems
    assert (ca.id, own.id, ca.source.line) == ("UR011", "UR011", 3)
    assert "ca.pem" in ca.message and "expected a PEM file with certificates" in ca.message
    assert 'tls.certificate: got "' in own.message and "with no private key" in own.message
