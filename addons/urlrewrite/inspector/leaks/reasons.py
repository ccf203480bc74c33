"""Why a backend's name was left where it is, whether that does harm, and what would help: from the engine's own rules.

Reasons are told from the outermost in: the response is the proxy's own, the body was passed, `links` does not reach so
far, the place is one that is left alone, the spelling is one that nobody reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from urlrewrite.content.kinds import Kind
from urlrewrite.engine.compiled import CompiledOutboundRule
from urlrewrite.engine.facts import field_values
from urlrewrite.engine.variables import normal_name
from urlrewrite.fields.urls import Kind as FieldKind
from urlrewrite.fields.urls import kind_of
from urlrewrite.inspector.leaks.case import Case
from urlrewrite.inspector.leaks.names import Named, Relation
from urlrewrite.inspector.leaks.places import Place, Sort
from urlrewrite.inspector.text import quoted_names
from urlrewrite.model import LinkMode, LinkPlace
from urlrewrite.model.origin import DEFAULT_PORTS
from urlrewrite.trace.events import Name
from urlrewrite.trace.reading import flag, name_of, text
from urlrewrite.trace.text import shown

_MAX_RULES = 4


class Harm(StrEnum):
    """Whether a leak matters.

    ERROR is what a browser would follow or heed, WARNING what a script or a server may use; INFORMATION tells outsiders
    a name, and no more.
    """

    ERROR = "error"
    WARNING = "warning"
    INFORMATION = "information"


class Remedy(StrEnum):
    """What would take a leak away."""

    RULE = "a rule"
    LINKS = "links"
    LINKS_ALSO = "linksAlso"
    ROOT_PATHS = "rootPaths"
    SITE = "a site"
    TRANSFORM = "no-transform"
    NONE = "nothing here"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a name was left, and what would help; `also` is the entry of `linksAlso` that would."""

    why: str
    remedy: Remedy = Remedy.RULE
    also: LinkPlace | None = None


_FOLLOWED = (Sort.LINK, Sort.SCRIPT, Sort.STYLE, Sort.DATA)
_OTHERS = (Relation.MAIL, Relation.LONGER)
_READ_ONLY = (Sort.TEXT, Sort.COMMENT, Sort.IDENTIFIER, Sort.BINARY)


def harm_in_body(sort: Sort, named: Named, *, waits: bool) -> Harm:
    """How much a name in a body matters; `waits` tells that it stands in a link that somebody has to click."""
    if sort in _READ_ONLY or named.relation in _OTHERS or (waits and named.is_elsewhere):
        # Pages link to other servers everywhere, and nobody but the rules can tell which of them this proxy is for.
        return Harm.INFORMATION
    if named.hidden:
        return Harm.WARNING
    if not named.is_url:
        return Harm.WARNING if named.quoted and sort in (Sort.SCRIPT, Sort.DATA) else Harm.INFORMATION
    return Harm.ERROR if sort in _FOLLOWED and not named.is_elsewhere else Harm.WARNING


def harm_in_field(name: str, value: str, named: Named) -> Harm:
    """How much a name in a field of the response matters."""
    kind = kind_of(name)
    if named.relation in _OTHERS or kind in (FieldKind.UNTOUCHED, FieldKind.AUTHORITY):
        return Harm.INFORMATION
    if kind is FieldKind.COOKIE:
        return Harm.ERROR if _in_domain(value, named.start) else Harm.WARNING
    if named.hidden or named.relation is Relation.BELOW:
        return Harm.WARNING
    if kind is FieldKind.GENERIC:
        return Harm.WARNING if named.is_url else Harm.INFORMATION
    return Harm.ERROR


def reason_in_field(case: Case, name: str, value: str, named: Named, *, would_map: bool) -> Reason:
    """Why a name was left in a field of the response."""
    kind = kind_of(name)
    if case.seen.own:
        return _own(case)
    if kind is FieldKind.UNTOUCHED:
        return Reason(
            f"{name} is compared, hashed or signed as it is, so it is left alone even where it looks like a URL",
        )
    also = case.site.links_also if case.site else frozenset()
    if kind is FieldKind.COOKIE and not _in_domain(value, named.start) and LinkPlace.COOKIE_VALUES not in also:
        return Reason(
            "the value of a cookie is the backend's own state: it is mapped only if linksAlso has cookieValues",
            Remedy.LINKS_ALSO,
            LinkPlace.COOKIE_VALUES,
        )
    if general := _of_name(case, named, would_map=would_map):
        return general
    rules = _rules_told(case, f"RESPONSE_{name}")
    if case.links is LinkMode.OFF:
        return Reason(f"links: off, so only rules act on fields{rules}", Remedy.LINKS)
    if named.hidden:
        return Reason(f"base64 is not looked into: what is in it may be signed or counted{rules}", Remedy.NONE)
    if not named.is_url:
        return Reason(f"it is a bare name and no URL, and {name} is no field that names a machine{rules}")
    return Reason(f"it is written in a way that the link map does not read in {name}{rules}")


