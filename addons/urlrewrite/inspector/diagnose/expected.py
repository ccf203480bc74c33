"""Statuses of 400 and above that are no failure: HTTP, WebDAV and applications answer with them every day.

Each row is a way of knowing that nobody is missing anything. What a rule or this proxy itself did is never expected.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from enum import Enum

from urlrewrite.exchange.body.request import DAV_METHODS
from urlrewrite.inspector.diagnose.breakage import BreakageSeverity
from urlrewrite.inspector.diagnose.case import Case
from urlrewrite.inspector.diagnose.page_loads import destination, is_navigation, request_field, response_field, url_of
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.model.field_lines import field_values

_WEBDAV = DAV_METHODS - {"OPTIONS"} | {"UNLOCK"}
_WEBDAV_STATUSES = frozenset({403, 404, 405, 409, 412, 415, 422, 423, 424, 501, 507})
CONDITIONS = ("if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range")
"""Fields with the conditions of a request (RFC 9110, 13.1)."""

_TRIFLES = re.compile(
    r"/(?:favicon\.(?:ico|png|svg)|apple-touch-icon[^/]*\.png|browserconfig\.xml|robots\.txt)$|/\.well-known/|\.map$"
)
_DATA = re.compile(r"(?:application|text)/(?:[\w.-]+\+)?(?:json|xml)\b", re.IGNORECASE)
_FORM_AGAIN = frozenset({400, 401, 409, 422, 429})
_TOKEN = re.compile(r"(?:negotiate|ntlm)\s+\S", re.IGNORECASE)


def _is_challenge(case: Case, exchange: RecordedExchange, status: int) -> bool:
    return status == 401 and bool(response_field(exchange, "www-authenticate"))


def _is_answered(case: Case, exchange: RecordedExchange, status: int) -> bool:
    return _is_challenge(case, exchange, status) and any(
        url_of(each) == url_of(exchange)
        and each.request.method == exchange.request.method
        and request_field(each, "authorization")
        and each.response is not None
        and each.response.status != 401
        for each in _after(case, exchange)
    )


def _after(case: Case, exchange: RecordedExchange) -> Iterator[RecordedExchange]:
    return (each for each in (*case.load.all, *case.later) if each.began >= exchange.began and each is not exchange)


def _is_handshake(case: Case, exchange: RecordedExchange, status: int) -> bool:
    challenges = field_values(exchange.response.fields, "www-authenticate") if exchange.response else []
    return status == 401 and any(_TOKEN.match(each) for each in challenges)


def _asks_for_password(case: Case, exchange: RecordedExchange, status: int) -> bool:
    return _is_challenge(case, exchange, status) and not request_field(exchange, "authorization")


def _is_condition(case: Case, exchange: RecordedExchange, status: int) -> bool:
    return status == 412 and any(request_field(exchange, name) for name in (*CONDITIONS, "if"))


def _is_range(case: Case, exchange: RecordedExchange, status: int) -> bool:
    return status == 416 and bool(request_field(exchange, "range"))


def _is_webdav(case: Case, exchange: RecordedExchange, status: int) -> bool:
    return exchange.request.method in _WEBDAV and status in _WEBDAV_STATUSES


def _is_head(case: Case, exchange: RecordedExchange, status: int) -> bool:
    return exchange.request.method == "HEAD" and (status < 500 or status == 501)


def _is_options(case: Case, exchange: RecordedExchange, status: int) -> bool:
    preflight = bool(request_field(exchange, "access-control-request-method"))
    return exchange.request.method == "OPTIONS" and not preflight and (status < 500 or status == 501)


def _is_prefetch(case: Case, exchange: RecordedExchange, status: int) -> bool:
    return any("prefetch" in request_field(exchange, name).lower() for name in ("sec-purpose", "purpose", "x-moz"))


def _is_report(case: Case, exchange: RecordedExchange, status: int) -> bool:
    return destination(exchange) == "report"


def _is_trifle(case: Case, exchange: RecordedExchange, status: int) -> bool:
    path = exchange.request.target.partition("?")[0]
    return exchange is not case.page and status < 500 and bool(_TRIFLES.search(path))


def _is_of_script(exchange: RecordedExchange) -> bool:
    return destination(exchange) == "empty" or bool(request_field(exchange, "x-requested-with"))


def _is_data(case: Case, exchange: RecordedExchange, status: int) -> bool:
    declared = response_field(exchange, "content-type")
    return _is_of_script(exchange) and status < 500 and (not exchange.response_body or bool(_DATA.match(declared)))


def _is_asked_by_script(case: Case, exchange: RecordedExchange, status: int) -> bool:
    return _is_of_script(exchange) and status < 500


def _is_form(case: Case, exchange: RecordedExchange, status: int) -> bool:
    return is_navigation(exchange) and exchange.request.method != "GET" and status in _FORM_AGAIN


def _is_picture(case: Case, exchange: RecordedExchange, status: int) -> bool:
    return destination(exchange) in ("image", "audio", "video", "track", "font", "manifest") and status in (404, 410)


type _Holds = Callable[[Case, RecordedExchange, int], bool]


class Expected(Enum):
    """The rows, the surest first: a code, when it holds, what it says, and how much it is worth telling."""

    CHALLENGE_ANSWERED = (
        "challenge-answered",
        _is_answered,
        "the request came again with a name and a password, and was let in",
        None,
    )
    HANDSHAKE = "handshake", _is_handshake, "a log-in in several steps is under way", None
    CHALLENGE = (
        "challenge",
        _asks_for_password,
        "it wants a name and a password, which a browser asks its user for",
        BreakageSeverity.NOTE,
    )
    CONDITION = "condition", _is_condition, "the condition of the request does not hold", None
    RANGE = "range", _is_range, "the resource is shorter than the range that was asked for", None
    WEBDAV = "webdav", _is_webdav, "WebDAV clients ask so to learn what there is", None
    HEAD = "head", _is_head, "a client asked so to learn whether there is something", None
    OPTIONS = "options", _is_options, "a client asked so to learn what the server can do", None
    PREFETCH = "prefetch", _is_prefetch, "a browser asked in advance, and will ask again when it has to", None
    REPORT = "report", _is_report, "it is a report of the browser, which no page waits for", None
    TRIFLE = "trifle", _is_trifle, "browsers ask for it unasked, and do without it", BreakageSeverity.NOTE
    DATA = (
        "data",
        _is_data,
        "a script asked for it, and applications answer their scripts so",
        BreakageSeverity.NOTE,
    )
    SCRIPT = (
        "script",
        _is_asked_by_script,
        "a script asked for it, and may expect this",
        BreakageSeverity.WARNING,
    )
    FORM = "form", _is_form, "an application shows a form again so, with what was wrong", BreakageSeverity.WARNING
    PICTURE = "picture", _is_picture, "a page does without it", BreakageSeverity.WARNING

    def __init__(self, code: str, holds: _Holds, says: str, severity: BreakageSeverity | None) -> None:
        self.code = code
        self.holds = holds
        self.says = says
        self.severity = severity


def expected(case: Case, exchange: RecordedExchange, status: int) -> Expected | None:
    """Return the row by which a status is no failure; None where there is none. `severity` of the row is None where
    there is nothing to tell.
    """
    return next((row for row in Expected if row.holds(case, exchange, status)), None)
