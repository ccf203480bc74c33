"""The `webConfig` of a site: its rules out of a file of IIS, or of Apache."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

from urlrewrite.formats.file_kinds import FileKind, kind_of, read_apache
from urlrewrite.formats.files_read import FilesRead, reason
from urlrewrite.formats.reports import ProblemId
from urlrewrite.formats.wording import shown
from urlrewrite.formats.xml import rules as xml_rules
from urlrewrite.formats.yaml.fields import Table
from urlrewrite.formats.yaml.sections import SECTION_KEYS
from urlrewrite.model import RuleSet, Section, Site

KEY = "webConfig"


def with_web_config(site: Site, table: Table, files: FilesRead) -> tuple[Site, RuleSet]:
    """Give the site the section and the locations of the file that its mapping names, if it names one.

    The second value is what the file says of the server: global rules, web farms and proxy, which IIS looks for in
    applicationHost.config only.
    """
    nothing = RuleSet()
    name = table.text(KEY)
    if not name:
        return site, nothing
    shared = {"rewriteMaps": site.rewrite_maps, "providers": site.providers}
    for key in (*SECTION_KEYS, "locations"):
        # In a file without `sites`, maps and providers are not the site's.
        if key in table and key != "silence" and shared.get(key, True):
            table.error(key, ProblemId.NOT_POSSIBLE, f"got {key} beside {KEY}, expected it in {shown(name)}")
    path = Path(table.report.file).parent / name
    try:
        content = files.read(path, plain=True)
    except (OSError, ValueError) as error:
        message = f"got {shown(name)} ({reason(error)}), expected a web.config that can be read"
        table.error(KEY, ProblemId.UNREADABLE, message)
        return site, nothing
    problems = table.report.problems
    if kind_of(content, path.name) is FileKind.MOD_REWRITE:
        found = read_apache(content, str(path), problems, files) or RuleSet()
    else:
        found = xml_rules.read(content, str(path), problems, files)
    if len(found.sites) != 1:
        if found.sites:
            message = f"got {shown(name)} with {len(found.sites)} sites, expected a web.config; name it as a rule file"
            table.error(KEY, ProblemId.NOT_POSSIBLE, message)
        return site, nothing
    own = found.sites[0]
    section = {item.name: getattr(own, item.name) for item in fields(Section)}
    section["silenced"] = tuple(dict.fromkeys((*site.silenced, *section["silenced"])))
    root = site.document_root or own.document_root
    site = replace(site, **section, locations=own.locations, document_root=root, invented_root=own.invented_root)
    return site, replace(found, sites=())
