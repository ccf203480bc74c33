"""devpi, a package index with absolute URLs in HTML and JSON, behind the proxy: its own client, pip, and a browser."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from e2e.support import http1, leaks
from e2e.support.browser import Visitor
from e2e.support.needs import app_program
from e2e.support.proxy import Proxy, running_proxy
from e2e.support.service import Service, free_ports, running

pytestmark = [pytest.mark.e2e, pytest.mark.apps]

BACKEND_HOST = "devpi.internal"
BACKEND = f"http://{BACKEND_HOST}:3141"
RULES = f"""
sites:
  - name: packages
    public: https://localhost:HTTPS_PORT
    backend: {BACKEND}
    connect: 127.0.0.1:BACKEND_PORT
    links: everywhere
"""
WHEEL = "greeting-1.0-py3-none-any.whl"
SOURCE = f'# the proxy must not touch what is in a package: {BACKEND}/\nWORD = "hello"\n'
METADATA = f"""Metadata-Version: 2.1
Name: greeting
Version: 1.0
Summary: Says hello
Home-page: {BACKEND}/+search?query=greeting
Description-Content-Type: text/markdown

Read [the status]({BACKEND}/+status).
"""


@dataclass(frozen=True)
class Index:
    """A devpi with the package `greeting` in the index alice/dev, uploaded through the proxy."""

    proxy: Proxy
    wheel: Path
    client: Path  # where the devpi client keeps what it learned
    record: Path  # what the proxy answered

    @property
    def url(self) -> str:
        return f"{self.proxy.https}/alice/dev"


def make_wheel(folder: Path) -> Path:
    """Write the package by hand, and uncompressed, so that the backend's name stands in it to be seen."""
    files = {
        "greeting.py": SOURCE,
        "greeting-1.0.dist-info/METADATA": METADATA,
        "greeting-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: me\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = [f"{name},sha256={_digest(text)},{len(text.encode())}\n" for name, text in files.items()]
    files["greeting-1.0.dist-info/RECORD"] = "".join(record) + "greeting-1.0.dist-info/RECORD,,\n"
    path = folder / WHEEL
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


@pytest.fixture(scope="module")
def devpi(require: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a devpi-server that mirrors nobody and writes absolute URLs wherever it can."""
    require("devpi")
    folder = tmp_path_factory.mktemp("devpi")
    [port] = free_ports(1)
    data = ["--serverdir", str(folder / "data")]
    subprocess.run(
        [app_program("devpi", "devpi-init"), *data, "--no-root-pypi"], check=True, capture_output=True, timeout=100
    )
    service = Service(
        [app_program("devpi", "devpi-server"), *data, "--host=127.0.0.1", f"--port={port}", "--absolute-urls"],
        folder / "server.log",
    )
    with running(service):
        service.await_ports(port)
        yield port


@pytest.fixture(scope="module")
def index(devpi: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    """The package index, filled by devpi's own client; at the end, nothing that was answered may name the backend."""
    folder = tmp_path_factory.mktemp("index")
    record = folder / "flows"
    client = folder / "client"
    wheel = make_wheel(folder)
    rules = RULES.replace("BACKEND_PORT", str(devpi))
    with running_proxy(rules, folder, f"--set=save_stream_file={record}") as proxy:

        def run(*arguments: str) -> None:
            done = subprocess.run(
                [app_program("devpi", "devpi"), arguments[0], "--clientdir", str(client), *arguments[1:]],
                env={**os.environ, **proxy.trust, "HOME": str(folder)},
                capture_output=True,
                text=True,
                timeout=60,
            )
            assert done.returncode == 0, f"devpi {' '.join(arguments)}:\n{done.stdout}{done.stderr}"

        run("use", proxy.https)
        run("user", "-c", "alice", "password=secret")
        run("login", "alice", "--password=secret")
        run("index", "-c", "dev", "bases=", "volatile=True")
        run("use", "alice/dev")
        run("upload", str(wheel))
        yield Index(proxy, wheel, client, record)
    answers = leaks.recorded(record)
    assert len(answers) > 10
    assert not leaks.naming(BACKEND_HOST, [(url, answer) for url, answer in answers if not url.endswith(WHEEL)])


def test_the_client_learned_public_addresses(index: Index) -> None:
    learned = json.loads((index.client / "current.json").read_text())
    urls = {key: value for key, value in learned.items() if str(value).startswith("http")}
    assert urls == {
        "index": index.url,
        "login": f"{index.proxy.https}/+login",
        "pypisubmit": f"{index.url}/",
        "simpleindex": f"{index.url}/+simple/",
    }


@pytest.mark.parametrize("media_type", ["text/html", "application/vnd.pypi.simple.v1+json"])
def test_the_simple_index_has_public_addresses(index: Index, media_type: str) -> None:
    proxy = index.proxy
    answer = http1.get("/alice/dev/+simple/greeting/", proxy.https_port, proxy.ca, f"Accept: {media_type}")
    assert answer.status == 200
    assert (answer.header("content-type") or "").startswith(media_type)
    assert f'"{index.url}/+f/'.encode() in answer.body
    assert BACKEND_HOST.encode() not in answer.body


def test_pip_installs(index: Index, tmp_path: Path) -> None:
    target = tmp_path / "site-packages"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "--isolated", "install", "--no-cache-dir", "--disable-pip-version-check"),
            *("--index-url", f"{index.url}/+simple/", "--cert", str(index.proxy.ca), "--target", str(target)),
            "greeting==1.0",
        ],
        # a configuration of this machine's pip must not bring in another index
        env={**os.environ, **index.proxy.trust, "PIP_CONFIG_FILE": os.devnull},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Downloading {index.url}/" in done.stdout
    assert (target / "greeting.py").read_text() == SOURCE


def test_a_package_arrives_as_it_was_uploaded(index: Index) -> None:
    proxy = index.proxy
    page = http1.get(
        "/alice/dev/+simple/greeting/", proxy.https_port, proxy.ca, "Accept: application/vnd.pypi.simple.v1+json"
    )
    [file] = json.loads(page.body)["files"]
    path = file["url"].removeprefix(proxy.https).partition("#")[0]
    answer = http1.get(path, proxy.https_port, proxy.ca)
    assert answer.body == index.wheel.read_bytes()


@pytest.mark.browser
def test_browsing(index: Index, visit: Callable[..., Visitor]) -> None:
    home = index.proxy.https
    visitor = visit([home], index.proxy.ca)
    page = visitor.page
    page.goto(f"{home}/")
    page.get_by_role("link", name="alice/dev", exact=True).click()
    page.wait_for_url(index.url)
    page.get_by_role("link", name="greeting-1.0", exact=True).click()
    page.wait_for_url(f"{index.url}/greeting/1.0")
    page.get_by_text("Says hello").first.wait_for()

    links = page.locator("a").evaluate_all("links => links.map(link => link.href)")
    assert f"{home}/+search?query=greeting" in links
    assert any(link.endswith(WHEEL) or f"{WHEEL}#sha256=" in link for link in links)

    page.get_by_role("link", name="the status").click()
    page.wait_for_url(f"{home}/+status")
    assert not leaks.naming(BACKEND_HOST, visitor.close())
