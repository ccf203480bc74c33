"""Visits of an application: without the proxy, through it at the root, below a path, and with what it proposes."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from applications.application import BACKEND, HOST, Application, Place
from applications.claims import Checked, Claim, checked
from applications.differences import Difference, Kind, differences
from applications.visit import Seen, in_words, visiting
from e2e.support.proxy import Proxy, running_proxy, spki_hash
from e2e.support.service import free_ports

ROOT = "https://www.example.com"
BELOW = f"{ROOT}/app"
ROUNDS = 3
"""How often what is proposed is taken: a script that runs now may ask for more."""

_TOKEN = "a token of this visit"
_WATCHED = ("--set=urlrewrite_probe=true", "--set=urlrewrite_trace_header=127.0.0.1")


@dataclass
class Result:
    """What differed from the direct visit, which settings were proposed, and what came of the diagnosis."""

    differences: list[Difference]
    proposed: dict[str, list[str]]
    diagnosis: Checked


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

    def through(self, public: str, proposed: dict[str, list[str]] | None = None) -> Result:
        """Walk through mitmweb, whose pages are watched, and whose page *Why broken* is then asked."""
        name = "root" if public == ROOT else "below"
        told = Told()
        seen = Seen()
        wrong: list[Difference] = []
        with self._started(name) as (port, folder):
            rules = f"public: {public}\nbackend: {BACKEND}\nconnect: 127.0.0.1:{port}\nlinks: everywhere\n"
            rules += self._application.settings + (yaml.safe_dump(proposed) if proposed else "")
            web = free_ports(1)[0]
            (folder / "proxy").mkdir()
            options = [f"--set=web_password={_TOKEN}", *_WATCHED]
            command = ["web", f"--web-port={web}"]
            try:
                with running_proxy(rules, folder / "proxy", *options, command=command) as proxy:
                    seen = self._walk(public, f"127.0.0.1:{proxy.https_port}", folder, proxy)
                    told = ask(web, public)
            except AssertionError as error:
                wrong = [Difference(Kind.PROXY, str(error).strip()[-2000:])]
        found = differences(self.direct, seen, HOST)
        return Result([*wrong, *found], told.proposed, checked(told.claims, seen, found))

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


@dataclass
class Told:
    """What the page *Why broken* says of all page loads: settings, each with all that it should have, and claims."""

    proposed: dict[str, list[str]] = field(default_factory=dict)
    claims: list[Claim] = field(default_factory=list)


def ask(web_port: int, public: str) -> Told:
    """Ask the inspector for each page load."""
    told = Told()
    for load in _ask(web_port, "broken")["loads"]:
        page = _ask(web_port, f"broken?flow={load['flow']}")
        urls = {each["flow"]: each["url"] for each in page["resources"]}
        for finding in page["findings"]:
            told.claims.append(Claim.of(finding, urls, partial(in_words, base=public)))
            for setting, values in (yaml.safe_load(finding["yaml"]) or {}).items():
                values = values if isinstance(values, list) else [values]
                told.proposed[setting] = list(dict.fromkeys([*told.proposed.get(setting, []), *values]))
    return told


def _ask(web_port: int, page: str) -> Any:
    request = urllib.request.Request(f"http://127.0.0.1:{web_port}/rewrite/api/{page}")
    request.add_header("Authorization", f"Bearer {_TOKEN}")
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=120) as response:
        return json.load(response)
