"""Why a page is broken, as a text: nothing of the report is left out, and lines stay short where they can."""

from __future__ import annotations

from typing import Any

import pytest

from urlrewrite.inspector.diagnose.breakage import Breakage, BreakageSeverity, Knowledge, Loss
from urlrewrite.inspector.diagnose.browser_said import LABEL
from urlrewrite.inspector.why_text import WIDTH, differences, why_lines
from urlrewrite.witness.statements import Statement, Subject

URL = "https://www.example.com/page"


def report(*findings: Breakage, **more: Any) -> dict[str, Any]:
    return {
        "url": URL, "status": 200, "requests": 2, "browser": "Chrome/1", "cause": "Nothing was found.", "failed": "",
        "problems": [], "findings": [each.as_data() for each in findings], "under_way": [], "only_watched": [],
        "only_unwatched": [], "why_not": "", **more,
    }  # fmt: skip


SCRIPT, STYLE = (Statement(Subject.ERROR, text=text) for text in ("script", "style"))


def lines(*findings: Breakage, **more: Any) -> list[str]:
    return list(why_lines(report(*findings, **more)))


def test_a_sound_page() -> None:
    assert lines() == [f"{URL}: 200, 2 requests, Chrome/1", "", "Nothing was found."]


def test_a_finding_is_told_whole() -> None:
    title = "A link is wrong, " * 12
    finding = Breakage(
        "leak", Loss.LOOK, title, ("1",), ((LABEL, "it is lost"), ("also", "more"), ("same", "wrong")),
        rule="links", source="r.yaml:7", todo="Set this.", yaml="a: 1\nb: 2", known=Knowledge.EXPERIMENT, said=True,
    )  # fmt: skip
    told = lines(finding, Breakage("b", Loss.HINT, "Perhaps", (), severity=BreakageSeverity.NOTE))
    assert told[2] == "1 error, 1 note"
    assert " ".join(line.strip() for line in told[4:7]).startswith("1. A link is wrong,")
    assert told[-9:] == [
        "   (the browser said so; tried: the change made the difference)",
        "   What to do: Set this.",
        "     a: 1",
        "     b: 2",
        '   rule "links"  r.yaml:7',
        f"   {LABEL}: it is lost",
        "   also: more",
        "",
        "2. note: Perhaps",
    ]
    assert max(map(len, told)) <= WIDTH


def test_what_else_is_known_is_told() -> None:
    told = lines(
        status=None, failed="ERR_FAILED", cause="The browser got no page.", problems=["a rule is wrong"],
        under_way=[URL], only_watched=["x fails"], only_unwatched=["y fails"], why_not="it is sealed",
    )  # fmt: skip
    assert told[0].startswith(f"{URL}: no response")
    for wanted in ("a rule is wrong", "The browser got no page.", f"  {URL}", "  x fails", "  y fails"):
        assert wanted in told
    assert told[-1] == "The page itself could not be watched: it is sealed. Its browser told all the same."


def test_two_loads_differ_in_more_than_numbers() -> None:
    one, other = (Statement(Subject.NETWORK, url=f"{URL}?{time}", text="ERR") for time in (17, 1804))
    assert differences([[one]], [[other]]) == ([], [])
    assert [len(told) for told in differences([[one, SCRIPT]], [[other]])] == [1, 0]


@pytest.mark.parametrize(
    ("watched", "unwatched", "counts"),
    [
        ([[SCRIPT]], [], [0, 0]),
        ([[SCRIPT]], [[], []], [1, 0]),
        ([[SCRIPT]], [[], [SCRIPT]], [0, 0]),
        ([[SCRIPT], [SCRIPT]], [[]], [1, 0]),
        ([[SCRIPT], []], [[], []], [0, 0]),
        ([[]], [[SCRIPT], [SCRIPT]], [0, 1]),
        ([[]], [[SCRIPT], []], [0, 0]),
        ([[], [SCRIPT]], [[SCRIPT]], [0, 0]),
        ([[SCRIPT]], [[STYLE], [STYLE]], [1, 1]),
    ],
)
def test_what_differs_from_load_to_load_is_not_of_watching(
    watched: list[list[Statement]], unwatched: list[list[Statement]], counts: list[int]
) -> None:
    assert [len(told) for told in differences(watched, unwatched)] == counts
