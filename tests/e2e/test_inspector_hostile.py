"""The inspector of a user whose backend, clients and rule files are all against him: what is shown stays text.

Every page and every content view is opened in Chromium for every hostile flow: no script of the traffic runs, nothing
is asked from elsewhere, no link leads out of http(s), and what the attack says stands there to be read.
"""

from __future__ import annotations

import contextlib
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from e2e.support import http1
from e2e.support.hostile import BREAKS_OUT, SCRIPT, ask_all, hostile_backend
from e2e.support.service import RUN_SH, Service, free_ports, running
from urlrewrite.inspector.pages import PAGES

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

NAME = "<script>alert('rule')</script>"
FILE = "rules'\"<img src=x onerror=alert(1)>.yaml"
RULES = r"""
sites:
  - name: '<b onmouseover=alert(17)>site</b>'
    public: [https://localhost:HTTPS_PORT, http://localhost:HTTP_PORT]
    backend: http://privateserver:8080
    connect: 127.0.0.1:BACKEND_PORT
    links: LINKS
    rewriteMaps:
      '<i>map</i>': {'<b>': '<script>alert(18)</script>'}
    rules:
      - name: "<script>alert('rule')</script>"
        match: ^old/(.*)$
        conditions:
          - {input: '{HTTP_X_<SCRIPT>}', pattern: '<script>|^$'}
        action: {type: Redirect, url: 'javascript:alert(19)//{R:1}', redirectType: Found}
      - name: '"><img src=x onerror=alert(20)>'
        match: '^aborted/|"<svg/onload=alert(21)>'
        action: AbortRequest
      - name: never
        match: '^(<script>alert\(22\)</script>)'
        action: {type: Rewrite, url: '/{<i>map</i>:{R:1}}'}
    preConditions:
      '<u>never</u>': [{input: '{RESPONSE_CONTENT_TYPE}', pattern: '^<script>'}]
    outboundRules:
      - name: "']]><script>alert(23)</script>"
        match: {filterByTags: [A], pattern: '^data:text/html,<script>(.*)'}
        action: {type: Rewrite, value: 'javascript:alert(24)//{R:1}'}
      - name: left out
        preCondition: '<u>never</u>'
        match: {filterByTags: [Img], pattern: '<script>'}
        action: {type: Rewrite, value: '<script>'}
"""
NAMES = [page.name for page in PAGES]
OF_A_FLOW = [*(page.name for page in PAGES if page.of_a_flow), "what_if"]
VIEWS = ("Rewrite", "Changes", "Original", "Leaks")
"""Seconds that a page of the inspector may take for the longest flow, on a machine busy with other tests."""

WATCH = """
document.addEventListener("securitypolicyviolation", (event) => {
  (window.violations ??= []).push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
});
"""
JUDGE = r"""
() => {
  const bad = [];
  if (window.owned !== undefined) bad.push(`a script ran: ${window.owned}`);
  if (Object.prototype.a !== undefined || ({}).polluted !== undefined) bad.push("a prototype was changed");
  for (const violation of window.violations ?? []) bad.push(`against the policy: ${violation}`);
  for (const element of document.querySelectorAll("*")) {
    for (const { name, value } of element.attributes) {
      if (/^on/i.test(name)) bad.push(`<${element.localName} ${name}>`);
      const isUrl = /^(href|src|action|formaction|xlink:href|data|poster|srcset)$/i.test(name);
      if (isUrl && !/^(#\/|#main$|\/(?![\/\\])|https?:\/\/(localhost|127\.0\.0\.1)[:\/])/.test(value)) {
        bad.push(`<${element.localName} ${name}=${value.slice(0, 100)}>`);
      }
    }
  }
  const ours = `${location.origin}/rewrite/static/`;
  const scripts = [...document.scripts].filter((script) => !script.src.startsWith(ours));
  bad.push(...scripts.map((script) => `<script>${script.text.slice(0, 100)}`));
  for (const name of ["img", "iframe", "object", "embed", "base", "meta[http-equiv]", "b[onmouseover]"]) {
    if (document.querySelector(`main ${name}, head ${name}`)) bad.push(`an element ${name}`);
  }
  const text = document.body.innerText;
  const at = text.search(/[\u202a-\u202e\u2066-\u2069\u0000-\u0008\u001b\u007f\u0085\u2028\u2029]/);
  const around = JSON.stringify(text.slice(Math.max(at - 40, 0), at + 20));
  if (at >= 0) bad.push(`a character that turns or hides text: ${around}`);
  return bad;
}
"""


