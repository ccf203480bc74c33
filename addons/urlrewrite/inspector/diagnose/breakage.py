"""A breakage: one thing that is broken on a page, why, and which rule is concerned."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum
from typing import Any

from urlrewrite.inspector.text import shortened
from urlrewrite.trace.text import shown, visible

VALUE = 300
"""Characters of a value in the evidence."""

_TITLE = 400
_MAX_FLOWS = 20


class BreakageSeverity(StrEnum):
    """An error is what a user sees, a warning what some users or browsers see, a note what may explain it."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Knowledge(StrEnum):
    """How a claim is known."""

    BROWSER = "browser"
    """The browser said so."""
    RECORD = "record"
    """The exchange as it was recorded shows it: its trace, its fields, its body."""
    EXPERIMENT = "experiment"
    """It was tried with one thing changed, and the change made the difference."""
    SPECIFICATION = "specification"
    """A specification says that what was recorded has this effect."""
    GUESS = "guess"
    """Likely, from experience. Never an error, and never before a claim that is known."""


class Loss(IntEnum):
    """How much of the page is lost, the worst first."""

    PAGE = 0
    FUNCTION = 1
    """Scripts, frames, forms, logins, connections."""
    LOOK = 2
    """Style sheets."""
    PART = 3
    """Pictures and the like."""
    LATER = 4
    """What shows only after a click."""
    HINT = 5


@dataclass(frozen=True, slots=True)
class Breakage:
    """One thing that is broken. `kind` is a stable word, and so is `code`, that of the cause where the kind alone is
    not enough.

    `evidence` are pairs of a label and a value; `flows` are ids, the most telling first.

    `rule` is the rule concerned, as its file names it, and `source` its file and line; both are "" where there is none.
    `yaml` is what to do as settings for the site named `site`, "" where there are none that would help.
    `known` says how the claim is known, and `said` that the browser said so, even where more is known by now.
    """

    kind: str
    loss: Loss
    title: str
    flows: tuple[str, ...]
    evidence: tuple[tuple[str, str], ...] = ()
    rule: str = ""
    source: str = ""
    todo: str = ""
    severity: BreakageSeverity = BreakageSeverity.ERROR
    count: int = 1
    code: str = ""
    yaml: str = ""
    site: str = ""
    known: Knowledge = Knowledge.RECORD
    said: bool = False

    def as_data(self) -> dict[str, Any]:
        """Return it as JSON values for a page: texts are visible and clipped."""
        return {
            "kind": self.kind,
            "code": self.code,
            "severity": str(self.severity),
            "title": shortened(visible(self.title), _TITLE),
            "evidence": [[label, shown(value, VALUE)] for label, value in self.evidence],
            "flows": list(dict.fromkeys(self.flows))[:_MAX_FLOWS],
            "rule": visible(self.rule),
            "source": visible(self.source),
            "todo": shortened(visible(self.todo), _TITLE * 2),
            "yaml": self.yaml,
            "site": self.site,
            "count": self.count,
            "known": str(self.known),
            "said": self.said,
        }


def worst_first(breakages: list[Breakage]) -> list[Breakage]:
    """Sort by severity, then by loss; equal ones are kept once. Guesses come last, and none is an error.

    Of one severity, what the browser said comes first, but for what became of the page itself.
    """
    order = list(BreakageSeverity)

    def place(each: Breakage) -> tuple[bool, int, bool, bool, Loss]:
        guessed, rest = each.known is Knowledge.GUESS, each.loss is not Loss.PAGE
        return guessed, order.index(each.severity), rest, not each.said, each.loss

    return sorted(dict.fromkeys(map(_not_more_than_a_guess, breakages)), key=place)


def _not_more_than_a_guess(breakage: Breakage) -> Breakage:
    if breakage.known is Knowledge.GUESS and breakage.severity is BreakageSeverity.ERROR:
        return replace(breakage, severity=BreakageSeverity.WARNING)
    return breakage
