"""How much is taken from a client or a backend before anything is known of it: the bounds, and what goes beyond one.

A head that is longer is not read to its end. What was read of it goes on as `CutFields`, so that the exchange refuses
it as it refuses what is not valid, with a page, a trace and a code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mitmproxy import ctx, exceptions, http
from mitmproxy.addonmanager import Loader

from urlrewrite.trace.reasons import Reason

type Lines = Sequence[tuple[bytes, bytes]]

HTTP1_LINE = 3
"""Bytes that a field line of HTTP/1 has at least besides name and value: a colon, and the line's end."""

COMPRESSED_LINE = 32
"""Bytes by which one of HTTP/2 and 3 counts for more than its name and value (RFC 9113, 6.5.2; RFC 9114, 4.2.2)."""

SHOWN = 1000
"""Bytes that are kept of a target that is too long."""

FAR_OVER = 4
"""How many times a bound a head of HTTP/2 or 3 may have before its connection is ended rather than it refused."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A bound: its option, the default, how many bytes one of it is, and the least that can be set."""

    option: str
    default: int
    unit: int
    least: int
    help: str


REQUEST_HEAD = Bound(
    "urlrewrite_max_request_head",
    64,
    2**10,
    1,
    "Kilobytes that the head of a request may have: a longer target gets the response 414, longer fields or trailers "
    "431. Over HTTP/2 and 3 each line counts 32 bytes more than its name and value, and four times as much ends the "
    "connection.",
)
RESPONSE_HEAD = Bound(
    "urlrewrite_max_response_head",
    64,
    2**10,
    1,
    "Kilobytes that the head of a backend's response may have, or its trailers. In place of a longer one the client "
    "gets 502.",
)
FIELD_LINES = Bound(
    "urlrewrite_max_field_lines",
    1000,
    1,
    10,
    "How many field lines a request may have (431 if there are more), and a response of a backend (502).",
)
EMPTY_FRAMES = Bound(
    "urlrewrite_max_empty_frames",
    1000,
    1,
    100,
    "How many frames that carry nothing a client or a backend may send on a connection of HTTP/2 or 3 within half a "
    "minute: resets of streams, and, beyond two for each frame of a body, SETTINGS, PING, PRIORITY, WINDOW_UPDATE, "
    "unknown ones and DATA without content. More of either end the connection.",
)
UPLOADS = Bound(
    "urlrewrite_max_uploads",
    256,
    2**20,
    0,
    "Megabytes of uploads, of all clients together, that are held in memory until they are complete. Beyond that they "
    "are streamed to their backends, as any above 8 MB are, or thrown away where no backend gets them.",
)
ALL = (REQUEST_HEAD, RESPONSE_HEAD, FIELD_LINES, EMPTY_FRAMES, UPLOADS)


class Bounds:
    """The addon that declares the options, and has their values: bytes, and numbers of lines."""

    def __init__(self) -> None:
        self._values = {bound.option: bound.default * bound.unit for bound in ALL}

    def load(self, loader: Loader) -> None:
        """Declare the options."""
        for bound in ALL:
            loader.add_option(bound.option, int, bound.default, bound.help)

    def configure(self, updated: set[str]) -> None:
        """Take the values.

        Raises:
            OptionsError: a bound is too small.
        """
        for bound in ALL:
            if bound.option in updated:
                value = getattr(ctx.options, bound.option)
                if value < bound.least:
                    raise exceptions.OptionsError(f"{bound.option}: got {value}, expected {bound.least} or more")
                self._values[bound.option] = value * bound.unit

    @property
    def request_head(self) -> int:
        """The bytes that the head of a request may have."""
        return self._values[REQUEST_HEAD.option]

    @property
    def response_head(self) -> int:
        """The bytes that the head of a response may have."""
        return self._values[RESPONSE_HEAD.option]

    @property
    def field_lines(self) -> int:
        """The number of field lines that a message may have."""
        return self._values[FIELD_LINES.option]

    @property
    def empty_frames(self) -> int:
        """The number of frames that carry nothing that a peer may send at once."""
        return self._values[EMPTY_FRAMES.option]

    @property
    def uploads(self) -> int:
        """The bytes of uploads that may be held."""
        return self._values[UPLOADS.option]

    def over(self, fields: Lines, most: int) -> Reason | None:
        """Say which bound field lines of HTTP/1 are over; `most` is that of their bytes."""
        if len(fields) > self.field_lines:
            return Reason.TOO_MANY_FIELDS
        if sum(len(name) + len(value) + HTTP1_LINE for name, value in fields) > most:
            return Reason.HEAD_TOO_LONG
        return None


class CutFields(http.Headers):
    """What was read of the field lines of a head, or of trailers, that are over a bound."""

    def __init__(self, fields: Lines = (), over: Reason | None = None) -> None:
        super().__init__(fields)
        self.over = over


class Measure:
    """Takes the lines of a head of HTTP/2 or 3, or of trailers, one by one, up to the bounds.

    `most` is that of their bytes, as RFC 9113, 6.5.2 counts them, `lines` that of their number without pseudo fields.
    Of a path that is too long the beginning is kept, and all other pseudo fields are, so that what was asked for can
    be told.
    """

    def __init__(self, most: int, lines: int) -> None:
        self._left, self._lines = most, lines
        self.over: Reason | None = None

    def take(self, name: bytes, value: bytes) -> tuple[bytes, bytes] | None:
        """Return a line as it is kept; None where it is left out."""
        pseudo = name[:1] == b":"
        self._left -= len(name) + len(value) + COMPRESSED_LINE
        self._lines -= not pseudo
        if self.over is None and self._lines < 0:
            self.over = Reason.TOO_MANY_FIELDS
        elif self.over is None and self._left < 0:
            self.over = Reason.TARGET_TOO_LONG if name == b":path" else Reason.HEAD_TOO_LONG
        if self.over is None:
            return name, value
        return (name, value[:SHOWN]) if pseudo else None


def over_of(fields: http.Headers | None) -> Reason | None:
    """Say which bound field lines are over."""
    return fields.over if isinstance(fields, CutFields) else None
