"""Who may come in, by `Require` and by `Order`, `Allow` and `Deny`: as addresses of `<ipSecurity>`, or told.

(Apache HTTP Server 2.4 documentation, "mod_authz_core", "mod_authz_host", "mod_access_compat".) What asks for more than
an address keeps its place as what IIS has for that, a level on which anonymous clients are refused: then the linter
tells of a site that would be open, and no format loses it.
"""

from __future__ import annotations

import ipaddress
import operator
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from urlrewrite.formats.apache.parts import Directive, Scope, ScopeKind
from urlrewrite.formats.apache.scopes import CONTAINERS
from urlrewrite.formats.reports import ProblemId, Report
from urlrewrite.formats.wording import shown
from urlrewrite.model import ConfigElement
from urlrewrite.model.web_server import Access as TlsAccess
from urlrewrite.model.web_server import Address, Entries, IpSecurity, SslFlag, WebServer

NAMES = frozenset(("Require", "Order", "Allow", "Deny", "Satisfy", "SSLVerifyClient", "SSLRequire", "SSLRequireSSL"))

type _Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_LOCAL = ("127.0.0.0/8", "::1")
_PART_OF_ADDRESS = re.compile(r"\d{1,3}(?:\.\d{1,3}){0,2}\.?")


@dataclass(slots=True)
class Access:
    """Who may come in where: by address, and what else is asked (`asks`).

    The smallest network of `addresses` that has a client decides on it; `unlisted` says what becomes of the others.
    `left` are ways in that are not known here, without which fewer come in. `needs_tls` is where it is said that a
    request must come over TLS; without `says_who` nothing is said of addresses, and what the level above says holds.
    """

    addresses: dict[_Network, Address] = field(default_factory=dict)
    unlisted: bool = True
    asks: list[Directive] = field(default_factory=list)
    left: list[Directive] = field(default_factory=list)
    needs_tls: Directive | None = None
    says_who: bool = True

    @property
    def is_open(self) -> bool:
        """Whether everybody may come in."""
        return self.unlisted and not self.addresses and not self.asks and not self.needs_tls

    @property
    def denies_all(self) -> bool:
        """Whether nobody may come in."""
        return not self.unlisted and not self.addresses

    def web_server(self, report: Report) -> WebServer:
        """Return it as sections; it takes the place of what is said of the level above, as in Apache."""
        smallest_first = sorted(self.addresses.items(), key=lambda item: -item[0].prefixlen)
        addresses = Entries(tuple(address for _, address in smallest_first), clear=True)
        who = IpSecurity(allow_unlisted=self.unlisted, addresses=addresses) if self.says_who else IpSecurity()
        tls = TlsAccess()
        if self.needs_tls:
            tls = TlsAccess(ssl_flags=frozenset({SslFlag.SSL}), source=report.source(self.needs_tls.line))
        kept = (_refusing(self.asks, report),) if self.asks else ()
        return WebServer(access=tls, ip_security=who, kept=kept)


def access_of(directives: Sequence[Directive], report: Report) -> Access | None:
    """Return what directives that stand in one place say together; None if they say nothing of who may come in."""
    requires = [item for item in directives if item.name == "Require"]
    older = [item for item in directives if item.name in ("Order", "Allow", "Deny")]
    asks = [item for item in directives if _asks_for_certificate(item)]
    needs_tls = next((item for item in directives if item.name == "SSLRequireSSL"), None)
    any_suffices = any(item.name == "Satisfy" and "any" in map(str.lower, item.words) for item in directives)
    found = _by_require(requires, report) if requires else None
    before = _by_order(older, report) if older else None
    if found and before:
        found = _either((before, found)) if any_suffices else _joined((before, found), operator.and_)
    found = found or before
    if asks or needs_tls:
        found = found or Access(says_who=False)
        found = replace(found, asks=[*found.asks, *asks], needs_tls=needs_tls)
    for item in found.left if found else ():
        message = f"{shown(item.text)} lets nobody in here: who that is, is not known"
        report.warning(item.line, ProblemId.APACHE_LEFT_OUT, message)
    return found


