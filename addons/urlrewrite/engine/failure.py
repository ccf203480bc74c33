"""Where IIS gives up: its status with sub-status, and why."""

from __future__ import annotations

from typing import Unpack

from urlrewrite.trace.reasons import Reason, Values, sentence


class Failure(Exception):  # noqa: N818 - an outcome that a site may ask for, by mode: iis
    """Raised to end the exchange with an error.

    Attributes:
        iis_status: status and sub-status of IIS ("500.52"; Microsoft Support, "HTTP status code overview").
        reason: what is wrong, for those who see the trace, with the `values` of its sentence; it may name the backend.
        message: the sentence for the client: IIS's own, or ours where none is documented; that of the reason if none
            is given.
        iis: what IIS does instead, where it does not respond with this status.
    """

    def __init__(
        self, iis_status: str, reason: Reason, *, message: str = "", iis: str = "", **values: Unpack[Values]
    ) -> None:
        super().__init__(iis_status, reason)
        self.iis_status = iis_status
        self.reason = reason
        self.values = values
        self.message = message or sentence(reason, values)
        self.iis = iis

    def __str__(self) -> str:
        return f"{self.iis_status}: {sentence(self.reason, self.values)}"
