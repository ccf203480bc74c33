"""The table of all pages, the index page that shows it, and the table as JSON."""

from __future__ import annotations

import json
from html import escape

from tornado.httputil import HTTPServerRequest

from privateserver.api import API
from privateserver.catalogue import JSON, ORIGIN, Group, Page, Reply
from privateserver.charsets import CHARSETS
from privateserver.codings import CODINGS
from privateserver.documents import HTML_PAGES, RESOURCES, SCRIPT_PAGES
from privateserver.farm import FARM
from privateserver.feeds import FEEDS
from privateserver.headers import ERRORS, HEADERS, REDIRECTS
from privateserver.login import LOGIN
from privateserver.markup import document
from privateserver.streams import STREAMS


def _row(page: Page) -> str:
    remains = ""
    if page.kept != 0:
        count = "any" if page.kept is None else f"{page.kept} &times;"
        remains = f"{count}<small>{escape(page.why)}</small>"
    kind = page.kind if page.status == 200 else f"{page.kind}, {page.status}"
    return (
        f'<tr><td><a href="{ORIGIN}{page.path}">{escape(page.title)}</a><small>{page.path} ({kind})</small></td>'
        f"<td>{escape(page.problem)}</td><td>{escape(page.expect)}</td><td>{remains}</td></tr>\n"
    )


def index(page: Page, request: HTTPServerRequest) -> Reply:
    """Return all pages with their legends."""
    head = "<tr><th>Page</th><th>Problem</th><th>Behind the proxy</th><th>Remains</th></tr>\n"
    sections = (
        f'<h2>{escape(group.title)}</h2>\n<table class="index">\n{head}'
        f"{''.join(_row(each) for each in group.pages if each is not page)}</table>\n"
        for group in GROUPS
    )
    return Reply(body=document(page, "".join(sections)).encode())


def table(page: Page, request: HTTPServerRequest) -> Reply:
    """Return all pages as JSON."""
    return Reply(body=json.dumps([each.as_json() for each in PAGES], indent=1).encode())


START = Group(
    "Start",
    (
        Page(
            path="/",
            title="A backend that believes in its own name",
            problem="Every page of this site writes links, fields and cookies with the backend's own name, which "
            "resolves nowhere. Each page says below what must be seen when a proxy maps that name to a public one.",
            expect="All links lead to the public name. The line above is green on every page; where a page is broken, "
            "it says what leaked. The last column counts the places where the backend's name rightly remains.",
            serve=index,
        ),
        Page(
            path="/pages.json",
            title="This table for programs",
            problem="The same as JSON: path, kind, status, what is expected and what remains.",
            expect="It arrives unchanged.",
            serve=table,
            kind="resource",
            content_type=JSON,
            named=False,
        ),
    ),
)

GROUPS = (
    START,
    HTML_PAGES,
    SCRIPT_PAGES,
    REDIRECTS,
    HEADERS,
    LOGIN,
    FARM,
    CODINGS,
    CHARSETS,
    API,
    FEEDS,
    STREAMS,
    ERRORS,
    RESOURCES,
)
PAGES = tuple(page for group in GROUPS for page in group.pages)