def _asks_for_certificate(item: Directive) -> bool:
    """Say whether a directive asks for a certificate, or by `SSLRequire` for what only mod_ssl knows."""
    first = item.words[0].lower() if item.words else ""
    return item.name == "SSLRequire" or (item.name == "SSLVerifyClient" and first == "require")


type _Decide = Callable[[bool, bool], bool]


def _joined(members: Sequence[Access], decide: _Decide) -> Access:
    """Return what several decide together; by halves, as lists of thousands of lines are joined."""
    if len(members) == 1:
        return members[0]
    middle = len(members) // 2
    first, second = _joined(members[:middle], decide), _joined(members[middle:], decide)
    unlisted = decide(first.unlisted, second.unlisted)
    joined: dict[_Network, Address] = {}
    of_first, of_second, of_both = _Lookup(first), _Lookup(second), _Lookup(Access(joined, unlisted))
    # The larger ones first: one that decides as the one around it does says nothing.
    for network, address in sorted({**second.addresses, **first.addresses}.items(), key=lambda item: item[0].prefixlen):
        allowed = decide(of_first.lets_in(network), of_second.lets_in(network))
        if allowed != of_both.lets_in(network):
            of_both.add(network, replace(address, allowed=allowed))
    asks, left = [*first.asks, *second.asks], [*first.left, *second.left]
    return Access(joined, unlisted, asks, left)


