"""Bodies of requests whose links are mapped back, for each version of HTTP on both sides, on real sockets."""

from __future__ import annotations

import base64
import gzip
import hashlib
from pathlib import Path

import pytest

from hooks.backends import BACKENDS, Answer, Backend, Http1Backend
from hooks.clients import EVERY, Got, Http1, Http2, Http3
from hooks.in_process import in_process
from hooks.patches.rules import INNER, rules_for

CELLS = [
    (backend, client)
    for backend in BACKENDS
    for client in EVERY
    # The backend is offered what the client speaks.
    if backend == "HTTP/1.1" or client in ("HTTP/2", "HTTP/3")
]
HELD = 4000
"""Bytes up to which bodies of requests are held in these tests."""

JSON = "application/json"
BODIES = {
    # body with PUBLIC for the public name
    "short": b'{"url":"PUBLIC/x"}',
    "long": b'[%b"PUBLIC/x"]' % (b'"PUBLIC/y", ' * 1000),
}


@pytest.fixture(autouse=True)
def bodies_are_held_up_to_a_little(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("inbound", "patches.upload_bounds"):
        monkeypatch.setattr(f"urlrewrite.hooks.{module}.UPLOAD_HELD", HELD)


def rules(behind: Backend) -> str:
    return f"{rules_for(behind)}\nlinksAlso: requestBodies\n"


def names(behind: Backend, client: str) -> tuple[bytes, bytes]:
    """The public name and the backend's."""
    scheme = "http" if client.startswith("HTTP/1") else "https"
    return f"{scheme}://localhost".encode(), f"{behind.scheme}://{INNER}:{behind.port}".encode()


async def post(
    connection: Http1 | Http2 | Http3, body: bytes, fields: dict[str, str], *, client: str, told: bool = True
) -> Got:
    """Sends a body with its length, or without one where that is not `told`."""
    if isinstance(connection, Http1):
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        if told:
            return await connection.ask("POST", "/", body, fields=lines, version=client.removeprefix("HTTP/"))
        half = len(body) // 2
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (body[:half], body[half:]))
        connection.send("POST", fields=f"{lines}Transfer-Encoding: chunked\r\n")
        connection.writer.write(chunks + b"0\r\n\r\n")
        return await connection.read("POST")
    lower = tuple((name.lower(), value) for name, value in fields.items())
    if told:
        return await connection.ask("POST", "/", body, fields=lower)
    stream = connection.begin("POST", "/", fields=lower, ended=False)
    await connection.send_body(stream, body, ended=True)
    return await connection.finish(stream)


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize(("backend", "client"), CELLS)
async def test_the_backend_gets_its_own_name(backend: str, client: str, name: str, told: bool, tmp_path: Path) -> None:
    if client == "HTTP/1.0" and not told:
        # It has no chunks.
        return
    async with (
        BACKENDS[backend]({"/": Answer(body=b"<p>x")}) as behind,
        in_process(rules(behind), tmp_path, http3=True, ssl_insecure=True) as proxy,
    ):
        public, inner = names(behind, client)
        body = BODIES[name].replace(b"PUBLIC", public)
        digest = base64.b64encode(hashlib.md5(body).digest()).decode()
        connection = await EVERY[client].connect(proxy.port)
        got = await post(connection, body, {"Content-Type": JSON, "Content-MD5": digest}, client=client, told=told)
        await connection.close()
        assert (got.status, got.body, got.cut) == (200, b"<p>x", False)
        (asked,) = behind.asked
        assert asked.body == BODIES[name].replace(b"PUBLIC", inner)
        head = {key.lower(): value for key, value in asked.head}
        whole = len(body) <= HELD
        assert head.get("content-length") == (str(len(asked.body)) if whole else None)
        true = base64.b64encode(hashlib.md5(asked.body).digest()).decode()
        assert head.get("content-md5") == (true if whole else None)
        events = proxy.flows[0].metadata["urlrewrite"]["events"]
        ways = [event["way"] for event in events if event["event"] == "REQUEST_BODY"]
        assert ways == ["whole" if whole else "stream"]
        assert not any("crashed" in line or "Traceback" in line for line in proxy.log), proxy.log


