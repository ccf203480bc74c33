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
from urlrewrite.model.field_lines import FieldLines
from urlrewrite.model.origin import Origin
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


@dataclass(frozen=True, slots=True)
class Readings:
    """Ours: how a site reads what the sources of IIS's behaviour leave open.

    `outbound_track_all_captures` is what an outbound rule has that does not say: true by rewrite_schema.xml, false by
    the prose of the 2.0 configuration reference.
    """

    tag_replacement: TagReplacement = TagReplacement.VALUE
    outbound_track_all_captures: bool = True


@dataclass(frozen=True, slots=True)
class Certificate:
    """Ours: the PEM file with key, certificate and chain of a site; `file` is absolute."""

    file: str
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

    `removals` come before what the level adds. None means "as inherited": for `allowed_server_variables` that is, where
    no level says anything, every variable; for the switches it is IIS's default. `use_original_url_encoding` is
    `useOriginalURLEncoding` of `<rules>`. `comments` holds comments that belong to no entry: element to text.
    """

    rules: tuple[InboundRule, ...] = ()
    outbound_rules: tuple[OutboundRule, ...] = ()
    pre_conditions: Mapping[str, PreCondition] = field(default_factory=lambda: MappingProxyType({}))
    custom_tags: Mapping[str, CustomTags] = field(default_factory=lambda: MappingProxyType({}))
    rewrite_maps: Mapping[str, RewriteMap] = field(default_factory=lambda: MappingProxyType({}))
    providers: Mapping[str, Provider] = field(default_factory=lambda: MappingProxyType({}))
    allowed_server_variables: tuple[str, ...] | None = None
    removals: tuple[Removal, ...] = ()
    use_original_url_encoding: bool | None = None
    rewrite_before_cache: bool | None = None
    comments: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Location(Section):
    """The section of a directory of a site: a `<location path>`, or the `web.config` of a folder.

    `path` is relative to the site's root and decoded, without slashes at its ends (`shop/cart`). Its rules see URLs
    relative to it.
    """

    path: str
    source: Source = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site(Section):
    """Ours (IIS: site, bindings and the `<rewrite>` section in one): a public name, what is behind it, and its rules.

    `public` names the origins that browsers use; the first one is the one that redirects and links are made for when a
    request came by a name or scheme that is not listed. Without any, the site serves every name that no other has.
    `path` is where below these names the site is mounted, as an application is in IIS, and `backend_path` where it
    stands below the backend: "" for the root, else as in a URL, with a slash at the beginning and none at the end.
    `forward_prefix` tells the backend its public path in X-Forwarded-Prefix, so that links that begin with it are taken
    for public ones. `root_paths` are beginnings of paths of the backend that its scripts and JSON name without a host.
    `backend` is None where only rules say where requests go; `backend_names` are further origins by which it calls
    itself in responses. `connect` is the `(host, port)` to dial for the backend where its own name does not resolve.
    `preserve_host_header` is ARR's `preserveHostHeader`. `trusted_proxies` lists addresses and networks of clients
    whose X-Forwarded-For is continued rather than replaced.
    """

    name: str
    public: tuple[Origin, ...] = ()
    path: str = ""
    backend: Origin | None = None
    backend_names: tuple[Origin, ...] = ()
    backend_path: str = ""
    forward_prefix: bool = True
    root_paths: tuple[str, ...] = ()
    connect: tuple[str, int] | None = None
    links: LinkMode = LinkMode.EVERYWHERE
    links_also: frozenset[LinkPlace] = frozenset()
    mode: Mode = Mode.HELPFUL
    readings: Readings = Readings()
    preserve_host_header: bool = False
    trusted_proxies: tuple[str, ...] = ()
    certificate: Certificate | None = None
    document_root: str = ""
    locations: tuple[Location, ...] = ()
    source: Source = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class ConfigElement:
    """An element of `applicationHost.config` that is kept as it is: `<webFarm>`, `<proxy>`."""

    name: str
    attributes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    children: tuple[ConfigElement, ...] = ()
    source: Source = field(default=NOWHERE, compare=False)
    comment: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a rule file's own test expects; None means "not asked".

    `body_has` and `body_lacks` are texts; `fields` are response fields by lower-case name; `request_fields` are fields
    as the backend gets them, None standing for "must not be sent".
    """

    status: int | None = None
    location: str | None = None
    url: str | None = None
    action: str | None = None
    site: str | None = None
    fields: Mapping[str, str | None] = field(default_factory=dict)
    request_fields: Mapping[str, str | None] = field(default_factory=dict)
    body_has: tuple[str, ...] = ()
    body_lacks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RuleTest:
    """A case under `tests:`: a request, optionally the response of the backend, and what is expected of both."""

    method: str
    url: str
    expect: Expectation
    fields: FieldLines = ()
    response_status: int | None = None
    response_fields: FieldLines = ()
    response_body: str = ""
    name: str = ""
    source: Source = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSet(Section):
    """All that is in force: the sites of every rule file, and as a section what all sites inherit from the server.

    `global_rules` run before the rules of any site and may use the rewrite maps and providers of this level.
    `web_farms` and `proxy` are `<webFarms>` and `<proxy>` of ARR. `fingerprint` is a short hash of the files' content;
    `files` are the files to watch, absolute.
    """

    sites: tuple[Site, ...] = ()
    global_rules: tuple[InboundRule, ...] = ()
    global_use_original_url_encoding: bool | None = None
    web_farms: tuple[ConfigElement, ...] = ()
    proxy: ConfigElement | None = None
    tests: tuple[RuleTest, ...] = ()
    files: tuple[str, ...] = ()
    fingerprint: str = ""
