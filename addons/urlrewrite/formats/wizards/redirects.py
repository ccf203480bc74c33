"""Templates that give every page one address: lowercase, canonical host name, trailing slash."""

from __future__ import annotations

from urlrewrite.formats.wizards.parts import (
    ONLY_GET,
    Draft,
    Parameters,
    all_of,
    asks,
    authority_pattern,
    one_of,
    place_of,
)
from urlrewrite.model import Action, ActionType, Condition, InboundRule, Match

SLASHES = ("append", "remove")


def lowercase(given: Parameters) -> Draft:
    """IIS: "Enforce lowercase URLs". Raises ValueError."""
    place = place_of(given)
    public, backend = place.public, place.backend
    rule = InboundRule(
        "LowerCaseRule1",
        Match("[A-Z]", ignore_case=False),
        all_of(ONLY_GET),
        action=Action(ActionType.REDIRECT, "{ToLower:{URL}}"),
        stop_processing=True,
        comment="{URL} is the path alone, with its leading slash; the query keeps its case and is appended.",
    )
    tests = (
        asks("capitals", f"{public}/News/Today?Id=A", status=301, location=f"{public}/news/today?Id=A"),
        asks("only the query has capitals", f"{public}/news?Id=A", url=f"{backend}/news?Id=A"),
        asks("a form is not lost", f"{public}/News", method="POST", url=f"{backend}/News"),
    )
    return place.draft("One spelling of every address, in lower case.", rule, tests=tests)


def canonical_host(given: Parameters) -> Draft:
    """IIS: "Canonical domain name". The first public name is the canonical one. Raises ValueError."""
    place = place_of(given)
    public, backend = place.public, place.backend
    canonical, *others = place.names
    if not others:
        raise ValueError(
            f"public: got only {public}, expected the other names of the site after it, each with a --public of its own"
        )
    rule = InboundRule(
        "CanonicalHostNameRule1",
        Match("(.*)"),
        all_of(Condition("{HTTP_HOST}", f"^{authority_pattern(canonical)}$", negate=True)),
        action=Action(ActionType.REDIRECT, f"{public}{{UNENCODED_URL}}", append_query_string=False),
        stop_processing=True,
        comment="The dots are escaped: `.` alone would fit any character. {HTTP_HOST} may have a port, which the\n"
        "pattern of IIS Manager never fits, so that the redirect has no end.\n"
        "{UNENCODED_URL} is path and query as they were sent; {R:1} would have lost the escapes of the path.",
    )
    tests = (
        *(
            asks(f"by {name}", f"{name}/a%2Fb?page=2", status=301, location=f"{public}/a%2Fb?page=2")
            for name in others
            if name.authority != canonical.authority
        ),
        asks("by the canonical name", f"{public}/a%2Fb?page=2", url=f"{backend}/a%2Fb?page=2"),
    )
    return place.draft("One name for a site that answers to several.", rule, tests=tests)


def trailing_slash(given: Parameters) -> Draft:
    """IIS: "Append or remove the trailing slash symbol". Raises ValueError."""
    if one_of("action", given.action, SLASHES) == "append":
        return _append_slash(given)
    place = place_of(given)
    public, backend = place.public, place.backend
    rule = InboundRule(
        "RemoveTrailingSlashRule1",
        Match("(.*[^/])/+$"),
        all_of(ONLY_GET),
        action=Action(ActionType.REDIRECT, "{R:1}"),
        stop_processing=True,
        comment="All slashes at the end go at once. IIS Manager leaves directories of its disk alone; behind a proxy\n"
        "there is none to look at.",
    )
    tests = (
        asks("with a slash", f"{public}/news/today/?page=2", status=301, location=f"{public}/news/today?page=2"),
        asks("with two slashes", f"{public}/news//", status=301, location=f"{public}/news"),
        asks("without", f"{public}/news/today?page=2", url=f"{backend}/news/today?page=2"),
        asks("the start page", f"{public}/", url=f"{backend}/"),
    )
    return place.draft("No address ends in a slash.", rule, tests=tests)


def _append_slash(given: Parameters) -> Draft:
    place = place_of(given)
    public, backend = place.public, place.backend
    a_file = Condition(
        "{URL}",
        r"\.[^/.]+$",
        negate=True,
        comment="What looks like a file keeps its address. IIS Manager asks its disk (IsFile, IsDirectory) instead,\n"
        "which knows nothing of files behind a proxy.",
    )
    rule = InboundRule(
        "AddTrailingSlashRule1",
        Match("(.*[^/])$"),
        all_of(ONLY_GET, a_file),
        action=Action(ActionType.REDIRECT, "{R:1}/"),
        stop_processing=True,
    )
    tests = (
        asks("without a slash", f"{public}/news/today?page=2", status=301, location=f"{public}/news/today/?page=2"),
        asks("with one", f"{public}/news/today/", url=f"{backend}/news/today/"),
        asks("a file", f"{public}/logo.png", url=f"{backend}/logo.png"),
        asks("a form is not lost", f"{public}/news", method="POST", url=f"{backend}/news"),
    )
    return place.draft("Every address but those of files ends in a slash.", rule, tests=tests)
