"""The check of what keeps clients out in IIS, and lets them in here.

Only what is asked of a client that nobody knows counts: who shows that he is somebody is not known here at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from urlrewrite.lint.registry import Finding, check
from urlrewrite.lint.views import SectionView, quoted
from urlrewrite.model import ConfigElement
from urlrewrite.model.problems import Severity
from urlrewrite.model.web_server import SslFlag, WebServer

OPEN_SITE = "UR026"

_EVERYBODY = {"*", "?"}
_ALLOWED = "allow it with --allow-open, or with 'silence: [UR026]' of the site"


@check(
    OPEN_SITE,
    "A site that IIS keeps closed would be open",
    SectionView,
    means="A section that is not done here keeps clients out in IIS: anonymous ones are refused, a certificate is "
    "required of clients, or clients are kept out by the names of their domains. Apache's files are judged in the same "
    "way: `Require valid-user`, `Require host`, `Deny from env=`.",
    iis="Responds with 401.2, 403.7 or 403.6.",
    here="An error: the rules are not loaded. With `--allow-open` (the option `urlrewrite_allow_open`) it is a "
    "warning, and everybody is let in.",
    write="Let the backend ask its clients who they are, or a proxy in front of this one. Then silence it: "
    "`silence: [UR026]` of the site in YAML, `<!-- urlrewrite: silence UR026 -->` before the section in XML.",
    severity=Severity.ERROR,
)
def would_be_open(view: SectionView) -> Iterator[Finding]:
    if OPEN_SITE not in view.silenced:
        for told in opened(view.section.web_server):
            yield Finding(f"{view.name}{told.message}; {_ALLOWED}", told.source)


def opened(said: WebServer) -> Iterator[Finding]:
    """Find what one level says that keeps clients out in IIS only."""
    for element in said.kept:
        yield from _refusals(element)
    if SslFlag.REQUIRE_CERT in (said.access.ssl_flags or ()):
        message = "<access> requires a certificate of every client (SslRequireCert), which is not asked for here"
        yield Finding(message, said.access.source)
    for address in said.ip_security.addresses.add:
        if address.domain_name and not address.allowed:
            message = f"<ipSecurity> keeps out {quoted(address.domain_name)}, and names are not looked up here"
            yield Finding(message, address.source)


def _refusals(element: ConfigElement) -> Iterator[Finding]:
    """Find what in a kept element refuses clients that nobody knows."""
    match element.name.casefold():
        case "authentication":
            for child in element.children:
                if child.name.casefold() == "anonymousauthentication" and _is(child, "enabled", "false", "0"):
                    message = "anonymous clients are refused in IIS (<anonymousAuthentication>), and let in here"
                    if child.directives:
                        message = f"{quoted(child.directives)} keeps clients out in Apache, and is not done here"
                    yield Finding(message, child.source)
        case "authorization":
            if refusing := _refusing(element.children):
                message = "clients that nobody knows are refused in IIS (<authorization>), and let in here"
                yield Finding(message, refusing.source)
        case "system.web":
            for part in element.children:
                if part.name.casefold() == "authorization" and (denying := _denying(part.children)):
                    message = "clients that nobody knows are refused by ASP.NET (<authorization> of <system.web>)"
                    yield Finding(f"{message}, and let in here", denying.source)


def _refusing(entries: Iterable[ConfigElement]) -> ConfigElement | None:
    """Return what keeps anonymous clients out. IIS comes with an entry that allows everybody; denials go first."""
    everybody: ConfigElement | None = None
    allowed = True
    for entry in entries:
        name = entry.name.casefold()
        if name == "clear" or (name == "remove" and "*" in _users(entry)):
            everybody, allowed = entry, False
        elif name == "add" and _users(entry) & _EVERYBODY:
            if _is(entry, "accesstype", "deny"):
                return entry
            allowed = allowed or not _given(entry, "verbs")
    return None if allowed else everybody


def _denying(entries: Iterable[ConfigElement]) -> ConfigElement | None:
    """Return what ASP.NET denies to anonymous clients; the first entry that fits decides."""
    for entry in entries:
        if not _users(entry) & _EVERYBODY:
            continue
        if entry.name.casefold() == "deny":
            return entry
        if entry.name.casefold() == "allow" and not _given(entry, "verbs"):
            return None
    return None


def _users(entry: ConfigElement) -> set[str]:
    return {user.strip() for user in _given(entry, "users").split(",")}


def _given(entry: ConfigElement, name: str) -> str:
    return next((value for key, value in entry.attributes.items() if key.casefold() == name), "")


def _is(entry: ConfigElement, name: str, *values: str) -> bool:
    return _given(entry, name).strip().lower() in values
