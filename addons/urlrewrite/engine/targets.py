"""Where requests may be forwarded: the hosts that the rule files name.

A host is named by a backend, a server farm, a rewrite map, and by the URL of a rule that rewrites: in plain words, by
what its maps and the alternatives of its patterns come to, or by a form, such as any port of `privateserver`, or
any name below `.internal.example`. `{LOCAL_ADDR}` names the address of this machine that the client has reached. A rule
whose URL can come to any host at all would make an open proxy.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from urlrewrite.engine.compiled import CompiledInboundRule
from urlrewrite.engine.reached_texts import (
    ANY,
    ASKED_NAME,
    OWN_ADDRESS,
    PART,
    ReachedTexts,
    SetVariables,
    is_open,
    join,
)
from urlrewrite.engine.scope import Lookup
from urlrewrite.engine.template import Literal
from urlrewrite.model import DEFAULT_PORTS, ActionType, Origin, RuleSet, Section, Site
from urlrewrite.model.origin import origin_of, parse_authority
from urlrewrite.model.public_suffixes import is_public_suffix

_URL_AUTHORITY = re.compile(r"(https?|wss?)://([^/?#{}\s]+)(?=[/?#]|$)", re.IGNORECASE)
_DYNAMIC_SCHEME_AUTHORITY = re.compile(r"\}://([^/?#{}\s]+)(?=[/?#]|$)")
_WHOLE_AUTHORITY = re.compile(r"(?P<scheme>[^:/?#]*)://(?P<authority>[^/?#\\]*)(?P<rest>[/?#\\]?)")
_MARK = f"[{ANY}{PART}{ASKED_NAME}{OWN_ADDRESS}]"
_UNDER_WAY = re.compile(rf"(?:[A-Za-z0-9+.-]|{_MARK})*(?::/?)?")
_LONGEST_NAME = 253
"""Characters of a name that can be looked up (RFC 1035, 2.3.4); a longer one is not compared with any form."""
_OCTETS = re.compile(rf"\d{{1,3}}\.(?:[\d.]|{_MARK})*")


@dataclass(frozen=True, slots=True)
class HostForm:
    """Hosts that are named by their form: an expression for the host, and the port, None for any."""

    host: re.Pattern[str]
    port: int | None


@dataclass(frozen=True, slots=True)
class AllowedHosts:
    """Where requests may be forwarded: (host, port) pairs, and forms of hosts.

    `own_ports` are those of the address at which a client has reached this machine; None among them is for any.
    """

    hosts: frozenset[tuple[str, int]] = frozenset()
    forms: frozenset[HostForm] = frozenset()
    own_ports: frozenset[int | None] = frozenset()

    def has(self, origin: Origin, reached: tuple[str, int]) -> bool:
        """Say whether a request may be forwarded there whose client has reached this address and port of ours."""
        if (origin.host, origin.port) in self.hosts:
            return True
        own, port = reached
        # What is sent back to where it came in would come again and again.
        if (origin.host == own.lower() and origin.port != port) and not self.own_ports.isdisjoint((origin.port, None)):
            return True
        if len(origin.host) > _LONGEST_NAME:
            return False
        return any(form.port in (None, origin.port) and form.host.fullmatch(origin.host) for form in self.forms)


@dataclass(frozen=True, slots=True)
class RulesInPlace:
    """The rules of one level with what they may use: maps, and the names under which its sites are asked for."""

    rules: Sequence[CompiledInboundRule]
    lookups: Mapping[str, Lookup]
    public: tuple[Origin, ...]


@dataclass(slots=True)
class _Reach:
    """What a rule can reach. `anywhere` is an open host that it can come to, "" for none."""

    hosts: set[tuple[str, int]] = field(default_factory=set)
    forms: set[HostForm] = field(default_factory=set)
    own_ports: set[int | None] = field(default_factory=set)
    anywhere: str = ""


ANY_NAME = "{HTTP_HOST}"
"""Stands in what `allowed_hosts` returns for a host that a site without names takes from the client."""


def allowed_hosts(rule_set: RuleSet, places: Sequence[RulesInPlace]) -> tuple[AllowedHosts, dict[int, str]]:
    """Return the hosts that the rule files name; and the rules that can reach any host, by their `id`, with that host,
    `*` standing for what is open in it.
    """
    variables = SetVariables()
    for place in places:
        variables.add(place.rules, place.lookups)
    hosts, forms, open_rules = set(_named_hosts(rule_set)), set(_forms_of_backends(rule_set)), dict[int, str]()
    own_ports = set[int | None]()
    for place in places:
        for compiled in place.rules:
            reached = _reach(compiled, place, variables)
            hosts |= reached.hosts
            forms |= reached.forms
            own_ports |= reached.own_ports
            if reached.anywhere:
                open_rules.setdefault(id(compiled), reached.anywhere)
    return AllowedHosts(frozenset(hosts), frozenset(forms), frozenset(own_ports)), open_rules


def _named_hosts(rule_set: RuleSet) -> Iterator[tuple[str, int]]:
    """Yield backends, the values of rewrite maps and of the files of providers, and farms with all their servers."""
    yield from _hosts_of_section(rule_set)
    for farm in rule_set.farms.values():
        yield from ((farm.name.lower(), port) for port in DEFAULT_PORTS.values())
        yield from ((origin.host, origin.port) for origin in farm.origins)
    for site in rule_set.sites:
        if site.backend and "{" not in site.backend.host:
            yield site.backend.host, site.backend.port
        for section in (site, *site.locations):
            yield from _hosts_of_section(section)


def open_backend(site: Site) -> bool:
    """Say whether the backend of a site can be any host that a client asks for."""
    return any(_host_form(host) is None for host in _hosts_of_backend(site))


def _hosts_of_backend(site: Site) -> Iterator[str]:
    """Yield what the host of a backend comes to that has a part of the name which a client asks for."""
    if site.backend and "{" in site.backend.host:
        for name in site.public:
            yield site.backend.host.replace("{C:0}", ANY + name.host[1:]).replace("{C:1}", ANY)


def _forms_of_backends(rule_set: RuleSet) -> Iterator[HostForm]:
    for site in rule_set.sites:
        for expression in filter(None, map(_host_form, _hosts_of_backend(site))):
            yield HostForm(re.compile(expression), site.backend.port if site.backend else None)


def _hosts_of_section(section: Section) -> Iterator[tuple[str, int]]:
    values = [(*item.entries.values(), item.default_value) for item in section.rewrite_maps.values()]
    values += [tuple(item.entries.values()) for item in section.providers.values()]
    for value in (value for group in values for value in group):
        yield from hosts_in(value)
        if parsed := parse_authority(value):
            yield from ((parsed[0], port) for port in ([parsed[1]] if parsed[1] else [80, 443]))


def hosts_in(text: str) -> Iterable[tuple[str, int]]:
    """Yield the (host, port) pairs that the URLs in a text name."""
    for scheme, authority in _URL_AUTHORITY.findall(text):
        if origin := origin_of(scheme, authority):
            yield origin.host, origin.port
    for authority in _DYNAMIC_SCHEME_AUTHORITY.findall(text):
        for scheme in ("http", "https"):
            if origin := origin_of(scheme, authority):
                yield origin.host, origin.port


def _reach(compiled: CompiledInboundRule, place: RulesInPlace, variables: SetVariables) -> _Reach:
    """Return what a rule can reach; nothing for one that does not rewrite, or not to another host."""
    reached = _Reach()
    whole: set[str] = set()
    rule, nodes = compiled.rule, compiled.url.nodes
    if not rule.enabled or rule.action.type is not ActionType.REWRITE or not nodes:
        return reached
    first = nodes[0]
    if isinstance(first, Literal) and not _is_under_way(first.text, whole):
        # Most rules write the host out, or rewrite to a path.
        _take(whole, reached)
        return reached
    texts = ReachedTexts(compiled, place.lookups, place.public, variables)
    urls = frozenset({""})
    whole.clear()
    for node in nodes:
        urls = frozenset(url for url in join(urls, texts.of_node(node)) if _is_under_way(url, whole))
    _take(whole | urls, reached)
    # `http://{HTTP_HOST}/x` would forward to this proxy, again and again.
    reached.hosts -= {(name.host, name.port) for name in place.public}
    for name in place.public:
        below = f"name{name.host[1:]}"
        reached.forms = {
            form
            for form in reached.forms
            if not (name.is_wildcard and form.port == name.port and form.host.fullmatch(below))
        }
    return reached


def _is_under_way(url: str, whole: set[str]) -> bool:
    """Say whether more may come to the host of a URL; one whose host is complete is put with those that are `whole`."""
    found = _WHOLE_AUTHORITY.match(url)
    if found is None:
        return _UNDER_WAY.fullmatch(url) is not None
    if found["rest"]:
        whole.add(url)
    return not found["rest"]


def _take(urls: Iterable[str], reached: _Reach) -> None:
    for url in urls:
        found = _WHOLE_AUTHORITY.match(url)
        if found is None:
            continue
        scheme, authority = found["scheme"].lower(), found["authority"].rpartition("@")[2]
        # An open part behind a complete host is where a path begins: `http://host:8080{R:1}`.
        while authority.endswith(ANY) and authority[-2:-1] not in ("", ":", "."):
            authority = authority[:-1]
        schemes = ("http", "https") if is_open(scheme) else (scheme,) if scheme in DEFAULT_PORTS else ()
        for each in schemes:
            _take_authority(each, authority, reached)


def _take_authority(scheme: str, authority: str, reached: _Reach) -> None:
    if not is_open(authority):
        if origin := origin_of(scheme, authority):
            reached.hosts.add((origin.host, origin.port))
        return
    host, colon, port = authority.rpartition(":")
    if not colon or "]" in port:
        host, port = authority, ""
    number = int(port or DEFAULT_PORTS[scheme]) if port.isdigit() or not port else None
    if host.strip("[]") == OWN_ADDRESS:
        reached.own_ports.add(number)
        return
    if ASKED_NAME in host:
        reached.anywhere = reached.anywhere or ANY_NAME
        return
    expression = _host_form(host.lower())
    if expression is None:
        reached.anywhere = reached.anywhere or _spelled(authority)
    else:
        reached.forms.add(HostForm(re.compile(expression), number))


def _host_form(host: str) -> str | None:
    """Return an expression for the hosts of an open form; None where that is any host, or any of a public suffix."""
    pieces = re.split(_MARK, host)
    if len(pieces) == 1:
        return re.escape(host)
    if _OCTETS.fullmatch(host):
        return r"\d{1,3}".join(map(re.escape, pieces))
    before, dot, domain = pieces[-1].partition(".")
    if domain and not is_public_suffix(domain):
        # Whatever is in front, the name is below a domain that the rule names.
        label = r"[\w.-]+" if not before else r"[\w-]*"
    elif not dot and re.search("[a-z]", "".join(pieces)) and "." not in "".join(pieces):
        label = r"[\w-]*"
    else:
        return None
    return label.join(map(re.escape, pieces))


def _spelled(authority: str) -> str:
    """Return an open host for a message: `*` for what is open."""
    return re.sub(_MARK + "+", "*", authority)
