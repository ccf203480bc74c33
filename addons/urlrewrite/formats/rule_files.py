"""Reads rule files of every kind, and puts them together.

What a file is, its content tells: XML begins with `<`, Apache's files have directives, everything else is YAML.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path, PurePath

from urlrewrite.formats.apache import mod_rewrite
from urlrewrite.formats.assembly import missing_files, missing_files_of_farm, put_together
from urlrewrite.formats.files_read import FilesRead, reason
from urlrewrite.formats.reports import ProblemId
from urlrewrite.formats.xml import rules as xml_rules
from urlrewrite.formats.yaml import rules as yaml_rules
from urlrewrite.model import RuleSet, Source
from urlrewrite.model.problems import Problem


class FileKind(StrEnum):
    """The formats of rule files."""

    YAML = "YAML"
    XML = "IIS XML"
    MOD_REWRITE = "mod_rewrite"


_SUFFIXES = {
    ".yaml": FileKind.YAML,
    ".yml": FileKind.YAML,
    ".config": FileKind.XML,
    ".xml": FileKind.XML,
    ".htaccess": FileKind.MOD_REWRITE,
}
_DIRECTIVE = re.compile(
    rb"^[ \t]*(?:(?:Rewrite(?:Rule|Cond|Engine|Base|Map|Options)|ProxyPass(?:Match|Reverse)?|Redirect(?:Match)?|Require"
    rb"|AuthType|ServerName)[ \t]|<(?:IfModule|Directory|Location|VirtualHost|Files|FilesMatch|LocationMatch|Proxy)\b)",
    re.IGNORECASE | re.MULTILINE,
)
_MARKUP = re.compile(rb"\s*<[?!A-Za-z_]")
_LOOKED_AT = 64 * 1024

MAX_APACHE_SIZE = 2**20
"""Bytes of a file for Apache; each of its rules is translated, so that thousands take seconds."""


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


def kind_of(content: bytes, file: str) -> FileKind:
    """Tell the kind of a file by its name, or else by what it begins with."""
    name = PurePath(file).name.lower()
    if kind := _SUFFIXES.get(PurePath(name).suffix or name):
        return kind
    head = content[:_LOOKED_AT]
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        head = head.decode("utf-16", "replace").encode()
    head = head.removeprefix(codecs.BOM_UTF8)
    # Apache's sections look like elements.
    if _DIRECTIVE.search(head) and not head.lstrip().startswith(b"<?xml"):
        return FileKind.MOD_REWRITE
    return FileKind.XML if _MARKUP.match(head) else FileKind.YAML


def _read(content: bytes, file: str, problems: list[Problem], files: FilesRead) -> RuleSet | None:
    kind = kind_of(content, file)
    if kind is FileKind.XML:
        return xml_rules.read(content, file, problems, files)
    try:
        text = _decode(content)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        message = f"got the byte 0x{content[error.start]:02x}, expected a text in UTF-8"
        problems.append(Problem(Source(file, line), message, ProblemId.UNREADABLE))
        return None
    if kind is FileKind.MOD_REWRITE and len(content) > MAX_APACHE_SIZE:
        message = f"got {len(content)} bytes, expected at most {MAX_APACHE_SIZE} of an Apache configuration"
        problems.append(Problem(Source(file, 1), message, ProblemId.UNREADABLE))
        return None
    if kind is FileKind.MOD_REWRITE:
        return mod_rewrite.read(text, file, problems, files)
    return yaml_rules.read(text, file, problems, files)


def _decode(content: bytes) -> str:
    """Decode UTF-8 with or without a byte order mark, or UTF-16 with one, as Windows editors write it."""
    utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if utf16 else "utf-8-sig")
