"""The servers of nginx: where they listen, what they decide by, and how they forward.

Every decision is a set of variables (see `Decision`). Where a `map` can say it, maps do; for all else the program of
njs is asked. Either way the request is forwarded from here, so that bodies, upgrades and time-outs are nginx's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from urlrewrite.engine.compile import CompiledRules
from urlrewrite.exchange.backend_settings import backend_settings
from urlrewrite.export.decision_list import Entry
from urlrewrite.export.judgement import JudgedSite
from urlrewrite.export.nginx.backends import ExportedSite, fields_of, forwarding, origins_of, upstreams
from urlrewrite.export.nginx.configuration import Maps, comment, quoted, text
from urlrewrite.export.nginx.fields import is_forgeable, unless_set
from urlrewrite.export.nginx.map_chain import map_chain
from urlrewrite.export.nginx.program import program
from urlrewrite.export.nginx.surroundings import Production, Surroundings
from urlrewrite.model import ActionType, Site

PROGRAM = "urlrewrite.js"
"""The name of the file for njs, as the configuration asks for it."""

_USUAL_KEY = 40
"""Bytes of a key of a map for which nginx has room in any case."""


@dataclass(frozen=True, slots=True)
class Exported:
    """The files for nginx: the configuration for its `http` block, and the program, "" where none is needed.

    `without_maps` are the rules that maps cannot say.
    """

    configuration: str
    program: str
    without_maps: tuple[tuple[JudgedSite, Entry], ...] = ()


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
    sites = [ExportedSite(each, at) for at, each in enumerate(each for each in judged if not each.refused)]
    parts = [_head(rules, plain)]
    for each in sites:
        each.origins = origins_of(rules, each.judged.rules.entries, each.site)
        each.fields = fields_of(each.judged.rules.entries)
        each.chain = map_chain(each.judged, f"ur{each.at}", each.fields, maps, plain=plain)
    shared = _shared_maps()
    backends, servers = list[str](), list[str]()
    for each in sites:
        backends += upstreams(rules, each, maps, around)
        servers += _servers(rules, each, maps, around, plain)
    if maps.longest_key > _USUAL_KEY:
        # nginx has it before any map, or not at all
        parts.append(f"map_hash_bucket_size {_power_of_two(maps.longest_key + 24)};")
    parts += shared
    parts += [*maps.blocks, *backends, *_default_servers(sites, around), *servers]
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
    own.add("ur_secure", "${scheme}", [("https", "secure")], "nosecure")
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


def _default_servers(sites: Sequence[ExportedSite], around: Surroundings) -> list[str]:
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


def _servers(rules: CompiledRules, each: ExportedSite, maps: Maps, around: Surroundings, plain: bool) -> list[str]:
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
        *(f"    {line}" for line in forwarding(each, settings, around)),
        "}",
    ]
    js = [] if plain else [f"js_set ${prefix}_js urlrewrite.site{each.at};"]
    return ["\n".join([*js, comment(f"Site {site.name}"), "server {", *(f"    {line}" for line in lines), "}"])]


NOT_SET = r"~^\x01\z"
"""Stands for a field that no rule has set, in the lines that the program gives."""
_PARTS = ("does", "location", "target", "origin", "host")


def _decision(each: ExportedSite, maps: Maps, plain: bool, kept_host: str) -> None:
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


def _answers(each: ExportedSite) -> list[str]:
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


def _power_of_two(size: int) -> int:
    return 1 << max(6, (size - 1).bit_length())
