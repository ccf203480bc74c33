"""Models out of the air: what any rule file can say, with the oddest texts that XML can hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from formats.farm_models import FARMS, ONE_SITE_SETTINGS, TLS, farms_of_iis
from urlrewrite.model import (
    Action,
    ActionType,
    Certificate,
    Collection,
    Condition,
    Conditions,
    ConfigElement,
    Connections,
    CustomTags,
    Expectation,
    InboundRule,
    LinkMode,
    LinkPlace,
    Location,
    LogicalGrouping,
    Match,
    MatchType,
    Mode,
    Origin,
    OutboundAction,
    OutboundActionType,
    OutboundMatch,
    OutboundRule,
    PatternSyntax,
    PreCondition,
    Provider,
    Readings,
    RedirectType,
    Removal,
    ResponseCacheDirective,
    RewriteMap,
    RuleSet,
    RuleTest,
    SetServerVariable,
    Site,
    TagReplacement,
    Timeouts,
)

quick = settings(
    # Models are large: to shrink one that fails takes minutes. To see where it differs, compare its fields one by one.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

_TAG_FLAGS = ("A", "Area", "Base", "Form", "Frame", "Head", "IFrame", "Img", "Input", "Link", "Script")

ODD = st.sampled_from(
    [
        *(
            "'",
            '"',
            "''",
            "\\",
            "a: b",
            "- a",
            "# a",
            "a #b",
            "null",
            "~",
            "off",
            "{R:1}",
            "[a]",
            "&amp;",
            "<b>",
            "]]>",
        ),
        *("%", "@x", "`", "*", "!", "|", ">", "? a", "a:", ": a", " a ", "a\nb", "a\n", "\n", "\ta", "a\r\nb", "--"),
        *(
            "<!-- x -->",
            "...",
            "---",
            "{",
            "}",
            "a, b",
            "\x85",
            "\u2028",
            "\ufeff",
            "\xa0",
            "ä",
            "日本",
            "😀",
            "1.0",
            "=",
        ),
        "{{a}:{b}}",
    ]
)
"""Texts at which YAML, XML or both have a word to say."""

ANY = st.one_of(ODD, st.text(st.characters(codec="utf-8", categories=None, exclude_characters=None), max_size=8)).map(
    lambda text: "".join(c for c in text if c in "\t\n\r" or (c >= " " and c not in "\ufffe\uffff"))
)
SOME = ANY.filter(bool)
LINE = st.one_of(ODD, st.text(st.characters(categories=["L", "N", "P", "S", "Zs"], codec="utf-8"), max_size=8)).filter(
    lambda text: bool(text) and text.isprintable() and text == text.strip()
)
"""What IIS wants trimmed."""

VARIABLES = st.text(st.characters(categories=["L", "N"], codec="utf-8"), min_size=1, max_size=6).map("HTTP_".__add__)
WORDS = st.text("abcdefghijklmnopqrstuvwxyzABC", min_size=1, max_size=6)
FINDINGS = st.lists(st.sampled_from(["UR131", "UR132", "UR140"]), max_size=2, unique=True).map(tuple)


def unique[T](items: SearchStrategy[T], name: Callable[[T], str], most: int = 3) -> SearchStrategy[tuple[T, ...]]:
    """Several of them, no two with the same name."""
    return st.lists(items, max_size=most, unique_by=lambda item: name(item).casefold()).map(tuple)


def by_name[T](items: SearchStrategy[T], name: Callable[[T], str]) -> SearchStrategy[MappingProxyType[str, T]]:
    return unique(items, name).map(lambda found: MappingProxyType({name(item): item for item in found}))


def texts_to(
    values: SearchStrategy[str], keys: SearchStrategy[str] = SOME
) -> SearchStrategy[MappingProxyType[str, str]]:
    return st.dictionaries(keys, values, max_size=5).map(MappingProxyType)


CONDITIONS = st.builds(
    Condition,
    input=ANY,
    pattern=ANY,
    match_type=st.just(MatchType.PATTERN),
    ignore_case=st.booleans(),
    negate=st.booleans(),
) | st.builds(
    Condition,
    input=st.sampled_from(["{REQUEST_FILENAME}", "{DOCUMENT_ROOT}/{R:0}.webp"]),
    match_type=st.sampled_from([MatchType.IS_FILE, MatchType.IS_DIRECTORY]),
    negate=st.booleans(),
)


def in_collection(item: Condition) -> object:
    """What tells conditions apart in IIS's collections, other than those of `<rules>`; case does not."""
    return (item.input.casefold(), item.match_type, item.pattern.casefold(), item.ignore_case, item.negate)


