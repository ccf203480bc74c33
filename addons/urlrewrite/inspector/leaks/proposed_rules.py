"""The outbound rule that removes one leak: made from its exact words, so that it covers neither more nor less.

A field gets a rule for its variable, an attribute one that filters by tags, everything else one for whole bodies of
that type.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from urlrewrite.content.carriers import CARRIERS
from urlrewrite.content.links.link_map import LinkMap, Pair
from urlrewrite.fields.urls import FieldKind, kind_of
from urlrewrite.formats.downlevel.links_as_rules import escaped
from urlrewrite.inspector.diagnose.exchange_case import ExchangeCase
from urlrewrite.inspector.leaks.harm import Remedy
from urlrewrite.inspector.leaks.search import Leak
from urlrewrite.inspector.names.names import Relation
from urlrewrite.inspector.names.places import Sort
from urlrewrite.model import (
    Condition,
    CustomTags,
    LinkMode,
    OutboundAction,
    OutboundActionType,
    OutboundMatch,
    OutboundRule,
    PreCondition,
    Section,
)
from urlrewrite.model.field_lines import field_values
from urlrewrite.model.origin import DEFAULT_PORTS, Origin

_NAME_ENDS = r"(?![\w@-]|\.\w|:\d)"
_PATH_ENDS = r"(?![\w.~$!*+@:=-])"
_ALL = r"([\s\S]*)"
_MAX_IN_LINE = 4
_FLAGS = {(each.tag, each.attribute): each.flag for each in CARRIERS if each.flag}
_SIMPLE_MATCH = re.compile(r"\^?([\w~/-]+/)?\((?:\.\*|\.\+)\)\$?")
_SIMPLE_URL = re.compile(r"(https?)://([^/{}]+)(/[^{}]*)?\{R:1\}", re.IGNORECASE)


@dataclass(slots=True)
class Draft:
    """Rules for one site, and what they name."""

    rules: list[OutboundRule] = field(default_factory=list)
    pre_conditions: dict[str, PreCondition] = field(default_factory=dict)
    custom_tags: dict[str, CustomTags] = field(default_factory=dict)

    @property
    def section(self) -> Section:
        """The rules as a section of the configuration."""
        return Section(
            outbound_rules=tuple(self.rules),
            pre_conditions=self.pre_conditions,
            custom_tags=self.custom_tags,
        )


def rule_for(case: ExchangeCase, leak: Leak) -> Draft | None:
    """Return a rule that maps what a leak says; None where there is none."""
    if (
        leak.named is None
        or leak.named.hidden
        or case.exchange.own
        or leak.named.relation in (Relation.BELOW, Relation.LONGER)
    ):
        return None
    if leak.place == "reason phrase" or (leak.where and leak.where.sort is Sort.IDENTIFIER):
        return None
    change = None if leak.remedy is Remedy.NONE else _change(case, leak)
    if change is None or any(not part.isprintable() or "{" in part or "}" in part for part in change):
        return None
    before, after = change
    draft = Draft()
    ends = _PATH_ENDS if "/" in before.partition("//")[2] else _NAME_ENDS
    pattern = escaped(before) + ends
    name = f"{leak.named.origin.host_text} in {leak.place}"
    if leak.field:
        _field_rules(case, leak, draft, pattern, after, name)
    else:
        _body_rule(case, leak, draft, pattern, after, name)
        if leak.remedy is Remedy.TRANSFORM and case.links is LinkMode.EVERYWHERE and leak.would_map:
            draft = Draft()
        draft.rules[:0] = transformed(case)
    return draft


def _change(case: ExchangeCase, leak: Leak) -> tuple[str, str] | None:
    """Return the text of the leak and what it should be, in the leak's spelling."""
    named = leak.named
    assert named is not None
    data = (leak.written + leak.after).encode("utf-8", "surrogateescape")
    for link_map in (case.link_map, _own_map(case, leak)):
        if mapped := _mapped(link_map, data):
            return mapped
    if leak.remedy is Remedy.SITE:
        return None
    public = case.public
    path = case.site.path if case.site else ""
    if not named.is_url:
        written = leak.written
        port = "" if public.has_default_port or written.rpartition(":")[2].isdigit() is False else f":{public.port}"
        return written, f"{public.host_text}{port}"
    scheme = f"{public.scheme.replace('http', 'ws') if named.scheme.startswith('ws') else public.scheme}:"
    return leak.written, f"{scheme if named.scheme else ''}//{public.authority}{path}"


