"""The demo backend itself, without a proxy: each page of its table answers as the table says."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import json
import re
import socket
import subprocess
import sys
import urllib.request
import zlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import brotli
import pytest
import zstandard
from mitmproxy import exceptions
from mitmproxy.test import taddons
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.httputil import HTTPHeaders
from tornado.simple_httpclient import SimpleAsyncHTTPClient
from tornado.websocket import websocket_connect

import demo
from privateserver import FARM_SERVERS, ORIGIN, PAGES, Page, PrivateServer
from privateserver.catalogue import FILES
from privateserver.login import BIG, COOKIES
from privateserver.streams import PATTERN

BY_PATH = {page.path: page for page in PAGES}
QUICK = {"/events": "?ms=1", "/slow": "?ms=10", "/download/large": "?size=300000"}
"""Queries that make a page answer at once."""


@dataclass(frozen=True)
class LocalResponse:
    """What came, nothing decoded."""

    status: int
    headers: HTTPHeaders
    body: bytes

    @property
    def content_type(self) -> str:
        return self.headers.get("Content-Type", "")


@pytest.fixture(scope="module")
def server() -> Iterator[PrivateServer]:
    with PrivateServer(port=0) as running:
        yield running


@pytest.fixture
async def ask(server: PrivateServer) -> AsyncIterator[Ask]:
    asking = Ask(server)
    yield asking
    asking.client.close()


class Ask:
    """Asks the backend as a client that neither follows, decodes, nor keeps anything."""

    def __init__(self, server: PrivateServer) -> None:
        self.origin = f"http://127.0.0.1:{server.port}"
        self.client = SimpleAsyncHTTPClient(force_instance=True)

    async def __call__(
        self, path: str, method: str = "GET", headers: dict[str, str] | None = None, body: str | None = None
    ) -> LocalResponse:
        request = HTTPRequest(
            self.origin + path, method, headers or {}, body, follow_redirects=False, decompress_response=False,
            allow_nonstandard_methods=True,
        )  # fmt: skip
        answer = await self.client.fetch(request, raise_error=False)
        return LocalResponse(answer.code, answer.headers, answer.body)


def names(answer: LocalResponse) -> int:
    """How often the backend's name occurs."""
    charset = "utf-16" if answer.body[:2] in (b"\xff\xfe", b"\xfe\xff") else "latin-1"
    text = answer.body.decode(charset) + "".join(f"{name}: {value}\n" for name, value in answer.headers.get_all())
    return text.lower().count("privateserver")


@pytest.mark.parametrize("page", [page for page in PAGES if page.kind != "websocket"], ids=lambda page: page.path)
async def test_answers_as_the_table_says(ask: Ask, page: Page) -> None:
    path = page.path + QUICK.get(page.path, "")
    answer = await ask(path)
    assert answer.status == page.status
    if page.status != 204:
        assert answer.content_type == page.content_type
    if page.named:
        assert names(answer) > 0
    elif page.keeps is not None:
        assert names(answer) == 0
    if page.kept is not None:
        assert names(answer) >= page.kept
    head = await ask(path, "HEAD")
    assert (head.status, head.content_type, head.body) == (answer.status, answer.content_type, b"")


def test_the_table_is_in_order() -> None:
    assert len(BY_PATH) == len(PAGES)
    for page in PAGES:
        texts = [page.title, page.problem, page.expect, page.why]
        assert all(texts[:3])
        assert not any("privateserver" in text.lower() for text in texts)
        assert (page.why == "") == (page.kept == 0)


async def test_the_table_as_json_and_as_index(ask: Ask) -> None:
    listed = json.loads((await ask("/pages.json")).body)
    assert [entry["path"] for entry in listed] == [page.path for page in PAGES]
    assert {entry["path"]: entry["keeps"] for entry in listed}["/html/text"] == 8
    index = (await ask("/")).body.decode()
    for page in PAGES:
        assert f'<a href="{ORIGIN}{page.path}">' in index


def stored_pages() -> list[str]:
    return sorted(str(path.relative_to(FILES)) for path in FILES.rglob("*.*"))


@pytest.mark.parametrize("name", stored_pages())
def test_links_of_stored_files_lead_to_pages(name: str) -> None:
    """No page asks for what is not there; addresses of which nobody fetches anything are named here."""
    identifiers = {"/ns/parts", "/dtd/page.dtd", "/old", "/old/", "/html/deep/er/"}
    text = (FILES / name).read_text()
    for path in re.findall(r"(?i)http://privateserver:8080(/[\w./-]*)", text):
        assert path in BY_PATH or path in identifiers


# Content codings


