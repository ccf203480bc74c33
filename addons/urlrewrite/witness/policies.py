"""Policies of a page, with the script and its reports let in: in the copy for the browser that is watched, alone.

Nothing else is let in. The hash of the script is added to what governs script elements, in a directive of its own where
another one governs more than these (`script-src` governs `eval` and event handlers, too); where inline code is allowed
as it is, nothing is added, since a hash would take that away (CSP 3, 6.7.3.2). Policies that only report are treated
alike: else the script would be reported to the page's own collector.
"""

from __future__ import annotations

import re

from urlrewrite.model.field_lines import FieldLines

_NAMES = frozenset({"content-security-policy", "content-security-policy-report-only"})
_OWN_CODE = re.compile(r"'(?:nonce-|sha(?:256|384|512)-|strict-dynamic')", re.IGNORECASE)


def let_in(fields: FieldLines, script: str, address: str) -> FieldLines:
    """Return the fields with policies that allow the script, by its hash, to run, and to report to an address."""
    return tuple(
        (name, ",".join(_with(policy, script, address) for policy in value.split(",")))
        if name.lower() in _NAMES
        else (name, value)
        for name, value in fields
    )


def _with(policy: str, script: str, address: str) -> str:
    directives: dict[str, list[str]] = {}
    for part in policy.split(";"):
        words = part.split()
        if words:
            directives.setdefault(words[0].lower(), words[1:])
    policy = _allow(policy, directives, ("script-src-elem", "script-src", "default-src"), script)
    return _allow(policy, directives, ("connect-src", "default-src"), address)


def _allow(policy: str, directives: dict[str, list[str]], governing: tuple[str, ...], source: str) -> str:
    """Add a source expression to what governs the first of some directives."""
    found = next((name for name in governing if name in directives), None)
    if found is None or source in directives[found] or _allows(directives[found], governing[0]):
        return policy
    words = [word for word in directives[found] if word.lower() != "'none'"]
    sources = " ".join([governing[0], *words, source])
    if found != governing[0]:
        return f"{policy.rstrip().rstrip(';')}; {sources}"
    parts = policy.split(";")
    at = next(number for number, part in enumerate(parts) if part.split()[:1] and part.split()[0].lower() == found)
    parts[at] = f" {sources}" if at else sources
    return ";".join(parts)


def _allows(words: list[str], directive: str) -> bool:
    lower = [word.lower() for word in words]
    if directive == "connect-src":
        return "'self'" in lower
    return "'unsafe-inline'" in lower and not any(map(_OWN_CODE.match, words))
