"""What stands beside `<rewrite>` in `<system.webServer>`, as XML."""

from __future__ import annotations

from urlrewrite.formats.web_server.shapes import SYSTEM_WEB
from urlrewrite.formats.web_server.writing import elements_of
from urlrewrite.formats.xml.export_farms import element_tag
from urlrewrite.formats.xml.export_text import Tag
from urlrewrite.model import Section


def add_web_server(parent: Tag, web_server: Tag, section: Section) -> None:
    """Add what a level says to its `<system.webServer>`, and to what that stands in."""
    for element in elements_of(section.web_server):
        (parent if element.name == SYSTEM_WEB else web_server).children.append(element_tag(element))
    if section.silenced:
        web_server.comments.append(f"urlrewrite: silence {' '.join(section.silenced)}")
