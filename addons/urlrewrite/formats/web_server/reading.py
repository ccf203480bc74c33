"""The sections beside `<rewrite>` of one level, read from elements, whichever format they come from."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType

from urlrewrite.formats.farm_texts import UINT
from urlrewrite.formats.reports import ProblemId, Report
from urlrewrite.formats.web_server.part import Part
from urlrewrite.formats.web_server.shapes import (
    BESIDE_REWRITE,
    HANDLER_DETAILS,
    IN_SYSTEM_WEB,
    KEPT,
    SECURITY,
    SYSTEM_WEB,
)
from urlrewrite.formats.wording import listed, shown, suggestion
from urlrewrite.model import ConfigElement
from urlrewrite.model.field_lines import OF_CONNECTION, has_control, is_token
from urlrewrite.model.handlers import HandlerMapping
from urlrewrite.model.problems import Problem
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
    inherited,
)

_SSL_NUMBERS = {
    8: SslFlag.SSL,
    32: SslFlag.NEGOTIATE_CERT,
    64: SslFlag.REQUIRE_CERT,
    128: SslFlag.MAP_CERT,
    256: SslFlag.SSL_128,
}
_DENY_NUMBERS = {
    "0": DenyAction.ABORT_REQUEST,
    "401": DenyAction.UNAUTHORIZED,
    "403": DenyAction.FORBIDDEN,
    "404": DenyAction.NOT_FOUND,
}
_STATUS_NUMBERS = {str(item.status): item for item in ResponseStatus}
_KEPT = {name.casefold(): name for name in (*KEPT, SYSTEM_WEB)}


def read_web_server(elements: Iterable[ConfigElement], problems: list[Problem]) -> WebServer:
    """Read what stands beside `<rewrite>`: `<security>`, `<httpProtocol>` and so on, in any number and order.

    What is not known is left out with a warning; of `<security>` only what is honoured, or kept, is looked at.
    """
    found = WebServer()
    sections: dict[tuple[str, ...], ConfigElement] = {}
    for element in elements:
        read = _read(element, problems)
        for path, section in _sections(read.kept):
            if (first := sections.setdefault(path, section)) is not section:
                # Together they may let in whom one of them keeps out.
                message = (
                    f"got <{path[-1]}> again, expected it once: the first one is in {first.source}; IIS answers 500.19"
                )
                Report(section.source.file, problems).error(section.source.line, ProblemId.DUPLICATE_KEY, message)
        found = at_one_level(read, found)
    return found


def _sections(kept: Iterable[ConfigElement], *above: str) -> Iterator[tuple[tuple[str, ...], ConfigElement]]:
    """Yield the sections that are kept, with their paths."""
    for element in kept:
        name = _KEPT[element.name.casefold()]
        if name == SYSTEM_WEB:
            yield from _sections(element.children, name)
        else:
            yield (*above, name), element


def at_one_level(said: WebServer, before: WebServer) -> WebServer:
    """Return what a level says that says one after the other."""
    found = inherited(said, before)
    return replace(found, kept=_joined(found.kept))


def _joined(kept: Iterable[ConfigElement]) -> tuple[ConfigElement, ...]:
    """Make one of all elements of a name, in the order of `_KEPT`, which is that of a file that is written."""
    by_name: dict[str, ConfigElement] = {}
    for element in kept:
        name = _KEPT[element.name.casefold()]
        first = by_name.get(name)
        attributes = MappingProxyType({**(first.attributes if first else {}), **element.attributes})
        children = (*(first.children if first else ()), *element.children)
        source, comment = (first.source, first.comment) if first else (element.source, element.comment)
        by_name[name] = ConfigElement(name, attributes, children, source, comment)
    if SYSTEM_WEB in by_name:
        by_name[SYSTEM_WEB] = replace(by_name[SYSTEM_WEB], children=_joined(by_name[SYSTEM_WEB].children))
    return tuple(by_name[name] for name in _KEPT.values() if name in by_name)


def _read(element: ConfigElement, problems: list[Problem]) -> WebServer:
    match element.name.casefold():
        case "security":
            parts = {name.casefold(): name for name in SECURITY}
            found = WebServer(kept=tuple(child for child in element.children if child.name.casefold() in KEPT))
            for child in element.children:
                if name := parts.get(child.name.casefold()):
                    part = Part(child, SECURITY[name], problems)
                    found = inherited(_READ_IN_SECURITY[name](part), found)
            return found
        case "httpprotocol":
            return WebServer(http_protocol=_http_protocol(Part(element, BESIDE_REWRITE["httpProtocol"], problems)))
        case "httpredirect":
            return WebServer(http_redirect=_http_redirect(Part(element, BESIDE_REWRITE["httpRedirect"], problems)))
        case "handlers":
            return WebServer(handlers=_handlers(Part(element, BESIDE_REWRITE["handlers"], problems)))
    kept = tuple(child for child in element.children if child.name.casefold() in KEPT)
    whole = ConfigElement(SYSTEM_WEB, children=kept, source=element.source)
    found = WebServer(kept=(whole,) if kept else ())
    for child in element.children:
        if child.name.casefold() == "httphandlers":
            own = _handlers(Part(child, IN_SYSTEM_WEB["httpHandlers"], problems))
            found = inherited(WebServer(http_handlers=own), found)
    return found


def _access(part: Part) -> WebServer:
    return WebServer(access=Access(ssl_flags=part.values.parsed("sslFlags", None, _ssl_flags), source=part.source))


def _ssl_flags(text: str) -> frozenset[SslFlag]:
    """Parse `Ssl, SslRequireCert`, or the sum of their numbers. Raises ValueError with "got X, expected Y"."""
    if text.isascii() and text.isdigit():
        return frozenset(flag for number, flag in _SSL_NUMBERS.items() if int(text) & number)
    words = {str(flag).casefold(): flag for flag in SslFlag}
    found = set()
    for word in text.replace(",", " ").split():
        if word.casefold() == "none":
            continue
        if word.casefold() not in words:
            raise ValueError(f"got {shown(word)}, expected {listed(['None', *SslFlag])}{suggestion(word, SslFlag)}")
        found.add(words[word.casefold()])
    return frozenset(found)


def _ip_security(part: Part) -> WebServer:
    action = part.values.choice("denyAction", DenyAction.FORBIDDEN, _DENY_NUMBERS)
    section = IpSecurity(
        allow_unlisted=part.switch("allowUnlisted"),
        deny_action=action if "denyAction" in part.values else None,
        enable_proxy_mode=part.switch("enableProxyMode"),
        addresses=part.entries(_address),
        source=part.source,
    )
    return WebServer(ip_security=section)


def _address(part: Part) -> Address | None:
    values = part.values
    text, mask, domain = values.text("ipAddress").strip(), values.text("subnetMask").strip(), values.text("domainName")
    allowed = values.boolean("allowed", False)
    if not text and domain:
        return Address("", allowed, domain, part.source)
    try:
        network = _network(text, mask)
    except ValueError:
        got = f"got {shown(f'{text}/{mask}' if mask else text)}"
        message = f"{got}, expected an address such as 10.0.0.7, or 10.0.0.0 with the subnetMask 255.0.0.0"
        values.error("ipAddress", ProblemId.BAD_ADDRESS, message)
        return None
    return Address(network, allowed, source=part.source)


def _network(text: str, mask: str) -> str:
    """Return an address with its mask as `10.0.0.0/8`, one address alone as itself. Raises ValueError."""
    if ":" in mask:
        bits = f"{int(ipaddress.IPv6Address(mask)):0128b}"
        if "01" in bits:
            raise ValueError(mask)
        mask = str(bits.count("1"))
    network = ipaddress.ip_network(f"{text}/{mask}" if mask else text, strict=False)
    return str(network.network_address) if network.num_addresses == 1 else str(network)


def _request_filtering(part: Part) -> WebServer:
    limits = part.part("requestLimits")
    section = RequestFiltering(
        allow_double_escaping=part.switch("allowDoubleEscaping"),
        allow_high_bit_characters=part.switch("allowHighBitCharacters"),
        unescape_query_string=part.switch("unescapeQueryString"),
        remove_server_header=part.switch("removeServerHeader"),
        limits=RequestLimits(
            max_allowed_content_length=limits.number("maxAllowedContentLength"),
            max_url=limits.number("maxUrl"),
            max_query_string=limits.number("maxQueryString"),
            header_limits=limits.part("headerLimits").entries(_header_limit),
        ),
        file_extensions=_permissions(part.part("fileExtensions"), "fileExtension", with_dot=True),
        verbs=_permissions(part.part("verbs"), "verb"),
        hidden_segments=_words(part.part("hiddenSegments"), "segment"),
        deny_url_sequences=_words(part.part("denyUrlSequences"), "sequence"),
        deny_query_string_sequences=_words(part.part("denyQueryStringSequences"), "sequence"),
        always_allowed_urls=_words(part.part("alwaysAllowedUrls"), "url"),
        always_allowed_query_strings=_words(part.part("alwaysAllowedQueryStrings"), "queryString"),
        filtering_rules=part.part("filteringRules").entries(_filtering_rule),
        source=part.source,
    )
    return WebServer(request_filtering=section)


def _words(part: Part, attribute: str) -> Entries[Word]:
    def word(entry: Part) -> Word | None:
        text = entry.values.required(attribute, "a text")
        return Word(text, entry.source) if text else None

    return part.entries(word)


def _permissions(part: Part, attribute: str, *, with_dot: bool = False) -> Permissions:
    def permission(entry: Part) -> Permission | None:
        name = entry.values.required(attribute, "a name").strip()
        if with_dot and name and not name.startswith("."):
            name = f".{name}"
        return Permission(name, entry.values.boolean("allowed", True), entry.source) if name else None

    return Permissions(allow_unlisted=part.switch("allowUnlisted"), listed=part.entries(permission))


def _header_limit(part: Part) -> HeaderLimit | None:
    name = part.values.required("header", "the name of a field").strip()
    return HeaderLimit(name, part.values.integer("sizeLimit", 0, UINT), part.source) if name else None


def _filtering_rule(part: Part) -> FilteringRule | None:
    name = part.values.required("name", "a name")

    def texts(element: str, attribute: str) -> tuple[str, ...]:
        return tuple(word.text for word in _words(part.part(element), attribute).add)

    rule = FilteringRule(
        name=name,
        scan_url=part.values.boolean("scanUrl", False),
        scan_query_string=part.values.boolean("scanQueryString", False),
        scan_all_raw=part.values.boolean("scanAllRaw", False),
        deny_unescaped_percent=part.values.boolean("denyUnescapedPercent", True),
        scan_headers=texts("scanHeaders", "requestHeader"),
        applies_to=texts("appliesTo", "fileExtension"),
        deny_strings=texts("denyStrings", "string"),
        source=part.source,
    )
    return rule if name else None


def _http_protocol(part: Part) -> HttpProtocol:
    if part.switch("allowKeepAlive") is False:
        message = "got false, expected none: connections of clients are kept, which has no effect on what they get"
        part.values.warning("allowKeepAlive", ProblemId.NO_EFFECT, message)
    return HttpProtocol(
        custom_headers=part.part("customHeaders").entries(_header),
        redirect_headers=part.part("redirectHeaders").entries(_header),
        source=part.source,
    )


def _header(part: Part) -> Header | None:
    name, value = part.values.required("name", "the name of a field").strip(), part.values.text("value")
    if not name:
        return None
    if not is_token(name) or has_control(value):
        got = shown(f"{name}: {value}")
        part.values.error("", ProblemId.BAD_VALUE, f"got {got}, expected a field such as X-Frame-Options: DENY")
        return None
    if name.casefold() in OF_CONNECTION:
        message = f"got {name}, expected another field: how a response is sent is not for a configuration to say"
        part.values.warning("name", ProblemId.NO_EFFECT, f"{message}; it is left out")
        return None
    return Header(name, value.strip(), part.source)


def _http_redirect(part: Part) -> HttpRedirect:
    status = part.values.choice("httpResponseStatus", ResponseStatus.FOUND, _STATUS_NUMBERS)
    return HttpRedirect(
        enabled=part.switch("enabled"),
        destination=part.values.text("destination").strip() if "destination" in part.values else None,
        exact_destination=part.switch("exactDestination"),
        child_only=part.switch("childOnly"),
        http_response_status=status if "httpResponseStatus" in part.values else None,
        wildcards=part.entries(_wildcard),
        source=part.source,
    )


def _wildcard(part: Part) -> WildcardRedirect | None:
    wildcard = part.values.required("wildcard", "a text with *, such as *.php")
    return WildcardRedirect(wildcard, part.values.text("destination").strip(), part.source) if wildcard else None


def _handlers(part: Part) -> Handlers:
    policy = part.values.text("accessPolicy") if "accessPolicy" in part.values else None
    mappings = replace(part.entries(_handler_mapping), own_first=True)
    return Handlers(access_policy=policy, mappings=mappings, source=part.source)


def _handler_mapping(part: Part) -> HandlerMapping | None:
    """Read a mapping; one of `<httpHandlers>` has no name, and `<remove>` of one has its verb and path."""
    values = part.values
    name, path = values.text("name"), values.text("path")
    if part.may_have("name") and not values.required("name", "a name"):
        return None
    if not name or not part.is_removal:
        path = values.required("path", "a path such as *.config")
    if not name and not path:
        return None
    return HandlerMapping(
        name=name,
        path=path,
        verb="".join(values.text("verb", "*").split()) or "*",
        type=values.text("type"),
        pre_condition=values.text("preCondition"),
        resource_type=values.text("resourceType"),
        more=MappingProxyType({key: values.text(key) for key in HANDLER_DETAILS if key in values}),
        source=part.source,
    )


_READ_IN_SECURITY: Mapping[str, Callable[[Part], WebServer]] = {
    "access": _access,
    "ipSecurity": _ip_security,
    "requestFiltering": _request_filtering,
}
