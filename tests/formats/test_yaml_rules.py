"""Whole rule files: the model of a full one, files on disk, several files, and texts of any kind."""

from __future__ import annotations

import dataclasses
import pickle
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest
import trustme
import yaml
from hypothesis import given
from hypothesis import strategies as st

from formats.support import SITE, Expected, assert_told, problems_of
from urlrewrite.formats import rule_files
from urlrewrite.formats.rule_parts import OUTBOUND_MATCH_KEYS
from urlrewrite.formats.yaml import rules as yaml_rules
from urlrewrite.formats.yaml.outbound import OUTBOUND_KEYS
from urlrewrite.formats.yaml.sites import SITE_KEYS
from urlrewrite.formats.yaml.tests import EXPECT_KEYS, TEST_KEYS
from urlrewrite.model import (
    Action,
    ActionType,
    Certificate,
    Condition,
    Conditions,
    CustomTags,
    Expectation,
    InboundRule,
    LinkMode,
    LogicalGrouping,
    Match,
    Origin,
    OutboundAction,
    OutboundActionType,
    OutboundMatch,
    OutboundRule,
    PatternSyntax,
    PreCondition,
    RedirectType,
    RewriteMap,
    RuleSet,
    RuleTest,
    SetServerVariable,
    Site,
    Source,
)
from urlrewrite.model.problems import RuleFileError, Severity

FULL = r"""
globalRules:
  - name: no status page
    match: ^server-status
    action: AbortRequest
rewriteMaps:
  Moved: {/old: /new}
sites:
  - name: portal
    public: [https://www.example.com, http://www.example.com]
    backend: http://privateserver:8080
    connect: 127.0.0.1:8090
    links: tags
    preserveHostHeader: true
    trustedProxies: [10.0.0.7]
    certificate: www.pem
    documentRoot: www
    allowedServerVariables: [HTTP_X_TENANT]
    rewriteMaps:
      Own: {defaultValue: x, entries: {a: b}}
    preConditions:
      is html: [{input: '{RESPONSE_CONTENT_TYPE}', pattern: ^text/html}]
    customTags:
      lazy: [img/data-src]
    rules:
      - name: old articles
        match: {url: '^article/(\d+)', ignoreCase: false}
        conditions:
          logicalGrouping: MatchAny
          trackAllCaptures: true
          add:
            - {input: '{QUERY_STRING}', pattern: ^$}
        serverVariables:
          - {name: HTTP_X_TENANT, value: '{R:1}', replace: false}
        action: {type: Redirect, url: '/news/{R:1}', redirectType: Found, appendQueryString: false}
        enabled: false
        patternSyntax: ECMAScript
        stopProcessing: true
    outboundRules:
      - name: lazy links
        preCondition: is html
        match: {filterByTags: 'A, CustomTags', customTags: lazy, pattern: '^/app/(.*)', occurrences: 3}
        conditions: [{input: '{R:1}', pattern: ^x, negate: true}]
        action: {type: Rewrite, value: '/{R:1}', replace: false}
        stopProcessing: true
tests:
  - name: moved
    request: {method: HEAD, url: https://www.example.com/article/7, headers: {Accept: text/html}}
    response: {status: 404, headers: {Content-Type: text/html}, body: <p>}
    expect: {status: 302, location: https://www.example.com/news/7}
"""


def at(line: int) -> Source:
    return Source("conf/full.yaml", line)


HERE = Path.cwd() / "conf"

