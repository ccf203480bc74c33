"""WebDAV and CalDAV through the proxy, at the root and below paths: clients get what they get without it.

The clients are litmus, which tries every part of RFC 4918, and the library caldav; servers are WsgiDAV and Radicale.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from e2e.support.needs import PROJECT, app_program, program
from e2e.support.proxy import Proxy, running_proxy
from e2e.support.service import Service, free_ports, running

pytestmark = [pytest.mark.e2e, pytest.mark.apps]

PROGRAMS = PROJECT / "tests" / "e2e" / "apps"
FRAGMENT = "basic 9. delete_fragment"
"""What litmus warns of: this server takes a target with a fragment for one without; the proxy responds with 400."""

LAYOUTS = {
    # public name and path, and the path of the backend
    "at the root": ("localhost", "", ""),
    "below a path": ("localhost", "/app", ""),
    "one path for another": ("localhost", "/both/x", "/dav"),
    "a path at the root": ("127.0.0.1", "", "/dav"),
}


def rules(ports: dict[str, int]) -> str:
    """A site for each layout; `ports` are those of the backend, by its path."""
    sites = "".join(
        f"- {{name: {name}, public: ['https://{host}:HTTPS_PORT{path}', 'http://{host}:HTTP_PORT{path}'],"
        f" backend: 'http://privateserver:8080{base}', connect: '127.0.0.1:{ports[base]}'}}\n"
        for name, (host, path, base) in LAYOUTS.items()
    )
    return f"sites:\n{sites}"


def address(proxy: Proxy, layout: str, scheme: str) -> str:
    host, path, _ = LAYOUTS[layout]
    return f"{scheme}://{host}:{proxy.https_port if scheme == 'https' else proxy.http_port}{path}/"


@pytest.fixture(scope="module")
def webdav(require: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Proxy]]:
    """The port of a WsgiDAV, and a proxy in front of it."""
    require("dav", "litmus")
    folder = tmp_path_factory.mktemp("webdav")
    (port,) = free_ports(1)
    command = [app_program("dav", "python"), str(PROGRAMS / "webdav_server.py"), str(folder / "files"), str(port)]
    with running(service := Service(command, folder / "server.log")):
        service.await_ports(port)
        with running_proxy(rules({"": port, "/dav": port}), folder) as proxy:
            yield port, proxy


def litmus(url: str, folder: Path) -> dict[str, str]:
    """The tests that litmus made, and what it says of each."""
    done = subprocess.run(
        [str(program("litmus")), "--keep-going", url], cwd=folder, capture_output=True, text=True, timeout=60
    )
    suite, results = "", {}
    for line in done.stdout.replace("\r", "\n").splitlines():
        if begins := re.match(r"-> running `(\w+)':", line):
            suite = begins[1]
        elif result := re.match(r"\s*(\d+\. \w+)\.+ (\w.*)", line):
            results[f"{suite} {result[1]}"] = result[2]
    return results


@pytest.fixture(scope="module")
def without_proxy(webdav: tuple[int, Proxy], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return litmus(f"http://127.0.0.1:{webdav[0]}/", tmp_path_factory.mktemp("litmus"))


def test_litmus_is_content_without_the_proxy(without_proxy: dict[str, str]) -> None:
    assert len(without_proxy) > 100
    assert {name for name, result in without_proxy.items() if result != "pass"} == {FRAGMENT}


@pytest.mark.parametrize(("layout", "scheme"), [*((layout, "https") for layout in LAYOUTS), ("below a path", "http")])
def test_litmus_finds_what_it_finds_without_the_proxy(
    webdav: tuple[int, Proxy], without_proxy: dict[str, str], tmp_path: Path, layout: str, scheme: str
) -> None:
    found = litmus(address(webdav[1], layout, scheme), tmp_path)
    if scheme == "https":
        # litmus does not try this one over TLS.
        assert found["http 2. expect100"].startswith("SKIPPED")
        found["http 2. expect100"] = without_proxy["http 2. expect100"]
    assert found == without_proxy | {FRAGMENT: "pass"}


@pytest.fixture(scope="module")
def days(require: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[str, object]]]:
    """What a client of CalDAV got in each layout, and "directly"; below /dav there is another Radicale."""
    require("dav")
    folder = tmp_path_factory.mktemp("caldav")
    root, dav = free_ports(2)
    with ExitStack() as stack:
        for base, port in (("", root), ("/dav", dav)):
            command = [
                *(app_program("dav", "radicale"), f"--server-hosts=127.0.0.1:{port}", "--auth-type=none"),
                *(f"--storage-filesystem-folder={folder / str(port)}", f"--server-script-name={base}"),
            ]
            service = stack.enter_context(running(Service(command, folder / f"{port}.log")))
            service.await_ports(port)
        proxy = stack.enter_context(running_proxy(rules({"": root, "/dav": dav}), folder))
        homes = {layout: address(proxy, layout, "https") for layout in LAYOUTS}
        homes["directly"] = f"http://127.0.0.1:{root}/"
        command = [app_program("dav", "python"), str(PROGRAMS / "caldav_client.py"), str(proxy.ca), *homes.values()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=100)
        assert done.returncode == 0, done.stderr
        return dict(zip(homes, json.loads(done.stdout), strict=True))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_client_of_caldav_gets_what_it_gets_without_the_proxy(
    days: dict[str, list[tuple[str, object]]], layout: str
) -> None:
    direct = days["directly"]
    assert len(direct) > 15
    assert "elsewhere" not in str(direct)
    assert days[layout] == direct
