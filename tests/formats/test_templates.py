"""Every template of `run.sh init`, in both formats: it loads, it is clean, and its own tests pass."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from urlrewrite.exchange import rule_tests
from urlrewrite.exchange.rules_in_force import RulesInForce, Settings
from urlrewrite.formats import rule_files
from urlrewrite.formats.wizards.parts import MissingError, Parameters
from urlrewrite.formats.wizards.templates import TEMPLATES, write_template
from urlrewrite.lint.linter import lint
from urlrewrite.loading.load import load_rules
from urlrewrite.model import ActionType
from urlrewrite.model.problems import RuleFileError

PUBLIC, BACKEND = "https://www.example.com", "http://privateserver:8080"
IPV6, PUNYCODE = "https://[2001:db8::1]:8443", "https://bücher.example"

CASES: list[tuple[str, dict[str, Any]]] = [
    ("reverse-proxy", {}),
    ("reverse-proxy", {"ssl_offload": False}),
    ("reverse-proxy", {"links": False}),
    ("reverse-proxy", {"public": (IPV6,), "backend": "http://[::1]"}),
    ("reverse-proxy", {"public": (PUNYCODE,), "backend": "http://intra.net.example", "ssl_offload": False}),
    ("reverse-proxy", {"public": ("http://www.example.com",), "ssl_offload": False}),
    ("rewrite-map", {"entries": (("/old", "/new"), ("/a?b=1&c=%22", "https://shop.example.com/x?y=1&z='"))}),
    ("rewrite-map", {"entries": (("/short", "/long/page.aspx?id=7"),), "action": "rewrite"}),
    ("rewrite-map", {"entries": (("/a", "/b"),), "map_name": "Old addresses v2.0"}),
    ("request-blocking", {"pattern": "*/.git*"}),
    ("request-blocking", {"pattern": "/a b/<\"'&>?*", "action": "404"}),
    ("request-blocking", {"pattern": r"^/(admin|\.env)", "using": "regex", "sample": "/.env", "action": "401"}),
    ("request-blocking", {"pattern": "*sqlmap*", "block_by": "user-agent", "action": "abort"}),
    ("request-blocking", {"pattern": "Mozilla/*", "block_by": "user-agent", "negate": True}),
    ("request-blocking", {"pattern": "127.*", "block_by": "ip"}),
    ("request-blocking", {"pattern": "10.0.0.*", "block_by": "ip"}),
    ("request-blocking", {"pattern": "*union+select*", "block_by": "query-string"}),
    ("request-blocking", {"pattern": "*://spam.example/*", "block_by": "referer", "action": "403"}),
    ("request-blocking", {"pattern": "www.*", "block_by": "host"}),
    ("user-friendly-url", {"example": "/article.aspx?id=7&title=spring"}),
    ("user-friendly-url", {"example": "shop/item.php?id=7"}),
    ("user-friendly-url", {"example": "/a.b/c+d(e).aspx?x.y=1&x-y=2&z_=3"}),
    ("lowercase", {}),
    (
        "canonical-host",
        {"public": (PUBLIC, "https://example.com", "http://www.example.com", "https://example.net:8443")},
    ),
    ("canonical-host", {"public": (IPV6, PUNYCODE)}),
    ("trailing-slash", {"action": "append"}),
    ("trailing-slash", {"action": "remove"}),
]


def parameters(chosen: dict[str, Any]) -> Parameters:
    return Parameters(**({"public": (PUBLIC,), "backend": BACKEND} | chosen))


@pytest.mark.parametrize("form", ["yaml", "xml"])
@pytest.mark.parametrize(("name", "chosen"), CASES, ids=str)
def test_every_template_proves_itself(name: str, chosen: dict[str, Any], form: str, tmp_path: Path) -> None:
    file = tmp_path / "site.yaml"
    if form == "xml":
        (tmp_path / "web.config").write_text(write_template(name, parameters(chosen), "xml"), encoding="utf-8")
        _, warnings = rule_files.load([tmp_path / "web.config"])
        assert warnings == ()
        file.write_text(write_template(name, parameters(chosen), "tests"), encoding="utf-8")
    else:
        file.write_text(write_template(name, parameters(chosen)), encoding="utf-8")
    compiled, warnings = load_rules([file])
    assert warnings == ()
    rules, rule_set = RulesInForce(compiled, Settings()), compiled.rule_set
    assert list(lint(rule_set)) == []
    assert rule_set.tests
    assert [fault for test in rule_set.tests for fault in rule_tests.run_test(rules, test)] == []
    assert max(map(len, file.read_text().splitlines())) <= 140


@pytest.mark.parametrize(("name", "chosen"), CASES, ids=str)
def test_both_formats_hold_the_same_rules(name: str, chosen: dict[str, Any], tmp_path: Path) -> None:
    files = {"yaml": tmp_path / "site.yaml", "xml": tmp_path / "web.config"}
    found = {}
    for form, file in files.items():
        file.write_text(write_template(name, parameters(chosen), form), encoding="utf-8")
        (found[form],) = rule_files.load([file])[0].sites
    if name != "reverse-proxy":  # in YAML, `backend` and `links` say it
        assert found["xml"].rules == found["yaml"].rules
        assert found["xml"].outbound_rules == found["yaml"].outbound_rules
        assert found["xml"].rewrite_maps == found["yaml"].rewrite_maps
    assert "<!--" in files["xml"].read_text()


NAMES = [
    ("reverse-proxy", {}, ["ReverseProxyInboundRule1"], ["ReverseProxyOutboundRule1", "ReverseProxyOutboundRule2"]),
    ("rewrite-map", {"entries": (("/a", "/b"),), "map_name": "M"}, ["Redirect rule1 for M"], []),
    (
        "rewrite-map",
        {"entries": (("/a", "/b"),), "map_name": "M", "action": "rewrite"},
        ["Rewrite Rule 1 for M"],
        [],
    ),
    ("request-blocking", {"pattern": "/x"}, ["RequestBlockingRule1"], []),
    (
        "user-friendly-url",
        {"example": "/a.aspx?b=c"},
        ["RedirectUserFriendlyURL1", "RewriteUserFriendlyURL1"],
        ["OutboundRewriteUserFriendlyURL1"],
    ),
    ("lowercase", {}, ["LowerCaseRule1"], []),
    ("canonical-host", {"public": (PUBLIC, "https://example.com")}, ["CanonicalHostNameRule1"], []),
    ("trailing-slash", {"action": "append"}, ["AddTrailingSlashRule1"], []),
    ("trailing-slash", {"action": "remove"}, ["RemoveTrailingSlashRule1"], []),
]


@pytest.mark.parametrize(("name", "chosen", "inbound", "outbound"), NAMES)
def test_rules_have_the_names_of_iis_manager(
    name: str, chosen: dict[str, Any], inbound: list[str], outbound: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "web.config"
    file.write_text(write_template(name, parameters(chosen), "xml"))
    (site,) = rule_files.load([file])[0].sites
    assert [rule.name for rule in site.rules] == inbound
    assert [rule.name for rule in site.outbound_rules] == outbound
    assert all(rule.stop_processing for rule in site.rules if rule.action.type is ActionType.REWRITE)


def test_a_web_config_needs_no_names_where_its_rules_have_none(tmp_path: Path) -> None:
    for name, template in TEMPLATES.items():
        chosen = Parameters(entries=(("/a", "/b"),)) if name == "rewrite-map" else Parameters()
        if template.needs in ((), ("entries",)) and not template.names:
            text = write_template(name, chosen, "xml")
            assert "privateserver" not in text
            assert "example.com" not in text


MISSING = [
    ("reverse-proxy", "xml", {}, ("public", "backend")),
    ("lowercase", "yaml", {"public": (PUBLIC,)}, ("backend",)),
    ("lowercase", "tests", {"backend": BACKEND}, ("public",)),
    ("rewrite-map", "xml", {}, ("entry",)),
    ("request-blocking", "yaml", {"public": (PUBLIC,), "backend": BACKEND}, ("pattern",)),
    ("request-blocking", "xml", {"pattern": "^/a+$", "using": "regex"}, ("sample",)),
    ("user-friendly-url", "xml", {}, ("example",)),
    ("canonical-host", "xml", {}, ("public",)),
    ("trailing-slash", "xml", {}, ("action",)),
]


@pytest.mark.parametrize(("name", "form", "chosen", "words"), MISSING)
def test_what_is_missing_is_told(name: str, form: str, chosen: dict[str, Any], words: tuple[str, ...]) -> None:
    with pytest.raises(MissingError) as missing:
        write_template(name, Parameters(**chosen), form)
    assert missing.value.words == words


REFUSED = [
    ("lowercse", {}, 'template: got "lowercse", .*did you mean lowercase'),
    ("lowercase", {"entries": (("/a", "/b"),)}, "entry: the template lowercase has no such parameter"),
    ("lowercase", {"ssl_offload": False}, "no-ssl-offload: the template lowercase has no such parameter"),
    ("lowercase", {"public": ("https://a\nlinks: off",)}, "public: got "),
    ("lowercase", {"public": ('https://a"b',)}, "public: got "),
    ("lowercase", {"backend": "http://<a>"}, "backend: got "),
    ("lowercase", {"backend": PUBLIC}, "backend: .*another address"),
    ("reverse-proxy", {"public": (PUBLIC, "https://example.com")}, "public: got 2 names, expected one"),
    ("canonical-host", {}, "public: got only https://www.example.com, expected the other names"),
    ("trailing-slash", {"action": "delete"}, 'action: got "delete", expected one of append, remove'),
    ("rewrite-map", {"entries": (("/a", "/b"),), "action": "403"}, 'action: got "403", expected one of redirect'),
    ("rewrite-map", {"entries": (("a", "/b"),)}, 'entry: got "a", expected path'),
    ("rewrite-map", {"entries": (("/a", "b"),)}, 'entry: got "b", expected a path such as /new'),
    ("rewrite-map", {"entries": (("/a", "//b"),)}, "entry: .*an absolute URL"),
    ("rewrite-map", {"entries": (("/a b", "/b"),)}, "entry: got .*%20"),
    ("rewrite-map", {"entries": (("/a", "/b\n/c"),)}, "entry: got .*%20"),
    ("rewrite-map", {"entries": (("/a", "/{C:1}"),)}, "entry: got .*%20"),
    ("rewrite-map", {"entries": (("/a", "/b"), ("/A", "/c"))}, "entry: got .*each address once"),
    ("rewrite-map", {"entries": (("/a", "/b"),), "map_name": "a:b"}, "map: got .*a name such as"),
    ("rewrite-map", {"entries": (("/a", "/b"),), "map_name": "ToLower"}, "map: got .*no function's"),
    ("rewrite-map", {"entries": (("/a", "/b"),), "map_name": "a\nb"}, "map: got .*a name such as"),
    ("request-blocking", {"pattern": "a\nb"}, "pattern: got .*on one line"),
    ("request-blocking", {"pattern": "(", "using": "regex", "sample": "("}, "pattern: .*expected a regular expression"),
    ("request-blocking", {"pattern": "x", "using": "regexp"}, "using: got .*did you mean regex"),
    ("request-blocking", {"pattern": "x", "block_by": "agent"}, "block-by: got .*did you mean user-agent"),
    ("request-blocking", {"pattern": "x", "action": "500"}, "action: got .*401, 403, 404, abort"),
    ("request-blocking", {"pattern": "/x", "sample": "/y"}, "sample: got .*that the pattern"),
    ("request-blocking", {"pattern": "a b", "block_by": "query-string"}, "pattern: got .*%20"),
    ("request-blocking", {"pattern": "*//etc/*"}, "pattern: .*as rules see it"),
    ("request-blocking", {"pattern": "x", "using": "regex", "sample": "/x/../y"}, "sample: .*as rules see it"),
    ("user-friendly-url", {"example": "/article.aspx"}, "example: got .*a page with a query"),
    ("user-friendly-url", {"example": "/?id=7"}, "example: got .*a page with a query"),
    ("user-friendly-url", {"example": "/a%20b.aspx?id=7"}, "example: got .*a page with a query"),
    ("user-friendly-url", {"example": "//a.aspx?id=7"}, "example: got .*a page with a query"),
    ("user-friendly-url", {"example": "/a/../b.aspx?id=7"}, "example: got .*a page with a query"),
    ("user-friendly-url", {"example": "/...aspx?id=7"}, "example: got .*a page with a query"),
    ("user-friendly-url", {"example": "/a.aspx?b=c#d"}, "example: got "),
    ("user-friendly-url", {"example": "/a.aspx?b=c/d"}, "example: got .*in a path as it is"),
    ("user-friendly-url", {"example": "/a.aspx?" + "&".join(f"p{n}=1" for n in range(9))}, "example: got 9 parameters"),
]


@pytest.mark.parametrize(("name", "chosen", "message"), REFUSED)
def test_what_is_wrong_is_told(name: str, chosen: dict[str, Any], message: str) -> None:
    for form in ("yaml", "xml"):
        with pytest.raises(ValueError, match=message):
            write_template(name, parameters(chosen), form)


LIKELY = "ab1/b?=&;#%20{}:*.+()[]^$|\\<>\"'`-_~ é𝒳,!@"
HOSTILE = st.text(st.sampled_from(LIKELY), min_size=1, max_size=6) | st.text(max_size=4)

FREE = {
    "pattern": lambda text: ("request-blocking", {"pattern": f"/{text}"}),
    "expression": lambda text: ("request-blocking", {"pattern": f"{text}|a", "using": "regex", "sample": "a"}),
    "agent": lambda text: ("request-blocking", {"pattern": text, "block_by": "user-agent", "negate": True}),
    "query": lambda text: ("request-blocking", {"pattern": text, "block_by": "query-string"}),
    "key": lambda text: ("rewrite-map", {"entries": ((f"/{text}", "/b"),)}),
    "value": lambda text: ("rewrite-map", {"entries": (("/a", f"/b{text}"),)}),
    "map": lambda text: ("rewrite-map", {"entries": (("/a", "/b"),), "map_name": f"a{text}"}),
    "example": lambda text: ("user-friendly-url", {"example": f"/{text}.aspx?id=7"}),
    "word": lambda text: ("user-friendly-url", {"example": f"/a.aspx?a{text}=7"}),
    "public": lambda text: ("lowercase", {"public": (f"https://a{text}",)}),
    "backend": lambda text: ("reverse-proxy", {"backend": f"http://a{text}"}),
}


@pytest.mark.parametrize("what", FREE)
@given(text=HOSTILE)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_hostile_parameter_is_refused_or_means_itself(what: str, text: str, tmp_path: Path) -> None:
    name, parameter = FREE[what](text)
    try:
        texts = {form: write_template(name, parameters(parameter), form) for form in ("yaml", "xml", "tests")}
    except ValueError as error:
        assert "\n" not in str(error)
        return
    for form, file in (("yaml", "alone.yaml"), ("xml", "web.config"), ("tests", "site.yaml")):
        (tmp_path / file).write_text(texts[form], encoding="utf-8")
    alone, beside = (rule_files.load([tmp_path / file])[0] for file in ("alone.yaml", "site.yaml"))
    if name != "reverse-proxy":
        assert alone.sites[0].rules == beside.sites[0].rules
        assert alone.tests == beside.tests
    try:
        rules = RulesInForce(load_rules([tmp_path / "site.yaml"])[0], Settings())
    except RuleFileError as error:
        # What an ECMAScript pattern may be, the engine knows best.
        assert what == "expression"
        assert {problem.id for problem in error.problems} == {"UR110"}
        return
    assert [fault for test in rules.rules.rule_set.tests for fault in rule_tests.run_test(rules, test)] == []