GOLDEN = RuleSet(
    sites=(
        Site(
            name="portal",
            public=(Origin("https", "www.example.com", 443), Origin("http", "www.example.com", 80)),
            backend=Origin("http", "privateserver", 8080),
            connect=("127.0.0.1", 8090),
            links=LinkMode.TAGS,
            preserve_host_header=True,
            trusted_proxies=("10.0.0.7",),
            certificate=Certificate(str(HERE / "www.pem"), at(16)),
            document_root=str(HERE / "www"),
            allowed_server_variables=("HTTP_X_TENANT",),
            rules=(
                InboundRule(
                    "old articles",
                    Match(r"^article/(\d+)", ignore_case=False, source=at(27)),
                    Conditions(
                        (Condition("{QUERY_STRING}", "^$", source=at(32)),),
                        LogicalGrouping.MATCH_ANY,
                        track_all_captures=True,
                    ),
                    (SetServerVariable("HTTP_X_TENANT", "{R:1}", replace=False, source=at(34)),),
                    Action(
                        ActionType.REDIRECT,
                        "/news/{R:1}",
                        append_query_string=False,
                        redirect_type=RedirectType.FOUND,
                        source=at(35),
                    ),
                    enabled=False,
                    pattern_syntax=PatternSyntax.ECMASCRIPT,
                    stop_processing=True,
                    source=at(26),
                ),
            ),
            outbound_rules=(
                OutboundRule(
                    "lazy links",
                    OutboundMatch(
                        "^/app/(.*)",
                        filter_by_tags=("A", "CustomTags"),
                        custom_tags="lazy",
                        occurrences=3,
                        source=at(42),
                    ),
                    "is html",
                    Conditions((Condition("{R:1}", "^x", negate=True, source=at(43)),)),
                    OutboundAction(OutboundActionType.REWRITE, "/{R:1}", replace=False, source=at(44)),
                    stop_processing=True,
                    source=at(40),
                ),
            ),
            pre_conditions=MappingProxyType(
                {
                    "is html": PreCondition(
                        "is html",
                        (Condition("{RESPONSE_CONTENT_TYPE}", "^text/html", source=at(22)),),
                        source=at(22),
                    )
                }
            ),
            custom_tags=MappingProxyType({"lazy": CustomTags("lazy", (("img", "data-src"),), at(24))}),
            rewrite_maps=MappingProxyType({"Own": RewriteMap("Own", {"a": "b"}, "x", source=at(20))}),
            source=at(9),
        ),
    ),
    global_rules=(
        InboundRule(
            "no status page",
            Match("^server-status", source=at(4)),
            action=Action(ActionType.ABORT_REQUEST, source=at(5)),
            source=at(3),
        ),
    ),
    rewrite_maps=MappingProxyType({"Moved": RewriteMap("Moved", {"/old": "/new"}, source=at(7))}),
    tests=(
        RuleTest(
            "HEAD",
            "https://www.example.com/article/7",
            Expectation(status=302, location="https://www.example.com/news/7"),
            (("Accept", "text/html"),),
            404,
            (("Content-Type", "text/html"),),
            "<p>",
            "moved",
            at(47),
        ),
    ),
    files=(str(HERE / "full.yaml"),),
)


def lines_of(value: object) -> list[Source]:
    """Every source in a value: they are no part of its equality."""
    if isinstance(value, Source):
        return [value]
    if isinstance(value, tuple):
        return [found for item in value for found in lines_of(item)]
    if isinstance(value, Mapping):
        return [found for item in value.values() for found in lines_of(item)]
    if dataclasses.is_dataclass(value):
        return [found for part in dataclasses.fields(value) for found in lines_of(getattr(value, part.name))]
    return []


def test_full_file() -> None:
    rules, warnings = yaml_rules.parse(FULL, "conf/full.yaml")
    assert warnings == ()
    assert len(rules.fingerprint) == 12
    assert dataclasses.replace(rules, fingerprint="") == GOLDEN
    assert lines_of(rules) == lines_of(GOLDEN)


WRONG: list[tuple[str, Expected]] = [
    ("", [(1, "UR006", "rules.yaml:1: got an empty file, expected rules")]),
    (" \n\n", [(1, "UR006", "got an empty file")]),
    ("# nothing\n", [(1, "UR006", "got nothing but comments")]),
    ("- a\n", [(1, "UR003", "got a list, expected a mapping with sites, globalRules, globalUse")]),
    ("a\n", [(1, "UR003", 'got "a", expected a mapping')]),
    ("~\n", [(1, "UR003", "got nothing, expected a mapping")]),
    ("public: a\n\tb: c\n", [(2, "UR002", "with spaces, not with tabs")]),
    ("<<: {a: b}\n" + SITE, [(1, "UR004", 'got the key "<<"')]),
    (
        "globalRules:\n  - {name: a, match: b}\n  - {name: A, match: b}\n" + SITE,
        [(3, "UR008", 'rule "A": got the rule')],
    ),
    (
        "rules:\n  - &r {name: a, match: b, c: d}\n  - *r\n" + SITE,
        [(2, "UR004", 'rule "a": got the key "c"'), (2, "UR008", 'got the rule "a" again')],
    ),
    (
        SITE + "rules:\n  - name: a\n    mach: b\n  - name: b\n    match: .*\n    action: {type: Rewrit}\nlinks: of\n",
        [
            (4, "UR006", 'rule "a": match: got nothing'),
            (5, "UR004", 'rule "a": got the key "mach"'),
            (8, "UR007", 'rule "b": action.type: got "Rewrit"'),
            (9, "UR007", 'links: got "of"'),
        ],
    ),
]


