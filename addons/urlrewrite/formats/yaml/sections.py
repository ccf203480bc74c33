"""What a `<rewrite>` section holds, from YAML: the keys that the server, a site and a location have in common."""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from pathlib import Path
from types import MappingProxyType
from typing import TypedDict

from urlrewrite.formats.files_read import FilesRead
from urlrewrite.formats.providers import with_answers
from urlrewrite.formats.reports import ProblemId, Report, duplicate_names
from urlrewrite.formats.vocabulary import check_template_name
from urlrewrite.formats.yaml.fields import Table, choice_of, describe, items_of, pairs, table_of, text_of, texts_of
from urlrewrite.formats.yaml.inbound import inbound_rules
from urlrewrite.formats.yaml.nodes import Mapping, Node, Scalar
from urlrewrite.formats.yaml.outbound import custom_tags_of, outbound_rules, pre_conditions_of
from urlrewrite.model import (
    Collection,
    CustomTags,
    InboundRule,
    OutboundRule,
    PreCondition,
    Provider,
    Removal,
    RewriteMap,
)

SHARED_KEYS = ("rewriteMaps", "providers")
"""What is for all sites even where a file with one site has no `sites`."""

SECTION_KEYS = (
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


class SharedFields(TypedDict):
    """The arguments of a Section that `SHARED_KEYS` give."""

    rewrite_maps: MappingOf[str, RewriteMap]
    providers: MappingOf[str, Provider]


class OwnFields(TypedDict):
    """The other arguments of a Section."""

    rules: tuple[InboundRule, ...]
    outbound_rules: tuple[OutboundRule, ...]
    pre_conditions: MappingOf[str, PreCondition]
    custom_tags: MappingOf[str, CustomTags]
    allowed_server_variables: tuple[str, ...] | None
    removals: tuple[Removal, ...]
    use_original_url_encoding: bool | None
    rewrite_before_cache: bool | None


def own_fields(table: Table) -> OwnFields:
    """What a level says but for maps and providers."""
    allowed = tuple(item.text for item in table.texts("allowedServerVariables"))
    return {
        "rules": inbound_rules(table.nodes("rules"), table.report, table.label("rules")),
        "outbound_rules": outbound_rules(table.nodes("outboundRules"), table.report, table.label("outboundRules")),
        "pre_conditions": pre_conditions_of(table),
        "custom_tags": custom_tags_of(table),
        "allowed_server_variables": allowed if "allowedServerVariables" in table else None,
        "removals": _removals(table),
        "use_original_url_encoding": switch(table, "useOriginalURLEncoding"),
        "rewrite_before_cache": switch(table, "rewriteBeforeCache"),
    }


def shared_fields(table: Table, files: FilesRead, document_root: str = "") -> SharedFields:
    """The maps and providers of a level; the files that providers name are read, `{DOCUMENT_ROOT}` being that given."""
    return {"rewrite_maps": _rewrite_maps(table), "providers": _providers(table, files, document_root)}


NOTHING_SHARED: SharedFields = {"rewrite_maps": MappingProxyType({}), "providers": MappingProxyType({})}
"""For a level whose maps and providers stand on the level above it."""

NO_FIELDS: OwnFields = {
    "rules": (),
    "outbound_rules": (),
    "pre_conditions": MappingProxyType({}),
    "custom_tags": MappingProxyType({}),
    "allowed_server_variables": None,
    "removals": (),
    "use_original_url_encoding": None,
    "rewrite_before_cache": None,
}
"""For a level that says nothing."""


def switch(table: Table, key: str) -> bool | None:
    """A switch that is inherited where it is not given."""
    return table.boolean(key, False) if key in table else None


def _removals(table: Table) -> tuple[Removal, ...]:
    """`remove`: a list of collections (all of it) and of `{collection: name or names}`; one of them needs no list."""
    node = table.get("remove")
    if node is None:
        return ()
    label = table.label("remove")
    found: list[Removal] = []
    for item in items_of(node, table.report, label) if not isinstance(node, (Mapping, Scalar)) else (node,):
        if isinstance(item, Mapping):
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
    """`rewriteMaps`: names to entries, or to a mapping that has them under `entries`."""
    found = []
    for key, node in table.mapping("rewriteMaps"):
        label = f"{table.label('rewriteMaps')}.{key.text}"
        check_template_name(key.text, table.report, key.line, label)
        found.append(_rewrite_map(key.text, node, table.report, label, key.line))
    table.report.problems.extend(duplicate_names("rewrite map", ((item.name, item.source) for item in found)))
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


def _providers(table: Table, files: FilesRead, document_root: str) -> MappingOf[str, Provider]:
    """`providers`: names to type and settings."""
    found = []
    for key, node in table.mapping("providers"):
        label = f"{table.label('providers')}.{key.text}"
        check_template_name(key.text, table.report, key.line, label)
        own = table_of(node, PROVIDER_KEYS, table.report, label)
        if own is None:
            continue
        settings = {
            name.text: text_of(value, table.report, f"{label}.settings.{name.text}")
            for name, value in own.mapping("settings")
        }
        type = own.trimmed("type", "a provider such as 'FileMapProvider, Microsoft.Web.Iis.Rewrite.Providers'")
        provider = Provider(key.text, type, MappingProxyType(settings), source=table.report.source(key.line))
        found.append(with_answers(provider, table.report, files, Path(table.report.file).parent, document_root))
    table.report.problems.extend(duplicate_names("provider", ((item.name, item.source) for item in found)))
    return MappingProxyType({item.name: item for item in found})