@dataclass(frozen=True)
class Hostile:
    """The proxy in mitmweb after the attack. `web` is mitmweb's address with its token, `flows` are ids and URLs."""

    service: Service
    web: str
    https_port: int
    rules: Path
    links: str

    @property
    def host(self) -> str:
        return urlsplit(self.web).netloc


@contextlib.contextmanager
def attacked(folder: Path, links: str) -> Iterator[Hostile]:
    with hostile_backend() as backend:
        https, http, web = free_ports(3)
        rules = folder / FILE
        text = RULES.replace("HTTPS_PORT", str(https)).replace("HTTP_PORT", str(http))
        rules.write_text(text.replace("BACKEND_PORT", str(backend)).replace("LINKS", links))
        listen = [f"--listen=https://127.0.0.1:{https}", f"--listen=http://127.0.0.1:{http}", f"--web-port={web}"]
        confdir = folder / "mitmproxy"
        service = Service([RUN_SH, "web", str(rules), *listen, "--", f"--set=confdir={confdir}"], folder / "web.log")
        with running(service):
            address = service.await_log(r"^mitmweb +(\S+)$")[1]
            service.await_ports(https, http)
            ask_all(https, confdir / "mitmproxy-ca-cert.pem")
            yield Hostile(service, address, https, rules, links)


@pytest.fixture(scope="module", params=["everywhere", "off"])
def hostile(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hostile]:
    with attacked(tmp_path_factory.mktemp("hostile"), request.param) as running_now:
        yield running_now


