"""Rewrite maps and providers, from XML."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

from urlrewrite.formats.reports import ProblemId, Report
from urlrewrite.formats.vocabulary import check_template_name
from urlrewrite.formats.wording import shown
from urlrewrite.formats.xml.comments import plain_comment
from urlrewrite.formats.xml.fields import REFUSED, Fields, children_of
from urlrewrite.formats.xml.nodes import Comment, Element
from urlrewrite.model import Provider, RewriteMap


def rewrite_map(element: Element, report: Report) -> RewriteMap:
    """Read a `<rewriteMap>`. Its keys differ if their case does, whatever `ignoreCase` says (rewrite_schema.xml)."""
    fields = Fields(element, report, ("name", "defaultValue", "ignoreCase"))
    name = fields.trimmed("name", "a name")
    check_template_name(name, report, element.line, "<rewriteMap> name")
    entries, comments = _keyed(element, report)
    return RewriteMap(
        name,
        MappingProxyType(entries),
        fields.text("defaultValue"),
        fields.boolean("ignoreCase", True),
        fields.source(),
        plain_comment(comments, report),
    )


def provider(element: Element, report: Report, fill: Callable[[Provider, Report], Provider]) -> Provider:
    """Read a `<provider>`; `fill` reads the file that it takes its entries from."""
    fields = Fields(element, report, ("name", "type"))
    name = fields.trimmed("name", "a name")
    check_template_name(name, report, element.line, "<provider> name")
    settings: dict[str, str] = {}
    comments: list[Comment] = [*element.comments]
    for _, child in children_of(element, report, ("settings",)):
        Fields(child, report, ())
        found, more = _keyed(child, report, encrypted=True)
        settings.update(found)
        comments += more
    comments += element.trailing
    type = fields.trimmed("type", "the class and assembly of the provider")
    source = fields.source()
    found_provider = Provider(
        name, type, MappingProxyType(settings), source=source, comment=plain_comment(comments, report)
    )
    return fill(found_provider, report) if name and type else found_provider


def _keyed(element: Element, report: Report, *, encrypted: bool = False) -> tuple[dict[str, str], list[Comment]]:
    """Read keys and values of a collection, and all comments before, in and at the end of it."""
    entries: dict[str, str] = {}
    comments = [*element.comments]
    known = ("key", "value", "encryptedValue") if encrypted else ("key", "value")
    for name, child in children_of(element, report, ("add", "remove", "clear")):
        if child.comments or child.trailing:
            comments += (*child.comments, *child.trailing)
        if name == "clear":
            entries.clear()
        elif name == "remove":
            entries.pop(Fields(child, report, ("key",)).given("key", "the key of an entry"), None)
        elif len(child.pairs) == 4 and child.pairs[0] == "key" and child.pairs[2] == "value":
            # The way in which nearly every entry of a map with many is written.
            _add(entries, child.pairs[1], child.pairs[3], child, report)
        else:
            fields = Fields(child, report, known)
            if "encryptedValue" in fields:
                message = "got a value that only the machine of its author can decrypt; it is taken as it is written"
                fields.warning("encryptedValue", ProblemId.UNSUPPORTED, message)
            value = fields.text("value") or fields.text("encryptedValue")
            _add(entries, fields.given("key", "a key"), value, child, report)
    comments += element.trailing
    return entries, comments


def _add(entries: dict[str, str], key: str, value: str, element: Element, report: Report) -> None:
    if key not in entries:
        entries[key] = value
        return
    message = f"<{element.name}>: got the key {shown(key)} again, expected each once; {REFUSED}"
    if entries[key] == value:
        report.warning(element.line, ProblemId.REFUSED_BY_IIS, message, refused=True)
    else:
        report.error(element.line, ProblemId.DUPLICATE_NAME, f"{message}, and two values cannot both be meant")
