"""Templates that give pages other addresses: a rewrite map, and user-friendly URLs for pages with a query."""

from __future__ import annotations

import re
from types import MappingProxyType
from urllib.parse import urlsplit

from urlrewrite.formats.wizards.parts import (
    IS_HTML,
    Draft,
    Parameters,
    all_of,
    asks,
    literal,
    one_of,
    place_of,
    url_text,
)
from urlrewrite.formats.wording import shown
from urlrewrite.model import (
    Action,
    ActionType,
    Condition,
    Expectation,
    InboundRule,
    Match,
    OutboundAction,
    OutboundActionType,
    OutboundMatch,
    OutboundRule,
    RewriteMap,
    RuleTest,
)

FLAVOURS = ("redirect", "rewrite")

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*(?: [A-Za-z0-9_.-]+)*")
_TAKEN = ("r", "c", "tolower", "urlencode", "urldecode", "htmlencode")
_ABSOLUTE = re.compile(r"https?://[^/?]+", re.IGNORECASE)


def rewrite_map(given: Parameters) -> Draft:
    """IIS: "Rule with rewrite map". Raises ValueError."""
    place = place_of(given)
    redirects = one_of("action", given.action or "redirect", FLAVOURS) == "redirect"
    name = given.map_name or ("Moved" if redirects else "Pages")
    if not _NAME.fullmatch(name) or name.lower() in _TAKEN:
        raise ValueError(f"map: got {shown(name)}, expected a name such as Moved, which is no function's")
    entries: dict[str, str] = {}
    for key, value in given.entries:
        _check_entry(key, value)
        if key.lower() in map(str.lower, entries):
            raise ValueError(f"entry: got {shown(key)} again, expected each address once (case does not count)")
        entries[key] = value
    rule = InboundRule(
        f"Redirect rule1 for {name}" if redirects else f"Rewrite Rule 1 for {name}",
        Match(".*"),
        all_of(Condition(f"{{{name}:{{REQUEST_URI}}}}", "(.+)")),
        action=Action(ActionType.REDIRECT if redirects else ActionType.REWRITE, "{C:1}", append_query_string=False),
        stop_processing=True,
        comment="{REQUEST_URI} is path and query: /old and /old?page=2 are two keys. A key that the map does not have\n"
        "gives an empty text, which `.+` does not fit.",
    )
    tests = [
        asks(key, place.public + key, status=301, location=value if _ABSOLUTE.match(value) else place.public + value)
        if redirects
        else asks(key, place.public + key, url=value if _ABSOLUTE.match(value) else place.backend + value)
        for key, value in entries.items()
    ]
    elsewhere = "/not/in/the/map"
    if elsewhere not in map(str.lower, entries):
        tests.append(
            asks("an address that the map does not have", place.public + elsewhere, url=place.backend + elsewhere)
        )
    about = "A table of addresses that have moved." if redirects else "A table of addresses, and the pages behind them."
    table = RewriteMap(name, MappingProxyType(entries))
    return place.draft(about, rule, rewrite_map=table, tests=tests)


def _check_entry(key: str, value: str) -> None:
    """Raises ValueError."""
    url_text("entry", key)
    url_text("entry", value)
    if not key.startswith("/") or "{" in key:
        raise ValueError(f"entry: got {shown(key)}, expected path and perhaps query, such as /old")
    if not (value.startswith("/") and not value.startswith("//")) and not _ABSOLUTE.match(value):
        raise ValueError(f"entry: got {shown(value)}, expected a path such as /new, or an absolute URL")


# Without what is written otherwise in a page (&amp;) or seen otherwise by rules (%20, //, ..).
_PAGE = re.compile(r"(?:(?!\.{1,2}/)[A-Za-z0-9._~!$()*+,;=@-]+/)*(?!\.{1,2}(?:\.[^.]*)?$)[A-Za-z0-9._~!$()*+,;=@-]+")
_PARAMETER = re.compile(r"([A-Za-z_][A-Za-z0-9_.-]*)=([^=&]+)")


