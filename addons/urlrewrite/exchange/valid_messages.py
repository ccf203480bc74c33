r"""What of a message is not valid HTTP, by one table for HTTP/1, 2 and 3, before any rule sees it.

A client that finds a text which rules read in one way and a backend in another passes by a rule: `/admin#` is not
`^admin$`, but a server that cuts fragments gives `/admin`. So what no client means is refused, with 400 for requests
and 502 for responses. What applications do use is let through as it came, though the grammar does not have it: `|`,
`[`, `"`, `<`, `\` and bytes outside ASCII in targets, any escape in a query, bytes outside ASCII in field values.

Folded field lines are unfolded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from urlrewrite.engine.facts import RequestFacts, ResponseFacts
from urlrewrite.engine.url_path import DOTS, SEPARATOR
from urlrewrite.model.field_lines import FieldLines, field_values, has_control, is_token, unfolded
from urlrewrite.model.origin import parse_authority
from urlrewrite.trace.reasons import Reason


class Part(StrEnum):
    """The parts of a message that are judged. `TARGET` is path and query, `PATH` the path alone."""

    METHOD = "method"
    VERSION = "version"
    TARGET = "target"
    PATH = "path"
    HOST = "host"
    FIELD_NAME = "field name"
    FIELD_VALUE = "field value"
    REASON_PHRASE = "reason phrase"


@dataclass(frozen=True, slots=True)
class Requirement:
    """What a part of a message must not be: `violated` says of its text whether it is.

    `source` is where that stands, `example` a text that violates this requirement and none before it.
    """

    reason: Reason
    part: Part
    violated: Callable[[str], object]
    source: str
    example: str


def _has(expression: str) -> Callable[[str], object]:
    return re.compile(expression).search


def _is_no_token(text: str) -> bool:
    return not is_token(text)


_HEX = "[0-9a-fA-F]"
# Bytes that continue a character of UTF-8, escaped or (as surrogates) as they are; all of them, and from 80 on.
_CONTINUED = f"(?:%[89abAB]{_HEX}|[\udc80-\udcbf])"
_TO_8F, _TO_9F = f"(?:%8{_HEX}|[\udc80-\udc8f])", f"(?:%[89]{_HEX}|[\udc80-\udc9f])"
_HTTP_SYS = "http.sys: Microsoft, Http.sys registry settings for Windows, AllowRestrictedChars"

REQUIREMENTS: tuple[Requirement, ...] = (
    Requirement(Reason.BAD_METHOD, Part.METHOD, _is_no_token, "RFC 9110, 9.1", "GET /x"),
    # A line of HTTP/1 may claim any; 2.0 and 3 are what mitmproxy calls the others.
    Requirement(
        Reason.BAD_VERSION, Part.VERSION, _has(r"^HTTP/(?!1\.|2\.0$)[0-9]\.[0-9]$"), "RFC 9112, 2.3", "HTTP/3.0"
    ),
    Requirement(Reason.TARGET_FORM, Part.TARGET, _has("^(?!/)"), "RFC 9112, 3.2; RFC 9113, 8.3.1", "x/y"),
    Requirement(Reason.TARGET_FRAGMENT, Part.TARGET, _has("#"), "RFC 9112, 3.2; RFC 3986, 3.5", "/x#y"),
    Requirement(Reason.TARGET_BLANK, Part.TARGET, _has(" "), "RFC 9112, 3.2", "/x HTTP/1.1"),
    Requirement(Reason.TARGET_CONTROL, Part.TARGET, _has(r"[\x00-\x1f\x7f]"), "RFC 3986, 2", "/x?\t"),
    Requirement(
        Reason.PATH_CONTROL,
        Part.PATH,
        _has(rf"[\x80-\x9f]|%(?:[uU]00)?(?:[01]{_HEX}|7[fF])|%[uU]00[89]{_HEX}|(?:%[cC]2|\udcc2){_TO_9F}"),
        _HTTP_SYS,
        "/x%0Ay",
    ),
    Requirement(
        Reason.PATH_OVERLONG,
        Part.PATH,
        _has(
            rf"(?:%[cC][01]|[\udcc0\udcc1]){_CONTINUED}|(?:%[eE]0|\udce0){_TO_9F}{_CONTINUED}"
            rf"|(?:%[fF]0|\udcf0){_TO_8F}{_CONTINUED}{_CONTINUED}"
        ),
        "RFC 3629, 3",
        "/x%C0%AFy",
    ),
    Requirement(
        Reason.PATH_DOTS, Part.PATH, _has(f"{SEPARATOR}{DOTS};"), "RFC 3986, 3.3: not a dot-segment", "/x/..;/y"
    ),
    Requirement(
        Reason.BAD_HOST,
        Part.HOST,
        lambda host: host and parse_authority(host) is None,
        "RFC 9110, 7.2; RFC 3986, 3.2",
        "www.example.com:٨٠",
    ),
    Requirement(
        Reason.BAD_FIELD_NAME,
        Part.FIELD_NAME,
        _is_no_token,
        "RFC 9110, 5.1; RFC 9112, 5.1",
        "X Y",
    ),
    Requirement(Reason.FIELD_CONTROL, Part.FIELD_VALUE, has_control, "RFC 9110, 5.5", "a\rb"),
    Requirement(Reason.REASON_CONTROL, Part.REASON_PHRASE, has_control, "RFC 9112, 4", "OK\rX: y"),
)
"""Every requirement; of those that a message violates the first one counts."""

_BY_PART = {part: tuple(each for each in REQUIREMENTS if each.part is part) for part in Part}
# What violates no requirement, as can be told of most messages at once.
_PLAIN_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"))
_PLAIN_VERSIONS = frozenset(("HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "HTTP/3"))
_PLAIN_HOST = re.compile(r"[a-z0-9.-]++(?::[1-9][0-9]{0,3})?+").fullmatch
_PLAIN_TARGET = re.compile(r"/(?:[!-\"$&-:<-~]++|%[2-6][0-9a-fA-F]|%7[0-9a-eA-E])*+").fullmatch


@dataclass(frozen=True, slots=True)
class Violation:
    """Why a message is refused; `name` is that of the field, "" where it is none."""

    reason: Reason
    name: str = ""


def unfolded_request(request: RequestFacts) -> RequestFacts:
    """Return a request of HTTP/1 with its folded lines unfolded; HTTP/2 and 3 have none (RFC 9113, 8.2.1)."""
    fields = unfolded(request.fields) if request.http_version.startswith("HTTP/1") else request.fields
    return request if fields is request.fields else replace(request, fields=fields)


def unfolded_response(response: ResponseFacts) -> ResponseFacts:
    """Return a response with its folded lines unfolded."""
    fields = unfolded(response.fields)
    return response if fields is response.fields else replace(response, fields=fields)


def judge_request(request: RequestFacts) -> Violation | None:
    """Say which requirement a request violates, None if it is valid."""
    return next(_violations_of_request(request), None)


def judge_response(response: ResponseFacts) -> Violation | None:
    """Say which requirement the head of a backend's response violates, None if it is valid."""
    if response.reason and (found := _violated(Part.REASON_PHRASE, response.reason)):
        return Violation(found)
    return next(_violations_of_fields(response.fields), None)


