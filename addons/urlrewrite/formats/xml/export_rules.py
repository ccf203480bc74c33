"""A `<rewrite>` section as XML elements. What has its default is left out, but for what IIS Manager always writes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from urlrewrite.formats.reports import ProblemId
from urlrewrite.formats.wording import one_line
from urlrewrite.formats.xml.export_text import NotXmlError, Tag, boolean, document
from urlrewrite.model import (
    Action,
    ActionType,
    Collection,
    Condition,
    Conditions,
    CustomTags,
    InboundRule,
    LogicalGrouping,
    MatchType,
    OutboundRule,
    PatternSyntax,
    PreCondition,
    Provider,
    RedirectType,
    ResponseCacheDirective,
    RewriteMap,
    Section,
    SetServerVariable,
    Source,
)
from urlrewrite.model.choices import IN_OUTBOUND_RULES
from urlrewrite.model.problems import Problem, Severity


class _Named(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def source(self) -> Source: ...


class SectionWriter:
    """Writes sections; `problems` gets the texts that XML cannot hold."""

    def __init__(self, problems: list[Problem]) -> None:
        self._problems = problems

    def section(self, rewrite: Tag, section: Section) -> None:
        """Add what a section holds to its `<rewrite>`, in the order of `Collection`."""
        tags = {str(tag.name): tag for tag in self._collections(section)}
        for element, text in section.comments.items():
            if element != "globalRules":
                tags.get(element, rewrite).comments.append(text)
        if section.use_original_url_encoding is not None:
            tags["rules"].attributes["useOriginalURLEncoding"] = boolean(section.use_original_url_encoding)
        if section.rewrite_before_cache is not None:
            tags["outboundRules"].attributes["rewriteBeforeCache"] = boolean(section.rewrite_before_cache)
        kept = [tag for tag in tags.values() if tag.children or tag.attributes or tag.comments]
        if section.allowed_server_variables == () and tags["allowedServerVariables"] not in kept:
            kept.append(tags["allowedServerVariables"])
        inner = [tag for tag in kept if tag.name in IN_OUTBOUND_RULES]
        if inner and tags["outboundRules"] not in kept:
            kept.append(tags["outboundRules"])
        tags["outboundRules"].children += inner
        rewrite.children += [tag for tag in kept if tag.name not in IN_OUTBOUND_RULES]

    def _collections(self, section: Section) -> Iterator[Tag]:
        """Write the element of each collection, with its removals before what it adds."""
        items: dict[Collection, Iterable[Tag]] = {
            Collection.RULES: self._all(_inbound, section.rules),
            Collection.OUTBOUND_RULES: self._all(_outbound, section.outbound_rules, unique=True),
            Collection.PRE_CONDITIONS: self._all(_pre_condition, section.pre_conditions.values(), unique=True),
            Collection.CUSTOM_TAGS: self._all(_tags, section.custom_tags.values()),
            Collection.REWRITE_MAPS: self._all(_rewrite_map, section.rewrite_maps.values()),
            Collection.PROVIDERS: self._all(_provider, section.providers.values()),
            Collection.ALLOWED_SERVER_VARIABLES: (
                Tag("add", {"name": name}) for name in section.allowed_server_variables or ()
            ),
        }
        for collection, entries in items.items():
            tag = Tag(str(collection))
            for removal in section.removals:
                if removal.collection is collection:
                    tag.children.append(Tag("remove", {"name": removal.name}) if removal.name else Tag("clear"))
            tag.children += entries
            yield tag

    def global_rules(
        self, rewrite: Tag, rules: Iterable[InboundRule], use_original_url_encoding: bool | None, comment: str
    ) -> None:
        """Add `<globalRules>`."""
        tag = Tag("globalRules")
        if use_original_url_encoding is not None:
            tag.attributes["useOriginalURLEncoding"] = boolean(use_original_url_encoding)
        tag.children += self._all(_inbound, rules, unique=True)
        if tag.children or tag.attributes:
            tag.comments += filter(None, [comment])
            rewrite.children.append(tag)

    def _all[T: _Named](
        self, written: Callable[[T], Tag], items: Iterable[T], *, unique: bool = False
    ) -> Iterator[Tag]:
        """Write the elements of all entries; report one that XML cannot hold as an error of that entry.

        With `unique`, warn if conditions repeat: IIS's collections of them have a key that is all of one
        (rewrite_schema.xml: isCombinedKey), but for those of `<rules>`.
        """
        for item in items:
            tag = written(item)
            if unique and _repeats_a_condition(tag):
                message = "got the same condition twice, which IIS refuses (500.19): put one of them into brackets"
                self._problems.append(
                    Problem(item.source, message, ProblemId.NOT_IN_IIS, one_line(item.name), Severity.WARNING)
                )
            try:
                document(tag)
            except NotXmlError as error:
                is_rule = tag.name == "rule"
                message = str(error) if is_rule else f'{tag.name} "{one_line(item.name)}": {error}'
                rule = one_line(item.name) if is_rule else ""
                self._problems.append(Problem(item.source, message, ProblemId.NO_XML_TEXT, rule))
            else:
                yield tag


def _repeats_a_condition(tag: Tag) -> bool:
    """Tell whether two conditions differ in case only, in which IIS compares their keys."""
    for part in (tag, *tag.children):
        keys = [tuple(sorted((k, v.casefold()) for k, v in child.attributes.items())) for child in part.children]
        keys = [key for key, child in zip(keys, part.children, strict=True) if child.name == "add"]
        if len(set(keys)) < len(keys):
            return True
    return False


def _rule_tag(rule: InboundRule | OutboundRule) -> Tag:
    tag = Tag("rule", {"name": rule.name})
    tag.comments += filter(None, [rule.comment])
    if rule.silenced:
        tag.comments.append(f"urlrewrite: silence {' '.join(rule.silenced)}")
    return tag


def _set_rule(tag: Tag, rule: InboundRule | OutboundRule) -> None:
    tag.set_if("enabled", boolean(rule.enabled), "true")
    tag.set_if("patternSyntax", str(rule.pattern_syntax), str(PatternSyntax.ECMASCRIPT))
    tag.set_if("stopProcessing", boolean(rule.stop_processing), "false")


def _inbound(rule: InboundRule) -> Tag:
    tag = _rule_tag(rule)
    if rule.action.redirect_type is RedirectType.PERMANENT_REDIRECT:
        tag.comments.append("urlrewrite: redirectType=308")
    _set_rule(tag, rule)
    tag.set_if("responseCacheDirective", str(rule.response_cache_directive), str(ResponseCacheDirective.AUTO))
    match = tag.add("match", url=rule.match.url)
    _set_flags(match, rule.match.ignore_case, rule.match.negate)
    _add_conditions(tag, rule.conditions)
    if rule.server_variables:
        variables = tag.add("serverVariables")
        variables.children += map(_variable, rule.server_variables)
    tag.children.append(_action(rule.action))
    return tag


def _set_flags(tag: Tag, ignore_case: bool, negate: bool) -> None:
    tag.set_if("ignoreCase", boolean(ignore_case), "true")
    tag.set_if("negate", boolean(negate), "false")


def _add_conditions(rule: Tag, conditions: Conditions) -> None:
    if conditions == Conditions():
        return
    tag = rule.add("conditions")
    tag.set_if("logicalGrouping", str(conditions.logical_grouping), str(LogicalGrouping.MATCH_ALL))
    if conditions.track_all_captures is not None:
        tag.attributes["trackAllCaptures"] = boolean(conditions.track_all_captures)
    tag.children += map(_condition, conditions.items)


def _condition(item: Condition) -> Tag:
    tag = Tag("add", {"input": item.input}, comments=[item.comment] if item.comment else [])
    tag.set_if("matchType", str(item.match_type), str(MatchType.PATTERN))
    if item.match_type is MatchType.PATTERN or item.pattern:
        tag.attributes["pattern"] = item.pattern
    _set_flags(tag, item.ignore_case, item.negate)
    return tag


def _variable(item: SetServerVariable) -> Tag:
    tag = Tag("set", {"name": item.name, "value": item.value}, comments=[item.comment] if item.comment else [])
    tag.set_if("replace", boolean(item.replace), "true")
    return tag


def _action(action: Action) -> Tag:
    tag = Tag("action", {"type": str(action.type)})
    if action.url or action.type in (ActionType.REWRITE, ActionType.REDIRECT):
        tag.attributes["url"] = action.url
    tag.set_if("appendQueryString", boolean(action.append_query_string), "true")
    tag.set_if("logRewrittenUrl", boolean(action.log_rewritten_url), "false")
    if action.redirect_type is not RedirectType.PERMANENT_REDIRECT:
        tag.set_if("redirectType", str(action.redirect_type), str(RedirectType.PERMANENT))
    tag.set_if("statusCode", str(action.status_code), "0")
    tag.set_if("subStatusCode", str(action.sub_status_code), "0")
    tag.set_if("statusReason", action.status_reason)
    tag.set_if("statusDescription", action.status_description)
    return tag


def _outbound(rule: OutboundRule) -> Tag:
    tag = _rule_tag(rule)
    tag.set_if("preCondition", rule.pre_condition)
    _set_rule(tag, rule)
    match = tag.add("match")
    match.set_if("serverVariable", rule.match.server_variable)
    match.set_if("filterByTags", ", ".join(rule.match.filter_by_tags))
    match.set_if("customTags", rule.match.custom_tags)
    match.attributes["pattern"] = rule.match.pattern
    match.set_if("occurrences", str(rule.match.occurrences), "0")
    _set_flags(match, rule.match.ignore_case, rule.match.negate)
    _add_conditions(tag, rule.conditions)
    action = tag.add("action", type=str(rule.action.type))
    if rule.action.value or rule.action.type != "None":
        action.attributes["value"] = rule.action.value
    action.set_if("replace", boolean(rule.action.replace), "true")
    return tag


def _pre_condition(item: PreCondition) -> Tag:
    tag = Tag("preCondition", {"name": item.name}, comments=[item.comment] if item.comment else [])
    tag.set_if("logicalGrouping", str(item.logical_grouping), str(LogicalGrouping.MATCH_ALL))
    tag.set_if("patternSyntax", str(item.pattern_syntax), str(PatternSyntax.ECMASCRIPT))
    tag.children += map(_condition, item.items)
    return tag


def _tags(item: CustomTags) -> Tag:
    tag = Tag("tags", {"name": item.name}, comments=[item.comment] if item.comment else [])
    # A pair stands in the collection once (rewrite_schema.xml: isCombinedKey), and more would change nothing.
    for name, attribute in dict.fromkeys(item.tags):
        tag.children.append(Tag("tag", {"name": name, "attribute": attribute}))
    return tag


def _rewrite_map(item: RewriteMap) -> Tag:
    tag = Tag("rewriteMap", {"name": item.name}, comments=[item.comment] if item.comment else [])
    tag.set_if("defaultValue", item.default_value)
    tag.set_if("ignoreCase", boolean(item.ignore_case), "true")
    tag.children += [Tag("add", {"key": key, "value": value}) for key, value in item.entries.items()]
    return tag


def _provider(item: Provider) -> Tag:
    tag = Tag("provider", {"name": item.name, "type": item.type}, comments=[item.comment] if item.comment else [])
    if item.settings:
        settings = tag.add("settings")
        settings.children += [Tag("add", {"key": key, "value": value}) for key, value in item.settings.items()]
    return tag
