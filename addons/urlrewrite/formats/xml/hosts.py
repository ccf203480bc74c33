"""What `applicationHost.config` says beside `<rewrite>`: sites with their bindings."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from urlrewrite.formats.addresses import ascii_host
from urlrewrite.formats.reports import ProblemId, Report
from urlrewrite.formats.wording import shown
from urlrewrite.formats.xml.nodes import Element
from urlrewrite.model import Origin, Source

_VARIABLE = re.compile(r"%([^%]+)%")


@dataclass(frozen=True, slots=True)
class Host:
    """A `<site>`: where it listens, and where its files are.

    `directories` are the physical paths of the site, its applications and virtual directories by their paths in URLs,
    without slashes at the ends; "" is the site's own.
    """

    name: str
    public: tuple[Origin, ...]
    source: Source
    directories: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    applications: tuple[str, ...] = ()
    """The paths of its applications in URLs, without slashes at the ends."""

    @property
    def document_root(self) -> str:
        """The physical path of the root application, "" where it has none."""
        return self.directories.get("", "")


def hosts_of(sites: Element, report: Report) -> tuple[Host, ...]:
    """Read the `<site>` elements of `<sites>`."""
    return tuple(_host(site, report) for site in sites.children if site.name == "site")


def _host(site: Element, report: Report) -> Host:
    name = site.attributes.get("name", "")
    if not name:
        report.error(site.line, ProblemId.MISSING, "<site> name: got nothing, expected a name")
    found: dict[Origin, None] = {}
    nameless: list[Element] = []
    for bindings in (child for child in site.children if child.name == "bindings"):
        for binding in (child for child in bindings.children if child.name == "binding"):
            origin = _origin(binding, name, report)
            if isinstance(origin, Origin):
                found[origin] = None
            elif origin:
                nameless.append(binding)
    for binding in nameless if found else ():
        message = (
            f"site {shown(name)}: got the binding {shown(binding.attributes['bindingInformation'])} without a host, "
            "expected one: only the names of the other bindings are served"
        )
        report.warning(binding.line, ProblemId.UNSUPPORTED, message)
    applications = (child for child in site.children if child.name == "application")
    paths = tuple(application.attributes.get("path", "/").strip("/") for application in applications)
    return Host(name, tuple(found), report.source(site.line), _directories(site, name, report), paths)


def _origin(binding: Element, site: str, report: Report) -> Origin | bool:
    """Read the origin of a binding; True for any name, False for one that is not for us."""
    attributes = binding.attributes
    scheme = attributes.get("protocol", "").strip().lower()
    if scheme not in ("http", "https"):
        return False
    information = attributes.get("bindingInformation", "")
    address, port, host = _parts(information)
    host = host.strip()
    if host in ("", "*") and address not in ("", "*", "0.0.0.0", "[::]"):
        host = address.strip("[]")
    if not port.isascii() or not port.isdigit() or not 0 < int(port[:6]) < 65536:
        expected = 'expected address, port and host such as "*:443:www.example.com"'
        message = f"site {shown(site)}: <binding>: got {shown(information)}, {expected}"
        report.error(binding.line, ProblemId.BAD_ADDRESS, message)
        return False
    if host in ("", "*"):
        return True
    if host.startswith("*."):
        message = f"site {shown(site)}: <binding>: got the host {shown(host)}, expected a full name; it is left out"
        report.warning(binding.line, ProblemId.UNSUPPORTED, message)
        return False
    try:
        return Origin(scheme, ascii_host(host), int(port))
    except ValueError as error:
        report.error(binding.line, ProblemId.BAD_ADDRESS, f"site {shown(site)}: <binding>: {error}")
        return False


def _parts(information: str) -> tuple[str, str, str]:
    """Split `*:443:www.example.com` into address, port and host; the address may be one of IPv6 in brackets."""
    address, separator, rest = information.strip().rpartition("]:")
    if separator:
        address += "]"
    else:
        address, _, rest = information.strip().partition(":")
    port, _, host = rest.partition(":")
    return address, port, host


def _directories(site: Element, name: str, report: Report) -> Mapping[str, str]:
    """Read the physical paths of all virtual directories; warn of those beside the site's own."""
    found: dict[str, str] = {}
    for application in (child for child in site.children if child.name == "application"):
        for directory in (child for child in application.children if child.name == "virtualDirectory"):
            path = "/".join(
                part.strip("/")
                for part in (application.attributes.get("path", "/"), directory.attributes.get("path", "/"))
                if part.strip("/")
            )
            physical = directory.attributes.get("physicalPath", "")
            found[path] = _expanded(physical)
            if path and physical:
                message = (
                    f"site {shown(name)}: got files of their own for {shown(path)}, expected one directory for all: "
                    "IsFile and IsDirectory look beneath that of the site"
                )
                report.warning(directory.line, ProblemId.UNSUPPORTED, message)
    return MappingProxyType(found)


def _expanded(path: str) -> str:
    """Expand the environment variables of a path, as far as they are set."""
    known = {name.casefold(): value for name, value in os.environ.items()}
    return _VARIABLE.sub(lambda found: known.get(found[1].casefold(), found[0]), path)
