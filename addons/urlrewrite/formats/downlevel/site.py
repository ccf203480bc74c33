"""A site in IIS's own words: what IIS has no word for is said in rules, or told to be configured elsewhere.

A `backend` is where every request goes that the rules did not send anywhere else. IIS has no such thing but a last rule
that rewrites to it; so a rule that ends the evaluation before that one has to name the backend itself. IIS takes the
rules of a directory after those of the site, so a directory with rules needs a last rule of its own, and the site's
must leave the directory alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from urllib.parse import quote

from urlrewrite.formats.downlevel.links_as_rules import (
    VARIABLES,
    escaped,
    link_rules,
    pre_conditions_of,
    request_rule,
)
from urlrewrite.formats.downlevel.mount import PREFIX_VARIABLE, in_location, prefix_rule, slash_rule
from urlrewrite.formats.downlevel.paths_as_rules import path_rules
from urlrewrite.formats.downlevel.wildcards import has_captures, host_variable, with_host_variable
from urlrewrite.formats.proxy_settings import write_settings
from urlrewrite.formats.reports import ProblemId
from urlrewrite.formats.wording import one_line, shown
from urlrewrite.model import (
    Action,
    ActionType,
    Collection,
    Condition,
    Conditions,
    Farm,
    InboundRule,
    LinkMode,
    Location,
    LogicalGrouping,
    Match,
    OutboundRule,
    Readings,
    Site,
    TagReplacement,
)
from urlrewrite.model.farms import DEFAULT_TLS
from urlrewrite.model.origin import Origin
from urlrewrite.model.problems import Problem, Severity
from urlrewrite.model.proxy_settings import NO_PROXY_SETTINGS

_ABSOLUTE = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


def site_for_iis(site: Site, farms: Iterable[Farm] = ()) -> tuple[Site, list[Problem]]:
    """Return the site without backend, links and readings of ours, and warnings of what was expanded or is left out."""
    names = _names_of_backend(site, farms)
    problems: list[Problem] = []

    def warn(id: ProblemId, message: str, rule: str = "") -> None:
        problems.append(Problem(site.source, message, id, one_line(rule), Severity.WARNING))

    _tell_what_is_elsewhere(site, warn)
    if not site.readings.outbound_track_all_captures:
        site = replace(site, outbound_rules=_not_tracking(site.outbound_rules))
        site = replace(
            site,
            locations=tuple(
                replace(item, outbound_rules=_not_tracking(item.outbound_rules)) for item in site.locations
            ),
        )
    links, backend = site.links, site.backend
    if backend and has_captures(backend):
        site, backend = (
            with_host_variable(site, _free_name("name of the backend", _names(site))),
            host_variable(backend),
        )
        if links is not LinkMode.OFF:
            message = f"links: {links} is left out: the name of the backend depends on the one that is asked for"
            warn(ProblemId.NOT_IN_IIS, message)
        links = LinkMode.OFF
    if backend:
        site = _with_backend(site, f"{backend}{site.backend_path}", warn)
    if links is not LinkMode.OFF:
        site = _with_links(site, names, links, warn)
    site = replace(
        site,
        backend=None,
        links=LinkMode.OFF,
        links_also=frozenset(),
        map_return_addresses=True,
        backend_names=(),
        forward_prefix=True,
        root_paths=(),
        readings=Readings(),
    )
    return in_location(site), problems


type _Warn = Callable[..., None]


def stops_before_backend(rules: Iterable[InboundRule]) -> list[str]:
    """Return the names of rules of the server that keep requests from a site's last rule, where its backend stands."""
    return [
        rule.name
        for rule in rules
        if rule.stop_processing
        and rule.action.type in (ActionType.NONE, ActionType.REWRITE)
        and not _ABSOLUTE.match(rule.action.url)
    ]


def _tell_what_is_elsewhere(site: Site, warn: _Warn) -> None:
    elsewhere = {
        "certificate": (site.certificate, "IIS has it in the https binding of the site"),
        "connect": (
            site.connect,
            f"IIS looks up the name of the backend: give {site.connect[0] if site.connect else ''} in its hosts file",
        ),
        "trustedProxies": (site.trusted_proxies, "ARR continues every X-Forwarded-For that it gets"),
        "preserveHostHeader": (
            site.preserve_host_header,
            "IIS has it for the whole server: preserveHostHeader of system.webServer/proxy in applicationHost.config",
        ),
        ", ".join(write_settings(site.proxy_settings)): (
            site.proxy_settings != NO_PROXY_SETTINGS,
            "IIS has it for the whole server: system.webServer/proxy in applicationHost.config",
        ),
        "timeouts": (site.timeouts, "IIS has one for the whole server: timeout of system.webServer/proxy"),
        "tls": (site.tls != DEFAULT_TLS, "IIS verifies backends by the certificate store of Windows"),
        "errorPages": (site.error_pages, "IIS has them in <httpErrors> of system.webServer, which is not written"),
        "connections": (site.connections, "IIS decides itself how long connections to backends are kept"),
        "backendNames": (site.backend_names, "its rules for links know the backend by one name"),
        "linksAlso": (site.links_also, "there are no rules of IIS for these places"),
        "tagReplacement: match": (
            site.readings.tag_replacement is TagReplacement.MATCH,
            "IIS replaces the whole value of an attribute",
        ),
    }
    for key, (value, where) in elsewhere.items():
        if value:
            warn(ProblemId.NOT_IN_IIS, f"{key} is left out: {where}")


