"""A file of flows that cannot be written does not end the proxy."""

from __future__ import annotations

from pathlib import Path

import pytest
from mitmproxy.io import FlowReader
from mitmproxy.test.tflow import tflow

from hooks.clients import Http1
from hooks.in_process import in_process

RULES = """
public: http://localhost
backend: http://127.0.0.1:1
rules: [{name: a, match: .*, action: {type: CustomResponse, statusCode: 200, statusReason: OK, statusDescription: a}}]
"""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a disk that is full: Linux")
async def test_a_full_disk_is_told_once_and_requests_go_on(tmp_path: Path) -> None:
    async with in_process(RULES, tmp_path, save_stream_file="/dev/full") as proxy:
        client = await Http1.connect(proxy.port)
        assert [(await client.ask()).status for _ in range(3)] == [200] * 3
        (told,) = [line for line in proxy.log if "cannot be written" in line]
        assert told.startswith("flows cannot be written to /dev/full: ")
        # Once there is room, the option is set again.
        proxy.master.options.update(save_stream_file=str(tmp_path / "flows"))
        assert (await client.ask(path="/again")).status == 200
        with (tmp_path / "flows").open("rb") as file:
            assert [flow.request.path for flow in FlowReader(file).stream()] == ["/again"]  # type: ignore[attr-defined]
        await client.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a disk that is full: Linux")
async def test_a_flow_under_way_when_recording_ends_is_no_failure(tmp_path: Path) -> None:
    async with in_process(RULES, tmp_path, save_stream_file="/dev/full") as proxy:
        proxy.master.addons.get("save").active_flows.add(tflow())
        proxy.master.options.update(save_stream_file=None)
        assert "cannot be written" in proxy.log[-1]
