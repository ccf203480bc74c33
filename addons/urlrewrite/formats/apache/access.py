"""Who may come in, by `Require` and by `Order`, `Allow` and `Deny`: as addresses of `<ipSecurity>`, or told.

(Apache HTTP Server 2.4 documentation, "mod_authz_core", "mod_authz_host", "mod_access_compat".) What asks for more than
an address keeps its place as what IIS has for that, a level on which anonymous clients are refused: then the linter
tells of a site that would be open, and no format loses it.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from urlrewrite.formats.apache.parts import Directive, Scope, ScopeKind
from urlrewrite.formats.apache.scopes import CONTAINERS
from urlrewrite.formats.reports import ProblemId, Report
from urlrewrite.formats.wording import shown
from urlrewrite.model import ConfigElement
from urlrewrite.model.web_server import Address, Entries, IpSecurity, WebServer

NAMES = frozenset(("Require", "Order", "Allow", "Deny", "Satisfy", "SSLVerifyClient"))
SAID_BY_APACHE = "Apache: "
"""Begins the comment of an element that stands for directives of Apache, which follow."""

_LOCAL = ("127.0.0.0/8", "::1")
_PART_OF_ADDRESS = re.compile(r"\d{1,3}(?:\.\d{1,3}){0,2}\.?")


@dataclass(slots=True)
class Access:
    """Who may come in where: by address, and what else is asked (`asks`).

    `allowed` and `denied` are networks, `unlisted` says what becomes of the others. `left` are ways in that are not
    known here, without which fewer come in.
    """

    allowed: list[Address] = field(default_factory=list)
    denied: list[Address] = field(default_factory=list)
    unlisted: bool = True
    asks: list[Directive] = field(default_factory=list)
    left: list[Directive] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        """Whether everybody may come in."""
        return self.unlisted and not self.denied and not self.asks

    @property
    def denies_all(self) -> bool:
        """Whether nobody may come in."""
        return not self.unlisted and not self.allowed

    def web_server(self, report: Report) -> WebServer:
        """Return it as sections; it takes the place of what is said of the level above, as in Apache."""
        addresses = Entries((*self.denied, *self.allowed), clear=True)
        kept = (_refusing(self.asks, report),) if self.asks else ()
        return WebServer(ip_security=IpSecurity(allow_unlisted=self.unlisted, addresses=addresses), kept=kept)


def access_of(directives: Sequence[Directive], report: Report) -> Access | None:
    """Return what directives that stand in one place say together; None if they say nothing of who may come in."""
    requires = [item for item in directives if item.name == "Require"]
    older = [item for item in directives if item.name in ("Order", "Allow", "Deny")]
    certificates = [item for item in directives if item.name == "SSLVerifyClient"]
    asks = [item for item in certificates if item.words and item.words[0].lower() == "require"]
    any_suffices = any(item.name == "Satisfy" and "any" in map(str.lower, item.words) for item in directives)
    found = _by_require(requires, report) if requires else None
    before = _by_order(older, report) if older else None
    if found and before:
        found = _either(before, found) if any_suffices else _both(before, found)
    found = found or before
    if asks:
        found = replace(found or Access(), asks=[*(found.asks if found else []), *asks])
    for item in found.left if found else ():
        message = f"{shown(item.text)} lets nobody in here: who that is, is not known"
        report.warning(item.line, ProblemId.APACHE_LEFT_OUT, message)
    return found


def _both(first: Access, second: Access) -> Access:
    """Return what both allow; where both have addresses of their own, that cannot be said, and more is asked."""
    asks, left = [*first.asks, *second.asks], [*first.left, *second.left]
    for one, other in ((first, second), (second, first)):
        if (one.unlisted and not one.denied) or other.denies_all:
            return replace(other, asks=asks, left=left)
        if other.unlisted:
            return replace(one, denied=[*one.denied, *other.denied], asks=asks, left=left)
    # Each lets in only what it lists: the first one's list is in force, and nobody knows whether the other's is kept.
    return replace(first, asks=asks, left=left)


def _either(first: Access, second: Access) -> Access:
    """Return what one of them allows: who passes by address is not asked for more."""
    if first.is_open or second.is_open:
        return Access()
    if first.asks and second.asks:
        return first
    by_address, other = (second, first) if first.asks else (first, second)
    return replace(by_address, left=[*by_address.left, *other.asks, *other.left])


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
            whole = Access()
            for access in found:
                whole = _both(whole, access)
            return whole
        case ScopeKind.REQUIRE_NONE:
            whole = Access()
            for access in found:
                whole = _both(whole, _not(access))
            return whole
    if len(found) == 1:
        return found[0]
    if any(access.is_open for access in found):
        return Access()
    by_address = [access for access in found if not access.asks and not access.denies_all]
    asking = [item for access in found for item in access.asks]
    left = [item for access in found for item in access.left]
    if not by_address:
        return Access(asks=asking, left=left) if asking else Access(unlisted=False, left=left)
    allowed = [address for access in by_address for address in access.allowed]
    # Who is let in by one of them is not kept out by another.
    denied = next((access.denied for access in by_address if access.unlisted), None)
    if denied is not None:
        return Access(denied=[*allowed, *denied], left=[*left, *asking])
    return Access(allowed=allowed, unlisted=False, left=[*left, *asking])


def _not(access: Access) -> Access:
    if access.asks or access.left:
        return Access(asks=[*access.asks, *access.left])
    denied = [replace(address, allowed=False) for address in access.allowed]
    return Access(denied=denied) if not access.unlisted else Access(unlisted=False)


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
            found = Access(allowed=_addresses(_LOCAL, item, report), unlisted=False)
        case ["ip", *networks] if networks and all(map(_network, networks)):
            found = Access(allowed=_addresses(networks, item, report), unlisted=False)
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
                lists[item.name] += _addresses([word], item, report, allowed=item.name == "Allow")
            elif item not in unknown[item.name]:
                unknown[item.name].append(item)
    allowed, denied, left = lists["Allow"], lists["Deny"], unknown["Allow"]
    if allow_last:
        if everybody["Allow"]:
            return Access()
        if everybody["Deny"]:
            return Access(allowed=allowed, unlisted=False, left=left)
        # Who is allowed is let in even if he is denied as well.
        return Access(denied=[*allowed, *denied], asks=unknown["Deny"], left=left)
    if everybody["Deny"]:
        return Access(unlisted=False, left=left)
    if everybody["Allow"]:
        return Access(denied=denied, asks=unknown["Deny"])
    return Access(allowed=allowed, denied=denied, unlisted=False, asks=unknown["Deny"], left=left)


def _addresses(networks: Iterable[str], item: Directive, report: Report, *, allowed: bool = True) -> list[Address]:
    return [Address(_network(network), allowed, source=report.source(item.line)) for network in networks]


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
    off = ConfigElement(
        "anonymousAuthentication",
        MappingProxyType({"enabled": "false"}),
        source=source,
        comment=SAID_BY_APACHE + "; ".join(item.text for item in asks),
    )
    return ConfigElement("authentication", children=(off,), source=source)