def gunzip_first(data: bytes) -> bytes:
    return zlib.decompressobj(wbits=31).decompress(data)


CODINGS = [
    ("gzip", "gzip", gzip.decompress),
    ("deflate", "deflate", zlib.decompress),
    ("raw-deflate", "deflate", lambda data: zlib.decompress(data, wbits=-15)),
    ("br", "br", brotli.decompress),
    ("zstd", "zstd", lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data)),
    ("gzip-members", "gzip", gzip.decompress),
]


@pytest.mark.parametrize(("path", "coding", "decode"), CODINGS, ids=[path for path, _, _ in CODINGS])
async def test_codings_hold_the_same_page(ask: Ask, path, coding, decode) -> None:
    plain = await ask(f"/coded/{path}", headers={"Accept-Encoding": f"{coding};q=0, identity"})
    assert "Content-Encoding" not in plain.headers
    for field in (coding, f"x, {coding.upper()};q=0.5", "*"):
        coded = await ask(f"/coded/{path}", headers={"Accept-Encoding": field})
        assert coded.headers["Content-Encoding"] == coding
        assert coded.headers["Vary"] == "Accept-Encoding"
        assert decode(coded.body) == plain.body
    for field in ("", "identity", "*;q=0", f"{coding};q=x"):
        assert (await ask(f"/coded/{path}", headers={"Accept-Encoding": field})).body == plain.body


async def test_the_first_of_several_members_is_not_the_whole(ask: Ask) -> None:
    coded = await ask("/coded/gzip-members", headers={"Accept-Encoding": "gzip"})
    assert gunzip_first(coded.body).endswith(b"http://privateserver:")
    assert len(gunzip_first(coded.body)) < len(gzip.decompress(coded.body))


# Character encodings

CHARSETS = [
    ("iso-8859-1", "iso-8859-1", "Grüße aus Köln", "Content-Type"),
    ("windows-1252-meta", "cp1252", "„Grüße“ – 5 €", "meta"),
    ("utf-16", "utf-16", "Grüße aus Köln", "Content-Type"),
    ("utf-16-be", "utf-16", "Grüße aus Köln", "byte order mark"),
    ("shift-jis", "shift_jis", "ソ表能", "Content-Type"),
]


@pytest.mark.parametrize(("path", "codec", "sample", "declared"), CHARSETS, ids=[path for path, *_ in CHARSETS])
async def test_charsets(ask: Ask, path: str, codec: str, sample: str, declared: str) -> None:
    answer = await ask(f"/charset/{path}")
    assert sample in answer.body.decode(codec)
    assert ("charset=" in answer.content_type) == (declared == "Content-Type")
    assert (b'<meta charset="windows-1252">' in answer.body) == (declared == "meta")


async def test_broken_bytes(ask: Ask) -> None:
    body = (await ask("/charset/broken")).body
    assert b"before \xff\xfe\xc3( \xe2\x82 after" in body
    with pytest.raises(UnicodeDecodeError):
        body.decode()


# Login

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
GOOD = "user=demo&password=demo"
ALL = "; ".join(f"{name}={value}" for name, value in COOKIES.items())


async def test_login_sets_cookies_that_the_account_needs(ask: Ask) -> None:
    answer = await ask("/login", "POST", FORM, GOOD)
    assert (answer.status, answer.headers["Location"]) == (302, f"{ORIGIN}/account")
    assert answer.headers.get_list("Set-Cookie") == [
        f"session={COOKIES['session']}; Domain=privateserver; Path=/; HttpOnly",
        f"prefs={COOKIES['prefs']}; Domain=privateserver; SameSite=None",
        f"csrf={COOKIES['csrf']}; Path=/",
    ]
    account = await ask("/account", headers={"Cookie": ALL})
    assert account.status == 200
    assert b"Logged in as demo" in account.body


@pytest.mark.parametrize("missing", COOKIES)
async def test_the_account_says_which_cookie_is_missing(ask: Ask, missing: str) -> None:
    sent = "; ".join(f"{name}={value}" for name, value in COOKIES.items() if name != missing)
    answer = await ask("/account", headers={"Cookie": sent})
    assert answer.status == 403
    assert f"no cookie {missing}." in answer.body.decode()


@pytest.mark.parametrize("path", ["/login", "/login-big"])
@pytest.mark.parametrize("body", ["", "user=demo&password=wrong", "user=demo", "\xff&&=", "user=&password="])
async def test_wrong_password(ask: Ask, path: str, body: str) -> None:
    answer = await ask(path, "POST", FORM, body)
    assert answer.status == 401
    assert "Set-Cookie" not in answer.headers
    assert b"Wrong user or password" in answer.body