class Window:
    """A window in which whatever an attack achieves is written down in `found`."""

    def __init__(self, context: BrowserContext, hostile: Hostile) -> None:
        self.found: list[str] = []
        self.at = ""
        self._turns = itertools.count()
        self.hostile = hostile
        context.add_init_script(WATCH)
        context.on("page", self._opened)
        self.context = context
        self.page = context.new_page()
        self.page.goto(hostile.web.replace("/?token", "/rewrite?token") + "#/health")
        self.ready()

    def _opened(self, page: Page) -> None:
        page.on("console", lambda said: self._said(said.type, said.text))
        page.on("pageerror", lambda error: self._note(f"error: {error}"))
        page.on("dialog", lambda dialog: (self._note(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda asked: self._asked(asked.url))

    def _said(self, kind: str, text: str) -> None:
        # The page Try tells in words what it cannot try, such as the method `<script>`.
        refused = self.at.startswith("try") and text.endswith("the server responded with a status of 400 (Bad Request)")
        if kind in ("error", "warning") and not refused:
            self._note(f"console: {text}")

    def _asked(self, url: str) -> None:
        if urlsplit(url).netloc != self.hostile.host and not url.startswith("data:image/svg+xml"):
            self._note(f"asked elsewhere: {url[:200]}")

    def _note(self, text: str) -> None:
        self.found.append(f"{self.at}: {text}")

    def ready(self) -> None:
        self.page.wait_for_selector("main[aria-busy=false]", timeout=60_000)

    def ask(self, path: str) -> dict:
        answer = self.context.request.get(f"http://{self.hostile.host}/rewrite/api/{path}", timeout=60_000)
        assert answer.ok, (path, answer.status, answer.text()[:200])
        return json.loads(answer.body())

    def open(self, name: str, query: str = "") -> None:
        """Opens a page of the inspector, with all that it has folded away, and judges it."""
        self.at = f"{name}{query}"
        turn = next(self._turns)
        self.page.evaluate("document.querySelector('main > .page')?.classList.add('left')")
        # The same address once more is no change of the hash.
        self.page.evaluate("(hash) => { location.hash = hash; }", f"#/{name}{query}{'&' if query else '?'}turn={turn}")
        self.page.wait_for_selector(f".page-{name}:not(.left)", state="attached", timeout=60_000)
        self.ready()
        self.judge()

    def judge(self) -> None:
        self.found += [f"{self.at}: {bad}" for bad in self.page.evaluate(JUDGE)]

    def unfold(self) -> None:
        """Opens tabs, steps, rows and trees one after the other, and judges each."""
        main = self.page.locator("main")
        self.page.evaluate("document.querySelectorAll('main details').forEach((each) => { each.open = true; })")
        for tab in main.get_by_role("tab").all()[:6]:
            tab.click()
            self.judge()
        for name in ("Fix", "Next →"):
            for button in main.get_by_role("button", name=name).all()[:8]:
                for _ in range(3):
                    if button.is_enabled():
                        button.click()
                        self.judge()
        self.judge()


@pytest.fixture
def window(hostile: Hostile, browser: Browser) -> Iterator[Window]:
    context = browser.new_context(viewport={"width": 1500, "height": 1000})
    yield Window(context, hostile)
    context.close()


@pytest.mark.timeout(300)
def test_every_page_shows_an_attack_as_text(window: Window, tmp_path: Path) -> None:
    for name in NAMES:
        window.open(name)
        window.unfold()
        window.page.screenshot(path=tmp_path / f"{name}.png", full_page=True)
    window.open("rules")
    assert NAME in window.page.locator("main").inner_text()
    window.page.get_by_role("button", name=NAME, exact=True).click()
    window.page.wait_for_selector(".line.marked")
    assert FILE in window.page.locator("main").inner_text()
    window.judge()
    window.open("flow")
    assert BREAKS_OUT[:30] in window.page.locator("main").inner_text()
    assert "\n".join(window.found) == ""


@pytest.mark.timeout(600)
def test_every_flow_is_shown_as_text_on_every_page(window: Window, tmp_path: Path) -> None:
    flows = window.ask("flow")["flows"]
    assert len(flows) >= 25
    # What was changed shows on the other pages, half of them in turn; without links, what one page shows is enough.
    first, others = OF_A_FLOW[:1], OF_A_FLOW[1:] if window.hostile.links == "everywhere" else []
    names = (*first, *others)
    shown: set[str] = set()
    for number, flow in enumerate(flows):
        for name in (*first, *others[number % 2 :: 2]):
            window.open(name, f"?flow={flow['id']}")
            errors = window.page.locator("main .note.err").all_inner_texts()
            window.found += [f"{window.at}: {error}" for error in errors if "fault of the inspector" in error]
            window.unfold()
            text = window.page.locator("main").inner_text()
            shown |= {name for attack in (SCRIPT[:17], "onerror=") if attack in text}
    assert "\n".join(window.found) == ""
    assert shown >= {"flow", "leaks", "broken"} & {*names}


@pytest.mark.timeout(300)
def test_every_content_view_shows_an_attack_as_text(window: Window) -> None:
    """As mitmweb asks for them; it puts what it gets into text nodes, which is for its own tests to show."""
    flows = window.ask("flow")["flows"]
    for flow in flows:
        for message in ("request", "response")[: 1 if flow["status"] is None else 2]:
            for view in VIEWS:
                path = f"/flows/{flow['id']}/{message}/content/{view}?lines=200"
                answer = window.context.request.get(f"http://{window.hostile.host}{path}")
                assert answer.ok, (path, answer.status)
                assert answer.headers["content-type"].startswith("application/json")
                told = json.loads(answer.body())
                if told["view_name"] is None:
                    # Where no body was kept, mitmweb asks no view.
                    assert told["text"] == "Content is missing.", told
                    continue
                assert told["view_name"].lower() == view.lower(), told
                text = told["text"]
                assert "Traceback" not in text
                turning = [char for char in text if char in "\u202e\u2066\u200b\u2028\x85\x1b\x7f\x00"]
                assert turning == [], (path, turning)


@pytest.mark.timeout(300)
def test_mitmwebs_own_window_survives(window: Window) -> None:
    window.at = "mitmweb"
    page = window.context.new_page()
    page.goto(window.hostile.web)
    page.wait_for_selector(".flow-table tbody tr >> nth=5")
    page.locator(".flow-table tbody tr", has_text="/fields").first.click()
    for side in ("Request", "Response"):
        page.get_by_role("link", name=side, exact=True).click()
        for view in VIEWS:
            page.get_by_text("View:").click()
            page.get_by_role("link", name=view.lower(), exact=False).first.click()
            page.wait_for_selector(".contentview")
            assert page.evaluate("window.owned") is None
    ours = [found for found in window.found if "dialog" in found or "elsewhere" in found or "policy" in found]
    assert ours == []


def test_a_file_that_became_hostile_is_told_as_text(window: Window) -> None:
    """A rule file that is refused: its problems quote what stands there."""
    rules = window.hostile.rules
    text = rules.read_text()
    rules.write_text(text.replace("links:", f"'{SCRIPT.replace(chr(39), chr(39) * 2)}': 1\n    links:"))
    try:
        while window.ask("rules")["files"] != "broken":
            http1.get(
                "/page", window.hostile.https_port, window.hostile.rules.parent / "mitmproxy/mitmproxy-ca-cert.pem"
            )
        for name in NAMES:
            window.open(name)
            window.unfold()
        assert "\n".join(window.found) == ""
    finally:
        rules.write_text(text)
