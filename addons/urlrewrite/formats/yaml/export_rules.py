"""Rules, conditions, maps and what else a `<rewrite>` section holds, as the tree of a YAML file.

What has its default is left out; the short forms are taken where they say the same.
"""

from __future__ import annotations

from collections.abc import Iterable

from urlrewrite.formats.yaml.export_text import List, Map, Node
from urlrewrite.formats.yaml.export_web_server import add_web_server
from urlrewrite.formats.yaml.sections import MAP_KEYS
from urlrewrite.model import (
    Action,
    ActionType,
    Condition,
    Conditions,
    CustomTags,
    InboundRule,
    LogicalGrouping,
    Match,
    MatchType,
    OutboundAction,
    OutboundActionType,
    OutboundMatch,
    OutboundRule,
    PatternSyntax,
    PreCondition,
    Provider,
    RedirectType,
    Removal,
    ResponseCacheDirective,
    RewriteMap,
    Section,
    SetServerVariable,
)

_SHORT_MAP = 3
"""Entries of a rewrite map that may stand on one line."""


def add_shared(table: Map, section: Section) -> None:
    """Add the maps and providers of a section."""
    if section.rewrite_maps:
        table.add("rewriteMaps", _named((item, _rewrite_map(item)) for item in section.rewrite_maps.values()))
    if section.providers:
        table.add("providers", _named((item, _provider(item)) for item in section.providers.values()))
    _comment_last(table, section, ("rewriteMaps", "providers"))


def add_own(table: Map, section: Section) -> None:
    """Add the rest of a section."""
    if section.silenced:
        table.add("silence", texts(section.silenced))
    add_web_server(table, section.web_server)
    if section.allowed_server_variables is not None:
        table.add("allowedServerVariables", texts(section.allowed_server_variables))
    if section.removals:
        table.add("remove", _removals(section.removals))
    add_switch(table, "useOriginalURLEncoding", section.use_original_url_encoding)
    add_switch(table, "rewriteBeforeCache", section.rewrite_before_cache)
    if section.rules:
        table.add("rules", inbound_rules(section.rules))
    if section.pre_conditions:
        table.add("preConditions", _named((item, _pre_condition(item)) for item in section.pre_conditions.values()))
    if section.custom_tags:
        table.add("customTags", _named((item, _tags(item)) for item in section.custom_tags.values()))
    if section.outbound_rules:
        table.add("outboundRules", List([(_outbound(rule), rule.comment) for rule in section.outbound_rules], True))
    _comment_last(table, section, ("allowedServerVariables", "rules", "preConditions", "customTags", "outboundRules"))


def comments_elsewhere(section: Section) -> str:
    """Return the comments of a section that no key of it can take."""
    taken = {key for key in _COLLECTION_KEYS if _has(section, key)}
    return "\n".join(text for element, text in section.comments.items() if element not in taken)


_COLLECTION_KEYS = {
    "allowedServerVariables": "allowed_server_variables",
    "rules": "rules",
    "preConditions": "pre_conditions",
    "customTags": "custom_tags",
    "outboundRules": "outbound_rules",
    "rewriteMaps": "rewrite_maps",
    "providers": "providers",
}


def _has(section: Section, key: str) -> bool:
    value = getattr(section, _COLLECTION_KEYS[key])
    return value is not None and (bool(value) or key == "allowedServerVariables")


def _comment_last(table: Map, section: Section, keys: Iterable[str]) -> None:
    """Give the collections just added the comments that their elements have."""
    wanted = {key: section.comments[key] for key in keys if key in section.comments}
    table.entries[:] = [(key, value, wanted.get(key, comment)) for key, value, comment in table.entries]


def texts(words: Iterable[str]) -> List:
    """Make a list of texts."""
    return List([(word, "") for word in words])


def one_or_list(words: tuple[str, ...]) -> Node:
    """Write one text alone, several as a list."""
    return words[0] if len(words) == 1 else texts(words)


def add_switch(table: Map, key: str, value: bool | None) -> None:
    """Add a switch unless it is inherited (None)."""
    if value is not None:
        table.add(key, _yes(value))


def _yes(value: bool) -> str:
    return "true" if value else "false"


def _named(items: Iterable[tuple[PreCondition | CustomTags | RewriteMap | Provider, Node]]) -> Map:
    return Map([(item.name, node, item.comment) for item, node in items], block=True)


def _removals(removals: Iterable[Removal]) -> List:
    """Write `- rules` for all of a collection, `- rules: [a, b]` for names of it, in their order."""
    found = List()
    names: list[str] = []
    last = ""
    for removal in removals:
        if removal.name and names and last == removal.collection:
            names.append(removal.name)
            found.items[-1] = (Map([(last, texts(names), "")]), "")
            continue
        last, names = str(removal.collection), [removal.name] if removal.name else []
        found.add(Map([(last, removal.name, "")]) if removal.name else last)
    return found


def inbound_rules(rules: Iterable[InboundRule]) -> List:
    """Write `rules` or `globalRules`."""
    return List([(_inbound(rule), rule.comment) for rule in rules], spaced=True)


def _rule_head(rule: InboundRule | OutboundRule) -> Map:
    table = Map([("name", rule.name, "")], block=True)
    if not rule.enabled:
        table.add("enabled", "false")
    if rule.pattern_syntax is not PatternSyntax.ECMASCRIPT:
        table.add("patternSyntax", str(rule.pattern_syntax))
    if rule.silenced:
        table.add("silence", texts(rule.silenced))
    return table