def _mapped(link_map: LinkMap, data: bytes) -> tuple[str, str] | None:
    """Return what a link map replaces at the very beginning of some data, and with what."""
    changes: list[tuple[int, bytes, bytes]] = []

    def record(offset: int, before: bytes, after: bytes) -> None:
        changes.append((offset, before, after))

    link_map.map(data, on_change=record)
    if not changes or changes[0][0]:
        return None
    return _text(changes[0][1]), _text(changes[0][2])


def _own_map(case: ExchangeCase, leak: Leak) -> LinkMap:
    """Make a link map for what is in no site's map: another port, the address to connect to, a backend of rules."""
    named = leak.named
    assert named is not None
    port = named.authority.rpartition(":")[2]
    number = int(port) if port.isdigit() else DEFAULT_PORTS.get(named.scheme, named.origin.port)
    origin = Origin("https" if number == 443 else "http", named.origin.host, number)
    base, path = (case.site.backend_path, case.site.path) if case.site else ("", "")
    if leak.remedy is Remedy.SITE:
        found = _by_inbound_rule(case, named.origin)
        if found is None:
            return LinkMap(())
        base, path = found
    same = base == path
    return LinkMap([Pair(origin, case.public, "" if same else base, "" if same else path)])


def _by_inbound_rule(case: ExchangeCase, origin: Origin) -> tuple[str, str] | None:
    """Return base path and public path of a backend to which a simple rule sends a part of the site."""
    for rule in case.site.rules if case.site else ():
        match, url = _SIMPLE_MATCH.fullmatch(rule.match.url), _SIMPLE_URL.fullmatch(rule.action.url)
        if match and url and Origin.parse(f"{url[1]}://{url[2]}") == origin:
            site_path = case.site.path if case.site else ""
            return (url[3] or "/").rstrip("/"), f"{site_path}/{match[1] or ''}".rstrip("/")
    return None


def _field_rules(case: ExchangeCase, leak: Leak, draft: Draft, pattern: str, after: str, name: str) -> None:
    variable = f"RESPONSE_{leak.field.replace('-', '_')}"
    if kind_of(leak.field) is FieldKind.COOKIE and leak.named and not leak.named.is_url and ";" in leak.value:
        match, value = _cookie_domain(case, leak)
        draft.rules.append(_outbound(case, draft, name, OutboundMatch(match, variable), value))
        return
    # A rule replaces the whole line, so it maps one name; the next one of its kind maps the next.
    times = min(leak.value.lower().count(leak.written.lower()), _MAX_IN_LINE)
    first = leak.value.startswith(leak.written)
    match, value = (
        (f"^{pattern}(.*)$", f"{after}{{R:1}}") if first else (f"^(.*?){pattern}(.*)$", f"{{R:1}}{after}{{R:2}}")
    )
    if not leak.named or not leak.named.is_url:
        match, value = rf"^(|.*?[^\w.-]){pattern}(.*)$", f"{{R:1}}{after}{{R:2}}"
    for _ in range(times if not first else 1):
        draft.rules.append(_outbound(case, draft, name, OutboundMatch(match, variable), value))


def _cookie_domain(case: ExchangeCase, leak: Leak) -> tuple[str, str]:
    """Return pattern and value for a Domain, which is removed where browsers would not accept the public host."""
    assert leak.named is not None
    rest = rf"{escaped(leak.named.origin.host_text)}(\s*(?:;.*)?)$"
    host = case.public.host
    if "." in host and ":" not in host and not host.replace(".", "").isdigit():
        return rf"^(.*;\s*domain=\s*\.?){rest}", f"{{R:1}}{host}{{R:2}}"
    return rf"^(.*?)\s*;\s*domain=\s*\.?{rest}", "{R:1}{R:2}"


