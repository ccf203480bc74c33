"""What one response promises by hashes, and what was promised of it: `content/integrity.py` put to use.

A page: its `integrity` attributes, and the policies, in its fields and its own, that allow inline code by its hash.
A script or style sheet: if a page was sent with the backend's digest of it, it is not changed.
"""

from __future__ import annotations

from urlrewrite.content.charset.view import View
from urlrewrite.content.integrity import (
    Assets,
    IntegrityAttributes,
    allow_also,
    allow_also_in,
    changed_hashes,
    has_hash,
    policies_in,
)
from urlrewrite.content.kinds import Kind
from urlrewrite.engine.facts import Fields
from urlrewrite.exchange.request_fields import FieldLines
from urlrewrite.fields.names import Change
from urlrewrite.fields.reasons import FieldReason, because
from urlrewrite.trace.reasons import Reason
from urlrewrite.trace.response_events import INTEGRITY
from urlrewrite.trace.trace import Trace

_HASHES = (b"sha256-", b"sha384-", b"sha512-")
_POLICIES = frozenset({"content-security-policy", "content-security-policy-report-only"})
_ASSETS = frozenset({Kind.JAVASCRIPT, Kind.CSS})


class BodyIntegrity:
    """Keeps the promises of one response.

    `url` is the public one, `fields` are those of the response as they go to the client.
    """

    def __init__(self, url: str, fields: Fields, assets: Assets, trace: Trace) -> None:
        self._url = url
        self._fields = fields
        self._assets = assets
        self._trace = trace
        self._hashes: dict[str, str] = {}
        self.mended = False
        """Whether the policies allow all inline code of the page as it is now."""
        self.is_promised = assets.is_promised(url)
        """Whether a page vouches for this very body."""

    def page(self, before: View, after: bytes, kind: Kind) -> bytes:
        """A whole page after its rewriting, with its own promises kept."""
        if kind is not Kind.HTML:
            return after
        # Few and long words are searched for: this is done to every page, and most have none of them.
        lower = after.lower()
        attributes = self._attributes(before)
        named = b"security-policy" in lower and any(name in lower for name in _HASHES)
        page = attributes.whole(after) if b"integrity" in lower else after
        self._told(attributes)
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
        """The last stage for a page that is rewritten as it comes."""
        return self._attributes(view)

    def may_change(self, before: bytes, after: bytes, kind: Kind) -> bool:
        """Whether a body may be sent changed; it is remembered if so. Both are without their content coding."""
        if self.is_promised:
            self.tell_left_alone()
            return False
        if kind in _ASSETS:
            self._assets.learn(self._url, before, after)
        return True

    def tell_left_alone(self) -> None:
        """Tells that a body stays as it is for the sake of a promise."""
        self._trace.warn(Reason.BODY_PASSED, cause=Reason.DIGEST_PROMISED)

    def mend_policies(self, fields: FieldLines) -> tuple[FieldLines, list[Change]]:
        """The fields with policies that allow the new hashes, too; to be called when the body is done."""
        lines: FieldLines = []
        changes: list[Change] = []
        for name, value in fields:
            after = allow_also(value, self._hashes) if self._hashes and name.lower() in _POLICIES else value
            lines.append((name, after))
            if after != value:
                changes.append(Change(name, value, after, because(FieldReason.INLINE_HASHES)))
        return lines, changes

    def _attributes(self, view: View) -> IntegrityAttributes:
        return IntegrityAttributes(self._url, self._assets, view.decode_value)

    def _told(self, attributes: IntegrityAttributes) -> None:
        if attributes.hashes or attributes.promised:
            self._trace.add(INTEGRITY, mended=len(attributes.hashes), kept=attributes.promised[:20])
