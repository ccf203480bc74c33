"""Cookies that browsers refuse, or never send again (RFC 6265bis, 5.6 and 5.7)."""

from __future__ import annotations

from collections.abc import Iterator

from urlrewrite.fields.cookies import missing
from urlrewrite.fields.names import is_loopback
from urlrewrite.inspector.diagnose.breakage import Breakage, BreakageSeverity, Loss
from urlrewrite.inspector.diagnose.case import Case, field
from urlrewrite.inspector.diagnose.unmapped import field_cause
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.trace.text import shown


def refused_cookies(case: Case) -> Iterator[Breakage]:
    """Yield Set-Cookie lines of a page load that do not do what they seem to."""
    for exchange in case.load.all:
        lines = field(exchange, "set-cookie")
        for line in lines:
            name, attributes = parse_cookie(line)
            if _is_taken_back(attributes):
                continue
            for why, refused in _faults(case, exchange, name, attributes):
                yield _breakage(case, exchange, line, name, why, refused=refused)
        yield from _twice(case, exchange, lines)


def parse_cookie(line: str) -> tuple[str, dict[str, str]]:
    """Return the name of a cookie, and its attributes by lower-case name; of an attribute that appears twice,
    the last counts.
    """
    pair, *parts = line.split(";")
    attributes = {}
    for part in parts:
        name, _, value = part.partition("=")
        attributes[name.strip().lower()] = value.strip().strip('"')
    return pair.partition("=")[0].strip(), attributes


def _is_taken_back(attributes: dict[str, str]) -> bool:
    return attributes.get("max-age", "").startswith(("0", "-")) or "1970" in attributes.get("expires", "")


def _faults(
    case: Case, exchange: RecordedExchange, name: str, attributes: dict[str, str]
) -> Iterator[tuple[str, bool]]:
    """Yield what is wrong with a cookie, and whether browsers refuse it altogether."""
    host = origin.host if (origin := case.origin(exchange)) else ""
    secure = exchange.request.scheme == "https" or is_loopback(host)
    domain = attributes.get("domain", "").removeprefix(".").lower()
    if domain and host != domain and not host.endswith(f".{domain}"):
        whose = "the backend" if domain in case.backend_hosts(exchange) else "neither the backend nor the public name"
        yield f"its Domain={domain} belongs to {whose}, but the page's host is {host}", True
    elif domain and "." not in domain and domain != "localhost":
        yield f"its Domain={domain} is a single label, which browsers do not accept as a Domain", True
    if "secure" in attributes and not secure:
        yield "it is Secure, but the public name is http", True
    if attributes.get("samesite", "").lower() == "none" and "secure" not in attributes:
        yield "it is SameSite=None without Secure", True
    if "partitioned" in attributes and "secure" not in attributes:
        yield "it is Partitioned without Secure", True
    if lacking := missing(name, attributes):
        yield f"its name demands {' and '.join(lacking)}", True
    if domain and name.lower().startswith("__host-"):
        yield "its name __Host- forbids a Domain", True
    site = case.site(exchange)
    mount, path = site.site.path if site else "", attributes.get("path", "")
    above = f"{mount}/".startswith(path.rstrip("/") + "/")
    if mount and path.startswith("/") and not above and not path.startswith(f"{mount}/"):
        yield (
            f"its Path={path} lies outside {mount}, below which the site is published: it is never sent back",
            False,
        )


def _breakage(case: Case, exchange: RecordedExchange, line: str, name: str, why: str, *, refused: bool) -> Breakage:
    cause = field_cause(case, exchange, "Set-Cookie")
    verb = "refuse" if refused else "never send back"
    title = f'Browsers {verb} the cookie "{shown(name, 60)}": {why}: {cause.why}'
    flows = (exchange.flow_id, case.page.flow_id)
    shape = _without_value(line)
    return Breakage("cookie", Loss.FUNCTION, title, flows, (("Set-Cookie", shape),), **cause.concerned)


def _without_value(line: str) -> str:
    """Return the line with the cookie's value masked: it may be a session."""
    pair, mark, rest = line.partition(";")
    return f"{pair.partition('=')[0]}=…{mark}{rest}"


def _twice(case: Case, exchange: RecordedExchange, lines: list[str]) -> Iterator[Breakage]:
    """Yield cookies that are set twice for the same path and domain: a rule added a line to the backend's own."""
    places: dict[tuple[str, str, str], list[str]] = {}
    for line in lines:
        name, attributes = parse_cookie(line)
        if not _is_taken_back(attributes):
            key = name, attributes.get("domain", "").lower(), attributes.get("path", "")
            places.setdefault(key, []).append(line)
    for (name, _, _), same in places.items():
        if len(same) > 1:
            title = f'The cookie "{shown(name, 60)}" is set {len(same)} times in one response: the last one counts'
            evidence = tuple(("Set-Cookie", _without_value(line)) for line in same[:3])
            yield Breakage(
                "cookie-twice", Loss.HINT, title, (exchange.flow_id,), evidence, todo="See which a rule added.",
                severity=BreakageSeverity.WARNING,
            )  # fmt: skip
