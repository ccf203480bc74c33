"""What the linter finds in the rule files as they are on disk now, which may be newer than the rules in force."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from urlrewrite.inspector.recorded_exchange import Snapshot
from urlrewrite.lint.linter import judge
from urlrewrite.loading.file_stamps import Stamp, stamp
from urlrewrite.loading.load import load_rules
from urlrewrite.loading.overrides import Overrides
from urlrewrite.model.problems import Problem, RuleFileError


class FilesAre(StrEnum):
    """How the files relate to the rules in force: the same, newer, or impossible to load."""

    IN_FORCE = "in force"
    CHANGED = "changed"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Findings:
    """All findings that are not silenced, in file order."""

    files: FilesAre
    problems: tuple[Problem, ...]


def lint_files_on_disk(snapshot: Snapshot) -> Findings:
    """Lint the rule files as they are on disk; cached by modification time and size."""
    rules = snapshot.rules
    if not snapshot.files:
        return Findings(FilesAre.IN_FORCE, judge(rules.rules.rule_set) if rules else ())
    named = rules.rules.rule_set.files if rules else ()
    fingerprint = rules.fingerprint if rules else ""
    return _read(snapshot.files, snapshot.overrides, fingerprint, stamp((*snapshot.files, *named)))


@lru_cache(4)
def _read(files: tuple[str, ...], overrides: Overrides, fingerprint: str, stamp: Stamp) -> Findings:
    """Lint the files. `stamp` is unused but part of the cache's key: it identifies one state of the files."""
    try:
        compiled, problems = load_rules(files, overrides)
    except RuleFileError as error:
        return Findings(FilesAre.BROKEN, error.problems)
    same = compiled.rule_set.fingerprint == fingerprint
    return Findings(FilesAre.IN_FORCE if same else FilesAre.CHANGED, problems)
