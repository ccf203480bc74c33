"""TLS to backends and servers of farms as rule files say: whom to trust, by which name, with which certificate.

Requests go through mitmproxy, which has pyOpenSSL; health tests go through asyncio, which has `ssl`. Both take what
they trust and show from `Credentials`. Files that were renewed are taken up by the next connection.
"""

from __future__ import annotations

import ipaddress
import logging
import ssl
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import certifi
from mitmproxy import ctx
from mitmproxy.net import tls as net_tls
from mitmproxy.tls import TlsData
from OpenSSL import SSL

from urlrewrite.formats.pem_files import key_and_certificates
from urlrewrite.hooks.patches.server_connections import ServerConnections, is_multiplexed
from urlrewrite.loading.file_stamps import Stamp, stamp
from urlrewrite.model.farms import DEFAULT_TLS, BackendTls, Farm

logger = logging.getLogger("urlrewrite.farms")

MAX_CONTEXTS = 256
"""Contexts that are kept, as many as mitmproxy keeps itself."""


class FarmTls:
    """The addon that opens TLS to backends by their names, and as their rule files say."""

    def __init__(self, connections: ServerConnections) -> None:
        self._connections = connections

    def tls_start_server(self, data: TlsData) -> None:
        """Set the backend's name, and make the TLS in place of the core's, unless the rule file says nothing of it."""
        request_wants = self._connections.tls_wanted(data.conn)
        if request_wants is None:
            return
        # Another address than that of the name may be dialled (`connect:`).
        name = data.conn.sni = request_wants.sni
        wanted = request_wants.settings
        if wanted == DEFAULT_TLS:
            return
        offers_http2 = wanted.http2 and is_multiplexed(data.context.client)
        data.conn.alpn_offers = (b"h2", b"http/1.1") if offers_http2 else (b"http/1.1",)
        try:
            data.ssl_conn = connection(wanted, name, [*data.conn.alpn_offers])
        except (RuntimeError, ValueError) as error:
            # Without one, mitmproxy would make TLS as its options say.
            data.ssl_conn = _trusting_nobody()
            logger.error("%s: no TLS as the rule file says: %s", name, error)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What `tls` of a farm or site comes to, with mitmproxy's options where it says nothing; files are of PEM."""

    verify: bool
    ca_file: str | None
    ca_folder: str | None
    certificate: str | None

    @classmethod
    def of(cls, wanted: BackendTls) -> Credentials:
        """Return those of a farm or site. One that names its authorities is verified whatever `ssl_insecure` says."""
        options = ctx.options
        verify = wanted.verify and (bool(wanted.ca) or not options.ssl_insecure)
        folder = None if wanted.ca else options.ssl_verify_upstream_trusted_confdir
        file = wanted.ca or options.ssl_verify_upstream_trusted_ca or (None if folder else certifi.where())
        return cls(verify, file, folder, wanted.certificate or None)


def ssl_context(wanted: BackendTls) -> ssl.SSLContext:
    """Return what asyncio makes TLS to servers of a farm by.

    Raises:
        OSError: a file cannot be read, or is none of PEM (`ssl.SSLError`).
        RuntimeError: our certificate cannot be used.
    """
    own = Credentials.of(wanted)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if not own.verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.load_verify_locations(own.ca_file, own.ca_folder)
    if own.certificate:
        _check_own(own.certificate)
        context.load_cert_chain(own.certificate)
    return context


class ContextOfTests:
    """What the health tests of a farm make TLS by: called, it gives the context, made anew from renewed files."""

    def __init__(self, farm: Farm) -> None:
        self._farm = farm
        self._stamp: Stamp | None = None
        self._context: ssl.SSLContext | None = None

    def __call__(self) -> ssl.SSLContext | None:
        """Return the context; None if there never was one."""
        own = Credentials.of(self._farm.tls)
        found = stamp(file for file in (own.ca_file, own.ca_folder, own.certificate) if file)
        if found != self._stamp:
            self._stamp = found
            try:
                self._context = ssl_context(self._farm.tls)
            except (OSError, RuntimeError) as error:
                then = "the last good ones stay" if self._context else "no test over TLS succeeds"
                logger.error("farm %s, tls: got %s, expected files of PEM: %s", self._farm.name, error, then)
        return self._context


