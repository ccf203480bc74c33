"""Authentication of connections: NTLM and Negotiate prove who a client is once, for all that follows on a connection.

Such a connection to a backend carries an identity. It is the one client's for ever, and HTTP/2 and 3, where requests of
many can share a connection, do not have it (RFC 4559, 6; a server asks for HTTP/1.1 then, RFC 9113, 8.6).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_NAMED = re.compile(r"\b(?:ntlm|negotiate)\b", re.IGNORECASE)
_BINDING = ("ntlm", "negotiate")
_SCHEME = re.compile(r"\s*([\w-]+)(?:\s|$)")


def names_binding(values: Iterable[str]) -> bool:
    """Say whether a value of Authorization or WWW-Authenticate has to do with the authentication of a connection."""
    return any(_NAMED.search(value) for value in values)


def is_persistent(values: Iterable[str]) -> bool:
    """Say whether Persistent-Auth, a field of IIS, tells that what was proved holds for the connection."""
    return any("true" in value.lower() for value in values)


def leaves_no_other(challenges: Iterable[str]) -> bool:
    """Say whether the values of WWW-Authenticate ask for the authentication of the connection and nothing else."""
    elements = (element for value in challenges for element in value.split(","))
    schemes = [found[1].lower() for element in elements if (found := _SCHEME.match(element))]
    return bool(schemes) and all(scheme in _BINDING for scheme in schemes)
