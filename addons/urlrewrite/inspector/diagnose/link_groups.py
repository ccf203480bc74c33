"""Links of a page that are wrong for the same reason, told together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from urlrewrite.content.carriers import Use
from urlrewrite.inspector.diagnose.case import Case
from urlrewrite.inspector.diagnose.finding import Finding, Harm, Severity
from urlrewrite.inspector.diagnose.page_references import Reference
from urlrewrite.inspector.diagnose.why import Cause
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.inspector.text import counted
from urlrewrite.trace.text import shown

_HARM: dict[Use, Harm] = {
    "base": Harm.PAGE,
    "script": Harm.FUNCTION,
    "frame": Harm.FUNCTION,
    "connect": Harm.FUNCTION,
    "form": Harm.FUNCTION,
    "style": Harm.LOOK,
    "link": Harm.LATER,
}
_NOUNS: dict[Use, str] = {
    "script": "scripts",
    "style": "style sheets",
    "image": "pictures",
    "frame": "frames",
    "connect": "addresses in scripts",
    "form": "forms",
    "link": "links",
    "base": "the base of all relative links",
}
EXAMPLES = 4
"""Links of a group that are shown."""


@dataclass(slots=True)
class LinkGroup:
    """Links of one response that are wrong for the same reason."""

    cause: Cause
    seen: RecordedExchange
    found: list[Reference] = field(default_factory=list)

    @property
    def harm(self) -> Harm:
        """That of the most important of them."""
        return min(map(harm_of, self.found))

    def subject(self, case: Case) -> str:
        """`3 links of this page (scripts, pictures)`."""
        where = "this page" if self.seen is case.page else shown(self.seen.request.target, 80)
        uses = sorted({each.use for each in self.found}, key=lambda use: _HARM.get(use, Harm.PART))
        nouns = ", ".join(_NOUNS.get(use, "media") for use in uses[:3])
        return f"{counted(len(self.found), 'link')} of {where} ({nouns})"

    def verb(self, singular: str, plural: str) -> str:
        """The verb for so many links."""
        return singular if len(self.found) == 1 else plural

    def finding(self, case: Case, kind: str, title: str, *evidence: tuple[str, str], severity: Severity) -> Finding:
        """The finding, whose evidence begins with some of the links."""
        unique = {(each.place, each.written): None for each in sorted(self.found, key=harm_of)}
        cause = self.cause
        return Finding(
            kind,
            self.harm,
            title,
            (self.seen.flow_id, case.page.flow_id),
            (*tuple(unique)[:EXAMPLES], *evidence),
            severity=severity,
            count=len(self.found),
            **cause.concerned,
        )

    @property
    def severity(self) -> Severity:
        """A link that somebody has to click first is a warning."""
        return Severity.WARNING if self.harm >= Harm.LATER else Severity.ERROR


class LinkGroups:
    """Groups of one response, by cause."""

    def __init__(self, seen: RecordedExchange) -> None:
        self._seen = seen
        self._groups: dict[tuple[str, ...], LinkGroup] = {}

    def add(self, cause: Cause, reference: Reference, *key: str) -> None:
        """Adds a link; `key` tells groups of one cause apart."""
        group = self._groups.setdefault((*cause.key, *key), LinkGroup(cause, self._seen))
        group.found.append(reference)

    def __iter__(self) -> Iterator[LinkGroup]:
        return iter(self._groups.values())


def harm_of(reference: Reference) -> Harm:
    """How much of the page is lost with a link."""
    return _HARM.get(reference.use, Harm.PART)


def responses_with_links(case: Case) -> Iterator[RecordedExchange]:
    """The document, and what it loaded as far as there is time to read it."""
    yield case.page
    for seen in case.load.resources:
        if not case.in_time():
            return
        if seen.answer and seen.answer.status < 400:
            yield seen


def is_insecure(case: Case, reference: Reference) -> bool:
    """Whether it is mixed content."""
    return case.page.request.scheme == "https" and reference.url.lower().startswith(("http://", "ws://"))
