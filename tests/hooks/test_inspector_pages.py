"""The pages inside mitmweb: who is let in, what is served, and what a query gets."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import sys
import threading
from collections.abc import AsyncIterator, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest
from mitmproxy import options
from mitmproxy.tools.web.master import WebMaster
from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port

from urlrewrite.hooks import inspector_pages
from urlrewrite.hooks.inspector_pages import MAX_LENGTH, STATIC, install, static_files
from urlrewrite.inspector.figures.statistics import Statistics
from urlrewrite.inspector.pages import PAGES
from urlrewrite.inspector.pages.error import PageError
from urlrewrite.inspector.recorded_exchange import Snapshot

PASSWORD = "let me in"
TOKEN = {"Authorization": f"Bearer {PASSWORD}"}
XSRF = "2|00000000|00000000000000000000000000000000|1000000000"
SAME_ORIGIN = {
    **TOKEN,
    "Cookie": f"_mitmproxy_xsrf={XSRF}",
    "X-XSRFToken": XSRF,
    "Content-Type": "application/json",
    "Sec-Fetch-Site": "same-origin",
}
SHOWN = Snapshot((), None, Statistics())
EVERY_PATH = ["/rewrite", "/rewrite/", "/rewrite/static/app.js", "/rewrite/static/nothing", "/rewrite/api/nothing"]
EVERY_PATH += ["/rewrite/events"]
EVERY_PATH += [f"/rewrite/api/{page.name}" for page in PAGES]


class Server:
    def __init__(self, port: int) -> None:
        self.port = port

    async def ask(
        self, path: str, *, method: str = "GET", headers: Mapping[str, str] = TOKEN, body: bytes | None = None
    ) -> HTTPResponse:
        request = HTTPRequest(
            f"http://127.0.0.1:{self.port}{path}", method, dict(headers), body, allow_nonstandard_methods=True
        )
        return await AsyncHTTPClient().fetch(request, raise_error=False)

    async def post(self, name: str, data: Any = None, **changed: str | None) -> HTTPResponse:
        body = data if isinstance(data, bytes) else json.dumps({} if data is None else data).encode()
        wanted = {**SAME_ORIGIN, **{key.replace("_", "-"): value for key, value in changed.items()}}
        headers = {key: value for key, value in wanted.items() if value is not None}
        return await self.ask(f"/rewrite/api/{name}", method="POST", headers=headers, body=body)


async def shown() -> Snapshot:
    return SHOWN


REVISIONS: list[str] = []
"""What there is to show, one after the other; the last one stays."""


def revision() -> str:
    return REVISIONS.pop(0) if len(REVISIONS) > 1 else "same"


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    master = WebMaster(options.Options(), with_termlog=False)
    master.options.update(web_password=PASSWORD)
    install(master, shown, revision)
    socket, port = bind_unused_port()
    listening = HTTPServer(master.app)
    listening.add_socket(socket)
    yield Server(port)
    listening.stop()
    await listening.close_all_connections()
    AsyncHTTPClient().close()


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Stands in for the page Health: answers with what it was asked."""
    module = ModuleType("urlrewrite.inspector.pages.health")
    module.data = lambda shown, asked: {"asked": dict(asked), "same": shown is SHOWN}  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


def said(response: HTTPResponse) -> Any:
    assert response.headers["Content-Type"] == "application/json; charset=utf-8"
    return json.loads(response.body)


@pytest.mark.parametrize("path", EVERY_PATH)
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Cookie": "mitmproxy-auth-8081=y"}])
async def test_a_stranger_gets_nothing(server: Server, path: str, headers: dict[str, str]) -> None:
    response = await server.ask(path, headers=headers)
    assert response.code == 403
    assert response.body == b"Log in to mitmweb first: its address with the token is in the log.\n"
    assert "Set-Cookie" not in response.headers


@pytest.mark.parametrize("path", EVERY_PATH)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
async def test_a_stranger_changes_nothing(server: Server, page: ModuleType, path: str, method: str) -> None:
    headers = {key: value for key, value in SAME_ORIGIN.items() if key != "Authorization"}
    response = await server.ask(path, method=method, headers=headers, body=b"{}" if method != "HEAD" else None)
    assert response.code in (403, 405)
    assert b"asked" not in (response.body or b"")


