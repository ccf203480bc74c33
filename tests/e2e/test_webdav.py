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
from typing import NamedTuple

import pytest

from e2e.support.needs import PROJECT, app_program, program
from e2e.support.proxy import Proxy, running_proxy
from e2e.support.service import Service, free_ports, running

pytestmark = [pytest.mark.e2e, pytest.mark.apps]

PROGRAMS = PROJECT / "tests" / "e2e" / "apps"
FRAGMENT = "basic 9. delete_fragment"
"""What litmus warns of: this server takes a target with a fragment for one without; the proxy responds with 400."""

FILES = {
    # public URL, and the path of WsgiDAV
    "at the root": ("https://localhost:HTTPS_PORT", ""),
    "below a path": ("https://localhost:HTTPS_PORT/app", ""),
    "below a path, without TLS": ("http://localhost:HTTP_PORT/app", ""),
    "one path for another": ("https://localhost:HTTPS_PORT/both/x", "/dav"),
    "a path at the root": ("https://127.0.0.1:HTTPS_PORT", "/dav"),
    "where a rule sends it": ("https://localhost:HTTPS_PORT/rule/files", "/dav"),
}
CALENDARS = {
    # public URL, and the path of Radicale
    "at the root": ("http://localhost:HTTP_PORT", ""),
    "below a path": ("https://localhost:HTTPS_PORT/calendar", ""),
    "one path for another": ("https://localhost:HTTPS_PORT/both/calendar", "/dav"),
    "a path at the root": ("http://127.0.0.1:HTTP_PORT", "/dav"),
    "where a rule sends it": ("https://localhost:HTTPS_PORT/rule/calendar", "/dav"),
}
RULES = """
sites:
- name: by rules
  public: https://localhost:HTTPS_PORT/rule
  backend: http://portal.internal
  rules:
    - {name: files, match: ^files/(.*), action: {type: Rewrite, url: 'http://127.0.0.1:WSGIDAV/dav/{R:1}'}}
    - {name: calendar, match: ^calendar/(.*), action: {type: Rewrite, url: 'http://127.0.0.1:RADICALE/dav/{R:1}'}}
"""


class Servers(NamedTuple):
    """The proxy, and the ports of what is behind it; `litmus` is what litmus finds without the proxy."""

    proxy: Proxy
    wsgidav: int
    radicale: int
    litmus: dict[str, str]

    def published(self, url: str) -> str:
        ports = ("HTTPS_PORT", self.proxy.https_port), ("HTTP_PORT", self.proxy.http_port)
        for word, port in ports:
            url = url.replace(word, str(port))
        return f"{url}/"


def rules(wsgidav: int, radicale: dict[str, int]) -> str:
    published = [
        *((url, path, wsgidav) for url, path in FILES.values() if "/rule" not in url),
        *((url, path, radicale[path]) for url, path in CALENDARS.values() if "/rule" not in url),
    ]
    return RULES.replace("WSGIDAV", str(wsgidav)).replace("RADICALE", str(radicale["/dav"])) + "".join(
        f"- {{name: site {number}, public: '{url}', backend: 'http://privateserver:8080{path}',"
        f" connect: '127.0.0.1:{port}'}}\n"
        for number, (url, path, port) in enumerate(published)
    )


@pytest.fixture(scope="module")
def servers(require: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    require("dav", "litmus")
    folder = tmp_path_factory.mktemp("dav")
    wsgidav, root, dav = free_ports(3)
    commands = {wsgidav: [app_program("dav", "python"), str(PROGRAMS / "webdav_server.py"), str(folder), str(wsgidav)]}
    for path, port in (("", root), ("/dav", dav)):
        commands[port] = [
            *(app_program("dav", "radicale"), f"--server-hosts=127.0.0.1:{port}", "--auth-type=none"),
            *(f"--storage-filesystem-folder={folder / str(port)}", f"--server-script-name={path}"),
        ]
    with ExitStack() as stack:
        services = {
            port: stack.enter_context(running(Service(command, folder / f"{port}.log")))
            for port, command in commands.items()
        }
        proxy = stack.enter_context(running_proxy(rules(wsgidav, {"": root, "/dav": dav}), folder))
        for port, service in services.items():
            service.await_ports(port)
        yield Servers(proxy, wsgidav, root, litmus(f"http://127.0.0.1:{wsgidav}/", folder))


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


def test_litmus_is_content_without_the_proxy(servers: Servers) -> None:
    assert len(servers.litmus) > 100
    assert {name for name, result in servers.litmus.items() if result != "pass"} == {FRAGMENT}


@pytest.mark.parametrize("layout", FILES)
def test_litmus_finds_what_it_finds_without_the_proxy(servers: Servers, tmp_path: Path, layout: str) -> None:
    url = servers.published(FILES[layout][0])
    found = litmus(url, tmp_path)
    if url.startswith("https"):
        # litmus does not try this one over TLS.
        assert found["http 2. expect100"].startswith("SKIPPED")
        found["http 2. expect100"] = servers.litmus["http 2. expect100"]
    assert found == servers.litmus | {FRAGMENT: "pass"}


@pytest.fixture(scope="module")
def days(servers: Servers) -> dict[str, list[tuple[str, object]]]:
    """What a client of CalDAV got in each layout, and "directly"."""
    homes = {layout: servers.published(url) for layout, (url, _) in CALENDARS.items()}
    homes["directly"] = f"http://127.0.0.1:{servers.radicale}/"
    command = [app_program("dav", "python"), str(PROGRAMS / "caldav_client.py"), str(servers.proxy.ca)]
    done = subprocess.run([*command, *homes.values()], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    return dict(zip(homes, json.loads(done.stdout), strict=True))


@pytest.mark.parametrize("layout", CALENDARS)
def test_a_client_of_caldav_gets_what_it_gets_without_the_proxy(
    days: dict[str, list[tuple[str, object]]], layout: str
) -> None:
    direct = days["directly"]
    assert len(direct) > 15
    assert "elsewhere" not in str(direct)
    assert days[layout] == direct
