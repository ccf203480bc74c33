"""Which way a body takes, decided when only the head of the response is known.

A body that no rule and no link concerns is passed, and its bytes are not looked at. One that is to be rewritten is best
held until it is complete: an error can still take its place, and its length is known when it is sent. Longer ones are
rewritten as they come, so that no body is too long. One of unknown length is held until it proves too long.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from urlrewrite.content.coding.codings import MAX_CODINGS, SUPPORTED, parse_content_encoding
from urlrewrite.content.kinds import Kind, media_type
from urlrewrite.model.field_lines import FieldLines, field_values
from urlrewrite.trace.reasons import Reason, Values, sentence

_NO_BODY = frozenset({204, 205, 304})
_NEVER_HELD = frozenset(
    """
    application/x-ndjson application/ndjson application/jsonl application/x-jsonl application/jsonlines
    application/x-jsonlines application/json-seq application/x-json-stream application/stream+json text/event-stream
    """.split()
)
"""Media types that are sent piece by piece, so that their readers wait for each piece."""


class Way(StrEnum):
    """How a body goes to the client."""

    PASS = "pass"
    WHOLE = "whole"
    STREAM = "stream"


@dataclass(frozen=True, slots=True)
class BodyPlan:
    """The way a body takes, and why: `values` are those of the reason's sentence.

    `kind` is None if the fields do not tell it. `subject` says that the representation depends on the rules. `length`
    is the number of bytes that the backend announced, None if it did not: a body that is to be taken `WHOLE` may then
    still become a `STREAM`. `never_held` is a stream whose reader waits for each piece. `codings` are the content
    codings of a body that is rewritten, in the order in which they were applied.
    """

    way: Way
    reason: Reason
    kind: Kind | None = None
    subject: bool = False
    length: int | None = None
    never_held: bool = False
    codings: tuple[str, ...] = ()
    values: Values = field(default_factory=Values)

    @property
    def why(self) -> str:
        """The reason as a person reads it."""
        kind = str(self.kind or "a body without Content-Type")
        return sentence(self.reason, {"kind": kind, **self.values})


def has_body(method: str, status: int) -> bool:
    """Say whether a response to this method and with this status has a body (RFC 9112, 6.3)."""
    return method != "HEAD" and status not in _NO_BODY and status >= 200


def is_never_touched(fields: FieldLines) -> bool:
    """Say whether only its own protocol reads a body: gRPC messages, or pictures that replace one another."""
    declared = media_type(next(iter(field_values(fields, "content-type")), ""))
    return declared == "multipart/x-mixed-replace" or declared.startswith("application/grpc")


def plan_body(method: str, status: int, fields: FieldLines, kind: Kind | None, threshold: int) -> tuple[BodyPlan, bool]:
    """Plan a body that rules or links concern; the second value says that something keeps it from being rewritten.

    `threshold` is the number of bytes up to which a body is held.
    """
    codings = parse_content_encoding(field_values(fields, "content-encoding"))
    if hindrance := _hindrance(status, fields, codings):
        return BodyPlan(Way.PASS, hindrance[0], kind, values=hindrance[1]), True
    if not has_body(method, status):
        return BodyPlan(Way.PASS, Reason.NO_BODY, kind, subject=status >= 200 and status not in (204, 205)), False
    announced = next(iter(field_values(fields, "content-length")), "")
    length = int(announced) if announced.isdigit() else None
    values: Values = {}
    never_held = True
    if media_type(next(iter(field_values(fields, "content-type")), "")) in _NEVER_HELD:
        reason = Reason.SENT_PIECE_BY_PIECE
    elif any(value.strip().lower() == "no" for value in field_values(fields, "x-accel-buffering")):
        reason = Reason.UNBUFFERED
    elif length is not None and length > threshold:
        reason, values = Reason.LONG_BODY, {"size": length, "threshold": threshold}
        never_held = False
    else:
        return BodyPlan(Way.WHOLE, Reason.HELD_WHOLE, kind, subject=True, length=length, codings=codings), False
    plan = BodyPlan(
        Way.STREAM,
        reason,
        kind,
        subject=True,
        length=length,
        never_held=never_held,
        codings=codings,
        values=values,
    )
    return plan, False


def _hindrance(status: int, fields: FieldLines, codings: tuple[str, ...]) -> tuple[Reason, Values] | None:
    """Say why a body cannot be rewritten; None if it can."""
    if status == 206:
        return Reason.PART_OF_BODY, {}
    if any("no-transform" in value.lower() for value in field_values(fields, "cache-control")):
        return Reason.NO_TRANSFORM, {}
    if unsupported := [coding for coding in codings if coding not in SUPPORTED]:
        return Reason.UNKNOWN_CODING, {"coding": unsupported[0]}
    if len(codings) > MAX_CODINGS:
        return Reason.MANY_CODINGS, {"size": len(codings), "threshold": MAX_CODINGS}
    return None
