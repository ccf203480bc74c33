"""One exchange tried out: a request, and perhaps a response of the backend, against any rules; nothing is sent.

The request is written by a person or that of a recorded exchange; so is the response.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from urlrewrite.content.asset_memory import AssetMemory
from urlrewrite.content.charset.view import detect
from urlrewrite.content.kinds import content_kind, sniff_kind
from urlrewrite.engine.facts import RequestFacts, ResponseFacts, one_line
from urlrewrite.exchange.responses import Abort, Forward, LocalResponse
from urlrewrite.exchange.rule_tests import Evaluation, evaluate, request_facts
from urlrewrite.exchange.rules_in_force import RulesInForce
from urlrewrite.inspector.diff.bodies_decoded import DecodedBody, decoded_body
from urlrewrite.inspector.diff.differences import field_changes
from urlrewrite.inspector.diff.hunks import Lines, hunks
from urlrewrite.inspector.diff.spans import spans_between
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.inspector.traces.report import render, summary
from urlrewrite.model.field_lines import FieldLines, field_values, is_token
from urlrewrite.trace.text import clipped, printable, visible

MAX_URL_LENGTH = 64 * 2**10
MAX_FIELDS = 500
MAX_BODY_LENGTH = 4 * 2**20

_BODY_SHOWN = 200_000
_HUNKS = 60
_HUNK = 4000
_MAX_TOKEN = 200


class CannotTry(ValueError):  # noqa: N818
    """An invalid request or response; the message says what was given and what is expected."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What is tried: a request, and the backend's response; None where no response is given."""

    request: RequestFacts
    response: ResponseFacts | None = None
    body: bytes = b""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tried:
    """What was tried, and its result."""

    trial: Trial
    result: Evaluation

    @property
    def response(self) -> ResponseFacts | None:
        """The head of the response that the client gets."""
        if self.result.status is None:
            return None
        return ResponseFacts(self.result.status, self.result.fields or ())

    def as_recorded(self, recorded: RecordedExchange) -> RecordedExchange:
        """Return the recorded exchange as it would have been."""
        body = self.result.body if self.result.status is not None else None
        own = isinstance(self.result.routing, LocalResponse)
        data = self.result.exchange.trace.data
        return replace(recorded, trace=data, response=self.response, response_body=body, own=own)


def try_out(rules: RulesInForce, trial: Trial, trace_id: str = "try", memory: AssetMemory | None = None) -> Tried:
    """Evaluate an exchange. Several trials may share a `memory`, in the order of their exchanges."""
    return Tried(trial, evaluate(rules, trial.request, trial.response, trial.body, trace_id, memory))


def try_recorded(rules: RulesInForce, exchange: RecordedExchange, memory: AssetMemory | None = None) -> Tried:
    """Evaluate a recorded exchange; only its head if its body was not kept."""
    return try_out(rules, trial_of(exchange), str(exchange.trace.get("id") or "try"), memory)


def trial_of(exchange: RecordedExchange) -> Trial:
    """Return the request of a recorded exchange as the client sent it, and the backend's response."""
    if exchange.original is None:
        note = "the recorded response was this proxy's own" if exchange.own else "the backend's response was not kept"
        return Trial(exchange.request, notes=(note,))
    notes = ("the body of the backend's response was not kept: it is taken to be empty",)
    return Trial(
        exchange.request,
        exchange.original,
        exchange.original_body or b"",
        () if exchange.original_body is not None else notes,
    )


def _is_short_token(text: str) -> bool:
    return len(text) <= _MAX_TOKEN and is_token(text)


def written_request(
    method: str, url: str, fields: FieldLines, recorded: RecordedExchange | None = None
) -> RequestFacts:
    """Return a request that a person wrote. Everything else about it is taken from the recorded one that it comes from.

    Raises:
        CannotTry: it is invalid.
    """
    if not _is_short_token(method):
        raise CannotTry(f"got the method {visible(clipped(method, 80))!r}, expected one such as GET")
    if len(url) > MAX_URL_LENGTH:
        raise CannotTry(f"got a URL of {len(url):,} characters, expected at most {MAX_URL_LENGTH:,}")
    if re.search(r"[\x00-\x20\x7f]", url):
        raise CannotTry("got a URL with a blank or a control character, expected these as %20 and the like")
    try:
        asked = request_facts(method, url, fields)
    except ValueError as error:
        raise CannotTry(f"URL: {visible(clipped(str(error), 300))}") from None
    if recorded is None:
        return asked
    known = recorded.request
    sni = known.sni if (known.scheme, known.host.lower()) == (asked.scheme, asked.host.lower()) else asked.sni
    return replace(
        asked, http_version=known.http_version, client=known.client, local=known.local, sni=sni, received=known.received
    )


