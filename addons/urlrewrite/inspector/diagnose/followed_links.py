"""Links that were followed and were wrong: the backend's page has another address in their place."""

from __future__ import annotations

from urlrewrite.inspector.diagnose.addresses import difference
from urlrewrite.inspector.diagnose.case import Case, path_of
from urlrewrite.inspector.diagnose.cause import Cause
from urlrewrite.inspector.diagnose.page_references import Reference
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.trace.text import shown

type Named = tuple[RecordedExchange, Reference, Reference | None]
"""Where a URL is named: the response, the reference, and the backend's reference in the same place."""


def wrong_link(case: Case, where: Named) -> tuple[str, str, Cause] | None:
    """Return the cause if the link in the page is wrong: the backend's page has another address there."""
    page, after, before = where
    if before is None:
        return _unprefixed(case, page, after)
    right = case.public_url(before.url, page) if case.names_backend(before.url, page) else ""
    if not right or path_of(right) == path_of(after.url):
        return None
    changer = case.changer(page, before.written, after.written)
    what = difference(path_of(right), path_of(after.url))
    detail = f": {what}" if what else f", where {shown(path_of(right), 100)} would be right"
    if changer:
        why = f'the rule "{changer}" made {shown(after.written, 100)} of {shown(before.written, 100)}{detail}'
        source = case.rule_source(changer, page)
        return "wrong-link", why, Cause(changer, source, why, "Correct the value of the rule.")
    why = f"the page has {shown(after.written, 100)}{detail}; no rule made it so"
    return "wrong-link", why, Cause("", "", "", "Add an outbound rule for it, or links: everywhere.")


def _unprefixed(case: Case, page: RecordedExchange, reference: Reference) -> tuple[str, str, Cause] | None:
    site = case.site(page)
    path = site.site.path if site else ""
    if not path or path_of(reference.url).startswith(f"{path}/") or not reference.written.startswith("/"):
        return None
    why = (
        f"{shown(reference.written, 100)} in {reference.place} lacks the path {path}, below which the site is published"
    )
    return "wrong-link", why, Cause("", "", why, "Map it by links: everywhere, rootPaths:, or an outbound rule.")
