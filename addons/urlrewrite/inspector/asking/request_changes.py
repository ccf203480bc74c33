"""The table of what is changed in a request, one thing at a time, when a backend is asked again: nothing is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from urlrewrite.fields.forwarding import SPOOFABLE
from urlrewrite.model.farms import DEFAULT_TLS, BackendTls
from urlrewrite.model.field_lines import FieldLine, FieldLines, field_values
from urlrewrite.model.origin import Origin

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods by which nothing is changed (RFC 9110, 9.2.1), so that a person need not be asked first."""

_FEW_COOKIES = 4
_CREDENTIALS = ("cookie", "authorization", "proxy-authorization")


class Version(StrEnum):
    """A version of HTTP."""

    HTTP1 = "HTTP/1.1"
    HTTP2 = "HTTP/2"


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as a backend gets it: where it goes, how, and what is in it; `fields` are all but Host and framing.

    `name` is the one that a certificate must have, `settings` say how it is verified.
    """

    method: str
    address: tuple[str, int]
    name: str
    host: str
    target: str
    fields: FieldLines
    body: bytes = b""
    tls: bool = False
    version: Version = Version.HTTP1
    settings: BackendTls = field(default=DEFAULT_TLS, compare=False)


class AskedKind(StrEnum):
    """A kind of change of a request, in the order in which they are tried."""

    AS_IT_WAS = "as-it-was"
    OTHER_TLS = "other-tls"
    OTHER_VERSION = "other-version"
    OTHER_HOST = "other-host"
    OTHER_URL = "other-url"
    WITHOUT_OURS = "without-ours"
    WITHOUT_FIELD = "without-field"
    OTHER_SCHEME = "other-scheme"
    WITHOUT_COOKIES = "without-cookies"
    WITHOUT_COOKIE = "without-cookie"
    FEWER_COOKIES = "fewer-cookies"
    WITHOUT_CODING = "without-coding"
    OTHER_ORIGIN = "other-origin"


REFINES: Mapping[AskedKind, AskedKind] = {
    AskedKind.WITHOUT_FIELD: AskedKind.WITHOUT_OURS,
    AskedKind.WITHOUT_COOKIE: AskedKind.WITHOUT_COOKIES,
    AskedKind.FEWER_COOKIES: AskedKind.WITHOUT_COOKIES,
}
"""What is only tried if a larger change has made a difference."""


@dataclass(frozen=True, slots=True)
class OtherUrl:
    """A request as it would be sent under a change of a rule; `rule`, `source`, `was` and `becomes` are those of it."""

    sent: Sent
    rule: str
    source: str
    was: str
    becomes: str


@dataclass(frozen=True, slots=True)
class Around:
    """What the changes of a request are taken from: the public origin, the backend's, and what rules could make."""

    public: Origin
    backend: Origin
    others: tuple[OtherUrl, ...] = ()


@dataclass(frozen=True, slots=True)
class Planned:
    """A request with the one thing that was changed; `other` is the rule's change where that made it."""

    kind: AskedKind
    sent: Sent
    was: str = ""
    becomes: str = ""
    other: OtherUrl | None = None


def plan(sent: Sent, around: Around) -> list[Planned]:
    """Return the requests of an experiment: the one that was sent, then those with one thing changed."""
    changed = (planned for kind in AskedKind if kind in _CHANGES for planned in _CHANGES[kind](sent, around))
    return [Planned(AskedKind.AS_IT_WAS, sent), *(planned for planned in changed if planned.sent != sent)]


def _other_tls(sent: Sent, around: Around) -> Iterator[Planned]:
    # What identifies a person is never sent without TLS where it was sent by it.
    if not (sent.tls and any(field_values(sent.fields, name) for name in _CREDENTIALS)):
        was, becomes = ("https", "http") if sent.tls else ("http", "https")
        yield Planned(AskedKind.OTHER_TLS, replace(sent, tls=not sent.tls), was, becomes)


def _other_version(sent: Sent, around: Around) -> Iterator[Planned]:
    other = Version.HTTP1 if sent.version is Version.HTTP2 else Version.HTTP2
    yield Planned(AskedKind.OTHER_VERSION, replace(sent, version=other), sent.version, other)


def _other_host(sent: Sent, around: Around) -> Iterator[Planned]:
    for host in dict.fromkeys((around.backend.authority, around.public.authority)):
        if host != sent.host:
            yield Planned(AskedKind.OTHER_HOST, replace(sent, host=host), sent.host, host)


def _other_urls(sent: Sent, around: Around) -> Iterator[Planned]:
    for other in around.others:
        yield Planned(AskedKind.OTHER_URL, other.sent, other.was, other.becomes, other)


def _is_ours(name: str) -> bool:
    return name.lower().replace("_", "-") in SPOOFABLE


