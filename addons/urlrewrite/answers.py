"""What the proxy answers itself, and what it hands on."""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus

from urlrewrite.engine.decision import Decision, Outcome
from urlrewrite.origin import Origin


@dataclass(frozen=True, slots=True)
class Forward:
    """A request on its way to a backend.

    `connect` is the address to dial where it is not the origin's own; `host` goes into Host or :authority; `fields` are
    all fields in order, the client's Host line among them.
    """

    origin: Origin
    connect: tuple[str, int] | None
    host: str
    target: str
    fields: list[tuple[str, str]]

    @property
    def url(self) -> str:
        """The absolute URL at the backend."""
        return f"{self.origin}{self.target}"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of our own."""

    status: int
    fields: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Abort:
    """The connection is to be closed without an answer."""


def reason_phrase(status: int) -> str:
    """The usual reason phrase of a status code; "" for one that nobody registered."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _on_the_wire(reason: str) -> str:
    """A reason phrase as HTTP/1 can carry it (RFC 9112, 4): one line, and ? for what is not Latin-1."""
    return " ".join(reason.encode("latin-1", "replace").decode("latin-1").split())


def plain_answer(status: int, text: str, trace_id: str = "") -> Answer:
    """A short text for a person, with the id under which the proxy keeps the trace."""
    trace = f"Trace id: {trace_id}\n" if trace_id else ""
    phrase = reason_phrase(status)
    body = f"{status} {phrase}\n\n{text}\n{trace}".encode()
    fields = [("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "no-store")]
    return Answer(status, [*fields, ("Content-Length", str(len(body)))], body, phrase)


def decided_answer(decision: Decision) -> Answer:
    """The answer that a Redirect or CustomResponse action asks for."""
    fields = [("Content-Type", "text/plain; charset=utf-8")]
    if decision.outcome is Outcome.REDIRECT:
        fields.append(("Location", decision.location))
        text, reason = f"{decision.status} {decision.location}\n", reason_phrase(decision.status)
    else:
        reason = _on_the_wire(decision.reason) or reason_phrase(decision.status)
        sub_status = f".{decision.sub_status}" if decision.sub_status else ""
        text = f"{decision.description or f'{decision.status}{sub_status} {reason}'}\n"
    body = b"" if decision.status in (204, 304) else text.encode("utf-8", "replace")
    return Answer(decision.status, [*fields, ("Content-Length", str(len(body)))], body, reason)
