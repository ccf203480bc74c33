"""Why a backend's name was left where it is: from the engine's own rules.

Reasons are tried from the outermost in: the response is the proxy's own, the body was passed, `links` does not reach
this far, the place is one that is left alone, the spelling is one that nothing reads.
"""

from __future__ import annotations

from urlrewrite.content.kinds import Kind
from urlrewrite.engine.compiled import CompiledOutboundRule
from urlrewrite.fields.urls import FieldKind, kind_of
from urlrewrite.inspector.diagnose.cause import Cause, cause
from urlrewrite.inspector.diagnose.exchange_case import ExchangeCase
from urlrewrite.inspector.diagnose.outbound_rules import kept_back, rules_for
from urlrewrite.inspector.diagnose.unmapped import body_passed
from urlrewrite.inspector.diagnose.why import Why
from urlrewrite.inspector.names.names import Named, Relation
from urlrewrite.inspector.names.places import Place, Sort
from urlrewrite.inspector.text import quoted_names
from urlrewrite.model import LinkMode, LinkPlace
from urlrewrite.model.field_lines import field_values
from urlrewrite.model.origin import DEFAULT_PORTS
from urlrewrite.trace.events import Name
from urlrewrite.trace.reading import text
from urlrewrite.trace.reasons import Reason

_MAX_RULES = 4


def cause_in_field(case: ExchangeCase, name: str, value: str, named: Named, *, would_map: bool) -> Cause:
    """Return why a name was left in a field of the response."""
    kind = kind_of(name)
    if case.exchange.own:
        return _own(case)
    if kind is FieldKind.UNTOUCHED:
        return cause(Why.COMPARED_FIELD, name=name)
    also = case.site.links_also if case.site else frozenset()
    if kind is FieldKind.COOKIE and not in_domain(value, named.start) and LinkPlace.COOKIE_VALUES not in also:
        return cause(Why.COOKIE_VALUE)
    if general := _of_name(case, named, would_map=would_map):
        return general
    rules = _rules_for_place(case, f"RESPONSE_{name}")
    if case.links is LinkMode.OFF:
        return cause(Why.FIELD_LINKS_OFF, rules=rules)
    if named.hidden:
        return _encoded(named, rules)
    if not named.is_url:
        return cause(Why.BARE_NAME_IN_FIELD, name=name, rules=rules)
    return cause(Why.SPELLING_LEFT, where=f" in {name}", rules=rules)


def cause_of_phrase(case: ExchangeCase) -> Cause:
    """Return why a name was left in the reason phrase."""
    return _own(case) if case.exchange.own else cause(Why.REASON_PHRASE)


def cause_in_body(case: ExchangeCase, kind: Kind, place: Place, named: Named, *, would_map: bool) -> Cause:
    """Return why a name was left in the body; `would_map` says that the link map reads the spelling."""
    if case.exchange.own:
        return _own(case)
    if place.sort is Sort.IDENTIFIER:
        return cause(Why.IDENTIFIER, place=place.label)
    if found := _passed(case, kind) or _of_name(case, named, would_map=would_map):
        return found
    rules = _rules_for_place(case, "", place)
    if case.links is LinkMode.OFF:
        return cause(Why.LINKS_OFF, rules=rules or ", and no rule is for this place")
    if case.links is LinkMode.TAGS and place.sort not in (Sort.LINK, Sort.COMMENT, Sort.TEXT):
        return cause(Why.TAGS_END, place=_a(place), rules=rules)
    if named.hidden:
        return _encoded(named, rules)
    if left := _left_alone(case, kind, place):
        also, why = left
        helps = would_map and case.links is not LinkMode.TAGS
        bare = "" if named.is_url or helps else "it is a bare name, not a URL: "
        detail = f"; it is mapped if linksAlso has {also}" if helps else ""
        return cause(why, bare=bare, detail=detail, rules=rules)
    if place.sort is Sort.COMMENT:
        return cause(Why.SCRIPT_COMMENT, rules=rules)
    if not named.is_url:
        return cause(Why.BARE_NAME, rules=rules)
    if would_map:
        return cause(Why.NO_LINKS_THERE, place=_a(place), rules=rules)
    return cause(Why.SPELLING_LEFT, where="", rules=rules)


def cause_in_message(case: ExchangeCase, named: Named, *, text: bool, would_map: bool) -> Cause:
    """Return why a name was left in a message of a WebSocket, `text` or binary."""
    if found := _of_name(case, named, would_map=would_map):
        return found
    if case.links is LinkMode.OFF:
        return cause(Why.LINKS_OFF, rules="")
    if not text:
        return cause(Why.BINARY_MESSAGE)
    if case.site is None or LinkPlace.WEBSOCKET_MESSAGES not in case.site.links_also:
        return cause(Why.MESSAGE)
    if named.hidden:
        return _encoded(named, "")
    return cause(Why.SPELLING_LEFT, where=" in messages of WebSockets", rules="")


def cause_in_document(case: ExchangeCase) -> Cause:
    """Return why a name was left in a ZIP document."""
    return _own(case) if case.exchange.own else cause(Why.ENCODED_NAME, spelling="a ZIP document", rules="")


