"""What becomes of a part of a configuration that is not about rules."""

from __future__ import annotations

from enum import StrEnum


class Fate(StrEnum):
    """What becomes of a section of IIS, or of a directive of Apache."""

    HONOURED = "honoured"
    """It is done here."""

    KEEPS_CLOSED = "error where it keeps clients out"
    """It is not done here; where it keeps clients out, the rules are not loaded unless that is allowed."""

    TOLD = "warning"
    """It is not done here, and a finding says so."""

    PASSED_OVER = "passed over"
    """It has no bearing on what a proxy does: it is for an application, or for how the server itself runs."""
