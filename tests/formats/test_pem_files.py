"""PEM files that rule files name: read as TLS reads them, and told with the file and with what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
import trustme

from damaged_pem import DAMAGED, PASSPHRASE, with_passphrase
from formats.support import SITE
from urlrewrite.formats import rule_files
from urlrewrite.formats.pem_files import PassphraseError, certificates, key_and_certificates
from urlrewrite.model.problems import RuleFileError

ROOT = trustme.CA()
GOOD = ROOT.create_child_ca().issue_cert("localhost").private_key_and_cert_chain_pem.bytes()

FORMS = {
    "as it is": GOOD,
    "with CRLF": GOOD.replace(b"\n", b"\r\n"),
    "with words before, between and after": b"Subject: x\n"
    + GOOD.replace(b"-----BEGIN CERT", b"\nthe next\n-----BEGIN CERT"),
    "with parameters before the key": b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    + GOOD,
}


@pytest.mark.parametrize("form", FORMS)
def test_what_is_in_a_good_file(form: str) -> None:
    for passphrase in (None, PASSPHRASE):
        key, chain = key_and_certificates(FORMS[form], passphrase)
        assert key.public_key() == chain[0].public_key()
        assert chain[0].issuer == chain[1].subject
    assert certificates(FORMS[form]) == chain


def test_a_passphrase_is_used_and_another_one_is_told() -> None:
    assert key_and_certificates(with_passphrase(GOOD), PASSPHRASE)[1] == certificates(GOOD)
    with pytest.raises(PassphraseError, match="a private key with another passphrase"):
        key_and_certificates(with_passphrase(GOOD), b"other")


@pytest.mark.parametrize(
    ("setting", "label"),
    [
        ("certificate: own.pem", 'site "rules", certificate'),
        ("tls: {certificate: own.pem}", 'site "rules", tls.certificate'),
        ("farms: {shop: {servers: [a], tls: {certificate: own.pem}}}", 'farm "shop", tls.certificate'),
    ],
)
@pytest.mark.parametrize("how", [None, *DAMAGED])
def test_a_damaged_file_keeps_rules_out(how: str | None, setting: str, label: str, tmp_path: Path) -> None:
    damage, told = DAMAGED[how] if how else (lambda text: text, "")
    (tmp_path / "own.pem").write_bytes(damage(GOOD))
    (tmp_path / "rules.yaml").write_text(f"{SITE}{setting}\n")
    # mitmproxy may be given the passphrase of a site's key, but of none towards backends.
    if not how or ("passphrase" in how and setting.startswith("certificate")):
        rule_files.load([tmp_path / "rules.yaml"])
        return
    with pytest.raises(RuleFileError) as caught:
        rule_files.load([tmp_path / "rules.yaml"])
    (problem,) = caught.value.problems
    assert (problem.id, problem.source.line) == ("UR011", 3)
    assert problem.message.startswith(f'{label}: got "{tmp_path / "own.pem"}" with ')
    assert told in problem.message
    key = "a private key" if setting.startswith("certificate") else "a private key without a passphrase"
    assert problem.message.endswith(f", expected a PEM file with {key} and its certificate")


@pytest.mark.parametrize("how", ["empty", "a key alone", "cut in the chain", "not in base64", "not in DER"])
def test_damaged_authorities_keep_rules_out(how: str, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes(DAMAGED[how][0](GOOD))
    (tmp_path / "rules.yaml").write_text(f"{SITE}tls: {{ca: ca.pem}}\n")
    with pytest.raises(RuleFileError, match="expected a PEM file with certificates") as caught:
        rule_files.load([tmp_path / "rules.yaml"])
    assert DAMAGED[how][1] in str(caught.value.problems[0])