def _not_tracking(rules: Iterable[OutboundRule]) -> tuple[OutboundRule, ...]:
    """Return rules that say what the site says for those that do not."""
    return tuple(
        replace(rule, conditions=replace(rule.conditions, track_all_captures=False))
        if rule.conditions.items and rule.conditions.track_all_captures is None
        else rule
        for rule in rules
    )


def _with_backend(site: Site, backend: str, warn: _Warn) -> Site:
    """Return the site with a last rule on each level that sends to the backend what no rule did.

    `backend` is its address with the path below which it stands for the site.
    """
    if site.path:
        message = f"the path {site.path} is written as a location: IIS needs an application or a directory there"
        warn(ProblemId.EXPANDED, message)
    own = [item.path for item in site.locations if _has_rules(item)]
    warn(
        ProblemId.EXPANDED,
        f"backend is written as a rule that rewrites to {backend}; "
        "IIS needs Application Request Routing with its proxy enabled for it",
    )
    last = [_last_rule(site, backend, "", own)]
    if site.path:
        last.insert(0, slash_rule(site, _free_name(f"slash behind {site.path}", _names(site))))
    first = []
    if site.path and site.forward_prefix:
        first.append(prefix_rule(site, _free_name("X-Forwarded-Prefix", _names(site))))
        allowed = site.allowed_server_variables
        if allowed is not None and PREFIX_VARIABLE not in allowed:
            site = replace(site, allowed_server_variables=(*allowed, PREFIX_VARIABLE))
    rules = (*first, *(_sent_on(rule, site, backend, "", warn) for rule in site.rules), *last)
    locations = []
    for item in site.locations:
        if item.path in own:
            changed = tuple(_sent_on(rule, site, backend, item.path, warn) for rule in item.rules)
            below = [path for path in own if path.lower().startswith(f"{item.path.lower()}/")]
            item = replace(item, rules=(*changed, _last_rule(site, backend, item.path, below)))
        locations.append(item)
    return replace(site, rules=rules, locations=tuple(locations))


def _has_rules(location: Location) -> bool:
    return bool(location.rules) or any(item.collection is Collection.RULES for item in location.removals)


def _last_rule(site: Site, backend: str, path: str, but: list[str]) -> InboundRule:
    conditions = Conditions()
    if but:
        # A directory's rules judge what was asked for there, as long as no rule of the site took it elsewhere.
        paths = "|".join(dict.fromkeys(escaped(form) for item in but for form in (item, quote(item))))
        mount = escaped(site.path)
        outside = (
            Condition(name, f"^{mount}/(?:{paths})(?:[/?]|$)", negate=True) for name in ("{UNENCODED_URL}", "{URL}")
        )
        conditions = Conditions(tuple(outside), LogicalGrouping.MATCH_ANY)
    return InboundRule(
        _free_name(f"reverse proxy to {backend}" + (f" from {path}" if path else ""), _names(site)),
        Match("(.*)"),
        conditions,
        action=Action(ActionType.REWRITE, _sent_whole(site, backend, path)),
        stop_processing=True,
        comment="The backend: every request that no rule before this one has sent somewhere.",
    )


def _sent_whole(site: Site, backend: str, path: str) -> str:
    """Return the URL at the backend for `(.*)` of a directory; {URL} has the mount in it, unknown to the backend.

    A directory that is asked for without the slash at its end gets one then.
    """
    if not path:
        return f"{backend}/{{R:1}}"
    return f"{backend}/{quote(path)}/{{R:1}}" if site.path else f"{backend}{{URL}}"


def _names(site: Site) -> set[str]:
    """Return the names of all rules of a site, without case."""
    sections = (site, *site.locations)
    inbound = [rule.name for item in sections for rule in item.rules]
    return {name.casefold() for name in (*inbound, *(rule.name for item in sections for rule in item.outbound_rules))}