def reason_of_phrase(case: Case) -> Reason:
    """Why a name was left in the reason phrase."""
    why = "the reason phrase is mapped only if linksAlso has reasonPhrase"
    return _own(case) if case.seen.own else Reason(why, Remedy.LINKS_ALSO, LinkPlace.REASON_PHRASE)


def reason_in_body(case: Case, kind: Kind, place: Place, named: Named, *, would_map: bool) -> Reason:
    """Why a name was left in the body; `would_map` tells that the link map reads the spelling."""
    if case.seen.own:
        return _own(case)
    if place.sort is Sort.IDENTIFIER:
        return Reason(f"{place.label} holds an identifier that is compared letter by letter, no address", Remedy.NONE)
    if passed := _passed(case, kind):
        return passed
    if general := _of_name(case, named, would_map=would_map):
        return general
    rules = _rules_told(case, "", place)
    if case.links is LinkMode.OFF:
        return Reason(f"links: off, so only rules act{rules or ', and no rule is for this place'}", Remedy.LINKS)
    if case.links is LinkMode.TAGS and place.sort not in (Sort.LINK, Sort.COMMENT, Sort.TEXT):
        why = f"links: tags ends at the attributes that HTML defines as URLs, and this is {_a(place)}{rules}"
        return Reason(why, Remedy.LINKS)
    if named.hidden:
        return Reason(f"base64 is not looked into: what is in it may be signed or counted{rules}", Remedy.NONE)
    left = _left_alone(case, kind, place)
    if left and (case.links is LinkMode.TAGS or not would_map):
        return Reason(f"{'' if named.is_url else 'it is a bare name and no URL: '}{left[1]}{rules}")
    if left:
        also, why = left
        return Reason(f"{why}; it is mapped if linksAlso has {also}{rules}", Remedy.LINKS_ALSO, also)
    if place.sort is Sort.COMMENT:
        return Reason(f"comments of scripts are left as they are{rules}")
    if not named.is_url:
        return Reason(f"it is a bare name: neither a URL nor the whole of a quoted string in a script{rules}")
    if would_map:
        return Reason(f"no links are looked for in {_a(place)}{rules}")
    return Reason(f"it is written in a way that the link map does not read{rules}")


def _own(case: Case) -> Reason:
    rules = [f'"{name}"' for name in case.reading.names("inbound_rules")]
    by = f": the rule {' and '.join(rules[:_MAX_RULES])} wrote it so" if rules else ""
    return Reason(f"the response is this proxy's own, in which no link is mapped{by}", Remedy.NONE)


def _passed(case: Case, kind: Kind) -> Reason | None:
    """The reason where the body was not rewritten at all."""
    for event in case.reading.response:
        if name_of(event) == Name.WARNING and text(event, "message").startswith(
            ("the body is passed", "the rest of the")
        ):
            message = text(event, "message")
            remedy = Remedy.TRANSFORM if "no-transform" in message else Remedy.NONE
            return Reason(message, remedy)
    plan = case.event(Name.BODY_PLAN)
    unconcerned = text(plan, "why").startswith("no rule and no link concerns")
    if text(plan, "way") != "pass" or text(plan, "why").startswith("there is no body"):
        return None
    why = f"the body was passed as it came: {text(plan, 'why')}"
    if kind is Kind.BINARY:
        answer = case.seen.answer
        said = next(iter(field_values(answer.fields, "content-type")), "no type at all") if answer else ""
        return Reason(f"{why} (Content-Type says {said})", Remedy.NONE)
    if unconcerned and (kind is Kind.OTHER_TEXT or case.links is not LinkMode.EVERYWHERE):
        return None
    return Reason(why, Remedy.TRANSFORM if "no-transform" in why else Remedy.NONE)