async def test_logout_takes_all_cookies_back(ask: Ask) -> None:
    answer = await ask("/logout")
    assert answer.headers["Location"] == f"{ORIGIN}/login"
    lines = answer.headers.get_list("Set-Cookie")
    assert [line.partition("=")[0] for line in lines] == list(COOKIES)
    assert all("Expires=Thu, 01 Jan 1970" in line for line in lines)


async def test_large_login(ask: Ask) -> None:
    page = await ask("/login-big")
    assert len(page.body) >= BIG
    answer = await ask("/login-big", "POST", FORM, GOOD)
    assert answer.status == 200
    assert len(answer.body) >= BIG
    assert answer.headers["Transfer-Encoding"] == "chunked"
    assert len(answer.headers.get_list("Set-Cookie")) == 3
    assert names(answer) > 3000


# Requests that are refused

REFUSED = [
    ("foreign origin", "POST", "/cors/data", {"Origin": "https://www.example.com"}, 403),
    ("an origin that begins alike", "POST", "/login", {"Origin": ORIGIN + "1"}, 403),
    ("no origin", "POST", "/cors/data", {"Origin": "null"}, 403),
    ("foreign referer", "POST", "/login", {"Referer": "https://localhost:8443/login"}, 403),
    ("own referer", "POST", "/cors/data", {"Referer": f"{ORIGIN}/headers/cors"}, 200),
    ("own origin", "POST", "/cors/data", {"Origin": ORIGIN}, 200),
    ("a get from elsewhere", "GET", "/cors/data", {"Origin": "https://www.example.com"}, 200),
    ("preflight", "OPTIONS", "/cors/data", {"Origin": ORIGIN}, 204),
    ("echo", "POST", "/echo", {"Origin": "https://www.example.com"}, 200),
    ("wrong method", "PUT", "/login", {}, 405),
    ("wrong method of a stream", "POST", "/events", {}, 405),
    ("unknown method", "BREW", "/login", {}, 405),
    ("unknown path", "GET", "/nowhere", {}, 404),
    ("unknown path by another method", "POST", "/nowhere", {}, 404),
    ("unknown path by HEAD", "HEAD", "/nowhere", {}, 404),
    ("bad number", "GET", "/events?n=x", {}, 400),
    ("negative number", "GET", "/download/large?size=-1", {}, 400),
    ("page behind the last", "GET", "/api/items?page=4", {}, 400),
    ("return to another scheme", "GET", "/goto?url=javascript:alert(1)", {}, 400),
    ("return with a line break", "GET", "/goto?url=/x%0d%0aX:1", {}, 400),
    ("not a WebSocket", "GET", "/ws", {}, 400),
    ("page of errors", "GET", "/error/500", {}, 500),
]


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"), [row[1:] for row in REFUSED], ids=[r[0] for r in REFUSED]
)
async def test_refusals(ask: Ask, method: str, path: str, headers: dict[str, str], status: int) -> None:
    body = "{}" if method in ("POST", "PUT") else None
    answer = await ask(path, method, headers, body)
    assert answer.status == status
    assert b"Traceback" not in answer.body
    if status == 405 and method != "BREW":
        assert "HEAD" in answer.headers["Allow"]
    if status in (403, 404) and method != "HEAD":
        assert f'<a href="{ORIGIN}/">'.encode() in answer.body


# Redirects

WAYS = [
    ("?url=http%3A%2F%2Fprivateserver%3A8080%2Farrived", f"{ORIGIN}/arrived"),
    ("?url=http%253A%252F%252Fprivateserver%253A8080%252Farrived", f"{ORIGIN}/arrived"),
    ("?url=https%3A%2F%2Flocalhost%3A8443%2Farrived", "https://localhost:8443/arrived"),
    ("?url=/arrived", "/arrived"),
]


@pytest.mark.parametrize(("query", "location"), WAYS)
async def test_return_addresses(ask: Ask, query: str, location: str) -> None:
    answer = await ask(f"/goto{query}")
    assert (answer.status, answer.headers["Location"]) == (302, location)


@pytest.mark.parametrize("page", [page for page in PAGES if page.kind == "redirect"], ids=lambda page: page.path)
async def test_redirects_arrive(ask: Ask, page: Page) -> None:
    path, answer = page.path, await ask(page.path)
    for _ in range(5):
        if "Location" not in answer.headers:
            break
        # The name resolves nowhere: whatever host the field names, the path is asked for here.
        target = urlsplit(answer.headers["Location"])
        path = target.path if target.path.startswith("/") else "/arrived"
        answer = await ask(f"{path}?{target.query}")
    assert (answer.status, path) == (page.final_status, "/login" if page.path == "/logout" else "/arrived")


