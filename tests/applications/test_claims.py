"""How the diagnosis of a visit is checked by what the visitor saw."""

from __future__ import annotations

from functools import partial

import pytest

from applications.claims import Claim, checked
from applications.differences import Difference, Kind
from applications.visit import Seen, in_words

ROOT = "https://www.example.com"
BASE = f"{ROOT}/app"
BESIDE = Difference(Kind.OUTSIDE, "GET /lib/b/c")
FAILED = Difference(Kind.FAILED, "404 GET /x")


def claim(severity: str = "error", *, url: str = f"{BASE}/x?y", code: str = "status", said: bool = False) -> Claim:
    finding = {
        "title": "It fails.", "code": code, "severity": severity, "said": said, "flows": ["1"], "evidence": [],
        "todo": "",
    }  # fmt: skip
    return Claim.of(finding, {"1": url}, partial(in_words, base=BASE))


def seen(*failed: str) -> Seen:
    return Seen(failed=list(failed))


CASES = {
    "an error where the browser had trouble": ([claim()], seen("404 GET /x"), [FAILED], 0, 0),
    "an error that was so without the proxy, too": ([claim()], seen("404 GET /x"), [], 0, 0),
    "an error that nobody saw": ([claim()], seen(), [], 1, 0),
    "an error twice": ([claim(), claim()], seen(), [], 1, 0),
    "an error that the browser told of": ([claim(said=True)], seen(), [], 0, 0),
    "a warning that nobody saw": ([claim("warning")], seen(), [], 0, 0),
    "a fault that a warning tells of": ([claim("warning")], seen("404 GET /x"), [FAILED], 0, 0),
    "a fault that nothing tells of": ([claim("warning", url=f"{BASE}/z")], seen("404 GET /x"), [FAILED], 0, 1),
    "a path beside the application": ([claim(url=f"{ROOT}/lib/a")], seen(), [BESIDE], 1, 0),
    "a path beside it, in no folder of a finding": ([claim("note", url=f"{ROOT}/a/lib")], seen(), [BESIDE], 0, 1),
    "a step with an error": ([claim()], seen("404 GET /x"), [Difference(Kind.STEP, "log in: no form")], 0, 0),
    "a step without": ([], seen(), [Difference(Kind.STEP, "log in: no form")], 0, 1),
    "a lost cookie": ([claim(code="cookie-path")], seen(), [Difference(Kind.COOKIE, "sid, after: log in")], 0, 1),
    "a name, which is no fault of the visit": ([], seen(), [Difference(Kind.NAMED, "/: it")], 0, 0),
}


@pytest.mark.parametrize(("claims", "visit", "found", "false", "untold"), CASES.values(), ids=CASES)
def test_what_is_claimed_is_checked(
    claims: list[Claim], visit: Seen, found: list[Difference], false: int, untold: int
) -> None:
    result = checked(claims, visit, found)
    assert (len(result.false), len(result.untold)) == (false, untold)


def test_figures_are_told() -> None:
    result = checked([claim(), claim(said=True)], seen(), [FAILED])
    result.add(checked([], seen(), [Difference(Kind.OUTSIDE, "GET /z")]))
    assert str(result) == "errors: 1 of 2 true, precision 0.50; faults: 1 of 2 told, recall 0.50"
