"""The rules as they would be with edited texts in place of the rule files. Nothing is written."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Any

from urlrewrite.engine.compile import CompiledRules
from urlrewrite.exchange.rules_in_force import RulesInForce, Settings
from urlrewrite.inspector.recorded_exchange import Snapshot
from urlrewrite.inspector.trials.rule_texts import edited_contents, rule_paths
from urlrewrite.loading.file_stamps import Stamp, stamp
from urlrewrite.loading.load import load_rules
from urlrewrite.loading.overrides import Overrides
from urlrewrite.model.problems import Problem, RuleFileError
from urlrewrite.trace.text import visible
from urlrewrite.trace.trace import TraceLevel

type _Key = tuple[tuple[str, ...], Overrides, tuple[tuple[str, bytes], ...]]

_MAX_KEPT = 4


@dataclass(frozen=True, slots=True)
class Loaded:
    """The result of loading rule files: rules, None where there are errors, and all problems in file order."""

    rules: CompiledRules | None
    problems: tuple[Problem, ...]

    def in_force(self, settings: Settings, fingerprint: str = "") -> RulesInForce | None:
        """Return the rules as if they were in force, traced in full.

        A `fingerprint` replaces theirs: the marks that it leaves in responses then make no difference.
        """
        if self.rules is None:
            return None
        rules = self.rules
        if fingerprint:
            rules = replace(rules, rule_set=replace(rules.rule_set, fingerprint=fingerprint))
        return RulesInForce(rules, replace(settings, trace=TraceLevel.FULL))


def load_edited(snapshot: Snapshot, edited: Mapping[str, str]) -> Loaded:
    """Return the rules with texts in place of what is on disk, by absolute path.

    The last few are kept, since whoever edits a URL uses the same rules again and again.

    Raises:
        NotEditable: a path is not one of the rule files, or a text cannot be saved in its file.
    """
    contents = edited_contents(snapshot, edited)
    key = snapshot.files, snapshot.overrides, tuple(sorted(contents.items()))
    with _lock:
        kept = _kept.get(key)
    if kept and stamp(name for name, *_ in kept[1]) == kept[1]:
        return kept[0]
    names = rule_paths(snapshot)
    before = stamp(names)
    try:
        compiled, problems = load_rules(snapshot.files, snapshot.overrides, contents)
    except RuleFileError as error:
        loaded = Loaded(None, error.problems)
        named = error.rule_set.files if error.rule_set else ()
    else:
        loaded = Loaded(compiled, problems)
        named = compiled.rule_set.files
    stamps = (*before, *stamp(name for name in named if name not in names))
    with _lock:
        _kept[key] = loaded, stamps
        while len(_kept) > _MAX_KEPT:
            _kept.popitem(last=False)
    return loaded


def problem_data(problem: Problem) -> dict[str, Any]:
    """Return a problem as `{file path line rule message id severity fix}`.

    `path` is absolute, as of the texts that are edited; `fix` is `[written, meant]`, or null.
    """
    return {
        "file": visible(problem.source.file),
        "path": str(Path(problem.source.file).absolute()),
        "line": problem.source.line,
        "rule": visible(problem.rule),
        "message": visible(problem.message),
        "id": str(problem.id),
        "severity": str(problem.severity),
        "fix": [problem.fix.written, problem.fix.meant] if problem.fix else None,
    }


_kept: OrderedDict[_Key, tuple[Loaded, Stamp]] = OrderedDict()
_lock = Lock()
