"""Responses that take their time or never end: events, a WebSocket, a slow page, downloads and parts of them."""

from __future__ import annotations

import asyncio
import json
from typing import override

from tornado.web import HTTPError
from tornado.websocket import WebSocketHandler

from privateserver.api import number
from privateserver.catalogue import ORIGIN, Group, Page
from privateserver.handler import PageHandler
from privateserver.markup import document, framed, links, whole

PIECE = 65_536
LARGE = 64 * 1024 * 1024
# The byte at offset i is i modulo 251: any part can be made, and checked, without the rest.
PATTERN = bytes(range(251)) * (PIECE // 251 + 2)


class Events(PageHandler):
    """Server-sent events: ``n`` of them, ``ms`` milliseconds apart."""

    @override
    async def respond(self) -> None:
        count = number(self.request, "n", 10, 1, 1000)
        pause = number(self.request, "ms", 200, 0, 10_000)
        self.set_header("Content-Type", self.page.content_type)
        self.set_header("Cache-Control", "no-cache")
        if self.request.method == "HEAD":
            return
        for n in range(1, count + 1):
            data = json.dumps({"n": n, "url": f"{ORIGIN}/arrived?event={n}"})
            self.write(f"id: {n}\ndata: {data}\n\n")
            await self.flush()
            await asyncio.sleep(pause / 1000)
        self.write("event: end\ndata: {}\n\n")


class Slow(PageHandler):
    """A page in ten pieces that together take ``ms`` milliseconds."""

    @override
    async def respond(self) -> None:
        pause = number(self.request, "ms", 2000, 0, 60_000) / 1000
        body = document(self.page, f"{whole(2)}\n{links()}").encode()
        self.set_header("Content-Type", self.page.content_type)
        if self.request.method == "HEAD":
            return
        step = -(-len(body) // 10)
        for start in range(0, len(body), step):
            self.write(body[start : start + step])
            await self.flush()
            await asyncio.sleep(pause / 10)


def part(field: str, size: int) -> tuple[int, int] | None:
    """Return the first and last offset that a Range field asks for (RFC 9110, section 14.1.2); None: the whole.

    Raises:
        HTTPError: 416 where nothing of the representation lies in the range.
    """
    unit, _, ranges = field.partition("=")
    first, dash, last = ranges.partition("-")
    whole = unit.strip().lower() != "bytes" or "," in ranges or not dash or not (first + last).isdigit()
    if whole or (first and last and int(first) > int(last)):
        return None
    start, end = (int(first), int(last or size)) if first else (max(0, size - int(last)), size)
    if start >= size or (not first and int(last) == 0):
        raise HTTPError(416)
    return start, min(end, size - 1)


class Download(PageHandler):
    """A file that honours Range; it is made in pieces and never held whole."""

    size: int
    tag: str

    def piece(self, start: int, length: int) -> bytes:
        """Return ``length`` bytes from ``start``, at most PIECE."""
        return PATTERN[start % 251 : start % 251 + length]

    def open(self) -> None:
        """Set ``size`` and ``tag``."""
        self.size = number(self.request, "size", LARGE, 0, 2**40)
        self.tag = f'"large-{self.size}"'

    @override
    async def respond(self) -> None:
        self.open()
        self.set_header("Content-Type", self.page.content_type)
        self.set_header("Content-Disposition", f'attachment; filename="{self.page.path.rpartition("/")[2]}"')
        self.set_header("Accept-Ranges", "bytes")
        self.set_header("ETag", self.tag)
        if self.check_etag_header():
            self.set_status(304)
            return
        start, end = 0, self.size - 1
        fits = self.request.headers.get("If-Range", self.tag) == self.tag
        if fits and self.request.method == "GET" and (field := self.request.headers.get("Range")):
            try:
                asked = part(field, self.size)
            except HTTPError:
                self.set_header("Content-Range", f"bytes */{self.size}")
                self.refuse(416)
                return
            if asked:
                start, end = asked
                self.set_status(206)
                self.set_header("Content-Range", f"bytes {start}-{end}/{self.size}")
        self.set_header("Content-Length", end + 1 - start)
        if self.request.method == "HEAD":
            return
        while start <= end:
            length = min(PIECE, end + 1 - start)
            self.write(self.piece(start, length))
            await self.flush()
            start += length


class Report(Download):
    """A download of a type that is rewritten."""

    @override
    def open(self) -> None:
        self.body = document(self.page, links()).encode()
        self.size = len(self.body)
        self.tag = '"report-1"'

    @override
    def piece(self, start: int, length: int) -> bytes:
        return self.body[start : start + length]


class Echo(WebSocketHandler):
    """A WebSocket that sends back each message."""

    def initialize(self, page: Page) -> None:
        """Take the table's entry; nothing of it is needed."""

    @override
    def check_origin(self, origin: str) -> bool:
        return origin == ORIGIN

    @override
    def on_message(self, message: str | bytes) -> None:
        self.write_message(message, binary=isinstance(message, bytes))


STREAMS = Group(
    "Streams and downloads",
    (
        Page(
            path="/websocket",
            title="A WebSocket from a script",
            problem="The script opens ws:// on the backend's name and port.",
            expect="It opens wss:// on the public name; texts and bytes come back unchanged.",
            serve=framed("websocket.html"),
        ),
        Page(
            path="/ws",
            title="The WebSocket",
            problem="It refuses any Origin but the backend's own.",
            expect="The backend sees its own origin.",
            serve=Echo,
            kind="websocket",
            content_type="",
            status=101,
            named=False,
        ),
        Page(
            path="/stream",
            title="Server-sent events in a script",
            problem="Ten events, each 200 ms after the other, with an absolute URL in their data.",
            expect="The events come one by one, their URLs are public.",
            serve=framed("events.html"),
        ),
        Page(
            path="/events",
            title="The events",
            problem="A response of text/event-stream, whose end is two seconds away.",
            expect="Each event arrives when it is sent.",
            serve=Events,
            kind="stream",
            content_type="text/event-stream",
        ),
        Page(
            path="/slow",
            title="A slow page",
            problem="A small page drips for two seconds; a link may come in two pieces.",
            expect="The page is whole and its links are public.",
            serve=Slow,
        ),
        Page(
            path="/download/large",
            title="A large download",
            problem="64 MB, or as many bytes as ?size= says, with parts by Range.",
            expect="The bytes flow through unchanged, from the first on; parts are parts.",
            serve=Download,
            kind="download",
            content_type="application/octet-stream",
            named=False,
        ),
        Page(
            path="/download/report.html",
            title="A download that is rewritten",
            problem="An HTML file as attachment, of which the backend would send parts too.",
            expect="The file is whole and its links are public; parts of the unmapped bytes would not fit.",
            serve=Report,
            kind="download",
        ),
    ),
)
