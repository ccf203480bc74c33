"""Lengths of time as authors write them: `5s`, `500ms`, `2m`, `1h`, a number of seconds, or IIS's `00:02:00`."""

from __future__ import annotations

import re

from urlrewrite.formats.wording import shown

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "": 1.0}
_SHORT = re.compile(r"(\d+(?:\.\d+)?) ?(ms|s|m|h|)")
_TIME_SPAN = re.compile(r"(?:(\d+)\.)?(\d{1,2}):([0-5]?\d)(?::([0-5]?\d(?:\.\d+)?))?")

MAX_DURATION = 1000 * 86400.0
"""Seconds; who wants to wait for longer means for ever."""


def parse_duration(text: str) -> float:
    """Return the seconds that a text says, to the millisecond.

    Raises:
        ValueError: the text says no length of time, or one that is too short or too long; what was got and what is
            expected.
    """
    if found := _SHORT.fullmatch(text.strip()):
        seconds = float(found[1]) * _UNITS[found[2]]
    elif found := _TIME_SPAN.fullmatch(text.strip()):
        days, hours, minutes, rest = (float(part or 0) for part in found.groups())
        seconds = days * 86400 + hours * 3600 + minutes * 60 + rest
    else:
        raise ValueError(f"got {shown(text)}, expected a length of time such as 30s, 500ms, 2m or 00:00:30")
    if seconds > MAX_DURATION:
        raise ValueError(f"got {shown(text)}, expected at most 1000 days, or 0 where that stands for no end")
    if seconds and not round(seconds, 3):
        raise ValueError(f"got {shown(text)}, expected at least 1ms, or 0")
    return round(seconds, 3)


def parse_some_time(text: str) -> float:
    """Return the seconds that a text says, more than 0.

    Raises:
        ValueError: the text says no length of time, or none at all; what was got and what is expected.
    """
    seconds = parse_duration(text)
    if not seconds:
        raise ValueError(f"got {shown(text)}, expected more than 0, such as 30s")
    return seconds


def write_duration(seconds: float) -> str:
    """Return a short spelling of a length of time, which is rounded to milliseconds."""
    for unit in ("h", "m"):
        if seconds and seconds % _UNITS[unit] == 0:
            return f"{seconds / _UNITS[unit]:.0f}{unit}"
    milliseconds = round(seconds * 1000)
    return f"{milliseconds}ms" if milliseconds % 1000 else f"{milliseconds // 1000}s"


def write_time_span(seconds: float) -> str:
    """Return IIS's spelling of a length of time, which is rounded to seconds: `00:02:00`, `1.00:00:00`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return f"{f'{days}.' if days else ''}{hours:02}:{minutes:02}:{rest:02}"
