"""`./run.sh` as a newcomer types it, on free ports and with a certificate authority of its own."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page

from e2e.support.published import Published
from e2e.support.service import RUN_SH, Service, ServiceError, free_ports, free_row, running
from privateserver import FARM_SERVERS

TAKEN = re.compile("is taken|already in use")
TRIES = 3  # a port that was free may be taken by another test before the demo gets it


@dataclass(frozen=True)
class Demo(Published):
    """The running demo; `web_port` is None where it runs headless."""

    backend_port: int
    web_port: int | None

    @property
    def web(self) -> str:
        """The address of mitmweb with its token, as the banner says it."""
        return self.service.await_log(r"^mitmweb +(\S+)$")[1]


@contextlib.contextmanager
def running_demo(folder: Path, *options: str, headless: bool = True) -> Iterator[Demo]:
    """Run the demo in an empty folder and stop it at the end; a traceback in its log fails the test.

    `options` are mitmproxy's.
    """
    with running((demo := _start(folder, options, headless)).service):
        yield demo


def _ports() -> tuple[int, int, int, int]:
    """The ports of the demo, free just now; the servers of its farms take those after the backend's."""
    while True:
        row = 1 + len(FARM_SERVERS)
        (https, http, web), backend = free_ports(3), free_row(row)
        if not {https, http, web} & {*range(backend, backend + row)}:
            return https, http, backend, web


def _start(folder: Path, options: tuple[str, ...], headless: bool) -> Demo:
    confdir = folder / "mitmproxy"
    for _ in range(TRIES):
        https, http, backend, web = _ports()
        ports = [f"--port={https}", f"--http-port={http}", f"--backend-port={backend}", f"--web-port={web}"]
        more = ["--headless"] if headless else []
        service = Service(
            [RUN_SH, "demo", *ports, *more, "--", f"--set=confdir={confdir}", *options], folder / "demo.log"
        )
        try:
            service.await_log("Ctrl-C stops")
            return Demo(service, https, http, confdir, backend, None if headless else web)
        except BaseException as error:
            service.process.kill()
            service.process.wait()
            if not (isinstance(error, ServiceError) and TAKEN.search(service.log)):
                raise
    raise ServiceError(f"{TRIES} times a port was taken by somebody else")


@contextlib.contextmanager
def inspector_page(
    demo: Demo, browser: Browser, name: str = "", *, height: int = 900, may_say: str = ""
) -> Iterator[Page]:
    """Open a page of the inspector; what the browser says against it, but for lines with `may_say`, is a failure."""
    page = browser.new_page(viewport={"width": 1300, "height": height})
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(demo.web.replace("/?token", "/rewrite?token") + (f"#/{name}" if name else ""))
    yield page
    page.close()
    assert [text for text in said if not (may_say and may_say in text)] == []
