"""The kinds of rule files, and the text in them.

What a file is, its content tells: XML begins with `<`, Apache's files have directives, everything else is YAML.
"""

from __future__ import annotations

import codecs
import re
from enum import StrEnum
from pathlib import PurePath

from urlrewrite.formats.apache import mod_rewrite
from urlrewrite.formats.files_read import FilesRead
from urlrewrite.formats.reports import ProblemId
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


def read_apache(content: bytes, file: str, problems: list[Problem], files: FilesRead) -> RuleSet | None:
    """Read a file of Apache; None, and a problem more, where that cannot be done."""
    if len(content) > MAX_APACHE_SIZE:
        message = f"got {len(content)} bytes, expected at most {MAX_APACHE_SIZE} of an Apache configuration"
        problems.append(Problem(Source(file, 1), message, ProblemId.UNREADABLE))
        return None
    text = read_text(content, file, problems)
    return None if text is None else mod_rewrite.read(text, file, problems, files)


def read_text(content: bytes, file: str, problems: list[Problem]) -> str | None:
    """Decode UTF-8 with or without a byte order mark, or UTF-16 with one, as Windows editors write it; None, and a
    problem more, for anything else.
    """
    utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return content.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        message = f"got the byte 0x{content[error.start]:02x}, expected a text in UTF-8"
        problems.append(Problem(Source(file, line), message, ProblemId.UNREADABLE))
        return None
