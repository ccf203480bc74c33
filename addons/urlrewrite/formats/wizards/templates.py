"""`run.sh init`: the rule templates of IIS Manager, as YAML with tests or as a web.config.

The rules have the names that IIS Manager gives them. Where its own template is known to go wrong, it is done right,
and a comment says so.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace

from urlrewrite.formats.wizards.blocking import request_blocking
from urlrewrite.formats.wizards.commented_proxy import reverse_proxy
from urlrewrite.formats.wizards.maps import rewrite_map, user_friendly_url
from urlrewrite.formats.wizards.parts import WORDS, Draft, MissingError, Parameters
from urlrewrite.formats.wizards.proxy import reverse_proxy_rules
from urlrewrite.formats.wizards.redirects import canonical_host, lowercase, trailing_slash
from urlrewrite.formats.wording import listed, suggestion
from urlrewrite.formats.xml.export import to_web_config
from urlrewrite.formats.yaml.export import to_yaml
from urlrewrite.model import LinkMode, RuleSet

FORMATS = ("yaml", "xml", "tests")

_STAND_IN = Parameters(public=("https://www.example.com",), backend="http://privateserver:8080")


@dataclass(frozen=True, slots=True)
class Template:
    """A template: what IIS Manager calls it, and the fields of `Parameters` that it needs and may have besides.

    `names` tells whether the public name and the backend stand in its rules, so that a web.config needs them as well.
    """

    title: str
    build: Callable[[Parameters], Draft]
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


TEMPLATES: Mapping[str, Template] = {
    "reverse-proxy": Template(
        "Reverse Proxy", reverse_proxy_rules, takes=("ssl_offload", "links"), names=("public", "backend")
    ),
    "rewrite-map": Template("Rule with rewrite map", rewrite_map, ("entries",), ("action", "map_name")),
    "request-blocking": Template(
        "Request blocking", request_blocking, ("pattern",), ("action", "block_by", "using", "negate", "sample")
    ),
    "user-friendly-url": Template("User friendly URL", user_friendly_url, ("example",)),
    "lowercase": Template("Enforce lowercase URLs", lowercase),
    "canonical-host": Template("Canonical domain name", canonical_host, names=("public",)),
    "trailing-slash": Template("Append or remove the trailing slash symbol", trailing_slash, ("action",)),
}


def write_template(name: str, given: Parameters, form: str = "yaml") -> str:
    """Write a rule file; return its text.

    Args:
        name: one of `TEMPLATES`.
        given: its parameters.
        form: "yaml", "xml" (a web.config), or "tests" (a YAML file with tests of the web.config beside it).

    Raises:
        MissingError: parameters that the template needs are not given.
        ValueError: a parameter is invalid, with "parameter: got X, expected Y", or the template has no such one.
    """
    if name not in TEMPLATES:
        raise ValueError(f'template: got "{name}", expected {listed(TEMPLATES)}{suggestion(name, TEMPLATES)}')
    template = TEMPLATES[name]
    needed = (*(template.names if form == "xml" else ("public", "backend")), *template.needs)
    if missing := [field for field in needed if not getattr(given, field)]:
        raise MissingError(missing)
    allowed = {"public", "backend", *template.needs, *template.takes}
    for field in fields(Parameters):
        if field.name not in allowed and getattr(given, field.name) != field.default:
            raise ValueError(f"{WORDS.get(field.name, field.name)}: the template {name} has no such parameter")
    if template.build is reverse_proxy_rules and len(given.public) > 1:
        raise ValueError(f"public: got {len(given.public)} names, expected one")
    if form == "yaml" and template.build is reverse_proxy_rules:
        return reverse_proxy(given.public[0], given.backend, ssl_offload=given.ssl_offload, links=given.links)
    draft = template.build(
        replace(given, public=given.public or _STAND_IN.public, backend=given.backend or _STAND_IN.backend)
    )
    return {"yaml": _yaml, "xml": _web_config, "tests": _tests}[form](template, draft)


def _yaml(template: Template, draft: Draft) -> str:
    head = [draft.about, f'The template "{template.title}" of IIS Manager. `./run.sh check FILE` runs the tests below.']
    site = replace(draft.site, name=draft.site.public[0].host)
    return _comment(head) + to_yaml(RuleSet(sites=(site,), tests=draft.tests))


def _web_config(template: Template, draft: Draft) -> str:
    """Write the web.config; it does not say the names of the site, as in IIS the bindings do."""
    site = replace(draft.site, public=(), backend=None, links=LinkMode.OFF)
    text, problems = to_web_config(RuleSet(sites=(site,)))
    assert not problems
    declaration, end, rest = text.partition("?>\n")
    head = (
        f'<!-- {draft.about.replace("--", "- -")} The template "{template.title}" of IIS Manager.\n'
        '     The same command with the format "tests" prints a rule file with tests, which names this one. -->\n'
    )
    return declaration + end + head + rest


def _tests(template: Template, draft: Draft) -> str:
    site = draft.site
    tests = to_yaml(RuleSet(sites=(site,), tests=draft.tests)).rpartition("\ntests:")[2]
    head = [f'Tests of the template "{template.title}" in the web.config beside this file: ./run.sh check THIS-FILE']
    names = "".join(f"  - {origin}\n" for origin in site.public)
    return (
        f"{_comment(head)}public:\n{names}backend: {site.backend}\nlinks: off\nwebConfig: web.config\n\ntests:{tests}"
    )


def _comment(lines: list[str]) -> str:
    return "".join(f"# {part}\n" for line in lines for part in textwrap.wrap(line, 118, break_on_hyphens=False))