def written_response(status: int, fields: FieldLines, body: str) -> tuple[ResponseFacts, bytes, tuple[str, ...]]:
    """Return a response of the backend that a person wrote, its body in the charset that it declares; and notes.

    Raises:
        CannotTry: it is invalid.
    """
    if not 100 <= status <= 999:
        raise CannotTry(f"got the status {status}, expected a number from 100 to 999")
    notes = []
    kept = tuple(line for line in fields if line[0].lower() not in ("content-encoding", "content-length"))
    if field_values(fields, "content-encoding"):
        notes.append("Content-Encoding was left out, since the body is written here without it")
    content_type = next(iter(field_values(kept, "content-type")), None)
    data = body.encode("utf-8", "surrogateescape" if _only_bytes(body) else "replace")
    kind = content_kind(content_type) if content_type else sniff_kind(data)
    charset = detect(data, content_type, kind=kind.charset_rules)
    if charset.codec not in ("utf-8", "utf_8"):
        try:
            data = charset.bom + body.encode(charset.codec, "surrogateescape")
        except (UnicodeError, LookupError):
            notes.append(f"the body cannot be written in {charset.label}; it is taken to be UTF-8")
    if len(data) > MAX_BODY_LENGTH:
        raise CannotTry(f"got a body of {len(data):,} bytes, expected at most {MAX_BODY_LENGTH:,}")
    return ResponseFacts(status, kept), data, tuple(notes)


def _only_bytes(text: str) -> bool:
    return all(not "\ud800" <= char <= "\udfff" or "\udc80" <= char <= "\udcff" for char in text)


def field_lines(value: object, what: str = "headers") -> FieldLines:
    """Return field lines from text (`Name: value` on each line) or from a list of pairs.

    Raises:
        CannotTry: a line is invalid.
    """
    pairs: Iterable[object]
    if isinstance(value, str):
        pairs = [tuple(line.split(":", 1)) for line in value.split("\n") if line.strip()]
    elif isinstance(value, Sequence):
        pairs = value
    else:
        raise CannotTry(f"{what}: got {type(value).__name__}, expected lines such as 'Accept: text/html'")
    found = []
    for number, pair in enumerate(pairs, 1):
        if number > MAX_FIELDS:
            raise CannotTry(f"{what}: got more than {MAX_FIELDS} lines")
        match pair:
            case [str(name), str(content)] if _is_short_token(name.strip()) and not re.search(
                r"[\r\n\0]", content.strip()
            ):
                found.append((name.strip(), content.strip()))
            case _:
                raise CannotTry(f"{what}, line {number}: got {_told(pair)}, expected 'Name: value'")
    return tuple(found)


def _told(pair: object) -> str:
    text = ": ".join(map(str, pair)) if isinstance(pair, tuple | list) else str(pair)
    return f'"{visible(clipped(text, 80))}"'


def field_text(fields: FieldLines, without: Iterable[str] = ()) -> str:
    """Return field lines as text, one on each line."""
    left_out = set(without)
    return "".join(f"{one_line(name)}: {one_line(value)}\n" for name, value in fields if name.lower() not in left_out)


def as_data(tried: Tried) -> dict[str, Any]:
    """Return the result as JSON values; all texts are safe to be shown.

    `{routing, action, site, rules, status, fields, field_changes, body, notes, problems, summary, text, trace}`.
    `routing` is `{kind, url?, host?, connect?, fields?, status?}`; `body` is `{before, after, note, changed, hunks}`.
    """
    result, data = tried.result, tried.result.exchange.trace.data
    sent = tried.trial.response
    if not isinstance(result.routing, Forward):
        sent = None
    before: FieldLines = sent.fields if sent else ()
    after: FieldLines = result.fields or ()
    events = [event for event in data["events"] if isinstance(event, Mapping)]
    changes = field_changes(before, after, events) if result.fields is not None else ()
    return {
        "request": {"method": visible(tried.trial.request.method), "url": visible(tried.trial.request.url)},
        "routing": routing_data(result),
        "action": str(result.exchange.decision.outcome),
        "site": visible(data.get("site", "")),
        "rules": {
            "inbound": [visible(name) for name in data.get("inbound_rules", ())],
            "outbound": [visible(name) for name in data.get("outbound_rules", ())],
        },
        "status": result.status,
        "backend_status": sent.status if sent else None,
        "fields": _shown_fields(after),
        "field_changes": [
            {
                "name": visible(change.name),
                "before": None if change.before is None else _shown(change.before),
                "after": None if change.after is None else _shown(change.after),
                "by": [visible(cause.label) for cause in change.by],
            }
            for change in changes
        ],
        "body": _body_data(tried),
        "notes": [visible(note) for note in tried.trial.notes],
        "problems": [visible(problem) for problem in data.get("problems", ())],
        "summary": summary(data),
        "text": render(data),
        "trace": data,
    }


