"""What rules stand in: sections, locations, sites, all that is in force; and the tests of a rule file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from urlrewrite.model.choices import (
    Collection,
    LinkMode,
    LinkPlace,
    Mode,
    TagReplacement,
)
from urlrewrite.model.config_element import ConfigElement
from urlrewrite.model.farms import DEFAULT_TLS, BackendTls, Connections, Farm, Timeouts
from urlrewrite.model.field_lines import FieldLines
from urlrewrite.model.origin import Origin
from urlrewrite.model.proxy_settings import NO_PROXY_SETTINGS, ProxySettings
from urlrewrite.model.rules import (
    NOWHERE,
    CustomTags,
    InboundRule,
    OutboundRule,
    PreCondition,
    Provider,
    RewriteMap,
    Source,
)
from urlrewrite.model.web_server import NOTHING_SAID, WebServer


@dataclass(frozen=True, slots=True)
class Readings:
    """Ours: how a site reads what the sources of IIS's behaviour leave open."""

    tag_replacement: TagReplacement = TagReplacement.VALUE
    """What a Rewrite of a rule for tags replaces."""
    outbound_track_all_captures: bool = True
    """`trackAllCaptures` of outbound rules without it: true by rewrite_schema.xml, false by the 2.0 reference."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """Ours: the TLS certificate of a site."""

    file: str
    """The PEM file with key, certificate and chain, as an absolute path."""
    source: Source = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class ErrorPage:
    """Ours (IIS: `<error>` of `<httpErrors>`): a page for a status with which the proxy itself responds."""

    file: str
    """The file, as an absolute path."""
    content: bytes
    """What is in it; `{TraceId}` stands for the id of the trace."""
    content_type: str
    """The Content-Type that it is sent with."""
    source: Source = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Removal:
    """`<remove name="...">` in a collection, or `<clear/>` where `name` is "": what is not inherited."""

    collection: Collection
    name: str = ""
    source: Source = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A `<rewrite>` section: what one level of the configuration (server, site, location) adds to the level above.

    None means "as inherited"; where no level says anything, IIS's default holds.
    """

    rules: tuple[InboundRule, ...] = ()
    """Inbound rules, in the order in which they run."""
    outbound_rules: tuple[OutboundRule, ...] = ()
    """Outbound rules, in the order in which they run."""
    pre_conditions: Mapping[str, PreCondition] = field(default_factory=lambda: MappingProxyType({}))
    """Preconditions of outbound rules, by name."""
    custom_tags: Mapping[str, CustomTags] = field(default_factory=lambda: MappingProxyType({}))
    """Lists of tags and attributes for outbound rules, by name."""
    rewrite_maps: Mapping[str, RewriteMap] = field(default_factory=lambda: MappingProxyType({}))
    """Rewrite maps, by name."""
    providers: Mapping[str, Provider] = field(default_factory=lambda: MappingProxyType({}))
    """Rewrite providers, by name."""
    allowed_server_variables: tuple[str, ...] | None = None
    """Server variables that rules may set; every variable where no level has a list."""
    removals: tuple[Removal, ...] = ()
    """What is not inherited; applied before the level adds anything."""
    use_original_url_encoding: bool | None = None
    """`useOriginalURLEncoding` of `<rules>`: whether IIS encodes a rewritten URL once more."""
    rewrite_before_cache: bool | None = None
    """`rewriteBeforeCache` of `<outboundRules>`."""
    web_server: WebServer = NOTHING_SAID
    """What stands beside `<rewrite>` in `<system.webServer>` and is done here."""
    silenced: tuple[str, ...] = ()
    """Ids of findings about the level itself, and not about one of its rules, that are not to be reported."""
    comments: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), compare=False)
    """Comments of the file that belong to no entry: name of an element to text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Location(Section):
    """The section of a directory of a site: a `<location path>`, or the `web.config` of a folder."""

    path: str
    """Relative to the site's root and decoded, without slashes at its ends (`shop/cart`)."""
    relative_to: str | None = None
    """The directory to which the URLs that its rules see and write are relative, as `path`; None: to this one.

    IIS 10 has them relative to the application where they stand in a `<location path>` (measured).
    """
    source: Source = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site(Section):
    """Ours (IIS: site, bindings and `<rewrite>` section in one): a public name, what is behind it, and its rules."""

    name: str
    """Unique among the sites."""
    public: tuple[Origin, ...] = ()
    """The origins that browsers use; none: the site serves every name that no other site has.

    Redirects and links are made for the first one where a request came by a name or scheme that is not listed.
    """
    bound: tuple[tuple[str, int], ...] | None = None
    """(scheme, port) pairs of IIS's bindings without a host: there it serves every name that no site has.

    None: no bindings; a site without public names then serves every name at every port.
    """
    path: str = ""
    """Where below the public names the site is mounted, as an application is in IIS: "" (the root) or `/app`."""
    backend: Origin | None = None
    """Where requests are sent; None where only rules say so."""
    backend_names: tuple[Origin, ...] = ()
    """Further origins by which the backend calls itself in responses."""
    backend_path: str = ""
    """Where below the backend's origin the site begins: "" (the root) or `/app`."""
    forward_prefix: bool = True
    """Whether the backend gets its public path in X-Forwarded-Prefix; links that begin with that count as public."""
    root_paths: tuple[str, ...] = ()
    """Beginnings of paths of the backend that its scripts and JSON name without a host."""
    connect: tuple[str, int] | None = None
    """The `(host, port)` to dial for the backend where its own name does not resolve."""
    links: LinkMode = LinkMode.EVERYWHERE
    """How far the backend's URLs in responses are mapped without a rule."""
    links_also: frozenset[LinkPlace] = frozenset()
    """Places in which links are mapped although that is not certain to be right."""
    map_return_addresses: bool = True
    """Whether its public names in queries to which a browser is sent back (`redirect_uri`) become its backend's."""
    mode: Mode = Mode.HELPFUL
    """What becomes of a rule that fails in IIS."""
    readings: Readings = Readings()
    """How this site reads what IIS's documentation leaves open."""
    preserve_host_header: bool | None = None
    """ARR's `preserveHostHeader`: the backend gets the Host field as the client sent it; see `keeps_host`."""
    proxy_settings: ProxySettings = NO_PROXY_SETTINGS
    """What else ARR has in `<proxy>`; what is not said here is as `<proxy>` of the server, or a farm, says."""
    timeouts: Timeouts | None = None
    """How long the backend is waited for; None: as `<proxy timeout>` of the server says, or by default."""
    connections: Connections | None = None
    """How connections to the backend are shared; None: by default. (Requests wait in queues of farms only.)"""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses and networks of clients whose X-Forwarded-For is continued rather than replaced."""
    tls: BackendTls = DEFAULT_TLS
    """TLS to the backend, and to every other host that rules of this site forward to, but for server farms."""
    error_pages: Mapping[int, ErrorPage] = field(default_factory=lambda: MappingProxyType({}))
    """Pages by status, for errors of the proxy itself; what a backend or a CustomResponse says is left alone."""
    certificate: Certificate | None = None
    """The certificate for the public names; None: mitmproxy's CA makes one."""
    document_root: str = ""
    """The absolute directory of the site's files, for IsFile, IsDirectory and `{REQUEST_FILENAME}`; "" for none."""
    invented_root: str = field(default=r"C:\inetpub\wwwroot", compare=False)
    """Where `{REQUEST_FILENAME}` and its like have the URL's path below, where there is no `document_root`."""
    locations: tuple[Location, ...] = ()
    """The directories that have a section of their own."""
    source: Source = field(default=NOWHERE, compare=False)

    def keeps_host(self, farm: Farm | None, server: bool) -> bool:
        """Say whether a request is forwarded with the client's Host, to a farm or not.

        `server` is what `<proxy>` says, which is not for farms.
        """
        if self.preserve_host_header or farm:
            return bool(self.preserve_host_header) or (farm is not None and farm.preserve_host_header)
        return server and self.preserve_host_header is None


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a rule file's own test expects; None means "not checked"."""

    status: int | None = None
    """The status that the client gets."""
    location: str | None = None
    """The Location field that the client gets."""
    url: str | None = None
    """The absolute URL to which the request is forwarded."""
    action: str | None = None
    """What the inbound rules decided, by the name of IIS's action."""
    site: str | None = None
    """The name of the site that serves the request."""
    fields: Mapping[str, str | None] = field(default_factory=dict)
    """Response fields by lower-case name; None: must not be sent."""
    request_fields: Mapping[str, str | None] = field(default_factory=dict)
    """Request fields as the backend gets them, by lower-case name; None: must not be sent."""
    body_has: tuple[str, ...] = ()
    """Texts that the body has, after rewriting."""
    body_lacks: tuple[str, ...] = ()
    """Texts that the body lacks, after rewriting."""


