"""Takes the client's address from the header that a balancer in front puts before the first byte of a connection.

Of a client behind a balancer that forwards TCP, so that TLS ends here, this proxy sees nothing but the balancer. One
that speaks the PROXY protocol says in such a header who the client is. That has to be known before mitmproxy makes a
client of the connection. So its way in is replaced: for the networks of `urlrewrite_proxy_protocol` the header is read
first, and whatever looks at the connection afterwards sees the address that was told.

From a listed address a header must come: what is none, or takes long, ends the connection. From any other it is never
looked for, so that nobody else can claim an address.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from typing import Any

from mitmproxy import ctx, exceptions
from mitmproxy.addonmanager import Loader
from mitmproxy.proxy.mode_servers import ServerInstance

from urlrewrite.exchange.request_fields import is_trusted
from urlrewrite.fields.proxy_protocol import Proxied, ProxyHeaderError, missing, parse_header

logger = logging.getLogger("urlrewrite.proxy_protocol")

HEADER_SECONDS = 3.0
"""How long a header may take."""

_handle_stream = ServerInstance.handle_stream


class ProxyProtocol:
    """Puts the reading of headers in place, for the networks of the option."""

    def __init__(self) -> None:
        self._networks: tuple[str, ...] = ()

    def load(self, loader: Loader) -> None:
        """Take over."""
        del loader
        addon = self

        async def handle_stream(instance: ServerInstance[Any], reader: Any, writer: Any = None) -> None:
            # QUIC comes by UDP, as one object and without such a header.
            if addon._networks and isinstance(reader, asyncio.StreamReader):
                writer = await addon.announced(reader, writer)
                if writer is None:
                    return
            await _handle_stream(instance, reader, writer)

        ServerInstance.handle_stream = handle_stream  # type: ignore[method-assign, assignment]

    def done(self) -> None:
        """Put mitmproxy's own back."""
        ServerInstance.handle_stream = _handle_stream  # type: ignore[method-assign]

    def configure(self, updated: set[str]) -> None:
        """Take the networks.

        Raises:
            OptionsError: one is neither an address nor a network.
        """
        if "urlrewrite_proxy_protocol" not in updated:
            return
        networks = tuple(ctx.options.urlrewrite_proxy_protocol)
        for network in networks:
            try:
                ipaddress.ip_network(network)
            except ValueError as error:
                raise exceptions.OptionsError(f"urlrewrite_proxy_protocol: {error}, such as 10.0.0.0/8") from None
        self._networks = networks

    async def announced(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Any:
        """Return the writer of a connection, which knows the addresses that its header told; None if it was ended."""
        peer = writer.get_extra_info("peername")
        if not peer or not is_trusted(peer[0], self._networks):
            return writer
        try:
            async with asyncio.timeout(HEADER_SECONDS):
                header = await _read_header(reader)
            told = parse_header(header) if header else None
        except TimeoutError:
            problem = f"no whole header within {HEADER_SECONDS:g} s"
        except (ProxyHeaderError, asyncio.IncompleteReadError, OSError) as error:
            problem = str(error)
        else:
            if header:
                return Announced(writer, told) if told else writer
            # A balancer that only looks whether the port is open.
            logger.debug("a connection from %s:%s ended before its first byte", *peer[:2])
            problem = ""
        if problem:
            logger.warning("a connection from %s:%s was closed: %s", *peer[:2], problem)
        writer.close()
        return None


class Announced:
    """The writer of a connection, except that the addresses of both its ends are those that were told."""

    def __init__(self, writer: asyncio.StreamWriter, told: Proxied) -> None:
        self._writer = writer
        self._told = {"peername": told.client, "sockname": told.local}

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what is known of the connection."""
        return self._told.get(name) or self._writer.get_extra_info(name, default)

    def __getattr__(self, name: str) -> Any:
        """Return everything else as the writer has it."""
        return getattr(self._writer, name)


async def _read_header(reader: asyncio.StreamReader) -> bytes:
    """Read a header and no byte more; nothing if the connection ends before its first byte.

    Raises:
        ProxyHeaderError: what comes is no header.
        IncompleteReadError: the connection ends within it.
    """
    header = b""
    while more := missing(header):
        data = await reader.read(more)
        if not data:
            if header:
                raise asyncio.IncompleteReadError(header, len(header) + more)
            return b""
        header += data
    return header
