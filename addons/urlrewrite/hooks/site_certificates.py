"""The certificates of sites: read, and read again when a file is renewed; no restart is needed.

mitmproxy reads the files of its option `certs` when the option is set, and never again. Here each file is looked at as
rule files are. One that cannot be used leaves the last good certificate in place, and the log says so once.
"""

from __future__ import annotations

import asyncio
import copy
import logging
from dataclasses import replace
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory

from mitmproxy import ctx
from mitmproxy.certs import CertStore, CertStoreEntry
from mitmproxy.log import ALERT
from mitmproxy.proxy.layers.quic import QuicTlsData
from mitmproxy.tls import TlsData

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
        """Read the files, and begin to look at them."""
        if self._watcher is None:
            self._watcher = asyncio.get_running_loop().create_task(repeat(self.look, LOOK_SECONDS, logger))
            self.rules_changed()

    def done(self) -> None:
        """Stop looking."""
        if self._watcher is not None:
            self._watcher.cancel()
            self._watcher = None
        self._chains.cleanup()

    def rules_changed(self) -> None:
        """Take the files that the rules in force name."""
        self._names = {}
        if self._state.in_force is not None:
            for site in self._state.in_force.rules.rule_set.sites:
                if site.certificate:
                    self._names.setdefault(site.certificate.file, []).extend(origin.host for origin in site.public)
        self._files = {
            name: self._files.get(name) or CertificateFile(name, Path(self._chains.name)) for name in self._names
        }
        self._store = None
        if self._watcher is not None:
            self.look()

    def look(self) -> None:
        """Take up files that were renewed."""
        store = self._certstore()
        if store is not None and [name for name, file in self._files.items() if file.look(store)]:
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
        self._known: Stamp = ()
        self._doubted: Stamp = ()

    def look(self, store: CertStore) -> bool:
        """Read the file if it has changed, and say whether there is a new certificate."""
        found = stamp([self.name])
        if found == self._known:
            return False
        try:
            entry = self._read(store)
        except Exception as error:  # cryptography has many of its own, none of which ends the watch
            if found == self._doubted or self.entry is None:
                self._known = found
                stays = "the last good certificate stays" if self.entry else "mitmproxy's authority makes one"
                logger.error("certificate %s: got %s; %s", self.name, error, stays)
            # Perhaps somebody is just writing it: it is looked at once more.
            self._doubted = found
            return False
        self._known = found
        if self.entry is not None:
            logger.log(ALERT, "certificate %s was renewed: valid until %s", self.name, entry.cert.notafter.isoformat())
        self.entry = entry
        return True

    def _read(self, store: CertStore) -> CertStoreEntry:
        """Return what the file has, read by a store that is thrown away.

        mitmproxy reads the chain from its file whenever it makes a context, and keeps contexts by that file's name. So
        each has a copy of its own, without the key.

        Raises:
            Exception: the file cannot be read, or the chain not be written; or it has no key that can be used, no
                certificate, or two that do not belong together.
        """
        reader = copy.copy(store)
        reader.certs = {}
        passphrase = ctx.options.cert_passphrase
        reader.add_cert_file("*", Path(self.name), passphrase.encode() if passphrase else None)
        entry = reader.certs["*"]
        with NamedTemporaryFile(dir=self._chains, suffix=".pem", delete=False) as chain:
            chain.write(b"".join(certificate.to_pem() for certificate in entry.chain_certs))
        return replace(entry, chain_file=Path(chain.name))
