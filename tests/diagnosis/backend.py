"""A backend without a socket: it answers requests as they would be sent, and knows by what name it was asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import unquote

from urlrewrite.model.field_lines import FieldLines, field_values


@dataclass(frozen=True, slots=True)
class Request:
    """A request as the backend gets it; `tls` says whether it came by TLS."""

    method: str
    host: str
    target: str
    fields: FieldLines
    body: bytes = b""
    tls: bool = False

    @property
    def path(self) -> str:
        return unquote(self.target.partition("?")[0])

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]

    @property
    def cookies(self) -> dict[str, str]:
        pairs = (
            pair.strip().partition("=") for line in field_values(self.fields, "cookie") for pair in line.split(";")
        )
        return {name: value for name, _, value in pairs}

    def field(self, name: str) -> str:
        return next(iter(field_values(self.fields, name)), "")


class Answer(NamedTuple):
    """What a backend answers."""

    status: int
    fields: FieldLines = ()
    body: bytes = b""

    def with_fields(self, **fields: str) -> Answer:
        """The answer with more fields; `_` stands for `-`."""
        return self._replace(
            fields=(*self.fields, *((name.replace("_", "-"), value) for name, value in fields.items()))
        )


type Route = Answer | Callable[[Request], Answer]


def page(body: str, status: int = 200, **fields: str) -> Answer:
    """A page."""
    lines = (("Content-Type", "text/html; charset=utf-8"),)
    return Answer(status, lines, f"<!doctype html><html><body>{body}</body></html>".encode()).with_fields(**fields)


def typed(media_type: str, body: str, status: int = 200, **fields: str) -> Answer:
    """Anything else, with its type."""
    return Answer(status, (("Content-Type", media_type),), body.encode()).with_fields(**fields)


def redirect(location: str, status: int = 302, **fields: str) -> Answer:
    """A redirect."""
    return Answer(status, (("Location", location),)).with_fields(**fields)


@dataclass
class Backend:
    """Answers by path; `first` comes before all routes, and may leave a request to them by None."""

    routes: dict[str, Route]
    missing: Callable[[Request], Answer]
    common: FieldLines = ()
    first: Callable[[Request], Answer | None] = lambda request: None
    plain: Answer | None = None
    """What comes where it is asked without TLS though it speaks that."""

    tls: bool = False

    def answer(self, request: Request) -> Answer:
        """Answers a request.

        Raises:
            OSError: a route says that no answer comes.
        """
        if request.tls != self.tls and not (self.tls and self.plain):
            raise OSError("[SSL] record layer failure" if request.tls else "the connection was closed")
        found = self.plain if request.tls != self.tls else self.first(request)
        if found is None:
            route = self.routes.get(request.path) or self.routes.get(f"{request.method} {request.path}") or self.missing
            found = route if isinstance(route, Answer) else route(request)
        names: Mapping[str, str] = {name.lower(): value for name, value in found.fields}
        common = tuple(line for line in self.common if line[0].lower() not in names)
        return found._replace(fields=(*common, *found.fields))
