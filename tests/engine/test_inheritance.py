"""Levels of configuration: server, site and locations, as IIS puts them together."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules_of import SITE, ask, rules_of
from urlrewrite.engine.compile import compile_rules
from urlrewrite.engine.inheritance import Effective, find_level, inherit, server_level, site_levels
from urlrewrite.engine.url_path import CookedPath
from urlrewrite.exchange.responses import Forward, LocalResponse
from urlrewrite.formats.yaml.rules import parse
from urlrewrite.model import Collection, InboundRule, Location, Match, Removal, RuleSet, Section, Site, Source
from urlrewrite.model.origin import Origin

WWW = "https://www.example.com"
BACKEND = "http://privateserver:8080"
SERVER = """
rules: [{name: server, match: ^server$, action: {type: Rewrite, url: /from-server}}]
rewriteMaps: {m: {defaultValue: of-server}}
sites:
  - name: s
    public: https://www.example.com
    backend: http://privateserver:8080
    rules: [{name: site, match: '^(.*)site$', action: {type: Rewrite, url: '/from-site/{m:x}'}}]
"""
SHOP = """
    locations:
      shop:
        rules:
          - {name: cart, match: ^cart/(.*)$, action: {type: Rewrite, url: 'basket/{R:1}'}}
          - {name: away, match: ^old$, action: {type: Redirect, url: new}}
          - {name: root, match: ^root$, action: {type: Redirect, url: /new}}
          - {name: map, match: ^map$, action: {type: Rewrite, url: '{m:x}'}}
"""
SAME = "          - {name: same, match: ^(.*)$, action: {type: Rewrite, url: '{R:1}'}}\n"


@dataclass(frozen=True)
class Case:
    name: str
    rules: str
    url: str
    target: str = ""
    location: str = ""


CASES = [
    Case("a rule of the server is in force in a site", SERVER, "/server", "/from-server"),
    Case("and in its directories, where it sees the whole path", SERVER + SHOP, "/server", "/from-server"),
    Case("a rule of the site sees the whole path in a directory", SERVER + SHOP, "/shop/site", "/from-site/of-server"),
    Case("a rule of a directory sees the path relative to it", SERVER + SHOP, "/shop/cart/7", "/shop/basket/7"),
    Case("directories are compared without case", SERVER + SHOP, "/SHOP/cart/7", "/shop/basket/7"),
    Case("an escape in the directory's name does not hide it", SERVER + SHOP, "/sh%6Fp/cart/7", "/shop/basket/7"),
    Case("a segment that only begins alike is another directory", SERVER + SHOP, "/shopping/cart/7", ""),
    Case("a rule of a directory does not apply outside of it", SERVER + SHOP, "/cart/7", ""),
    Case("its captures are what the client wrote", SERVER + SHOP, "/shop/cart/a%2Fb", "/shop/basket/a%2Fb"),
    Case("a relative redirect begins in its directory", SERVER + SHOP, "/shop/old", location=f"{WWW}/shop/new"),
    Case("a rooted redirect begins at the site's root", SERVER + SHOP, "/shop/root", location=f"{WWW}/new"),
    Case("what is handed on unchanged is the directory as it was asked for", SERVER + SHOP + SAME, "/shop", "/shop"),
    Case("and with its slash where it has one", SERVER + SHOP + SAME, "/shop/", "/shop/"),
    Case("maps are inherited", SERVER + SHOP, "/shop/map", "/shop/of-server"),
    Case(
        "a map that is given again is the directory's own",
        SERVER + SHOP + "        rewriteMaps: {M: {defaultValue: own}}\n",
        "/shop/map",
        "/shop/own",
    ),
    Case(
        "the parent's rules come first",
        SERVER
        + """
    locations:
      shop:
        rules: [{name: later, match: ^(.*), action: {type: Rewrite, url: '/later/{URL}'}}]
""",
        "/shop/x",
        "/later//shop/x",
    ),
    Case(
        "a URL that a parent's rule took out of the directory is not for the directory's rules",
        SERVER
        + """
    locations:
      shop:
        rules: [{name: later, match: .*, action: {type: Rewrite, url: /later}}]
