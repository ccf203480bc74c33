"""Paths of files that a rule file in YAML names."""

from __future__ import annotations

from pathlib import Path, PureWindowsPath

from urlrewrite.formats.reports import Report
from urlrewrite.formats.yaml.fields import Table


def absolute(table: Table, key: str) -> str:
    """Resolve the path that a key has against the rule file; "" where there is none."""
    return absolute_path(table.text(key), table.report)


def absolute_path(path: str, report: Report) -> str:
    """Resolve a path against the rule file; one of Windows, such as `%SystemDrive%/inetpub`, stays as it is."""
    if not path or path.startswith("%") or PureWindowsPath(path).drive:
        return path
    return str(Path(report.file).absolute().parent / path)
