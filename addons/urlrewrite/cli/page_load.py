"""A page, loaded in a Chromium as a visitor of the public names would see it, and what the browser says meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from urlrewrite.cli.chromium import ANSWER_WITHIN, Chromium
from urlrewrite.cli.preflight import LOOPBACK
from urlrewrite.model import RuleSet
from urlrewrite.model.origin import Origin
from urlrewrite.witness.devtools import Listening
from urlrewrite.witness.statements import Statement

_DOMAINS = ("Page", "Network", "Runtime", "Log", "Audits", "Inspector")
_STEP = 0.05


@dataclass(frozen=True)
class Loaded:
    """What came of loading a page once; `failed` is the browser's word for why it got none, `settled` says that it came
    to rest in time.
    """

    heard: Listening
    failed: str
    settled: bool

    @property
    def said(self) -> list[Statement]:
        """What the browser said, in its order."""
        return list(self.heard.statements)


def resolver_rules(rules: RuleSet, public: Origin, port: int) -> str:
    """Return Chromium's `--host-resolver-rules`: public names are this port, and names of backends do not exist."""
    names = [origin for site in rules.sites for origin in site.public]
    shown = {str(origin) for origin in (*names, public)}
    inner = [
        origin for site in rules.sites for origin in (*([site.backend] if site.backend else []), *site.backend_names)
    ]
    hidden = [f"MAP {origin.host}:{origin.port} ~NOTFOUND" for origin in inner if str(origin) not in shown]
    published = {origin.host for origin in (*names, public)}
    # A host that is no public name is hidden at every port: its links may leave the port out.
    hidden += [f"MAP {origin.host} ~NOTFOUND" for origin in inner if origin.host not in published]
    hidden += [
        f"MAP {server.address} ~NOTFOUND"
        for farm in rules.farms.values()
        for server in farm.servers
        if server.address not in published and not _is_loopback(server.address)
    ]
    found = [f"MAP {host} {LOOPBACK}:{port}" for host in sorted(published)]
    return ", ".join(dict.fromkeys([*hidden, *found]))


async def load_page(
    browser: Chromium, url: str, trace_field: str, cookies: Sequence[tuple[str, str]], seconds: float
) -> Loaded:
    """Load a page in a profile of its own, with these cookies, and wait until it is at rest, or the time is over.

    `trace_field` is the name of the field that names the page's trace.

    Raises:
        StartError: the browser has ended, or does not answer.
    """
    profile = (await browser.ask("Target.createBrowserContext")).get("browserContextId")
    made = await browser.ask("Target.createTarget", url="about:blank", browserContextId=profile)
    frame = str(made.get("targetId"))
    heard = Listening(frame, trace_field)
    session = str((await browser.ask("Target.attachToTarget", targetId=frame, flatten=True)).get("sessionId"))

    def listen(message: Any) -> None:
        of, values = message.get("sessionId", ""), message.get("params", {})
        match message["method"]:
            case "Target.attachedToTarget" if of:
                # A frame of another site, or a worker.
                _open(browser, values["sessionId"])
                browser.tell("Runtime.runIfWaitingForDebugger", values["sessionId"])
            case "Page.javascriptDialogOpening":
                browser.tell("Page.handleJavaScriptDialog", of, accept=False)
            case _:
                heard.take(message, time.monotonic())

    browser.listen = listen
    _open(browser, session)
    given = [{"name": name, "value": value, "url": url} for name, value in cookies]
    await browser.ask("Network.setCookies", session, cookies=given)
    until = time.monotonic() + seconds
    opening = asyncio.create_task(browser.ask("Page.navigate", session, within=seconds + ANSWER_WITHIN, url=url))
    while not (opening.done() and (_failed(opening) or heard.is_at_rest(time.monotonic()))):
        if time.monotonic() > until:
            break
        await asyncio.sleep(_STEP)
    settled = heard.is_at_rest(time.monotonic())
    failed = _failed(opening) if opening.done() else f"no response within {seconds:.0f} seconds"
    opening.cancel()
    browser.listen = None
    await browser.ask("Target.disposeBrowserContext", browserContextId=profile)
    return Loaded(heard, failed, settled)


def _open(browser: Chromium, session: str) -> None:
    for domain in _DOMAINS:
        browser.tell(f"{domain}.enable", session)
    browser.tell("Page.setLifecycleEventsEnabled", session, enabled=True)
    browser.tell("Target.setAutoAttach", session, autoAttach=True, waitForDebuggerOnStart=True, flatten=True)


def _failed(opening: asyncio.Task[Any]) -> str:
    answer = opening.result()
    if answer.get("isDownload"):
        return "it is a download"
    return str(answer.get("errorText", "")).removeprefix("net::")


def _is_loopback(host: str) -> bool:
    return host == "localhost" or host.startswith("127.") or host == "::1"