# Validators, parts, digests


@pytest.mark.parametrize("path", ["/headers/etag", "/html/iis-tags", "/static/site.css", "/download/large?size=9"])
async def test_the_same_again_is_not_sent(ask: Ask, path: str) -> None:
    tag = (await ask(path)).headers["ETag"]
    for field in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = await ask(path, headers={"If-None-Match": field})
        assert (again.status, again.body) == (304, b"")
    assert (await ask(path, headers={"If-None-Match": '"other"'})).status == 200


PARTS = [
    ("bytes=0-9", 206, (0, 10)),
    ("bytes=70000-", 206, (70000, 100000)),
    ("bytes=-5", 206, (99995, 100000)),
    ("bytes=99990-200000", 206, (99990, 100000)),
    ("bytes=-200000", 206, (0, 100000)),
    ("bytes=100000-", 416, (0, 0)),
    ("bytes=-0", 416, (0, 0)),
    ("bytes=9-0", 200, (0, 100000)),
    ("bytes=0-1,3-4", 200, (0, 100000)),
    ("bytes=x", 200, (0, 100000)),
    ("lines=0-9", 200, (0, 100000)),
]


@pytest.mark.parametrize(("field", "status", "span"), PARTS, ids=[row[0] for row in PARTS])
async def test_parts(ask: Ask, field: str, status: int, span: tuple[int, int]) -> None:
    whole = bytes(i % 251 for i in range(100000))
    answer = await ask("/download/large?size=100000", headers={"Range": field})
    assert answer.status == status
    if status == 416:
        assert answer.headers["Content-Range"] == "bytes */100000"
    else:
        assert answer.body == whole[slice(*span)]
        assert ("Content-Range" in answer.headers) == (status == 206)
    changed = await ask("/download/large?size=100000", headers={"Range": field, "If-Range": '"old"'})
    assert changed.status == 200


async def test_large_download_says_its_length_beforehand(ask: Ask) -> None:
    head = await ask("/download/large", "HEAD")
    assert head.headers["Content-Length"] == str(64 * 1024 * 1024)
    assert head.headers["Accept-Ranges"] == "bytes"
    assert b"privateserver" not in PATTERN
    part = await ask("/download/report.html", headers={"Range": "bytes=0-14"})
    assert (part.status, part.body) == (206, b"<!doctype html>")


async def test_digests_are_true(ask: Ask) -> None:
    answer = await ask("/headers/digest")
    sha = base64.b64encode(hashlib.sha256(answer.body).digest()).decode()
    assert answer.headers["Content-MD5"] == base64.b64encode(hashlib.md5(answer.body).digest()).decode()
    assert answer.headers["Digest"] == f"SHA-256={sha}"
    assert answer.headers["Content-Digest"] == answer.headers["Repr-Digest"] == f"sha-256=:{sha}:"


async def test_no_content(ask: Ask) -> None:
    answer = await ask("/headers/no-content")
    assert (answer.status, answer.body) == (204, b"")


# Streams


async def test_events(ask: Ask) -> None:
    text = (await ask("/events?n=3&ms=1")).body.decode()
    events = [json.loads(data) for data in re.findall(r"^data: (.*)$", text, re.MULTILINE)]
    assert events == [*({"n": n, "url": f"{ORIGIN}/arrived?event={n}"} for n in (1, 2, 3)), {}]


async def test_the_first_event_does_not_wait_for_the_second(server: PrivateServer) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET /events?ms=10000 HTTP/1.1\r\nHost: any\r\n\r\n")
    assert b"event=1" in await asyncio.wait_for(reader.readuntil(b"event=1"), 9)
    writer.close()
    await writer.wait_closed()


async def test_websocket_echoes(server: PrivateServer) -> None:
    request = HTTPRequest(f"ws://127.0.0.1:{server.port}/ws", headers={"Origin": ORIGIN})
    socket_ = await websocket_connect(request)
    for message in ("one", "grüße", b"\x00\xff", "x" * 70000):
        await socket_.write_message(message, binary=isinstance(message, bytes))
        assert await socket_.read_message() == message
    socket_.close()
    assert await socket_.read_message() is None


async def test_websocket_refuses_other_origins(server: PrivateServer) -> None:
    request = HTTPRequest(f"ws://127.0.0.1:{server.port}/ws", headers={"Origin": "https://www.example.com"})
    with pytest.raises(HTTPClientError) as refusal:
        await websocket_connect(request)
    assert refusal.value.code == 403


# Interfaces