def user_friendly_url(given: Parameters) -> Draft:
    """IIS: "User friendly URL". Raises ValueError."""
    place = place_of(given)
    folder, page, words, query = _parts(given.example)
    stem = page.rpartition(".")[0] or page
    start = literal(f"{folder}{page}")
    friendly = f"{folder}{stem}"
    one = "([^/]+)"
    rules = (
        InboundRule(
            "RedirectUserFriendlyURL1",
            Match(f"^{start}$"),
            all_of(
                Condition(
                    "{REQUEST_METHOD}",
                    "^POST$",
                    negate=True,
                    comment="The body of a POST would be lost by a redirect.",
                ),
                Condition("{QUERY_STRING}", "^" + "&".join(f"{literal(word)}=([^=&]+)" for word in words) + "$"),
            ),
            action=Action(
                ActionType.REDIRECT,
                f"{friendly}/" + "/".join(f"{{C:{number}}}" for number in range(1, len(words) + 1)),
                append_query_string=False,
            ),
            stop_processing=True,
            comment="Old bookmarks lead to the new address.",
        ),
        InboundRule(
            "RewriteUserFriendlyURL1",
            Match(f"^{literal(friendly)}" + f"/{one}" * len(words) + "/?$"),
            action=Action(
                ActionType.REWRITE,
                f"{folder}{page}?" + "&".join(f"{word}={{R:{number}}}" for number, word in enumerate(words, 1)),
            ),
            stop_processing=True,
            comment="IIS Manager adds two conditions, that no file and no directory of its disk has the address.",
        ),
    )
    links = OutboundRule(
        "OutboundRewriteUserFriendlyURL1",
        OutboundMatch(
            f"^(.*/)?{literal(page)}\\?" + "&(?:amp;)?".join(f"{literal(word)}=([^=&]+)" for word in words) + "$",
            filter_by_tags=("A", "Area", "Form", "Frame", "IFrame", "Img"),
        ),
        IS_HTML.name,
        action=OutboundAction(
            OutboundActionType.REWRITE,
            f"{{R:1}}{stem}/" + "/".join(f"{{R:{number}}}" for number in range(2, len(words) + 2)) + "/",
        ),
        comment="Links of pages lead to the new address at once. The value of an attribute is taken as it stands in\n"
        "the page, where & may be written &amp;. {R:1} keeps what stands before the name of the page.",
    )
    old = f"/{folder}{page}?" + "&".join(f"{word}={value}" for word, value in zip(words, query, strict=True))
    new = f"/{friendly}/" + "/".join(query)
    tests = (
        asks("an old bookmark", place.public + old, status=301, location=place.public + new),
        asks("a form is not lost", place.public + old, method="POST", url=place.backend + old),
        asks("the new address", place.public + new, url=place.backend + old),
        asks("the new address with a slash", f"{place.public}{new}/", url=place.backend + old),
        asks(
            "a query of the new address is appended",
            f"{place.public}{new}?print=1",
            url=f"{place.backend}{old}&print=1",
        ),
        RuleTest(
            "GET",
            f"{place.public}/",
            Expectation(body_has=(f'<a href="{new}/">',), body_lacks=(f"{page}?",)),
            response_status=200,
            response_fields=(("Content-Type", "text/html; charset=utf-8"),),
            response_body=f'<a href="{old.replace("&", "&amp;")}">a link</a>\n',
            name="links of a page",
        ),
    )
    about = f"{new} instead of {old}: one rule for old bookmarks, one for the backend, one for the links of its pages."
    return place.draft(about, *rules, outbound_rules=(links,), tests=tests)


def _parts(example: str) -> tuple[str, str, list[str], list[str]]:
    """Folder (with its slash at the end, or ""), page, names and values of the query. Raises ValueError."""
    parts = urlsplit(url_text("example", example))
    folder, _, page = parts.path.removeprefix("/").rpartition("/")
    found = [_PARAMETER.fullmatch(item) for item in parts.query.split("&")]
    pairs = [item.groups() for item in found if item]
    if not _PAGE.fullmatch(f"{folder}/{page}" if folder else page) or len(pairs) != len(found):
        raise ValueError(
            f"example: got {shown(example)}, expected a page with a query, as /article.aspx?id=7&title=spring"
        )
    if len(pairs) > 8:
        raise ValueError(f"example: got {len(pairs)} parameters, expected at most 8: a rule has nine back-references")
    for word, value in pairs:
        if "/" in value or "%" in value or "+" in value:
            raise ValueError(f"example: got {word}={value}, expected a value that may stand in a path as it is")
    return (f"{folder}/" if folder else ""), page, [word for word, _ in pairs], [value for _, value in pairs]
