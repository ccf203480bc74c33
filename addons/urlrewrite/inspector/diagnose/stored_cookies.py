"""What browsers do with cookies: which they take, and to which requests they send them (RFC 6265bis, 5.6 to 5.8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from urlrewrite.fields.cookies import missing
from urlrewrite.fields.names import is_loopback
from urlrewrite.inspector.diagnose.browser_rules import BrowserRule
from urlrewrite.inspector.diagnose.case import field
from urlrewrite.inspector.diagnose.page_loads import request_field
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.model.field_lines import field_values
from urlrewrite.model.origin import origin_of
from urlrewrite.model.public_suffixes import is_public_suffix

MAX_LENGTH = 4096
"""Bytes of name and value together (RFC 6265bis, 5.6)."""

MAX_ATTRIBUTE = 1024
"""Bytes of the value of an attribute; a longer one is ignored (RFC 6265bis, 5.6)."""

MAX_NUMBER = 180
"""Cookies that Chromium keeps for a registrable domain."""

_ZONES = 14 * 3600.0
"""Seconds by which local times differ from UTC at most."""


@dataclass(frozen=True, slots=True)
class Cookie:
    """A Set-Cookie line: name, value, and the attributes by their names in lower case. Of an attribute that appears
    twice, the last counts.
    """

    name: str
    value: str
    attributes: Mapping[str, str]

    def path_for(self, request_path: str) -> str:
        """Return the path that it is for: its Path, or the folder of the request that it was set by."""
        path = self.attributes.get("path", "")
        if path.startswith("/"):
            return path
        return request_path.rpartition("/")[0] or "/"

    @property
    def length(self) -> int:
        """The bytes of name and value together."""
        return len(f"{self.name}{self.value}".encode("utf-8", "surrogatepass"))

    @property
    def domain(self) -> str:
        """Its Domain, without a dot at the beginning; "" for a cookie of one host."""
        return self.attributes.get("domain", "").removeprefix(".").lower()


def parse_cookie(line: str) -> Cookie:
    """Read a Set-Cookie line as browsers do."""
    pair, *parts = line.split(";")
    attributes = {}
    for part in parts:
        name, _, value = part.partition("=")
        if len(value.strip()) <= MAX_ATTRIBUTE:
            attributes[name.strip().lower()] = value.strip().strip('"')
    name, mark, value = pair.partition("=")
    return Cookie(name.strip(), value.strip(), attributes) if mark else Cookie("", name.strip(), attributes)


def set_cookies(exchange: RecordedExchange) -> list[tuple[str, Cookie]]:
    """Return the Set-Cookie lines of a response with their cookies: of several for one cookie only the last, which is
    what a browser is left with (RFC 6265bis, 5.7: the same name, domain and path).
    """
    left: dict[tuple[str, str, str], tuple[str, Cookie]] = {}
    asked = exchange.request.target.partition("?")[0]
    for line in field(exchange, "set-cookie"):
        cookie = parse_cookie(line)
        left[cookie.name, cookie.domain, cookie.path_for(asked)] = line, cookie
    return list(left.values())


def sent_cookies(exchange: RecordedExchange) -> set[str]:
    """Return the names of the cookies that a request carried, in however many field lines: HTTP/2 and HTTP/3 let a
    browser write one for each.
    """
    lines = field_values(exchange.request.fields, "cookie")
    return {part.partition("=")[0].strip() for line in lines for part in line.split(";")} - {""}


def path_matches(path: str, cookie_path: str) -> bool:
    """Say whether a cookie for one path is sent to another (RFC 6265bis, 5.1.4)."""
    return path == cookie_path or path.startswith(cookie_path if cookie_path.endswith("/") else f"{cookie_path}/")


def expired_for(cookie: Cookie, exchange: RecordedExchange) -> float | None:
    """Return for how many seconds a cookie has been over when it comes; None where it is not, or has no end.

    Expires is compared with the field Date of the response, as browsers do, which know that clocks differ.
    """
    age = cookie.attributes.get("max-age", "")
    if age.removeprefix("-").isdecimal():
        return None if int(age) > 0 else -float(age)
    expires = _seconds(cookie.attributes.get("expires", ""))
    now = _seconds(next(iter(field(exchange, "date")), ""))
    if expires is None:
        return None
    over = (exchange.began if now is None else now) - expires
    return over if over >= 0 else None


def _seconds(date: str) -> float | None:
    try:
        return parsedate_to_datetime(date.replace("-", " ")).timestamp()
    except (TypeError, ValueError, IndexError, OverflowError):
        return None


def is_taken_back(cookie: Cookie, exchange: RecordedExchange) -> bool:
    """Say whether a line is there to delete a cookie, and not to set one that has come too late."""
    over = expired_for(cookie, exchange)
    if over is None:
        return False
    if "expires" not in cookie.attributes or cookie.value.strip('"') in ("", "deleted", "delete", "0", "-"):
        return True
    return over > _ZONES or cookie.name in sent_cookies(exchange)


def refusal(cookie: Cookie, exchange: RecordedExchange) -> BrowserRule | None:
    """Return the rule by which a browser does not take a cookie; None where it takes it."""
    attributes = cookie.attributes
    origin = origin_of(exchange.request.scheme, exchange.request.host)
    host = origin.host if origin else ""
    secure = exchange.request.scheme == "https" or is_loopback(host)
    domain = cookie.domain
    if not cookie.name and not cookie.value:
        return BrowserRule.COOKIE_EMPTY
    if cookie.length > MAX_LENGTH:
        return BrowserRule.COOKIE_SIZE
    if domain and host != domain:
        if not host.endswith(f".{domain}"):
            return BrowserRule.COOKIE_DOMAIN
        if is_public_suffix(domain) or "." not in domain:
            return BrowserRule.COOKIE_SUFFIX
    elif domain and "." not in domain and domain != "localhost":
        return BrowserRule.COOKIE_SUFFIX
    if "secure" in attributes and not secure:
        return BrowserRule.COOKIE_SECURE
    same_site = attributes.get("samesite", "").lower()
    if same_site == "none" and "secure" not in attributes:
        return BrowserRule.COOKIE_SAME_SITE_NONE
    if "partitioned" in attributes and "secure" not in attributes:
        return BrowserRule.COOKIE_PARTITIONED
    if missing(cookie.name, attributes) or (domain and cookie.name.lower().startswith("__host-")):
        return BrowserRule.COOKIE_PREFIX
    if same_site != "none" and is_embedded(exchange):
        return BrowserRule.COOKIE_CROSS_SITE
    return None


def is_embedded(exchange: RecordedExchange) -> bool:
    """Say whether a page of another site loads it, so that it is neither a page of its own nor same-site."""
    if request_field(exchange, "sec-fetch-site").lower() != "cross-site":
        return False
    return request_field(exchange, "sec-fetch-dest").lower() not in ("document", "")