@pytest.mark.parametrize(
    "changed",
    [
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"X_XSRFToken": None},
        {"X_XSRFToken": XSRF.replace("0|1", "1|1")},
        {"Cookie": None},
        {"Authorization": None},
    ],
)
async def test_a_post_of_another_site_is_refused(
    server: Server, page: ModuleType, changed: dict[str, str | None]
) -> None:
    response = await server.post("health", **changed)
    assert response.code == 403
    assert b"asked" not in response.body


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", None])
async def test_a_post_that_a_form_can_make_is_refused(
    server: Server, page: ModuleType, content_type: str | None
) -> None:
    assert (await server.post("health", Content_Type=content_type)).code == 400


async def test_the_shell_hands_out_the_token_for_posts(server: Server, page: ModuleType) -> None:
    response = await server.ask("/rewrite")
    assert response.code == 200
    cookie = next(line for line in response.headers.get_list("Set-Cookie") if line.startswith("_mitmproxy_xsrf="))
    assert "SameSite=Strict" in cookie
    token = cookie.partition("=")[2].partition(";")[0]
    answered = await server.post("health", {"a": 1}, Cookie=f"_mitmproxy_xsrf={token}", X_XSRFToken=token)
    assert said(answered) == {"asked": {"a": 1}, "same": True}


@pytest.mark.parametrize("path", ["/rewrite", "/rewrite/static/lib.js", "/rewrite/api/health", "/rewrite/api/x"])
async def test_nothing_is_kept_framed_or_run_from_elsewhere(server: Server, path: str) -> None:
    headers = (await server.ask(path)).headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"].startswith("default-src 'self'")


async def test_every_static_file_is_served_with_its_type(server: Server) -> None:
    types = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
    files = [path for path in STATIC.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} <= types.keys()
    for path in files:
        response = await server.ask(f"/rewrite/static/{path.relative_to(STATIC).as_posix()}")
        assert response.code == 200
        assert response.headers["Content-Type"].startswith(types[path.suffix])


@pytest.mark.parametrize(
    "path",
    [
        "../server.py",
        "../../pages/error.py",
        "%2e%2e/server.py",
        "..%2fserver.py",
        "..%5cserver.py",
        "pages/../../server.py",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "app.js%00",
        "app.js/",
        "APP.JS",
        "",
        ".",
        "pages",
        "%f0%9f%92%a9",
        "%ff",
    ],
)
async def test_no_other_file_is_served(server: Server, path: str) -> None:
    response = await server.ask(f"/rewrite/static/{path}")
    assert response.code in (400, 404)
    assert len(response.body) < 300


@pytest.mark.parametrize("name", ["error", "__init__", "..", "health/", "health%00", "os", "../x", "%ff", "", "Flow"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_no_other_page_is_loaded(server: Server, name: str, method: str) -> None:
    response = await (server.ask(f"/rewrite/api/{name}") if method == "GET" else server.post(name))
    assert response.code in (400, 404)


async def test_parameters_of_a_get(server: Server, page: ModuleType) -> None:
    response = await server.ask("/rewrite/api/health?a=1&a=+2+&b=%3Cscript%3E&c=%ff&d=")
    assert said(response)["asked"] == {"a": " 2 ", "b": "<script>", "c": "\N{REPLACEMENT CHARACTER}", "d": ""}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"a": [1, {"b": null}]}', 200),
        (b"[]", 400),
        (b"7", 400),
        (b"", 400),
        (b"{", 400),
        (b"\xff", 400),
        (b"[" * 100_000, 400),
        (b'{"a": "' + b"x" * MAX_LENGTH + b'"}', 413),
    ],
    ids=range(8),
)
async def test_bodies_of_a_post(server: Server, page: ModuleType, body: bytes, status: int) -> None:
    assert (await server.post("health", body)).code == status


async def test_a_page_is_asked_in_a_thread(server: Server, page: ModuleType) -> None:
    page.data = lambda shown, asked: {"main": threading.current_thread() is threading.main_thread()}  # type: ignore[attr-defined]
    assert said(await server.ask("/rewrite/api/health")) == {"main": False}


