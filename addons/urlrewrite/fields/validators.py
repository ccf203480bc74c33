"""Caches kept honest: ETag marks, conditional requests, and the fields that describe the bytes of a body.

A rewritten page depends on the backend's page *and* on the rules. A client that revalidates with the backend's own ETag
would be told "not modified" after the rules have changed, and keep the page of the old rules. So the ETag of every
representation that is subject to rewriting, changed or not, carries a mark of what it was rewritten with:

    backend "abc"  ->  client "abc;ur=1a2b3c4d"  ->  If-None-Match "abc;ur=1a2b3c4d"  ->  backend "abc"

The fingerprint in the mark is the caller's: hex digits over everything the rewriting depends on (the rules, the public
origin). A mark of another fingerprint matches nothing any more. The mark stands inside the quotes, in characters that
an etagc may be (RFC 9110, 8.8.3), and a suffix that a cache on the way adds behind it (`-gzip`) is tolerated.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from urlrewrite.fields.digests import Digests, is_digest, renewed
from urlrewrite.fields.names import Change
from urlrewrite.fields.policies import has_hashes
from urlrewrite.fields.reasons import FieldReason, GivenReason, because
from urlrewrite.model.field_lines import FieldLine, FieldLines

_MARK = re.compile(r";ur=(?P<fingerprint>[0-9a-f]+)")
_ENTITY_TAG = re.compile(r'(?:W/)?"[^"]*"|[^\s,]+', re.ASCII)

_CONDITIONS = frozenset("if-none-match if-match if-modified-since if-range range".split())
_SIGNATURES = frozenset("signature signature-input content-signature x-signature".split())
_TRUE_FOR_BODY = because(FieldReason.TRUE_FOR_BODY)
_CSP = frozenset("content-security-policy content-security-policy-report-only".split())


@dataclass(frozen=True, slots=True)
class Unmarked:
    """Request fields as the backend may see them. `carried_mark`: a mark of ours, of this fingerprint, was among them.

    A 304 that answers such a request confirms what was rewritten: its ETag has to be marked again.
    """

    fields: FieldLines
    changes: list[Change]
    carried_mark: bool


def mark_etag(value: str, fingerprint: str) -> str:
    """Put the mark of `fingerprint` (lower-case hex digits) into an entity tag; a weak one stays weak.

    A tag that has this very mark is left alone.
    """
    marked = _find_mark(value)
    if not value or (marked and marked["fingerprint"] == fingerprint):
        return value
    end = value.rfind('"') if value.count('"') > 1 else len(value)
    return f"{value[:end]};ur={fingerprint}{value[end:]}"


def unmark_if_none_match(value: str, fingerprint: str, *, marked_only: bool = False) -> tuple[str | None, bool]:
    """Take our marks out of an If-None-Match list; say also whether a mark of this fingerprint was there.

    Tags with a mark of another fingerprint are dropped, with `marked_only` also those without a mark; the result is
    None where no tag is left. A list without any mark is identical.
    """
    tags: list[str] = []
    carried = changed = False
    for tag in _ENTITY_TAG.findall(value):
        marked = _find_mark(tag)
        if marked is None:
            if marked_only and tag != "*":
                changed = True
            else:
                tags.append(tag)
            continue
        changed = True
        if marked["fingerprint"] == fingerprint:
            carried = True
            tags.append(_without(marked, tag))
    if not changed:
        return value, False
    return ", ".join(tags) or None, carried


def unmark_if_match(value: str) -> str:
    """Take every mark of ours out of an If-Match list.

    No tag is dropped, whatever its fingerprint: If-Match guards the backend's version against a lost update, and a
    request that has lost its If-Match is not guarded at all.
    """

    def unmarked(tag: re.Match[str]) -> str:
        marked = _find_mark(tag[0])
        return _without(marked, tag[0]) if marked else tag[0]

    return _ENTITY_TAG.sub(unmarked, value)


def unmark_request_fields(
    fields: FieldLines, fingerprint: str, *, marked_only: bool = False, whole_only: bool = False
) -> Unmarked:
    """Make the conditions of a request true for the backend.

    If-Range with a mark is dropped with its Range, because parts of the backend's bytes do not fit into a rewritten
    body. Where a tag of other rules was dropped, If-Modified-Since goes too: without the tag it would count (RFC 9110,
    13.1.3) and bring the 304 that the dropped tag must not bring.

    `marked_only` says that the response will be rewritten. A client's copy then has a mark, or no validator at all, or
    it is from a time when no rule concerned it: conditions without a mark are dropped. `whole_only` says the same with
    such certainty that Range is dropped, so that the backend sends the whole representation.
    """
    if not any(name.lower() in _CONDITIONS for name, _ in fields):
        return Unmarked(fields, [], carried_mark=False)
    carried = stale = False
    partial = whole_only or any(name.lower() == "if-range" and _find_mark(value) for name, value in fields)

    def unmark(name: str, value: str) -> str | None:
        nonlocal carried, stale
        match name.lower():
            case "if-none-match":
                after, found = unmark_if_none_match(value, fingerprint, marked_only=marked_only)
                carried |= found
                stale |= len(_ENTITY_TAG.findall(after or "")) < len(_ENTITY_TAG.findall(value))
                return after
            case "if-match":
                return unmark_if_match(value)
            case "if-range" | "range" if partial:
                return None
        return value

    lines, changes = _edit(fields, unmark, because(FieldReason.CONDITION_MADE_TRUE))
    if stale or (marked_only and not carried):
        lines, dropped = _edit(
            lines,
            lambda name, value: None if name.lower() == "if-modified-since" else value,
            because(FieldReason.OTHER_RULES),
        )
        changes += dropped
    return Unmarked(lines, changes, carried)


def mark_validators(fields: FieldLines, fingerprint: str) -> tuple[FieldLines, list[Change]]:
    """Mark the validators of a representation that is subject to rewriting, whether or not its bytes were changed.

    It loses ranges (`Accept-Ranges: none`), as offsets into the backend's bytes mean nothing to the client, and
    Last-Modified, which would survive a change of the rules: there are clients that revalidate by it alone, though they
    were given an ETag. For responses to GET and HEAD, and for a 304 whose request carried a mark.
    """
    ranged = any(name.lower() == "accept-ranges" for name, _ in fields)

    def mark(name: str, value: str) -> str | None:
        match name.lower():
            case "etag":
                return mark_etag(value, fingerprint)
            case "last-modified":
                return None
            case "accept-ranges":
                return "none"
        return value

    lines, changes = _edit(fields, mark, because(FieldReason.DEPENDS_ON_RULES))
    if not ranged:
        lines += (("Accept-Ranges", "none"),)
        changes.append(Change("Accept-Ranges", None, "none", because(FieldReason.NO_RANGES)))
    return lines, changes


def after_rewrite(
    fields: FieldLines,
    body_length: int | None,
    changed: bool,
    *,
    chunked: bool = False,
    body: bytes | None = None,
    hashes_mended: bool = False,
) -> tuple[FieldLines, list[Change]]:
    """Make the fields that describe the body true after it was rewritten.

    `body_length` is the number of bytes that will be sent, content coding included, or None where it is not known (a
    stream, a response to HEAD). `changed` says that the bytes differ, or, of a stream, that they may; if not, all is
    left as it is. `chunked` says that the client's protocol frames a body of unknown length by chunks (HTTP/1.1 does;
    1.0 closes the connection, and 2 and 3 need no field). `body` are the bytes that will be sent, where they are known:
    digests are computed again, and else dropped. `hashes_mended` says that a policy allows inline code as it is now.
    """
    if not changed:
        return fields, []
    length = None if body_length is None else str(body_length)
    chunk = chunked and length is None
    seen: set[str] = set()
    digests = Digests(body) if body is not None else None

    def edit(name: str, value: str) -> str | None:
        lower = name.lower()
        if is_digest(lower):
            return renewed(lower, value, digests) if digests is not None else None
        if lower in ("content-length", "transfer-encoding"):
            # A second line is never right: of two lengths one is a lie.
            first = lower not in seen
            seen.add(lower)
            true = length if lower == "content-length" else (value if chunk else None)
            return true if first else None
        return value

    lines, changes = _edit(fields, edit, _TRUE_FOR_BODY)
    for name, wanted in (("Content-Length", length), ("Transfer-Encoding", "chunked" if chunk else None)):
        if wanted is not None and name.lower() not in seen:
            lines += ((name, wanted),)
            changes.append(Change(name, None, wanted, _TRUE_FOR_BODY))
    return lines, changes + _warnings(lines, hashes_mended)


def _warnings(fields: FieldLines, hashes_mended: bool) -> list[Change]:
    """Warn of what a changed body breaks and what cannot be fixed here."""
    warnings = []
    for name, value in fields:
        if name.lower() in _SIGNATURES:
            why = because(FieldReason.BODY_SIGNATURE)
        elif name.lower() in _CSP and has_hashes(value) and not hashes_mended:
            why = because(FieldReason.INLINE_BLOCKED)
        else:
            continue
        warnings.append(Change(name, value, value, why, warning=True))
    return warnings


def _find_mark(tag: str) -> re.Match[str] | None:
    """Find the last mark; an earlier one was set by another proxy like this one, nearer to the backend."""
    return _MARK.match(tag, max(tag.rfind(";ur="), 0))


def _without(mark: re.Match[str], tag: str) -> str:
    return tag[: mark.start()] + tag[mark.end() :]


def _edit(
    fields: FieldLines, edit: Callable[[str, str], str | None], why: tuple[GivenReason, ...]
) -> tuple[FieldLines, list[Change]]:
    """Apply `edit` to each line: the new value, or None to drop the line. Where it changes none, give back `fields`."""
    lines: list[FieldLine] = []
    changes: list[Change] = []
    for name, value in fields:
        after = edit(name, value)
        if after is not None:
            lines.append((name, after))
        if after != value:
            changes.append(Change(name, value, after, why))
    return tuple(lines) if changes else fields, changes
