"""Every section that configuration files of IIS are known to have, and what becomes of each here.

`rules/iis.md` has this table for people. What is neither here nor declared in `<configSections>` is told as unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from urlrewrite.formats.fates import Fate
from urlrewrite.formats.xml.nodes import Element
from urlrewrite.model.handlers import refused_with


@dataclass(frozen=True, slots=True)
class KnownSection:
    """A section: what becomes of it, and what there is instead, as the end of a sentence.

    `matters` says whether an element of this kind would do anything in IIS that is not done here.
    """

    fate: Fate
    instead: str = ""
    matters: Callable[[Element], bool] = lambda element: True


def _adds(element: Element) -> bool:
    return any(child.name.casefold() == "add" for child in element.children)


def _runs(element: Element) -> bool:
    """Say whether anything is added that does more than to refuse requests."""
    added = (child for child in element.children if child.name.casefold() == "add")
    return any(refused_with(_type(child)) is None for child in added)


def _type(element: Element) -> str:
    return next((value for name, value in element.attributes.items() if name.casefold() == "type"), "")


def _is_off(element: Element) -> bool:
    return element.attributes.get("enabled", "").strip().lower() in ("false", "0")


def _is_on(element: Element) -> bool:
    return not _is_off(element)


def _replaces(element: Element) -> bool:
    """Say whether what a backend says of its errors is replaced."""
    return element.attributes.get("existingResponse", "").strip().lower() == "replace"


_WEB_SERVER = {
    "applicationInitialization": KnownSection(Fate.PASSED_OVER),
    "asp": KnownSection(Fate.PASSED_OVER),
    "aspNetCore": KnownSection(Fate.PASSED_OVER),
    "caching": KnownSection(Fate.TOLD, "nothing is cached: put a cache such as nginx in front", _is_on),
    "cgi": KnownSection(Fate.PASSED_OVER),
    "cors": KnownSection(Fate.TOLD, "set the fields in outbound rules, or leave them to the backend"),
    "defaultDocument": KnownSection(Fate.TOLD, "the backend chooses what a directory shows; a rule can rewrite '^$'"),
    "directoryBrowse": KnownSection(Fate.PASSED_OVER),
    "diskCache": KnownSection(Fate.TOLD, "nothing is cached: put a cache such as nginx in front", _is_on),
    "fastCgi": KnownSection(Fate.PASSED_OVER),
    "globalModules": KnownSection(Fate.PASSED_OVER),
    "handlers": KnownSection(
        Fate.TOLD,
        "no handler of IIS runs, and what no rule responds to goes to the backend; those that only refuse requests are "
        "honoured (System.Web.HttpForbiddenHandler and its like)",
        _runs,
    ),
    "httpCompression": KnownSection(Fate.PASSED_OVER),
    "httpErrors": KnownSection(
        Fate.TOLD,
        "what a backend says of its errors is left alone; pages for the proxy's own are told one by one",
        _replaces,
    ),
    "httpLogging": KnownSection(Fate.PASSED_OVER),
    "httpPlatform": KnownSection(Fate.PASSED_OVER),
    "httpProtocol": KnownSection(Fate.HONOURED, "customHeaders and redirectHeaders"),
    "httpRedirect": KnownSection(Fate.HONOURED),
    "httpTracing": KnownSection(Fate.PASSED_OVER),
    "iisnode": KnownSection(Fate.PASSED_OVER),
    "isapiFilters": KnownSection(Fate.TOLD, "no filter of IIS runs", lambda element: bool(element.children)),
    "management": KnownSection(Fate.PASSED_OVER),
    "modules": KnownSection(Fate.TOLD, "no module of IIS runs, not even one that asks clients who they are", _adds),
    "odbcLogging": KnownSection(Fate.PASSED_OVER),
    "proxy": KnownSection(Fate.HONOURED, "but for what UR220 tells"),
    "rewrite": KnownSection(Fate.HONOURED),
    "security": KnownSection(Fate.HONOURED, "by its elements"),
    "serverRuntime": KnownSection(Fate.TOLD, "the options of the proxy say how it runs", _is_off),
    "serverSideInclude": KnownSection(Fate.PASSED_OVER),
    "staticContent": KnownSection(Fate.TOLD, "types and lifetimes of files are for the backend, or for outbound rules"),
    "tracing": KnownSection(Fate.PASSED_OVER),
    "urlCompression": KnownSection(Fate.PASSED_OVER),
    "validation": KnownSection(Fate.PASSED_OVER),
    "webSocket": KnownSection(Fate.TOLD, "WebSockets are forwarded like any request", _is_off),
    "webdav": KnownSection(Fate.PASSED_OVER),
}
_SECURITY = {
    "access": KnownSection(Fate.HONOURED, "Ssl and Ssl128; SslRequireCert is an error, since no client shows one here"),
    "applicationDependencies": KnownSection(Fate.PASSED_OVER),
    "authentication": KnownSection(Fate.KEEPS_CLOSED, "let the backend, or a proxy in front, ask clients who they are"),
    "authorization": KnownSection(Fate.KEEPS_CLOSED, "let the backend, or a proxy in front, ask clients who they are"),
    "dynamicIpSecurity": KnownSection(Fate.TOLD, "requests are not counted by address: a proxy in front can do that"),
    "ipSecurity": KnownSection(
        Fate.HONOURED, "by addresses; names of domains are an error where they keep clients out"
    ),
    "isapiCgiRestriction": KnownSection(Fate.PASSED_OVER),
    "requestFiltering": KnownSection(Fate.HONOURED),
}
_TOP = {
    "location": KnownSection(Fate.HONOURED),
    "system.applicationHost": KnownSection(Fate.HONOURED, "sites with bindings and directories"),
    "system.web": KnownSection(Fate.PASSED_OVER, "but for authorization and httpHandlers"),
    "system.web/httpHandlers": KnownSection(Fate.HONOURED, "where they only refuse requests"),
    "system.web/authentication": KnownSection(Fate.PASSED_OVER, "what is asked of clients, authorization says"),
    "system.web/authorization": KnownSection(Fate.KEEPS_CLOSED, "let the backend ask clients who they are"),
    "system.webServer": KnownSection(Fate.HONOURED, "by its elements"),
    "webFarms": KnownSection(Fate.HONOURED, "but for what UR207 tells"),
    **dict.fromkeys(
        """administrators appSettings applicationSettings assemblyBinding common configPaths configProtectedData
        configSections configurationRedirection connectionStrings cryptographySettings dotNetOpenAuth elmah
        entityFramework linkedConfiguration log4net microsoft.identityModel moduleProviders mscorlib nlog runtime
        startup system.codedom system.data system.diagnostics system.ftpServer system.identityModel
        system.identityModel.services system.net system.runtime.caching system.runtime.serialization
        system.serviceModel system.transactions system.web.extensions system.xml.serialization uri userSettings
        windows""".split(),
        KnownSection(Fate.PASSED_OVER),
    ),
}

KNOWN_SECTIONS: Mapping[str, KnownSection] = MappingProxyType(
    dict(
        sorted(
            {
                **_TOP,
                **{f"system.webServer/{name}": known for name, known in _WEB_SERVER.items()},
                **{f"system.webServer/security/{name}": known for name, known in _SECURITY.items()},
            }.items()
        )
    )
)
"""The sections by their paths in a configuration."""

_BY_FOLDED = {path.casefold(): known for path, known in KNOWN_SECTIONS.items()}


def known_section(path: str) -> KnownSection | None:
    """Return what is known of a section, by its path in any case."""
    return _BY_FOLDED.get(path.casefold())
