"""The sites of a server or virtual host: its names, its rules, and what it forwards."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from urlrewrite.formats.apache import proxies
from urlrewrite.formats.apache.balancers import Balancers
from urlrewrite.formats.apache.beside import (
    CONVERTED,
    Beside,
    Elsewhere,
    beside_of,
    forwarded_by_rules,
    mounted,
    with_beside,
)
from urlrewrite.formats.apache.parts import Configuration, Host
from urlrewrite.formats.apache.proxies import Passed
from urlrewrite.formats.reports import ProblemId, Report
from urlrewrite.model import ActionType, Condition, Conditions, InboundRule, LogicalGrouping, Site
from urlrewrite.model.origin import DEFAULT_PORTS, WILDCARD, Origin, parse_authority
from urlrewrite.patterns.spelling import ecmascript_literal

_WILD = set("*?")


def says_anything(host: Host) -> bool:
    """Say whether a host has something beside rules that is converted."""
    return any(item.name in CONVERTED for item in host.beside)


def share_passes(configuration: Configuration) -> None:
    """Give virtual hosts what the server around them forwards: Apache puts that before their own."""
    main = configuration.main
    if configuration.hosts:
        shared = [item for item in main.beside if item.name in proxies.NAMES]
        main.beside = [item for item in main.beside if item.name not in proxies.NAMES]
        for host in configuration.hosts:
            host.beside[:0] = shared


@dataclass(frozen=True, slots=True)
class HostSites:
    """Makes sites of the hosts of a configuration."""

    configuration: Configuration
    farms: Balancers
    report: Report

    def beside(self, host: Host, public: Sequence[Origin]) -> Beside:
        """Read what stands beside the rules of a host."""
        return beside_of(host, public, self.farms, self.report, lambda directory: self._quiet_path(host, directory))

    def of(self, site: Site, host: Host) -> tuple[list[Site], tuple[InboundRule, ...]]:
        """Return the sites of a host, with what stands beside its rules, and rules that all of them have in common.

        A path that is forwarded is a site below that path. Rules of the host see its whole paths, as those of the
        server do, and so they are among these where there are such sites.
        """
        scheme = "https" if host.secure else "http"
        names = tuple(dict.fromkeys(origin for name in host.names for origin in origins_of(scheme, name, host)))
        # What the server says is for its virtual hosts as well, and is not the site's that it serves itself.
        is_server = host is self.configuration.main and bool(self.configuration.hosts)
        found = Beside() if is_server else self.beside(host, names)
        if not found.forwarding.passed:
            return [with_beside(forwarded_by_rules(site, found.forwarding, names), found)], ()
        site = replace(site, public=names or site.public)
        passed = found.forwarding.passed
        if [item.path for item in passed] == [""]:
            return [mounted(site, found, passed[0])], ()
        if not names:
            message = "ProxyPass for a path, and no ServerName: give the public name with --public"
            self.report.warning(passed[0].line, ProblemId.APACHE_ASSUMED, message)
        # Rules of the server run before those of sites: denials must not come behind them.
        shared = tuple(own for rule in (*found.inbound, *site.rules) for own in self._only_for(rule, host))
        found.inbound.clear()
        bare = replace(site, rules=())
        if site.rules and not any(item.path == "" for item in passed):
            passed = [*passed, Passed("", None, "", host.line)]
        return [mounted(bare, found, item) for item in passed], shared

    def _only_for(self, rule: InboundRule, host: Host) -> Iterator[InboundRule]:
        """Yield a rule, or one for each of its alternatives, with the conditions that the request is for its host."""
        if len(self.configuration.hosts) < 2:
            yield rule
            return
        own = [Condition("{HTTPS}", "^on$", negate=not host.secure, source=rule.source)]
        if host.names:
            names = "|".join(map(_name_pattern, host.names))
            own.append(Condition("{HTTP_HOST}", f"^(?:{names})(?::[0-9]+)?$", source=rule.source))
        conditions = rule.conditions
        if conditions.logical_grouping is LogicalGrouping.MATCH_ALL or len(conditions.items) < 2:
            yield replace(
                rule, conditions=Conditions((*own, *conditions.items), track_all_captures=conditions.track_all_captures)
            )
            return
        if not rule.stop_processing and rule.action.type in (ActionType.NONE, ActionType.REWRITE):
            message = "a rule with [OR] that others follow, in one of several hosts: import its host from a file alone"
            self.report.of_rule(rule.name).error(rule.source.line, ProblemId.APACHE_NOT_CONVERTED, message)
        for number, item in enumerate(conditions.items, 1):
            yield replace(rule, name=f"{rule.name} ({number})", conditions=Conditions((*own, item)))

    def _quiet_path(self, host: Host, directory: str | None) -> str | Elsewhere:
        """Return the path in URLs of a directory."""
        if not directory:
            return host.own.base.strip("/") if directory == "" else ""
        root, path = host.document_root or self.configuration.main.document_root, directory.rstrip("/")
        if root:
            return path[len(root) :].strip("/") if path == root or path.startswith(f"{root}/") else Elsewhere.OUTSIDE
        others = {item.directory for item in host.beside if item.directory not in (None, "", "/")}
        return "" if others == {directory} else Elsewhere.UNKNOWN


def origins_of(scheme: str, name: str, host: Host) -> Iterable[Origin]:
    """Return the origins of a ServerName or ServerAlias at the ports of its virtual host."""
    bare = _authority(name)
    below = bare.startswith(WILDCARD)
    parsed = parse_authority(bare.removeprefix(WILDCARD))
    if not parsed or _WILD & set(bare.removeprefix(WILDCARD)):
        return
    ports = {port for address in host.addresses if (port := _port(address))}
    for port in sorted(ports or {parsed[1] or DEFAULT_PORTS[scheme]}):
        yield Origin(scheme, f"{WILDCARD if below else ''}{parsed[0]}", port)


def _authority(name: str) -> str:
    """Return a ServerName without its scheme."""
    return name.partition("://")[2] or name


def _name_pattern(name: str) -> str:
    """Return a pattern for the names that a ServerName or ServerAlias stands for; its port is the listener's matter."""
    host = re.sub(r":[0-9]+\Z", "", _authority(name))
    return "".join({"*": ".*", "?": "."}.get(char, ecmascript_literal(char)) for char in host)


def _port(address: str) -> int:
    digits = address.rpartition(":")[2]
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 6 else 0
