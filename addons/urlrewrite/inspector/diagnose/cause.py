"""A cause that was found: its sentence, and what it concerns. The causes there are stand in `why.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

from urlrewrite.inspector.diagnose.why import Why, sentence


class Concerned(TypedDict):
    """The rule concerned, its file and line, what to do, the code of the cause, and what is to stand in a site."""

    rule: str
    source: str
    todo: str
    code: str
    yaml: str
    site: str


@dataclass(frozen=True, slots=True)
class Cause:
    """Why something is as it is: a sentence with its code, the rule concerned and its position, and what to do.

    `code` is that of the trace where the proxy itself or a farm refused, else one of `Why`; None where the kind of a
    breakage is all that there is. `yaml` is what to do as settings for the site named `site`, "" where there are none
    that would help.
    """

    rule: str
    source: str
    why: str
    todo: str = ""
    code: str | None = None
    values: tuple[str, ...] = ()
    yaml: str = ""
    site: str = ""

    @property
    def key(self) -> tuple[str, ...]:
        """What distinguishes causes; those with equal keys are reported together."""
        return (self.rule, str(self.code), *self.values) if self.code else (self.rule, self.why)

    @property
    def concerned(self) -> Concerned:
        """What a breakage says of its cause."""
        code = str(self.code or "")
        return Concerned(rule=self.rule, source=self.source, todo=self.todo, code=code, yaml=self.yaml, site=self.site)


def cause(why: Why, rule: str = "", source: str = "", **values: object) -> Cause:
    """Make a cause with its sentence and advice; `values` fill their placeholders."""
    values["rule"] = rule
    parts = tuple(map(str, values.values()))
    return Cause(rule, source, sentence(why, values), why.advice.format_map(values), why, parts)
