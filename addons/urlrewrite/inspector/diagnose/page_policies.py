"""The policies that a page is under: Content-Security-Policy of its response, and of its `<meta>` elements.

Policies that only report are none: they block nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from urlrewrite.content.integrity import policies_in
from urlrewrite.inspector.diagnose.case import Case, field
from urlrewrite.inspector.recorded_exchange import RecordedExchange

NAME = "Content-Security-Policy"
_NOT_IN_PAGES = frozenset({"frame-ancestors", "report-uri", "sandbox"})
"""Directives that a `<meta>` element cannot give (CSP 3, 3.3)."""

type Policy = Mapping[str, list[str]]
"""Directive to its source expressions, both as written but for the letter case of the directive."""


@dataclass(frozen=True, slots=True)
class PagePolicy:
    """One policy; `in_page` says that a `<meta>` element gives it."""

    value: str
    directives: Policy
    in_page: bool

    def directive(self, *names: str) -> str:
        """Return the first of some directives that the policy has, "" where it has none of them."""
        return next((name for name in names if name in self.directives), "")


def parse_policy(value: str) -> Policy:
    """Return the directives of one policy; of a directive that appears twice, the first counts."""
    found: dict[str, list[str]] = {}
    for part in value.split(";"):
        words = part.split()
        if words:
            found.setdefault(words[0].lower(), words[1:])
    return found


def is_the_backends(case: Case, exchange: RecordedExchange, policy: PagePolicy) -> bool:
    """Say whether a policy came from the backend as it is: it forbids there what it forbids here."""
    if policy.in_page:
        return case.body(exchange) == case.body(exchange, original=True)
    return any(policy.value in line for line in field(exchange, NAME, original=True))


def policies_of(case: Case, exchange: RecordedExchange) -> Iterator[PagePolicy]:
    """Yield the policies of a response as the client got it."""
    for value in field(exchange, NAME):
        for one in value.split(","):
            yield PagePolicy(one, parse_policy(one), in_page=False)
    body = case.body(exchange)
    for one in policies_in(body.encode("utf-8", "replace")) if body else ():
        directives = {name: words for name, words in parse_policy(one).items() if name not in _NOT_IN_PAGES}
        yield PagePolicy(one, directives, in_page=True)