async def test_events_tell_each_revision_once_and_that_somebody_is_still_there(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspector_pages, "EVENTS_SECONDS", 0.001)
    monkeypatch.setattr(inspector_pages, "QUIET_SECONDS", 0.004)
    monkeypatch.setattr(sys.modules[__name__], "REVISIONS", ["1", "1", "2", "2", "2", "3", "3"])
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(f"GET /rewrite/events HTTP/1.1\r\nHost: x\r\nAuthorization: {TOKEN['Authorization']}\r\n\r\n".encode())
    told = b""
    while told.count(b"\n:\n\n") < 2:
        told += await reader.read(1000)
    writer.close()
    assert b"Content-Type: text/event-stream; charset=utf-8\r\n" in told
    assert re.findall(rb"^data: (.*)$", told, re.MULTILINE) == [b"1", b"2", b"3", b"same"]


class TestFailures:
    @staticmethod
    def fails(page: ModuleType, error: Exception) -> None:
        def answer(shown: Snapshot, asked: Mapping[str, Any]) -> None:
            raise error

        page.data = answer  # type: ignore[attr-defined]

    async def test_what_a_user_got_wrong(self, server: Server, page: ModuleType) -> None:
        self.fails(page, PageError('got "<b>", expected a URL'))
        response = await server.ask("/rewrite/api/health")
        assert response.code == 400
        assert said(response) == {"error": 'got "<b>", expected a URL'}

    async def test_a_fault_of_ours_is_logged_and_not_shown(
        self, server: Server, page: ModuleType, caplog: pytest.LogCaptureFixture
    ) -> None:
        self.fails(page, RuntimeError("the secret is 42"))
        response = await server.ask("/rewrite/api/health")
        assert response.code == 500
        assert b"42" not in response.body
        assert "fault of the inspector" in said(response)["error"]
        assert "the secret is 42" in caplog.text

    @pytest.mark.parametrize("value", [float("nan"), object(), {1: {2}}])
    async def test_what_is_no_json(self, server: Server, page: ModuleType, value: object) -> None:
        page.data = lambda shown, asked: {"value": value}  # type: ignore[attr-defined]
        assert (await server.ask("/rewrite/api/health")).code == 500

    async def test_a_page_that_cannot_be_loaded(
        self, server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setitem(sys.modules, "urlrewrite.inspector.pages.health", None)
        with caplog.at_level(logging.ERROR):
            assert (await server.ask("/rewrite/api/health")).code == 404
        assert "The page health of the inspector cannot be loaded" in caplog.text

    async def test_lone_surrogates_arrive_as_json(self, server: Server, page: ModuleType) -> None:
        page.data = lambda shown, asked: {"value": "\udc80"}  # type: ignore[attr-defined]
        assert said(await server.ask("/rewrite/api/health")) == {"value": "\udc80"}


def test_scripts_never_write_markup() -> None:
    """What is shown is hostile: there is one way to make elements, and it makes text of text."""
    banned = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|setHTMLUnsafe"
        r"|createContextualFragment|DOMParser|srcdoc|javascript:"
    )
    allowed = {"lib.js": ("never by innerHTML", "or eval. `h`", "REFUSED = new Set")}
    for path in sorted(STATIC.rglob("*.js")):
        lines = path.read_text(encoding="utf-8").splitlines()
        found = [line for line in lines if banned.search(line)]
        assert [line for line in found if not any(text in line for text in allowed.get(path.name, ()))] == [], path


def test_nothing_comes_from_elsewhere() -> None:
    for name, file in static_files(STATIC).items():
        urls = re.findall(rb"""(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}[^\s"']*""", file.content)
        assert [url for url in urls if b"www.w3.org/2000/svg" not in url] == [], name


def test_the_styles_of_pages_are_linked() -> None:
    files = static_files(STATIC)
    index = files["index.html"].content.decode()
    linked = re.findall(r'<link rel="stylesheet" href="/rewrite/static/([^"]+)"', index)
    assert linked == ["style.css", *(name for name in files if name.startswith("pages/") and name.endswith(".css"))]


def test_the_navigation_leads_to_every_page() -> None:
    index = static_files(STATIC)["index.html"].content.decode()
    found = re.findall(r'<a href="#/(\w+)" data-page="(\w+)"( data-of-a-flow)?( data-follows)?>([^<]+)</a>', index)
    marks = (" data-of-a-flow", " data-follows")
    assert found == [
        (each.name, each.name, marks[0] * each.of_a_flow, marks[1] * each.follows, each.label) for each in PAGES
    ]


