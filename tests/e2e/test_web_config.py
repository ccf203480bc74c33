"""A web.config as IIS's guides write it, and an .htaccess, run as they are before the demo's backend."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from e2e.support import http1
from e2e.support.needs import PROJECT
from e2e.support.proxy import Proxy
from e2e.support.response import Response
from e2e.support.waiting import until
from privateserver import PrivateServer

pytestmark = pytest.mark.e2e

THREE_PART = PROJECT / "rules" / "examples" / "three-part.config"
RULES = Path(__file__).with_name("rules")

NAME = "www.mypublicserver.com"
PUBLIC = f"https://{NAME}"
PRIVATE = "http://privateserver:8080"

# The name of the backend resolves nowhere, so a file beside the web.config says where it is; that has no rule.
BESIDE = """
public: https://www.mypublicserver.com
backend: http://privateserver:8080
connect: 127.0.0.1:BACKEND
links: off
mode: MODE
webConfig: FILE
"""

TAG_ATTRIBUTES = re.compile(
    rf"""(?ix) (<(?:a|area|base|form|frame|head|iframe|img|input|link|script)\b [^>]*?
    \s(?:href|action|src|longdesc|usemap|profile) \s*=\s* ["']?) {PRIVATE}/""".encode()
)


@pytest.fixture(scope="module")
def backend() -> Iterator[PrivateServer]:
    with PrivateServer(port=0) as server:
        yield server


@pytest.fixture
def serve(backend: PrivateServer, start_proxy: Callable[..., Proxy]) -> Callable[..., Proxy]:
    """`serve(web_config, mode)` runs a web.config before the demo's backend."""

    def start(web_config: Path, mode: str = "helpful") -> Proxy:
        places = {"BACKEND": str(backend.port), "MODE": mode, "FILE": str(web_config)}
        return start_proxy(re.sub("|".join(places), lambda found: places[found[0]], BESIDE))

    return start


@pytest.fixture
def without_trick(tmp_path: Path) -> Path:
    """The web.config of somebody who does not know that IIS cannot rewrite what is compressed."""
    text, count = re.subn("(?s)<serverVariables>.*?</serverVariables>", "", THREE_PART.read_text())
    assert count == 1
    file = tmp_path / "web.config"
    file.write_text(text)
    return file


def ask(proxy: Proxy, path: str, *fields: str, form: bytes = b"") -> Response:
    """GET, or POST of a form, by the public name and with TLS."""
    lines = [f"{'POST' if form else 'GET'} {path} HTTP/1.1", f"Host: {NAME}", *fields, "Connection: close"]
    if form:
        lines += [f"Content-Length: {len(form)}", "Content-Type: application/x-www-form-urlencoded"]
    request = "\r\n".join([*lines, "", ""]).encode() + form
    return http1.fetch(proxy.https_port, request, proxy.ca, NAME)


def public_tags(body: bytes) -> bytes:
    """A page of the backend's with the attributes mapped that IIS's tag filters see."""
    while (mapped := TAG_ATTRIBUTES.sub(rb"\1" + PUBLIC.encode() + b"/", body)) != body:
        body = mapped
    return body


@pytest.mark.parametrize("mode", ["helpful", "iis"])
def test_the_three_parts(serve: Callable[..., Proxy], backend: PrivateServer, mode: str) -> None:
    """One proxy, all of the scenario: pages, compression, scripts, JSON, redirects, cookies, a login of 380 kB."""
    proxy = serve(THREE_PART, mode)

    own = http1.get("/html/iis-tags", backend.port).body
    page = ask(proxy, "/html/iis-tags")
    assert page.status == 200
    assert page.body == public_tags(own) != own
    assert PRIVATE.encode() not in page.body

    # The backend is told that nobody accepts a coding, and what the client said is kept.
    echo = json.loads(ask(proxy, "/echo", "Accept-Encoding: gzip, br").body)
    arrived = {name.lower(): value for name, value in echo["headers"]}
    assert "accept-encoding" not in arrived
    assert arrived["x-original-accept-encoding"] == "gzip, br"
    plain = ask(proxy, "/coded/gzip", "Accept-Encoding: gzip")
    assert (plain.status, plain.header("content-encoding")) == (200, None)
    assert plain.body == public_tags(http1.get("/coded/gzip", backend.port).body)

    script = ask(proxy, "/static/written.js")
    assert script.body.count(f'href=\\"{PUBLIC}/arrived'.encode()) == 1
    assert script.body.count(f'action=\\"{PUBLIC}/login'.encode()) == 1
    assert b"privateserver" not in script.body

    markup = f'<a href="{PRIVATE}/news">News</a><form action="{PRIVATE}/login">'
    said = json.loads(ask(proxy, "/echo", form=markup.encode()).body)["body"]
    assert said == markup.replace(PRIVATE, PUBLIC)
    items = ask(proxy, "/api/items")
    assert items.header("content-type") == "application/json"
    assert json.loads(items.body)["items"][0]["url"].startswith(f"{PUBLIC}/")
    assert b"privateserver" not in items.body

    for status in (301, 302, 303, 307, 308):
        redirect = ask(proxy, f"/redirect/{status}")
        assert redirect.status == status
        assert (redirect.header("location") or "").startswith(f"{PUBLIC}/arrived")

    login = ask(proxy, "/login", form=b"user=demo&password=demo")
    assert (login.status, login.header("location")) == (302, f"{PUBLIC}/account")
    session, prefs, csrf = login.all("set-cookie")
    assert f"Domain={NAME};" in session
    assert f"Domain={NAME};" in prefs
    assert "Domain" not in csrf

    request = b"POST /login-big HTTP/1.1\r\nHost: privateserver:8080\r\nContent-Length: 23\r\n"
    request += b"Content-Type: application/x-www-form-urlencoded\r\nConnection: close\r\n\r\nuser=demo&password=demo"
    own = http1.fetch(backend.port, request).body
    big = ask(proxy, "/login-big", form=b"user=demo&password=demo")
    assert len(own) >= 380_000
    assert (big.status, len(big.all("set-cookie"))) == (200, 3)
    # A data- attribute is none that IIS's tag filters see.
    assert big.body == public_tags(own)
    assert big.header("transfer-encoding") == "chunked"


def test_compressed_responses_are_rewritten_without_the_trick(
    serve: Callable[..., Proxy], backend: PrivateServer, without_trick: Path
) -> None:
    proxy = serve(without_trick)
    coded = ask(proxy, "/coded/gzip", "Accept-Encoding: gzip")
    assert (coded.status, coded.header("content-encoding")) == (200, "gzip")
    assert gzip.decompress(coded.body) == public_tags(http1.get("/coded/gzip", backend.port).body)


def test_iis_would_respond_500_52_without_the_trick(serve: Callable[..., Proxy], without_trick: Path) -> None:
    proxy = serve(without_trick, "iis")
    refused = ask(proxy, "/coded/gzip", "Accept-Encoding: gzip")
    assert refused.status == 500
    assert b"500.52" in refused.body
    assert b"Outbound rewrite rules cannot be applied when the content of the HTTP response is encoded" in refused.body
    assert ask(proxy, "/coded/gzip").status == 200
    # No rule is for the body of a picture, so that it could be coded in any way.
    assert ask(proxy, "/static/dot.png", "Accept-Encoding: gzip").status == 200


# What is made of answer.config, and the lines that must be told.
BROKEN = [
    ({"CustomResponse": "CustomRespond", '"true"': '"ture"'}, [5, 7]),
    ({"^answer$": "*"}, [6]),
    ({"</rewrite>": ""}, [11]),
]


def test_a_saved_web_config_is_in_force_and_a_broken_one_never(start_proxy: Callable[..., Proxy]) -> None:
    text = (RULES / "answer.config").read_text()
    proxy = start_proxy(text, file_name="web.config")

    def answer() -> Response:
        return ask(proxy, "/answer")

    assert (answer().status, answer().body) == (410, b"FIRST\n")
    proxy.rules.write_text(text.replace("FIRST", "SECOND"))
    until(lambda: answer().body == b"SECOND\n", "the second rules")

    for number, (changes, lines) in enumerate(BROKEN, 1):
        broken = text
        for part, instead in changes.items():
            broken = broken.replace(part, instead)
        before = len(proxy.log)
        proxy.rules.write_text(broken)
        until(lambda number=number: proxy.log.count("last good rules stay in force") == number, lambda: proxy.log)
        told = re.findall(rf"{re.escape(str(proxy.rules))}:(\d+): (?!warning)", proxy.log[before:])
        assert sorted(map(int, told)) == lines
        assert answer().body == b"SECOND\n"

    proxy.rules.write_text(text.replace("FIRST", "THIRD"))
    until(lambda: answer().body == b"THIRD\n", "the third rules")


def test_an_htaccess_is_served(start_proxy: Callable[..., Proxy], backend: PrivateServer) -> None:
    text = (RULES / "portal.htaccess").read_text()
    proxy = start_proxy(text.replace("BACKEND", f"127.0.0.1:{backend.port}"), file_name=".htaccess")
    assert ask(proxy, "/private/plans").status == 403
    assert ask(proxy, "/gone").status == 410
    moved = ask(proxy, "/old/7?page=2")
    assert (moved.status, moved.header("location")) == (301, f"{PUBLIC}/item/7?page=2")
    item = ask(proxy, "/item/7")
    assert json.loads(item.body)["name"] == "Item 7"
    echo = json.loads(ask(proxy, "/ECHO/a", "X-Test: yes").body)
    assert echo["path"] == "/echo?from=a"
