"""A rule set as an `applicationHost.config`: all sites, and what belongs to the server."""

from __future__ import annotations

import ipaddress

from urlrewrite.formats.downlevel.levels import one_section_a_path
from urlrewrite.formats.downlevel.mount import cut_off, one_site_a_name
from urlrewrite.formats.downlevel.site import site_for_iis, stops_before_backend
from urlrewrite.formats.wording import shown
from urlrewrite.formats.xml.export import finished, left_out, location_tag, not_allowed, without_tests
from urlrewrite.formats.xml.export_farms import element_tag, web_farms
from urlrewrite.formats.xml.export_rules import SectionWriter
from urlrewrite.formats.xml.export_text import Tag
from urlrewrite.formats.xml.export_web_server import add_web_server
from urlrewrite.model import Location, Origin, RuleSet, Site
from urlrewrite.model.problems import Problem


def to_application_host(rule_set: RuleSet) -> tuple[str, tuple[Problem, ...]]:
    """Write the parts of an `applicationHost.config` that a rule set has; return them with warnings.

    They are the sites with their bindings, the server's section with the global rules, web farms and proxy, and the
    section of each site and directory as a `<location>`.

    Raises:
        ValueError: a site has a name that IIS cannot have.
        RuleFileError: a text has a character that XML cannot hold.
    """
    problems: list[Problem] = []
    writer = SectionWriter(problems)
    root = Tag("configuration")
    sites = root.add("system.applicationHost").add("sites")
    if rule_set.farms or rule_set.web_farms:
        farms, found = web_farms(rule_set.farms, rule_set.web_farms)
        root.children.append(farms)
        problems += found
    server = root.add("system.webServer")
    if rule_set.proxy:
        server.children.append(element_tag(rule_set.proxy))
    add_web_server(root, server, rule_set)
    rewrite = server.add("rewrite")
    writer.global_rules(
        rewrite,
        rule_set.global_rules,
        rule_set.global_use_original_url_encoding,
        rule_set.comments.get("globalRules", ""),
    )
    writer.section(rewrite, rule_set)
    for_iis = []
    for named in rule_set.sites:
        site, found = site_for_iis(one_section_a_path(cut_off(rule_set, named)), rule_set.farms.values())
        for_iis.append(site)
        problems += found
        problems += not_allowed(rule_set, site)
        if named.backend and (stopping := stops_before_backend(rule_set.rules)):
            message = f"the server's rules {', '.join(stopping)} end before the rule for the backend: IIS serves a file"
            problems.append(left_out(message, site))
        elsewhere = dict.fromkeys(item.source.file for item in named.locations if item.source.file != named.source.file)
        for file in elsewhere:
            message = f"what {file} says is written here as well: IIS answers 500.19 if it finds a rule in both"
            problems.append(left_out(message, site))
    bound: set[Origin] = set()
    for number, site in enumerate(one_site_a_name(for_iis), 1):
        sites.children.append(_site(site, number, problems, bound))
        for path, section in (("", site), *((item.path, item) for item in site.locations)):
            where = f"{site.name}/{path}" if path else site.name
            tag = (
                location_tag(where, section, problems)
                if isinstance(section, Location)
                else Tag("location", {"path": where})
            )
            web_server = tag.add("system.webServer")
            add_web_server(tag, web_server, section)
            writer.section(web_server.add("rewrite"), section)
            root.children.append(tag)
    problems += without_tests(rule_set)
    return finished(root, problems)


def _site(site: Site, number: int, problems: list[Problem], bound_already: set[Origin]) -> Tag:
    if set(site.name) & set("/\\") or not site.name:
        raise ValueError(f"got the site {shown(site.name)}, expected a name without slashes")
    tag = Tag("site", {"name": site.name, "id": str(number)})
    directory = Tag("virtualDirectory", {"path": "/", "physicalPath": site.document_root})
    tag.children.append(Tag("application", {"path": "/"}, [directory]))
    if not site.document_root:
        problems.append(left_out(f"physicalPath of {shown(site.name)} is empty: IIS expects a directory there", site))
    bindings = tag.add("bindings")
    for origin in site.public:
        if origin in bound_already:
            message = f"{origin} is bound twice: IIS starts one of its sites only"
            problems.append(left_out(message, site))
        bound_already.add(origin)
        # A Host field that is an address belongs to the binding of that address.
        has_address = _is_address(origin.host)
        information = f"{origin.host_text}:{origin.port}:" if has_address else f"*:{origin.port}:{origin.host}"
        bindings.add("binding", protocol=origin.scheme, bindingInformation=information)
    bound = (("http", 80),) if site.bound is None and not site.public else site.bound or ()
    for scheme, port in bound:
        bindings.add("binding", protocol=scheme, bindingInformation=f"*:{port}:")
    return tag


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
