"""The register of findings: every id with its documentation, and the linter's checks.

The documentation of an id stands where the id is given out: here at the check itself, for all other parts of the code
in `documents`. `rules/messages.md` is printed from it (see `messages`), and shows the next free id: checks of texts and
patterns begin at UR130, of conditions at UR140, of variables at UR150, of outbound rules at UR160, of actions at UR170,
of the order of rules at UR180, more of any of these at UR240, and of exports to other servers at UR300. An id that was
published once is never given to another finding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from urlrewrite.lint.views import Subject, heading
from urlrewrite.model import Source
from urlrewrite.model.problems import Problem, Severity


@dataclass(frozen=True, slots=True)
class Document:
    """What an id means: the finding itself, what IIS does with such a rule, what happens here, and what to write."""

    id: str
    title: str
    means: str
    iis: str
    here: str
    write: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check yields: one or two sentences; source and rule, if they are not those of the subject."""

    message: str
    source: Source | None = None
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """A check: `find` is called with each subject of the type `on`."""

    document: Document
    on: type
    find: Callable[[Any], Iterator[Finding]]
    severity: Severity = Severity.WARNING

    def problems(self, subject: Subject) -> Iterator[Problem]:
        """Yield the problems that this check finds in a subject of its type."""
        for finding in self.find(subject):
            source = finding.source or subject.source
            rule = subject.rule if finding.rule is None else finding.rule
            yield Problem(source, heading(subject) + finding.message, self.document.id, rule, self.severity)


DOCUMENTS: dict[str, Document] = {}
"""Every documented id. Complete once `linter` is imported."""

CHECKS: list[Check] = []


def document(id: str, title: str, *, means: str, iis: str, here: str, write: str) -> Document:
    """Register the documentation of an id.

    Raises:
        ValueError: the id is documented already.
    """
    if id in DOCUMENTS:
        raise ValueError(f"{id} is documented twice")
    DOCUMENTS[id] = Document(id, title, means, iis, here, write)
    return DOCUMENTS[id]


def check[S: Subject](
    id: str,
    title: str,
    on: type[S],
    *,
    means: str,
    iis: str,
    here: str,
    write: str,
    severity: Severity = Severity.WARNING,
) -> Callable[[Callable[[S], Iterator[Finding]]], Callable[[S], Iterator[Finding]]]:
    """Return a decorator that registers a check with the documentation of its id.

    Raises:
        ValueError: the id is documented already.
    """

    def register(find: Callable[[S], Iterator[Finding]]) -> Callable[[S], Iterator[Finding]]:
        CHECKS.append(Check(document(id, title, means=means, iis=iis, here=here, write=write), on, find, severity))
        return find

    return register