@pytest.mark.parametrize(("text", "expected"), WRONG)
def test_wrong(text: str, expected: Expected) -> None:
    assert_told(text, expected)


def test_an_alias_may_be_used_sensibly() -> None:
    text = SITE + "rules:\n  - {name: a, match: b, conditions: &c [{input: d, pattern: e}]}\n"
    rules, _ = yaml_rules.parse(text + "  - {name: f, match: b, conditions: *c}\n", "rules.yaml")
    first, second = rules.sites[0].rules
    assert first.conditions == second.conditions


def write(directory: Path, **files: str | bytes) -> list[Path]:
    paths = []
    for name, content in files.items():
        path = directory / f"{name}.yaml"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        paths.append(path)
    return paths


def told(paths: list[Path]) -> list[str]:
    with pytest.raises(RuleFileError) as caught:
        rule_files.load(paths)
    return [str(problem).replace(f"{paths[0].parent}/", "") for problem in caught.value.problems]


def test_several_files_make_one_rule_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b, c = write(
        tmp_path,
        a=SITE + "tests: [{request: https://www.example.com/, expect: {site: b}}]\n",
        b="public: https://b.example\nbackend: http://b\nglobalRules: [{name: g, match: a}]\n",
        c="globalRules: [{name: h, match: a}]\nrewriteMaps: {m: {a: b}}\n",
    )
    monkeypatch.chdir(tmp_path)
    rules, warnings = rule_files.load([Path("a.yaml"), b, "c.yaml", a])
    assert warnings == ()
    assert [site.name for site in rules.sites] == ["a", "b"]
    assert [str(rule.source) for rule in rules.global_rules] == [f"{b}:3", "c.yaml:1"]
    assert list(rules.rewrite_maps) == ["m"]
    assert rules.files == (str(a), str(b), str(c))


def test_every_error_of_every_file_is_told_at_once(tmp_path: Path) -> None:
    paths = write(
        tmp_path,
        a=SITE + "links: of\nglobalRules: [{name: g, match: a}]\nrewriteMaps: {m: {}}\n",
        b="public: [\n",
        c=SITE + "name: A\nglobalRules: [{name: G, match: a, b: c}]\nrewriteMaps: {M: {}}\n",
        d="public: \xe4\n".encode("latin-1"),
        e=b"",
    )
    (tmp_path / "f.yaml").mkdir()
    found = told([*paths, tmp_path / "f.yaml", tmp_path / "g.yaml"])
    assert [line.partition(",")[0] for line in found] == [
        'a.yaml:3: links: got "of"',
        found[1].partition(",")[0],
        'c.yaml:1: got the site "A" again',
        'c.yaml:1: got the public address "https://www.example.com" again',
        'c.yaml:4: rule "G": got the key "b"',
        'c.yaml:4: rule "G": got the rule "G" again',
        'c.yaml:5: got the rewrite map "M" again',
        "d.yaml:1: got the byte 0xe4",
        "e.yaml:1: got an empty file",
        "f.yaml: got no content (Is a directory)",
        "g.yaml: got no content (No such file or directory)",
    ]
    assert found[1].startswith("b.yaml:1: got ")
    assert "the first one is in a.yaml:4" in found[5]


ENCODINGS = ["utf-8", "utf-8-sig", "utf-16"]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_encoding(tmp_path: Path, encoding: str) -> None:
    text = SITE + "name: Bücher\r\n"
    (path,) = write(tmp_path, a=text.encode(encoding))
    assert rule_files.load([path])[0].sites[0].name == "Bücher"


def test_the_fingerprint_is_that_of_the_contents_in_their_order(tmp_path: Path) -> None:
    a, b, c = write(tmp_path, a=SITE, b="public: https://b.example\nbackend: http://b\n", c="rewriteMaps: {}")

    def fingerprint(*paths: Path) -> str:
        return rule_files.load(paths)[0].fingerprint

    assert fingerprint(a) == fingerprint(a) == yaml_rules.parse(SITE, "other")[0].fingerprint
    assert len({fingerprint(*paths) for paths in ([a], [b], [a, b], [b, a], [a, c])}) == 5
    before = fingerprint(a)
    a.write_text(SITE + "# more\n")
    assert fingerprint(a) != before


