"""Lengths of time as authors write them: `5s`, `500ms`, `2m`, `1h`, a number of seconds, or IIS's `00:02:00`."""

from __future__ import annotations

import re

from urlrewrite.formats.wording import shown

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "": 1.0}
_SHORT = re.compile(r"(\d+(?:\.\d+)?) ?(ms|s|m|h|)")
_TIME_SPAN = re.compile(r"(?:(\d+)\.)?(\d{1,2}):(\d{1,2})(?::(\d{1,2}(?:\.\d+)?))?")


def parse_duration(text: str) -> float:
    """Return the seconds that a text says.

    Raises:
        ValueError: the text says no length of time; what was got and what is expected.
    """
    if found := _SHORT.fullmatch(text.strip()):
        return round(float(found[1]) * _UNITS[found[2]], 3)
    if found := _TIME_SPAN.fullmatch(text.strip()):
        days, hours, minutes, seconds = found.groups()
        return int(days or 0) * 86400 + int(hours) * 3600 + int(minutes) * 60 + round(float(seconds or 0), 3)
    raise ValueError(f"got {shown(text)}, expected a length of time such as 30s, 500ms, 2m or 00:00:30")


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
            return f"{seconds / _UNITS[unit]:g}{unit}"
    milliseconds = round(seconds * 1000)
    return f"{milliseconds}ms" if milliseconds % 1000 else f"{milliseconds // 1000}s"


def write_time_span(seconds: float) -> str:
    """Return IIS's spelling of a length of time, which is rounded to seconds: `00:02:00`, `1.00:00:00`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return f"{f'{days}.' if days else ''}{hours:02}:{minutes:02}:{rest:02}"
