"""Fields by which the browser itself reports."""

from __future__ import annotations

import json

import pytest

from urlrewrite.model.field_lines import FieldLines
from urlrewrite.witness.reporting import MAX_TWIN, reporting_fields

URL = "https://www.example.com/c/1"
ENDPOINT = ("Reporting-Endpoints", f'rewrite-probe="{URL}"')
TWIN = "Content-Security-Policy-Report-Only"
POLICY = "Content-Security-Policy"
TO = "report-to rewrite-probe"


def added(*page: tuple[str, str]) -> FieldLines:
    return reporting_fields((*page, ("NEL", "{}")), URL)


@pytest.mark.parametrize(
    ("policy", "twins"),
    [
        ("img-src 'none'", [f"img-src 'none'; {TO}"]),
        ("img-src a; script-src b;", [f"img-src a; script-src b; {TO}"]),
        ("img-src a, font-src b", [f"img-src a; {TO}", f"font-src b; {TO}"]),
        ("img-src a; report-uri /r; Report-To x", [f"img-src a; {TO}"]),
        ("sandbox", []),
        ("upgrade-insecure-requests; block-all-mixed-content", []),
        ("img-src a; upgrade-insecure-requests", [f"img-src a; {TO}"]),
        (f"img-src {'a' * MAX_TWIN}", []),
        ("", []),
    ],
)
def test_policies_have_twins_that_only_report(policy: str, twins: list[str]) -> None:
    assert added((POLICY, policy)) == (ENDPOINT, *((TWIN, twin) for twin in twins))


@pytest.mark.parametrize("name", ["Cross-Origin-Embedder-Policy", "Cross-Origin-Opener-Policy"])
def test_policies_of_isolation_have_twins(name: str) -> None:
    twin = (f"{name}-Report-Only", 'require-corp; report-to="rewrite-probe"')
    assert added((name, 'require-corp; report-to="x"')) == (ENDPOINT, twin)
    assert added((name, "require-corp"), (f"{name}-Report-Only", "x")) == (ENDPOINT,)


def test_failed_requests_are_logged_for_a_while() -> None:
    endpoint, report_to, nel = reporting_fields((), URL)
    assert endpoint == ENDPOINT
    assert json.loads(report_to[1]) == {"group": "rewrite-probe", "max_age": 120, "endpoints": [{"url": URL}]}
    assert json.loads(nel[1]) == {"report_to": "rewrite-probe", "max_age": 120, "failure_fraction": 1}


def test_without_tls_browsers_do_not_report() -> None:
    assert reporting_fields(((POLICY, "img-src a"),), "http://www.example.com/c/1") == ()
