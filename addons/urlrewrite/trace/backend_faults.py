"""What backends do wrong once a connection to them is there: the codes that SERVER_FAILED has for it."""

from __future__ import annotations

from enum import StrEnum


class BackendFault(StrEnum):
    """A fault of a response, or of the connection that it should have come on."""

    NO_HEAD = "no-head"
    """The connection ended before the head of a response, or what came is not HTTP."""

    H2C = "h2c"
    """It speaks HTTP/2 without TLS, which nobody here does."""

    STATUS = "status"
    """The status is no number from 100 to 599."""

    UPGRADE = "upgrade"
    """A 101 that nobody asked for."""

    FIELDS = "fields"
    """Fields that are not valid, or that contradict each other on where the body ends."""

    OVERSIZED = "oversized"
    """More, or longer, field lines than are taken, or a flood of frames that carry nothing."""

    CUT = "cut"
    """The connection ended before the body was whole."""

    RESET = "reset"
    """The connection was reset within a body that says of no other end."""

    STALLED = "stalled"
    """Nothing more came of a body."""
