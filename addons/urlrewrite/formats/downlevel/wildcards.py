"""A backend whose name depends on what a wildcard of the public names stands for, said in rules of IIS.

A first rule takes the name apart and keeps that of the backend in a server variable, which all other rules then name.
"""

from __future__ import annotations

from dataclasses import replace

from urlrewrite.formats.downlevel.links_as_rules import escaped
from urlrewrite.model import Condition, Conditions, InboundRule, Match, Origin, SetServerVariable, Site

VARIABLE = "BACKEND_HOST"


def has_captures(backend: Origin) -> bool:
    """Say whether a backend has a part of the name that is asked for."""
    return "{" in backend.host


def host_variable(backend: Origin) -> Origin:
    """Return the backend with the variable in the place of its host."""
    return replace(backend, host=f"{{{VARIABLE}}}")


def with_host_variable(site: Site, name: str) -> Site:
    """Return the site with a first rule, called `name`, that sets the variable."""
    assert site.backend is not None
    domains = "|".join(dict.fromkeys(escaped(origin.host[2:]) for origin in site.public))
    host = site.backend.host.replace("{C:1}", "{C:2}").replace("{C:0}", "{C:1}")
    first = InboundRule(
        name,
        Match(".*"),
        Conditions((Condition("{HTTP_HOST}", rf"^((.+)\.(?:{domains}))(?::\d+)?$"),)),
        (SetServerVariable(VARIABLE, host),),
        comment="The name of the backend depends on the one that is asked for.",
    )
    allowed = site.allowed_server_variables
    if allowed is not None and VARIABLE not in allowed:
        allowed = (*allowed, VARIABLE)
    return replace(site, rules=(first, *site.rules), allowed_server_variables=allowed)
