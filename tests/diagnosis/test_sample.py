"""A sample of `./run.sh measure diagnosis`: the half that may be looked at; and how it judges."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from diagnosis import __main__ as measure
from diagnosis.applications import APPLICATIONS, Place
from diagnosis.cases import Case, Half, faults, sound_pages
from diagnosis.judging import Verdict, judge
from diagnosis.planting import FAULTS, named
from diagnosis.stacks import STACKS
from urlrewrite.inspector.leaks.rule_file_edits import with_fragment
from urlrewrite.loading.load import load_rules

PLACE = Place(STACKS[1], APPLICATIONS[2])


def sample(cases: Iterable[Case]) -> list[Case]:
    return [case for case in cases if case.half is Half.LOOKED_AT]


@pytest.mark.parametrize("case", sample(faults()), ids=lambda case: case.name)
def test_a_fault_is_named(case: Case) -> None:
    judged = judge(case.planted())
    assert (judged.verdict, judged.true_errors) == (Verdict.NAMED, judged.errors)
    assert all(finding["todo"] for finding in judged.findings if finding["severity"] == "error")
    planted = case.planted()
    for finding in judged.findings:
        assert not finding["yaml"] or is_read(planted.reload or planted.rules, finding["yaml"], finding["site"]), (
            finding
        )


def is_read(rules: str, yaml: str, site: str) -> bool:
    """Whether what is proposed can be put into the rule file, which is then read, linted and compiled."""
    text = with_fragment(rules, yaml, site)
    if text is None:
        return False
    file = str(Path("faulty.yaml").absolute())
    load_rules([file], edited={file: text.encode()})
    return True


@pytest.mark.parametrize("case", sample(sound_pages()), ids=lambda case: case.name)
def test_no_error_is_claimed_of_a_sound_page(case: Case) -> None:
    assert judge(case.planted()).verdict is Verdict.CLEAN


def test_there_are_enough() -> None:
    assert len(list(faults())) >= 120
    assert len(list(sound_pages())) >= 30


def test_each_half_has_both() -> None:
    for half in Half:
        assert sum(case.half is half for case in faults()) >= 10
        assert sum(case.half is half for case in sound_pages()) >= 5


OTHERWISE = [
    ({"cause": (named("cookie"),), "symptom": ("near-miss",)}, Verdict.FOUND),
    ({"cause": (named("near-miss", "letter-case"),), "symptom": ("near-miss",)}, Verdict.FOUND),
    ({"cause": (named("near-miss", rule="another"),), "symptom": ("near-miss",)}, Verdict.FOUND),
    ({"cause": (named("cookie"),), "symptom": ("cookie",)}, Verdict.WRONG),
    ({"cause": ()}, Verdict.WRONG),
]


@pytest.mark.parametrize(("other", "verdict"), OTHERWISE)
def test_what_is_no_cause_is_not_named(other: dict[str, object], verdict: Verdict) -> None:
    planted = FAULTS["a_pattern_with_a_slash_at_its_beginning"](PLACE)
    assert judge(planted).verdict is Verdict.NAMED
    assert judge(replace(planted, **other)).verdict is verdict  # type: ignore[arg-type]


def test_nothing_said_is_missed() -> None:
    planted = FAULTS["a_pattern_with_a_slash_at_its_beginning"](PLACE)
    calm = replace(planted, user=lambda who: who.load(PLACE.url()), unseen=True)
    assert judge(calm).verdict is Verdict.MISSED


def test_what_is_no_fault_is_not_counted() -> None:
    planted = FAULTS["a_pattern_with_a_slash_at_its_beginning"](PLACE)
    with pytest.raises(AssertionError, match="no fault"):
        judge(replace(planted, user=lambda who: who.load(PLACE.url())))


def test_only_figures_are_printed_of_what_is_only_counted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kinds = {}
    for case in faults():
        kinds.setdefault(case.half, case)
    made = FAULTS["a_pattern_with_a_slash_at_its_beginning"]
    cases = [replace(case, make=lambda at: replace(made(at), cause=(named("cookie"),))) for case in kinds.values()]
    monkeypatch.setattr(measure, "faults", lambda everywhere: cases)
    monkeypatch.setattr(measure, "sound_pages", lambda everywhere: ())
    monkeypatch.setattr("sys.argv", ["diagnosis", "--json", "--show", ""])
    assert measure.main() == 1
    out, shown = capsys.readouterr()
    figures = json.loads(out)
    assert {half: (each["faults"], each["wrong"], each["recall"]) for half, each in figures.items()} == {
        str(half): (1, 1, 0.0) for half in Half
    }
    assert kinds[Half.LOOKED_AT].name in shown
    assert not any(case.name in shown for half, case in kinds.items() if half is not Half.LOOKED_AT)