def conditions_with(keys: Callable[[Condition], object]) -> SearchStrategy[Conditions]:
    return st.builds(
        Conditions,
        st.lists(CONDITIONS, max_size=3, unique_by=keys).map(tuple),
        st.sampled_from(LogicalGrouping),
        st.none() | st.booleans(),
    )


VARIABLE_SETS = st.builds(SetServerVariable, VARIABLES, ANY, st.booleans())
ACTIONS = st.one_of(
    st.sampled_from([Action(), Action(ActionType.ABORT_REQUEST)]),
    st.builds(
        Action,
        type=st.just(ActionType.REWRITE),
        url=LINE,
        append_query_string=st.booleans(),
        log_rewritten_url=st.booleans(),
    ),
    st.builds(
        Action,
        type=st.just(ActionType.REDIRECT),
        url=LINE,
        append_query_string=st.booleans(),
        redirect_type=st.sampled_from(RedirectType),
    ),
    st.builds(
        Action,
        type=st.just(ActionType.CUSTOM_RESPONSE),
        status_code=st.sampled_from([200, 299, 308, 404, 999]),
        sub_status_code=st.sampled_from([0, 6, 999]),
        status_reason=ANY,
        status_description=ANY,
    ),
)


def inbound_rules(*, logged: bool = True) -> SearchStrategy[InboundRule]:
    """Rules; those of `globalRules` cannot log what they rewrote."""
    return st.builds(
        InboundRule,
        name=SOME,
        match=st.builds(Match, SOME, st.booleans(), st.booleans()),
        conditions=conditions_with(id if logged else in_collection),
        server_variables=unique(VARIABLE_SETS, lambda item: item.name),
        action=ACTIONS.filter(lambda action: logged or not action.log_rewritten_url),
        enabled=st.booleans(),
        pattern_syntax=st.sampled_from(PatternSyntax),
        stop_processing=st.booleans(),
        response_cache_directive=st.sampled_from(ResponseCacheDirective),
        silenced=FINDINGS,
        comment=st.just(""),
    )


PRE_CONDITIONS = st.builds(
    PreCondition,
    name=SOME,
    items=st.lists(CONDITIONS, max_size=3, unique_by=in_collection).map(tuple),
    logical_grouping=st.sampled_from(LogicalGrouping),
    pattern_syntax=st.sampled_from(PatternSyntax),
)
TAG_NAMES = st.sampled_from(["img", "x-y", "svg:use", "name", "attribute", "data-src", "日本"])
CUSTOM_TAGS = st.builds(
    CustomTags,
    name=SOME,
    tags=st.lists(st.tuples(TAG_NAMES, TAG_NAMES), max_size=3, unique=True).map(tuple),
)
MAP_NAMES = LINE.filter(
    lambda name: name.casefold() not in {"r", "c", "tolower", "urlencode", "urldecode", "htmlencode"}
)
REWRITE_MAPS = st.builds(
    RewriteMap,
    name=MAP_NAMES,
    entries=texts_to(ANY, st.one_of(ANY, st.sampled_from(["A", "a", "", "entries", "defaultValue"]))),
    default_value=ANY,
    ignore_case=st.booleans(),
)
PROVIDERS = st.builds(
    Provider,
    name=MAP_NAMES.map(lambda name: f"p{name}"),
    type=st.just("DbProvider, Microsoft.Web.Iis.Rewrite.Providers"),
    settings=texts_to(ANY, st.sampled_from(["ConnectionString", "StoredProcedure", "x"])),
)


@st.composite
def outbound_rules(draw: st.DrawFn, pre_conditions: list[str], custom_tags: list[str]) -> OutboundRule:
    variable = draw(st.just("") | VARIABLES.map(lambda name: name.replace("HTTP", "RESPONSE")))
    flags = [] if variable else draw(st.lists(st.sampled_from(_TAG_FLAGS), max_size=3, unique=True))
    tags = draw(st.sampled_from(custom_tags)) if flags and custom_tags and draw(st.booleans()) else ""
    syntaxes = [item for item in PatternSyntax if variable or flags or item is not PatternSyntax.WILDCARD]
    return OutboundRule(
        name=draw(SOME),
        match=OutboundMatch(
            draw(SOME),
            variable,
            (*flags, "CustomTags") if tags else tuple(flags),
            tags,
            draw(st.sampled_from([0, 1, 2**63 - 1])),
            draw(st.booleans()),
            draw(st.booleans()),
        ),
        pre_condition=draw(st.sampled_from(["", *pre_conditions])),
        conditions=draw(conditions_with(in_collection)),
        action=draw(
            st.just(OutboundAction())
            | st.builds(OutboundAction, st.just(OutboundActionType.REWRITE), ANY, st.booleans())
        ),
        enabled=draw(st.booleans()),
        pattern_syntax=draw(st.sampled_from(syntaxes)),
        stop_processing=draw(st.booleans()),
        silenced=draw(FINDINGS),
    )