def _trusting_nobody() -> SSL.Connection:
    """Return a client's end of TLS that fails with every server."""
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_verify(SSL.VERIFY_PEER)
    made = SSL.Connection(context)
    made.set_connect_state()
    return made


def _usual_certificate(name: str) -> str | None:
    """Return the file that mitmproxy's option `client_certs` has for a server, None for none."""
    path = Path(ctx.options.client_certs or "").expanduser()
    own = (path, path / f"{name}.pem") if ctx.options.client_certs else ()
    return next((str(file) for file in own if file.is_file()), None)


class Contexts:
    """Contexts of TLS to backends, each made anew when one of its files has changed.

    mitmproxy keeps them by the names of their files. Files that cannot be used leave the last good context in place,
    and the log says so once.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[Credentials, str | None], _Known] = OrderedDict()

    def of(self, own: Credentials, client_certificate: str | None) -> SSL.Context:
        """Return the context of these credentials.

        Raises:
            RuntimeError: a file cannot be used, and never could.
        """
        key = (own, client_certificate)
        known = self._known.get(key)
        found = stamp(file for file in (own.ca_file, own.ca_folder, client_certificate) if file)
        if known is None or known.stamp != found:
            known = self._known[key] = _Known(found, self._renewed(own, client_certificate, known))
            if len(self._known) > MAX_CONTEXTS:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        return known.context

    def _renewed(self, own: Credentials, client_certificate: str | None, known: _Known | None) -> SSL.Context:
        try:
            return _make_context(own, client_certificate)
        except RuntimeError as error:
            if known is None:
                raise
            logger.error("renewed files for TLS to backends: got %s; the last good ones stay", error)
            return known.context


@dataclass(frozen=True, slots=True)
class _Known:
    stamp: Stamp
    context: SSL.Context


def _check_own(file: str) -> None:
    """See to it that a file with a key and its certificate can be used. OpenSSL would ask a person for a passphrase.

    Raises:
        RuntimeError: it cannot.
    """
    try:
        key_and_certificates(Path(file).read_bytes())
    except (OSError, ValueError) as error:
        raise RuntimeError(f"{file} with {error}") from error


def _make_context(own: Credentials, client_certificate: str | None) -> SSL.Context:
    """Make a context. What the rule file does not say is as mitmproxy's own options have it.

    Raises:
        RuntimeError: a file cannot be used.
    """
    if client_certificate:
        _check_own(client_certificate)
    make = net_tls.create_proxy_server_context.__wrapped__  # without its memory
    context: SSL.Context = make(
        method=net_tls.Method.TLS_CLIENT_METHOD,
        min_version=net_tls.Version[ctx.options.tls_version_server_min],
        max_version=net_tls.Version[ctx.options.tls_version_server_max],
        cipher_list=None,
        ecdh_curve=net_tls.get_curve(ctx.options.tls_ecdh_curve_server),
        verify=net_tls.Verify.VERIFY_PEER if own.verify else net_tls.Verify.VERIFY_NONE,
        ca_path=own.ca_folder,
        ca_pemfile=own.ca_file,
        client_cert=client_certificate,
        legacy_server_connect=False,
    )
    return context


_contexts = Contexts()


def connection(wanted: BackendTls, name: str, alpn: list[bytes]) -> SSL.Connection:
    """Return the client's end of a TLS connection to a server that must have a certificate for `name`.

    Raises:
        RuntimeError: a file cannot be used.
        ValueError: the name cannot be sent.
    """
    own = Credentials.of(wanted)
    context = _contexts.of(own, own.certificate or _usual_certificate(name))
    made = SSL.Connection(context)
    parameters = SSL._lib.SSL_get0_param(made._ssl)  # type: ignore[attr-defined]
    try:
        address = ipaddress.ip_address(name).packed
    except ValueError:
        host = name.encode("idna")
        made.set_tlsext_host_name(host)
        done = SSL._lib.X509_VERIFY_PARAM_set1_host(parameters, host, len(host))  # type: ignore[attr-defined]
    else:
        # An address is never a server name (RFC 6066, 3).
        done = SSL._lib.X509_VERIFY_PARAM_set1_ip(parameters, address, len(address))  # type: ignore[attr-defined]
    SSL._openssl_assert(done == 1)
    made.set_alpn_protos(alpn)
    made.set_connect_state()
    return made
