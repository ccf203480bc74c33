"""The inspector's pages inside mitmweb, at `/rewrite`: the shell, its static files, and the data of each page.

All handlers are mitmweb's own kind: its login stands before every method of theirs, the static files' too, and its
checks of origin and of the XSRF token before every POST.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from html import escape
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

from mitmproxy.tools.web.app import RequestHandler
from mitmproxy.tools.web.master import WebMaster
from tornado.httpclient import HTTPClientError
from tornado.iostream import StreamClosedError
from tornado.web import HTTPError

from urlrewrite.inspector.pages import PAGES, Page
from urlrewrite.inspector.pages.error import PageError
from urlrewrite.inspector.recorded_exchange import Snapshot

logger = logging.getLogger("urlrewrite.inspector")

MAX_LENGTH = 16 * 2**20
"""Bytes of the body of a POST."""

STATIC = Path(__file__).parents[1] / "inspector" / "web" / "static"

_STYLES = b"<!-- the pages' own styles -->"
_LINKS = b"<!-- a link to each page -->"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

_POLICY = "; ".join(
    (
        "default-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)

EVENTS_SECONDS = 0.5
"""How often it is looked whether there is something new to show: pages are drawn no more often than that."""

QUIET_SECONDS = 15.0
"""After which a connection that has nothing to tell shows that it is still there."""

type TakeSnapshot = Callable[[], Awaitable[Snapshot]]

type Act = Callable[[Mapping[str, Any]], Awaitable[None]]
"""Does what a POST to a page asks for, on the loop; raises PageError."""

_NO_ACTS: Mapping[str, Act] = MappingProxyType({})


def install(
    master: WebMaster, snapshot: TakeSnapshot, revision: Callable[[], str], acts: Mapping[str, Act] = _NO_ACTS
) -> None:
    """Add the pages to mitmweb.

    `snapshot` is called on the loop, once for each request; `revision` returns another text as soon as there is
    something else to show; `acts` are called by the page's name, before the snapshot, for a POST and for nothing else.
    """
    shared = {"files": static_files(STATIC)}
    master.app.add_handlers(
        ".*",
        [
            (r"/rewrite/?", _Shell, shared),
            (r"/rewrite/static/(?P<path>.*)", _Static, shared),
            (r"/rewrite/events", _Events, {"revision": revision}),
            (r"/rewrite/api/(?P<name>.*)", _Api, {"snapshot": snapshot, "acts": acts}),
        ],
    )


@dataclass(frozen=True, slots=True)
class File:
    """A file that is served."""

    type: str
    content: bytes


def static_files(folder: Path) -> Mapping[str, File]:
    """Return the files below a folder, by path. They are read at once: no path of a request is ever looked up on disk.

    Its index.html gets links to the styles of single pages, and to the pages themselves.
    """
    files = {
        path.relative_to(folder).as_posix(): File(_TYPES[path.suffix], path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix in _TYPES
    }
    styles = (
        f'<link rel="stylesheet" href="/rewrite/static/{name}">' for name in files if fnmatch(name, "pages/*.css")
    )
    index = files["index.html"]
    content = index.content.replace(_STYLES, "\n    ".join(styles).encode())
    content = content.replace(_LINKS, "\n        ".join(map(_link, PAGES)).encode())
    files["index.html"] = replace(index, content=content)
    return files


def _link(page: Page) -> str:
    """Write a link of the navigation, from which the shell knows the page."""
    of_a_flow = " data-of-a-flow" if page.of_a_flow else ""
    follows = " data-follows" if page.follows else ""
    return f'<a href="#/{page.name}" data-page="{page.name}"{of_a_flow}{follows}>{escape(page.label)}</a>'


class _Handler(RequestHandler):
    """What all responses of the inspector have in common."""

    def set_default_headers(self) -> None:
        """Forbid browsers to store any response: it may show secrets, and is out of date in the next moment."""
        super().set_default_headers()  # type: ignore[no-untyped-call]
        self.set_header("Cache-Control", "no-store")
        # mitmweb's own policy allows styles in attributes and WebSockets to anywhere; these pages need neither.
        self.set_header("Content-Security-Policy", _POLICY)
        self.set_header("Referrer-Policy", "no-referrer")

    def prepare(self) -> None:
        """Refuse requests of other sites; mitmweb raises a client-side error for them: turn it into a response."""
        try:
            super().prepare()  # type: ignore[no-untyped-call]
        except HTTPClientError as error:
            raise HTTPError(error.code) from error

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Write an error as the pages' scripts read it, without a traceback."""
        self._tell(status_code, f"mitmweb refused this with {status_code} {self._reason}")

    def auth_fail(self, invalid_password: bool) -> None:
        """Write how to log in, and nothing else."""
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish("Log in to mitmweb first: its address with the token is in the log.\n")

    def _tell(self, status: int, message: str) -> None:
        self.set_status(status)
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.finish(json.dumps({"error": message}))


