"""Visits of an application: without the proxy, through it at the root, below a path, and with what it proposes."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from applications.application import BACKEND, HOST, Application, Place
from applications.differences import Difference, Kind, differences
from applications.visit import Seen, visiting
from e2e.support.proxy import Proxy, running_proxy, spki_hash
from e2e.support.service import free_ports

ROOT = "https://www.example.com"
BELOW = f"{ROOT}/app"
ROUNDS = 3
"""How often what is proposed is taken: a script that runs now may ask for more."""

_TOKEN = "a token of this visit"


@dataclass
class Result:
    """What differed from the direct visit, and, below a path, which settings were proposed."""

    differences: list[Difference]
    proposed: dict[str, list[str]] = field(default_factory=dict)


class Visits:
    """The visits of one application, each of which finds it as new."""

    def __init__(self, application: Application, installed: Path, folder: Path) -> None:
        self._application = application
        self._installed = installed
        self._folder = folder
        self._count = 0
        self.direct = Seen()

    def without_proxy(self) -> Seen:
        with self._started("direct") as (port, folder):
            self.direct = self._walk(BACKEND, f"127.0.0.1:{port}", folder)
        return self.direct

    def through(self, public: str, proposed: dict[str, list[str]] | None = None, *, ask: bool = False) -> Result:
        """Walk through the proxy; with `ask`, by mitmweb, whose page *Why broken* is then asked what it proposes."""
        name = "root" if public == ROOT else "below"
        found: dict[str, list[str]] = {}
        seen = Seen()
        wrong: list[Difference] = []
        with self._started(name) as (port, folder):
            rules = f"public: {public}\nbackend: {BACKEND}\nconnect: 127.0.0.1:{port}\nlinks: everywhere\n"
            rules += self._application.settings + (yaml.safe_dump(proposed) if proposed else "")
            web = free_ports(1)[0]
            command, options = ["proxy"], []
            if ask:
                command, options = ["web", f"--web-port={web}"], [f"--set=web_password={_TOKEN}"]
            (folder / "proxy").mkdir()
            try:
                with running_proxy(rules, folder / "proxy", *options, command=command) as proxy:
                    seen = self._walk(public, f"127.0.0.1:{proxy.https_port}", folder, proxy)
                    if ask:
                        found = proposals(web)
            except AssertionError as error:
                wrong = [Difference(Kind.PROXY, str(error).strip()[-2000:])]
        return Result([*wrong, *differences(self.direct, seen, HOST)], found)

    def _walk(self, base: str, address: str, folder: Path, proxy: Proxy | None = None) -> Seen:
        trust = [spki_hash(proxy.ca)] if proxy else []
        with visiting(base, address, folder / "visit", trust) as visit:
            self._application.walk(visit)
        return visit.seen

    @contextmanager
    def _started(self, name: str) -> Iterator[tuple[int, Path]]:
        """Start the application as new; yields its port, and a folder for what is seen."""
        self._count += 1
        folder = self._folder / f"{self._count}-{name}"
        (folder / "data").mkdir(parents=True)
        [port] = free_ports(1)
        place = Place(self._installed, folder / "data", port)
        try:
            self._application.start(place)
            yield port, folder
        finally:
            place.stop()


def proposals(web_port: int) -> dict[str, list[str]]:
    """Return the settings that the page *Why broken* proposes for all page loads, each with all that it should have."""
    found: dict[str, list[str]] = {}
    for load in _ask(web_port, "broken")["loads"]:
        if not load["findings"]:
            continue
        for finding in _ask(web_port, f"broken?flow={load['flow']}")["findings"]:
            for setting, values in (yaml.safe_load(finding["yaml"]) or {}).items():
                values = values if isinstance(values, list) else [values]
                found[setting] = list(dict.fromkeys([*found.get(setting, []), *values]))
    return found


def _ask(web_port: int, page: str) -> Any:
    request = urllib.request.Request(f"http://127.0.0.1:{web_port}/rewrite/api/{page}")
    request.add_header("Authorization", f"Bearer {_TOKEN}")
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=120) as response:
        return json.load(response)
