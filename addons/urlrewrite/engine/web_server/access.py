"""`<access>` and `<ipSecurity>`: over which connections, and from which addresses, a site is asked.

(IIS configuration reference, "Access" and "IP Security"; entries are tried from top to bottom, and `allowUnlisted`
decides on the rest.)
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from urlrewrite.engine.facts import RequestFacts
from urlrewrite.engine.web_server.answer import SectionAnswer
from urlrewrite.model import Source
from urlrewrite.model.web_server import Access, Address, DenyAction, IpSecurity, SslFlag
from urlrewrite.trace.reasons import Reason, Values

type _IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_NEEDS_TLS = {SslFlag.SSL: "403.4", SslFlag.SSL_128: "403.5"}
_TLS_MESSAGE = "The page you are trying to access is secured with Secure Sockets Layer (SSL)."

_DENIED = {
    DenyAction.ABORT_REQUEST: "",
    DenyAction.UNAUTHORIZED: "401",
    DenyAction.FORBIDDEN: "403.6",
    DenyAction.NOT_FOUND: "404",
}
_DENIED_MESSAGE = "The IP address from which you are browsing is not permitted to access the requested Web site."


def refused_without_tls(access: Access, request: RequestFacts) -> SectionAnswer | None:
    """Refuse what does not come over TLS where `sslFlags` require it."""
    if request.scheme == "https":
        return None
    for flag, status in _NEEDS_TLS.items():
        if flag in (access.ssl_flags or ()):
            return SectionAnswer("security/access", access.source, status, Reason.SSL_REQUIRED, _TLS_MESSAGE)
    return None


class AddressGuard:
    """`<ipSecurity>` with its networks parsed."""

    def __init__(self, section: IpSecurity) -> None:
        self._section = section
        self._networks = [
            (ipaddress.ip_network(entry.network), entry) for entry in section.addresses.add if entry.network
        ]
        self._allows_unlisted = section.allow_unlisted is not False

    def refused(self, addresses: Iterable[str]) -> SectionAnswer | None:
        """Refuse a request one of whose `addresses`, those of its client, is kept out."""
        for address in addresses:
            entry = self._entry_for(address)
            if entry is None and not self._allows_unlisted:
                return self._answer(self._section.source, Reason.ADDRESS_UNLISTED, {"host": address})
            if entry and not entry.allowed:
                values: Values = {"host": address, "name": entry.network}
                return self._answer(entry.source, Reason.ADDRESS_DENIED, values)
        return None

    def _entry_for(self, address: str) -> Address | None:
        parsed = _parsed(address)
        if parsed is None:
            return None
        return next((entry for network, entry in self._networks if parsed in network), None)

    def _answer(self, source: Source, reason: Reason, values: Values) -> SectionAnswer:
        status = _DENIED[self._section.deny_action or DenyAction.FORBIDDEN]
        return SectionAnswer("security/ipSecurity", source, status, reason, _DENIED_MESSAGE, values)


def _parsed(address: str) -> _IpAddress | None:
    """Parse an address; one of IPv4 that is written as one of IPv6 is meant as that of IPv4."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return mapped or parsed
