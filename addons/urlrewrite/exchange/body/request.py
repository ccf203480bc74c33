"""The body of a request on its way to the backend, in which public names are mapped back.

That is done on request (`linksAlso: requestBodies`), and in what clients of WebDAV ask for.

It takes the same two ways as that of a response: whole, so that its length and digests are known when its head is sent,
or, where it is too long to be held, as it comes. What cannot be read passes as it came, and the trace says why.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Unpack

from urlrewrite.content.changes import Links
from urlrewrite.content.charset.stream import Transcoded, stream_view
from urlrewrite.content.charset.view import CannotEncode, Charset, View, detect
from urlrewrite.content.coding.codings import (
    SUPPORTED,
    CorruptCoding,
    DecodedTooLarge,
    decode,
    encode,
    parse_content_encoding,
)
from urlrewrite.content.kinds import Kind
from urlrewrite.content.links.link_map import LinkMap
from urlrewrite.content.links.mounts import PathBack
from urlrewrite.content.stream import BodyRewriter, Chain, Coded
from urlrewrite.content.uploads import upload_kind, upload_rewriter
from urlrewrite.exchange.body.plan import Way, is_never_touched
from urlrewrite.exchange.body.stream import DetectThenRewrite, FailOpen, StopOnError
from urlrewrite.exchange.field_changes import record_request_changes
from urlrewrite.fields.validators import after_rewrite
from urlrewrite.model.field_lines import FieldLines, field_values
from urlrewrite.trace.reasons import Reason, Values
from urlrewrite.trace.request_events import REQUEST_BODY, REQUEST_BODY_CHANGE
from urlrewrite.trace.trace import MAX_CHANGES, Trace, clip

DAV_METHODS = frozenset(
    """
    PROPFIND PROPPATCH MKCOL COPY MOVE LOCK OPTIONS REPORT VERSION-CONTROL CHECKOUT CHECKIN UNCHECKOUT MKWORKSPACE
    UPDATE LABEL MERGE BASELINE-CONTROL MKACTIVITY ORDERPATCH ACL MKREDIRECTREF UPDATEREDIRECTREF MKCALENDAR SEARCH BIND
    UNBIND REBIND
    """.split()
)
"""Methods whose bodies are elements of WebDAV (RFC 4918, 2518, 3253, 3648, 3744, 4437, 4791, 5323 and 5842)."""

_MAX_DECODED = 16 * 2**20
"""Bytes up to which a held body is decoded at once; what decodes to more is rewritten as a stream is."""

_SIGNED = (b"http://www.w3.org/2000/09/xmldsig#", b"SignatureValue")
"""What a signature in XML has in it (XML Signature, 1.3 and 4.3)."""


@dataclass(frozen=True, slots=True)
class UploadedBody:
    """A body and the fields that go with it."""

    fields: FieldLines
    body: bytes


def request_body(
    fields: FieldLines,
    link_map: LinkMap,
    trace: Trace,
    *,
    plain_text: bool,
    every_type: bool = True,
    dav: PathBack | None = None,
) -> RequestBody | None:
    """Give what rewrites the body of a request with these fields; None where it passes as it comes.

    `plain_text` says that links are mapped in text without a syntax, too. `dav` is given where the method is one of
    DAV_METHODS, and maps paths in references; without `every_type` such bodies are the only ones that are rewritten.
    """
    content_type = next(iter(field_values(fields, "content-type")), "")
    # Servers of WebDAV read a body for what the method says it is.
    kind = upload_kind(content_type, plain_text=plain_text) if content_type or not dav else Kind.XML
    if kind is None or is_never_touched(fields) or not link_map.pairs:
        return None
    if kind is not Kind.XML:
        dav = None
    if not (every_type or dav):
        return None
    codings = parse_content_encoding(field_values(fields, "content-encoding"))
    body = RequestBody(content_type, kind, codings, link_map, trace, dav)
    unsupported = [coding for coding in codings if coding not in SUPPORTED]
    if unsupported:
        body.passes(Reason.UNKNOWN_CODING, coding=unsupported[0])
    elif field_values(fields, "content-range"):
        body.passes(Reason.PART_OF_UPLOAD)
    elif any("no-transform" in value.lower() for value in field_values(fields, "cache-control")):
        body.passes(Reason.NO_TRANSFORM)
    else:
        return body
    return None


class RequestBody:
    """Rewrites the body of one request, by `whole` or by `stream`."""

    def __init__(
        self,
        content_type: str,
        kind: Kind,
        codings: tuple[str, ...],
        link_map: LinkMap,
        trace: Trace,
        dav: PathBack | None,
    ) -> None:
        self._content_type = content_type
        self._kind = kind
        self._codings = codings
        self._dav = dav
        self._trace = trace
        self._links = Links(link_map, True, self._on_change, self._count)
        self.count = 0
        """Links mapped so far."""
        self.changed = False
        """Whether the body is, or may be, another one than the client sent."""
        self.cut = False
        """Whether a stream broke off under its coding, so that nothing can follow what was sent of it."""

    def passes(self, cause: Reason, **values: Unpack[Values]) -> None:
        """Tell that the body passes as it came."""
        self._trace.warn(Reason.REQUEST_BODY_PASSED, cause=cause, **values)

    def whole(self, raw: bytes, fields: FieldLines) -> UploadedBody:
        """Rewrite a whole body, content coding included; `raw` itself and the same `fields` if nothing changed."""
        body = self._whole(raw)
        self._trace.decided(REQUEST_BODY, way=str(Way.WHOLE), kind=str(self._kind), links=self.count)
        if body == raw:
            return UploadedBody(fields, raw)
        self.changed = True
        fields, changes = after_rewrite(fields, len(body), changed=True, body=body)
        record_request_changes(self._trace, changes)
        return UploadedBody(fields, body)

    def _whole(self, raw: bytes) -> bytes:
        try:
            data = decode(raw, self._codings, limit=_MAX_DECODED) if self._codings else raw
        except DecodedTooLarge:
            return self._as_stream(raw)
        except CorruptCoding as error:
            self.passes(Reason.CORRUPT_CODING, detail=str(error))
            return raw
        charset = detect(data, self._content_type, kind=self._kind.charset_rules)
        view = View.of(data, charset, escapes=self._kind is not Kind.XML)
        if view is None:
            self.passes(Reason.NOT_PROPER_TEXT, charset=charset.label)
            return raw
        rewriter = self._rewriter()
        changed = rewriter.feed(view.data) + rewriter.finish()
        if changed == view.data:
            return raw
        if self._kind is Kind.XML and all(part in view.data for part in _SIGNED):
            self.passes(Reason.SIGNED_WITHIN)
            return raw
        try:
            restored = view.restore(changed)
        except CannotEncode as error:
            self.passes(Reason.CANNOT_ENCODE, detail=str(error))
            return raw
        return encode(restored, self._codings) if self._codings else restored

    def _as_stream(self, raw: bytes) -> bytes:
        rewriter = Coded(self._codings, self._decoded_stream())
        try:
            return rewriter.feed(raw) + rewriter.finish()
        except (CorruptCoding, DecodedTooLarge) as error:
            cause = Reason.CORRUPT_CODING if isinstance(error, CorruptCoding) else Reason.DECODED_TOO_LARGE
            self.passes(cause, detail=str(error))
            return raw

    def stream_fields(self, fields: FieldLines) -> FieldLines:
        """Give the fields of a request whose body will be rewritten as it comes."""
        fields, changes = after_rewrite(fields, None, changed=True)
        record_request_changes(self._trace, changes)
        return fields

    def stream(self) -> BodyRewriter:
        """Give the rewriter for a body that comes in pieces; it raises nothing.

        If a stage of it fails, the rest passes as it comes. If the content coding is damaged, the body is `cut`.
        """
        self.changed = True
        self._trace.decided(REQUEST_BODY, way=str(Way.STREAM), kind=str(self._kind))
        rewriter = self._decoded_stream()
        if not self._codings:
            return rewriter
        return StopOnError(Coded(self._codings, rewriter), (CorruptCoding, DecodedTooLarge), self._coding_failed)

    def _decoded_stream(self) -> BodyRewriter:
        def choose(kind: Kind, charset: Charset) -> BodyRewriter:
            view = stream_view(charset, escapes=kind is not Kind.XML)
            if view is None:
                self.passes(Reason.CHARSET_NOT_STREAMED, charset=charset.label)
                return Chain([])
            rewriter = FailOpen(self._rewriter(), self._stage_failed)
            return FailOpen(Transcoded(charset, rewriter), self._stage_failed) if view.transcoded else rewriter

        return DetectThenRewrite(self._kind, self._content_type, choose, self._stage_failed, patient=True)

    def _rewriter(self) -> BodyRewriter:
        return upload_rewriter(self._content_type, self._kind, self._links, self._dav)

    def _stage_failed(self, error: Exception) -> None:
        self._trace.warn(Reason.REST_OF_REQUEST_PASSED, detail=str(error))

    def _coding_failed(self, error: Exception) -> None:
        self.cut = True
        self._trace.error(Reason.REQUEST_CODING_BROKEN, detail=str(error))

    def _on_change(self, where: str, offset: int, before: bytes, after: bytes) -> None:
        self.count += 1
        if self._trace.on and self.count <= MAX_CHANGES:
            self._trace.add(
                REQUEST_BODY_CHANGE,
                where=where,
                offset=offset,
                before=clip(before.decode("utf-8", "replace")),
                after=clip(after.decode("utf-8", "replace")),
            )

    def _count(self, number: int) -> None:
        self.count += number
