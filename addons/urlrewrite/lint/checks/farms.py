"""Checks of server farms."""

from __future__ import annotations

from collections.abc import Iterator

from urlrewrite.engine.targets import hosts_in
from urlrewrite.formats.wording import suggestion
from urlrewrite.formats.xml.arr_schema import DEFAULT_PROVIDERS, FARM_KEPT, FARM_READ, KEPT, SERVER_READ
from urlrewrite.lint.registry import Finding, check
from urlrewrite.lint.subjects import pattern_of
from urlrewrite.lint.views import FarmsView, FarmView, quoted
from urlrewrite.model import ActionType, ConfigElement, InboundRule, RuleSet
from urlrewrite.model.farms import Algorithm
from urlrewrite.model.origin import Origin

_ONE_SITE = ("HTTP_HOST", "SERVER_NAME", "SERVER_PORT", "LOCAL_ADDR", "CACHE_URL", "INSTANCE_ID", "INSTANCE_META_PATH")
"""Variables by which a global rule can tell one site from another."""

_DEADLINE = 0.02


@check(
    "UR200",
    "A rule for a farm that is not there",
    FarmsView,
    means="A rule rewrites to a host without a dot, which is neither a farm of the rule files nor a server that they "
    "name, while there are farms.",
    iis="Looks the name up in DNS, and answers 502.3 where it is not known.",
    here="The same: 502 where the name is not known.",
    write="The name of a farm as it stands under `farms:` or in `<webFarm name>`; the full name of a machine.",
)
def unknown_farm(view: FarmsView) -> Iterator[Finding]:
    rule_set, farms = view.rule_set, view.rule_set.farms
    known = {"localhost", *(name.lower() for name in farms)}
    known |= {origin.host for farm in farms.values() for origin in farm.origins}
    for site in rule_set.sites:
        known |= {origin.host for origin in (site.backend, *site.backend_names, *site.public) if origin}
        known |= {site.connect[0]} if site.connect else set()
    for rule in _all_rules(rule_set) if farms else ():
        for host in dict.fromkeys(host for host, _ in hosts_in(_rewrites_to(rule))):
            if "." not in host and ":" not in host and host not in known:
                message = f"rewrites to {quoted(host)}, which is no farm and no server of these files"
                yield Finding(f"{message}{suggestion(host, farms)}", rule.source, rule.name)


@check(
    "UR201",
    "RequestHash without anything to hash",
    FarmView,
    means="The algorithm of a farm is RequestHash, and it says neither of which server variable nor of which names of "
    "the query.",
    iis="Sends all requests to one server.",
    here="The same.",
    write="`hash: {variable: HTTP_X_TENANT}` or `hash: {query: [id]}`; in IIS `hashServerVariable` or "
    "`queryStringNames`.",
)
def nothing_to_hash(view: FarmView) -> Iterator[Finding]:
    farm = view.farm
    if farm.algorithm is Algorithm.REQUEST_HASH and not farm.hash_variable and not farm.hash_query:
        yield Finding(
            f"the farm {quoted(farm.name)} balances by RequestHash and does not say of what: all requests go to one "
            "server; write hash: {variable: ...} or hash: {query: [...]}"
        )


@check(
    "UR202",
    "A health test of another host",
    FarmView,
    means="The URL by which the servers of a farm are tested has a host that is neither the farm's, nor one of its "
    "servers', nor a public name.",
    iis="With the host of the farm or of the proxy, each server is asked. With another one, that one is asked, and "
    "what it says holds for every server.",
    here="Each server is asked, with that host in the Host field.",
    write="A path (`/health.txt`), or the URL with the farm's name as its host.",
)
def tests_another_host(view: FarmView) -> Iterator[Finding]:
    farm = view.farm
    origin = Origin.parse("/".join(farm.health.url.split("/")[:3]).partition("?")[0])
    own = {farm.name.lower(), *(origin.host for origin in farm.origins)}
    own |= {server.health_host.lower() for server in farm.servers}
    own |= {origin.host for site in view.rule_set.sites for origin in site.public}
    if origin and origin.host not in own:
        yield Finding(
            f"the farm {quoted(farm.name)} is tested at {quoted(origin.host)}, which is none of its servers: ARR would "
            f"ask that host in place of the servers, here each server is asked; write http://{farm.name}/..."
        )


@check(
    "UR203",
    "A farm's rule that takes the requests of every site",
    FarmsView,
    means="A global rule sends every request to a farm, whichever site it is for. ARR's wizard makes such a rule for "
    "each farm: with two farms, the second one never gets a request.",
    iis="Global rules run before those of any site: all sites of the server are the farm's from now on.",
    here="The same.",
    write="A condition on `{HTTP_HOST}` in the global rule, or the rule in the site that it is for.",
)
def takes_every_site(view: FarmsView) -> Iterator[Finding]:
    farms = {name.lower() for name in view.rule_set.farms}
    if len(view.rule_set.sites) < 2 and len(farms) < 2:
        return
    for rule in view.rule_set.global_rules:
        hosts = {host for host, _ in hosts_in(_rewrites_to(rule))}
        if rule.enabled and hosts & farms and _takes_everything(rule):
            yield Finding(
                "sends the requests of every site to the farm, since a global rule runs before those of any site: add "
                "a condition on {HTTP_HOST}",
                rule.source,
                rule.name,
            )