""",
        "/shop/site",
        "/from-site/of-server",
    ),
    Case(
        "stopProcessing of a parent's rule ends the one list",
        """
sites:
  - name: s
    public: https://www.example.com
    backend: http://privateserver:8080
    rules: [{name: site, match: .*, stopProcessing: true, action: None}]
    locations: {shop: {rules: [{name: shop, match: .*, action: {type: Rewrite, url: /x}}]}}
""",
        "/shop/a",
    ),
    Case(
        "remove takes an inherited rule away",
        SERVER + "    remove: [{rules: SERVER}]\n",
        "/server",
    ),
    Case(
        "remove rules takes all inherited rules away and leaves the level's own",
        SERVER + SHOP + "        remove: [rules]\n",
        "/shop/site",
    ),
    Case("and that", SERVER + SHOP + "        remove: [rules]\n", "/shop/cart/7", "/shop/basket/7"),
    Case(
        "a rule that is given again without remove goes for the inherited one",
        SERVER
        + """
    locations: {shop: {rules: [{name: Site, match: '^site$', action: {type: Rewrite, url: own}}]}}
""",
        "/shop/site",
        "/shop/own",
    ),
    Case(
        "the deepest directory is in force, and inherits from those above it",
        SERVER
        + SHOP
        + """
      shop/deep:
        rules: [{name: deep, match: ^x$, action: {type: Rewrite, url: y}}]
        remove: [{rules: away}]
""",
        "/shop/deep/x",
        "/shop/deep/y",
    ),
    Case(
        "a directory's rule in a deeper one still sees the path relative to its own",
        SERVER
        + SHOP
        + """
      shop/cart:
        rules: [{name: deep, match: ^x$, action: {type: Rewrite, url: y}}]
""",
        "/shop/cart/7",
        "/shop/basket/7",
    ),
    Case(
        "two sections for one path are both in force",
        SERVER
        + """
    locations:
      shop:
        - rules: [{name: one, match: ^a$, action: {type: Rewrite, url: b}}]
        - rules: [{name: two, match: ^b$, action: {type: Rewrite, url: c}}]
""",
        "/shop/a",
        "/shop/c",
    ),
    Case(
        "the rules of a <location> of IIS see the path from the application on",
        SERVER
        + """
    locations:
      shop/cart:
        relativeTo: /
        rules:
          - {name: below, match: '^([0-9]+)$', action: {type: Rewrite, url: 'never'}}
          - {name: whole, match: '^shop/cart/([0-9]+)$', action: {type: Rewrite, url: 'item?id={R:1}'}}
""",
        "/shop/cart/7",
        "/item?id=7",
    ),
    Case(
        "and the application can be below the root",
        SERVER
        + """
    locations:
      shop/cart: {relativeTo: shop, rules: [{name: r, match: '^cart/(.+)$', action: {type: Redirect, url: 'x/{R:1}'}}]}
""",
        "/shop/cart/7",
        location=f"{WWW}/shop/x/7",
    ),
    Case(
        "the directory itself is an empty input",
        SERVER
        + "    locations: {'my shop': {rules: [{name: r, match: ^$, action: {type: Rewrite, url: index.html}}]}}\n",
        "/my%20shop",
        "/my%20shop/index.html",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_levels(case: Case) -> None:
    routing = ask(rules_of(case.rules, site=""), WWW + case.url).routing
    if case.location:
        assert isinstance(routing, LocalResponse)
        assert dict(routing.fields)["Location"] == case.location
    else:
        assert isinstance(routing, Forward)
        assert routing.url == BACKEND + (case.target or case.url)


OUTBOUND = """
outboundRules:
  - {name: server, match: {serverVariable: RESPONSE_X_Server, pattern: .*}, action: {type: Rewrite, value: 'yes'}}
preConditions: {ok: [{input: '{RESPONSE_STATUS}', pattern: ^200}]}
sites:
  - name: s
    public: https://www.example.com
    backend: http://privateserver:8080
    customTags: {lazy: [img/data-src]}
    locations:
      shop:
        outboundRules:
          - name: shop
            preCondition: OK
            match: {serverVariable: RESPONSE_X_Shop, pattern: .*}
            action: {type: Rewrite, value: 'yes'}
          - name: lazy
            match: {filterByTags: CustomTags, customTags: lazy, pattern: ^/(.*)}
            action: {type: Rewrite, value: '/shop/{R:1}'}
      bare: {remove: [outboundRules]}
