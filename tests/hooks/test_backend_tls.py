"""TLS to the backend of a site: whom it trusts, by which name, with which certificate; on real TLS."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest
import trustme

from damaged_pem import with_passphrase
from hooks.backends import Answer, Http2Backend
from hooks.clients import CLIENTS, STREAMING
from hooks.in_process import InProcess, in_process
from hooks.patches.rules import rules_for
from hooks.patches.test_backend_failures import Backend, is_own_page
from urlrewrite.trace.events import Name
from urlrewrite.trace.reasons import Reason

AUTHORITY = trustme.CA()


class TlsBackend(Backend):
    """A backend whose certificate is for `app.lan`; it may want one of the same authority from its clients."""

    def __init__(self, *, wants_certificate: bool = False) -> None:
        super().__init__()
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        AUTHORITY.issue_cert("app.lan").configure_cert(self.context)
        # It would rather speak HTTP/2, which it cannot.
        self.context.set_alpn_protocols(["h2", "http/1.1"])
        if wants_certificate:
            self.context.verify_mode = ssl.CERT_REQUIRED
            AUTHORITY.configure_trust(self.context)

    async def listen(self) -> None:
        self._server = await asyncio.start_server(self.serve, sock=self._socket, ssl=self.context)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    AUTHORITY.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    AUTHORITY.issue_cert("proxy.lan").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "own.pem"))
    return tmp_path


CASES: list[tuple[str, str, bool, int]] = [
    ("https://app.lan:PORT", "ca: ca.pem", False, 200),
    ("https://other.lan:PORT", "ca: ca.pem", False, 502),
    ("https://other.lan:PORT", "ca: ca.pem, name: app.lan", False, 200),
    ("https://127.0.0.1:PORT", "ca: ca.pem, name: app.lan", False, 200),
    ("https://127.0.0.1:PORT", "ca: ca.pem", False, 502),
    ("https://app.lan:PORT", "name: app.lan", False, 502),
    ("https://app.lan:PORT", "verify: true", False, 502),
    ("https://other.lan:PORT", "verify: false", False, 200),
    ("https://app.lan:PORT", "ca: ca.pem", True, 502),
    ("https://app.lan:PORT", "ca: ca.pem, certificate: own.pem", True, 200),
]


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize(("backend", "tls", "wants_certificate", "status"), CASES)
async def test_tls_is_as_the_site_says(
    backend: str, tls: str, wants_certificate: bool, status: int, client: str, folder: Path
) -> None:
    async with TlsBackend(wants_certificate=wants_certificate) as server:
        await server.listen()
        rules = (
            f"public: [http://localhost, https://localhost]\nbackend: {backend.replace('PORT', str(server.port))}\n"
            f"connect: 127.0.0.1:{server.port}\ntls: {{{tls}, http2: false}}\n"
        )
        async with in_process(rules, folder) as proxy:
            connection = await CLIENTS[client].connect(proxy.port)
            got = await connection.ask()
            assert got.status == status
            assert status == 200 or is_own_page(got, status, server.port)
            events = proxy.flows[0].metadata["urlrewrite"]["events"]
            warned = [event["reason"] for event in events if event["event"] == Name.WARNING]
            assert warned == ([Reason.NOT_VERIFIED] if "verify: false" in tls else [])
            await connection.close()


@pytest.mark.parametrize("client", STREAMING)
async def test_a_backend_of_http2_alone_is_spoken_with(client: str, tmp_path: Path) -> None:
    async with Http2Backend({"/": Answer(body=b"<p>well")}) as server:
        rules = rules_for(server, "tls: {verify: false}\n")
        async with in_process(rules, tmp_path, http3=True) as proxy:
            connection = await STREAMING[client].connect(proxy.port)
            got = await connection.ask()
            assert (got.status, got.body) == (200, b"<p>well"), proxy.log
            await connection.close()


@pytest.mark.parametrize("farm", [False, True])
async def test_http_version_rules_http2_out(farm: bool, folder: Path) -> None:
    async with TlsBackend() as server:
        await server.listen()
        tls = "tls: {ca: ca.pem, name: app.lan}"
        rules = f"public: https://localhost\nbackend: https://127.0.0.1:{server.port}\n{tls}\nhttpVersion: Http11\n"
        if farm:
            servers = f"[{{address: 127.0.0.1, httpsPort: {server.port}}}]"
            rules = "public: https://localhost\nbackend: https://shop\n"
            rules += f"farms: {{shop: {{servers: {servers}, {tls}, httpVersion: Http11}}}}\n"
        async with in_process(rules, folder) as proxy:
            connection = await CLIENTS["HTTP/2"].connect(proxy.port)
            assert (await connection.ask()).status == 200
            await connection.close()


async def test_it_holds_for_what_rules_forward_to_and_without_another_address(folder: Path) -> None:
    async with TlsBackend() as server:
        await server.listen()
        rules = (
            "public: http://localhost\nbackend: http://127.0.0.1:1\ntls: {ca: ca.pem, name: app.lan}\n"
            "rules: [{name: r, match: .*, action: "
            f"{{type: Rewrite, url: 'https://127.0.0.1:{server.port}/x'}}, stopProcessing: true}}]\n"
        )
        async with in_process(rules, folder) as proxy:
            connection = await CLIENTS["HTTP/1.1"].connect(proxy.port)
            assert (await connection.ask()).status == 200
            assert server.requests[0].startswith(b"GET /x ")
            await connection.close()


@pytest.mark.parametrize(
    ("options", "wants_certificate"),
    [
        ({"ssl_insecure": True}, False),
        ({"ssl_verify_upstream_trusted_ca": "ca.pem"}, False),
        ({"ssl_verify_upstream_trusted_ca": "ca.pem", "client_certs": "own.pem"}, True),
        ({"ssl_verify_upstream_trusted_ca": "ca.pem", "client_certs": "certificates"}, True),
    ],
)
async def test_what_the_file_does_not_say_is_as_the_options_of_mitmproxy_have_it(
    options: dict[str, object], wants_certificate: bool, folder: Path
) -> None:
    (folder / "certificates").mkdir()
    (folder / "certificates" / "app.lan.pem").write_bytes((folder / "own.pem").read_bytes())
    options = {name: str(folder / value) if isinstance(value, str) else value for name, value in options.items()}
    async with TlsBackend(wants_certificate=wants_certificate) as server:
        await server.listen()
        rules = (
            f"public: http://localhost\nbackend: https://app.lan:{server.port}\nconnect: 127.0.0.1:{server.port}\n"
            "tls: {http2: false}\n"
        )
        async with in_process(rules, folder, **options) as proxy:
            connection = await CLIENTS["HTTP/1.1"].connect(proxy.port)
            assert (await connection.ask()).status == 200
            await connection.close()


@pytest.mark.parametrize("client", CLIENTS)
async def test_sites_whose_backends_have_one_address_do_not_share_what_was_verified(client: str, folder: Path) -> None:
    """mitmproxy finds a connection that it has by its address alone."""
    async with TlsBackend() as server:
        await server.listen()
        site = "public: [http://{0}, https://{0}], backend: https://app.lan:{1}, connect: 127.0.0.1:{1}"
        trusting, careful = (site.format(place, server.port) for place in ("localhost/trusting", "localhost/careful"))
        rules = (
            f"sites:\n  - {{{trusting}, tls: {{verify: false, http2: false}}}}\n"
            f"  - {{{careful}, tls: {{http2: false}}}}\n"
        )
        async with in_process(rules, folder) as proxy:
            connection = await CLIENTS[client].connect(proxy.port)
            asked = ("/trusting/", "/careful/", "/trusting/", "/careful/")
            assert [(await connection.ask(path=path)).status for path in asked] == [200, 502, 200, 502]
            got = await asyncio.gather(*(_ask_alone(client, proxy.port, path) for path in asked * 3))
            assert got == [200, 502, 200, 502] * 3
            await connection.close()


async def _ask_alone(client: str, port: int, path: str) -> int:
    connection = await CLIENTS[client].connect(port)
    got = await connection.ask(path=path)
    await connection.close()
    return got.status


async def ask_anew(proxy: InProcess) -> int:
    """The status of a request on connections of its own."""
    client = await CLIENTS["HTTP/1.1"].connect(proxy.port)
    status = (await client.ask()).status
    await client.close()
    return status


def renewals(folder: Path) -> list[tuple[str, bytes, int, int]]:
    """File, its new content, the status while it is there, and how often its fault is told; one after the other."""
    ca, own = (folder / "ca.pem").read_bytes(), (folder / "own.pem").read_bytes()
    stranger = trustme.CA()
    strangers = stranger.issue_cert("proxy.lan").private_key_and_cert_chain_pem.bytes()
    return [
        ("ca.pem", stranger.cert_pem.bytes(), 502, 0),
        ("ca.pem", ca, 200, 0),
        ("ca.pem", ca[:200], 200, 1),
        ("ca.pem", ca, 200, 0),
        ("own.pem", strangers, 502, 0),
        ("own.pem", own, 200, 0),
        ("own.pem", own[:-200], 200, 1),
        ("own.pem", own, 200, 0),
        ("own.pem", with_passphrase(own), 200, 1),
        ("own.pem", own, 200, 0),
        ("own.pem", strangers[: strangers.index(b"-----BEGIN CERT")] + own[own.index(b"-----BEGIN CERT") :], 200, 1),
    ]


async def test_renewed_files_are_taken_up_and_broken_ones_are_not(folder: Path) -> None:
    async with TlsBackend(wants_certificate=True) as server:
        await server.listen()
        rules = (
            f"public: http://localhost\nbackend: https://app.lan:{server.port}\nconnect: 127.0.0.1:{server.port}\n"
            "tls: {ca: ca.pem, certificate: own.pem, http2: false}\nkeepAlive: false\n"
        )
        async with in_process(rules, folder) as proxy:
            assert await ask_anew(proxy) == 200
            for file, content, status, told in renewals(folder):
                proxy.log.clear()
                (folder / file).write_bytes(content)
                assert [await ask_anew(proxy) for _ in range(3)] == [status] * 3
                assert sum("the last good ones stay" in line for line in proxy.log) == told


async def test_health_tests_take_up_renewed_files(folder: Path) -> None:
    async with TlsBackend() as server:
        await server.listen()
        rules = (
            f"public: http://localhost\nbackend: https://shop\nfarms: {{shop: {{servers: [{{address: 127.0.0.1, "
            f"httpsPort: {server.port}}}], tls: {{ca: ca.pem, name: app.lan}}, "
            "health: {url: 'https://app.lan/', interval: 1h}}}\n"
        )
        async with in_process(rules, folder) as proxy:
            (farm,) = proxy.state.farms
            good = (folder / "ca.pem").read_bytes()
            for content, healthy in ((trustme.CA().cert_pem.bytes(), False), (good, True), (good[:200], True)):
                (folder / "ca.pem").write_bytes(content)
                outcome = await proxy.bundle._farms.test(farm, farm.loads[0])
                assert (outcome.failure is None) == healthy, outcome
            assert sum("the last good ones stay" in line for line in proxy.log) == 1
