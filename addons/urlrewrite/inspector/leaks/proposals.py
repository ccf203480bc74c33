"""What to write into a rule file so that a leak goes away: a setting where there is one, a rule where there is none.

A proposal comes as YAML of this project and as IIS's XML. The XML is always a rule, since IIS knows no settings for
links; it is made from the exact words of the leak, so that it covers neither more nor less.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from urlrewrite.exchange.rules_in_force import RulesInForce
from urlrewrite.fields.urls import FieldKind, kind_of
from urlrewrite.formats.xml.export_rules import SectionWriter
from urlrewrite.formats.xml.export_text import NotXmlError, Tag
from urlrewrite.formats.xml.export_text import document as xml_document
from urlrewrite.formats.yaml.export_text import List, Map
from urlrewrite.formats.yaml.export_text import document as yaml_document
from urlrewrite.inspector.diagnose.exchange_case import ExchangeCase
from urlrewrite.inspector.leaks.harm import Remedy
from urlrewrite.inspector.leaks.proposed_rules import Draft, rule_for, transformed
from urlrewrite.inspector.leaks.rule_file_edits import with_fragment
from urlrewrite.inspector.leaks.search import Leak
from urlrewrite.inspector.leaks.web_config_edits import with_rewrite
from urlrewrite.inspector.names.names import Relation
from urlrewrite.inspector.names.places import Sort
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.inspector.site_yaml import site_yaml
from urlrewrite.model import LinkMode, Section

_NOTHING = {
    "encoded": "Change it in the backend: what is encoded, as base64 is, may be signed, or its length declared.",
    "identifier": "It has to stay: whatever compares it would no longer recognize it.",
    "other host": "If that host is to be reached from outside, publish it as a site of its own.",
    "root": "The root of a site is no path of which rootPaths could say that strings begin with it: every path does.",
    "": "No rule can do it here; what the reason says has to be changed, in the backend or in what is asked of it.",
}


@dataclass(frozen=True, slots=True)
class Proposal:
    """What would remove a leak.

    `yaml` is to stand in the site named `site` of a rule file of this project, `xml` in a `web.config`; each is ""
    where the format cannot express it. `why` says what it does.
    """

    title: str
    why: str
    yaml: str = ""
    xml: str = ""
    site: str = ""


def proposal(leak: Leak, exchange: RecordedExchange, rules: RulesInForce) -> Proposal:
    """Return what would remove a leak of an exchange."""
    case = ExchangeCase(exchange, rules)
    site = case.site.name if case.site else ""
    rule = rule_for(case, leak)
    xml = _xml(rule) if rule else ""
    match leak.remedy:
        case Remedy.LINKS if _links_help(leak):
            why = "Maps every URL of the backend, wherever and however it is written, without a rule for each."
            allowed = Section(outbound_rules=() if leak.field else tuple(transformed(case)))
            return Proposal("Map all links", why, site_yaml({"links": str(LinkMode.EVERYWHERE)}, allowed), xml, site)
        case Remedy.LINKS_ALSO if leak.also and case.links is not LinkMode.OFF:
            also = sorted({*(case.site.links_also if case.site else ()), leak.also})
            why = f"Maps links there, too, as in all responses of the site: {leak.also}."
            yaml = site_yaml({"linksAlso": tuple(map(str, also))})
            return Proposal(f"Map links in {leak.also}", why, yaml, xml, site)
        case Remedy.ROOT_PATHS:
            return _root_path(case, leak)
        case Remedy.SITE:
            if rule is None:
                return _another_site(case, leak)
        case Remedy.NONE:
            rule = None
    if rule is None:
        return Proposal("Nothing that a rule could do", _nothing(leak), site=site)
    title = f"Map this name in {leak.place}"
    why = f"A rule that maps this spelling and no other, in {_scope(rule)}."
    if leak.remedy is Remedy.TRANSFORM:
        why = "Lets the body be rewritten, though the backend forbids it by Cache-Control: no-transform."
    return Proposal(title, why, site_yaml({}, rule.section), xml, site)


def _scope(draft: Draft) -> str:
    match = draft.rules[-1].match
    if match.server_variable:
        return f"the field {match.server_variable.removeprefix('RESPONSE_').replace('_', '-')}"
    if match.filter_by_tags:
        return "the attributes that it names"
    return "whole bodies of this type, comments and visible text included"


def _links_help(leak: Leak) -> bool:
    """Say whether `links: everywhere` would map a name that was left because links did not reach so far."""
    named = leak.named
    if named is None or named.hidden or named.relation is not Relation.SAME:
        return False
    if leak.field:
        kind = kind_of(leak.field)
        bare = kind in (FieldKind.COOKIE, FieldKind.POLICY, FieldKind.AUTHORITY, FieldKind.ALLOW_FROM)
        return kind is not FieldKind.UNTOUCHED and (leak.would_map or (bare and not named.is_url))
    sort = leak.where.sort if leak.where else Sort.TEXT
    if named.quoted and not named.is_url:
        return sort in (Sort.SCRIPT, Sort.DATA)
    return leak.would_map and sort in (Sort.LINK, Sort.ATTRIBUTE, Sort.STYLE, Sort.SCRIPT, Sort.DATA)


def _nothing(leak: Leak) -> str:
    if leak.named and leak.named.hidden:
        return _NOTHING["encoded"]
    if leak.where and leak.where.sort is Sort.IDENTIFIER:
        return _NOTHING["identifier"]
    if leak.named and leak.named.relation in (Relation.BELOW, Relation.LONGER):
        return _NOTHING["other host"]
    return _NOTHING[""]


def _root_path(case: ExchangeCase, leak: Leak) -> Proposal:
    segment = leak.written.split("/")[1] if leak.written.count("/") else ""
    paths = [*(case.site.root_paths if case.site else ()), f"/{segment}"]
    if not segment or not segment.isascii():
        return Proposal("Nothing that a rule could do", _NOTHING["root"], site=case.site.name if case.site else "")
    yaml = site_yaml({"rootPaths": tuple(dict.fromkeys(paths))})
    why = f"Says that strings in scripts and JSON which begin with /{segment} are paths of the backend."
    return Proposal(f"Map paths below /{segment} in scripts", why, yaml, "", case.site.name if case.site else "")


def _another_site(case: ExchangeCase, leak: Leak) -> Proposal:
    """Propose a site below the public name for a backend that only rules name."""
    assert leak.origin is not None
    label = leak.origin.host.partition(".")[0]
    label = label if re.fullmatch(r"[a-z0-9-]+", label) else "other"
    entry = Map(block=True)
    entry.add("name", label)
    entry.add("public", f"{case.public}/{label}")
    entry.add("backend", str(leak.origin))
    why = "Publishes that backend below the public name, so that its links can be mapped."
    return Proposal(f"Publish {leak.origin}", why, yaml_document(Map([("sites", List([(entry, "")]), "")])))


def _xml(draft: Draft) -> str:
    """Return the `<rewrite>` element with the rules; "" where XML cannot hold them."""
    root = Tag("rewrite")
    try:
        SectionWriter([]).section(root, draft.section)
        return xml_document(root).partition("\n")[2]
    except NotXmlError:
        return ""


def as_rule_file(text: str, proposed: Proposal) -> str | None:
    """Return the text of a rule file with a proposal in it, all else byte for byte; None where that is not safe.

    Safe means proved by reading both texts: the new one must say what the old one says, and the proposal.
    """
    if text.lstrip("\ufeff \t\r\n").startswith("<"):
        return with_rewrite(text, proposed.xml)
    return with_fragment(text, proposed.yaml, proposed.site)
