"""Policies let the script in, by its hash, and nothing else."""

from __future__ import annotations

import pytest

from urlrewrite.witness.policies import let_in

HASH = "'sha256-x'"
AT = "https://a/c/"
POLICY = "Content-Security-Policy"

CASES = [
    # What governs nothing that the script needs stays as it is.
    ("img-src 'self'", "img-src 'self'"),
    ("", ""),
    ("script-src 'self'", f"script-src 'self'; script-src-elem 'self' {HASH}"),
    ("script-src 'self';", f"script-src 'self'; script-src-elem 'self' {HASH}"),
    ("Script-Src-Elem 'self'; img-src *", f"script-src-elem 'self' {HASH}; img-src *"),
    ("img-src *; script-src-elem 'none'", f"img-src *; script-src-elem {HASH}"),
    ("script-src 'none'", f"script-src 'none'; script-src-elem {HASH}"),
    ("script-src", f"script-src; script-src-elem {HASH}"),
    # A hash would take 'unsafe-inline' away.
    ("script-src 'unsafe-inline'", "script-src 'unsafe-inline'"),
    (
        "script-src 'unsafe-inline' 'nonce-1'",
        f"script-src 'unsafe-inline' 'nonce-1'; script-src-elem 'unsafe-inline' 'nonce-1' {HASH}",
    ),
    (
        "script-src 'unsafe-inline' 'strict-dynamic'",
        f"script-src 'unsafe-inline' 'strict-dynamic'; script-src-elem 'unsafe-inline' 'strict-dynamic' {HASH}",
    ),
    ("connect-src 'self' b", "connect-src 'self' b"),
    ("connect-src 'none'", f"connect-src {AT}"),
    ("connect-src b", f"connect-src b {AT}"),
    ("default-src b", f"default-src b; script-src-elem b {HASH}; connect-src b {AT}"),
    ("default-src 'self'", f"default-src 'self'; script-src-elem 'self' {HASH}"),
    ("connect-src b; connect-src 'none'", f"connect-src b {AT}; connect-src 'none'"),
    ("connect-src b,connect-src 'self'", f"connect-src b {AT},connect-src 'self'"),
]


@pytest.mark.parametrize(("policy", "becomes"), CASES)
@pytest.mark.parametrize("name", [POLICY, f"{POLICY.lower()}-report-only"])
def test_a_policy_lets_the_script_in(name: str, policy: str, becomes: str) -> None:
    assert let_in(((name, policy), ("X", policy)), HASH, AT) == ((name, becomes), ("X", policy))


@pytest.mark.parametrize("policy", [policy for policy, _ in CASES])
def test_what_lets_it_in_is_not_changed_again(policy: str) -> None:
    once = let_in(((POLICY, policy),), HASH, AT)
    assert let_in(once, HASH, AT) == once
