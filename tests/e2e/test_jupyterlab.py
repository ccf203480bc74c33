"""JupyterLab behind the proxy: a log-in with cookies and redirects, and a kernel that speaks over WebSockets."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from e2e.support import leaks
from e2e.support.browser import TIMEOUT, Visitor
from e2e.support.needs import app_program
from e2e.support.proxy import Proxy
from e2e.support.service import Service, free_ports, running

pytestmark = [pytest.mark.e2e, pytest.mark.apps, pytest.mark.browser]

TOKEN = "the-token-of-this-test"
BACKEND_HOST = "jupyter.internal"
RULES = f"""
sites:
  - name: jupyter
    public: https://localhost:HTTPS_PORT
    backend: http://{BACKEND_HOST}:8888
    connect: 127.0.0.1:BACKEND_PORT
    links: everywhere
"""


@pytest.fixture
def jupyter(require: Callable[..., None], tmp_path: Path) -> Iterator[int]:
    """The port of a JupyterLab that believes to be jupyter.internal:8888 and asks nobody outside for anything."""
    require("jupyterlab")
    [port] = free_ports(1)
    notebooks = tmp_path / "notebooks"
    notebooks.mkdir()
    jupyter_lab = app_program("jupyterlab", "jupyter-lab")
    home = {f"JUPYTER_{kind}_DIR": str(tmp_path / kind.lower()) for kind in ("CONFIG", "DATA", "RUNTIME")}
    service = Service(
        [
            jupyter_lab,
            "--no-browser",
            "--ServerApp.ip=127.0.0.1",
            f"--ServerApp.port={port}",
            "--ServerApp.port_retries=0",
            f"--ServerApp.root_dir={notebooks}",
            f"--ServerApp.local_hostnames={BACKEND_HOST}",
            "--ServerApp.allow_root=True",
            f"--IdentityProvider.token={TOKEN}",
            "--LabApp.news_url=None",
            "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
            "--LabApp.extension_manager=readonly",
        ],
        tmp_path / "jupyter.log",
        env={
            **home,
            "JUPYTERLAB_SETTINGS_DIR": str(tmp_path / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(tmp_path / "workspaces"),
            "IPYTHONDIR": str(tmp_path / "ipython"),
            "PATH": os.pathsep.join([str(Path(jupyter_lab).parent), os.environ["PATH"]]),
        },
    )
    with running(service):
        service.await_ports(port)
        yield port


def test_a_cell_runs(
    jupyter: int,
    start_proxy: Callable[..., Proxy],
    visit: Callable[..., Visitor],
) -> None:
    proxy = start_proxy(RULES.replace("BACKEND_PORT", str(jupyter)))
    visitor = visit([proxy.https], proxy.ca)
    page = visitor.page

    page.goto(f"{proxy.https}/lab")
    assert page.url == f"{proxy.https}/login?next=%2Flab"
    page.get_by_label("Password or token").fill(TOKEN)
    page.get_by_role("button", name="Log in", exact=True).click()

    page.locator('.jp-LauncherCard[data-category="Notebook"]').first.click()
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
    page.locator(".jp-Notebook .cm-content").first.click()
    page.keyboard.type("print(6*7)")
    page.keyboard.press("Shift+Enter")
    expect(page.locator(".jp-OutputArea-output").first).to_have_text("42", timeout=TIMEOUT)

    answers = visitor.close()
    kernels = [answer for url, answer in answers if url.startswith("wss://") and "/api/kernels/" in url]
    assert any(b'"42\\n"' in answer.body for answer in kernels)
    assert not leaks.naming(BACKEND_HOST, answers)