@dataclass(frozen=True, slots=True)
class RuleTest:
    """A case under `tests:`: a request, optionally the response of the backend, and what is expected of both."""

    method: str
    """The request's method."""
    url: str
    """The absolute URL that the client requests."""
    expect: Expectation
    """What must come out."""
    fields: FieldLines = ()
    """The request's field lines: name and value."""
    response_status: int | None = None
    """The status of the backend's response; None: the test is of the request only."""
    response_fields: FieldLines = ()
    """The field lines of the backend's response."""
    response_body: str = ""
    """The body of the backend's response."""
    name: str = ""
    """What reports call the test; "" for its method and URL."""
    source: Source = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSet(Section):
    """All that is in force: the sites of every rule file, and as a section what all sites inherit from the server."""

    sites: tuple[Site, ...] = ()
    """The sites, in the order of the files."""
    global_rules: tuple[InboundRule, ...] = ()
    """Rules that run before those of any site; they may use the rewrite maps and providers of this level."""
    global_use_original_url_encoding: bool | None = None
    """`useOriginalURLEncoding` of `<globalRules>`."""
    farms: Mapping[str, Farm] = field(default_factory=lambda: MappingProxyType({}))
    """Server farms, by name as written; a host of a URL names one without regard to case."""
    web_farms: ConfigElement | None = None
    """What ARR's `<webFarms>` says that `farms` have nothing for, with the names of its farms and servers."""
    proxy: ConfigElement | None = None
    """ARR's `<proxy>` element."""
    timeouts: Timeouts | None = field(default=None, compare=False)
    """What `<proxy timeout>` says; None if it says nothing."""
    preserve_host_header: bool = field(default=False, compare=False)
    """What `<proxy preserveHostHeader>` says."""
    proxy_settings: ProxySettings = field(default=NO_PROXY_SETTINGS, compare=False)
    """What else `<proxy>` says."""
    tests: tuple[RuleTest, ...] = ()
    """The tests of all files."""
    files: tuple[str, ...] = ()
    """The files to watch, as absolute paths."""
    fingerprint: str = ""
    """A short hash of the files' content."""
    refused: Mapping[str, Source] = field(default_factory=lambda: MappingProxyType({}), compare=False)
    """Files that IIS refuses as they are written, and the first place in each that it stumbles over."""
