"""Why a page is broken, as a text for a terminal: what the page *Why broken* shows, in the same words."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from urlrewrite.inspector.diagnose.breakage import BreakageSeverity, Knowledge
from urlrewrite.inspector.diagnose.browser_said import words
from urlrewrite.inspector.text import counted, joined
from urlrewrite.witness.statements import Statement

WIDTH = 100
"""Columns of a line, but for values that are longer."""

_KNOWN = {
    Knowledge.EXPERIMENT: "tried: the change made the difference",
    Knowledge.GUESS: "probably: another reason is possible",
}
_MAX_LISTED = 10


def why_lines(report: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of a report, as `./run.sh why --json` prints it."""
    status = report["status"] or "no response"
    yield f"{report['url']}: {status}, {counted(report['requests'], 'request')}, {report['browser']}"
    for problem in report["problems"]:
        yield from _wrapped(problem, "", "  ")
    yield ""
    findings = report["findings"]
    yield from _wrapped(report["cause"] if report["failed"] or not findings else _count(findings), "", "")
    for number, finding in enumerate(findings, 1):
        yield ""
        yield from _finding(number, finding)
    for title, listed in (
        ("Still under way when the time was over:", report["under_way"]),
        ("By being watched this page changes. Only with the script that watches it does the browser say:",
         report["only_watched"]),
        ("By being watched this page changes. Only without the script that watches it does the browser say:",
         report["only_unwatched"]),
    ):  # fmt: skip
        if listed:
            yield ""
            yield from _wrapped(title, "", "")
            yield from (f"  {each}" for each in listed[:_MAX_LISTED])
    if report["why_not"]:
        yield ""
        yield f"The page itself could not be watched: {report['why_not']}. Its browser told all the same."


def differences(
    watched: Sequence[Sequence[Statement]], unwatched: Sequence[Sequence[Statement]]
) -> tuple[list[str], list[str]]:
    """Return what a browser said in all loads in which a page was watched and in none else, and the other way round.

    Numbers are passed over: they may differ from load to load. Of a page that was always watched nothing is known.
    """
    if not unwatched:
        return [], []
    return _only(watched, unwatched), _only(unwatched, watched)


def _only(these: Sequence[Sequence[Statement]], others: Sequence[Sequence[Statement]]) -> list[str]:
    first, *more = ({_without_numbers(said): said for said in map(words, load)} for load in these)
    elsewhere = {_without_numbers(said) for load in others for said in map(words, load)}
    return [said for key, said in first.items() if key not in elsewhere and all(key in load for load in more)]


def _count(findings: Sequence[Mapping[str, Any]]) -> str:
    severities = [finding["severity"] for finding in findings]
    return ", ".join(counted(severities.count(each), each) for each in BreakageSeverity if each in severities)


def _without_numbers(said: str) -> str:
    return re.sub("[0-9]+", "0", said)


def _finding(number: int, finding: Mapping[str, Any]) -> Iterator[str]:
    known = ["the browser said so"] if finding["said"] else []
    known += [_KNOWN[finding["known"]]] if finding["known"] in _KNOWN else []
    severity = finding["severity"]
    lead = f"{number}. {severity}: " if severity != BreakageSeverity.ERROR else f"{number}. "
    yield from _wrapped(finding["title"], lead, "   ")
    if known:
        yield f"   ({'; '.join(known)})"
    if finding["todo"]:
        yield from _wrapped(finding["todo"], "   What to do: ", "     ")
    yield from (f"     {line}" for line in finding["yaml"].splitlines())
    if finding["rule"] or finding["source"]:
        rule = f'rule "{finding["rule"]}"' if finding["rule"] else ""
        yield "\n".join(joined([part for part in (rule, finding["source"]) if part], "   ", "     ", WIDTH))
    yield from (f"   {label}: {value}" for label, value in finding["evidence"] if value not in finding["title"])


def _wrapped(text: str, lead: str, indent: str) -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=lead, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
