"""Bodies of responses, decoded to be examined."""

from __future__ import annotations

from dataclasses import dataclass

from urlrewrite.content.charset.view import WIDE, View, detect
from urlrewrite.content.coding.codings import (
    CorruptCoding,
    DecodedTooLarge,
    UnsupportedCoding,
    decode,
    parse_content_encoding,
)
from urlrewrite.content.kinds import Kind, content_kind, sniff_kind
from urlrewrite.exchange.rule_tests import evaluate
from urlrewrite.exchange.rules_in_force import RulesInForce
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.model.field_lines import FieldLines, field_values

DECODED = 16 * 2**20
"""Bytes up to which a body is decoded to be examined."""


class Unreadable(ValueError):  # noqa: N818
    """A body that cannot be examined; the message says why."""


@dataclass(frozen=True, slots=True)
class Body:
    """The decoded body of a response as bytes to examine, `data`, in an encoding that contains ASCII.

    `decoded` are the bytes without their content coding; they equal `data` except in encodings such as UTF-16.
    """

    data: bytes
    decoded: bytes
    kind: Kind
    view: View | None = None

    def offset(self, at: int) -> int:
        """Convert an offset in `data` to one in `decoded`."""
        view = self.view
        if view is None or not view.transcoded:
            return at
        before = self.data[:at].decode("utf-8", "surrogatepass")
        try:
            return len(view.charset.bom) + len(before.encode(view.charset.codec, "surrogatepass"))
        except (UnicodeError, LookupError):
            return at


def body_of(fields: FieldLines, raw: bytes, path: str) -> Body:
    """Return a body to examine.

    Raises:
        Unreadable: its coding cannot be undone.
    """
    codings = parse_content_encoding(field_values(fields, "content-encoding"))
    try:
        data = decode(raw, codings, limit=DECODED) if codings else raw
    except (UnsupportedCoding, CorruptCoding, DecodedTooLarge) as error:
        raise Unreadable(str(error)) from error
    content_type = next(iter(field_values(fields, "content-type")), None)
    kind = content_kind(content_type, path) if content_type else sniff_kind(data)
    charset = detect(data, content_type, kind=kind.charset_rules)
    if charset.ascii_compatible and charset.codec not in WIDE:
        return Body(data, data, kind)
    view = View.of(data, charset)
    return Body(view.data, data, kind, view) if view else Body(data, data, kind)


def response_body(exchange: RecordedExchange, rules: RulesInForce) -> tuple[FieldLines, bytes | None]:
    """Return fields and body of the response; the body of a streamed one is made again from the backend's, if that was
    kept.
    """
    if exchange.response is None:
        return (), None
    if exchange.response_body is None and exchange.original is not None and exchange.original_body is not None:
        again = evaluate(rules, exchange.request, exchange.original, exchange.original_body)
        return again.fields or (), again.body
    return exchange.response.fields, exchange.response_body
