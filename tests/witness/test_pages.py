"""Which responses get the script, and the fields of the copy."""

from __future__ import annotations

import pytest

from urlrewrite.model.field_lines import FieldLines
from urlrewrite.witness.pages import Unwatched, copy_fields, unwatched

WINDOW = (("Sec-Fetch-Dest", "document"),)
HTML = (("Content-Type", "text/html; charset=utf-8"),)

CASES: list[tuple[str, FieldLines, int, FieldLines, Unwatched | None]] = [
    ("GET", WINDOW, 200, HTML, None),
    ("POST", WINDOW, 200, HTML, None),
    ("GET", WINDOW, 404, HTML, None),
    ("GET", (("Sec-Fetch-Dest", "iframe"),), 200, HTML, None),
    ("GET", (("Accept", "text/html,*/*"),), 200, HTML, None),
    ("HEAD", WINDOW, 200, HTML, Unwatched.NO_PAGE),
    ("GET", WINDOW, 304, HTML, Unwatched.NO_PAGE),
    ("GET", WINDOW, 206, HTML, Unwatched.NO_PAGE),
    ("GET", WINDOW, 204, HTML, Unwatched.NO_PAGE),
    ("GET", WINDOW, 101, HTML, Unwatched.NO_PAGE),
    ("GET", (("Sec-Fetch-Dest", "empty"), ("Accept", "text/html")), 200, HTML, Unwatched.NO_PAGE),
    ("GET", (("Accept", "text/html"), ("X-Requested-With", "XMLHttpRequest")), 200, HTML, Unwatched.NO_PAGE),
    ("GET", (("Accept", "*/*"),), 200, HTML, Unwatched.NO_PAGE),
    ("GET", WINDOW, 200, (), Unwatched.NO_PAGE),
    ("GET", WINDOW, 200, (("Content-Type", "application/xhtml+xml"),), Unwatched.NO_PAGE),
    ("GET", WINDOW, 200, (*HTML, ("Content-Disposition", "attachment")), Unwatched.NO_PAGE),
    ("GET", WINDOW, 200, (*HTML, ("Cache-Control", "max-age=1, No-Transform")), Unwatched.NO_TRANSFORM),
    ("GET", WINDOW, 200, (*HTML, ("Content-Encoding", "gzip, br")), None),
    ("GET", WINDOW, 200, (*HTML, ("Content-Encoding", "compress")), Unwatched.CODING),
    ("GET", WINDOW, 200, (*HTML, ("Content-Encoding", ", ".join(["gzip"] * 6))), Unwatched.CODING),
    ("GET", WINDOW, 200, (("Content-Type", 'text/html; charset="UTF-16"'),), Unwatched.CHARSET),
    ("GET", WINDOW, 200, (("Content-Type", "text/html;charset=windows-1251"),), None),
    ("GET", WINDOW, 200, (*HTML, ("Content-Security-Policy", "img-src *; Sandbox")), Unwatched.SANDBOX),
    ("GET", WINDOW, 200, (*HTML, ("Content-Security-Policy", "a, sandbox allow-scripts")), Unwatched.SANDBOX),
    ("GET", WINDOW, 200, (*HTML, ("Content-Security-Policy", "sandbox allow-scripts allow-same-origin")), None),
]


@pytest.mark.parametrize(("method", "request_fields", "status", "response", "why"), CASES)
def test_who_gets_the_script(
    method: str, request_fields: FieldLines, status: int, response: FieldLines, why: Unwatched | None
) -> None:
    assert unwatched(method, request_fields, status, response) is why


@pytest.mark.parametrize(
    "name",
    "Accept-Ranges Age Content-Digest Content-Length Content-MD5 Digest ETag Expires Last-Modified Pragma "
    "Repr-Digest".split(),
)
def test_the_copy_has_nothing_that_is_of_the_page_only(name: str) -> None:
    page = (("Content-Type", "text/html"), (name, "x"), ("Cache-Control", "max-age=9"), ("Set-Cookie", "a=b"))
    assert copy_fields(page) == (("Content-Type", "text/html"), ("Set-Cookie", "a=b"), ("Cache-Control", "no-store"))
