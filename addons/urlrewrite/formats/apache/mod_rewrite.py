"""Apache's mod_rewrite, imported: `.htaccess` files and server configurations become sites with inbound rules.

Rules are named and written as IIS Manager's importer does it ("Importing Apache mod_rewrite Rules"): `Imported Rule 1`,
case counts unless the flag NC says otherwise, `$1` is `{R:1}` and `%1` is `{C:1}`. Beyond that the meaning is Apache's
(Apache HTTP Server 2.4 documentation, "mod_rewrite", and where that is silent its source): a RewriteRule becomes one
rule of IIS or, if need be, several; one that no rules of IIS can express is a problem with its line.

A file is that of a directory, where URLs have no leading slash, or of the server, where they have one. `<VirtualHost>`
sections become sites of their own, `<Directory>` sections below the DocumentRoot and a RewriteBase become locations.
What stands beside the rules, `beside.py` reads.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import PurePath

from urlrewrite.formats.apache.alias import convert_redirect
from urlrewrite.formats.apache.balancers import balancers_of
from urlrewrite.formats.apache.beside import Beside, below_server
from urlrewrite.formats.apache.file import read_configuration
from urlrewrite.formats.apache.host_sites import HostSites, origins_of, says_anything, share_passes
from urlrewrite.formats.apache.maps import Maps
from urlrewrite.formats.apache.matched_passes import add_matched_passes
from urlrewrite.formats.apache.parts import Configuration, Context, Host, RewriteRule
from urlrewrite.formats.apache.rerun import warn_of_second_runs
from urlrewrite.formats.apache.rules import Numbering, RuleConverter
from urlrewrite.formats.apache.syntax import Flag
from urlrewrite.formats.apache.templates import Templates
from urlrewrite.formats.files_read import FilesRead
from urlrewrite.formats.reports import ProblemId, Report
from urlrewrite.formats.wording import shown
from urlrewrite.model import ActionType, Collection, InboundRule, LinkMode, Location, Removal, RuleSet, Site
from urlrewrite.model.problems import Problem, RuleFileError, Severity

_OF_SERVER = re.compile(
    r"^[ \t]*(?:<(?:VirtualHost|Directory)\b|(?:DocumentRoot|Listen|ServerRoot|LoadModule)[ \t]"
    r"|RewriteRule[ \t]+[\"']?!?\^?/(?!\?)|RewriteRule[ \t]+\S+[ \t]+https?://[^\s/$%]+\$[0-9])",
    re.IGNORECASE | re.MULTILINE,
)
_INHERITS_LAST = frozenset(("Inherit", "InheritDown"))
_INHERITS_FIRST = frozenset(("InheritBefore", "InheritDownBefore"))


def parse(text: str, file: str, *, server_level: bool | None = None) -> tuple[RuleSet, tuple[Problem, ...]]:
    """Convert a configuration; return its rules and the warnings. Only files of RewriteMaps are read from disk.

    Args:
        text: the configuration.
        file: its name for messages; maps are looked for beside it.
        server_level: whether rules outside of every section are the server's, which see URLs with a leading slash;
            None decides by the file's name and content (`is_of_directory`).

    Raises:
        RuleFileError: something cannot be converted, and the rules would mean something else without it.
    """
    problems: list[Problem] = []
    rule_set = read(text, file, problems, FilesRead(), server_level=server_level)
    ordered = tuple(sorted(dict.fromkeys(problems), key=lambda problem: problem.source.line))
    if any(problem.severity is Severity.ERROR for problem in ordered):
        raise RuleFileError(ordered)
    return rule_set, ordered


def read(
    text: str, file: str, problems: list[Problem], files: FilesRead | None = None, *, server_level: bool | None = None
) -> RuleSet:
    """Convert a configuration as `parse` does, but add all problems, errors too, to `problems`."""
    report = Report(file, problems)
    if server_level is None:
        server_level = not is_of_directory(text, file)
    configuration = read_configuration(text, report, of_directory=not server_level)
    hosts = [configuration.main, *configuration.hosts]
    maps = Maps(configuration.maps, report, files or FilesRead())
    environment = frozenset(
        value.partition(":")[0].removeprefix("!").lower()
        for rule in _all_rules(hosts)
        for flag, value in rule.flags
        if flag is Flag.ENV
    )
    balancers = balancers_of((item for host in hosts for item in host.beside), report)
    share_passes(configuration)
    for host in hosts:
        add_matched_passes(host, report)
    importer = _Importer(configuration, report, maps, environment)
    wanted = [host for host in hosts if host.contexts or (says_anything(host) and host is not configuration.main)]
    if not configuration.hosts and not wanted and says_anything(configuration.main):
        wanted = [configuration.main]
    sites = [importer.site(host) for host in wanted]
    maps.tell_of_unused()
    if not sites and not any(problem.severity is Severity.ERROR for problem in problems):
        message = "got no RewriteRule, no Redirect and no ProxyPass, expected some to import"
        report.warning(1, ProblemId.APACHE_NO_EFFECT, message)
        wanted, sites = [configuration.main], [importer.site(configuration.main)]
    if len(sites) > 1:
        importer.tell_apart(sites, wanted)
    host_sites = HostSites(configuration, balancers, report)
    found = [host_sites.of(site, host) for site, host in zip(sites, wanted, strict=True)]
    server = Beside()
    if configuration.hosts:
        server = host_sites.beside(configuration.main, ())
    return RuleSet(
        sites=tuple(
            below_server(replace(site, rewrite_maps=maps.made), server) for sites, _ in found for site in sites
        ),
        rules=(*server.inbound, *(rule for _, rules in found for rule in rules)),
        outbound_rules=tuple(server.outbound),
        pre_conditions=server.pre_conditions,
        web_server=server.level_of(""),
        silenced=server.silenced,
        farms=balancers.farms,
    )


def is_of_directory(text: str, file: str) -> bool:
    """Tell whether a file is a `.htaccess`, by its name, else by its content."""
    name = PurePath(file).name.lower()
    if "htaccess" in name:
        return True
    return not name.endswith(".conf") and not _OF_SERVER.search(text)


def _all_rules(hosts: Iterable[Host]) -> Iterable[RewriteRule]:
    return (rule for host in hosts for context in host.contexts for rule in context.rules)


_INVENTED_ROOT = "/var/www/html"


class _Importer:
    def __init__(self, configuration: Configuration, report: Report, maps: Maps, environment: frozenset[str]) -> None:
        self.configuration = configuration
        self.report = report
        self.maps = maps
        self.environment = environment
        self.numbering = Numbering()

    def site(self, host: Host) -> Site:
        own = host.own
        locations = []
        rules: tuple[InboundRule, ...] = ()
        if own.directory is None:
            self._inherit(host)
            rules = self._rules(host, own)
        elif directory := own.base.strip("/"):
            message = f"RewriteBase says {own.base}; the file is taken for that of this directory of the site"
            self.report.warning(own.line, ProblemId.APACHE_ASSUMED, message)
            locations.append(self._location(host, own, directory))
        else:
            rules = self._rules(host, own)
        for context in host.directories:
            if context.says_anything:
                path = self._path_of(host, context)
                base = "" if context.base.strip("/") in ("", path) else f"{context.base.rstrip('/')}/"
                if path:
                    locations.append(self._location(host, context, path, base))
                elif path is not None:
                    rules += self._rules(host, context, base)
        return Site(
            name=host.names[0] if host.names else self._file_name(),
            links=LinkMode.OFF,
            rules=rules,
            locations=tuple(locations),
            document_root=host.document_root,
            invented_root=_INVENTED_ROOT,
            source=self.report.source(host.line),
        )

    def tell_apart(self, sites: list[Site], hosts: list[Host]) -> None:
        """Give each of several sites a name of its own, and the origins of its virtual host."""
        names: set[str] = set()
        for index, (site, host) in enumerate(zip(sites, hosts, strict=True)):
            scheme = "https" if host.secure else "http"
            public = tuple(dict.fromkeys(origin for name in host.names for origin in origins_of(scheme, name, host)))
            name = site.name if site.name.lower() not in names else f"{site.name} ({scheme}, line {host.line})"
            names.add(name.lower())
            sites[index] = replace(site, name=name, public=public)

    def _file_name(self) -> str:
        path = PurePath(self.report.file)
        return (path.parent.name if path.name.startswith(".") else path.stem) or path.name.lstrip(".")

    def _inherit(self, host: Host) -> None:
        """Put the main server's rules before or after those of a virtual host that inherits them."""
        main = self.configuration.main
        if host is main:
            return
        options = host.own.options | (main.own.options & {"InheritDown", "InheritDownBefore"})
        if "IgnoreInherit" in host.own.options:
            options -= {"InheritDown", "InheritDownBefore"}
        if options & _INHERITS_FIRST:
            host.own.rules[:0] = main.own.rules
        elif options & _INHERITS_LAST:
            host.own.rules += main.own.rules

    def _path_of(self, host: Host, context: Context) -> str | None:
        """Return the path of a <Directory> below the site's root; None where it is not known, which is reported."""
        directory, root = (context.directory or "").rstrip("/"), host.document_root
        root = root or self.configuration.main.document_root
        if root and (directory == root or directory.startswith(f"{root}/")):
            return directory[len(root) :].strip("/")
        others = [other for other in host.directories if other.says_anything]
        if not root and len(others) == 1:
            message = f"<Directory {directory}> is read as the root of the site, since there is no DocumentRoot"
            self.report.warning(context.line, ProblemId.APACHE_ASSUMED, message)
            return ""
        message = f"<Directory {directory}> is not below the DocumentRoot, so its path in URLs is not known"
        self.report.error(context.line, ProblemId.APACHE_NOT_CONVERTED, message)
        return None

    def _location(self, host: Host, context: Context, path: str, base: str = "") -> Location:
        source = self.report.source(context.line)
        removals = (
            () if context.options & (_INHERITS_FIRST | _INHERITS_LAST) else (Removal(Collection.RULES, source=source),)
        )
        return Location(path=path, rules=self._rules(host, context, base), removals=removals, source=source)

    def _rules(self, host: Host, context: Context, base: str = "") -> tuple[InboundRule, ...]:
        self._tell_of_engine(context)
        of_server = context.directory is None
        templates = Templates(self.report, self.maps, of_server, self.environment)
        converter = RuleConverter(context, templates, self.numbering, document_root=host.document_root, base=base)
        converted = converter.convert()
        if not of_server and not any(problem.severity is Severity.ERROR for problem in self.report.problems):
            warn_of_second_runs(context, self.report)
        redirects = [convert_redirect(redirect, self.numbering, self.report) for redirect in context.redirects]
        aliases = [redirect for redirect in redirects if redirect]
        rules = [rule for _, rules in converted for rule in rules]
        if of_server:
            return (*rules, *aliases)
        # In a directory mod_alias redirects what mod_rewrite has only rewritten.
        first = next((at for at, rule in enumerate(rules) if _keeps_going(rule)), len(rules))
        if aliases and any(rule.action.type is ActionType.REDIRECT for rule in rules[first:]):
            message = (
                "the redirects of mod_alias come before the rewriting rules here; in Apache a redirect of those wins"
            )
            self.report.warning(context.redirects[0].line, ProblemId.APACHE_NEAREST, message)
        return (*rules[:first], *aliases, *rules[first:])

    def _tell_of_engine(self, context: Context) -> None:
        if not context.rules:
            return
        line = context.rules[0].line
        if context.engine is None:
            message = "got RewriteRule without RewriteEngine On; the rules are read as if it were on"
            self.report.warning(line, ProblemId.APACHE_ASSUMED, message)
        elif not context.engine:
            message = "RewriteEngine is off: the rules are imported but not enabled"
            self.report.warning(line, ProblemId.APACHE_NO_EFFECT, message)
        if context.directory is not None and context.options & (_INHERITS_FIRST | _INHERITS_LAST):
            options = shown(" ".join(sorted(context.options)))
            message = f"RewriteOptions {options}: the rules of the directories above are not in this file"
            self.report.warning(line, ProblemId.APACHE_ASSUMED, message)


def _keeps_going(rule: InboundRule) -> bool:
    return rule.action.type in (ActionType.NONE, ActionType.REWRITE)
