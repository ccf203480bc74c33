"""Sites and rewrite maps, from YAML."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping as MappingOf
from pathlib import Path
from types import MappingProxyType

from urlrewrite.formats.addresses import parse_host_port, parse_origin
from urlrewrite.formats.wording import shown
from urlrewrite.formats.yaml_fields import Table, describe, pairs, text_of
from urlrewrite.formats.yaml_inbound import inbound_rules
from urlrewrite.formats.yaml_nodes import Mapping, Node, Sequence
from urlrewrite.formats.yaml_outbound import custom_tags_of, outbound_rules, pre_conditions_of
from urlrewrite.formats.yaml_problems import ProblemId, Report, duplicate_names
from urlrewrite.model import Certificate, LinkMode, Origin, RewriteMap, Site

SITE_KEYS = (
    "name",
    "public",
    "backend",
    "connect",
    "links",
    "preserveHostHeader",
    "trustedProxies",
    "certificate",
    "documentRoot",
    "allowedServerVariables",
    "rules",
    "outboundRules",
    "preConditions",
    "customTags",
    "rewriteMaps",
)
MAP_KEYS = ("defaultValue", "ignoreCase", "entries")

TEMPLATE_NAMES = ("R", "C", "ToLower", "UrlEncode", "UrlDecode", "HtmlEncode")
"""What stands before the colon in `{...:...}` already, so that no rewrite map can have the name."""

_NO_ORIGIN = Origin("http", "", 80)


def read_site(table: Table, rewrite_maps: MappingOf[str, RewriteMap], default_name: str = "") -> Site:
    """The site of a mapping; without a name, it is called `default_name` or like its first public host."""
    public = _public(table)
    backend = _backend(table)
    pre_conditions = pre_conditions_of(table)
    custom_tags = custom_tags_of(table)
    allowed = tuple(item.text for item in table.texts("allowedServerVariables"))
    return Site(
        name=table.text("name") or default_name or (public[0].host if public else ""),
        public=public,
        backend=backend,
        connect=_connect(table),
        links=table.choice("links", LinkMode.EVERYWHERE),
        preserve_host_header=table.boolean("preserveHostHeader", False),
        trusted_proxies=_trusted_proxies(table),
        certificate=_certificate(table),
        document_root=_absolute(table, "documentRoot"),
        allowed_server_variables=allowed if "allowedServerVariables" in table else None,
        rules=inbound_rules(table.nodes("rules"), table.report, table.label("rules")),
        outbound_rules=outbound_rules(table.nodes("outboundRules"), table.report, pre_conditions, custom_tags),
        pre_conditions=pre_conditions,
        custom_tags=custom_tags,
        rewrite_maps=rewrite_maps,
        source=table.report.source(table.node.line),
    )


def _public(table: Table) -> tuple[Origin, ...]:
    node = table.get("public")
    if node is None or (isinstance(node, Sequence) and not node.items):
        expected = "expected the address that browsers use, such as https://www.example.com"
        table.error("public", ProblemId.MISSING, f"got nothing, {expected}")
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


def _backend(table: Table) -> Origin:
    text = table.required("backend", "the address of the server behind the proxy, such as http://privateserver:8080")
    try:
        return parse_origin(text) if text else _NO_ORIGIN
    except ValueError as error:
        table.error("backend", ProblemId.BAD_ADDRESS, str(error))
        return _NO_ORIGIN


def _connect(table: Table) -> tuple[str, int] | None:
    text = table.text("connect")
    try:
        return parse_host_port(text) if text else None
    except ValueError as error:
        table.error("connect", ProblemId.BAD_ADDRESS, str(error))
        return None


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


def _absolute(table: Table, key: str) -> str:
    """A path in a rule file is relative to that file."""
    path = table.text(key)
    return str(Path(table.report.file).absolute().parent / path) if path else ""


def _certificate(table: Table) -> Certificate | None:
    file = _absolute(table, "certificate")
    return Certificate(file, table.report.source(table.at("certificate").line)) if file else None


def rewrite_maps_of(table: Table) -> MappingOf[str, RewriteMap]:
    """`rewriteMaps`: names to entries, or to a mapping that has them under `entries`."""
    report = table.report
    found = []
    for key, node in table.mapping("rewriteMaps"):
        label = f"{table.label('rewriteMaps')}.{key.text}"
        if key.text.casefold() in map(str.casefold, TEMPLATE_NAMES):
            message = f"{label}: got {shown(key.text)}, expected a name that is not one of {', '.join(TEMPLATE_NAMES)}"
            report.error(key.line, ProblemId.BAD_VALUE, message)
        found.append(_rewrite_map(key.text, node, report, label, key.line))
    report.problems.extend(duplicate_names("rewrite map", ((item.name, item.source) for item in found)))
    return MappingProxyType({item.name: item for item in found})


def _rewrite_map(name: str, node: Node, report: Report, label: str, line: int) -> RewriteMap:
    source = report.source(line)
    if not isinstance(node, Mapping):
        report.error(node.line, ProblemId.WRONG_KIND, f"{label}: got {describe(node)}, expected a mapping of entries")
        return RewriteMap(name, MappingProxyType({}), source=source)
    if not any(key.text in MAP_KEYS for key, _ in node.entries):
        return RewriteMap(name, _entries(node, report, label), source=source)
    table = Table(node, MAP_KEYS, report, label)
    entries = table.get("entries")
    if entries is not None and not isinstance(entries, Mapping):
        table.error("entries", ProblemId.WRONG_KIND, f"got {describe(entries)}, expected a mapping of keys to values")
    return RewriteMap(
        name,
        _entries(entries, report, table.label("entries")) if isinstance(entries, Mapping) else MappingProxyType({}),
        table.text("defaultValue"),
        table.boolean("ignoreCase", True),
        source,
    )


def _entries(node: Mapping, report: Report, label: str) -> MappingOf[str, str]:
    return MappingProxyType(
        {key.text: text_of(value, report, f"{label}.{key.text}") for key, value in pairs(node, report, label)}
    )
