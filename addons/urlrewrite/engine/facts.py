"""What is known of a request and of a response: plain values, filled by `hooks/` or by `explain`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from urlrewrite.model.field_lines import FieldLines
from urlrewrite.trace.reasons import Reason

_CONTROLS = re.compile(r"[\x00-\x1f\x7f]+")


def one_line(text: str) -> str:
    """Return a text fit for a field value: what could end the line and begin another field becomes a space."""
    return _CONTROLS.sub(" ", text)


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """A request as the client sent it.

    `scheme` is what the client speaks with us, `target` is path and query as sent, `host` is the Host field or
    :authority as sent ("" where there is none). Bytes that are not UTF-8 are carried as surrogates.
    `client` and `local` are `(address, port)` of the two ends of the client's connection. `received` is when the
    request came, in seconds since 1970, 0 where that is unknown. `over` says which bound the head is over: `target` and
    `fields` are then what was read of it.
    """

    method: str
    scheme: str
    host: str
    target: str
    fields: FieldLines = ()
    http_version: str = "HTTP/1.1"
    client: tuple[str, int] = ("127.0.0.1", 0)
    local: tuple[str, int] = ("127.0.0.1", 0)
    sni: str = ""
    received: float = field(default=0.0, compare=False)
    over: Reason | None = None

    @property
    def url(self) -> str:
        """The absolute URL that the client requested."""
        return f"{self.scheme}://{self.host}{self.target}"


@dataclass(frozen=True, slots=True)
class ResponseFacts:
    """Status line and fields of a response as the backend sent them."""

    status: int
    fields: FieldLines = ()
    reason: str = ""
