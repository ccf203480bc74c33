"""A `<rewrite>` section of one level, from XML.

`<clear/>` and `<remove>` act on what the level has inherited and on what stood before them in the same level. The model
knows only the first (`Section.removals` come before what the level adds), so the second is done here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from urlrewrite.formats.files_read import FilesRead
from urlrewrite.formats.providers import with_answers
from urlrewrite.formats.reports import ProblemId, Report
from urlrewrite.formats.section_fields import SectionFields
from urlrewrite.formats.web_server.reading import read_web_server
from urlrewrite.formats.wording import shown
from urlrewrite.formats.xml.comments import plain_comment
from urlrewrite.formats.xml.fields import REFUSED, Fields, children_of
from urlrewrite.formats.xml.inbound import inbound_rule
from urlrewrite.formats.xml.maps import provider, rewrite_map
from urlrewrite.formats.xml.nodes import Comment, Element
from urlrewrite.formats.xml.outbound import custom_tags, outbound_rule, pre_condition
from urlrewrite.formats.xml.sources import section_of
from urlrewrite.model import (
    Collection,
    ConfigElement,
    CustomTags,
    InboundRule,
    OutboundRule,
    PreCondition,
    Provider,
    Removal,
    RewriteMap,
    Source,
)
from urlrewrite.model.choices import IN_OUTBOUND_RULES
from urlrewrite.model.web_server import WebServer

SECTIONS = (
    "rules",
    "globalRules",
    "outboundRules",
    "rewriteMaps",
    "providers",
    "allowedServerVariables",
)
"""What can stand in `<rewrite>`, each of which can be a file of its own."""

_ENTRIES = {
    "rule": "<rules> or <outboundRules>",
    "rewriteMap": "<rewriteMaps>",
    "provider": "<providers>",
    "preCondition": "<preConditions>",
}


class _Named(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def source(self) -> Source: ...


@dataclass(frozen=True, slots=True)
class _Variable:
    """A name out of `<allowedServerVariables>`."""

    name: str
    source: Source


@dataclass(slots=True)
class _Entries[T: _Named]:
    """A collection while it is read: its entries by name without case, in their order."""

    kind: str
    collection: Collection | None
    by_name: dict[str, T] = field(default_factory=dict)
    removals: dict[str, Removal] = field(default_factory=dict)

    def add(self, item: T, report: Report) -> None:
        if not item.name:
            return
        first = self.by_name.setdefault(item.name.casefold(), item)
        if first is not item:
            told = report.of_rule(item.name) if self.kind == "rule" else report
            message = f"got the {self.kind} {shown(item.name)} again, expected each once: the first one is in"
            told.error(item.source.line, ProblemId.DUPLICATE_NAME, f"{message} {first.source}; {REFUSED}")

    def clear(self, source: Source) -> None:
        self.by_name.clear()
        if self.collection:
            self.removals = {"": Removal(self.collection, "", source)}

    def remove(self, name: str, source: Source) -> None:
        here = self.by_name.pop(name.casefold(), None)
        if here is None and self.collection and "" not in self.removals:
            self.removals.setdefault(name.casefold(), Removal(self.collection, name, source))

    @property
    def items(self) -> tuple[T, ...]:
        return tuple(self.by_name.values())

    @property
    def named(self) -> Mapping[str, T]:
        return MappingProxyType({item.name: item for item in self.by_name.values()})


class Level:
    """Reads the `<rewrite>` sections of one level; `is_server` tells that it may be of `applicationHost.config`."""

    def __init__(self, report: Report, files: FilesRead, *, document_root: str = "", is_server: bool = False) -> None:
        self._file = report.file
        self._files = files
        self._document_root = document_root
        self._is_server = is_server
        self._seen: dict[str, Source] = {}
        self._comments: dict[str, list[str]] = {}
        self._rules = _Entries[InboundRule]("rule", Collection.RULES)
        self._global_rules = _Entries[InboundRule]("rule", None)
        self._outbound_rules = _Entries[OutboundRule]("rule", Collection.OUTBOUND_RULES)
        self._pre_conditions = _Entries[PreCondition]("preCondition", Collection.PRE_CONDITIONS)
        self._custom_tags = _Entries[CustomTags]("tags", Collection.CUSTOM_TAGS)
        self._maps = _Entries[RewriteMap]("rewrite map", Collection.REWRITE_MAPS)
        self._providers = _Entries[Provider]("provider", Collection.PROVIDERS)
        self._allowed = _Entries[_Variable]("server variable", Collection.ALLOWED_SERVER_VARIABLES)
        self._encoding: bool | None = None
        self._global_encoding: bool | None = None
        self._before_cache: bool | None = None
        self._beside: list[ConfigElement] = []
        self._problems = report.problems
        self._silenced: dict[str, None] = {}

    @property
    def global_rules(self) -> tuple[InboundRule, ...]:
        return self._global_rules.items

    @property
    def global_use_original_url_encoding(self) -> bool | None:
        return self._global_encoding

    @property
    def fields(self) -> SectionFields:
        """What the level says."""
        kept = (
            self._rules,
            self._outbound_rules,
            self._pre_conditions,
            self._custom_tags,
            self._maps,
            self._providers,
            self._allowed,
        )
        allowed = tuple(item.name for item in self._allowed.items)
        return SectionFields(
            rules=self._rules.items,
            outbound_rules=self._outbound_rules.items,
            pre_conditions=self._pre_conditions.named,
            custom_tags=self._custom_tags.named,
            rewrite_maps=self._maps.named,
            providers=self._providers.named,
            allowed_server_variables=allowed if Collection.ALLOWED_SERVER_VARIABLES in self._seen else None,
            removals=tuple(removal for entries in kept for removal in entries.removals.values()),
            use_original_url_encoding=self._encoding,
            rewrite_before_cache=self._before_cache,
            comments=MappingProxyType({name: "\n".join(texts) for name, texts in self._comments.items()}),
            web_server=self._web_server,
            silenced=tuple(self._silenced),
        )

    @cached_property
    def _web_server(self) -> WebServer:
        return read_web_server(self._beside, self._problems)

    def beside_rewrite(self, element: ConfigElement) -> None:
        """Take a section that stands beside `<rewrite>`."""
        self._beside.append(element)

    def silence(self, ids: Iterable[str]) -> None:
        """Silence findings about the level as a whole."""
        self._silenced.update(dict.fromkeys(sorted(ids)))

    def rewrite(self, element: Element, report: Report) -> None:
        """Read a `<rewrite>`."""
        Fields(element, report, ())
        self._note("rewrite", element, report)
        for name, child in children_of(element, report, (*SECTIONS, *IN_OUTBOUND_RULES, *_ENTRIES)):
            if name in _ENTRIES:
                message = f"got <{name}> in <rewrite>, expected it in {_ENTRIES[name]}; {REFUSED}"
                report.error(child.line, ProblemId.MISPLACED, message)
                continue
            if name in IN_OUTBOUND_RULES:
                message = f"got <{name}> in <rewrite>, expected it in <outboundRules>; {REFUSED}"
                report.warning(child.line, ProblemId.MISPLACED, message, refused=True)
            self.section(name, child, report)

    def section(self, name: str, element: Element, report: Report) -> None:
        """Read one of `SECTIONS`, or its file."""
        written = section_of(element, report, self._files)
        element, report = written.element, written.report
        source = report.source(element.line)
        if (first := self._seen.setdefault(name, source)) is not source:
            message = f"got <{name}> again, expected it once: the first one is in {first}; {REFUSED}"
            report.warning(element.line, ProblemId.REFUSED_BY_IIS, message, refused=True)
        self._note(name, element, report)
        if name in ("globalRules", "allowedServerVariables") and not self._is_server:
            message = f"got <{name}>, which only applicationHost.config may have: {REFUSED}; it is honoured here"
            report.warning(element.line, ProblemId.REFUSED_BY_IIS, message, refused=True)
        match name:
            case "rules" | "globalRules":
                self._read_rules(name, element, report)
            case "outboundRules":
                self._read_outbound_rules(element, report)
            case "preConditions":
                Fields(element, report, ())
                self._read(self._pre_conditions, element, report, "preCondition", pre_condition)
            case "customTags":
                Fields(element, report, ())
                self._read(self._custom_tags, element, report, "tags", custom_tags)
            case "rewriteMaps":
                Fields(element, report, ())
                self._read(self._maps, element, report, "rewriteMap", rewrite_map)
            case "providers":
                Fields(element, report, ())
                self._read(self._providers, element, report, "provider", self._provider)
            case _:
                Fields(element, report, ())
                self._read(self._allowed, element, report, "add", self._allowed_variable)

    def _read_rules(self, name: str, element: Element, report: Report) -> None:
        fields = Fields(element, report, ("useOriginalURLEncoding",))
        encoding = fields.optional_boolean("useOriginalURLEncoding")
        if name == "rules":
            self._encoding = encoding if encoding is not None else self._encoding
            self._read(self._rules, element, report, "rule", inbound_rule)
        else:
            self._global_encoding = encoding if encoding is not None else self._global_encoding
            self._read(self._global_rules, element, report, "rule", lambda e, r: inbound_rule(e, r, is_global=True))

    def _read_outbound_rules(self, element: Element, report: Report) -> None:
        before_cache = Fields(element, report, ("rewriteBeforeCache",)).optional_boolean("rewriteBeforeCache")
        self._before_cache = before_cache if before_cache is not None else self._before_cache
        self._read(self._outbound_rules, element, report, "rule", outbound_rule, IN_OUTBOUND_RULES)

    def _read[T: _Named](
        self,
        entries: _Entries[T],
        element: Element,
        report: Report,
        entry: str,
        read: Callable[[Element, Report], T],
        sections: tuple[str, ...] = (),
    ) -> None:
        """Read the entries of a collection, and what it does to those before them."""
        for name, child in children_of(element, report, (entry, "remove", "clear", *sections)):
            if name in sections:
                self.section(name, child, report)
            elif name == entry:
                entries.add(read(child, report), report)
            else:
                self._add_comments(element.name, [*child.comments, *child.trailing], report)
                fields = Fields(child, report, ("name",) if name == "remove" else ())
                if name == "clear":
                    entries.clear(report.source(child.line))
                elif removed := fields.required("name", "the name of what is not to be inherited"):
                    entries.remove(removed, report.source(child.line))

    def _provider(self, element: Element, report: Report) -> Provider:
        directory = Path(self._file).parent

        def fill(found: Provider, report: Report) -> Provider:
            return with_answers(found, report, self._files, directory, self._document_root)

        return provider(element, report, fill)

    def _allowed_variable(self, element: Element, report: Report) -> _Variable:
        self._note(Collection.ALLOWED_SERVER_VARIABLES, element, report)
        name = Fields(element, report, ("name",)).trimmed("name", "the name of a server variable")
        return _Variable(name, report.source(element.line))

    def _note(self, name: str, element: Element, report: Report) -> None:
        """Keep the comments that belong to no entry."""
        self._add_comments(name, [*element.comments, *element.trailing], report)

    def _add_comments(self, name: str, comments: list[Comment], report: Report) -> None:
        if text := plain_comment(comments, report):
            self._comments.setdefault(name, []).append(text)
