"""Templates that give pages other addresses: a rewrite map, and user-friendly URLs for pages with a query."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from urlrewrite.formats.wizards.parts import Draft, Parameters, literal, one_of, publication_of, url_text
from urlrewrite.formats.wording import shown

FLAVOURS = ("redirect", "rewrite")

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*(?: [A-Za-z0-9_.-]+)*")
_TAKEN = ("r", "c", "tolower", "urlencode", "urldecode", "htmlencode")
_ABSOLUTE = re.compile(r"https?://[^/?]+", re.IGNORECASE)


def rewrite_map(given: Parameters) -> Draft:
    """Make "Rule with rewrite map". Raises ValueError."""
    published = publication_of(given)
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
    there = published.public if redirects else published.backend
    return published.draft(
        "rewrite-map",
        "A table of addresses that have moved." if redirects else "A table of addresses, and the pages behind them.",
        map=name,
        rule=f"Redirect rule1 for {name}" if redirects else f"Rewrite Rule 1 for {name}",
        action="Redirect" if redirects else "Rewrite",
        redirects=redirects,
        rewrites=not redirects,
        entries=[
            {"key": key, "value": value, "target": value if _ABSOLUTE.match(value) else there + value}
            for key, value in entries.items()
        ],
        has_others="/not/in/the/map" not in map(str.lower, entries),
    )


def _check_entry(key: str, value: str) -> None:
    """Check an entry of a map. Raises ValueError."""
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
    """Make "User friendly URL". Raises ValueError."""
    published = publication_of(given)
    folder, page, words, query = _parts(given.example)
    stem = page.rpartition(".")[0] or page
    count = len(words)
    patterns = [f"{literal(word)}=([^=&]+)" for word in words]
    old = f"/{folder}{page}?" + "&".join(f"{word}={value}" for word, value in zip(words, query, strict=True))
    new = f"/{folder}{stem}/" + "/".join(query)
    return published.draft(
        "user-friendly-url",
        f"{new} instead of {old}: one rule for old bookmarks, one for the backend, one for the links of its pages.",
        page=literal(f"{folder}{page}"),
        page_name=page,
        page_url=f"{folder}{page}?" + "&".join(f"{word}={{R:{n}}}" for n, word in enumerate(words, 1)),
        query="&".join(patterns),
        link=f"{literal(page)}\\?" + "&(?:amp;)?".join(patterns),
        friendly=literal(f"{folder}{stem}") + "/([^/]+)" * count,
        friendly_url=f"{folder}{stem}/" + "/".join(f"{{C:{n}}}" for n in range(1, count + 1)),
        friendly_link=f"{stem}/" + "/".join(f"{{R:{n}}}" for n in range(2, count + 2)),
        old=old,
        old_in_html=old.replace("&", "&amp;"),
        new=new,
    )


def _parts(example: str) -> tuple[str, str, list[str], list[str]]:
    """Split an address into folder ("" or with its slash at the end), page, names and values of the query.

    Raises ValueError with "example: got X, expected Y".
    """
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
