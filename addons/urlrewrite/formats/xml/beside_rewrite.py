"""What stands beside `<rewrite>`: honoured sections are collected for their level, the others are told.

    <!-- urlrewrite: silence UR024 -->

before a section, in it, or before `<system.webServer>` keeps what is said of it to ourselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from urlrewrite.formats.fates import Fate
from urlrewrite.formats.files_read import FilesRead
from urlrewrite.formats.reports import ProblemId, Report
from urlrewrite.formats.web_server.shapes import BESIDE_REWRITE, IN_SYSTEM_WEB, KEPT, SECURITY, SYSTEM_WEB
from urlrewrite.formats.wording import suggestion
from urlrewrite.formats.xml.comments import silenced_by
from urlrewrite.formats.xml.farms import config_element
from urlrewrite.formats.xml.known_sections import KNOWN_SECTIONS, known_section
from urlrewrite.formats.xml.nodes import Element
from urlrewrite.formats.xml.section import Level
from urlrewrite.formats.xml.sources import has_source, section_of
from urlrewrite.model import ConfigElement

_HONOURED = frozenset(name.casefold() for name in BESIDE_REWRITE)
_IN_SECURITY = frozenset(name.casefold() for name in (*SECURITY, *KEPT))
_OF_ASP_NET = frozenset(name.casefold() for name in (*IN_SYSTEM_WEB, *KEPT))
_WEB_SERVER = "system.webServer"


class BesideRewrite:
    """Reads the sections beside `<rewrite>` of one file; `root` is its root element."""

    def __init__(self, root: Element, report: Report, files: FilesRead) -> None:
        self._report = report
        self._files = files
        self._declared = frozenset(_declared(root))

    def of_configuration(self, element: Element, level: Callable[[], Level]) -> None:
        """Read a section of `<configuration>` or `<location>` that is not one of IIS's own; `level` makes theirs."""
        silenced = silenced_by(element, *element.children)
        self._tell(element.name, element, silenced, self._report)
        kept = [child for child in element.children if child.name.casefold() in _OF_ASP_NET]
        if kept and element.name.casefold() == SYSTEM_WEB:
            level().silence(silenced)
            level().beside_rewrite(self._read(replace(element, children=kept), self._report))

    def of_web_server(self, element: Element, level: Level, silenced: frozenset[str]) -> None:
        """Read a section of `<system.webServer>`; `silenced` is what is silenced for all of them."""
        path, name = f"{_WEB_SERVER}/{element.name}", element.name.casefold()
        silenced |= silenced_by(element, *element.children)
        level.silence(silenced)
        self._tell(path, element, silenced, self._report)
        if name in _HONOURED:
            level.beside_rewrite(self._read(element, self._report))
        if name == "security":
            security = section_of(element, self._report, self._files)
            for child in security.element.children:
                self._tell(f"{path}/{child.name}", child, silenced, security.report)
            kept = [child for child in security.element.children if child.name.casefold() in _IN_SECURITY]
            level.beside_rewrite(self._read(replace(security.element, children=kept), security.report))

    def _read(self, element: Element, report: Report) -> ConfigElement:
        """Keep an element and all that is in it, each of which can be a file of its own."""
        written = section_of(element, report, self._files)
        found = config_element(replace(written.element, children=()), written.report)
        return replace(found, children=tuple(self._read(child, written.report) for child in written.element.children))

    def _tell(self, path: str, element: Element, silenced: frozenset[str], report: Report) -> None:
        known = known_section(path)
        if known is None:
            # A misplaced <rewrite> is told of as such.
            is_told = element.name.casefold() == "rewrite" or ProblemId.UNKNOWN_SECTION in silenced
            if not is_told and path.casefold() not in self._declared:
                beside = path.rpartition("/")[0].casefold()
                names = (name.rpartition("/") for name in KNOWN_SECTIONS)
                hint = suggestion(element.name, [name for parent, _, name in names if parent.casefold() == beside])
                message = f"got <{element.name}>, expected a section of IIS that is known here{hint}; it is passed over"
                report.warning(element.line, ProblemId.UNKNOWN_SECTION, message)
        elif known.fate is Fate.TOLD and ProblemId.NOT_DONE not in silenced:
            if not known.matters(element) and not has_source(element):
                return
            message = f"<{element.name}> is not done here: {known.instead}"
            report.warning(element.line, ProblemId.NOT_DONE, message)


def _declared(root: Element) -> Iterator[str]:
    """Yield the paths of the sections, and of their groups, that a file declares itself."""

    def within(element: Element, path: str) -> Iterator[str]:
        for child in element.children:
            name = f"{path}{child.attributes.get('name', '')}".casefold()
            if child.name.casefold() in ("section", "sectiongroup"):
                yield name
                yield from within(child, f"{name}/")

    for sections in (child for child in root.children if child.name.casefold() == "configsections"):
        yield from within(sections, "")
