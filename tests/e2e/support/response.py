"""What a client got, in one form for every protocol and client."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Response:
    """A response as it arrived: header fields in order and unfolded; the body unframed (no chunks) but not decoded."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def all(self, name: str) -> list[str]:
        """Every field line of that name."""
        wanted = name.lower().encode()
        return [value.decode("latin-1") for key, value in self.headers if key.lower() == wanted]

    def header(self, name: str) -> str | None:
        """The only field line of that name, None if there is none."""
        values = self.all(name)
        assert len(values) < 2, f"{name} appears {len(values)} times"
        return values[0] if values else None
