"""`<httpErrors>`: its pages are not read, and whoever would miss one is told."""

from __future__ import annotations

from urlrewrite.formats.error_pages import OWN_STATUSES
from urlrewrite.formats.reports import ProblemId, Report
from urlrewrite.formats.xml.nodes import Element


def tell_error_pages(element: Element, report: Report) -> None:
    """Warn of pages for errors with which the proxy itself responds, but for those that IIS comes with."""
    for error in (child for child in element.children if child.name.casefold() == "error"):
        attributes = {name.casefold(): value.strip() for name, value in error.attributes.items()}
        status = attributes.get("statuscode", "")
        if status in map(str, OWN_STATUSES) and not attributes.get("prefixlanguagefilepath"):
            message = (
                f"<httpErrors>: got a page for {status}, which is not read from here: name it in YAML, as "
                f"errorPages: {{{status}: ...}} of the site"
            )
            report.warning(error.line, ProblemId.UNSUPPORTED, message)
