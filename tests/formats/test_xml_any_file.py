"""Any file of IIS is imported or refused with lines, and what is imported and compiles survives YAML."""

from __future__ import annotations

from dataclasses import replace
from xml.sax.saxutils import quoteattr

from hypothesis import given, settings
from hypothesis import strategies as st

from urlrewrite.engine.compile import compile_rules
from urlrewrite.formats.web_server.shapes import BESIDE_REWRITE, IN_SYSTEM_WEB, KEPT, SECURITY, Shape
from urlrewrite.formats.xml import rules as xml_rules
from urlrewrite.formats.yaml import rules as yaml_rules
from urlrewrite.formats.yaml.export import to_yaml
from urlrewrite.lint.linter import lint
from urlrewrite.model.problems import RuleFileError, Severity

VALUES = {
    "enabled ignoreCase negate trackAllCaptures appendQueryString allowUnlisted allowed enableProxyMode "
    "exactDestination childOnly stopProcessing scanUrl scanQueryString preserveHostHeader allowDoubleEscaping": (
        "true false 1"
    ),
    "name key": "a b A m X-A RESPONSE_A \u00e9",
    "type": "Rewrite Redirect None CustomResponse AbortRequest",
    "url pattern value destination": "^a/(.*)$ .* ( * http://b:8080/{R:1} {m:{R:0}} //x{HTTP_HOST} a&b $S$Q",
    "input": "{URL} {HTTP_HOST} {REMOTE_ADDR} {C:1} {m:{URL}} {NONE}",
    "matchType": "Pattern IsFile IsDirectory",
    "statusCode": "403 404.7 200",
    "sslFlags": "Ssl None Ssl,SslRequireCert",
    "ipAddress": "10.0.0.1 10.0.0.0 ::1 300.0.0.1",
    "subnetMask": "255.0.0.0 255.255.255.255 0.0.0.0 8",
    "users roles": "* ? admins",
    "verbs verb": "GET POST,PUT",
    "path": "a a/b . /",
    "serverVariable": "RESPONSE_Location RESPONSE_A HTTP_X_A",
    "httpResponseStatus": "Permanent Found 301",
    "denyAction": "AbortRequest NotFound",
    "preCondition": "a b",
}
BY_NAME = {name: values.split() for names, values in VALUES.items() for name in names.split()}
ODD = ["", "x", "-1", "7", "true", "*", ".exe", "{R:1}", "2147483648", "\u00e9", "#"]
RULES = {
    "rule": (("name", "enabled", "stopProcessing", "patternSyntax", "preCondition"), "match conditions action"),
    "match": (("url", "ignoreCase", "negate", "pattern", "serverVariable", "filterByTags"), ""),
    "conditions": (("logicalGrouping", "trackAllCaptures"), "add"),
    "action": (("type", "url", "value", "redirectType", "statusCode", "appendQueryString"), ""),
    "add": (("input", "pattern", "matchType", "negate", "key", "value", "name"), ""),
    "rules": ((), "rule clear remove"),
    "outboundRules": ((), "rule preConditions customTags remove"),
    "preConditions": ((), "preCondition"),
    "preCondition": (("name", "logicalGrouping"), "add"),
    "customTags": ((), "tags"),
    "tags": (("name",), "tag"),
    "tag": (("name", "attribute"), ""),
    "rewriteMaps": ((), "rewriteMap clear"),
    "rewriteMap": (("name", "defaultValue", "ignoreCase"), "add"),
    "clear": ((), ""),
    "remove": (("name", "key", "users", "fileExtension"), ""),
    "rewrite": ((), "rules outboundRules rewriteMaps globalRules allowedServerVariables"),
    "globalRules": ((), "rule"),
    "allowedServerVariables": ((), "add"),
    "authentication": ((), "anonymousAuthentication basicAuthentication windowsAuthentication"),
    "anonymousAuthentication": (("enabled",), ""),
    "basicAuthentication": (("enabled",), ""),
    "windowsAuthentication": (("enabled",), ""),
    "authorization": ((), "add allow deny remove clear"),
    "allow": (("users", "roles", "verbs"), ""),
    "deny": (("users", "roles", "verbs"), ""),
    "security": ((), " ".join((*SECURITY, *KEPT))),
    "system.webServer": ((), " ".join(("rewrite", "security", "proxy", "x", *BESIDE_REWRITE))),
    "system.web": ((), "authorization httpHandlers"),
    "proxy": (("enabled", "preserveHostHeader", "timeout"), ""),
    "location": (("path",), "system.webServer system.web"),
    "configuration": ((), "location system.webServer system.web"),
}
"""Elements with the attributes and the elements that they may have, beside those of `Shape`s."""


def element(name: str, shape: Shape | None = None) -> st.SearchStrategy[str]:
    """Elements of one name, now and then with something in them that they may not have."""
    attributes, inner = RULES.get(name, ((), ""))
    children: dict[str, Shape | None] = dict.fromkeys(inner.split())
    shape = {**SECURITY, **BESIDE_REWRITE, **IN_SYSTEM_WEB}.get(name, shape)
    entries = None
    if shape:
        attributes, children, entries = shape.attributes, dict(shape.elements), shape.entries
    drawn = [st.deferred(lambda child=child, own=own: element(child, own)) for child, own in children.items()]
    if shape and entries:
        drawn += [st.deferred(lambda: element(shape.entry, entries))] * 2 + [element("clear")]
    pairs = st.fixed_dictionaries({}, optional={key: value_of(key) for key in (*attributes, "odd")})
    inside = st.lists(st.one_of(*drawn), max_size=4) if drawn else st.just([])
    return st.builds(lambda given, children: written(name, given, children), pairs, inside)


def value_of(attribute: str) -> st.SearchStrategy[str]:
    usual = st.sampled_from(BY_NAME.get(attribute, ODD))
    return st.one_of(usual, usual, usual, usual, st.sampled_from(ODD))


def written(name: str, attributes: dict[str, str], children: list[str]) -> str:
    pairs = "".join(f" {key}={quoteattr(value)}" for key, value in attributes.items() if (key, value) != ("odd", ""))
    return f"<{name}{pairs}>\n{''.join(children)}</{name}>"


FILES = st.one_of(element("configuration"), element("configuration"), element("system.webServer"), element("rewrite"))


@settings(max_examples=300, deadline=None)
@given(FILES)
def test_any_file_is_imported_or_refused(text: str) -> None:
    try:
        rules, problems = xml_rules.parse(text.encode(), "shop.config")
        compile_rules(rules)
    except RuleFileError as error:
        assert all(problem.source.line for problem in error.problems)
        return
    assert all(problem.severity is Severity.WARNING and problem.source.line for problem in problems)
    lint(rules)
    again = yaml_rules.parse(to_yaml(rules), "shop.yaml")[0]
    assert replace(again, files=(), fingerprint="") == replace(rules, files=(), fingerprint="")
