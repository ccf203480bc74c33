"""Checks of server farms: what is sent to them, and which of their servers serve."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from urlrewrite.engine.targets import hosts_in
from urlrewrite.engine.variables import is_server_variable, normal_name
from urlrewrite.formats.wording import suggestion
from urlrewrite.lint.registry import Finding, check
from urlrewrite.lint.subjects import pattern_of
from urlrewrite.lint.views import FarmsView, FarmView, quoted
from urlrewrite.model import ActionType, Farm, InboundRule, RuleSet, Site
from urlrewrite.model.farms import Algorithm, ServerState
from urlrewrite.model.origin import Origin

_ONE_SITE = ("HTTP_HOST", "SERVER_NAME", "SERVER_PORT", "LOCAL_ADDR", "CACHE_URL", "INSTANCE_ID", "INSTANCE_META_PATH")
"""Variables by which a global rule can tell one site from another."""

_DEADLINE = 0.02


@check(
    "UR200",
    "A rule or a backend for a farm that is not there",
    FarmsView,
    means="There are farms, and a rule rewrites to a host without a dot, which is neither a farm of the rule files nor "
    "a server that they name. Or `backend:` of a site has such a host, without a port and without `connect:`, and it "
    "is nearly the name of a farm: most hosts without a dot are machines, and only these are taken for typing errors.",
    iis="Looks the name up in DNS, and answers 502.3 where it is not known.",
    here="The same: 502 where the name is not known.",
    write="The name of a farm as it stands under `farms:` or in `<webFarm name>`; the full name of a machine, or its "
    "port (`http://shops:80`).",
)
def unknown_farm(view: FarmsView) -> Iterator[Finding]:
    rule_set, farms = view.rule_set, view.rule_set.farms
    if not farms:
        return
    known = {"localhost", *(name.lower() for name in farms)}
    known |= {origin.host for farm in farms.values() for origin in farm.origins}
    doubtful: list[tuple[Site, Origin]] = []
    for site in rule_set.sites:
        known |= {origin.host for origin in (*site.backend_names, *site.public)}
        known |= {site.connect[0]} if site.connect else set()
        if site.backend and _may_mean_a_farm(site, site.backend, farms):
            doubtful.append((site, site.backend))
        elif site.backend:
            known.add(site.backend.host)
    for site, backend in doubtful:
        if backend.host not in known:
            message = f"the backend {quoted(backend.host)} is no farm and no server of these files"
            yield Finding(f"{message}{suggestion(backend.host, farms)}", site.source)
    for rule in _all_rules(rule_set):
        for host in dict.fromkeys(host for host, _ in hosts_in(_rewrites_to(rule))):
            if _has_no_dot(host) and host not in known:
                message = f"rewrites to {quoted(host)}, which is no farm and no server of these files"
                yield Finding(f"{message}{suggestion(host, farms)}", rule.source, rule.name)


def _may_mean_a_farm(site: Site, backend: Origin, farms: Collection[str]) -> bool:
    return bool(
        _has_no_dot(backend.host) and backend.has_default_port and not site.connect and suggestion(backend.host, farms)
    )


def _has_no_dot(host: str) -> bool:
    return "." not in host and ":" not in host


@check(
    "UR201",
    "RequestHash without anything to hash",
    FarmView,
    means="The algorithm of a farm is RequestHash, and it says neither of which server variable nor of which names of "
    "the query; or the variable is none that IIS knows and none that a rule sets, such as one that is written with "
    "braces.",
    iis="Sends all requests to one server.",
    here="The same.",
    write="`hash: {variable: HTTP_X_TENANT}` or `hash: {query: [id]}`; in IIS `hashServerVariable` or "
    "`queryStringNames`.",
)
def nothing_to_hash(view: FarmView) -> Iterator[Finding]:
    farm, name = view.farm, view.farm.hash_variable
    if farm.algorithm is not Algorithm.REQUEST_HASH:
        return
    if not name and not farm.hash_query:
        yield Finding(
            f"the farm {quoted(farm.name)} balances by RequestHash and does not say of what: all requests go to one "
            "server; write hash: {variable: ...} or hash: {query: [...]}"
        )
    elif name and not is_server_variable(name) and normal_name(name) not in _set_by_rules(view.rule_set):
        bare = name.strip("{} ")
        hint = f"; write {bare}, without braces" if bare != name else "; fields of requests are HTTP_..."
        yield Finding(
            f"the farm {quoted(farm.name)} balances by the server variable {quoted(name)}, which there is not: all "
            f"requests go to one server{hint}"
        )


def _set_by_rules(rule_set: RuleSet) -> set[str]:
    return {normal_name(item.name) for rule in _all_rules(rule_set) for item in rule.server_variables}


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
    means="A farm has no servers, or none of them gets requests as the file has it: their weight is 0, or they are "
    "offline, stopping, or draining without clients that could be bound to them. Or a farm is switched off, and "
    "requests are sent to it.",
    iis="Answers 502.4. It does not accept the weight 0.",
    here="Requests for the farm get 503, unless a person makes a server available (`rewrite.server.start`).",
    write="A weight such as 100 and `state: available` for the servers that are to get requests; `enabled: true`.",
)
def no_server_gets_requests(view: FarmView) -> Iterator[Finding]:
    farm = view.farm
    serving = {ServerState.AVAILABLE} | ({ServerState.DRAINING} if farm.affinity.cookie else set())
    if not farm.servers:
        yield Finding(f"the farm {quoted(farm.name)} serves no request: it has no servers")
    elif not any(server.weight for server in farm.servers):
        yield Finding(f"the farm {quoted(farm.name)} serves no request: all its servers have the weight 0")
    elif not any(server.weight and server.state in serving for server in farm.servers):
        states = sorted({str(server.state) for server in farm.servers if server.weight})
        yield Finding(f"the farm {quoted(farm.name)} serves no request: its servers are {' or '.join(states)}")
    elif not farm.enabled and _is_in_use(farm, view.rule_set):
        yield Finding(f"the farm {quoted(farm.name)} is switched off, and requests are sent to it: they get 503")


def _is_in_use(farm: Farm, rule_set: RuleSet) -> bool:
    name = farm.name.lower()
    return any(site.backend and site.backend.host == name for site in rule_set.sites) or any(
        host == name for rule in _all_rules(rule_set) for host, _ in hosts_in(_rewrites_to(rule))
    )


@check(
    "UR208",
    "A setting of a site that its farm leaves without effect",
    FarmsView,
    means="The backend of a site is a farm, and the site has `connect:`, or a port in `backend:`, or `timeouts:` "
    "although all its requests go to farms.",
    iis="Has none of these at a site.",
    here="Where servers are dialled, and how long they are waited for, is the farm's to say; the scheme of `backend:` "
    "chooses between `httpPort` and `httpsPort`.",
    write="`address`, `httpPort` and `httpsPort` of the farm's servers; `timeouts:` of the farm.",
)
def overruled_by_a_farm(view: FarmsView) -> Iterator[Finding]:
    rule_set = view.rule_set
    farms = {name.lower(): name for name in rule_set.farms}
    for site in rule_set.sites:
        backend = site.backend
        if backend is None or backend.host not in farms:
            continue
        name = quoted(farms[backend.host])
        if site.connect:
            yield Finding(
                f"connect: has no effect, since the backend is the farm {name}, which dials its servers", site.source
            )
        if not backend.has_default_port:
            expected = f"{backend.scheme}Port of its servers"
            yield Finding(
                f"the port {backend.port} of the backend has no effect, since {name} is a farm: write {expected}",
                site.source,
            )
        if site.timeouts and _forwards_only_to(farms, site, rule_set):
            yield Finding(
                f"timeouts: has no effect, since those of the farm {name} apply: write them there", site.source
            )


def _forwards_only_to(farms: Collection[str], site: Site, rule_set: RuleSet) -> bool:
    """Say whether it is certain that no rule forwards a request of this site to a backend of its own."""
    own = (rule for section in (site, *site.locations) for rule in section.rules)
    urls = [_rewrites_to(rule) for rule in (*rule_set.global_rules, *rule_set.rules, *own)]
    return all(
        bool(hosts) and hosts <= set(farms)
        for url in urls
        if "://" in url or url.startswith("{")
        for hosts in [{host for host, _ in hosts_in(url)}]
    )


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
