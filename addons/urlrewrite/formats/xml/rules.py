"""IIS's own files: `web.config`, `applicationHost.config`, and pieces of them.

A `web.config`, or a piece such as `<rewrite>`, makes one site that serves every name. `applicationHost.config` makes as
many as it has sites; what it says outside of `<location>` is the server's. Where the directory of a site, or of an
application or virtual directory in it, is on this machine, the `web.config` there is read, too. What becomes of the
sections that are not about URL Rewrite or ARR, `known_sections` says.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields as dataclass_fields
from dataclasses import replace
from pathlib import Path, PurePath

from urlrewrite.formats.assembly import joined, put_together
from urlrewrite.formats.downlevel.levels import moved
from urlrewrite.formats.files_read import FilesRead, reason
from urlrewrite.formats.reports import ProblemId, Report
from urlrewrite.formats.wording import shown, suggestion
from urlrewrite.formats.xml.beside_rewrite import BesideRewrite
from urlrewrite.formats.xml.comments import RELATIVE_TO_LOCATION, silenced_by
from urlrewrite.formats.xml.error_pages import tell_error_pages
from urlrewrite.formats.xml.farms import config_element, web_farms
from urlrewrite.formats.xml.fields import REFUSED, Fields
from urlrewrite.formats.xml.hosts import Host, hosts_of
from urlrewrite.formats.xml.nodes import Element, read_tree
from urlrewrite.formats.xml.section import SECTIONS, Level
from urlrewrite.formats.xml.sources import section_of
from urlrewrite.model import ConfigElement, LinkMode, Location, RuleSet, Section, Site
from urlrewrite.model.problems import Problem

_BY_NAME = {name.casefold(): name for name in (*SECTIONS, "preConditions", "customTags")}
"""The sections of URL Rewrite, and those in `<outboundRules>`, as IIS spells them."""

_SERVER = "system.webserver"


def parse(data: bytes, file: str) -> tuple[RuleSet, tuple[Problem, ...]]:
    """Read one text; return its rules and the warnings. Files that it names are looked for beside `file`.

    Raises RuleFileError.
    """
    problems: list[Problem] = []
    files = FilesRead()
    files.add(file, data)
    return put_together([read(data, file, problems, files)], problems, files, (file,))


def read(data: bytes, file: str, problems: list[Problem], files: FilesRead) -> RuleSet:
    """Read one text. A part that cannot be read is left out: its problems stop the loading in the end."""
    report = Report(file, problems)
    root = read_tree(data, report)
    return _Document(report, files, root).rule_set() if root else RuleSet()


class _Document:
    """Reads one file."""

    def __init__(self, report: Report, files: FilesRead, root: Element, document_root: str = "") -> None:
        self._document_root = document_root
        self._report = report
        self._files = files
        self._root = root
        self._hosts: tuple[Host, ...] = ()
        self._farms: list[RuleSet] = []
        self._proxy: ConfigElement | None = None
        self._is_server = False
        # A piece can be of any file.
        self._may_be_server = root.name.casefold() != "configuration"
        self._levels: dict[tuple[str, str], Level] = {}
        self._paths: dict[tuple[str, str], tuple[str, int]] = {}
        self._own_base: set[tuple[str, str]] = set()
        self._beside = BesideRewrite(root, report, files)

    def rule_set(self) -> RuleSet:
        self._warn_of_transformation()
        name = self._root.name.casefold()
        if name == "configuration":
            self._find_server()
            self._configuration()
        elif name == "location":
            self._location(self._root)
        elif name == _SERVER:
            self._web_server(self._root, self._level("", ""))
        elif name == "rewrite":
            self._level("", "").rewrite(self._root, self._report)
        elif name in _BY_NAME:
            self._level("", "").section(_BY_NAME[name], self._root, self._report)
        else:
            hint = "; put it into <rules> or <outboundRules>" if name == "rule" else ""
            message = f"got <{self._root.name}>, expected <configuration>, <system.webServer> or <rewrite>{hint}"
            self._report.error(self._root.line, ProblemId.WRONG_KIND, message)
        return self._result()

    def _warn_of_transformation(self) -> None:
        """Warn once of a file whose attributes say how another one is to be changed."""
        for element in (self._root, *_all_in(self._root)):
            names = [name.rpartition("}")[2] for name in element.pairs[::2] if name.startswith("{")]
            if names:
                message = f"got the attribute {names[0]} of a transformation, which is not carried out: "
                message += "the rules are read as if they were the whole file"
                self._report.warning(element.line, ProblemId.NO_EFFECT, message)
                return

    def _find_server(self) -> None:
        """Find out whether this is an `applicationHost.config`, and which sites it has."""
        for child in self._root.children:
            name = child.name.casefold()
            if name == "webfarms":
                self._is_server = self._may_be_server = True
                written = section_of(child, self._report, self._files)
                farms, kept = web_farms(written.element, written.report)
                self._farms.append(RuleSet(farms=farms, web_farms=kept))
            elif name == "system.applicationhost":
                self._is_server = self._may_be_server = True
                for sites in (item for item in child.children if item.name.casefold() == "sites"):
                    self._hosts += hosts_of(sites, self._report)

    def _configuration(self) -> None:
        for child in self._root.children:
            if child.name.casefold() == "location":
                self._location(child)
            else:
                self._part(child, self._root, "", "")

    def _part(self, element: Element, parent: Element, site: str, path: str) -> None:
        """Read a part of `<configuration>` or `<location>`, even if it is misplaced there but clear."""
        name = element.name.casefold()
        if name == _SERVER:
            self._web_server(element, self._level(site, path, parent.line))
        elif name == "rewrite" or name in _BY_NAME:
            expected = "<system.webServer>" if name == "rewrite" else "<rewrite> of <system.webServer>"
            self._read_misplaced(element, parent, self._level(site, path, parent.line), expected)
        else:
            self._beside.of_configuration(element, lambda: self._level(site, path, parent.line))
            self._misplaced(element)

    def _read_misplaced(self, element: Element, parent: Element, level: Level, expected: str) -> None:
        message = f"got <{element.name}> in <{parent.name}>, expected it in {expected}; {REFUSED}"
        self._report.warning(element.line, ProblemId.MISPLACED, message, refused=True)
        if element.name.casefold() == "rewrite":
            level.rewrite(element, self._report)
        else:
            level.section(_BY_NAME[element.name.casefold()], element, self._report)

    def _location(self, element: Element) -> None:
        known = ("path", "inheritInChildApplications", "allowOverride", "overrideMode")
        path = Fields(element, self._report, known).text("path").replace("\\", "/").strip("/")
        path = "" if path == "." else path
        site = ""
        if self._is_server and path:
            site, _, path = path.partition("/")
            known_sites = {host.name.casefold(): host.name for host in self._hosts}
            if site.casefold() not in known_sites:
                if any(child.name.casefold() == "rewrite" for child in _all_in(element)):
                    hint = suggestion(site, known_sites.values())
                    message = f"<location> path: got the site {shown(site)}, expected one of <sites>{hint}"
                    self._report.warning(element.line, ProblemId.UNKNOWN_NAME, f"{message}; its rules are left out")
                return
        if any(RELATIVE_TO_LOCATION.search(comment.text) for comment in element.comments):
            self._own_base.add((site.casefold(), path.casefold()))
        for child in element.children:
            self._part(child, element, site, path)

    def _web_server(self, element: Element, level: Level) -> None:
        Fields(element, self._report, ())
        silenced = silenced_by(element)
        level.silence(silenced)
        for child in element.children:
            name = child.name.casefold()
            if name == "rewrite":
                level.rewrite(child, self._report)
            elif name == "proxy":
                self._read_proxy(child)
            elif name == "httperrors":
                written = section_of(child, self._report, self._files)
                tell_error_pages(written.element, written.report)
                self._beside.of_web_server(child, level, silenced)
            elif name in _BY_NAME:
                self._read_misplaced(child, element, level, "<rewrite>")
            else:
                self._beside.of_web_server(child, level, silenced)
                self._misplaced(child)

    def _read_proxy(self, element: Element) -> None:
        if self._proxy:
            message = f"got <proxy> again, expected it once: the first one is in {self._proxy.source}; {REFUSED}"
            self._report.error(element.line, ProblemId.DUPLICATE_KEY, message)
        written = section_of(element, self._report, self._files)
        self._proxy = config_element(written.element, written.report)

    def _misplaced(self, element: Element) -> None:
        """Warn of every `<rewrite>` where IIS does not look for it."""
        for parent in (element, *_all_in(element)):
            for child in (item for item in parent.children if item.name.casefold() == "rewrite"):
                message = f"got <rewrite> in <{parent.name}>, expected it in <system.webServer>; it is left out"
                self._report.warning(child.line, ProblemId.MISPLACED, message)

    def _level(self, site: str, path: str, line: int = 0) -> Level:
        """Return the level of a directory of a site, "" for the site itself and, without a site, for the file's own."""
        key = site.casefold(), path.casefold()
        self._paths.setdefault(key, (path, line))
        if key not in self._levels:
            roots = [host.document_root for host in self._hosts if host.name.casefold() == key[0]]
            root = roots[0] if roots else self._document_root
            self._levels[key] = Level(self._report, self._files, document_root=root, is_server=self._may_be_server)
        return self._levels[key]

    def _result(self) -> RuleSet:
        levels = self._levels.values()
        shared = RuleSet(
            global_rules=tuple(rule for level in levels for rule in level.global_rules),
            global_use_original_url_encoding=next(
                (on for level in levels if (on := level.global_use_original_url_encoding) is not None), None
            ),
            proxy=self._proxy,
        )
        own = self._level("", "").fields
        if not self._is_server:
            source = self._report.source(self._root.line)
            site = Site(
                name=_name(self._report.file),
                links=LinkMode.OFF,
                locations=self._locations(""),
                source=source,
                **own,
            )
            return replace(shared, sites=(site,))
        hosts = self._hosts or (Host(_name(self._report.file), (), self._report.source(self._root.line)),)
        found = [self._with_web_configs(self._site(host), host) for host in hosts]
        rule_set = replace(shared, sites=tuple(site for site, _ in found), **own)
        return joined(
            [rule_set, *self._farms, *(server for _, servers in found for server in servers)], self._report.problems
        )

    def _with_web_configs(self, site: Site, host: Host) -> tuple[Site, list[RuleSet]]:
        """Add what the files in a site's directories say, as `Location`s; return also what they say of the server."""
        locations, servers = [*site.locations], []
        for path, directory in host.directories.items():
            if (root := self._web_config_in(directory)) is None:
                continue
            element, report = root
            found = _Document(report, self._files, element, directory).rule_set()
            own = found.sites[0]
            fields = {item.name: getattr(own, item.name) for item in dataclass_fields(Section)}
            locations.append(Location(path=path, source=own.source, **fields))
            locations += (moved(item, path) for item in own.locations)
            servers.append(replace(found, sites=()))
        return replace(site, locations=tuple(locations)), servers

    def _web_config_in(self, directory: str) -> tuple[Element, Report] | None:
        """Read the root of the `web.config` in a directory of this machine, if there is one, with its report."""
        folder = Path(directory)
        if not folder.is_absolute() or not folder.is_dir():
            return None
        path = folder / "web.config"
        try:
            # Windows does not tell names apart by case.
            path = next((item for item in sorted(folder.iterdir()) if item.name.lower() == path.name), path)
            content = self._files.read(path, plain=True)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            message = f"got no content ({reason(error)}), expected a web.config that can be read"
            Report(str(path), self._report.problems).error(0, ProblemId.UNREADABLE, message)
            return None
        report = Report(str(path), self._report.problems)
        root = read_tree(content, report)
        return (root, report) if root else None

    def _site(self, host: Host) -> Site:
        return Site(
            name=host.name,
            public=host.public,
            bound=host.bound,
            links=LinkMode.OFF,
            document_root=host.document_root,
            locations=self._locations(host.name),
            source=host.source,
            **self._level(host.name, "").fields,
        )

    def _locations(self, site: str) -> tuple[Location, ...]:
        applications = next((host.applications for host in self._hosts if host.name.casefold() == site.casefold()), ())
        return tuple(
            Location(
                path=path,
                relative_to=self._relative_to(key, applications),
                source=self._report.source(line),
                **self._levels[key].fields,
            )
            for key, (path, line) in self._paths.items()
            if key[0] == site.casefold() and key[1]
        )

    def _relative_to(self, key: tuple[str, str], applications: tuple[str, ...]) -> str | None:
        """Return the application to which the rules of a `<location>` are relative; None: to itself."""
        if key in self._own_base:
            return None
        above = (path for path in applications if f"{key[1]}/".startswith(f"{path.casefold()}/"))
        base = max(above, key=len, default="")
        return None if base.casefold() == key[1] else base


def _name(file: str) -> str:
    """Name a site after its file, or after the folder of its `web.config`."""
    path = PurePath(file)
    if path.name.lower() != "web.config":
        return path.stem
    return Path(file).absolute().parent.name or path.stem


def _all_in(element: Element) -> Iterator[Element]:
    """Yield all elements beneath an element."""
    for child in element.children:
        yield child
        yield from _all_in(child)
