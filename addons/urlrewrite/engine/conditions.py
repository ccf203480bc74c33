"""Conditions of rules, and preconditions, which are made of the same entries.

Entries are evaluated in order: MatchAll stops at the first that fails, MatchAny at the first that succeeds (IIS URL
Rewrite Module configuration reference, "Rule conditions"). `{C:n}` comes from the last condition that matched; with
`trackAllCaptures` the groups of all matched conditions are numbered through, `{C:0}` being the whole text that the
first one matched (2.0 reference, "Tracking capture groups across conditions").
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from urlrewrite.engine.scope import Scope
from urlrewrite.engine.template import Template
from urlrewrite.model import Condition, LogicalGrouping, MatchType
from urlrewrite.patterns.pattern import Captures, Pattern
from urlrewrite.trace.reasons import Reason
from urlrewrite.trace.request_events import (
    CONDITION_EVALUATION,
    CONDITIONS_EVALUATION_END,
    CONDITIONS_EVALUATION_START,
    Reached,
)
from urlrewrite.trace.trace import clip


@dataclass(frozen=True, slots=True)
class CompiledCondition:
    """A condition with its template and pattern ready; `pattern` is None for IsFile and IsDirectory."""

    condition: Condition
    input: Template
    pattern: Pattern | None


@dataclass(frozen=True, slots=True)
class CompiledConditions:
    """A `<conditions>` or `<preCondition>` element."""

    items: tuple[CompiledCondition, ...]
    logical_grouping: LogicalGrouping
    track_all_captures: bool

    def evaluate(self, scope: Scope) -> bool:
        """Say whether the conditions hold, and leave `{C:n}` in the scope. No conditions hold always.

        Raises:
            PatternTimeout: a pattern took longer than the scope's deadline.
        """
        if not self.items:
            return True
        trace = scope.trace
        trace.add(
            CONDITIONS_EVALUATION_START,
            logical_grouping=str(self.logical_grouping),
            track_all_captures=self.track_all_captures,
        )
        any_suffices = self.logical_grouping is LogicalGrouping.MATCH_ANY
        succeeded = not any_suffices
        for item in self.items:
            succeeded = self._evaluate_one(item, scope)
            if succeeded is any_suffices:
                break
        trace.add(CONDITIONS_EVALUATION_END, succeeded=succeeded)
        return succeeded

    def _evaluate_one(self, item: CompiledCondition, scope: Scope) -> bool:
        condition = item.condition
        # Whether the file is there is told by itself.
        scope.tells_roots = item.pattern is not None
        text = scope.expand(item.input)
        scope.tells_roots = True
        captures: Captures | None = None
        if item.pattern is None:
            matched = _exists(condition, text, scope)
        else:
            captures = item.pattern.search(text, scope.deadline)
            matched = captures is not None
        succeeded = matched is not condition.negate
        if captures and succeeded:
            groups = captures.groups
            scope.conditions = scope.conditions + groups[1:] if self.track_all_captures and scope.conditions else groups
        if scope.trace.on:
            scope.trace.add(
                CONDITION_EVALUATION,
                input=condition.input,
                expanded_input=clip(text),
                match_type=str(condition.match_type),
                pattern=condition.pattern,
                negate=condition.negate,
                matched=matched,
                succeeded=succeeded,
                captures=list(captures.groups) if captures else [],
                **stopped_at(item.pattern, text, matched, scope),
            )
        return succeeded


def stopped_at(pattern: Pattern | None, text: str, matched: bool, scope: Scope) -> Reached:
    """Return, for a trace, how far into `text` the pattern got before it failed."""
    return {} if matched or pattern is None else {"matched_up_to": pattern.reach(text, scope.deadline)}


def _exists(condition: Condition, text: str, scope: Scope) -> bool:
    """Evaluate IsFile or IsDirectory on the requested file, or on the condition's own input (2.4 of the reference)."""
    name = text or scope.variables["REQUEST_FILENAME"]
    root = scope.variables.document_root
    if scope.is_global:
        scope.trace.warn(Reason.FILE_IN_GLOBAL_RULES, kind=str(condition.match_type))
        return False
    if not root:
        scope.trace.warn(Reason.NO_DOCUMENT_ROOT, kind=str(condition.match_type))
        return False
    path = Path(root, name.replace("\\", "/"))
    try:
        # A request must not be able to ask about files outside of the site.
        if not path.resolve().is_relative_to(Path(root).resolve()):
            return False
        return path.is_file() if condition.match_type is MatchType.IS_FILE else path.is_dir()
    except (OSError, ValueError):
        return False
