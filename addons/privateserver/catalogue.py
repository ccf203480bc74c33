"""What a page of the demo backend is: its response, the problem it shows, what must be seen behind the proxy.

The texts of a page (title, problem, expect) never contain the backend's name, so that each occurrence of it in a
response is part of the problem that is shown, and can be counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal

from tornado.httputil import HTTPServerRequest
from tornado.web import RequestHandler

NAME = "privateserver"
AUTHORITY = "privateserver:8080"
ORIGIN = "http://privateserver:8080"

HTML = "text/html; charset=utf-8"
JSON = "application/json"

FILES = Path(__file__).resolve().parent / "files"

Kind = Literal["page", "resource", "download", "stream", "websocket", "error", "redirect"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A response. Without a ``content_type`` it has the page's; ``chunked`` sends a body of unknown length."""

    body: bytes = b""
    status: int | None = None
    content_type: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    chunked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One entry of the table.

    ``keeps``: reason -> how often the backend's name (any letter case, in header fields and in the decoded body) must
    remain behind a proxy with ``links: everywhere``; ``None`` where that depends on the request.
    ``status`` is that of a plain GET without cookies, ``final`` the one after all redirects were followed.
    ``named`` says whether the backend's own response contains its name at all.
    """

    path: str
    title: str
    problem: str
    expect: str
    serve: Serve
    kind: Kind = "page"
    content_type: str = HTML
    status: int = 200
    final: int | None = None
    keeps: Mapping[str, int] | None = field(default_factory=dict)
    named: bool = True
    methods: tuple[str, ...] = ("GET",)

    @property
    def final_status(self) -> int:
        """The status after all redirects were followed."""
        return self.status if self.final is None else self.final

    @property
    def kept(self) -> int | None:
        """How many occurrences of the name remain; ``None``: unspecified."""
        return None if self.keeps is None else sum(self.keeps.values())

    @property
    def why(self) -> str:
        """Why they remain, as a phrase."""
        if self.keeps is None:
            return "depends on the request"
        return ", ".join(f"{count} in {reason}" for reason, count in self.keeps.items())

    def as_json(self) -> dict[str, object]:
        """Return the entry as ``/pages.json`` shows it."""
        return {
            "path": self.path,
            "title": self.title,
            "kind": self.kind,
            "contentType": self.content_type,
            "status": self.status,
            "finalStatus": self.final_status,
            "methods": list(self.methods),
            "problem": self.problem,
            "expect": self.expect,
            "keeps": self.kept,
            "why": self.why,
            "named": self.named,
        }


type Serve = Callable[[Page, HTTPServerRequest], Reply] | type[RequestHandler]


@dataclass(frozen=True, slots=True)
class Group:
    """A section of the index page."""

    title: str
    pages: tuple[Page, ...]


@cache
def stored(name: str) -> bytes:
    """Return the bytes of a file below ``files/``.

    Raises:
        OSError: the file cannot be read.
    """
    return (FILES / name).read_bytes()


def verbatim(name: str, *headers: tuple[str, str]) -> Serve:
    """Return a handler that responds with a file as it stands."""

    def serve(page: Page, request: HTTPServerRequest) -> Reply:
        return Reply(body=stored(name), headers=headers)

    return serve