def _own(case: ExchangeCase) -> Cause:
    rules = [f'"{name}"' for name in case.reading.names("inbound_rules")]
    by = f": the rule {' and '.join(rules[:_MAX_RULES])} wrote it so" if rules else ""
    return cause(Why.OWN_RESPONSE, detail=by)


def _passed(case: ExchangeCase, kind: Kind) -> Cause | None:
    """Return the cause where the body was not rewritten at all."""
    if found := body_passed(case.reading):
        return found
    plan = case.event(Name.BODY_PLAN)
    reason = text(plan, "reason")
    if text(plan, "way") != "pass" or reason == Reason.NO_BODY:
        return None
    why = f"the body was passed as it came: {text(plan, 'why')}"
    if kind is Kind.BINARY:
        response = case.exchange.response
        said = next(iter(field_values(response.fields, "content-type")), "no type at all") if response else ""
        return cause(Why.BODY_PASSED, detail=f"{why} (Content-Type says {said})")
    if reason == Reason.NOT_CONCERNED and (kind is Kind.OTHER_TEXT or case.links is not LinkMode.EVERYWHERE):
        return None
    return cause(Why.BODY_PASSED, detail=why)


def _of_name(case: ExchangeCase, named: Named, *, would_map: bool) -> Cause | None:
    """Return the cause that lies in the name and not in its place."""
    match named.relation:
        case Relation.MAIL:
            return cause(Why.MAIL)
        case Relation.BELOW | Relation.LONGER:
            return cause(Why.OTHER_HOST, host=named.origin.host_text)
        case Relation.OTHER_PORT:
            return cause(Why.OTHER_PORT, port=_port(named), ours=named.origin.port)
    own = [pair for pair in case.link_map.pairs if pair.origin.host == named.origin.host]
    pairs = [pair for pair in own if pair.origin.port == named.origin.port]
    if pairs and named.is_url and not would_map and not named.hidden and all(pair.path for pair in pairs):
        return cause(Why.NOT_PUBLISHED, paths=", ".join(dict.fromkeys(pair.path for pair in pairs)))
    if not pairs and case.links is not LinkMode.OFF:
        connects = case.site is not None and case.site.connect == (named.origin.host, named.origin.port)
        return cause(Why.CONNECT_ADDRESS if connects else Why.NO_SITE)
    return None


def _encoded(named: Named, rules: str) -> Cause:
    if named.spelling.startswith("base64"):
        return cause(Why.BASE64, rules=rules)
    return cause(Why.ENCODED_NAME, spelling=named.spelling, rules=rules)


def _port(named: Named) -> str:
    """Return the port of a URL, or the one that its scheme implies."""
    if not named.authority.endswith("]") and ":" in named.authority:
        return named.authority.rpartition(":")[2]
    return str(DEFAULT_PORTS.get(named.scheme, "that of its scheme"))


def _left_alone(case: ExchangeCase, kind: Kind, place: Place) -> tuple[LinkPlace, Why] | None:
    """Return the entry of `linksAlso` by which a place would be mapped, and why it is not."""
    also = case.site.links_also if case.site else frozenset()
    if place.sort is Sort.COMMENT and (kind.is_markup or kind is Kind.CSS) and place.tag != "script":
        return (LinkPlace.COMMENTS, Why.COMMENT) if LinkPlace.COMMENTS not in also else None
    if place.sort is Sort.TEXT and LinkPlace.VISIBLE_TEXT not in also:
        return LinkPlace.VISIBLE_TEXT, Why.VISIBLE_TEXT
    if place.sort is Sort.PLAIN_TEXT and LinkPlace.PLAIN_TEXT not in also:
        return LinkPlace.PLAIN_TEXT, Why.PLAIN_TEXT
    return None


def _a(place: Place) -> str:
    return f"the {place.label}" if place.label[:1] != "<" else place.label


def in_domain(value: str, at: int) -> bool:
    """Say whether a position in a Set-Cookie value is in an attribute and not in the cookie itself."""
    return ";" in value.encode("utf-8", "surrogateescape")[:at].decode("utf-8", "replace")


def _rules_for_place(case: ExchangeCase, variable: str, place: Place | None = None) -> str:
    """Return what kept the rules for a place from acting: `; the rule "x" is for it, but ...`, or nothing."""
    concerned = list(rules_for(case, variable, (place.tag, place.attribute) if place else None))
    clauses = [_kept_back(case, rule) for rule in concerned if not _is_for_bodies(rule)]
    found = [words for words in dict.fromkeys(clauses) if words][:_MAX_RULES]
    # They are for every place alike, so that one which does not match here may well be meant for another place.
    if bodies := [rule.rule.name for rule in concerned if _is_for_bodies(rule)]:
        found.append(f"no rule for whole bodies ({quoted_names(bodies)}) matches it")
    return "; " + "; ".join(found) if found else ""


def _kept_back(case: ExchangeCase, compiled: CompiledOutboundRule) -> str:
    found = kept_back(case, compiled)
    return f'the rule "{compiled.rule.name}" is for it, but {found.why}' if found else ""


def _is_for_bodies(compiled: CompiledOutboundRule) -> bool:
    return not compiled.rule.match.server_variable and not compiled.rule.match.filter_by_tags
