"""Sites and their locations, from YAML."""

from __future__ import annotations

import ipaddress
from pathlib import Path

from urlrewrite.formats.addresses import parse_host_port, parse_origin
from urlrewrite.formats.files_read import FilesRead
from urlrewrite.formats.reports import ProblemId
from urlrewrite.formats.wording import shown
from urlrewrite.formats.yaml.fields import Table, table_of
from urlrewrite.formats.yaml.nodes import Sequence
from urlrewrite.formats.yaml.sections import (
    SECTION_KEYS,
    SharedFields,
    own_fields,
    shared_fields,
)
from urlrewrite.model import (
    ActionType,
    Certificate,
    InboundRule,
    LinkMode,
    Location,
    Mode,
    Origin,
    Readings,
    Site,
    TagReplacement,
)

SITE_KEYS = (
    "name",
    "public",
    "backend",
    "connect",
    "links",
    "mode",
    "readings",
    "preserveHostHeader",
    "trustedProxies",
    "certificate",
    "documentRoot",
    "webConfig",
    *SECTION_KEYS,
    "locations",
)
READING_KEYS = ("tagReplacement", "outboundTrackAllCaptures")


def read_site(table: Table, shared: SharedFields, files: FilesRead, *, default_name: str = "", routed: bool) -> Site:
    """The site of a mapping; without a name, it is called `default_name` or like its first public host.

    `shared` are its own maps and providers, and `routed` tells whether a rule of the server level may send requests
    somewhere. What `webConfig` names is not read here.
    """
    public = _public(table)
    site = Site(
        name=table.text("name") if "name" in table else default_name or (public[0].host if public else ""),
        public=public,
        backend=_backend(table),
        connect=_connect(table),
        links=table.choice("links", LinkMode.EVERYWHERE),
        mode=table.choice("mode", Mode.HELPFUL),
        readings=_readings(table),
        preserve_host_header=table.boolean("preserveHostHeader", False),
        trusted_proxies=_trusted_proxies(table),
        certificate=_certificate(table),
        document_root=absolute(table, "documentRoot"),
        locations=_locations(table, files, absolute(table, "documentRoot")),
        source=table.report.source(table.node.line),
        **own_fields(table),
        **shared,
    )
    if "backend" not in table and "webConfig" not in table and not (routed or _routes(site)):
        message = (
            "got no address of a backend and no rule that rewrites to an absolute URL, expected one of them: "
            "a request that no rule answers gets 404"
        )
        table.warning("backend", ProblemId.NO_BACKEND, message)
    return site


def goes_elsewhere(rules: tuple[InboundRule, ...]) -> bool:
    """Whether a rule rewrites to an absolute URL, or to what may turn out to be one."""
    return any(
        rule.action.type is ActionType.REWRITE and ("://" in rule.action.url or rule.action.url.startswith("{"))
        for rule in rules
    )


def _routes(site: Site) -> bool:
    return any(goes_elsewhere(section.rules) for section in (site, *site.locations))


def _public(table: Table) -> tuple[Origin, ...]:
    found: dict[Origin, int] = {}
    for item in table.texts("public"):
        try:
            origin = parse_origin(item.text)
        except ValueError as error:
            table.report.error(item.line, ProblemId.BAD_ADDRESS, f"{table.label('public')}: {error}")
            continue
        if origin in found:
            message = f"{table.label('public')}: got {origin} again, expected each once"
            table.report.error(item.line, ProblemId.DUPLICATE_NAME, message)
        found[origin] = item.line
    return tuple(found)


def _backend(table: Table) -> Origin | None:
    if "backend" not in table:
        return None
    text = table.required("backend", "the address of the server behind the proxy, such as http://privateserver:8080")
    try:
        return parse_origin(text) if text else None
    except ValueError as error:
        table.error("backend", ProblemId.BAD_ADDRESS, str(error))
        return None


def _connect(table: Table) -> tuple[str, int] | None:
    text = table.text("connect")
    try:
        return parse_host_port(text) if text else None
    except ValueError as error:
        table.error("connect", ProblemId.BAD_ADDRESS, str(error))
        return None


def _readings(table: Table) -> Readings:
    """`readings`: how what IIS's sources leave open is read."""
    own = table.table("readings", READING_KEYS)
    if own is None:
        return Readings()
    return Readings(own.choice("tagReplacement", TagReplacement.VALUE), own.boolean("outboundTrackAllCaptures", True))


def _trusted_proxies(table: Table) -> tuple[str, ...]:
    """Addresses, and networks such as `10.0.0.0/8`, in their canonical spelling."""
    found = []
    for item in table.texts("trustedProxies"):
        try:
            network = ipaddress.ip_network(item.text)
        except ValueError:
            message = f"got {shown(item.text)}, expected an address such as 10.0.0.7 or a network such as 10.0.0.0/8"
            table.report.error(item.line, ProblemId.BAD_ADDRESS, f"{table.label('trustedProxies')}: {message}")
            continue
        found.append(str(network) if "/" in item.text else str(network.network_address))
    return tuple(found)


def absolute(table: Table, key: str) -> str:
    """A path in a rule file is relative to that file."""
    path = table.text(key)
    return str(Path(table.report.file).absolute().parent / path) if path else ""


def _certificate(table: Table) -> Certificate | None:
    file = absolute(table, "certificate")
    return Certificate(file, table.report.source(table.at("certificate").line)) if file else None


def _locations(site: Table, files: FilesRead, document_root: str) -> tuple[Location, ...]:
    """`locations`: paths below the root of the site to the section that is in force there, or to several of them."""
    found = []
    for key, node in site.mapping("locations"):
        label = f"{site.label('locations')}.{key.text}"
        for item in node.items if isinstance(node, Sequence) else (node,):
            if own := table_of(item, SECTION_KEYS, site.report, label):
                path, source = key.text.strip("/"), site.report.source(key.line)
                shared = shared_fields(own, files, document_root)
                found.append(Location(path=path, source=source, **own_fields(own), **shared))
    return tuple(found)
