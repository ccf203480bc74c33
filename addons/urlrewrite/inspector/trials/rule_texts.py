"""The rule files as texts that can be edited and saved.

Only the files that were read for the rules in force can be edited. What is saved keeps its encoding, its line ends and
its permissions, and replaces the old file atomically, so that nobody ever reads half of it.
"""

from __future__ import annotations

import codecs
import hashlib
import os
import re
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from urlrewrite.formats.files_read import reason
from urlrewrite.inspector.recorded_exchange import Snapshot

MAX_LENGTH = 2**20
"""Bytes up to which a file can be edited here."""

MAX_TEXTS = 100
"""Files that can be edited."""

_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_DECLARED = re.compile(r"<\?xml\s[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"']")
_STAMP_DIGITS = 20


class NotEditable(ValueError):  # noqa: N818
    """A file that cannot be edited or saved as requested; the message says why."""


@dataclass(frozen=True, slots=True)
class RuleText:
    """A rule file as it is on disk. `path` is absolute; lines of `text` end in LF, whatever they end in on disk.

    `text` is None where `note` says why there is none. `stamp` changes when the content does.
    """

    path: str
    text: str | None
    stamp: str = ""
    note: str = ""


def rule_texts(snapshot: Snapshot) -> list[RuleText]:
    """Return the files of the rules in force: first those that were given, then those that they name."""
    return [_rule_text(path) for path in rule_paths(snapshot)]


def rule_paths(snapshot: Snapshot) -> list[str]:
    """Return the absolute paths of these files."""
    named = snapshot.rules.rules.rule_set.files if snapshot.rules else ()
    given = (str(Path(path).absolute()) for path in snapshot.files)
    return list(dict.fromkeys((*given, *named)))[:MAX_TEXTS]


def edited_contents(snapshot: Snapshot, edited: Mapping[str, str]) -> dict[str, bytes]:
    """Return what would be saved for edited texts, by path; texts that are as they are on disk are left out.

    Raises:
        NotEditable: a path is not one of these files, or a text cannot be saved in its file.
    """
    contents = {}
    for path, text in edited.items():
        content = _content_on_disk(snapshot, path)
        try:
            changed = _as_saved(content, text)
        except (UnicodeError, LookupError) as error:
            raise NotEditable(
                f"{path}: got a text that cannot be saved in the encoding of the file ({error})"
            ) from None
        if len(changed) > MAX_LENGTH:
            raise NotEditable(f"{path}: got {len(changed):,} bytes, expected at most {MAX_LENGTH:,}")
        if changed != content:
            contents[path] = changed
    return contents


def save(snapshot: Snapshot, path: str, content: bytes, stamp: str) -> str:
    """Replace the content of a rule file and return the new stamp.

    `stamp` is that of the content which was edited. Where the path is a link, its target is replaced.

    Raises:
        NotEditable: the path is not one of the rule files, or somebody else has changed the file since.
        OSError: it cannot be written.
    """
    if stamp_of_file(snapshot, path) != stamp:
        raise NotEditable(
            f"{path} was changed on disk since it was read here. Nothing was saved: load it again, and make your "
            "change in the new text."
        )
    file = Path(path).resolve()
    status = file.stat()
    beside = file.with_name(f".{file.name}.{secrets.token_hex(6)}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(content)
            with suppress(PermissionError):
                os.fchown(handle, status.st_uid, status.st_gid)
            os.fchmod(handle, status.st_mode & 0o7777)
            out.flush()
            os.fsync(handle)
        beside.replace(file)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    return _stamp_of(content)


def stamp_of_file(snapshot: Snapshot, path: str) -> str:
    """Return the stamp of a rule file as it is on disk now. Raises NotEditable."""
    return _stamp_of(_content_on_disk(snapshot, path))


def _stamp_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:_STAMP_DIGITS]


def _rule_text(path: str) -> RuleText:
    try:
        content = _read(path)
        text = decoded_text(content)
    except (OSError, ValueError, LookupError) as error:
        why = reason(error) if isinstance(error, OSError | ValueError) else str(error)
        return RuleText(path, None, note=f"it cannot be edited here: {why}")
    return RuleText(path, text.replace("\r\n", "\n"), _stamp_of(content))


def _content_on_disk(snapshot: Snapshot, path: str) -> bytes:
    if path not in rule_paths(snapshot):
        raise NotEditable(f"got the path {path}, expected one of the rule files in force")
    try:
        return _read(path)
    except (OSError, ValueError) as error:
        raise NotEditable(f"{path} cannot be read: {reason(error)}") from None


def _read(path: str) -> bytes:
    if not Path(path).is_file():
        raise ValueError("it is not a file" if Path(path).exists() else "it does not exist")
    with Path(path).open("rb") as file:
        content = file.read(MAX_LENGTH + 1)
    if len(content) > MAX_LENGTH:
        raise ValueError(f"it has more than {MAX_LENGTH:,} bytes")
    return content


def decoded_text(content: bytes) -> str:
    """Return the text of a rule file. Raises ValueError or LookupError if it cannot be decoded."""
    bom, codec = _encoding(content, content[:400].decode("latin-1"))
    return content[len(bom) :].decode(codec)


def _as_saved(content: bytes, text: str) -> bytes:
    """Return an edited text as bytes, in the form of the content that it replaces."""
    bom, codec = _encoding(content, text[:400])
    text = text.replace("\r\n", "\n")
    if content.count(b"\r\n" if codec[:6] != "utf-16" else "\r\n".encode(codec)) * 2 > text.count("\n"):
        text = text.replace("\n", "\r\n")
    return bom + text.encode(codec)


def _encoding(content: bytes, head: str) -> tuple[bytes, str]:
    """Return the byte order mark of a file and its encoding, which XML without a mark declares."""
    for bom, codec in _BOMS:
        if content.startswith(bom):
            return bom, codec
    declared = _DECLARED.search(head)
    return b"", declared[1] if declared else "utf-8"
