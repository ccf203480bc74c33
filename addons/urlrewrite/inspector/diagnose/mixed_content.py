"""What becomes of http:// in an https page: blocked, asked for by https, or let through (Mixed Content, 4)."""

from __future__ import annotations

from enum import StrEnum
from urllib.parse import urlsplit

from urlrewrite.fields.names import ip_address, is_loopback
from urlrewrite.inspector.diagnose.case import Case, origin_of_url
from urlrewrite.inspector.diagnose.page_policies import policies_of
from urlrewrite.inspector.diagnose.page_references import LOADED, Reference


class Fate(StrEnum):
    """What a browser does with an address."""

    SOUND = "sound"
    """It is no mixed content."""
    BLOCKED = "blocked"
    UPGRADED = "upgraded"
    """It is asked for by https on the same host; port 80 becomes 443, any other stays."""
    TRUSTED = "trusted"
    """It leads to this very machine, which browsers trust without TLS."""
    WARNED = "warned"
    """The user is warned first."""


_UPGRADED_USES = frozenset({"image", "media"})


def fate(case: Case, reference: Reference) -> Fate:
    """Return what a browser does with what a page names."""
    scheme = reference.url.partition(":")[0].lower()
    if case.page.request.scheme != "https" or scheme not in ("http", "ws"):
        return Fate.SOUND
    origin = origin_of_url(reference.url)
    if origin is None or reference.use not in (*LOADED, "form"):
        return Fate.SOUND
    if is_loopback(origin.host):
        return Fate.TRUSTED
    if _upgrades(case):
        return Fate.UPGRADED
    if reference.use == "form":
        return Fate.WARNED
    # A candidate of srcset is blocked, as it always was.
    media = reference.use in _UPGRADED_USES and reference.attribute != "srcset" and not ip_address(origin.host)
    return Fate.UPGRADED if media else Fate.BLOCKED


def _upgrades(case: Case) -> bool:
    """Say whether the page has http:// asked for by https; it is read for that once, whatever it names."""
    if case.upgrades is None:
        case.upgrades = any("upgrade-insecure-requests" in each.directives for each in policies_of(case, case.page))
    return case.upgrades


def upgraded(url: str) -> str:
    """Return the URL by which a browser asks instead."""
    parts = urlsplit(url)
    scheme = "wss" if parts.scheme == "ws" else "https"
    netloc = parts.netloc.removesuffix(":80")
    return parts._replace(scheme=scheme, netloc=netloc).geturl()
