"""Paths of files that a rule file in YAML names."""

from __future__ import annotations

from pathlib import Path, PureWindowsPath

from urlrewrite.formats.yaml.fields import Table


def absolute(table: Table, key: str) -> str:
    """Resolve a path against the rule file; one of Windows, such as `%SystemDrive%/inetpub`, stays as it is."""
    path = table.text(key)
    if not path or path.startswith("%") or PureWindowsPath(path).drive:
        return path
    return str(Path(table.report.file).absolute().parent / path)
