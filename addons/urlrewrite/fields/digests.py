"""Fields that hold a digest of the body, and what they say of another body.

Computed again are Content-MD5 (RFC 1864), Digest (RFC 3230), Content-Digest and Repr-Digest (RFC 9530), the checksums
of S3 and of Artifactory, and the MD5 of Google's and Microsoft's stores. A digest by an algorithm that is not known
here, and one of the parts of an upload, is dropped: no digest is better than a wrong one.
"""

from __future__ import annotations

import base64
import hashlib
import re
import zlib

_HASHES = {"md5": "md5", "sha": "sha1", "sha-1": "sha1", "sha-256": "sha256", "sha-512": "sha512"}
"""Names of the registries of RFC 3230 and RFC 9530, in lower case, to those of hashlib."""

_OF_BODY = {
    "content-md5": "md5",
    "x-ms-blob-content-md5": "md5",
    "x-amz-checksum-sha1": "sha1",
    "x-amz-checksum-sha256": "sha256",
}
_HEX = {
    "x-checksum-md5": "md5",
    "x-checksum-sha1": "sha1",
    "x-checksum-sha256": "sha256",
    "x-content-sha1": "sha1",
    "x-content-sha256": "sha256",
    "x-content-sha512": "sha512",
    "x-amz-content-sha256": "sha256",
}
_LISTS = frozenset({"digest", "content-digest", "repr-digest", "x-goog-hash"})
_OTHERS = frozenset({"x-ms-content-crc64", "oc-checksum", "x-oss-hash-crc64ecma"})
_PREFIXES = ("x-amz-checksum-", "x-content-sha")

_MEMBER = re.compile(r"\s*+([A-Za-z0-9_*-]++)=(:?)([^:,]*+)(:?)\s*+")
_HEX_DIGITS = re.compile(r"[0-9a-fA-F]+")


def is_digest(name: str) -> bool:
    """Say whether a field, in lower case, holds a digest of the body."""
    return name in _LISTS or name in _OF_BODY or name in _HEX or name in _OTHERS or name.startswith(_PREFIXES)


class Digests:
    """The digests of a body, each of which is computed once, however many fields ask for it."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._found: dict[str, bytes] = {}

    def by(self, algorithm: str) -> bytes:
        """Return the digest by an algorithm of hashlib, or by `crc32`."""
        if algorithm not in self._found:
            crc = algorithm == "crc32"
            digest = zlib.crc32(self._body).to_bytes(4, "big") if crc else hashlib.new(algorithm, self._body).digest()
            self._found[algorithm] = digest
        return self._found[algorithm]


def renewed(name: str, value: str, digests: Digests) -> str | None:
    """Return the value of a digest field (`name` in lower case) for a body; None where it cannot be computed."""
    if name in _LISTS:
        return _renewed_list(value, digests)
    if name in _OF_BODY:
        # S3 puts the number of parts behind a checksum of checksums: "…=-3".
        return None if "-" in value else _base64(digests.by(_OF_BODY[name]))
    if name in _HEX:
        # Aliyun's Content-SHA1 and its like are in base64: what does not look like this algorithm's hex is dropped.
        digest = digests.by(_HEX[name]).hex()
        same_shape = _HEX_DIGITS.fullmatch(value) and len(value) == len(digest)
        return (digest.upper() if value.isupper() else digest) if same_shape else None
    if name == "x-amz-checksum-crc32" and "-" not in value:
        return _base64(digests.by("crc32"))
    return None


def _renewed_list(value: str, digests: Digests) -> str | None:
    """Return the value of a list such as `sha-256=…, md5=…`, with colons around the digests in a structured field."""
    members = [_MEMBER.fullmatch(member) for member in value.split(",")]
    written = [_renewed_member(member, digests) for member in members if member]
    return ", ".join(member for member in written if member) or None


def _renewed_member(member: re.Match[str], digests: Digests) -> str:
    algorithm = _HASHES.get(member[1].lower())
    if algorithm is None or member[2] != member[4]:
        return ""
    return f"{member[1]}={member[2]}{_base64(digests.by(algorithm))}{member[4]}"


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()
