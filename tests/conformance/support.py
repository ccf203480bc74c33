"""Cases that others wrote down as data, and the one list of those where IIS, and so this project, differs from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
import yaml

import shared_folder

SHARED = shared_folder.SHARED / "conformance"
DIFFERENCES_FILE = Path(__file__).with_name("expected_differences.yaml")

type Case = dict[str, Any]
type Observed = dict[str, Any]
type Runner = Callable[[Case], Observed]
"""Runs a case through the project's code and tells, under the names of the case's `expected`, what came of it."""

ONLY_ASP_NET = frozenset({"message", "string_index", "column"})
"""What is expected of ASP.NET's own error texts and positions; a refusal is what counts here."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Why a case is not met, by which source of IIS, and what comes of it instead."""

    reason: str
    ours: Observed


def read_cases(name: str) -> list[Case]:
    """The cases of a file of shared/conformance, none where that folder is absent."""
    file = SHARED / name
    return yaml.safe_load(file.read_text(encoding="utf-8"))["cases"] if file.is_file() else []


def read_differences() -> dict[str, Difference]:
    """Every expected difference by the id of its case."""
    listed = yaml.safe_load(DIFFERENCES_FILE.read_text(encoding="utf-8")) or {}
    return {case_id: Difference(**entry) for case_id, entry in listed.items()}


def wanted(case: Case) -> Observed:
    """What a case expects, in the words of `Observed`: a refusal is a refusal, and a Location is what it refers to."""
    expected = {key: value for key, value in case["expected"].items() if key not in ONLY_ASP_NET}
    if "parse_error" in expected:
        line = expected.get("line")
        return {"refused": True, "line": line} if line else {"refused": True}
    if expected.get("location"):
        # RFC 9110, 10.2.2: a relative reference means the same as the absolute URL.
        expected["location"] = urljoin(case["request"]["url"], expected["location"])
    return {key: "" if value is None and key == "value" else value for key, value in expected.items()}


def compared(case: Case, got: Observed, differences: dict[str, Difference]) -> tuple[Observed, Observed]:
    """What came of a case and what is to come of it: what it expects, or what its expected difference says.

    Fails if a case is met for which a difference is expected.
    """
    expected = wanted(case)
    met = {key: got.get(key) for key in expected}
    difference = differences.get(case["id"])
    if difference is None:
        return met, expected
    if met == expected:
        pytest.fail(f"{case['id']} is met: take it out of {DIFFERENCES_FILE.name}")
    return {key: got.get(key) for key in difference.ours}, difference.ours
