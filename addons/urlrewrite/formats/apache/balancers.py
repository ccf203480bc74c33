"""`<Proxy balancer://name>` and its members: server farms.

(Apache HTTP Server 2.4 documentation, "mod_proxy_balancer".)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from urlrewrite.formats.addresses import parse_place
from urlrewrite.formats.apache.parts import Directive
from urlrewrite.formats.farm_texts import MAX_WEIGHT, parse_farm_name
from urlrewrite.formats.reports import ProblemId, Report
from urlrewrite.formats.wording import shown
from urlrewrite.model import Farm, Server
from urlrewrite.model.farms import Algorithm
from urlrewrite.model.origin import Origin

NAMES = frozenset(("BalancerMember", "ProxySet"))
SCHEME = "balancer://"

_READ = frozenset(("loadfactor", "status", "lbmethod"))
_ALGORITHMS = {
    "byrequests": Algorithm.WEIGHTED_ROUND_ROBIN,
    "bytraffic": Algorithm.WEIGHTED_TOTAL_TRAFFIC,
    "bybusyness": Algorithm.LEAST_REQUESTS,
}


@dataclass(slots=True)
class _Balancer:
    line: int
    members: list[Server] = field(default_factory=list)
    schemes: set[str] = field(default_factory=set)
    algorithm: Algorithm = Algorithm.WEIGHTED_ROUND_ROBIN


@dataclass(frozen=True, slots=True)
class Balancers:
    """The farms of a file, by name, and the origin that stands for each."""

    farms: Mapping[str, Farm]
    origins: Mapping[str, Origin]


def balancers_of(directives: Iterable[Directive], report: Report) -> Balancers:
    """Return the farms that directives of a file, in any of its hosts, describe."""
    found: dict[str, _Balancer] = {}
    for item in directives:
        if item.name in NAMES:
            name, words = _named(item)
            if name:
                _take(item, words, found.setdefault(name, _Balancer(item.line)), report)
    farms, origins = {}, {}
    for name, balancer in found.items():
        try:
            parse_farm_name(name)
        except ValueError as error:
            report.error(balancer.line, ProblemId.APACHE_NOT_CONVERTED, f"balancer://{name}: {error}")
            continue
        if len(balancer.schemes) > 1:
            message = f"balancer://{name} has members with and without TLS, expected one or the other"
            report.error(balancer.line, ProblemId.APACHE_NOT_CONVERTED, message)
        scheme = next(iter(balancer.schemes), "http")
        source = report.source(balancer.line)
        farms[name] = Farm(
            name=name,
            servers=tuple(balancer.members),
            algorithm=balancer.algorithm,
            preserve_host_header=False,
            source=source,
        )
        origins[name.lower()] = Origin(scheme, name.lower(), 443 if scheme == "https" else 80)
    return Balancers(MappingProxyType(farms), MappingProxyType(origins))


def name_in(url: str) -> str:
    """Return the name of a balancer in its URL, without a path."""
    return url.removeprefix(SCHEME).partition("/")[0]


def _named(item: Directive) -> tuple[str, Sequence[str]]:
    """Return the balancer that a directive is for, which its section or its first word names."""
    if item.words and item.words[0].startswith(SCHEME):
        return name_in(item.words[0]), item.words[1:]
    for scope in reversed(item.scopes):
        if scope.arguments and scope.arguments[0].startswith(SCHEME):
            return name_in(scope.arguments[0]), item.words
    return "", item.words


def _take(item: Directive, words: Sequence[str], balancer: _Balancer, report: Report) -> None:
    given = dict(word.partition("=")[::2] for word in words if "=" in word)
    left = [word for word in words if "=" in word and word.partition("=")[0] not in _READ]
    if item.name == "ProxySet":
        balancer.algorithm = _ALGORITHMS.get(given.get("lbmethod", ""), balancer.algorithm)
    else:
        try:
            origin, path = parse_place(words[0] if words else "")
        except ValueError as error:
            report.error(item.line, ProblemId.APACHE_NOT_CONVERTED, f"BalancerMember: {error}")
            return
        if path:
            left.append(path)
        weight = given.get("loadfactor", "1")
        share = min(MAX_WEIGHT, max(1, round(float(weight) * 100))) if weight.replace(".", "", 1).isdigit() else 100
        secure = origin.scheme == "https"
        balancer.schemes.add(origin.scheme)
        balancer.members.append(
            Server(
                address=origin.host,
                http_port=80 if secure else origin.port,
                https_port=origin.port if secure else 443,
                weight=share,
                backup="H" in given.get("status", "").upper(),
                source=report.source(item.line),
            )
        )
    if left:
        message = f"got {shown(item.text)}: {', '.join(left)} is not converted, see farms in YAML"
        report.warning(item.line, ProblemId.APACHE_LEFT_OUT, message)