class _Lookup:
    """Finds the smallest network that has another one."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._lengths = sorted({network.prefixlen for network in access.addresses}, reverse=True)

    def lets_in(self, network: _Network) -> bool:
        """Whether what is in a network may come in, but for smaller ones that are listed."""
        for length in self._lengths:
            if length <= network.prefixlen:
                found = self._access.addresses.get(network.supernet(new_prefix=length))
                if found:
                    return found.allowed
        return self._access.unlisted

    def add(self, network: _Network, address: Address) -> None:
        """Add a network to the access, not larger than those that were added before."""
        self._access.addresses[network] = address
        if network.prefixlen not in self._lengths:
            self._lengths.insert(0, network.prefixlen)


def _either(members: Sequence[Access]) -> Access:
    """Return what one of them allows: who passes by address is not asked for more."""
    if any(access.is_open for access in members):
        return Access()
    by_address = [access for access in members if not access.asks]
    if all(access.denies_all for access in by_address):
        return _joined(members, operator.or_)
    found = _joined(by_address, operator.or_)
    others = [access for access in members if access.asks]
    return replace(found, left=[*found.left, *(item for access in others for item in (*access.asks, *access.left))])


@dataclass(frozen=True, slots=True)
class _Group:
    """`<RequireAll>` and its like, or the whole: directives and groups in it, in order."""

    kind: ScopeKind
    members: list[Directive | _Group]


def _by_require(directives: Sequence[Directive], report: Report) -> Access:
    whole = _Group(ScopeKind.REQUIRE_ANY, [])
    groups: dict[Scope, _Group] = {}
    for item in directives:
        group = whole
        for scope in item.scopes:
            if scope.kind not in CONTAINERS:
                continue
            if scope not in groups:
                groups[scope] = _Group(scope.kind, [])
                group.members.append(groups[scope])
            group = groups[scope]
        group.members.append(item)
    return _of_group(whole, report)


def _of_group(group: _Group, report: Report) -> Access:
    if group.kind is not ScopeKind.REQUIRE_ALL:
        for item in group.members:
            if isinstance(item, Directive) and item.words[:1] and item.words[0].lower() == "not":
                message = f"got {shown(item.text)} outside of <RequireAll>, expected it in one: it lets nobody in"
                report.error(item.line, ProblemId.APACHE_SYNTAX, message)
    found = [_of_group(item, report) if isinstance(item, _Group) else _of_line(item, report) for item in group.members]
    match group.kind:
        case ScopeKind.REQUIRE_ALL:
            return _joined(found, operator.and_)
        case ScopeKind.REQUIRE_NONE:
            return _joined([_not(access) for access in found], operator.and_)
    return _either(found)


def _not(access: Access) -> Access:
    if access.asks or access.left:
        return Access(asks=[*access.asks, *access.left])
    opposite = {network: replace(address, allowed=not address.allowed) for network, address in access.addresses.items()}
    return Access(opposite, not access.unlisted)


def _of_line(item: Directive, report: Report) -> Access:
    words = list(item.words)
    if negated := bool(words) and words[0].lower() == "not":
        words.pop(0)
    match [word.lower() for word in words]:
        case ["all", "granted"]:
            found = Access()
        case ["all", "denied"]:
            found = Access(unlisted=False)
        case ["local"]:
            found = _listed(_addresses(_LOCAL, item, report))
        case ["ip", *networks] if networks and all(map(_network, networks)):
            found = _listed(_addresses(networks, item, report))
        case _:
            return Access(asks=[item])
    return _not(found) if negated else found


def _by_order(directives: Sequence[Directive], report: Report) -> Access:
    """Convert `Order`, `Allow from` and `Deny from`; without `Order` it is `deny,allow`."""
    orders = [item.words[0].lower() for item in directives if item.name == "Order" and item.words]
    allow_last = not orders or orders[-1] == "deny,allow"
    lists: dict[str, list[Address]] = {"Allow": [], "Deny": []}
    everybody = {"Allow": False, "Deny": False}
    unknown: dict[str, list[Directive]] = {"Allow": [], "Deny": []}
    for item in directives:
        if item.name == "Order":
            continue
        for word in item.words[1:] if item.words[:1] and item.words[0].lower() == "from" else item.words:
            if word.lower() == "all":
                everybody[item.name] = True
            elif _network(word):
                lists[item.name] += _addresses([word], item, report)
            elif item not in unknown[item.name]:
                unknown[item.name].append(item)
    allowed, denied = (Access() if everybody[name] else _listed(lists[name]) for name in ("Allow", "Deny"))
    if allow_last:
        # Who is allowed is let in even if he is denied as well.
        found = _joined((allowed, _not(denied)), operator.or_)
    else:
        found = _joined((allowed, _not(denied)), operator.and_)
    asks = unknown["Deny"] if not everybody["Deny"] and not (allow_last and everybody["Allow"]) else []
    return replace(found, asks=asks, left=[] if everybody["Allow"] else unknown["Allow"])


def _listed(addresses: Iterable[Address]) -> Access:
    """Return what lets in who is listed, and nobody else."""
    listed: dict[_Network, Address] = {}
    for address in addresses:
        listed.setdefault(ipaddress.ip_network(address.network), address)
    return Access(listed, unlisted=False)


def _addresses(networks: Iterable[str], item: Directive, report: Report) -> list[Address]:
    return [Address(_network(network), allowed=True, source=report.source(item.line)) for network in networks]


def _network(text: str) -> str:
    """Return an address or a network as it is known here, `10.1` as `10.1.0.0/16`; "" for anything else."""
    if _PART_OF_ADDRESS.fullmatch(text):
        parts = text.rstrip(".").split(".")
        text = f"{'.'.join([*parts, *['0'] * (4 - len(parts))])}/{8 * len(parts)}"
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return ""
    return str(network.network_address) if network.num_addresses == 1 else str(network)


def _refusing(asks: Sequence[Directive], report: Report) -> ConfigElement:
    """Return the element of IIS that refuses anonymous clients, for directives that ask for more than an address."""
    source = report.source(asks[0].line)
    directives = "; ".join(item.text for item in asks)
    off = ConfigElement(
        "anonymousAuthentication",
        MappingProxyType({"enabled": "false"}),
        source=source,
        comment=f"Apache: {directives}",
        directives=directives,
    )
    return ConfigElement("authentication", children=(off,), source=source)