def _body_rule(case: ExchangeCase, leak: Leak, draft: Draft, pattern: str, after: str, name: str) -> None:
    where = leak.where
    response = case.exchange.response
    content_type = next(iter(field_values(response.fields, "content-type")), "") if response else ""
    media = content_type.partition(";")[0].strip().lower()
    condition = ""
    if media:
        condition = _pre_condition(case, draft, media)
    if where and where.attribute and where.begins and leak.named and leak.named.is_url:
        flag = _FLAGS.get((where.tag, where.attribute))
        tags = "" if flag else _custom_tags(case, draft, (where.tag, where.attribute))
        match = OutboundMatch(rf"^(\s*){pattern}{_ALL}$", "", (flag or "CustomTags",), tags)
        draft.rules.append(_outbound(case, draft, name, match, f"{{R:1}}{after}{{R:2}}", condition))
        return
    if leak.named and leak.named.is_url:
        draft.rules.append(_outbound(case, draft, name, OutboundMatch(pattern), after, condition))
    else:
        match = OutboundMatch(rf"(^|[^\w.@-]){pattern}")
        draft.rules.append(_outbound(case, draft, name, match, f"{{R:1}}{after}", condition))


def transformed(case: ExchangeCase) -> list[OutboundRule]:
    """Return rules that remove `no-transform` from Cache-Control, as it is written in the response."""
    fields = case.exchange.original.fields if case.exchange.original else ()
    draft = Draft()
    for value in field_values(fields, "cache-control"):
        if "no-transform" not in value.lower():
            continue
        if "," not in value:
            pattern, new = r"^\s*no-transform\s*$", ""
        elif re.search(r"no-transform\s*,", value, re.IGNORECASE):
            pattern, new = r"^(.*?)no-transform\s*,\s*(.*)$", "{R:1}{R:2}"
        else:
            pattern, new = r"^(.*?)\s*,\s*no-transform(.*)$", "{R:1}{R:2}"
        match = OutboundMatch(pattern, "RESPONSE_Cache_Control")
        draft.rules.append(_outbound(case, draft, "Cache-Control lets the body be rewritten", match, new))
    return draft.rules


def _outbound(
    case: ExchangeCase, draft: Draft, name: str, match: OutboundMatch, value: str, pre_condition: str = ""
) -> OutboundRule:
    taken = {rule.name.casefold() for rule in (*(case.site.outbound_rules if case.site else ()), *draft.rules)}
    action = OutboundAction(OutboundActionType.REWRITE, value)
    return OutboundRule(_free(name, taken), match, pre_condition, action=action)


def _pre_condition(case: ExchangeCase, draft: Draft, media: str) -> str:
    """Return the name of a precondition for a media type: one that the site has, or a new one."""
    items = (Condition("{RESPONSE_CONTENT_TYPE}", f"^{escaped(media)}"),)
    known: Mapping[str, PreCondition] = case.site.pre_conditions if case.site else {}
    for item in known.values():
        if item == PreCondition(item.name, items):
            return item.name
    name = _free(f"is {media}", {key.casefold() for key in known})
    draft.pre_conditions[name] = PreCondition(name, items)
    return name


def _custom_tags(case: ExchangeCase, draft: Draft, pair: tuple[str, str]) -> str:
    known: Mapping[str, CustomTags] = case.site.custom_tags if case.site else {}
    for item in known.values():
        if item.tags == (pair,):
            return item.name
    name = _free(f"{pair[0]} {pair[1]}", {key.casefold() for key in known})
    draft.custom_tags[name] = CustomTags(name, (pair,))
    return name


def _free(name: str, taken: Iterable[str]) -> str:
    """Return the name, with a number where it is taken."""
    names = set(taken)
    number = 1
    found = name
    while found.casefold() in names:
        number += 1
        found = f"{name} ({number})"
    return found


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