SWITCHES = st.none() | st.booleans()


@st.composite
def removals(draw: st.DrawFn) -> tuple[Removal, ...]:
    """All of a collection or names of it, in the order in which a file has the collections."""
    found: list[Removal] = []
    for collection in draw(st.lists(st.sampled_from(Collection), max_size=3, unique=True).map(sorted_collections)):
        names = draw(unique(SOME, str))
        found += [Removal(collection, name) for name in names or ("",)]
    return tuple(found)


def sorted_collections(collections: list[Collection]) -> list[Collection]:
    return sorted(collections, key=list(Collection).index)


@st.composite
def section_fields(draw: st.DrawFn) -> dict[str, object]:
    """The arguments of a Section."""
    pre_conditions = draw(by_name(PRE_CONDITIONS, lambda item: item.name))
    custom_tags = draw(by_name(CUSTOM_TAGS, lambda item: item.name))
    removed = draw(removals())
    # Where there is an element to remove from, there is a list.
    has_list = any(item.collection is Collection.ALLOWED_SERVER_VARIABLES for item in removed)
    lists = unique(VARIABLES, str)
    return {
        "rules": draw(unique(inbound_rules(), lambda rule: rule.name)),
        "outbound_rules": draw(unique(outbound_rules([*pre_conditions], [*custom_tags]), lambda rule: rule.name)),
        "pre_conditions": pre_conditions,
        "custom_tags": custom_tags,
        "rewrite_maps": draw(by_name(REWRITE_MAPS, lambda item: item.name)),
        "providers": draw(by_name(PROVIDERS, lambda item: item.name)),
        "allowed_server_variables": draw(lists if has_list else st.none() | lists),
        "removals": removed,
        "use_original_url_encoding": draw(SWITCHES),
        "rewrite_before_cache": draw(SWITCHES),
    }


PATHS = st.lists(LINE.filter(lambda part: not set(part) & set("/\\?*%")), min_size=1, max_size=2).map("/".join)
LOCATIONS = st.builds(
    lambda path, base, fields: Location(path=path, relative_to=base, **fields),
    PATHS,
    st.sampled_from([None, ""]),
    section_fields(),
)
HOSTS = st.sampled_from(
    ["www.example.com", "a.example", "privateserver", "10.0.0.7", "2001:db8::1", "xn--bcher-kva.de"]
)
ORIGINS = st.builds(Origin, st.sampled_from(["http", "https"]), HOSTS, st.sampled_from([80, 443, 8080]))

PATHS = st.sampled_from(["/app", "/a/b", "/a%20b", "/~x.y"])
SECONDS = st.integers(0, 10**7).map(lambda milliseconds: milliseconds / 1000)
OWN_FIELDS = st.fixed_dictionaries(
    {
        "backend": st.none() | ORIGINS,
        "backend_names": st.lists(ORIGINS, max_size=2, unique=True).map(tuple),
        "forward_prefix": st.booleans(),
        "map_return_addresses": st.booleans(),
        "root_paths": st.lists(PATHS, max_size=2, unique=True).map(tuple),
        "connect": st.none() | st.tuples(HOSTS, st.integers(1, 65535)),
        "links": st.sampled_from(LinkMode),
        "links_also": st.frozensets(st.sampled_from(LinkPlace)),
        "mode": st.sampled_from(Mode),
        "readings": st.builds(Readings, st.sampled_from(TagReplacement), st.booleans()),
        "preserve_host_header": st.none() | st.booleans(),
        "connections": st.none()
        | st.builds(Connections, shared=st.booleans(), idle=st.integers(0, 100), keep_alive=SECONDS),
        "timeouts": st.none() | st.builds(Timeouts, connect=SECONDS, response=SECONDS, idle=SECONDS),
        "trusted_proxies": st.lists(st.sampled_from(["10.0.0.7", "10.0.0.0/8", "2001:db8::/32"]), max_size=2).map(
            tuple
        ),
        "certificate": st.none() | st.just(Certificate("/srv/a b#.pem")),
        "document_root": st.sampled_from(["", "/srv/www", "/srv/'ä: b"]),
    }
)
"""What a site has and IIS does not write into a web.config."""

