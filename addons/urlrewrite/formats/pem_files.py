"""PEM files of certificates and private keys: what is damaged in them is found before TLS is made with them.

What is wrong with a file is said so that it can follow "got".
"""

from __future__ import annotations

import re

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import load_pem_private_key

_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.*?(?=-----BEGIN |\Z)", re.DOTALL)

_KINDS_OF_KEYS = re.compile(rb"\A.+ (?=PRIVATE KEY)")


class PassphraseError(ValueError):
    """Raised for a private key that needs another passphrase, or needs one."""


def certificates(content: bytes) -> list[x509.Certificate]:
    """Return the certificates of a file, in its order.

    Raises:
        ValueError: it has none, or one that is damaged.
    """
    found: list[x509.Certificate] = []
    for block in _blocks(content, b"CERTIFICATE"):
        try:
            found.append(x509.load_pem_x509_certificate(block))
        except ValueError as error:
            raise ValueError(f"a damaged certificate (number {len(found) + 1})") from error
    return found


def key_and_certificates(
    content: bytes, passphrase: bytes | None = None
) -> tuple[PrivateKeyTypes, list[x509.Certificate]]:
    """Return the private key of a file, and its certificates, of which the first one is that of the key.

    Raises:
        PassphraseError: the key has another passphrase. All that can be told without it is in order.
        ValueError: one of them is not there or is damaged, or they do not belong together.
    """
    chain, key = certificates(content), _private_key(content, passphrase)
    try:
        belongs = key.public_key() == chain[0].public_key()
        # Read lazily, and wanted by whoever looks for the names in it.
        _ = chain[0].extensions
    except (UnsupportedAlgorithm, ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise ValueError(f"a certificate that cannot be used: {error}") from error
    if not belongs:
        raise ValueError("a private key that is not that of the first certificate")
    return key, chain


def _private_key(content: bytes, passphrase: bytes | None) -> PrivateKeyTypes:
    block = _blocks(content, b"PRIVATE KEY")[0]
    encrypted = b"ENCRYPTED" in block
    try:
        return load_pem_private_key(block, passphrase if encrypted else None)
    except UnsupportedAlgorithm as error:
        raise ValueError(f"a private key that cannot be used: {error}") from error
    except (TypeError, ValueError) as error:
        if encrypted:
            raise PassphraseError(f"a private key with {'another' if passphrase else 'a'} passphrase") from error
        raise ValueError("a damaged private key") from error


def _blocks(content: bytes, label: bytes) -> list[bytes]:
    """Return the parts of a file that have a label, of which there is one at least. The last one may lack its end."""
    found = [block[0] for block in _BLOCK.finditer(content) if _KINDS_OF_KEYS.sub(b"", block[1]) == label]
    if not found:
        raise ValueError(f"no {label.decode().lower()}")
    return found