def _free_name(name: str, taken: set[str]) -> str:
    number = 1
    found = name
    while found.casefold() in taken:
        number += 1
        found = f"{name} ({number})"
    return found


def _sent_on(rule: InboundRule, site: Site, backend: str, path: str, warn: _Warn) -> InboundRule:
    """Return a rule that does not keep from the backend what the last rule would have sent there."""
    action, url = rule.action, rule.action.url
    if action.type is ActionType.NONE and rule.stop_processing and site.path:
        message = (
            f"got stopProcessing below {site.path}: no variable of IIS has the path without it, so it serves a file"
        )
        warn(ProblemId.NOT_IN_IIS, message, rule.name)
        return rule
    if action.type is ActionType.NONE and rule.stop_processing:
        return replace(rule, action=Action(ActionType.REWRITE, f"{backend}{{URL}}"))
    if action.type is not ActionType.REWRITE:
        return rule
    if _ABSOLUTE.match(url):
        if not rule.stop_processing:
            message = f"got the URL {shown(url)} without stopProcessing, and the rule for the backend would take over"
            warn(ProblemId.EXPANDED, f"{message}: stopProcessing is added", rule.name)
        return replace(rule, stop_processing=True)
    if site.path and url.startswith("/"):
        # The root of the public name is another site's; what is below the mount is the backend's.
        if not url.lower().startswith(f"{site.path}/".lower()):
            return rule
        return replace(rule, action=replace(action, url=backend + url[len(site.path) :]), stop_processing=True)
    # What a rule takes out of its directory, no rule after it there can see.
    leaves = bool(path) and url.startswith("/") and not url.lower().startswith(f"/{quote(path)}/".lower())
    if url.startswith("{") and (rule.stop_processing or path):
        message = (
            f"got the URL {shown(url)}, of which only the request shows where it leads: IIS goes on with the rule for "
            "the backend, which takes it for a path of this site or directory"
        )
        warn(ProblemId.EXPANDED, message, rule.name)
        return replace(rule, stop_processing=False)
    if not rule.stop_processing and not leaves:
        return rule
    base = f"{backend}/{quote(path)}/" if path else f"{backend}/"
    url = f"{backend}{url}" if url.startswith("/") else f"{base}{url}"
    return replace(rule, action=replace(action, url=url), stop_processing=True)


def _names_of_backend(site: Site, farms: Iterable[Farm]) -> tuple[Origin, ...]:
    """Return the origin of the backend, or those of all servers if it is a farm; a public name is none of them."""
    if site.backend is None:
        return ()
    farm = next((farm for farm in farms if farm.name.lower() == site.backend.host), None)
    servers = tuple(origin for origin in farm.origins if origin not in site.public) if farm else ()
    return servers or (site.backend,)


def _with_links(site: Site, backends: tuple[Origin, ...], links: LinkMode, warn: _Warn) -> Site:
    if not backends or not site.public:
        missing = "public address" if backends else "backend"
        warn(
            ProblemId.NOT_IN_IIS,
            f"links: {links} is left out: got no {missing}, so there is nothing to write rules for",
        )
        return site
    warn(
        ProblemId.EXPANDED,
        f"links: {links} is written as rules, which cover less of it; the comment of each says what it covers",
    )
    if len(site.public) > 1:
        warn(ProblemId.EXPANDED, f"links lead to {site.public[0]}, whichever of the public addresses was used")
    mounted = site.path != site.backend_path
    found = link_rules(backends, site.public[0], links, *((site.backend_path, site.path) if mounted else ()))
    of_paths = path_rules(site) if mounted else []
    if mounted:
        message = (
            "links without a host get their path from rules for attributes, styles and fields; not covered: links that "
            "climb out of the site, pages with a <base> elsewhere, data attributes, import maps, manifests"
        )
        warn(ProblemId.EXPANDED, message)
    needed = pre_conditions_of([*found.rules, *of_paths])
    allowed = site.allowed_server_variables
    if allowed is not None:
        allowed = (*allowed, *(name for name in VARIABLES if name not in allowed))
    taken = _names(site)
    first = request_rule()
    return replace(
        site,
        rules=(replace(first, name=_free_name(first.name, taken)), *site.rules),
        allowed_server_variables=allowed,
        outbound_rules=(
            *site.outbound_rules,
            *(replace(rule, name=_free_name(rule.name, taken)) for rule in (*found.rules, *of_paths)),
        ),
        pre_conditions={**site.pre_conditions, **{item.name: item for item in needed}},
        custom_tags={**site.custom_tags, **{item.name: item for item in found.custom_tags}},
    )
