"""What stands beside `<rewrite>`, out of the air: any WebServer that a file can say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from urlrewrite.model import ConfigElement
from urlrewrite.model.handlers import HandlerMapping
from urlrewrite.model.web_server import (
    Access,
    Address,
    DenyAction,
    Entries,
    FilteringRule,
    Handlers,
    Header,
    HeaderLimit,
    HttpProtocol,
    HttpRedirect,
    IpSecurity,
    Permission,
    Permissions,
    RequestFiltering,
    RequestLimits,
    ResponseStatus,
    SslFlag,
    WebServer,
    WildcardRedirect,
    Word,
)

SWITCHES = st.none() | st.booleans()
NUMBERS = st.none() | st.integers(0, 2**32 - 1)
TEXTS = st.sampled_from([".git", "a: b", "- x", "*", "null", "true", "1", "é", "<a>", "add", " b", "'", '"', "#", "A"])
FIELDS = st.sampled_from(["X-A", "x-b", "Vary", "add", "null"])
VALUES = st.sampled_from(["", "DENY", "max-age=1; b", "a: b", "'", "no", "{a}"])
NETWORKS = st.sampled_from(["10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "::1", "0.0.0.0/0"])


def entries(items: SearchStrategy[Any], removable: SearchStrategy[str]) -> SearchStrategy[Entries[Any]]:
    def key(item: Any) -> str:
        return str(item.key)

    lists = st.lists(items, max_size=3, unique_by=key).map(tuple)
    removed = st.lists(removable, max_size=2, unique=True).map(tuple)
    return st.builds(Entries, lists, removed, st.booleans())


def folded(texts: SearchStrategy[str]) -> SearchStrategy[str]:
    return texts.map(str.casefold)


WORDS = entries(st.builds(Word, TEXTS), folded(TEXTS))


def permissions(names: SearchStrategy[str]) -> SearchStrategy[Permissions]:
    listed = entries(st.builds(Permission, names, st.booleans()), folded(names))
    return st.builds(Permissions, allow_unlisted=SWITCHES, listed=listed)


def some(make: Callable[[str], Any]) -> SearchStrategy[tuple[str, ...]]:
    return st.lists(TEXTS, max_size=2, unique_by=str.casefold).map(lambda texts: tuple(map(make, texts)))


RULES = st.builds(
    FilteringRule,
    name=TEXTS,
    scan_url=st.booleans(),
    scan_query_string=st.booleans(),
    scan_all_raw=st.booleans(),
    deny_unescaped_percent=st.booleans(),
    scan_headers=some(str),
    applies_to=some(str),
    deny_strings=some(str),
)
ADDRESSES = st.builds(Address, NETWORKS, st.booleans()) | st.builds(
    Address, st.just(""), st.booleans(), st.just("evil.example")
)
REQUEST_FILTERING = st.builds(
    RequestFiltering,
    allow_double_escaping=SWITCHES,
    allow_high_bit_characters=SWITCHES,
    unescape_query_string=SWITCHES,
    remove_server_header=SWITCHES,
    limits=st.builds(
        RequestLimits,
        max_allowed_content_length=NUMBERS,
        max_url=NUMBERS,
        max_query_string=NUMBERS,
        header_limits=entries(st.builds(HeaderLimit, FIELDS, st.integers(0, 2**32 - 1)), folded(FIELDS)),
    ),
    file_extensions=permissions(st.sampled_from([".exe", ".", ".Config"])),
    verbs=permissions(st.sampled_from(["GET", "TRACE", "add"])),
    hidden_segments=WORDS,
    deny_url_sequences=WORDS,
    deny_query_string_sequences=WORDS,
    always_allowed_urls=WORDS,
    always_allowed_query_strings=WORDS,
    filtering_rules=entries(RULES, folded(TEXTS)),
)
HEADERS = entries(st.builds(Header, FIELDS, VALUES), folded(FIELDS))
WILDCARDS = entries(st.builds(WildcardRedirect, TEXTS, VALUES), folded(TEXTS))
REFUSING = "System.Web.HttpNotFoundHandler, System.Web"
NAMELESS = st.builds(
    HandlerMapping,
    path=st.sampled_from(["*", "*.config", "Views/*", "a b", "*.A,*.b"]),
    verb=st.sampled_from(["*", "GET,POST"]),
    type=st.sampled_from(["", REFUSING]),
)
DETAILS = st.sampled_from([{}, {"modules": "iisnode"}, {"modules": "a, b", "allowPathInfo": "true"}])
NAMED = st.builds(
    replace,
    NAMELESS,
    name=TEXTS,
    pre_condition=st.sampled_from(["", "integratedMode"]),
    resource_type=st.sampled_from(["", "File"]),
    more=DETAILS.map(MappingProxyType),
)


def mappings(items: SearchStrategy[HandlerMapping]) -> SearchStrategy[Entries[HandlerMapping]]:
    return entries(items, items.map(lambda item: item.key)).map(lambda found: replace(found, own_first=True))


ANONYMOUS = ConfigElement("anonymousAuthentication", MappingProxyType({"enabled": "false"}))
KEPT = st.lists(
    st.sampled_from(
        [
            ConfigElement("authentication", children=(ANONYMOUS,)),
            ConfigElement("authorization", children=(ConfigElement("remove", MappingProxyType({"users": "*"})),)),
        ]
    ),
    max_size=2,
    unique_by=lambda element: element.name,
).map(lambda elements: tuple(sorted(elements, key=lambda element: element.name)))

WEB_SERVERS = st.builds(
    WebServer,
    access=st.builds(Access, ssl_flags=st.none() | st.frozensets(st.sampled_from(SslFlag))),
    ip_security=st.builds(
        IpSecurity,
        allow_unlisted=SWITCHES,
        deny_action=st.none() | st.sampled_from(DenyAction),
        enable_proxy_mode=SWITCHES,
        addresses=entries(ADDRESSES, NETWORKS | st.just("evil.example")),
    ),
    request_filtering=REQUEST_FILTERING,
    http_protocol=st.builds(HttpProtocol, custom_headers=HEADERS, redirect_headers=HEADERS),
    http_redirect=st.builds(
        HttpRedirect,
        enabled=SWITCHES,
        destination=st.none() | VALUES,
        exact_destination=SWITCHES,
        child_only=SWITCHES,
        http_response_status=st.none() | st.sampled_from(ResponseStatus),
        wildcards=WILDCARDS,
    ),
    handlers=st.builds(
        Handlers, access_policy=st.none() | st.sampled_from(["", "Read, Script"]), mappings=mappings(NAMED)
    ),
    http_handlers=st.builds(Handlers, mappings=mappings(NAMELESS)),
    kept=KEPT,
)
