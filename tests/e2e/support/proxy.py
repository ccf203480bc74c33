"""The proxy as a user starts it: `./run.sh proxy RULES`, on free ports, with a certificate authority of its own."""

from __future__ import annotations

import base64
import contextlib
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from e2e.support.published import Published
from e2e.support.service import RUN_SH, Service, ServiceError, free_ports, running

TRIES = 3  # a port that was free may be taken by another test before the proxy gets it


@dataclass(frozen=True)
class Proxy(Published):
    """A running proxy. `rules` is its rule file, which a test may change."""

    rules: Path

    @property
    def trust(self) -> dict[str, str]:
        """The environment variables that make Python's HTTP clients trust that file, and nothing else."""
        return {name: str(self.ca) for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")}

    @property
    def log(self) -> str:
        return self.service.log


def spki_hash(certificate: Path) -> str:
    """The SHA-256 of a certificate's public key in base64, as Chromium's command line takes it."""
    key = x509.load_pem_x509_certificate(certificate.read_bytes()).public_key()
    return base64.b64encode(
        hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()
    ).decode()


@contextlib.contextmanager
def running_proxy(
    rules: str, folder: Path, *options: str, file_name: str = "rules.yaml", command: Sequence[str] = ("proxy",)
) -> Iterator[Proxy]:
    """Run the proxy in an empty folder and stop it at the end; a traceback in its log fails the test.

    In `rules`, the text of a rule file, HTTPS_PORT and HTTP_PORT stand for the ports that it gets. `options` are
    mitmproxy's; `command` is that of run.sh, with its own options.
    """
    with running((proxy := _start(rules, folder / file_name, options, command)).service):
        yield proxy


def _start(rules: str, file: Path, options: Sequence[str], run: Sequence[str]) -> Proxy:
    folder = file.parent
    confdir = folder / "mitmproxy"
    for _ in range(TRIES):
        https_port, http_port = free_ports(2)
        file.write_text(rules.replace("HTTPS_PORT", str(https_port)).replace("HTTP_PORT", str(http_port)))
        listen = [f"--listen=https://127.0.0.1:{https_port}", f"--listen=http://127.0.0.1:{http_port}"]
        command = [RUN_SH, *run, str(file), *listen, "--", f"--set=confdir={confdir}", *options]
        service = Service(command, folder / "proxy.log")
        try:
            service.await_ports(https_port, http_port)
            return Proxy(service, https_port, http_port, confdir, file)
        except BaseException as error:
            service.process.kill()
            service.process.wait()
            if not (isinstance(error, ServiceError) and "is taken" in service.log):
                raise
    raise ServiceError(f"{TRIES} times a port was taken by somebody else")
