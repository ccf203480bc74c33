"""No program reads a sentence: with each of them replaced by its code in brackets, the same causes are found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from inspector.planted import CASES, browse, codes
from privateserver import PrivateServer
from urlrewrite.fields.reasons import FieldReason
from urlrewrite.inspector.diagnose.why import Why
from urlrewrite.inspector.traces.report import render
from urlrewrite.trace.reasons import Reason


@pytest.fixture(scope="module")
def backend() -> Iterator[PrivateServer]:
    with PrivateServer(port=0) as running:
        yield running


def reword(patch: pytest.MonkeyPatch) -> None:
    """Replaces every sentence of the trace and of the inspector by its code in brackets."""
    for reasons in (Reason, FieldReason, Why):
        for reason in reasons:
            patch.setattr(reason, "template", f"[{reason}]")
    for reason in Reason:
        patch.setattr(reason, "iis", f"[{reason}: iis]" if reason.iis else "")
    for why in Why:
        patch.setattr(why, "advice", f"[{why}: advice]" if why.advice else "")


@pytest.mark.parametrize(("fault", "variant"), CASES)
def test_causes_are_found_by_code(fault: Mapping[str, Any], variant: Mapping[str, Any], backend: PrivateServer) -> None:
    told = browse(variant, backend.port)
    expected = codes(told)
    with pytest.MonkeyPatch.context() as patch:
        reword(patch)
        reworded = browse(variant, backend.port)
        assert codes(reworded) == expected
        for seen in reworded.seen:
            for event in seen.trace["events"]:
                assert event.get("message", "[").startswith("["), event
            render(seen.trace)
    assert (
        expected["findings"]
        or any(each["misses"] or each["leaks"] for each in list(expected.values())[1:])
        or ("rules" in variant["shows"] or variant.get("reload"))
    )
