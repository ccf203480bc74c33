"""Reads rule files of every kind, and puts them together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from urlrewrite.formats.assembly import missing_files, missing_files_of_farm, put_together
from urlrewrite.formats.file_kinds import FileKind, kind_of, read_apache, read_text
from urlrewrite.formats.files_read import FilesRead, reason
from urlrewrite.formats.reports import ProblemId
from urlrewrite.formats.xml import rules as xml_rules
from urlrewrite.formats.yaml import rules as yaml_rules
from urlrewrite.model import RuleSet, Source
from urlrewrite.model.problems import Problem


def load(paths: Sequence[str | Path], edited: Mapping[str, bytes] | None = None) -> tuple[RuleSet, tuple[Problem, ...]]:
    """Read all files from disk; return their rules, joined in the order given, and the warnings.

    Raises RuleFileError with every problem of every file. A file that is named twice is read once.
    `edited` are contents by absolute path, which count instead of what is on disk there.
    """
    names: dict[Path, str] = {}
    for path in paths:
        names.setdefault(Path(path).absolute(), str(path))
    problems: list[Problem] = []
    files = FilesRead(edited)
    parts: list[RuleSet] = []
    for path, name in names.items():
        try:
            content = files.read(path)
        except (OSError, ValueError) as error:
            message = f"got no content ({reason(error)}), expected a rule file that can be read"
            problems.append(Problem(Source(name, 0), message, ProblemId.UNREADABLE))
            continue
        if part := _read(content, name, problems, files):
            parts.append(part)
    for part in parts:
        for site in part.sites:
            problems += missing_files(site)
        for farm in part.farms.values():
            problems += missing_files_of_farm(farm)
    return put_together(parts, problems, files, tuple(names.values()))


def _read(content: bytes, file: str, problems: list[Problem], files: FilesRead) -> RuleSet | None:
    match kind_of(content, file):
        case FileKind.XML:
            return xml_rules.read(content, file, problems, files)
        case FileKind.MOD_REWRITE:
            return read_apache(content, file, problems, files)
    text = read_text(content, file, problems)
    return None if text is None else yaml_rules.read(text, file, problems, files)
