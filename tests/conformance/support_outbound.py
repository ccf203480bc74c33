"""Outbound cases that others wrote down, and the list of those where this project differs from them."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from conformance.support import SHARED, Case, Difference
from shared_folder import needs_shared

DIFFERENCES_FILE = Path(__file__).with_name("outbound_differences.yaml")

needs_cases = needs_shared("conformance")


def read_outbound(name: str) -> list[Case]:
    """The cases of a file of shared/conformance, none where that folder is absent."""
    file = SHARED / name
    return yaml.load(file.read_text(encoding="utf-8"), yaml.CSafeLoader)["cases"] if file.is_file() else []


def read_outbound_differences() -> dict[str, Difference]:
    """Every expected difference by the id of its case."""
    listed = yaml.safe_load(DIFFERENCES_FILE.read_text(encoding="utf-8"))
    return {case_id: Difference(**entry) for case_id, entry in listed.items()}


def check(case: Case, got: object, expected: object, differences: dict[str, Difference]) -> None:
    """Fails unless a case is met, or differs exactly as its expected difference says."""
    difference = differences.get(case["id"])
    if difference is None:
        assert got == expected
        return
    if got == expected:
        pytest.fail(f"{case['id']} is met: take it out of {DIFFERENCES_FILE.name}")
    assert got == difference.ours
