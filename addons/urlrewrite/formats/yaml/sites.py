"""Sites and their locations, from YAML."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable

from urlrewrite.formats.addresses import (
    parse_backend,
    parse_host_port,
    parse_path,
    parse_place,
    parse_public_place,
    site_name,
)
from urlrewrite.formats.files_read import FilesRead
from urlrewrite.formats.proxy_settings import ATTRIBUTES, read_settings
from urlrewrite.formats.questions import Kind
from urlrewrite.formats.reports import ProblemId
from urlrewrite.formats.section_fields import SharedFields
from urlrewrite.formats.wording import shown
from urlrewrite.formats.yaml.error_pages import error_pages_of
from urlrewrite.formats.yaml.farms import SHARING_KEYS, TIMEOUT_KEYS, read_connections, read_timeouts, read_tls
from urlrewrite.formats.yaml.fields import Table, choice_of, table_of
from urlrewrite.formats.yaml.nodes import Sequence
from urlrewrite.formats.yaml.paths import absolute
from urlrewrite.formats.yaml.sections import (
    SECTION_KEYS,
    own_fields,
    shared_fields,
)
from urlrewrite.model import (
    IN_BODIES,
    Certificate,
    Connections,
    LinkMode,
    LinkPlace,
    Location,
    Mode,
    Origin,
    Readings,
    Site,
    TagReplacement,
    Timeouts,
)
from urlrewrite.model.origin import DEFAULT_PORTS

SITE_KEYS = (
    "name",
    "public",
    "backend",
    "backendNames",
    "connect",
    "forwardPrefix",
    "rootPaths",
    "links",
    "linksAlso",
    "mapReturnAddresses",
    "mode",
    "readings",
    "preserveHostHeader",
    *ATTRIBUTES,
    "timeouts",
    "connections",
    "tls",
    "errorPages",
    "trustedProxies",
    "certificate",
    "documentRoot",
    "webConfig",
    *SECTION_KEYS,
    "locations",
)
_EVERY_NAME = re.compile(r"(?P<scheme>https?)://\*(?::(?P<port>\d{1,5}))?/?")
READING_KEYS = ("tagReplacement", "outboundTrackAllCaptures")


def read_site(table: Table, shared: SharedFields, files: FilesRead, *, default_name: str = "") -> Site:
    """Read the site of a mapping; without a name, it is called `default_name` or after its first public host.

    `shared` are its own maps and providers. What `webConfig` names is not read here.
    """
    public, bound, path = _public(table)
    backend, backend_path = _backend(table)
    _check_captures(table, backend, public)
    return Site(
        name=table.text("name") if "name" in table else default_name or (site_name(public[0], path) if public else ""),
        public=public,
        bound=bound,
        path=path,
        backend=backend,
        backend_names=tuple(dict.fromkeys(_parsed(table, "backendNames", _backend_name))),
        backend_path=backend_path,
        forward_prefix=table.boolean("forwardPrefix", True),
        root_paths=tuple(dict.fromkeys(_parsed(table, "rootPaths", _root_path))),
        connect=_connect(table),
        links=table.choice("links", LinkMode.EVERYWHERE),
        links_also=_links_also(table),
        map_return_addresses=table.boolean("mapReturnAddresses", True),
        mode=table.choice("mode", Mode.HELPFUL),
        readings=_readings(table),
        preserve_host_header=table.optional_boolean("preserveHostHeader"),
        proxy_settings=read_settings(table),
        timeouts=_timeouts(table),
        connections=_connections(table),
        tls=read_tls(table),
        error_pages=error_pages_of(table, files),
        trusted_proxies=tuple(_parsed(table, "trustedProxies", _trusted_proxy)),
        certificate=_certificate(table),
        document_root=absolute(table, "documentRoot"),
        locations=_locations(table, files, absolute(table, "documentRoot")),
        source=table.source(),
        **own_fields(table),
        **shared,
    )


def _public(table: Table) -> tuple[tuple[Origin, ...], tuple[tuple[str, int], ...] | None, str]:
    """Read `public`: the names of a site, where it serves every other name, and the path that all of them have."""
    found: dict[Origin, int] = {}
    bound: list[tuple[str, int]] = []
    paths: list[str] = []
    for item in table.texts("public"):
        if every := _EVERY_NAME.fullmatch(item.text):
            bound.append((every["scheme"], int(every["port"] or DEFAULT_PORTS[every["scheme"]])))
            continue
        try:
            origin, path = parse_public_place(item.text)
        except ValueError as error:
            table.report.error(item.line, ProblemId.BAD_ADDRESS, f"{table.label('public')}: {error}")
            continue
        if origin in found:
            message = f"{table.label('public')}: got {origin} again, expected each once"
            table.report.error(item.line, ProblemId.DUPLICATE_NAME, message)
            continue
        found[origin] = item.line
        paths.append(path)
        if path != paths[0]:
            expected = f"the path {shown(paths[0] or '/')} as before: a site with another path is a site of its own"
            message = f"{table.label('public')}: got the path {shown(path or '/')}, expected {expected}"
            table.report.error(item.line, ProblemId.BAD_ADDRESS, message)
    is_said = bool(bound) or ("public" in table and not found)
    return tuple(found), tuple(bound) if is_said else None, paths[0] if paths else ""


def _check_captures(table: Table, backend: Origin | None, public: tuple[Origin, ...]) -> None:
    if backend and "{" in backend.host and not (public and all(origin.is_wildcard for origin in public)):
        message = "got {C:...} in it, expected a wildcard such as https://*.example.com in each public name"
        table.error("backend", ProblemId.NOT_POSSIBLE, message)
    elif backend and backend.host == "{C:0}" and any(origin.port == backend.port for origin in public):
        message = f"got {backend}, expected another address than the public one: it would forward to itself"
        table.error("backend", ProblemId.NOT_POSSIBLE, message)


def _parsed[T](table: Table, key: str, parse: Callable[[str], T]) -> list[T]:
    """Parse one text or a list of them; report those for which `parse` raises ValueError."""
    found = []
    for item in table.texts(key):
        try:
            found.append(parse(item.text))
        except ValueError as error:
            table.report.error(item.line, ProblemId.BAD_ADDRESS, f"{table.label(key)}: {error}")
    return found


def _root_path(text: str) -> str:
    """Parse a beginning of paths such as `/api`; not every string with a slash in front is a URL."""
    path = parse_path(text)
    if not path:
        raise ValueError(f"got {shown(text)}, expected the beginning of a path, such as /api")
    return path


def _backend(table: Table) -> tuple[Origin | None, str]:
    """Read `backend`: the address of the server behind the proxy, and the path below which it is published."""
    if "backend" not in table:
        return None, ""
    text = table.required("backend", "the address of the server behind the proxy, such as http://privateserver:8080")
    try:
        return parse_backend(text) if text else (None, "")
    except ValueError as error:
        table.error("backend", ProblemId.BAD_ADDRESS, str(error))
        return None, ""


def _backend_name(text: str) -> Origin:
    """Parse another origin by which the backend calls itself, such as its machine's or localhost."""
    origin, path = parse_place(text)
    if path:
        raise ValueError(f"got {shown(text)}, expected an address without a path, such as {origin}")
    return origin


