"""A browser small enough for a test: it asks the demo backend through the rules, without a proxy in between.

It follows redirects, loads what pages and style sheets name below public names, and keeps cookies as browsers do. What
it sees is recorded as the inspector gets it. It reads pages with Python's own parser, so that what the inspector finds
in them is not taken for granted.
"""

from __future__ import annotations

import gzip
import http.client
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urldefrag, urljoin, urlsplit

from urlrewrite.content.asset_memory import AssetMemory
from urlrewrite.engine.facts import ResponseFacts
from urlrewrite.exchange.exchange import Exchange
from urlrewrite.exchange.responses import Forward
from urlrewrite.exchange.rule_tests import evaluate, request_facts
from urlrewrite.exchange.rules_in_force import RulesInForce
from urlrewrite.inspector.figures.statistics import Statistics
from urlrewrite.inspector.recorded_exchange import RecordedExchange, Snapshot
from urlrewrite.model.field_lines import field_values

CODINGS = "gzip, deflate, br, zstd"
MAX_REDIRECTS = 20  # as Chromium
_CSS_URL = re.compile(r"""url\(\s*["']?([^"')\s]+)["']?\s*\)|@import\s+["']([^"']+)["']""")
_LOADED = {"script": "src", "img": "src", "iframe": "src", "frame": "src", "input": "src"}
_DESTINATIONS = {"script": "script", "img": "image", "iframe": "iframe", "frame": "frame", "input": "image"}
_DESTINATION_OF_LINK = {"stylesheet": "style", "icon": "image"}


@dataclass
class Page(HTMLParser):
    """The URLs that a page loads, each with its destination."""

    text: str
    loads: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        url = values.get(_LOADED.get(tag, ""))
        if url:
            self.loads.append((url, _DESTINATIONS[tag]))
        rel = _DESTINATION_OF_LINK.get((values.get("rel") or "").lower())
        if tag == "link" and rel and values.get("href"):
            self.loads.append((values["href"] or "", rel))


