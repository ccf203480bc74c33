"""Rewrite providers: `{name:text}` in a template asks one.

IIS's own samples that answer out of a text file, FileMapProvider and FileContainsProvider, are done here ("Using Custom
Rewrite Providers with URL Rewrite Module"). Others are classes in .NET, of which nothing can be known.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from urlrewrite.formats.files_read import FilesRead, reason
from urlrewrite.formats.reports import ProblemId, Report
from urlrewrite.formats.wording import shown
from urlrewrite.model import Provider

FILE_MAP = "FileMapProvider"
FILE_CONTAINS = "FileContainsProvider"
DB = "DbProvider"

_ROOT = "{DOCUMENT_ROOT}"
_SWITCH = {"1": True, "true": True, "0": False, "false": False}


def with_answers(
    provider: Provider, report: Report, files: FilesRead, directory: Path, document_root: str = ""
) -> Provider:
    """Give a provider the entries of its file.

    A file that cannot be read is an error; a provider that cannot be honoured is a warning, and stays in the model.

    Args:
        provider: as it was read; its source tells where.
        report: of the file that it was read from.
        files: reads the provider's file, and remembers it.
        directory: where the file that it was read from lies; the provider's file is relative to it.
        document_root: what `{DOCUMENT_ROOT}` stands for; the directory where there is none.
    """
    label = f"provider {shown(provider.name)}"
    line = provider.source.line
    settings = {name.casefold(): value for name, value in provider.settings.items()}
    kind = provider.type.partition(",")[0].strip().rpartition(".")[2].casefold()
    if kind not in (FILE_MAP.casefold(), FILE_CONTAINS.casefold()):
        what = "a database" if kind == DB.casefold() else "a class in .NET"
        message = (
            f"{label}: got {shown(provider.type)}, expected {FILE_MAP} or {FILE_CONTAINS}: "
            f"{what} cannot be used here; a rewrite map can hold the same values"
        )
        report.warning(line, ProblemId.UNSUPPORTED, message)
        return replace(provider, supported=False)
    ignore_case = _SWITCH.get(settings.get("ignorecase", "1").strip().lower())
    if ignore_case is None:
        report.error(
            line, ProblemId.BAD_VALUE, f"{label}: IgnoreCase: got {shown(settings['ignorecase'])}, expected 1 or 0"
        )
        ignore_case = True
    name = settings.get("filepath", "")
    if not name.strip():
        report.error(line, ProblemId.MISSING, f"{label}: FilePath: got nothing, expected the path of a text file")
        return replace(provider, ignore_case=ignore_case)
    path = _path(name, directory, document_root)
    try:
        text = _decode(files.read(path, plain=True))
    except (OSError, ValueError) as error:
        message = f"{label}: FilePath: got {shown(name)} ({reason(error)}), expected a text file that can be read"
        report.error(line, ProblemId.UNREADABLE, message)
        return replace(provider, ignore_case=ignore_case)
    lines = Report(str(path), report.problems)
    if kind == FILE_CONTAINS.casefold():
        answers = {line: line for _, line in _lines(text)}
    else:
        answers = _pairs(text, settings.get("separator", "") or "\t", lines)
    return replace(provider, entries=MappingProxyType(answers), ignore_case=ignore_case)


def _path(name: str, directory: Path, document_root: str) -> Path:
    """Find the file that `FilePath` names, written as Windows writes paths or as everybody else does."""
    root = document_root or str(directory)
    if name.lstrip()[: len(_ROOT)].upper() == _ROOT:
        name = root.rstrip("/\\") + "/" + name.lstrip()[len(_ROOT) :].lstrip("/\\")
    path = directory / name
    return path if path.exists() else directory / name.replace("\\", "/")


def _decode(content: bytes) -> str:
    """Decode UTF-8, or UTF-16 with a byte order mark. Raises ValueError for everything else."""
    utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return content.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(f"line {line}: it is no text in UTF-8") from None


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines that are not empty, with their numbers."""
    for number, line in enumerate(text.split("\n"), 1):
        if line := line.removesuffix("\r"):
            yield number, line


def _pairs(text: str, separator: str, report: Report) -> dict[str, str]:
    """Read `key<separator>value` from each line."""
    answers: dict[str, str] = {}
    for number, line in _lines(text):
        key, found, value = line.partition(separator)
        if not found:
            message = f"got {shown(line)} without the separator {shown(separator)}, expected key and value; left out"
            report.warning(number, ProblemId.NO_EFFECT, message)
        elif answers.setdefault(key, value) != value:
            message = f"got the key {shown(key)} again, expected each once; the first value counts"
            report.warning(number, ProblemId.NO_EFFECT, message)
    return answers
