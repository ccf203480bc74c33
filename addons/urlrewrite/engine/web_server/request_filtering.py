"""`<requestFiltering>`: what a request must not be like, before any rule of the site sees it.

(IIS configuration reference, "Request Filtering"; "IIS 7.0 Request Filtering and URL Rewriting".) What the client sent
is looked at, not what global rules made of it. What no file says is not filtered: the limits and lists with which IIS
is installed are the server's, and the backend has its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote

from urlrewrite.engine.facts import RequestFacts
from urlrewrite.engine.url_path import CookedPath, as_served, split_target
from urlrewrite.engine.web_server.answer import SectionAnswer
from urlrewrite.model import Source
from urlrewrite.model.field_lines import field_values
from urlrewrite.model.web_server import FilteringRule, Permissions, RequestFiltering
from urlrewrite.trace.reasons import Reason, Values

_SECTION = "security/requestFiltering"
_ESCAPED = re.compile(r"%[0-9a-f]{2}|%u[0-9a-f]{4}|\+", re.IGNORECASE)
_BARE_PERCENT = re.compile(r"%(?![0-9a-f]{2})", re.IGNORECASE)
_CONFIGURED = "The request filtering module is configured to deny"

_TOLD = {
    Reason.HEADER_TOO_LONG: ("404.10", "requestLimits/headerLimits", "a request header that is too long."),
    Reason.CONTENT_TOO_LONG: ("404.13", "requestLimits", "a request that exceeds the request content length."),
    Reason.VERB_DENIED: ("404.6", "verbs", "the HTTP verb."),
    Reason.URL_TOO_LONG: ("404.14", "requestLimits", "a URL that is too long."),
    Reason.HIGH_BIT_CHARACTER: ("404.12", "", "a request that contains high-bit characters."),
    Reason.DOUBLE_ESCAPED: ("404.11", "", "a request that contains a double escape sequence."),
    Reason.URL_SEQUENCE_DENIED: ("404.5", "denyUrlSequences", "the URL sequence."),
    Reason.EXTENSION_DENIED: ("404.7", "fileExtensions", "the file extension."),
    Reason.HIDDEN_SEGMENT: ("404.8", "hiddenSegments", "a path in the URL that contains a hiddenSegment section."),
    Reason.QUERY_TOO_LONG: ("404.15", "requestLimits", "a request where the query string is too long."),
    Reason.QUERY_SEQUENCE_DENIED: ("404.18", "denyQueryStringSequences", "a query string sequence."),
    Reason.FILTERING_RULE: ("404.19", "filteringRules", "a request by one of its filtering rules."),
}
"""What IIS responds with, the element that says so, and what IIS's page says."""


