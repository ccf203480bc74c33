"""A mount path as outbound rules: URLs without a host that begin with a slash get the path of the application.

What IIS cannot do here: tell an address from other text that begins with a slash in the middle of a script, follow
`<base>` to another host, and see that `../x` climbs out of the application.
"""

from __future__ import annotations

from collections.abc import Callable

from urlrewrite.formats.downlevel.links_as_rules import (
    PAGE,
    REDIRECT,
    REFRESH,
    SCRIPT,
    escaped,
    of_field,
    of_tags,
    rule,
)
from urlrewrite.model import LinkMode, OutboundMatch, OutboundRule, Site

_QUOTE = """['"]"""


def path_rules(site: Site) -> list[OutboundRule]:
    """Return the rules for a site whose path is another one in public than behind."""
    base, path = site.backend_path, site.path
    # A path that the backend made public itself stays as it is.
    public = rf"|{escaped(path[1:])}(?:[/?#;'\"]|$)" if path and site.forward_prefix else ""
    if base:
        begins, becomes = rf"{escaped(base)}(?=[/?#;'\"\s)]|$)", path
    else:
        begins, becomes = rf"/(?![/\\]{public})", f"{path}/"
    everywhere = site.links is LinkMode.EVERYWHERE
    return [
        *_of_pages(begins, becomes),
        *(_of_text(begins, becomes) if everywhere else ()),
        *(_of_root_paths(site) if everywhere and site.root_paths else ()),
        *_of_fields(begins, becomes, base),
    ]


def _of_pages(begins: str, becomes: str) -> list[OutboundRule]:
    return [
        rule(
            "paths in attributes",
            PAGE,
            of_tags(rf"^{REFRESH}{begins}([\s\S]*)$"),
            f"{{R:1}}{becomes}{{R:2}}",
            "Attributes that begin with a slash, and a meta refresh to such an address.\n"
            "Not covered: the other addresses of srcset and ping, data attributes, <base> on another host.\n"
            "IIS cannot tell other contents of <meta content> that begin with a slash: they are changed, too.",
        )
    ]


def _of_text(begins: str, becomes: str) -> list[OutboundRule]:
    match = OutboundMatch(rf"(\burl\(\s*{_QUOTE}?|@import\s+{_QUOTE}){begins}")
    comment = "url() and @import of addresses that begin with a slash."
    return [
        rule("paths in styles of pages", PAGE, match, f"{{R:1}}{becomes}", comment),
        rule("paths in style sheets", SCRIPT, match, f"{{R:1}}{becomes}", comment),
    ]


def _of_root_paths(site: Site) -> list[OutboundRule]:
    paths = "|".join(escaped(path.removeprefix(site.backend_path)) for path in site.root_paths)
    match = OutboundMatch(rf"(['\"`]){escaped(site.backend_path)}(?=(?:{paths})(?![\w.~-]))")
    comment = "Strings in scripts and JSON that begin with one of the paths of rootPaths."
    return [
        rule("paths in scripts of pages", PAGE, match, f"{{R:1}}{site.path}", comment),
        rule("paths in scripts and data", SCRIPT, match, f"{{R:1}}{site.path}", comment),
    ]


def _of_fields(begins: str, becomes: str, base: str) -> list[OutboundRule]:
    return [
        rule(
            "path in Location",
            REDIRECT,
            of_field("Location", f"^{begins}(.*)$"),
            f"{becomes}{{R:1}}",
            "Redirects to a path.",
        ),
        rule(
            "path in Content-Location",
            "",
            of_field("Content_Location", f"^{begins}(.*)$"),
            f"{becomes}{{R:1}}",
            "The path at which the body is available.",
        ),
        rule(
            "path in Refresh",
            "",
            of_field("Refresh", rf"^(\s*[\d.]+\s*[;,]\s*(?:url\s*=)?\s*{_QUOTE}?){begins}(.*)$"),
            f"{{R:1}}{becomes}{{R:2}}",
            "Redirects to a path after some seconds.",
        ),
        rule(
            "path in Link",
            "",
            of_field("Link", rf"^(.*?<){begins}(.*)$"),
            f"{{R:1}}{becomes}{{R:2}}",
            "The first link to a path in a line of this field; IIS cannot replace more than one.",
        ),
        _cookies(of_field, begins, becomes, base),
    ]


def _cookies(of_field: Callable[[str, str], OutboundMatch], begins: str, becomes: str, base: str) -> OutboundRule:
    """Without a base every path is one of the application; with one, that of all is, too."""
    path = rf"(?:{begins}|/(?=\s*(?:;|$)))" if base else begins
    pattern, value = rf"^(.*;\s*path=){path}(.*)$", f"{{R:1}}{becomes}{{R:2}}"
    comment = "Cookies for a path of the backend. Two applications below one name keep theirs apart by it."
    return rule("path of cookies", "", of_field("Set_Cookie", pattern), value, comment)
