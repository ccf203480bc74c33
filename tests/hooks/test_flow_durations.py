"""How long an exchange took, as the inspector gets it from a flow."""

from __future__ import annotations

import pytest
from mitmproxy.flow import Error
from mitmproxy.test import tflow

from urlrewrite.hooks.flows import seen_of


@pytest.mark.parametrize(
    ("ended", "failed", "seconds"), [(12.5, None, 2.5), (None, None, None), (12.5, 17.0, 7.0), (9.0, None, 0.0)]
)
def test_seconds(ended: float | None, failed: float | None, seconds: float | None) -> None:
    flow = tflow.tflow(resp=True)
    flow.metadata["urlrewrite"] = {"target": "http://privateserver:8080/"}
    flow.request.timestamp_start = 10.0
    assert flow.response
    flow.response.timestamp_end = ended
    flow.error = Error("Client disconnected.", failed) if failed else None
    seen = seen_of(flow)
    assert seen is not None
    assert seen.seconds == seconds