TRAILING = b"%x\r\n%b\r\n0\r\nX-Sum: 1\r\nContent-Digest: sha-256=:x:\r\n\r\n"


@pytest.mark.parametrize("name", BODIES)
async def test_trailers_stay_and_digests_in_them_do_not(name: str, tmp_path: Path) -> None:
    async with (
        Http1Backend({"/": Answer(body=b"<p>x")}) as behind,
        in_process(rules(behind), tmp_path) as proxy,
    ):
        public, inner = names(behind, "HTTP/1.1")
        body = BODIES[name].replace(b"PUBLIC", public)
        connection = await Http1.connect(proxy.port)
        connection.send("POST", fields=f"Content-Type: {JSON}\r\nTransfer-Encoding: chunked\r\n")
        connection.writer.write(TRAILING % (len(body), body))
        got = await connection.read("POST")
        await connection.close()
        assert got.status == 200
        assert behind.asked[0].body == BODIES[name].replace(b"PUBLIC", inner)
        assert [(key.lower(), value) for key, value in behind.asked[0].trailers] == [("x-sum", "1")]


@pytest.mark.parametrize(("backend", "client"), CELLS)
async def test_a_damaged_coding_ends_the_exchange_in_its_middle(backend: str, client: str, tmp_path: Path) -> None:
    async with (
        BACKENDS[backend]({"/": Answer(body=b"<p>x")}) as behind,
        in_process(rules(behind), tmp_path, http3=True, ssl_insecure=True) as proxy,
    ):
        packed = gzip.compress(b'"x"', mtime=0)[:-8] + b"\xff" * (2 * HELD)
        connection = await EVERY[client].connect(proxy.port)
        fields = {"Content-Type": JSON, "Content-Encoding": "gzip"}
        got = await post(connection, packed, fields, client=client)
        await connection.close()
        assert got.status in (0, 400, 502)
        # What is not whole is not taken for a body.
        assert all(asked.body == b"" for asked in behind.asked)
        assert not any("crashed" in line or "Traceback" in line for line in proxy.log), proxy.log


async def test_a_failure_in_a_held_body_is_answered_and_sends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr("urlrewrite.exchange.body.request.RequestBody.whole", fail)
    async with (
        Http1Backend({"/": Answer(body=b"<p>x")}) as behind,
        in_process(rules(behind), tmp_path) as proxy,
    ):
        connection = await Http1.connect(proxy.port)
        got = await post(connection, b'"x"', {"Content-Type": JSON}, client="HTTP/1.1")
        await connection.close()
        assert (got.status, behind.asked) == (500, [])
        assert b"Trace id: " in got.body


FARM = """
public: http://localhost
backend: http://shop
linksAlso: requestBodies
farms:
  shop:
    preserveHostHeader: false
    servers: [{{address: 127.0.0.1, httpPort: {port}, hostName: a.lan}}]
"""


async def test_a_server_of_a_farm_gets_its_name_in_body_and_query(tmp_path: Path) -> None:
    async with (
        Http1Backend({}) as behind,
        in_process(FARM.format(port=behind.port), tmp_path) as proxy,
    ):
        server = f"http://a.lan:{behind.port}"
        path = f"/?next={server}/y"
        behind.answers[path] = Answer(body=b"<p>x")
        connection = await Http1.connect(proxy.port)
        fields = f"Content-Type: {JSON}\r\n"
        got = await connection.ask("POST", "/?next=http://localhost/y", b'"http://localhost/x"', fields=fields)
        await connection.close()
        assert got.status == 200
        assert behind.asked[0].body == f'"{server}/x"'.encode()
