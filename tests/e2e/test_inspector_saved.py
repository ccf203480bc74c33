"""Saved flows open again with everything in place: pages, views, and responses as backends sent them."""

from __future__ import annotations

import contextlib
import http.client
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, expect

from e2e.support import http1
from e2e.support.demo import running_demo
from e2e.support.needs import PROJECT
from e2e.support.service import Service, free_ports, running

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

TOKEN = "a-token-of-this-test"
PATHS = ("/html/iis-tags", "/old/3", "/coded/gzip", "/cookies")
MITMWEB = PROJECT / ".venv" / "bin" / "mitmweb"


@dataclass(frozen=True)
class Saved:
    """mitmweb with flows that another process has saved."""

    port: int
    rules: Path
    flows: Path

    def ask(self, name: str, **params: str) -> Any:
        """The data of a page."""
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            path = f"/rewrite/api/{name}?{urlencode(params)}"
            connection.request("GET", path, headers={"Authorization": f"Bearer {TOKEN}"})
            answer = connection.getresponse()
            data = json.loads(answer.read())
        assert answer.status == 200, data
        return data


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Saved]:
    folder = tmp_path_factory.mktemp("saved")
    flows, rules = folder / "capture.mitm", folder / "default.yaml"
    with running_demo(folder, f"--set=save_stream_file={flows}") as demo:
        shutil.copy(demo.service.await_log(r"^rules +(.+?) \(")[1], rules)
        for path in PATHS:
            http1.get(path, demo.https_port, demo.ca)
    web, listen = free_ports(2)
    options = {
        "web_port": web,
        "web_open_browser": "false",
        "web_password": TOKEN,
        "confdir": folder / "mitmproxy",
        "urlrewrite_rules": rules,
        "urlrewrite_listen": f"http://127.0.0.1:{listen}",
    }
    arguments = [f"--set={name}={value}" for name, value in options.items()]
    command = [MITMWEB, "-r", flows, "-s", PROJECT / "addons" / "reverse.py", "--no-server", *arguments]
    with running(Service(list(map(str, command)), folder / "web.log")) as service:
        service.await_ports(web)
        yield Saved(web, rules, flows)


def test_the_flow_page_tells_what_was_changed(saved: Saved) -> None:
    flows = saved.ask("flow")["flows"]
    assert [f"/{flow['url'].split('/', 3)[3]}" for flow in reversed(flows)] == list(PATHS)
    page = flows[-1]
    told = saved.ask("flow", flow=page["id"])
    assert told["target"] == "http://privateserver:8080/html/iis-tags"
    assert told["tree"]["request"]
    pieces = [piece for hunk in told["body"]["hunks"] for piece in hunk["pieces"] if not isinstance(piece, str)]
    assert any(piece["before"].startswith("http://privateserver:8080") for piece in pieces)
    assert not told["body"]["by_trace"]


@pytest.mark.parametrize(
    ("name", "holds"),
    [
        ("leaks", lambda data: data["flows"] == len(PATHS)),
        ("rules", lambda data: data["exchanges"] == len(PATHS)),
        ("try_out", lambda data: data["files"]),
        ("what_if", lambda data: data["recorded"] == len(PATHS)),
        ("broken", lambda data: data["loads"]),
        ("health", lambda data: "requests" in data),
    ],
)
def test_the_other_pages_do_too(saved: Saved, name: str, holds: Callable[[Any], object]) -> None:
    assert holds(saved.ask(name))


def test_the_views_show_the_backends_response(saved: Saved, browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 1500, "height": 1000})
    page.goto(f"http://127.0.0.1:{saved.port}/?token={TOKEN}")
    page.locator(".flow-table tbody tr", has_text="/html/iis-tags").first.click()
    page.get_by_role("link", name="Response", exact=True).click()
    for view, text in {
        "original": "http://privateserver:8080/arrived?tag=a",
        "changes": "links",
        "rewrite": "links mapped",
        "leaks": "leak",
    }.items():
        page.get_by_text("View:").click()
        page.get_by_role("link", name=view, exact=True).click()
        expect(page.locator(".contentview")).to_contain_text(text)
