"""The demo's farm as a newcomer tries it: servers take turns, a button takes one away, and nobody gets an error."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator

from e2e.support import http1
from e2e.support.browser import TIMEOUT
from e2e.support.demo import Demo, running_demo
from privateserver import FARM_SERVERS

pytestmark = [pytest.mark.e2e, pytest.mark.browser]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with running_demo(tmp_path_factory.mktemp("farms"), headless=False) as running:
        yield running


def who(demo: Demo, path: str, *fields: str) -> str:
    answer = http1.get(path, demo.https_port, demo.ca, *fields)
    assert answer.status == 200
    found = re.search(rb'data-server="(\w+)"', answer.body)
    assert found
    return found[1].decode()


def test_the_demo_s_farm(demo: Demo, browser: Browser, tmp_path: Path) -> None:
    red, green, blue = FARM_SERVERS
    assert Counter(who(demo, "/farm/") for _ in range(6)) == {red: 2, green: 2, blue: 2}
    first = http1.get("/farm/sticky/", demo.https_port, demo.ca)
    cookie = (first.header("set-cookie") or "").partition(";")[0]
    assert len({who(demo, "/farm/sticky/", f"Cookie: {cookie}") for _ in range(4)}) == 1

    said: list[str] = []
    page = browser.new_page()
    page.set_default_timeout(TIMEOUT)
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(demo.web.replace("/?token", "/rewrite?token") + "#/farms")
    turns = page.locator(".card", has=page.get_by_role("heading", name=re.compile("^turns")))
    press(turns.locator(f'[data-server$=":{demo.backend_port + 2}"]'), "Stop now", "offline")
    assert turns.get_by_text("2 of 3 take new clients", exact=True).is_visible()
    assert Counter(who(demo, "/farm/") for _ in range(6)) == {red: 3, blue: 3}
    press(turns.locator(f'[data-server$=":{demo.backend_port + 2}"]'), "Start", "available")
    assert Counter(who(demo, "/farm/") for _ in range(6)) == {red: 2, green: 2, blue: 2}
    sticky = page.locator(".card", has=page.get_by_role("heading", name=re.compile("^sticky")))
    # Without a reload: the page asks again by itself.
    sticky.locator("tr", has=page.get_by_role("cell", name="5", exact=True)).first.wait_for()
    page.screenshot(path=tmp_path / "farms.png", full_page=True)
    assert said == []
    page.close()


def press(server: Locator, button: str, state: str) -> None:
    """Press a button of a server, and wait until its state is this one."""
    server.get_by_role("button", name=re.compile(f"^{button}: ")).click()
    server.locator(".badge", has_text=state).wait_for()