def test_every_page_has_its_module_and_its_script() -> None:
    names = {page.name for page in PAGES}
    assert {path.stem for path in (STATIC / "pages").glob("*.js")} == names
    for name in names:
        import_module(f"urlrewrite.inspector.pages.{name}")


STRANGE_PATHS = [
    "//rewrite",
    "/rewrite//",
    "/rewrite//api/health",
    "//rewrite/api/health",
    "/REWRITE",
    "/Rewrite/API/health",
    "/rewrite/api",
    "/rewrite/api/",
    "/rewrite/api/health/",
    "/rewrite/api/HEALTH",
    "/rewrite/api//health",
    "/rewrite/api/%68ealth",
    "/rewrite/api/..%2fapi%2fhealth",
    "/rewrite/static/../api/health",
    "/rewrite/static/%2e%2e/api/health",
    "/rewrite/api/health;x",
    "/rewrite/api/health%0a",
    "/rewrite%2fapi%2fhealth",
    "/rewrite/nothing",
    "/x/../rewrite/api/health",
]


@pytest.mark.parametrize("path", STRANGE_PATHS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "PROPFIND"])
async def test_no_spelling_of_a_path_leads_past_the_login(
    server: Server, page: ModuleType, path: str, method: str
) -> None:
    body = b"{}" if method == "POST" else None
    response = await server.ask(path, method=method, headers={"Content-Type": "application/json"}, body=body)
    assert response.code in (403, 404, 405)
    assert b"asked" not in (response.body or b"")
    assert "Set-Cookie" not in response.headers


@pytest.mark.parametrize("path", ["/rewrite", "/rewrite/api/health", "/rewrite/static/app.js"])
@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example:8081", "127.0.0.1.evil.example"])
async def test_another_name_of_this_machine_needs_the_login_as_in_mitmweb(
    server: Server, page: ModuleType, path: str, host: str
) -> None:
    """DNS rebinding: the browser has no cookie of ours for that name, and mitmweb's own pages are the measure."""
    headers = {"Host": host, "Origin": f"http://{host}"}
    assert (await server.ask(path, headers=headers)).code == (await server.ask("/flows", headers=headers)).code == 403


async def test_the_policy_allows_nothing_but_our_own_files(server: Server) -> None:
    policy = (await server.ask("/rewrite")).headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "ws:" not in policy
    assert {"frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"} <= set(policy.split("; "))


@pytest.fixture
async def acting() -> AsyncIterator[tuple[Server, list[Mapping[str, Any]]]]:
    """A server whose page Health does something, and what it was asked for."""
    done: list[Mapping[str, Any]] = []

    async def act(asked: Mapping[str, Any]) -> None:
        if asked.get("do") == "refuse":
            raise PageError("not that")
        done.append(asked)

    master = WebMaster(options.Options(), with_termlog=False)
    master.options.update(web_password=PASSWORD)
    install(master, shown, revision, {"health": act})
    socket, port = bind_unused_port()
    listening = HTTPServer(master.app)
    listening.add_socket(socket)
    yield Server(port), done
    listening.stop()
    await listening.close_all_connections()
    AsyncHTTPClient().close()


async def test_a_page_acts_on_a_post_and_then_shows_what_there_is(
    acting: tuple[Server, list[Mapping[str, Any]]], page: ModuleType
) -> None:
    server, done = acting
    assert said(await server.post("health", {"do": "it"})) == {"asked": {"do": "it"}, "same": True}
    assert done == [{"do": "it"}]
    refused = await server.post("health", {"do": "refuse"})
    assert (refused.code, said(refused)) == (400, {"error": "not that"})


@pytest.mark.parametrize(
    "changed", [{"Sec_Fetch_Site": "cross-site"}, {"X_XSRFToken": None}, {"Authorization": None}, {"Cookie": None}]
)
async def test_no_page_acts_for_another_site(
    acting: tuple[Server, list[Mapping[str, Any]]], page: ModuleType, changed: dict[str, str | None]
) -> None:
    server, done = acting
    assert (await server.post("health", {"do": "it"}, **changed)).code == 403
    assert (await server.post("health", {"do": "it"}, Content_Type="text/plain")).code == 400
    assert (await server.ask("/rewrite/api/health?do=it")).code == 200
    assert done == []
