"""The addons of mitmproxy that are seldom asked say what they would say if they were asked each time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from mitmproxy.addons.maplocal import MapLocal
from mitmproxy.addons.onboarding import Onboarding
from mitmproxy.http import Headers, HTTPFlow, Request
from mitmproxy.test import taddons, tflow

from urlrewrite.hooks.patches import idle_addons
from urlrewrite.hooks.patches.idle_addons import IdleAddons


@pytest.fixture(params=["mitmproxy's", "ours"])
def context(request: pytest.FixtureRequest) -> Iterator[taddons.context]:
    """Both addons, asked in either way."""
    with taddons.context(Onboarding(), MapLocal()) as context:
        ours = IdleAddons()
        if request.param == "ours":
            context.master.addons.add(ours)
        yield context
        ours.done()
        assert not any("request" in vars(context.master.addons.get(name)) for name in ("onboarding", "maplocal"))


# address, Host (None for no such field), whether the option is set, whether the page is mitmproxy's
PAGES: list[tuple[str, str | None, bool, bool]] = [
    ("mitm.it", "mitm.it", True, True),
    ("mitm.it", "mitm.it", False, False),
    ("mitm.it", None, True, True),
    ("mitm.it", "www.example.com", True, False),
    ("127.0.0.1", "mitm.it", True, True),
    ("127.0.0.1", "mitm.it:8080", True, True),
    ("127.0.0.1", "not-mitm.it", True, False),
    ("127.0.0.1", "www.example.com", True, False),
    ("www.example.com", None, True, False),
]


@pytest.mark.parametrize(("address", "host", "serves", "expected"), PAGES)
async def test_mitmproxy_s_own_pages(
    context: taddons.context, address: str, host: str | None, serves: bool, expected: bool
) -> None:
    context.options.update(onboarding=serves)
    flow = flow_to(f"http://{address}/", host)
    found = context.master.addons.get("onboarding").request(flow)
    if found is not None:
        await found
    assert bool(flow.response) is expected


@pytest.mark.parametrize(("pattern", "expected"), [(None, None), ("example.com/a", b"a file"), ("other.example", None)])
def test_local_files(context: taddons.context, tmp_path: Path, pattern: str | None, expected: bytes | None) -> None:
    (tmp_path / "a").write_bytes(b"a file")
    context.options.update(map_local=[f"|{pattern}|{tmp_path / 'a'}"] if pattern else [])
    flow = flow_to("http://www.example.com/a", "www.example.com")
    context.master.addons.get("maplocal").request(flow)
    assert (flow.response.raw_content if flow.response else None) == expected


def flow_to(url: str, host: str | None) -> HTTPFlow:
    flow = tflow.tflow(req=Request.make("GET", url))
    flow.request.headers = Headers([(b"Host", host.encode())] if host else [])
    flow.live = True
    return flow


def test_a_request_for_others_puts_no_url_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts, in place of seconds: mitmproxy takes the host of each request apart twice."""
    asked: list[str] = []
    with taddons.context(Onboarding(), MapLocal(), IdleAddons()) as context:
        for name in ("pretty_host", "pretty_url"):
            monkeypatch.setattr(Request, name, property(lambda _, name=name: asked.append(name) or "x"))
        flow = flow_to("http://www.example.com/", "www.example.com")
        for name in ("onboarding", "maplocal"):
            assert context.master.addons.get(name).request(flow) is None
    assert asked == []


def test_mitmproxy_goes_on_by_itself_where_it_has_changed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first, *rest = idle_addons.INTERNALS
    monkeypatch.setattr(idle_addons, "INTERNALS", (first._replace(known="other"), *rest))
    with taddons.context(Onboarding(), MapLocal(), IdleAddons(), loadcore=False) as context:
        assert "request" not in vars(context.master.addons.get("onboarding"))
    assert "mitmproxy.addons.onboarding:Onboarding is new" in caplog.text