def _violations_of_request(request: RequestFacts) -> Iterator[Violation]:
    method, target, host = request.method, request.target, request.host
    if method not in _PLAIN_METHODS and (found := _violated(Part.METHOD, method)):
        yield Violation(found)
    if request.http_version not in _PLAIN_VERSIONS and (found := _violated(Part.VERSION, request.http_version)):
        yield Violation(found)
    if not _PLAIN_TARGET(target) and not (target == "*" and method == "OPTIONS"):
        found = _violated(Part.TARGET, target) or _violated(Part.PATH, target.partition("?")[0])
        if found:
            yield Violation(found)
    if "".join([name for name, _ in request.fields]).lower().count("host") > 1:
        hosts = field_values(request.fields, "host")
        host = ", ".join(hosts) if len(hosts) > 1 else host
    if not _PLAIN_HOST(host) and (found := _violated(Part.HOST, host)):
        yield Violation(found)
    yield from _violations_of_fields(request.fields)


def _violations_of_fields(fields: FieldLines) -> Iterator[Violation]:
    """Yield what is wrong with field lines; most of them are well, which is told of all at once."""
    names = [name for name, _ in fields]
    if "" not in names and is_token("".join(names)) and "".join([value for _, value in fields]).isprintable():
        return
    for name, value in fields:
        if found := _violated(Part.FIELD_NAME, name) or _violated(Part.FIELD_VALUE, value):
            yield Violation(found, name)


def _violated(part: Part, text: str) -> Reason | None:
    return next((each.reason for each in _BY_PART[part] if each.violated(text)), None)
