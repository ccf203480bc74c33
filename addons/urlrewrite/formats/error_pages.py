"""The files that rule files name as error pages, read when rules are loaded."""

from __future__ import annotations

from pathlib import Path, PurePath

from urlrewrite.formats.files_read import FilesRead
from urlrewrite.formats.wording import listed, shown
from urlrewrite.model import ErrorPage, Source

STATUSES = range(400, 600)

OWN_STATUSES = (400, 401, 403, 404, 421, 500, 502, 503, 504)
"""Errors with which the proxy itself responds where no rule asks for one."""

MAX_PAGE = 2**20
"""Bytes of a page; it is kept in memory, and sent for every error."""

MEDIA_TYPES = {
    ".html": "text/html",
    ".htm": "text/html",
    ".xhtml": "application/xhtml+xml",
    ".txt": "text/plain",
    ".json": "application/json",
    ".xml": "application/xml",
    ".svg": "image/svg+xml",
}


def read_page(file: str, files: FilesRead, source: Source) -> ErrorPage:
    """Read a page; its media type follows from the end of its name.

    Raises OSError or ValueError; `files_read.reason` has the words for them.
    """
    media_type = MEDIA_TYPES.get(PurePath(file).suffix.lower())
    if media_type is None:
        raise ValueError(f"the end {shown(PurePath(file).suffix)} of its name is none of {listed(MEDIA_TYPES)}")
    content = files.read(Path(file), plain=True)
    if len(content) > MAX_PAGE:
        raise ValueError(f"it has more than {MAX_PAGE // 2**20} MB")
    return ErrorPage(file, content, _with_charset(media_type, content), source)


def _with_charset(media_type: str, content: bytes) -> str:
    """Name the charset of a text in UTF-8; for any other text, it is for the page to say."""
    if not media_type.startswith("text/"):
        return media_type
    try:
        content.decode()
    except UnicodeDecodeError:
        return media_type
    return f"{media_type}; charset=utf-8"