HEADER_NAMES = st.sampled_from(["content-type", "x-a", "location"])
FIELD_LINES = st.dictionaries(HEADER_NAMES, st.lists(LINE, min_size=1, max_size=2), max_size=2).map(
    lambda fields: tuple((name, value) for name, values in fields.items() for value in values)
)
EXPECTED_FIELDS = st.dictionaries(HEADER_NAMES, st.none() | ANY, max_size=2).map(MappingProxyType)
EXPECTATIONS = st.builds(
    Expectation,
    status=st.none() | st.integers(100, 999),
    location=st.none() | ANY,
    url=st.none() | ANY,
    action=st.none() | st.sampled_from(ActionType).map(str),
    fields=EXPECTED_FIELDS,
    request_fields=EXPECTED_FIELDS,
    body_has=st.lists(ANY, max_size=2).map(tuple),
    body_lacks=st.lists(ANY, max_size=2).map(tuple),
).filter(lambda expectation: expectation != Expectation())


@st.composite
def rule_tests(draw: st.DrawFn) -> RuleTest:
    answered = draw(st.booleans())
    return RuleTest(
        draw(st.sampled_from(["GET", "POST"])),
        draw(st.sampled_from(["https://www.example.com/", "http://a.example/x?y='{z}'#,a"])),
        draw(EXPECTATIONS),
        draw(FIELD_LINES),
        draw(st.sampled_from([200, 404])) if answered else None,
        draw(FIELD_LINES) if answered else (),
        draw(ANY) if answered else "",
        draw(ANY),
    )


ELEMENTS: SearchStrategy[ConfigElement] = st.recursive(
    st.builds(ConfigElement, WORDS, texts_to(ANY, WORDS)),
    lambda inner: st.builds(ConfigElement, WORDS, texts_to(ANY, WORDS), st.lists(inner, max_size=2).map(tuple)),
    max_leaves=4,
)
KEPT = ELEMENTS.map(lambda item: ConfigElement("webFarms", item.attributes, item.children))
"""What a YAML file may keep of `<webFarms>`: anything."""

PROXIES = ELEMENTS.map(lambda item: ConfigElement("proxy", item.attributes, item.children))


@st.composite
def rule_sets(draw: st.DrawFn) -> RuleSet:
    """Everything at once, as a YAML file can say it."""
    origins = draw(st.lists(ORIGINS, min_size=2, max_size=4, unique=True))
    several = draw(st.booleans())
    # A file with one site says of the server what all files do: maps and providers.
    server = draw(section_fields())
    sites = [
        Site(
            name=draw(SOME) + str(number),
            public=tuple(origins[number :: 2 if several else 1]),
            locations=draw(unique(LOCATIONS, lambda item: item.path, 2)),
            **draw(OWN_FIELDS),
            tls=draw(TLS),
            proxy_settings=draw(ONE_SITE_SETTINGS),
            **{
                **draw(section_fields()),
                # An inherited map is not added again.
                "rewrite_maps": {},
                "providers": {},
            },
        )
        for number in range(2 if several else 1)
    ]
    sites = [
        replace(
            site,
            path=draw(st.just("") | PATHS) if site.public else "",
            backend_path=draw(st.just("") | PATHS) if site.backend else "",
        )
        for site in sites
    ]
    return RuleSet(
        sites=tuple(sites),
        global_rules=draw(unique(inbound_rules(logged=False), lambda rule: rule.name)),
        global_use_original_url_encoding=draw(SWITCHES),
        farms=draw(FARMS),
        web_farms=draw(st.none() | KEPT),
        proxy=draw(st.none() | PROXIES),
        tests=tuple(draw(st.lists(rule_tests(), max_size=2))),
        **(server if several else {key: server[key] for key in ("rewrite_maps", "providers")}),
    )


@st.composite
def web_configs(draw: st.DrawFn) -> Site:
    """A site as a web.config can say it: rules and locations, and nothing around them."""
    fields = draw(section_fields())
    return Site(name="", links=LinkMode.OFF, locations=draw(unique(LOCATIONS, lambda item: item.path, 2)), **fields)


@st.composite
def servers(draw: st.DrawFn) -> RuleSet:
    """What an applicationHost.config can say."""
    hosts = draw(st.lists(ORIGINS, min_size=2, max_size=4, unique=True))
    own = [{**draw(section_fields()), "rewrite_maps": {}} for _ in range(2)]
    sites = [
        replace(draw(web_configs()), name=f"site {number}", public=tuple(hosts[number::2]), **own[number])
        for number in range(2)
    ]
    return RuleSet(
        sites=tuple(sites),
        global_rules=draw(unique(inbound_rules(logged=False), lambda rule: rule.name)),
        global_use_original_url_encoding=draw(SWITCHES),
        **draw(farms_of_iis()),
        proxy=draw(st.none() | PROXIES),
        **draw(section_fields()),
    )
