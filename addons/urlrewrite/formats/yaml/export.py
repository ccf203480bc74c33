"""A rule set as a YAML file in this project's style, which loads to an equal one.

A single site without a section above it is written without `sites`. Comments that came with the rules stand before what
they are about.
"""

from __future__ import annotations

from urlrewrite.formats.addresses import site_name
from urlrewrite.formats.proxy_settings import write_settings
from urlrewrite.formats.yaml.export_elements import element_table
from urlrewrite.formats.yaml.export_farms import connections_of, farms_of, timeouts_of, tls_of
from urlrewrite.formats.yaml.export_rules import (
    add_own,
    add_shared,
    add_switch,
    comments_elsewhere,
    inbound_rules,
    one_or_list,
    texts,
)
from urlrewrite.formats.yaml.export_tests import tests_of
from urlrewrite.formats.yaml.export_text import List, Map, document
from urlrewrite.model import Location, Mode, Readings, RuleSet, Site, TagReplacement
from urlrewrite.model.farms import DEFAULT_TLS


def to_yaml(rule_set: RuleSet) -> str:
    """Write a rule set as a rule file; return its text.

    `files` and `fingerprint` are not written. Paths (`certificate`, `documentRoot`, `errorPages`) are written as they
    are, absolute.
    Raises ValueError for a text that is no Unicode (lone surrogates).
    """
    root = Map(block=True)
    server = Map(block=True)
    add_own(server, rule_set)
    only = rule_set.sites[0] if len(rule_set.sites) == 1 else None
    if only and not server.entries and not (only.rewrite_maps or only.providers):
        comment = comments_elsewhere(only)
        add_shared(root, rule_set)
        shared, root.entries = root.entries, [("name", only.name, "")]
        _add_site(root, only)
        root.entries += shared
    else:
        comment = ""
        add_shared(root, rule_set)
        root.entries += server.entries
        root.add("sites", List([(_site(site), comments_elsewhere(site)) for site in rule_set.sites], spaced=True))
    if rule_set.global_rules:
        root.add("globalRules", inbound_rules(rule_set.global_rules), rule_set.comments.get("globalRules", ""))
    add_switch(root, "globalUseOriginalURLEncoding", rule_set.global_use_original_url_encoding)
    if rule_set.farms:
        root.add("farms", farms_of(rule_set.farms.values()))
    for key, element in (("webFarms", rule_set.web_farms), ("proxy", rule_set.proxy)):
        if element:
            table = element_table(element)
            if element.name == key:
                del table.entries[0]
            root.add(key, table, element.comment)
    if rule_set.tests:
        root.add("tests", tests_of(rule_set.tests))
    return document(root, "\n".join(filter(None, (comments_elsewhere(rule_set), comment))))


def _site(site: Site) -> Map:
    table = Map(block=True)
    if not site.public or site.name != site_name(site.public[0], site.path):
        table.add("name", site.name)
    _add_site(table, site)
    return table


def _add_site(table: Map, site: Site) -> None:
    every = tuple(f"{scheme}://*:{port}" for scheme, port in site.bound or ())
    if site.public or site.bound is not None:
        table.add("public", one_or_list((*(f"{origin}{site.path}" for origin in site.public), *every)))
    if site.backend:
        table.add("backend", f"{site.backend}{site.backend_path}")
    if site.backend_names:
        table.add("backendNames", one_or_list(tuple(map(str, site.backend_names))))
    if not site.forward_prefix:
        table.add("forwardPrefix", "false")
    if site.root_paths:
        table.add("rootPaths", texts(site.root_paths))
    if site.connect:
        host, port = site.connect
        table.add("connect", f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    table.add("links", str(site.links))
    if site.links_also:
        table.add("linksAlso", one_or_list(tuple(sorted(site.links_also))))
    if not site.map_return_addresses:
        table.add("mapReturnAddresses", "false")
    if site.mode is not Mode.HELPFUL:
        table.add("mode", str(site.mode))
    if site.readings != Readings():
        table.add("readings", _readings(site.readings))
    if site.preserve_host_header is not None:
        table.add("preserveHostHeader", str(site.preserve_host_header).lower())
    for key, value in write_settings(site.proxy_settings).items():
        table.add(key, value)
    if site.timeouts is not None:
        table.add("timeouts", timeouts_of(site.timeouts))
    if site.connections is not None:
        table.add("connections", connections_of(site.connections))
    if site.tls != DEFAULT_TLS:
        table.add("tls", tls_of(site.tls))
    if site.error_pages:
        table.add("errorPages", Map([(str(status), page.file, "") for status, page in site.error_pages.items()]))
    if site.trusted_proxies:
        table.add("trustedProxies", texts(site.trusted_proxies))
    if site.certificate:
        table.add("certificate", site.certificate.file)
    if site.document_root:
        table.add("documentRoot", site.document_root)
    add_shared(table, site)
    add_own(table, site)
    if site.locations:
        entries = [(item.path, _location(item), comments_elsewhere(item)) for item in site.locations]
        table.add("locations", Map([*entries], block=True))


def _readings(readings: Readings) -> Map:
    table = Map()
    if readings.tag_replacement is not TagReplacement.VALUE:
        table.add("tagReplacement", str(readings.tag_replacement))
    if not readings.outbound_track_all_captures:
        table.add("outboundTrackAllCaptures", "false")
    return table


def _location(location: Location) -> Map:
    table = Map()
    if location.relative_to is not None:
        table.add("relativeTo", f"/{location.relative_to}")
    add_shared(table, location)
    add_own(table, location)
    table.block = bool(table.entries)
    return table
