"""Where the requests of a site go, and how they are sent there."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from urlrewrite.engine.compile import CompiledRules
from urlrewrite.engine.variables import normal_name
from urlrewrite.exchange.backend_settings import BackendSettings
from urlrewrite.export.decision_list import Entry, written_host
from urlrewrite.export.judgement import ENTITLED, JudgedSite
from urlrewrite.export.nginx.configuration import Maps, comment, quoted, text
from urlrewrite.export.nginx.fields import FORGEABLE, OURS
from urlrewrite.export.nginx.map_chain import Chain
from urlrewrite.export.nginx.surroundings import Surroundings
from urlrewrite.model import ActionType, Farm, LinkMode, Site
from urlrewrite.model.farms import Algorithm, ServerState
from urlrewrite.model.origin import Origin

_FOREVER = 10 * 365 * 24 * 3600
_ALGORITHMS = {Algorithm.LEAST_REQUESTS: "least_conn", Algorithm.REQUEST_HASH: "hash $request_uri consistent"}


@dataclass(slots=True)
class ExportedSite:
    """A site while it is written; `at` is its number, from 0."""

    judged: JudgedSite
    at: int
    origins: list[Origin] = field(default_factory=list)
    fields: list[str] = field(default_factory=list)
    chain: Chain | None = None

    @property
    def site(self) -> Site:
        return self.judged.rules.site.site


def origins_of(rules: CompiledRules, entries: Iterable[Entry], site: Site) -> list[Origin]:
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


def fields_of(entries: Iterable[Entry]) -> list[str]:
    """Return the request fields that rules set, by the names of their variables; Host is told by itself."""
    names = (normal_name(each.name) for entry in entries for each in entry.compiled.server_variables)
    return [name for name in dict.fromkeys(names) if name.startswith("HTTP_") and name != "HTTP_HOST"]


def upstreams(rules: CompiledRules, each: ExportedSite, maps: Maps, around: Surroundings) -> list[str]:
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


def _upstream(each: ExportedSite, number: int) -> str:
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


def forwarding(each: ExportedSite, settings: BackendSettings, around: Surroundings) -> list[str]:
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


def _back(each: ExportedSite, settings: BackendSettings) -> list[str]:
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
    lines += [f"proxy_cookie_domain {text(host)} $host;" for host in hosts]
    return [*lines, "proxy_cookie_flags ~ $ur_secure;"] if mapped else lines


def _seconds(seconds: float) -> str:
    return f"{round(seconds * 1000)}ms" if seconds else f"{_FOREVER}s"
