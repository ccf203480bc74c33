"""Hashes that vouch for the body of one response, or that it gives of others: `content/integrity.py` put to use.

A page has `integrity` attributes, and policies, in its fields and in `<meta>`, that allow inline code by its hash: both
are made true. A script or style sheet of which a page was sent with the backend's digest is not changed.
"""

from __future__ import annotations

from urlrewrite.content.asset_memory import AssetMemory
from urlrewrite.content.charset.view import View
from urlrewrite.content.integrity import (
    IntegrityAttributes,
    allow_also,
    allow_also_in,
    changed_hashes,
    has_hash,
    new_digests,
    policies_in,
)
from urlrewrite.content.kinds import Kind
from urlrewrite.content.reading import Reading
from urlrewrite.fields.names import Change
from urlrewrite.fields.reasons import FieldReason, because
from urlrewrite.model.field_lines import FieldLine, FieldLines
from urlrewrite.trace.reasons import Reason
from urlrewrite.trace.response_events import INTEGRITY
from urlrewrite.trace.trace import Trace

_HASHES = (b"sha256-", b"sha384-", b"sha512-")
_POLICIES = frozenset({"content-security-policy", "content-security-policy-report-only"})
_ASSETS = frozenset({Kind.JAVASCRIPT, Kind.CSS})


class BodyIntegrity:
    """The hashes that one response promises, and those that pages promised of it.

    `url` is the public one, `fields` are those of the response as they go to the client.
    """

    def __init__(self, url: str, fields: FieldLines, memory: AssetMemory, trace: Trace) -> None:
        self._url = url
        self._fields = fields
        self._memory = memory
        self._trace = trace
        self._hashes: dict[str, str] = {}
        self.mended = False
        """Whether the policies allow all inline code of the page as it is now."""
        self.is_promised = memory.is_promised(url)
        """Whether a page vouches for this very body."""

    def page(self, before: View, after: bytes, kind: Kind, reading: Reading) -> bytes:
        """Give a whole page after its rewriting with the hashes in it made true.

        `before` is the page as it came, `after` its rewritten text, `reading` what is known of that; what is no HTML is
        given back.
        """
        if kind is not Kind.HTML:
            return after
        # Few and long words are searched for: this is done to every page, and most have none of them.
        lower = reading.lower(after) if reading.vouches(after) else b""
        attributes = self._attributes(before)
        named = b"security-policy" in lower and any(name in lower for name in _HASHES)
        page = attributes.whole(after) if b"integrity" in lower else after
        self._report(attributes)
        self._hashes |= attributes.hashes
        in_page = named and any(map(has_hash, policies_in(after)))
        if in_page or any(name.lower() in _POLICIES and has_hash(value) for name, value in self._fields):
            hashes = changed_hashes(before.data, after, before.decode_value) if after != before.data else {}
            self.mended = hashes is not None
            self._hashes |= hashes or {}
            if in_page and hashes is None:
                self._trace.warn(Reason.INLINE_HASH)
        return allow_also_in(page, self._hashes) if in_page and self._hashes else page

    def page_stream(self, view: View) -> IntegrityAttributes:
        """Give the last stage for a page that is rewritten as it comes."""
        return self._attributes(view)

    def may_change(self, before: bytes, after: bytes, kind: Kind) -> bool:
        """Say whether a body may be sent changed, and remember its new digest if so.

        `before` and `after` are without their content coding.
        """
        if self.is_promised:
            self.tell_left_alone()
            return False
        if kind in _ASSETS:
            self._memory.learn(self._url, new_digests(before, after))
        return True

    def tell_left_alone(self) -> None:
        """Warn that a body stays as it is because a page vouches for it."""
        self._trace.warn(Reason.BODY_PASSED, cause=Reason.DIGEST_PROMISED)

    def mend_policies(self, fields: FieldLines) -> tuple[FieldLines, list[Change]]:
        """Make the policies in `fields` allow the new hashes, too; to be called when the body is done."""
        lines: list[FieldLine] = []
        changes: list[Change] = []
        for name, value in fields:
            after = allow_also(value, self._hashes) if self._hashes and name.lower() in _POLICIES else value
            lines.append((name, after))
            if after != value:
                changes.append(Change(name, value, after, because(FieldReason.INLINE_HASHES)))
        return tuple(lines) if changes else fields, changes

    def _attributes(self, view: View) -> IntegrityAttributes:
        return IntegrityAttributes(self._url, self._memory, view.decode_value)

    def _report(self, attributes: IntegrityAttributes) -> None:
        if attributes.hashes or attributes.promised:
            self._trace.add(INTEGRITY, mended=len(attributes.hashes), kept=attributes.promised[:20])