"""

OUTBOUND_CASES = [
    # path, status, the X- fields, the body
    ("/", 200, {"X-Server"}, "<img data-src=/a>"),
    ("/shop/x", 200, {"X-Server", "X-Shop"}, "<img data-src=/shop/a>"),
    ("/shop/x", 404, {"X-Server"}, "<img data-src=/shop/a>"),
    ("/bare/x", 200, set(), "<img data-src=/a>"),
]


@pytest.mark.parametrize(("path", "status", "fields", "body"), OUTBOUND_CASES)
def test_outbound_rules_of_levels(path: str, status: int, fields: set[str], body: str) -> None:
    answer = (status, [("Content-Type", "text/html")], b"<img data-src=/a>")
    result = ask(rules_of(OUTBOUND, site=""), WWW + path, answer=answer)
    assert {name for name, _ in result.fields or [] if name.startswith("X-")} == fields
    assert result.body == body.encode()


def section_rule(name: str, source: Source | None = None) -> InboundRule:
    return InboundRule(name, Match(name), source=source or Source("f", 1))


ALLOWED = [
    # of the server, removals and list of the site, what is allowed
    (None, (), None, None),
    (("A",), (), None, {"a"}),
    (("A",), (), ("B",), {"a", "b"}),
    (None, (), ("B",), {"b"}),
    (("A", "B"), ("a",), None, {"b"}),
    (("A",), ("",), ("B",), {"b"}),
    (("A",), ("",), None, set()),
    (None, ("",), None, set()),
    (None, ("A",), None, None),
]


@pytest.mark.parametrize(("server", "removed", "own", "allowed"), ALLOWED)
def test_allowed_server_variables_add_up(
    server: tuple[str, ...] | None, removed: tuple[str, ...], own: tuple[str, ...] | None, allowed: set[str] | None
) -> None:
    removals = tuple(Removal(Collection.ALLOWED_SERVER_VARIABLES, name) for name in removed)
    parent = server_level(RuleSet(allowed_server_variables=server))
    level = inherit(parent, Section(allowed_server_variables=own, removals=removals), "")
    assert level.allowed_server_variables == (allowed if allowed is None else frozenset(allowed))


SWITCHES = [
    # server, site, location: useOriginalURLEncoding, whose default is true, and rewriteBeforeCache, whose is false
    (None, None, None, True, False),
    (False, None, None, False, False),
    (True, None, None, True, True),
    (True, False, None, False, False),
    (True, False, True, True, True),
]


@pytest.mark.parametrize(("server", "site", "location", "encoding", "before_cache"), SWITCHES)
def test_switches_are_inherited_until_they_are_set(
    server: bool | None, site: bool | None, location: bool | None, encoding: bool, before_cache: bool
) -> None:
    level = Effective()
    for value in (server, site, location):
        level = inherit(level, Section(use_original_url_encoding=value, rewrite_before_cache=value), "")
    assert (level.use_original_url_encoding, level.rewrite_before_cache) == (encoding, before_cache)


NAMES = st.lists(st.sampled_from(["a", "A", "b", "c", "d"]), max_size=4, unique_by=str.lower)
SECTIONS = st.builds(
    lambda own, removed: Section(
        rules=tuple(map(section_rule, own)), removals=tuple(Removal(Collection.RULES, name) for name in removed)
    ),
    NAMES,
    st.lists(st.sampled_from(["", "a", "B", "x"]), max_size=2),
)


@given(st.lists(SECTIONS, max_size=4))
def test_a_level_ends_with_its_own_rules_and_no_name_is_there_twice(sections: list[Section]) -> None:
    level = Effective()
    for number, section in enumerate(sections):
        before, level = level, inherit(level, section, f"d{number}")
        own = [placed.rule for placed in level.rules if placed.directory == f"d{number}"]
        assert own == list(section.rules)
        assert [placed.rule for placed in level.rules[len(level.rules) - len(own) :]] == own
        names = [placed.rule.name.lower() for placed in level.rules]
        assert len(set(names)) == len(names)
        inherited = [placed for placed in level.rules if placed.directory != f"d{number}"]
        assert inherited == [placed for placed in before.rules if placed in inherited]
        removed = {removal.name.lower() for removal in section.removals}
        given_again = {rule.name.lower() for rule in section.rules}
        for placed in before.rules:
            gone = "" in removed or placed.rule.name.lower() in removed | given_again
            assert (placed in inherited) is not gone


SEGMENTS = st.sampled_from(["a", "A", "b", "ab", "İ", "ss"])
PATHS = st.lists(SEGMENTS, max_size=4).map("/".join)


@given(st.lists(PATHS, max_size=5), PATHS)
def test_the_deepest_directory_that_a_path_is_in_is_found(directories: list[str], path: str) -> None:
    levels = {directory.lower(): directory for directory in ["", *directories]}
    segments = path.lower().split("/")
    expected = max(
        (known for known in levels if known == "" or segments[: len(known.split("/"))] == known.split("/")), key=len
    )
    assert find_level(levels, path).lower() == expected


@given(PATHS.filter(bool), PATHS)
def test_below_finds_the_relative_path(directory: str, rest: str) -> None:
    path = CookedPath(f"/{directory.swapcase() if directory.isascii() else directory}/{rest}")
    assert path.text[path.below(directory) :] == rest
    assert CookedPath(f"/x{directory}/{rest}").below(directory) == -1
    assert CookedPath(f"/{directory}x/{rest}").below(directory) == -1


def test_a_location_without_a_path_adds_to_the_site() -> None:
    site = Site(name="s", locations=(Location(path="", rules=(section_rule("a"),)),))
    levels = site_levels(Effective(), site)
    assert [(placed.rule.name, placed.directory) for placed in levels[""].rules] == [("a", "")]


def test_a_name_that_is_inherited_and_given_again_is_told_once() -> None:
    first, again = section_rule("twice", Source("f", 1)), section_rule("Twice", Source("f", 9))
    site = Site(
        name="s",
        public=(Origin("https", "a", 443),),
        rules=(again,),
        locations=(Location(path="x"), Location(path="y")),
    )
    _, problems = compile_rules(RuleSet(rules=(first,), sites=(site,)))
    assert [(problem.id, problem.source.line, problem.rule) for problem in problems] == [("UR127", 9, "Twice")]
    assert "500.19" in problems[0].message


def test_a_problem_of_an_inherited_rule_is_told_once() -> None:
    text = "sites:\n" + "".join(
        f"  - {{name: s{n}, public: 'https://s{n}.example', backend: 'http://b', locations: {{x: {{}}, y: {{}}}}}}\n"
        for n in range(3)
    )
    rule_set, _ = parse(text + "rules: [{name: r, match: a, action: {type: Rewrite, url: '/{R:7}'}}]\n", "f")
    assert [problem.id for problem in compile_rules(rule_set)[1]] == ["UR122"]


def test_levels_that_add_no_rule_share_the_parents_list() -> None:
    rules = "\n".join(f"  - {{name: r{n}, match: ^a{n}$, action: None}}" for n in range(40))
    site = rules_of(f"rules:\n{rules}\nlocations: {{a: {{}}, b/c: {{allowedServerVariables: [X]}}}}", site=SITE)
    levels = site.rules.sites[0].levels
    assert len(levels) == 3
    assert len({id(level.inbound.rules) for level in levels.values()}) == 1


def test_the_level_is_that_of_the_url_as_it_was_asked_for() -> None:
    text = SERVER + SHOP + "globalRules: [{name: g, match: ^to-shop/(.*), action: {type: Rewrite, url: '/shop/{R:1}'}}]"
    routing = ask(rules_of(text, site=""), f"{WWW}/to-shop/cart/7").routing
    assert isinstance(routing, Forward)
    assert routing.url == f"{BACKEND}/shop/cart/7"


def test_rules_of_other_levels_are_not_touched_by_a_removal() -> None:
    parent = inherit(Effective(), Section(rules=(section_rule("a"),)), "")
    child = inherit(parent, Section(removals=(Removal(Collection.RULES),)), "x")
    assert (len(parent.rules), len(child.rules)) == (1, 0)
