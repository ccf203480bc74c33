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
from urlrewrite.model.origin import WILDCARD

_VARIABLE = re.compile(r"%([^%]+)%")


@dataclass(frozen=True, slots=True)
class Host:
    """A `<site>`: where it listens, and where its files are.

    `directories` are the physical paths of the site, its applications and virtual directories by their paths in URLs,
    without slashes at the ends; "" is the site's own. `bound` as in `Site`.
    """

    name: str
    public: tuple[Origin, ...]
    source: Source
    bound: tuple[tuple[str, int], ...] | None = None
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
    bound: dict[tuple[str, int], None] | None = None
    for bindings in (child for child in site.children if child.name == "bindings"):
        for binding in (child for child in bindings.children if child.name == "binding"):
            bound = {} if bound is None else bound
            origin = _origin(binding, name, report)
            if origin and origin.host:
                found[origin] = None
            elif origin:
                bound[origin.scheme, origin.port] = None
    applications = (child for child in site.children if child.name == "application")
    paths = tuple(application.attributes.get("path", "/").strip("/") for application in applications)
    places = None if bound is None or (found and not bound) else tuple(bound)
    return Host(name, tuple(found), report.source(site.line), places, _directories(site, name, report), paths)


def _origin(binding: Element, site: str, report: Report) -> Origin | None:
    """Read the origin of a binding, with the host "" for any name; None for one that is not for us."""
    attributes = binding.attributes
    scheme = attributes.get("protocol", "").strip().lower()
    if scheme not in ("http", "https"):
        return None
    information = attributes.get("bindingInformation", "")
    address, port, host = _parts(information)
    host = host.strip()
    if host in ("", "*") and address not in ("", "*", "0.0.0.0", "[::]"):
        host = address.strip("[]")
    if not port.isascii() or not port.isdigit() or not 0 < int(port[:6]) < 65536:
        expected = 'expected address, port and host such as "*:443:www.example.com"'
        message = f"site {shown(site)}: <binding>: got {shown(information)}, {expected}"
        report.error(binding.line, ProblemId.BAD_ADDRESS, message)
        return None
    if host in ("", "*"):
        return Origin(scheme, "", int(port))
    domain = host.removeprefix(WILDCARD)
    try:
        return Origin(scheme, host[: len(host) - len(domain)] + ascii_host(domain), int(port))
    except ValueError as error:
        report.error(binding.line, ProblemId.BAD_ADDRESS, f"site {shown(site)}: <binding>: {error}")
        return None


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