async def test_lists_end(ask: Ask) -> None:
    seen, path = [], "/api/items"
    while path:
        answer = await ask(path)
        assert b"http:\\/\\/" in answer.body
        listed = json.loads(answer.body)
        seen += [item["name"] for item in listed["items"]]
        path = listed.get("nextLink", "").removeprefix(ORIGIN)
        assert (f'<{ORIGIN}{path}>; rel="next"' in answer.headers["Link"]) == bool(path)
    assert seen == [f"Item {n}" for n in range(1, 13)]


@pytest.mark.parametrize("path", ["/echo", "/echo/raw"])
async def test_echo(ask: Ask, path: str) -> None:
    fields = {"Host": "www.example.com", "X-Forwarded-Proto": "https"}
    echoed = json.loads((await ask(f"{path}?a=%2f", "POST", fields, "grüße")).body)
    assert (echoed["method"], echoed["path"], echoed["body"]) == ("POST", f"{path}?a=%2f", "grüße")
    assert ["Host", "www.example.com"] in echoed["headers"]
    assert ["X-Forwarded-Proto", "https"] in echoed["headers"]


# Starting and stopping


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_server_starts_and_stops_more_than_once() -> None:
    server = PrivateServer()
    server.start()
    server.start()
    port = server.port
    assert listens(port)
    server.stop()
    server.stop()
    assert not listens(port)
    with server:
        assert (server.port, listens(port)) == (port, True)


def test_server_stops_while_a_response_is_under_way() -> None:
    with PrivateServer() as server, socket.create_connection(("127.0.0.1", server.port), 5) as client:
        client.sendall(b"GET /events?ms=10000 HTTP/1.1\r\nHost: any\r\n\r\n")
        assert client.recv(1)
    assert not listens(server.port)


def test_addon_survives_a_reload_and_moves(caplog: pytest.LogCaptureFixture) -> None:
    first = demo.Demo()
    with taddons.context(first) as context:
        context.configure(first, demo_port=0)
        first.running()
        first.running()
        assert first.server
        port = first.server.port
        assert listens(port)
        first.done()
        first.done()
        assert not listens(port)
        first.running()
        old = first.server.port
        context.configure(first, demo_port=port)
        assert (listens(port), listens(old)) == (True, False)
        with pytest.raises(exceptions.OptionsError, match="demo_port"):
            context.configure(first, demo_port=70000)
        first.done()
    # The ports after one that was free need not be.
    serious = [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]
    assert not [record for record in serious if "server cannot listen" not in record.getMessage()]


def test_addon_runs_the_servers_of_the_farms() -> None:
    with taddons.context(addon := demo.Demo()) as context:
        context.configure(addon, demo_port=0)
        addon.running()
        ports = [server.port for server in addon.farm]
        assert [server.name for server in addon.farm] == list(FARM_SERVERS)
        assert len({*ports}) == 3
        assert all(map(listens, ports))
        for server in addon.farm:
            with urllib.request.urlopen(f"{server.url}/farm/", timeout=10) as response:
                text = response.read().decode()
            assert f'data-server="{server.name}">The {server.name} server answers, on port {server.port}.' in text
        addon.done()
        assert not any(map(listens, ports))


def test_a_farm_does_without_a_server_whose_port_is_taken(caplog: pytest.LogCaptureFixture) -> None:
    with PrivateServer() as taken:
        servers = [*demo.start_farm(taken.port - 1, "127.0.0.1")]
    assert len(servers) <= 2
    assert "red" not in [server.name for server in servers]
    for server in servers:
        server.stop()
    assert any(f"red server cannot listen on 127.0.0.1:{taken.port}" in text for text in caplog.messages)


async def test_outside_of_a_farm_nobody_else_answers(ask: Ask) -> None:
    assert b'data-server="alone"' in (await ask("/farm/sticky/")).body


def test_addon_says_in_one_line_that_the_port_is_taken(caplog: pytest.LogCaptureFixture) -> None:
    with PrivateServer() as taken, taddons.context(addon := demo.Demo()) as context:
        context.configure(addon, demo_port=taken.port)
        addon.running()
        assert addon.server is None
        addon.done()
    (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert f"127.0.0.1:{taken.port}" in record.getMessage()
    assert "--set demo_port=N" in record.getMessage()
    assert "\n" not in record.getMessage()


def test_program_says_in_one_line_that_the_port_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    with PrivateServer() as taken:
        assert demo.main(["--port", str(taken.port)]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "--port" in said


def test_program_runs_without_mitmproxy() -> None:
    script = Path(demo.__file__)
    code = (
        "import sys, runpy; sys.modules['mitmproxy'] = None; sys.argv = ['demo', '--help']; "
        f"runpy.run_path({str(script)!r}, run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (0, "")