def _inbound(rule: InboundRule) -> Map:
    table = _rule_head(rule)
    if rule.response_cache_directive is not ResponseCacheDirective.AUTO:
        table.add("responseCacheDirective", str(rule.response_cache_directive))
    table.add("match", _match(rule.match))
    _add_conditions(table, rule.conditions)
    if rule.server_variables:
        table.add("serverVariables", _variables(rule.server_variables))
    table.add("action", _action(rule.action))
    if rule.stop_processing:
        table.add("stopProcessing", "true")
    return table


def _match(match: Match) -> Node:
    if match.ignore_case and not match.negate:
        return match.url
    return _with_flags(Map([("url", match.url, "")]), match)


def _with_flags(table: Map, item: Match | OutboundMatch | Condition) -> Map:
    if not item.ignore_case:
        table.add("ignoreCase", "false")
    if item.negate:
        table.add("negate", "true")
    return table


def _add_conditions(table: Map, conditions: Conditions) -> None:
    if conditions == Conditions():
        return
    items = _conditions(conditions.items)
    if conditions.logical_grouping is LogicalGrouping.MATCH_ALL and conditions.track_all_captures is None:
        table.add("conditions", items)
        return
    own = Map()
    if conditions.logical_grouping is not LogicalGrouping.MATCH_ALL:
        own.add("logicalGrouping", str(conditions.logical_grouping))
    add_switch(own, "trackAllCaptures", conditions.track_all_captures)
    if conditions.items:
        own.add("add", items)
    table.add("conditions", own)


def _conditions(items: Iterable[Condition]) -> List:
    return List([(_condition(item), item.comment) for item in items])


def _condition(item: Condition) -> Map:
    if item.match_type is MatchType.PATTERN:
        table = Map([("input", item.input, ""), ("pattern", item.pattern, "")])
    else:
        table = Map([("matchType", str(item.match_type), "")])
        if item.input != "{REQUEST_FILENAME}":
            table.entries.insert(0, ("input", item.input, ""))
        if item.pattern:
            table.add("pattern", item.pattern)
    return _with_flags(table, item)


def _variables(variables: Iterable[SetServerVariable]) -> Node:
    if all(item.replace for item in variables):
        return Map([(item.name, item.value, item.comment) for item in variables], block=True)
    found = List()
    for item in variables:
        table = Map([("name", item.name, ""), ("value", item.value, "")])
        if not item.replace:
            table.add("replace", "false")
        found.add(table, item.comment)
    return found


def _action(action: Action) -> Node:
    if action == Action(action.type) and action.type in (ActionType.NONE, ActionType.ABORT_REQUEST):
        return str(action.type)
    table = Map([("type", str(action.type), "")])
    if action.url or action.type in (ActionType.REWRITE, ActionType.REDIRECT):
        table.add("url", action.url)
    if not action.append_query_string:
        table.add("appendQueryString", "false")
    if action.redirect_type is not RedirectType.PERMANENT:
        table.add("redirectType", str(action.redirect_type))
    if action.log_rewritten_url:
        table.add("logRewrittenUrl", "true")
    for key, number in (("statusCode", action.status_code), ("subStatusCode", action.sub_status_code)):
        if number:
            table.add(key, str(number))
    for key, text in (("statusReason", action.status_reason), ("statusDescription", action.status_description)):
        if text:
            table.add(key, text)
    return table


def _outbound(rule: OutboundRule) -> Map:
    table = _rule_head(rule)
    if rule.pre_condition:
        table.add("preCondition", rule.pre_condition)
    table.add("match", _outbound_match(rule.match))
    _add_conditions(table, rule.conditions)
    table.add("action", _outbound_action(rule.action))
    if rule.stop_processing:
        table.add("stopProcessing", "true")
    return table


def _outbound_match(match: OutboundMatch) -> Map:
    table = Map()
    if match.server_variable:
        table.add("serverVariable", match.server_variable)
    if match.filter_by_tags:
        table.add("filterByTags", ", ".join(match.filter_by_tags))
    if match.custom_tags:
        table.add("customTags", match.custom_tags)
    table.add("pattern", match.pattern)
    if match.occurrences:
        table.add("occurrences", str(match.occurrences))
    return _with_flags(table, match)


def _outbound_action(action: OutboundAction) -> Node:
    if action == OutboundAction():
        return str(action.type)
    table = Map([("type", str(action.type), "")])
    if action.value or action.type is OutboundActionType.REWRITE:
        table.add("value", action.value)
    if not action.replace:
        table.add("replace", "false")
    return table


def _pre_condition(item: PreCondition) -> Node:
    items = _conditions(item.items)
    if item == PreCondition(item.name, item.items):
        return items
    table = Map(block=True)
    if item.logical_grouping is not LogicalGrouping.MATCH_ALL:
        table.add("logicalGrouping", str(item.logical_grouping))
    if item.pattern_syntax is not PatternSyntax.ECMASCRIPT:
        table.add("patternSyntax", str(item.pattern_syntax))
    table.add("conditions", items)
    return table


def _tags(item: CustomTags) -> List:
    """Write `tag/attribute`, or the longer form if a name has a slash itself."""
    found = List()
    for tag, attribute in item.tags:
        found.add(Map([(tag, attribute, "")]) if "/" in tag + attribute else f"{tag}/{attribute}")
    return found


def _rewrite_map(item: RewriteMap) -> Map:
    entries = Map([(key, value, "") for key, value in item.entries.items()], block=len(item.entries) > _SHORT_MAP)
    if item.ignore_case and not item.default_value and not any(key in MAP_KEYS for key in item.entries):
        return entries
    table = Map(block=entries.block)
    if item.default_value:
        table.add("defaultValue", item.default_value)
    if not item.ignore_case:
        table.add("ignoreCase", "false")
    table.add("entries", entries)
    return table


def _provider(item: Provider) -> Map:
    table = Map([("type", item.type, "")])
    if item.settings:
        table.add("settings", Map([(key, value, "") for key, value in item.settings.items()]))
    return table
