from __future__ import annotations

import pytest

from urlrewrite.fields.signed_requests import broken_signatures

AWS = "AWS4-HMAC-SHA256 Credential=x, SignedHeaders=host;x-amz-date, Signature=y"
DIGEST = 'Digest username="u", realm="r", uri="/app/x", response="y"'
CAVAGE = 'Signature keyId="k", headers="(request-target) date", signature="y"'

# field, value, host changed, target changed, a word of the warning or "" for none
CASES = [
    ("Authorization", AWS, True, False, "signs the host"),
    ("authorization", AWS, False, True, "signs the host"),
    ("Authorization", AWS, False, False, ""),
    ("Authorization", 'OAuth oauth_signature="x"', True, False, "OAuth signs"),
    ("Authorization", 'Hawk id="x", mac="y"', True, False, "Hawk signs"),
    ("Authorization", DIGEST, True, False, ""),
    ("Authorization", DIGEST, False, True, "Digest signs the target"),
    ("Authorization", CAVAGE, True, False, ""),
    ("Authorization", CAVAGE, False, True, "covers (request-target)"),
    ("Authorization", "Bearer x", True, True, ""),
    ("Authorization", "Basic x", True, True, ""),
    ("Signature-Input", 'sig1=("@method" "@authority");created=1', True, False, "covers @authority"),
    ("Signature-Input", 'sig1=("@method" "origin");created=1', False, False, "covers origin"),
    ("Signature-Input", 'sig1=("@method" "date");created=1', True, True, ""),
    ("DPoP", "eyJ", True, False, "names the URL"),
    ("DPoP", "eyJ", False, False, ""),
]


@pytest.mark.parametrize(("name", "value", "host_changed", "target_changed", "word"), CASES)
def test_signature(name: str, value: str, host_changed: bool, target_changed: bool, word: str) -> None:
    before = ((name, value), ("Origin", "https://www.example.com"))
    after = ((name, value), ("Origin", "http://privateserver:8080"))
    changes = broken_signatures(before, after, host_changed=host_changed, target_changed=target_changed)
    assert [change.warning for change in changes] == ([True] if word else [])
    assert word in "".join(change.why for change in changes)
