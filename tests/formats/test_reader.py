"""Both front ends of `Reader` take the same values from the same words, each with its own lines and labels."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from urlrewrite.formats.reader import Reader
from urlrewrite.formats.reports import Report
from urlrewrite.formats.xml.fields import Fields
from urlrewrite.formats.xml.nodes import Element
from urlrewrite.formats.yaml.fields import Table
from urlrewrite.formats.yaml.nodes import Mapping, Scalar
from urlrewrite.model import PatternSyntax, RedirectType
from urlrewrite.model.problems import Severity

NUMBERS = {"301": RedirectType.PERMANENT}


def table(report: Report, word: str | None) -> Reader:
    entries = () if word is None else ((Scalar("k", 7), Scalar(word, 7, plain=False)),)
    return Table(Mapping(entries, 3), ("k", "patternSyntax"), report, "match")


def element(report: Report, word: str | None) -> Reader:
    return Fields(Element("match", () if word is None else ("k", word), 3), report, ("k", "patternSyntax"))


READINGS: list[tuple[str, Callable[[Reader], object], str | None, object, bool]] = [
    ("text", lambda reader: reader.text("k", "d"), "x", "x", True),
    ("text", lambda reader: reader.text("k", "d"), "", "", True),
    ("text", lambda reader: reader.text("k", "d"), None, "d", True),
    ("texts", lambda reader: [item.text for item in reader.texts("k")], "x", ["x"], True),
    ("texts", lambda reader: [*reader.texts("k")], None, [], True),
    ("given", lambda reader: reader.given("k", "a k"), "", "", True),
    ("given", lambda reader: reader.given("k", "a k"), None, "", False),
    ("required", lambda reader: reader.required("k", "a k"), "x", "x", True),
    ("required", lambda reader: reader.required("k", "a k"), "", "", False),
    ("required", lambda reader: reader.required("k", "a k"), None, "", False),
    ("trimmed", lambda reader: reader.trimmed("k", "a k"), "x y", "x y", True),
    ("trimmed", lambda reader: reader.trimmed("k", "a k"), "  ", "", False),
    ("boolean", lambda reader: reader.boolean("k", True), "FALSE", False, True),
    ("boolean", lambda reader: reader.boolean("k", True), "maybe", True, False),
    ("boolean", lambda reader: reader.boolean("k", True), "", True, False),
    ("optional boolean", lambda reader: reader.optional_boolean("k"), "true", True, True),
    ("optional boolean", lambda reader: reader.optional_boolean("k"), None, None, True),
    ("integer", lambda reader: reader.integer("k", 5, range(3, 10)), "9", 9, True),
    ("integer", lambda reader: reader.integer("k", 5, range(3, 10)), "10", 5, False),
    ("integer", lambda reader: reader.integer("k", 5, range(3, 10)), "-4", 5, False),
    ("integer", lambda reader: reader.integer("k", 5, range(3, 10)), "\u0664", 5, False),
    ("integer", lambda reader: reader.integer("k", 5, range(3, 10)), "4" * 30, 5, False),
    ("choice", lambda reader: reader.choice("k", RedirectType.FOUND, NUMBERS), "permanent", "Permanent", True),
    ("choice", lambda reader: reader.choice("k", RedirectType.FOUND, NUMBERS), "301", "Permanent", True),
    ("choice", lambda reader: reader.choice("k", RedirectType.FOUND, NUMBERS), "Fund", "Found", False),
    ("choice", lambda reader: reader.choice("k", RedirectType.FOUND), None, "Found", True),
]


@pytest.mark.parametrize("front", [table, element])
@pytest.mark.parametrize(("name", "read", "word", "expected", "valid"), READINGS)
def test_values(
    name: str,
    read: Callable[[Reader], object],
    word: str | None,
    expected: object,
    valid: bool,
    front: Callable[[Report, str | None], Reader],
) -> None:
    report = Report("a", [])
    reader = front(report, word)
    assert read(reader) == expected
    assert [problem.severity for problem in report.problems if problem.severity is Severity.ERROR] == (
        [] if valid else [Severity.ERROR]
    )
    assert reader.is_invalid("k") is not valid


LABELS = [(table, 7, "match.k: got", ""), (element, 3, "<match> k: got", "; IIS answers 500.19")]


@pytest.mark.parametrize(("front", "line", "start", "end"), LABELS)
def test_where_a_problem_is(front: Callable[[Report, str | None], Reader], line: int, start: str, end: str) -> None:
    report = Report("a", [])
    front(report, "Fund").choice("k", RedirectType.FOUND)
    (problem,) = report.problems
    assert problem.source.line == line
    assert problem.message.startswith(f'{start} "Fund", expected one of Permanent')
    assert problem.message.endswith(f", did you mean Found?{end}")


def test_a_pattern_syntax_that_is_invalid_makes_no_pattern_invalid() -> None:
    report = Report("a", [])
    found = Fields(Element("rule", ("patternSyntax", "Regex"), 1), report, ("patternSyntax",)).pattern_syntax()
    assert found is PatternSyntax.EXACT_MATCH
    assert len(report.problems) == 1
