"""Bodies as text: decoded from their content codings and their charset, or why they cannot be."""

from __future__ import annotations

from dataclasses import dataclass

from urlrewrite.content.charset.view import Charset, decoded, detect
from urlrewrite.content.coding.codings import (
    CorruptCoding,
    DecodedTooLarge,
    UnsupportedCoding,
    decode,
    parse_content_encoding,
)
from urlrewrite.content.kinds import Kind, content_kind, media_type, sniff_kind
from urlrewrite.engine.facts import ResponseFacts
from urlrewrite.model.field_lines import FieldLines, field_values

MAX_LENGTH = 4 * 2**20
"""Bytes, decoded, up to which a body is shown and compared."""


@dataclass(frozen=True, slots=True)
class DecodedBody:
    """A body as text, without its byte order mark. `text` is None where `note` says why there is none.

    Bytes that are not a character become U+DC80 to U+DCFF. `size` is the number of bytes as they were sent, None if
    unknown.
    """

    text: str | None
    note: str = ""
    kind: Kind | None = None
    charset: Charset | None = None
    codings: tuple[str, ...] = ()
    size: int | None = None

    @property
    def about(self) -> str:
        """Its size, codings and charset as a short text."""
        parts = [
            "" if self.size is None else f"{self.size:,} bytes",
            ", ".join(self.codings),
            f"{self.charset.label} (by {self.charset.source})" if self.charset and self.text is not None else "",
        ]
        return " · ".join(filter(None, parts))


def decoded_body(facts: ResponseFacts | None, body: bytes | None, *, read_as: FieldLines | None = None) -> DecodedBody:
    """Return the body of a response as text.

    `read_as` are fields whose Content-Type counts instead of that of `facts`: rules may set another one, and it is by
    that one that the proxy reads a body.
    """
    if facts is None:
        return DecodedBody(None, "there is no response")
    if body is None:
        return DecodedBody(None, "this body was not kept: it is too long, or was dropped to save memory")
    codings = parse_content_encoding(field_values(facts.fields, "content-encoding"))
    size = len(body)
    try:
        data = decode(body, codings, limit=MAX_LENGTH) if codings and body else body
    except (UnsupportedCoding, CorruptCoding) as error:
        return DecodedBody(None, f"this body cannot be decoded: {error}", codings=codings, size=size)
    except DecodedTooLarge:
        return _too_long(codings, size)
    if len(data) > MAX_LENGTH:
        return _too_long(codings, size)
    content_type = next(iter(field_values(facts.fields if read_as is None else read_as, "content-type")), None)
    kind = content_kind(content_type) if content_type is not None else sniff_kind(data)
    if kind is Kind.BINARY and data:
        declared = media_type(content_type or "") or "of no declared type"
        return DecodedBody(None, f"this body is {declared}, {len(data):,} bytes: not text", kind, None, codings, size)
    charset = detect(data, content_type, kind=kind.charset_rules)
    return DecodedBody(_text(data, charset), "", kind, charset, codings, size)


def _too_long(codings: tuple[str, ...], size: int) -> DecodedBody:
    return DecodedBody(
        None, f"this body is longer than the {MAX_LENGTH:,} bytes that are compared", None, None, codings, size
    )


def _text(data: bytes, charset: Charset) -> str:
    body = data.removeprefix(charset.bom)
    try:
        return decoded(body, charset.codec)
    except ValueError:
        return body.decode(charset.codec, "replace")
