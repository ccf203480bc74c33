"""Where IIS gives up: its status with sub-status, and why."""

from __future__ import annotations


class Failure(Exception):  # noqa: N818 - an outcome that a site may ask for, by mode: iis
    """Raised to end the exchange with an error.

    Attributes:
        code: status and sub-status of IIS ("500.52"; Microsoft Support, "HTTP status code overview").
        message: the sentence for the client: IIS's own, or ours where none is documented.
        detail: what is wrong, for those who see the trace; it may name the backend.
        iis: what IIS does instead, where it does not respond with this code.
    """

    def __init__(self, code: str, message: str, *, detail: str = "", iis: str = "") -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.detail = detail or message
        self.iis = iis or code

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}"
