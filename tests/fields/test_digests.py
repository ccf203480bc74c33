from __future__ import annotations

import base64
import hashlib
import zlib

import pytest

from urlrewrite.fields.digests import Digests, is_digest, renewed

BODY = b'{"hello": "world"}'


def b64(algorithm: str) -> str:
    return base64.b64encode(hashlib.new(algorithm, BODY).digest()).decode()


CASES = [
    ("content-md5", "x==", b64("md5")),
    ("digest", "SHA-256=x,unixsum=1", f"SHA-256={b64('sha256')}"),
    ("digest", "sha=x, MD5=y", f"sha={b64('sha1')}, MD5={b64('md5')}"),
    ("digest", "id-sha-256=x", None),
    ("content-digest", "sha-256=:x:", f"sha-256=:{b64('sha256')}:"),
    ("repr-digest", "sha-512=:x:, sha-256=:y:", f"sha-512=:{b64('sha512')}:, sha-256=:{b64('sha256')}:"),
    ("repr-digest", "crc32c=:x:", None),
    ("repr-digest", "broken", None),
    ("x-amz-checksum-sha256", "x=", b64("sha256")),
    ("x-amz-checksum-sha256", "x=-3", None),
    ("x-amz-checksum-crc32", "x=", base64.b64encode(zlib.crc32(BODY).to_bytes(4, "big")).decode()),
    ("x-amz-checksum-crc64nvme", "x=", None),
    ("x-goog-hash", "crc32c=n03x6A==,md5=x==", f"md5={b64('md5')}"),
    ("x-goog-hash", "crc32c=n03x6A==", None),
    ("x-ms-blob-content-md5", "x==", b64("md5")),
    ("x-checksum-sha1", "0" * 40, hashlib.sha1(BODY).hexdigest()),
    ("x-checksum-md5", "ABCDEF" + "A" * 26, hashlib.md5(BODY).hexdigest().upper()),
    ("x-content-sha256", "not hex", None),
    ("oc-checksum", "SHA1:x", None),
]


@pytest.mark.parametrize(("name", "value", "expected"), CASES)
def test_digest(name: str, value: str, expected: str | None) -> None:
    assert is_digest(name)
    assert renewed(name, value, Digests(BODY)) == expected


HEX = {
    "x-checksum-md5": hashlib.md5,
    "x-checksum-sha1": hashlib.sha1,
    "x-checksum-sha256": hashlib.sha256,
    "x-content-sha1": hashlib.sha1,
    "x-content-sha256": hashlib.sha256,
    "x-content-sha512": hashlib.sha512,
    "x-amz-content-sha256": hashlib.sha256,
}


@pytest.mark.parametrize("name", HEX)
def test_a_digest_in_hex(name: str) -> None:
    digest = HEX[name](BODY).hexdigest()
    assert is_digest(name)
    assert renewed(name, "0" * len(digest), Digests(BODY)) == digest
    assert renewed(name, "0" * (len(digest) + 2), Digests(BODY)) is None


ALGORITHMS = [("md5", "MD5"), ("sha1", "SHA"), ("sha1", "sha-1"), ("sha256", "SHA-256"), ("sha512", "sha-512")]


@pytest.mark.parametrize(("algorithm", "written"), ALGORITHMS)
@pytest.mark.parametrize("name", ["digest", "content-digest", "repr-digest", "x-goog-hash"])
def test_a_list_of_digests(name: str, algorithm: str, written: str) -> None:
    assert is_digest(name)
    assert renewed(name, f"{written}=x", Digests(BODY)) == f"{written}={b64(algorithm)}"


@pytest.mark.parametrize(
    ("name", "algorithm"),
    [
        ("content-md5", "md5"),
        ("x-ms-blob-content-md5", "md5"),
        ("x-amz-checksum-sha1", "sha1"),
        ("x-amz-checksum-sha256", "sha256"),
    ],
)
def test_a_digest_of_the_body_in_base64(name: str, algorithm: str) -> None:
    assert is_digest(name)
    assert renewed(name, "x=", Digests(BODY)) == b64(algorithm)


@pytest.mark.parametrize("name", ["x-ms-content-crc64", "oc-checksum", "x-oss-hash-crc64ecma", "x-content-sha3"])
def test_a_digest_that_nobody_here_computes_is_one(name: str) -> None:
    assert is_digest(name)
    assert renewed(name, "x", Digests(BODY)) is None


def test_the_example_of_the_standard() -> None:
    """RFC 9530, appendix B.1."""
    body = b'{"hello": "world"}\n'
    assert (
        renewed("content-digest", "sha-256=::", Digests(body))
        == "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"
    )


@pytest.mark.parametrize("name", ["want-digest", "want-content-digest", "etag", "x-amz-request-id"])
def test_what_is_no_digest(name: str) -> None:
    assert not is_digest(name)
