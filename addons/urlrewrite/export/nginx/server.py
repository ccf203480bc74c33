"""The servers of nginx: where they listen, what they decide by, and how they forward.

Every decision is a set of variables (see `Decision`). Where a `map` can say it, maps do; for all else the program of
njs is asked. Either way the request is forwarded from here, so that bodies, upgrades and time-outs are nginx's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from urlrewrite.engine.compile import CompiledRules
from urlrewrite.engine.variables import normal_name
from urlrewrite.exchange.backend_settings import BackendSettings, backend_settings
from urlrewrite.export.decision_list import Entry, written_host
from urlrewrite.export.judgement import ENTITLED, JudgedSite
from urlrewrite.export.nginx.configuration import Maps, comment, quoted, text
from urlrewrite.export.nginx.fields import FORGEABLE, OURS, is_forgeable, unless_set
from urlrewrite.export.nginx.map_chain import Chain, map_chain
from urlrewrite.export.nginx.program import program
from urlrewrite.model import ActionType, Farm, LinkMode, Site
from urlrewrite.model.farms import Algorithm, ServerState
from urlrewrite.model.origin import Origin

PROGRAM = "urlrewrite.js"
"""The name of the file for njs, as the configuration asks for it."""

_USUAL_KEY = 40
"""Bytes of a key of a map for which nginx has room in any case."""
_FOREVER = 10 * 365 * 24 * 3600
_ALGORITHMS = {Algorithm.LEAST_REQUESTS: "least_conn", Algorithm.REQUEST_HASH: "hash $request_uri consistent"}


class Surroundings(Protocol):
    """What of the machine the configuration names: it is another one when it is proved."""

    def listen(self, scheme: str, port: int) -> str:
        """Return what to listen at, such as `443`."""

    def dial(self, host: str, port: int, origin: Origin) -> str:
        """Return what to connect to for a backend, which requests know by its origin."""

    def certificate(self, site: Site | None) -> tuple[str, str]:
        """Return the files of certificate and key; None for names that no site has."""

    def authority(self, file: str) -> str:
        """Return the file of the authorities that backends of https are checked by."""


class Production:
    """The machine that the rule file speaks of."""

    def listen(self, scheme: str, port: int) -> str:
        return str(port)

    def dial(self, host: str, port: int, origin: Origin) -> str:
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def authority(self, file: str) -> str:
        return file or "/etc/ssl/certs/ca-certificates.crt"

    def certificate(self, site: Site | None) -> tuple[str, str]:
        if site and site.certificate:
            return site.certificate.file, site.certificate.file
        name = site.public[0].host.replace("*", "_") if site and site.public else "default"
        return f"/etc/nginx/{name}.pem", f"/etc/nginx/{name}.key"


@dataclass(frozen=True, slots=True)
class Exported:
    """The files for nginx: the configuration for its `http` block, and the program, "" where none is needed.

    `without_maps` are the rules that maps cannot say.
    """

    configuration: str
    program: str
    without_maps: tuple[tuple[JudgedSite, Entry], ...] = ()


@dataclass(slots=True)
class _Site:
    """A site while it is written; `at` is its number, from 0."""

    judged: JudgedSite
    at: int
    origins: list[Origin] = field(default_factory=list)
    fields: list[str] = field(default_factory=list)
    chain: Chain | None = None

    @property
    def site(self) -> Site:
        return self.judged.rules.site.site


def export(
    rules: CompiledRules,
    judged: Sequence[JudgedSite],
    *,
    plain: bool = False,
    surroundings: Surroundings | None = None,
) -> Exported:
    """Write the sites that are not refused; `plain` does without njs, and answers odd URLs with 400."""
    around = surroundings or Production()
    maps = Maps()
    sites = [_Site(each, at) for at, each in enumerate(each for each in judged if not each.refused)]
    parts = [_head(rules, plain)]
    for each in sites:
        each.origins = _origins(rules, each.judged.rules.entries, each.site)
        each.fields = _fields(each.judged.rules.entries)
        each.chain = map_chain(each.judged, f"ur{each.at}", each.fields, maps, plain=plain)
    shared = _shared_maps()
    upstreams, servers = [], []
    for each in sites:
        upstreams += _upstreams(rules, each, maps, around)
        servers += _servers(rules, each, maps, around, plain)
    if maps.longest_key > _USUAL_KEY:
        # nginx has it before any map, or not at all
        parts.append(f"map_hash_bucket_size {_power_of_two(maps.longest_key + 24)};")
    parts += shared
    parts += [*maps.blocks, *upstreams, *_default_servers(sites, around), *servers]
    js = ""
    if not plain:
        js = program([(each.judged, [str(origin) for origin in each.origins], each.fields) for each in sites])
    without = [(each.judged, entry) for each in sites if each.chain for entry in each.chain.unsaid]
    return Exported("\n".join(parts) + "\n", js, tuple(without))


def _head(rules: CompiledRules, plain: bool) -> str:
    needs = "nginx" if plain else "nginx and libnginx-mod-http-js"
    lines = [
        comment("Made by `run.sh convert --to nginx`; edits are lost when it is made again."),
        comment(f"Rules {rules.rule_set.fingerprint} of {', '.join(site.site.name for site in rules.sites)}."),
        comment(f"Needs {needs} of Debian; to be included in the http block (/etc/nginx/conf.d), without any other"),
        comment("server that is the default at these ports."),
    ]
    if not plain:
        lines += [comment(f"{PROGRAM} belongs into /etc/nginx."), f"js_import urlrewrite from {PROGRAM};"]
    return "\n".join(lines)


def _shared_maps() -> list[str]:
    own = Maps()
    own.add("ur_https", "${scheme}", [("https", "on")], "off")
    own.add("ur_usual_port", "${scheme}", [("https", "443")], "80")
    own.add("ur_port", "${http_host}", [("~:(?<ur_given_port>[0-9]+)$", "${ur_given_port}")], "${ur_usual_port}")
    own.add("ur_name", "${http_host}", [(r"~^(?<ur_given_name>\[[^\]]*\]|[^:]*)", "${ur_given_name}")])
    own.add(
        "ur_cache_scheme",
        "${http_upgrade} ${scheme}",
        [("websocket http", "ws"), ("websocket https", "wss")],
        "${scheme}",
    )
    usual = [("http:80", "${host}"), ("https:443", "${host}")]
    own.add("ur_authority", "${scheme}:${ur_port}", usual, "${host}:${ur_port}")
    own.add("ur_connection", "${http_upgrade}", [("", "")], "upgrade")
    return ['geo $ur_dollar {\n    default "$";\n}', *own.blocks]


def _origins(rules: CompiledRules, entries: Iterable[Entry], site: Site) -> list[Origin]:
    """Return where requests of a site may be forwarded."""
    found = [site.backend] if site.backend else []
    for entry in entries:
        if entry.rule.action.type is not ActionType.REWRITE:
            continue
        try:
            host = written_host(entry.compiled.url, path_variables=ENTITLED)
        except ValueError:
            continue
        if host and host.origin:
            found.append(host.origin)
        elif host:
            pairs = sorted(rules.allowed_hosts.hosts)
            found += [Origin(scheme, name, port) for name, port in pairs for scheme in ("http", "https")]
    return list(dict.fromkeys(found))


def _fields(entries: Iterable[Entry]) -> list[str]:
    """Return the request fields that rules set, by the names of their variables; Host is told by itself."""
    names = (normal_name(each.name) for entry in entries for each in entry.compiled.server_variables)
    return [name for name in dict.fromkeys(names) if name.startswith("HTTP_") and name != "HTTP_HOST"]


def _upstreams(rules: CompiledRules, each: _Site, maps: Maps, around: Surroundings) -> list[str]:
    blocks = []
    for number, origin in enumerate(each.origins):
        farm = rules.farms.get(origin.host)
        lines = [comment(str(origin)), f"upstream {_upstream(each, number)} {{"]
        if farm:
            lines += [f"    {line};" for line in _farm(farm, origin, around)]
        else:
            connect = each.site.connect if origin == each.site.backend else None
            lines.append(f"    server {around.dial(*(connect or (origin.host, origin.port)), origin)};")
        blocks.append("\n".join([*lines, "    keepalive 32;", "}"]))
    prefix = f"ur{each.at}"
    rows = [(str(origin), f"{origin.scheme}://{_upstream(each, number)}") for number, origin in enumerate(each.origins)]
    farm_or_site = {str(origin): rules.farms.get(origin.host) for origin in each.origins}
    names = [(str(o), (f.tls if (f := farm_or_site[str(o)]) else each.site.tls).name or o.host) for o in each.origins]
    maps.add(f"{prefix}_tls_name", f"${{{prefix}_origin}}", names)
    maps.add(f"{prefix}_pass", f"${{{prefix}_origin}}", rows)
    return blocks


def _upstream(each: _Site, number: int) -> str:
    return f"ur{each.at}_backend{number}"


def _farm(farm: Farm, origin: Origin, around: Surroundings) -> list[str]:
    lines = [_ALGORITHMS[farm.algorithm]] if farm.algorithm in _ALGORITHMS else []
    for server in farm.servers:
        address = server.origin(origin.scheme)
        words = [f"server {around.dial(address.host, address.port, origin)}", f"weight={max(1, server.weight)}"]
        words += ["backup"] * server.backup + ["down"] * (server.state is not ServerState.AVAILABLE)
        words += [f"max_conns={server.max_connections}"] * bool(server.max_connections)
        lines.append(" ".join(words))
    return lines


def _default_servers(sites: Sequence[_Site], around: Surroundings) -> list[str]:
    """Return what answers by names that no site has, at every port where a site does."""
    taken = {address for each in sites if not each.site.public for address in _addresses(each.site)}
    addresses = {address for each in sites for address in _addresses(each.site)} - taken
    return [
        "\n".join(
            [
                comment("Names that no site has."),
                "server {",
                *(f"    {line}" for line in _listens(addresses, around, " default_server")),
                *(f"    {line}" for line in _tls(addresses, None, around)),
                "    server_name _;",
                "    return 404;",
                "}",
            ]
        )
    ] * bool(addresses)


def _addresses(site: Site) -> set[tuple[str, int]]:
    named = {(origin.scheme, origin.port) for origin in site.public} | set(site.bound or ())
    return named or {("http", 80), ("https", 443)}


def _listens(addresses: Iterable[tuple[str, int]], around: Surroundings, more: str) -> list[str]:
    return [
        f"listen {around.listen(scheme, port)}{' ssl' if scheme == 'https' else ''}{more};"
        for scheme, port in sorted(addresses)
    ]


def _tls(addresses: Iterable[tuple[str, int]], site: Site | None, around: Surroundings) -> list[str]:
    if not any(scheme == "https" for scheme, _ in addresses):
        return []
    certificate, key = around.certificate(site)
    return [f"ssl_certificate {text(certificate)};", f"ssl_certificate_key {text(key)};"]


def _servers(rules: CompiledRules, each: _Site, maps: Maps, around: Surroundings, plain: bool) -> list[str]:
    site, prefix = each.site, f"ur{each.at}"
    assert each.chain is not None
    names = " ".join(dict.fromkeys(origin.host_text for origin in site.public)) or "_"
    settings = backend_settings(rules.rule_set, site, rules.farms.get(site.backend.host) if site.backend else None)
    _decision(each, maps, plain, "${http_host}" if settings.keeps_host else "")
    addresses = _addresses(site)
    lines = [
        *_listens(addresses, around, "" if site.public else " default_server"),
        f"server_name {names};",
        *_tls(addresses, site, around),
        "client_max_body_size 0;",
        "location / {",
        *(f"    {line}" for line in _answers(each)),
        *(f"    {line}" for line in _forwarding(each, settings, around)),
        "}",
    ]
    js = [] if plain else [f"js_set ${prefix}_js urlrewrite.site{each.at};"]
    return ["\n".join([*js, comment(f"Site {site.name}"), "server {", *(f"    {line}" for line in lines), "}"])]


NOT_SET = r"~^\x01\z"
"""Stands for a field that no rule has set, in the lines that the program gives."""
_PARTS = ("does", "location", "target", "origin", "host")


def _decision(each: _Site, maps: Maps, plain: bool, kept_host: str) -> None:
    """Choose for each part of the decision between what the maps and what the program say."""
    prefix, chain = f"ur{each.at}", each.chain
    assert chain is not None
    names = [*_PARTS, *(name.lower() for name in each.fields)]
    for at, name in enumerate(names):
        wanted = f"{prefix}_decided_host" if name == "host" else f"{prefix}_{name}"
        if plain:
            odd = "not valid" if name == "does" else ""
        else:
            line = rf"~^(?:[^\n]*\n){{{at}}}(?<{prefix}_line{at}>[^\n]*)"
            odd = maps.add(f"{prefix}_js_{name}", f"${{{prefix}_js}}", [(line, f"${{{prefix}_line{at}}}")])
        if not plain and name.startswith("http_") and is_forgeable(name.upper()):
            odd = maps.add(f"{prefix}_js_own_{name}", odd, [(NOT_SET, unless_set(name.upper()))], odd)
        maps.add(wanted, chain.odd, [("1", odd)], chain.parts[name])
    rows = [(str(origin), origin.authority) for origin in each.origins]
    usual = kept_host or maps.add(f"{prefix}_authority", f"${{{prefix}_origin}}", rows)
    maps.add(f"{prefix}_host", f"${{{prefix}_decided_host}}", [("", usual)], f"${{{prefix}_decided_host}}")


def _answers(each: _Site) -> list[str]:
    """Return what ends here, each by a return of its own: its status must be written out."""
    does = f"$ur{each.at}_does"
    entries = list(enumerate(each.judged.rules.entries))
    statuses = {e.rule.action.redirect_type.status for _, e in entries if e.rule.action.type is ActionType.REDIRECT}
    lines = [
        f"if ({does} = {quoted(f'redirect {status}')}) {{ return {status} $ur{each.at}_location; }}"
        for status in sorted(statuses)
    ]
    for number, entry in entries:
        action = entry.rule.action
        if action.type is ActionType.CUSTOM_RESPONSE:
            body = action.status_description or f"{action.status_code} {action.status_reason}".strip()
            answer = f"{action.status_code}" + ("" if action.status_code in (204, 304) else f" {text(body)}")
            lines.append(f"if ({does} = {quoted(f'respond {number}')}) {{ return {answer}; }}")
    lines += [
        f'if ({does} = "abort") {{ return 444; }}',
        f'if ({does} = "not valid") {{ return 400; }}',
        f'if ({does} = "nowhere") {{ return 404; }}',
        f'if ({does} = "refused") {{ return 501; }}',
        f'if ({does} = "fail") {{ return 500; }}',
    ]
    return lines


def _forwarding(each: _Site, settings: BackendSettings, around: Surroundings) -> list[str]:
    prefix, timeouts = f"ur{each.at}", settings.timeouts
    ours = {
        "Host": f"${prefix}_host",
        "Connection": "$ur_connection",
        "Upgrade": "$http_upgrade",
        **{name.title(): value for name, value in OURS.items()},
    }
    by_rules = {
        name.removeprefix("HTTP_").replace("_", "-").lower(): f"${prefix}_{name.lower()}" for name in each.fields
    }
    fields = {name: value for name, value in ours.items() if name.lower() not in by_rules}
    fields |= {name.title(): value for name, value in by_rules.items()}
    gone = sorted(FORGEABLE - by_rules.keys())
    lines = ["proxy_http_version 1.1;"]
    lines += [f"proxy_set_header {name} {value};" for name, value in fields.items()]
    lines += [f'proxy_set_header {name} "";' for name in gone]
    lines += [
        f"proxy_connect_timeout {_seconds(timeouts.connect)};",
        f"proxy_read_timeout {_seconds(timeouts.response or timeouts.idle)};",
        f"proxy_send_timeout {_seconds(timeouts.idle)};",
    ]
    if any(origin.scheme == "https" for origin in each.origins):
        lines += ["proxy_ssl_server_name on;", f"proxy_ssl_name ${prefix}_tls_name;"]
        if settings.tls.verify:
            authority = around.authority(settings.tls.ca)
            lines += ["proxy_ssl_verify on;", f"proxy_ssl_trusted_certificate {text(authority)};"]
    lines += _back(each, settings)
    lines.append(f"proxy_pass ${prefix}_pass${prefix}_target;")
    return lines


def _back(each: _Site, settings: BackendSettings) -> list[str]:
    """Return what gives Location, and the Domain of cookies, the public name."""
    mapped = each.site.links is not LinkMode.OFF
    if not mapped and not settings.reverse_rewrites:
        return ["proxy_redirect off;"]
    lines = []
    for number, origin in enumerate(each.origins):
        rest = f"ur{each.at}_rest{number}"
        pattern = f"~*^{origin.scheme}://{re.escape(origin.authority)}(?<{rest}>[/?#].*)?$"
        lines.append(f"proxy_redirect {quoted(pattern)} $scheme://$http_host${rest};")
    hosts = dict.fromkeys(origin.host for origin in each.origins) if mapped else ()
    return lines + [f"proxy_cookie_domain {text(host)} $host;" for host in hosts]


def _seconds(seconds: float) -> str:
    return f"{round(seconds * 1000)}ms" if seconds else f"{_FOREVER}s"


def _power_of_two(size: int) -> int:
    return 1 << max(6, (size - 1).bit_length())
