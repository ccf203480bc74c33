"""Somebody who visits a site: a browser that keeps cookies as browsers do, follows links, and sends forms."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from email.utils import formatdate, parsedate_to_datetime
from html import unescape
from urllib.parse import urljoin, urlsplit

from diagnosis.backend import Backend, Request
from inspector.browsing import Browser
from urlrewrite.engine.facts import ResponseFacts
from urlrewrite.exchange.responses import Forward
from urlrewrite.exchange.rules_in_force import RulesInForce
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.model.field_lines import field_values

_LINK = re.compile(r"""<a\b[^>]*?\bhref=["']?([^"'\s>]+)["']?[^>]*>([^<]*)""", re.IGNORECASE)
_FORM = re.compile(r"""<form\b[^>]*?\baction=["']?([^"'\s>]*)""", re.IGNORECASE)
_INPUT = re.compile(r"""<input\b[^>]*?\bname=["']?([^"'\s>]+)["']?(?:[^>]*?\bvalue=["']?([^"'\s>]*))?""", re.IGNORECASE)
_LOCAL = ("localhost", "127.0.0.1")


@dataclass(frozen=True, slots=True)
class _Cookie:
    name: str
    value: str
    domain: str
    exact: bool
    path: str
    secure: bool
    same_site: str

    def is_for(self, host: str, path: str, scheme: str) -> bool:
        below = path == self.path or path.startswith(self.path.rstrip("/") + "/")
        there = host == self.domain or (not self.exact and host.endswith("." + self.domain))
        return below and there and (scheme == "https" or not self.secure)


class Visitor(Browser):
    """One browser before the rules, and a backend behind them; `site` is where its pages belong to another site."""

    def __init__(self, rules: RulesInForce, backend: Backend) -> None:
        super().__init__(rules, 0)
        self.backend = backend
        self.clock = parsedate_to_datetime("Mon, 30 Nov 2026 20:00:00 GMT").timestamp()
        self._jar: dict[tuple[str, str, str], _Cookie] = {}
        self.foreign = False

    # --- what a person does

    def click(self, page: RecordedExchange, words: str) -> RecordedExchange:
        """Follows the link with these words; what names a host that nobody knows is not followed."""
        url = next(
            urljoin(page.request.url, unescape(href)) for href, text in _LINK.findall(_text(page)) if words in text
        )
        if not self._resolves(url):
            return page
        return self.load(url, fields=(("Referer", page.request.url), ("Sec-Fetch-Site", "same-origin")))

    def send(self, page: RecordedExchange, **filled: str) -> RecordedExchange:
        """Sends the form of a page."""
        text = _text(page)
        action = _FORM.search(text)
        assert action, text
        url = urljoin(page.request.url, unescape(action[1]) or page.request.url)
        if not self._resolves(url):
            return page
        values = dict(_INPUT.findall(text)) | filled
        body = "&".join(f"{name}={value}" for name, value in values.items()).encode()
        return self.load(url, method="POST", body=body, fields=self._from(page))

    def script(self, page: RecordedExchange, path: str, method: str = "GET", **more: str) -> RecordedExchange | None:
        """A request of a script of a page, for a path or a URL."""
        url = urljoin(page.request.url, path)
        if not self._resolves(url):
            return None
        fields = {name.replace("-", "_"): text for name, text in self._from(page)} if method != "GET" else {}
        fields.pop("Referer", None)
        return self.fetch(url, page.request.url, method=method, Sec_Fetch_Mode="cors", **{**fields, **more})

    def _from(self, page: RecordedExchange) -> tuple[tuple[str, str], ...]:
        parts = urlsplit(page.request.url)
        policy = field_values(page.response.fields, "referrer-policy") if page.response else []
        site = ("Sec-Fetch-Site", "cross-site" if self.foreign else "same-origin")
        if policy and policy[-1].split(",")[-1].strip() == "no-referrer":
            return ("Origin", "null"), site
        return ("Origin", f"{parts.scheme}://{parts.netloc}"), ("Referer", page.request.url), site

    # --- cookies

    def ask(
        self, method: str, url: str, fields: tuple[tuple[str, str], ...] = (), body: bytes = b""
    ) -> RecordedExchange:
        parts = urlsplit(url)
        top = any(line == ("Sec-Fetch-Dest", "document") for line in fields)
        cross = ("Sec-Fetch-Site", "cross-site") in fields
        self.cookies = {
            each.name: (each.value, each.path)
            for each in self._jar.values()
            if each.is_for(parts.hostname or "", parts.path or "/", parts.scheme)
            and (not cross or each.same_site == "none" or (top and method == "GET" and each.same_site != "strict"))
        }
        return super().ask(method, url, fields, body)

    def _keep_cookies(self, seen: RecordedExchange) -> None:
        parts = urlsplit(seen.request.url)
        host = parts.hostname or ""
        for line in field_values(seen.response.fields, "set-cookie") if seen.response else []:
            pair, *attributes = line.split(";")
            name, _, value = pair.strip().partition("=")
            known = {key.strip().lower(): text.strip() for key, _, text in (each.partition("=") for each in attributes)}
            domain = known.get("domain", "").removeprefix(".")
            if domain and domain != host and (not host.endswith(f".{domain}") or "." not in domain):
                continue
            secure = "secure" in known
            same_site = known.get("samesite", "").lower()
            if (secure and parts.scheme != "https" and host not in _LOCAL) or (same_site == "none" and not secure):
                continue
            if len(name + value) > 4096 or (
                name.startswith("__Host-") and (not secure or known.get("path") != "/" or domain)
            ):
                continue
            path = (
                known.get("path", "") if known.get("path", "").startswith("/") else parts.path.rpartition("/")[0] or "/"
            )
            key = name, domain or host, path
            if self._is_over(known):
                self._jar.pop(key, None)
            else:
                self._jar[key] = _Cookie(name, value, domain or host, not domain, path, secure, same_site)

    def _is_over(self, known: dict[str, str]) -> bool:
        if age := known.get("max-age"):
            return int(age) <= 0
        if not (end := known.get("expires")):
            return False
        return parsedate_to_datetime(end).timestamp() <= self.clock

    # --- the backend

    def _backend(self, routing: Forward, method: str, body: bytes) -> tuple[ResponseFacts, bytes]:
        host = ("Host", routing.host)
        fields = (host, *(line for line in routing.fields if line[0].lower() != "host"))
        tls = routing.origin.scheme == "https"
        answer = self.backend.answer(Request(method, routing.host, routing.target, fields, body, tls))
        date = () if field_values(answer.fields, "date") else (("Date", formatdate(self.clock, usegmt=True)),)
        return ResponseFacts(answer.status, (*answer.fields, *date)), b"" if method == "HEAD" else answer.body

    def gives_up(self, page: RecordedExchange, path: str, seconds: float) -> None:
        """Opens a page and goes away after some seconds, when nothing has come."""
        seen = self.ask(
            "GET", urljoin(page.request.url, path), (("Sec-Fetch-Dest", "document"), ("Accept", "text/html"))
        )
        trace = {**seen.trace, "broken_off": "Client disconnected."}
        self.seen[-1] = replace(
            seen, trace=trace, failed="Client disconnected.", seconds=seconds, original=None, original_body=None,
            response=None, response_body=None,
        )  # fmt: skip


def _text(seen: RecordedExchange) -> str:
    return (seen.response_body or b"").decode("utf-8", "replace")
