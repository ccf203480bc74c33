"""Certificates of sites, on real TLS and QUIC: renewed files are served, broken ones are not, and the log says so."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from pathlib import Path

import pytest
import trustme
from cryptography import x509

from damaged_pem import DAMAGED, PASSPHRASE, with_passphrase
from hooks.clients import Http3
from hooks.in_process import InProcess, in_process

ROOT = trustme.CA()
RULES = "public: [https://localhost, http://localhost]\nbackend: http://127.0.0.1:1\n"
NAMED = f"{RULES}certificate: site.pem\n"


@pytest.fixture(autouse=True)
def all_is_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "urlrewrite.certificates")


def issue(file: Path, authority: trustme.CA = ROOT) -> int:
    """Write a new certificate, as those do that renew one; its serial number."""
    made = authority.issue_cert("localhost")
    file.write_bytes(made.private_key_and_cert_chain_pem.bytes())
    return x509.load_pem_x509_certificate(made.cert_chain_pems[0].bytes()).serial_number


async def served(proxy: InProcess) -> int:
    """The serial number of the certificate that a client gets, who trusts the root only; 0 for one of another."""
    context = ssl.create_default_context()
    ROOT.configure_trust(context)
    try:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", proxy.port, ssl=context, server_hostname="localhost"
        )
    except ssl.SSLCertVerificationError:
        return 0
    certificate = writer.get_extra_info("ssl_object").getpeercert(True)
    writer.transport.abort()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    del reader
    return x509.load_der_x509_certificate(certificate).serial_number


async def told(proxy: InProcess, text: str) -> None:
    async with asyncio.timeout(20):
        while not any(text in line for line in proxy.log):  # noqa: ASYNC110 (nobody tells)
            await asyncio.sleep(0.01)


async def test_a_renewed_file_is_served_and_its_chain(tmp_path: Path) -> None:
    file = tmp_path / "site.pem"
    first = issue(file, ROOT.create_child_ca())
    async with in_process(NAMED, tmp_path) as proxy:
        assert await served(proxy) == first
        second = issue(file, ROOT.create_child_ca())
        await told(proxy, "site.pem was renewed: valid until ")
        assert await served(proxy) == second


async def test_a_renewed_file_is_served_over_quic(tmp_path: Path) -> None:
    file = tmp_path / "site.pem"
    issue(file)
    async with in_process(NAMED, tmp_path, http3=True) as proxy:
        second = issue(file)
        await told(proxy, "was renewed")
        client = await Http3.connect(proxy.port)
        certificate = client.quic._quic.tls._peer_certificate
        assert certificate and certificate.serial_number == second
        await client.close()


@pytest.mark.parametrize("how", [*DAMAGED, "gone"])
async def test_a_broken_file_leaves_the_last_good_one_and_is_told_once(how: str, tmp_path: Path) -> None:
    file = tmp_path / "site.pem"
    first = issue(file, ROOT.create_child_ca())
    async with in_process(NAMED, tmp_path) as proxy:
        if how == "gone":
            file.unlink()
        else:
            file.write_bytes(DAMAGED[how][0](file.read_bytes()))
        await told(proxy, "the last good certificate stays")
        # Options of mitmproxy's that give it a new store take nothing away.
        proxy.master.options.update(key_size=3072)
        for _ in range(3):
            proxy.bundle._site_certificates.look()
            assert await served(proxy) == first
        (error,) = (line for line in proxy.log if "site.pem of localhost: got " in line)
        assert (DAMAGED[how][1] if how in DAMAGED else "No such file") in error
        second = issue(file)
        await told(proxy, "was renewed")
        assert await served(proxy) == second


async def test_without_a_certificate_of_its_own_a_site_has_one_of_mitmproxys(tmp_path: Path) -> None:
    first = issue(tmp_path / "site.pem")
    async with in_process(RULES, tmp_path) as proxy:
        assert await served(proxy) == 0
        for text, serial in ((NAMED, first), (RULES, 0)):
            (tmp_path / "rules.yaml").write_text(text)
            assert proxy.bundle._rules_file.reload()
            assert await served(proxy) == serial


async def test_a_key_with_a_passphrase_is_served_where_mitmproxy_is_given_that(tmp_path: Path) -> None:
    file = tmp_path / "site.pem"
    first = issue(file)
    file.write_bytes(with_passphrase(file.read_bytes()))
    async with in_process(NAMED, tmp_path) as proxy:
        await told(proxy, "got a private key with a passphrase; it is not served")
        assert await served(proxy) == 0
        for passphrase in ("other", PASSPHRASE.decode()):
            proxy.master.options.update(cert_passphrase=passphrase)
            proxy.bundle._site_certificates.look()
        await told(proxy, "got a private key with another passphrase")
        assert await served(proxy) == first
