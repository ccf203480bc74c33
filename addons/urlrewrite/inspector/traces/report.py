"""A trace as text: the whole of it for a person, one line for a log, half a line for a list of flows.

The important comes first: what was decided, then what went wrong, then how it came about. What acted is shown in full,
what did not act in as few lines as say why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal

from urlrewrite.inspector.text import WIDTH, counted, quoted_names, sentence, shortened
from urlrewrite.inspector.traces.changes import change_tally
from urlrewrite.inspector.traces.request_part import request_part
from urlrewrite.inspector.traces.response_part import response_part
from urlrewrite.trace.events import Name
from urlrewrite.trace.reading import LINK_FRAMING, Event, Reading, flag, name_of, number, read, text
from urlrewrite.trace.text import clipped, shown, visible

type Side = Literal["request", "response", "both"]


def render(trace: Mapping[str, Any], side: Side = "both", *, follow: bool = False) -> str:
    """Return the trace as lines of text for a fixed-width view. It raises nothing, whatever the trace holds.

    With `follow` the other side follows the requested one.
    """
    reading = read(trace)
    parts = {
        "request": ["", _heading("Request"), *request_part(reading)],
        "response": ["", _heading("Response"), *response_part(reading)],
    }
    order = ["response", "request"] if side == "response" else ["request", "response"]
    shown_sides = order if follow or side == "both" else order[:1]
    lines = [*_head(reading), *_problems(reading, "both" if len(shown_sides) == 2 else side)]
    for name in shown_sides:
        lines += parts[name]
    return "\n".join(lines)


def summary(trace: Mapping[str, Any]) -> str:
    """Return what happened, short enough for a column of the flow list: `rewritten by "old articles" · 24 links, 3
    fields`.

    Where there are several sites, it begins with the one that was chosen: `shop → privateserver:8080`.
    """
    reading = read(trace)
    acted = reading.names("outbound_rules")
    parts = [
        _route(reading),
        _decision(reading),
        tally_of(reading),
        _leaks(reading),
        _broken_off(reading),
        _first_problem(reading, 60),
        f"response: {quoted_names(acted)}" if acted else "",
    ]
    return " · ".join(filter(None, parts)) or "passed unchanged"


def log_line(trace: Mapping[str, Any]) -> str:
    """Return what happened, on one line of a log: `GET https://www.example.com/a -> http://privateserver/a
    200 · whole`.
    """
    reading = read(trace)
    rules = [*reading.names("inbound_rules"), *reading.names("outbound_rules")]
    parts = [
        f"{_request(reading)} -> {_result(reading)}",
        f"rules: {', '.join(clipped(visible(name), 40) for name in rules)}" if rules else "",
        tally_of(reading),
        _leaks(reading),
        visible(text(reading.data, "way")),
        _broken_off(reading),
        _first_problem(reading, 200),
    ]
    return " · ".join(filter(None, parts))


def _heading(title: str) -> str:
    return f"── {title} ".ljust(WIDTH, "─")


def _request(reading: Reading) -> str:
    line = reading.request_line
    return f"{visible(text(line, 'method')) or '?'} {shown(text(line, 'url')) if text(line, 'url') else '?'}"


def _head(reading: Reading) -> list[str]:
    data = reading.data
    facts = [
        f"{label} {visible(text(source, key))}"
        for label, source, key in (
            ("site", data, "site"),
            ("", reading.request_line, "http_version"),
            ("rules", data, "rules"),
            ("trace", data, "id"),
        )
        if text(source, key)
    ]
    what = [_decision(reading), tally_of(reading), _leaks(reading), _broken_off(reading)]
    less = "only decisions were traced; the option urlrewrite_trace=full shows why" if text(data, "level") else ""
    return [
        _request(reading),
        f"→ {_result(reading)}",
        *(f"  {part}" for part in (" · ".join(filter(None, what)), " · ".join(map(str.strip, facts)), less) if part),
    ]


def _result(reading: Reading) -> str:
    """Return where the request went, or which response it got."""
    status = number(reading.data, "status")
    sub_status = f".{number(reading.data, 'sub_status')}" if number(reading.data, "sub_status") else ""
    came = f" {status}{sub_status}" if status is not None else ""
    if text(reading.data, "target"):
        return f"{shown(text(reading.data, 'target'))}{came}"
    if text(reading.data, "action") == "AbortRequest":
        return "closed without a response"
    redirect = _last(reading.request, Name.REDIRECT_ACTION)
    if redirect and text(reading.data, "action") == "Redirect":
        return f"{status or number(redirect, 'status')} {shown(text(redirect, 'location'))}"
    answered = _last(reading.request, Name.ANSWERED)
    status = status if status is not None or answered is None else number(answered, "status")
    return f"{status}{sub_status}" if status is not None else "not decided"


def _decision(reading: Reading) -> str:
    """Return what the inbound rules decided, in words for people."""
    names = reading.names("inbound_rules")
    section = _last(reading.request, Name.SECTION_ANSWERED)
    by = f" by {quoted_names(names)}" if names else ""
    by = f" by <{visible(text(section, 'section'))}>" if section else by
    status = number(reading.data, "status")
    match text(reading.data, "action"):
        case "Rewrite" | "None" if not text(reading.data, "target"):
            # It failed on the way, as an error says.
            return ""
        case "Rewrite":
            return f"rewritten{by}"
        case "Redirect":
            return f"redirected{by}"
        case "CustomResponse":
            return f"answered{f' {status}' if status else ''}{by}"
        case "AbortRequest":
            return f"aborted{by}"
        case _:
            return f"forwarded with {quoted_names(names)}" if names else ""


def _broken_off(reading: Reading) -> str:
    why = text(reading.data, "broken_off")
    return f"broken off: {shortened(visible(why), 100)}" if why else ""


def tally_of(reading: Reading) -> str:
    """Return what was changed in the response, as `24 links, 3 fields`; "" where nothing was."""
    # A trace below the level full has no events of single changes, but their number by field.
    counted_fields = reading.data.get("changed_fields")
    names = Counter[str]()
    if isinstance(counted_fields, Mapping):
        names.update({name: max(number(counted_fields, name) or 0, 0) for name in counted_fields})
    for event in reading.response:
        match name_of(event):
            case Name.GENERAL_SET_RESPONSE_HEADER:
                name = text(event, "name").lower()
            case Name.CONTENT_CHANGE if not flag(event, "link") and number(event, "offset") is None:
                # A rule that changes a field says its name, one that changes an attribute `<tag name>`.
                name = text(event, "where").lower()
                name = "" if name.startswith("<") or name == "body" else name
            case _:
                continue
        names[name] += 1
    cookies = names.pop("set-cookie", 0)
    fields = sum(count for name, count in names.items() if name and name not in LINK_FRAMING)
    return change_tally(max(number(reading.data, "links") or 0, 0), fields, cookies)


def _route(reading: Reading) -> str:
    site = clipped(visible(text(reading.data, "site")), 40)
    if not site or not flag(reading.data, "one_of_sites"):
        return ""
    backend = text(reading.data, "target").partition("://")[2].partition("/")[0]
    return f"{site} → {clipped(visible(backend), 60)}" if backend else site


def _leaks(reading: Reading) -> str:
    count = number(reading.data, "leaks") or 0
    return counted(count, "leak") if count > 0 else ""


def _problems(reading: Reading, side: Side) -> list[str]:
    """Return errors, warnings, and where IIS would do something else; warnings of the other side are only counted."""
    events = {"request": reading.request, "response": reading.response, "both": reading.events}[side]
    problems = [event for event in reading.problems() if name_of(event) == Name.ERROR or event in events]
    differences = [event for event in events if name_of(event) == Name.IIS_DIFFERS]
    # What is equal for several fields or items is listed once.
    entries = dict.fromkeys("\n".join(_problem(event)) for event in (*problems, *differences))
    if elsewhere := len(reading.problems()) - len(problems):
        entries[f"  ({counted(elsewhere, 'warning')} on the other side)"] = None
    return ["", *entries] if entries else []


def _problem(event: Event) -> list[str]:
    name, message, iis = name_of(event), visible(text(event, "message")), iis_instead(event)
    if name == Name.IIS_DIFFERS:
        return sentence(f"≠ {iis}: {message}")
    lines = sentence(f"{'✖ ERROR' if name == 'ERROR' else '⚠ warning'}: {message}")
    lines += [f"      {shown(text(event, 'value'))}"] if text(event, "value") else []
    return [*lines, *([f"      {iis}"] if iis else [])]


def iis_instead(event: Event) -> str:
    """Return what IIS does in this case, as a sentence; "" if the event does not say it."""
    iis, status = visible(text(event, "iis")), visible(text(event, "iis_status"))
    return f"IIS {iis}" if iis else f"IIS would respond with {status} here" if status else ""


def _first_problem(reading: Reading, limit: int) -> str:
    problems = reading.problems()
    if not problems:
        return ""
    sign = "✖" if name_of(problems[0]) == Name.ERROR else "⚠"
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{sign} {shortened(visible(text(problems[0], 'message')), limit)}{more}"


def _last(events: list[Event], name: str) -> Event | None:
    return next((event for event in reversed(events) if name_of(event) == name), None)
