"""The template "Request blocking"."""

from __future__ import annotations

import re
from urllib.parse import quote

from urlrewrite.formats.wizards.filling import Values
from urlrewrite.formats.wizards.parts import (
    Draft,
    MissingError,
    Parameters,
    Publication,
    one_of,
    printable,
    publication_of,
    url_text,
)
from urlrewrite.formats.wording import shown
from urlrewrite.model import PatternSyntax

BLOCK_BY = {
    "url": ("{URL}", "{URL} is the path with its leading slash, decoded, without the query."),
    "user-agent": ("{HTTP_USER_AGENT}", "A client may call itself what it likes."),
    "ip": (
        "{REMOTE_ADDR}",
        "{REMOTE_ADDR} is who opened the connection: behind another proxy that is the proxy, for everybody.",
    ),
    "query-string": ("{QUERY_STRING}", "{QUERY_STRING} is the query as it was sent: a space is + or %20."),
    "referer": ("{HTTP_REFERER}", "Many browsers send no Referer, or only its origin."),
    "host": ("{HTTP_HOST}", "{HTTP_HOST} may have a port."),
}
ANSWERS = {
    "401": (
        401,
        "Unauthorized: Access is denied due to invalid credentials.",
        "You do not have permission to view this directory or page using the credentials that you supplied.",
    ),
    "403": (
        403,
        "Forbidden: Access is denied.",
        "You do not have permission to view this directory or page using the credentials that you supplied.",
    ),
    "404": (
        404,
        "File or directory not found.",
        "The resource you are looking for might have been removed, had its name changed, or is temporarily "
        "unavailable.",
    ),
}
SYNTAXES = {"wildcard": PatternSyntax.WILDCARD, "regex": PatternSyntax.ECMASCRIPT}

_NEVER_IN_PATH = re.compile(r"//|\\|/\.{1,2}(?:/|$)")
_HARMLESS = {"user-agent": "Mozilla/5.0", "referer": "https://www.example.org/", "url": "/", "query-string": ""}
_FIELDS = {"user-agent": "User-Agent", "referer": "Referer"}


def request_blocking(given: Parameters) -> Draft:
    """Make "Request blocking". Raises ValueError."""
    published = publication_of(given)
    by = one_of("block-by", given.block_by or "url", BLOCK_BY)
    syntax = SYNTAXES[one_of("using", given.using or "wildcard", SYNTAXES)]
    pattern = printable("pattern", given.pattern)
    action = one_of("action", given.action or "403", (*ANSWERS, "abort"))
    status, reason, description = ANSWERS.get(action, (0, "", ""))
    variable, comment = BLOCK_BY[by]
    wildcard = syntax is PatternSyntax.WILDCARD
    return published.draft(
        "request-blocking",
        "Requests that the backend shall never see.",
        comment=comment,
        wildcard=wildcard,
        syntax=str(syntax),
        every="*" if wildcard else ".*",
        variable=variable,
        pattern=pattern,
        negate=str(given.negate).lower(),
        aborts=action == "abort",
        responds=action != "abort",
        status=str(status),
        reason=reason,
        description=description,
        samples=_samples(published, given, by, _as_python(pattern, syntax)),
    )


def _as_python(pattern: str, syntax: PatternSyntax) -> re.Pattern[str]:
    """Compile the pattern for Python's `re`, well enough to tell which samples it matches. Raises ValueError."""
    if syntax is PatternSyntax.WILDCARD:
        parts = ({"*": ".*", "?": "."}.get(character) or re.escape(character) for character in pattern)
        return re.compile(f"^{''.join(parts)}$", re.IGNORECASE | re.DOTALL)
    try:
        return re.compile(pattern, re.IGNORECASE)
    except re.error as error:
        raise ValueError(f"pattern: got {shown(pattern)}, expected a regular expression ({error})") from None


def _samples(published: Publication, given: Parameters, by: str, pattern: re.Pattern[str]) -> list[Values]:
    """Return a request that the pattern matches, and one that it does not, as far as they are known."""
    if by == "ip":
        samples = ["127.0.0.1"]  # where the requests of a test come from
    elif by == "host":
        samples = [name.authority for name in published.names]
    else:
        samples = [_sample(given, by, pattern), _HARMLESS[by]]
    return [_test(published, by, sample, bool(pattern.search(sample)) is not given.negate) for sample in samples]


def _sample(given: Parameters, by: str, pattern: re.Pattern[str]) -> str:
    """Return a text that the pattern matches. Raises ValueError."""
    sample, what = printable("sample", given.sample), "sample"
    if not sample and given.using != "regex":
        sample, what = given.pattern.replace("*", "" if by == "url" else "x").replace("?", "x"), "pattern"
    if by == "url" and not sample.startswith("/"):
        sample = f"/{sample}"
    if by == "url" and _NEVER_IN_PATH.search(sample):
        raise ValueError(f"{what}: got {shown(sample)}, expected a path as rules see it: without //, \\ and /../")
    if by == "query-string":
        url_text(what, sample)
    if not sample or not pattern.search(sample):
        if what == "pattern" or not given.sample:
            raise MissingError(["sample"])
        raise ValueError(f"sample: got {shown(sample)}, expected a text that the pattern {shown(given.pattern)} fits")
    return sample


def _test(published: Publication, by: str, sample: str, blocked: bool) -> Values:
    target, base = "/", published.public
    if by == "url":
        target = quote(sample, safe="/:@!$&'()*+,;=~")
    elif by == "query-string":
        target = f"/?{sample}" if sample else "/"
    elif by == "host":
        base = next(str(name) for name in published.names if name.authority == sample)
    return {
        "name": f"blocked: {sample}" if blocked else f"goes on: {sample or 'nothing'}",
        "url": base + target,
        "field": _FIELDS.get(by, ""),
        "value": sample,
        "blocked": blocked,
        "passes": "" if blocked else published.backend + target,
    }