class RequestFilter:
    """Filters requests by what is in force at one level."""

    def __init__(self, section: RequestFiltering) -> None:
        self._section = section
        self._sequences = [(entry.key, entry) for entry in section.deny_url_sequences.add if entry.text]
        self._query_sequences = [(entry.key, entry) for entry in section.deny_query_string_sequences.add if entry.text]
        self._segments = {entry.key: entry for entry in section.hidden_segments.add}
        self._allowed_urls = {f"/{entry.key.lstrip('/')}" for entry in section.always_allowed_urls.add}
        self._allowed_queries = {entry.key.removeprefix("?") for entry in section.always_allowed_query_strings.add}

    def refused(self, request: RequestFacts) -> SectionAnswer | None:
        """Refuse a request that the section denies; the first reason counts."""
        return next(self._refusals(request), None)

    @property
    def limits_content(self) -> int | None:
        """The bytes that the body of a request may have; None for any number."""
        return self._section.limits.max_allowed_content_length

    def too_long(self, size: int) -> SectionAnswer:
        """Refuse a body of more bytes than that."""
        values: Values = {"size": size, "threshold": self.limits_content or 0}
        return _answer(Reason.CONTENT_TOO_LONG, self._section.source, values)

    def _refusals(self, request: RequestFacts) -> Iterator[SectionAnswer]:
        raw, query = split_target(request.target)
        yield from self._of_fields(request)
        yield from self._of_verb(request.method)
        yield from self._of_path(raw)
        if query:
            yield from self._of_query(query)
        for rule in self._section.filtering_rules.add:
            yield from self._of_rule(rule, request, raw, query or "")

    def _of_fields(self, request: RequestFacts) -> Iterator[SectionAnswer]:
        for limit in self._section.limits.header_limits.add:
            size = max((_size(value) for value in field_values(request.fields, limit.header)), default=0)
            if size > limit.size_limit:
                values: Values = {"name": limit.header, "size": size, "threshold": limit.size_limit}
                yield _answer(Reason.HEADER_TOO_LONG, limit.source, values)
        for value in field_values(request.fields, "content-length"):
            length = int(value) if value.isascii() and value.isdigit() and len(value) < 20 else 0
            yield from self._over(Reason.CONTENT_TOO_LONG, length, self.limits_content)

    def _of_verb(self, method: str) -> Iterator[SectionAnswer]:
        source = self._denies(self._section.verbs, method)
        if source:
            yield _answer(Reason.VERB_DENIED, source, {"name": method})

    def _of_path(self, raw: str) -> Iterator[SectionAnswer]:
        section, cooked = self._section, CookedPath(raw).text
        path = f"/{cooked}"
        yield from self._over(Reason.URL_TOO_LONG, _size(raw), section.limits.max_url)
        if section.allow_high_bit_characters is False and not path.isascii():
            first = next(character for character in path if not character.isascii())
            yield _answer(Reason.HIGH_BIT_CHARACTER, section.source, {"name": first})
        if section.allow_double_escaping is False and (found := _ESCAPED.search(cooked)):
            yield _answer(Reason.DOUBLE_ESCAPED, section.source, {"name": found[0]})
        if path.casefold() not in self._allowed_urls:
            # What is removed from the path before rules see it was still asked for: /a/../.git is looked at twice.
            looked_at = f"{path}\n{unquote(raw, errors='surrogateescape')}".casefold()
            for key, entry in self._sequences:
                if key in looked_at:
                    yield _answer(Reason.URL_SEQUENCE_DENIED, entry.source, {"name": entry.text})
        last = cooked.rpartition("/")[2]
        for name in dict.fromkeys((last, as_served(last))):
            extension = _extension(name)
            if name and (source := self._denies(section.file_extensions, extension or ".")):
                yield _answer(Reason.EXTENSION_DENIED, source, {"name": extension})
        for segment in cooked.casefold().split("/"):
            hidden = self._segments.get(segment) or self._segments.get(as_served(segment))
            if hidden:
                yield _answer(Reason.HIDDEN_SEGMENT, hidden.source, {"name": hidden.text})

    def _of_query(self, query: str) -> Iterator[SectionAnswer]:
        section = self._section
        yield from self._over(Reason.QUERY_TOO_LONG, _size(query), section.limits.max_query_string)
        if query.casefold() in self._allowed_queries:
            return
        looked_at = "\n".join(self._scanned_query(query)).casefold()
        for key, entry in self._query_sequences:
            if key in looked_at:
                yield _answer(Reason.QUERY_SEQUENCE_DENIED, entry.source, {"name": entry.text})

    def _scanned_query(self, query: str) -> Iterator[str]:
        yield query
        if self._section.unescape_query_string is not False:
            yield unquote(query, errors="surrogateescape")

    def _of_rule(self, rule: FilteringRule, request: RequestFacts, raw: str, query: str) -> Iterator[SectionAnswer]:
        extension = _extension(CookedPath(raw).text.rpartition("/")[2]).casefold()
        if rule.applies_to and extension not in map(str.casefold, rule.applies_to):
            return
        sent = (("the URL", raw, rule.scan_url), ("the query string", query, rule.scan_query_string))
        for where, text, scanned in sent:
            if rule.deny_unescaped_percent and scanned and _BARE_PERCENT.search(text):
                values: Values = {"name": rule.name, "argument": "%", "where": where}
                yield _answer(Reason.FILTERING_RULE, rule.source, values)
        for where, text in self._scanned(rule, request, raw, query):
            for denied in rule.deny_strings:
                if denied and denied.casefold() in text.casefold():
                    values = {"name": rule.name, "argument": denied, "where": where}
                    yield _answer(Reason.FILTERING_RULE, rule.source, values)

    def _scanned(self, rule: FilteringRule, request: RequestFacts, raw: str, query: str) -> Iterator[tuple[str, str]]:
        if rule.scan_url:
            yield "the URL", raw
            yield "the URL", f"/{CookedPath(raw).text}"
        if rule.scan_query_string:
            for text in self._scanned_query(query):
                yield "the query string", text
        for name in rule.scan_headers:
            for value in field_values(request.fields, name):
                yield f"the field {name}", value
        if rule.scan_all_raw:
            for name, value in request.fields:
                yield f"the field {name}", f"{name}: {value}"

    def _denies(self, permissions: Permissions, name: str) -> Source | None:
        """Return where it is said that a verb or an extension is denied."""
        key = name.casefold()
        entry = next((permission for permission in permissions.listed.add if permission.key == key), None)
        if entry:
            return None if entry.allowed else entry.source
        return self._section.source if permissions.allow_unlisted is False else None

    def _over(self, reason: Reason, size: int, limit: int | None) -> Iterator[SectionAnswer]:
        if limit is not None and size > limit:
            yield _answer(reason, self._section.source, {"size": size, "threshold": limit})


def _answer(reason: Reason, source: Source, values: Values) -> SectionAnswer:
    status, element, message = _TOLD[reason]
    section = f"{_SECTION}/{element}" if element else _SECTION
    return SectionAnswer(section, source, status, reason, f"{_CONFIGURED} {message}", values)


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogateescape"))


def _extension(name: str) -> str:
    """Return the file extension of the last segment of a path, with its dot; "" without one."""
    return f".{name.rpartition('.')[2]}" if "." in name else ""
