"""Messages of SAML in a query, which are deflated and often signed (SAML 2.0 Bindings, 3.4.4.1): only looked at.

No address in them is ever mapped. In most cases none need be: the backend wrote its own name into what nobody read on
the way, and the provider reads what it knows. Where one has a public name, somebody has to know of it.
"""

from __future__ import annotations

import binascii
import re
import zlib
from urllib.parse import unquote

_MAX_LENGTH = 1 << 16
_MAX_ADDRESSES = 10
_ADDRESS = re.compile(
    rb"""\b(?:Destination|AssertionConsumerServiceURL)\s*=\s*["'](?P<attribute>[^"'<>]{1,500})["']"""
    rb"""|<(?:\w+:)?Issuer\b[^<>]*>\s*(?P<issuer>[^<>\s]{1,500})\s*<"""
)


def addresses_in(value: str) -> tuple[str, ...]:
    """Return the addresses in an escaped and deflated message of SAML, each once; none where it cannot be read."""
    try:
        deflated = binascii.a2b_base64(unquote(value[:_MAX_LENGTH]).replace(" ", "+").encode("ascii"))
        message = zlib.decompressobj(-zlib.MAX_WBITS).decompress(deflated, _MAX_LENGTH)
    except (UnicodeEncodeError, binascii.Error, zlib.error):
        return ()
    found = (one["attribute"] or one["issuer"] for one in _ADDRESS.finditer(message))
    return tuple(dict.fromkeys(address.decode("utf-8", "replace") for address in found))[:_MAX_ADDRESSES]