class Browser:
    """One client of a site whose backend listens on loopback; `overlay` are responses that replace the backend's.

    `overlay` goes by the backend's path and query, without its query where that is not found.
    """

    def __init__(
        self,
        rules: RulesInForce,
        port: int,
        overlay: Mapping[str, tuple[int, list[tuple[str, str]], bytes]] | None = None,
    ) -> None:
        self.rules = rules
        self.memory = AssetMemory()
        self.port = port
        self.overlay = overlay or {}
        self.seen: list[RecordedExchange] = []
        self.cookies: dict[str, tuple[str, str]] = {}
        self.statistics = Statistics(clock=lambda: 0.0)
        self.clock = 1_000.0

    @property
    def snapshot(self) -> Snapshot:
        return Snapshot(tuple(reversed(self.seen)), self.rules, self.statistics)

    def load(
        self, url: str, *, method: str = "GET", body: bytes = b"", fields: tuple[tuple[str, str], ...] = ()
    ) -> RecordedExchange:
        """Opens a page with all that it loads."""
        lines = (("Accept", "text/html,application/xhtml+xml"), ("Sec-Fetch-Dest", "document"), *fields)
        page = self._follow(method, url, lines, body)
        self._load_parts(page)
        return page

    def _load_parts(self, page: RecordedExchange) -> None:
        if page.response is None or "html" not in (field_values(page.response.fields, "content-type") or [""])[0]:
            return
        wanted = Page(_text(page)).loads
        asked: set[str] = set()
        for written, destination in wanted:
            url = urldefrag(urljoin(page.request.url, written)).url
            if url in asked or not self._resolves(url):
                continue
            asked.add(url)
            part = self._follow("GET", url, _part(page.request.url, destination))
            if destination in ("iframe", "frame"):
                self._load_parts(part)
            if destination == "style" and part.response and part.response.status == 200:
                for found in _CSS_URL.finditer(_text(part)):
                    inner = urljoin(url, (found[1] or found[2]).replace("\\/", "/"))
                    if inner not in asked and self._resolves(inner):
                        asked.add(inner)
                        self._follow("GET", inner, _part(url, "image" if found[1] else "style"))

    def fetch(self, url: str, page: str, **more: str) -> RecordedExchange:
        """What a script of a page asks for; `more` are further fields, with `_` for `-`, and `method`."""
        method = more.pop("method", "GET")
        fields = tuple((name.replace("_", "-"), value) for name, value in more.items())
        return self._follow(method, url, (*_part(page, "empty"), *fields))

    def _resolves(self, url: str) -> bool:
        """Whether somebody listens at the origin of a URL: nobody knows the backend's name."""
        try:
            parts = urlsplit(url)
            asked = parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError:
            return False
        sites = self.rules.rules.sites
        return asked in {(each.scheme, each.host, each.port) for site in sites for each in site.site.public}

    def _follow(
        self, method: str, url: str, fields: tuple[tuple[str, str], ...], body: bytes = b""
    ) -> RecordedExchange:
        for _ in range(MAX_REDIRECTS):
            seen = self.ask(method, url, fields, body)
            location = field_values(seen.response.fields, "location") if seen.response else []
            if not (seen.response and 301 <= seen.response.status <= 308 and location):
                return seen
            url = urldefrag(urljoin(url, location[0])).url
            if not self._resolves(url):
                return seen
            if seen.response.status in (301, 302, 303):
                method, body = "GET", b""
        return seen

    def ask(
        self, method: str, url: str, fields: tuple[tuple[str, str], ...] = (), body: bytes = b""
    ) -> RecordedExchange:
        """One request."""
        lines = fields if field_values(fields, "accept-encoding") else (*fields, ("Accept-Encoding", CODINGS))
        if cookie := "; ".join(f"{name}={value}" for name, (value, _) in self.cookies.items()):
            lines = (*lines, ("Cookie", cookie))
        if body:
            lines = (*lines, ("Content-Type", "application/x-www-form-urlencoded"))
        request = request_facts(method, url, lines)
        self.clock += 0.1
        flow_id = f"flow-{len(self.seen) + 1}"
        routing = Exchange(self.rules, self.memory, request, flow_id).route()
        original, raw, failed = None, b"", ""
        if isinstance(routing, Forward):
            try:
                original, raw = self._backend(routing, method, body)
            except OSError as error:
                failed = str(error)
        result = evaluate(self.rules, request, original, raw, flow_id, self.memory)
        answer = None if result.status is None else ResponseFacts(result.status, result.fields or ())
        seen = RecordedExchange(
            flow_id, self.clock, result.exchange.trace.data, request, body, original, raw if original else None,
            answer, result.body, own=not isinstance(routing, Forward), failed=failed,
        )  # fmt: skip
        self.seen.append(seen)
        self._keep_cookies(seen)
        return seen

    def _backend(self, routing: Forward, method: str, body: bytes) -> tuple[ResponseFacts, bytes]:
        known = self.overlay.get(routing.target) or self.overlay.get(routing.target.partition("?")[0])
        if known:
            return ResponseFacts(known[0], tuple(known[1])), known[2]
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.putrequest(method, routing.target, skip_host=True, skip_accept_encoding=True)
            connection.putheader("Host", routing.host)
            for name, value in routing.fields:
                if name.lower() not in ("host", "content-length"):
                    connection.putheader(name, value)
            if body:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body or None)
            response = connection.getresponse()
            raw = b"" if response.status == 101 else response.read()
            fields = tuple(
                (name, value) for name, value in response.getheaders() if name.lower() != "transfer-encoding"
            )
            return ResponseFacts(response.status, fields, response.reason), raw
        finally:
            connection.close()

    def _keep_cookies(self, seen: RecordedExchange) -> None:
        host = urlsplit(seen.request.url).hostname or ""
        for line in field_values(seen.response.fields, "set-cookie") if seen.response else []:
            pair, *attributes = line.split(";")
            known = {
                name.strip().lower(): value.strip() for name, _, value in (each.partition("=") for each in attributes)
            }
            domain = known.get("domain", "").removeprefix(".")
            if domain and domain != host and not host.endswith(f".{domain}"):
                continue
            if known.get("samesite", "").lower() == "none" and "secure" not in known:
                continue
            name, _, value = pair.partition("=")
            self.cookies[name.strip()] = (value.strip(), known.get("path", "/"))


def _part(referer: str, destination: str) -> tuple[tuple[str, str], ...]:
    return (("Accept", "*/*"), ("Referer", referer), ("Sec-Fetch-Dest", destination))


def _text(seen: RecordedExchange) -> str:
    body = seen.response_body or b""
    if seen.response and "gzip" in field_values(seen.response.fields, "content-encoding") and body[:2] == b"\x1f\x8b":
        body = gzip.decompress(body)
    return body.decode("utf-8", "replace")