def _connect(table: Table) -> tuple[str, int] | None:
    text = table.text("connect")
    try:
        return parse_host_port(text) if text else None
    except ValueError as error:
        table.error("connect", ProblemId.BAD_ADDRESS, str(error))
        return None


def _links_also(table: Table) -> frozenset[LinkPlace]:
    """Read `linksAlso`: one place or a list of them."""
    label, default = table.label("linksAlso"), LinkPlace.COOKIE_VALUES
    places = frozenset(choice_of(item, default, table.report, label) for item in table.texts("linksAlso"))
    mode = table.choice("links", LinkMode.EVERYWHERE)
    needed = LinkMode.TAGS if mode is LinkMode.OFF else LinkMode.EVERYWHERE
    if idle := sorted(places if mode is LinkMode.OFF else places & IN_BODIES if mode is LinkMode.TAGS else ()):
        message = f"{', '.join(idle)} has no effect with links: {mode}, expected links: {needed}"
        table.warning("linksAlso", ProblemId.NO_EFFECT, message)
    return places


def _readings(table: Table) -> Readings:
    """Read `readings`: how to read what IIS's sources leave open."""
    own = table.table("readings", READING_KEYS)
    if own is None:
        return Readings()
    return Readings(own.choice("tagReplacement", TagReplacement.VALUE), own.boolean("outboundTrackAllCaptures", True))


def _timeouts(table: Table) -> Timeouts | None:
    """Read `timeouts`: how long the backend is waited for; what is not given has its default."""
    own = table.table("timeouts", TIMEOUT_KEYS)
    return read_timeouts(own, Timeouts()) if own else None


def _connections(table: Table) -> Connections | None:
    """Read `connections`: how connections to the backend are shared; what is not given has its default."""
    own = table.table("connections", SHARING_KEYS)
    return read_connections(own) if own else None


def _trusted_proxy(text: str) -> str:
    """Return an address, or a network such as `10.0.0.0/8`, in its canonical spelling."""
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        expected = "expected an address such as 10.0.0.7 or a network such as 10.0.0.0/8"
        raise ValueError(f"got {shown(text)}, {expected}") from None
    return str(network) if "/" in text else str(network.network_address)


def _certificate(table: Table) -> Certificate | None:
    file = absolute(table, "certificate")
    return Certificate(file, table.source("certificate")) if file else None


def _locations(site: Table, files: FilesRead, document_root: str) -> tuple[Location, ...]:
    """Read `locations`: paths below the root of the site, each with the section or sections in force there."""
    found = []
    for key, node in site.mapping("locations"):
        label = f"{site.label('locations')}.{key.text}"
        site.report.ask(node, Kind.LIST)
        for item in node.items if isinstance(node, Sequence) else (node,):
            if own := table_of(item, (*SECTION_KEYS, "relativeTo"), site.report, label):
                base = own.text("relativeTo").strip("/") if "relativeTo" in own else None
                path, source = key.text.strip("/"), site.report.source(key.line)
                shared = shared_fields(own, files, document_root)
                found.append(Location(path=path, relative_to=base, source=source, **own_fields(own), **shared))
    return tuple(found)
