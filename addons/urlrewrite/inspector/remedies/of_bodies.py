"""What rules made of bodies, and what they left in them: the pattern, precondition or value that is right."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from urlrewrite.content.carriers import CARRIERS
from urlrewrite.formats.downlevel.links_as_rules import escaped
from urlrewrite.inspector.diagnose.case import origin_of_url
from urlrewrite.inspector.diagnose.page_loads import response_field
from urlrewrite.inspector.diagnose.why import Why
from urlrewrite.inspector.experiments.edits import edit_pre_condition
from urlrewrite.inspector.remedies import parts
from urlrewrite.inspector.remedies.of_headers import linked
from urlrewrite.inspector.remedies.proposal import About, Remedy
from urlrewrite.inspector.remedies.table import table
from urlrewrite.inspector.remedies.trying import Trying
from urlrewrite.model import Condition, OutboundMatch, OutboundRule, PreCondition
from urlrewrite.trace.text import shown

NAME_ENDS = r"(?![\w.-])"
"""After a host name that goes no further."""

_FLAGS = {(each.tag, each.attribute): each.flag for each in CARRIERS if each.flag}
_ORIGIN = re.compile(r"https?://[^/{}\s]+", re.IGNORECASE)
_PAGES = PreCondition("is a page", (Condition("{RESPONSE_CONTENT_TYPE}", "^text/html"),))


def _changed_too_much(about: About, trying: Trying) -> Iterator[Remedy]:
    rule = about.outbound
    if rule is None:
        yield Remedy(
            "Let the rules that changed it leave this response or this text alone: see its changes in the flow."
        )
        return
    if NAME_ENDS not in rule.match.pattern:
        pattern = f"{rule.match.pattern}{NAME_ENDS}"
        todo = f"Let the pattern stop at the end of the name: set it to {pattern}"
        yield Remedy(
            f"{todo} (it goes on with no letter, digit, dot or hyphen).", about.changed(parts.pattern_set(pattern))
        )
    if not rule.match.server_variable and not rule.pre_condition:
        todo = (
            "Limit the rule to pages by a precondition, {RESPONSE_CONTENT_TYPE} with ^text/html: it changes other "
            f"responses as well ({shown(response_field(about.exchange, 'content-type'), 60)} here)."
        )
        yield Remedy(todo, about.changed(_with_pre_condition, pages=_PAGES))
    yield Remedy(
        f"Let the rule leave {shown(about.path, 80)} alone, by a precondition or a narrower pattern than "
        f"{shown(rule.match.pattern, 80)}."
    )


def _with_pre_condition(rule: object) -> OutboundRule | None:
    return replace(rule, pre_condition=_PAGES.name) if isinstance(rule, OutboundRule) else None


def _no_url(about: About, trying: Trying) -> Iterator[Remedy]:
    rule = about.outbound
    if rule is None:
        return
    if NAME_ENDS not in rule.match.pattern:
        pattern = f"{rule.match.pattern}{NAME_ENDS}"
        todo = f"Let the pattern stop at the end of the name: set it to {pattern}"
        yield Remedy(f"{todo}.", about.changed(parts.pattern_set(pattern)))
    found = _ORIGIN.match(rule.action.value)
    rest = rule.action.value[found.end() :] if found else "/"
    if found and not rest.startswith("/"):
        value = f"{found[0]}/{rest}"
        yield Remedy(
            f"Write the slash after the host: set the value to {value}.", about.changed(parts.value_set(value))
        )
    yield Remedy("Correct the value of the rule: between host and path there has to be a slash.")


def _wrong_origin(about: About, trying: Trying) -> Iterator[Remedy]:
    """Yield the public origin in place of one where nothing is published, or that browsers block."""
    public = str(about.case.of(about.exchange).public)
    written = next((value for label, value in about.breakage.evidence if label.startswith("<")), "")
    if rule := about.outbound:
        value = _ORIGIN.sub(public, rule.action.value, count=1)
        if value != rule.action.value:
            yield Remedy(f"Set the value of the rule to {value}.", about.changed(parts.value_set(value)))
        yield Remedy(f"Let the rule write {public} into its value.")
        return
    found, origin = _ORIGIN.match(written), origin_of_url(written)
    place = next((label for label, _ in about.breakage.evidence if label.startswith("<")), "")
    tag, _, attribute = place.strip("<>").partition(" ")
    if found and origin and (tag, attribute) in _FLAGS:
        flags = (_FLAGS[tag, attribute],)
        match = OutboundMatch(f"^{escaped(found[0])}(?=/|$)", filter_by_tags=flags)
        todo = f"Let the backend write {public} in place of {found[0]}, or let an outbound rule do it:"
        yield Remedy(todo, about.with_rule(f"public address of {origin.host_text}"[:60], match, public))
    yield Remedy(f"Let the backend write {public} there, as its own address, or let an outbound rule do it.")


def _existing(about: About, trying: Trying) -> Iterator[Remedy]:
    """Yield the pattern of a rule that is for a place, and did not match there, so that it does."""
    rule = about.outbound
    if rule is None:
        yield from linked(about, trying)
        return
    backend = about.case.of(about.exchange).target
    pattern = rule.match.pattern
    for other in (
        re.sub(r"https?(?!\?)(?=:)", "https?", pattern, count=1),
        pattern.removesuffix("$").removesuffix("/"),
        f"^{escaped(str(backend))}/(.*)" if "{R:1}" in rule.action.value else "",
    ):
        if other and other != pattern:
            edit = about.changed(parts.pattern_set(other))
            if edit and trying.is_gone(edit, about.breakage):
                yield Remedy(f"Set the pattern of the rule to {other}", edit)
    if not rule.match.ignore_case:
        yield Remedy("Remove ignoreCase: false from the match of the rule.", about.changed(parts.in_any_case))
    yield Remedy(
        f"Correct the pattern of the rule, {shown(pattern, 80)}, so that it matches what the backend writes: "
        f"{shown(str(backend), 80)}."
    )


def _precondition(about: About, trying: Trying) -> Iterator[Remedy]:
    rule = about.outbound
    if rule is None:
        return
    declared = response_field(about.exchange, "content-type").partition(";")[0].strip()
    edit = edit_pre_condition(about.rule_set, about.site_name, rule.pre_condition, f"^{escaped(declared)}")
    if edit and declared:
        yield Remedy(
            f'The response is {declared}. Set the pattern of the precondition "{rule.pre_condition}" to '
            f"^{escaped(declared)}",
            edit,
        )
    yield Remedy(
        f'Name another precondition in the rule, or none: "{rule.pre_condition}" does not hold for {declared}.'
    )


def _took_several(about: About, trying: Trying) -> Iterator[Remedy]:
    rule = about.outbound
    pattern = re.sub(r"\.[*+]\??", "[^\"']*", rule.match.pattern) if rule else ""
    if rule and pattern != rule.match.pattern:
        todo = f"Let the pattern end at the quote: set it to {pattern}"
        yield Remedy(todo, about.changed(parts.pattern_set(pattern)))


def _other_tags(about: About, trying: Trying) -> Iterator[Remedy]:
    """Yield the setting that maps what a rule for tags does not look at, or else the very tag to add."""
    yield from linked(about, trying)
    place = next((label for label, _ in about.breakage.evidence if label.startswith("<")), "")
    tag, _, attribute = place.strip("<>").partition(" ")
    yield Remedy(f"Add a list of custom tags to the rule: customTags with the tag {tag} and the attribute {attribute}.")


OF_BODIES = table(
    ("over-match", _changed_too_much),
    ("no-url", _no_url),
    ("mixed-content unpublished", _wrong_origin),
    (f"{Why.NO_RULE} {Why.TAGS_END} {Why.LINKS_OFF} {Why.FIELD_LINKS_OFF}", linked),
    (f"{Why.PATTERN} {Why.PATTERN_IN_PLACE} {Why.OTHER_SCHEME} {Why.SLASH_BEHIND} leak/{Why.LETTER_CASE}", _existing),
    (Why.PRECONDITION, _precondition),
    (Why.OTHER_TAGS, _other_tags),
    (Why.TOOK_SEVERAL, _took_several),
)