class _Shell(_Handler):
    """The one page that shows all pages."""

    def initialize(self, files: Mapping[str, File]) -> None:
        self._files = files

    def get(self) -> None:
        """Send the page, and the cookie with the token that a POST must carry: tornado sets it when the
        token is read.
        """
        _ = self.xsrf_token
        file = self._files["index.html"]
        self.set_header("Content-Type", file.type)
        self.finish(file.content)


class _Static(_Handler):
    """The files that the shell needs."""

    def initialize(self, files: Mapping[str, File]) -> None:
        self._files = files

    def get(self, path: str) -> None:
        """Send one of the files that were there at the start."""
        file = self._files.get(path)
        if file is None:
            self._tell(404, "There is no such file.")
            return
        self.set_header("Content-Type", file.type)
        self.finish(file.content)


class _Events(_Handler):
    """Tells a page whenever there is something new to show, as server-sent events; what it is, the page then asks."""

    def initialize(self, revision: Callable[[], str]) -> None:
        self._revision = revision
        self._gone = False

    def on_connection_close(self) -> None:
        """Note that nobody listens any more."""
        self._gone = True

    async def get(self) -> None:
        """Send the revision now, and again each time it is another one."""
        self.set_header("Content-Type", "text/event-stream; charset=utf-8")
        told, quiet = "", 0.0
        # A listener that is gone, or a loop that ends while one listens, is no fault.
        with suppress(StreamClosedError, asyncio.CancelledError):
            while not self._gone:
                revision = self._revision()
                if revision != told or quiet >= QUIET_SECONDS:
                    self.write(f"data: {revision}\n\n" if revision != told else ":\n\n")
                    told, quiet = revision, 0.0
                    await self.flush()
                await asyncio.sleep(EVENTS_SECONDS)
                quiet += EVENTS_SECONDS


class _Api(_Handler):
    """The data of a page."""

    def initialize(self, snapshot: TakeSnapshot, acts: Mapping[str, Act]) -> None:
        self._snapshot = snapshot
        self._acts = acts

    async def get(self, name: str) -> None:
        """Respond to the parameters of the URL; of a name that comes twice the last counts."""
        arguments = self.request.query_arguments
        asked = {key: values[-1].decode("utf-8", "replace") for key, values in arguments.items() if values}
        await self._answer(name, asked)

    async def post(self, name: str) -> None:
        """Respond to the JSON object in the body."""
        if not self.request.headers.get("Content-Type", "").startswith("application/json"):
            self._tell(400, "expected the Content-Type application/json")
        elif len(self.request.body) > MAX_LENGTH:
            self._tell(413, f"got {len(self.request.body):,} bytes, expected at most {MAX_LENGTH:,}")
        else:
            try:
                asked = json.loads(self.request.body)
            except (ValueError, RecursionError):
                asked = None
            if isinstance(asked, dict):
                await self._answer(name, asked, self._acts.get(name))
            else:
                self._tell(400, "expected a JSON object")

    async def _answer(self, name: str, asked: Mapping[str, Any], act: Act | None = None) -> None:
        if name not in {page.name for page in PAGES}:
            self._tell(404, "There is no such page.")
            return
        page = _module(name)
        if page is None:
            self._tell(404, "This page cannot be loaded; mitmweb's log says why.")
            return
        try:
            if act is not None:
                await act(asked)
            shown = await self._snapshot()
            # A large body takes its time, in which requests go on.
            text = await asyncio.to_thread(_as_json, page, shown, asked)
        except asyncio.CancelledError:
            # The proxy ends: a page that is open asks to the last.
            return
        except PageError as error:
            self._tell(400, str(error))
        except Exception:
            logger.exception("The page %s of the inspector failed.", name)
            self._tell(500, "This page failed; mitmweb's log says how. It is a fault of the inspector.")
        else:
            self.set_header("Content-Type", "application/json; charset=utf-8")
            self.finish(text)


def _module(name: str) -> ModuleType | None:
    try:
        return importlib.import_module(f"urlrewrite.inspector.pages.{name}")
    except ImportError as error:
        logger.error("The page %s of the inspector cannot be loaded: %s", name, error)
        return None


def _as_json(page: ModuleType, snapshot: Snapshot, query: Mapping[str, Any]) -> str:
    return json.dumps(page.data(snapshot, query), allow_nan=False)
