"""One site of a rule set as a `web.config` (`xml_export_host` writes an `applicationHost.config` for all).

What IIS has no word for is expanded into rules (`site_for_iis`), carried in comments `urlrewrite: ...` that the
importer reads back, or told to be configured elsewhere.
"""

from __future__ import annotations

from dataclasses import replace

from urlrewrite.formats.downlevel.levels import one_section_a_path, with_server
from urlrewrite.formats.downlevel.site import site_for_iis
from urlrewrite.formats.reports import ProblemId
from urlrewrite.formats.wording import listed, shown, suggestion
from urlrewrite.formats.xml.comments import LOCATION_DIRECTIVE
from urlrewrite.formats.xml.export_rules import SectionWriter
from urlrewrite.formats.xml.export_text import NotXmlError, Tag, document
from urlrewrite.formats.xml.export_web_server import add_web_server
from urlrewrite.model import NOWHERE, Collection, Location, Removal, RuleSet, Section, Site
from urlrewrite.model.problems import Problem, RuleFileError, Severity

SERVER_FILE = "applicationHost.config"


def to_web_config(rule_set: RuleSet, site_name: str | None = None) -> tuple[str, tuple[Problem, ...]]:
    """Write the `web.config` of one site; return its text, and warnings of what was expanded and what was left out.

    What the site inherits from the server is in it; what only `applicationHost.config` may have is named in a comment.

    Args:
        rule_set: what to write.
        site_name: the site; it may be left out where there is only one.

    Raises:
        ValueError: no site of that name, or several and no name.
        RuleFileError: a text has a character that XML cannot hold.
    """
    problems: list[Problem] = []
    named = _chosen(rule_set, site_name)
    site, found = site_for_iis(one_section_a_path(with_server(rule_set, named)), rule_set.farms.values())
    problems += found
    notes = _notes(rule_set, site)
    problems += [left_out(note, site) for note in notes]
    problems += not_allowed(rule_set, site)
    problems += without_tests(rule_set)
    root = Tag("configuration")
    writer = SectionWriter(problems)
    web_server = root.add("system.webServer")
    add_web_server(root, web_server, site)
    rewrite = web_server.add("rewrite")
    rewrite.comments += notes
    writer.section(rewrite, replace(site, allowed_server_variables=None, removals=_removals_here(site)))
    for location in site.locations:
        tag = location_tag(location.path, location, problems)
        inner = tag.add("system.webServer")
        add_web_server(tag, inner, location)
        writer.section(
            inner.add("rewrite"), replace(location, allowed_server_variables=None, removals=_removals_here(location))
        )
        root.children.append(tag)
    return finished(root, problems)


def _notes(rule_set: RuleSet, site: Site) -> list[str]:
    """Write what belongs in the server's file as comments for this one."""
    notes = []
    if rule_set.global_rules:
        names = ", ".join(rule.name for rule in rule_set.global_rules)
        notes.append(f"The global rules belong to <globalRules> of {SERVER_FILE}: {names}")
    if rule_set.farms or rule_set.web_farms or rule_set.proxy:
        notes.append(f"Web farms and proxy belong to {SERVER_FILE}.")
    if allowed := _allowed(rule_set, site):
        notes.append(f"To be in <allowedServerVariables> of {SERVER_FILE}: {', '.join(allowed)}")
    return notes


def _allowed(rule_set: RuleSet, site: Site) -> list[str]:
    lists = (rule_set.allowed_server_variables, *(item.allowed_server_variables for item in (site, *site.locations)))
    return list(dict.fromkeys(name for names in lists for name in names or ()))


def not_allowed(rule_set: RuleSet, site: Site) -> list[Problem]:
    """Warn of variables that rules set and no list allows, which IIS refuses (500.50)."""
    allowed = {name.casefold() for name in _allowed(rule_set, site)}
    rules = [rule for section in (site, *site.locations) for rule in section.rules]
    found = dict.fromkeys(item.name for rule in rules for item in rule.server_variables)
    missing = [name for name in found if name.casefold() not in allowed]
    if not missing:
        return []
    names = ", ".join(missing)
    message = f"got no list that allows {names}, expected them in <allowedServerVariables> of {SERVER_FILE}"
    return [left_out(message, site)]


def location_tag(path: str, location: Location, problems: list[Problem]) -> Tag:
    """Return the `<location>` of a directory, with a directive where its URLs are not relative to the application."""
    tag = Tag("location", {"path": path})
    if location.relative_to is None:
        tag.comments.append(LOCATION_DIRECTIVE)
    if location.relative_to is None and location.rules:
        message = (
            f"IIS has the URLs of rules in <location> relative to the application, and here they are relative to "
            f"{location.path}: put the section into the web.config of that folder"
        )
        problems.append(Problem(location.source, message, ProblemId.NOT_IN_IIS, severity=Severity.WARNING))
    return tag


def _removals_here(section: Section) -> tuple[Removal, ...]:
    return tuple(item for item in section.removals if item.collection is not Collection.ALLOWED_SERVER_VARIABLES)


def finished(root: Tag, problems: list[Problem]) -> tuple[str, tuple[Problem, ...]]:
    """Return the text of a configuration and the warnings. Raises RuleFileError if a text cannot be written."""
    text = ""
    try:
        text = document(root)
    except NotXmlError as error:
        if all(problem.severity is Severity.WARNING for problem in problems):
            problems.append(Problem(NOWHERE, str(error), ProblemId.NO_XML_TEXT))
    if any(problem.severity is Severity.ERROR for problem in problems):
        raise RuleFileError(problems)
    return text, tuple(dict.fromkeys(problems))


def left_out(message: str, site: Site) -> Problem:
    """Warn of what a file does not say."""
    return Problem(site.source, message, ProblemId.NOT_IN_IIS, severity=Severity.WARNING)


def without_tests(rule_set: RuleSet) -> list[Problem]:
    """Warn if there are tests."""
    if not rule_set.tests:
        return []
    message = "tests are left out: IIS has none; keep them in a YAML file"
    return [Problem(rule_set.tests[0].source, message, ProblemId.NOT_IN_IIS, severity=Severity.WARNING)]


def _chosen(rule_set: RuleSet, name: str | None) -> Site:
    names = [site.name for site in rule_set.sites]
    if name is None and len(names) == 1:
        return rule_set.sites[0]
    if name is None:
        raise ValueError(f"got {len(names)} sites, expected the name of one of them: {', '.join(names)}")
    for site in rule_set.sites:
        if site.name.casefold() == name.casefold():
            return site
    raise ValueError(f"got the site {shown(name)}, expected {listed(names)}{suggestion(name, names)}")