def test_certificate_and_document_root_are_looked_up_beside_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    issued = trustme.CA().issue_cert("www.example.com")
    (tmp_path / "www").mkdir()
    (tmp_path / "www.pem").write_bytes(
        issued.private_key_pem.bytes() + b"".join(blob.bytes() for blob in issued.cert_chain_pems)
    )
    (path,) = write(tmp_path, a=SITE + "certificate: www.pem\ndocumentRoot: www\n")
    monkeypatch.chdir("/")
    rules, warnings = rule_files.load([path])
    assert warnings == ()
    assert rules.sites[0].certificate == Certificate(str(tmp_path / "www.pem"), Source(str(path), 3))
    assert rules.sites[0].document_root == str(tmp_path / "www")


def test_a_certificate_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    (line,) = told(write(tmp_path, a=SITE + "certificate: www.pem\n"))
    assert line.startswith(
        'a.yaml:3: site "a", certificate: got "www.pem" (No such file or directory), expected a PEM '
    )


def test_a_document_root_that_is_missing_is_a_warning(tmp_path: Path) -> None:
    (path,) = write(tmp_path, a=SITE + "documentRoot: www\n")
    (warning,) = rule_files.load([path])[1]
    assert (warning.severity, warning.id) == (Severity.WARNING, "UR014")


def test_a_path_that_no_system_knows_is_told() -> None:
    with pytest.raises(RuleFileError, match="got no content"):
        rule_files.load(["a\0b"])


def test_no_file_is_no_site() -> None:
    with pytest.raises(RuleFileError, match="got no site"):
        rule_files.load([])


WORDS = st.sampled_from(
    sorted(
        {
            *SITE_KEYS,
            *yaml_rules.TOP_KEYS,
            *OUTBOUND_KEYS,
            *OUTBOUND_MATCH_KEYS,
            *TEST_KEYS,
            *EXPECT_KEYS,
            *"url type add input value replace method entries statusCode redirectType CustomTags A Wildcard".split(),
            *"https://a.example http://b:8080 GET https://a.example/ Rewrite true off 301 img/src".split(),
        }
    )
)
SCALARS = WORDS | st.text(max_size=8) | st.none() | st.integers() | st.booleans()
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.text(max_size=4), inner, max_size=6),
    max_leaves=25,
)
SHAPED = st.fixed_dictionaries(
    {"public": st.just("https://a.example") | TREES, "backend": st.just("http://b") | TREES},
    optional=dict.fromkeys((*SITE_KEYS[3:], *yaml_rules.TOP_KEYS), TREES),
)


@given(TREES | SHAPED, st.booleans())
def test_any_tree_is_rules_or_a_rule_file_error(tree: object, flow: bool) -> None:
    for problem in problems_of(yaml.safe_dump(tree, default_flow_style=flow, allow_unicode=True)):
        assert str(problem).isprintable()


MUTATIONS = st.lists(
    st.tuples(
        st.integers(0, len(FULL)),
        st.integers(0, 12),
        st.text(alphabet="ab:-{}[]&*!|>'\"#%@` \n\t,?~", max_size=4),
    ),
    min_size=1,
    max_size=4,
)


@given(MUTATIONS)
def test_any_change_to_a_full_file_is_rules_or_a_rule_file_error(mutations: list[tuple[int, int, str]]) -> None:
    text = FULL
    for start, length, new in mutations:
        text = text[:start] + new + text[start + length :]
    for problem in problems_of(text):
        assert problem.source.file == "rules.yaml"
        assert 1 <= problem.source.line <= text.count("\n") + 1
        assert problem.message.startswith(("got ", "has no effect")) or ": " in problem.message


@given(st.text(max_size=40))
def test_any_text_is_rules_or_a_rule_file_error(text: str) -> None:
    problems_of(text)


def test_problems_and_errors_can_be_sent_to_another_process() -> None:
    with pytest.raises(RuleFileError) as caught:
        yaml_rules.parse("", "rules.yaml")
    assert pickle.loads(pickle.dumps(caught.value.problems)) == caught.value.problems
