"""`errorPages` of a site: a file for each status with which the proxy itself responds.

errorPages: {502: pages/502.html, 503: pages/503.html, 504: pages/504.html}   # relative to this file
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from urlrewrite.formats.error_pages import STATUSES, read_page
from urlrewrite.formats.files_read import FilesRead, reason
from urlrewrite.formats.reports import ProblemId
from urlrewrite.formats.wording import shown
from urlrewrite.formats.yaml.fields import Table, text_of
from urlrewrite.formats.yaml.paths import absolute_path
from urlrewrite.model import ErrorPage

KEY = "errorPages"


def error_pages_of(site: Table, files: FilesRead) -> Mapping[int, ErrorPage]:
    """Read the pages of a site by status."""
    found: dict[int, ErrorPage] = {}
    for key, node in site.mapping(KEY, tuple(map(str, STATUSES))):
        label, report = f"{site.label(KEY)}.{key.text}", site.report
        if not (key.text.isascii() and key.text.isdigit() and len(key.text) < 4 and int(key.text) in STATUSES):
            expected = f"a status from {STATUSES[0]} to {STATUSES[-1]}"
            report.error(
                key.line, ProblemId.BAD_VALUE, f"{site.label(KEY)}: got {shown(key.text)}, expected {expected}"
            )
            continue
        name = text_of(node, report, label)
        if not name:
            report.error(key.line, ProblemId.MISSING, f"{label}: got nothing, expected the path of a page")
            continue
        try:
            found[int(key.text)] = read_page(absolute_path(name, report), files, report.source(node.line))
        except (OSError, ValueError) as error:
            message = f"{label}: got {shown(name)} ({reason(error)}), expected a page that can be read"
            report.error(node.line, ProblemId.UNREADABLE, message)
    return MappingProxyType(found)
