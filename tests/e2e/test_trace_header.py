"""The field `X-Rewrite-Trace`, with the demo behind a real proxy: for who asks, and for nobody else."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from mitmproxy.http import HTTPFlow
from mitmproxy.io import FlowReader

from e2e.support import http1, http2
from e2e.support.demo import running_demo

pytestmark = pytest.mark.e2e

SECRET = "open sesame"
FORM = re.compile(r'"([0-9a-f]{16})"; rules="([^"\\]*)"')
PATHS = ("/html/iis-tags", "/old/3", "/item/7", "/echo", "/coded/gzip", "/no-such-page")


def test_who_knows_the_secret_is_told_and_finds_the_flow(tmp_path: Path) -> None:
    file = tmp_path / "flows"
    options = (f"--set=urlrewrite_trace_header=secret:{SECRET}", f"--set=save_stream_file={file}")
    told: dict[str, tuple[str, list[str]]] = {}
    with running_demo(tmp_path, *options) as demo:
        for path in PATHS:
            answer = http1.get(path, demo.https_port, demo.ca, f"X-Rewrite-Trace: {SECRET}")
            found = FORM.fullmatch(answer.header("x-rewrite-trace") or "")
            assert found, (path, answer.headers)
            assert "X-Rewrite-Trace" in (answer.header("vary") or "")
            told[found[1]] = path, [unquote(name) for name in found[2].split(",")]
            for lines in ((), ("X-Rewrite-Trace: wrong",)):
                answer = http1.get(path, demo.https_port, demo.ca, *lines)
                assert answer.header("x-rewrite-trace") is None
                assert "X-Rewrite-Trace" not in (answer.header("vary") or "")
                # One of the pages shows which fields the backend got.
                assert b"rewrite-trace" not in answer.body.lower()
                assert path != "/echo" or b"x-forwarded-for" in answer.body.lower()
    data = file.read_bytes()
    assert SECRET.encode() not in data
    assert b"wrong" not in data
    with file.open("rb") as saved:
        flows = [flow for flow in FlowReader(saved).stream() if isinstance(flow, HTTPFlow)]
    assert len(flows) == 3 * len(PATHS)
    found_again = {flow.metadata["urlrewrite.id"]: flow.metadata["urlrewrite"] for flow in flows}
    for trace_id, (path, rules) in told.items():
        trace = found_again[trace_id]
        assert trace["request"]["target"] == path
        assert [*trace["inbound_rules"], *trace["outbound_rules"]] == [rule for rule in rules if rule]


def test_clients_of_a_network_are_told_over_http_2(tmp_path: Path) -> None:
    with running_demo(tmp_path, "--set=urlrewrite_trace_header=127.0.0.0/8") as demo:
        answer = http2.get("/html/iis-tags", demo.https_port, demo.ca)
        assert FORM.fullmatch(answer.header("x-rewrite-trace") or "")
        assert "X-Rewrite-Trace" not in (answer.header("vary") or "")
