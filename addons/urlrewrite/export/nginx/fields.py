"""Request fields as backends get them, unless a rule sets them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from urlrewrite.engine.variables import field_name
from urlrewrite.fields.forwarding import SPOOFABLE

OURS: Mapping[str, str] = MappingProxyType(
    {
        "x-forwarded-for": "${remote_addr}",
        "x-forwarded-host": "${ur_authority}",
        "x-forwarded-port": "${ur_port}",
        "x-forwarded-proto": "${scheme}",
        "x-original-url": "${request_uri}",
    }
)
"""Fields by which a backend learns who asked for what, by lower-case name, with the value that nginx gives them."""

FORGEABLE = SPOOFABLE - OURS.keys()
"""Those that a client must not be believed, and that backends do not get."""


def is_forgeable(variable: str) -> bool:
    """Say whether a client must not be believed what it says in the field of a variable `HTTP_X_Y`."""
    return field_name(variable) in SPOOFABLE


def unless_set(variable: str) -> str:
    """Return what a backend gets in the field of a variable `HTTP_X_Y` that no rule has set; Host is told elsewhere."""
    if variable == "HTTP_HOST" or not variable.startswith("HTTP_"):
        return ""
    name = field_name(variable)
    if name in SPOOFABLE:
        return OURS.get(name, "")
    return f"${{http_{name.replace('-', '_')}}}"
