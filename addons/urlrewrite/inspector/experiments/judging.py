"""The one place that says what is bad and what is good: what a changed rule makes of a request, a circle, a link."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import unquote

from urlrewrite.exchange.responses import Abort, Forward, LocalResponse
from urlrewrite.inspector.diagnose.case import path_of
from urlrewrite.inspector.diagnose.page_loads import destination
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.model.field_lines import field_values
from urlrewrite.trace.reading import text

_WORD = re.compile(r"\w+")
_NO_PAGES = frozenset({"script", "style", "image", "font", "audio", "video", "track", "manifest"})
"""Destinations for which a page of HTML is no answer."""


class Grade(StrEnum):
    """What a change leads to: what was seen to be right, what nobody knows, or no better than before."""

    GOOD = "good"
    UNKNOWN = "unknown"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A grade, and the other URL that the backend would be asked for, or where the client would be sent; "" for none.

    `status` is what was recorded for that URL, None where it was never asked for.
    """

    grade: Grade
    url: str = ""
    status: int | None = None


class Seen:
    """What backends answered in everything that was recorded, by method and URL; the newest exchange counts."""

    def __init__(self, exchanges: Iterable[RecordedExchange]) -> None:
        self._answered: dict[tuple[str, str], RecordedExchange] = {}
        for each in exchanges:
            if each.original is not None and (target := text(each.trace, "target")):
                self._answered.setdefault((_method(each), target), each)

    def answer(self, method: str, url: str) -> RecordedExchange | None:
        """Return the newest exchange in which a backend was asked for a URL."""
        return self._answered.get(("GET" if method == "HEAD" else method, url))


def _method(exchange: RecordedExchange) -> str:
    return "GET" if exchange.request.method == "HEAD" else exchange.request.method


type Routing = Forward | LocalResponse | Abort


def judge_request(seen: Seen, exchange: RecordedExchange, before: Routing, after: Routing) -> Verdict:
    """Judge what becomes of a request that failed, where `before` is what the rules in force make of it.

    It is good if the backend would be asked for what it has been seen to have, provided that this is the same thing
    by another address: a page that answers anything is no proof.
    """
    if isinstance(after, Abort) or same_request(before, after):
        return Verdict(Grade.BAD)
    if isinstance(after, LocalResponse):
        location = next(iter(field_values(after.fields, "location")), "")
        return Verdict(Grade.UNKNOWN if location and after.status < 400 else Grade.BAD, location)
    if isinstance(before, Forward) and before.url == after.url:
        # What the backend makes of other fields, no record tells.
        return Verdict(Grade.UNKNOWN)
    twin = seen.answer(exchange.request.method, after.url)
    if twin is None or twin.original is None:
        return Verdict(Grade.UNKNOWN, after.url)
    status = twin.original.status
    if status >= 400:
        return Verdict(Grade.BAD, after.url, status)
    is_same = names_the_same(exchange.request.target, path_of(after.url)) and _fits(exchange, twin)
    return Verdict(Grade.GOOD if is_same and status < 300 else Grade.UNKNOWN, after.url, status)


def same_request(one: Routing, other: Routing) -> bool:
    """Say whether two routings come to the same for the backend, or for the client."""
    match one, other:
        case Forward(), Forward():
            return (one.url, one.connect, one.host, one.fields) == (other.url, other.connect, other.host, other.fields)
        case LocalResponse(), LocalResponse():
            return (one.status, one.fields) == (other.status, other.fields)
        case _:
            return isinstance(one, Abort) and isinstance(other, Abort)


def names_the_same(asked: str, target: str) -> bool:
    """Say whether two addresses (path and query) name one thing: what is last in the one also stands in the other."""
    path, _, query = asked.partition("?")
    last = _words(unquote(path).rstrip("/").rpartition("/")[2])
    queries = [_words(value) for value in re.split("[&;=]", unquote(query))]
    wanted = [words for words in (last, *queries) if words]
    if not wanted:
        there = target if target.startswith("/") else path_of(target)
        return path.strip("/") == there.partition("?")[0].strip("/")
    words_there = _words(unquote(target))
    return any(_within(words, words_there) for words in wanted)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _within(words: list[str], others: list[str]) -> bool:
    return any(others[at : at + len(words)] == words for at in range(len(others) - len(words) + 1))


def _fits(exchange: RecordedExchange, twin: RecordedExchange) -> bool:
    if destination(exchange) not in _NO_PAGES or twin.original is None:
        return True
    return not next(iter(field_values(twin.original.fields, "content-type")), "").lower().startswith("text/html")


def judge_circle(hops: Iterable[tuple[str, Routing]], answers: Mapping[str, int]) -> Verdict:
    """Judge the redirects that a client would follow from a URL on: pairs of a URL and what becomes of it.

    It is good if they end at a request to the backend; `answers` are the statuses that were recorded for such ones:
    where there are any, the backend redirects, too, and of other requests nobody knows whether it would.
    """
    seen: set[str] = set()
    for url, routing in hops:
        if url in seen:
            return Verdict(Grade.BAD, url)
        seen.add(url)
        match routing:
            case Forward() as forward:
                status = answers.get(forward.url)
                if status is not None and status >= 300:
                    return Verdict(Grade.BAD, forward.url, status)
                return Verdict(Grade.UNKNOWN if answers and status is None else Grade.GOOD, forward.url, status)
            case LocalResponse() as response if response.status >= 400:
                return Verdict(Grade.BAD, url, response.status)
            case Abort():
                return Verdict(Grade.BAD, url)
            case _:
                continue
    return Verdict(Grade.BAD)


def judge_body(now: str, then: str, mapping: tuple[str, str]) -> Grade:
    """Judge what becomes of a body in which a name is left that should be another: `mapping` are both.

    It is good if nothing but that differs; whether the name is gone from its place, the caller has to look for.
    """
    left, right = mapping
    same_else = now.replace(left, right) == then.replace(left, right)
    return Grade.GOOD if same_else and then.count(left) < now.count(left) else Grade.BAD


def judge_links(now: list[str], then: list[str], right: Mapping[int, str]) -> Verdict:
    """Judge the URLs of a page: those that are wrong have to be `right`, by number, and all others as they were."""
    if len(now) != len(then) or not right:
        return Verdict(Grade.BAD)
    wanted = [right.get(number, url) for number, url in enumerate(now)]
    return Verdict(Grade.GOOD if then == wanted else Grade.BAD, right[min(right)])