def routing_data(result: Evaluation) -> dict[str, Any]:
    """Return where the request goes, as JSON values."""
    match result.routing:
        case Forward() as forward:
            asked = result.exchange.request.fields
            changed = tuple(line for line in forward.fields if line not in asked)
            sent = {name.lower() for name, _ in forward.fields}
            return {
                "kind": "forward",
                "url": visible(forward.url),
                "host": visible(forward.host),
                "connect": f"{forward.connect[0]} port {forward.connect[1]}" if forward.connect else "",
                "fields": _shown_fields(changed),
                "dropped": [visible(name) for name, _ in asked if name.lower() not in sent],
            }
        case LocalResponse() as response:
            location = next(iter(field_values(response.fields, "location")), "")
            return {"kind": "response", "status": response.status, "location": visible(location)}
        case Abort():
            return {"kind": "abort"}


def body_hunks(before: DecodedBody, after: DecodedBody, most: int = _HUNKS) -> tuple[list[dict[str, Any]], int]:
    """Return the places where two bodies differ, at most `most` of them, and how many spans differ in all.

    A hunk is `{line, before, after}`: the lines in question, each side as pieces `[text, whether it differs]`.
    """
    if before.text is None or after.text is None or before.text == after.text:
        return [], 0
    spans = spans_between(before.text, after.text)
    lines = Lines(before.text)
    listed: list[dict[str, Any]] = []
    for hunk in hunks(lines, spans, context=0, most=most):
        was, now = _Pieces(), _Pieces()
        done = hunk.start
        for span in hunk.spans:
            same = before.text[done : span.start]
            was.add(same, False)
            now.add(same, False)
            was.add(span.before, True)
            now.add(span.after, True)
            done = span.end
        rest = before.text[done : hunk.end].rstrip("\r\n")
        was.add(rest, False)
        now.add(rest, False)
        listed.append({"line": hunk.line, "before": was.pieces, "after": now.pieces})
    return listed, len(spans)


class _Pieces:
    """One side of a hunk, as much of it as is shown."""

    def __init__(self) -> None:
        self.pieces: list[tuple[str, bool]] = []
        self._room = _HUNK

    def add(self, text: str, differs: bool) -> None:
        """Add a piece."""
        if text and self._room > 0:
            self.pieces.append((printable(clipped(text, self._room)), differs))
            self._room -= len(text)


def _body_data(tried: Tried) -> dict[str, Any]:
    result, sent = tried.result, tried.trial.response
    forwarded = isinstance(result.routing, Forward)
    before = decoded_body(sent, tried.trial.body, read_as=result.fields or ()) if sent and forwarded else None
    after = decoded_body(tried.response, result.body) if result.body is not None else None
    listed, count = body_hunks(before, after) if before and after else ([], 0)
    return {
        "before": _shown_body(before),
        "after": _shown_body(after),
        "note": visible((after.note if after else "") or (before.note if before else "")),
        "changed": bool(before and after) and tried.trial.body != result.body,
        "changes": count,
        "hunks": listed,
        "size": None if result.body is None else len(result.body),
    }


def _shown_body(body: DecodedBody | None) -> str | None:
    if body is None or body.text is None:
        return None
    return printable(body.text[:_BODY_SHOWN]) + (
        f"\n… ({len(body.text):,} characters)" if len(body.text) > _BODY_SHOWN else ""
    )


def _shown_fields(fields: FieldLines) -> list[list[str]]:
    return [[visible(name), _shown(value)] for name, value in fields[:MAX_FIELDS]]


def _shown(value: str) -> str:
    return visible(clipped(value, 4000))
