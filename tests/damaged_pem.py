"""PEM files of a private key and its certificates, damaged in every way that TLS stumbles over."""

from __future__ import annotations

import binascii
from collections.abc import Callable
from typing import Any

import trustme
from cryptography.hazmat.primitives import serialization

PASSPHRASE = b"secret"


def _key(text: bytes) -> Any:
    return serialization.load_pem_private_key(text, None)


def _certificates(text: bytes) -> bytes:
    return text[text.index(b"-----BEGIN CERT") :]


def _scribbled(text: bytes, label: bytes, scribble: bytes) -> bytes:
    """The text with the first characters of the first part with a label written over."""
    start = text.index(label) + len(label) + 1
    return text[:start] + scribble + text[start + len(scribble) :]


def with_passphrase(text: bytes) -> bytes:
    encryption = serialization.BestAvailableEncryption(PASSPHRASE)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
    return bytes(_key(text).private_bytes(*form, encryption)) + _certificates(text)


def _with_old_passphrase(text: bytes) -> bytes:
    encryption = serialization.BestAvailableEncryption(PASSPHRASE)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL)
    return bytes(_key(text).private_bytes(*form, encryption)) + _certificates(text)


def _of_an_unknown_curve(text: bytes) -> bytes:
    form = (serialization.Encoding.DER, serialization.PrivateFormat.PKCS8)
    der = _key(text).private_bytes(*form, serialization.NoEncryption())
    prime256v1 = bytes.fromhex("2a8648ce3d030107")
    assert prime256v1 in der
    base64 = binascii.b2a_base64(der.replace(prime256v1, prime256v1[:-1] + b"\x63"))
    return b"-----BEGIN PRIVATE KEY-----\n" + base64 + b"-----END PRIVATE KEY-----\n" + _certificates(text)


DAMAGED: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "half written": (lambda text: text[: len(text) // 3], "certificate"),
    "empty": (lambda text: b"", "no certificate"),
    "cut in the chain": (lambda text: text[:-60], "a damaged certificate (number 2)"),
    "not in base64": (
        lambda text: _scribbled(text, b"BEGIN CERTIFICATE-----", b"!!!!"),
        "a damaged certificate (number 1)",
    ),
    "not in DER": (
        lambda text: _scribbled(text, b"BEGIN CERTIFICATE-----", b"AAAA"),
        "a damaged certificate (number 1)",
    ),
    "without a key": (_certificates, "no private key"),
    "a key not in base64": (lambda text: _scribbled(text, b"PRIVATE KEY-----", b"!!!!"), "a damaged private key"),
    "a key not in DER": (lambda text: _scribbled(text, b"PRIVATE KEY-----", b"AAAA"), "a damaged private key"),
    "a key alone": (lambda text: text[: text.index(b"-----BEGIN CERT")], "no certificate"),
    "another's key": (
        lambda text: trustme.CA().issue_cert("x").private_key_pem.bytes() + _certificates(text),
        "a private key that is not that of the first certificate",
    ),
    "a key with a passphrase": (with_passphrase, "a private key with a passphrase"),
    "a key with a passphrase in the old way": (_with_old_passphrase, "a private key with a passphrase"),
    "a key of a curve that is unknown": (_of_an_unknown_curve, "a private key that cannot be used: "),
}
"""What is done to a file with two certificates, and what is told of it."""
