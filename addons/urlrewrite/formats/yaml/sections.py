"""What a `<rewrite>` section holds, from YAML: the keys that the server, a site and a location have in common."""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from pathlib import Path
from types import MappingProxyType

from urlrewrite.formats.files_read import FilesRead
from urlrewrite.formats.providers import with_answers
from urlrewrite.formats.questions import Kind
from urlrewrite.formats.reports import ProblemId, Report
from urlrewrite.formats.section_fields import OwnFields, SharedFields
from urlrewrite.formats.vocabulary import check_template_name
from urlrewrite.formats.yaml.fields import (
    Table,
    choice_of,
    describe,
    items_of,
    named,
    pairs,
    table_of,
    texts_by_name,
    texts_of,
)
from urlrewrite.formats.yaml.inbound import inbound_rules, silenced
from urlrewrite.formats.yaml.nodes import Mapping, Node, Scalar
from urlrewrite.formats.yaml.outbound import custom_tags_of, outbound_rules, pre_conditions_of
from urlrewrite.formats.yaml.web_server import WEB_SERVER_KEYS, web_server_of
from urlrewrite.model import (
    Collection,
    Provider,
    Removal,
    RewriteMap,
)

SHARED_KEYS = ("rewriteMaps", "providers")
"""What is for all sites even where a file with one site has no `sites`."""

SECTION_KEYS = (
    "silence",
    *WEB_SERVER_KEYS,
    "allowedServerVariables",
    "remove",
    "useOriginalURLEncoding",
    "rewriteBeforeCache",
    "rules",
    "outboundRules",
    "preConditions",
    "customTags",
    *SHARED_KEYS,
)
MAP_KEYS = ("defaultValue", "ignoreCase", "entries")
PROVIDER_KEYS = ("type", "settings")


def own_fields(table: Table) -> OwnFields:
    """Read what a level says, but for maps and providers."""
    allowed = tuple(item.text for item in table.texts("allowedServerVariables"))
    return {
        "rules": inbound_rules(table.nodes("rules"), table.report, table.label("rules")),
        "outbound_rules": outbound_rules(table.nodes("outboundRules"), table.report, table.label("outboundRules")),
        "pre_conditions": pre_conditions_of(table),
        "custom_tags": custom_tags_of(table),
        "allowed_server_variables": allowed if "allowedServerVariables" in table else None,
        "removals": _removals(table),
        "use_original_url_encoding": table.optional_boolean("useOriginalURLEncoding"),
        "rewrite_before_cache": table.optional_boolean("rewriteBeforeCache"),
        "web_server": web_server_of(table),
        "silenced": silenced(table),
    }


def shared_fields(table: Table, files: FilesRead, document_root: str = "") -> SharedFields:
    """Read the maps and providers of a level, and the files that providers name.

    `document_root` is what `{DOCUMENT_ROOT}` stands for in them; the directory of the rule file if it is "".
    """
    return {"rewrite_maps": _rewrite_maps(table), "providers": _providers(table, files, document_root)}


def _removals(table: Table) -> tuple[Removal, ...]:
    """Read `remove`: collections (all of it) and `{collection: name or names}`, in a list unless there is only one."""
    node = table.get("remove")
    if node is None:
        return ()
    label = table.label("remove")
    found: list[Removal] = []
    for item in items_of(node, table.report, label) if not isinstance(node, (Mapping, Scalar)) else (node,):
        if isinstance(item, Mapping):
            table.report.ask(item, Kind.NAMES, words=tuple(Collection))
            for key, value in pairs(item, table.report, label):
                found += _removed(key, value, table.report, label)
        else:
            collection = choice_of(item, Collection.RULES, table.report, label)
            found.append(Removal(collection, source=table.report.source(item.line)))
    return tuple(found)


def _removed(key: Scalar, value: Node, report: Report, label: str) -> list[Removal]:
    collection = choice_of(key, Collection.RULES, report, label)
    names = texts_of(value, report, f"{label}.{key.text}")
    found = []
    for name in names:
        if name.is_null or not name.text:
            message = f"{label}.{key.text}: got nothing, expected a name; to remove all of it write {key.text} alone"
            report.error(name.line, ProblemId.MISSING, message)
        else:
            found.append(Removal(collection, name.text, report.source(name.line)))
    return found


def _rewrite_maps(table: Table) -> MappingOf[str, RewriteMap]:
    """Read `rewriteMaps`: names to entries, or to a mapping that has them under `entries`."""
    report = table.report

    def read(name: Scalar, node: Node, label: str) -> RewriteMap:
        check_template_name(name.text, report, name.line, label)
        source = report.source(name.line)
        if not isinstance(node, Mapping):
            message = f"{label}: got {describe(node)}, expected a mapping of entries"
            report.error(node.line, ProblemId.WRONG_KIND, message)
            return RewriteMap(name.text, MappingProxyType({}), source=source)
        report.ask(node, Kind.TABLE, keys=MAP_KEYS)
        if not any(key.text in MAP_KEYS for key, _ in node.entries):
            return RewriteMap(name.text, _entries(node, report, label), source=source)
        own = Table(node, MAP_KEYS, report, label)
        entries = own.get("entries")
        if entries is not None and not isinstance(entries, Mapping):
            message = f"got {describe(entries)}, expected a mapping of keys to values"
            own.error("entries", ProblemId.WRONG_KIND, message)
        return RewriteMap(
            name.text,
            _entries(entries, report, own.label("entries")) if isinstance(entries, Mapping) else MappingProxyType({}),
            own.text("defaultValue"),
            own.boolean("ignoreCase", True),
            source,
        )

    return named(table, "rewriteMaps", "rewrite map", read)


def _entries(node: Mapping, report: Report, label: str) -> MappingOf[str, str]:
    report.ask(node, Kind.NAMES)
    return MappingProxyType(texts_by_name(pairs(node, report, label), report, label))


def _providers(table: Table, files: FilesRead, document_root: str) -> MappingOf[str, Provider]:
    """Read `providers`: names to type and settings."""
    report = table.report

    def read(name: Scalar, node: Node, label: str) -> Provider | None:
        check_template_name(name.text, report, name.line, label)
        own = table_of(node, PROVIDER_KEYS, report, label)
        if own is None:
            return None
        settings = MappingProxyType(own.text_mapping("settings"))
        type = own.trimmed("type", "a provider such as 'FileMapProvider, Microsoft.Web.Iis.Rewrite.Providers'")
        provider = Provider(name.text, type, settings, source=report.source(name.line))
        return with_answers(provider, report, files, Path(report.file).parent, document_root)

    return named(table, "providers", "provider", read)