def _without(kind: AskedKind, sent: Sent, *names: str) -> Planned:
    left = tuple(line for line in sent.fields if line[0].lower() not in names)
    gone = dict.fromkeys(name for name, _ in sent.fields if name.lower() in names)
    return Planned(kind, replace(sent, fields=left), ", ".join(gone))


def _without_ours(sent: Sent, around: Around) -> Iterator[Planned]:
    yield _without(AskedKind.WITHOUT_OURS, sent, *(name.lower() for name, _ in sent.fields if _is_ours(name)))


def _without_field(sent: Sent, around: Around) -> Iterator[Planned]:
    for name in dict.fromkeys(name.lower() for name, _ in sent.fields if _is_ours(name)):
        yield _without(AskedKind.WITHOUT_FIELD, sent, name)


def _other_scheme(sent: Sent, around: Around) -> Iterator[Planned]:
    for name, value in sent.fields:
        if name.lower() == "x-forwarded-proto" and value in ("http", "https"):
            other = "http" if value == "https" else "https"
            changed = replace(sent, fields=_with(sent.fields, (name, value), (name, other)))
            yield Planned(AskedKind.OTHER_SCHEME, changed, f"{name}: {value}", f"{name}: {other}")


def _with(fields: FieldLines, line: FieldLine, other: FieldLine) -> FieldLines:
    return tuple(other if each == line else each for each in fields)


def _cookies(sent: Sent) -> list[str]:
    lines = field_values(sent.fields, "cookie")
    return [pair for pair in (each.strip() for line in lines for each in line.split(";")) if pair]


def _with_cookies(kind: AskedKind, sent: Sent, pairs: Iterable[str], was: str, becomes: str = "") -> Planned:
    """Return the request with these cookies only, in one line, where the first one stood."""
    line = "; ".join(pairs)
    at = next(number for number, (name, _) in enumerate(sent.fields) if name.lower() == "cookie")
    others = [line for line in sent.fields if line[0].lower() != "cookie"]
    fields = (*others[:at], *((("Cookie", line),) if line else ()), *others[at:])
    return Planned(kind, replace(sent, fields=fields), was, becomes)


def kilobytes(pairs: Iterable[str]) -> str:
    """Return how long cookies are in a field, in kilobytes."""
    return f"{len('; '.join(pairs)) / 1000:.1f} kB"


def _without_cookies(sent: Sent, around: Around) -> Iterator[Planned]:
    if pairs := _cookies(sent):
        yield _with_cookies(AskedKind.WITHOUT_COOKIES, sent, (), kilobytes(pairs))


def _without_cookie(sent: Sent, around: Around) -> Iterator[Planned]:
    pairs = _cookies(sent)
    for number, pair in enumerate(pairs if 1 < len(pairs) <= _FEW_COOKIES else ()):
        left = pairs[:number] + pairs[number + 1 :]
        yield _with_cookies(AskedKind.WITHOUT_COOKIE, sent, left, pair.partition("=")[0])


def _fewer_cookies(sent: Sent, around: Around) -> Iterator[Planned]:
    pairs = _cookies(sent)
    half = len(pairs) // 2
    for part in (pairs[:half], pairs[half:]) if half else ():
        yield _with_cookies(AskedKind.FEWER_COOKIES, sent, part, kilobytes(pairs), kilobytes(part))


def _without_coding(sent: Sent, around: Around) -> Iterator[Planned]:
    yield _without(AskedKind.WITHOUT_CODING, sent, "accept-encoding")


def _other_origin(sent: Sent, around: Around) -> Iterator[Planned]:
    for name, value in sent.fields:
        if name.lower() == "origin":
            for other in dict.fromkeys((str(around.public), str(around.backend))):
                if other != value:
                    changed = replace(sent, fields=_with(sent.fields, (name, value), (name, other)))
                    yield Planned(AskedKind.OTHER_ORIGIN, changed, value, other)


_CHANGES: Mapping[AskedKind, Callable[[Sent, Around], Iterator[Planned]]] = {
    AskedKind.OTHER_TLS: _other_tls,
    AskedKind.OTHER_VERSION: _other_version,
    AskedKind.OTHER_HOST: _other_host,
    AskedKind.OTHER_URL: _other_urls,
    AskedKind.WITHOUT_OURS: _without_ours,
    AskedKind.WITHOUT_FIELD: _without_field,
    AskedKind.OTHER_SCHEME: _other_scheme,
    AskedKind.WITHOUT_COOKIES: _without_cookies,
    AskedKind.WITHOUT_COOKIE: _without_cookie,
    AskedKind.FEWER_COOKIES: _fewer_cookies,
    AskedKind.WITHOUT_CODING: _without_coding,
    AskedKind.OTHER_ORIGIN: _other_origin,
}
"""What each kind of change does to a request."""
