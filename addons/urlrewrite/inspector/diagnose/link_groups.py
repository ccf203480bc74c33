"""Links of a page that are wrong for the same reason, grouped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from urlrewrite.content.carriers import Use
from urlrewrite.inspector.diagnose.breakage import Breakage, BreakageSeverity, Loss
from urlrewrite.inspector.diagnose.case import Case
from urlrewrite.inspector.diagnose.cause import Cause
from urlrewrite.inspector.diagnose.page_references import Reference
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.inspector.text import counted
from urlrewrite.trace.text import shown

_HARM: dict[Use, Loss] = {
    "base": Loss.PAGE,
    "script": Loss.FUNCTION,
    "frame": Loss.FUNCTION,
    "connect": Loss.FUNCTION,
    "form": Loss.FUNCTION,
    "style": Loss.LOOK,
    "link": Loss.LATER,
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
    exchange: RecordedExchange
    found: list[Reference] = field(default_factory=list)

    @property
    def loss(self) -> Loss:
        """The loss of the most important of them."""
        return min(map(loss_of, self.found))

    def subject(self, case: Case) -> str:
        """Return the subject of a sentence: `3 links of this page (scripts, pictures)`."""
        where = "this page" if self.exchange is case.page else shown(self.exchange.request.target, 80)
        uses = sorted({each.use for each in self.found}, key=lambda use: _HARM.get(use, Loss.PART))
        nouns = ", ".join(_NOUNS.get(use, "media") for use in uses[:3])
        return f"{counted(len(self.found), 'link')} of {where} ({nouns})"

    def verb(self, singular: str, plural: str) -> str:
        """Return the verb in the number of the links."""
        return singular if len(self.found) == 1 else plural

    def breakage(
        self, case: Case, kind: str, title: str, *evidence: tuple[str, str], severity: BreakageSeverity
    ) -> Breakage:
        """Return the breakage, whose evidence begins with some of the links."""
        unique = {(each.place, each.written): None for each in sorted(self.found, key=loss_of)}
        cause = self.cause
        return Breakage(
            kind,
            self.loss,
            title,
            (self.exchange.flow_id, case.page.flow_id),
            (*tuple(unique)[:EXAMPLES], *evidence),
            severity=severity,
            count=len(self.found),
            **cause.concerned,
        )

    @property
    def is_in_scripts(self) -> bool:
        """Whether all of them are strings in scripts, which may be there for another reason than to be asked for."""
        return not any(each.tag or each.use != "connect" for each in self.found)

    @property
    def severity(self) -> BreakageSeverity:
        """A warning for links that somebody has to click first, otherwise an error."""
        return BreakageSeverity.WARNING if self.loss >= Loss.LATER else BreakageSeverity.ERROR


class LinkGroups:
    """Groups of one response, by cause."""

    def __init__(self, exchange: RecordedExchange) -> None:
        self._exchange = exchange
        self._groups: dict[tuple[str, ...], LinkGroup] = {}

    def add(self, cause: Cause, reference: Reference, *key: str) -> None:
        """Add a link; `key` separates groups of one cause."""
        group = self._groups.setdefault((*cause.key, *key), LinkGroup(cause, self._exchange))
        group.found.append(reference)

    def __iter__(self) -> Iterator[LinkGroup]:
        return iter(self._groups.values())


def loss_of(reference: Reference) -> Loss:
    """Return how much of the page is lost with a link."""
    return _HARM.get(reference.use, Loss.PART)


def responses_with_links(case: Case) -> Iterator[RecordedExchange]:
    """Yield the document, and what it loaded as far as there is time to read it."""
    yield case.page
    for exchange in case.load.resources:
        if not case.in_time():
            return
        if exchange.response and exchange.response.status < 400:
            yield exchange
