"""What *Why broken* claims of a visit, against what the visitor saw: which errors are true, which faults are told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from applications.differences import Difference, Kind
from applications.visit import Seen


@dataclass(frozen=True)
class Claim:
    """A finding of a page load; `about` are the addresses that it is about, as the visitor words them."""

    title: str
    code: str
    is_error: bool
    was_said: bool
    about: frozenset[str]
    words: str

    @classmethod
    def of(cls, finding: dict[str, Any], urls: dict[str, str], same: Callable[[str], str]) -> Claim:
        """Read a finding of the inspector; `urls` are those of flows, and `same` puts texts in the visitor's words."""
        about = frozenset(same(urls[flow].partition("?")[0]) for flow in finding["flows"] if flow in urls)
        told = same(json.dumps([finding["title"], finding["evidence"], finding["todo"]], ensure_ascii=False))
        is_error = finding["severity"] == "error"
        return cls(finding["title"], finding["code"], is_error, finding["said"], about, told)


@dataclass
class Checked:
    """Errors that were claimed, those of them that nothing of the visit bears out, and faults that nothing tells of."""

    errors: list[Claim] = field(default_factory=list)
    false: list[Claim] = field(default_factory=list)
    faults: list[Difference] = field(default_factory=list)
    untold: list[Difference] = field(default_factory=list)

    def add(self, other: Checked) -> None:
        self.errors += other.errors
        self.false += other.false
        self.faults += other.faults
        self.untold += other.untold

    def __str__(self) -> str:
        true, told = len(self.errors) - len(self.false), len(self.faults) - len(self.untold)
        precision = true / len(self.errors) if self.errors else 1.0
        recall = told / len(self.faults) if self.faults else 1.0
        return (
            f"errors: {true} of {len(self.errors)} true, precision {precision:.2f}; "
            f"faults: {told} of {len(self.faults)} told, recall {recall:.2f}"
        )


def checked(claims: Iterable[Claim], seen: Seen, found: Iterable[Difference]) -> Checked:
    """Check claims by what went wrong in a visit, `seen`, of which `found` was not so without the proxy.

    An error is true if the browser said so, or had trouble with an address that it is about, or a cookie was lost. A
    request or a cookie is told of by a finding that is about it or names it; a path beside the application, by one
    about its first folder, which is what findings gather; a step that failed, by any error.
    """
    wanted = list(dict.fromkeys(claims))
    result = Checked([claim for claim in wanted if claim.is_error])
    result.faults = [each for each in found if each.kind not in (Kind.NAMED, Kind.PROXY)]
    trouble = {each.split(" ")[-1] for each in (*seen.failed, *seen.strangers, *seen.outside)}
    lost = any(each.kind is Kind.COOKIE for each in result.faults)
    for claim in result.errors:
        is_named = any(address in claim.words for address in trouble if len(address) > 1)
        if not (claim.was_said or claim.about & trouble or is_named or (lost and "cookie" in claim.code)):
            result.false.append(claim)
    result.untold = [each for each in result.faults if not _is_told(each, wanted)]
    return result


def _is_told(fault: Difference, claims: list[Claim]) -> bool:
    if fault.kind is Kind.STEP:
        return any(claim.is_error for claim in claims)
    if fault.kind is Kind.OUTSIDE:
        folder = fault.what.split(" ")[-1].split("/")[1]
        return any(about.split("/")[1:2] == [folder] for claim in claims for about in claim.about)
    if fault.kind is Kind.COOKIE:
        what = fault.what.partition(",")[0]
    elif fault.kind is Kind.CONSOLE:
        what = fault.what[:40]
    else:
        what = fault.what.split(" ")[-1]
    return any(what in claim.about or what in claim.words for claim in claims)
