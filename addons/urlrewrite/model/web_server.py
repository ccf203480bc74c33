"""What `<system.webServer>` of IIS says beside `<rewrite>` and is done here: who may ask for what, which fields
responses get, and where requests are redirected.

Names and defaults are those of IIS's configuration reference. A level (server, site, location) says what it says, and
None, or a collection with nothing in it, leaves the rest as inherited; `inherited` gives what is in force.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, is_dataclass, replace
from enum import StrEnum
from typing import Any, Protocol

from urlrewrite.model.config_element import ConfigElement
from urlrewrite.model.handlers import HandlerMapping
from urlrewrite.model.rules import NOWHERE, Source


class SslFlag(StrEnum):
    """The words of `sslFlags` of `<access>`."""

    SSL = "Ssl"
    SSL_128 = "Ssl128"
    NEGOTIATE_CERT = "SslNegotiateCert"
    REQUIRE_CERT = "SslRequireCert"
    MAP_CERT = "SslMapCert"


class DenyAction(StrEnum):
    """Attribute `denyAction` of `<ipSecurity>`."""

    ABORT_REQUEST = "AbortRequest"
    UNAUTHORIZED = "Unauthorized"
    FORBIDDEN = "Forbidden"
    NOT_FOUND = "NotFound"


class ResponseStatus(StrEnum):
    """Attribute `httpResponseStatus` of `<httpRedirect>`."""

    PERMANENT = "Permanent"
    FOUND = "Found"
    TEMPORARY = "Temporary"
    PERM_REDIRECT = "PermRedirect"

    @property
    def status(self) -> int:
        """The status code that is sent."""
        return _STATUS[self]


_STATUS = {
    ResponseStatus.PERMANENT: 301,
    ResponseStatus.FOUND: 302,
    ResponseStatus.TEMPORARY: 307,
    ResponseStatus.PERM_REDIRECT: 308,
}


class Keyed(Protocol):
    """An entry of a collection; two entries with one key are the same to `<remove>`."""

    @property
    def key(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Entries[T: Keyed]:
    """A collection as one level says it: what it does not inherit (all of it with `clear`), and what it adds."""

    add: tuple[T, ...] = ()
    remove: tuple[str, ...] = ()
    """Keys of entries."""
    clear: bool = False
    own_first: bool = False
    """Whether what a level adds goes before what it inherits, and not after."""

    def over(self, parent: Entries[T]) -> Entries[T]:
        """Return the collection that is in force below a level in which `parent` is."""
        left = () if self.clear else tuple(entry for entry in parent.add if entry.key not in self.remove)
        own = {entry.key for entry in self.add}
        kept = tuple(entry for entry in left if entry.key not in own)
        removed = tuple(dict.fromkeys((*parent.remove, *self.remove)))
        added = (*self.add, *kept) if self.own_first else (*kept, *self.add)
        return Entries(added, removed, parent.clear or self.clear, self.own_first)


@dataclass(frozen=True, slots=True)
class Word:
    """An entry that is one text: a sequence, a segment, a URL, a query string."""

    text: str
    source: Source = field(default=NOWHERE, compare=False)

    @property
    def key(self) -> str:
        """Compared without case, as IIS looks for it."""
        return self.text.casefold()


@dataclass(frozen=True, slots=True)
class Permission:
    """A verb or a file extension (with its dot) that is allowed or denied."""

    name: str
    allowed: bool = True
    source: Source = field(default=NOWHERE, compare=False)

    @property
    def key(self) -> str:
        """Compared without case."""
        return self.name.casefold()


@dataclass(frozen=True, slots=True)
class HeaderLimit:
    """How many bytes the value of a field of requests may have."""

    header: str
    size_limit: int
    source: Source = field(default=NOWHERE, compare=False)

    @property
    def key(self) -> str:
        """Names of fields are compared without case."""
        return self.header.casefold()


@dataclass(frozen=True, slots=True)
class Header:
    """A field that responses get."""

    name: str
    value: str
    source: Source = field(default=NOWHERE, compare=False)

    @property
    def key(self) -> str:
        """Names of fields are compared without case."""
        return self.name.casefold()


@dataclass(frozen=True, slots=True)
class Address:
    """An address or network (`10.0.0.0/8`) that is let in or kept out; with `domain_name` a name, which is not."""

    network: str
    allowed: bool = False
    domain_name: str = ""
    source: Source = field(default=NOWHERE, compare=False)

    @property
    def key(self) -> str:
        """The network or the name."""
        return self.network or self.domain_name.casefold()


@dataclass(frozen=True, slots=True)
class WildcardRedirect:
    """A redirect of the URLs that a wildcard matches."""

    wildcard: str
    destination: str
    source: Source = field(default=NOWHERE, compare=False)

    @property
    def key(self) -> str:
        """Compared without case."""
        return self.wildcard.casefold()


@dataclass(frozen=True, slots=True, kw_only=True)
class FilteringRule:
    """A `<filteringRule>`: texts that parts of a request must not have."""

    name: str
    scan_url: bool = False
    scan_query_string: bool = False
    scan_all_raw: bool = False
    deny_unescaped_percent: bool = True
    scan_headers: tuple[str, ...] = ()
    applies_to: tuple[str, ...] = ()
    """File extensions with their dots; () for every URL."""
    deny_strings: tuple[str, ...] = ()
    source: Source = field(default=NOWHERE, compare=False)

    @property
    def key(self) -> str:
        """Its name."""
        return self.name.casefold()


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """`<access>` of `<security>`."""

    ssl_flags: frozenset[SslFlag] | None = None
    source: Source = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class IpSecurity:
    """`<ipSecurity>`: the first entry that fits decides; the allowed are all others, unless `allowUnlisted="false"`."""

    allow_unlisted: bool | None = None
    deny_action: DenyAction | None = None
    enable_proxy_mode: bool | None = None
    addresses: Entries[Address] = Entries()
    source: Source = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Permissions:
    """`<verbs>` or `<fileExtensions>`."""

    allow_unlisted: bool | None = None
    listed: Entries[Permission] = Entries()


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestLimits:
    """`<requestLimits>`, in bytes; what is not given is not limited."""

    max_allowed_content_length: int | None = None
    max_url: int | None = None
    max_query_string: int | None = None
    header_limits: Entries[HeaderLimit] = Entries()


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFiltering:
    """`<requestFiltering>`; what is not given is not filtered."""

    allow_double_escaping: bool | None = None
    allow_high_bit_characters: bool | None = None
    unescape_query_string: bool | None = None
    remove_server_header: bool | None = None
    limits: RequestLimits = RequestLimits()
    file_extensions: Permissions = Permissions()
    verbs: Permissions = Permissions()
    hidden_segments: Entries[Word] = Entries()
    deny_url_sequences: Entries[Word] = Entries()
    deny_query_string_sequences: Entries[Word] = Entries()
    always_allowed_urls: Entries[Word] = Entries()
    always_allowed_query_strings: Entries[Word] = Entries()
    filtering_rules: Entries[FilteringRule] = Entries()
    source: Source = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpProtocol:
    """`<httpProtocol>`: fields that every response gets, and those that redirects get besides."""

    custom_headers: Entries[Header] = Entries()
    redirect_headers: Entries[Header] = Entries()
    source: Source = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRedirect:
    """`<httpRedirect>`."""

    enabled: bool | None = None
    destination: str | None = None
    exact_destination: bool | None = None
    child_only: bool | None = None
    http_response_status: ResponseStatus | None = None
    wildcards: Entries[WildcardRedirect] = Entries()
    source: Source = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Handlers:
    """`<handlers>`, or `<httpHandlers>` of `<system.web>`: the first mapping that fits decides who gets a request."""

    access_policy: str | None = None
    mappings: Entries[HandlerMapping] = Entries(own_first=True)
    source: Source = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebServer:
    """All of it at one level."""

    access: Access = Access()
    ip_security: IpSecurity = IpSecurity()
    request_filtering: RequestFiltering = RequestFiltering()
    http_protocol: HttpProtocol = HttpProtocol()
    http_redirect: HttpRedirect = HttpRedirect()
    handlers: Handlers = Handlers()
    http_handlers: Handlers = Handlers()
    kept: tuple[ConfigElement, ...] = ()
    """What asks clients who they are, which is not done here: `<authentication>` and `<authorization>` of `<security>`,
    and `<system.web>` with its own. They are kept so that no file loses them, and none opens a site unnoticed."""


NOTHING_SAID = WebServer()
"""What a level without any of these sections says."""


def inherited[Part](own: Part, parent: Part) -> Part:
    """Return what is in force where a level says `own`, below one in which `parent` is in force."""
    changes: dict[str, Any] = {}
    for item in fields(own):  # type: ignore[arg-type]
        mine, theirs = getattr(own, item.name), getattr(parent, item.name)
        if isinstance(mine, Entries):
            changes[item.name] = mine.over(theirs)
        elif is_dataclass(mine) and not isinstance(mine, Source):
            changes[item.name] = inherited(mine, theirs)
        elif mine is None or mine == NOWHERE:
            changes[item.name] = theirs
        elif isinstance(mine, tuple):
            # What is kept is judged where it was written.
            changes[item.name] = (*theirs, *mine)
    return replace(own, **changes)  # type: ignore[type-var]
