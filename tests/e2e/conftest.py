"""For the end-to-end tests: the proxy and a browser, started for one test."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from e2e.support.browser import OPTIONS, Visitor, visiting
from e2e.support.needs import program
from e2e.support.proxy import Proxy, running_proxy


@pytest.fixture
def start_proxy(tmp_path: Path) -> Iterator[Callable[..., Proxy]]:
    """`start_proxy(rules, *mitmproxy_options, file_name="rules.yaml")`: see support/proxy.py.

    Every proxy is stopped and checked at the end.
    """
    with contextlib.ExitStack() as stack:
        count = 0

        def start(rules: str, *options: str, file_name: str = "rules.yaml") -> Proxy:
            nonlocal count
            count += 1
            folder = tmp_path / f"proxy{count}"
            folder.mkdir()
            return stack.enter_context(running_proxy(rules, folder, *options, file_name=file_name))

        yield start


@pytest.fixture(scope="module")
def browser(require: Callable[..., None]) -> Iterator[Browser]:
    """Chromium for the pages of mitmweb; those of a site are opened by `visit`, which knows whom they may ask."""
    require("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program("chromium"), args=OPTIONS)
        yield browser
        browser.close()


@pytest.fixture
def visit(require: Callable[..., None], tmp_path: Path) -> Iterator[Callable[..., Visitor]]:
    """`visit(origins, ca)` opens Chromium, see support/browser.py; it may ask nobody but these origins for anything.

    With `http3=True` it asks over HTTP/3.
    """
    require("chromium")
    with contextlib.ExitStack() as stack:
        yield lambda origins, ca, **how: stack.enter_context(visiting(origins, ca, tmp_path, **how))