@check(
    "UR204",
    "A live test without a URL",
    FarmView,
    means="Failures of real requests take a server of the farm out, and no URL is tested that would let it in again.",
    iis="The server stays out until a person lets it in.",
    here="The server is let in after `ejection`, multiplied by how often it was taken out: some requests fail each "
    "time until it is well.",
    write="`health: {url: /health.txt}`, in IIS `<healthCheck url>`.",
)
def live_test_alone(view: FarmView) -> Iterator[Finding]:
    health = view.farm.health
    if health.live and not health.url:
        yield Finding(
            f"the farm {quoted(view.farm.name)} takes servers out by live traffic and tests no URL: in IIS a person "
            f"has to let them in, here they are tried again after {health.live.ejection:g} seconds; give health.url"
        )


@check(
    "UR205",
    "Affinity with one server",
    FarmView,
    means="Clients of a farm are bound to a server, and there is one only.",
    iis="Sets the cookie, and all go to the one server.",
    here="The same.",
    write="A second server, or no affinity.",
)
def affinity_with_one_server(view: FarmView) -> Iterator[Finding]:
    affinity = view.farm.affinity
    if (affinity.cookie or affinity.host_name) and len(view.farm.servers) == 1:
        yield Finding(f"the farm {quoted(view.farm.name)} binds clients to a server, and it has one only")


@check(
    "UR206",
    "A farm of which no server gets a request",
    FarmView,
    means="All servers of a farm have the weight 0, or it has no servers at all.",
    iis="Answers 502.4. It does not accept the weight 0.",
    here="Requests for the farm get 503.",
    write="A weight such as 100 for the servers that are to get requests.",
)
def no_server_gets_requests(view: FarmView) -> Iterator[Finding]:
    if not any(server.weight for server in view.farm.servers):
        why = "all its servers have the weight 0" if view.farm.servers else "it has no servers"
        yield Finding(f"the farm {quoted(view.farm.name)} serves no request: {why}")


@check(
    "UR207",
    "A setting of a farm that is kept and not honoured",
    FarmsView,
    means="ARR or the Web Farm Framework has a setting in `<webFarms>` that is read and written again, and has no "
    "effect here: header names, caches, providers, what provisions servers.",
    iis="Does what it says.",
    here="The setting has no effect.",
    write="In YAML what comes near it: `hostName` of servers for `alternateHostName`, `tls:` for client certificates, "
    "`minServers` for `minimumServers`; a cache such as nginx in front for `cache` and `diskCache`. Else nothing: it "
    "stays in `webFarms:` for the way back to IIS.",
)
def not_honoured(view: FarmsView) -> Iterator[Finding]:
    if view.rule_set.web_farms:
        yield from _not_honoured(view.rule_set.web_farms, "")


def _not_honoured(element: ConfigElement, farm: str) -> Iterator[Finding]:
    """Find what has an effect in IIS, in an element and beneath it."""
    farm = element.attributes.get("name", "") if element.name == "webFarm" else farm
    of_farm = f"the farm {quoted(farm)}: " if farm else ""
    names = {"webFarm": FARM_READ[:1], "server": SERVER_READ[:1]}.get(element.name, ())
    defaults = FARM_KEPT if element.name == "webFarm" else KEPT.get(element.name, {})
    for name, value in element.attributes.items():
        if name not in names and value != defaults.get(name) and (value or name not in defaults):
            what = f"{name}={quoted(value)} of <{element.name}>"
            yield Finding(f"{of_farm}{what} is kept for IIS and has no effect here", element.source)
    for child in element.children:
        match child.name:
            case "hostAffinityProviderList":
                added = [item.attributes.get("name", "") for item in child.children]
                if others := [name for name in added if name not in DEFAULT_PROVIDERS]:
                    what = f"the providers {', '.join(map(quoted, others))} of <{child.name}>"
                    yield Finding(f"{what} are kept for IIS and have no effect here", child.source)
            case "cache" if child.attributes.get("enabled", "").lower() == "false":
                pass
            case "webFarm" | "server" | "applicationRequestRouting" | "protocol" | "affinity" | "healthCheck":
                yield from _not_honoured(child, farm)
            case _:
                message = f"<{child.name}> is kept for IIS and has no effect here"
                yield Finding(of_farm + message, child.source)


def _all_rules(rule_set: RuleSet) -> Iterator[InboundRule]:
    yield from rule_set.global_rules
    yield from rule_set.rules
    for site in rule_set.sites:
        for section in (site, *site.locations):
            yield from section.rules


def _rewrites_to(rule: InboundRule) -> str:
    """Return the URL of a Rewrite, "" of any other action."""
    return rule.action.url if rule.enabled and rule.action.type is ActionType.REWRITE else ""


def _takes_everything(rule: InboundRule) -> bool:
    """Say whether a rule takes any URL, and no condition looks at what tells sites apart."""
    if any(name in item.input.upper() for item in rule.conditions.items for name in _ONE_SITE):
        return False
    pattern = pattern_of(rule.match.url, rule.pattern_syntax, rule.match.ignore_case)
    texts = ("", "a", "a/b.c", "\N{SNOWMAN}")
    return pattern is not None and not rule.match.negate and all(pattern.search(text, _DEADLINE) for text in texts)
