"""The sections beside `<rewrite>` of one level, as elements in the order of IIS's schema; each format writes those."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType

from urlrewrite.formats.web_server.shapes import SYSTEM_WEB
from urlrewrite.model import ConfigElement
from urlrewrite.model.handlers import HandlerMapping
from urlrewrite.model.web_server import (
    Address,
    DenyAction,
    Entries,
    FilteringRule,
    Handlers,
    Header,
    HttpRedirect,
    IpSecurity,
    Keyed,
    Permissions,
    RequestFiltering,
    ResponseStatus,
    SslFlag,
    WebServer,
    Word,
)

type _Value = str | bool | int | None


def elements_of(said: WebServer) -> tuple[ConfigElement, ...]:
    """Write what a level says, as the children of `<system.webServer>`; `<system.web>` stands among them."""
    kept = [element for element in said.kept if element.name != SYSTEM_WEB]
    inside = [*kept, *_access(said), *_ip_security(said.ip_security), *_request_filtering(said.request_filtering)]
    http = said.http_protocol
    protocol = [
        *_collection("customHeaders", http.custom_headers, _header, "name"),
        *_collection("redirectHeaders", http.redirect_headers, _header, "name"),
    ]
    return (
        *_some("security", {}, inside),
        *_some("httpProtocol", {}, protocol),
        *_http_redirect(said.http_redirect),
        *_handlers("handlers", said.handlers, "name"),
        *_system_web(said),
    )


def _system_web(said: WebServer) -> Iterable[ConfigElement]:
    kept = [child for element in said.kept if element.name == SYSTEM_WEB for child in element.children]
    return _some(SYSTEM_WEB, {}, [*kept, *_handlers("httpHandlers", said.http_handlers, _verb_and_path)])


def _handlers(name: str, section: Handlers, key: str | Callable[[str], dict[str, _Value]]) -> Iterable[ConfigElement]:
    return _collection(name, section.mappings, _handler_mapping, key, {"accessPolicy": section.access_policy})


def _handler_mapping(mapping: HandlerMapping) -> ConfigElement:
    attributes: dict[str, _Value] = {
        "name": mapping.name or None,
        "path": mapping.path,
        "verb": mapping.verb,
        "type": mapping.type or None,
        "preCondition": mapping.pre_condition or None,
        "resourceType": mapping.resource_type or None,
        **mapping.more,
    }
    return _element("add", attributes)


def _verb_and_path(key: str) -> dict[str, _Value]:
    verb, _, path = key.partition(" ")
    return {"verb": verb, "path": path}


def _access(said: WebServer) -> Iterator[ConfigElement]:
    flags = said.access.ssl_flags
    if flags is not None:
        yield _element("access", {"sslFlags": ", ".join(flag for flag in SslFlag if flag in flags) or "None"})


def _ip_security(section: IpSecurity) -> Iterable[ConfigElement]:
    attributes: dict[str, _Value] = {
        "allowUnlisted": section.allow_unlisted,
        "denyAction": _word(section.deny_action),
        "enableProxyMode": section.enable_proxy_mode,
    }
    return _collection("ipSecurity", section.addresses, _address, _address_key, attributes)


def _address(entry: Address) -> ConfigElement:
    return _element("add", {**_address_key(entry.key), "allowed": entry.allowed})


def _address_key(key: str) -> dict[str, _Value]:
    try:
        network = ipaddress.ip_network(key)
    except ValueError:
        return {"domainName": key}
    mask = str(network.netmask) if network.num_addresses > 1 else None
    return {"ipAddress": str(network.network_address), "subnetMask": mask}


def _request_filtering(section: RequestFiltering) -> Iterable[ConfigElement]:
    limits = section.limits
    of_limits: dict[str, _Value] = {
        "maxAllowedContentLength": limits.max_allowed_content_length,
        "maxUrl": limits.max_url,
        "maxQueryString": limits.max_query_string,
    }
    headers = _collection(
        "headerLimits",
        limits.header_limits,
        lambda entry: _element("add", {"header": entry.header, "sizeLimit": entry.size_limit}),
        "header",
    )
    children = [
        *_some("requestLimits", of_limits, headers),
        *_permissions("fileExtensions", "fileExtension", section.file_extensions),
        *_permissions("verbs", "verb", section.verbs),
        *_words("hiddenSegments", "segment", section.hidden_segments),
        *_words("denyUrlSequences", "sequence", section.deny_url_sequences),
        *_words("denyQueryStringSequences", "sequence", section.deny_query_string_sequences),
        *_words("alwaysAllowedUrls", "url", section.always_allowed_urls),
        *_words("alwaysAllowedQueryStrings", "queryString", section.always_allowed_query_strings),
        *_collection("filteringRules", section.filtering_rules, _filtering_rule, "name"),
    ]
    attributes: dict[str, _Value] = {
        "allowDoubleEscaping": section.allow_double_escaping,
        "allowHighBitCharacters": section.allow_high_bit_characters,
        "unescapeQueryString": section.unescape_query_string,
        "removeServerHeader": section.remove_server_header,
    }
    return _some("requestFiltering", attributes, children)


def _permissions(name: str, attribute: str, said: Permissions) -> Iterable[ConfigElement]:
    return _collection(
        name,
        said.listed,
        lambda entry: _element("add", {attribute: entry.name, "allowed": entry.allowed}),
        attribute,
        {"allowUnlisted": said.allow_unlisted},
    )


def _words(name: str, attribute: str, said: Entries[Word]) -> Iterable[ConfigElement]:
    return _collection(name, said, lambda entry: _element("add", {attribute: entry.text}), attribute)


def _filtering_rule(rule: FilteringRule) -> ConfigElement:
    def texts(name: str, attribute: str, words: Iterable[str]) -> Iterable[ConfigElement]:
        return _some(name, {}, [_element("add", {attribute: word}) for word in words])

    attributes: dict[str, _Value] = {
        "name": rule.name,
        "scanUrl": rule.scan_url or None,
        "scanQueryString": rule.scan_query_string or None,
        "scanAllRaw": rule.scan_all_raw or None,
        "denyUnescapedPercent": None if rule.deny_unescaped_percent else False,
    }
    children = [
        *texts("scanHeaders", "requestHeader", rule.scan_headers),
        *texts("appliesTo", "fileExtension", rule.applies_to),
        *texts("denyStrings", "string", rule.deny_strings),
    ]
    return _element("filteringRule", attributes, children)


def _header(entry: Header) -> ConfigElement:
    return _element("add", {"name": entry.name, "value": entry.value})


def _http_redirect(section: HttpRedirect) -> Iterable[ConfigElement]:
    attributes: dict[str, _Value] = {
        "enabled": section.enabled,
        "destination": section.destination,
        "exactDestination": section.exact_destination,
        "childOnly": section.child_only,
        "httpResponseStatus": _word(section.http_response_status),
    }
    return _collection(
        "httpRedirect",
        section.wildcards,
        lambda entry: _element("add", {"wildcard": entry.wildcard, "destination": entry.destination}),
        "wildcard",
        attributes,
    )


def _word(member: DenyAction | ResponseStatus | None) -> str | None:
    return None if member is None else str(member)


def _collection[T: Keyed](
    name: str,
    entries: Entries[T],
    write: Callable[[T], ConfigElement],
    key: str | Callable[[str], dict[str, _Value]],
    attributes: Mapping[str, _Value] = MappingProxyType({}),
) -> Iterable[ConfigElement]:
    """Write an element with a collection; `key` is the attribute, or makes the attributes, of a `<remove>`."""
    removed = ({key: removal} if isinstance(key, str) else key(removal) for removal in entries.remove)
    children = [_element("clear", {})] if entries.clear else []
    children += [_element("remove", of_key) for of_key in removed]
    return _some(name, attributes, [*children, *map(write, entries.add)])


def _some(name: str, attributes: Mapping[str, _Value], children: Iterable[ConfigElement]) -> Iterable[ConfigElement]:
    """Write an element that says anything, and no other."""
    element = _element(name, attributes, children)
    return (element,) if element.attributes or element.children else ()


def _element(name: str, attributes: Mapping[str, _Value], children: Iterable[ConfigElement] = ()) -> ConfigElement:
    texts = {
        key: str(value).lower() if isinstance(value, bool) else str(value)
        for key, value in attributes.items()
        if value is not None
    }
    return ConfigElement(name, MappingProxyType(texts), tuple(children))
