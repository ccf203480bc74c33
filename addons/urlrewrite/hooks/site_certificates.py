"""The certificates of sites: read, and read again when a file is renewed; no restart is needed.

mitmproxy reads the files of its option `certs` when the option is set, and never again. Here each file is looked at as
rule files are. One that cannot be used leaves the last good certificate in place, and the log says so once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory
from typing import cast

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from mitmproxy import ctx
from mitmproxy.certs import Cert, CertStore, CertStoreEntry
from mitmproxy.log import ALERT
from mitmproxy.proxy.layers.quic import QuicTlsData
from mitmproxy.tls import TlsData

from urlrewrite.formats.pem_files import key_and_certificates
from urlrewrite.hooks.state import State
from urlrewrite.hooks.watching import repeat
from urlrewrite.loading.file_stamps import Stamp, stamp

logger = logging.getLogger("urlrewrite.certificates")

LOOK_SECONDS = 0.5
"""How often the files are looked at."""


class SiteCertificates:
    """The addon that hands the certificates of sites to mitmproxy; for a site without one its authority makes one."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._files: dict[str, CertificateFile] = {}
        self._names: dict[str, list[str]] = {}
        self._store: CertStore | None = None
        self._put: list[CertStoreEntry] = []
        self._watcher: asyncio.Task[None] | None = None
        self._chains = TemporaryDirectory(prefix="urlrewrite-chains-", ignore_cleanup_errors=True)

    def running(self) -> None:
        """Begin to look at the files."""
        if self._watcher is None:
            self._watcher = asyncio.get_running_loop().create_task(repeat(self.look, LOOK_SECONDS, logger))

    def done(self) -> None:
        """Stop looking."""
        if self._watcher is not None:
            self._watcher.cancel()
            self._watcher = None
        self._chains.cleanup()

    def rules_changed(self) -> None:
        """Take the files that the rules in force name. With one that cannot be used, mitmproxy does not start."""
        self._names = {}
        if self._state.in_force is not None:
            for site in self._state.in_force.rules.rule_set.sites:
                if site.certificate:
                    self._names.setdefault(site.certificate.file, []).extend(origin.host for origin in site.public)
        self._files = {
            name: self._files.get(name) or CertificateFile(name, Path(self._chains.name)) for name in self._names
        }
        self._store = None
        self.look()

    def look(self) -> None:
        """Take up files that were renewed."""
        if [name for name, file in self._files.items() if file.look(self._names[name])]:
            self._store = None
        self._hand_over()

    def tls_start_client(self, data: TlsData) -> None:
        """See to it that mitmproxy has them, before TLS over TCP begins."""
        del data
        self._hand_over()

    def quic_start_client(self, data: QuicTlsData) -> None:
        """See to it that mitmproxy has them, before QUIC begins."""
        del data
        self._hand_over()

    def _certstore(self) -> CertStore | None:
        return getattr(ctx.master.addons.get("tlsconfig"), "certstore", None)

    def _hand_over(self) -> None:
        """Put the certificates into mitmproxy's store, unless it has them: options of its own give it a new store."""
        store = self._certstore()
        if store is None or store is self._store:
            return
        former = {id(entry) for entry in self._put}
        store.certs = {name: entry for name, entry in store.certs.items() if id(entry) not in former}
        self._put = []
        for name, file in self._files.items():
            if file.entry is not None:
                store.add_cert(file.entry, *self._names[name])
                self._put.append(file.entry)
        self._store = store


class CertificateFile:
    """A PEM file with key, certificate and chain, and what it said when it was last good."""

    def __init__(self, name: str, chains: Path) -> None:
        self.name = name
        self._chains = chains
        self.entry: CertStoreEntry | None = None
        self._known: tuple[Stamp, str | None] | None = None
        self._doubted: tuple[Stamp, str | None] | None = None

    def look(self, hosts: Sequence[str]) -> bool:
        """Read the file if it has changed, and say whether there is a new certificate for the hosts."""
        passphrase = ctx.options.cert_passphrase
        found = stamp([self.name]), passphrase
        if found == self._known:
            return False
        try:
            entry = self._read(passphrase.encode() if passphrase else None)
        except (OSError, ValueError) as error:
            if found == self._doubted or self.entry is None:
                self._known = found
                then = "the last good certificate stays" if self.entry else "it is not served"
                logger.error(
                    "certificate %s of %s: got %s; %s", self.name, ", ".join(dict.fromkeys(hosts)), error, then
                )
            # Perhaps somebody is just writing it: it is looked at once more.
            self._doubted = found
            return False
        self._known = found
        if self.entry is not None:
            logger.log(ALERT, "certificate %s was renewed: valid until %s", self.name, entry.cert.notafter.isoformat())
        self.entry = entry
        return True

    def _read(self, passphrase: bytes | None) -> CertStoreEntry:
        """Return what the file has.

        mitmproxy reads the chain from its file whenever it makes a context, and keeps contexts by that file's name. So
        each has a copy of its own, without the key.

        Raises:
            OSError: the file cannot be read, or the chain not be written.
            ValueError: it has no key that can be used, no certificate, or two that do not belong together.
        """
        key, chain = key_and_certificates(Path(self.name).read_bytes(), passphrase)
        certificates = [Cert(certificate) for certificate in chain]
        with NamedTemporaryFile(dir=self._chains, suffix=".pem", delete=False) as file:
            file.write(b"".join(certificate.to_pem() for certificate in certificates))
        return CertStoreEntry(certificates[0], cast(RSAPrivateKey, key), Path(file.name), certificates)