def _of_name(case: Case, named: Named, *, would_map: bool) -> Reason | None:
    """The reason that lies in the name and not in its place."""
    match named.relation:
        case Relation.MAIL:
            return Reason("it is the host of an e-mail address, and no URL", Remedy.NONE)
        case Relation.BELOW | Relation.LONGER:
            why = f"the name goes on: that is another host than {named.origin.host_text}, and no site publishes it"
            return Reason(why, Remedy.NONE)
        case Relation.OTHER_PORT:
            ours = named.origin.port
            return Reason(
                f"the port is {_port(named)}, and the backend's is {ours}: to browsers that is another origin"
            )
    own = [pair for pair in case.link_map.pairs if pair.origin.host == named.origin.host]
    pairs = [pair for pair in own if pair.origin.port == named.origin.port]
    if pairs and named.is_url and not would_map and not named.hidden and all(pair.path for pair in pairs):
        paths = ", ".join(dict.fromkeys(pair.path for pair in pairs))
        return Reason(f"of this backend only what is below {paths} is published, and this is not", Remedy.NONE)
    if not pairs and case.links is not LinkMode.OFF:
        if case.site and case.site.connect == (named.origin.host, named.origin.port):
            return Reason("it is the address under connect:, and links are mapped by the name under backend:")
        return Reason(
            "rules send requests there, but no site is published for it, so nothing says what its links become",
            Remedy.SITE,
        )
    return None


def _port(named: Named) -> str:
    """The port that a URL says, or that its scheme means."""
    if not named.authority.endswith("]") and ":" in named.authority:
        return named.authority.rpartition(":")[2]
    return str(DEFAULT_PORTS.get(named.scheme, "that of its scheme"))


def _left_alone(case: Case, kind: Kind, place: Place) -> tuple[LinkPlace, str] | None:
    """The entry of `linksAlso` by which a place would be mapped, and why it is not."""
    also = case.site.links_also if case.site else frozenset()
    if place.sort is Sort.COMMENT and (kind.is_markup or kind is Kind.CSS) and place.tag != "script":
        return (LinkPlace.COMMENTS, "comments are left as they are") if LinkPlace.COMMENTS not in also else None
    if place.sort is Sort.TEXT and LinkPlace.VISIBLE_TEXT not in also:
        return LinkPlace.VISIBLE_TEXT, "text that a reader sees is no link"
    if place.sort is Sort.PLAIN_TEXT and LinkPlace.PLAIN_TEXT not in also:
        return LinkPlace.PLAIN_TEXT, "in text without a syntax nothing tells a link from prose"
    return None


def _a(place: Place) -> str:
    return f"the {place.label}" if place.label[:1] != "<" else place.label


def _in_domain(value: str, at: int) -> bool:
    """Whether a position in a Set-Cookie value is in an attribute and not in the cookie itself."""
    return ";" in value.encode("utf-8", "surrogateescape")[:at].decode("utf-8", "replace")


def _rules_told(case: Case, variable: str, place: Place | None = None) -> str:
    """What kept the rules that are for a place from acting: `; the rule "x" is for it, but …`, or nothing."""
    concerned = list(_rules_for(case, variable, place))
    told = [_kept_back(case, rule) for rule in concerned if not _is_for_bodies(rule)]
    found = [words for words in dict.fromkeys(told) if words][:_MAX_RULES]
    # They are for every place alike, so that one which does not match here may well be meant for another place.
    if bodies := [rule.rule.name for rule in concerned if _is_for_bodies(rule)]:
        found.append(f"no rule for whole bodies ({quoted_names(bodies)}) matches it")
    return "; " + "; ".join(found) if found else ""


def _is_for_bodies(compiled: CompiledOutboundRule) -> bool:
    return not compiled.rule.match.server_variable and not compiled.rule.match.filter_by_tags


def _rules_for(case: Case, variable: str, place: Place | None) -> Iterator[CompiledOutboundRule]:
    """The outbound rules whose scope is a field or a place."""
    level = case.level
    for compiled in level.outbound_rules if level else ():
        match = compiled.rule.match
        if match.server_variable:
            concerned = bool(variable) and normal_name(match.server_variable) == normal_name(variable)
        else:
            tags = compiled.tags if match.filter_by_tags else None
            concerned = place is not None and (tags is None or (place.tag, place.attribute) in tags)
        if concerned:
            yield compiled


def _kept_back(case: Case, compiled: CompiledOutboundRule) -> str:
    """Why a rule did not change what it is for, as far as the trace tells."""
    name = compiled.rule.name
    if not compiled.rule.enabled:
        return f'the rule "{name}" is for it, but has enabled: false'
    missed = False
    for event in case.reading.response:
        if text(event, "rule") != name:
            continue
        match name_of(event):
            case Name.OUTBOUND_RULE_SKIPPED:
                return (
                    f'the rule "{name}" is for it, but its precondition "{text(event, "pre_condition")}" does not hold'
                )
            case Name.OUTBOUND_PATTERN_MATCH:
                missed = missed or not flag(event, "succeeded")
    return (
        f'the rule "{name}" is for it, but its pattern {shown(compiled.rule.match.pattern, 100)} does not match'
        if missed
        else ""
    )
