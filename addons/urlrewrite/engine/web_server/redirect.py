"""`<httpRedirect>`: a whole site, or what wildcards match, is elsewhere.

(IIS configuration reference, "HTTP Redirects"; the variables are those of the metabase property HttpRedirect.) IIS does
this when it maps a handler, so that rules go before: what a rule responds to is not redirected.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from urlrewrite.engine.url_path import CookedPath, encode_url, split_target
from urlrewrite.model import PatternSyntax, Source
from urlrewrite.model.web_server import HttpRedirect, ResponseStatus, WildcardRedirect
from urlrewrite.patterns.pattern import compile_pattern
from urlrewrite.trace.reasons import Reason

_VARIABLE = re.compile(r"\$([SPQV0-9])")


@dataclass(frozen=True, slots=True)
class Redirection:
    """Where a request is redirected; `wildcard` is the one that matched, "" for the section's own destination."""

    location: str
    status: int
    destination: str
    source: Source
    reason: Reason
    wildcard: str = ""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A URL as the section sees it. `suffix` is its path below the directory, as the client wrote it."""

    path: str
    suffix: str
    query: str | None


class Redirect:
    """The redirect of a directory (decoded, without slashes at its ends; "" for the site)."""

    def __init__(self, section: HttpRedirect, directory: str) -> None:
        self._section = section
        self._directory = directory
        self._wildcards = [
            (compile_pattern(entry.wildcard, PatternSyntax.WILDCARD, ignore_case=True), entry)
            for entry in section.wildcards.add
        ]

    def redirection(self, scheme: str, host: str, target: str, deadline: float) -> Redirection | None:
        """Return where a request for `target` is redirected; None if it is not. `deadline` is in seconds.

        Raises:
            PatternTimeout: a wildcard took longer than the deadline.
        """
        section = self._section
        if not section.enabled:
            return None
        raw, query = split_target(target)
        cooked = CookedPath(raw)
        asked = _Asked(f"/{cooked.text}", cooked.raw_below(self._directory) or "/", query)
        if section.child_only and "/" in asked.suffix.strip("/"):
            return None
        if section.destination:
            return self._to(scheme, host, section.destination, (), asked, None)
        for pattern, entry in self._wildcards:
            if found := pattern.search(asked.path, deadline):
                return self._to(scheme, host, entry.destination, found.groups[1:], asked, entry)
        return None

    def _to(
        self,
        scheme: str,
        host: str,
        destination: str,
        matched: tuple[str, ...],
        asked: _Asked,
        entry: WildcardRedirect | None,
    ) -> Redirection:
        query = "" if asked.query is None else f"?{asked.query}"
        parts = {"S": asked.suffix, "V": asked.path, "P": asked.query or "", "Q": query}
        parts |= {str(number): text for number, text in enumerate(matched)}
        location = _VARIABLE.sub(lambda found: parts.get(found[1], ""), destination)
        if location == destination and not self._section.exact_destination:
            location = location.removesuffix("/") + asked.suffix + query
        if location.startswith("/"):
            location = f"{scheme}://{host}{location}"
        status = (self._section.http_response_status or ResponseStatus.FOUND).status
        source = entry.source if entry else self._section.source
        reason = Reason.WILDCARD_REDIRECTS if entry else Reason.SITE_REDIRECTS
        return Redirection(encode_url(location), status, destination, source, reason, entry.wildcard if entry else "")
